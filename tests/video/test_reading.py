"""Films as they come: what is known of them, upright frames with right colors and times, and clear words about what cannot be used."""

import os
import re
from fractions import Fraction
from itertools import islice
from types import SimpleNamespace

import av
import pytest
import torch
from PIL import Image

from course_lib.video import VideoError, open_film, read_frames, reading
from course_lib.video.pixels import ToPicture
from tests.video.films import cut, moving, write_film, write_sound

PICTURES = moving(12)
# Kr and Kb of BT.601 and BT.709
WEIGHTS = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114)}
COLORS = torch.tensor([[0.8, 0.2, 0.1], [0.1, 0.6, 0.3], [0.2, 0.3, 0.9], [1, 1, 1], [0, 0, 0], [0.5, 0.5, 0.5]])


def in_ycc(colors, space, full):
    """Colors (N, 3) in [0, 1] as bytes Y'CBCR (N, 3), as BT.601 and BT.709 write them."""
    red, blue = WEIGHTS[space]
    y = colors @ torch.tensor([red, 1 - red - blue, blue])
    cb, cr = (colors[:, 2] - y) / (2 * (1 - blue)), (colors[:, 0] - y) / (2 * (1 - red))
    luma = y * 255 if full else 16 + 219 * y
    differences = torch.stack([cb, cr]) * (255 if full else 224) + 128
    return torch.cat([luma[None], differences]).T.round().clamp(0, 255).to(torch.uint8)


def write_flat(path, space, full, tags, size=(32, 48), form="yuv444p"):
    """A frame of one color after another."""
    frames = in_ycc(COLORS, space, full)[:, :, None, None].expand(-1, -1, *size).contiguous()
    return write_film(path, frames, form=form, tags=tags, options={"qp": "0"})


def error_of_colors(path):
    found = torch.stack([frame.rgb.float().mean((1, 2)) for frame in read_frames(path)])
    assert len(found) == len(COLORS)
    return (found - COLORS * 255).abs().max()


def test_what_is_known_of_a_film(tmp_path):
    film = open_film(write_film(tmp_path / "a.mp4", PICTURES, rate=Fraction(30_000, 1001), sound={}))
    assert (film.width, film.height, film.rate, film.frames) == (64, 48, Fraction(30_000, 1001), 12)
    assert film.seconds == pytest.approx(12 * 1001 / 30_000, abs=1e-3)
    assert film.has_sound
    assert film.rotation == 0
    assert film.pixel_aspect == 1
    assert not open_film(write_film(tmp_path / "b.mkv", PICTURES)).has_sound


def test_all_frames_come_in_order_with_their_pixels(tmp_path):
    path = write_film(tmp_path / "a.mp4", PICTURES, options={"crf": "1", "bf": "3"}, form="yuv444p")
    frames = list(read_frames(path))
    assert [frame.number for frame in frames] == list(range(12))
    assert [frame.time for frame in frames] == [Fraction(number, 25) for number in range(12)]
    for frame, truth in zip(frames, PICTURES, strict=True):
        assert frame.rgb.dtype == torch.uint8
        assert frame.rgb.shape == (3, 48, 64)
        assert (frame.rgb.float() / 255 - truth).abs().mean() < 0.01


@pytest.mark.parametrize("space", [1, 5])
@pytest.mark.parametrize("full", [False, True])
def test_colors_are_those_of_the_tags(tmp_path, space, full):
    assert error_of_colors(write_flat(tmp_path / "a.mp4", space, full, (space, 2 if full else 1))) < 2.5


def test_small_films_without_tags_are_bt601_and_large_ones_bt709(tmp_path):
    assert error_of_colors(write_flat(tmp_path / "small.mp4", 6, False, (2, 0))) < 2.5
    assert error_of_colors(write_flat(tmp_path / "large.mp4", 1, False, (2, 0), size=(32, 1280))) < 2.5


def test_old_formats_with_full_range_are_known_by_their_name(tmp_path):
    frames = in_ycc(COLORS, 5, True)[:, :, None, None].expand(-1, -1, 32, 48).contiguous()
    path = write_film(tmp_path / "a.avi", frames, form="yuvj420p", codec="mjpeg", tags=(5, 2), options={"qmax": "2"})
    assert error_of_colors(path) < 4


def test_gray_films_are_gray(tmp_path):
    gray = PICTURES.mean(1, keepdim=True)
    for frame, truth in zip(
        read_frames(write_film(tmp_path / "a.mkv", gray, form="gray", codec="ffv1")), gray, strict=True
    ):
        assert frame.rgb.shape == (3, 48, 64)
        assert (frame.rgb.float() / 255 - truth).abs().max() < 0.003


@pytest.mark.parametrize(("full", "named"), [(False, 1), (True, 2), (False, 0)])
def test_the_range_of_a_frame_is_that_of_its_tag_and_limited_without(full, named):
    for color, bytes_of_it in zip(COLORS, in_ycc(COLORS, 1, full), strict=True):
        frame = av.VideoFrame.from_ndarray(bytes_of_it[:, None, None].repeat(1, 16, 16).numpy(), "yuv444p")
        frame.colorspace, frame.color_range = 1, named
        assert (ToPicture()(frame)[:, 8, 8] - color * 255).abs().max() < 2.5


def test_gray_films_with_limited_range_are_spread():
    frame = av.VideoFrame.from_ndarray(torch.tensor([[16, 235]], dtype=torch.uint8).repeat(16, 8).numpy(), "gray")
    frame.color_range = 1
    assert ToPicture()(frame)[:, 0, :2].tolist() == [[0, 255]] * 3


TURNS = {
    90: lambda picture: picture.rot90(1, (-2, -1)),
    180: lambda picture: picture.rot90(2, (-2, -1)),
    270: lambda picture: picture.rot90(3, (-2, -1)),
    (0, True, False): lambda picture: picture.flip(-1),
    (90, True, False): lambda picture: picture.rot90(1, (-2, -1)).flip(-1),
}


@pytest.mark.parametrize("rotation", TURNS)
def test_frames_are_upright(tmp_path, rotation):
    path = write_film(tmp_path / "a.mp4", PICTURES[:3], rotation=rotation, form="yuv444p")
    film = open_film(path)
    for frame, stored in zip(read_frames(path), PICTURES, strict=False):
        truth = TURNS[rotation](stored)
        assert frame.rgb.shape == truth.shape == (3, film.height, film.width)
        assert (frame.rgb.float() / 255 - truth).abs().mean() < 0.02
    degrees = rotation if isinstance(rotation, int) else rotation[0]
    assert film.rotation == (360 - degrees) % 360


@pytest.mark.parametrize("rotation", [None, 90])
def test_frames_are_reduced_by_the_mean_of_areas(tmp_path, rotation):
    path = write_film(tmp_path / "a.mp4", PICTURES[:2], rotation=rotation, form="yuv444p")
    size = (16, 12) if rotation else (12, 16)
    for small, full in zip(read_frames(path, size), read_frames(path), strict=True):
        assert small.rgb.shape == (3, *size)
        means = torch.nn.functional.avg_pool2d(full.rgb.float(), 4)
        assert (small.rgb.float() - means).abs().max() < 2
        assert small.time == full.time


def test_frames_can_be_enlarged_too(tmp_path):
    path = write_film(tmp_path / "a.mp4", PICTURES[:2])
    assert next(read_frames(path, (96, 128))).rgb.shape == (3, 96, 128)


def test_odd_sizes_keep_their_last_row_and_column(tmp_path):
    pictures = moving(3, (47, 63))
    path = write_film(tmp_path / "a.mp4", pictures, form="yuv444p")
    frames = torch.stack([frame.rgb for frame in read_frames(path)])
    assert (frames.float() / 255 - pictures)[..., -2:, -2:].abs().mean() < 0.02


def test_pixels_that_are_no_squares_are_told_of(tmp_path):
    path = write_film(tmp_path / "a.mp4", PICTURES[:2], options={"x264-params": "sar=4/3"})
    assert open_film(path).pixel_aspect == Fraction(4, 3)
    path = write_film(tmp_path / "b.mp4", PICTURES[:2], options={"x264-params": "sar=4/3"}, rotation=90)
    assert open_film(path).pixel_aspect == Fraction(3, 4)


def test_a_film_can_be_read_from_a_frame_on(tmp_path):
    path = write_film(tmp_path / "a.mp4", PICTURES)
    late, all_of_them = list(read_frames(path, start=7)), list(read_frames(path))[7:]
    assert [frame.number for frame in late] == [7, 8, 9, 10, 11]
    assert all(torch.equal(a.rgb, b.rgb) and a.time == b.time for a, b in zip(late, all_of_them, strict=True))


# ---- times

TIMES = [0.5, 0.54, 0.58, 0.7, 0.71, 1.0, 1.4, 1.5, 1.6, 1.62]


def test_times_that_vary_are_those_of_the_film(tmp_path):
    path = write_film(tmp_path / "a.mp4", PICTURES[:10], times=TIMES, options={"bf": "2"})
    assert [float(frame.time) for frame in read_frames(path)] == pytest.approx(TIMES, abs=5e-5)


def clock(stamps, rate=Fraction(10)):
    stream = SimpleNamespace(average_rate=rate, guessed_rate=None)
    frames = [SimpleNamespace(pts=stamp, dts=None, time_base=Fraction(1, 1000)) for stamp in stamps]
    ticks = reading._Clock(stream)
    return [float(ticks.time_of(frame)) for frame in frames]


def test_times_that_are_missing_follow_the_rate():
    assert clock([None, None, None]) == pytest.approx([0, 0.1, 0.2])
    assert clock([500, None, 700]) == pytest.approx([0.5, 0.6, 0.7])


def test_times_that_do_not_rise_are_mended_and_nothing_after_them_moves():
    assert clock([0, 100, 100, 300]) == pytest.approx([0, 0.1, 0.1125, 0.3])
    assert clock([0, 200, 100, 300]) == pytest.approx([0, 0.2, 0.2125, 0.3])


def test_a_clock_that_begins_anew_goes_on():
    assert clock([9000, 9100, 0, 250]) == pytest.approx([9, 9.1, 9.2, 9.45])


# ---- what cannot be used


def refused(path, words):
    """The film is refused by both doors, in one sentence or two, with these words."""
    with pytest.raises(VideoError, match=words) as opened:
        open_film(path)
    with pytest.raises(VideoError, match=words):
        next(read_frames(path))
    assert str(opened.value).endswith(".")
    assert str(path) in str(opened.value)


def test_no_file_and_no_ordinary_file(tmp_path):
    refused(tmp_path / "nothing.mp4", "There is no file")
    refused(tmp_path, "is a folder")
    with pytest.raises(VideoError, match="is an address"):
        open_film("https://example.org/film.mp4")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "not an ordinary file")


def test_an_empty_file(tmp_path):
    (tmp_path / "empty.mp4").touch()
    refused(tmp_path / "empty.mp4", "is empty: 0 bytes")


def test_text_and_noise(tmp_path):
    (tmp_path / "text.mp4").write_text("This is no film.\n" * 99)
    (tmp_path / "noise.mkv").write_bytes(
        torch.randint(256, (9999,), generator=torch.Generator().manual_seed(0)).to(torch.uint8).numpy()
    )
    for name in ("text.mp4", "noise.mkv"):
        refused(tmp_path / name, "no film that can be read")


def test_a_list_of_other_files_is_not_followed(tmp_path):
    write_film(tmp_path / "a.ts", PICTURES)
    (tmp_path / "list.mp4").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1,\na.ts\n#EXT-X-ENDLIST\n")
    refused(tmp_path / "list.mp4", "no film that can be read")


def test_a_picture(tmp_path):
    Image.new("RGB", (16, 16)).save(tmp_path / "a.png")
    refused(tmp_path / "a.png", "is a picture. Use python -m course_lib colorize")


def test_sound_alone_and_sound_with_a_cover(tmp_path):
    refused(write_sound(tmp_path / "a.m4a"), "holds only sound, no film")
    refused(write_sound(tmp_path / "b.mp4", cover=True), "holds only sound with a cover, no film")


def test_a_film_without_frames(tmp_path):
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        container.start_encoding()
    refused(tmp_path / "a.mkv", "without a single frame|holds no film|no film that can be read")


def test_frames_that_are_too_large_are_refused_before_they_are_decoded(tmp_path, monkeypatch):
    path = write_film(tmp_path / "a.mp4", PICTURES)
    monkeypatch.setattr(reading, "MAX_PIXELS", 64 * 48)
    assert open_film(path).width == 64
    monkeypatch.setattr(reading, "MAX_PIXELS", 64 * 48 - 1)
    monkeypatch.setattr(reading, "_decode", None)
    refused(path, "64 x 48 pixels")


@pytest.mark.parametrize("name", ["a.mp4", "a.mov"])
def test_a_film_cut_off_before_its_index(tmp_path, name):
    refused(cut(write_film(tmp_path / name, PICTURES), 0.6, tmp_path / f"cut-{name}"), "is cut off")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp4", {"container_options": {"movflags": "faststart"}, "options": {"bf": "0"}}),
        ("a.avi", {"options": {"bf": "0"}}),
        ("a.mkv", {"options": {"bf": "0"}}),
        ("a.webm", {"codec": "libvpx", "options": {"deadline": "realtime", "crf": "4", "b": "2M"}}),
    ],
)
def test_a_film_cut_off_behind_its_index_gives_its_whole_frames(tmp_path, name, options):
    noisy = (moving(30) + torch.rand(30, 3, 48, 64, generator=torch.Generator().manual_seed(0)) * 0.3).clamp(0, 1)
    whole = write_film(tmp_path / name, noisy, **options)
    path = cut(whole, 0.6, tmp_path / f"cut-{name}")
    with pytest.raises(VideoError, match="is cut off") as caught:
        list(read_frames(path))
    there = int(re.search(r"(\d+) (?:of 30 )?frames are there", str(caught.value)).group(1))
    assert 10 < there < 25
    for found, truth in zip(islice(read_frames(path), there), islice(read_frames(whole), there), strict=True):
        assert torch.equal(found.rgb, truth.rgb)
    assert name in ("a.mkv", "a.webm") or "of 30 frames" in str(caught.value)


def test_damaged_frames_are_told_of(tmp_path):
    path = write_film(tmp_path / "a.mp4", PICTURES, options={"crf": "1", "bf": "0"})
    with av.open(str(path)) as container:
        sixth = [packet.pos for packet in container.demux(container.streams.video[0])][6]
    content = bytearray(path.read_bytes())
    content[sixth : sixth + 50] = b"\xff" * 50
    path.write_bytes(content)
    with pytest.raises(VideoError, match=r"is damaged: 6 of 12 frames can be read"):
        list(read_frames(path))
