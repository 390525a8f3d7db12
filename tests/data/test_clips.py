"""The clips: files of three repositories, found, verified and downloaded; a split by hand."""

import hashlib
import importlib
import re
import subprocess
import sys

import pytest

from course_lib.data import CLIP_SPLITS, DataMissing, available, clips, downloads, manifests
from course_lib.data import __main__ as command
from course_lib.data.manifests import Source, read_manifest
from tests.data.server import archive, running, send, send_without_length, status

NAMES = [
    "imageio_cockatoo", "imageio_realshort", "intel_bottle-detection", "intel_car-detection",
    "intel_one-by-one-person-detection", "sam2_01_dog", "sam2_02_cups", "sam2_04_coffee",
]  # fmt: skip
PREFIX = {
    "facebookresearch/sam2": "sam2_",
    "intel-iot-devkit/sample-videos": "intel_",
    "imageio/imageio-binaries": "imageio_",
}
CONTENT = {f"{letter}.mp4": letter.encode() * 1000 for letter in "abcdef"}
SOURCE = {"a": ("one/set", "11"), "b": ("one/set", "11"), "c": ("two/set", "22"), "d": ("two/set", "33")}


# ---- the published files


def test_the_manifest_is_sound():
    manifest = read_manifest("clips")
    assert [file.name for file in manifest.files] == [f"{name}.mp4" for name in NAMES]
    assert 12.5e6 < manifest.bytes < 13.5e6
    sources = {file.source for file in manifest.files}
    assert {source.repository for source in sources} == set(PREFIX)
    assert len(sources) == 3
    for file in manifest.files:
        assert re.fullmatch(r"[0-9a-f]{40}", file.source.commit)
        assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
        assert file.name.startswith(PREFIX[file.source.repository])
        assert file.path.rpartition("/")[2] == file.name.partition("_")[2]
    assert manifest.files[5].path == "demo/data/gallery/01_dog.mp4"
    assert manifest.files[5].source == (manifest.repository, manifest.commit)


def test_other_sets_have_one_source():
    for name in ("scenes", "opencountry64", "historical"):
        manifest = read_manifest(name)
        assert {file.source for file in manifest.files} == {Source(manifest.repository, manifest.commit)}


def test_the_split_holds_each_clip_once():
    assert sorted(CLIP_SPLITS["train"] + CLIP_SPLITS["test"]) == NAMES
    assert len(CLIP_SPLITS["train"]) == len(CLIP_SPLITS["test"]) == 4
    assert set(CLIP_SPLITS) == {"train", "test"}


def test_real_clips_are_found_and_verified(course_data):
    found = clips()
    assert list(found) == NAMES
    for name, path in found.items():
        assert path == course_data / "clips" / f"{name}.mp4"
        assert path.read_bytes()[4:8] == b"ftyp"  # what every MP4 begins with
    assert available("clips")
    assert list(clips(["sam2_02_cups", "imageio_realshort"])) == ["imageio_realshort", "sam2_02_cups"]


def test_real_clips_are_as_the_data_card_says(course_data):
    av = importlib.import_module("av")
    frames = {}
    for name, path in clips().items():
        with av.open(str(path)) as film:
            stream = film.streams.video[0]
            frames[name] = (stream.width, stream.height, stream.frames, round(float(stream.average_rate), 2))
    assert frames == {
        "imageio_cockatoo": (1280, 720, 280, 20.0),
        "imageio_realshort": (320, 240, 36, 30.02),
        "intel_bottle-detection": (640, 360, 1189, 29.83),
        "intel_car-detection": (768, 432, 377, 12.5),
        "intel_one-by-one-person-detection": (768, 432, 1394, 10.0),
        "sam2_01_dog": (1280, 720, 289, 29.97),
        "sam2_02_cups": (1280, 720, 300, 29.97),
        "sam2_04_coffee": (1280, 720, 287, 29.97),
    }


# ---- small ones, made here and published on a server


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A set "clips" of six files from four commits of three repositories. Returns the server that has them."""
    rows = []
    for name, content in CONTENT.items():
        row = [name, hashlib.sha256(content).hexdigest(), str(len(content))]
        if name[0] in SOURCE:
            row += [f"films/{name}", "@".join(SOURCE[name[0]])]
        rows.append("\t".join(row))
    head = ["# what\tclips", "# repository\tmain/set", "# commit\t0123", "# folder\tall"]
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests/clips.tsv").write_text("\n".join(head + rows) + "\n")
    monkeypatch.setattr(manifests, "MANIFESTS", tmp_path / "manifests")
    monkeypatch.setattr(downloads, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(downloads, "WAITS", (0, 0))
    monkeypatch.delenv("COURSE_DATA", raising=False)
    with running() as server:
        monkeypatch.setattr(downloads, "ARCHIVE", server.address + "/{repository}/archive/{commit}.tar.gz")
        monkeypatch.setattr(downloads, "SINGLE", server.address + "/{repository}/{commit}/{path}")
        server.answers |= {address(name): [send(CONTENT[name])] for name in CONTENT}
        yield server


def address(name):
    repository, commit = SOURCE.get(name[0], ("main/set", "0123"))
    return f"/{repository}/{commit}/{'films' if name[0] in SOURCE else 'all'}/{name}"


def test_each_file_comes_from_its_own_repository(made, tmp_path):
    assert not available("clips")
    with pytest.raises(DataMissing, match=r"python -m course_lib\.data clips \(0 MB to keep\)"):
        clips()
    assert made.asked == []
    found = clips(download=True)
    assert found == {name[0]: tmp_path / "cache/clips" / name for name in CONTENT}
    assert {path.name: path.read_bytes() for path in found.values()} == CONTENT
    assert sorted(made.asked) == sorted(address(name) for name in CONTENT)
    clips(download=True)
    assert len(made.asked) == 6
    assert list(clips(["d", "b"])) == ["b", "d"]


def test_archives_are_asked_for_by_repository(made, monkeypatch):
    """As for sets of many files, of which each repository has some."""
    monkeypatch.setattr(downloads, "FEW", 0)
    for repository, commit, letters in (
        ("main/set", "0123", "ef"),
        ("one/set", "11", "ab"),
        ("two/set", "22", "c"),
        ("two/set", "33", "d"),
    ):
        folder = "all" if repository == "main/set" else "films"
        members = {f"{folder}/{letter}.mp4": CONTENT[f"{letter}.mp4"] for letter in letters}
        made.answers[f"/{repository}/archive/{commit}.tar.gz"] = [send_without_length(archive(members))]
    assert list(clips(download=True)) == list("abcdef")
    assert len(made.asked) == 4


def test_what_came_before_a_repository_fails_is_kept(made, tmp_path):
    made.answers[address("c.mp4")] = [status(404)]
    with pytest.raises(DataMissing, match=r"two/set/22/films/c\.mp4 answered 404"):
        clips(download=True)
    assert (tmp_path / "cache/clips/a.mp4").read_bytes() == CONTENT["a.mp4"]
    made.answers[address("c.mp4")] = [status(503), send(CONTENT["c.mp4"])]
    assert len(clips(download=True)) == 6


def test_a_damaged_clip_is_not_given(made, tmp_path):
    clips(download=True)
    path = tmp_path / "cache/clips/b.mp4"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert list(clips(["a"])) == ["a"]
    with pytest.raises(DataMissing, match=r"b\.mp4 is not the published file: its SHA-256 differs"):
        clips()
    assert list(clips(download=True)) == list("abcdef")
    assert path.read_bytes() == CONTENT["b.mp4"]


def test_a_sound_copy_serves_where_another_is_damaged(made, tmp_path, monkeypatch):
    clips(download=True)
    own = tmp_path / "own/clips/b.mp4"
    own.parent.mkdir(parents=True)
    own.write_bytes(CONTENT["b.mp4"][::-1] + b"?")
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "own"))
    assert clips()["b"] == tmp_path / "cache/clips/b.mp4"
    own.write_bytes(CONTENT["b.mp4"])
    assert clips()["b"] == own


def test_unknown_clips_are_refused_before_anything_is_read(made):
    with pytest.raises(ValueError, match=r"no clip 'x'\. There are a, b, c, d, e, f\."):
        clips(["a", "x"], download=True)
    assert made.asked == []


def test_the_command_knows_the_clips(made, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "NAMES", ("clips",))
    assert command.main(["clips"]) == 0
    assert capsys.readouterr().out == f"clips: 6 files, verified, in {tmp_path / 'cache/clips'}\ntrain 4, test 4\n"
    assert command.main(["--list"]) == 0
    assert capsys.readouterr().out == "clips            0 MB  clips  (here)\n"


def test_importing_the_clips_loads_nothing_that_decodes():
    code = "import sys, course_lib.data; print([m for m in ('av', 'cv2', 'requests') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
