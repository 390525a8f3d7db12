"""The colorization Turing test: order and sides by chance, a fair pair, an interval that is Wilson's; and the game around it."""

import math
from itertools import pairwise

import pytest
import torch

from course_lib import color
from course_lib.turing import CROPS, PAPER, Pair, TuringTest, bundled_crop, bundled_pairs, interval, make_pair
from course_lib.widgets.turing_game import TuringGame, score_text


def plain_pairs(count=8):
    shades = torch.arange(count).mul(20).to(torch.uint8)
    return [Pair(f"pair {n}", shade.expand(3, 4, 4), 255 - shade.expand(3, 4, 4)) for n, shade in enumerate(shades)]


# ---- the test


def test_order_and_sides_depend_on_the_seed_alone():
    first, again, other = (TuringTest(plain_pairs(), seed) for seed in (1, 1, 2))
    assert (first.order, first.real_left) == (again.order, again.real_left)
    assert (first.order, first.real_left) != (other.order, other.real_left)
    assert sorted(first.order) == list(range(8))


def test_sides_are_left_to_chance():
    """About half of the real pictures stand left, and knowing the side before tells nothing about the next."""
    lefts = [side for seed in range(200) for side in TuringTest(plain_pairs(), seed).real_left]
    assert sum(lefts) / len(lefts) == pytest.approx(0.5, abs=0.05)
    repeats = [a == b for a, b in pairwise(lefts)]
    assert sum(repeats) / len(repeats) == pytest.approx(0.5, abs=0.05)


def test_what_is_shown_is_the_pair_on_its_sides():
    test = TuringTest(plain_pairs(), seed=3)
    for place, index in enumerate(test.order):
        name, left, right = test.shown(place)
        pair = test.pairs[index]
        assert name == pair.name
        assert torch.equal(left if test.real_left[place] else right, pair.real)
        assert torch.equal(right if test.real_left[place] else left, pair.colorized)


def test_answers_are_judged_and_taken_back():
    test = TuringTest(plain_pairs(3), seed=5)
    test.answer(test.real_left[0])
    test.answer(not test.real_left[1])
    assert test.fooled == [False, True]
    assert not test.done
    test.undo()
    assert test.fooled == [False]
    test.answer(test.real_left[1])
    test.answer(test.real_left[2])
    assert test.fooled == [False, False, False]
    assert test.done
    test.answer(True)  # there is nothing left to answer
    assert len(test.answers) == 3


def test_undo_without_an_answer_does_nothing():
    test = TuringTest(plain_pairs(2))
    test.undo()
    assert test.answers == []


def test_restart_forgets_and_draws_anew():
    test = TuringTest(plain_pairs(), seed=0)
    before = (list(test.order), list(test.real_left))
    test.answer(True)
    test.restart()
    assert test.answers == []
    assert (test.order, test.real_left) != before


def test_no_pairs_are_refused():
    with pytest.raises(ValueError, match="at least one pair"):
        TuringTest([])


# ---- the interval


@pytest.mark.parametrize(("count", "trials"), [(0, 12), (4, 12), (12, 12), (512, 1600)])
def test_the_interval_is_wilsons(count, trials):
    """Against the formula, written out."""
    share, z = count / trials, 1.959964
    middle = (share + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z / (1 + z**2 / trials) * math.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    assert interval(count, trials) == pytest.approx((max(0, middle - half), min(1, middle + half)), abs=1e-5)


def test_without_trials_nothing_is_known():
    assert interval(0, 0) == (0.0, 1.0)


def test_the_score_compares_with_the_paper_and_with_chance():
    assert "6 of 12 pairs, 50%" in score_text(6, 12)
    assert "32% of the paper and the 50% of pure chance lie inside" in score_text(6, 12)
    assert "neither" in score_text(0, 40)
    assert "the 32% of the paper lies inside it" in score_text(32, 100)
    assert PAPER == 0.32


# ---- the pairs


def test_both_pictures_have_one_lightness_and_one_resolution_of_color():
    """Neither sharpness nor size may tell which is real: both colors are smooth maps over 32 x 32 answers."""
    names = list(CROPS)[:2]
    for pair in bundled_pairs(names):
        assert pair.real.dtype == pair.colorized.dtype == torch.uint8
        assert pair.real.shape == pair.colorized.shape == (3, 224, 224)
        real, ours = (color.rgb_to_lab(picture) for picture in (pair.real, pair.colorized))
        assert (real[0] - ours[0]).abs().mean() < 0.3  # rounding to 8 bits
        photograph = color.rgb_to_lab(bundled_crop(pair.name))[1:]
        assert max(_roughness(lab[1:]) for lab in (real, ours)) < 0.4 * _roughness(photograph)


def test_the_photograph_itself_would_be_told_by_its_sharp_color():
    """What the test above rests on: without the coarse colors the measure is far higher."""
    from course_lib.data import fit, photo

    lab = color.rgb_to_lab((fit(photo("flower"), 224) * 255).round().to(torch.uint8))
    pair = make_pair("flower", fit(photo("flower"), 224))
    assert _roughness(lab[1:]) > 1.5 * _roughness(color.rgb_to_lab(pair.real)[1:])


def _roughness(ab):
    """How much ab differs from its own coarse version, where the gamut does not bend it: in units of a and b."""
    coarse = torch.nn.functional.interpolate(ab[None], size=(32, 32), mode="bilinear", antialias=True)
    smooth = torch.nn.functional.interpolate(coarse, size=ab.shape[-2:], mode="bilinear")[0]
    return (ab - smooth).norm(dim=0).median().item()


def test_the_real_picture_keeps_its_colors():
    from course_lib.data import fit, photo

    rgb = fit(photo("china"), 224)
    pair = make_pair("china", rgb)
    far = (color.rgb_to_lab(pair.real)[1:] - color.rgb_to_lab(rgb)[1:]).norm(dim=0)
    assert far.mean() < 6  # what reducing takes away
    fake = (color.rgb_to_lab(pair.colorized)[1:] - color.rgb_to_lab(rgb)[1:]).norm(dim=0)
    assert fake.mean() > 2 * far.mean()


# ---- the game


@pytest.fixture
def game():
    return TuringGame({"plain": plain_pairs, "fewer": lambda: plain_pairs(2)}, seed=0)


def test_the_first_pair_is_there_and_nothing_tells_which_is_real(game):
    assert game.picture.value.count("<img") == 1  # one image file for both pictures
    assert "Pair 1 of 8" in game.picture.value
    other = TuringGame({"plain": plain_pairs}, seed=next(s for s in range(1, 99) if _mirrored(s, game.test)))
    alt = game.picture.value[: game.picture.value.index("src=")]
    assert alt == other.picture.value[: other.picture.value.index("src=")]  # the same words for either side
    assert game.undo.disabled
    assert game.result.disabled


def _mirrored(seed, test):
    other = TuringTest(plain_pairs(), seed)
    return other.order[0] == test.order[0] and other.real_left[0] != test.real_left[0]


def test_both_sides_give_files_of_one_size():
    """The picture is one file for both, and mirrored sides give nearly the same number of bytes."""
    from course_lib.widgets.figures import figure_html
    from course_lib.widgets.figures_04 import draw_pair

    pair = bundled_pairs(list(CROPS)[:1])[0]
    sizes = [
        len(figure_html(draw_pair(*both), "only the number of bytes is looked at here"))
        for both in ((pair.real, pair.colorized), (pair.colorized, pair.real))
    ]
    assert abs(sizes[0] - sizes[1]) < 0.01 * sizes[0]


def test_playing_to_the_end(game):
    seen = set()
    for _ in range(8):
        seen.add(game.picture.value)
        assert not game.left.disabled
        (game.left if game.test.real_left[len(game.test.answers)] else game.right).click()
    assert len(seen) == 8
    assert game.left.disabled
    assert game.right.disabled
    assert "last of 8 pairs" in game.picture.value
    assert "fooled" not in game.status.value  # no score before it is asked for
    game.result.click()
    assert "0 of 8 pairs, 0%" in game.status.value
    assert "<img" in game.picture.value
    assert game.undo.disabled  # the answers are on the screen now


def test_no_feedback_on_the_way(game):
    game.left.click()
    assert "1 of 8 answered" in game.status.value
    assert "fooled" not in game.status.value + game.picture.value[:300]


def test_undo_and_start_again(game):
    first = game.picture.value
    game.left.click()
    game.undo.click()
    assert game.picture.value == first
    assert game.undo.disabled
    order, sides = list(game.test.order), list(game.test.real_left)
    game.right.click()
    game.restart.click()
    assert game.test.answers == []
    assert (game.test.order, game.test.real_left) != (order, sides)


def test_the_result_can_be_asked_for_early(game):
    game.left.click()
    game.result.click()
    assert "of 1 pair," in game.status.value
    game.left.click()  # counts no more
    assert len(game.test.answers) == 1


def test_other_pictures_start_anew(game):
    game.left.click()
    game.choice.value = "fewer"
    assert "Pair 1 of 2" in game.picture.value
    assert game.test.answers == []
