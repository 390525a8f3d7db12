"""The network that tells blended faces from genuine ones: its size, its answers, and that all of it learns."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import uniform_filter
from torch import nn

from course_lib.models import ForgeryNet
from course_lib.models.checkpoints import load_checkpoint, write_checkpoint
from course_lib.models.forgery_net import ForgeryAnswer, Residual, local_fineness
from course_lib.models.scene_classifier import MEAN, SPREAD

SMALL = {"widths": (4, 6, 8), "blocks": (1, 2, 1)}


def made(seed=0, **options):
    torch.manual_seed(seed)
    network = ForgeryNet(**(SMALL | options))
    network(pictures(8, seed=9))  # running statistics that are not those of the beginning
    return network.eval()


def pictures(count=2, size=(32, 48), seed=1):
    return torch.rand(count, 3, *size, generator=torch.Generator().manual_seed(seed))


def test_its_size_is_that_of_the_checkpoint():
    network = ForgeryNet()
    assert network.arguments == {"widths": [24, 48, 96], "blocks": [1, 2, 1]}
    assert sum(weight.numel() for weight in network.parameters()) == 316_850
    assert ForgeryNet(**network.arguments).arguments == network.arguments


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 3), st.integers(1, 6), st.integers(1, 6))
def test_a_logit_for_each_picture_and_a_map_of_an_eighth(count, rows, columns):
    with torch.no_grad():
        answer = made()(pictures(count, (8 * rows, 8 * columns)))
    assert isinstance(answer, ForgeryAnswer)
    assert answer.logit.shape == (count,)
    assert answer.where.shape == (count, 1, rows, columns)
    assert answer.logit.isfinite().all()


def test_at_the_size_at_which_faces_are_seen():
    answer = ForgeryNet().eval()(torch.rand(2, 3, 128, 128))
    assert answer.where.shape == (2, 1, 16, 16)


def test_gradients_reach_every_weight_and_every_pixel():
    network, rgb = made().train(), pictures(4).requires_grad_()
    answer = network(rgb)
    (answer.logit.sum() + (answer.where**2).mean()).backward()
    weights = dict(network.named_parameters())
    assert not [name for name, weight in weights.items() if weight.grad is None or not weight.grad.any()]
    assert (rgb.grad.abs().sum(dim=1) > 0).all()


def test_the_map_alone_does_not_move_the_answer():
    network = made().train()
    network(pictures(4)).where.sum().backward()
    assert network.answer[1].weight.grad is None
    assert network.where.weight.grad.any()


def test_in_evaluation_a_picture_is_judged_by_itself():
    network, rgb = made(), pictures(5)
    whole, alone = network(rgb), network(rgb[3:4])
    assert torch.allclose(whole.logit[3], alone.logit[0], atol=1e-5)
    assert torch.allclose(whole.where[3], alone.where[0], atol=1e-5)
    assert torch.equal(network(rgb).logit, whole.logit)
    assert whole.logit.std() > 1e-4  # and not all alike


def test_pixels_go_in_at_once_and_nothing_is_averaged_first():
    """A checkerboard of single pixels and its mean gray are two things to the network."""
    board = torch.zeros(1, 3, 32, 32)
    board[:, :, ::2, ::2] = board[:, :, 1::2, 1::2] = 1
    network = made()
    assert (network(board).logit - network(torch.full_like(board, 0.5)).logit).abs() > 1e-4
    assert isinstance(network.features[0], nn.PixelUnshuffle)


def test_pictures_are_scaled_as_everywhere():
    network, rgb = made(), pictures(2)
    seen = []
    network.features.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    network(rgb)
    assert torch.allclose(seen[0][:, :3], (rgb - MEAN) / SPREAD)
    assert torch.equal(seen[0][:, 3:], local_fineness(rgb))


def test_a_residual_block_adds_to_what_goes_in():
    block = Residual(4).eval()
    with torch.no_grad():
        for weight in block.parameters():
            weight.zero_()
    x = pictures(1, (8, 8))[:, :1].expand(-1, 4, -1, -1)
    assert torch.equal(block(x), x)


def test_as_many_blocks_as_widths():
    with pytest.raises(ValueError, match="zip"):
        ForgeryNet(widths=(4, 6), blocks=(1,))


def test_it_comes_back_from_its_checkpoint(tmp_path):
    network = made()
    write_checkpoint("tiny", network, {"network": {"class": "ForgeryNet", "arguments": network.arguments}}, tmp_path)
    again = load_checkpoint("tiny", tmp_path)
    assert not again.training
    rgb = pictures(3)
    assert torch.allclose(again(rgb).logit, network(rgb).logit, atol=0.01)
    assert torch.allclose(again(rgb).where, network(rgb).where, atol=0.01)


# ---- fineness


def test_fineness_by_another_library():
    """SciPy's "mirror" does not repeat the rim, as ours does not."""
    rgb = pictures(1, (24, 31))
    gray = rgb[0].mean(dim=0).double().numpy()
    softer = uniform_filter(gray, 3, mode="mirror")
    bands = gray - softer, softer - uniform_filter(softer, 5, mode="mirror")
    expected = [(np.log(uniform_filter(band**2, 9, mode="mirror") + 1e-6) + 9) / 2 for band in bands]
    assert local_fineness(rgb)[0].numpy() == pytest.approx(np.stack(expected), abs=1e-3)


def test_twice_the_contrast_is_a_step_and_brightness_is_none():
    rgb = 0.5 * pictures(2)  # so strong that the floor under the logarithm is far below
    fine = local_fineness(rgb)
    assert torch.allclose(local_fineness(2 * rgb) - fine, torch.full_like(fine, np.log(2)), atol=0.01)
    assert torch.allclose(local_fineness(rgb + 0.1), fine, atol=1e-2)


def test_fineness_is_that_of_the_place():
    """Half of a picture is softened: there it is low, and far from there it is what it was."""
    rgb = pictures(1, (32, 64))
    half = rgb.clone()
    half[..., 32:] = F.avg_pool2d(F.pad(rgb, (2, 2, 2, 2), mode="reflect"), 5, 1)[..., 32:]
    change = local_fineness(half) - local_fineness(rgb)
    assert (change[..., 40:].amax(dim=(2, 3)) < -0.3).all()
    assert (change[..., :24] == 0).all()


def test_a_picture_without_any_detail_has_the_least_fineness_and_a_gradient():
    rgb = torch.full((1, 3, 16, 16), 0.4, requires_grad=True)
    fine = local_fineness(rgb)
    assert fine.shape == (1, 2, 16, 16)
    assert torch.allclose(fine, torch.full_like(fine, (np.log(1e-6) + 9) / 2), atol=1e-3)
    fine.sum().backward()
    assert rgb.grad.isfinite().all()
