"""A small lesson that uses everything a lesson can hold, and a course in a folder of its own to build it in."""

import shutil
from pathlib import Path

from course_lib.authoring.lesson import Course

FOLDER = Path(__file__).parent
NAME = "01_sample"


def sample_course(folder, monkeypatch, *changes):
    """A course in ``folder`` that holds the sample lesson, with each ``(old, new)`` of ``changes`` made to its text."""
    shutil.copytree(FOLDER / "lessons", folder / "lessons")
    monkeypatch.setenv("PYTHONPATH", str(FOLDER))  # so that its cells can import sample_tools
    path = folder / "lessons" / f"{NAME}.md"
    for old, new in changes:
        replace_in(path, old, new)
    return Course(folder)


def replace_in(path, old, new):
    """Replace ``old``, which must be there once, by ``new`` in the file at ``path``."""
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {path.name}"
    path.write_text(text.replace(old, new), encoding="utf-8")


def sample_path(course):
    return course.lessons / f"{NAME}.md"
