"""The widgets of lesson 10: what their pictures say is what was blended, counted and saved. The detector here has random weights."""

import math
import re

import numpy as np
import pytest
import torch

from course_lib import forgery
from course_lib.deepfake import blend
from course_lib.deepfake.calibrate import fit_platt, threshold_for
from course_lib.deepfake.recipes import Finish
from course_lib.deepfake.verdict_text import percent
from course_lib.widgets import WIDGETS, figures_10, lesson_10
from course_lib.widgets import figures_10_moving as moving
from course_lib.widgets.figures import figure_html
from tests.widgets.made_results import PROFILE, made_detector, made_results


@pytest.fixture(autouse=True)
def made(monkeypatch):
    """A detector, a profile and results that need no checkpoint."""
    detector, results = made_detector(), made_results()
    monkeypatch.setattr(moving, "detector", lambda: detector)
    monkeypatch.setattr(moving, "profile", lambda: PROFILE)
    monkeypatch.setattr(moving, "read_face_results", lambda: results)
    forget = moving.calibrated_scores.cache_clear
    forget()
    yield results
    forget()


def drawn(figure):
    assert figure.get_size_inches()[0] <= 9
    done = "<img" in figure_html(figure, "a figure that is only drawn to see that it can be drawn")
    named = [text for axis in figure.axes for text in (*axis.texts, axis.title, axis.xaxis.label) if text.get_text()]
    boxes = [text.get_window_extent() for text in named]
    assert all(box.x0 > -2 and box.x1 < figure.bbox.x1 + 2 for box in boxes)  # no word is cut off
    return done


def shown(figure):
    """The pictures of a figure, as arrays."""
    return [np.asarray(axis.images[0].get_array()) for axis in figure.axes if axis.images]


def probability(picture):
    return float(PROFILE.calibration.probability(moving.detector().scores(picture))[0])


# ---- every knob of a blend


def test_the_static_figure_is_the_fake_of_the_lesson():
    assert moving.recipe_of(moving.KNOBS).change == forgery.SHOWN.change
    genuine, fake, mask = moving.blended(moving.KNOBS)
    told, _, wanted = forgery.fake_of(forgery.portrait("astronaut"))
    assert (genuine - forgery.portrait("astronaut")).abs().mean() < 0.01
    assert (fake - told).abs().mean() < 0.01
    assert ((mask > 0.5) == (wanted > 0.5)).float().mean() > 0.97


def test_the_pictures_of_the_knobs_and_their_probabilities():
    figure, alt = moving.draw_knobs()
    genuine, fake, mask = moving.blended(moving.KNOBS)
    pictures = shown(figure)
    assert len(pictures) == 5
    assert np.allclose(pictures[0], genuine.movedim(0, -1), atol=1e-6)
    assert np.allclose(pictures[1], fake.movedim(0, -1), atol=1e-6)
    assert np.allclose(pictures[2], mask)
    assert np.allclose(pictures[3], np.clip(4 * np.abs(pictures[1] - pictures[0]), 0, 1), atol=1e-6)
    assert np.allclose(pictures[4], moving.detector().where(fake)[0, 0], atol=1e-6)
    said = percent(probability(genuine)), percent(probability(fake))
    short = [words.replace("less than", "<").replace("more than", ">") for words in said]
    assert figure.axes[0].get_title() == f"genuine\nP(manipulated) {short[0]}"
    assert figure.axes[1].get_title() == f"fake\nP(manipulated) {short[1]}"
    assert f"gives {said[0]} for manipulated" in alt
    assert f"it gives {said[1]}" in alt
    assert f"covers {(mask > 0.5).float().mean():.0%} of the picture" in alt
    assert drawn(figure)


@pytest.mark.parametrize(("value", "words"), [(0.004, "< 1 %"), (0.12, "= 12 %"), (0.996, "> 99 %")])
def test_probabilities_over_small_pictures_are_short(value, words, monkeypatch):
    monkeypatch.setattr(moving, "probabilities", lambda pictures: [value] * len(pictures))
    assert moving.draw_knobs()[0].axes[1].get_title() == f"fake\nP(manipulated) {words}"


def test_without_any_of_the_source_both_are_the_same():
    figure, alt = moving.draw_knobs(ratio=0.0)
    assert not shown(figure)[3].any()
    assert "covers 0% of the picture" in alt
    assert "at most 0 of 255 levels" in alt


def test_each_knob_reaches_the_recipe():
    knobs = moving.KNOBS | {
        "changed": "target", "red": 0.1, "green": 0.2, "blue": 0.15, "hue": 0.3, "saturation": 0.5, "brightness": -0.1,
        "contrast": 0.7, "smaller": 3.0, "sharper": 1.0, "across": 0.05, "down": 0.06, "size": 1.1, "radius": 0.21, "bend": 0.07,
        "first_blur": 0.03, "second_blur": 0.04, "ratio": 0.6,
    }  # fmt: skip
    recipe = moving.recipe_of(knobs)
    assert recipe.change.rgb == (0.1, 0.2, 0.15)
    assert [getattr(recipe.change, name) for name in ("hue", "saturation", "brightness", "contrast")] == [
        0.3,
        0.5,
        -0.1,
        0.7,
    ]
    assert (recipe.change.smaller, recipe.change.sharper) == (3.0, 1.0)
    assert (recipe.on_source, recipe.move, recipe.size, recipe.bend) == (False, (0.05, 0.06), 1.1, 0.07)
    assert recipe.radii == pytest.approx((0.21, 0.23))
    assert (recipe.blur, recipe.ratio) == ((0.03, 0.04), 0.6)


def test_both_pictures_are_saved_with_the_same_quality():
    genuine, fake, mask = moving.blended(moving.KNOBS | {"quality": 10})
    clean = moving.blended(moving.KNOBS)
    outside = mask == 0
    for saved, before in ((genuine, clean[0]), (fake, clean[1])):
        assert (saved - before)[:, outside].abs().mean() > 0.01


def test_a_knob_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="no knob color"):
        moving.draw_knobs(color=1)


def test_the_two_people_are_named():
    assert "Grace Hopper" in moving.draw_knobs(portrait="grace_hopper")[1]
    assert "Eileen Collins" in moving.draw_knobs()[1]


# ---- what errors cost


def counted(results, threshold):
    """Shares of genuine faces that are accused and of fakes that are missed, counted one by one."""
    held, test = results["calibration_scores"], results["scores"]["self-blend"]
    labels = [0] * len(held["genuine"]) + [1] * len(held["self-blend"])
    calibration = fit_platt(held["genuine"] + held["self-blend"], labels)
    accused = (calibration.probability(test["genuine"]) >= threshold).double().mean().item()
    return accused, (calibration.probability(test["fake"]) < threshold).double().mean().item()


@pytest.mark.parametrize(("miss", "false_alarm", "base_rate"), [(1, 1, 0.5), (1, 10, 0.01), (50, 1, 0.1)])
def test_the_errors_at_the_threshold_of_bayes_are_counted(made, miss, false_alarm, base_rate):
    _, alt = moving.draw_costs(miss, false_alarm, base_rate)
    accused, missed = counted(made, threshold_for(miss, false_alarm, base_rate))
    fakes = 1000 * base_rate
    said = re.search(
        r"(\S+) are fakes: (\S+) caught, (\S+) missed; of the other (\S+), which are genuine, (\S+) are accused", alt
    )
    numbers = [fakes, fakes * (1 - missed), fakes * missed, 1000 - fakes, (1000 - fakes) * accused]
    assert [float(number) for number in said.groups()] == pytest.approx(numbers, rel=0.006, abs=0.6)
    cost = fakes * missed * miss + (1000 - fakes) * accused * false_alarm
    assert float(re.search(r"where the cost is ([\d.,]+)\. ", alt)[1].replace(",", "")) == pytest.approx(cost, abs=0.6)


def test_the_curve_is_the_cost_of_a_thousand_pictures(made):
    figure, _ = moving.draw_costs(2, 3, 0.25)
    curve = max(figure.axes[0].lines, key=lambda line: len(line.get_xdata()))
    for place in (100, 380, 500):
        odds, cost = curve.get_xydata()[place]
        accused, missed = counted(made, 1 / (1 + math.exp(-odds)))
        assert cost == pytest.approx(250 * missed * 2 + 750 * accused * 3)
    assert curve.get_ydata()[0] == pytest.approx(750 * 3, rel=0.01)
    assert curve.get_ydata()[-1] == pytest.approx(250 * 2, rel=0.01)
    assert drawn(figure)


def test_the_cheapest_threshold_is_marked_and_bayes_is_near_it():
    figure, alt = moving.draw_costs()
    axis = figure.axes[0]
    curve = max(axis.lines, key=lambda line: len(line.get_xdata())).get_ydata()
    cheapest, rule = (next(line for line in axis.lines if line.get_marker() == mark) for mark in "Do")
    assert cheapest.get_ydata()[0] == curve.min()
    assert rule.get_xdata()[0] == 0
    assert curve.min() <= rule.get_ydata()[0] < 1.15 * curve.min()
    assert "Bayes' rule puts it at 50 %" in alt
    assert {"cheapest on these faces", "by Bayes' rule"} <= {text.get_text().split(":")[0] for text in axis.texts}


def test_dear_false_alarms_and_rare_fakes_move_the_threshold_up():
    places = []
    for costs in ((10, 1, 0.5), (1, 1, 0.5), (1, 10, 0.5), (1, 10, 0.1)):
        lines = moving.draw_costs(*costs)[0].axes[0].lines
        places.append(next(line for line in lines if line.get_marker() == "o").get_xdata()[0])
    assert places == pytest.approx([-math.log(10), 0, math.log(10), math.log(90)])


def test_of_equally_cheap_thresholds_the_middle_is_taken():
    assert moving._middle_of_lowest(np.arange(6.0), np.array([3, 1, 1, 1, 2, 1.0])) == 2


def test_a_threshold_on_a_score_counts_it_as_accused(monkeypatch):
    monkeypatch.setattr(moving, "calibrated_scores", lambda: (np.array([-1.0, 0.0]), np.array([0.0, 1.0])))
    alarms, misses = moving.shares(np.array([0.0]))
    assert (alarms.tolist(), misses.tolist()) == ([0.5], [0.0])


# ---- saved again


def test_nothing_but_a_good_file_leaves_the_picture_as_it_is():
    picture = forgery.portrait("astronaut")
    again = moving.reencoded(picture, 100, 1.0, 0.0, 0.0, 0.0)
    assert (again - picture).abs().mean() < 0.01


def test_a_picture_is_changed_as_a_finish_changes_it():
    picture = forgery.portrait("grace_hopper")
    wanted = blend.finish(forgery.as_array(picture), Finish(blur=1.5, smaller=2.0, quality=40))
    assert torch.equal(moving.reencoded(picture, 40, 2.0, 1.5, 0.0, 0.0), forgery.as_picture(wanted))


def test_noise_and_brightness_are_added_before_saving():
    gray = torch.full((3, 128, 128), 0.5)
    again = moving.reencoded(gray, 100, 1.0, 0.0, 20.0, 0.1)
    assert again.mean() == pytest.approx(0.6, abs=0.01)
    luma = (again * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(dim=0)
    assert 255 * luma.std() == pytest.approx(20 * (0.299**2 + 0.587**2 + 0.114**2) ** 0.5, rel=0.1)
    assert torch.equal(again, moving.reencoded(gray, 100, 1.0, 0.0, 20.0, 0.1))


@pytest.mark.parametrize("costs", [(1, 1, 0.5), (50, 1, 0.5), (1, 50, 0.001), (50, 1, 0.001), (1, 10, 0.01)])
def test_marks_of_the_threshold_have_names_that_are_not_cut_off(costs):
    assert drawn(moving.draw_costs(*costs)[0])


@pytest.mark.parametrize("fake", [True, False])
def test_the_probabilities_are_those_of_the_pictures(fake):
    figure, alt = moving.draw_reencoded("grace_hopper", fake, 20, 2.0, 0.5, 5.0, 0.1)
    before, after = (torch.from_numpy(picture).movedim(-1, 0) for picture in shown(figure)[:2])
    original = forgery.portrait("grace_hopper")
    assert torch.allclose(before, forgery.fake_of(original)[0].clamp(0, 1) if fake else original, atol=1e-6)
    assert torch.allclose(after, moving.reencoded(before, 20, 2.0, 0.5, 5.0, 0.1), atol=1e-6)
    assert f"was {percent(probability(before))} (" in alt
    assert f"now is {percent(probability(after))} (" in alt
    assert alt.startswith("A fake made of the" if fake else "The genuine portrait of Grace Hopper")
    assert "quality 20, reduced by 2, blurred by 0.5 pixels, with noise of 5 levels and +0.1 of brightness" in alt
    assert drawn(figure)


def scale(before, after, monkeypatch):
    """The axis with the bar, for two probabilities; and the alternative text."""
    monkeypatch.setattr(moving, "probabilities", lambda pictures: [before, after])
    figure, alt = moving.draw_reencoded()
    return figure.axes[2], alt


def test_the_bar_goes_from_genuine_through_unsure_to_manipulated(monkeypatch):
    axis, alt = scale(0.95, 0.1, monkeypatch)
    ends = [patch.get_extents().transformed(axis.transData.inverted()).extents[1::2] for patch in axis.patches]
    assert np.array(ends) == pytest.approx(np.array([(0, 0.2), (0.2, 0.7), (0.7, 1)]))
    texts = [text.get_text() for text in axis.texts]
    assert texts == ["genuine", "unsure", "manipulated", "was 95 %: manipulated", "now 10 %: genuine"]
    assert [line.get_ydata()[0] for line in axis.lines] == [0.95, 0.1]
    assert "was 95 % (manipulated) and now is 10 % (genuine)" in alt


def test_names_of_probabilities_that_lie_together_keep_apart(monkeypatch):
    for before, after in ((0.5, 0.51), (0.51, 0.5), (0.5, 0.5)):
        axis, _ = scale(before, after, monkeypatch)
        first, second = (text.get_position()[1] for text in axis.texts[-2:])
        assert abs(first - second) >= 0.08
        assert (first - second) * (before - after) >= 0


def test_a_picture_that_is_too_blurred_for_a_verdict_is_called_so():
    figure, alt = moving.draw_reencoded(blur=4.0)
    assert "too blurred for a verdict" in alt
    assert "blurred for a verdict" in figure.axes[1].get_title()
    assert "too blurred" not in moving.draw_reencoded()[1]


# ---- the widgets


def test_the_static_figures_are_those_of_the_widgets():
    assert figures_10.draw_knobs is moving.draw_knobs
    for make, draw in (
        (lesson_10.blending_recipe, moving.draw_knobs),
        (lesson_10.thresholds, moving.draw_costs),
        (lesson_10.reencoding, moving.draw_reencoded),
    ):
        explorer = make()
        assert explorer.draw is draw
        figure, alt = draw()
        assert explorer.picture.value == figure_html(figure, alt)


def test_the_widgets_are_registered():
    assert {"10.blend", "10.costs", "10.reencode"} <= set(WIDGETS)


def test_every_knob_has_a_control_that_waits_until_it_is_let_go():
    explorer = lesson_10.blending_recipe()
    assert set(explorer.controls) == set(moving.KNOBS)
    sliders = [control for name, control in explorer.controls.items() if name in lesson_10.RANGES]
    assert not any(control.continuous_update for control in sliders)
    assert explorer.values == moving.KNOBS


@pytest.mark.parametrize("low", [True, False])
def test_every_knob_at_an_end_of_its_range_can_be_drawn(low):
    knobs = {name: (start if low else end) for name, (_, start, end, _) in lesson_10.RANGES.items()}
    figure, _ = moving.draw_knobs(**knobs)
    assert drawn(figure)


def test_nothing_is_read_before_it_is_needed(monkeypatch):
    def refuse():
        raise AssertionError("read too early")

    for name in ("detector", "profile", "read_face_results"):
        monkeypatch.setattr(moving, name, refuse)
    assert moving.recipe_of(moving.KNOBS)
    with pytest.raises(AssertionError, match="too early"):
        moving.draw_knobs()
