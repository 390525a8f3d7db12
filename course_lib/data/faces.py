"""Aligned photographs of faces of adults, with what the set's makers wrote about them into the file names.

As everywhere, nothing is downloaded unless asked for, and every file is verified against the manifest.
"""

import re
from collections import Counter
from typing import NamedTuple

import torch

from course_lib.data import downloads
from course_lib.data.images import read_image
from course_lib.data.labeled import choose, read_labeled
from course_lib.data.manifests import MANIFESTS, read_manifest

SIDE = 200  # pixels
FACE_SPLITS = ("train", "validation", "calibration", "test")
GENDERS = ("male", "female")  # 0 and 1 in the names
RACES = ("White", "Black", "Asian", "Indian", "Others")  # 0 to 4 in the names: the words of the set's makers
AGES = (20, 30, 45, 60, 81)  # where age groups begin
TWINS = MANIFESTS.parent / "faces_twins.tsv"
ALIKE = 0.95  # correlation of two photographs, 40 x 40 and gray, from which on they are the same one


class About(NamedTuple):
    """What a file name says: ``age`` in years, ``gender`` one of `GENDERS`, ``race`` one of `RACES`."""

    age: int
    gender: str
    race: str


def faces(split, count=None, seed=0, download=False):
    """Photographs of faces, 200 x 200, of the UTKFace set.

    The set has some photographs twice or more, under other names and even other ages. All but one of each are left out, so that no
    photograph is in two splits. The same **person** may well be: nobody has written down who they are.

    Parameters
    ----------
    split : "train", "validation", "calibration" or "test"
        Seven, one, one and one tenth of them. What detectors are calibrated on is neither trained, chosen nor reported on.
    count : int, optional
        Read only this many, chosen by ``seed``. A smaller count gives a part of a larger one.
    seed : int
    download : bool
        Download what is missing (14 MB to keep).

    Returns
    -------
    LabeledPictures
        Sorted by name; the classes are `GENDERS`.

    Raises
    ------
    DataMissing
        The set is not on this machine, or a file is not as published.
    ValueError
        There is no such split, or not so many photographs.
    """
    files = face_files(split)
    labels = [about(file.name).gender for file in files]
    rows = choose(["face"] * len(files), count, seed)
    downloads.make_sure("faces", download)
    return read_labeled(
        f"faces, {split}",
        SIDE,
        GENDERS,
        [labels[row] for row in rows],
        [files[row].name for row in rows],
        lambda row: downloads.read_verified("faces", files[rows[row]]),
    )


def face_files(split):
    """The files of a split of `faces`, without twins, sorted by name: a list. Needs no pictures."""
    if split not in FACE_SPLITS:
        raise ValueError(f"There is no split {split!r}. There are {', '.join(FACE_SPLITS)}.")
    twins = read_twins()
    return [file for file in read_manifest("faces").files if file.name not in twins and face_split(file) == split]


def face_split(file):
    """The split of a file of the set, by its digest as everywhere; a tenth more is taken from training, for calibration."""
    return "calibration" if int(file.sha256[:8], 16) % 10 == 2 else file.split


def about(name):
    """What the name of a file, ``age_gender_race_date``, says: `About`. Another name ends in a ValueError."""
    found = _NAME.fullmatch(name.rpartition("/")[2])
    if not found:
        raise ValueError(
            f"{name!r} does not say who is in the picture. Give a name such as 25_1_2_20170104020603909.jpg."
        )
    age, gender, race = map(int, found.groups())
    return About(age, GENDERS[gender], RACES[race])


_NAME = re.compile(r"(\d+)_([01])_([0-4])_.*")


def fakes(kind, download=False):
    """Published forgeries and their like: pictures of any size.

    Parameters
    ----------
    kind : str
        "stylegan" (12 faces that a generator has made, 1024 x 1024), "mesonet/fake" (2 stills of films with swapped faces) or
        "mesonet/real" (2 stills of other films).
    download : bool
        Download what is missing (7 MB to keep).

    Returns
    -------
    dict from file name to tensor, (3, H, W), sRGB in [0, 1]

    Raises
    ------
    DataMissing
        As for `faces`.
    ValueError
        There is no such kind.
    """
    counts = fake_counts()
    if kind not in counts:
        raise ValueError(f"There are no fakes {kind!r}. There are {', '.join(counts)}.")
    downloads.make_sure("fakes", download)
    chosen = [file for file in read_manifest("fakes").files if _kind_of(file) == kind]
    return {file.name: read_image(downloads.read_verified("fakes", file)) for file in chosen}


def fake_counts():
    """How many pictures of each kind `fakes` has: a dict, sorted by kind."""
    return dict(sorted(Counter(map(_kind_of, read_manifest("fakes").files)).items()))


def _kind_of(file):
    return file.name.rpartition("/")[0]


# ---- the same photograph twice


def read_twins():
    """The names of faces that are left out, because the same photograph is in the set under another name: a set."""
    return set(TWINS.read_text(encoding="utf-8").split())


def find_twins(rgb, names):
    """The names of all photographs that are the same as an earlier one of the list: a list, in order.

    Parameters
    ----------
    rgb : uint8 tensor, (N, 3, side, side)
        A side that 40 divides.
    names : sequence of str

    Raises
    ------
    ValueError
        The pictures have other sides.
    """
    side, rest = divmod(rgb.shape[-1], 40)
    if rest or not side or rgb.shape[-2] != rgb.shape[-1]:
        raise ValueError(
            f"Twins are looked for in squares whose side is 40, 80, 120, ...; got {tuple(rgb.shape[-2:])}. Use fit."
        )
    small = torch.stack([torch.nn.functional.avg_pool2d(each.float().mean(0)[None], side)[0] for each in rgb]).flatten(
        1
    )
    small = torch.nn.functional.normalize(small - small.mean(dim=1, keepdim=True), dim=1)
    alike = torch.tril(small @ small.T, diagonal=-1) > ALIKE
    return [name for name, found in zip(names, alike.any(dim=1).tolist(), strict=True) if found]
