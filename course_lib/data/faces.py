"""Aligned photographs of faces of adults, with what the set's makers wrote about them into the file names.

As everywhere, nothing is downloaded unless asked for, and every file is verified against the manifest.
"""

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
        Download what is missing (15 MB to keep).

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
    if split not in FACE_SPLITS:
        raise ValueError(f"There is no split {split!r}. There are {', '.join(FACE_SPLITS)}.")
    twins = read_twins()
    files = [file for file in read_manifest("faces").files if file.name not in twins and face_split(file) == split]
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


def face_split(file):
    """The split of a file of the set, by its digest as everywhere; a tenth more is taken from training, for calibration."""
    return "calibration" if int(file.sha256[:8], 16) % 10 == 2 else file.split


def about(name):
    """What the name of a file, ``age_gender_race_date``, says: `About`."""
    age, gender, race, _ = name.rpartition("/")[2].split("_")
    return About(int(age), GENDERS[int(gender)], RACES[int(race)])


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
    files = read_manifest("fakes").files
    kinds = sorted({file.name.rpartition("/")[0] for file in files})
    if kind not in kinds:
        raise ValueError(f"There are no fakes {kind!r}. There are {', '.join(kinds)}.")
    downloads.make_sure("fakes", download)
    chosen = [file for file in files if file.name.rpartition("/")[0] == kind]
    return {file.name: read_image(downloads.read_verified("fakes", file)) for file in chosen}


# ---- the same photograph twice


def read_twins():
    """The names of faces that are left out, because the same photograph is in the set under another name: a set."""
    return set(TWINS.read_text(encoding="utf-8").split())


def find_twins(rgb, names):
    """The names of all photographs that are the same as an earlier one of the list: a list, in order.

    Parameters
    ----------
    rgb : uint8 tensor, (N, 3, H, W)
        Sides that 40 divides.
    names : sequence of str
    """
    side = rgb.shape[-1] // 40
    small = torch.stack([torch.nn.functional.avg_pool2d(each.float().mean(0)[None], side)[0] for each in rgb]).flatten(1)
    small = torch.nn.functional.normalize(small - small.mean(dim=1, keepdim=True), dim=1)
    alike = torch.tril(small @ small.T, diagonal=-1) > ALIKE
    return [name for name, found in zip(names, alike.any(dim=1).tolist(), strict=True) if found]

