"""Whether notebooks are in step with lessons is answered without executing anything, and each difference is seen."""

import json

import nbformat
import pytest

from course_lib.authoring import execute
from course_lib.authoring.__main__ import main
from course_lib.authoring.build import build
from course_lib.authoring.outputs import WIDGET_VIEW
from course_lib.authoring.sync import check
from tests.authoring.sample import NAME, replace_in, sample_path


def problems(course):
    return [str(problem) for problem in check(course.lesson_paths(), course)]


def edit(course, change, solved=False):
    """Change a stored notebook by hand."""
    path = course.notebook_path(NAME, solved)
    notebook = nbformat.read(path, as_version=4)
    change(notebook, [cell for cell in notebook.cells if cell.cell_type == "code"])
    nbformat.write(notebook, path)


def source(number, old, new):
    def change(notebook, code):
        assert old in code[number - 1].source
        code[number - 1].source = code[number - 1].source.replace(old, new)

    return change


def output(number, **fields):
    return lambda notebook, code: code[number - 1].outputs[0].update(fields)


def test_a_built_course_is_in_step_and_nothing_runs(course, monkeypatch, capsys):
    monkeypatch.setattr(execute, "NotebookClient", None)
    assert problems(course) == []
    assert main(["check", "--root", str(course.root)]) == 0
    assert "in step with their notebooks: 1 lessons" in capsys.readouterr().out


def test_the_command_fails_with_one_line_for_each_problem(course, capsys):
    course.notebook_path(NAME, solved=True).unlink()
    assert main(["check", NAME, "--root", str(course.root)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"notebooks/solutions/{NAME}.ipynb: is missing: python -m course_lib.authoring build {NAME}"


STUB = "    ...  # your code here"
# the change to the learner's notebook, and the message
EDITED = {
    "a stub that differs from its solution": (source(6, "double(number)", "double(value)"), "cell 6: the exercise differs"),
    "a stub with the solution": (source(6, STUB, "    return 2 * number"), "cell 6: the exercise differs"),
    "a code cell": (source(3, "3 / 2", "6 / 4"), "cell 3: differs from lessons/01_sample.md:42: edit the lesson"),
    "a claim's tag": (lambda notebook, code: code[2].metadata.pop("tags"), "cell 3: differs from lessons/01_sample.md:42"),
    "a Markdown cell": (lambda notebook, code: notebook.cells[0].update(source="# Other"), "differs from lessons/01_sample.md:15"),
    "a cell more": (
        lambda notebook, code: notebook.cells.append(nbformat.v4.new_code_cell("1", id="more")),
        "cells, but lessons/01_sample.md makes",
    ),
    "the front matter": (lambda notebook, code: notebook.metadata.course.update(minutes=6), "was built from another version"),
    "stale widget state": (lambda notebook, code: notebook.metadata.update(widgets={}), "was built from another version"),
    "another budget": (lambda notebook, code: notebook.metadata.course.update(budget="smoke"), "not built at the quick"),
    "an execution count": (lambda notebook, code: code[3].update(execution_count=9), "cell 4: has execution count 9 instead of 4"),
    "no outputs": (lambda notebook, code: code[3].update(outputs=[]), "cell 4: is compared by nbval but shows nothing"),
    "a widget": (output(2, data={WIDGET_VIEW: {}}), "cell 2: stores a widget without its kernel"),
    "a figure": (output(2, data={"image/png": "iVBO"}), "cell 2: shows a figure without alt text"),
    "a warning": (output(4, name="stderr"), "cell 4: prints a warning: 'a share of 50%'"),
    "a passing check": (output(7, text="✓ 01.double: right"), "cell 7: its check should have printed a line with ✗"),
}  # fmt: skip


@pytest.mark.parametrize("name", EDITED)
def test_a_notebook_that_was_edited_is_found(name, course):
    change, message = EDITED[name]
    edit(course, change)
    (problem,) = problems(course)
    assert problem.startswith(f"notebooks/{NAME}.ipynb:")
    assert message in problem


def test_a_solution_that_was_edited_is_found(course):
    edit(course, source(6, "2 * number", "number + number"), solved=True)
    (problem,) = problems(course)
    assert "cell 6: differs from lessons/01_sample.md:71" in problem


def test_a_changed_lesson_is_found(course):
    replace_in(sample_path(course), "half = 3 / 2", "half = 1.5")
    assert [problem.partition(":")[0] for problem in problems(course)] == [
        f"notebooks/{NAME}.ipynb",
        f"notebooks/solutions/{NAME}.ipynb",
    ]


def test_prose_that_the_stored_outputs_do_not_show_is_found(course):
    edit(course, output(4, text="a share"))
    (problem,) = problems(course)
    assert problem.startswith("lessons/01_sample.md:40: '50 %' is in the prose, but no code cell or output shows it")


def test_a_notebook_without_a_lesson_is_found(course):
    (course.notebooks / "02_gone.ipynb").write_text("{}")
    assert problems(course) == [
        "notebooks/02_gone.ipynb: no lesson makes this notebook: delete it, or write its lesson"
    ]


@pytest.mark.parametrize("content", ["", "{}", json.dumps({"cells": 3})])
def test_what_is_no_notebook_is_found(content, course):
    course.notebook_path(NAME, solved=False).write_text(content)
    (problem,) = problems(course)
    assert problem.startswith(f"notebooks/{NAME}.ipynb: is not a notebook")
    assert len(build(sample_path(course), course)["written"]) == 1
    assert problems(course) == []
