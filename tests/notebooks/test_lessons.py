"""Every lesson is well-formed, in step with its notebooks, and its learner's notebook says what it stores."""

import pytest

from course_lib.authoring.lesson import Course
from course_lib.authoring.sync import check
from tests.notebooks.validation import validate

COURSE = Course()
NAMES = [path.stem for path in COURSE.lesson_paths()]


def test_there_are_lessons():
    assert NAMES, "lessons/ is empty: every other test of the notebooks would pass on nothing"


@pytest.mark.parametrize("name", NAMES)
def test_lesson_and_notebooks_are_in_step(name):
    problems = check(COURSE.select([name]), COURSE, whole=False)
    assert not problems, "\n".join(map(str, problems))


def test_every_notebook_has_a_lesson():
    problems = [str(problem) for problem in check([], COURSE)]
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("name", NAMES)
def test_the_learners_notebook_says_what_it_stores(name):
    validate(COURSE.notebook_path(name, solved=False), budget="quick")
