"""Clean what a run left in a notebook, and say what may not be in it."""

import json
import re
from pathlib import Path

import nbformat

from .films import without_films
from .lesson import REPOSITORY
from .pictures import Shown, shown, without_pictures
from .problems import Problem

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
WIDGET_TEXT = "Run this cell to get the controls."
MAX_BYTES = 1_000_000
MIN_ALT = 30
PLAIN = {"image/": "img", "video/": "video"}  # JupyterLab drops the alt text of outputs of these kinds
SHOWN_BY = {"img": ("a figure", "show(figure, alt=...)"), "video": ("a film", "play(frames, rate, alt=...)")}
FILE_NAME = re.compile(r"\b[\w-]+\.(?:png|jpe?g|svg|gif|mp4|webm|mov|ipynb|py|md)\b", re.IGNORECASE)
DECIMAL = re.compile(r"-?\d+\.\d+(?:e[+-]?\d+)?")
ALL_DIGITS = re.compile(r"\d\.\d{10,}")
ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]{6,16}\b")


def clean(notebook):
    """Take out of an executed notebook, in place, what is stale when it is opened again or differs from run to run."""
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [_without_view(output) for output in _merge_streams(cell.outputs)]


def _merge_streams(outputs):
    """One output per stream: the kernel cuts what is printed into pieces wherever its buffer happens to be full."""
    merged = []
    for output in outputs:
        last = merged[-1] if merged else None
        if output.output_type == "stream" and last and last.get("name") == output.name:
            last.text += output.text
        else:
            merged.append(output)
    return merged


def _without_view(output):
    """A stored widget view has no kernel behind it and shows as an error: say instead how to get the controls."""
    if WIDGET_VIEW not in output.get("data", {}):
        return output
    return nbformat.v4.new_output("display_data", {"text/plain": WIDGET_TEXT})


def text_of(output):
    """The text that a reader sees in ``output``, '' for a picture or a film alone."""
    if output.output_type == "stream":
        return output.text
    if output.output_type == "error":
        return f"{output.ename}: {output.evalue}"
    kinds = ("text/html", "text/markdown", "text/plain")  # a viewer shows the first that is there
    return next((without_films(without_pictures(str(output.data[kind]))) for kind in kinds if kind in output.data), "")


def output_problems(notebook, file, lines=None):
    """What is wrong with the stored outputs of ``notebook``; ``lines`` is the lesson's line of each cell."""
    problems, number = [], 0
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type != "code":
            continue
        number += 1
        line = lines[index] if lines else None
        messages = dict.fromkeys(_cell_problems(cell, number))  # each once, in their order
        problems += [Problem(file, message, line, number) for message in messages]
    return problems + [Problem(file, message) for message in size_problems(notebook)]


def _cell_problems(cell, number):
    if cell.source.strip() and cell.execution_count != number:
        yield f"has execution count {cell.execution_count} instead of {number}: build the lesson again"
    for output in cell.outputs:
        yield from _output_problems(output)
    compared = "nbval-check-output" in cell.metadata.get("tags", ())
    if compared and not cell.outputs:
        yield "is compared by nbval but shows nothing: print a result, or take the tag away"
    if compared and any(WIDGET_TEXT in text_of(output) for output in cell.outputs):
        yield "shows a widget and is compared: move the widget to a cell of its own"
    if compared and any(map(_has_all_digits, cell.outputs)):
        yield "is compared and shows a number with all its digits: print it rounded"


def _has_all_digits(output):
    """Whether ``output`` is or holds a decimal number as Python shows it: its last digits differ between processors."""
    text = text_of(output)
    return bool(ALL_DIGITS.search(text)) or (output.output_type == "execute_result" and bool(DECIMAL.fullmatch(text)))


def _output_problems(output):
    if output.output_type == "error":
        yield f"ends in {output.ename}: {output.evalue}"
    elif output.output_type == "stream" and output.name == "stderr":
        yield f"prints a warning: {first_line(output.text)!r}: repair its cause or filter exactly this message"
    if WIDGET_VIEW in output.get("data", {}):
        yield "stores a widget without its kernel, which opens as an error: build the lesson again"
    yield from _picture_problems(output)
    yield from _text_problems(text_of(output))


def _picture_problems(output):
    data = output.get("data", {})
    plain = [Shown(tag, "") for kind, tag in PLAIN.items() if any(name.startswith(kind) for name in data)]
    for item in plain + shown(str(data.get("text/html", ""))):
        what, way = SHOWN_BY[item.tag]
        alt = item.alt
        if item.restless:
            yield f"shows {what} that starts by itself or cannot be stopped: show it with {way}"
        if not alt:
            yield f"shows {what} without alt text: show it with {way}"
        elif len(alt) < MIN_ALT:
            yield f"has an alt text of {len(alt)} characters, at least {MIN_ALT} are needed: {alt!r}"
        elif FILE_NAME.search(alt):
            yield f"names a file in its alt text: say what is to be seen instead: {alt!r}"


def _text_problems(text):
    for folder in {str(REPOSITORY), str(Path.home())} - {"/"}:
        if re.search(re.escape(folder) + r"(?![\w-])", text):
            yield f"prints a path of this machine ({folder}): print the file's name alone"
    if ADDRESS.search(text):
        yield f"prints a memory address: {ADDRESS.search(text).group()!r}: print what the object holds"


def first_line(text):
    return next((line for line in text.splitlines() if line.strip()), "")


def size_problems(notebook):
    """A message when the file would be over 1 MB, naming the biggest outputs."""
    size = len(serialize(notebook).encode("utf-8"))
    if size <= MAX_BYTES:
        return
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    sizes = sorted(((len(str(cell.outputs)), number) for number, cell in enumerate(code, 1)), reverse=True)
    biggest = ", ".join(f"cell {number}: {bytes_ / 1e6:.2f} MB" for bytes_, number in sizes[:3])
    yield f"has {size / 1e6:.2f} MB, at most {MAX_BYTES / 1e6:g} are allowed: draw smaller figures ({biggest})"


def read_notebook(path):
    """The notebook at ``path``. Raises ValueError when the file is not a valid one of format 4."""
    text = path.read_text(encoding="utf-8")
    content = json.loads(text)
    if not isinstance(content, dict) or content.get("nbformat") != 4 or not isinstance(content.get("cells"), list):
        raise ValueError("not of notebook format 4")
    errors = {}
    notebook = nbformat.reads(text, as_version=4, capture_validation_error=errors)
    if errors:
        raise ValueError(first_line(str(errors["ValidationError"])))
    return notebook


def serialize(notebook):
    """The text of the file: sorted keys, one line per line, a newline at the end."""
    return nbformat.writes(notebook, version=nbformat.NO_CONVERT).rstrip("\n") + "\n"
