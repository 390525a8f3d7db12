"""An exercise is written once, with its solution between two markers; the stub is made from it."""

import re

BEGIN, END = "# BEGIN SOLUTION", "# END SOLUTION"
STUB = "# your code here"


def marker_problem(source):
    """What is wrong with the markers in a cell, or None. Several regions in one cell are fine, nested ones are not."""
    start = None
    for line in source.splitlines():
        text = line.strip()
        if text == BEGIN:
            if start is not None:
                return f"two '{BEGIN}' without '{END}' between them"
            start = 0
        elif text == END:
            if start is None:
                return f"'{END}' without '{BEGIN}' before it"
            if start == 0:
                return f"the solution is empty: write it between '{BEGIN}' and '{END}'"
            start = None
        elif start is not None and text and not text.startswith("#"):
            start += 1
    return None if start is None else f"'{BEGIN}' without '{END}' after it"


def has_markers(source):
    return any(line.strip() in (BEGIN, END) for line in source.splitlines())


def stub(source):
    """The learner's cell: each solution becomes one line at the marker's indentation.

    Inside a block that line is ``...  # your code here``, since a block may not be empty. At the left edge it is the
    comment alone: a bare ``...`` there would print ``Ellipsis``.
    """
    return _replace(source, lambda indent: f"{indent}...  {STUB}" if indent else STUB)


def frame(source):
    """What stub and solution share: the cell without its solutions."""
    return _replace(source, lambda indent: None)


def stub_frame(source):
    """The frame of a stub cell, to compare with the solution's frame."""
    return "\n".join(line for line in source.splitlines() if line.strip() not in (STUB, f"...  {STUB}"))


def _replace(source, replacement):
    lines, inside = [], False
    for line in source.splitlines():
        text = line.strip()
        if text == BEGIN:
            inside = True
            lines.append(replacement(re.match(r"\s*", line).group()))
        elif text == END:
            inside = False
        elif not inside:
            lines.append(line)
    return "\n".join(line for line in lines if line is not None)
