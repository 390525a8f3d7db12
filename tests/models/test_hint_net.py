"""The network that takes hints: its size, what it inherits, and that it hears exactly what it is told."""

import pytest
import torch
from torch import nn

from course_lib.models import ColorfulNet, HintNet
from course_lib.models.pull_push import carry_around

WIDTHS, DECODER = (8, 8, 12, 16), (12, 8, 8)
EVERYTHING = {"suggestions": True, "strokes": True, "palette": True}


def count(model):
    return sum(weight.numel() for weight in model.parameters())


def moved(model, seed=0):
    """The network in evaluation mode, with weights and running statistics through which all that is told is heard at the end."""
    generator = torch.Generator().manual_seed(seed)
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(layer.weight, generator=generator)
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.uniform_(-0.2, 0.2, generator=generator)
            layer.running_var.uniform_(0.5, 2, generator=generator)
    return model.eval()


@pytest.fixture(params=[False, True], ids=["paper's input", "carried"])
def model(request):
    torch.manual_seed(0)
    return moved(HintNet(widths=WIDTHS, decoder=DECODER, carried=request.param, **EVERYTHING))


@pytest.fixture
def told():
    """Lightness of two pictures and all that can be said about their colors."""
    generator = torch.Generator().manual_seed(1)

    def some(*shape):
        return torch.rand(*shape, generator=generator)

    return {
        "l": 2 * some(2, 1, 16, 24) - 1,
        "ab": 2 * some(2, 2, 16, 24) - 1,
        "mask": (some(2, 1, 16, 24) < 0.3).float(),
        "strokes": (some(2, 1, 16, 24) < 0.2).float(),
        "palette": torch.cat([some(2, 313), torch.ones(2, 1)], dim=1),
    }


def differ(first, second):
    return (first.ab - second.ab).abs().max().item() > 1e-4


# ---- size


def test_parameters_at_the_size_of_the_paper():
    # Layer by layer as released: 3x3 convolutions with biases, batch norms, transposed convolutions, skips, and the last layer.
    pairs = [(4, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 256)]
    pairs += [(256, 512), *[(512, 512)] * 11]
    pairs += [(256, 256), (256, 256), (128, 128), (128, 128)]  # blocks 8, 9 and 10
    pairs += [(256, 256), (128, 128), (64, 128)]  # skip connections
    convolutions = sum(9 * inputs * outputs + outputs for inputs, outputs in pairs)
    norms = 2 * (64 + 128 + 256 + 4 * 512 + 256 + 128)
    doubled = sum(16 * inputs * outputs + outputs for inputs, outputs in ((512, 256), (256, 128), (128, 128)))
    assert count(HintNet()) == convolutions + norms + doubled + 128 * 2 + 2 == 34_051_074


def test_what_the_four_additions_add():
    plain = count(HintNet())
    assert count(HintNet(suggestions=True)) - plain == 256 * 313 + 313
    assert count(HintNet(strokes=True)) - plain == 9 * 64
    assert count(HintNet(carried=True)) - plain == 3 * 9 * 64
    assert count(HintNet(strokes=True, carried=True)) - plain == 4 * 9 * 64
    assert count(HintNet(palette=True)) - plain == (314 * 512 + 512) + (512 * 512 + 512)
    assert 2_000_000 < count(HintNet.for_cpu()) < 3_000_000


@pytest.mark.parametrize("size", [(8, 8), (16, 24), (64, 8)])
def test_colors_have_the_resolution_of_the_input_and_suggestions_a_quarter(model, size):
    answer = model(torch.zeros(2, 1, *size))
    assert answer.ab.shape == (2, 2, *size)
    assert answer.ab.abs().max() <= 1
    assert answer.logits.shape == (2, 313, size[0] // 4, size[1] // 4)
    assert HintNet(widths=WIDTHS, decoder=DECODER)(torch.zeros(2, 1, *size)).logits is None


def test_the_arguments_make_the_same_network_again(model):
    for made in (model, HintNet(widths=WIDTHS, decoder=DECODER), HintNet.for_cpu()):
        again = HintNet(**made.arguments)
        assert {k: v.shape for k, v in again.state_dict().items()} == {k: v.shape for k, v in made.state_dict().items()}


# ---- what it is told


def test_the_first_layer_gets_lightness_a_b_mask_and_strokes_in_this_order(model, told):
    seen = []
    model.blocks[0].register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0]))
    model(**told)
    l, a, b, mask, strokes, *carried = seen[0].split(1, dim=1)  # noqa: E741 - l is the symbol of the field
    assert torch.equal(l, told["l"])
    assert torch.equal(a, told["ab"][:, :1] * told["mask"])
    assert torch.equal(b, told["ab"][:, 1:] * told["mask"])
    assert torch.equal(mask, told["mask"])
    assert torch.equal(strokes, told["strokes"])
    if model.arguments["carried"]:
        filled, confidence = carry_around(told["ab"], told["mask"], told["strokes"])
        assert torch.equal(torch.cat(carried, dim=1), torch.cat([filled, confidence], dim=1))
    else:
        assert carried == []


def test_colors_outside_of_the_mask_do_not_matter(model, told):
    other = told["ab"] + (1 - told["mask"]) * torch.rand(2, 2, 16, 24)
    assert torch.equal(model(**told).ab, model(**told | {"ab": other}).ab)
    assert differ(model(**told), model(**told | {"ab": told["ab"] * 0.5}))


def test_a_gray_hint_is_not_the_same_as_none(model, told):
    gray = {"ab": torch.zeros_like(told["ab"]), "mask": told["mask"]}
    assert differ(model(told["l"], **gray), model(told["l"]))


def test_what_is_left_out_is_not_known(model, told):
    zeros = {name: torch.zeros_like(value) for name, value in told.items() if name != "l"}
    assert torch.equal(model(told["l"]).ab, model(told["l"], **zeros).ab)
    assert torch.equal(model(told["l"]).logits, model(told["l"], **zeros).logits)


@pytest.mark.parametrize("part", ["strokes", "palette"])
def test_strokes_and_palette_are_heard(model, told, part):
    assert differ(model(**told), model(**{name: value for name, value in told.items() if name != part}))


def test_a_palette_is_that_of_its_picture(model, told):
    together = model(**told)
    for place in range(2):
        alone = model(**{name: value[place : place + 1] for name, value in told.items()})
        assert torch.allclose(together.ab[place], alone.ab[0], atol=1e-5)
    unknown = told["palette"] * torch.tensor([[1.0], [0.0]])  # of the second picture nothing is known
    assert torch.allclose(
        model(**told | {"palette": unknown}).ab[1], model(**told | {"palette": None}).ab[1], atol=1e-6
    )


def test_a_palette_without_its_mark_is_not_heard(model, told):
    unmarked = told["palette"].clone()
    unmarked[:, -1] = 0
    assert torch.equal(model(**told | {"palette": unmarked}).ab, model(**told | {"palette": None}).ab)


@pytest.mark.parametrize("missing", ["ab", "mask"])
def test_colors_and_mask_come_together(model, told, missing):
    with pytest.raises(ValueError, match="come together"):
        model(**told | {missing: None})


@pytest.mark.parametrize("part", ["strokes", "palette"])
def test_a_network_that_does_not_take_something_says_so(told, part):
    plain = HintNet(widths=WIDTHS, decoder=DECODER)
    with pytest.raises(ValueError, match=f"takes no {part}. Make it with {part}=True"):
        plain(told["l"], **{part: told[part]})


def test_every_weight_learns(model, told):
    model.train()
    answer = model(**told)
    (answer.ab.square().sum() + (answer.logits * torch.randn_like(answer.logits)).sum()).backward()
    still = [name for name, weight in model.named_parameters() if weight.grad is None or not weight.grad.abs().any()]
    assert still == []


def test_fine_lightness_reaches_the_colors_past_the_coarse_blocks(model, told):
    """The skip connections: without what the blocks in the middle say, single pixels still matter."""
    model.blocks[6].register_forward_hook(lambda layer, inputs, output: torch.zeros_like(output))
    changed = told["l"].clone()
    changed[:, :, 9, 11] += 1
    after, before = model(changed).ab, model(told["l"]).ab
    assert (after - before)[:, :, 9, 11].abs().max() > 1e-4
    for name in ("up8", "up9", "up10"):
        assert getattr(model, name).skip.weight.abs().sum() > 0


def test_an_answer_in_network_units_becomes_natural_colors_with_a_first(model, told):
    ab = torch.tensor([0.5, -0.25])[None, :, None, None].expand(1, 2, 3, 4)
    assert model.to_ab(model(**told)._replace(ab=ab))[0, :, 0, 0].tolist() == pytest.approx([55, -27.5])


# ---- what it inherits


@pytest.fixture
def colorful():
    torch.manual_seed(2)
    return moved(ColorfulNet(widths=(*WIDTHS, 4), outputs=2), seed=3)


def test_it_begins_with_the_features_of_a_trained_network(model, colorful, told):
    """Exactly those, where there are no hints; the stride is a slice here."""
    features = []
    model.take_over(colorful).blocks[6].register_forward_hook(lambda layer, inputs, output: features.append(output))
    model(told["l"])
    expected = colorful.blocks(told["l"]).detach()
    assert features[0].shape == expected.shape == (2, 16, 2, 3)
    assert torch.allclose(features[0], expected, atol=1e-4 * float(expected.abs().max()))
    assert expected.std(dim=(2, 3)).mean() > 0.05 * float(
        expected.abs().max()
    )  # places differ, so that a slip would be seen


def test_hints_weigh_nothing_at_first_and_then_learn(model, colorful, told):
    model.take_over(colorful)
    with torch.no_grad():
        assert torch.equal(model(told["l"], told["ab"], told["mask"]).ab, model(told["l"]).ab)
    model(**told).ab.square().sum().backward()
    assert (model.blocks[0][0].weight.grad[:, 1:].abs().amax(dim=(0, 2, 3)) > 0).all()


def test_what_was_taken_over_is_a_copy_and_the_rest_stays(model, colorful):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    original = {name: value.clone() for name, value in colorful.state_dict().items()}
    assert model.take_over(colorful) is model
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(1)
    assert all(torch.equal(value, original[name]) for name, value in colorful.state_dict().items())
    for name, value in model.state_dict().items():
        if not name.startswith("blocks.") and "running" not in name and "tracked" not in name:
            assert torch.equal(value, before[name] + 1), name


def test_a_network_of_other_widths_cannot_be_taken_over(model):
    with pytest.raises((RuntimeError, ValueError)):
        model.take_over(ColorfulNet(widths=(4, 4, 4, 4, 4)))


def test_strokes_stop_what_is_carried_in_use_and_are_only_seen_in_training():
    network = HintNet(widths=(4, 4, 4, 4), decoder=(4, 4, 4), strokes=True, carried=True)
    ab, mask = torch.zeros(1, 2, 16, 32), torch.zeros(1, 1, 16, 32)
    ab[..., 8, 4], mask[..., 8, 4] = 0.5, 1
    strokes = torch.zeros(1, 1, 16, 32)
    strokes[..., 16] = 1
    behind = {mode: network.train(mode)._input(mask, ab, mask, strokes)[:, -3:, :, 17:] for mode in (False, True)}
    assert not behind[False].any()
    assert (behind[True][:, :2] > 0).all()
    unmarked = network.eval()._input(mask, ab, mask, torch.zeros_like(strokes))[:, -3:, :, 17:]
    assert (unmarked[:, :2] > 0).all()
