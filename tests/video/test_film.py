"""Films in color from beginning to end, with networks that stand in for trained ones: what must hold whatever these have learned."""

from fractions import Fraction

import pytest

from course_lib import color
from course_lib.models.checkpoints import CheckpointError
from course_lib.video import VideoError, colorize_video, open_film, painting, read_frames
from tests.video.films import (
    COUNT,
    RED,
    colorize,
    cut,
    error_to,
    mean_ab,
    moving,
    soften,
    two_shots,
    write_film,
    write_sound,
)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return two_shots(tmp_path_factory.mktemp("film") / "a.mp4")


def test_a_film_gets_colors_and_keeps_the_rest(source, tmp_path):
    report = colorize(source, tmp_path / "new folder" / "b.mp4")
    made = tmp_path / "new folder" / "b.mp4"
    assert [path.name for path in made.parent.iterdir()] == ["b.mp4"]
    assert report.frames == COUNT
    assert report.shots == 2
    assert report.keys >= 2
    assert report.rate == pytest.approx(COUNT / report.seconds)
    before, after = open_film(source), open_film(made)
    assert (after.width, after.height, after.rate, after.frames) == (before.width, before.height, before.rate, COUNT)
    assert after.has_sound
    assert error_to(made, RED) < 3
    for old, new in zip(read_frames(source), read_frames(made), strict=True):
        assert new.time == old.time
        difference = color.to_gray(new.rgb) - color.to_gray(old.rgb)
        assert difference.abs().mean() < 1.5


def test_odd_and_rotated_films(tmp_path):
    pictures = soften(moving(3, (47, 65)))
    source = write_film(tmp_path / "a.mkv", pictures, form="yuv444p", rotation=90)
    turned = write_film(tmp_path / "a.mp4", pictures, form="yuv444p", rotation=90)
    for path in (source, turned):
        colorize(path, tmp_path / "b.mp4")
        after = open_film(tmp_path / "b.mp4")
        assert (after.width, after.height, after.rotation) == (open_film(path).width, open_film(path).height, 0)
    upright = pictures.rot90(1, (-2, -1))
    for frame, truth in zip(read_frames(tmp_path / "b.mp4"), upright, strict=True):
        assert (color.to_gray(frame.rgb) - color.to_gray(truth)).abs().mean() < 2


def test_times_that_vary(tmp_path):
    times = [0.5, 0.54, 0.58, 0.9, 0.91, 1.5]
    source = write_film(tmp_path / "a.mp4", soften(moving(6)), times=times, sound={"start": 0.2})
    colorize(source, tmp_path / "b.mp4")
    before, after = [[frame.time for frame in read_frames(path)] for path in (source, tmp_path / "b.mp4")]
    assert before == after
    assert float(before[0]) == 0.5


@pytest.mark.parametrize("count", [1, 2])
def test_the_shortest_films(tmp_path, count):
    source = write_film(tmp_path / "a.mp4", soften(moving(count)))
    assert colorize(source, tmp_path / "b.mov").frames == count
    assert open_film(tmp_path / "b.mov").frames == count


def test_shots_longer_than_a_part_are_written_in_several(source, tmp_path, monkeypatch):
    whole = tmp_path / "whole.mp4"
    colorize(source, whole)
    spans, write = [], painting.write_part
    monkeypatch.setattr(painting, "PART", 3)
    monkeypatch.setattr(painting, "write_part", lambda path, *rest: (spans.append(path.stem), write(path, *rest)))
    colorize(source, tmp_path / "parts.mp4")
    spans = [tuple(map(int, name.split("-"))) for name in spans]
    assert spans == [(0, 2), (3, 5), (6, 7), (8, 10), (11, 13)]
    for a, b in zip(read_frames(whole), read_frames(tmp_path / "parts.mp4"), strict=True):
        assert (a.rgb.float() - b.rgb.float()).abs().mean() < 3
        assert a.time == b.time


def test_the_same_film_comes_out_in_each_run(source, tmp_path):
    for name in ("a.mp4", "b.mp4"):
        colorize(source, tmp_path / name)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


# ---- what cannot be used


def test_targets_that_cannot_be_used(source, tmp_path):
    with pytest.raises(VideoError, match=r"does not end in \.mp4"):
        colorize(source, tmp_path / "b.avi")
    (tmp_path / "b.mp4").mkdir()
    with pytest.raises(VideoError, match="is a folder"):
        colorize(source, tmp_path / "b.mp4")
    with pytest.raises(VideoError, match="are the same"):
        colorize(source, source)
    (tmp_path / "file").touch()
    with pytest.raises(VideoError, match="cannot be written"):
        colorize(source, tmp_path / "file" / "b.mp4")


def test_films_that_cannot_be_used_leave_nothing(source, tmp_path):
    front = write_film(tmp_path / "front.mp4", moving(40), container_options={"movflags": "faststart"})
    bad = [cut(front, 0.7, tmp_path / "cut.mp4"), write_sound(tmp_path / "s.m4a"), tmp_path / "nothing.mp4"]
    there = sorted(tmp_path.iterdir())
    for path, words in zip(bad, ("of 40 frames are there", "only sound", "There is no file"), strict=True):
        with pytest.raises(VideoError, match=words):
            colorize(path, tmp_path / "b.mp4")
    assert sorted(tmp_path.iterdir()) == there


def test_options_that_cannot_be_used(source, tmp_path):
    for options, error in (
        ({"temperature": 0}, ValueError),
        ({"side": 3}, ValueError),
        ({"propagation": "none"}, CheckpointError),
    ):
        with pytest.raises(error):
            colorize(source, tmp_path / "b.mp4", **options)
    assert list(tmp_path.iterdir()) == []


def test_a_real_clip(course_data, tmp_path):
    """A clip of the data mirror, with its own network, over its first second."""
    clip = course_data / "clips" / "imageio_realshort.mp4"
    report = colorize_video(clip, tmp_path / "b.mp4", propagation=None, quiet=True)
    assert report.frames == 36
    assert report.shots == 1
    before, after = open_film(clip), open_film(tmp_path / "b.mp4")
    assert (before.rate, before.seconds) == (after.rate, pytest.approx(after.seconds))
    assert after.rate == Fraction(45_000, 1499)
    assert mean_ab(tmp_path / "b.mp4").abs().max() > 1
