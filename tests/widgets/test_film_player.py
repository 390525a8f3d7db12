"""The film in a page is the film that was given: its colors, its times, its labels, and a text for those who cannot see it."""

import base64
import io
import platform
import re

import av
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.video import encoding
from course_lib.widgets import film_player
from course_lib.widgets.film_player import GAP, MAX_BYTES, STRIP, encode_film, film_html, play, side_by_side

ALT = 'Six flat colors, one after the other: red, green, "blue" & others.'
COLORS = torch.tensor([[0.9, 0.1, 0.1], [0.1, 0.8, 0.1], [0.2, 0.2, 0.9], [1, 1, 1], [0, 0, 0], [0.5, 0.5, 0.5]])


def flat(colors=COLORS, height=32, width=48):
    """A film of flat frames: (T, 3, H, W)."""
    return colors[:, :, None, None].expand(-1, -1, height, width).contiguous()


def noisy(frames, height, width, seed=0):
    return torch.rand(frames, 3, height, width, generator=torch.Generator().manual_seed(seed))


def decoded(content):
    """The frames of a film as its player shows them, (T, 3, H, W), and their times in seconds."""
    with av.open(io.BytesIO(content)) as container:
        frames = list(container.decode(video=0))
    levels = np.stack([frame.to_ndarray(format="rgb24") for frame in frames])
    return torch.from_numpy(levels).movedim(-1, 1) / 255, [frame.time for frame in frames]


# ---- the film


def test_colors_and_times_survive():
    frames, times = decoded(encode_film(flat(), 8))
    assert frames.shape == (6, 3, 32, 48)
    assert (frames - flat()).abs().max() < 0.02
    assert times == pytest.approx([frame / 8 for frame in range(6)], abs=1e-4)


def test_a_rate_of_television_survives():
    _, times = decoded(encode_film(flat(), 30000 / 1001))
    assert times[5] == pytest.approx(5 * 1001 / 30000, abs=1e-4)


def test_places_survive():
    film = torch.zeros(1, 3, 32, 48)
    film[:, 0, :8, :16] = 1
    frames, _ = decoded(encode_film(film, 8))
    assert frames[0, 0, 2:6, 2:14].min() > 0.9
    assert frames[0, :, 12:].max() < 0.1
    assert frames[0, :, :, 20:].max() < 0.1


def test_the_film_says_in_which_colors_it_is():
    with av.open(io.BytesIO(encode_film(flat(), 8))) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert (context.color_primaries, context.colorspace, context.color_trc, context.color_range) == (1, 1, 13, 1)
        assert "creation_time" not in container.metadata | stream.metadata


def test_the_index_stands_before_the_frames():
    content = encode_film(flat(), 8)
    assert 0 < content.find(b"moov") < content.find(b"mdat")


def test_the_same_frames_give_the_same_bytes():
    """With several threads, or with the AVX-512 code of x264, they do not."""
    film = torch.nn.functional.interpolate(noisy(12, 20, 30), size=(128, 192), mode="bilinear")
    assert len({encode_film(film, 12) for _ in range(5)}) == 1


@pytest.mark.parametrize(("machine", "code"), [("x86_64", "SSE2"), ("AMD64", "SSE2"), ("arm64", "0")])
def test_a_processor_is_asked_for_what_it_has(machine, code, monkeypatch):
    import importlib

    with monkeypatch.context() as patch:
        patch.setattr(platform, "machine", lambda: machine)
        assert f"asm={code}" == importlib.reload(encoding).SAME_BITS
    assert importlib.reload(encoding).SAME_BITS in film_player.ENCODER["x264-params"]


@settings(deadline=None, max_examples=20)
@given(height=st.integers(1, 40), width=st.integers(1, 40), frames=st.integers(1, 4))
def test_odd_sides_get_one_more_pixel_that_repeats_the_last(height, width, frames):
    film = torch.full((frames, 3, height, width), 0.2)
    film[:, :, -1] = film[:, :, :, -1] = 0.8
    shown, _ = decoded(encode_film(film, 8))
    assert shown.shape == (frames, 3, height + height % 2, width + width % 2)
    assert (shown[..., -1] - 0.8).abs().max() < 0.2
    assert (shown[..., -1, :] - 0.8).abs().max() < 0.2


BAD = {
    "one picture": (torch.zeros(3, 8, 8), "of the shape \\(3, 8, 8\\)"),
    "gray": (torch.zeros(4, 1, 8, 8), "of the shape \\(4, 1, 8, 8\\)"),
    "no frame": (torch.zeros(0, 3, 8, 8), "of the shape \\(0, 3, 8, 8\\)"),
    "levels of 255": (torch.full((2, 3, 8, 8), 255, dtype=torch.uint8), "torch.uint8"),
    "floats up to 255": (torch.full((2, 3, 8, 8), 255.0), "go from 255 to 255"),
    "Lab": (torch.full((2, 3, 8, 8), -20.0), "go from -20 to -20"),
    "NaN": (torch.full((2, 3, 8, 8), float("nan")), "go from nan to nan"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_film_is_refused(name):
    frames, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        encode_film(frames, 8)


@pytest.mark.parametrize("rate", [0, -2, float("nan")])
def test_a_film_that_stands_still_is_refused(rate):
    with pytest.raises(ValueError, match="needs a positive number of frames per second"):
        encode_film(flat(), rate)


def test_a_network_may_miss_the_range_by_a_little():
    frames, _ = decoded(encode_film(flat() * 1.008 - 0.002, 8))
    assert (frames - flat()).abs().max() < 0.03


# ---- in the page


def test_the_page_gets_the_film_its_controls_and_its_text():
    html = film_html(flat(), 8, ALT)
    tag, encoded, rest = re.fullmatch(r'(<video .*) src="data:video/mp4;base64,([^"]*)">(.*)</video>', html).groups()
    assert base64.b64decode(encoded) == encode_film(flat(), 8)
    words = set(re.sub(r'"[^"]*"', "", tag).split())
    assert {"controls", "loop", "muted", "playsinline"} <= words
    assert "autoplay" not in words
    text = "Six flat colors, one after the other: red, green, &quot;blue&quot; &amp; others."
    assert f'aria-label="{text}"' in tag
    assert f'title="{text}"' in tag
    assert rest == text
    assert 'style="max-width: 100%"' in tag


def test_the_player_may_be_wider_than_the_film():
    assert 'style="width: 500px; max-width: 100%"' in film_html(flat(), 8, ALT, width=500)


@pytest.mark.parametrize("alt", ["", "  ", "A film.", " " * 40 + "A film."])
def test_a_film_without_a_text_is_refused(alt):
    with pytest.raises(ValueError, match="Describe the film"):
        film_html(flat(), 8, alt)


def test_a_film_that_is_too_large_says_how_large_it_is(monkeypatch):
    size = len(base64.b64encode(encode_film(noisy(8, 320, 480), 8)))
    assert size > MAX_BYTES
    with pytest.raises(ValueError, match=f"takes {size / 1e6:.2f} MB of the page, and at most 0.6 MB are allowed"):
        film_html(noisy(8, 320, 480), 8, ALT)
    monkeypatch.setattr(film_player, "MAX_BYTES", size)
    assert len(film_html(noisy(8, 320, 480), 8, ALT)) > size


def test_a_notebook_gets_the_film_and_the_text(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append((data, raw)))
    play(flat(), 8, ALT, width=300)
    assert shown == [({"text/html": film_html(flat(), 8, ALT, 300), "text/plain": ALT}, True)]


# ---- several films


def films(count, height=16, width=60):
    return {f"film {place}": flat(COLORS[[place] * 3], height, width) for place in range(count)}


@pytest.mark.parametrize(
    ("count", "columns", "rows", "across"),
    [(1, None, 1, 1), (3, None, 1, 3), (4, None, 2, 2), (3, 2, 2, 2), (4, 4, 1, 4)],
)
def test_films_stand_in_their_order(count, columns, rows, across):
    frames = side_by_side(films(count), columns)
    assert frames.shape == (3, 3, rows * (STRIP + 16), across * (60 + GAP) - GAP)
    for place, film in enumerate(films(count).values()):
        top, left = place // across * (STRIP + 16) + STRIP, place % across * (60 + GAP)
        assert frames[:, :, top : top + 16, left : left + 60].equal(film)
    assert frames.dtype == torch.float32


def test_each_label_stands_above_its_film_and_does_not_move():
    frames = side_by_side(films(2))
    labels = [frames[:, :, :STRIP, :60], frames[:, :, :STRIP, 60 + GAP :]]
    for label in labels:
        assert label.max() == 1
        assert label[0].equal(label[2])
        columns = torch.nonzero((label[0, 0] > 0.5).any(dim=0)).flatten()
        assert abs(columns.float().mean() - 30) < 4
        assert (label[0] > 0.5).float().mean() < 0.3
    assert not labels[0].equal(labels[1])
    assert frames[:, :, :, 60 : 60 + GAP].max() < 0.2


def test_a_long_label_is_written_smaller_and_one_that_cannot_fit_is_refused():
    film = flat(height=16, width=60)
    small = side_by_side({"propagated": film})[0, 0, :STRIP]
    assert small[:, :1].max() < 0.2
    assert small[:, -1:].max() < 0.2
    with pytest.raises(ValueError, match="is too long for a film that is 60 pixels wide"):
        side_by_side({"propagated and corrected by hand": film})


def test_small_films_are_enlarged_in_whole_pixels():
    film = noisy(2, 8, 10)
    frames = side_by_side({"small": film}, zoom=6)
    assert frames.shape == (2, 3, 48 + STRIP, 60)
    assert frames[:, :, STRIP::6, ::6].equal(film)
    assert frames[:, :, STRIP + 5 :: 6, 5::6].equal(film)


def test_films_of_odd_size_start_at_even_pixels():
    frames = side_by_side({"one": flat(height=15, width=61), "two": flat(height=15, width=61)})
    assert [side % 2 for side in frames.shape[-2:]] == [0, 0]
    assert frames[:, :, STRIP:, 62 + GAP :].equal(flat(height=16, width=62))


@pytest.mark.parametrize("other", [flat(height=17), flat(width=50), flat(COLORS[:3])])
def test_films_that_do_not_fit_together_are_refused(other):
    with pytest.raises(ValueError, match="needs films of the same shape"):
        side_by_side({"one": flat(), "two": other})


def test_no_film_is_refused():
    with pytest.raises(ValueError, match="needs films of the same shape"):
        side_by_side({})
