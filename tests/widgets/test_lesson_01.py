"""The widgets and figures of lesson 01 show what they say: numbers against a second way of getting them."""

import re

import pytest
import torch
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import peak_signal_noise_ratio

from course_lib import color
from course_lib.data import photo
from course_lib.widgets import figures_01, lesson_01
from course_lib.widgets.figures import figure_html


def number(pattern, text):
    return float(re.search(pattern, text).group(1))


# ---- the channel mixer


@pytest.mark.parametrize(("weights", "channel"), [((1, 0, 0), 0), ((0, 2, 0), 1), ((0, 0, 0.5), 2)])
def test_one_weight_alone_shows_one_channel(weights, channel):
    rgb = lesson_01.small("coffee")
    assert torch.equal(lesson_01.mix(rgb, *weights), rgb[channel])
    assert lesson_01.mix(rgb, *weights, kind=lesson_01.LIGHT) == pytest.approx(rgb[channel], abs=1e-5)


def test_no_weight_is_black_and_not_an_error():
    assert lesson_01.mix(lesson_01.small("china"), 0.0, 0.0, 0.0).max() == 0


def test_only_the_mix_of_light_reaches_l():
    rgb, row = lesson_01.small("flower"), color.RGB_TO_XYZ[1].tolist()
    assert lesson_01.lightness_error(lesson_01.mix(rgb, *row, kind=lesson_01.LIGHT), rgb) < 1e-3
    assert lesson_01.lightness_error(lesson_01.mix(rgb, *row), rgb) > 1


def test_the_gray_of_the_same_lightness_has_it():
    rgb = lesson_01.small(lesson_01.CHART)
    gray = lesson_01.gray_of_same_lightness(rgb).expand(3, -1, -1)
    assert rgb2lab(gray.numpy(), channel_axis=0)[0] == pytest.approx(rgb2lab(rgb.numpy(), channel_axis=0)[0], abs=0.01)


def test_the_mixer_says_by_how_much_it_misses():
    _, alt = lesson_01.draw_mixer("coffee", lesson_01.VALUES, 1.0, 0.0, 0.0)
    rgb = lesson_01.small("coffee").numpy()
    red = rgb2lab(rgb[[0, 0, 0]], channel_axis=0)[0]
    missed = abs(red - rgb2lab(rgb, channel_axis=0)[0]).mean()
    assert number(r"misses L by ([\d.]+)", alt) == pytest.approx(missed, abs=0.006)


# ---- the ab plane


@pytest.mark.parametrize("level", [0, 100])
def test_black_and_white_have_no_plane(level):
    assert lesson_01.plane_share(level) < 0.001
    assert lesson_01.largest_chroma(level) < 1


def test_the_gamut_contains_exactly_what_comes_from_rgb():
    """Colors of the slice at L = 60 that were converted from sRGB lie inside, all over the slice."""
    rgb = torch.rand(3, 1, 400_000, generator=torch.Generator().manual_seed(0))
    lab = color.rgb_to_lab(rgb)
    slice_ab = lab[1:, 0, (lab[0, 0] - 60).abs() < 0.5]
    columns = ((slice_ab[0] + 110) / 2).round().long()
    rows = ((slice_ab[1] + 110) / 2).round().long()
    inside = lesson_01.inside(60)
    assert inside[rows, columns].float().mean() > 0.97  # the rest lies within one step of the edge
    reached = torch.zeros_like(inside)
    reached[rows, columns] = True
    assert (reached & inside).sum() / inside.sum() > 0.6


def test_strong_blue_is_dark_and_strong_yellow_light():
    inside_at = {level: lesson_01.inside(level) for level in (30, 95)}
    blue, yellow = (7, 91), (100, 45)  # rows are b, columns a: (b, a) = (-96, 72) and (90, -20)
    assert inside_at[30][blue]
    assert not inside_at[95][blue]
    assert inside_at[95][yellow]
    assert not inside_at[30][yellow]


def test_dots_have_the_lightness_of_the_slice():
    ab, rgb = lesson_01.pixels_at(lesson_01.ALL_PHOTOS, 60)
    assert 100 < ab.shape[1] <= 1000
    lab = color.rgb_to_lab(rgb[:, None])[:, 0]
    assert (lab[0] - 60).abs().max() <= 2
    assert torch.equal(lab[1:], ab)


def test_a_slice_without_pixels_is_drawn_without_dots():
    figure, alt = lesson_01.draw_ab_plane(99, "chelsea")
    assert " 0 dots" in alt
    assert "<img" in figure_html(figure, alt)


# ---- coarse color


def test_the_title_shows_the_metrics_of_the_picture():
    result, psnr, ssim, delta_e = lesson_01.measure_subsampled("coffee", "ab", 4)
    original = lesson_01.small("coffee")
    assert psnr == pytest.approx(peak_signal_noise_ratio(original.numpy(), result.numpy(), data_range=1), abs=0.01)
    lab, true_lab = (rgb2lab(x.numpy(), channel_axis=0) for x in (result, original))
    assert delta_e == pytest.approx(deltaE_ciede2000(lab, true_lab, channel_axis=0).mean(), abs=0.01)
    figure, _ = lesson_01.draw_subsampled("coffee", "ab", 4)
    title = figure.get_suptitle()
    assert title == f"PSNR {psnr:.1f} dB, SSIM {ssim:.3f}, Delta E {delta_e:.1f}"


def test_one_pixel_per_square_changes_nothing():
    result, *_ = lesson_01.measure_subsampled("astronaut", "ab", 1)
    assert result == pytest.approx(lesson_01.small("astronaut"), abs=0.01)


def test_coarse_color_keeps_the_picture_and_coarse_lightness_does_not():
    for name in lesson_01.PHOTOS:
        of_ab, of_lightness = (lesson_01.measure_subsampled(name, what, 4)[2] for what in ("ab", "L"))
        assert of_ab > 0.9 > of_lightness


# ---- figures


def test_the_leaf_is_green_on_white():
    leaf = figures_01.leaf(80)
    assert leaf.shape == (3, 80, 80)
    assert torch.equal(leaf[:, 0, 0], torch.ones(3))
    red, green, blue = leaf[:, 45, 30]
    assert green > red > blue
    assert leaf.min() >= 0
    assert leaf.max() <= 1


def test_ramps_keep_lab_hue_and_only_blue_turns_in_oklab():
    ramps = figures_01.hue_ramps({"blue": (0, 0, 1), "red": (1, 0, 0)})
    for ramp in ramps.values():
        lab = rgb2lab(ramp.numpy(), channel_axis=0)
        assert torch.atan2(*torch.tensor(lab[[2, 1]])).std() < 0.01
    assert figures_01.oklab_turn(ramps["blue"]).max() > 35
    assert figures_01.oklab_turn(ramps["red"]).max() < 8


def test_painted_channels_show_one_channel_each():
    lab = color.rgb_to_lab(photo("flower")[:, 100:140, 200:250])
    parts = list(figures_01.paint_channels(lab).values())
    assert torch.equal(parts[0], lab[0])
    assert color.rgb_to_lab(parts[1])[2].abs().max() < 0.1
    assert color.rgb_to_lab(parts[2])[1].abs().max() < 0.1
