"""Make ``.venv`` and keep it in step with the pinned set.

A stamp, written last, says which set the environment holds. Without it, or with another one, the installation is
repeated, so that an interrupted set-up mends itself.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

from course_lib.files import write_atomic
from course_lib.setup import install
from course_lib.setup.errors import SetupError
from course_lib.setup.python_version import check_python, is_supported, read_version

ROOT = Path(__file__).resolve().parents[2]
STAMP = "course-stamp.txt"
VENV_OPTIONS = ()  # tests make environments without pip


def ensure_environment(root=ROOT):
    """Return the Python of ``root/.venv`` after making or completing the environment where needed.

    Raises SetupError with one sentence when this machine cannot have it yet.
    """
    check_python()
    root = Path(root)
    folder = root / ".venv"
    python = venv_python(folder)
    version = read_version(python)
    if version and is_supported(version) and read_stamp(folder) == expected_stamp(root, version):
        return python
    if not (version and is_supported(version)):
        make_venv(folder)
        version = read_version(python)
    remove_stamp(folder)
    install.install_course(python, root)
    write_atomic(folder / STAMP, expected_stamp(root, version))
    return python


def venv_python(folder):
    """Return the path that the Python of the virtual environment ``folder`` has on this system."""
    return Path(folder) / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def expected_stamp(root, version):
    """Return a digest of what decides which packages are installed: requirement files, place and Python."""
    digest = hashlib.sha256()
    for name in ("pyproject.toml", "constraints.txt"):
        digest.update((Path(root) / name).read_bytes())
    digest.update(f"{Path(root)} {version}".encode())  # the course is installed by its path
    return digest.hexdigest() + "\n"


def read_stamp(folder):
    """Return the stamp of the environment ``folder``, or None where a set-up never came to its end."""
    try:
        return (Path(folder) / STAMP).read_text()
    except OSError:
        return None


def remove_stamp(folder):
    """Take the stamp away while the environment is between two sets."""
    if (folder / STAMP).exists():
        (folder / STAMP).unlink()


def make_venv(folder):
    """Make an empty virtual environment at ``folder`` in place of one that does not work."""
    check_venv_module()
    remove_broken_venv(folder)
    print(f"Making a virtual environment in {folder}.", flush=True)
    result = subprocess.run(
        [sys.executable, "-m", "venv", *VENV_OPTIONS, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if result.returncode:
        output = result.stdout.decode(errors="replace")
        raise SetupError(install.explain(output) or f"Python's venv module failed: {output.strip()}")


def check_venv_module():
    """Raise SetupError where Python came without its parts that make environments, as Debian splits them off."""
    if importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip"):
        return
    major, minor = sys.version_info[:2]
    package = f"python{major}.{minor}-venv"
    raise SetupError(
        "This Python cannot make virtual environments: on Debian and Ubuntu run "
        f"'sudo apt install {package}', elsewhere install Python from https://www.python.org/downloads/."
    )


def remove_broken_venv(folder):
    """Remove ``folder`` if it is a virtual environment; refuse to remove anything else that bears its name."""
    if not folder.exists() and not folder.is_symlink():
        return
    if folder.is_symlink() or not folder.is_dir() or (any(folder.iterdir()) and not _looks_like_venv(folder)):
        raise SetupError(
            f"{folder} exists but is not a virtual environment: move it away and run the same command again."
        )
    print(f"The virtual environment in {folder} does not work any more and is made anew.", flush=True)
    remove_folder(folder)


def remove_folder(folder):
    """Remove ``folder`` with its content; raise SetupError if something holds on to it, as kernels do on Windows."""
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise SetupError(
            f"{folder} could not be removed ({error.strerror}): "
            "close what still runs from it, then run the same command again."
        ) from None


def _looks_like_venv(folder):
    return (folder / "pyvenv.cfg").exists() or venv_python(folder).is_symlink()
