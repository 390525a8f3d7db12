"""What each command does once the environment stands."""

import os
import subprocess
import sys
from pathlib import Path

from course_lib.setup import lab
from course_lib.setup.environment import ROOT, ensure_environment, remove_folder

# Everything that the commands make and that can be made again. Downloads in data/cache are not among it.
MADE = (".venv", "build", "learning_to_color.egg-info", ".pytest_cache", ".hypothesis", ".ruff_cache")
SKIPPED_FOLDERS = {".git", "data"}
# They hold notebooks to their seconds, which are those of a machine that does nothing else.
NOTEBOOK_TESTS = "tests/notebooks"


def install():
    """Set up the environment and do nothing else."""
    print(f"The course is installed for {ensure_environment()}.")
    return 0


def start_lab(port, browser):
    """Open JupyterLab at the first lesson and serve it until Ctrl+C."""
    python = ensure_environment()
    port = lab.choose_port(port)
    env = lab.lab_environment()
    opens = "opens in your browser" if browser else "is ready in a moment"
    print(f"JupyterLab {opens}. Its address is\n\n    {lab.address(port, env['JUPYTER_TOKEN'])}\n")
    print("Leave this window open; press Ctrl+C here to end it.", flush=True)
    return run(lab.lab_command(python, port, ROOT, env, browser), env)


def run_tests(arguments):
    """Run everything that can fail, or pytest alone with ``arguments``; return the first exit status that is not 0."""
    python = ensure_environment()
    # two test processes, each with one thread: the networks here are too small to gain from more
    env = dict(os.environ, OMP_NUM_THREADS=os.environ.get("OMP_NUM_THREADS", "1"))
    pytest = [python, "-m", "pytest"]
    if arguments:
        return run([*pytest, *arguments], env)
    checks = (
        [python, "-m", "ruff", "check"],
        [python, "-m", "ruff", "format", "--check"],
        [*pytest, "-n", "2", "--dist", "loadfile", "--ignore", NOTEBOOK_TESTS],
        [*pytest, NOTEBOOK_TESTS],
    )
    failed = [check for check in checks if run(check, env)]
    for check in failed:
        command = " ".join(map(str, check[1:]))
        print(f"Failed: python {command}", file=sys.stderr)
    return 1 if failed else 0


def build_notebooks(arguments):
    """Build and execute all notebooks, or those named."""
    return run([ensure_environment(), "-m", "course_lib.authoring", "build", *arguments])


def run_benchmarks(arguments):
    """Print how fast the library is beside others."""
    return run([ensure_environment(), "-m", "tests.bench", *arguments])


def clean(root=ROOT):
    """Remove what the commands made: the environment and caches, but neither notebooks nor downloaded data."""
    root = Path(root)
    caches = [path for path in _walk(root) if path.name in ("__pycache__", ".ipynb_checkpoints")]
    for path in [root / name for name in MADE] + caches:
        if path.exists():
            remove_folder(path)
    print("Removed the environment and caches. Notebooks and downloads in data/cache are kept.")
    return 0


def _walk(folder):
    """Yield all folders below ``folder``, without going into those that hold nothing of ours."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink() and path.name not in SKIPPED_FOLDERS | set(MADE):
            yield path
            yield from _walk(path)


def run(command, env=None):
    """Run ``command`` in the repository and return its exit status. Ctrl+C goes to the command; we wait for its end."""
    process = subprocess.Popen([str(part) for part in command], cwd=str(ROOT), env=env)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue
