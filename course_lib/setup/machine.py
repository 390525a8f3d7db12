"""What lesson 00 looks at: does this machine have what the course needs, and what to do where it does not."""

import importlib.metadata
import os
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

from course_lib.setup.environment import ROOT
from course_lib.setup.python_version import is_supported

GB = 10**9
MEMORY_GB, DISK_GB, CORES = 4, 1, 2
AGAIN = "close Jupyter and start it with 'make lab' or 'python3 -m course_lib.setup lab'"


class Finding(NamedTuple):
    """One thing that was looked at. ``needed`` things stop the course when they are missing; others only slow it down."""

    what: str
    found: str
    good: bool
    advice: str = ""
    needed: bool = True

    def __str__(self):
        sign = "✓" if self.good else ("✗" if self.needed else "–")
        advice = f": {self.advice}" if self.advice and not self.good else ""
        return f"{sign} {self.what:<12} {self.found}{advice}"


def check_machine(root=ROOT):
    """Look at everything that the course needs, and at what makes it faster; prints nothing.

    Returns
    -------
    findings : list of Finding
        `print` each of them: a sign, what was found and, where it falls short, what to do.
    """
    return [_python(), _packages(root), _cores(), _memory(), _disk(root), _accelerator(), _data_sets()]


def missing(findings):
    """Those findings that must be mended before the course can be taken."""
    return [finding for finding in findings if finding.needed and not finding.good]


def _python():
    return Finding("Python", sys.version.split()[0], is_supported(sys.version_info), f"3.11 to 3.13 is needed, {AGAIN}")


def _packages(root):
    pinned = pinned_versions(Path(root) / "constraints.txt")
    wrong = [
        f"{name} {_installed(name) or 'is missing'}" for name, version in pinned.items() if _installed(name) != version
    ]
    if not wrong:
        return Finding("packages", f"all {len(pinned)} in the versions tested together", True)
    some = ", ".join(wrong[:3]) + (f" and {len(wrong) - 3} more" if len(wrong) > 3 else "")
    return Finding("packages", some, False, f"these are not the versions tested together, {AGAIN}")


def pinned_versions(constraints):
    """The versions that the course itself needs on this machine, ``{name: version}``: those of its direct requirements."""
    from packaging.requirements import Requirement

    lines = [line for line in constraints.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    pins = [pin for pin in map(Requirement, lines) if pin.marker is None or pin.marker.evaluate()]
    versions = {pin.name.lower(): str(pin.specifier).removeprefix("==") for pin in pins}
    return {
        name: versions[name]
        for name in _direct_requirements(constraints.with_name("pyproject.toml"))
        if name in versions
    }


def _direct_requirements(pyproject):
    import tomllib

    from packaging.requirements import Requirement

    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    return [Requirement(line).name.lower() for line in project["dependencies"]]


def _installed(name):
    try:
        return importlib.metadata.version(name).partition("+")[0]  # 2.15.0+cpu is 2.15.0, built for CPUs only
    except importlib.metadata.PackageNotFoundError:
        return None


def _cores():
    cores = os.cpu_count() or 1
    advice = "times in this course are for 2 cores, expect twice as much"
    return Finding("processor", f"{cores} core{'s' if cores > 1 else ''}", cores >= CORES, advice, needed=False)


def _memory():
    import psutil

    free = psutil.virtual_memory().available / GB
    return Finding(
        "memory",
        _free(free, MEMORY_GB),
        free >= MEMORY_GB,
        f"{MEMORY_GB} GB is safe, close other programs",
        needed=False,
    )


def _disk(root):
    free = shutil.disk_usage(root).free / GB
    return Finding("disk", _free(free, DISK_GB), free >= DISK_GB, f"free {DISK_GB} GB, or notebooks cannot be saved")


def _free(free, enough):
    """The exact number only where it matters: it changes by the second, and the notebook would with it."""
    return f"{enough} GB or more free" if free >= enough else f"{free:.1f} GB free"


def _accelerator():
    import torch

    if torch.cuda.is_available():
        return Finding("accelerator", torch.cuda.get_device_name(), True)
    if torch.backends.mps.is_available():
        return Finding("accelerator", "Apple GPU", True)
    return Finding("accelerator", "none", False, "not needed: every lesson is made for a laptop", needed=False)


def _data_sets():
    folder = os.environ.get("COURSE_DATA")
    if folder and Path(folder).is_dir():
        return Finding("data sets", f"found in {folder}", True)
    found = f"COURSE_DATA names {folder}, which is no folder" if folder else "the bundled photographs"
    advice = "correct it, or unset it" if folder else "enough for lessons 00 to 02"
    return Finding("data sets", found, False, advice, needed=False)
