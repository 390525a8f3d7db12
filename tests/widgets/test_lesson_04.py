"""The widgets and figures of lesson 04 show what they say: numbers against a second way of getting them."""

import re

import pytest
import torch

from course_lib import bins, color, rebalancing
from course_lib.widgets import figures_04, lesson_04
from course_lib.widgets.figures import figure_html
from course_lib.widgets.lesson_04 import ALONG_INDEX, IN_PLANE

CHROMA = bins.AB_BINS.norm(dim=1)


def number(pattern, text):
    return float(re.search(pattern, text).group(1))


def drawn(figure):
    return "<img" in figure_html(figure, "a figure that is only drawn to see that it can be drawn")


# ---- maps


def test_the_map_puts_every_bin_at_its_a_and_b():
    for values, axis in ((bins.AB_BINS[:, 0], 1), (bins.AB_BINS[:, 1], 0)):
        grid = lesson_04.bin_grid(values)
        inside = ~grid.isnan()
        assert inside.sum() == bins.COUNT
        place = torch.arange(grid.shape[axis], dtype=torch.float32) * bins.STEP + values.min()
        expected = place[:, None] if axis == 0 else place[None, :]
        assert torch.equal(grid[inside], expected.expand_as(grid)[inside])


def test_bins_are_drawn_in_their_own_hue():
    rgb = torch.from_numpy(figures_04.bin_colors()).T[:, None]
    ab = color.rgb_to_lab(rgb)[1:, 0].T
    some = (CHROMA > 5) & (CHROMA < 100)
    cosine = torch.nn.functional.cosine_similarity(ab, bins.AB_BINS)[some]
    assert cosine.min() > 0.99


def test_larger_squares_mean_larger_shares():
    sizes = figures_04._square_sizes(torch.tensor([0.0, 1e-6, 1e-3, 0.2]))
    assert sizes[0] == 0
    assert (sizes[1:] > sizes[:-1]).all()


# ---- the weights


@pytest.mark.parametrize("mixing", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("sigma", [0, 5])
@pytest.mark.parametrize("where", [IN_PLANE, ALONG_INDEX])
def test_the_shares_of_the_loss_are_pixels_times_weights(mixing, sigma, where):
    prior = lesson_04.smoothed_prior(sigma, where)
    weights = rebalancing.weights_of_seen(prior, mixing)
    _, alt = lesson_04.draw_weights(mixing, sigma, where)
    pixels = lesson_04.pixel_shares()
    heard = [float(p) * float(w) for p, w in zip(pixels, weights, strict=True) if w == w]  # NaN: never seen
    gray = [float(p) * float(w) for p, w, c in zip(pixels, weights, CHROMA, strict=True) if w == w and c < 15]
    assert number(r"loss, (\d+)% falls to almost gray", alt) == pytest.approx(100 * sum(gray) / sum(heard), abs=0.51)


def test_a_mixing_of_one_changes_nothing():
    weights = rebalancing.weights_of_seen(lesson_04.smoothed_prior(5, IN_PLANE), 1.0)
    assert torch.allclose(weights, torch.ones(bins.COUNT), atol=1e-4)
    assert torch.allclose(lesson_04.loss_shares(weights), lesson_04.pixel_shares(), atol=1e-6)


def test_bins_that_never_occur_have_no_weight():
    prior = lesson_04.pixel_shares()
    weights = rebalancing.weights_of_seen(prior, 0.0)
    assert torch.equal(weights.isnan(), prior == 0)
    assert (prior * weights.nan_to_num()).sum().item() == pytest.approx(1, abs=1e-4)
    assert weights[prior > 0].isfinite().all()


def test_shares_by_chroma_are_those_of_a_loop():
    shares = torch.rand(bins.COUNT, generator=torch.Generator().manual_seed(0))
    expected = [
        sum(share.item() for share, chroma in zip(shares, CHROMA, strict=True) if low <= chroma < high)
        for low, high in ((0, 15), (15, 30), (30, 50), (50, 200))
    ]
    # no center has a chroma of exactly 15; some have 30 or 50, which count for the lower one
    edges = {30: (CHROMA == 30), 50: (CHROMA == 50)}
    expected[1] += shares[edges[30]].sum().item()
    expected[2] += shares[edges[50]].sum().item() - shares[edges[30]].sum().item()
    expected[3] -= shares[edges[50]].sum().item()
    assert rebalancing.by_chroma(shares).tolist() == pytest.approx(expected, abs=1e-4)


# ---- weights afterwards


def test_no_weights_give_the_answer_as_it_is():
    logits = lesson_04._logits("china")
    plain = color.join(color.to_gray(lesson_04.small("china")), bins.annealed_mean(logits)[0])
    assert torch.allclose(lesson_04.mixed_picture("china", 1.0), plain, atol=1e-3)


def test_reweighting_multiplies_the_distribution():
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(2, bins.COUNT, 3, 4, generator=generator)
    weights = 0.1 + torch.rand(bins.COUNT, generator=generator)
    expected = logits.softmax(dim=1) * weights[None, :, None, None]
    expected = expected / expected.sum(dim=1, keepdim=True)
    assert torch.allclose(rebalancing.reweight(logits, weights).softmax(dim=1), expected, atol=1e-6)
    back = rebalancing.reweight(rebalancing.reweight(logits, weights), 1 / weights)
    assert torch.allclose(back, logits, atol=1e-5)


def test_more_rebalancing_gives_more_color():
    ratio = [number(r"mixing [\d.]+: (\d+)%", lesson_04.draw_mixing("china", mixing)[1]) for mixing in (0.9, 0.5, 0.1)]
    assert ratio == sorted(ratio)
    assert ratio[-1] > ratio[0]


# ---- static figures


def result_rows():
    entry = {"value": 0.5, "low": 0.4, "high": 0.6}
    metrics = dict.fromkeys(rebalancing.COLUMNS, entry)
    rows = {method: dict(metrics) for method in rebalancing.METHODS}
    rows["truth"]["psnr"] = {"value": None, "low": None, "high": None}
    rows["scenes-l2"]["psnr"] = {"value": 25.04, "low": 24.8, "high": 25.3}
    return rows


def test_static_figures_can_be_drawn():
    shares = lesson_04.pixel_shares()
    prior = bins.smooth(shares)
    curve = {"confidence": [0.001, 0.1, 0.5], "frequency": [0.0, 0.08, 0.4]}
    assert drawn(figures_04.draw_prior(shares))
    assert drawn(figures_04.draw_two_kernels({"one": prior, "two": shares}))
    assert drawn(figures_04.draw_weight_curve({0.5: (prior, bins.rebalancing_weights(prior))}))
    assert drawn(figures_04.draw_results(result_rows()))
    assert drawn(figures_04.draw_calibration({"scenes-classification": curve, "scenes-rebalanced": curve}))


def test_the_bars_are_as_long_as_the_shares():
    shares = torch.tensor([0.5, 0.3, 0.2])
    figure = figures_04.draw_shares({"a": {"x": shares}}, ["p", "q", "r"], torch.tensor([[0.0, 0], [20, 0], [0, 20]]))
    bars = figure.axes[0].patches
    assert [bar.get_width() for bar in bars] == pytest.approx(shares.tolist())
    assert [bar.get_x() for bar in bars] == pytest.approx([0, 0.5, 0.8])


def test_the_table_shows_every_number_with_its_interval():
    lines = rebalancing.results_table(result_rows()).splitlines()
    assert len(lines) == 6
    assert "25.0 (24.8-25.3)" in lines[2]
    assert lines[2].startswith("L2")
    assert "0.50 (0.40-0.60)" in lines[1]
    assert " - " in lines[5]  # the truth's own PSNR is infinite


# ---- flowers with a hint


def test_exactly_cyan_flowers_and_some_others_are_dark():
    from course_lib.data import petals

    scenes = petals(400, size=24, seed=3)
    dark = rebalancing.dark_petals(scenes, others=0.3, seed=3)
    darkened = rebalancing.darken(scenes, dark)
    assert torch.equal(darkened.lab[:, 1:], scenes.lab[:, 1:])  # the hint is in the lightness alone
    assert color.in_gamut(darkened.lab, tolerance=2e-3).all()
    petal = scenes.regions == 4
    assert torch.equal(darkened.lightness[~petal], scenes.lightness[~petal])
    assert darkened.lightness[dark].max() < 58 < darkened.lightness[petal & ~dark].min()
    colors = scenes.lab[:, 1:].movedim(1, -1)
    cyan = petal & ((colors - rebalancing.conditional("petals")[0][rebalancing.CYAN]).norm(dim=-1) < 0.1)
    assert dark[cyan].all()
    assert dark[petal & ~cyan].float().mean().item() == pytest.approx(0.3, abs=0.05)
    for row in range(20):  # a flower is dark as a whole
        for part in scenes.parts[row][petal[row]].unique():
            assert dark[row][scenes.parts[row] == part].float().mean() in (0, 1)


def test_bayes_rule_is_what_one_counts():
    from course_lib.data import petals

    scenes = petals(3000, size=8, seed=4)
    hues = scenes.hues["petals"]
    chance = torch.rand(hues.shape, generator=torch.Generator().manual_seed(9))
    dark = (hues == rebalancing.CYAN) | ((chance < 0.15) & (hues >= 0))
    counted = torch.bincount(hues[dark], minlength=4) / dark.sum()
    assert torch.allclose(rebalancing.shares_of_dark(0.15), counted, atol=0.03)
    assert rebalancing.shares_of_dark(0.15).sum().item() == pytest.approx(1)


def test_shares_of_colors_collect_the_bins_around_them():
    colors = torch.tensor([[40.0, 20.0], [-30.0, 0.0]])
    probability = torch.zeros(bins.COUNT)
    for ab, share in (((40, 20), 0.4), ((40, 30), 0.1), ((-30, 10), 0.2), ((0, 60), 0.3)):
        probability[bins.encode_hard(torch.tensor(ab)[None, :, None, None].float())] = share
    logits = (probability + 1e-12).log()[None, :, None, None]
    assert rebalancing.color_shares(logits, colors)[0, :, 0, 0].tolist() == pytest.approx([0.5, 0.2], abs=1e-4)


# ---- networks


def test_a_twin_starts_with_the_first_answer_and_learns_one_for_several_pixels():
    log_prior = torch.rand(bins.COUNT, generator=torch.Generator().manual_seed(2)).log()
    torch.manual_seed(0)
    for first, coarser in ((log_prior, 2), (torch.tensor([0.1, -0.2]), 4)):
        answer = rebalancing.answers(rebalancing.twin(first, coarser), torch.zeros(3, 1, 16, 24))
        assert answer.shape == (3, len(first), 16 // coarser, 24 // coarser)
        assert (answer.mean(dim=(0, 2, 3)) - first).abs().mean() < 0.3


def test_pixels_at_answers_match_the_pooling():
    x = torch.arange(64.0).reshape(1, 8, 8)
    assert rebalancing.at_answers(x).shape == (1, 4, 4)
    assert rebalancing.at_answers(x)[0, 0].tolist() == [9, 11, 13, 15]
    assert rebalancing.at_answers(x, 4)[0, 0].tolist() == [18, 22]


def test_two_answers_become_colors_in_natural_units():
    assert rebalancing.to_ab(torch.full((1, 2, 1, 1), 0.5)).flatten().tolist() == [55, 55]
    logits = torch.full((1, bins.COUNT, 1, 1), -50.0)
    logits[:, 7] = 0
    assert torch.allclose(rebalancing.to_ab(logits)[0, :, 0, 0], bins.AB_BINS[7], atol=1e-3)


def test_coarse_colors_are_those_of_the_photograph():
    rgb = torch.tensor([0.8, 0.3, 0.2])[:, None, None].expand(3, 40, 60)
    ab = rebalancing.coarse_ab(rgb, side=32)
    assert ab.shape == (1, 2, 8, 12)
    assert torch.allclose(ab, color.rgb_to_lab(rgb)[1:, :1, :1].expand(1, 2, 8, 12), atol=0.05)
