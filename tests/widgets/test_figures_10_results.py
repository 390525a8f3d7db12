"""The figures of lesson 10 that show measured results, and that of the gate."""

import math
import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_hex

from course_lib.deepfake.calibrate import fit_platt
from course_lib.deepfake.gating import Decision, Difference
from course_lib.widgets import figures_10 as draw
from course_lib.widgets import figures_10_results
from course_lib.widgets.figures_10_results import FAKE_SHADE, GENUINE_SHADE, apart
from tests.widgets.made_results import UNITS, made_results
from tests.widgets.reading_figures import bands, dots, drawn, row_names, spans, words


@pytest.fixture(scope="module")
def measured():
    return made_results()


# ---- parts


def test_names_that_lie_together_are_moved_apart_and_others_are_not():
    moved = apart([0.5, 0.52, 0.1, 0.9], 0.1)
    assert moved.tolist() == pytest.approx([0.5, 0.6, 0.1, 0.9])
    assert min(b - a for a, b in pairwise(sorted(apart([1.0] * 4, 0.25)))) == pytest.approx(0.25)


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=8), st.floats(0.01, 3))
def test_names_keep_their_order_and_their_distance_and_go_up_only(heights, least):
    moved = apart(heights, least)
    order = np.argsort(heights, kind="stable")
    assert (moved >= np.array(heights)).all()
    assert (np.diff(moved[order]) >= least - 1e-9).all()
    assert moved.max() <= max(heights) + least * (len(heights) - 1) + 1e-9


# ---- AUC


def test_kinds_have_a_detector_and_three_baselines_each(measured):
    figure = draw.draw_kinds(measured["kinds"])
    axis = figure.axes[0]
    ways = ("auc", "sharpness", "file size", "blockiness")
    wanted = [row[way] for row in measured["kinds"].values() for way in ways]
    assert [x for x, _ in dots(axis, "o", "s")] == [entry["value"] for entry in wanted]
    assert spans(axis) == [(entry["low"], entry["high"]) for entry in wanted]
    assert row_names(axis) == ["detector", "sharpness", "file size", "blockiness"] * 3
    assert {"a coin", "self-blends", "swaps", "colorized", "0.93 (0.90 to 0.96)"} <= set(words(figure).split("\n"))
    assert any(list(line.get_xdata()) == [0.5, 0.5] for line in axis.lines)
    assert drawn(figure)


def test_a_baseline_below_a_coin_is_still_in_the_plot(measured):
    kinds = {"swap": measured["kinds"]["swap"] | {"sharpness": {"value": 0.3, "low": 0.2, "high": 0.4}}}
    assert draw.draw_kinds(kinds).axes[0].get_xlim()[0] < 0.2


def test_traces_come_before_shares_of_the_source_and_each_has_its_interval(measured):
    figure = draw.draw_traces(measured["traces"], measured["ratios"])
    axis = figure.axes[0]
    wanted = [*measured["traces"].values(), *measured["ratios"].values()]
    assert row_names(axis) == [
        "colors alone", "sharpness alone", "place alone", "25% of the source", "100% of the source",
    ]  # fmt: skip
    assert [x for x, _ in dots(axis, "o")] == [entry["value"] for entry in wanted]
    assert spans(axis) == [(entry["low"], entry["high"]) for entry in wanted]
    assert {"a coin", "0.91 (0.88 to 0.94)"} <= set(words(figure).split("\n"))
    assert drawn(figure)


def test_the_two_detectors_of_the_shortcut_are_named_in_each_row():
    found = {"as trained": (0.97, 0.7), "exchanged": (0.08, 0.73)}
    figure = draw.draw_shortcut(found)
    axis = figure.axes[0]
    assert row_names(axis) == list(found)
    assert [x for x, _ in dots(axis, "D")] == [0.97, 0.08]
    assert [x for x, _ in dots(axis, "o")] == [0.7, 0.73]
    assert {"biased 0.97", "honest 0.70", "biased 0.08", "honest 0.73", "a coin"} <= set(words(figure).split("\n"))
    assert axis.get_xlim()[0] < 0
    assert drawn(figure)


def test_rules_have_whole_and_half_films(measured):
    figure = draw.draw_rules(measured["rules"])
    axis = figure.axes[0]
    assert row_names(axis) == list(measured["rules"])
    for mark, part in (("o", "whole"), ("s", "half")):
        assert [x for x, _ in dots(axis, mark)] == [row[part]["value"] for row in measured["rules"].values()]
    assert {"all frames manipulated", "half of them"} <= {text.get_text().strip() for text in axis.texts}
    assert drawn(figure)


# ---- transfer


def test_transfer_has_a_row_for_each_kind_with_its_auc_beside_it(measured):
    figure = draw.draw_transfer(measured)
    axis = figure.axes[0]
    names = [name.replace("\n", " ") for name in row_names(axis)]
    assert names[0] == "genuine faces (test split)"
    assert names[4:] == [
        "genuine faces (as published)",
        "faces made as a whole (StyleGAN)",
        "stills of manipulated films (MesoNet)",
        "stills of genuine films (MesoNet)",
    ]
    beside = [text.get_text() for text in axis.texts]
    own = measured["kinds"].values()
    wanted = [
        None,
        *(row["auc"]["value"] for row in own),
        None,
        *(row["auc"]["value"] for row in measured["transfer"].values()),
    ]
    assert [text.startswith("AUC") for text in beside] == [value is not None for value in wanted]
    told = [float(text[4:8]) for text in beside if text.startswith("AUC")]
    assert told == pytest.approx([value for value in wanted if value is not None], abs=0.006)
    assert any(list(line.get_xdata()) == [0, 0] for line in axis.lines)
    assert drawn(figure)


def test_dots_of_transfer_stand_at_calibrated_log_odds(measured):
    held = measured["calibration_scores"]
    labels = [0] * len(held["genuine"]) + [1] * len(held["self-blend"])
    calibration = fit_platt(held["genuine"] + held["self-blend"], labels)
    figure = draw.draw_transfer(measured)
    clouds = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert len(clouds) == 8
    scores = np.array(measured["transfer"]["stylegan"]["scores"])
    assert clouds[5].get_xdata() == pytest.approx(calibration.slope * scores + calibration.intercept)
    assert np.abs(clouds[5].get_ydata() + 5).max() < 0.3
    shades = [to_hex(line.get_color()) for line in clouds]
    assert shades == [to_hex(GENUINE_SHADE if row in (0, 4, 7) else FAKE_SHADE) for row in range(8)]
    above = sum(calibration.probability(measured["scores"]["swap"]["fake"]) > 0.5)
    assert f"{above} of 240 above 50 %" in figure.axes[0].texts[2].get_text()


def test_ticks_of_probabilities_stand_at_their_log_odds(measured):
    axis = draw.draw_transfer(measured).axes[0]
    named = {text.get_text(): place for text, place in zip(axis.get_xticklabels(), axis.get_xticks(), strict=True)}
    assert named["50 %"] == 0
    assert named["90 %"] == pytest.approx(math.log(9))
    assert named["1 %"] == pytest.approx(-math.log(99))


def test_scores_beyond_the_plot_stand_at_its_rim_and_many_are_thinned(measured):
    far = measured | {"transfer": {"stylegan": {"scores": [500.0, -500.0], "auc": measured["kinds"]["swap"]["auc"]}}}
    clouds = [line for line in draw.draw_transfer(far).axes[0].lines if line.get_marker() == "o"]
    assert clouds[-1].get_xdata().tolist() == [figures_10_results.FARTHEST, -figures_10_results.FARTHEST]
    many = measured["scores"] | {"swap": {"genuine": [0.0], "fake": [0.5] * 2000}}
    clouds = [
        line for line in draw.draw_transfer(measured | {"scores": many}).axes[0].lines if line.get_marker() == "o"
    ]
    assert len(clouds[2].get_xdata()) == figures_10_results.MOST_DOTS


# ---- damage and people


def test_robustness_has_a_plot_for_each_damage_and_the_undamaged_line(measured):
    figure = draw.draw_robustness(measured["robustness"], UNITS)
    assert [axis.get_title() for axis in figure.axes] == list(UNITS)
    assert [axis.get_xlabel() for axis in figure.axes] == list(UNITS.values())
    for axis, name in zip(figure.axes, UNITS, strict=True):
        rows = measured["robustness"][name]
        curve = axis.containers[0].lines[0].get_ydata().tolist()
        assert [value for place, value in enumerate(curve) if name != "brightness" or place != 2] == [
            row["value"] for row in rows
        ]
        assert [line.get_ydata()[0] for line in axis.lines if line.get_linestyle() == "--"] == [0.95]
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["90", "70", "50", "30", "15"]
    assert drawn(figure)


def test_damage_that_goes_both_ways_shows_the_undamaged_ones_between(measured):
    axis = draw.draw_robustness(measured["robustness"], {}).axes[-1]
    assert [text.get_text() for text in axis.get_xticklabels()] == ["-0.2", "-0.1", "0", "0.1", "0.2", "0.3"]
    assert axis.containers[0].lines[0].get_ydata()[2] == 0.95


def test_groups_have_counts_and_the_rate_of_everybody(measured):
    groups = measured["groups"]
    figure = draw.draw_groups(groups)
    axis = figure.axes[0]
    wanted = [entry for kind in ("gender", "race", "age") for entry in groups[kind].values()]
    assert [x for x, _ in dots(axis, "o")] == pytest.approx([100 * entry["value"] for entry in wanted])
    assert [end for span in spans(axis) for end in span] == pytest.approx(
        [100 * entry[end] for entry in wanted for end in ("low", "high")]
    )
    everybody = [line for line in axis.lines if line.get_linestyle() == "--"]
    assert everybody[0].get_xdata()[0] == pytest.approx(100 * 35 / 865)
    assert {"2.4 %: 11 of 450", "all 865: 4.0 %", "gender", "race", "age"} <= set(words(figure).split("\n"))
    assert "all" not in row_names(axis)
    assert drawn(figure)


# ---- the gate


class Named:
    def __init__(self, name):
        self.name = name


DIFFERENCES = (
    Difference("auc", 0.7, 0.96, -0.26, -0.31, -0.2, 0.01, 600),
    Difference("ece", 0.02, 0.018, 0.002, -0.01, 0.012, 0.02, 600),
    Difference("false_alarms", 0.05, 0.02, 0.03, 0.0, 0.06, 0.02, 800),
    Difference("caught", 0.8, 0.75, 0.05, 0.0, 0.1, 0.1, 300),
)


def decided(differences=DIFFERENCES, more=()):
    reasons = tuple(item.text() for item in differences if not item.holds) + more
    return Decision(not reasons, reasons, Named("v2"), Named("v1"), differences)


def test_the_gate_has_an_axis_for_each_criterion_and_says_what_holds():
    figure = draw.draw_gate(decided())
    beside = [axis.texts[0].get_text() for axis in figure.axes]
    assert [text.split(":")[0] for text in beside] == ["fails", "holds", "fails", "holds"]
    assert "-0.260\n0.700, live 0.960\nallowed -0.01" in beside[0]
    for axis, item in zip(figure.axes, DIFFERENCES, strict=True):
        assert dots(axis, "o") == [(item.value, 0)]
        assert spans(axis) == [(item.low, item.high)]
        left, right = axis.get_xlim()
        assert left < min(item.low, 0) <= max(item.high, 0) < right
    assert "v2 must not be promoted" in words(figure)
    assert drawn(figure)


def test_the_allowed_side_is_the_better_one():
    for axis, item in zip(draw.draw_gate(decided()).axes, DIFFERENCES, strict=True):
        (allowed,) = bands(axis)
        if item.name in ("auc", "caught"):
            assert allowed[::2] == pytest.approx((-item.margin, axis.get_xlim()[1]))
        else:
            assert allowed[::2] == pytest.approx((axis.get_xlim()[0], item.margin))
        inside = [allowed[0] <= end <= allowed[2] for end in (item.low, item.high)]
        assert all(inside) == item.holds


def test_other_reasons_against_a_candidate_are_said_below():
    figure = draw.draw_gate(decided(more=("20 genuine films are too few.",)))
    assert "20 genuine films are too few." in figure.axes[-1].get_xlabel()
    assert "difference" not in figure.axes[-1].get_xlabel()


def test_a_candidate_that_passes_is_told_so():
    figure = draw.draw_gate(decided(DIFFERENCES[1::2]))
    assert re.search(r"^v2 may be promoted$", words(figure), re.M)
