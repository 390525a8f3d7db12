"""What a build makes of the sample lesson, and that a second build changes nothing."""

import base64
import io
import json

import nbformat
import pytest
from PIL import Image

from course_lib.authoring.__main__ import main
from course_lib.authoring.build import build
from course_lib.authoring.outputs import WIDGET_TEXT, text_of
from course_lib.authoring.pictures import DATA
from course_lib.authoring.times import read_times, store_time
from tests.authoring.sample import NAME, replace_in, sample_path


def notebook(course, solved=False):
    return nbformat.read(course.notebook_path(NAME, solved), as_version=4)


def code(course, solved=False):
    return [cell for cell in notebook(course, solved).cells if cell.cell_type == "code"]


def test_notebooks_are_valid_and_their_cells_are_counted_from_1(built):
    for solved in (False, True):
        nbformat.validate(notebook(built, solved))
        assert [cell.execution_count for cell in code(built, solved)] == list(range(1, 9))


def test_the_learner_gets_a_stub_and_the_instructor_the_solution(built):
    stub, solution = code(built)[5].source, code(built, solved=True)[5].source
    assert stub == 'def double(number):\n    """Twice the number."""\n    ...  # your code here'
    assert solution.endswith("    # BEGIN SOLUTION\n    return 2 * number\n    # END SOLUTION")
    assert text_of(code(built)[6].outputs[0]).startswith("✗ 01.double")
    assert text_of(code(built, solved=True)[6].outputs[0]).startswith("✓ 01.double")


def test_both_notebooks_have_the_same_ids(built):
    ids = [cell.id for cell in notebook(built).cells]
    assert ids == [cell.id for cell in notebook(built, solved=True).cells]
    assert len(set(ids)) == len(ids)


def test_claims_and_checks_are_compared(built):
    compared = [
        number for number, cell in enumerate(code(built), 1) if "nbval-check-output" in cell.metadata.get("tags", ())
    ]
    assert compared == [3, 4, 7]


def test_a_widget_becomes_words_and_leaves_no_state(built):
    assert text_of(code(built)[4].outputs[0]) == WIDGET_TEXT
    assert set(notebook(built).metadata) == {"kernelspec", "language_info", "course"}
    assert "widget-view" not in built.notebook_path(NAME, solved=False).read_text(encoding="utf-8")


def test_nothing_depends_on_the_machine(built):
    metadata = notebook(built).metadata
    assert "version" not in metadata.language_info
    assert "jupytext" not in metadata
    assert not any("execution" in cell.metadata for cell in notebook(built).cells)


def test_a_second_build_writes_nothing(course):
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in course.notebooks.rglob("*.ipynb")}
    assert len(before) == 2
    assert build(sample_path(course), course)["written"] == []
    assert before == {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in course.notebooks.rglob("*.ipynb")}


def test_a_changed_cell_changes_only_itself(course):
    before = {cell.id: cell for cell in notebook(course).cells}
    replace_in(sample_path(course), "It cannot halve a word.", "It cannot halve a word or a color.")
    assert len(build(sample_path(course), course)["written"]) == 2
    changed = [cell for cell in notebook(course).cells if before.get(cell.id) != cell]
    assert [cell.source for cell in changed] == [
        "## What it cannot do\n\nIt cannot halve a word or a color.\n\n## Exercises and quiz"
    ]


def shade_stored_figure(course, levels):
    """Make the stored figure of the learner's notebook darker by ``levels``, as another machine might; returns the file's text."""
    path = course.notebook_path(NAME, solved=False)
    text = path.read_text(encoding="utf-8")
    (encoded,) = DATA.findall(text)
    picture = (
        Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGB").point(lambda value: max(0, value - levels))
    )
    buffer = io.BytesIO()
    picture.save(buffer, format="png")
    path.write_text(text.replace(encoded, base64.b64encode(buffer.getvalue()).decode()), encoding="utf-8")
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize(("levels", "rewritten"), [(4, False), (40, True)])
def test_a_figure_is_rewritten_only_when_it_looks_different(course, levels, rewritten):
    shaded = shade_stored_figure(course, levels)
    build(sample_path(course), course)
    assert (course.notebook_path(NAME, solved=False).read_text(encoding="utf-8") != shaded) is rewritten


def test_a_measured_value_may_move_within_its_range(course):
    path = course.notebook_path(NAME, solved=False)
    replace_in(path, "half of three: 1.5 (exp", "half of three: 1.505 (exp")
    build(sample_path(course), course)
    assert "1.505 (exp" in path.read_text(encoding="utf-8")
    replace_in(path, "a share of 50%\\n", "a share of 51%\\n")
    build(sample_path(course), course)
    assert "a share of 50%\\n" in path.read_text(encoding="utf-8")


def test_a_time_is_stored_once_and_not_for_noise(course):
    assert store_time(course, NAME, 20)
    assert not store_time(course, NAME, 25)
    assert read_times(course) == {NAME: 20}
    assert store_time(course, NAME, 40)
    assert read_times(course) == {NAME: 40}


def test_times_forget_lessons_that_are_gone(course):
    (course.notebooks / "times.json").write_text(json.dumps({"09_gone": 3}))
    store_time(course, NAME, 20)
    assert read_times(course) == {NAME: 20}


def test_the_command_says_what_it_built(course, capsys):
    assert main(["build", "01", "--root", str(course.root)]) == 0
    assert "nothing changed" in capsys.readouterr().out
    assert main(["times", "--root", str(course.root)]) == 0
    assert NAME in capsys.readouterr().out


@pytest.mark.parametrize(("seconds", "status", "said"), [(9, 0, "9.0 s of 10 s"), (11, 1, "over its budget of 10 s")])
def test_the_command_fails_when_a_notebook_runs_over_its_budget(course, capsys, monkeypatch, seconds, status, said):
    result = {"seconds": seconds, "allowed": 10, "written": []}
    monkeypatch.setattr("course_lib.authoring.__main__.build", lambda *_: result)
    assert main(["build", NAME, "--root", str(course.root)]) == status
    assert said in capsys.readouterr().out


def test_the_command_names_the_lessons_when_there_is_no_such_lesson(course, capsys):
    assert main(["build", "07_nothing", "--root", str(course.root)]) == 1
    assert f"no lesson is called '07_nothing'; there are: {NAME}" in capsys.readouterr().err


def test_a_budget_that_does_not_exist_is_refused(course, capsys, monkeypatch):
    monkeypatch.setenv("COURSE_BUDGET", "huge")
    assert main(["build", "--root", str(course.root)]) == 1
    assert "COURSE_BUDGET is 'huge': use smoke, quick, full" in capsys.readouterr().err
