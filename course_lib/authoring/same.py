"""When is a new output the same as the stored one? Then the stored one stays, and the file does not change."""

import re
from functools import cache
from pathlib import Path

from nbval.plugin import get_sanitize_patterns

from .films import same_films, without_films
from .pictures import same_pictures, without_pictures

SANITIZE = Path(__file__).with_name("sanitize.cfg")


@cache
def _patterns():
    return get_sanitize_patterns(SANITIZE.read_text(encoding="utf-8"))


def sanitize(text):
    """``text`` as nbval compares it: without what may differ between two correct runs."""
    for pattern, replacement in _patterns():
        text = re.sub(pattern, replacement, text)
    return text


def keep_equal_outputs(new, old):
    """Put into ``new`` the outputs of those cells of ``old`` that have the same source and say and show the same."""
    stored = {cell.get("id"): cell for cell in old.cells if cell.cell_type == "code"}
    for cell in new.cells:
        before = stored.get(cell.id)
        if cell.cell_type == "code" and before and before.source == cell.source and _same_outputs(cell, before):
            cell.outputs = before.outputs


def _same_outputs(cell, before):
    if len(cell.outputs) != len(before.outputs):
        return False
    return all(_same(new, old) for new, old in zip(cell.outputs, before.outputs, strict=True))


def _same(new, old):
    if new.keys() != old.keys() or new.output_type != old.output_type:
        return False
    if new.output_type == "stream":
        return new.name == old.name and sanitize(new.text) == sanitize(old.text)
    if new.output_type == "error" or new.metadata != old.metadata or new.data.keys() != old.data.keys():
        return False
    return all(_same_data(new.data[kind], old.data[kind]) for kind in new.data)


def _same_data(new, old):
    if not isinstance(new, str) or not isinstance(old, str):
        return new == old
    return _words(new) == _words(old) and same_pictures(new, old) and same_films(new, old)


def _words(html):
    return sanitize(without_films(without_pictures(html)))
