"""Where a share lies that was counted in a few trials."""

import math
from statistics import NormalDist


def wilson(hits, count, confidence=0.95):
    """The interval of a share (E. B. Wilson, 1927), which stays inside of [0, 1].

    Parameters
    ----------
    hits, count : int
        How often something was seen, and in how many trials.
    confidence : float

    Returns
    -------
    low, high : float
        0 and 1 when nothing was counted.

    Raises
    ------
    ValueError
        ``hits`` is negative or more than ``count``.
    """
    if not 0 <= hits <= count:
        raise ValueError(f"{hits} of {count} is no share.")
    if not count:
        return 0.0, 1.0
    squared = NormalDist().inv_cdf((1 + confidence) / 2) ** 2 / count
    share = hits / count
    middle = (share + squared / 2) / (1 + squared)
    half = math.sqrt(squared * (share * (1 - share) + squared / 4)) / (1 + squared)
    return (middle - half if hits else 0.0), (middle + half if hits < count else 1.0)
