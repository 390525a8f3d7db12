"""Films of still faces, and the rules that make one score of many."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.color import PictureError
from course_lib.data import photo
from course_lib.deepfake.blend import Change, Recipe
from course_lib.deepfake.films import DRIFT, RULES, SLIP, film_of_face, film_score

STRONG = Recipe(change=Change(rgb=(0.3, -0.2, -0.2)))


@pytest.fixture(scope="module")
def face():
    return (photo("astronaut")[:, 45:205, 145:305] * 255).round().to(torch.uint8)


def rng(seed=0):
    return np.random.default_rng(seed)


# ---- films


def test_a_film_has_frames_as_the_network_sees_them(face):
    film = film_of_face(face, 5, rng())
    assert film.shape == (5, 3, 128, 128)
    assert film.dtype == torch.uint8
    assert film.is_contiguous()


def test_the_same_seed_gives_the_same_film(face):
    film = film_of_face(face, 4, rng(3), STRONG)
    assert torch.equal(film, film_of_face(face, 4, rng(3), STRONG))
    assert not torch.equal(film, film_of_face(face, 4, rng(4), STRONG))


def test_floats_and_levels_are_the_same_face(face):
    assert torch.equal(film_of_face(face, 2, rng()), film_of_face(face.float() / 255, 2, rng()))


def test_it_shows_the_face(face):
    film = film_of_face(face, 6, rng(1)).float() / 255
    small = torch.nn.functional.interpolate(face[None].float() / 255, 128, mode="area")
    assert (film - small).abs().mean() < 0.1
    assert torch.corrcoef(torch.stack([film[0].flatten(), small[0].flatten()]))[0, 1] > 0.75
    assert film[0, 0].mean() > film[0, 2].mean() + 0.02  # red skin: the channels are in their places


@pytest.mark.parametrize("side", [40, 128, 160, 300])
def test_faces_of_any_size_keep_their_middle(side):
    spot = torch.zeros(3, side, side)
    spot[:, side * 3 // 8 : side * 5 // 8, side * 3 // 8 : side * 5 // 8] = 1
    film = film_of_face(spot, 12, rng(2))[:, 1].float()
    steps = torch.arange(128) + 0.5
    for weights in (film.sum(1), film.sum(2)):
        middle = (weights * steps).sum(1) / weights.sum(1)
        assert ((middle - 64).abs() <= DRIFT * 128 + 2).all()
        assert 0.3 < middle.std() < 6


def test_it_moves_slowly_and_each_frame_has_its_own_noise(face):
    film = film_of_face(face, 40, rng()).float()
    neighbors = (film[1:] - film[:-1]).abs().mean()
    far = (film[20:] - film[:-20]).abs().mean()
    assert 0.3 < neighbors < far


def test_genuine_frames_are_not_blended(face):
    genuine = film_of_face(face, 6, rng(5))
    half = film_of_face(face, 6, rng(5), STRONG, slice(3, None))
    assert torch.equal(half[:3], genuine[:3])
    differs = (half[3:].float() - genuine[3:].float()).abs()
    assert differs[:, :, 44:84, 44:84].mean() > 20
    assert differs[:, :, :4, :4].mean() < 3
    assert torch.equal(
        film_of_face(face, 6, rng(5), STRONG, [4]), film_of_face(face, 6, rng(5), STRONG, [False] * 4 + [True, False])
    )
    assert torch.equal(film_of_face(face, 6, rng(5), STRONG, slice(0)), genuine)


def test_all_frames_are_manipulated_if_nothing_else_is_said(face):
    genuine, fake = film_of_face(face, 4, rng(5)), film_of_face(face, 4, rng(5), STRONG)
    assert ((fake.float() - genuine.float()).abs().mean(dim=(1, 2, 3)) > 5).all()


def test_where_the_target_is_changed_the_genuine_frames_have_that_change(face):
    """Or the change of the whole picture would say which frames are blended."""
    film = film_of_face(face, 4, rng(5), replace(STRONG, on_source=False), slice(2, None)).float()
    corner = film[:, :, :12, :12].mean(dim=(2, 3))
    assert (corner - corner[0]).abs().max() < 12
    assert (corner[0] - film_of_face(face, 4, rng(5)).float()[0, :, :12, :12].mean(dim=(1, 2)))[0] > 20


def test_the_pasted_face_slips_a_little(face, monkeypatch):
    moves = []

    def keep(frame, recipe):
        moves.append(recipe.move)
        return frame, frame, None

    monkeypatch.setattr("course_lib.deepfake.films.self_blend", keep)
    film_of_face(face, 30, rng(), replace(STRONG, move=(0.1, -0.1)))
    slips = (np.array(moves) - (0.1, -0.1)) * 128
    assert np.abs(slips).max() <= SLIP <= 1
    assert slips.std() > 0.3


def test_noise_and_light_do_not_leave_the_range():
    for level in (0, 255):
        film = film_of_face(torch.full((3, 128, 128), level, dtype=torch.uint8), 3, rng())
        assert (film.float() - level).abs().max() < 60  # levels that leave the range would wrap around


@pytest.mark.parametrize("shape", [(3, 20, 30), (2, 3, 20, 20), (20, 20)])
def test_what_is_no_square_face_is_refused(shape):
    with pytest.raises(PictureError):
        film_of_face(torch.zeros(shape), 2, rng())


def test_a_film_has_frames(face):
    with pytest.raises(PictureError, match="1 or more"):
        film_of_face(face, 0, rng())


# ---- rules


def logit(p):
    return math.log(p / (1 - p))


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("mean", 0.4),
        ("median", -1.0),
        ("max", 6.0),
        ("top quarter", 4.0),  # two of five frames
        ("vote", logit(2.5 / 6)),
        ("mean probability", logit(sum(1 / (1 + math.exp(-s)) for s in (6, 2, -1, -2, -3)) / 5)),
    ],
)
def test_rules_on_known_scores(rule, expected):
    assert film_score([-1.0, 6.0, -3.0, 2.0, -2.0], rule) == pytest.approx(expected, abs=1e-9)


def test_the_mean_is_the_rule_if_none_is_named():
    assert film_score(torch.tensor([1.0, 4.0])) == 2.5
    assert film_score(torch.tensor([1.0, 4.0]), "median") == 2.5


def test_the_rules_are_those_of_the_course():
    assert list(RULES) == ["mean", "median", "max", "top quarter", "vote", "mean probability"]


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != "vote"])
@pytest.mark.parametrize("score", [-40.0, -1.5, 0.0, 3.0, 60.0])
def test_a_film_of_equal_frames_has_their_score(rule, score):
    assert film_score([score] * 5, rule) == pytest.approx(score, rel=1e-6)


def test_votes_are_counted():
    assert film_score([0.1] * 3 + [-5.0] * 3, "vote") == 0
    assert film_score([0.0] * 4, "vote") == 0
    assert film_score([9.0] * 10, "vote") == pytest.approx(logit(10.5 / 11))
    assert film_score([-9.0] * 10, "vote") == pytest.approx(-logit(10.5 / 11))


SCORES = st.lists(st.floats(-30, 30), min_size=1, max_size=12)


@given(scores=SCORES, order=st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_the_order_of_frames_does_not_matter(scores, order):
    shuffled = list(scores)
    order.shuffle(shuffled)
    for rule in RULES:
        assert film_score(shuffled, rule) == pytest.approx(film_score(scores, rule), rel=1e-9, abs=1e-9)


@given(scores=SCORES, more=st.floats(0, 10), where=st.integers(0, 11))
@settings(max_examples=40, deadline=None)
def test_more_suspicious_frames_never_make_a_film_less_suspicious(scores, more, where):
    raised = list(scores)
    raised[where % len(scores)] += more
    for rule in RULES:
        assert film_score(raised, rule) >= film_score(scores, rule) - 1e-9


@given(scores=SCORES)
@settings(max_examples=40, deadline=None)
def test_a_film_is_neither_above_nor_below_all_of_its_frames(scores):
    for rule in RULES:
        score = film_score(scores, rule)
        assert math.isfinite(score)
        if rule != "vote":
            assert min(scores) - 1e-6 <= score <= max(scores) + 1e-6


@pytest.mark.parametrize("scores", [[], [math.nan, 1.0], [math.inf]])
def test_without_numbers_there_is_no_score(scores):
    with pytest.raises(ValueError, match="Leave out frames"):
        film_score(scores)


def test_unknown_rules_are_refused():
    with pytest.raises(ValueError, match=r"no rule 'best'\. There are mean, median"):
        film_score([1.0], "best")
