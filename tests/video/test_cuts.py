"""Cuts: found at the frame with which a shot begins, and none where things move or the light changes."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from course_lib.data.moving import moving_petals
from course_lib.video.cuts import FOLLOWED, CutFinder, find_cuts, followed
from tests.video.films import moving

SIZE = 128, 160  # as films are looked at


def shot(count=5, seed=0, size=SIZE):
    """Soft noise that moves a pixel in each frame, (count, 1, H, W), L."""
    noise = np.random.default_rng(seed).standard_normal((size[0], size[1] + count))
    smooth = torch.from_numpy(gaussian_filter(noise, 2.5)).float()
    wide = (50 + 18 * smooth / smooth.std()).clamp(0, 100)
    return torch.stack([wide[None, :, step : step + size[1]] for step in range(count)])


@pytest.mark.parametrize("lengths", [(4, 5), (1, 6), (6, 1), (3, 1, 4)])
def test_a_cut_is_found_at_the_frame_with_which_a_shot_begins(lengths):
    film = torch.cat([shot(count, seed) for seed, count in enumerate(lengths)])
    starts = torch.tensor([0, *lengths]).cumsum(0)[:-1].tolist()
    assert find_cuts(film) == starts


def test_cuts_between_meadows():
    films = [moving_petals(4, size=128, seed=seed).lightness for seed in (0, 1, 5)]
    assert find_cuts(torch.cat(films)) == [0, 4, 8]


@pytest.mark.parametrize("speed", [0.5, 1, 2, 3])
def test_moving_petals_are_one_shot(speed):
    assert find_cuts(moving_petals(8, size=96, seed=7, speed=speed).lightness) == [0]


@pytest.mark.parametrize("seed", [0, 1])
def test_a_pan_is_one_shot(seed):
    assert find_cuts(shot(8, seed)) == [0]


def test_a_flash_is_no_cut():
    film = shot(6)
    film[3] = (0.5 * film[3] + 45).clamp(0, 100)
    film[4] = 0.6 * film[4]
    assert find_cuts(film) == [0]


def test_flicker_of_exposure_is_no_cut():
    film = shot(8)
    gain = 1 + 0.25 * torch.randn(8, 1, 1, 1, generator=torch.Generator().manual_seed(3))
    assert find_cuts((film * gain).clamp(0, 100)) == [0]
    assert find_cuts(torch.cat([film[:4] * 0.5, shot(4, seed=9) * 0.9])) == [0, 4]


def test_dark_and_faded_shots_have_cuts_too():
    faded = [0.2 * part + 20 for part in (shot(4, 1), shot(4, 2))]
    assert find_cuts(torch.cat(faded)) == [0, 4]


def test_grain_is_no_cut():
    film = shot(6) + 3 * torch.randn(6, 1, *SIZE, generator=torch.Generator().manual_seed(2))
    assert find_cuts(film.clamp(0, 100)) == [0]


def test_a_still_is_one_shot():
    assert find_cuts(shot(1).expand(5, -1, -1, -1)) == [0]


@pytest.mark.parametrize("level", [0.0, 20.0, 100.0])
@pytest.mark.parametrize("grain", [0.0, 0.3, 1.5])
def test_leader_is_one_shot_and_ends_where_a_picture_begins(level, grain):
    """Flat frames have no contrast, and so nothing to divide by, and grain that cannot be followed."""
    noise = torch.randn(9, 1, *SIZE, generator=torch.Generator().manual_seed(0))
    leader = (level + grain * noise).clamp(0, 100)
    assert find_cuts(leader) == [0]
    assert find_cuts(torch.cat([leader[:4], shot(3), leader[4:]])) == [0, 4, 7]


def test_a_black_frame_between_two_shots_hides_no_cut():
    """What is black has the place of everything: a flow through it would join any two pictures."""
    assert find_cuts(torch.cat([shot(3, 1), torch.zeros(1, 1, *SIZE), shot(3, 2)])) == [0, 3, 4]


def test_a_film_of_one_frame_or_none():
    assert find_cuts(shot(1)) == [0]
    assert find_cuts(shot(1)[:0]) == []


def test_frame_by_frame_is_the_same():
    film = torch.cat([shot(3, 1), shot(4, 2), shot(1, 3), shot(2, 4)])
    finder = CutFinder()
    answers = [finder.add(frame) for frame in film]
    assert all(isinstance(answer, bool) for answer in answers)
    assert [number for number, answer in enumerate(answers) if answer] == find_cuts(film) == [0, 3, 7, 8]


def test_only_the_frame_before_is_kept():
    finder, film = CutFinder(), shot(5)
    for frame in film:
        finder.add(frame)
        assert sum(value.numel() for value in vars(finder).values() if isinstance(value, torch.Tensor)) <= frame.numel()


def test_the_share_that_can_be_followed():
    one, two, other = shot(2)[0], shot(2)[1], shot(1, seed=5)[0]
    assert followed(one, one) > 0.99
    assert followed(one, two) > 0.9
    assert followed(one, other) < FOLLOWED
    half = torch.cat([two[..., :80], other[..., 80:]], dim=-1)
    assert 0.4 < followed(one, half) < 0.75


@pytest.mark.parametrize("seed", range(3))
def test_smooth_pictures_without_much_to_follow(seed):
    """Hardly any texture: what moves slowly is one shot all the same."""
    light = 100 * moving(6, (64, 96), seed, grain=24).mean(dim=1, keepdim=True)
    assert find_cuts(light) == [0]
