"""The widgets and figures of lesson 08 show what they say."""

import re

import pytest
import torch

from course_lib.data.petals import conditional
from course_lib.training.stopping import StopRule, smoothed
from course_lib.widgets import figures_08, lesson_08
from course_lib.widgets.figures import figure_html

FRECHET = [100.0, 80, 60, 40, 30, 26, 24, 22, 21, 22, 20, 21, 22, 20, 21, 19, 20, 21, 22, 20]


def drawn(figure):
    return "<img" in figure_html(figure, "a figure that is only drawn to see that it can be drawn")


def a_curve(frechet=FRECHET):
    return [
        {
            "step": 20 * place,
            "generator_steps": 7 * place,
            "frechet": value,
            "patches": 0.5 + 0.05 * place,
            "colorfulness": 0.6 + 0.02 * place,
            "psnr": 25 - 0.1 * place,
        }
        for place, value in enumerate(frechet)
    ]


def marked(axis):
    """The points with a ring around them."""
    return [tuple(line.get_xydata()[0]) for line in axis.lines if line.get_markersize() == 9]


# ---- the widgets


@pytest.fixture
def recorded(monkeypatch):
    monkeypatch.setattr(lesson_08, "recorded", a_curve)
    monkeypatch.setattr(lesson_08, "chosen", lambda: 5)
    pictures = torch.linspace(0, 1, len(FRECHET))[:, None, None, None, None].expand(-1, 6, 3, 8, 8)
    monkeypatch.setattr(lesson_08, "strip", lambda: pictures)


def test_scrubbing_shows_the_pictures_and_the_numbers_of_the_point(recorded):
    figure, alt = lesson_08.draw_scrub(4)
    shown = [axis.images[0].get_array() for axis in figure.axes if axis.images]
    assert len(shown) == 6
    assert all(abs(picture.mean() - 4 / 19) < 1e-3 for picture in shown)
    rings = [marked(axis)[0] for axis in figure.axes if axis.lines]
    assert rings == [pytest.approx(ring) for ring in ((80, 30), (80, 0.68), (80, 0.7))]
    assert "after 80 steps" in alt
    assert "distance 30.00" in alt
    assert "kept is number 5; this is number 4" in alt
    assert drawn(figure)


def test_a_rule_that_is_patient_sees_the_whole_curve():
    place, _, end = lesson_08.stop(StopRule(patience=100), a_curve())
    assert end == len(FRECHET) - 1
    assert place == StopRule().choose(a_curve())[0]


def test_a_rule_without_patience_ends_before_the_fall_is_over():
    place, reason, end = lesson_08.stop(StopRule(patience=2, share=0.5), a_curve([100, 40, 35, 34, 33, 5, 4, 3, 2]))
    assert (place, end) == (1, 3)
    assert "Point 1 of 3" in reason


@pytest.mark.parametrize("patience", range(1, 12))
def test_the_training_ends_where_the_library_ends_it(patience):
    rule, curve = StopRule(patience=patience), a_curve()
    _, _, end = lesson_08.stop(rule, curve)
    assert not any(rule.ends(curve[:count]) for count in range(1, end + 1))
    assert end == len(curve) - 1 or rule.ends(curve[: end + 1])


def test_the_choice_is_drawn_at_the_point_that_is_kept(recorded):
    figure, alt = lesson_08.draw_rule(0.9, 3, 2.0, 20)
    place, _ = StopRule(patience=20).choose(a_curve())
    assert marked(figure.axes[0]) == [(20 * place, FRECHET[place])]
    assert f"Point {place} of 19" in alt
    assert "ends at point 19 of 19" in alt
    assert drawn(figure)


def test_points_that_are_barred_are_crossed(recorded):
    figure, _ = lesson_08.draw_rule(0.9, 3, 1.5, 20)
    crossed = next(line for line in figure.axes[1].lines if line.get_marker() == "x")
    assert crossed.get_xdata().tolist() == [20 * place for place in range(20) if 0.5 + 0.05 * place > 0.75]
    levels = [line.get_ydata()[0] for line in figure.axes[1].lines if line.get_linestyle() == ":"]
    assert levels == [pytest.approx(0.75)]


def test_the_level_is_where_the_share_of_the_fall_is_done():
    curve = a_curve()
    lowest = min(smoothed(FRECHET, 3)[:11])  # later points have more than twice the patches of the start
    assert figures_08.level_of(curve, StopRule(share=0.5)) == pytest.approx((100 + lowest) / 2)
    assert figures_08.level_of(curve, StopRule(share=1.0)) == pytest.approx(lowest)
    assert figures_08.level_of(a_curve([1.0, 2.0, 3.0]), StopRule()) == 1


# ---- static figures


def test_phase_1_shows_both_losses_and_where_pictures_grow():
    sides = [32, 32, 48, 64]
    figure = figures_08.draw_start([[4.0, 5.0], [3.0, 4.0], [2.0, 3.0], [1.0, 2.0]], sides.__getitem__)
    axis = figure.axes[0]
    assert [line.get_ydata().tolist() for line in axis.lines if line.get_marker() == "o"] == [
        [4, 3, 2, 1],
        [5, 4, 3, 2],
    ]
    assert [text.get_text() for text in axis.texts if "px" in text.get_text()] == ["32 px", "48 px", "64 px"]
    assert drawn(figure)


def test_the_critic_is_drawn_with_what_is_wanted():
    axis = figures_08.draw_critic([0.6, 0.8, 0.92], 0.9).axes[0]
    assert list(axis.lines[0].get_ydata()) == [0.6, 0.8, 0.92]
    assert [text.get_text() for text in axis.texts] == ["wanted: 90%", "guessing"]


def test_curves_have_a_mark_and_a_median():
    figure = figures_08.draw_curve(a_curve(), 6, width=3)
    assert [marked(axis)[0][0] for axis in figure.axes] == [120] * 4
    assert figure.axes[0].lines[1].get_ydata().tolist() == smoothed(FRECHET, 3)
    assert [axis.get_title() for axis in figure.axes] == [figures_08.CURVES[metric][0] for metric in figures_08.CURVE]
    assert drawn(figure)


def test_gaussians_have_their_distance_in_the_title():
    figure = figures_08.draw_gaussians({"same": ((0, 1), (0, 1), 0.0), "apart": ((0, 1), (4, 1), 16.0)})
    assert [axis.get_title() for axis in figure.axes] == ["same: 0.0", "apart: 16.0"]
    peaks = [line.get_xdata()[line.get_ydata().argmax()].item() for line in figure.axes[1].lines]
    assert peaks == pytest.approx([0, 4], abs=0.05)


def test_ways_have_their_values_and_a_missing_one_is_left_out():
    def entry(value):
        return {
            "value": value,
            "low": None if value is None else value - 1,
            "high": None if value is None else value + 1,
        }

    rows = {
        way: {metric: entry(float(place)) for metric in figures_08.METRICS} for place, way in enumerate(figures_08.WAYS)
    }
    rows["truth"]["psnr"] = entry(None)
    figure = figures_08.draw_ways(rows)
    for axis, metric in zip(figure.axes, figures_08.METRICS, strict=True):
        dots = [tuple(line.get_xydata()[0]) for line in axis.lines if line.get_marker() == "o"]
        count = len(rows) - (metric == "psnr")
        assert dots == [(place, -place) for place in range(count)]
    assert drawn(figure)


def test_starts_are_lines_over_seconds():
    ways = {f"way {number}": {"seconds": [1.0, 2.0], "loss": [3.0, number]} for number in range(4)}
    axis = figures_08.draw_starts(ways).axes[0]
    assert [line.get_ydata().tolist() for line in axis.lines] == [[3, 0], [3, 1], [3, 2], [3, 3]]
    assert len({(line.get_color(), line.get_linestyle()) for line in axis.lines}) == 4
    assert re.fullmatch(r"way 2: 2\.000", axis.get_legend().get_texts()[2].get_text())


def test_flowers_stand_at_their_colors():
    colors, _ = conditional("petals")
    figure = figures_08.draw_flowers({"truth": colors, "gray": torch.zeros(3, 2)})
    dots = [line.get_xydata() for axis in figure.axes for line in axis.lines if line.get_marker() == "."]
    assert torch.allclose(torch.from_numpy(dots[0]).float(), colors)
    assert not dots[1].any()
    assert drawn(figure)
