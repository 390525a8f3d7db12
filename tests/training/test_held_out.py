"""What generators are measured on: the truth measures as the truth, gray as gray, and the judge sees colors in their order."""

import pytest
import torch
from torch import nn

from course_lib import color, metrics
from course_lib.data import petals
from course_lib.models.checkpoints import load_checkpoint
from course_lib.training import held_out
from course_lib.training.held_out import HeldOut, seen_by
from course_lib.training.recipes import as_photographs


class Fixed(nn.Module):
    """Answers with given colors, in network units, whatever it is shown, and remembers that."""

    def __init__(self, ab):
        super().__init__()
        self.weight, self.ab, self.seen = nn.Parameter(torch.zeros(1)), ab, []

    def forward(self, l):  # noqa: E741 - l is the symbol of the field
        done = sum(map(len, self.seen))
        self.seen.append(l)
        return self.ab[done : done + len(l)]

    def to_ab(self, answer, temperature=None):
        return 110 * answer


@pytest.fixture(scope="module")
def held():
    return HeldOut(as_photographs(petals(80, size=40, seed=2)), 32)


def true_ab(held):
    return color.normalize(held.lab)[1]


def test_the_truth_measures_as_the_truth(held):
    generator = Fixed(true_ab(held))
    measured = held.measure(generator)
    assert measured["colorfulness"] == pytest.approx(1, abs=1e-3)
    assert measured["patches"] == pytest.approx(1, abs=1e-3)
    assert measured["frechet"] == pytest.approx(0, abs=0.1)  # of distances in the thousands
    assert measured["frechet_judge"] == pytest.approx(0, abs=1e-3)
    assert measured["psnr"] > 50
    assert torch.allclose(held.colorize(Fixed(true_ab(held))), held.rgb, atol=2e-3)


def test_a_generator_sees_the_lightness_in_network_units(held):
    generator = Fixed(true_ab(held))
    held.colorize(generator)
    assert [len(part) for part in generator.seen] == [64, 16]
    assert torch.allclose(torch.cat(generator.seen), held.lab[:, :1] / 50 - 1, atol=1e-5)
    assert held.rgb.shape == (80, 3, 32, 32)


def test_gray_has_no_color(held):
    measured = held.measure(Fixed(torch.zeros(80, 2, 32, 32)))
    assert measured["colorfulness"] == pytest.approx(0, abs=5e-3)
    assert measured["patches"] == pytest.approx(0, abs=0.02)
    assert measured["frechet"] > 100
    assert measured["frechet_judge"] > 0.01
    assert 5 < measured["psnr"] < 40


def test_colors_at_random_are_patches(held):
    """Each pixel of another color: far from the truth in everything."""
    noise = torch.rand(80, 2, 32, 32, generator=torch.Generator().manual_seed(0)) - 0.5
    measured, gray = held.measure(Fixed(noise)), held.measure(Fixed(torch.zeros(80, 2, 32, 32)))
    assert measured["patches"] > 3
    assert measured["frechet_judge"] > gray["frechet_judge"]
    assert measured["psnr"] < gray["psnr"]


@pytest.mark.parametrize(
    "wrong", [{"ab": lambda ab: ab.flip(1)}, {"ab": lambda ab: 0.5 * ab}], ids=["exchanged", "half"]
)
def test_wrong_colors_are_further_away(held, wrong):
    truth = held.measure(Fixed(true_ab(held)))
    measured = held.measure(Fixed(wrong["ab"](true_ab(held))))
    assert measured["frechet"] > truth["frechet"] + 50
    assert measured["psnr"] < truth["psnr"] - 5
    assert abs(measured["colorfulness"] - 1) > 0.02


def test_the_ratios_are_those_of_the_means(held):
    rgb = color.join(held.lab[:, :1], 0.6 * held.lab[:, 1:])
    measured = held.compare(rgb)
    for name, metric in (("colorfulness", metrics.colorfulness), ("patches", metrics.color_patches)):
        assert measured[name] == pytest.approx(float(metric(rgb).mean() / metric(held.rgb).mean()), rel=1e-5)
    assert measured["psnr"] == pytest.approx(float(metrics.psnr(rgb, held.rgb).mean()), rel=1e-5)
    judge = load_checkpoint(held_out.JUDGE)
    with torch.no_grad():
        seen = [judge.features((part - 0.45) / 0.25).mean(dim=(2, 3)) for part in (rgb, held.rgb)]
    assert measured["frechet_judge"] == pytest.approx(metrics.frechet_distance(*seen), rel=1e-3)
    patches = [metrics.patch_colors(each).flatten(0, 1) for each in (rgb, held.rgb)]
    assert measured["frechet"] == pytest.approx(metrics.frechet_distance(*patches), rel=1e-3)


def test_the_judge_tells_red_from_blue(held):
    """The features of pictures whose red and blue are exchanged are other features: BGR would be seen."""
    right, exchanged = seen_by(held.judge, held.rgb), seen_by(held.judge, held.rgb.flip(1))
    assert right.shape == exchanged.shape == (80, held.judge.arguments["widths"][-1])
    assert (right - exchanged).norm() > 0.1 * right.norm()
    assert held.compare(held.rgb.flip(1))["frechet_judge"] > 0.01


def test_the_judge_is_no_network_that_a_loss_compares_with():
    from course_lib.models import features

    assert held_out.JUDGE not in (features.OWN, "scenes-body")
    assert not any(weight.requires_grad for weight in load_checkpoint(held_out.JUDGE).parameters())


def test_measuring_leaves_nothing_behind(held):
    """No gradients, and the same numbers again."""
    ab = true_ab(held).clone().requires_grad_()
    first = held.measure(Fixed(ab))
    assert held.measure(Fixed(ab)) == first
    assert not held.colorize(Fixed(ab)).requires_grad
