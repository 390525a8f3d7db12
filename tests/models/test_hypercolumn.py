"""Dahl's network: its size, its features against torchvision's VGG-16, any picture size, and nothing fetched."""

import pytest
import torch
from torchvision.models import vgg16

from course_lib import bins
from course_lib.models import HypercolumnRegressor

# Layer by layer as the paper draws it: (inputs, outputs, side of the kernel). Weights and one bias per output.
VGG_UP_TO_CONV4_3 = [
    (3, 64, 3),
    (64, 64, 3),
    (64, 128, 3),
    (128, 128, 3),
    (128, 256, 3),
    (256, 256, 3),
    (256, 256, 3),
    (256, 512, 3),
    (512, 512, 3),
    (512, 512, 3),
]
DECODER = [(512, 256, 1), (256, 128, 3), (128, 64, 3), (64, 3, 3), (3, 3, 3), (3, 2, 3)]
# Batch norm has two numbers per channel: before each merge, the grey picture included, and behind each 3x3 but the last.
NORMALIZED = [512, 256, 128, 64, 3, *[128, 64, 3, 3]]


def test_parameters_at_the_size_of_the_paper():
    convolutions = sum(inputs * outputs * side**2 + outputs for inputs, outputs, side in VGG_UP_TO_CONV4_3 + DECODER)
    expected = convolutions + 2 * sum(NORMALIZED)
    assert sum(weight.numel() for weight in HypercolumnRegressor().parameters()) == expected == 8_139_617


def test_the_features_are_those_of_vgg16():
    torch.manual_seed(0)
    vgg, model = vgg16(weights=None), HypercolumnRegressor()
    model.load_vgg(vgg.state_dict())
    picture = torch.randn(1, 3, 32, 48)
    with torch.no_grad():
        ours = model._scales(picture)[-1]
        theirs = vgg.features[:23](picture)  # up to the ReLU behind conv4_3
    assert ours.shape == (1, 512, 4, 6)
    assert torch.equal(ours, theirs)


def test_weights_of_another_size_are_refused():
    with pytest.raises(RuntimeError, match="size mismatch"):
        HypercolumnRegressor(widths=(32, 64, 128, 256)).load_vgg(vgg16(weights=None).state_dict())
    with pytest.raises(RuntimeError, match="Missing key"):
        HypercolumnRegressor().load_vgg({})


def test_making_one_fetches_nothing(monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("a network reached for weights")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", refuse)
    monkeypatch.setattr("socket.create_connection", refuse)
    HypercolumnRegressor()
    HypercolumnRegressor.for_cpu()


@pytest.mark.parametrize("size", [(64, 64), (37, 53), (8, 200), (5, 9), (1, 1)])
def test_any_picture_size(size):
    model = HypercolumnRegressor.for_cpu().eval()
    assert model(torch.zeros(2, 1, *size)).shape == (2, 2, *size)


def test_every_weight_learns():
    torch.manual_seed(0)
    model = HypercolumnRegressor.for_cpu()
    model(torch.rand(4, 1, 32, 32) * 2 - 1).square().mean().backward()
    unmoved = [name for name, weight in model.named_parameters() if weight.grad is None or not weight.grad.abs().any()]
    # A bias in front of a batch normalization is taken out again: its gradient may round to zero.
    assert [name for name in unmoved if not name.endswith("bias")] == []


def test_coarse_and_fine_scales_both_reach_the_answer():
    torch.manual_seed(0)
    model = HypercolumnRegressor.for_cpu().eval()
    l = torch.rand(1, 1, 32, 32) * 2 - 1  # noqa: E741
    before = model(l)
    for scale in range(4):
        with torch.no_grad():
            norm = model.norms[scale]
            weight = norm.weight.clone()
            norm.weight.zero_()
            assert (model(l) - before).abs().max() > 1e-6, f"scale {scale} has no say"
            norm.weight.copy_(weight)


def test_the_input_is_gray_as_vgg_expects_it():
    model = HypercolumnRegressor()
    white, black = model._gray_rgb(torch.tensor([1.0, -1.0]).reshape(2, 1, 1, 1))
    assert torch.allclose(white.flatten(), (1 - model.mean.flatten()) / model.std.flatten(), atol=2e-3)
    assert torch.allclose(black.flatten(), -model.mean.flatten() / model.std.flatten(), atol=2e-3)


@pytest.mark.parametrize("size", [(32, 48), (37, 53)])
def test_a_classifier_is_one_more_configuration(size):
    model = HypercolumnRegressor.for_cpu(outputs=313).eval()
    answer = model(torch.zeros(1, 1, *size))
    assert answer.shape == (1, 313, *size)
    assert torch.allclose(model.to_ab(answer, 0.5), bins.annealed_mean(answer, 0.5))
    extra = sum(w.numel() for w in model.parameters()) - sum(
        w.numel() for w in HypercolumnRegressor.for_cpu().parameters()
    )
    assert extra == 311 * (16 * 9 + 1)


def test_a_regression_answers_in_network_units():
    answer = torch.tensor([0.1, -0.3])[None, :, None, None].expand(1, 2, 3, 4)
    ab = HypercolumnRegressor.for_cpu().to_ab(answer)
    assert ab[0, :, 0, 0].tolist() == pytest.approx([11, -33])


def test_the_arguments_make_the_same_network_again():
    for model in (HypercolumnRegressor(), HypercolumnRegressor.for_cpu(), HypercolumnRegressor.for_cpu(outputs=313)):
        again = HypercolumnRegressor(**model.arguments)
        assert {k: v.shape for k, v in again.state_dict().items()} == {
            k: v.shape for k, v in model.state_dict().items()
        }
