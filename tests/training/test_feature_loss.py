"""The perceptual loss: nothing for equal pictures, more for others, and gradients that reach the colors alone."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from course_lib import color
from course_lib.models.features import PictureFeatures, scene_features
from course_lib.training.losses import FeatureLoss, l1


def features(seed=0):
    """Three convolutions, each of which answers."""
    torch.manual_seed(seed)
    widths = (3, 4, 5, 6)
    layers = [nn.Conv2d(*pair, 3, stride=2, padding=1) for pair in pairwise(widths)]
    return PictureFeatures("tiny", nn.Sequential(*layers), (0, 1, 2))


def pictures(seed=0, count=2, side=16):
    """Lightness and colors in network units, all inside of the gamut."""
    rgb = torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(seed))
    return color.normalize(color.rgb_to_lab(rgb))


def test_equal_pictures_cost_nothing_and_others_do():
    l, ab = pictures()  # noqa: E741 - l is the symbol of the field
    for network in (features(), scene_features()):
        loss = FeatureLoss(network)
        assert loss(ab, ab.clone(), l).item() == pytest.approx(0, abs=1e-6)
        near, far = (loss(ab + step, ab, l) for step in (0.01, 0.2))
        assert 0 < near < far
        assert far.ndim == 0


def seen_by_hand(network, weights, ab, true_ab, l):  # noqa: E741
    rgb, truth = (color.lab_to_rgb(color.denormalize(l, colors)) for colors in (ab, true_ab))
    layers = zip(weights, network(rgb), network(truth), strict=True)
    return sum(weight * (one - other).abs().mean() for weight, one, other in layers)


def test_the_mean_absolute_differences_of_the_layers_by_hand():
    (l, ab), (_, true_ab), network = pictures(), pictures(1), features()  # noqa: E741
    expected = seen_by_hand(network, (0.2, 0.7, 0.1), ab, true_ab, l)
    assert FeatureLoss(network, pixel=0.0)(ab, true_ab, l).item() == pytest.approx(expected.item(), rel=1e-5)
    with_colors = expected + 2.5 * l1(ab, true_ab)
    assert FeatureLoss(network, pixel=2.5)(ab, true_ab, l).item() == pytest.approx(with_colors.item(), rel=1e-5)
    default = expected + l1(ab, true_ab)
    assert FeatureLoss(network)(ab, true_ab, l).item() == pytest.approx(default.item(), rel=1e-5)


def test_only_the_ratio_of_the_weights_matters():
    (l, ab), (_, true_ab), network = pictures(), pictures(1), features()  # noqa: E741
    default = FeatureLoss(network)(ab, true_ab, l).item()
    assert FeatureLoss(network, (2, 7, 1))(ab, true_ab, l).item() == pytest.approx(default, rel=1e-6)
    assert FeatureLoss(network, (1, 7, 2))(ab, true_ab, l).item() != pytest.approx(default, rel=1e-3)


def test_as_many_weights_as_layers():
    l, ab = pictures()  # noqa: E741
    with pytest.raises(ValueError, match="zip"):
        FeatureLoss(features(), (1, 2))(ab, ab, l)


def test_gradients_reach_the_colors_and_not_the_features():
    (l, ab), (_, true_ab), network = pictures(), pictures(1), features()  # noqa: E741
    ab.requires_grad_()
    FeatureLoss(network, pixel=0.0)(ab, true_ab, l).backward()
    assert all(ab.grad[:, channel].abs().max() > 0 for channel in (0, 1))
    assert all(weight.grad is None for weight in network.parameters())


@pytest.mark.parametrize("value", [-1.0, -0.999, 0.0, 0.7, 1.0])
def test_gradients_are_numbers_for_colors_that_no_screen_shows(value):
    """Black, white, and colors far outside of the gamut: a generator begins with any."""
    _, true_ab = pictures(1)
    l = torch.full((2, 1, 16, 16), value)  # noqa: E741
    ab = (4 * torch.rand(2, 2, 16, 16, generator=torch.Generator().manual_seed(2)) - 2).requires_grad_()
    loss = FeatureLoss(scene_features())(ab, true_ab, l)
    loss.backward()
    assert loss.isfinite()
    assert ab.grad.isfinite().all()
    assert ab.grad.abs().max() > 0


def test_following_its_gradient_finds_the_colors():
    """Without the distance of the colors themselves: features alone tell the way."""
    l = torch.linspace(-0.3, 0.3, 64).reshape(1, 1, 8, 8)  # noqa: E741
    true_ab = torch.tensor([0.2, -0.15])[None, :, None, None]
    ab, loss = torch.zeros_like(true_ab).requires_grad_(), FeatureLoss(features(), pixel=0.0)
    for step in range(40):
        cost = loss(ab.expand(-1, -1, 8, 8), true_ab.expand(-1, -1, 8, 8), l)
        (gradient,) = torch.autograd.grad(cost, ab)
        ab = (ab - 0.03 * 0.93**step * gradient / gradient.norm()).detach().requires_grad_()
    assert (ab - true_ab).norm() < 0.2 * true_ab.norm()


@pytest.mark.parametrize("mistake", ["a and b exchanged", "another lightness", "natural units"])
def test_mistakes_in_the_picture_are_seen(mistake):
    (l, ab), network = pictures(), features()  # noqa: E741
    true_ab = ab + 0.05
    right = FeatureLoss(network, pixel=0.0)(ab, true_ab, l).item()
    wrong = {
        "a and b exchanged": (ab.flip(1), true_ab, l),
        "another lightness": (ab, true_ab, -l),
        "natural units": (110 * ab, true_ab, l),
    }[mistake]
    assert FeatureLoss(network, pixel=0.0)(*wrong).item() != pytest.approx(right, rel=0.02)
