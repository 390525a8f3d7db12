"""One step along a film: what is moved, how far it is trusted, and what the network is told."""

import pytest
import torch

from course_lib.models.propagation_net import PropagationNet
from course_lib.video.carrying import Carried, Key, begin, move, warp_on, weigh_on
from tests.video.films import moving

SIDE = 24


def frames(count=4):
    """A picture that moves a pixel to the right in each frame, as l and ab in network units, with its flow and mask."""
    rgb = moving(count, (SIDE, SIDE), grain=6)
    l, ab = 2 * rgb[:, :1] - 1, 2 * rgb[:, 1:] - 1  # noqa: E741 - l is the symbol of the field
    flow = torch.tensor([-1.0, 0.0])[:, None, None].expand(1, 2, SIDE, SIDE)
    seen = torch.ones(1, 1, SIDE, SIDE)
    seen[..., 0] = 0  # the column that came in
    return l, ab, flow, seen


def key_of(l, ab):  # noqa: E741
    return Key(l[:1], ab[:1])


def walk(count=4):
    """What is known after each step of the plain flow warp, and the true colors."""
    l, ab, flow, seen = frames(count)  # noqa: E741
    key = key_of(l, ab)
    known = [begin(key)]
    for place in range(1, count):
        known.append(warp_on(key, known[-1], l[place : place + 1], flow, seen))
    return known, ab


def test_at_the_key_everything_is_known():
    l, ab, _, _ = frames()  # noqa: E741
    known = begin(key_of(l, ab))
    assert torch.equal(known.l, l[:1])
    assert torch.equal(known.ab, ab[:1])
    assert known.confidence.shape == known.unbroken.shape == (1, 1, SIDE, SIDE)
    assert known.confidence.min() == known.unbroken.min() == 1
    assert known.chain.shape == (1, 2, SIDE, SIDE)
    assert not known.chain.any()


def test_a_whole_pixel_is_carried_exactly():
    known, ab = walk()
    for step, at in enumerate(known):
        assert torch.allclose(at.ab[..., step:], ab[step : step + 1, ..., step:], atol=1e-5)
        assert torch.equal(at.l, frames()[0][step : step + 1])


def test_confidence_ends_where_something_came_in():
    known, _ = walk()
    for step, at in enumerate(known):
        for part in (at.confidence, at.unbroken):
            assert torch.allclose(part[..., step:], torch.ones(1), atol=1e-5)
            assert part[..., :step].abs().sum() < 1e-5


def test_the_chain_leads_back_to_the_key():
    known, _ = walk()
    for step, at in enumerate(known):
        assert torch.allclose(at.chain[:, 0, :, step:], torch.tensor(-float(step)), atol=1e-5)
        assert at.chain[:, 1].abs().max() < 1e-5


def test_a_chain_is_followed_from_where_the_last_step_leads_to():
    l, ab, flow, seen = frames()  # noqa: E741
    key, x = key_of(l, ab), torch.arange(float(SIDE))
    chain = torch.stack([0.1 * x, -0.2 * x])[None, :, None].expand(1, 2, SIDE, SIDE)
    found = warp_on(key, begin(key)._replace(chain=chain), l[1:2], flow, seen).chain[0, :, 3, 1:]
    assert torch.allclose(found[0], -1 + 0.1 * (x[1:] - 1), atol=1e-4)
    assert torch.allclose(found[1], -0.2 * (x[1:] - 1), atol=1e-4)


def test_what_was_hidden_once_stays_hidden():
    l, ab, flow, seen = frames()  # noqa: E741
    key, hidden = key_of(l, ab), seen.clone()
    hidden[..., 10, 10] = 0
    known = warp_on(key, begin(key), l[1:2], flow, hidden)
    known = warp_on(key, known, l[2:3], flow, torch.ones_like(seen))
    assert known.confidence[0, 0, 10, 11] < 1e-5
    assert known.unbroken[0, 0, 10, 11] < 1e-5
    assert known.confidence[0, 0, 10, 10] > 1 - 1e-5


def test_two_ways_to_move_colors():
    """``before`` brings what is carried on, ``along`` what the key itself shows."""
    l, ab, flow, seen = frames()  # noqa: E741
    key = key_of(l, ab)
    known = Carried(l[1:2], torch.full_like(ab[:1], 0.25), 0.5 * seen, flow, seen)
    before, along, chain, unbroken = move(key, known, l[2:3], flow, seen)
    assert torch.allclose(before.ab, torch.full_like(ab[:1], 0.25))
    assert torch.allclose(before.confidence[..., 2:], torch.tensor(0.5), atol=1e-5)
    assert torch.allclose(along.ab[..., 2:], ab[2:3, ..., 2:], atol=1e-5)
    assert torch.equal(along.confidence, unbroken)
    assert torch.allclose(chain[:, 0, :, 1:], torch.tensor(-2.0), atol=1e-5)
    for moved in (before, along):
        assert moved.error[..., 2:].max() < 1e-5
    lighter = known._replace(l=known.l + 0.1)
    before, along, *_ = move(key, lighter, l[2:3] - 0.3, flow, seen)
    assert torch.allclose(before.error[..., 2:], torch.tensor(0.4), atol=1e-5)
    assert torch.allclose(along.error[..., 2:], torch.tensor(0.3), atol=1e-5)


def test_the_network_is_told_what_was_moved():
    l, ab, flow, seen = frames()  # noqa: E741
    key, told = key_of(l, ab), []

    def network(*inputs):
        told.append(inputs)
        return PropagationNet(widths=(4, 4, 4, 4), features=4)(*inputs)

    start = begin(key)._replace(ab=0.5 * ab[:1], confidence=0.7 * seen)
    still = torch.full_like(ab[:1], -0.5)
    answer, known = weigh_on(network, key, start, l[1:2], flow, seen, still)
    given_l, key_l, key_ab, before, along, given_still = told[0]
    assert torch.equal(given_l, l[1:2])
    assert torch.equal(key_l, l[:1])
    assert torch.equal(key_ab, ab[:1])
    assert torch.equal(given_still, still)
    expected = move(key, start, l[1:2], flow, seen)
    for moved, right in zip((before, along), expected[:2], strict=True):
        assert all(torch.equal(a, b) for a, b in zip(moved, right, strict=True))
    assert torch.equal(known.ab, answer.blend)
    assert torch.equal(known.confidence, answer.confidence)
    assert torch.equal(known.l, l[1:2])
    assert torch.equal(known.chain, expected[2])
    assert torch.equal(known.unbroken, expected[3])


def test_a_correction_is_not_carried_on():
    l, ab, flow, seen = frames()  # noqa: E741
    key = key_of(l, ab / 2)
    torch.manual_seed(0)
    network = PropagationNet(widths=(4, 4, 4, 4), features=4)
    with torch.no_grad():
        network.last.bias[3:] = 1000.0
    answer, known = weigh_on(network, key, begin(key), l[1:2], flow, seen, ab[1:2] / 2)
    assert (answer.ab - known.ab).mean() > 0.09
    with torch.no_grad():
        network.last.bias[3:] = 0.0
    assert torch.equal(weigh_on(network, key, begin(key), l[1:2], flow, seen, ab[1:2] / 2)[1].ab, known.ab)


@pytest.mark.parametrize("count", [2, 3])
def test_films_of_a_batch_do_not_mix(count):
    l, ab, flow, seen = frames(2)  # noqa: E741
    factors = torch.linspace(0.2, 1, count)[:, None, None, None]
    key = Key(l[:1].repeat(count, 1, 1, 1), ab[:1] * factors)
    many = (flow.repeat(count, 1, 1, 1), seen.repeat(count, 1, 1, 1))
    together = warp_on(key, begin(key), l[1:2].repeat(count, 1, 1, 1), *many)
    alone = warp_on(key_of(l, ab), begin(key_of(l, ab)), l[1:2], flow, seen)
    assert torch.allclose(together.ab, alone.ab * factors, atol=1e-6)
