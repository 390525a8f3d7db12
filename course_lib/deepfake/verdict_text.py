"""What a verdict is: a record, the same as plain data for programs, and in words for people."""

import math
import textwrap
from dataclasses import dataclass
from typing import NamedTuple

GENUINE, UNSURE, MANIPULATED = "genuine", "unsure", "manipulated"

WIDTH = 100  # characters in a line of text
RUN = 3  # frames in a row that seem manipulated, and a film is not called genuine
LEAP = 0.3  # of probability: how far it may move over the middle when a face is encoded again
_DIGITS = 6  # after the point, in plain data: more would differ between processors
_NO_FACE, _NO_NUMBER = ".", "?"  # in the line of a film
_CAVEAT = (
    "This is a measurement and no proof. Where a picture comes from and who gains by it says more than its pixels."
)


class Moment(NamedTuple):
    """One frame that was looked at.

    Attributes
    ----------
    seconds : float
        When it is shown, from the first frame on.
    score : float or None
        The logit of its face; None if the face was not found in it.
    probability : float or None
        P(manipulated) of this frame alone; None without a score, and where no probability is given at all.
    """

    seconds: float
    score: float | None
    probability: float | None


@dataclass(frozen=True)
class Verdict:
    """What is said about the largest face of a picture or a film, and what it rests on.

    Attributes
    ----------
    answer : str
        `GENUINE`, `UNSURE` or `MANIPULATED`.
    probability : float or None
        P(manipulated), calibrated. None where a number would mean nothing: without a face, and for faces that are smaller or more blurred
        than those that the detector was calibrated on.
    interval : (float, float) or None
        95 % for the mean score of the frames, as probabilities: how far the frames of this film agree. It says nothing about what the
        detector gets wrong in the same way in all of them; ``cases`` does. None for a picture and for fewer than 4 frames with a face.
    reasons : tuple of str
        Why nothing is said; empty for the other two answers.
    cases : Cases or None
        Of the calibration cases with a score like this, all of people whom the detector had never seen: how many were fakes. They were
        single pictures, half of them fakes.
    faces : int
        How many are in the picture; in a film, how many are seen together in a quarter of the frames that show one.
    frames : int
        How many were looked at; 1 for a picture.
    base_rate : float
        The share of manipulated cases that was assumed.
    version : dict
        "name" of the detector, and the first 12 digits of the "sha256" of its weights.
    scope : str
        What the detector was made for and measured on.
    timeline : tuple of Moment
        All frames that were looked at, in order.
    quality : Quality or None
        What the face is like: medians over the frames.
    score : float or None
        The mean logit over the frames, above 0 for manipulated.
    reencoded : float or None
        What the probability would be for the same face, reduced to three quarters and saved as JPEG 60.
    """

    answer: str
    probability: float | None
    interval: tuple | None
    reasons: tuple
    cases: tuple | None
    faces: int
    frames: int
    base_rate: float
    version: dict
    scope: str
    timeline: tuple
    quality: tuple | None = None
    score: float | None = None
    reencoded: float | None = None

    def as_dict(self):
        """The verdict as JSON can hold it: the names of the attributes are its keys, all of them always there; unknown is None."""
        return {name: _plain(getattr(self, name)) for name in self.__dataclass_fields__}

    def text(self):
        """The verdict in about ten lines of plain words."""
        said = [_headline(self), _chance(self), _cases(self), _looked_at(self), _saved_again(self)]
        about = [f"Detector: {self.version['name']}, version {self.version['sha256']}. Made for: {self.scope}", _CAVEAT]
        return "\n".join([*_wrapped(said), *_timeline(self), *_wrapped(about)])


def _wrapped(sentences):
    """Lines of text; a number and its percent sign stay together."""
    joined = [each.replace(" %", "\u00a0%") for each in sentences if each]
    return [textwrap.fill(each, WIDTH, subsequent_indent="  ").replace("\u00a0", " ") for each in joined]


def _plain(value):
    """Numbers, texts, lists and dicts; NaN and infinity, which JSON lacks, become None."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if hasattr(value, "_asdict"):
        return _plain(value._asdict())
    if isinstance(value, (tuple, list)):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        return round(float(value), _DIGITS) if math.isfinite(value) else None
    return value


# ---- in words


def percent(share):
    """A probability in words. Nothing is certain: it never says 0 or 100 %."""
    if share < 0.01:
        return "less than 1 %"
    if share > 0.99:
        return "more than 99 %"
    return f"{100 * share:.0f} %"


def clock(seconds):
    """A time as players show it: "0:07", "1:02:03"."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _headline(verdict):
    if verdict.answer == GENUINE:
        return "Genuine, as far as this detector can tell."
    if verdict.answer == MANIPULATED:
        return "Manipulated, as far as this detector can tell."
    return f"Unsure, because {'; and '.join(verdict.reasons)}."


def _chance(verdict):
    if verdict.probability is None:
        return "No probability is given: it would mean nothing here."
    line = f"Probability that the face is manipulated: {percent(verdict.probability)}, if {_share(verdict.base_rate)} "
    line += f"of all such {'films' if verdict.frames > 1 else 'pictures'} are."
    if verdict.interval is None:
        return line
    return line + f" By its frames, between {percent(verdict.interval[0])} and {percent(verdict.interval[1])}."


def _share(base_rate):
    return "half" if base_rate == 0.5 else f"{100 * base_rate:.3g} %"


def _cases(verdict):
    if verdict.cases is None:
        return None
    fake, every, low, high = verdict.cases
    return (
        f"Of {every} test pictures of faces with a score like this, half of all being fakes, {fake} were fakes "
        f"({percent(low)} to {percent(high)})."
    )


def _looked_at(verdict):
    film = verdict.frames > 1
    if verdict.quality is None:
        return f"Looked at: {verdict.frames} frames." if film else None
    which = "the face" if verdict.faces == 1 else f"the largest of {verdict.faces} faces, and only that"
    line = f"Looked at: {which}, {verdict.quality.side:.0f} pixels wide"
    if not film:
        return line + "."
    scored = sum(moment.score is not None for moment in verdict.timeline)
    return f"{line}, found in {scored} of {verdict.frames} frames."


def _saved_again(verdict):
    if verdict.reencoded is None:
        return None
    return f"Reduced to three quarters and saved again as JPEG, the same face gets {percent(verdict.reencoded)}."


def _timeline(verdict):
    """A film as one line: a character for each frame."""
    if verdict.frames < 2:
        return []
    marks = "".join(map(_mark, verdict.timeline))
    signs = "0 to 9: tenths of the probability"
    if _NO_NUMBER in marks:
        signs += f"; {_NO_NUMBER} a face without one"
    first, last = (clock(verdict.timeline[place].seconds) for place in (0, -1))
    return [f"{first} |{marks}| {last}", f"  ({signs}; {_NO_FACE} the face was not found)"]


def _mark(moment):
    if moment.score is None:
        return _NO_FACE
    return _NO_NUMBER if moment.probability is None else str(min(9, int(10 * moment.probability)))


# ---- why nothing is said, each a part of a sentence


def answer_to(probability, profile):
    """What a probability alone says: `GENUINE`, `UNSURE` or `MANIPULATED`."""
    if probability >= profile.high:
        return MANIPULATED
    return GENUINE if probability <= profile.low else UNSURE


def outside(quality, profile):
    """Why a face is none of those that the detector was calibrated on: list of str, empty if it is one."""
    reasons = []
    if quality.side < profile.least_side:
        reasons.append(too_small(quality.side, profile))
    if quality.sharpness < profile.least_sharpness:
        reasons.append(
            f"the face is too blurred: its sharpness is {quality.sharpness:.3g}, and {profile.least_sharpness:.3g} is the least"
        )
    return reasons


def no_face(seen, frames):
    """That there is no face, or one in so few frames that it may be none."""
    if not seen:
        return "no face was found that looks at us"
    return f"no face was found in more than {seen} of {frames} frames, which may be a mistake"


def too_small(side, profile):
    """That a face has too few pixels."""
    return f"the face is too small: {side:.0f} pixels wide, and {profile.least_side} are the least"


def doubts(profile, numbers, timeline):
    """Why a probability is no answer: list of str, empty if it is one.

    Parameters
    ----------
    profile : Profile
    numbers : dict
        "probability", "interval" and "reencoded", as in `Verdict`.
    timeline : sequence of Moment
    """
    probability = numbers["probability"]
    found = [
        _disagreement(probability, numbers["interval"], timeline, profile),
        _flip(probability, numbers["reencoded"], profile),
        _indecision(probability, profile),
    ]
    return [reason for reason in found if reason]


def _disagreement(probability, interval, timeline, profile):
    answer = answer_to(probability, profile)
    if interval is not None:
        low, high = interval
        over_both = low <= profile.low and high >= profile.high
        over_middle = answer != UNSURE and low < _middle(profile) < high
        if over_both or over_middle:
            return f"the frames disagree: by chance alone their mean could be {percent(low)} as well as {percent(high)}"
    run = _longest_run(timeline, profile.high)
    if answer != GENUINE or len(run) < RUN:
        return None
    return (
        f"the frames disagree: from {clock(run[0].seconds)} to {clock(run[-1].seconds)} the face seems manipulated, and in the film as a "
        "whole it does not"
    )


def _longest_run(timeline, high):
    """The most frames in a row whose face has at least this probability: list of Moment."""
    longest, run = [], []
    for moment in timeline:
        run = [*run, moment] if moment.probability is not None and moment.probability >= high else []
        longest = max(longest, run, key=len)
    return longest


def _flip(probability, again, profile):
    middle = _middle(profile)
    opposite = {answer_to(probability, profile), answer_to(again, profile)} == {GENUINE, MANIPULATED}
    leaps = (probability - middle) * (again - middle) < 0 and abs(again - probability) >= LEAP
    if not (opposite or leaps):
        return None
    return f"the answer does not last: re-encoded, the same face gets {percent(again)} in the place of {percent(probability)}"


def _indecision(probability, profile):
    if answer_to(probability, profile) != UNSURE:
        return None
    return (
        f"its probability, {percent(probability)}, lies between {percent(profile.low)}, up to which the answer is genuine, and "
        f"{percent(profile.high)}, from which on it is manipulated"
    )


def _middle(profile):
    """The middle between the thresholds: beyond it lies the other answer."""
    return (profile.low + profile.high) / 2
