"""Install the pinned set with uv, show how far it is, and say in one sentence why it failed."""

import contextlib
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

from course_lib.setup.errors import SetupError

GIGABYTE = 10**9
# Measured on Linux with Python 3.11, where the wheels of torch carry CUDA. Elsewhere they do not: those are estimates.
LINUX_GB = 7.0
INSTALLED_GB = LINUX_GB if sys.platform == "linux" else 2.0
DOWNLOAD_GB = 3.0 if sys.platform == "linux" else 0.5
ROOM_GB = 1.0  # left over for the system, and for what notebooks write
PIP_SECONDS = 15  # a dead network is noticed after this time, once per try
PAUSES = {True: 0.5, False: 10}  # seconds between two lines of progress, by whether a person sees a terminal
UV_REQUIREMENT = "uv>=0.8,<1"

NO_SPACE = re.compile(
    r"no space left on device|not enough space on the disk|disk quota exceeded|os error (28|112|122)", re.I
)
NO_NETWORK = re.compile(
    r"failed to fetch|error sending request|dns error|client error \(connect\)|network is unreachable"
    r"|name resolution|failed to establish a new connection|connection (refused|reset)|timed out"
    r"|getaddrinfo failed|nodename nor servname|from versions: none",
    re.I,
)


def install_course(python, root):
    """Install the course from the folder ``root``, with everything that it and its tests need, for ``python``.

    Raises SetupError that says in one sentence what stopped it.
    """
    minutes = DOWNLOAD_GB * 8000 / 50 / 60
    print(
        f"Installing the course, once: about {INSTALLED_GB:.0f} GB on disk, after a download of {DOWNLOAD_GB:.1f} GB.\n"
        f"Installing takes about a minute; downloading adds about {minutes:.0f} minutes at 50 Mbit/s.",
        flush=True,
    )
    check_disk_space(root)
    run_step([python, "-m", "pip", "install", "--quiet", "--timeout", str(PIP_SECONDS), UV_REQUIREMENT], root)
    constraints = ["-c", "constraints.txt", "-e", ".[test]"]
    run_step([python, "-m", "uv", "pip", "install", "--python", python, "--compile-bytecode", *constraints], root)


def check_disk_space(folder, needed_gb=None):
    """Raise SetupError if the disk of ``folder`` has less room than the installation takes."""
    needed_gb = INSTALLED_GB + ROOM_GB if needed_gb is None else needed_gb
    free_gb = shutil.disk_usage(str(folder)).free / GIGABYTE
    if free_gb < needed_gb - _installed_gb(Path(folder) / ".venv"):
        raise SetupError(
            f"The course needs {needed_gb:.0f} GB of free disk space in {folder} and there are {free_gb:.1f} GB: "
            "free some space or move the folder to a larger disk, then run the same command again."
        )


def _installed_gb(venv):
    """Return how much an environment already holds: completing it needs that much less."""
    files = (path for path in venv.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files) / GIGABYTE


def run_step(command, root):
    """Run one command of the installation with a line of progress; raise SetupError with a sentence if it fails."""
    lines = []
    process = subprocess.Popen(
        [str(part) for part in command], cwd=str(root), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    reader = threading.Thread(target=_collect, args=(process.stdout, lines), daemon=True)
    reader.start()
    try:
        _show_progress(process, lines, root)
    except BaseException:  # Ctrl+C: leave no installer behind
        process.kill()
        raise
    reader.join(timeout=10)
    if process.returncode:
        output = "\n".join(lines)
        sentence = explain(output)
        if sentence is None:
            print(output, file=sys.stderr)
            sentence = "The installation failed for the reason above: solve it and run the same command again."
        raise SetupError(sentence)


def explain(output):
    """Return one sentence on why an installer ended with ``output``, or None if the reason is not known."""
    if NO_SPACE.search(output):
        return (
            f"The disk is full: free about {INSTALLED_GB + ROOM_GB:.0f} GB, then run the same command again; "
            "what is installed already is kept."
        )
    if NO_NETWORK.search(output):
        return (
            "The packages could not be downloaded: connect this machine to the internet (or set HTTPS_PROXY if it is "
            "behind a proxy), then run the same command again."
        )
    return None


def _collect(stream, lines):
    for line in stream:
        lines.append(line.decode(errors="replace").rstrip())


def _show_progress(process, lines, root):
    """Until ``process`` ends, say how long it has run, how much the disk has filled, and its last line."""
    start = time.monotonic()
    free_at_start = shutil.disk_usage(str(root)).free
    is_terminal = sys.stdout.isatty()
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=PAUSES[is_terminal])
        done = process.returncode is not None
        if is_terminal or not done:
            written = max(0, free_at_start - shutil.disk_usage(str(root)).free) / GIGABYTE
            text = progress_line(time.monotonic() - start, written, lines)
            print("\r" + text if is_terminal else text, end="" if is_terminal else "\n", flush=True)
        if done:
            if is_terminal:
                print(flush=True)
            return


def progress_line(seconds, written_gb, lines):
    """Return time, gigabytes and the installer's last line, as wide as the line that it overwrites."""
    last = lines[-1].strip() if lines else ""
    text = f"  {seconds // 60:.0f}:{seconds % 60:02.0f}  {written_gb:.1f} of about {INSTALLED_GB:.0f} GB  {last}"
    return text[:78].ljust(78)
