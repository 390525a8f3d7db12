"""Make the two notebooks of a lesson, not yet executed."""

import hashlib
import re

import nbformat

from .exercises import stub

COMPARED = "nbval-check-output"
CALLS_CHECKED_CLAIM = re.compile(r"(?<![\w.])(?:report|check)\(")
# The kernel adds its own Python version here, which differs from machine to machine: this is what a viewer needs.
LANGUAGE = {
    "name": "python",
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "pygments_lexer": "ipython3",
}


def compose(lesson, solved):
    """The notebook of ``lesson``, with solutions or with stubs, without outputs. Equal lessons give equal notebooks."""
    notebook = nbformat.v4.new_notebook(metadata=_metadata(lesson, solved))
    seen = {}
    for cell in lesson.cells:
        notebook.cells.append(_cell(cell, solved, _identifier(cell, seen)))
    return notebook


def _metadata(lesson, solved):
    course = {
        "lesson": lesson.name,
        "kind": "solution" if solved else "exercise",
        "digest": lesson.digest(),
        "minutes": lesson.front["course"]["minutes"],
        "seconds": lesson.seconds,
    }
    return nbformat.from_dict({"kernelspec": lesson.front["kernelspec"], "language_info": LANGUAGE, "course": course})


def _identifier(cell, seen):
    """An id from the content as written: stub and solution share it, and a new cell leaves the others' ids alone."""
    digest = hashlib.sha256(f"{cell.kind}\n{cell.source}".encode()).hexdigest()[:12]
    seen[digest] = seen.get(digest, 0) + 1
    return digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"


def _cell(cell, solved, identifier):
    if cell.kind == "markdown":
        return nbformat.v4.new_markdown_cell(cell.source, id=identifier)
    source = cell.source if solved or "exercise" not in cell.tags else stub(cell.source)
    tags = list(cell.tags)
    if CALLS_CHECKED_CLAIM.search(source) and COMPARED not in tags:
        tags.append(COMPARED)
    return nbformat.v4.new_code_cell(source, id=identifier, metadata={"tags": tags} if tags else {})
