"""The critic on patches: its size, how much of a picture each of its answers depends on, and its norms."""

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from course_lib.models import PatchDiscriminator

# The side of a patch in pixels, and the critic of the paper's kind that sees as much.
PATCHES = {
    1: {"widths": (64, 128), "kernel": 1},
    16: {"widths": (64, 128)},
    34: {"widths": (64, 128, 256)},
    70: {"widths": (64, 128, 256, 512)},
    286: {"widths": (64, 128, 256, 512, 512, 512)},
}


def narrow(options):
    return options | {"widths": [4] * len(options["widths"])}


def count(model):
    return sum(weight.numel() for weight in model.parameters())


def noise(count=2, side=32, seed=1):
    return 2 * torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(seed)) - 1


def test_parameters_at_the_size_of_the_paper():
    # 4x4 convolutions, with biases where no batch normalization follows: in the first and in the last.
    layers = [(3, 64), (64, 128), (128, 256), (256, 512), (512, 1)]
    convolutions = 16 * sum(inputs * outputs for inputs, outputs in layers)
    assert count(PatchDiscriminator()) == convolutions + 64 + 1 + 2 * (128 + 256 + 512) == 2_765_633


def test_the_cpu_size():
    for norm in ("batch", "spectral"):
        model = PatchDiscriminator.for_cpu(norm)
        assert 150_000 < count(model) < 200_000
        assert model.receptive_field == 34
        assert model.arguments["norm"] == norm


@pytest.mark.parametrize("side", PATCHES)
@pytest.mark.parametrize("norm", ["none", "batch", "spectral"])
def test_a_logit_depends_on_a_square_of_the_stated_side(side, norm):
    """Measured: where the gradient of one logit in the middle is not zero."""
    torch.manual_seed(0)
    model = PatchDiscriminator(**narrow(PATCHES[side]), norm=norm).eval()
    assert model.receptive_field == PatchDiscriminator(**PATCHES[side]).receptive_field == side
    lab = noise(1, 2 * side + 32).requires_grad_()
    logits = model(lab)
    logits[0, 0, logits.shape[2] // 2, logits.shape[3] // 2].backward()
    depends = lab.grad.abs().sum(dim=(0, 1)) > 0
    for axis in (0, 1):
        places = depends.any(dim=axis).nonzero().flatten()
        assert int(places[-1] - places[0]) + 1 == side


@pytest.mark.parametrize(("side", "logits"), [(1, 64), (16, 30), (34, 14), (70, 6)])
def test_there_is_a_logit_for_each_of_many_patches(side, logits):
    assert PatchDiscriminator(**narrow(PATCHES[side]))(noise(2, 64)).shape == (2, 1, logits, logits)


def test_logits_have_no_bounds():
    """No sigmoid at the end: losses take logits."""
    torch.manual_seed(0)
    logits = PatchDiscriminator(widths=(4, 4), norm="none")(100 * noise())
    assert logits.min() < 0
    assert logits.abs().max() > 1


def test_batch_normalization_is_in_all_layers_but_the_first_and_the_last():
    model = PatchDiscriminator(widths=(4, 5, 6))
    assert [layer.num_features for layer in model.layers if isinstance(layer, nn.BatchNorm2d)] == [5, 6]
    assert isinstance(model.layers[1], nn.LeakyReLU)
    assert isinstance(model.layers[-1], nn.Conv2d)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in PatchDiscriminator(norm="none").modules())


def test_spectral_norms_are_in_every_layer_and_near_one():
    torch.manual_seed(0)
    model = PatchDiscriminator(widths=(8, 8, 8), norm="spectral")
    for _ in range(20):  # every pass in training brings the estimate nearer
        model(noise())
    convolutions = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d)]
    assert len(convolutions) == 4
    for layer in convolutions:
        assert is_parametrized(layer, "weight")
        assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("norm", ["batch", "spectral", "none"])
def test_a_critic_is_made_again_from_its_arguments(norm):
    torch.manual_seed(0)
    model = PatchDiscriminator(widths=(4, 4), channels=2, norm=norm).eval()
    again = PatchDiscriminator(**model.arguments).eval()
    again.load_state_dict(model.state_dict())
    lab = noise()[:, :2]
    assert torch.equal(again(lab), model(lab))


@pytest.mark.parametrize("norm", ["batch", "spectral", "none"])
def test_every_channel_and_every_weight_counts(norm):
    torch.manual_seed(0)
    model, lab = PatchDiscriminator(widths=(4, 4), norm=norm), noise().requires_grad_()
    model(lab).square().mean().backward()
    assert all(lab.grad[:, channel].abs().max() > 0 for channel in range(3))
    assert all(weight.grad.abs().max() > 0 for weight in model.parameters())


def test_what_there_is_not():
    with pytest.raises(ValueError, match=r"no norm 'layer'. There are batch, spectral, none"):
        PatchDiscriminator(norm="layer")
    with pytest.raises(ValueError, match=r"kernel is 4, or 1 .* got 3"):
        PatchDiscriminator(kernel=3)
