"""Build a lesson's two notebooks: compose, execute, clean, check, and write only what changed."""

from course_lib.files import write_atomic

from .compose import compose
from .execute import execute
from .lesson import read_lesson
from .outputs import clean, output_problems, read_notebook, serialize
from .problems import LessonError, Problem
from .rules import lesson_problems, number_problems
from .same import keep_equal_outputs
from .style import style_problems


def build(path, course, budget="quick"):
    """Build the notebooks of the lesson at ``path``. Returns ``seconds`` of the
    learner's notebook, the seconds ``allowed`` and the paths ``written``.

    Raises LessonError and writes neither notebook when anything is wrong with either.
    """
    lesson = read_lesson(path, course)
    problems = lesson_problems(lesson, course) or both_style_problems(lesson)
    if problems:
        raise LessonError(problems)
    built = {solved: run(lesson, course, solved, budget) for solved in (False, True)}
    _require_unsolved(built[False][0], lesson)
    _require_solved(built[True][0], lesson)
    problems = number_problems(lesson, built[False][0])
    if problems:
        raise LessonError(problems)
    written = [target for solved in (False, True) if (target := _write(built[solved][0], lesson, course, solved))]
    return {"seconds": built[False][1], "allowed": lesson.seconds[budget], "written": written}


def both_style_problems(lesson):
    """What ruff finds in either notebook, each once."""
    return list(dict.fromkeys(p for solved in (False, True) for p in style_problems(lesson, compose(lesson, solved))))


def run(lesson, course, solved, budget):
    """Compose and execute one notebook of ``lesson``: ``(notebook, seconds)``, clean and without problems."""
    notebook = compose(lesson, solved)
    lines = [cell.line for cell in lesson.cells]
    folder = course.notebook_path(lesson.name, solved).parent
    folder.mkdir(parents=True, exist_ok=True)
    # One cell alone may use the whole notebook's time: tests, which run on an idle machine, enforce the total.
    seconds = execute(notebook, folder, lesson.seconds[budget], lesson.file, lines, budget)
    clean(notebook)
    notebook.metadata = compose(lesson, solved).metadata  # the kernel wrote its own Python version into it
    notebook.metadata["course"]["budget"] = budget
    problems = output_problems(notebook, lesson.file, lines)
    if problems:
        raise LessonError(problems)
    return notebook, seconds


def check_outputs(notebook):
    """``(number of the code cell, text)`` for each cell tagged ``check``."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for number, cell in enumerate(code, 1):
        if "check" in cell.metadata.get("tags", ()):
            yield number, "".join(output.get("text", "") for output in cell.outputs)


def verdicts(text):
    """The marks at the start of the lines that ``check`` printed: a set of '✓' and '✗'."""
    return {line[0] for line in text.splitlines() if line.startswith(("✓", "✗"))}


def _require_solved(notebook, lesson):
    _require_verdict(notebook, lesson, {"✓"}, "the solution does not pass its check")


def _require_unsolved(notebook, lesson):
    _require_verdict(notebook, lesson, {"✗"}, "the stub passes its check, or its check prints no line")


def _require_verdict(notebook, lesson, expected, message):
    wrong = [(number, text) for number, text in check_outputs(notebook) if verdicts(text) != expected]
    if wrong:
        line = {cell.number: cell.line for cell in lesson.code}
        raise LessonError(
            Problem(lesson.file, f"{message}: {text.strip()!r}", line[number], number) for number, text in wrong
        )


def _write(notebook, lesson, course, solved):
    """Write the notebook unless the file already says the same; returns its path if it was written."""
    target = course.notebook_path(lesson.name, solved)
    before = _stored(target)
    if before:
        keep_equal_outputs(notebook, before)
    content = serialize(notebook)
    if target.exists() and target.read_bytes() == content.encode("utf-8"):
        return None
    write_atomic(target, content)
    return target


def _stored(target):
    """The notebook that is there, or None when there is none or it is damaged: then it is made anew."""
    try:
        return read_notebook(target)
    except (FileNotFoundError, ValueError):
        return None
