"""Colors through a shot: along the motion, from both ends, past every frame once, and on again after an interruption."""

from collections import Counter
from functools import partial

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from course_lib import color
from course_lib.video import propagation
from course_lib.video.cuts import find_cuts
from course_lib.video.propagation import Colors, Leg, all_keys, ask_still, blend, color_film, order_legs
from tests.video.shots import GREEN, NOTHING_ALIKE, RED, SIZE, all_of_it, by_tone, flat, run, shot, untrained


def halves(size=SIZE):
    """Red on the left and green on the right."""
    ab = flat(RED, size)
    ab[..., size[1] // 2 :] = flat(GREEN, size)[..., size[1] // 2 :]
    return ab


def still(lightness):
    """A still network that sees green everywhere, at half of the size."""
    return all_of_it(GREEN, lightness[..., ::2, ::2])


# ---- a leg


@pytest.mark.parametrize("backward", [False, True])
def test_colors_go_along_with_a_picture_that_moves(backward):
    frames, count = shot(5, speed=2, grain=3.0), 5
    wide = halves((SIZE[0], SIZE[1] + 2 * count)) / color.AB_SCALE
    truth = torch.stack([wide[..., 2 * (count - step) :][..., : SIZE[1]] for step in range(count)])
    colors = Leg(frames, None).carry(truth[-1 if backward else 0], None, backward)
    assert colors.ab.shape == (5, 2, *SIZE)
    assert colors.confidence.shape == (5, 1, *SIZE)
    inner = (..., slice(6, -6), slice(12, -12))
    errors = (colors.ab - truth)[inner].abs().mean(dim=(1, 2, 3)) * color.AB_SCALE
    assert errors.max() < 2
    far = 0 if backward else -1
    unmoved = (truth[-1 - far] - truth[far])[inner].abs().mean() * color.AB_SCALE
    assert unmoved > 5 * errors[far]
    assert colors.confidence[inner].mean() > 0.95


@pytest.mark.parametrize("network", [None, untrained()], ids=["warp", "network"])
def test_backward_is_forward_in_the_reversed_film(network):
    frames, ab = shot(4, size=(32, 48)), halves((32, 48)) / color.AB_SCALE
    back = Leg(frames, by_tone).carry(ab, network, backward=True)
    ahead = Leg(frames.flip(0), by_tone).carry(ab, network)
    for one, other in zip(back, ahead, strict=True):
        assert torch.allclose(one, other.flip(0), atol=1e-6)
    assert torch.equal(back.ab[-1], ab)
    assert not torch.equal(back.ab[0], ab)


def test_a_leg_of_one_frame_is_its_key():
    ab = halves() / color.AB_SCALE
    for backward in (False, True):
        colors = Leg(shot(1), None).carry(ab, None, backward)
        assert torch.equal(colors.ab, ab[None])
        assert colors.confidence.min() == 1


def test_a_plain_warp_asks_no_still_network():
    def refuse(lightness):
        raise AssertionError("it was asked")

    color_film(shot(4, size=(16, 16)), {1: flat(RED, (16, 16))}, refuse, None)


def test_the_still_network_is_asked_for_a_few_frames_at_a_time_and_enlarged():
    asked = []

    def answer(lightness):
        asked.append(len(lightness))
        return by_tone(lightness)[..., ::2, ::2]

    frames = shot(11, size=(16, 24))
    ab = ask_still(answer, frames)
    assert ab.shape == (11, 2, 16, 24)
    assert max(asked) <= propagation.STILLS < 11
    assert sum(asked) == 11
    assert torch.allclose(ask_still(by_tone, frames), by_tone(frames))


def half_new(monkeypatch, new):
    """Frames without any motion, of which the right half is said to be new from frame ``new`` on."""
    frames = torch.arange(8.0)[:, None, None, None].expand(-1, 1, *SIZE).contiguous()
    hidden = torch.ones(1, *SIZE)
    hidden[..., SIZE[1] // 2 :] = 0

    def known(first, second):
        seen = hidden if first.flatten()[0] == new - 1 else torch.ones_like(hidden)
        return torch.zeros(2, *SIZE), torch.zeros(2, *SIZE), seen, seen

    monkeypatch.setattr(propagation, "estimate_both", known)
    monkeypatch.setattr(propagation, "hidden_shares", lambda *_: (torch.zeros(7), torch.zeros(7)))
    return frames


@pytest.mark.parametrize("key", [0, 7])
def test_what_no_key_can_see_gets_the_colors_of_the_still_network(monkeypatch, key):
    frames, new = half_new(monkeypatch, 3), 3
    ab = color_film(frames, {key: flat(RED)}, still, untrained(NOTHING_ALIKE))
    red, green = (torch.tensor(part)[:, None, None] for part in (RED, GREEN))
    there = slice(None, new) if key == 0 else slice(new, None)
    beyond = slice(new, None) if key == 0 else slice(None, new)
    left, right = ab.chunk(2, dim=-1)
    assert (left - red).abs().max() < 12  # the still network has a little weight everywhere, in each step
    assert (right[there] - red).abs().max() < 12
    assert (right[beyond] - green).abs().max() < 1


def test_a_plain_warp_knows_no_better_than_the_key(monkeypatch):
    frames = half_new(monkeypatch, 3)
    assert (color_film(frames, {0: flat(RED)}, still, None) - flat(RED)).abs().max() < 0.05


def test_each_frame_gets_its_own_answer_of_the_still_network(monkeypatch):
    """Where nothing can be followed, frames come out as the still network sees each of them."""
    nothing = torch.zeros(2, *SIZE), torch.zeros(2, *SIZE), torch.zeros(1, *SIZE), torch.zeros(1, *SIZE)
    monkeypatch.setattr(propagation, "estimate_both", lambda *_: nothing)
    frames = shot(4, speed=6)
    leg = Leg(frames, by_tone)
    assert torch.equal(leg.l, color.normalize_lightness(frames))
    for backward, others in ((False, slice(1, None)), (True, slice(None, -1))):
        ab = leg.carry(flat(RED) / color.AB_SCALE, untrained(NOTHING_ALIKE), backward).ab * color.AB_SCALE
        assert (ab - by_tone(frames))[others].abs().max() < 1


# ---- both ways


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 1000), st.integers(2, 9))
def test_a_blend_is_its_ends_at_the_keys_and_lies_between(seed, count):
    generator = torch.Generator().manual_seed(seed)
    ways = [
        Colors(
            torch.randn(count, 2, 3, 4, generator=generator), torch.rand(count, 1, 3, 4, generator=generator).round()
        )
        for _ in range(2)
    ]
    ab, confidence = blend(*ways)
    assert torch.allclose(ab[0], ways[0].ab[0], atol=1e-6)
    assert torch.allclose(ab[-1], ways[1].ab[-1], atol=1e-6)
    assert (ab <= torch.maximum(ways[0].ab, ways[1].ab) + 1e-5).all()
    assert (ab >= torch.minimum(ways[0].ab, ways[1].ab) - 1e-5).all()
    assert torch.equal(confidence, torch.maximum(ways[0].confidence, ways[1].confidence))


def test_a_blend_prefers_the_way_that_could_see():
    count = 5
    ones = torch.ones(count, 1, 2, 2)
    forward, backward = Colors(ones.expand(-1, 2, -1, -1), ones), Colors(-ones.expand(-1, 2, -1, -1), ones)
    even = blend(forward, backward).ab[:, 0, 0, 0]
    assert even.tolist() == pytest.approx([1, 0.5, 0, -0.5, -1], abs=1e-6)
    lost = Colors(forward.ab, torch.zeros_like(ones))
    assert blend(lost, backward).ab[1:].max() < -0.98
    assert blend(lost, Colors(backward.ab, lost.confidence)).ab[:, 0, 0, 0].tolist() == pytest.approx(even.tolist())


# ---- the order of legs and keys


@st.composite
def plans(draw):
    count = draw(st.integers(1, 30))
    places = sorted(draw(st.sets(st.integers(0, count - 1), min_size=1)))
    begun = sorted(draw(st.sets(st.sampled_from(places), min_size=1)))
    return places, begun, count


@settings(deadline=None, max_examples=100)
@given(plans())
@example(([0], [0], 1))
@example(([4], [4], 5))
@example(([0, 1, 2, 3], [2], 4))
def test_each_leg_has_a_key_with_colors_when_its_turn_comes(plan):
    places, begun, count = plan
    legs, known, covered = order_legs(places, begun, count), set(begun), Counter()
    for first, last in legs:
        assert known & {first, last}
        known |= {first, last} & set(places)
        assert not [place for place in places if first < place < last]
        covered.update(range(first, last + 1 if last == count - 1 else last))
    assert set(covered) == set(range(count))
    assert set(covered.values()) == {1}


def test_colors_go_out_from_what_is_known_step_by_step():
    assert order_legs([2, 5, 9], [5], 12) == [(2, 5), (5, 9), (0, 2), (9, 11)]


def test_keys_are_added_where_those_that_are_given_leave_too_much():
    frames = shot(12, size=(16, 16))[:1].expand(12, -1, -1, -1)
    assert all_keys(frames, [], 4) == [0, 4, 8]
    assert all_keys(frames, [5], 100) == [5]
    assert all_keys(frames, [0, 4, 8], 4) == [0, 4, 8]
    assert all_keys(frames, [6], 8) == [6]
    keys = all_keys(frames, [6], 4)
    assert 6 in keys
    assert keys == sorted(set(keys))
    assert max(after - before for before, after in zip([-1, *keys], [*keys, 12], strict=True)) <= 4 + 1


# ---- a whole shot


def legs_of(memory):
    """First and last frames and colors of all legs in a memory, in their order."""
    return [(*map(int, name.split()[1:]), memory[name].float()) for name in sorted(memory) if name.startswith("leg ")]


@st.composite
def keyed(draw):
    count = draw(st.integers(1, 12))
    return count, draw(st.sets(st.integers(0, count - 1), max_size=4))


SMALL = 16, 16
TINY = shot(12, size=SMALL)


def assert_whole(frames, places, network=None):
    generator = torch.Generator().manual_seed(len(frames))
    keys = {place: 60 * torch.randn(2, *SMALL, generator=generator) for place in places}
    memory, yielded = run(frames, keys, network)
    legs = legs_of(memory)
    assert [leg[0] for leg in legs] == [0, *(leg[1] + 1 for leg in legs[:-1])]
    assert legs[-1][1] == len(frames) - 1
    assert sum(yielded) == len(frames)
    for first, last, ab in legs:
        assert ab.shape == (last - first + 1, 2, *SMALL)
        assert ab.isfinite().all()
    film = torch.cat([ab for *_, ab in legs])
    for place, ab in keys.items():
        assert torch.allclose(film[place], ab, rtol=2**-10, atol=1e-3)
        assert f"key {place:06d}" in memory
    assert {value.dtype for name, value in memory.items() if name != "keys"} == {torch.float16}


@settings(deadline=None, max_examples=40)
@given(keyed())
@example((1, set()))
@example((1, {0}))
@example((2, set()))
@example((2, {0}))
@example((2, {1}))
@example((2, {0, 1}))
@example((12, set()))
@example((12, {0}))
@example((12, {6}))
@example((12, {11}))
@example((12, {0, 5, 6, 11}))
def test_every_frame_is_colored_once_and_keys_come_back(plan):
    count, places = plan
    assert_whole(TINY[:count], places)


@pytest.mark.parametrize(("count", "places"), [(1, set()), (2, {1}), (7, {3}), (6, {0, 5})])
def test_so_it_is_with_a_network(count, places):
    assert_whole(TINY[:count], places, untrained())


def test_without_keys_the_still_network_colors_the_first_one_alone():
    asked = []

    def answer(lightness):
        asked.append(lightness.clone())
        return by_tone(lightness)

    frames = shot(3, size=SMALL)
    memory, _ = run(frames, {}, still=answer)
    assert [len(part) for part in asked] == [1]
    place = memory["keys"].tolist()[0]
    assert torch.equal(asked[0][0], frames[place])
    assert torch.allclose(color_film(frames, {}, by_tone, None)[place], by_tone(frames[place][None])[0], atol=0.05)


@pytest.mark.parametrize("network", [None, untrained()], ids=["warp", "network"])
def test_a_correction_in_the_middle_reaches_both_ends(network):
    frames = shot(12, size=(32, 32)).roll(3, 0)[:1].expand(12, -1, -1, -1).contiguous()
    first, second = (color_film(frames, {6: flat(ab, (32, 32))}, by_tone, network, 4) for ab in (RED, GREEN))
    change = torch.tensor(GREEN) - torch.tensor(RED)
    moved = (second - first).mean(dim=(2, 3)) / change
    assert moved[6].min() > 0.99
    assert moved.min() > (0.95 if network is None else 0.3)


def test_two_keys_are_mixed_between_them():
    frames = shot(9, size=SMALL)[:1].expand(9, -1, -1, -1).contiguous()
    ab = color_film(frames, {0: flat(RED, SMALL), 8: flat(GREEN, SMALL)}, by_tone, None, longest=20)
    way = (ab.mean(dim=(2, 3)) - torch.tensor(RED)) / (torch.tensor(GREEN) - torch.tensor(RED))
    assert torch.allclose(way, torch.linspace(0, 1, 9)[:, None].expand(-1, 2), atol=0.02)


def test_keys_that_are_chosen_bring_no_jump():
    """They take what arrives there, so nobody can see where they are."""
    frames = shot(12, size=SMALL)[:1].expand(12, -1, -1, -1).contiguous()
    memory, _ = run(frames, {0: flat(RED, SMALL)})
    assert len(memory["keys"]) > 2
    film = torch.cat([ab for *_, ab in legs_of(memory)])
    assert (film - flat(RED, SMALL)).abs().max() < 0.1


@pytest.mark.parametrize("given_key", [0, 11])
def test_a_chosen_key_takes_what_arrives_and_sends_it_back(monkeypatch, given_key):
    carried = []

    class Watched(Leg):
        def carry(self, ab, network, backward=False):
            colors = super().carry(ab, network, backward)
            carried.append((backward, ab, colors.ab))
            return colors

    monkeypatch.setattr(propagation, "Leg", Watched)
    memory, _ = run(TINY, {given_key: by_tone(TINY[given_key][None])[0]})
    starts = [[ab for backward, ab, _ in carried if backward == way] for way in (False, True)]
    between = len(memory["keys"]) - 1
    assert between > 1
    assert min(len(part) for part in starts) >= between  # each leg between two keys is colored from both
    for outward, returned in zip(carried[::2], carried[1::2], strict=False):
        if outward[0] != returned[0]:
            assert torch.equal(returned[1], outward[2][0 if outward[0] else -1])


def test_no_color_crosses_a_cut():
    size = 64, 96
    film = torch.cat([shot(4, 1, size), shot(5, 2, size)])
    ends = [*find_cuts(film), len(film)]
    assert ends == [0, 4, 9]
    for network in (None, untrained(NOTHING_ALIKE)):
        for hue, part in ((RED, film[:4]), (GREEN, film[4:])):
            alone = color_film(part, {1: flat(hue, size)}, partial(all_of_it, hue), network)
            assert (alone - flat(hue, size)).abs().max() < 0.1
    together = color_film(film, {1: flat(RED, size)}, still, None)
    assert (together[4:] - flat(GREEN, size)).abs().mean() > 10  # as one shot, red goes on
