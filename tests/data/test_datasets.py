"""The published sets: which files they are, how they are split for good, and what arrives in memory."""

import hashlib
import importlib
import io
import itertools
import re
import subprocess
import sys
import tarfile
from collections import Counter
from pathlib import PurePosixPath

import numpy as np
import pytest
import torch
from PIL import Image

from course_lib.data import DataMissing, available, downloads, historical, imagenette, manifests, opencountry64, scenes
from course_lib.data import __main__ as command
from course_lib.data.imagenette import FOLDER, fetch_imagenette, files_of
from course_lib.data.labeled import LONG, choose
from course_lib.data.manifests import SPLITS, manifest_names, read_manifest, split_of
from tests.data.server import member, running, send, status

SETS = {"scenes": (4795, 592, 613), "opencountry64": (2143, 265, 280), "historical": (28, 2, 6)}
NAMES_DIGESTS = {
    "scenes": ("d46aeb9c", "26fe7623", "2641d107"),
    "opencountry64": ("2add67e1", "bec2c040", "54a8abe1"),
    "historical": ("57a0d90e", "6f14f2dd", "177fb778"),
}

# Set, correlation of thumbnails from which on they count as alike, pairs that are, and those of two splits. A look at them
# says that all but the slopes of glacier/9466 and mountain/3786 show the same thing moments apart.
SCENES_TWINS = {
    ("glacier/10412.jpg", "glacier/17845.jpg"),
    ("glacier/10412.jpg", "glacier/24060.jpg"),
    ("glacier/551.jpg", "glacier/7615.jpg"),
    ("glacier/9466.jpg", "mountain/3786.jpg"),
    ("sea/13482.jpg", "sea/19454.jpg"),
}
OPEN_COUNTRY_TWINS = {
    ("coast_cdmc123.jpg", "coast_cdmc976.jpg"),
    ("opencountry_fie37.jpg", "opencountry_land534.jpg"),
}
TWINS = [("scenes", 0.835, 14, SCENES_TWINS), ("opencountry64", 0.8, 9, OPEN_COUNTRY_TWINS)]


# ---- which files, and their splits: without any data


def test_split_by_hand():
    # hexadecimal 0 to 9 mean what they say; a is 10, b is 11, 10 is 16
    first_eight = {"00000000": "test", "00000001": "validation", "00000002": "train", "00000009": "train"}
    first_eight |= {"0000000a": "test", "0000000b": "validation", "00000010": "train", "00000014": "test"}
    first_eight |= {"ffffffff": "train"}  # 4,294,967,295
    assert {digits: split_of(digits + 56 * "7") for digits in first_eight} == first_eight


@pytest.mark.parametrize(("name", "counts"), SETS.items())
def test_splits_have_the_published_sizes_and_no_file_in_common(name, counts):
    manifest = read_manifest(name)
    splits = [manifest.of_split(split) for split in SPLITS]
    assert tuple(map(len, splits)) == counts
    assert sum(counts) == len(manifest.files)
    for one, other in itertools.combinations(splits, 2):
        assert not {file.sha256 for file in one} & {file.sha256 for file in other}
    with pytest.raises(ValueError, match=r"no split 'valid'\. There are train, validation, test"):
        manifest.of_split("valid")


@pytest.mark.parametrize(("name", "digests"), NAMES_DIGESTS.items())
def test_which_files_are_in_the_splits_is_fixed(name, digests):
    # a digest over the names: a change of the rule or of the files that keeps the sizes is seen too
    names = {split: [file.name for file in read_manifest(name).of_split(split)] for split in SPLITS}
    assert tuple(hashlib.sha256("\n".join(names[split]).encode()).hexdigest()[:8] for split in SPLITS) == digests


@pytest.mark.parametrize("name", SETS)
def test_manifests_are_sound(name):
    manifest = read_manifest(name)
    assert re.fullmatch(r"[\w.-]+/[\w.-]+", manifest.repository)
    assert re.fullmatch(r"[0-9a-f]{40}", manifest.commit)
    assert manifest.digest == hashlib.sha256((manifests.MANIFESTS / f"{name}.tsv").read_bytes()).hexdigest()
    names = [file.name for file in manifest.files]
    assert names == sorted(set(names))
    for file in manifest.files:
        assert re.fullmatch(r"(\w+/)?\w+\.jpg", file.name)
        assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
        assert 500 < file.bytes < 500_000
        assert ".." not in PurePosixPath(file.path).parts
        assert not file.path.startswith("/")


def test_classes_and_paths():
    files = read_manifest("scenes").files
    assert Counter(file.name.partition("/")[0] for file in files) == dict.fromkeys(
        ("buildings", "forest", "glacier", "mountain", "sea", "street"), 1000
    )
    assert files[-1] == (
        "street/999.jpg", "5163a65250379da5e199bb82437e285a21dcee9a174b292868e9bc9039c63b4d", 22629,
        "train-scene classification/train/999.jpg", (read_manifest("scenes").repository, read_manifest("scenes").commit),
    )  # fmt: skip
    twins = {file.name: file.path for file in read_manifest("opencountry64").files if not file.path.endswith(file.name)}
    assert twins == {
        "insidecity_urb992.jpg": "data/tallbuilding_urb992.jpg",
        "mountain_sclos4.jpg": "data/mountain_sharp59.jpg",
    }


def test_sets_are_listed_and_others_refused():
    assert manifest_names() == sorted([*SETS, "clips", "faces", "fakes"])
    with pytest.raises(
        ValueError, match=r"no data set 'places'\. There are clips, faces, fakes, historical, opencountry64, scenes\."
    ):
        read_manifest("places")


# ---- a choice of pictures


def test_a_choice_is_even_and_a_smaller_one_is_a_part_of_it():
    labels = ["a"] * 50 + ["b"] * 30 + ["c"] * 4
    rows = choose(labels, 24, seed=3)
    assert Counter(labels[row] for row in rows) == {"a": 10, "b": 10, "c": 4}
    assert rows == sorted(set(rows))
    assert set(choose(labels, 7, seed=3)) < set(rows)
    assert choose(labels, 24, seed=3) == rows
    assert choose(labels, 24, seed=4) != rows
    assert choose(labels, None, seed=3) == choose(labels, 84, seed=3) == list(range(84))


@pytest.mark.parametrize("count", [0, -1, 85])
def test_a_count_that_cannot_be_is_refused(count):
    with pytest.raises(ValueError, match=f"count is {count}, but there are 1 to 84 pictures"):
        choose(["a"] * 84, count, seed=0)


# ---- reading, on small sets drawn here


def jpeg(seed, side=150):
    """A smooth random picture as the bytes of a JPEG, and its pixels."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    """A "scenes" of 60 drawn pictures, in the cache. Returns {name: bytes}."""
    names = [f"{kind}/{number}.jpg" for kind in ("forest", "sea") for number in range(30)]
    content = {name: jpeg(seed) for seed, name in enumerate(names)}
    rows = [f"{name}\t{hashlib.sha256(content[name]).hexdigest()}\t{len(content[name])}" for name in sorted(names)]
    head = ["# what\tdrawn", "# repository\tsomeone/set", "# commit\t0123", "# folder\tall"]
    (tmp_path / "scenes.tsv").write_text("\n".join(head + rows) + "\n")
    for name in names:
        (tmp_path / "cache/scenes" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "cache/scenes" / name).write_bytes(content[name])
    monkeypatch.setattr(manifests, "MANIFESTS", tmp_path)
    monkeypatch.setattr(downloads, "CACHE", tmp_path / "cache")
    monkeypatch.delenv("COURSE_DATA", raising=False)
    return content


def test_pictures_arrive_as_they_are(drawn):
    for split in SPLITS:
        names = sorted(name for name in drawn if split_of(hashlib.sha256(drawn[name]).hexdigest()) == split)
        pictures = scenes(split)
        assert pictures.names == names
        assert len(pictures) == len(names) > 0
        assert pictures.classes == ("forest", "sea")
        assert [pictures.classes[label] for label in pictures.labels] == [name.partition("/")[0] for name in names]
        assert pictures.rgb.dtype == torch.uint8
        for rgb, name in zip(pictures.rgb, names, strict=True):
            assert torch.equal(rgb, torch.tensor(np.asarray(Image.open(io.BytesIO(drawn[name])))).movedim(-1, 0))


def test_a_count_reads_only_so_many(drawn, monkeypatch):
    read = []
    original = downloads.read_verified
    monkeypatch.setattr(downloads, "read_verified", lambda name, file: read.append(file.name) or original(name, file))
    pictures = scenes("train", count=6, seed=1)
    assert read == pictures.names
    assert pictures.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert len(pictures) == 6


def test_a_damaged_file_is_not_read(drawn, tmp_path):
    name = scenes("train", count=1).names[0]
    path = tmp_path / "cache/scenes" / name
    content = bytearray(path.read_bytes())
    content[17] ^= 1  # the dots per inch of its head: Pillow reads the same picture
    path.write_bytes(content)
    Image.open(path).load()
    with pytest.raises(DataMissing, match=rf"{name} is not the published file: its SHA-256 differs\."):
        scenes("train")


def test_without_the_set_nothing_is_read_and_the_sentence_says_what_to_do(drawn, tmp_path, monkeypatch):
    (tmp_path / "cache/scenes/sea/0.jpg").unlink()
    monkeypatch.setattr(downloads, "fetch", lambda name: pytest.fail("nobody asked for a download"))
    assert not available("scenes")
    with pytest.raises(DataMissing, match=r"python -m course_lib\.data scenes \(0 MB to keep\)\. Or set COURSE_DATA"):
        scenes("test")


def test_download_true_fetches_first(drawn, tmp_path, monkeypatch):
    path = tmp_path / "cache/scenes/sea/0.jpg"
    path.unlink()
    monkeypatch.setattr(downloads, "fetch", lambda name: path.write_bytes(drawn["sea/0.jpg"]))
    assert sum(len(scenes(split, download=True)) for split in SPLITS) == 60
    assert available("scenes")


def test_long_readings_show_progress(drawn, monkeypatch):
    quiet = []
    monkeypatch.setattr("course_lib.data.labeled.Progress", lambda *_, quiet=None, **__: _Bar(quiet))
    _Bar.seen = quiet
    scenes("train")
    monkeypatch.setattr("course_lib.data.labeled.LONG", 10)
    scenes("train")
    assert quiet == [True, False]
    assert LONG <= 592  # every split of scenes is long


class _Bar:
    def __init__(self, quiet):
        self.seen.append(quiet)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def advance(self):
        pass


def test_unknown_categories_and_splits_are_refused_before_anything_is_read():
    with pytest.raises(ValueError, match=r"no category 'sky'\. There are coast, forest, highway"):
        opencountry64("train", category="sky")
    for read in (scenes, opencountry64, imagenette):
        with pytest.raises(ValueError, match="no split 'all'"):
            read("all")
    with pytest.raises(ValueError, match=r"no photograph 'Paris'\. There are 1850Geography, "):
        historical(["Paris"])


def test_importing_the_sets_loads_nothing_that_downloads():
    code = "import sys, course_lib.data; print([m for m in ('fastai', 'requests', 'fastdownload') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


# ---- imagenette, small and published here


@pytest.fixture
def small_imagenette(tmp_path, monkeypatch):
    """An archive like fast.ai's, on a server: 20 pictures per class to train, 3 to validate. Returns server and archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for info, content in _imagenette_members():
            tar.addfile(info, io.BytesIO(content))
    module = importlib.import_module("course_lib.data.imagenette")
    monkeypatch.setattr(module, "SHA256", hashlib.sha256(buffer.getvalue()).hexdigest())
    monkeypatch.setattr(downloads, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(downloads, "WAITS", (0, 0))
    monkeypatch.delenv("COURSE_DATA", raising=False)
    with running() as server:
        monkeypatch.setattr(module, "_address", lambda: f"{server.address}/{FOLDER}.tgz")
        server.answers[f"/{FOLDER}.tgz"] = [send(buffer.getvalue())]
        yield server, buffer.getvalue()


def _imagenette_members():
    for part, count in (("train", 20), ("val", 3)):
        for place, kind in enumerate(("n01440764", "n03888257")):
            for number in range(count):
                content = jpeg(1000 * place + 100 * count + number, side=170)
                yield member(f"{FOLDER}/{part}/{kind}/{kind}_{number}.JPEG", len(content)), content
    yield member(f"{FOLDER}/noisy_imagenette.csv", 4), b"a,b\n"
    yield member(f"{FOLDER}/train/../../evil.JPEG", 4), b"evil"
    yield member("/evil.JPEG", 4), b"evil"
    yield member(f"{FOLDER}/train/n01440764/link.JPEG", 0, tarfile.SYMTYPE, "/etc/passwd"), b""


def test_imagenette_arrives_whole_in_three_splits(small_imagenette, tmp_path):
    assert not available("imagenette")
    with pytest.raises(DataMissing, match=r"python -m course_lib\.data imagenette \(99 MB\)\. Or set COURSE_DATA"):
        imagenette("train")
    pictures = {split: imagenette(split, side=32, download=True) for split in SPLITS}
    assert available("imagenette")
    assert len(small_imagenette[0].asked) == 1
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == [FOLDER]
    assert sum(path.is_file() for path in (tmp_path / "cache").rglob("*")) == 46
    assert not list(tmp_path.rglob("evil*"))
    assert not list(tmp_path.rglob("link*"))
    assert [len(pictures["train"]) + len(pictures["validation"]), len(pictures["test"])] == [40, 6]
    assert all(name.startswith("val/") == (split == "test") for split in SPLITS for name in pictures[split].names)
    assert pictures["validation"].names == [
        name for name in sorted(pictures["train"].names + pictures["validation"].names)
        if split_of(hashlib.sha256((tmp_path / "cache" / FOLDER / name).read_bytes()).hexdigest()) == "validation"
    ]  # fmt: skip
    assert len(pictures["validation"]) > 0
    assert pictures["test"].rgb.shape == (6, 3, 32, 32)
    assert {pictures["test"].classes[label] for label in pictures["test"].labels} == {"tench", "parachute"}
    assert len(imagenette("train", count=4, side=32)) == 4


def test_imagenette_is_found_in_course_data(small_imagenette, tmp_path, monkeypatch):
    folder = fetch_imagenette()
    folder.rename(tmp_path / FOLDER)
    assert not available("imagenette")
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    assert available("imagenette")
    assert len(imagenette("test", side=16)) == 6


def test_imagenette_is_tried_again_and_never_half_there(small_imagenette, tmp_path):
    server, whole = small_imagenette
    address = f"/{FOLDER}.tgz"
    server.answers[address] = [status(503), send(whole, part=1000), send(whole)]
    assert len(files_of(fetch_imagenette(), "test")) == 6
    assert server.asked == [address] * 3


@pytest.mark.parametrize("trouble", ["damaged", "503", "cut short"])
def test_imagenette_that_does_not_arrive_leaves_nothing(small_imagenette, tmp_path, trouble):
    server, whole = small_imagenette
    answers = {"damaged": send(whole[:-1] + b"?"), "503": status(503), "cut short": send(whole, part=1000)}
    server.answers[f"/{FOLDER}.tgz"] = [answers[trouble]]
    reason = "did not send what fast.ai published" if trouble == "damaged" else "imagenette could not be downloaded: "
    with pytest.raises(downloads.DownloadFailed, match=reason) as failure:
        fetch_imagenette()
    assert "\n" not in str(failure.value)
    assert len(server.asked) == (1 if trouble == "damaged" else 3)
    assert not available("imagenette")
    assert list((tmp_path / "cache").iterdir()) == []


# ---- the command


def test_the_command_makes_a_set_complete_and_prints_its_splits(drawn, tmp_path, capsys):
    assert command.main(["scenes"]) == 0
    counts = Counter(split_of(hashlib.sha256(content).hexdigest()) for content in drawn.values())
    assert capsys.readouterr().out == (
        f"scenes: 60 files, verified, in {tmp_path / 'cache/scenes'}\n"
        f"train {counts['train']}, validation {counts['validation']}, test {counts['test']}\n"
    )


def test_the_command_says_what_is_wrong_in_a_folder_of_ones_own(drawn, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "own"))
    wrong = tmp_path / "own/scenes/sea/0.jpg"
    wrong.parent.mkdir(parents=True)
    wrong.write_bytes(b"mine")
    assert command.main(["scenes"]) == 0
    assert f"not as published, and not used: {wrong}\n" in capsys.readouterr().out
    assert wrong.read_bytes() == b"mine"


def test_the_command_lists_the_sets(drawn, capsys, monkeypatch):
    monkeypatch.setattr(command, "NAMES", ("scenes", "imagenette"))
    for arguments in ([], ["--list"]):
        assert command.main(arguments) == 0
        assert capsys.readouterr().out == (
            "scenes           0 MB  drawn  (here)\n"
            "imagenette      99 MB  photographs of ten kinds of things, shorter side 160: a part of ImageNet\n"
        )


def test_the_command_of_imagenette(small_imagenette, tmp_path, capsys):
    assert command.main(["imagenette"]) == 0
    out = capsys.readouterr().out
    assert f"imagenette is in {tmp_path / 'cache' / FOLDER}\n" in out
    assert out.endswith(", test 6\n")


def test_the_command_ends_with_one_sentence(drawn, monkeypatch, capsys):
    monkeypatch.setattr(command, "fetch", lambda name: (_ for _ in ()).throw(DataMissing("It rains.")))
    assert command.main(["scenes"]) == 1
    assert capsys.readouterr().err == "It rains.\n"
    monkeypatch.setattr(command, "fetch", lambda name: (_ for _ in ()).throw(KeyboardInterrupt))
    assert command.main(["scenes"]) == 1
    assert capsys.readouterr().err == "\nStopped. What has arrived is kept: run the same command again to go on.\n"


def test_the_command_refuses_names_that_it_does_not_know(capsys):
    with pytest.raises(SystemExit, match="2"):
        command.main(["place"])
    assert (
        "there is no data set 'place'; there are clips, faces, fakes, historical, opencountry64, scenes, imagenette"
        in capsys.readouterr().err
    )


# ---- the real photographs, where they are


@pytest.mark.parametrize("name", SETS)
def test_every_real_file_is_as_the_manifest_says(course_data, name):
    places, wrong = downloads.examine(name)
    assert wrong == []
    assert set(places.values()) == {course_data / name}
    assert len(places) == sum(SETS[name])


def test_real_scenes(course_data):
    pictures = scenes("test", count=30)
    assert torch.bincount(pictures.labels).tolist() == [5] * 6
    assert pictures.rgb.shape == (30, 3, 150, 150)
    for rgb, name in zip(pictures.rgb, pictures.names, strict=True):
        with Image.open(course_data / "scenes" / name) as picture:
            plain = torch.tensor(np.asarray(picture.convert("RGB"))).movedim(-1, 0)
        if "icc_profile" not in picture.info:
            assert torch.equal(rgb, plain), name


def test_real_open_country(course_data):
    pictures = opencountry64("validation", category="opencountry")
    assert pictures.rgb.shape == (43, 3, 64, 64)
    assert {pictures.classes[label] for label in pictures.labels} == {"opencountry"}
    assert pictures.classes == (
        "coast", "forest", "highway", "insidecity", "mountain", "opencountry", "street", "tallbuilding"
    )  # fmt: skip


def test_real_historical_photographs_have_no_color(course_data):
    pictures = historical(max_pixels=10_000)
    assert len(pictures) == 36
    for name, picture in pictures.items():
        assert 9_000 < picture[0].numel() <= 10_000, name
        assert (picture - picture.mean(0)).abs().max() < 0.5, name
    assert list(historical(["LondonStreets1900"])) == ["LondonStreets1900"]


def thumbnails(folder, files, side=24):
    """Gray thumbnails without what whole rows and columns have in common (horizons and skies), as unit vectors."""
    gray = np.empty((len(files), side, side), np.float32)
    for thumbnail, file in zip(gray, files, strict=True):
        with Image.open(folder / file.name) as picture:
            picture.draft("L", (2 * side, 2 * side))  # let the decoder reduce, where that leaves more than is needed
            thumbnail[:] = np.asarray(picture.convert("L").resize((side, side), Image.Resampling.BOX))
    gray -= gray.mean(2, keepdims=True)
    gray -= gray.mean(1, keepdims=True)
    flat = gray.reshape(len(files), -1)
    return flat / np.linalg.norm(flat, axis=1, keepdims=True)


@pytest.mark.parametrize(("name", "alike", "count", "known"), TWINS)
def test_pictures_that_nearly_repeat_across_splits_are_those_of_the_data_card(course_data, name, alike, count, known):
    """One more would be a leak that nobody told of."""
    files = read_manifest(name).files
    vectors = thumbnails(course_data / name, files)
    pairs = np.argwhere(np.triu(vectors @ vectors.T, 1) > alike)
    straddling = {
        (files[one].name, files[other].name) for one, other in pairs if files[one].split != files[other].split
    }
    assert (len(pairs), straddling) == (count, known)
