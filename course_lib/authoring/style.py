"""What ruff would say about a lesson's notebook: it checks and formats notebooks too, so a lesson must already conform."""

import json
import subprocess
import sys

import nbformat

from .lesson import REPOSITORY
from .outputs import serialize
from .problems import Problem


def style_problems(lesson, notebook):
    """One problem for each finding of ``ruff check``; without any, for each cell that ``ruff format`` would change."""
    text = serialize(notebook)
    found = _findings(text) or _unformatted(notebook, text)  # what is no Python cannot be formatted
    return [_problem(lesson, index, message) for index, message in found]


def _problem(lesson, index, message):
    cell = lesson.cells[index]
    return Problem(lesson.file, message, cell.line, cell.number)


def _findings(text):
    findings = json.loads(_ruff("check", "--output-format=json", "--exit-zero", text=text))
    return [(found["cell"] - 1, f"{found['message']} (ruff {found['code']})") for found in findings]


def _unformatted(notebook, text):
    formatted = nbformat.reads(_ruff("format", text=text), as_version=4)
    for index, (cell, better) in enumerate(zip(notebook.cells, formatted.cells, strict=True)):
        if cell.source != better.source:
            yield index, f"is not formatted as ruff formats it, which would be:\n{better.source}"


def _ruff(command, *options, text):
    # the name decides that it is a notebook, and the folder that the course's settings hold
    arguments = [command, "--quiet", *options, "--stdin-filename", "notebooks/lesson.ipynb", "-"]
    run = subprocess.run(
        [sys.executable, "-m", "ruff", *arguments],
        input=text,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    return run.stdout or _fail(run.stderr)


def _fail(message):
    raise RuntimeError(f"ruff could not read the cells: {message.strip()}")
