"""What lesson 07 tries out: each helper against a case whose answer is known."""

import pytest
import torch
from torch import nn

from course_lib import color, metrics, realism
from course_lib.data import petals
from course_lib.data.petals import conditional, redraw
from course_lib.models import PatchDiscriminator

# ---- plausible and true


def test_the_truth_is_true_and_another_draw_is_plausible():
    scenes = petals(24, size=32, seed=3)
    assert realism.plausible_and_true(scenes, scenes.lab[:, 1:], "petals") == (1.0, 1.0)
    plausible, true = realism.plausible_and_true(scenes, redraw(scenes, hue_seed=9).lab[:, 1:], "sky")
    assert plausible == 1.0
    same = scenes.hues["sky"] == redraw(scenes, hue_seed=9).hues["sky"]
    sizes = (scenes.regions == 0).sum(dim=(1, 2)).float()
    assert true == pytest.approx(float(sizes[same].sum() / sizes.sum()), abs=1e-5)


def test_gray_is_no_color_of_a_petal_and_near_is_a_distance():
    scenes = petals(8, size=32, seed=3)
    gray = torch.zeros_like(scenes.lab[:, 1:])
    assert realism.plausible_and_true(scenes, gray, "petals") == (0.0, 0.0)
    chroma = float(conditional("petals")[0].norm(dim=1).max())
    assert realism.plausible_and_true(scenes, gray, "petals", near=chroma + 1)[0] == 1.0


# ---- critics


def test_what_a_critic_gets_is_in_network_units():
    rgb = petals(2, size=32, seed=0).rgb
    lab = color.rgb_to_lab(rgb)
    given = realism.as_lab(rgb)
    assert torch.allclose(given[:, :1], lab[:, :1] / 50 - 1, atol=1e-5)
    assert torch.allclose(given[:, 1:], lab[:, 1:] / 110, atol=1e-5)


def test_a_critic_learns_which_pictures_are_real_and_not_the_opposite():
    g = torch.Generator().manual_seed(0)
    real, made = (0.3 * torch.randn(32, 3, 16, 16, generator=g) + level for level in (0.5, -0.5))
    critic = PatchDiscriminator(widths=(8, 8), norm="none")
    before = [weight.clone() for weight in critic.parameters()]
    losses = realism.teach(critic, real, made, steps=40, rate=3e-3)
    assert len(losses) == 40
    assert losses[-1] < 0.5 * losses[0]
    assert realism.share_recognized(critic, real, made) > 0.95
    assert realism.share_recognized(critic, made, real) < 0.05
    assert any(not torch.equal(old, new) for old, new in zip(before, critic.parameters(), strict=True))


def test_teaching_is_the_same_twice():
    real = torch.rand(8, 3, 16, 16)
    losses = []
    for _ in range(2):
        torch.manual_seed(5)
        critic = PatchDiscriminator(widths=(8, 8), norm="none")
        losses.append(realism.teach(critic, real, -real, steps=3))
    assert losses[0] == losses[1]


@pytest.mark.parametrize("side", [1, 16, 34, 70])
def test_a_logit_sees_a_patch_of_the_stated_side(side):
    critic = realism.critic_of_patches(side)
    assert critic.receptive_field == side
    lab = torch.rand(1, 3, 128, 128)
    influence = realism.what_one_logit_sees(critic, lab)
    assert realism.extent(influence) == (side, side)
    assert influence.max() == 1


def test_pixels_beyond_the_patch_move_nothing():
    critic = realism.critic_of_patches(16)
    lab = torch.rand(1, 3, 64, 64)
    seen = realism.what_one_logit_sees(critic, lab) > 0
    other = torch.where(seen, lab, torch.rand(1, 3, 64, 64))
    with torch.no_grad():
        first, second = (critic(each)[0, 0, 15, 15] for each in (lab, other))
    assert torch.allclose(first, second, atol=1e-6)


def test_the_extent_is_height_and_width_of_what_is_not_zero():
    influence = torch.zeros(20, 30)
    influence[3:8, 10:12] = 0.1
    assert realism.extent(influence) == (5, 2)


def test_there_is_no_critic_for_any_other_patch():
    with pytest.raises(ValueError, match="1, 16, 34, 70, 286"):
        realism.critic_of_patches(35)


# ---- edits


@pytest.mark.parametrize("kind", realism.EDITS)
def test_edits_keep_the_lightness_and_begin_with_the_truth(kind):
    rgb = realism.view("flower")
    assert torch.allclose(realism.edit(rgb, kind, 0.0), rgb, atol=2e-3)
    edited = realism.edit(rgb, kind, 1.0)
    assert torch.allclose(color.rgb_to_lab(edited)[0], color.rgb_to_lab(rgb)[0], atol=0.05)
    assert metrics.delta_e(edited, rgb).item() > 1
    assert metrics.delta_e(realism.edit(rgb, kind, 0.5), rgb).item() < metrics.delta_e(edited, rgb).item()


def test_what_the_edits_do():
    rgb = realism.view("cat")
    ab = color.rgb_to_lab(rgb)[1:]
    assert realism.edit(rgb, realism.TRUE, 1.0) is rgb
    assert color.rgb_to_lab(realism.edit(rgb, "gray", 1.0))[1:].abs().max() < 0.1
    turned = realism.EDITS["another hue"](ab)
    assert torch.allclose(turned.norm(dim=0), ab.norm(dim=0), atol=1e-3)
    assert torch.allclose(realism.EDITS["another hue"](realism.EDITS["another hue"](turned)), ab, atol=1e-3)
    blurred = realism.EDITS["blurred colors"](ab)
    assert blurred[:, 64, 64] == pytest.approx(ab[:, 52:77, 52:77].mean(dim=(1, 2)).tolist(), abs=1e-3)
    moved = realism.EDITS["colors of another place"](ab)
    assert torch.equal(moved[:, 42:, 42:], ab[:, :-42, :-42])
    up = realism.EDITS["checkerboard"](ab) - ab
    assert torch.allclose(up.abs(), torch.full_like(up, realism.CHECK), atol=1e-4)
    assert up[0, 0, 0] == -up[0, 0, 2]
    assert up[0, 0, 0] == up[0, 1, 1]


def test_edited_pictures_take_the_kinds_in_turn():
    rgb = torch.stack([realism.view("cat")] * 3)
    gray, turned, again = realism.edited(rgb, kinds=("gray", "another hue"))
    colorful = metrics.colorfulness(torch.stack([gray, turned, again]))
    assert colorful[0] < 0.6 * colorful[1]
    assert colorful[2] < 0.6 * colorful[1]


def test_there_is_no_other_critic():
    with pytest.raises(ValueError, match="knows every edit"):
        realism.trained_critic("knows nothing")


# ---- twice the resolution


@pytest.mark.parametrize("kind", realism.DOUBLINGS)
def test_a_doubling_doubles(kind):
    assert realism.doubling(kind, 3, 5)(torch.rand(2, 3, 4, 6)).shape == (2, 5, 8, 12)


def test_icnr_begins_with_blocks_of_one_color():
    torch.manual_seed(0)
    x = torch.rand(1, 3, 4, 4)
    blocks = realism.doubling("PixelShuffle with ICNR", 3, 2)(x).unfold(2, 2, 2).unfold(3, 2, 2)
    assert torch.allclose(blocks, blocks[..., :1, :1].expand_as(blocks), atol=1e-6)
    layer = realism.icnr(nn.Conv2d(3, 8, 1))
    assert torch.equal(layer.weight[0], layer.weight[3])
    assert not torch.equal(layer.weight[3], layer.weight[4])


def test_checkerboards_are_there_before_any_training():
    found = {
        kind: metrics.color_patches(realism.untrained_colors(kind, realism.view("flower"))).item()
        for kind in realism.DOUBLINGS
    }
    assert min(found["transposed"], found["PixelShuffle"]) > 3 * max(
        found["PixelShuffle with ICNR"], found["resize and convolve"]
    )


def test_there_is_no_other_doubling():
    with pytest.raises(ValueError, match="resize and convolve"):
        realism.doubling("bilinear", 3, 5)
