"""Are notebooks and lessons in step? Answered from the files, without executing anything."""

from .build import both_style_problems, check_outputs, verdicts
from .compose import compose
from .exercises import frame, stub_frame
from .lesson import read_lesson
from .outputs import output_problems, read_notebook
from .problems import LessonError, Problem
from .rules import lesson_problems, number_problems

BUILD = "python -m course_lib.authoring build"


def check(paths, course, whole=True):
    """Every problem of the lessons at ``paths`` and of their notebooks; ``whole`` adds notebooks without a lesson."""
    problems = [problem for path in paths for problem in check_lesson(path, course)]
    return problems + (orphan_problems(course) if whole else [])


def check_lesson(path, course):
    """The problems of one lesson: its text, its two notebooks, and what they store."""
    try:
        lesson = read_lesson(path, course)
    except LessonError as error:
        return error.problems
    problems = lesson_problems(lesson, course) or both_style_problems(lesson)
    if problems:
        return problems  # notebooks can only be compared with a lesson that is well-formed
    return [problem for solved in (False, True) for problem in _notebook_problems(lesson, course, solved)]


def orphan_problems(course):
    """Notebooks that no lesson made."""
    names = {path.stem for path in course.lesson_paths()}
    notebooks = sorted([*course.notebooks.glob("*.ipynb"), *(course.notebooks / "solutions").glob("*.ipynb")])
    return [
        Problem(course.relative(path), "no lesson makes this notebook: delete it, or write its lesson")
        for path in notebooks
        if path.stem not in names
    ]


def _notebook_problems(lesson, course, solved):
    path = course.notebook_path(lesson.name, solved)
    file = course.relative(path)
    if not path.exists():
        return [Problem(file, f"is missing: {BUILD} {lesson.name}")]
    try:
        notebook = read_notebook(path)
    except ValueError as error:
        return [Problem(file, f"is not a notebook ({error}): {BUILD} {lesson.name}")]
    problems = _difference(lesson, notebook, file, solved)
    if not problems:
        problems = output_problems(notebook, file) + _verdict_problems(notebook, file, "✓" if solved else "✗")
    if not problems and not solved:
        problems = number_problems(lesson, notebook)
    return problems


def _difference(lesson, notebook, file, solved):
    """Where the notebook's cells or metadata differ from what the lesson makes."""
    expected = compose(lesson, solved)
    again = f"{BUILD} {lesson.name}"
    if len(notebook.cells) != len(expected.cells):
        return [
            Problem(file, f"has {len(notebook.cells)} cells, but {lesson.file} makes {len(expected.cells)}: {again}")
        ]
    problems = [
        Problem(file, _cell_message(written, stored, f"{lesson.file}:{written.line}", again), None, written.number)
        for written, new, stored in zip(lesson.cells, expected.cells, notebook.cells, strict=True)
        if _content(new) != _content(stored)
    ]
    if not problems and _without_budget(notebook.metadata) != expected.metadata:
        problems.append(Problem(file, f"was built from another version of {lesson.file}: {again}"))
    if notebook.metadata.get("course", {}).get("budget") != "quick":
        problems.append(Problem(file, f"was not built at the quick budget: COURSE_BUDGET=quick {again}"))
    return problems


def _content(cell):
    return cell.cell_type, cell.source, cell.metadata, cell.get("id")


def _without_budget(metadata):
    course = {key: value for key, value in metadata.get("course", {}).items() if key != "budget"}
    return {**metadata, "course": course}


def _cell_message(written, stored, place, again):
    if "exercise" in written.tags and not _same_exercise(written.source, stored.source):
        return f"the exercise differs from its solution in {place}: edit the lesson, then {again}"
    return f"differs from {place}: edit the lesson, not the notebook, then {again}"


def _same_exercise(written, stored):
    """Whether a stored stub or solution is the written exercise, whatever stands in the place of the solution."""
    return frame(written) in (frame(stored), stub_frame(stored))


def _verdict_problems(notebook, file, expected):
    return [
        Problem(file, f"its check should have printed a line with {expected}: {text.strip()!r}", None, number)
        for number, text in check_outputs(notebook)
        if verdicts(text) != {expected}
    ]
