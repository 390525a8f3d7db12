"""Films of photographs: they begin where the photograph stands, and both photographs can be seen."""

import pytest
import torch

from course_lib.data import moving_stills
from course_lib.data.moving_stills import film_of_stills

SIDE = 40


def photographs(size=56, seed=0):
    """A bluish one and a reddish one, with texture."""
    noise = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(seed))
    tint = torch.tensor([[0.1, 0.2, 0.6], [0.6, 0.2, 0.1]])[:, :, None, None]
    return tint + 0.3 * noise


def made(frames=6, side=SIDE, seed=1, **options):
    return film_of_stills(*photographs(), frames, side, torch.Generator().manual_seed(seed), **options)


@pytest.fixture
def even_light(monkeypatch):
    """No change of exposure from frame to frame."""
    monkeypatch.setattr(moving_stills, "EXPOSURE", 0.0)


def crop(picture, side=SIDE):
    start = (picture.shape[-1] - side) // 2
    return picture[:, start : start + side, start : start + side]


@pytest.mark.parametrize(("frames", "side"), [(1, 16), (3, 33), (24, 40)])
def test_shape_and_range(frames, side):
    film = made(frames, side)
    assert film.shape == (frames, 3, side, side)
    assert film.dtype == torch.float32
    assert film.min() >= 0
    assert film.max() <= 1
    assert film.std() > 0.05


def test_a_seed_says_all():
    assert torch.equal(made(), made())
    assert not torch.equal(made(), made(seed=2))


@pytest.mark.parametrize("seed", range(3))
def test_it_begins_with_the_middle_of_the_photograph(even_light, seed):
    """Pixels keep their size, and at first nothing has moved or turned."""
    behind, before = photographs()
    assert torch.allclose(made(2, seed=seed, opacity=0.0)[0], crop(behind), atol=1e-4)
    # Each pixel lies between the two photographs, and somewhere it is the one, somewhere the other.
    far, near = made(2, seed=seed)[0] - crop(behind), crop(before) - crop(behind)
    share = (far * near).sum(dim=0) / near.square().sum(dim=0)
    assert torch.allclose(far, share * near, atol=1e-4)
    assert share.min() < 0.01
    assert share.max() > 0.9
    assert 0.02 < (share > 0.5).float().mean() < 0.8


@pytest.mark.parametrize("seed", range(4))
def test_both_photographs_are_seen_for_some_time(seed):
    red = film_of_stills(*photographs(135), 8, 96, torch.Generator().manual_seed(seed)).permute(1, 0, 2, 3)
    is_red = (red[0] > red[2]).flatten(1).float().mean(dim=1)
    assert is_red.min() > 0.02
    assert is_red.max() < 0.9


def test_what_is_in_front_may_let_the_other_shine_through(even_light):
    behind, solid, smoke = (made(4, opacity=opacity) for opacity in (0.0, 1.0, 0.4))
    assert torch.allclose(smoke, torch.lerp(behind, solid, 0.4), atol=1e-5)
    assert (behind - solid).abs().max() > 0.3


def test_the_two_move_on_their_own_ways(even_light):
    behind = made(12, opacity=0.0)
    steps = (behind[1:] - behind[:-1]).abs().mean(dim=(1, 2, 3))
    assert steps.min() > 1e-3
    solid = made(12)
    front = (solid - behind).abs().amax(dim=1) > 0.2
    places = torch.stack([frame.nonzero().float().mean(dim=0) for frame in front])
    assert (places[-1] - places[0]).norm() > 1


def shift_of(journey):
    return journey[:, :, 2]


@pytest.mark.parametrize("seed", range(4))
def test_a_journey_is_smooth_and_of_the_speed_that_was_asked_for(seed):
    journey = moving_stills._journey(40, 2.0, torch.Generator().manual_seed(seed))
    assert journey.shape == (40, 2, 3)
    assert torch.allclose(journey[0], torch.eye(2, 3), atol=1e-6)
    steps = shift_of(journey).diff(dim=0)
    assert steps.diff(dim=0).abs().max() < 0.6  # pixels: no jerk
    assert 0.05 < steps.norm(dim=1).mean() < 12
    scale = torch.linalg.det(journey[:, :, :2]).sqrt()
    assert torch.allclose(journey[:, 0, 0], journey[:, 1, 1])
    assert torch.allclose(journey[:, 0, 1], -journey[:, 1, 0])
    assert 0.5 < scale.min() <= scale.max() < 2
    assert scale.std() > 1e-3


def test_a_journey_is_in_pixels(monkeypatch, even_light):
    """A shift of the camera by two pixels shows what is two pixels further to the right, three further down."""
    still = torch.eye(2, 3).repeat(2, 1, 1)
    still[1, :, 2] = torch.tensor([2.0, 3.0])
    monkeypatch.setattr(moving_stills, "_journey", lambda *_: still)
    behind, _ = photographs()
    film = made(2, opacity=0.0)
    assert torch.allclose(film[0], crop(behind), atol=1e-4)
    assert torch.allclose(film[1], crop(behind.roll((-3, -2), (1, 2))), atol=1e-4)


def test_two_journeys_of_which_the_nearer_is_the_faster_one(monkeypatch):
    asked, original = [], moving_stills._journey

    def watch(frames, fastest, generator):
        asked.append(fastest)
        return original(frames, fastest, generator)

    monkeypatch.setattr(moving_stills, "_journey", watch)
    made()
    assert asked == [moving_stills.FASTEST / 2, moving_stills.FASTEST]  # what is in front moves with its shape


def test_beyond_its_border_a_photograph_is_mirrored(monkeypatch):
    far = torch.eye(2, 3).repeat(2, 1, 1)
    far[1, :, 2] = 30.0
    monkeypatch.setattr(moving_stills, "_journey", lambda *_: far)
    assert made(2).min() > 0.05


def test_too_much_light_is_cut_off():
    white = torch.ones(3, 30, 30)
    film = film_of_stills(white, white, 20, 20, torch.Generator().manual_seed(0))
    assert film.max() == 1
    assert film.min() < 1


def test_exposure_changes_from_frame_to_frame():
    film = made(30, opacity=0.0, seed=5)
    means = film.mean(dim=(1, 2, 3))
    changes = means.diff() / means[:-1]
    assert 0.01 < changes.std() < 0.06
