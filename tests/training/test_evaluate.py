"""The evaluation of the trained networks, on pictures whose results are known without it."""

import numpy as np
import pytest
import torch

from course_lib import bins, color
from course_lib.data import petals
from course_lib.training import evaluate


@pytest.fixture(scope="module")
def truth():
    return petals(6, size=32, seed=3).rgb


def _judge(rgb):
    """Says class 1 of a picture with color and class 0 of a gray one."""
    colored = (rgb.amax(dim=1) - rgb.amin(dim=1)).mean(dim=(1, 2)) > 0.02
    return torch.nn.functional.one_hot(colored.long(), 2).float()


def _values(rgb, truth):
    columns = evaluate.score(rgb, truth, torch.ones(len(truth), dtype=torch.long), _judge)
    return {name: row["value"] for name, row in evaluate.with_intervals(columns).items()}


def test_the_truth_is_perfect(truth):
    values = _values(truth, truth)
    assert values == {
        "colorfulness_ratio": 1.0,
        "auc": 1.0,
        "rebalanced_auc": 1.0,
        "delta_e": 0.0,
        "psnr": None,  # infinite
        "ssim": 1.0,
        "accuracy": 1.0,
    }


def test_gray_has_no_color_and_fails_more_where_colors_count_alike(truth):
    gray = color.join(color.to_gray(truth), torch.zeros(len(truth), 2, 32, 32))
    values = _values(gray, truth)
    assert values["colorfulness_ratio"] == pytest.approx(0, abs=0.01)
    assert values["accuracy"] == 0
    assert values["delta_e"] > 10
    chroma = color.rgb_to_lab(truth)[:, 1:].norm(dim=1)
    assert values["auc"] == pytest.approx(1 - (chroma / 150).mean().item(), abs=1e-3)
    assert values["rebalanced_auc"] < values["auc"]


def test_exchanged_channels_are_worse_than_gray(truth):
    lab = color.rgb_to_lab(truth)
    exchanged = color.join(lab[:, :1], lab[:, [2, 1]])
    gray = color.without_color(truth)
    assert _values(exchanged, truth)["auc"] < _values(gray, truth)["auc"]


def test_bootstrap_is_the_mean_with_its_standard_error():
    numbers = torch.from_numpy(np.random.default_rng(1).normal(5, 2, size=400))
    row = evaluate.bootstrap(torch.stack([numbers, torch.ones(400)], dim=1).double())
    error = 1.96 * numbers.std().item() / 20
    assert row["value"] == pytest.approx(numbers.mean().item(), abs=1e-4)
    assert row["high"] - row["value"] == pytest.approx(error, rel=0.15)
    assert row["value"] - row["low"] == pytest.approx(error, rel=0.15)


def test_bootstrap_weighs_by_denominators():
    pairs = torch.tensor([[1.0, 1.0], [0.0, 3.0]], dtype=torch.float64)
    row = evaluate.bootstrap(pairs)
    assert (row["low"], row["value"], row["high"]) == (0.0, 0.25, 1.0)


def test_a_lead_on_the_same_pictures_is_known_better_than_both():
    hard = torch.from_numpy(np.random.default_rng(1).normal(20, 3, size=300))
    one, other = ({"psnr": evaluate.pairs(hard + lead)} for lead in (1.0, 0.0))
    lead = evaluate.leads_of(one, other)["psnr"]
    assert (lead["low"], lead["value"], lead["high"]) == pytest.approx((1, 1, 1), abs=1e-3)
    assert evaluate.leads_of(other, one)["psnr"]["value"] == -1
    row = evaluate.bootstrap(one["psnr"])
    assert row["high"] - row["low"] > 0.5


def test_a_network_that_knows_the_truth_is_calibrated():
    generator = torch.Generator().manual_seed(0)
    shares = torch.rand(40, bins.COUNT, 8, 8, generator=generator).pow(8)
    shares = shares / shares.sum(dim=1, keepdim=True)
    drawn = shares.movedim(1, -1).reshape(-1, bins.COUNT).multinomial(1, generator=generator).reshape(40, 8, 8)
    truth = torch.nn.functional.one_hot(drawn, bins.COUNT).movedim(-1, 1).float()
    honest, boastful = evaluate.Reliability(), evaluate.Reliability()
    honest.add(shares, truth)
    boastful.add(shares.square() / shares.square().sum(dim=1, keepdim=True), truth)
    assert _calibration_error(honest) < 0.1 * _calibration_error(boastful)


def _calibration_error(curve):
    lists = {name: np.array(values) for name, values in curve.as_lists().items()}
    return np.average(abs(lists["confidence"] - lists["frequency"]), weights=lists["count"])


def test_reliability_adds_up_over_batches():
    shares = torch.rand(4, bins.COUNT, 2, 2).softmax(dim=1)
    truth = bins.encode_soft(torch.randn(4, 2, 2, 2) * 30)
    at_once, in_parts = evaluate.Reliability(), evaluate.Reliability()
    at_once.add(shares, truth)
    for row in range(4):
        in_parts.add(shares[row : row + 1], truth[row : row + 1])
    torch.testing.assert_close(at_once.sums, in_parts.sums)
    assert at_once.sums[0].sum() == shares.numel()
