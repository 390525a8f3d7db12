"""Which numbers in the prose are claims, and when a cell or an output shows them."""

import nbformat
import pytest

from course_lib.authoring.lesson import Cell, Lesson
from course_lib.authoring.numbers import unshown_numbers


def unshown(prose, source="", output=""):
    """The unshown numbers of a lesson with one cell of prose and one code cell."""
    code = nbformat.v4.new_code_cell(source, outputs=[nbformat.v4.new_output("stream", text=output)])
    lesson = Lesson("01_x", "lessons/01_x.md", {}, (Cell("markdown", prose, (), 1),))
    return [number for number, _ in unshown_numbers(lesson, nbformat.v4.new_notebook(cells=[code]))]


@pytest.mark.parametrize(
    "prose",
    [
        "3 channels, 224 pixels, 1,000 bins",
        "`0.38` in a code span",
        "$x = 0.38$ and\n\n$$\ny = 0.38\n$$\n",
        "[a target](https://example.org/0.38) and ![a picture](figure-0.38.png)",
        "```\n0.38\n```",
        "torch 2.15.0 is a version, and so is v1.5",
    ],
)
def test_what_is_no_claim(prose):
    assert unshown(prose) == []


@pytest.mark.parametrize(
    ("prose", "claims"),
    [
        ("The error is 0.38.", ["0.38"]),
        ("- 12 % of them\n- or 1.5, not 2.5", ["12 %", "1.5", "2.5"]),
        ("about 12% or 13 percent", ["12%", "13 percent"]),
        ("| a | b |\n|---|---|\n| 1 | 0.25 |", ["0.25"]),
        ("**0.38** in ### bold", ["0.38"]),
        ("1,234.5 pixels", ["1,234.5"]),
        ("[0.38](https://example.org)", ["0.38"]),
    ],
)
def test_what_is_a_claim(prose, claims):
    assert unshown(prose) == claims


@pytest.mark.parametrize(
    ("prose", "source", "output"),
    [
        ("0.38", "temperature = 0.38", ""),
        ("0.38", "", "value: 0.3812 (expected 0.3 to 0.4)"),
        ("0.4", "", "0.3812"),
        ("0.39", "", "0.385"),
        ("38 %", "", "0.3812"),
        ("38.1 %", "", "38.12"),
        ("1,234.5", "", "1234.49"),
        ("0.001", "tolerance = 1e-3", ""),
    ],
)
def test_what_shows_a_claim(prose, source, output):
    assert unshown(prose, source, output) == []


@pytest.mark.parametrize(
    ("prose", "output"),
    [("0.38", "0.39"), ("0.38", "0.3"), ("38 %", "0.39"), ("0.4", "4"), ("5.5", "15.5"), ("0.38", "x0.38")],
)
def test_what_does_not_show_a_claim(prose, output):
    assert unshown(prose, output=output) == [prose]


def test_the_bytes_of_a_figure_show_nothing():
    data = {"text/html": '<img alt="A line" src="data:image/png;base64,AB/0.38+1234">'}
    code = nbformat.v4.new_code_cell(outputs=[nbformat.v4.new_output("display_data", data)])
    lesson = Lesson("01_x", "lessons/01_x.md", {}, (Cell("markdown", "It is 0.1234 or 0.38.", (), 7),))
    found = unshown_numbers(lesson, nbformat.v4.new_notebook(cells=[code]))
    assert list(found) == [("0.1234", 7), ("0.38", 7)]
