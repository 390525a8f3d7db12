"""The sample course, built, for the tests of the authors' commands."""

import pytest

from course_lib.authoring.build import build
from course_lib.authoring.lesson import Course
from tests.authoring.sample import FOLDER, sample_course, sample_path


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The sample course, built once for all tests that only look at it."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        course = sample_course(tmp_path_factory.mktemp("course"), monkeypatch)
        build(sample_path(course), course)
        yield course


@pytest.fixture
def course(built, tmp_path, monkeypatch):
    """A copy of the built course that a test may change."""
    monkeypatch.setenv("PYTHONPATH", str(FOLDER))
    for path in [path for path in built.root.rglob("*") if path.is_file()]:
        target = tmp_path / path.relative_to(built.root)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    return Course(tmp_path)
