"""What belongs to one version of a detector besides its weights: calibration, thresholds, limits, and what its calibration cases were like.

``data/checkpoints/NAME-profile.json`` is the profile of the checkpoint ``NAME.safetensors`` and holds its SHA-256.
"""

import json
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from course_lib.deepfake.calibrate import Calibration, CaseTable, class_weights, count_cases, fit_platt
from course_lib.deepfake.reliability import as_probabilities, is_number
from course_lib.files import write_atomic
from course_lib.models.checkpoints import FOLDER, GET_AGAIN, CheckpointError, read_card

KIND = "detector profile, 1"  # so that no other JSON is taken for one
MOST_ERROR = 0.05  # of the calibration cases that are answered
_DIGITS = 6  # of the numbers that later ones are compared with
_TINY = 1e-9  # of a case: sums of weights are not exact


@dataclass(frozen=True)
class Profile:
    """What a verdict needs to know about its detector.

    Attributes
    ----------
    detector : str
        The name of its checkpoint.
    sha256 : str
        Of the weights.
    calibration : Calibration
    cases : CaseTable
    low, high : float
        Where half of all cases are manipulated: up to a probability of ``low`` the answer is genuine, from ``high`` on manipulated, and
        unsure between. 0 and 1 mean that there is no such answer.
    least_side : int
        Pixels: smaller faces get no answer.
    least_sharpness : float
        Variance of the Laplacian, as of `course_lib.deepfake.quality.sharpness`: more blurred faces get no answer.
    scope : str
        In a sentence, what the detector was made for and measured on.
    reference : dict of str to list of float
        "score" and measures of quality of the calibration cases, to compare later ones with.
    """

    detector: str
    sha256: str
    calibration: Calibration
    cases: CaseTable
    low: float
    high: float
    least_side: int
    least_sharpness: float
    scope: str
    reference: dict

    def __post_init__(self):
        texts = self.detector, self.sha256, self.scope
        if not all(isinstance(text, str) and text for text in texts) or Path(self.detector).name != self.detector:
            raise ValueError("detector, sha256 and scope are texts, and the first names a checkpoint.")
        if not (isinstance(self.calibration, Calibration) and isinstance(self.cases, CaseTable)):
            raise ValueError("calibration is a Calibration, and cases a CaseTable.")
        if not all(map(is_number, (self.low, self.high))) or not 0 <= self.low <= self.high <= 1:
            raise ValueError(
                f"The thresholds must be probabilities, low not above high, got {self.low} and {self.high}."
            )
        if not all(is_number(least) and least >= 0 for least in (self.least_side, self.least_sharpness)):
            raise ValueError("least_side and least_sharpness must be 0 or more.")
        if not isinstance(self.reference, dict) or not all(map(_is_list, self.reference.values())):
            raise ValueError("reference holds lists of finite numbers, none of them empty.")

    def to_json(self):
        """What JSON can hold of it: dict."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        return plain | {"calibration": self.calibration.to_json(), "cases": self.cases.to_json()}

    @classmethod
    def from_json(cls, data):
        """The profile of a dict that `to_json` made. ValueError for any other."""
        wanted = {field.name for field in fields(cls)}
        if not isinstance(data, dict) or set(data) != wanted:
            raise ValueError(f"A profile has the fields {', '.join(sorted(wanted))}.")
        parts = {
            "calibration": Calibration.from_json(data["calibration"]),
            "cases": CaseTable.from_json(data["cases"]),
        }
        return cls(**data | parts)


def _is_list(values):
    return isinstance(values, list) and bool(values) and all(map(is_number, values))


# ---- made


def make_profile(detector_name, sha256, scores, manipulated, quality, scope, *, least_side, least_sharpness):
    """The profile of a detector, from its scores of the calibration split and from nothing else.

    Parameters
    ----------
    detector_name, sha256 : str
        The name of the checkpoint and the SHA-256 of its weights.
    scores : (N,)
        Logits of the calibration cases.
    manipulated : (N,)
    quality : dict of str to sequence
        Measures of the same cases, such as "side", "sharpness" and "compression".
    scope : str
    least_side : int
    least_sharpness : float
        As in `Profile`.

    Returns
    -------
    Profile
        Calibrated by `fit_platt`, with the thresholds of `choose_thresholds`.

    Raises
    ------
    ValueError
        The scores cannot be calibrated, or something is not as `Profile` wants it.
    """
    calibration = fit_platt(scores, manipulated)
    low, high = choose_thresholds(calibration.probability(scores), manipulated)
    reference = {name: _rounded(values) for name, values in {"score": scores, **quality}.items()}
    cases = count_cases(scores, manipulated)
    limits = low, high, least_side, least_sharpness
    return Profile(detector_name, sha256, calibration, cases, *limits, scope, reference)


def _rounded(values):
    return [float(f"{float(value):.{_DIGITS}g}") for value in values]


def choose_thresholds(probability, manipulated, most_error=MOST_ERROR):
    """The thresholds between which to say nothing, so that the answers given are rarely wrong and as many as possible.

    A case is answered when its probability is at most ``low``, which is below 0.5 ("genuine"), or at least ``high``, which is 0.5 or more
    ("manipulated"). Of all pairs of probabilities that occur, and of leaving one of the two answers out, those remain with which at most
    ``most_error`` of the answered cases are wrong. The pair that answers most of them is chosen; among equals the one with fewer errors,
    and then the one with the lower ``high``. Both classes count the same, whatever their numbers, as in `fit_platt`.

    It is a choice among many, made on these cases: on others the error may well be larger, and must be measured.

    Parameters
    ----------
    probability, manipulated : (N,)
        Of the calibration cases, at a base rate of one half.
    most_error : float
        0 to 1.

    Returns
    -------
    low, high : float
        0.0 or 1.0 where that answer is never given.

    Raises
    ------
    ValueError
        Not one number in [0, 1] for each case, one class only, or ``most_error`` is no share.
    """
    probability, manipulated = as_probabilities(probability, manipulated, both=True)
    if not 0 < probability.min() <= probability.max() < 1:
        raise ValueError("Thresholds need probabilities above 0 and below 1, as calibration.probability(scores) gives.")
    if not 0 <= most_error <= 1:
        raise ValueError(f"most_error is {most_error}: it must be a share, 0 to 1.")
    weights, below = class_weights(manipulated), probability < 0.5
    low, low_answered, low_errors = _answers(probability[below], weights[below], manipulated[below])
    high, high_answered, high_errors = _answers(1 - probability[~below], weights[~below], ~manipulated[~below])
    answered, errors = np.add.outer(low_answered, high_answered), np.add.outer(low_errors, high_errors)
    chosen = errors <= most_error * answered + _TINY  # answering nothing makes no error, so something remains
    chosen &= answered >= answered[chosen].max() - _TINY
    chosen &= errors <= errors[chosen].min() + _TINY
    rows, columns = np.nonzero(chosen)
    place = columns.argmax()
    return float(low[rows[place]]), float(1 - high[columns[place]])


def _answers(distance, weights, wrong):
    """What one of the two answers comes to, for each place of its threshold.

    Parameters
    ----------
    distance : array, (N,)
        From the certain end: cases up to the threshold are answered.
    weights, wrong : arrays, (N,)

    Returns
    -------
    places, answered, errors : arrays, (M + 1,)
        The distances that occur, after a 0 at which nothing is answered; what is answered up to each, and what of it is wrong.
    """
    places, order = np.unique(distance, return_inverse=True)
    sums = (np.bincount(order, each, minlength=len(places)).cumsum() for each in (weights, weights * wrong))
    return [np.concatenate([[0.0], each]) for each in (places, *sums)]


# ---- as a file


def write_profile(profile, folder=FOLDER):
    """Write a profile beside its checkpoint, whole or not at all: the path."""
    path = _path(profile.detector, folder)
    data = {"kind": KIND, **profile.to_json()}
    lines = (f"  {json.dumps(name)}: {json.dumps(value, allow_nan=False)}" for name, value in data.items())
    write_atomic(path, "{\n" + ",\n".join(lines) + "\n}\n")
    return path


def read_profile(name="faces-detector", folder=FOLDER, sha256=None):
    """The profile of a checkpoint: Profile.

    Parameters
    ----------
    name : str
    folder : path
    sha256 : str, optional
        Of the weights that it must belong to; by default of those that the card of the checkpoint names.

    Raises
    ------
    CheckpointError
        There is none, it is damaged, it is no profile, or it belongs to other weights.
    """
    path = _path(name, folder)
    try:
        data = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
        if data.pop("kind") != KIND:
            raise ValueError("another kind of file")
        profile = Profile.from_json(data)
    except FileNotFoundError as error:
        raise CheckpointError(f"There is no {path.name}: {name!r} has no calibration. {GET_AGAIN}") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise CheckpointError(f"{path.name} is no profile of a detector, or damaged. {GET_AGAIN}") from error
    if profile.sha256 != (sha256 or read_card(name, folder)["sha256"]):
        raise CheckpointError(f"{path.name} belongs to other weights than {name}.safetensors. {GET_AGAIN}")
    return profile


def _path(name, folder):
    return Path(folder) / f"{name}-profile.json"


def _refuse(constant):
    raise ValueError(f"{constant} is no number")
