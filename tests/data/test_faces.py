"""The faces: who is in which split for good, what names say, and that no photograph is there twice."""

import hashlib
import importlib
import io
import itertools
import re
from collections import Counter

import numpy as np
import pytest
import torch
from PIL import Image

from course_lib.data import (
    FACE_SPLITS,
    DataMissing,
    available,
    downloads,
    faces,
    fakes,
    manifests,
    photos,
    random_crops,
)
from course_lib.data import __main__ as command
from course_lib.data.faces import (
    AGES,
    GENDERS,
    RACES,
    SIDE,
    About,
    about,
    face_files,
    face_split,
    fake_counts,
    find_twins,
    read_twins,
)
from course_lib.data.manifests import SPLITS, File, read_manifest

COUNTS = {"train": 2098, "validation": 290, "calibration": 302, "test": 273}
NAMES_DIGESTS = {"train": "543f6f26", "validation": "5e2b5f5e", "calibration": "9dda198c", "test": "d0630268"}
module = importlib.import_module("course_lib.data.faces")


# ---- which files, and their splits: without any data


def test_the_manifests_are_sound():
    for name, count, most in (("faces", 3000, 20_000), ("fakes", 16, 600_000)):
        manifest = read_manifest(name)
        assert len(manifest.files) == count
        names = [file.name for file in manifest.files]
        assert names == sorted(set(names))
        for file in manifest.files:
            assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
            assert re.fullmatch(r"[0-9a-f]{40}", file.source.commit)
            assert re.fullmatch(r"[\w.-]+/[\w.-]+", file.source.repository)
            assert 500 < file.bytes < most


def test_splits_have_the_published_sizes_and_nothing_in_common():
    splits = {split: face_files(split) for split in FACE_SPLITS}
    assert {split: len(files) for split, files in splits.items()} == COUNTS
    for one, other in itertools.combinations(splits.values(), 2):
        assert not {file.sha256 for file in one} & {file.sha256 for file in other}
        assert not {file.name for file in one} & {file.name for file in other}
    assert sum(COUNTS.values()) + len(read_twins()) == len(read_manifest("faces").files)


def test_which_faces_are_in_the_splits_is_fixed():
    for split, digest in NAMES_DIGESTS.items():
        names = "\n".join(file.name for file in face_files(split))
        assert hashlib.sha256(names.encode()).hexdigest()[:8] == digest, split


def test_calibration_is_taken_from_training_alone():
    def of(digits):
        return face_split(File("a", digits + 56 * "7", 1, "a", None))

    first_eight = {"00000000": "test", "00000001": "validation", "00000002": "calibration", "00000003": "train"}
    first_eight |= {"0000000c": "calibration", "00000016": "calibration", "ffffffff": "train"}  # 12, 22, 4,294,967,295
    assert {digits: of(digits) for digits in first_eight} == first_eight
    for file in read_manifest("faces").files:
        assert face_split(file) == file.split or (face_split(file), file.split) == ("calibration", "train")


def test_twins_are_files_of_the_set_and_left_out():
    twins = read_twins()
    assert len(twins) == 37
    assert twins < {file.name for file in read_manifest("faces").files}
    assert not twins & {file.name for split in FACE_SPLITS for file in face_files(split)}


def test_names_say_who_is_in_the_picture():
    assert about("25_1_2_20170104020603909.jpg.chip.jpg") == About(25, "female", "Asian")
    assert about("some/folder/80_0_4_2017.jpg") == About(80, "male", "Others")
    told = [about(file.name) for file in read_manifest("faces").files]
    assert {person.gender for person in told} == set(GENDERS)
    assert {person.race for person in told} == set(RACES)
    assert all(AGES[0] <= person.age < AGES[-1] for person in told)  # adults


@pytest.mark.parametrize(
    "name", ["photo.jpg", "25_2_0_1.jpg", "25_0_5_1.jpg", "25_0_1.jpg", "x_0_1_2.jpg", "-3_0_1_2.jpg", ""]
)
def test_a_name_that_says_nothing_is_refused(name):
    with pytest.raises(ValueError, match="does not say who is in the picture"):
        about(name)


def test_fakes_are_of_three_kinds():
    assert fake_counts() == {"mesonet/fake": 2, "mesonet/real": 2, "stylegan": 12}


def test_what_there_is_not_is_refused_before_anything_is_read():
    with pytest.raises(ValueError, match=r"no split 'all'\. There are train, validation, calibration, test\."):
        faces("all")
    with pytest.raises(ValueError, match=r"no fakes 'real'\. There are mesonet/fake, mesonet/real, stylegan\."):
        fakes("real")
    with pytest.raises(ValueError, match="count is 274, but there are 1 to 273 pictures"):
        faces("test", count=274)


# ---- reading, on a small set drawn here


def drawn(seed):
    """A smooth random picture as the bytes of a JPEG of the size of the set."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Forty faces in the cache, one of them said to be a twin. Returns {name: bytes}."""
    content = {f"{20 + seed}_{seed % 2}_{seed % 5}_2017.jpg": drawn(seed) for seed in range(40)}
    rows = [f"{name}\t{hashlib.sha256(data).hexdigest()}\t{len(data)}" for name, data in sorted(content.items())]
    head = ["# what\tdrawn", "# repository\tsomeone/set", "# commit\t0123", "# folder\tall"]
    (tmp_path / "faces.tsv").write_text("\n".join(head + rows) + "\n")
    (tmp_path / "twins.tsv").write_text("22_0_2_2017.jpg\n")
    (tmp_path / "cache/faces").mkdir(parents=True)
    for name, data in content.items():
        (tmp_path / "cache/faces" / name).write_bytes(data)
    monkeypatch.setattr(manifests, "MANIFESTS", tmp_path)
    monkeypatch.setattr(module, "TWINS", tmp_path / "twins.tsv")
    monkeypatch.setattr(downloads, "CACHE", tmp_path / "cache")
    monkeypatch.delenv("COURSE_DATA", raising=False)
    return content


def test_faces_arrive_as_they_are_with_their_labels(small):
    names = []
    for split in FACE_SPLITS:
        found = faces(split)
        assert len(found) > 0
        assert found.classes == GENDERS
        assert found.names == sorted(found.names)
        assert [GENDERS[label] for label in found.labels] == [about(name).gender for name in found.names]
        for rgb, name in zip(found.rgb, found.names, strict=True):
            assert torch.equal(rgb, torch.tensor(np.asarray(Image.open(io.BytesIO(small[name])))).movedim(-1, 0))
        names += found.names
    assert sorted(names) == sorted(set(small) - {"22_0_2_2017.jpg"})


def test_a_smaller_count_is_a_part_of_a_larger_one(small):
    few, more = (set(faces("train", count=count, seed=1).names) for count in (5, 12))
    assert (len(few), len(more)) == (5, 12)
    assert few < more
    assert set(faces("train", count=12, seed=2).names) != more
    assert faces("train", count=5, seed=1).names == sorted(few)


def test_a_damaged_face_is_not_read(small, tmp_path):
    name = faces("train", count=1).names[0]
    path = tmp_path / "cache/faces" / name
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(DataMissing, match=rf"{name} is not the published file"):
        faces("train")


def test_without_the_set_the_sentence_says_what_to_do(small, tmp_path, monkeypatch):
    assert available("faces")
    (tmp_path / "cache/faces/20_0_0_2017.jpg").unlink()
    monkeypatch.setattr(downloads, "fetch", lambda name: pytest.fail("nobody asked for a download"))
    assert not available("faces")
    with pytest.raises(DataMissing, match=r"python -m course_lib\.data faces \(0 MB to keep\)"):
        faces("test")


def test_the_command_counts_the_faces_of_each_split(small, tmp_path, capsys):
    assert command.main(["faces"]) == 0
    counts = Counter({split: len(face_files(split)) for split in FACE_SPLITS})
    assert sum(counts.values()) == 39
    assert capsys.readouterr().out == (
        f"faces: 40 files, verified, in {tmp_path / 'cache/faces'}\n"
        f"train {counts['train']}, validation {counts['validation']}, calibration {counts['calibration']}, "
        f"test {counts['test']}\n"
    )


def test_the_command_knows_the_parts_of_every_set():
    assert command._parts("faces") == COUNTS
    assert command._parts("fakes") == fake_counts()
    assert command._parts("clips") == {"train": 4, "test": 4}
    assert list(command._parts("scenes")) == list(SPLITS)
    assert {"faces", "fakes"} < set(command.NAMES)


# ---- the same photograph twice


def different(count=6, side=80):
    """Parts of bundled photographs, no two of them alike: uint8 (count, 3, side, side)."""
    pictures = torch.stack([fit_square(picture, side) for picture in list(photos().values())[:count]])
    return (pictures * 255).round().to(torch.uint8)


def fit_square(picture, side):
    return random_crops([picture], 1, side, seed=3)[0]


def saved_again(rgb, quality=60):
    buffer = io.BytesIO()
    Image.fromarray(rgb.movedim(0, -1).numpy()).save(buffer, "JPEG", quality=quality)
    return torch.tensor(np.asarray(Image.open(buffer))).movedim(-1, 0)


def test_a_photograph_that_was_saved_again_is_found():
    rgb = different()
    copy, lighter = saved_again(rgb[1]), (rgb[4].float() * 0.8 + 40).round().to(torch.uint8)
    names = [*"abcdef", "copy of b", "lighter e"]
    assert find_twins(torch.cat([rgb, copy[None], lighter[None]]), names) == ["copy of b", "lighter e"]
    assert find_twins(torch.cat([copy[None], rgb]), ["copy of b", *"abcdef"]) == ["b"]  # the later one of the two
    assert find_twins(torch.cat([rgb, rgb]), range(12)) == list(range(6, 12))


def test_other_and_turned_photographs_are_not_found():
    rgb = different()
    assert find_twins(rgb, "abcdef") == []
    assert find_twins(torch.cat([rgb, rgb.flip(-1)]), range(12)) == []
    assert find_twins(torch.cat([rgb, 255 - rgb]), range(12)) == []
    flat = torch.full((3, 3, 80, 80), 90, dtype=torch.uint8)
    assert find_twins(flat, "abc") == []  # nothing is in them that could be alike


@pytest.mark.parametrize("size", [(100, 100), (80, 120), (20, 20)])
def test_twins_are_looked_for_in_squares_that_40_divides(size):
    with pytest.raises(ValueError, match="squares whose side is 40, 80, 120"):
        find_twins(torch.zeros(2, 3, *size, dtype=torch.uint8), "ab")


# ---- the real faces, where they are


def test_every_real_file_is_as_the_manifest_says(course_data):
    for name, count in (("faces", 3000), ("fakes", 16)):
        places, wrong = downloads.examine(name)
        assert wrong == []
        assert set(places.values()) == {course_data / name}
        assert len(places) == count
        assert available(name)


def test_real_faces(course_data):
    found = faces("test", count=20)
    assert found.rgb.shape == (20, 3, 200, 200)
    for rgb, name in zip(found.rgb, found.names, strict=True):
        with Image.open(course_data / "faces" / name) as picture:
            assert torch.equal(rgb, torch.tensor(np.asarray(picture.convert("RGB"))).movedim(-1, 0))


def test_real_fakes(course_data):
    shapes = {kind: {tuple(picture.shape) for picture in fakes(kind).values()} for kind in fake_counts()}
    assert shapes["stylegan"] == {(3, 1024, 1024)}
    assert len(fakes("mesonet/fake")) == len(fakes("mesonet/real")) == 2


def test_the_twins_of_the_list_are_those_that_are_found(course_data):
    """All of the real set: the list is neither short nor long, and what is left has no twins."""
    files = read_manifest("faces").files
    rgb = torch.stack(
        [
            torch.tensor(np.asarray(Image.open(course_data / "faces" / file.name).convert("RGB"))).movedim(-1, 0)
            for file in files
        ]
    )
    assert set(find_twins(rgb, [file.name for file in files])) == read_twins()
