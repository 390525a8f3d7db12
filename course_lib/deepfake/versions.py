"""Which detector is live, which ones were before, and how the next one comes in its place.

A version is a checkpoint with its card, ``NAME.safetensors`` and ``NAME.json``, and its profile, ``NAME-profile.json``. What happened to
versions stands in ``versions.json`` beside them. A version is promoted by the decision of a `gate` that was made for these very weights,
this profile and the version that is live at that moment: a file that changed since, or another process that was quicker, makes it void.
"""

import json
import re
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from filelock import Timeout

from course_lib.deepfake.gating import CRITERIA, Decision, Difference, Margins, Measured, digest, gate, measure_version
from course_lib.deepfake.monitor import alone
from course_lib.deepfake.profile import read_profile
from course_lib.files import write_atomic
from course_lib.models.checkpoints import FOLDER, CheckpointError, load_checkpoint, read_card

__all__ = [
    "Decision",
    "Difference",
    "Identity",
    "Margins",
    "Measured",
    "VersionError",
    "Versions",
    "gate",
    "measure_version",
]

KIND = "versions of a detector, 1"
BEGUN, PROPOSED, REFUSED, PROMOTED, ROLLED_BACK = "begun", "proposed", "refused", "promoted", "rolled back"
COLUMNS = (
    *("name", "live", "sha256", "kilobytes", "network", "parameters", "data", "command", "seed"),
    *("slope", "intercept", "cases", "low", "high", "scope", *CRITERIA, "test_set", "problem"),
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class VersionError(ValueError):
    """Something that must not happen to a version; the message says why, and what to do."""


class Identity(NamedTuple):
    """What a version is: its name, the SHA-256 of its weights, and the `digest` of its profile."""

    name: str
    sha256: str
    profile: str


class Versions:
    """The versions in a folder.

    Several processes can use it at once. What they write appears whole or not at all.

    Parameters
    ----------
    folder : path
    """

    def __init__(self, folder=FOLDER):
        self.folder = Path(folder)
        self.path = self.folder / "versions.json"

    # ---- what there is

    @property
    def live(self):
        """The name of the version that is live, or None.

        Raises
        ------
        CheckpointError
            Its files are not those that were promoted. `roll_back` goes to the version before, and does not need them.
        """
        live = _live(self.history)
        if live is not None:
            self._unchanged(live)
            return live.name
        return None

    @property
    def history(self):
        """What happened, oldest first: a list of dict with "event", "time" (UTC), "name", "sha256", "profile" and more.

        Raises
        ------
        VersionError
            ``versions.json`` is damaged.
        """
        try:
            data = json.loads(self.path.read_text(encoding="utf-8"))
            history = data["history"]
            live = _live(history)
            if data["kind"] != KIND or data["live"] != (live and live.name):
                raise ValueError("the live version is not the one that the history leads to")
        except FileNotFoundError:
            return []
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise VersionError(
                f"{self.path} is damaged or no file of versions ({type(error).__name__}). Get it back from a copy; without one, move it "
                "away and say with `begin` which version is live. The versions themselves are not affected."
            ) from error
        return history

    def names(self):
        """Versions in the folder, that is, checkpoints with a profile: list of str."""
        ending = "-profile.json"
        return sorted(path.name.removesuffix(ending) for path in self.folder.glob(f"*{ending}"))

    def identity(self, name):
        """The `Identity` of a version, whose files are read and compared with each other.

        Raises
        ------
        CheckpointError
            Weights, card or profile are missing, damaged, or do not belong to each other.
        """
        if not _NAME.fullmatch(str(name)):
            raise VersionError(f"A version has a name of letters, digits, - and _, got {name!r}.")
        load_checkpoint(name, self.folder)  # a version that does not load must not go live
        profile = read_profile(name, self.folder)
        if profile.detector != name:
            raise CheckpointError(f"{name}-profile.json was made for {profile.detector!r}. Make one for {name!r}.")
        return Identity(name, profile.sha256, digest(profile))

    # ---- what can be done

    def begin(self, name):
        """Make the first version live, which has nothing to be compared with.

        Raises
        ------
        VersionError
            There is a live one already: the next must pass the gate.
        """
        with self._alone():
            history = self.history
            if (live := _live(history)) is not None:
                raise VersionError(f"{live.name!r} is live already. The next one comes by `gate` and `promote`.")
            return self._write(history, BEGUN, self.identity(name))

    def propose(self, name, decision):
        """Write down what the gate said, promoted or not.

        Returns
        -------
        bool
            Whether it may be promoted.
        """
        with self._alone():
            history = self.history
            found = self._meant(name, decision, history)
            self._write(history, PROPOSED if decision.promote else REFUSED, found, **_numbers(decision))
        return decision.promote

    def promote(self, name, decision, again=False):
        """Make a version live.

        Parameters
        ----------
        name : str
        decision : Decision
            Of the gate, for this version against the live one.
        again : bool
            Even if it was rolled back before.

        Returns
        -------
        str
            The name of the version that was live.

        Raises
        ------
        VersionError
            The gate refused it; or the decision was made for other weights, another profile or another live version; or it was rolled back.
        CheckpointError
            Its files cannot be used.
        """
        with self._alone():
            history = self.history
            found, live = self._meant(name, decision, history), _live(history)
            if not decision.promote:
                raise VersionError(f"The gate refuses {name!r}. " + " ".join(decision.reasons))
            if found == live:
                raise VersionError(f"{name!r} is live already.")
            if not again and (entry := _rolled_back(history, found)):
                raise VersionError(
                    f"{name!r} was rolled back on {entry['time']}: {entry['why']} Where that no longer holds, say `again=True`."
                )
            self._write(history, PROMOTED, found, **_numbers(decision))
        return live.name

    def roll_back(self, why):
        """Make the version live that was so before, whatever became of the files of the present one.

        Parameters
        ----------
        why : str
            For the history, and for whoever wants to promote that version again.

        Returns
        -------
        str
            The name of the version that is live now.

        Raises
        ------
        VersionError
            There was none before, or nothing is said.
        CheckpointError
            Its files are not those that were live.
        """
        if not why.strip():
            raise VersionError("Say why: it is what the next one who wants to promote this version will read.")
        with self._alone():
            history = self.history
            stack = _stack(history)
            if len(stack) < 2:
                raise VersionError("There is no version to go back to: none was live before.")
            self._unchanged(stack[-2])
            self._write(history, ROLLED_BACK, stack[-1], why=why.strip(), to=stack[-2].name)
        return stack[-2].name

    def compare(self, names=None):
        """Versions side by side.

        Parameters
        ----------
        names : list of str, optional
            All of the folder by default.

        Returns
        -------
        list of dict
            A row for each version, with the keys of `COLUMNS`: who it is, what its card and its profile say, and "auc", "ece",
            "false_alarms" and "caught" with their intervals as the gate saw them last, on "test_set". None for what is not known;
            "problem" says what is wrong with the files of a version. Versions measured on different sets are not comparable.
        """
        history = self.history
        return [self._row(name, history) for name in (self.names() if names is None else names)]

    # ---- how

    def _row(self, name, history):
        row = dict.fromkeys(COLUMNS) | {"name": name}
        try:
            version = self.identity(name)
            card, profile = read_card(name, self.folder), read_profile(name, self.folder)
        except (CheckpointError, VersionError) as error:
            return row | {"live": False, "problem": str(error)}
        row |= {"live": version == _live(history), "sha256": version.sha256[:12]}
        return row | _from_card(card) | _from_profile(profile) | _last_measured(history, version)

    def _meant(self, name, decision, history):
        """The `Identity` of a version, if the decision was made for it and against the one that is live."""
        live = _live(history)
        if live is None:
            raise VersionError("No version is live, so nothing was compared. Say with `begin` which one is the first.")
        found = self.identity(name)
        if _of(decision.candidate) != found:
            raise VersionError(
                f"The decision was made for {_say(_of(decision.candidate))}, and here is {_say(found)}. Measure this one."
            )
        if _of(decision.live) != live:
            raise VersionError(
                f"The decision compares with {_say(_of(decision.live))}, and live is {_say(live)}. Compare with that one."
            )
        return found

    def _unchanged(self, version):
        found = self.identity(version.name)
        if found != version:
            raise CheckpointError(
                f"The files of {version.name!r} have changed since it was live: here is {_say(found)}, then it was {_say(version)}."
            )

    @contextmanager
    def _alone(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            with alone(self.path):
                yield
        except Timeout as error:
            raise VersionError(f"Another process does not let go of {self.path}. Wait for it, or end it.") from error

    def _write(self, history, event, version, **more):
        for left in self.folder.glob(f".{self.path.name}.*"):
            left.unlink(missing_ok=True)  # of a process that was killed while it wrote; no other one writes now
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        history = [*history, {"event": event, "time": now, **version._asdict(), **more}]
        live = _live(history)
        content = {"kind": KIND, "live": live.name, "history": history}
        write_atomic(self.path, json.dumps(content, indent=1) + "\n")
        return live.name


def _stack(history):
    """The versions that were live and not rolled back, the live one last: list of Identity."""
    stack = []
    for entry in history:
        if entry["event"] in (BEGUN, PROMOTED):
            stack.append(Identity(entry["name"], entry["sha256"], entry["profile"]))
        elif entry["event"] == ROLLED_BACK:
            stack.pop()
    return stack


def _live(history):
    stack = _stack(history)
    return stack[-1] if stack else None


def _rolled_back(history, version):
    """The last time that a version was rolled back, if it was."""
    entries = [
        entry
        for entry in history
        if entry["event"] == ROLLED_BACK and all(entry[key] == value for key, value in version._asdict().items())
    ]
    return entries[-1] if entries else None


def _from_card(card):
    data = card.get("data")
    return {
        "kilobytes": round(card["bytes"] / 1000) if "bytes" in card else None,
        "network": card["network"].get("class"),
        "parameters": card["network"].get("parameters"),
        "data": data.get("name") if isinstance(data, dict) else data,
        "command": card.get("command"),
        "seed": card.get("seed"),
    }


def _from_profile(profile):
    calibration = profile.calibration
    fitted = {"slope": calibration.slope, "intercept": calibration.intercept, "cases": calibration.cases}
    return fitted | {"low": profile.low, "high": profile.high, "scope": profile.scope}


def _last_measured(history, version):
    """What the last decision about a version says of it, as candidate or as live one: dict."""
    for entry in reversed(history):
        for measured in (entry.get("candidate", {}), entry.get("compared", {})):
            if all(measured.get(key) == value for key, value in version._asdict().items()):
                return {key: measured[key] for key in (*CRITERIA, "test_set")}
    return {}


def _numbers(decision):
    return {
        "candidate": decision.candidate.numbers(),
        "compared": decision.live.numbers(),
        "reasons": list(decision.reasons),
    }


def _of(measured):
    return Identity(measured.name, measured.sha256, measured.profile)


def _say(version):
    return f"{version.name or 'a bare calibration'} (weights {version.sha256[:12]}, profile {version.profile[:12]})"
