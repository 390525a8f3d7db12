"""The widgets of lesson 09: what their pictures say is what the films are."""

import re
from itertools import pairwise

import pytest
import torch

from course_lib import color, metrics
from course_lib.widgets import lesson_09
from course_lib.widgets.figures_09 import draw_trace, draw_wheel, every, shade_hidden


@pytest.fixture(autouse=True)
def smoke(monkeypatch):
    monkeypatch.setenv("COURSE_BUDGET", "smoke")
    for cached in (lesson_09.colorings, lesson_09.meadow, lesson_09.psnr_with_keys):
        cached.cache_clear()
    yield
    for cached in (lesson_09.colorings, lesson_09.meadow, lesson_09.psnr_with_keys):
        cached.cache_clear()


@pytest.mark.parametrize("film", lesson_09.FILMS)
def test_all_ways_to_color_a_film_have_its_lightness(film):
    ways = lesson_09.colorings(film)
    assert list(ways) == ["gray", "frame by frame", "propagated", "truth"]
    truth = color.to_gray(ways["truth"])
    for frames in ways.values():
        assert len(frames) == lesson_09.count()
        assert (color.to_gray(frames) - truth).abs().mean() < 0.1


def test_the_first_frame_is_the_key():
    ways = lesson_09.colorings("a meadow")
    assert metrics.psnr(ways["propagated"][0], ways["truth"][0]) > 45
    assert metrics.psnr(ways["propagated"][1], ways["truth"][1]) > metrics.psnr(
        ways["frame by frame"][1], ways["truth"][1]
    )


def test_the_alternative_text_says_how_near_each_is():
    _, alt = lesson_09.draw_scrub("a meadow", 3)
    ways = lesson_09.colorings("a meadow")
    told = [float(number) for number in re.findall(r" (\d+\.\d)", alt)]
    again = [metrics.psnr(ways[name][3], ways["truth"][3]).item() for name in ("gray", "frame by frame", "propagated")]
    assert told == pytest.approx(again, abs=0.06)


def test_more_keys_bring_a_film_nearer_to_the_truth():
    means = []
    for number in (1, 4):
        keys, psnr = lesson_09.psnr_with_keys(number)
        assert len(keys) == number
        assert (psnr[keys] > 60).all()
        means.append(psnr[[frame for frame in range(len(psnr)) if frame not in keys]].mean())
    assert means[1] > means[0]


def test_as_many_keys_as_the_slider_allows_can_be_drawn():
    _, alt = lesson_09.draw_key_counts(min(lesson_09.MOST_KEYS, lesson_09.count()))
    assert "true keys" in alt


def test_frames_at_even_distances_begin_and_end_with_the_film():
    frames = torch.arange(9.0)[:, None]
    assert [int(frame) for frame in every(frames, 3)] == [0, 4, 8]


def test_what_is_hidden_is_shaded_and_nothing_else():
    picture, mask = torch.rand(3, 4, 4), torch.ones(1, 4, 4)
    mask[0, 1, 2] = 0
    shaded = shade_hidden(picture, mask)
    changed = (shaded != picture).any(dim=0)
    assert changed.nonzero().tolist() == [[1, 2]]


def test_the_wheel_is_white_in_the_middle_and_outside():
    wheel = draw_wheel(33)
    assert wheel[:, 16, 16].min() > 0.95
    assert wheel[:, 0, 0].min() == 1
    right, left = wheel[:, 16, 31], wheel[:, 16, 1]
    assert (right - left).abs().max() > 0.5


def test_names_of_lines_keep_apart():
    figure = draw_trace(
        {"one": torch.zeros(5, 2), "two": torch.zeros(5, 2), "three": torch.linspace(0, 10, 10).reshape(5, 2)}
    )
    heights = sorted(text.xy[1] for text in figure.axes[0].texts)
    assert min(b - a for a, b in pairwise(heights)) > 0.3
