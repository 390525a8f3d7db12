"""Small networks that learn hints, and hints that the truth gives."""

import pytest
import torch

from course_lib import color, hinting
from course_lib.data import petals


@pytest.fixture(scope="module")
def trained():
    scenes, unseen = petals(240, size=32, seed=0), petals(8, size=32, seed=1)
    return hinting.train_on(scenes, unseen, epochs=4, wrong=0.0), unseen


def test_the_loss_falls_and_hints_help(trained):
    (model, curve), unseen = trained
    assert curve.valid[-1] < curve.train[0]
    assert not model.training
    patches = hinting.draw_patches(unseen, 20)
    without, with_hints = (hinting.with_patches(model, unseen, some) for some in ([[]] * 8, patches))
    assert hinting.mean_psnr(with_hints, unseen.rgb) > hinting.mean_psnr(without, unseen.rgb)


def test_lightness_stays(trained):
    (model, _), unseen = trained
    rgb = hinting.with_patches(model, unseen, hinting.draw_patches(unseen, 3))
    assert torch.allclose(color.to_gray(rgb)[:, 0], unseen.lightness, atol=0.05)


def test_patches_are_the_same_for_a_scene_whatever_stands_beside_it():
    scenes = petals(3, size=32, seed=1)
    first, again = hinting.draw_patches(scenes, 5), hinting.draw_patches(scenes, 5)
    for one, other in zip(first[2], again[2], strict=True):
        assert one[:3] == other[:3]


def test_true_hints_have_the_colors_of_their_places():
    rgb = torch.zeros(3, 64, 96)
    rgb[0, :, :48], rgb[2, :, 48:] = 0.8, 0.8  # red at the left, blue at the right
    hints = hinting.true_hints(rgb, 30)
    left, right = ([point for point in hints.points if (point.column < 0.45) == side and abs(point.column - 0.5) > 0.05]
                   for side in (True, False))  # fmt: skip
    assert left
    assert right
    assert all(point.a > 50 and point.b > 30 for point in left)
    assert all(point.b < -50 for point in right)


def test_fewer_true_hints_are_the_first_of_more():
    rgb = petals(1, size=64, seed=2).rgb[0]
    assert hinting.true_hints(rgb, 20).points[:5] == hinting.true_hints(rgb, 5).points
    assert hinting.true_hints(rgb, 5, seed=1) != hinting.true_hints(rgb, 5)
