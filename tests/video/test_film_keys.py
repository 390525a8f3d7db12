"""What is known about the colors of a film: keys and hints, by the numbers of frames."""

import pytest
import torch
from torch import nn

from course_lib import color, colorizing
from course_lib.color import PictureError
from course_lib.data import read_image
from course_lib.hints import Hints, HintsError, Point, write_hints
from course_lib.video import VideoError, film, painting, read_frames
from course_lib.video.film_hints import read_film_hints, write_film_hints
from course_lib.video.scratch import scratch_folder
from tests.video.films import COUNT, GREEN, RED, Paint, colorize, error_to, mean_ab, paint_key, two_shots


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return two_shots(tmp_path_factory.mktemp("film") / "a.mp4")


def test_keys_give_their_colors_to_their_shots(source, tmp_path):
    paint_key(tmp_path / "keys" / "frame_000003.png", GREEN)
    paint_key(tmp_path / "keys" / "000010.jpg", GREEN, (48, 64))
    network = Paint(*RED)
    colorize(source, tmp_path / "b.mp4", keys=tmp_path / "keys", model=network)
    assert error_to(tmp_path / "b.mp4", GREEN) < 4


@pytest.mark.parametrize("part", [3, 120])
def test_each_frame_has_the_colors_of_its_time(source, tmp_path, monkeypatch, part):
    """From one key to the next colors go over into each other, in both shots, wherever parts begin."""
    for number, ab in ((0, RED), (7, GREEN), (8, RED), (COUNT - 1, GREEN)):
        paint_key(tmp_path / "keys" / f"{number}.png", ab)
    monkeypatch.setattr(painting, "PART", part)
    colorize(source, tmp_path / "b.mp4", keys=tmp_path / "keys")
    found = mean_ab(tmp_path / "b.mp4")[:, 0]
    for shot in (found[:8], found[8:]):
        truth = torch.linspace(RED[0], GREEN[0], len(shot))
        assert (shot - truth).abs().max() < 6


def test_a_shot_without_a_key_is_colored_by_the_network(source, tmp_path):
    paint_key(tmp_path / "keys" / "3.png", GREEN)
    colorize(source, tmp_path / "b.mp4", keys=tmp_path / "keys")
    found = mean_ab(tmp_path / "b.mp4")
    assert (found[:8] - torch.tensor(GREEN)).abs().max() < 4
    assert (found[8:] - torch.tensor(RED)).abs().max() < 4


def test_key_frames_are_saved_and_taken_back(source, tmp_path):
    report = colorize(source, tmp_path / "b.mp4", save_keys=tmp_path / "keys")
    saved = sorted((tmp_path / "keys").iterdir())
    assert len(saved) == report.keys >= 2
    frames = {frame.number: frame.rgb for frame in read_frames(source)}
    for path in saved:
        picture, frame = read_image(path), frames[int(path.stem)]
        assert picture.shape == frame.shape
        lab = color.rgb_to_lab(picture)
        assert (lab[:1] - color.to_gray(frame)).abs().max() < 1
        assert (lab[1:].mean((1, 2)) - torch.tensor(RED)).abs().max() < 2
    again = colorize(source, tmp_path / "c.mp4", keys=tmp_path / "keys", model=Paint(*GREEN))
    assert again.keys == report.keys
    assert error_to(tmp_path / "c.mp4", RED) < 4


def test_saved_keys_never_replace_pictures_that_somebody_may_have_corrected(source, tmp_path):
    paint_key(tmp_path / "keys" / "000003.png", GREEN)
    before = (tmp_path / "keys" / "000003.png").read_bytes()
    with pytest.raises(VideoError, match="holds pictures already"):
        colorize(source, tmp_path / "b.mp4", save_keys=tmp_path / "keys")
    assert (tmp_path / "keys" / "000003.png").read_bytes() == before
    assert not scratch_folder(tmp_path / "b.mp4").exists()


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], "no pictures in"),
        (["holiday.png"], "not named by the number of a frame"),
        (["12 of 40.png"], "not named by the number of a frame"),
        (["3.png", "frame_003.jpg"], "both for frame 3"),
        (["14.png"], "14 frames, counted from 0, so there is no frame 14 as in .*14.png"),
    ],
)
def test_keys_that_cannot_be_used(source, tmp_path, names, words):
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "notes.txt").touch()
    for name in names:
        paint_key(tmp_path / "keys" / name, GREEN)
    with pytest.raises(VideoError, match=words):
        colorize(source, tmp_path / "b.mp4", keys=tmp_path / "keys")
    assert [path.name for path in tmp_path.iterdir()] == ["keys"]


def test_keys_of_another_shape_or_damaged(source, tmp_path):
    with pytest.raises(VideoError, match="There is no folder"):
        colorize(source, tmp_path / "b.mp4", keys=tmp_path / "keys")
    paint_key(tmp_path / "keys" / "3.png", GREEN, (32, 24))
    with pytest.raises(VideoError, match="24 x 32 pixels, and the film 64 x 48"):
        colorize(source, tmp_path / "b.mp4", keys=tmp_path / "keys")
    (tmp_path / "keys" / "3.png").write_bytes(b"no picture")
    with pytest.raises(PictureError):
        colorize(source, tmp_path / "b.mp4", keys=tmp_path / "keys")


class Obeying(nn.Module):
    """Give the whole picture the color of the first point."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, l, ab, mask, *_):  # noqa: E741
        return (ab * mask).sum((2, 3), keepdim=True).div(mask.sum().clamp(min=1)).expand(-1, -1, *l.shape[-2:])


@pytest.fixture
def obeying(monkeypatch):
    """`Obeying` in the place of the network that takes hints."""
    find = colorizing.find_network
    monkeypatch.setattr(colorizing, "HintNet", Obeying)
    monkeypatch.setattr(film, "HintNet", Obeying)
    monkeypatch.setattr(colorizing, "find_network", lambda model: Obeying() if model == "scenes-hints" else find(model))


HINTS = Hints([Point(0.5, 0.5, *GREEN, 0.2)])


@pytest.mark.parametrize("name", ["hints.json", "frame_2.json", "000002.json"])
def test_hints_for_one_frame(source, tmp_path, obeying, name):
    write_hints(HINTS, tmp_path / name)
    colorize(source, tmp_path / "b.mp4", hints=tmp_path / name)
    found = mean_ab(tmp_path / "b.mp4")
    assert (found[:8] - torch.tensor(GREEN)).abs().max() < 4
    assert (found[8:] - torch.tensor(RED)).abs().max() < 4


def test_hints_for_several_frames_in_a_file_and_in_memory(source, tmp_path, obeying):
    write_film_hints({10: HINTS, 2: HINTS}, tmp_path / "hints.json")
    assert read_film_hints(tmp_path / "hints.json") == {2: HINTS, 10: HINTS}
    colorize(source, tmp_path / "b.mp4", hints=tmp_path / "hints.json")
    colorize(source, tmp_path / "c.mp4", hints={10: HINTS, 2: HINTS})
    assert error_to(tmp_path / "b.mp4", GREEN) < 4
    assert (tmp_path / "b.mp4").read_bytes() == (tmp_path / "c.mp4").read_bytes()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("text", "holds no hints"),
        ('{"film_hints": 9, "frames": {}}', "of version 9"),
        ('{"film_hints": 1, "frames": {}}', "names no frame"),
        ('{"film_hints": 1}', "names no frame"),
        (
            '{"film_hints": 1, "frames": {"-1": {"hints": 1, "points": [], "strokes": [], "palette": []}}}',
            "names no frame",
        ),
        (
            '{"film_hints": 1, "frames": {"one": {"hints": 1, "points": [], "strokes": [], "palette": []}}}',
            "no hints for the frames",
        ),
        ('{"film_hints": 1, "frames": {"1": {"hints": 1}}}', "not all of them can be used"),
        ('{"film_hints": 1, "frames": [1]}', "no hints for the frames"),
    ],
)
def test_hints_that_cannot_be_used(tmp_path, content, words):
    (tmp_path / "hints.json").write_text(content)
    with pytest.raises(HintsError, match=words):
        read_film_hints(tmp_path / "hints.json")
    with pytest.raises(HintsError, match="cannot be read"):
        read_film_hints(tmp_path / "nothing.json")


def test_hints_and_keys_for_the_wrong_frames(source, tmp_path, obeying):
    with pytest.raises(VideoError, match="no frame 99 as in the hints"):
        colorize(source, tmp_path / "b.mp4", hints={99: HINTS})
    paint_key(tmp_path / "keys" / "3.png", GREEN)
    with pytest.raises(VideoError, match="Frame 3 has both a picture and hints"):
        colorize(source, tmp_path / "b.mp4", hints={3: HINTS}, keys=tmp_path / "keys")
    with pytest.raises(ValueError, match="dict from the numbers"):
        colorize(source, tmp_path / "b.mp4", hints={"3": HINTS})
