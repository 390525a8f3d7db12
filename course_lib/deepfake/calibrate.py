"""From a detector's score to a probability: Platt scaling, temperature, base rates, costs, and what was true of cases with a like score.

The measures that say whether it worked are those of `course_lib.deepfake.reliability`; they can be imported from here too.
"""

import math
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np
import torch

from course_lib.deepfake.reliability import (
    Bin,
    as_cases,
    auc,
    bootstrap,
    brier,
    ece,
    equal_error_threshold,
    false_alarm_rate,
    is_number,
    reliability,
    risk_coverage,
    wilson,
)

__all__ = [
    "Bin",
    "Calibration",
    "CaseTable",
    "Cases",
    "auc",
    "bootstrap",
    "brier",
    "class_weights",
    "count_cases",
    "ece",
    "equal_error_threshold",
    "false_alarm_rate",
    "fit_platt",
    "fit_temperature",
    "reliability",
    "risk_coverage",
    "threshold_for",
    "wilson",
]

HOW = ("platt", "temperature", "none")
LEAST = 5  # cases of each class to fit to
_FARTHEST = 30.0  # log odds: farther ones would be 0 and 1, of which nobody can be convinced otherwise


@dataclass(frozen=True)
class Calibration:
    """From scores to probabilities: where half of all cases are manipulated, the log odds of that are ``slope * score + intercept``.

    Attributes
    ----------
    slope : float
        Above 0: a higher score is always more likely manipulated. 1 / slope is what is called the temperature.
    intercept : float
    how : "platt", "temperature" or "none"
        Fitted as by `fit_platt` or `fit_temperature`, or not at all.
    cases : int
        How many cases it was fitted to.
    """

    slope: float = 1.0
    intercept: float = 0.0
    how: str = "none"
    cases: int = 0

    def __post_init__(self):
        if not (is_number(self.slope) and self.slope > 0 and is_number(self.intercept)):
            raise ValueError(
                f"A calibration has a finite slope above 0 and a finite intercept, got {self.slope} and {self.intercept}."
            )
        if self.how not in HOW or not _is_count(self.cases):
            raise ValueError(f"A calibration is one of {', '.join(HOW)}, of 0 or more cases.")

    def probability(self, scores, base_rate=0.5):
        """P(manipulated) of scores.

        Parameters
        ----------
        scores : tensor, array or list of any shape, or a number
            Finite.
        base_rate : float
            The share of manipulated cases where this is asked, inside of (0, 1). Bayes' rule: its log odds are added (M. Saerens,
            P. Latinne and C. Decaestecker, Adjusting the Outputs of a Classifier to New a Priori Probabilities, 2002, section 2.2).

        Returns
        -------
        tensor, as the scores
            float64, above 0 and below 1.

        Raises
        ------
        ValueError
            A score is not finite, or the base rate is not inside of (0, 1).
        """
        if not 0 < base_rate < 1:
            raise ValueError(f"The base rate is {base_rate}: it must lie above 0 and below 1.")
        if not isinstance(scores, torch.Tensor):  # by way of NumPy: torch would make float32 of numbers
            scores = torch.from_numpy(np.array(scores, dtype=np.float64, order="C"))
        scores = scores.detach().double()
        if not scores.isfinite().all():
            raise ValueError("A score is NaN or infinite: it has no probability.")
        odds = self.slope * scores + self.intercept + math.log(base_rate / (1 - base_rate))
        return odds.clamp(-_FARTHEST, _FARTHEST).sigmoid()

    def to_json(self):
        """What JSON can hold of it: dict."""
        return asdict(self)

    @classmethod
    def from_json(cls, data):
        """The calibration of a dict that `to_json` made. ValueError for any other."""
        return cls(**_fields(cls, data))


def fit_platt(scores, manipulated):
    """Platt scaling: slope and intercept by logistic regression, through scikit-learn.

    Both classes weigh the same, whatever their numbers, so that the answer holds where half of all cases are manipulated. Targets are not 0
    and 1 but slightly inside (J. Platt, Probabilistic Outputs for Support Vector Machines, 1999, section 2.2), so that a detector that
    makes no mistake on these cases does not become certain of everything.

    Parameters
    ----------
    scores : (N,)
        Of held-out cases: neither trained nor reported on.
    manipulated : (N,)

    Returns
    -------
    Calibration

    Raises
    ------
    ValueError
        Not one finite score for each case, fewer than 5 of a class, or scores that are not higher for fakes.
    """
    scores, manipulated = _enough(scores, manipulated)
    counts = np.where(manipulated, manipulated.sum(), (~manipulated).sum())
    inside = 1 / (counts + 2)
    slope, intercept = _logistic(scores, np.where(manipulated, 1 - inside, inside), class_weights(manipulated), True)
    return _rising(slope, intercept, "platt", scores, manipulated)


def fit_temperature(scores, manipulated):
    """Temperature scaling (C. Guo et al., On Calibration of Modern Neural Networks, ICML 2017, section 4.2): the slope alone.

    A score of 0 stays at a probability of 0.5. As with `fit_platt`, both classes weigh the same.

    Parameters
    ----------
    scores, manipulated : (N,)

    Returns
    -------
    Calibration
        Its intercept is 0.

    Raises
    ------
    ValueError
        As for `fit_platt`; or the sign of the score is right for every case, to which no finite temperature fits best.
    """
    scores, manipulated = _enough(scores, manipulated)
    if scores[manipulated].min() >= 0 >= scores[~manipulated].max():
        raise ValueError("Every score has the right sign, so no temperature is low enough. fit_platt can do with that.")
    slope, _ = _logistic(scores, manipulated.astype(float), class_weights(manipulated), False)
    return _rising(slope, 0.0, "temperature", scores, manipulated)


def _logistic(scores, targets, weights, with_intercept):
    """Logistic regression on one number, to targets in [0, 1]: slope and intercept.

    scikit-learn's takes classes only: each case goes in as both, and counts for each as much as its target says.
    """
    # Here, since it takes a second, and who only looks up probabilities needs none of it.
    from sklearn.linear_model import LogisticRegression

    unit = float(np.abs(scores).max()) or 1.0  # without a penalty the unit of the scores is free
    twice, classes = np.tile(scores / unit, 2)[:, None], np.repeat([True, False], len(scores))
    fit = LogisticRegression(C=np.inf, fit_intercept=with_intercept, solver="newton-cholesky", tol=1e-8)
    fit.fit(twice, classes, sample_weight=np.concatenate([weights * targets, weights * (1 - targets)]))
    return float(fit.coef_[0, 0]) / unit, float(fit.intercept_[0]) if with_intercept else 0.0


def class_weights(manipulated):
    """What each case counts when both classes shall count the same, N / 2 together: array (N,), 1 where there are as many of both."""
    manipulated = np.asarray(manipulated, dtype=bool)
    return np.where(manipulated, 0.5 / manipulated.mean(), 0.5 / (~manipulated).mean())


def _enough(scores, manipulated):
    scores, manipulated = as_cases(scores, manipulated, both=True)
    fakes = int(manipulated.sum())
    if min(fakes, len(scores) - fakes) < LEAST:
        raise ValueError(
            f"Calibration needs {LEAST} or more cases of each class, got {fakes} manipulated and {len(scores) - fakes} genuine."
        )
    if scores.min() == scores.max():
        raise ValueError(
            f"All scores are {scores[0]}: they say nothing about these cases, and no calibration changes that."
        )
    return scores, manipulated


def _rising(slope, intercept, how, scores, manipulated):
    """A falling curve would turn a detector around without a word."""
    if not slope > 0:
        raise ValueError(
            f"The scores are not higher for manipulated cases (AUC {auc(scores, manipulated):.2f}), so nothing can be calibrated. "
            "Above 0 must mean manipulated: was P(real) passed?"
        )
    return Calibration(slope, intercept, how, len(scores))


def threshold_for(miss, false_alarm, base_rate=0.5):
    """The probability from which on "manipulated" is the cheaper answer.

    With P at a base rate of one half, its odds are P / (1 - P), and Bayes' rule multiplies them by ``base_rate / (1 - base_rate)``.
    "Manipulated" is cheaper when the odds times ``miss`` reach ``false_alarm``:
    ``t = false_alarm (1 - base_rate) / (false_alarm (1 - base_rate) + miss base_rate)``.

    Parameters
    ----------
    miss : float
        What it costs to call a fake genuine, 0 or more.
    false_alarm : float
        What it costs to call a genuine case manipulated, 0 or more. Only the ratio of the two counts.
    base_rate : float
        The share of manipulated cases, inside of (0, 1). Leave it out for a probability that has the base rate in it already.

    Returns
    -------
    float
        0 to 1, for ``calibration.probability(scores)`` without a base rate.

    Raises
    ------
    ValueError
        A cost is negative or not finite, both are 0, or the base rate is not inside of (0, 1).
    """
    if not (0 <= miss < math.inf and 0 <= false_alarm < math.inf and miss + false_alarm > 0):
        raise ValueError(f"Costs must be 0 or more and finite, and not both 0, got {miss} and {false_alarm}.")
    if not 0 < base_rate < 1:
        raise ValueError(f"The base rate is {base_rate}: it must lie above 0 and below 1.")
    return false_alarm * (1 - base_rate) / (false_alarm * (1 - base_rate) + miss * base_rate)


# ---- cases with a like score


class Cases(NamedTuple):
    """``fake`` of ``all`` calibration cases with a like score were manipulated; ``low`` to ``high`` is the 95 % Wilson interval."""

    fake: int
    all: int
    low: float
    high: float


@dataclass(frozen=True)
class CaseTable:
    """How many calibration cases were manipulated, by their score.

    Attributes
    ----------
    edges : tuple of float
        Scores between the bins, rising. A score on an edge belongs to the bin below.
    fake, all : tuples of int
        For each bin, one more than there are edges.
    """

    edges: tuple
    fake: tuple
    all: tuple

    def __post_init__(self):
        for name in ("edges", "fake", "all"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if not len(self.fake) == len(self.all) == len(self.edges) + 1:
            raise ValueError("A table of cases has one bin more than edges.")
        if not all(map(is_number, self.edges)) or any(np.diff(self.edges) <= 0):
            raise ValueError("The edges of a table of cases are finite and rise.")
        counts = list(zip(self.fake, self.all, strict=True))
        if not all(_is_count(fake) and _is_count(every) and fake <= every and every for fake, every in counts):
            raise ValueError("A table of cases counts one or more cases in each bin, and no more fakes than cases.")

    def like(self, score):
        """The calibration cases in the bin of a score: Cases. Scores beyond all of them belong to the outer bins."""
        score = float(score)
        if not math.isfinite(score):
            raise ValueError(f"The score is {score}: no case has a like one.")
        place = int(np.searchsorted(self.edges, score))
        return Cases(self.fake[place], self.all[place], *wilson(self.fake[place], self.all[place]))

    def to_json(self):
        """What JSON can hold of it: dict."""
        return {"edges": list(self.edges), "fake": list(self.fake), "all": list(self.all)}

    @classmethod
    def from_json(cls, data):
        """The table of a dict that `to_json` made. ValueError for any other."""
        return cls(**_fields(cls, data))


def count_cases(scores, manipulated, bins=10):
    """Sort calibration cases into bins of as many cases each: CaseTable. Equal scores share a bin, so that ties make fewer, larger bins."""
    scores, manipulated = as_cases(scores, manipulated, both=True)
    if bins < 1:
        raise ValueError(f"There must be at least 1 bin, got {bins}.")
    # Edges are scores of cases, each one once and none the highest: so no bin is empty.
    edges = np.unique(np.quantile(scores, np.linspace(0, 1, bins + 1)[1:-1], method="lower"))
    edges = edges[edges < scores.max()]
    places = np.searchsorted(edges, scores)
    every, fakes = (np.bincount(places[rows], minlength=len(edges) + 1) for rows in (slice(None), manipulated))
    return CaseTable(tuple(edges.tolist()), tuple(fakes.tolist()), tuple(every.tolist()))


# ---- what comes out of a file


def _is_count(value):
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _fields(cls, data):
    """What a file says a dataclass is made of, if it has just those fields."""
    wanted = set(cls.__dataclass_fields__)
    if not isinstance(data, dict) or set(data) != wanted:
        raise ValueError(f"{cls.__name__} has the fields {', '.join(sorted(wanted))}.")
    return data
