"""Which Python the course runs on, and what to say to any other."""

import shutil
import subprocess
import sys

from course_lib.setup.errors import SetupError

OLDEST = (3, 11)
NEWEST = (3, 13)


def is_supported(version):
    """Whether the course runs on Python ``version``, a tuple such as (3, 12, 1)."""
    return OLDEST <= tuple(version[:2]) <= NEWEST


def check_python(version=None):
    """Raise SetupError unless ``version`` (default: the running Python) is one that the course runs on."""
    version = sys.version_info if version is None else version
    if is_supported(version):
        return
    found = find_supported()
    advice = f"use this one instead: {found}" if found else "install one from https://www.python.org/downloads/"
    raise SetupError(
        f"This is Python {_name(version)}, but the course needs Python {_name(OLDEST)} to {_name(NEWEST)}: {advice}."
    )


def _name(version):
    return ".".join(str(part) for part in version[:2])


def find_supported():
    """Return the name of a supported Python that this machine has and that starts, newest first, or None."""
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        name = f"python3.{minor}"
        if shutil.which(name) and read_version(name):
            return name
    return None


def read_version(python):
    """Return the version of the program ``python`` as a tuple of three, or None if it does not start."""
    code = "import sys; print(*sys.version_info[:3])"
    try:
        result = subprocess.run(
            [str(python), "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60
        )
        version = tuple(int(part) for part in result.stdout.split())
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return version if len(version) == 3 else None
