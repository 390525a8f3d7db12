"""What a service keeps of its verdicts, and whether the world has moved away from what its detector was tuned on.

A log line holds numbers, and words from short lists: no picture, no name of a file, no sentence. The time is cut to the hour, so that a
line cannot be matched with the access log of a web server, and numbers are coarse. Nothing in a line leads to a picture. Somebody who has
the picture *and* the detector can still compute the line that it would leave, and look whether there is one: keep the log as you keep
other records of what people did.
"""

import json
import math
import re
import warnings
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from course_lib.deepfake.drifting import NAMES, Drift, as_logged, drift
from course_lib.deepfake.reliability import wilson
from course_lib.deepfake.verdict_text import GENUINE, MANIPULATED, UNSURE

__all__ = [
    "ANSWERS",
    "NAMES",
    "Drift",
    "LogError",
    "VerdictLog",
    "alone",
    "answers",
    "as_logged",
    "columns",
    "drift",
    "record",
]

PATIENCE = 30  # seconds that we wait for a process that writes to the same file
ANSWERS = (GENUINE, UNSURE, MANIPULATED)
# What is kept of the reasons for saying nothing: a reason is a sentence, and nobody knows what sentences will hold one day.
REASONS = {
    "no face": "no face",
    "small": "too small",
    "blur": "too blurred",
    "disagree": "frames disagree",
    "encode": "flips when re-encoded",
    "between": "between the thresholds",
}
_NAME, _DIGEST = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}"), re.compile(r"[0-9a-f]{12,64}")


class LogError(ValueError):
    """A log that cannot be written or read; the message says what to do."""


# ---- one line


def record(verdict, when=None):
    """The line that a verdict leaves, as a dict.

    Parameters
    ----------
    verdict : Verdict
    when : datetime, optional
        Now by default. The hour is kept, in UTC.

    Returns
    -------
    dict
        "time", "answer", "probability" and "interval" in steps of 0.05, "why" (words of `REASONS`, or "other"), "faces", "frames",
        "base_rate", "version" (name and the first 12 digits of the SHA-256), "score" (of the whole film), "spread" (the standard deviation
        over its frames), "side", "sharpness" and "compression", the last five as in `as_logged`.

    Raises
    ------
    ValueError
        The answer is none, or the version has a name that could be a path.
    """
    if verdict.answer not in ANSWERS:
        raise ValueError(f"A verdict is one of {', '.join(ANSWERS)}, got {verdict.answer!r}.")
    scores = np.array([moment.score for moment in verdict.timeline if as_logged("score", moment.score) is not None])
    kept = {"score": verdict.score}
    kept |= {name: getattr(verdict.quality, name, None) for name in NAMES if name != "score"}
    return {
        "time": (when or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:00Z"),
        "answer": verdict.answer,
        "probability": _twentieths(verdict.probability),
        "interval": None if verdict.interval is None else [_twentieths(end) for end in verdict.interval],
        "why": sorted({_reason(sentence) for sentence in verdict.reasons}),
        "faces": int(verdict.faces),
        "frames": int(verdict.frames),
        "base_rate": float(f"{verdict.base_rate:.2g}"),
        "version": _version(verdict.version),
        "spread": as_logged("score", scores.std()) if len(scores) > 1 else None,
        **{name: as_logged(name, value) for name, value in kept.items()},
    }


def _twentieths(share):
    return None if share is None or not math.isfinite(share) else round(round(20 * share) / 20, 2)


def _reason(sentence):
    return next((word for part, word in REASONS.items() if part in sentence.lower()), "other")


def _version(version):
    name, digest = str(version["name"]), str(version["sha256"])
    if not (_NAME.fullmatch(name) and _DIGEST.fullmatch(digest)):
        raise ValueError(
            "A verdict is logged with the name of a checkpoint (letters, digits, - and _) and its SHA-256 alone."
        )
    return {"name": name, "sha256": digest[:12]}


# ---- the file


class VerdictLog:
    """Verdicts in a text file, a line of JSON for each. Several processes can add to it at once.

    Parameters
    ----------
    path : path
        The file; ``PATH.lock`` beside it keeps writers apart.
    """

    def __init__(self, path):
        self.path = Path(path)

    def add(self, verdict, when=None):
        """Append what `record` keeps of a verdict, and return it.

        Raises
        ------
        LogError
            The file cannot be written.
        """
        line = record(verdict, when)
        text = json.dumps(line, allow_nan=False) + "\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with alone(self.path), open(self.path, "a+b") as file:
                file.write(_rest(file) + text.encode("ascii"))
        except (OSError, Timeout) as error:
            why = getattr(error, "strerror", None) or "another process does not let go of it"
            raise LogError(
                f"The log {self.path} cannot be written: {why}. Give a file in a folder that is yours."
            ) from error
        return line

    def read(self):
        """All lines, oldest first: a list of dict, empty where there is no file.

        Lines that were cut off, since a process was killed while it wrote, are left out, and a warning says how many.

        Raises
        ------
        LogError
            The file cannot be read, or there is no verdict in it.
        """
        try:
            content = self.path.read_bytes() if self.path.exists() else b""
        except OSError as error:
            raise LogError(f"The log {self.path} cannot be read: {error.strerror}.") from error
        *whole, rest = content.split(b"\n")
        lines = [_parsed(line) for line in whole if line]
        good, torn = [line for line in lines if line is not None], lines.count(None) + bool(rest)
        if lines and not good:
            raise LogError(f"{self.path} is no log of verdicts. Give the file that `verify --log` has written.")
        if torn:
            last = " The last one is not finished: its writer was killed, or is still writing." if rest else ""
            message = f"{self.path.name}: {torn} of {len(lines) + bool(rest)} lines cannot be read and are left out."
            warnings.warn(message + last, stacklevel=2)
        return good


@contextmanager
def alone(path):
    """Only one process at a time is inside for a path; a process that is killed leaves at once. Waits at most `PATIENCE` seconds."""
    with FileLock(f"{path}.lock", timeout=PATIENCE, poll_interval=0.01):
        yield


def _rest(file):
    """What must come before the next line: a line break where the last line was cut off."""
    if file.seek(0, 2) == 0:
        return b""
    file.seek(-1, 2)
    return b"" if file.read(1) == b"\n" else b"\n"


def _parsed(line):
    """The dict in a line, or None."""
    try:
        value = json.loads(line)
        whole = {"time", "answer", "score"} <= value.keys() and {"name", "sha256"} <= value["version"].keys()
    except (ValueError, LookupError, AttributeError, RecursionError):
        return None
    return value if whole else None


def columns(lines, version=None):
    """The numbers of a log that are tested for drift.

    Parameters
    ----------
    lines : list of dict
        As `VerdictLog.read` gives them, for example those of the last week.
    version : str, optional
        Only verdicts of the version with this name or SHA-256 (or its beginning).

    Returns
    -------
    dict of str to list of float
        For each of `NAMES`; verdicts without a number, for example on pictures without a face, are left out.

    Raises
    ------
    ValueError
        The lines come from several versions, and none is named: two detectors give different scores in the same world.
    """
    if version is not None:
        lines = [line for line in lines if _is_of(line["version"], version)]
    versions = sorted({f"{line['version']['name']} {line['version']['sha256']}" for line in lines})
    if len(versions) > 1:
        raise ValueError(f"The log has verdicts of several versions ({', '.join(versions)}). Say which one is meant.")
    return {name: [line[name] for line in lines if line.get(name) is not None] for name in NAMES}


def _is_of(found, version):
    digest = found["sha256"]
    return version == found["name"] or (
        len(version) >= 6 and (digest.startswith(version) or version.startswith(digest))
    )


def answers(lines):
    """How often each answer was given.

    Returns
    -------
    dict of str to (float, float, float)
        Share of the lines, and its 95 % interval (Wilson). A rising share of "unsure" is often the first sign that something has changed.
    """
    if not lines:
        raise ValueError("There is no verdict in the log yet.")
    counts = {answer: sum(line["answer"] == answer for line in lines) for answer in ANSWERS}
    return {answer: (hits / len(lines), *wilson(hits, len(lines))) for answer, hits in counts.items()}
