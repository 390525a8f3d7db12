"""Whether scores and pictures still are what they were when the detector was tuned."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2, ks_2samp

NAMES = ("score", "side", "sharpness", "compression")  # what is tested for drift
FEWEST = 50  # values on either side: five for each bin of the PSI


def as_logged(name, value):
    """A number as a log keeps it: coarse, so that a line says less about the picture it came from, and fine enough to see a drift.

    Parameters
    ----------
    name : str
        One of `NAMES`; others stay as they are.
    value : float or None

    Returns
    -------
    float or None
        Scores in steps of 0.25, sides and sharpness in quarters of an octave (19 %), compression in steps of 0.02. None for what is no
        finite number.
    """
    if value is None or not math.isfinite(value):
        return None
    return float(_COARSE.get(name, float)(value))


def _quarter_octave(value):
    return float(f"{2 ** (round(4 * math.log2(value)) / 4):.1e}") if value > 0 else 0.0


_COARSE = {
    "score": lambda value: round(4 * value) / 4,
    "side": _quarter_octave,
    "sharpness": _quarter_octave,
    "compression": lambda value: round(round(50 * value) / 50, 2),
}


@dataclass(frozen=True)
class Drift:
    """One quantity, then and now.

    Attributes
    ----------
    name : str
        "score", "side", "sharpness" or "compression".
    statistic : float
        Of Kolmogorov and Smirnov: the largest difference between the shares of values below a bound, over all bounds; in [0, 1].
    p_value : float
        How often no drift gives as much or more, corrected for the number of quantities (Holm).
    psi : float
        Population stability index.
    drifted : bool
        Whether the difference is both more than chance and large enough to matter.
    psi_by_chance : float
        What the index stays below 19 times out of 20 when nothing drifts. With few values it is far above the 0.1 of textbooks.
    before, now : float
        Medians.
    """

    name: str
    statistic: float
    p_value: float
    psi: float
    drifted: bool
    psi_by_chance: float = math.nan
    before: float = math.nan
    now: float = math.nan

    def text(self):
        """In a sentence."""
        said = "has drifted" if self.drifted else "shows no drift"
        return (
            f"{self.name} {said}: median {self.before:.3g}, now {self.now:.3g}; KS {self.statistic:.2f}, p {self.p_value:.2g}; "
            f"PSI {self.psi:.2f}, by chance up to {self.psi_by_chance:.2f}"
        )


def drift(reference, recent, level=0.01, least=0.05):
    """Test whether scores and inputs still are what they were.

    Each quantity is compared by the test of Kolmogorov and Smirnov. Its p-values are corrected for their number after Holm (1979), so that
    the chance of any false alarm in one call stays below ``level``; who tests every week must still expect one in 1 / ``level`` weeks.
    Thousands of verdicts make a difference significant that matters to nobody, so it has to reach ``least`` too.

    The score of a detector also moves when more fakes come in than before, or films in the place of stills: the calibration split, half of
    it fakes, is a reference for the quality of pictures, and for scores only as long as nothing better is there. That is the log of the
    first weeks.

    Parameters
    ----------
    reference : dict of str to sequence of float
        From when the detector was tuned, for example ``profile.reference``. Numbers are rounded as in the log before they are compared.
    recent : dict of str to sequence of float
        From `columns`. One number for each verdict, not for each frame: frames of a film are not independent.
    level : float
        Chance of a false alarm.
    least : float
        The smallest statistic that counts as drift: 0.05 is five cases in a hundred that lie elsewhere.

    Returns
    -------
    list of Drift
        For what is in ``reference``, in the order of `NAMES`.

    Raises
    ------
    ValueError
        There are too few numbers, or none of this name.
    """
    pairs = {name: _pair(name, reference, recent) for name in sorted(reference, key=_place)}
    if not pairs:
        raise ValueError("The reference is empty: make the profile of the detector again, with its calibration split.")
    # Not the exact distribution, which takes minutes for thousands of values and differs little for the FEWEST.
    tests = [ks_2samp(*pair, method="asymp") for pair in pairs.values()]
    corrected = holm([test.pvalue for test in tests])
    return [
        Drift(
            name,
            float(test.statistic),
            p_value,
            psi(*pair),
            bool(p_value < level and test.statistic >= least),
            psi_by_chance(*pair),
            *(float(np.median(values)) for values in pair),
        )
        for (name, pair), test, p_value in zip(pairs.items(), tests, corrected, strict=True)
    ]


def _place(name):
    return (NAMES.index(name), "") if name in NAMES else (len(NAMES), name)


def _pair(name, reference, recent):
    """Reference and recent values as arrays, rounded alike."""
    if name not in recent:
        raise ValueError(f"The recent verdicts have no {name!r}, which is in the reference. Take them from `columns`.")
    rounded = [[as_logged(name, value) for value in side[name]] for side in (reference, recent)]
    pair = [np.array([value for value in values if value is not None]) for values in rounded]
    for values, which in zip(pair, ("The reference", "The recent verdicts"), strict=True):
        if len(values) < FEWEST:
            raise ValueError(
                f"{which}: {len(values)} values of {name!r} are too few to speak of drift. Wait for {FEWEST}, or take a longer time."
            )
    return pair


def holm(p_values):
    """p-values of several tests, corrected after Holm (A simple sequentially rejective multiple test procedure, 1979): list of float."""
    order = np.argsort(p_values)
    steps = np.asarray(p_values)[order] * (len(order) - np.arange(len(order)))
    corrected = np.empty(len(order))
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return corrected.tolist()


def psi(reference, recent, bins=10):
    """Population stability index: how far the shares of recent values have moved between bins that hold equal shares of the reference.

    The sum of (q - p) log(q / p) over the bins, p of the reference and q of what is recent, 0 for equal shares. Half a case is added to
    each bin, so that an empty one does not make it infinite. Bins between which the reference has no value to draw a line fall together.
    """
    p, q = _shares(np.asarray(reference, dtype=float), np.asarray(recent, dtype=float), bins)
    return float(((q - p) * np.log(q / p)).sum())


def psi_by_chance(reference, recent, bins=10):
    """What `psi` stays below 19 times out of 20 when nothing drifts.

    It is then distributed as (1 / n + 1 / m) times chi-square with one degree of freedom less than there are bins (Yurdakul and Naranjo,
    Statistical properties of the population stability index, Journal of Risk Model Validation 2020).
    """
    freedom = len(_lines(np.asarray(reference, dtype=float), bins))
    return float(chi2.ppf(0.95, freedom) * (1 / len(reference) + 1 / len(recent)))


def _lines(reference, bins):
    """The inner bounds of bins with equal shares of the reference; the outer bins are open."""
    return np.unique(np.quantile(reference, np.arange(1, bins) / bins))


def _shares(reference, recent, bins):
    lines = _lines(reference, bins)
    counts = [np.bincount(np.digitize(values, lines), minlength=len(lines) + 1) for values in (reference, recent)]
    return [(count + 0.5) / (count + 0.5).sum() for count in counts]
