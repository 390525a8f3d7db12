"""Every solution runs at the smoke budget and passes its checks. (A file of its own, so that another worker can take it.)"""

import pytest

from course_lib.authoring.lesson import Course
from tests.notebooks.validation import validate_solution

COURSE = Course()


@pytest.mark.parametrize("name", [path.stem for path in COURSE.lesson_paths()])
def test_every_check_passes_with_the_solutions(name):
    validate_solution(COURSE.notebook_path(name, solved=True), budget="smoke")
