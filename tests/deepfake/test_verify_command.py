"""``python -m course_lib verify``: what it says and how it ends, for pictures and films as they come, good and bad."""

import json
import math
import time
from dataclasses import replace

import av
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from course_lib import __main__ as command_line
from course_lib.color import PictureError
from course_lib.data import photo, read_image
from course_lib.deepfake import judging
from course_lib.deepfake.detector import Detector
from course_lib.deepfake.finding import find_faces
from course_lib.deepfake.judging import MANIPULATED, UNSURE, verdict
from course_lib.deepfake.monitor import VerdictLog
from course_lib.models.checkpoints import CheckpointError
from course_lib.models.forgery_net import ForgeryNet
from course_lib.video import VideoError
from tests.deepfake.test_verdict import DIGEST, FACE, PROFILE, Stub, boxes_of, by_brightness, film, judge, picture, why
from tests.deepfake.test_verdict_text import KEYS
from tests.video.films import cut, moving, write_film, write_sound


@pytest.fixture(autouse=True)
def parts(monkeypatch):
    """A finder, a detector and a profile that need no training."""
    monkeypatch.setattr(judging, "find_faces", boxes_of(FACE))
    monkeypatch.setattr(judging, "load_detector", lambda: Stub(by_brightness))
    monkeypatch.setattr(judging, "read_profile", lambda name, sha256: PROFILE)


def save(path, rgb=None, **options):
    pixels = ((picture(0.6) if rgb is None else rgb) * 255).round().to(torch.uint8).movedim(0, -1).numpy()
    Image.fromarray(pixels).save(path, **options)
    return path


def write_level(path, levels=(0.6,) * 100, **options):
    frames = torch.stack([torch.full((3, 160, 160), level) for level in levels])
    return write_film(path, frames, **options)


# ---- the command


def run(capsys, *arguments):
    """The status, and what was printed and said."""
    status = command_line.main(["verify", *map(str, arguments)])
    return status, *capsys.readouterr()


def test_text_is_printed(tmp_path, capsys):
    path = save(tmp_path / "a.png")
    assert run(capsys, path) == (0, judge(path).text() + "\n", "")


def test_json_is_printed(tmp_path, capsys):
    path = save(tmp_path / "a.png")
    status, out, err = run(capsys, path, "--json")
    assert (status, err) == (0, "")
    assert json.loads(out) == judge(path).as_dict()
    assert list(json.loads(out)) == KEYS
    assert str(tmp_path) not in out


def test_saying_nothing_is_a_verdict_too(tmp_path, capsys):
    status, out, err = run(capsys, save(tmp_path / "a.png", torch.zeros(3, 160, 160)))
    assert (status, err) == (0, "")
    assert out.startswith("Unsure, because no face was found")


def test_options_reach_the_verdict(tmp_path, capsys):
    path = write_level(tmp_path / "a.mp4", (0.57,) * 20)
    found = json.loads(run(capsys, path, "--json", "--base-rate", "0.01", "--frames", "7")[1])
    assert (found["base_rate"], found["frames"], found["answer"]) == (0.01, 7, "unsure")
    found = json.loads(run(capsys, path, "--json")[1])
    assert (found["base_rate"], found["frames"], found["answer"]) == (0.5, 20, "manipulated")
    assert run(capsys, write_level(tmp_path / "b.mp4", (0.57,) * 70), "--json")[1].count("seconds") == 32


@pytest.mark.parametrize("options", [("--base-rate", "1"), ("--base-rate", "nan"), ("--frames", "0")])
def test_options_that_make_no_sense(tmp_path, capsys, options):
    status, out, err = run(capsys, save(tmp_path / "a.png"), *options)
    assert (status, out) == (2, "")
    assert "Traceback" not in err
    assert err.count("\n") == 1


def test_a_verdict_is_logged_without_name_and_picture(tmp_path, capsys):
    path, log = save(tmp_path / "secret.png"), tmp_path / "log.jsonl"
    for _ in range(2):
        assert run(capsys, path, "--log", log)[0] == 0
    first, second = VerdictLog(log).read()
    assert first == second
    assert (first["answer"], first["score"]) == (MANIPULATED, pytest.approx(judge(path).score, abs=0.1))
    assert "secret" not in log.read_text()


def test_a_log_that_cannot_be_written(tmp_path, capsys):
    (tmp_path / "file").touch()
    status, out, err = run(capsys, save(tmp_path / "a.png"), "--log", tmp_path / "file/log.jsonl")
    assert status == 2
    assert out.startswith("Manipulated")  # the verdict is not lost
    assert "cannot be written" in err


def test_a_missing_checkpoint(tmp_path, capsys, monkeypatch):
    def missing():
        raise CheckpointError("There is no checkpoint.")

    monkeypatch.setattr(judging, "load_detector", missing)
    assert run(capsys, save(tmp_path / "a.png")) == (2, "", "There is no checkpoint.\n")


# ---- what pictures come as


def test_a_file_and_its_pixels_have_the_same_verdict(tmp_path):
    path = save(tmp_path / "a.png")
    found = judge(path)
    assert found == judge(read_image(path)) == judge(str(path))
    pixels = np.array(Image.open(path))
    assert found.score == pytest.approx(judge(pixels).score, abs=1e-4)
    assert found.score == pytest.approx(judge(torch.from_numpy(pixels).movedim(-1, 0)).score, abs=1e-4)
    assert found.score == pytest.approx(judge(Image.open(path)).score, abs=1e-4)
    assert judge(pixels[None].repeat(3, axis=0)).frames == 3


def test_odd_pictures(tmp_path):
    gray = Image.fromarray(np.full((160, 160), 153, np.uint8))
    gray.save(tmp_path / "gray.png")
    Image.fromarray(np.full((160, 160), 39321, np.uint16)).save(tmp_path / "16.png")
    clear = Image.new("RGBA", (160, 160), (0, 0, 0, 102))  # .6 of white
    clear.save(tmp_path / "clear.png")
    gray.convert("CMYK").save(tmp_path / "cmyk.jpg")
    gray.save(tmp_path / "a.tga")
    gray.save(tmp_path / "a.gif")
    gray.save(tmp_path / "no-suffix", "WEBP")
    for path in tmp_path.iterdir():
        found = judge(path)
        assert found.frames == 1, path
        assert found.score == pytest.approx(4, abs=0.3), path


def test_a_picture_of_one_pixel(tmp_path, monkeypatch):
    monkeypatch.setattr(judging, "find_faces", find_faces)
    Image.new("RGB", (1, 1), (200, 100, 50)).save(tmp_path / "a.png")
    assert "no face" in why(judge(tmp_path / "a.png"))


@pytest.mark.parametrize(("name", "kind"), [("a.gif", "GIF"), ("a.png", "PNG")])
def test_an_animation_is_a_film(tmp_path, name, kind):
    frames = [Image.fromarray(np.full((160, 160, 3), 140 + 5 * step, np.uint8)) for step in range(6)]
    frames[0].save(tmp_path / name, kind, save_all=True, append_images=frames[1:], duration=200)
    found = judge(tmp_path / name)
    assert [moment.seconds for moment in found.timeline] == pytest.approx([0.2 * step for step in range(6)], abs=0.011)
    assert found.interval is not None


def test_a_huge_picture(tmp_path):
    Image.new("L", (9000, 6000)).save(tmp_path / "a.png")
    with pytest.raises(PictureError, match="more than the limit of 50 million"):
        judge(tmp_path / "a.png")


def test_a_large_picture_is_reduced(tmp_path, monkeypatch):
    monkeypatch.setattr(judging, "MOST_PIXELS", 200 * 200)
    asked = []
    monkeypatch.setattr(judging, "find_faces", lambda rgb, least: asked.append(tuple(rgb.shape)) or [])
    judge(save(tmp_path / "a.png", picture(0.6, 400)))
    assert set(asked) == {(3, 200, 200)}


# ---- what is no picture and no film


def bad_files(folder):
    """Files that cannot be judged, with what is said about them: dict from path to (error, words)."""
    whole = save(folder / "whole.jpg", moving(1, (300, 300))[0], quality=95)
    (folder / "empty.png").touch()
    (folder / "folder.mp4").mkdir()
    (folder / "words.txt").write_text("Whoever reads this is no picture. " * 50)
    (folder / "words.jpg").write_text("Whoever reads this is no picture. " * 50)
    heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(2000)
    (folder / "a.heic").write_bytes(heic)
    moves = [Image.new("RGB", (64, 64), (9 * step, 0, 0)) for step in range(4)]
    moves[0].save(folder / "moves.webp", save_all=True, append_images=moves[1:])
    good = write_film(folder / "good.mp4", moving(30))
    return {
        folder / "missing.png": (VideoError, "There is no file"),
        folder / "folder.mp4": (PictureError, "is a folder. Name one picture or film in it"),
        folder / "empty.png": (VideoError, "is empty: 0 bytes"),
        folder / "words.txt": (VideoError, "is neither a picture nor a film"),
        folder / "words.jpg": (PictureError, "not a picture in a format"),
        cut(whole, 0.5, folder / "cut.jpg"): (PictureError, "is incomplete"),
        cut(whole, 0.0005, folder / "stub.jpg"): (PictureError, "is incomplete"),
        write_sound(folder / "sound.m4a"): (VideoError, "only sound"),
        write_sound(folder / "cover.mp4", cover=True): (VideoError, "only sound with a cover"),
        cut(good, 0.6, folder / "cut.mp4"): (VideoError, "is cut off"),
        cut(write_film(folder / "good.mkv", moving(30)), 0.6, folder / "cut.mkv"): (VideoError, "is cut off"),
        folder / "a.heic": (PictureError, "HEIC"),
        folder / "moves.webp": (PictureError, "animation in WEBP"),
    }


def test_what_cannot_be_read_is_an_error_and_never_a_probability(tmp_path, capsys):
    for path, (error, words) in bad_files(tmp_path).items():
        with pytest.raises(error, match=words) as raised:
            judge(path)
        assert type(raised.value) is error, path
        assert path.name in str(raised.value)
        assert run(capsys, path, "--json") == (2, "", f"{raised.value}\n")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("https://example.org/a.png", "is an address"),
        (b"bytes", "Expected a path, a tensor or an array, got bytes"),
        (torch.zeros(0, 3, 64, 64), "not a single frame"),
        (torch.full((3, 64, 64), 200.0), "255"),
        (torch.full((2, 3, 64, 64), math.nan), "NaN|nan"),
        (torch.zeros(5, 64, 64), "channels"),
    ],
)
def test_sources_that_are_nothing(source, words):
    with pytest.raises(ValueError, match=words):
        judge(source)


def test_a_damaged_film(tmp_path):
    path = write_film(tmp_path / "a.mp4", moving(12), options={"crf": "1", "bf": "0"})
    with av.open(str(path)) as container:
        sixth = [packet.pos for packet in container.demux(container.streams.video[0])][6]
    content = bytearray(path.read_bytes())
    content[sixth : sixth + 50] = b"\xff" * 50
    path.write_bytes(content)
    with pytest.raises(VideoError, match=r"a\.mp4 is damaged \(.+\)\. Copy or download it again"):
        judge(path)


# ---- films


def test_frames_are_chosen_evenly():
    found = judge(film([0.6] * 12), frames=4, rate=1)
    assert [moment.seconds for moment in found.timeline] == [1, 4, 7, 10]
    assert found.frames == 4
    assert judge(film([0.6] * 3), frames=4).frames == 3


@settings(deadline=None)
@given(length=st.integers(1, 500), count=st.integers(1, 256))
def test_any_number_is_spread_evenly(length, count):
    rows = judging._spread(length, count)
    assert len(rows) == min(length, count)
    assert rows[0] >= 0
    assert rows[-1] < length
    steps = np.diff([-rows[0] - 1, *rows, 2 * length - rows[-1]])
    assert steps.max() - steps.min() <= 2  # both ends mirrored: nothing is left out there either
    assert (np.diff(rows) > 0).all()


def test_a_film_is_looked_at_evenly(tmp_path):
    found = judge(write_level(tmp_path / "a.mp4", (0.57,) * 50 + (0.6,) * 50), frames=10)
    assert [moment.seconds for moment in found.timeline] == pytest.approx(
        [0.2 + 0.4 * place for place in range(10)], abs=1e-6
    )
    assert found.answer == MANIPULATED
    assert [moment.score > 3.4 for moment in found.timeline] == [False] * 5 + [True] * 5
    assert judge(write_level(tmp_path / "b.mp4", (0.6,) * 5)).frames == 5
    assert judge(write_level(tmp_path / "c.mp4", (0.6,))).frames == 1


def test_times_are_those_of_the_film(tmp_path):
    times = [0, 1, 1.5, 4, 4.25, 9]
    found = judge(write_level(tmp_path / "a.mkv", (0.6,) * 6, times=times))
    assert [moment.seconds for moment in found.timeline] == pytest.approx(times, abs=0.002)


@pytest.mark.parametrize("said", [0, 5, 60, 100, 150, 1000])
def test_whatever_the_file_says_of_its_length(tmp_path, monkeypatch, said):
    monkeypatch.setattr(judging, "_count_packets", lambda path: said)
    looks = judging._sample_film(write_level(tmp_path / "a.mp4"), 10)
    numbers = [round(25 * seconds) for seconds, _ in looks]
    assert len(numbers) <= 10
    assert len(numbers) >= min(10, 1000 // max(said, 1))
    steps = np.diff([-numbers[0] - 1, *numbers, 200 - numbers[-1]])
    assert max(steps) <= 2.2 * max(10, 0.1 * said)  # to both ends too


def test_few_frames_are_kept_however_long_the_film(tmp_path, monkeypatch):
    """Of a film whose length is known hardly more frames are converted than looked at, and of no film are more than twice as many kept."""
    made = []
    convert = judging.ToPicture.__call__
    monkeypatch.setattr(judging.ToPicture, "__call__", lambda self, frame: made.append(1) or convert(self, frame))
    path = write_level(tmp_path / "a.mp4", (0.6,) * 200)
    assert len(judging._sample_film(path, 8)) == 8
    assert len(made) == 8
    monkeypatch.setattr(judging, "_count_packets", lambda path: 0)
    made.clear()
    assert len(judging._sample_film(path, 8)) == 8
    assert len(made) <= 16 + 8 * 5


def test_frames_have_square_pixels_and_are_not_too_large(tmp_path, monkeypatch):
    path = write_film(tmp_path / "a.mp4", moving(2, (48, 64)), rotation=90)
    assert judging._sample_film(path, 4)[0][1].shape == (3, 64, 48)
    monkeypatch.setattr(judging, "FRAME_PIXELS", 24 * 32)
    assert judging._sample_film(path, 4)[0][1].shape == (3, 32, 24)
    wide = judging.open_film(path)
    assert judging._square_size(replace(wide, width=720, height=576, pixel_aspect=2)) == (
        judging._square_size(replace(wide, width=1440, height=576))
    )


def test_a_film_without_a_face_and_one_with_sound(tmp_path):
    assert "no face" in why(judge(write_level(tmp_path / "a.mp4", (0.0,) * 20)))
    assert judge(write_level(tmp_path / "b.mp4", (0.6,) * 20, sound={})).answer == MANIPULATED


# ---- with the real parts


def untrained():
    torch.manual_seed(0)
    return Detector("stub", DIGEST, ForgeryNet().eval())


def test_a_real_picture_goes_through_the_real_parts(monkeypatch):
    monkeypatch.setattr(judging, "find_faces", find_faces)
    found = verdict(photo("astronaut"), detector=untrained(), profile=PROFILE)
    assert found.faces >= 1
    assert 64 <= found.quality.side < 250
    assert found.answer == UNSURE  # an untrained network knows nothing
    assert found.quality.sharpness > 1
    assert found.quality.compression > 0


def test_a_real_film_goes_through_the_real_parts(monkeypatch, course_data):
    monkeypatch.setattr(judging, "find_faces", find_faces)
    began = time.process_time()
    found = verdict(
        course_data / "clips/imageio_realshort.mp4",
        detector=untrained(),
        profile=replace(PROFILE, least_side=48),
        frames=8,
    )
    assert time.process_time() - began < 20
    assert found.answer == UNSURE
    assert found.frames == 8
    assert found.timeline[-1].seconds == pytest.approx(1.1, abs=0.1)
    assert json.loads(json.dumps(found.as_dict(), allow_nan=False))["frames"] == 8
