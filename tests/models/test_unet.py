"""The generator of pix2pix: its size, the ways across, and what it makes of any picture."""

import pytest
import torch
from torch import nn

from course_lib.models import UNetGenerator


def made(widths=(4, 6, 8), dropped=1, seed=0):
    torch.manual_seed(seed)
    return UNetGenerator(widths=widths, dropped=dropped).eval()


def lightness(count=2, size=(16, 24), seed=1):
    return 2 * torch.rand(count, 1, *size, generator=torch.Generator().manual_seed(seed)) - 1


def count(model):
    return sum(weight.numel() for weight in model.parameters())


def test_parameters_at_the_size_of_the_paper():
    # 4x4 convolutions without biases, but the last; two numbers per channel for each batch normalization.
    down = [(1, 64), (64, 128), (128, 256), (256, 512), (512, 512), (512, 512), (512, 512), (512, 512)]
    up = [(512, 512), (1024, 512), (1024, 512), (1024, 512), (1024, 256), (512, 128), (256, 64)]
    convolutions = 16 * sum(inputs * outputs for inputs, outputs in [*down, *up, (128, 2)]) + 2
    norms = 2 * sum(outputs for _, outputs in [*down[1:-1], *up])
    assert count(UNetGenerator()) == convolutions + norms == 54_409_858


def test_the_cpu_size_is_for_pictures_of_32_pixels_and_its_multiples():
    model = UNetGenerator.for_cpu().eval()
    assert 300_000 < count(model) < 450_000
    assert model(lightness(1, (32, 64))).shape == (1, 2, 32, 64)


def test_layers_are_those_of_the_paper():
    """No statistics where the picture comes in nor in the middle, dropout only near the middle, no batch norm at the answer."""
    model = UNetGenerator()
    normalized = [any(isinstance(layer, nn.BatchNorm2d) for layer in part) for part in model.down]
    assert normalized == [False, *[True] * 6, False]
    assert [any(isinstance(layer, nn.BatchNorm2d) for layer in part) for part in model.up] == [True] * 7
    dropped = [any(isinstance(layer, nn.Dropout) for layer in part) for part in model.up]
    assert dropped == [False, True, True, True, False, False, False]
    assert {layer.p for layer in model.modules() if isinstance(layer, nn.Dropout)} == {0.5}
    slopes = [layer.negative_slope for layer in model.modules() if isinstance(layer, nn.LeakyReLU)]
    assert slopes == [0.2] * 7


@pytest.mark.parametrize("size", [(8, 8), (16, 24), (40, 8)])
def test_the_answer_has_the_resolution_of_the_input(size):
    assert made()(lightness(2, size)).shape == (2, 2, *size)


@pytest.mark.parametrize("size", [(12, 16), (16, 20), (4, 4), (17, 16)])
def test_sides_that_cannot_be_halved_often_enough_are_continued(size):
    model, l = made(), lightness(1, size)  # noqa: E741
    answer = model(l)
    assert answer.shape == (1, 2, *size)
    whole = torch.nn.functional.pad(l, (0, -size[1] % 8, 0, -size[0] % 8), mode="replicate")
    assert torch.equal(answer, model(whole)[..., : size[0], : size[1]])


def changed(model, size=(32, 32)):
    """Where the answer changes when the lightness of one pixel does, (H, W)."""
    l = lightness(1, size)  # noqa: E741 - l is the symbol of the field
    other = l.clone()
    other[..., 9, 20] += 0.5
    return (model(l) - model(other)).abs().sum(dim=1)[0]


def test_a_pixel_reaches_the_answer_at_full_resolution():
    """The first way across hands it over: the answer changes around it, and in a small place most."""
    difference = changed(made())
    row, column = divmod(int(difference.argmax()), 32)
    assert abs(row - 9) <= 3
    assert abs(column - 20) <= 3
    assert difference.max() > 5 * difference[24:, :8].max()


@pytest.mark.parametrize("cut", [0, 1])
def test_without_its_way_across_an_answer_knows_less(cut):
    """Each way across carries something: with zeros in its place the answer is another one."""
    model, l = made(), lightness()  # noqa: E741
    whole = model(l)
    channels = model.down[cut][-1 if cut == 0 else 1].out_channels
    # What comes across is behind what comes up: the last channels of what the next layer of the way back gets.
    following = model.answer if cut == 0 else model.up[len(model.up) - cut]

    def without(layer, inputs):
        (x,) = inputs
        assert x.shape[1] == 2 * channels
        return (torch.cat([x[:, :channels], torch.zeros_like(x[:, channels:])], dim=1),)

    following.register_forward_pre_hook(without)
    assert (model(l) - whole).abs().max() > 1e-3


def test_what_crosses_is_what_was_seen_at_the_same_resolution():
    model, l, seen, got = made(), lightness(), [], []  # noqa: E741
    for layer in model.down:
        layer.register_forward_hook(lambda layer, inputs, answer: seen.append(answer.clone()))
    for layer in (*model.up[1:], model.answer):
        layer.register_forward_pre_hook(lambda layer, inputs: got.append(inputs[0].clone()))
    model(l)
    for crossed, before in zip(got, reversed(seen[:-1]), strict=True):
        assert torch.equal(crossed[:, -before.shape[1] :], before)


def test_colors_stay_within_network_units():
    ab = made()(1000 * lightness())
    assert 0.5 < ab.abs().max() <= 1
    assert ab.isfinite().all()


@pytest.mark.parametrize("value", [-1.0, 0.0, 1.0])
def test_flat_pictures_have_colors_too(value):
    model = made().train()  # also by statistics of the batch
    assert model(torch.full((2, 1, 16, 16), value)).isfinite().all()


def test_colors_in_natural_units():
    answer = torch.tensor([0.5, -0.1])[None, :, None, None]
    assert made().to_ab(answer).flatten().tolist() == pytest.approx([55, -11])


def test_chance_is_in_training_alone():
    model, l = made(), lightness()  # noqa: E741
    assert torch.equal(model(l), model(l))
    assert not torch.equal(model.train()(l), model(l))  # dropout: the paper's noise


def test_the_number_of_layers_that_drop_can_be_chosen():
    layers = [sum(isinstance(layer, nn.Dropout) for layer in made(dropped=dropped).modules()) for dropped in (0, 1, 2)]
    assert layers == [0, 1, 1]  # there are only two ways back, and the first never drops


def test_gradients_reach_every_weight():
    model = made().train()
    model(lightness()).square().mean().backward()
    assert all(weight.grad.abs().max() > 0 for weight in model.parameters())
