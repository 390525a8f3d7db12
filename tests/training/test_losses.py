"""Penalties and losses against hand calculation, and the constants that minimize them."""

import pytest
import torch

from course_lib.data.petals import conditional, mean_color, median_color
from course_lib.penalties import PENALTIES, best_constant, expected_cost, huber
from course_lib.training import LOSSES


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
