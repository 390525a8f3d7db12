"""Read a lesson: MyST Markdown with code cells becomes front matter and a list of cells that know their line."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import yaml
from jupytext.myst import MystMetadataParsingError, myst_to_notebook

from .problems import LessonError, Problem

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Course:
    """Where a course keeps its files; tests use a folder of their own."""

    root: Path = REPOSITORY

    @property
    def lessons(self):
        return self.root / "lessons"

    @property
    def notebooks(self):
        return self.root / "notebooks"

    def relative(self, path):
        """``path`` as authors see it: from the root, with forward slashes on every system."""
        return Path(path).relative_to(self.root).as_posix()

    def lesson_paths(self):
        return sorted(self.lessons.glob("[0-9][0-9]_*.md"))

    def notebook_path(self, name, solved):
        return self.notebooks / ("solutions" if solved else "") / f"{name}.ipynb"

    def select(self, names):
        """The lessons' files for ``names`` (``01_rgb_vs_lab``, ``01`` or a path); all of them without names."""
        paths = self.lesson_paths()
        if not names:
            return paths
        return [self._one(name, paths) for name in names]

    def _one(self, name, paths):
        stem = Path(name).name.removesuffix(".md").removesuffix(".ipynb")
        found = [path for path in paths if path.stem == stem or path.stem[:2] == stem]
        if not found:
            known = ", ".join(path.stem for path in paths) or "none yet"
            raise LessonError(
                [Problem(self.relative(self.lessons), f"no lesson is called {name!r}; there are: {known}")]
            )
        return found[0]


@dataclass(frozen=True)
class Cell:
    """One cell of a lesson: ``number`` counts the code cells from 1 and is None in Markdown."""

    kind: str
    source: str
    tags: tuple
    line: int
    number: int | None = None


@dataclass(frozen=True)
class Lesson:
    """A lesson as written: ``front`` is the whole front matter, ``cells`` hold the solutions with their markers."""

    name: str
    file: str
    front: dict
    cells: tuple

    @property
    def seconds(self):
        """The machine's budget: ``{"smoke": 60, "quick": 180}``."""
        return self.front["course"]["seconds"]

    @property
    def code(self):
        return [cell for cell in self.cells if cell.kind == "code"]

    @property
    def markdown(self):
        return [cell for cell in self.cells if cell.kind == "markdown"]

    def digest(self):
        """SHA-256 over the front matter and every cell: changes with anything that a reader could see."""
        text = repr((sorted(self.front["course"].items()), [(c.kind, c.source, c.tags) for c in self.cells]))
        return hashlib.sha256(text.encode("utf-8")).hexdigest()


def read_lesson(path, course):
    """Parse the lesson at ``path``. Raises LessonError when it is not MyST with the front matter of the course."""
    file = course.relative(path)
    text = path.read_text(encoding="utf-8")
    notebook = _parse(text, file)
    _require_front_matter(notebook.metadata, file)
    starts = notebook.metadata.pop("source_map")
    cells, number = [], 0
    for cell, start in zip(notebook.cells, starts, strict=True):
        code = cell.cell_type == "code"
        line = start if code else _first_line(text, start)
        number += code
        tags = tuple(cell.metadata.get("tags", ()))
        cells.append(Cell(cell.cell_type, cell.source, tags, line, number if code else None))
    return Lesson(path.stem, file, dict(notebook.metadata), tuple(cells))


def _first_line(text, start):
    """The line, from 1, where Markdown begins that jupytext found after ``start`` lines: it drops the blank ones."""
    lines = text.splitlines()
    return next(number for number in range(start, len(lines)) if lines[number].strip()) + 1


def _parse(text, file):
    try:
        return myst_to_notebook(text, add_source_map=True)
    except (MystMetadataParsingError, yaml.YAMLError, ValueError) as error:
        raise LessonError([Problem(file, f"cannot be read as MyST Markdown: {error}")]) from error


def _require_front_matter(metadata, file):
    """The kernel, the learner's minutes and the machine's seconds must be there before anything else makes sense."""
    problems = []
    if "kernelspec" not in metadata:
        problems.append(
            "the front matter has no kernelspec: copy the block in CONTRIBUTING.md to the top of the lesson"
        )
    course = metadata.get("course")
    if not isinstance(course, dict):
        problems.append(
            "the front matter has no course block: add course with minutes and seconds, as in CONTRIBUTING.md"
        )
    else:
        if not _positive(course.get("minutes")):
            problems.append("course.minutes in the front matter must be a learner's time in minutes, a number over 0")
        seconds = course.get("seconds")
        if not isinstance(seconds, dict) or not all(_positive(seconds.get(budget)) for budget in ("smoke", "quick")):
            problems.append(
                "course.seconds in the front matter must be {smoke: 60, quick: 180} or other numbers over 0"
            )
    if problems:
        raise LessonError([Problem(file, message) for message in problems])


def _positive(value):
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0
