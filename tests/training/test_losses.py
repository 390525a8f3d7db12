"""Penalties and losses against hand calculation, and the constants that minimize them."""

import pytest
import torch

from course_lib import bins
from course_lib.color import AB_SCALE
from course_lib.data.petals import conditional, mean_color, median_color
from course_lib.models.fusion import FusionAnswer
from course_lib.models.hint_net import HintAnswer
from course_lib.penalties import PENALTIES, best_constant, expected_cost, huber
from course_lib.training import LOSSES
from course_lib.training.losses import CrossEntropy, FusionLoss, HintLoss, l2
from course_lib.training.losses import huber as huber_loss


def maps(a, b, size=(3, 4, 5)):
    """Maps whose a and b differ by the given numbers everywhere."""
    count, height, width = size
    zero = torch.zeros(count, 2, height, width)
    return zero, zero + torch.tensor([a, b])[:, None, None]


@pytest.mark.parametrize(
    ("loss", "expected"), [("L2", 0.3**2 + 0.04**2), ("L1", 0.34), ("Huber", 0.1 * 0.25 + 0.04**2 / 2)]
)
def test_losses_sum_a_and_b_and_average_pixels(loss, expected):
    assert LOSSES[loss](*maps(0.3, -0.04)).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_losses_do_not_grow_with_the_picture(loss):
    small, large = LOSSES[loss](*maps(0.3, 0.1, (1, 2, 2))), LOSSES[loss](*maps(0.3, 0.1, (4, 8, 9)))
    assert small.item() == pytest.approx(large.item(), rel=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_losses_refuse_other_axes(loss):
    with pytest.raises(ValueError, match="B, 2, H, W"):
        LOSSES[loss](torch.zeros(3, 4, 5, 2), torch.zeros(3, 4, 5, 2))


def test_huber_is_smooth_where_square_and_line_meet():
    d = torch.tensor([1.999, 2.001], requires_grad=True)
    cost = huber(d, delta=2.0)
    cost.sum().backward()
    assert (cost[1] - cost[0]).item() == pytest.approx(0.004, abs=1e-4)
    assert d.grad.tolist() == pytest.approx([2, 2], abs=2e-3)
    assert huber(torch.tensor(10.0), delta=2.0).item() == pytest.approx(2 * (10 - 1))


@pytest.mark.parametrize("region", ["sky", "grass", "petals"])
def test_best_constants_are_mean_and_median(region):
    colors, shares = conditional(region)
    assert torch.allclose(best_constant(colors, shares, PENALTIES["L2"]), mean_color(region), atol=0.05)
    assert torch.allclose(best_constant(colors, shares, PENALTIES["L1"]), median_color(region), atol=0.05)


def test_huber_answers_between_median_and_mean():
    colors, shares = torch.tensor([[0.0, 0.0], [100.0, -60.0]]), torch.tensor([0.75, 0.25])
    answer = best_constant(colors, shares, lambda d: huber(d, delta=9.0))
    # Far from the second color its pull is delta: 0.75 x = 0.25 * 9 gives x = 3.
    assert answer.tolist() == pytest.approx([3, -3], abs=0.06)


def test_equal_shares_under_l1_give_the_middle_of_the_flat_part():
    answer = best_constant(torch.tensor([[0.0, 10.0], [40.0, 30.0]]), torch.tensor([0.5, 0.5]), PENALTIES["L1"])
    assert answer.tolist() == pytest.approx([20, 20], abs=0.06)


def test_expected_cost_by_hand():
    colors, shares = torch.tensor([[0.0, 0.0], [3.0, 4.0]]), torch.tensor([0.25, 0.75])
    cost = expected_cost(torch.tensor([[0.0, 0.0], [3.0, 4.0]]), colors, shares, PENALTIES["L2"])
    assert cost.tolist() == pytest.approx([0.75 * 25, 0.25 * 25])


def logits_and_colors(seed=0, size=(3, 4, 5)):
    """Logits, and colors in network units over most of the ab plane."""
    generator = torch.Generator().manual_seed(seed)
    count, height, width = size
    logits = 3 * torch.randn(count, 313, height, width, generator=generator)
    return logits, torch.rand(count, 2, height, width, generator=generator) * 1.4 - 0.7


def dense(logits, ab, weights=None):
    """The same from full target distributions, by torch's own cross-entropy; ``ab`` in natural units."""
    costs = torch.nn.functional.cross_entropy(logits, bins.encode_soft(ab), reduction="none")
    if weights is not None:
        squared = (ab.movedim(1, -1)[..., None, :] - bins.AB_BINS).square().sum(-1)
        costs = costs * weights[squared.argmin(-1)]
    return costs.mean()


def test_cross_entropy_against_full_targets():
    logits, ab = logits_and_colors()
    assert CrossEntropy()(logits, ab).item() == pytest.approx(dense(logits, AB_SCALE * ab).item(), rel=1e-5)


def test_gradients_of_cross_entropy_against_full_targets():
    logits, ab = logits_and_colors()
    gradients = []
    for loss in (CrossEntropy(), lambda x, y: dense(x, AB_SCALE * y)):
        x = logits.clone().requires_grad_()
        loss(x, ab).backward()
        gradients.append(x.grad)
    assert torch.allclose(*gradients, atol=1e-7)


def test_each_pixel_has_the_weight_of_its_nearest_bin():
    logits, ab = logits_and_colors(1)
    weights = torch.rand(313, generator=torch.Generator().manual_seed(2)) * 5
    loss = CrossEntropy(weights)(logits, ab).item()
    assert loss == pytest.approx(dense(logits, AB_SCALE * ab, weights).item(), rel=1e-5)
    assert loss != pytest.approx(dense(logits, AB_SCALE * ab).item(), rel=0.05)


def test_one_weighted_pixel_by_hand():
    # The color of a bin, of which the distribution is nearly sure: what is left is the spread of the soft target.
    row = int((bins.AB_BINS - torch.tensor([30.0, 20.0])).norm(dim=1).argmin())
    logits = torch.zeros(1, 313, 1, 1)
    weights = torch.ones(313)
    weights[row] = 7
    color = torch.tensor([30.0, 20.0])[None, :, None, None] / AB_SCALE
    # Equal logits cost log 313 whatever the target.
    assert CrossEntropy(weights)(logits, color).item() == pytest.approx(7 * torch.tensor(313.0).log().item(), rel=1e-5)


@pytest.mark.parametrize("mistake", ["natural units", "a and b exchanged", "b mirrored"])
def test_cross_entropy_tells_mistakes_in_the_colors(mistake):
    """The logits that are best for a color are not those for what a usual mistake makes of it."""
    color = torch.tensor([40.0, -60.0])[None, :, None, None]
    logits = (bins.encode_soft(color) + 1e-4).log()
    wrong = {
        "natural units": color,
        "a and b exchanged": color.flip(1) / AB_SCALE,
        "b mirrored": color * torch.tensor([1.0, -1.0])[None, :, None, None] / AB_SCALE,
    }[mistake]
    assert CrossEntropy()(logits, wrong) > CrossEntropy()(logits, color / AB_SCALE) + 3


def test_cross_entropy_does_not_grow_with_the_picture():
    logits, ab = logits_and_colors(size=(1, 2, 2))
    assert CrossEntropy()(logits.repeat(3, 1, 4, 2), ab.repeat(3, 1, 4, 2)).item() == pytest.approx(
        CrossEntropy()(logits, ab).item(), rel=1e-5
    )


# ---- answers of several parts


def test_colors_with_hints_cost_the_huber_penalty():
    ab, true_ab = maps(0.3, -0.04)
    assert HintLoss()(HintAnswer(ab, None), true_ab).item() == pytest.approx(0.1 * 0.25 + 0.04**2 / 2, rel=1e-5)


@pytest.mark.parametrize("share", [1e-3, 0.5])
def test_suggestions_cost_the_cross_entropy_with_the_mean_of_their_pixels(share):
    logits, _ = logits_and_colors(size=(2, 3, 4))
    true_ab = torch.rand(2, 2, 12, 16, generator=torch.Generator().manual_seed(4)) * 1.4 - 0.7
    ab = torch.zeros(2, 2, 12, 16)
    mean = true_ab.unflatten(2, (3, 4)).unflatten(4, (4, 4)).mean(dim=(3, 5))  # of each 4 x 4 pixels
    expected = huber_loss(ab, true_ab).item() + share * dense(logits, AB_SCALE * mean).item()
    assert HintLoss(share)(HintAnswer(ab, logits), true_ab).item() == pytest.approx(expected, rel=1e-5)


def test_suggestions_are_a_thousandth_of_the_loss():
    ab, true_ab = maps(0.3, -0.04, (1, 4, 4))
    cost = HintLoss()(HintAnswer(ab, torch.zeros(1, 313, 1, 1)), true_ab).item()
    # Equal logits cost log 313 whatever the target.
    assert cost == pytest.approx(huber_loss(ab, true_ab).item() + 1e-3 * 5.746203, rel=1e-5)


def test_classes_cost_their_cross_entropy_and_nothing_where_they_are_not_asked_for():
    ab, true_ab = maps(0.3, -0.04, (2, 4, 4))
    logits = torch.tensor([[2.0, 0.0, -1.0], [0.0, 0.0, 0.0]])
    labels = torch.tensor([2, 0])
    cost = (3 + (1 + torch.tensor([-2.0, -3.0]).exp().sum()).log() + torch.tensor(3.0).log()) / 2
    loss = FusionLoss()
    assert loss(FusionAnswer(ab, logits), true_ab).item() == pytest.approx(l2(ab, true_ab).item())
    assert loss(FusionAnswer(ab, None), true_ab).item() == pytest.approx(0.3**2 + 0.04**2, rel=1e-5)
    assert loss(FusionAnswer(ab, logits), true_ab, labels).item() == pytest.approx(
        0.3**2 + 0.04**2 + cost.item() / 300, rel=1e-5
    )
    assert FusionLoss(2.0)(FusionAnswer(ab, logits), true_ab, labels).item() == pytest.approx(
        0.3**2 + 0.04**2 + 2 * cost.item(), rel=1e-5
    )
