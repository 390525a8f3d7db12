"""What is drawn to learn from: stretches in both directions, mirrored, turned and cut, whose flows still lead to the key."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib import color
from course_lib.data.moving import moving_petals
from course_lib.training import film_samples
from course_lib.training.film_samples import REHEARSED, STEPS, draw_stretches, prepare_film
from course_lib.video.flow import estimate_both, warp
from tests.training.film_data import by_tone, no_checkpoint, sliding

SIDE = 24


def draw(films, seed=0, count=3, side=SIDE, **options):
    return draw_stretches(films, count, side, torch.Generator().manual_seed(seed), **options)


@pytest.fixture
def plain(monkeypatch):
    """No hues are turned, and no flow is taken away."""
    monkeypatch.setattr(film_samples, "TURNED", 0.0)
    monkeypatch.setattr(film_samples, "BLIND", 0.0)


# ---- preparing


def test_a_film_is_prepared(monkeypatch):
    no_checkpoint(monkeypatch)
    rgb = moving_petals(4, 32, seed=3).rgb
    film, coarse = prepare_film(rgb), prepare_film(rgb, 2)
    lab = color.rgb_to_lab(rgb)
    assert len(film) == 4
    l, ab = color.normalize(lab)  # noqa: E741 - l is the symbol of the field
    assert torch.equal(film.l, l.half())
    assert torch.equal(film.ab, ab.half())
    assert film.back.shape == film.ahead.shape == (3, 2, 32, 32)
    for place in range(3):
        found = [part[place] for part in (film.back, film.ahead, film.seen_back, film.seen_ahead)]
        for part, right in zip(found, estimate_both(lab[place, :1], lab[place + 1, :1]), strict=True):
            assert torch.allclose(part.float(), right, rtol=2**-10, atol=1e-3)
    assert film.seen_back.dtype == film.seen_ahead.dtype == torch.bool
    assert torch.allclose(film.still.float(), by_tone(lab[:, :1]) / color.AB_SCALE, atol=1e-3)
    assert coarse.still.shape == (4, 2, 16, 16)
    assert torch.allclose(coarse.still.float(), torch.nn.functional.avg_pool2d(film.still.float(), 2), atol=2e-3)


# ---- shapes


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.integers(1, 4), st.sampled_from([8, 16, 24, 40]))
def test_shapes_and_lengths(seed, count, side):
    drawn = draw([sliding(20), sliding(6, seed=1)], seed, count, side)
    steps = len(drawn.l)
    assert STEPS <= steps <= REHEARSED + STEPS
    for part, channels in ((drawn.l, 1), (drawn.ab, 2), (drawn.still, 2), (drawn.flow, 2), (drawn.seen, 1)):
        assert part.shape == (steps, count, channels, side, side)
        assert part.dtype == torch.float32
    assert drawn.key.l.shape == drawn.known.l.shape == (count, 1, side, side)
    assert drawn.key.ab.shape == drawn.known.ab.shape == drawn.known.chain.shape == (count, 2, side, side)
    assert set(drawn.seen.unique().tolist()) <= {0.0, 1.0}


def test_a_generator_says_all():
    films = [sliding(20)]
    one, same, other = draw(films, 5), draw(films, 5), draw(films, 6)
    for part in ("l", "ab", "flow", "seen", "still"):
        assert torch.equal(getattr(one, part), getattr(same, part))
    assert one.l.shape != other.l.shape or not torch.equal(one.l, other.l)


def test_stretches_are_no_longer_than_the_films_or_what_is_asked_for(monkeypatch):
    lengths = []
    original = film_samples._cut

    def watch(film, far, side, generator):
        lengths.append((len(film), far))
        return original(film, far, side, generator)

    monkeypatch.setattr(film_samples, "_cut", watch)
    films = [sliding(30, (24, 24), 1, 1), sliding(8, (24, 24))]
    for seed in range(60):
        draw(films, seed, count=2)
    assert all(far < length for length, far in lengths)
    assert {far for _, far in lengths} >= {3, 4, 5, 6}
    assert max(far for _, far in lengths) > 20
    assert {length for length, far in lengths if far < 8} == {8, 30}
    lengths.clear()
    for seed in range(40):
        draw(films, seed, count=1, farthest=5)
    assert {far for _, far in lengths} == {3, 4, 5}


def test_short_films_are_learned_from_too():
    assert len(draw([sliding(3)]).l) == 2
    assert len(draw([sliding(4)]).l) == 3


# ---- what belongs together


def where_inside(flow, seen):
    """Where a flow is trusted and leads to a place inside of what is cut out: (B, 1, H, W)."""
    height, width = flow.shape[-2:]
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    x, y = x + flow[:, 0], y + flow[:, 1]
    return seen * ((x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1))[:, None]


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000))
def test_each_frame_is_the_one_before_moved_along_the_flow(seed):
    """Mirrored or not, forward or backward, cut anywhere: flows, frames and colors stay together."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(film_samples, "BLIND", 0.0)
        drawn = draw([sliding(20), sliding(9, seed=1)], seed)
    for step in range(len(drawn.l)):
        known_l = drawn.known.l if step == 0 else drawn.l[step - 1]
        good = where_inside(drawn.flow[step], drawn.seen[step])
        assert good.mean() > 0.7
        assert ((warp(known_l, drawn.flow[step]) - drawn.l[step]).abs() * good).max() < 2e-3
        if step:
            assert ((warp(drawn.ab[step - 1], drawn.flow[step]) - drawn.ab[step]).abs() * good).max() < 2e-3
            assert ((warp(drawn.still[step - 1], drawn.flow[step]) - drawn.still[step]).abs() * good).max() < 2e-3


@pytest.mark.parametrize("seed", range(12))
def test_what_is_known_before_the_first_frame_is_the_key_moved_there(plain, seed):
    drawn = draw([sliding(30, dx=1, dy=0)], seed, farthest=16)
    known = drawn.known
    sure = known.unbroken * where_inside(known.chain, known.unbroken) > 0.999
    assert sure.float().mean() > 0.2
    for part, moved in ((drawn.key.l, known.l), (drawn.key.ab, known.ab)):
        assert ((warp(part, known.chain) - moved).abs() * sure).max() < 2e-3
    assert ((known.confidence - known.unbroken).abs()).max() < 1e-5


def test_all_directions_are_drawn(plain):
    """Forward and backward, mirrored or not: four flows. The masks follow them."""
    found = set()
    for seed in range(40):
        drawn = draw([sliding(8, (24, 24))], seed, count=1)
        flow = drawn.flow[0, 0, :, 0, 0]
        found.add(tuple(flow.tolist()))
        assert (drawn.flow == flow[:, None, None]).all()
        dx, dy = flow.long().tolist()
        seen = drawn.seen[0, 0, 0]
        assert not (seen[:, 0] if dx < 0 else seen[:, -1]).any()
        assert not (seen[0] if dy < 0 else seen[-1]).any()
        assert seen[1:-1, 2:-2].all()
    assert found == {(-2.0, -1.0), (2.0, 1.0), (2.0, -1.0), (-2.0, 1.0)}


def numbered(frames=10, size=(16, 16)):
    """A film that carries its own numbers: frame t in l, and in dy and the mask of each flow the frame that it belongs to."""
    film, number = sliding(frames, size), torch.arange(float(frames))[:, None, None, None]
    film.l, film.still = number.expand(-1, 1, *size), number.expand(-1, 2, *size)
    film.back = (100 + number[1:]).expand(-1, 2, *size)
    film.ahead = (200 + number[:-1]).expand(-1, 2, *size)
    film.seen_back = (number[1:] % 2 == 0).expand(-1, 1, *size)
    film.seen_ahead = (number[:-1] % 2 == 0).expand(-1, 1, *size)
    return film


def test_flows_masks_and_frames_stay_in_step(plain, monkeypatch):
    film, starts, lengths, skipped = numbered(30), set(), set(), []
    monkeypatch.setattr(film_samples, "warp_on", lambda key, known, l, flow, seen: known)  # noqa: E741
    for seed in range(60):
        drawn = draw([film], seed, count=1, side=16)
        numbers = [part[:, 0, -1, 0, 0] for part in (drawn.l, drawn.still, drawn.flow, drawn.seen)]
        frames, still, flow, seen = (part.tolist() for part in numbers)
        lengths.add(len(frames))
        step = 1 if flow[0] < 200 else -1
        key = int(drawn.key.l.mean())
        starts.add((step, key))
        skipped.append(abs(frames[0] - key) > 1 and len(frames) < REHEARSED + STEPS)
        assert torch.equal(numbers[0].diff(), torch.full((len(frames) - 1,), float(step)))
        assert still == frames
        assert flow == [frame + (100 if step == 1 else 200) for frame in frames]
        assert seen == [float(frame % 2 == 0) for frame in frames]
    for way in (1, -1):
        assert len({key for step, key in starts if step == way}) > 6
    assert lengths >= set(range(STEPS, 9))
    assert sum(skipped) > 5  # the flow alone carried the colors up to there


def test_stretches_are_cut_anywhere(plain):
    film = sliding(4, (40, 48), dx=0, dy=0)
    film.l = torch.arange(40 * 48).view(1, 1, 40, 48).expand(4, -1, -1, -1) / 2048
    corners = {int(draw([film], seed, count=1).l[0].min() * 2048) for seed in range(60)}
    assert corners == {48 * top + left for top in (0, 8, 16) for left in (0, 8, 16, 24)}


# ---- hues and blindness


def test_hues_are_turned_and_chroma_stays(monkeypatch):
    monkeypatch.setattr(film_samples, "BLIND", 0.0)
    films, turned = [sliding(6, (24, 24))], 0
    for seed in range(20):
        with monkeypatch.context() as patch:
            patch.setattr(film_samples, "_turn", lambda ab, still, angle: (ab, still))
            plain = draw(films, seed, count=1)
        drawn = draw(films, seed, count=1)
        assert torch.equal(drawn.l, plain.l)
        assert torch.equal(drawn.flow, plain.flow)
        angles = []
        for part in ("ab", "still"):
            before, after = getattr(plain, part), getattr(drawn, part)
            assert torch.allclose(before.norm(dim=2), after.norm(dim=2), atol=1e-4)
            turn = torch.atan2(after[:, :, 1], after[:, :, 0]) - torch.atan2(before[:, :, 1], before[:, :, 0])
            strong = before.norm(dim=2) > 0.1
            angles.append(torch.stack([turn.cos()[strong].mean(), turn.sin()[strong].mean()]))
            assert angles[-1].norm() > 0.999  # all by one angle
        assert torch.allclose(*angles, atol=1e-2)  # colors and those of the still network by the same
        assert torch.allclose(drawn.key.ab.norm(dim=1), plain.key.ab.norm(dim=1), atol=1e-4)
        turned += not torch.equal(drawn.key.ab, plain.key.ab)
    assert 4 <= turned <= 16


def test_a_turn_is_a_rotation():
    ab = torch.tensor([1.0, 0.0]).view(1, 2, 1, 1)
    turned, still = film_samples._turn(ab, 2 * ab, math.pi / 2)
    assert turned.flatten().tolist() == pytest.approx([0, 1], abs=1e-6)
    assert still.flatten().tolist() == pytest.approx([0, 2], abs=1e-6)


def test_some_stretches_are_learned_from_blindly():
    films = [sliding(6, (24, 24))]
    seen = torch.cat([draw(films, seed, count=4).seen.amax(dim=(0, 2, 3, 4)) for seed in range(40)])
    assert set(seen.tolist()) == {0.0, 1.0}
    assert 0.07 < 1 - seen.mean() < 0.25
