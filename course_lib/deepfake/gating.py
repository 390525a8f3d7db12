"""The gate that a retrained detector must pass: measured on the same frozen films as the live one, and shown to be no worse.

A candidate is not let through because nothing proves that it is worse: on a small test set nothing ever does. It is let through when the
95 % interval of each difference keeps off what would be too much, as in a trial of non-inferiority. Since *every* criterion must hold, no
correction for their number is needed. A version whose AUC is worse by just the margin passes about once in forty times.
"""

import hashlib
import json
import math
from dataclasses import dataclass

import numpy as np
import torch

from course_lib.deepfake.reliability import as_cases, auc, bootstrap, ece, wilson

CRITERIA = ("auc", "ece", "false_alarms", "caught")
DRAWS = 1000  # of the films, for an interval
FEWEST = 30  # films of each kind: with fewer, a bootstrap sees too little of what can happen


@dataclass(frozen=True)
class Measured:
    """A version on the frozen set.

    Attributes
    ----------
    auc, ece, false_alarms : (float, float, float)
        Value and 95 % interval: AUC of the films, expected calibration error of their probabilities, share of genuine faces that are
        called manipulated.
    caught : (float, float, float)
        Share of the manipulated films that are called so.
    films, faces : int
    name, sha256, profile : str
        Which version: name, SHA-256 of the weights, and `digest` of the profile. Empty for a bare calibration.
    test_set : str
        What it was measured on.
    scores, probability : tuple of float
        Of each film.
    manipulated : tuple of bool
        Of each film.
    groups : tuple or None
        The face or person of each film.
    hits : tuple of bool
        Of each manipulated film, whether it is called so.
    alarms : tuple of bool
        Of each genuine face, whether it is called manipulated.
    """

    auc: tuple
    ece: tuple
    false_alarms: tuple
    caught: tuple
    films: int
    faces: int
    name: str = ""
    sha256: str = ""
    profile: str = ""
    test_set: str = ""
    scores: tuple = ()
    probability: tuple = ()
    manipulated: tuple = ()
    groups: tuple | None = None
    hits: tuple = ()
    alarms: tuple = ()

    def numbers(self):
        """What is worth keeping in a history: a dict without the films."""
        kept = ("name", "sha256", "profile", "test_set", "films", "faces")
        values = {key: [round(number, 4) for number in getattr(self, key)] for key in CRITERIA}
        return {key: getattr(self, key) for key in kept} | values


def measure_version(film_scores, manipulated, genuine_scores, profile, threshold=None, *, groups=None, test_set=""):
    """Measure a version on films and genuine faces that are the same for all versions.

    Parameters
    ----------
    film_scores : tensor, (F,)
        One logit for each film, above 0 for manipulated.
    manipulated : tensor, (F,)
        1 or True for films that are.
    genuine_scores : tensor, (N,)
        Logits of genuine faces, none of which was trained on.
    profile : Profile or Calibration
        Makes probabilities of scores. Only what was measured with a `Profile` can be promoted: it says which weights it belongs to.
    threshold : float, optional
        Probability from which a face is called manipulated; that of the profile by default.
    groups : sequence, optional
        The face or person of each film, where several films share one: whole groups are then drawn for the intervals.
    test_set : str
        Name or digest of the frozen set. Versions are compared only on the same.

    Returns
    -------
    Measured

    Raises
    ------
    ValueError
        Numbers do not match or are missing, or all films are of one kind.
    """
    scores, labels, genuine = (torch.as_tensor(part) for part in (film_scores, manipulated, genuine_scores))
    _check(scores, labels, genuine, groups)
    calibration, threshold = _rule(profile, threshold)
    scores, labels = scores.double(), labels.bool()
    probability = calibration.probability(scores)
    alarms = calibration.probability(genuine.double()) >= threshold
    hits = probability[labels] >= threshold
    return Measured(
        auc=_floats(bootstrap(auc, scores, labels, DRAWS, groups=groups)),
        ece=_floats(bootstrap(ece, probability, labels, DRAWS, groups=groups)),
        false_alarms=_share(alarms),
        caught=_share(hits),
        films=len(scores),
        faces=len(alarms),
        name=getattr(profile, "detector", ""),
        sha256=getattr(profile, "sha256", ""),
        profile=digest(profile) if hasattr(profile, "sha256") else "",
        test_set=test_set,
        scores=tuple(scores.tolist()),
        probability=tuple(probability.tolist()),
        manipulated=tuple(labels.tolist()),
        groups=None if groups is None else tuple(np.asarray(groups).tolist()),
        hits=tuple(hits.tolist()),
        alarms=tuple(alarms.tolist()),
    )


def _check(scores, labels, genuine, groups):
    as_cases(scores, labels, both=True, what="film score")
    as_cases(genuine, torch.zeros(len(genuine)), what="score of a genuine face")
    if groups is not None and len(groups) != len(scores):
        raise ValueError(f"Each film belongs to one group: {len(scores)} films, {len(groups)} groups.")


def _rule(profile, threshold):
    """Calibration and threshold of a profile or a bare calibration."""
    threshold = getattr(profile, "high", None) if threshold is None else threshold
    if threshold is None:
        raise ValueError("A bare calibration has no threshold: give the probability from which a face is manipulated.")
    return getattr(profile, "calibration", profile), threshold


def _floats(values):
    return tuple(float(value) for value in values)


def _share(found):
    return int(found.sum()) / len(found), *wilson(int(found.sum()), len(found))


def digest(profile):
    """SHA-256 of everything that a profile says."""
    return hashlib.sha256(json.dumps(profile.to_json(), sort_keys=True).encode()).hexdigest()


# ---- the comparison


@dataclass(frozen=True)
class Margins:
    """How much worse than the live version a candidate may be, and must be shown not to be.

    ``caught`` is wide, and there for one case only: a version whose threshold is so high that it raises no alarm whatever it sees.

    Each promotion may lose a little within its margin, and ten may lose much: compare with the first version too, now and then.
    """

    auc: float = 0.01
    ece: float = 0.02
    false_alarms: float = 0.02
    caught: float = 0.1


@dataclass(frozen=True)
class Difference:
    """Candidate less live, of one criterion.

    Attributes
    ----------
    name : str
    candidate, live : float
    value, low, high : float
        The difference and its 95 % interval.
    margin : float
        How much worse is allowed.
    count : int
        Of films or faces.
    """

    name: str
    candidate: float
    live: float
    value: float
    low: float
    high: float
    margin: float
    count: int

    @property
    def worse(self):
        """How much worse the candidate is, and how much worse it may be within the interval: (float, float)."""
        return (-self.value, -self.low) if self.name in _MORE_IS_BETTER else (self.value, self.high)

    @property
    def holds(self):
        """Whether the candidate has been shown not to be worse by more than the margin."""
        return self.worse[1] <= self.margin

    def text(self):
        """In a sentence, with what follows from it."""
        label, unit = _LABELS[self.name]
        allowed = -self.margin if self.name in _MORE_IS_BETTER else self.margin
        return (
            f"{label} {self.candidate:.3f}, live {self.live:.3f}: difference {self.value:+.3f} (95 % interval {self.low:+.3f} to "
            f"{self.high:+.3f}, {self.count} {unit}), allowed {allowed:+g}. {self._follows()}"
        )

    def _follows(self):
        now, most = self.worse
        if self.holds:
            return "That holds."
        if now >= self.margin:
            return "That is worse."
        needed = math.ceil(self.count * ((most - now) / (self.margin - now)) ** 2)
        return f"That may be worse: it takes about {needed} {_LABELS[self.name][1]} to tell."


_LABELS = {
    "auc": ("AUC on films", "films"),
    "ece": ("Calibration error on films", "films"),
    "false_alarms": ("False alarms on genuine faces", "faces"),
    "caught": ("Manipulated films caught", "manipulated films"),
}
_MORE_IS_BETTER = ("auc", "caught")


@dataclass(frozen=True)
class Decision:
    """Whether a candidate may take the place of the live version.

    Attributes
    ----------
    promote : bool
    reasons : tuple of str
        What speaks against it, with numbers; empty if nothing does.
    candidate, live : Measured
    differences : tuple of Difference
        Of each criterion.
    """

    promote: bool
    reasons: tuple
    candidate: Measured
    live: Measured
    differences: tuple = ()

    def text(self):
        """All numbers, a line for each criterion."""
        head = f"{self.candidate.name or 'The candidate'} {'may' if self.promote else 'must not'} be promoted."
        lines = dict.fromkeys([*(difference.text() for difference in self.differences), *self.reasons])
        return "\n".join([head, *lines])


def gate(candidate, live, margins=None):
    """Decide whether a candidate may take the place of the live version.

    Films are drawn anew, the same ones for both versions, and the *difference* of the two is looked at: most of what makes an AUC uncertain
    is which films happen to be in the set, and that is the same for both. Two separate intervals would overlap for versions that a paired
    one tells apart. False alarms are rare, and a bootstrap of none at all says that there can never be one; their difference has the
    interval of Newcombe for paired shares (`paired_shares`).

    The calibration error takes the most films. Chance alone makes it larger than 0, and hides a part of what is between two versions: of
    few films neither is shown, and the interval is wide.

    Parameters
    ----------
    candidate, live : Measured
        On the same frozen set, each with its own calibration.
    margins : Margins, optional

    Returns
    -------
    Decision

    Raises
    ------
    ValueError
        They were not measured on the same films and faces.
    """
    _same_set(candidate, live)
    margins = Margins() if margins is None else margins
    differences = (
        _films("auc", candidate, live, margins.auc),
        _films("ece", candidate, live, margins.ece),
        _shares("false_alarms", candidate, live, margins.false_alarms),
        _shares("caught", candidate, live, margins.caught),
    )
    reasons = _too_few(candidate) + tuple(item.text() for item in differences if not item.holds)
    return Decision(not reasons, reasons, candidate, live, differences)


def _same_set(candidate, live):
    if not (candidate.scores and live.scores):
        raise ValueError("Versions are compared film by film: measure both with `measure_version`.")
    for part in ("test_set", "manipulated", "groups", "faces"):
        if getattr(candidate, part) != getattr(live, part):
            raise ValueError(
                f"The two versions were not measured on the same films and faces ({part} differs). Measure both on the frozen set."
            )


def _too_few(measured):
    manipulated = sum(measured.manipulated)
    genuine = measured.films - manipulated
    if min(manipulated, genuine) >= FEWEST:
        return ()
    return (
        f"{genuine} genuine and {manipulated} manipulated films are too few to compare versions: it takes {FEWEST} of each.",
    )


def _films(name, candidate, live, margin):
    """`Difference` of a measure on films, by bootstrap of the pairs."""
    measure, part = {"auc": (auc, "scores"), "ece": (ece, "probability")}[name]
    first, second = (torch.tensor(getattr(version, part), dtype=torch.float64) for version in (candidate, live))
    ends = getattr(candidate, name)[0], getattr(live, name)[0]

    def difference(rows, manipulated):
        rows = rows.long()
        return measure(first[rows], manipulated) - measure(second[rows], manipulated)

    # Rows are drawn in the place of scores, so that each draw holds the same films of both.
    rows = torch.arange(candidate.films)
    value, low, high = bootstrap(difference, rows, torch.tensor(candidate.manipulated), DRAWS, groups=candidate.groups)
    return Difference(name, *ends, value, low, high, margin, candidate.films)


def _shares(name, candidate, live, margin):
    """`Difference` of a share, by `paired_shares`."""
    part = {"false_alarms": "alarms", "caught": "hits"}[name]
    first, second = getattr(candidate, part), getattr(live, part)
    ends = getattr(candidate, name)[0], getattr(live, name)[0]
    return Difference(name, *ends, *paired_shares(first, second), margin, len(first))


def paired_shares(first, second):
    """Difference of two shares of the same cases, with its 95 % interval.

    Method 10 of Newcombe (Improved confidence intervals for the difference between binomial proportions based on paired data, Statistics in
    Medicine 1998): the two Wilson intervals, put together with the correlation of the pairs. It stays honest where no case is a hit.

    Parameters
    ----------
    first, second : sequence of bool, (N,)

    Returns
    -------
    (float, float, float)
        Share of the first less share of the second, and the interval.
    """
    both = sum(a and b for a, b in zip(first, second, strict=True))
    hits, count = (sum(first), sum(second)), len(first)
    shares = [number / count for number in hits]
    (low, high), (low2, high2) = (wilson(number, count) for number in hits)
    phi, value = _correlation(both, *hits, count), shares[0] - shares[1]
    down = _together(shares[0] - low, high2 - shares[1], phi)
    up = _together(high - shares[0], shares[1] - low2, phi)
    return value, value - down, value + up


def _together(first, second, phi):
    return math.sqrt(max(first**2 - 2 * phi * first * second + second**2, 0))


def _correlation(both, first, second, count):
    """Phi of a table of pairs, made smaller by half a case as in the paper; 0 where one of the two is always or never a hit."""
    spread = first * (count - first) * second * (count - second)
    if spread == 0:
        return 0.0
    top = both * (count - first - second + both) - (first - both) * (second - both)
    top = top if top < 0 else max(top - count / 2, 0)
    return top / math.sqrt(spread)
