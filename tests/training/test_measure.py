"""The numbers on a card, for networks of which they are known."""

import pytest
import torch
from torch import nn

from course_lib import color, metrics
from course_lib.models.answers import natural_ab
from course_lib.training.losses import l2
from course_lib.training.measure import DELTA_E_PICTURES, measure
from course_lib.training.photographs import resize
from course_lib.training.recipes import drawn, prior_of

SIDE = 32


class Answer(nn.Module):
    """Gives the next pictures of the set the colors that it was told, in natural units."""

    def __init__(self, ab):
        super().__init__()
        self.ab, self.row = ab, 0
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, l):  # noqa: E741
        ab = self.ab[self.row : self.row + len(l)]
        self.row += len(l)
        return ab / 110

    def to_ab(self, answer, temperature):
        assert temperature == 0.38
        return natural_ab(answer)


@pytest.fixture(scope="module")
def pictures():
    return drawn("validation")


@pytest.fixture(scope="module")
def prior():
    return prior_of(drawn("train"))


def true_ab(pictures):
    return color.rgb_to_lab(resize(pictures.rgb / 255, SIDE))[:, 1:]


def test_the_truth_is_perfect(pictures, prior):
    found = measure(Answer(true_ab(pictures)), pictures, l2, SIDE, 1, prior)
    assert found["loss"] < 1e-9
    assert found["psnr"] > 60
    assert found["colorfulness_ratio"] == pytest.approx(1, abs=1e-3)
    assert found["auc"] > 0.999
    assert found["rebalanced_auc"] > 0.999
    assert found["delta_e"] < 0.05


def test_gray_has_no_color_and_the_errors_of_gray(pictures, prior):
    ab = true_ab(pictures)
    found = measure(Answer(torch.zeros_like(ab)), pictures, l2, SIDE, 1, prior)
    truth = resize(pictures.rgb / 255, SIDE)
    gray = color.join(color.to_gray(truth), torch.zeros_like(ab))
    chosen = torch.linspace(0, len(truth) - 1, DELTA_E_PICTURES).round().long()
    distance = ab.norm(dim=1)
    weights = metrics.pixel_weights(ab, prior)
    assert found["loss"] == pytest.approx((ab / 110).square().sum(1).mean().item(), rel=1e-4)
    assert found["psnr"] == pytest.approx(metrics.psnr(gray, truth).mean().item(), rel=1e-4)
    assert found["colorfulness_ratio"] < 0.01
    assert found["auc"] == pytest.approx(1 - distance.mean().item() / 150, abs=1e-4)
    mean = (distance * weights).sum() / weights.sum()
    assert found["rebalanced_auc"] == pytest.approx(1 - mean.item() / 150, abs=1e-4)
    assert found["delta_e"] == pytest.approx(metrics.delta_e(gray[chosen], truth[chosen]).mean().item(), rel=1e-4)


def test_half_of_the_color_is_half_as_colorful(pictures, prior):
    found = measure(Answer(0.5 * true_ab(pictures)), pictures, l2, SIDE, 1, prior)
    assert found["colorfulness_ratio"] == pytest.approx(0.5, abs=0.1)


def test_batches_do_not_matter(pictures, prior, monkeypatch):
    ab = 0.5 * true_ab(pictures)
    whole = measure(Answer(ab), pictures, l2, SIDE, 1, prior)
    monkeypatch.setattr("course_lib.training.measure.BATCH", 9)
    assert measure(Answer(ab), pictures, l2, SIDE, 1, prior) == pytest.approx(whole, rel=1e-4)


def test_a_coarse_answer_is_compared_with_the_mean_colors(pictures, prior):
    coarse = torch.nn.functional.avg_pool2d(true_ab(pictures), 4)
    found = measure(Answer(coarse), pictures, l2, SIDE, 4, prior)
    assert found["loss"] < 1e-9
    assert 0.9 < found["auc"] < 0.999
