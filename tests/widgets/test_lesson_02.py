"""The widgets and figures of lesson 02 show what they say: numbers against a second way of getting them."""

import re

import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio

from course_lib import color, metrics
from course_lib.data.petals import conditional
from course_lib.widgets import figures_02, lesson_02
from course_lib.widgets.figures import figure_html

PAIRS, LOSSES = list(lesson_02.PAIRS), ["L2", "L1", "Huber"]


def number(pattern, text):
    return float(re.search(pattern, text).group(1))


# ---- a mixture of two colors


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("share", [0, 20, 50, 90, 100])
def test_l2_answers_with_the_mean(pair, share):
    first, second = lesson_02.pair_colors(pair)
    mean = (share * first + (100 - share) * second) / 100
    assert (lesson_02.mixture_answer(pair, "L2", share) - mean).abs().max() < 0.06


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize(("share", "index"), [(51, 0), (49, 1), (100, 0), (0, 1)])
def test_l1_answers_with_the_majority(pair, share, index):
    answer = lesson_02.mixture_answer(pair, "L1", share)
    assert (answer - lesson_02.pair_colors(pair)[index]).abs().max() < 0.06


def test_l1_does_not_care_at_equal_shares():
    _, cost = lesson_02.mixture_curve(PAIRS[0], "L1", 50)
    assert cost.max() - cost.min() < 1e-3


@pytest.mark.parametrize("loss", ["L2", "L1"])
def test_the_dot_stands_at_the_minimum_of_the_curve(loss):
    for share in (10, 35, 80):
        way, cost = lesson_02.mixture_curve(PAIRS[2], loss, share)
        _, alt = lesson_02.draw_mixture(PAIRS[2], loss, share)
        assert number(r"minimum lies (-?\d+)%", alt) == pytest.approx(100 * way[cost.argmin()].item(), abs=1.1)


def test_pairs_are_colors_of_the_toy_world():
    sky = conditional("sky")[0]
    assert torch.equal(lesson_02.pair_colors("sky: blue or orange"), sky)


def test_swatches_show_their_colors():
    ab = torch.tensor([[20.0, 10.0], [-10.0, 30.0]])
    lab = color.rgb_to_lab(lesson_02.swatch(ab))
    assert torch.allclose(lab[1:, 0].T, ab, atol=0.1)
    assert torch.allclose(lab[0], torch.tensor(lesson_02.SWATCH_LIGHTNESS), atol=0.1)


# ---- the fake repair


def test_scaling_keeps_lightness_and_hue():
    rgb, ab = lesson_02.small("chelsea"), lesson_02.tone_colors("chelsea")
    for factor in (0.0, 1.0, 3.0):
        scaled = color.rgb_to_lab(lesson_02.scale_chroma(rgb, ab, factor))
        assert (scaled[0] - color.to_gray(rgb)[0]).abs().max() < 0.1
        across = scaled[1] * ab[1] - scaled[2] * ab[0]  # 0 where the directions agree
        assert (across / ab.norm(dim=0).clamp(min=1)).abs().max() < 0.3


def test_the_truth_scores_best_and_gray_scores_no_color():
    rgb = lesson_02.small("china")
    true_ab = color.rgb_to_lab(rgb)[1:]
    best = lesson_02.repair_scores(lesson_02.scale_chroma(rgb, true_ab, 1.0), rgb)
    gray = lesson_02.repair_scores(lesson_02.scale_chroma(rgb, true_ab, 0.0), rgb)
    assert best["PSNR"] > 60
    assert best["SSIM"] == pytest.approx(1, abs=1e-3)
    assert best["Delta E"] < 0.1
    assert gray["colorfulness"] < 0.5
    assert gray["Delta E"] > 5


def test_the_text_gives_the_metrics_of_the_picture():
    predictions = {"china": torch.full((2, 6, 8), 20.0)}
    rgb = lesson_02.small("china")
    shown = lesson_02.scale_chroma(rgb, predictions["china"], 1.5)
    _, alt = lesson_02.draw_repair("china", 1.5, predictions)
    ours = alt[alt.index("ours") : alt.index("truth")]
    assert number(r"colorfulness (\d+)", ours) == pytest.approx(metrics.colorfulness(shown).item(), abs=0.51)
    expected = peak_signal_noise_ratio(rgb.numpy(), shown.numpy(), data_range=1)
    assert number(r"PSNR ([\d.]+)", ours) == pytest.approx(expected, abs=0.06)
    assert "chroma times 1.5" in ours


def test_the_stand_in_knows_nothing_but_lightness():
    ab, lightness = lesson_02.tone_colors("china"), color.to_gray(lesson_02.small("china"))[0]
    same = ((lightness / lesson_02.LEVEL).long() == 12).nonzero()
    assert len(same) > 10
    colors = ab[:, same[:, 0], same[:, 1]]
    assert (colors - colors[:, :1]).abs().max() == 0


def test_the_widget_takes_predictions():
    explorer = lesson_02.chroma_repair({"coffee": torch.full((2, 4, 4), 20.0), "china": torch.zeros(2, 4, 4)})
    assert explorer.controls["name"].value == "china"
    gray = explorer.picture.value
    explorer.controls["name"].value = "coffee"
    assert explorer.picture.value != gray


# ---- static figures


def test_turning_hues_keeps_the_chroma():
    ab = torch.randn(2, 2, 3, 4) * 30
    turned = figures_02.turn_hue(ab, 37)
    assert torch.allclose(turned.norm(dim=1), ab.norm(dim=1), atol=1e-4)
    assert torch.allclose(figures_02.turn_hue(turned, -37), ab, atol=1e-4)
    right_angle = figures_02.turn_hue(torch.tensor([1.0, 0.0]).reshape(2, 1, 1), 90)
    assert right_angle.flatten().tolist() == pytest.approx([0, 1], abs=1e-6)


def test_static_figures_can_be_drawn():
    colors, shares = conditional("petals")
    drawn = [
        figures_02.draw_answers({"petals": (colors, shares, {"L2": shares @ colors})}),
        figures_02.draw_network((16, 32, 48, 64), 48),
        figures_02.draw_curve([3.0, 2.0, 1.5, 1.2], 1.0, "the floor"),
        figures_02.draw_hue_errors([10, 180], [30.0, 10.0], 18.0, {"gray": torch.rand(3, 8, 8)}),
    ]
    for figure in drawn:
        assert "<img" in figure_html(figure, "a figure that is only drawn to see that it can be drawn")
    labels = [text.get_text() for text in drawn[1].axes[0].texts]
    assert "features\n48 x 12 x 12" in labels
