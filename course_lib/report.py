"""The checked claim: print a measured number beside what it should be, and fail when it is not."""

import math

from course_lib import budget as budgets


class ClaimError(AssertionError):
    """A measured number lies outside the range that the text states."""


def report(name, value, expect=None, tol=None, at_least=None, at_most=None, unit="", budget="smoke"):
    """Print ``name: value unit (expected ...)`` and fail when the value leaves its range.

    Parameters
    ----------
    name : str
        What was measured, in a few words.
    value : number
        The measurement; a tensor or array with one element will do.
    expect, tol : number, optional
        The value must lie within ``expect - tol`` and ``expect + tol``. ``expect`` alone asks for equality.
    at_least, at_most : number, optional
        Bounds, alone or together, instead of ``expect``.
    unit : str
        Printed after the number.
    budget : {'smoke', 'quick', 'full'}
        The smallest budget at which the claim must hold. Below it the line is printed and nothing is checked: a network trained for
        a second proves nothing.

    Raises
    ------
    ClaimError
        The value is outside its range, or not a finite number.
    ValueError
        No range was stated, or one that contradicts itself.

    Examples
    --------
    >>> report("gray pixels", 3, expect=3)
    gray pixels: 3 (expected 3)
    """
    value = float(value)
    low, high, words = _range(expect, tol, at_least, at_most)
    unit = f" {unit}" if unit else ""
    line = f"{name}: {_digits(value, high - low)}{unit} (expected {words}{unit})"
    if not budgets.reaches(budget):
        print(f"{line}, checked from budget {budget} up")
        return
    if not low <= value <= high:  # also catches NaN
        raise ClaimError(f"{line}. The text is wrong, or something it rests on has changed.")
    print(line)


def _range(expect, tol, at_least, at_most):
    if tol is not None and (expect is None or tol < 0):
        raise ValueError("report takes tol, 0 or more, together with expect.")
    if expect is not None:
        if at_least is not None or at_most is not None:
            raise ValueError("report takes expect (with tol) or at_least and at_most, not both.")
        if tol is None:
            return expect, expect, f"{_plain(expect)}"
        return expect - tol, expect + tol, f"{_plain(expect)} ± {_plain(tol)}"
    if at_least is None and at_most is None:
        raise ValueError("report needs a range: expect (with tol), at_least or at_most.")
    low = -math.inf if at_least is None else at_least
    high = math.inf if at_most is None else at_most
    if low > high:
        raise ValueError(f"at_least={_plain(low)} is above at_most={_plain(high)}: no value can satisfy both.")
    if at_least is None:
        return low, high, f"at most {_plain(high)}"
    if at_most is None:
        return low, high, f"at least {_plain(low)}"
    return low, high, f"{_plain(low)} to {_plain(high)}"


def _plain(number):
    """A number as a person would write it: 0.5, 313, 32,236,011."""
    return f"{number:,.0f}" if number == round(number) and abs(number) < 1e15 else f"{number:g}"


def _digits(value, width):
    """As many digits as the width of the range makes meaningful."""
    if not math.isfinite(value):
        return f"{value:g}"
    if value == round(value) and (width == 0 or not math.isfinite(width)):
        return _plain(value)
    if not math.isfinite(width) or width == 0:
        return f"{value:#.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    decimals = min(max(0, 1 - math.floor(math.log10(width))), 6)
    rounded = round(value, decimals) + 0.0  # adding 0 turns -0 into 0
    return f"{rounded:,.{decimals}f}"
