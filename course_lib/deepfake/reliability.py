"""How far scores and probabilities can be trusted: ranking, calibration, what it costs to answer, and intervals for all of it.

Everywhere here ``probability`` is P(manipulated), scores are higher for what looks manipulated, ``manipulated`` is True or 1 for fakes and
False or 0 for genuine cases, and "manipulated" is the answer at or above a threshold.
"""

import math
from typing import NamedTuple

import numpy as np
import torch

from course_lib.intervals import wilson


class Bin(NamedTuple):
    """Cases of like probability.

    Attributes
    ----------
    low, high : float
        The ends of the bin.
    mean : float
        The mean probability of its cases.
    share : float
        How many of them are manipulated, 0 to 1.
    low_end, high_end : float
        The 95 % Wilson interval of ``share``.
    count : int
    """

    low: float
    high: float
    mean: float
    share: float
    low_end: float
    high_end: float
    count: int


# ---- what comes in


def as_cases(scores, manipulated, both=False, what="score"):
    """Check what belongs to the same cases.

    Parameters
    ----------
    scores : tensor, array or list, (N,)
    manipulated : tensor, array or list, (N,)
        bool, or 0 and 1.
    both : bool
        Refuse cases of one class only.
    what : str
        How the message calls one of ``scores``.

    Returns
    -------
    scores, manipulated : arrays, (N,)
        float64 and bool.

    Raises
    ------
    ValueError
        Not one number for each case, no cases, NaN or infinite numbers, labels that are neither 0 nor 1, or one class only.
    """
    scores, labels = _array(scores), _array(manipulated)
    if scores.ndim != 1 or scores.shape != labels.shape or not len(scores):
        raise ValueError(
            f"There must be one {what} and one label for each case, both (N,), got {scores.shape} and {labels.shape}."
        )
    if not np.isfinite(scores).all():
        wrong = np.flatnonzero(~np.isfinite(scores))[0]
        raise ValueError(f"The {what} of case {wrong} is {scores[wrong]}. Leave out cases without one.")
    if not ((labels == 0) | (labels == 1)).all():
        raise ValueError("manipulated must be True or 1 for fakes and False or 0 for genuine cases.")
    labels = labels == 1
    if both and labels.all() == labels.any():
        raise ValueError(f"All {len(labels)} cases are {'manipulated' if labels[0] else 'genuine'}: both are needed.")
    return scores, labels


def as_probabilities(probability, manipulated, both=False):
    """As `as_cases`, for probabilities: they must lie in [0, 1]."""
    probability, manipulated = as_cases(probability, manipulated, both, "probability")
    if probability.min() < 0 or probability.max() > 1:
        raise ValueError("Probabilities must lie in [0, 1]. For scores: calibration.probability(scores) gives them.")
    return probability, manipulated


def is_number(value):
    """Whether something out of a file is a finite number: bool."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -math.inf < value < math.inf


def _array(values):
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu().double().numpy()  # NumPy knows no bfloat16
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError("Scores, probabilities and labels must be numbers, one for each case.") from error


# ---- ranking and thresholds


def auc(scores, manipulated):
    """The area under the ROC curve: how often a fake scores higher than a genuine case, of all pairs; equal scores count half.

    0.5 is what guessing gives. Below it the scores rank the wrong way around: P(real) was passed, or the detector is misled.

    Parameters
    ----------
    scores : (N,)
        Probabilities serve as well.
    manipulated : (N,)

    Returns
    -------
    float
        0 to 1.

    Raises
    ------
    ValueError
        Not one finite score for each case, or one class only.
    """
    scores, manipulated = as_cases(scores, manipulated, both=True)
    genuine, fakes = np.sort(scores[~manipulated]), scores[manipulated]
    below = np.searchsorted(genuine, fakes, side="left") + np.searchsorted(genuine, fakes, side="right")
    return float(below.mean() / 2 / len(genuine))


def false_alarm_rate(scores, manipulated, threshold):
    """The share of genuine cases at or above ``threshold``: float. Fakes are not looked at, and need not be there."""
    scores, manipulated = as_cases(scores, manipulated)
    if math.isnan(threshold):
        raise ValueError("The threshold is nan. It must be a number on the scale of the scores.")
    if manipulated.all():
        raise ValueError("There is no genuine case: only those can be false alarms.")
    return float((scores[~manipulated] >= threshold).mean())


def equal_error_threshold(scores, manipulated):
    """The score from which on "manipulated" is a false alarm as often as it misses, as nearly as cases allow: float, one of the scores."""
    scores, manipulated = as_cases(scores, manipulated, both=True)
    places = np.unique(scores)
    misses = np.searchsorted(np.sort(scores[manipulated]), places, side="left") / manipulated.sum()
    alarms = 1 - np.searchsorted(np.sort(scores[~manipulated]), places, side="left") / (~manipulated).sum()
    return float(places[np.abs(misses - alarms).argmin()])


# ---- calibration


def brier(probability, manipulated):
    """The mean squared distance of the probability from what was true (G. W. Brier, 1950): float, 0 at best, 0.25 if all are 0.5."""
    probability, manipulated = as_probabilities(probability, manipulated)
    return float(((probability - manipulated) ** 2).mean())


def ece(probability, manipulated, bins=10, equal_mass=True):
    """The expected calibration error of P(manipulated).

    The mean over all cases of ``|mean probability - share manipulated|`` of the bin that a case lies in: an L1 distance. It is about the
    probability of one class, not about the confidence in the answer as with C. Guo et al. (On Calibration of Modern Neural Networks,
    ICML 2017, section 2), so both ends count. Bins are those of `reliability`. With few cases in a bin chance alone makes the error larger
    than 0, by about ``sqrt(p (1 - p) / cases)``: compare only what has as many cases and bins.

    Parameters
    ----------
    probability : (N,)
        At the base rate that these cases have.
    manipulated : (N,)
    bins : int
    equal_mass : bool
        As many cases in each bin; otherwise bins are equally wide.

    Returns
    -------
    float
        0 to 1.

    Raises
    ------
    ValueError
        Not one number in [0, 1] for each case, or fewer than one bin.
    """
    probability, manipulated = as_probabilities(probability, manipulated)
    places, _ = _places(probability, bins, equal_mass)
    return float(np.abs(np.bincount(places, probability - manipulated)).sum() / len(places))


def reliability(probability, manipulated, bins=10, equal_mass=True):
    """The reliability diagram: what was said and what was true, in bins of like probability.

    A case on an edge belongs to the bin below. Equal probabilities share a bin, so that masses are equal only where there are no ties.

    Parameters
    ----------
    probability, manipulated, bins, equal_mass
        As for `ece`.

    Returns
    -------
    list of Bin
        From the lowest probability to the highest, without empty bins.
    """
    probability, manipulated = as_probabilities(probability, manipulated)
    places, edges = _places(probability, bins, equal_mass)
    return [
        _bin(edges[place], edges[place + 1], probability[places == place], manipulated[places == place])
        for place in np.unique(places)
    ]


def _places(probability, bins, equal_mass):
    """The bin of each case, counted from 0, and the ends of all bins, one more than bins."""
    if bins < 1:
        raise ValueError(f"There must be at least 1 bin, got {bins}.")
    steps = np.linspace(0, 1, bins + 1)
    # Edges are probabilities of cases: between two equal ones, rounding could put an edge just below both.
    edges = np.quantile(probability, steps, method="lower") if equal_mass else steps
    return np.searchsorted(edges[1:-1], probability), edges


def _bin(low, high, probability, manipulated):
    fakes, count = int(manipulated.sum()), len(manipulated)
    return Bin(float(low), float(high), float(probability.mean()), fakes / count, *wilson(fakes, count), count)


# ---- answering some


def risk_coverage(probability, manipulated):
    """How often answers are wrong when only the most certain cases are answered.

    Certainty is ``|probability - 0.5|``; "manipulated" is answered from 0.5 on. Cases of equal certainty are answered together, so each has
    the coverage and risk after the last of them.

    Parameters
    ----------
    probability, manipulated : (N,)

    Returns
    -------
    coverage, risk : tensors, (N,)
        float64: the share of cases answered, rising to 1, and the share of those answered wrongly; the last risk is the error rate. (R.
        El-Yaniv and Y. Wiener, On the Foundations of Noise-Free Selective Classification, JMLR 2010.)
    """
    probability, manipulated = as_probabilities(probability, manipulated)
    wrong = (probability >= 0.5) != manipulated
    doubt, order = np.unique(-np.abs(probability - 0.5), return_inverse=True)
    answered = np.cumsum(np.bincount(order, minlength=len(doubt)))
    errors = np.cumsum(np.bincount(order, weights=wrong, minlength=len(doubt)))
    place = np.sort(order)
    return torch.from_numpy(answered[place] / len(wrong)), torch.from_numpy(errors[place] / answered[place])


# ---- intervals


def bootstrap(measure, scores, manipulated, count=1000, seed=0, groups=None):
    """A measure and the ends of its 95 % percentile bootstrap interval (B. Efron, 1979).

    Cases are drawn again within each class, so that both are in every draw if they are in the cases. With ``groups``, whole groups are
    drawn, within those that hold genuine cases only, fakes only, and both: fakes of one face are no independent cases.

    Parameters
    ----------
    measure : callable
        Scores (N,) float64 and manipulated (N,) bool, both tensors, to a number.
    scores, manipulated : (N,)
        Scores or probabilities.
    count : int
        How many draws.
    seed : int
        The same seed gives the same interval.
    groups : sequence, (N,), optional
        What each case belongs to, such as the name or the number of its face.

    Returns
    -------
    value, low, high : float
        The interval is widened to hold the value where it does not: drawing again raises measures that chance raises, such as `ece`.

    Raises
    ------
    ValueError
        Not one finite score, one label and one group for each case, or fewer than one draw.
    """
    scores, manipulated = as_cases(scores, manipulated)
    if count < 1:
        raise ValueError(f"There must be at least 1 draw, got {count}.")
    strata = _strata(manipulated, _numbers(groups, len(scores)))
    scores, manipulated = torch.from_numpy(scores), torch.from_numpy(manipulated)
    generator = torch.Generator().manual_seed(seed)
    value = float(measure(scores, manipulated))
    drawn = []
    for _ in range(count):
        rows = torch.cat([_draw(*stratum, generator) for stratum in strata])
        drawn.append(float(measure(scores[rows], manipulated[rows])))
    low, high = np.quantile(drawn, (0.025, 0.975))
    return value, min(float(low), value), max(float(high), value)


def _numbers(groups, length):
    """Which group each case belongs to, counted from 0; each its own if nothing is said."""
    if groups is None:
        return np.arange(length)
    groups = np.asarray(groups)
    if groups.shape != (length,):
        raise ValueError(f"There must be one group for each of the {length} cases, got {groups.shape}.")
    return np.unique(groups, return_inverse=True)[1]


def _strata(manipulated, numbers):
    """Groups that hold the same classes: a list of their rows (N,), one group after the other, and the sizes of the groups."""
    sizes = np.bincount(numbers)
    fakes = np.bincount(numbers, manipulated)
    kinds = (fakes > 0).astype(int) + (fakes == sizes)
    order = np.argsort(numbers, kind="stable")
    return [
        (torch.from_numpy(order[kinds[numbers[order]] == kind]), torch.from_numpy(sizes[kinds == kind]))
        for kind in np.unique(kinds)
    ]


def _draw(rows, sizes, generator):
    """Rows of as many groups as there are, drawn with replacement."""
    chosen = torch.randint(len(sizes), (len(sizes),), generator=generator)
    starts, taken = (sizes.cumsum(0) - sizes)[chosen], sizes[chosen]
    shifts = starts - (taken.cumsum(0) - taken)
    return rows[torch.arange(int(taken.sum())) + shifts.repeat_interleave(taken)]
