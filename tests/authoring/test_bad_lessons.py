"""Each rule for lessons sees the lesson that breaks it: the sample with one change, and exactly one message."""

import pytest

from course_lib.authoring.build import build
from course_lib.authoring.lesson import read_lesson
from course_lib.authoring.problems import LessonError
from course_lib.authoring.rules import lesson_problems
from course_lib.authoring.sync import check
from tests.authoring.sample import replace_in, sample_course, sample_path

BEGIN, END = "    # BEGIN SOLUTION\n", "    # END SOLUTION\n"
SOLUTION = f"{BEGIN}    return 2 * number\n{END}"
CHECK_CELL = '```{code-cell} ipython3\n:tags: [check]\n\ncheck("01.double", double)\n```\n'
HALF = "half = 3 / 2\n"
SHARE = 'print(f"a share of {half / 3:.0%}")\n'
TAGGED = ":tags: [nbval-check-output]\n\n"
SLIDER = 'ipywidgets.IntSlider(value=3, max=9, description="number")\n'
ALT = "A line that rises faster and faster, from 0 at the left to 4 at the right."
LONG_CELLS = 12 * ("```\n\n```{code-cell} ipython3\n" + "half = half\n" * 6)
MOVE, CANNOT = "## Something to move", "## What it cannot do"

# what is wrong: the change to the sample, and the message of each rule that it breaks
IN_THE_TEXT = {
    "no kernelspec": (("kernelspec:", "other:"), "the front matter has no kernelspec"),
    "no course block": (("course:\n", "other:\n"), "the front matter has no course block"),
    "no minutes": (("minutes: 5", "minutes: soon"), "course.minutes in the front matter must be a learner's time"),
    "no seconds": (("smoke: 60, ", ""), "course.seconds in the front matter must be {smoke: 60, quick: 180}"),
    "broken front matter": (("minutes: 5", "minutes: [5"), "cannot be read as MyST Markdown"),
    "no title": (("# A sample lesson", "A sample lesson"), "the first heading must be the title"),
    "two titles": (("### Half of three", "# Half of three"), "'# Half of three' is a second title"),
    "a skipped level": (("### Half of three", "#### Half of three"), "'#### Half of three' skips a level: use '### Half"),
    "a part missing": ((f"{CANNOT}\n", ""), f"the part '{CANNOT}' is missing"),
    "a seventh part": (("### Half of three", "## Half of three"), "'## Half of three' is none of the six parts"),
    "a part twice": (("### Half of three", "## The result first"), "'## The result first' is out of order"),
    "a long cell": ((HALF, HALF + "half = half\n" * 24), "cell 3: has 26 lines, at most 25 are allowed"),
    "long cells": ((SHARE, SHARE + LONG_CELLS), "its code cells have 6 lines at the median, at most 5 are allowed"),
    "an unknown tag": (("[nbval-check-output]", "[nbval-skip]"), "cell 4: has the tag 'nbval-skip', which means nothing"),
    "an exercise without a check": ((CHECK_CELL, ""), "cell 6: is an exercise without a check: tag the next code cell"),
    "a check untagged": ((":tags: [check]\n\n", ""), "calls check: tag it 'check'", "an exercise without a check"),
    "a check without an exercise": (
        (":tags: [exercise]", ":tags: []"), "holds a solution: tag it 'exercise'", "is a check without an exercise",
    ),
    "a check that does not check": (('check("01.double", double)', "double"), "is tagged check but does not call check"),
    "no solution": ((SOLUTION, "    return 2\n"), "cell 6: is an exercise without a solution"),
    "an unclosed solution": ((END, ""), "'# BEGIN SOLUTION' without '# END SOLUTION' after it"),
    "an unopened solution": ((BEGIN, ""), "'# END SOLUTION' without '# BEGIN SOLUTION' before it"),
    "a solution in a solution": ((BEGIN, BEGIN + BEGIN), "two '# BEGIN SOLUTION' without '# END SOLUTION' between"),
    "an empty solution": (("    return 2 * number\n", "    # twice\n"), "cell 6: the solution is empty"),
    "no quiz shown": (('quiz("01")', "print()"), 'never shows its quiz: call quiz("01") in the last part'),
}  # fmt: skip
IN_THE_STYLE = {
    "an unused import": ((HALF, f"import os\n\n{HALF}"), "cell 3: `os` imported but unused (ruff F401)"),
    "an unformatted cell": ((HALF, "half = 3/2\n"), "cell 3: is not formatted as ruff formats it, which would be:\nhalf = 3 / 2"),
    "no Python": ((HALF, "half = = 3\n"), "cell 3: Expected an expression (ruff invalid-syntax)"),
}  # fmt: skip

IN_A_RUN = {
    "a failing cell": ((HALF, "half = 1 / 0\n"), "01_sample.md:42: cell 3: fails with ZeroDivisionError: division by zero"),
    "a wrong number": ((HALF, "half = 3 / 4\n"), "cell 3: fails with AssertionError: half of three: 0.75 is not 1.5"),
    "a dead kernel": ((HALF, "import os\nos._exit(1)\n"), "cell 3: the kernel died here"),
    "a warning": ((HALF, f"import warnings\nwarnings.warn('old')\n{HALF}"), "cell 3: prints a warning: "),
    "a figure without alt text": (
        ("show(figure, alt=", "from IPython.display import display\ndisplay(figure)\nprint("),
        "cell 2: shows a figure without alt text: show it with show(figure, alt=...)",
    ),
    "an empty alt text": ((ALT, ""), "cell 2: shows a figure without alt text"),
    "a short alt text": ((ALT, "A line."), "cell 2: has an alt text of 7 characters, at least 30 are needed: 'A line.'"),
    "a file in an alt text": ((ALT, f"{ALT} See line.png."), "cell 2: names a file in its alt text"),
    "a film without a text": (
        (SHARE, "from IPython.display import HTML, display\ndisplay(HTML('<video controls></video>'))\n" + SHARE),
        "cell 4: shows a film without alt text: show it with play(frames, rate, alt=...)",
    ),
    "a home folder": ((SHARE, "from pathlib import Path\nprint(Path.home())\n"), "cell 4: prints a path of this machine"),
    "an address": ((SHARE, "object()\n"), "cell 4: prints a memory address: 'at 0x"),
    "nothing to compare": ((SHARE, "half\nNone\n"), "cell 4: is compared by nbval but shows nothing"),
    "a bare number": ((SHARE, SHARE + "half\n"), "cell 4: is compared and shows a number with all its digits"),
    "a number with all its digits": ((SHARE, "print(half / 7)\n" + SHARE), "cell 4: is compared and shows a number with all"),
    "a compared widget": ((SLIDER, f"{SLIDER[:-1]}  # report()\n"), "cell 5: shows a widget and is compared"),
    "a big output": ((SHARE, "print('half ' * 220_000)\n"), "has 1.1"),
    "an unshown number": (("it is 1.5", "it is 1.52"), "01_sample.md:49: '1.52' is in the prose, but no code cell or output"),
    "an unshown percentage": (("a share of 50 %", "a share of 51 %"), "'51 %' is in the prose, but no code cell or output"),
    "a name that is not there": (("def double", "def wrong"), "fails with NameError: name 'double' is not defined"),
    "a wrong solution": (("return 2 * number", "return number"), "cell 7: the solution does not pass its check: '✗ 01.d"),
    "a stub that is right": (
        (SOLUTION, f"{SOLUTION}    return 2 * number\n"),
        "cell 7: the stub passes its check, or its check prints no line: '✓ 01.double",
    ),
    "a crash in a widget's callback": (
        (SLIDER, "@ipywidgets.interact(number=3)\ndef draw(number):\n    1 / 0\n"),
        "a widget's callback fails with ZeroDivisionError: division by zero",
    ),
}  # fmt: skip


def test_the_sample_itself_is_good(tmp_path, monkeypatch):
    course = sample_course(tmp_path, monkeypatch)
    assert lesson_problems(read_lesson(sample_path(course), course), course) == []


@pytest.mark.parametrize("name", IN_THE_TEXT)
def test_a_rule_about_the_text_sees_its_bad_lesson(name, tmp_path, monkeypatch):
    change, *messages = IN_THE_TEXT[name]
    found = [str(problem) for problem in text_problems(sample_course(tmp_path, monkeypatch, change))]
    assert len(found) == len(messages), found
    for message in messages:
        assert any(message in problem for problem in found), found


def text_problems(course):
    try:
        return lesson_problems(read_lesson(sample_path(course), course), course)
    except LessonError as error:
        return error.problems


@pytest.mark.parametrize("name", IN_THE_STYLE)
def test_ruff_sees_a_bad_cell_before_anything_runs(name, tmp_path, monkeypatch):
    change, message = IN_THE_STYLE[name]
    course = sample_course(tmp_path, monkeypatch, change)
    (problem,) = check(course.lesson_paths(), course)
    assert message in str(problem)


@pytest.fixture
def no_style(monkeypatch):
    """Bad lessons say what goes wrong in a run in as few words as they can."""
    monkeypatch.setattr("course_lib.authoring.build.both_style_problems", lambda lesson: [])


@pytest.mark.usefixtures("no_style")
@pytest.mark.parametrize("name", IN_A_RUN)
def test_the_build_refuses_a_bad_lesson_and_writes_nothing(name, tmp_path, monkeypatch):
    change, message = IN_A_RUN[name]
    course = sample_course(tmp_path, monkeypatch, change)
    with pytest.raises(LessonError) as caught:
        build(sample_path(course), course)
    assert len(caught.value.problems) == 1, caught.value.problems
    assert message in str(caught.value)
    assert list(course.notebooks.rglob("*.ipynb")) == []


@pytest.mark.usefixtures("no_style")
def test_a_cell_over_its_time_limit_is_refused(tmp_path, monkeypatch):
    slow = (HALF, f"import time\ntime.sleep(30)\n{HALF}")
    course = sample_course(tmp_path, monkeypatch, slow, ("quick: 60", "quick: 2"))
    with pytest.raises(LessonError, match="cell 3: runs over its time limit of 2 s"):
        build(sample_path(course), course)


def test_parts_in_another_order_are_refused(tmp_path, monkeypatch):
    course = sample_course(tmp_path, monkeypatch, (MOVE, "## X"), (CANNOT, MOVE), ("## X", CANNOT))
    (problem,) = text_problems(course)
    assert f"the heading '{MOVE}' is out of order: it stands after '{CANNOT}'" in str(problem)


def test_a_lesson_without_its_quiz_file_is_refused(tmp_path, monkeypatch):
    course = sample_course(tmp_path, monkeypatch)
    (course.lessons / "quizzes" / "01.json").unlink()
    (problem,) = text_problems(course)
    assert str(problem).startswith("lessons/quizzes/01.json: the quiz is missing: write 01.json")


def test_a_quiz_of_another_lesson_is_refused(tmp_path, monkeypatch):
    course = sample_course(tmp_path, monkeypatch)
    replace_in(course.lessons / "quizzes" / "01.json", "01_sample", "01_other")
    (problem,) = text_problems(course)
    assert "the quiz says it belongs to '01_other', but the lesson is '01_sample'" in str(problem)
