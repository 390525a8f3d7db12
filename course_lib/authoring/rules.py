"""The rules that a lesson keeps (CONTRIBUTING.md), checked on its text."""

import re
from itertools import pairwise
from statistics import median

from course_lib.quizzes import QuizError, load_quiz

from .compose import CALLS_CHECKED_CLAIM, COMPARED
from .exercises import BEGIN, END, has_markers, marker_problem
from .markdown import headings
from .numbers import unshown_numbers
from .problems import Problem

PARTS = (
    "What you will be able to do",
    "The result first",
    "The idea, step by step",
    "Something to move",
    "What it cannot do",
    "Exercises and quiz",
)
MAX_LINES, MAX_MEDIAN = 25, 5
TAGS = {"exercise", "check", COMPARED}
CALLS_CHECK = re.compile(r"(?<![\w.])check\(")


def lesson_problems(lesson, course):
    """Everything that is wrong with a lesson's text, in the order of the file."""
    problems = [
        *_heading_problems(lesson),
        *_cell_problems(lesson),
        *_exercise_problems(lesson),
        *_quiz_problems(lesson, course),
    ]
    return sorted(problems, key=lambda problem: problem.line or 0)


def number_problems(lesson, notebook):
    """Numbers in the prose that neither a cell nor a text output of the learner's ``notebook`` shows."""
    return [
        Problem(
            lesson.file,
            f"'{number}' is in the prose, but no code cell or output shows it: report it, or use a code span",
            line,
        )
        for number, line in unshown_numbers(lesson, notebook)
    ]


def _heading_problems(lesson):
    found = [(level, text, cell.line + line) for cell in lesson.markdown for level, text, line in headings(cell.source)]
    yield from _title_problems(lesson, found)
    yield from _level_problems(lesson, found)
    yield from _part_problems(lesson, found)


def _title_problems(lesson, found):
    titles = [heading for heading in found if heading[0] == 1]
    if not titles or found[0][0] != 1:
        yield Problem(lesson.file, "the first heading must be the title, '# ...'")
    for _, text, line in titles[1:]:
        yield Problem(lesson.file, f"'# {text}' is a second title: a lesson has one", line)


def _level_problems(lesson, found):
    for (before, _, _), (level, text, line) in pairwise(found):
        if level > before + 1:
            yield Problem(lesson.file, f"'{'#' * level} {text}' skips a level: use '{'#' * (before + 1)} {text}'", line)


def _part_problems(lesson, found):
    parts = [(text, line) for level, text, line in found if level == 2]
    names = [text for text, _ in parts]
    for part in PARTS:
        if part not in names:
            yield Problem(lesson.file, f"the part '## {part}' is missing")
    for text, line in parts:
        if text not in PARTS:
            yield Problem(
                lesson.file, f"'## {text}' is none of the six parts: use '### {text}' inside one of them", line
            )
    known = [(text, line) for text, line in parts if text in PARTS]
    for (before, _), (text, line) in pairwise(known):
        if PARTS.index(text) <= PARTS.index(before):
            yield Problem(lesson.file, f"the heading '## {text}' is out of order: it stands after '## {before}'", line)


def _cell_problems(lesson):
    lengths = [_length(cell.source) for cell in lesson.code]
    for cell, length in zip(lesson.code, lengths, strict=True):
        if length > MAX_LINES:
            yield _at(lesson, cell, f"has {length} lines, at most {MAX_LINES} are allowed: move code into course_lib")
        for tag in sorted(set(cell.tags) - TAGS):
            yield _at(lesson, cell, f"has the tag '{tag}', which means nothing here: use {', '.join(sorted(TAGS))}")
    if not lengths:
        yield Problem(lesson.file, "has no code cell")
    elif median(lengths) > MAX_MEDIAN:
        yield Problem(
            lesson.file,
            f"its code cells have {median(lengths):g} lines at the median, at most {MAX_MEDIAN} are allowed",
        )
    if not any(CALLS_CHECKED_CLAIM.search(cell.source) for cell in lesson.code):
        yield Problem(
            lesson.file, "claims nothing: no cell calls report(...) or check(...), so nothing would be compared"
        )
    for cell in lesson.cells:
        if cell.kind not in ("code", "markdown"):
            yield _at(lesson, cell, f"is a {cell.kind} cell: use Markdown or code")


def _length(source):
    """Lines that a reader has to read: blank lines and the solution's markers do not count."""
    return sum(1 for line in source.splitlines() if line.strip() and line.strip() not in (BEGIN, END))


def _exercise_problems(lesson):
    previous = None
    for cell in [*lesson.code, None]:
        if previous and "exercise" in previous.tags and not (cell and "check" in cell.tags):
            yield _at(
                lesson, previous, "is an exercise without a check: tag the next code cell 'check' and call check in it"
            )
        if cell:
            yield from (_at(lesson, cell, message) for message in _exercise_messages(cell, previous))
        previous = cell


def _exercise_messages(cell, previous):
    exercise, check = "exercise" in cell.tags, "check" in cell.tags
    wrong = marker_problem(cell.source)
    if wrong:
        yield wrong
    elif exercise and not has_markers(cell.source):
        yield f"is an exercise without a solution: write it between '{BEGIN}' and '{END}'"
    elif has_markers(cell.source) and not exercise:
        yield "holds a solution: tag it 'exercise'"
    if check and not CALLS_CHECK.search(cell.source):
        yield 'is tagged check but does not call check("NN.name", answer)'
    if CALLS_CHECK.search(cell.source) and not check:
        yield "calls check: tag it 'check'"
    if check and not (previous and "exercise" in previous.tags):
        yield "is a check without an exercise: it must be the next code cell after its exercise"


def _quiz_problems(lesson, course):
    number = lesson.name[:2]
    try:
        load_quiz(number, folder=course.lessons / "quizzes", lesson=lesson.name)
    except QuizError as error:
        yield Problem(f"lessons/quizzes/{number}.json", str(error))
    if not any(re.search(rf"(?<![\w.])quiz\(\s*[\"']{number}[\"']", cell.source) for cell in lesson.code):
        yield Problem(lesson.file, f'never shows its quiz: call quiz("{number}") in the last part')


def _at(lesson, cell, message):
    return Problem(lesson.file, message, cell.line, cell.number)
