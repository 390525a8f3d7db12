"""What is drawn for a fake: how often, from which ranges, and what a recipe may not say."""

import numpy as np
import pytest

from course_lib.deepfake.blend import (
    RATIOS,
    Change,
    Finish,
    Recipe,
    apply_change,
    draw_finish,
    draw_recipe,
)
from tests.deepfake.drawn_faces import FACE, as_likely_as, counted, rng

# ---- what is drawn


def draws(count=3000):
    random = rng(11)
    return [draw_recipe(random) for _ in range(count)]


def test_source_and_target_are_changed_equally_often():
    assert as_likely_as(counted(recipe.on_source for recipe in draws()), {True: 0.5, False: 0.5})


def test_ratios_are_those_of_the_paper():
    assert sorted(RATIOS) == [0.25, 0.5, 0.75, 1, 1, 1]
    expected = {0.25: 1 / 6, 0.5: 1 / 6, 0.75: 1 / 6, 1.0: 1 / 2}
    assert as_likely_as(counted(recipe.ratio for recipe in draws()), expected)


def test_changes_are_of_color_and_either_reduce_or_sharpen():
    def kind(change):
        return change.recolors, change.smaller > 1, change.sharper > 0

    expected = {(True, True, False): 1 / 2, (True, False, True): 1 / 2}
    assert as_likely_as(counted(kind(recipe.change) for recipe in draws()), expected)


def test_what_is_drawn_stays_in_its_ranges():
    recipes = draws()
    moves = np.array([recipe.move for recipe in recipes])
    assert 0.029 < np.abs(moves).max() <= 0.03  # section 3.1: 3 % of the sides
    sizes = [recipe.size for recipe in recipes]
    assert 0.95 <= min(sizes) < 0.951
    assert 1.049 < max(sizes) <= 1.05
    assert np.corrcoef(moves.T)[0, 1] == pytest.approx(0, abs=0.06)
    assert all(0.005 <= sigma <= 0.05 for recipe in recipes for sigma in recipe.blur)
    assert len({recipe.bend_seed for recipe in recipes}) == len(recipes)


def test_finishes_are_jpeg_of_40_to_100_and_sometimes_more():
    random = rng(5)
    finishes = [draw_finish(random) for _ in range(3000)]
    assert {how.quality for how in finishes} == set(range(40, 101))
    assert as_likely_as(counted(how.blur > 0 for how in finishes), {True: 0.2, False: 0.8})
    assert as_likely_as(counted(how.smaller > 1 for how in finishes), {True: 0.3, False: 0.7})
    assert as_likely_as(counted(how.change.recolors for how in finishes), {True: 0.5, False: 0.5})


@pytest.mark.parametrize(
    "part", [{"rgb": (0, 0.1, 0)}, {"hue": 0.1}, {"saturation": 0.9}, {"brightness": -0.1}, {"contrast": 1.1}]
)
def test_each_part_of_a_color_change_counts(part):
    assert Change(**part).recolors
    assert np.abs(apply_change(FACE, Change(**part)) - FACE).max() > 0.02
    assert not Change().recolors


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"ratio": 1.01}, "ratio is 1.01: it must be from 0"),
        ({"ratio": -0.1}, "ratio is -0.1"),
        ({"ratio": float("nan")}, "ratio is nan"),
        ({"size": 0}, "size is 0: it must be above 0"),
        ({"radii": (0.4, 0)}, "radii is"),
        ({"blur": (0.1, -0.1)}, "blur is"),
        ({"bend": -0.1}, "bend is"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused(given, what):
    with pytest.raises(ValueError, match=what):
        Recipe(**given)


@pytest.mark.parametrize("given", [{"blur": -1}, {"smaller": 0.5}, {"quality": 0}, {"quality": 101}])
def test_a_finish_that_cannot_be_is_refused(given):
    with pytest.raises(ValueError, match=f"{next(iter(given))} is {next(iter(given.values()))}: it must be"):
        Finish(**given)
