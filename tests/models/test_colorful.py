"""The network of the paper: its size, its geometry, what its answers mean, and what training must leave alone."""

import pytest
import torch

from course_lib import bins
from course_lib.models import ColorfulNet


def count(model):
    return sum(weight.numel() for weight in model.parameters())


def test_parameters_at_the_size_of_the_paper():
    # Layer by layer as released: (inputs, outputs) of 3x3 convolutions, each with a bias, then batch norms, then the last block.
    pairs = [(1, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 256)]
    pairs += [(256, 512), *[(512, 512)] * 11, (256, 256), (256, 256)]
    convolutions = sum(9 * inputs * outputs + outputs for inputs, outputs in pairs)
    norms = 2 * (64 + 128 + 256 + 4 * 512)
    last = (16 * 512 * 256 + 256) + (256 * 313 + 313) + 313 * 2
    assert count(ColorfulNet()) == convolutions + norms + last == 32_236_011


def test_the_cpu_size_and_a_regression_are_smaller():
    assert 2_000_000 < count(ColorfulNet.for_cpu()) < 3_000_000
    # 313 outputs and the expectation of the bins against two outputs.
    assert count(ColorfulNet.for_cpu()) - count(ColorfulNet.for_cpu(outputs=2)) == (96 + 1) * 311 + 626


@pytest.mark.parametrize(("outputs", "size"), [(313, (64, 96)), (2, (64, 96)), (2, (8, 8)), (2, (224, 224))])
def test_the_answer_has_a_quarter_of_the_resolution(outputs, size):
    model = ColorfulNet.for_cpu(outputs).eval()
    assert model(torch.zeros(2, 1, *size)).shape == (2, outputs, size[0] // 4, size[1] // 4)


@pytest.mark.parametrize("size", [(37, 53), (1, 1), (9, 130)])
def test_odd_sizes_give_a_quarter_rounded_up_to_whole_cells(size):
    answer = ColorfulNet.for_cpu(outputs=2).eval()(torch.zeros(1, 1, *size))
    # Three strides of 2, each rounding up, then twice the resolution.
    assert answer.shape[-2:] == tuple(2 * -(-side // 8) for side in size)


def test_a_square_of_the_answer_sees_far_but_not_everything():
    model = ColorfulNet(widths=(2, 2, 2, 2, 2), outputs=2).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.abs_()  # so that nothing cancels and no ReLU is shut
    l = torch.ones(1, 1, 512, 512, requires_grad=True)  # noqa: E741
    model(l)[0, :, 64, 64].sum().backward()
    rows = l.grad[0, 0].abs().sum(dim=1).nonzero()
    # 3x3 convolutions reach one step further on each side, at their resolution: blocks 1 to 7, then the head.
    reach = (1 + 1) + 2 * (1 + 1) + 4 * (1 + 1 + 1) + 8 * (3 + 2 * 3 + 2 * 3 + 3) + 8 + 4 * (1 + 1)
    assert 2 * reach * 0.95 < int(rows.max() - rows.min()) + 1 < 2 * reach * 1.05


def test_a_distribution_becomes_the_annealed_mean():
    logits = 4 * torch.randn(2, 313, 3, 5, generator=torch.Generator().manual_seed(1))
    model = ColorfulNet.for_cpu()
    for temperature in (0.38, 1.0):
        shares = torch.exp(logits / temperature)
        expected = (shares[:, :, None] * bins.AB_BINS[None, :, :, None, None]).sum(1) / shares.sum(1)[:, None]
        assert torch.allclose(model.to_ab(logits, temperature), expected, atol=1e-3)
    assert not torch.allclose(model.to_ab(logits, 0.38), model.to_ab(logits, 1.0), atol=1)


def test_a_certain_bin_is_its_own_color_with_a_first_and_b_second():
    row = int((bins.AB_BINS - torch.tensor([50.0, -40.0])).norm(dim=1).argmin())
    logits = torch.zeros(1, 313, 1, 1)
    logits[0, row] = 100
    assert ColorfulNet.for_cpu().to_ab(logits).flatten().tolist() == pytest.approx([50, -40], abs=1e-3)


def test_a_regression_answers_in_network_units():
    answer = torch.tensor([0.5, -0.25])[None, :, None, None].expand(1, 2, 3, 4)
    ab = ColorfulNet.for_cpu(outputs=2).to_ab(answer)
    assert ab.shape == (1, 2, 3, 4)
    assert ab[0, :, 0, 0].tolist() == pytest.approx([55, -27.5])


def test_every_weight_learns_but_the_fixed_expectation():
    torch.manual_seed(0)
    model = ColorfulNet(widths=(8, 8, 8, 8, 8))
    fixed = model.expectation.weight.clone()
    optimizer = torch.optim.SGD(model.parameters(), 0.1, weight_decay=0.1)
    answer = model(torch.rand(4, 1, 32, 32) * 2 - 1)
    (answer.logsumexp(1).mean() - answer[:, 7].mean() + model.to_ab(answer).mean()).backward()
    unmoved = {name for name, weight in model.named_parameters() if weight.grad is None or not weight.grad.abs().any()}
    assert unmoved == {"expectation.weight"}
    optimizer.step()
    assert torch.equal(model.expectation.weight, fixed)
    assert torch.equal(fixed[:, :, 0, 0], bins.AB_BINS.T)


def test_the_arguments_make_the_same_network_again():
    for model in (ColorfulNet.for_cpu(), ColorfulNet.for_cpu(outputs=2), ColorfulNet(widths=(4, 8, 8, 8, 4))):
        again = ColorfulNet(**model.arguments)
        assert {k: v.shape for k, v in again.state_dict().items()} == {
            k: v.shape for k, v in model.state_dict().items()
        }
