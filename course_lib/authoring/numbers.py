"""Every decimal number and percentage in the prose must be shown by the lesson itself: find those that are not."""

import re

from .markdown import prose
from .outputs import text_of

CLAIMED = re.compile(r"(?<![\w.,])(\d+(?:,\d{3})*(?:\.\d+)?)(\s?%|\s?percent\b)?(?![\w]|\.\d)")
SHOWN = re.compile(r"(?<![\w.])\d+(?:[,_]\d{3})*(?:\.\d+)?(?:[eE][+-]?\d+)?")


def unshown_numbers(lesson, notebook):
    """``(number as written, line of the lesson)`` for each claim of the prose that ``notebook`` does not show.

    A number counts as shown when one in a code cell or a text output rounds to it at the digits that the prose gives. A
    percentage may also be shown as a share: 0.153 shows 15 %.
    """
    shown = numbers_shown(notebook)
    for cell in lesson.markdown:
        for text, line in prose(cell.source):
            for number, percent in CLAIMED.findall(text):
                if ("." in number or percent) and not _is_shown(number, bool(percent), shown):
                    yield f"{number}{percent}", cell.line + line


def numbers_shown(notebook):
    """The numbers in the sources and the text outputs of the code cells."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    texts = [cell.source for cell in code] + [text_of(output) for cell in code for output in cell.outputs]
    return {float(re.sub("[,_]", "", number)) for text in texts for number in SHOWN.findall(text)}


def _is_shown(number, percent, shown):
    value = float(number.replace(",", ""))
    digits = len(number.partition(".")[2])
    half = 0.5 * 10**-digits * (1 + 1e-9)
    return any(abs(other - value) <= half or (percent and abs(100 * other - value) <= half) for other in shown)
