"""The figures of lesson 10 show the numbers that they are given, and say them. Those of measured results: `test_figures_10_results`."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex

from course_lib.deepfake.calibrate import reliability, risk_coverage
from course_lib.deepfake.drifting import Drift
from course_lib.deepfake.verdict_text import Moment, Verdict
from course_lib.widgets import figures_10 as draw
from course_lib.widgets.figures_10_results import FAKE_SHADE, GENUINE_SHADE
from tests.widgets.made_results import PROFILE
from tests.widgets.reading_figures import bands, dots, drawn, words

# ---- what a blend leaves behind


def test_steps_are_drawn_without_the_edge_on_which_no_pixel_lies():
    genuine, fake = torch.arange(1.0, 10.0), torch.arange(11.0, 20.0)
    genuine[4] = fake[4] = 0
    figure = draw.draw_by_distance({"genuine": genuine, "fake": fake})
    lines = [line for line in figure.axes[0].lines if len(line.get_xdata()) > 2]
    assert lines[0].get_xdata().tolist() == [-4, -3, -2, -1, 1, 2, 3, 4]
    assert [line.get_ydata().min() for line in lines] == [1, 11]
    assert {"genuine", "fake", "inside ←", "→ outside"} <= set(words(figure).split("\n"))
    assert drawn(figure)


def test_histograms_share_their_bins_and_say_the_spread():
    values = {"genuine": torch.tensor([0.0, 1.0, 2.0]), "fake": torch.tensor([-4.0, 0.0, 4.0])}
    figure = draw.draw_histograms(values, "fineness")
    first, second = ([bar.get_height() for bar in axis.patches] for axis in figure.axes)
    assert sum(first) == sum(second) == 3
    assert figure.axes[0].patches[0].get_x() == figure.axes[1].patches[0].get_x() == -4
    assert "spread 1.00" in words(figure)
    assert "spread 4.00" in words(figure)
    assert figure.axes[1].get_xlabel() == "fineness"
    assert drawn(figure)


def test_spectra_are_logarithmic_both_ways_and_named_where_they_end():
    frequency = torch.arange(1, 64) / 128
    figure = draw.draw_spectra(frequency, {"one": frequency**-2, "two": frequency**-8})
    axis = figure.axes[0]
    assert (axis.get_xscale(), axis.get_yscale()) == ("log", "log")
    assert [text.get_text() for text in axis.texts] == ["one", "two"]
    assert [text.xy[1] for text in axis.texts] == pytest.approx([0.492**-2, 0.492**-8], rel=0.02)
    assert drawn(figure)


def test_training_has_both_losses():
    figure = draw.draw_history([[3.0, 4.0], [2.0, 3.5], [1.0, 3.0]])
    lines = {to_hex(line.get_color()): list(line.get_ydata()) for line in figure.axes[0].lines}
    assert lines == {to_hex(GENUINE_SHADE): [3, 2, 1], to_hex(FAKE_SHADE): [4, 3.5, 3]}
    assert [text.get_text() for text in figure.axes[0].texts] == ["training", "validation"]
    assert drawn(figure)


def test_a_training_of_one_epoch_can_be_drawn():
    assert drawn(draw.draw_history([[1.0, 1.1]]))


# ---- probabilities


def test_reliability_shows_what_was_said_and_what_was_true():
    told = torch.tensor([0.1] * 10 + [0.6] * 10 + [0.9] * 20)
    truth = torch.tensor([0.0] * 10 + [1.0] * 3 + [0.0] * 7 + [1.0] * 18 + [0.0] * 2)
    bins = reliability(told, truth, bins=4)
    figure = draw.draw_reliability({"raw": bins, "again": bins})
    assert [axis.get_title() for axis in figure.axes] == [f"{name}: mean gap 0.100" for name in ("raw", "again")]
    axis = figure.axes[0]
    assert np.sort(dots(axis, "o"), axis=0) == pytest.approx(np.array([(0.1, 0.0), (0.6, 0.3), (0.9, 0.9)]))
    upright = [tuple(line.get_ydata()) for line in axis.lines if len(set(line.get_xdata())) == 1]
    assert all((each.low_end, each.high_end) in upright for each in bins)
    assert all((each.mean, each.share) in upright for each in bins)
    assert any(list(line.get_xdata()) == list(line.get_ydata()) == [0, 1] for line in axis.lines)
    assert drawn(figure)


def test_base_rates_are_marked_where_bayes_rule_puts_them():
    rates = torch.logspace(-4, 0, 50, dtype=torch.float64)[:-1]
    odds = 19 * rates / (1 - rates)
    figure = draw.draw_base_rates(rates, odds / (1 + odds))
    marked = {x: y for x, y in dots(figure.axes[0], "o")}
    assert marked == pytest.approx({0.5: 95, 0.01: 100 * 19 / 118, 0.001: 100 * 19 / 1018})
    assert {"half are fakes: 95 %", "1 in 100: 16 %", "1 in 1000: 1.9 %"} <= set(words(figure).split("\n"))
    assert figure.axes[0].get_xscale() == "log"
    assert drawn(figure)


def test_risk_has_the_point_of_the_thresholds_and_the_end():
    probability = torch.tensor([0.01, 0.99, 0.7, 0.4])
    coverage, risk = risk_coverage(probability, torch.tensor([0, 1, 0, 0]))
    figure = draw.draw_risk_coverage(coverage, risk, (0.5, 0.125))
    axis = figure.axes[0]
    assert dots(axis, "D") == [(50, 12.5)]
    assert dots(axis, "o") == [(100, 25)]
    assert "with our thresholds: 50 % answered, 12.5 % of these wrong" in words(figure)
    assert "all of them: 100 % answered, 25.0 % of these wrong" in words(figure)
    assert drawn(figure)


@pytest.mark.parametrize("answered", [0.0, 0.3, 0.54, 0.56, 1.0])
def test_no_error_at_all_can_be_drawn_wherever_the_point_is(answered):
    assert drawn(draw.draw_risk_coverage(torch.tensor([0.5, 1.0]), torch.zeros(2), (answered, 0.0)))


# ---- films


def film(probabilities, probability=0.5, interval=(0.3, 0.6)):
    timeline = tuple(Moment(place / 8, None if each is None else 0.0, each) for place, each in enumerate(probabilities))
    version = {"name": "made", "sha256": "a" * 12}
    return Verdict("unsure", probability, interval, ("x",), None, 1, len(timeline), 0.5, version, "tests", timeline)


def test_a_timeline_has_its_thresholds_truth_and_gaps():
    figure = draw.draw_timeline(film([0.1, 0.2, None, 0.9]), manipulated=(0.2, 0.5), profile=PROFILE)
    axis = figure.axes[0]
    line = next(line for line in axis.lines if line.get_linestyle() == "-" and line.get_marker() == "o")
    assert line.get_xdata().tolist() == [0, 0.125, 0.25, 0.375]
    assert np.isnan(line.get_ydata()).tolist() == [False, False, True, False]
    crosses = next(line for line in axis.lines if line.get_marker() == "x")
    assert crosses.get_xdata().tolist() == [0.25]
    levels = [line.get_ydata()[0] for line in axis.lines if line.get_linestyle() == "--"]
    assert sorted(levels) == [PROFILE.low, PROFILE.high]
    truth, interval = bands(axis)
    assert truth[::2] == pytest.approx((0.2, 0.5))
    assert interval[1::2] == pytest.approx((0.3, 0.6))
    said = words(figure)
    assert "genuine up to here: 0.20" in said
    assert "manipulated from here: 0.70" in said
    assert "all frames: 0.50\n(0.30 to 0.60)" in said
    assert "no face" in said
    assert "answer: unsure" in said
    assert drawn(figure)


def test_a_timeline_without_numbers_can_be_drawn():
    figure = draw.draw_timeline(film([None, None], None, None), profile=PROFILE)
    assert "all frames" not in words(figure)
    assert not bands(figure.axes[0])
    assert drawn(figure)


def test_a_timeline_of_one_frame_in_which_a_face_is_found_has_no_gap():
    figure = draw.draw_timeline(film([0.4], 0.4, None), profile=PROFILE)
    assert "no face" not in words(figure)
    assert "all frames: 0.40" in words(figure)
    assert drawn(figure)


def test_the_thresholds_come_from_the_courses_profile_otherwise(monkeypatch):
    monkeypatch.setattr(draw, "read_profile", lambda: replace(PROFILE, low=0.123))
    assert "genuine up to here: 0.12" in words(draw.draw_timeline(film([0.4, 0.5])))


# ---- then and now


def a_drift(name, drifted):
    return Drift(name, 0.5 if drifted else 0.05, 0.001, 1.5, drifted)


def test_what_has_drifted_is_marked_in_words_and_color():
    generator = np.random.default_rng(0)
    then = {name: generator.uniform(1, 2, 60).tolist() for name in ("score", "side", "sharpness", "compression")}
    now = then | {"compression": [value + 5 for value in then["compression"]]}
    drifts = [a_drift(name, name == "compression") for name in then]
    figure = draw.draw_drift(then, now, drifts)
    titles = [axis.title for axis in figure.axes]
    assert [title.get_text().split("\n")[0] for title in titles] == ["no drift"] * 3 + ["has drifted"]
    assert to_hex(titles[3].get_color()) == to_hex(FAKE_SHADE) != to_hex(titles[0].get_color())
    assert [axis.get_xlabel() for axis in figure.axes] == [
        "score",
        "side of the face, pixels",
        "sharpness",
        "blockiness",
    ]
    medians = [float(text.get_text().split("\n")[1]) for text in figure.axes[3].texts]
    assert medians[1] - medians[0] == pytest.approx(5, abs=0.02)
    assert [text.get_text().split("\n")[0] for text in figure.axes[3].texts] == ["then", "now"]
    assert drawn(figure)


def test_both_histograms_of_a_drift_have_the_same_bins_and_an_area_of_one():
    then, now = {"score": [0.0] * 50}, {"score": [1.0] * 25 + [9.0] * 25}
    axis = draw.draw_drift(then, now, [a_drift("score", True)]).axes[0]
    outlines = [patch.get_xy() for patch in axis.patches]
    assert all(outline[:, 0].min() == 0 and outline[:, 0].max() == 9 for outline in outlines)
    assert [outline[:, 1].max() for outline in outlines] == pytest.approx([1, 1, 0.5, 0.5])


@pytest.mark.parametrize("name", ["score", "side"])
@pytest.mark.parametrize("values", [[128.0] * 60, [0.0] * 60, [5.0, 7.0] * 30])
def test_a_quantity_that_never_varies_can_be_drawn(name, values):
    assert drawn(draw.draw_drift({name: values}, {name: values}, [a_drift(name, False)]))


def test_the_lesson_finds_every_function_here():
    names = [name for name in draw.__all__ if name.startswith("draw_")]
    assert len(names) == 20
    assert all(callable(getattr(draw, name)) for name in names)
