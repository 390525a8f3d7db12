"""Shots whose coloring is stopped anywhere and begun again: the result is the same, and what was there is not computed again."""

import pytest
import torch

from course_lib.video import propagation
from course_lib.video.propagation import Leg, color_shot
from tests.video.shots import by_tone, run, shot

SMALL = 16, 16
TINY = shot(12, size=SMALL)


@pytest.fixture
def made_legs(monkeypatch):
    """The lengths of all legs that are computed."""
    lengths = []

    class Counted(Leg):
        def __init__(self, lightness, still):
            lengths.append(len(lightness))
            super().__init__(lightness, still)

    monkeypatch.setattr(propagation, "Leg", Counted)
    return lengths


def assert_same(one, other):
    assert sorted(one) == sorted(other)
    assert all(torch.equal(one[name], other[name]) for name in one)


PLACES = [set(), {0}, {5}, {11}, {2, 9}]


@pytest.mark.parametrize("places", PLACES, ids=str)
def test_a_run_that_stops_after_each_leg_ends_as_if_it_had_not(places, made_legs):
    keys = {place: by_tone(TINY[place : place + 1])[0] + place for place in places}
    whole, yielded = run(TINY, keys)
    made, memory, pieces = list(made_legs), {}, []
    made_legs.clear()
    while len(pieces) < len(yielded):
        going = color_shot(TINY, keys, by_tone, None, memory, 4)
        pieces.append([next(going) for _ in range(len(pieces) + 1)][-1])
        going.close()
    assert pieces == yielded
    assert made_legs == made
    assert_same(memory, whole)
    assert list(color_shot(TINY, keys, by_tone, None, memory, 4)) == yielded
    assert made_legs == made


def test_keys_are_chosen_once(monkeypatch):
    whole, yielded = run(TINY, {})
    monkeypatch.setattr(propagation, "hidden_shares", lambda *_: pytest.fail("the keys were chosen again"))
    assert run(TINY, {}, memory=dict(whole))[1] == yielded


class Killed(dict):
    """A memory that lets a run die when it has been written to so often."""

    left = 0

    def __setitem__(self, name, value):
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        super().__setitem__(name, value)


@pytest.mark.parametrize("places", PLACES, ids=str)
def test_a_run_that_is_killed_at_any_write_goes_on(places, monkeypatch):
    turned, seen = torch.full((2, *SMALL), 0.4), torch.ones(1, *SMALL)
    faked = turned, -turned, seen, seen  # faster, and frames are no less different
    monkeypatch.setattr(propagation, "estimate_both", lambda *_: faked)
    keys = {place: by_tone(TINY[place : place + 1])[0] + place for place in places}
    whole, _ = run(TINY, keys)
    for writes in range(1, len(whole) + 3):
        memory = Killed()
        memory.left = writes
        try:
            run(TINY, keys, memory=memory)
        except KeyboardInterrupt:
            memory.left = 100
            run(TINY, keys, memory=memory)
        assert_same(memory, whole)
