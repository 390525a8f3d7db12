"""The fusion network: its size, that every place hears what is in its own picture, and that nothing trains the encoder."""

import pytest
import torch

from course_lib.models import FusionNet
from course_lib.models.fusion import fuse

SCENES = {"classes": 3, "widths": [4, 6]}
SMALL = {"widths": [4, 4, 4, 8, 8, 8, 8, 8]}
VARIANTS = {
    "given": {"embedding": 6},
    "own encoder": {"embedding": 6, "encoder": SCENES},
    "joint": {"embedding": 6, "classes": 3},
    "none": {"embedding": 0},
}


def made(variant, seed=0):
    torch.manual_seed(seed)
    return FusionNet(**SMALL, **VARIANTS[variant])


def lightness(count=3, size=(16, 24), seed=1):
    return 2 * torch.rand(count, 1, *size, generator=torch.Generator().manual_seed(seed)) - 1


def count(model):
    return sum(weight.numel() for weight in model.parameters() if weight.requires_grad)


def test_parameters_at_the_size_of_the_paper():
    # 3x3 convolutions of table 1, each with a bias: encoder, then decoder; the fusion is 1x1 on 256 + 1001 channels.
    encoder = [(1, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 512), (512, 512), (512, 256)]
    decoder = [(256, 128), (128, 64), (64, 64), (64, 32), (32, 2)]
    convolutions = sum(9 * inputs * outputs + outputs for inputs, outputs in encoder + decoder)
    assert count(FusionNet()) == convolutions + (256 + 1001) * 256 + 256 == 6_574_050


def test_the_cpu_size_and_what_an_embedding_adds():
    assert 300_000 < count(FusionNet.for_cpu(embedding=0)) < 500_000
    assert count(FusionNet.for_cpu(embedding=64)) - count(FusionNet.for_cpu(embedding=0)) == 64 * 64


def test_an_encoder_of_its_own_is_not_counted_among_what_is_trained():
    assert count(made("own encoder")) == count(made("given"))


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("size", [(16, 24), (64, 8)])
def test_the_answer_has_the_resolution_of_the_input(variant, size):
    embedding = torch.rand(2, 6) if variant == "given" else None
    answer = made(variant)(lightness(2, size), embedding)
    assert answer.ab.shape == (2, 2, *size)


def test_colors_stay_within_network_units():
    ab = made("none")(100 * lightness()).ab
    assert 0.9 < ab.abs().max() <= 1


def test_the_embedding_of_a_picture_stands_behind_the_features_of_all_its_places():
    features, embedding = torch.rand(2, 3, 4, 5), torch.rand(2, 7)
    fused = fuse(features, embedding)
    assert fused.shape == (2, 10, 4, 5)
    assert torch.equal(fused[:, :3], features)
    for picture in range(2):
        for row in range(4):
            for column in range(5):
                assert torch.equal(fused[picture, 3:, row, column], embedding[picture])


def test_an_embedding_is_joined_in_the_precision_of_the_features():
    assert fuse(torch.rand(1, 2, 2, 2).bfloat16(), torch.rand(1, 3)).dtype == torch.bfloat16


def test_what_is_in_a_picture_changes_its_colors_and_no_others():
    model, l, embedding = made("given"), lightness(), torch.rand(3, 6)  # noqa: E741 - l is the symbol of the field
    before = model(l, embedding).ab
    changed = embedding.clone()
    changed[1] = 5 * torch.rand(6)
    after = model(l, changed).ab
    assert torch.equal(before[[0, 2]], after[[0, 2]])
    assert (before[1] - after[1]).abs().max() > 1e-3


def test_every_number_of_the_embedding_is_heard():
    model, embedding = made("given"), torch.rand(1, 6, requires_grad=True)
    model(lightness(1), embedding).ab.square().sum().backward()
    assert (embedding.grad.abs() > 0).all()


def test_the_own_encoder_says_what_is_in_the_picture():
    model, l = made("own encoder"), lightness()  # noqa: E741
    answer = model(l)
    assert answer.logits is None
    assert torch.equal(answer.ab, model(l, model.embed(l)).ab)
    assert not torch.allclose(answer.ab, model(l, torch.zeros(3, 6)).ab, atol=1e-3)


def test_training_moves_everything_but_the_encoder():
    model = made("own encoder")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad], 0.01)
    model.train()
    for seed in range(3):
        optimizer.zero_grad()
        (model(lightness(8, seed=seed)).ab - 0.3).square().mean().backward()
        optimizer.step()
    moved = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    of_encoder = {name for name in before if name.startswith("embed.")}
    assert of_encoder
    assert any(name.endswith("running_mean") for name in of_encoder)
    assert moved == set(before) - of_encoder


def test_a_network_that_was_just_made_does_not_move_the_encoder_either():
    model = made("own encoder")
    before = {name: value.clone() for name, value in model.embed.state_dict().items()}
    model(lightness(8))
    assert all(torch.equal(value, before[name]) for name, value in model.embed.state_dict().items())


def test_without_an_embedding_nothing_is_told():
    model, l = made("none"), lightness()  # noqa: E741
    assert model.fusion[0].in_channels == 8
    answer = model(l)
    assert answer.logits is None
    assert torch.equal(answer.ab, model(l, torch.zeros(3, 0)).ab)


def test_an_embedding_that_is_missing_is_asked_for():
    with pytest.raises(ValueError, match="no encoder of its own: give it the embedding"):
        made("given")(lightness())


def test_two_streams_give_classes_and_an_embedding():
    model, l = made("joint").eval(), lightness(4, (32, 40))  # noqa: E741
    answer = model(l)
    assert answer.logits.shape == (4, 3)
    embedding, logits = model.stream(model.encoder[:12](l))
    assert torch.equal(answer.logits, logits)
    assert torch.equal(answer.ab, model(l, embedding).ab)
    assert model(l, embedding).logits is None  # who brings an embedding asks for no classes


def test_both_tasks_train_what_they_share_and_what_is_theirs():
    model, l = made("joint"), lightness(6, (32, 32))  # noqa: E741

    def reached(part):
        model.zero_grad()
        part(model(l)).square().sum().backward()
        return {
            name.split(".")[0] if "classify" not in name else "classify"
            for name, weight in model.named_parameters()
            if weight.grad is not None and weight.grad.abs().any()
        }

    assert reached(lambda answer: answer.ab) == {"encoder", "fusion", "decoder", "stream"}
    assert reached(lambda answer: answer.logits) == {"encoder", "stream", "classify"}


def test_an_answer_in_network_units_becomes_natural_colors_with_a_first():
    model = made("none")
    answer = model(lightness(1))
    ab = torch.tensor([0.5, -0.25])[None, :, None, None].expand(1, 2, 3, 4)
    assert model.to_ab(answer._replace(ab=ab))[0, :, 0, 0].tolist() == pytest.approx([55, -27.5])


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_arguments_make_the_same_network_again(variant):
    model, again = made(variant), FusionNet(**made(variant).arguments)
    assert {k: v.shape for k, v in again.state_dict().items()} == {k: v.shape for k, v in model.state_dict().items()}


def test_activations_neither_die_nor_grow_on_the_way():
    """Nothing in the network normalizes, so its first weights must keep the spread of what passes."""
    torch.manual_seed(0)
    model, spreads = FusionNet.for_cpu(embedding=0), []
    for layer in model.modules():
        if isinstance(layer, torch.nn.ReLU):
            layer.register_forward_hook(lambda layer, inputs, output: spreads.append(output.std().item()))
    model(lightness(2, (64, 64)))
    assert len(spreads) == 13
    assert max(spreads) < 10 * min(spreads)
