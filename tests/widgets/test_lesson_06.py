"""The widgets and figures of lesson 06 show what they say."""

import math
import re

import pytest
import torch
from matplotlib.patches import Rectangle

from course_lib import color
from course_lib.hints import Hints, Point
from course_lib.suggesting import Suggestion
from course_lib.widgets import figures_06, lesson_06
from course_lib.widgets.figures import draw_picture, figure_html, new_figure


def drawn(figure):
    return "<img" in figure_html(figure, "a figure that is only drawn to see that it can be drawn")


def test_points_are_drawn_where_they_are_and_in_their_color():
    _, axes = new_figure(1, 1)
    draw_picture(axes[0, 0], torch.zeros(3, 100, 200), "")
    figures_06.draw_hints(axes[0, 0], Hints([Point(0.25, 0.75, 60, 40, size=0.1)]), (100, 200), zoom=2)
    square = next(patch for patch in axes[0, 0].patches if isinstance(patch, Rectangle))
    middle = square.get_x() + square.get_width() / 2, square.get_y() + square.get_height() / 2
    assert middle == pytest.approx((149.5, 24.5))
    assert square.get_width() == 20
    red, green, blue, _ = square.get_facecolor()
    assert red > green > blue


def test_strokes_run_along_their_places():
    _, axes = new_figure(1, 1)
    figures_06.draw_hints(axes[0, 0], Hints(strokes=[[(0, 0), (1, 0.5)]]), (100, 200))
    assert axes[0, 0].lines[0].get_xydata().tolist() == [[0, 0], [100, 100]]


def test_the_opposite_of_a_hint_has_the_other_hue_at_the_same_place():
    point = Point(0.2, 0.3, 30, 40)
    other = lesson_06.opposite(point)
    assert (other.row, other.column) == (0.2, 0.3)
    assert (other.a, other.b) == pytest.approx((-30, -40))
    pale = lesson_06.opposite(Point(0.2, 0.3, 3, 0))
    assert (pale.a, pale.b) == pytest.approx((-30, 0), abs=1e-6)


@pytest.mark.parametrize(("count", "wrong"), [(0, False), (0, True), (5, False), (5, True)])
def test_the_number_of_hints_is_what_was_asked_for(count, wrong):
    hints = lesson_06.hints_of("china", count, wrong)
    assert len(hints.points) == count
    right = lesson_06.hints_of("china", count)
    assert (hints == right) == (not (wrong and count))
    assert hints.points[1:] == right.points[1:]
    _, alt = lesson_06.draw_revealed("china", count, wrong)
    assert f"{count} hints" in alt


def test_the_widget_says_what_the_pixel_got():
    where = next(iter(lesson_06.PLACES))
    _, alt = lesson_06.draw_told(where, hue=90, chroma=40)
    asked, got = re.findall(r"\((-?\d+), (-?\d+)\)", alt)
    assert (int(asked[0]), int(asked[1])) == (0, 40)
    _, row, column = lesson_06.PLACES[where]
    picture, hints, _ = lesson_06.told(where, 90, 40)
    pixel = picture[:, round(row * picture.shape[1]), round(column * picture.shape[2])]
    assert [int(value) for value in got] == [
        round(value) for value in color.rgb_to_lab(pixel[:, None, None])[1:, 0, 0].tolist()
    ]
    assert math.hypot(hints.points[0].a, hints.points[0].b) == pytest.approx(40)
    assert (hints.points[0].row, hints.points[0].column) == (row, column)


def test_the_photograph_is_not_colored_by_its_own_colors():
    _, hints, _ = lesson_06.told("the petals", 180, 60)
    gray = color.without_color(lesson_06.small("flower"))
    again = lesson_06.colorize(gray, lesson_06.MODEL, hints)
    assert torch.allclose(again, lesson_06.colored("flower", hints), atol=2e-2)


def test_all_figures_draw():
    entry = {"value": 25.0, "low": 24.0, "high": 26.0}
    counts = [str(count) for count in figures_06.PUBLISHED]
    results = {"psnr": dict.fromkeys(counts, entry), "carried": dict.fromkeys(counts, entry)}
    l, ab = torch.zeros(2, 1, 16, 16), torch.zeros(2, 2, 16, 16)  # noqa: E741
    assert drawn(figures_06.draw_curve(results))
    assert drawn(figures_06.draw_spread({"0": 0.5, "4": 0.1}, (0, 4, 8)))
    assert drawn(figures_06.draw_counts(torch.tensor([0, 1, 1, 5]), torch.full((8,), 1 / 8)))
    assert drawn(figures_06.draw_simulated(l, ab, l + 1, l))
    suggested = {"sky": [Suggestion(0, -20, 0.7), Suggestion(0, 0, 0.3)], "tree": [Suggestion(-10, 20, 1.0)]}
    assert drawn(figures_06.draw_suggestions(suggested, {"sky": 80.0, "tree": 40.0}))


def test_bars_of_the_counts_are_their_shares():
    figure = figures_06.draw_counts(torch.tensor([0, 0, 1, 3]), torch.tensor([0.4, 0.3, 0.2, 0.1]))
    assert [bar.get_height() for bar in figure.axes[0].patches] == pytest.approx([0.5, 0.25, 0, 0.25])


def test_gains_begin_at_zero_and_published_ones_are_the_papers():
    counts = list(figures_06.PUBLISHED)
    ours = {str(count): {"value": 25.0 + place, "low": 24.0, "high": 27.0} for place, count in enumerate(counts)}
    figure = figures_06.draw_curve({"psnr": ours, "carried": ours})
    gains = [line.get_ydata() for line in figure.axes[1].lines]
    assert all(values[0] == 0 for values in gains)
    assert list(gains[0]) == list(range(8))
    assert gains[2][-1] == pytest.approx(31.1 - 24.4)
