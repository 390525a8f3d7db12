"""The network that carries colors on: it blends four proposals, falls back on the still network, and carries no correction on."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.models.checkpoints import load_checkpoint, write_checkpoint
from course_lib.models.propagation_net import LEAST, STILL, SWAY, Moved, PropagationNet

SIZE = 24, 32
SMALL = {"widths": (4, 6, 8, 10), "features": 6}


def made(seed=0, sway=0.0):
    """A small network; with ``sway`` its last layer has strong random weights instead of those of the beginning."""
    torch.manual_seed(seed)
    network = PropagationNet(**SMALL)
    if sway:
        with torch.no_grad():
            network.last.weight.normal_(0, sway)
            network.last.bias.normal_(0, sway)
    return network


def random(*shape, seed, low=-1.0, high=1.0):
    return low + (high - low) * torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def situation(seed=1, count=2, size=SIZE, **confidences):
    """The arguments of a network at random, but for the confidences of ``before`` and ``along`` that are given."""
    l, key_l, key_ab, still = (random(count, c, *size, seed=10 * seed + place) for place, c in enumerate((1, 1, 2, 2)))  # noqa: E741
    moved = {}
    for place, name in enumerate(("before", "along")):
        ab, error = (random(count, c, *size, seed=10 * seed + 4 + 2 * place + c) for c in (2, 1))
        confidence = random(count, 1, *size, seed=10 * seed + 8 + place, low=0.0)
        if name in confidences:
            confidence = torch.full_like(confidence, confidences[name])
        moved[name] = Moved(ab, confidence, error.abs())
    return {"l": l, "key_l": key_l, "key_ab": key_ab, **moved, "still": still}


def nothing_alike(network):
    """Let no place look alike."""
    with torch.no_grad():
        network.alike.copy_(torch.tensor([8.0, 100.0]))
    return network


def proposals(network, given):
    alike, likeness = network.match(given["l"], given["key_l"], given["key_ab"])
    return torch.stack([given["before"].ab, given["along"].ab, alike, given["still"]], dim=1), likeness


@pytest.mark.parametrize("size", [(8, 8), (16, 40), (64, 24)])
def test_any_sides_that_are_multiples_of_8_will_do(size):
    answer = made(sway=0.5)(**situation(size=size))
    assert [part.shape for part in answer] == [(2, channels, *size) for channels in (2, 2, 1, 4)]
    assert all(part.isfinite().all() for part in answer)


def test_the_network_is_small():
    assert 80_000 < sum(weight.numel() for weight in PropagationNet().parameters()) < 150_000


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 1000), st.sampled_from([0.0, 0.3, 3.0, 100.0]))
def test_the_blend_lies_between_the_proposals(seed, sway):
    """Whatever the weights: what is carried on is a mean, so colors that nobody proposed cannot arise."""
    network, seen = made(seed, sway), situation(seed, size=(8, 16))
    answer = network(**seen)
    assert (answer.weights.sum(dim=1) - 1).abs().max() < 1e-5
    assert answer.weights.min() >= 0
    assert answer.weights.max() <= 1
    assert answer.confidence.min() >= 0
    assert answer.confidence.max() <= 1 + 1e-6
    stacked, likeness = proposals(network, seen)
    assert torch.allclose(answer.blend, (answer.weights[:, :, None] * stacked).sum(dim=1), atol=1e-5)
    assert (answer.blend <= stacked.amax(dim=1) + 1e-5).all()
    assert (answer.blend >= stacked.amin(dim=1) - 1e-5).all()
    confidences = torch.cat([seen["before"].confidence, seen["along"].confidence, likeness], dim=1)
    assert torch.allclose(answer.confidence, (answer.weights[:, :3] * confidences).sum(dim=1, keepdim=True), atol=1e-5)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 1000), st.sampled_from([0.3, 3.0, 100.0]))
def test_what_no_key_can_see_is_that_of_the_still_network_whatever_the_weights(seed, sway):
    network = nothing_alike(made(seed, sway))
    answer = network(**situation(seed, size=(8, 16), before=0.0, along=0.0))
    assert answer.weights[:, 3].min() > STILL / (STILL + 3 * LEAST * torch.tensor(SWAY).exp()) - 1e-4 > 0.75
    assert answer.confidence.max() < 1e-6


def test_an_untrained_network_believes_the_confidences():
    network = nothing_alike(made())
    for place, name in enumerate(("before", "along")):
        seen = situation(**({"before": 0.0, "along": 0.0} | {name: 1.0}))
        answer = network(**seen)
        assert answer.weights[:, place].min() > 0.95
        assert (answer.ab - seen[name].ab).abs().max() < 0.1
        assert answer.confidence.min() > 0.95
    answer = network(**situation(before=0.0, along=0.0))
    assert answer.weights[:, 3].min() > 0.99
    both = network(**situation(before=0.6, along=0.3)).weights
    assert torch.allclose(both[:, 0], 2 * both[:, 1], atol=1e-5)


def test_what_looks_alike_is_believed_as_far_as_it_does():
    network = made()
    with torch.no_grad():
        network.alike.copy_(torch.tensor([8.0, -100.0]))
    answer = network(**situation(before=0.0, along=0.0))
    assert answer.weights[:, 2].min() > 0.95


def test_the_network_can_change_its_belief():
    """The order of weights, proposals and confidences is one order: that of CHOICES."""
    network, seen = nothing_alike(made()), situation(before=0.5, along=0.5)
    for place in range(2):
        with torch.no_grad():
            network.last.bias.zero_()
            network.last.bias[place] = 50.0
        assert network(**seen).weights[:, place].min() > 0.95
    with torch.no_grad():
        network.last.bias[:3] = torch.tensor([-50.0, -50.0, 50.0])
    weights = network(**seen).weights
    assert weights[:, :2].max() < 0.1
    assert weights[:, 2].max() < 0.1  # nothing looks alike, and no bias can change that
    assert weights[:, 3].min() > 0.75


def test_a_correction_is_never_carried_on():
    network, seen = made(), situation(before=0.5, along=0.5)
    seen["before"], seen["along"] = (moved._replace(ab=moved.ab / 2) for moved in (seen["before"], seen["along"]))
    seen["still"] = seen["still"] / 2
    before = network(**seen)
    assert torch.equal(before.ab, before.blend)
    with torch.no_grad():
        network.last.bias[3:] = torch.tensor([1000.0, -1000.0])
    after = network(**seen)
    for part in ("blend", "confidence", "weights"):
        assert torch.equal(getattr(before, part), getattr(after, part))
    free = (after.blend.abs() < 0.9).all(dim=1)
    assert torch.allclose((after.ab - after.blend).movedim(1, -1)[free], torch.tensor([0.1, -0.1]), atol=1e-5)


def test_colors_stay_within_network_units():
    network, seen = made(), situation()
    seen["still"] = torch.ones_like(seen["still"])
    with torch.no_grad():
        network.last.bias[3:] = 1000.0
    nothing_alike(network)
    answer = network(**(seen | {name: seen[name]._replace(ab=seen["still"]) for name in ("before", "along")}))
    assert answer.ab.max() == 1


# ---- matching


def patches(dx, dy, size=(32, 48)):
    """A dark picture with four patches of different lightness and color, and the same with all of them moved."""
    rows = [(-0.4, 0.8, 0.0), (0.0, -0.8, 0.3), (0.4, 0.0, 0.9), (0.9, 0.1, -0.9)]
    pictures = []
    for x, y in ((0, 0), (dx, dy)):
        l, ab = torch.full((1, 1, *size), -1.0), torch.zeros(1, 2, *size)  # noqa: E741
        for place, (light, a, b) in enumerate(rows):
            cut = (0, slice(None), slice(8 + y, 16 + y), slice(4 + 8 * place + x, 12 + 8 * place + x))
            l[cut] = light
            ab[cut] = torch.tensor([a, b])[:, None, None]
        pictures.append((l, ab))
    return pictures


def by_lightness(network):
    """Features that turn with lightness: what a place is matched by is its own lightness alone."""

    class Turn(torch.nn.Module):
        def forward(self, l):  # noqa: E741
            angle = torch.nn.functional.avg_pool2d(l, 4) * 1.5
            return torch.cat([angle.cos(), angle.sin()], dim=1)

    network.features = Turn()
    with torch.no_grad():
        network.sharpness.fill_(7.0)
    return network


@pytest.mark.parametrize(("dx", "dy"), [(0, 0), (8, 0), (8, 12), (4, 16)])
def test_matching_finds_what_moved(dx, dy):
    (key_l, key_ab), (l, ab) = patches(dx, dy)  # noqa: E741
    found, likeness = by_lightness(made()).match(l, key_l, key_ab)
    middles = [(12 + dy, 8 + 8 * place + dx) for place in range(4)]
    for row, column in middles:
        assert (found - ab)[0, :, row, column].abs().max() < 0.15
        assert likeness[0, 0, row, column] > 0.95
    assert (found - ab).abs().mean() < 0.05


def test_what_is_not_in_the_key_is_not_alike():
    (key_l, key_ab), (l, _) = patches(8, 8)  # noqa: E741
    network = by_lightness(made())
    dark = torch.full_like(key_l, -1.0)
    _, likeness = network.match(l, dark, key_ab)
    assert likeness[0, 0, 20, 40] < 0.05  # the lightest patch, in a key that is dark all over
    assert likeness[0, 0, 2, 2] > 0.95


def test_matching_can_be_learned():
    (key_l, key_ab), (l, ab) = patches(8, 12)  # noqa: E741
    network = made(3)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    errors = []
    for _ in range(25):
        optimizer.zero_grad()
        found, _ = network.match(l, key_l, key_ab)
        error = (found - ab).square().mean()
        error.backward()
        optimizer.step()
        errors.append(error.item())
    assert errors[-1] < 0.5 * errors[0]


def test_a_network_is_built_for_the_size_of_the_key_that_it_gets():
    """Frames and keys are of one size, and each film of a batch is matched with its own key alone."""
    network, first, second = made(sway=0.5), situation(1), situation(2)
    both = {name: _join(first[name], second[name]) for name in first}
    alone, together = network(**first), network(**both)
    assert torch.allclose(together.ab[:2], alone.ab, atol=1e-5)


def _join(first, second):
    if isinstance(first, Moved):
        return Moved(*(torch.cat(parts) for parts in zip(first, second, strict=True)))
    return torch.cat([first, second])


def test_all_inputs_count():
    network, seen = made(sway=0.5), situation()
    whole = network(**seen)
    for name, value in seen.items():
        changed = [value.flip(-1)] if isinstance(value, torch.Tensor) else []
        if isinstance(value, Moved):
            changed = [value._replace(**{part: getattr(value, part).flip(-1)}) for part in value._fields]
        for other in changed:
            assert (network(**(seen | {name: other})).ab - whole.ab).abs().max() > 1e-4, name


def test_gradients_reach_every_weight():
    network = made(sway=0.3)
    answer = network(**situation())
    (answer.ab.square().mean() + answer.confidence.mean()).backward()
    for name, weight in network.named_parameters():
        assert weight.grad is not None, name
        if weight.ndim < 4:
            assert weight.grad.any(), name
        else:  # and each channel that a convolution sees counts
            assert weight.grad.abs().amax(dim=(0, 2, 3)).min() > 0, name


# ---- a checkpoint


def test_what_was_saved_comes_back(tmp_path):
    network, seen = made(sway=0.3).eval(), situation()
    card = {"network": {"class": "PropagationNet", "arguments": network.arguments}}
    write_checkpoint("tiny", network, card, tmp_path)
    loaded = load_checkpoint("tiny", tmp_path)
    assert type(loaded) is PropagationNet
    assert not loaded.training
    assert (loaded(**seen).ab - network(**seen).ab).abs().max() < 0.02
    assert (loaded(**seen).ab - made(seed=5, sway=0.3)(**seen).ab).abs().mean() > 0.02
