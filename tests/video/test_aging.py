"""Old film, simulated: each part does what it says, as strongly as it says, and nothing else."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter, label

from course_lib.color import PictureError
from course_lib.video import aging
from course_lib.video.aging import age

OFF = {"grain": 0, "flicker": 0, "scratches": 0, "dust": 0, "blur": 0, "fading": 0}
strengths = st.fixed_dictionaries({name: st.floats(0, 1 if name == "fading" else 8) for name in OFF})


def flat(frames=30, height=48, width=64, value=50.0):
    return torch.full((frames, 1, height, width), value)


def only(lightness, seed=0, **strength):
    return age(lightness, seed, **{**OFF, **strength})


def picture(frames=1):
    generator = torch.Generator().manual_seed(4)
    return 100 * torch.rand(1, 1, 40, 52, generator=generator).expand(frames, -1, -1, -1)


# ---- what holds for all


@settings(deadline=None, max_examples=40)
@given(
    strengths,
    st.integers(0, 1000),
    st.integers(1, 6),
    st.integers(1, 20),
    st.integers(1, 20),
    st.floats(0, 100, width=32),
)
def test_any_film_keeps_its_shape_and_range(strength, seed, frames, height, width, value):
    lightness = flat(frames, height, width, value)
    before = lightness.clone()
    aged = age(lightness, seed, **strength)
    assert aged.shape == lightness.shape
    assert aged.dtype == torch.float32
    assert 0 <= aged.min() <= aged.max() <= 100
    assert torch.equal(aged, age(lightness, seed, **strength))
    assert torch.equal(lightness, before)


def test_with_everything_off_the_film_comes_back():
    film = picture(3)
    assert torch.equal(age(film, **OFF), film)


@pytest.mark.parametrize("name", OFF)
def test_each_part_can_be_on_alone_and_off_alone(name):
    film = picture(40)
    strength = 0.5 if name == "fading" else 3.0
    alone = only(film, **{name: strength})
    assert not torch.equal(alone, film)
    assert not torch.equal(age(film, 0), age(film, 0, **{name: 0}))


def test_another_seed_is_another_film_and_parts_do_not_share_numbers():
    film = flat()
    assert not torch.equal(age(film, 1), age(film, 2))
    both, grain = only(film, 5, grain=3, fading=1), only(film, 5, grain=3)
    assert torch.equal(both, grain)  # at 50 nothing fades: the grain is the same with other parts on


def test_no_two_parts_are_drawn_from_the_same_numbers(monkeypatch):
    seeds = []
    for name in ("_flicker", "_spots", "_scratch", "_grain"):
        original = getattr(aging, name)
        monkeypatch.setattr(
            aging,
            name,
            lambda what, strength, draw, do=original: seeds.append(draw.initial_seed()) or do(what, strength, draw),
        )
    for seed in range(3):
        age(flat(2), seed)
    assert len(set(seeds)) == len(seeds) == 12


def test_a_still_ages_too():
    assert age(picture(1), 3).shape == (1, 1, 40, 52)
    assert (age(picture(1), 3) - picture(1)).abs().mean() > 2


# ---- grain


def test_grain_has_its_strength_and_is_new_in_every_frame():
    for strength in (2.0, 5.0):
        noise = only(flat(40), grain=strength) - 50
        assert noise.std().item() == pytest.approx(strength, rel=0.02)
        assert noise.mean().abs() < 0.05
        across = (noise[1:] * noise[:-1]).mean() / noise.var()
        assert across.abs() < 0.02
        # as strong at the border as inside
        assert noise[:, :, 0].std().item() == pytest.approx(strength, rel=0.06)
        assert noise[..., -1].std().item() == pytest.approx(strength, rel=0.06)


def test_grain_is_alike_in_neighbors_only():
    noise = only(flat(40), grain=4) - 50

    def correlation(a, b):
        return (a * b).mean().item() / noise.var().item()

    assert correlation(noise[..., 1:], noise[..., :-1]) == pytest.approx(0.45, abs=0.03)
    assert correlation(noise[:, :, 1:], noise[:, :, :-1]) == pytest.approx(0.45, abs=0.03)
    assert abs(correlation(noise[..., 3:], noise[..., :-3])) < 0.03


# ---- flicker


def test_flicker_is_the_same_over_a_frame_and_has_its_strength():
    levels = []
    for seed in range(60):
        aged = only(flat(40, 8, 8), seed, flicker=4)
        assert (aged.amax(dim=(1, 2, 3)) - aged.amin(dim=(1, 2, 3))).max() < 1e-4
        levels.append(aged[:, 0, 0, 0] - 50)
    levels = torch.stack(levels)
    assert levels.std().item() == pytest.approx(4, rel=0.1)
    assert levels[:, 0].std().item() == pytest.approx(levels[:, 30].std().item(), rel=0.5)

    def correlation(gap):
        return (levels[:, gap:] * levels[:, :-gap]).mean().item() / levels.var().item()

    assert correlation(1) == pytest.approx(0.5 * math.exp(-1 / 12), abs=0.1)  # the smooth half
    assert correlation(1) > correlation(12) + 0.1


def test_flicker_is_a_gain_and_an_offset():
    """Dark and light pixels of a frame move differently, along one straight line."""
    film = torch.linspace(20, 80, 64).expand(25, 1, 4, 64)
    aged = only(film, 3, flicker=3)
    slopes = []
    for frame, old in zip(aged[:, 0, 0].numpy(), film[:, 0, 0].numpy(), strict=True):
        slope, offset = np.polyfit(old, frame, 1)
        assert np.abs(slope * old + offset - frame).max() < 1e-3
        slopes.append(slope)
    assert np.std(slopes) == pytest.approx(3 / 50 / math.sqrt(2), rel=0.4)


# ---- scratches


def test_scratches_are_lines_that_stay_for_some_frames():
    runs, present, darker = [], [], 0
    for seed in range(30):
        change = only(flat(80, 10, 200), seed, scratches=0.4) - 50
        assert (change == change[:, :, :1]).all()  # from the top to the bottom
        there = change[:, 0, 0].abs() > 3
        parts, count = label(
            torch.nn.functional.max_pool1d(there.float(), 9, 1, 4).numpy() > 0, structure=np.ones((3, 3))
        )
        for part in range(1, count + 1):
            rows, columns = np.nonzero(parts == part)
            if columns.min() < 6 or columns.max() > 193:
                continue  # it may tremble out of the picture
            runs.append((rows.min(), rows.max(), columns.max() - columns.min()))
            darker += change[rows, 0, 0, columns].mean().item() < 0
        present.append(there.any(dim=1).float().mean().item())
    assert np.mean(present) == pytest.approx(1 - math.exp(-0.4), abs=0.1)
    whole = [last - first + 1 for first, last, _ in runs if first > 0 and last < 79]
    assert min(whole) >= 5
    assert 15 < np.mean(whole) < 32
    assert 0.1 < darker / len(runs) < 0.42
    assert np.median([spread for _, _, spread in runs]) < 16  # they tremble, and do not wander


def test_scratches_tremble_and_are_of_the_stated_depth():
    change = only(flat(200, 4, 300), 8, scratches=0.3) - 50
    assert 8 < change.abs().max() < 52
    places = []
    for frame in change[:, 0, 0].abs():
        alone = label((frame > 0).numpy())[1] == 1
        places.append((frame * torch.arange(300)).sum() / frame.sum() if alone else torch.tensor(math.nan))
    steps = torch.stack(places).diff()
    steps = steps[steps.abs() < 5]
    assert len(steps) > 15
    assert steps.std().item() == pytest.approx(0.6 * math.sqrt(2), rel=0.4)


def test_as_many_scratches_as_asked_for():
    width, lines = 4000, []
    for seed in range(30):
        change = only(flat(50, 1, width), seed, scratches=5)[:, 0, 0] - 50
        lines += [label((row.abs() > 2).numpy())[1] for row in change]
    assert np.mean(lines) == pytest.approx(5, rel=0.12)
    assert np.mean(lines[::50]) == pytest.approx(5, abs=1.5)  # in the first frame as in the others


# ---- dust


def test_dust_lasts_one_frame():
    change = only(flat(60, 60, 80), 2, dust=2) - 50
    spots = [label((frame[0].abs() > 1).numpy())[1] for frame in change]
    assert np.mean(spots) == pytest.approx(2, abs=0.6)
    both = (change[1:].abs() > 1) & (change[:-1].abs() > 1)
    assert both.float().mean() < 0.001  # two spots at one place by chance
    assert 15 < change.abs().max() < 90
    assert (change > 1).any()
    assert (change < -1).any()


def test_a_spot_at_the_border_is_no_deeper_than_others():
    for seed in range(200):
        change = (only(flat(1, 100, 100), seed, dust=0.8) - 50).abs()
        assert change.max() < 45.01 or label((change[0, 0] > 0).numpy())[1] > 1


def test_dust_is_round_and_small():
    areas = []
    for seed in range(40):
        change = (only(flat(1, 200, 200), seed, dust=1) - 50).abs()[0, 0] > 7
        parts, count = label(change.numpy())
        for part in range(1, count + 1):
            rows, columns = np.nonzero(parts == part)
            inside = rows.min() > 0 and rows.max() < 199 and columns.min() > 0 and columns.max() < 199
            if inside and count == 1:
                assert abs(np.ptp(rows) - np.ptp(columns)) <= 2
                areas.append(len(rows))
    assert math.pi * (0.008 * 200 - 1) ** 2 < min(areas)
    assert max(areas) < math.pi * (0.03 * 200 + 1.5) ** 2


# ---- blur and fading


def test_blur_is_a_gaussian():
    film = picture(2)
    expected = gaussian_filter(film[0, 0].numpy(), 1.5, mode="nearest", truncate=3.4)
    assert np.allclose(only(film, blur=1.5)[0, 0].numpy(), expected, atol=0.2)
    assert torch.allclose(only(flat(), blur=2.5), flat(), atol=1e-3)


def test_fading_takes_contrast():
    film = picture(2)
    assert torch.allclose(only(film, fading=0.3), 50 + 0.7 * (film - 50), atol=1e-4)
    assert torch.allclose(only(film, fading=1), torch.full_like(film, 50), atol=1e-4)


# ---- what is refused


@pytest.mark.parametrize(
    ("lightness", "strength", "message"),
    [
        (torch.zeros(3, 3, 8, 8), {}, r"\(T, 1, H, W\), got \(3, 3, 8, 8\)"),
        (torch.zeros(3, 8, 8), {}, r"got \(3, 8, 8\)"),
        (torch.zeros(0, 1, 8, 8), {}, r"got \(0, 1, 8, 8\)"),
        (np.zeros((3, 1, 8, 8)), {}, "got ndarray"),
        (torch.full((1, 1, 8, 8), 101.0), {}, r"\[0, 100\]"),
        (torch.full((1, 1, 8, 8), math.nan), {}, "without NaN"),
        (torch.zeros(1, 1, 8, 8), {"grain": -1}, "grain is -1: it must be 0 or more"),
        (torch.zeros(1, 1, 8, 8), {"dust": math.inf}, "dust is inf"),
        (torch.zeros(1, 1, 8, 8), {"fading": 1.5}, "fading is 1.5: it must be from 0 to 1"),
        (torch.zeros(1, 1, 8, 8), {"blur": math.nan}, "blur is nan"),
    ],
)
def test_what_cannot_age_is_refused(lightness, strength, message):
    with pytest.raises(PictureError, match=message):
        age(lightness, **strength)
