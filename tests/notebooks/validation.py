"""Run notebooks as a learner's machine would, without a network, and compare what they print with what they store."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from xml.etree import ElementTree

from course_lib.authoring.build import check_outputs, verdicts
from course_lib.authoring.execute import execute, kernel_environment
from course_lib.authoring.outputs import read_notebook
from course_lib.authoring.same import SANITIZE
from tests.offline import offline, offline_environment

SETTINGS = Path(__file__).with_name("nbval.ini")
SHARED = 1.5  # times the budget, for a machine that is shared with other tests
UNCOMPARED = ("nbval-skip", "nbval-ignore-output", "nbval-raises-exception", "raises-exception")


def validate(path, budget="quick"):
    """Compare the notebook at ``path`` with a fresh run of nbval at ``budget``; AssertionError says what differs.

    nbval passes a notebook that compares nothing, so `guard_problems` comes first.
    """
    problems = guard_problems(path)
    assert not problems, "\n".join(problems)
    allowed = read_notebook(path).metadata["course"]["seconds"][budget]
    start = time.perf_counter()
    status, output, passed = run_nbval(path, budget, allowed)
    seconds = time.perf_counter() - start
    assert status == 0, output
    cells = len(code_cells(read_notebook(path)))
    assert passed == cells, f"{passed} of {cells} cells passed:\n{output}"
    assert_in_time(path, seconds, allowed, budget)


def validate_solution(path, budget="smoke"):
    """Run the solutions at ``path``: every cell must run, and every check must print one line with ✓."""
    notebook = read_notebook(path)
    allowed = notebook.metadata["course"]["seconds"][budget]
    with offline():
        seconds = execute(notebook, path.parent, allowed, path.name, budget=budget)
    checks = list(check_outputs(notebook))
    assert checks, f"{path.name} has no check"
    failed = [f"cell {number}: {text.strip()!r}" for number, text in checks if verdicts(text) != {"✓"}]
    assert not failed, f"checks that did not pass in {path.name}: {'; '.join(failed)}"
    assert_in_time(path, seconds, allowed, budget)


def assert_in_time(path, seconds, allowed, budget):
    """The budget of a notebook is a promise to the learner: over it, the notebook fails.

    The promise is for a notebook that has the machine to itself, and the build holds it to that. Where other tests run beside this one, on
    what may be the other half of the same core, it has half as much time again.
    """
    limit = allowed * (SHARED if int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1)) > 1 else 1)
    assert seconds <= limit, f"{path.name} took {seconds:.0f} s at {budget}, its budget is {allowed:g} s"


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def guard_problems(path):
    """Why a run of nbval on the notebook at ``path`` would prove less than it seems to; nothing when it is sound."""
    cells = code_cells(read_notebook(path))
    compared = [(number, cell) for number, cell in enumerate(cells, 1) if _is_compared(cell)]
    problems = [] if compared else [f"{path.name} compares nothing: tag a cell nbval-check-output, or report a claim"]
    for number, cell in compared:
        if not cell.outputs:
            problems.append(f"{path.name} cell {number} is compared but stores no output")
        if cell.execution_count is None:
            problems.append(f"{path.name} cell {number} is compared but stores no execution count")
    for number, cell in enumerate(cells, 1):
        problems += [f"{path.name} cell {number} hides from nbval with {mark}" for mark in _hiding_marks(cell)]
    return problems


def _is_compared(cell):
    return "nbval-check-output" in cell.metadata.get("tags", ())


def _hiding_marks(cell):
    """Tags and comments that make nbval skip a cell or its output."""
    comments = [
        line.strip().lstrip("#").strip().lower().replace("_", "-") for line in cell.source.splitlines() if "#" in line
    ]
    return sorted({*cell.metadata.get("tags", ()), *comments} & set(UNCOMPARED))


def run_nbval(path, budget, cell_seconds):
    """Run nbval on one notebook, offline: ``(exit status, output, number of cells that passed)``."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-c", str(SETTINGS), "--rootdir", str(path.parent)]
        command += ["-p", "no:cacheprovider", "-p", "no:xdist", "-q", "--color=no", f"--junitxml={report}"]
        command += ["--nbval-lax", "--nbval-current-env", f"--nbval-sanitize-with={SANITIZE}"]
        command += [f"--nbval-cell-timeout={cell_seconds}", str(path)]
        # nbval stops a cell that runs over its limit; twice the limit is for what else may hang
        run = subprocess.run(
            command,
            env=_environment(budget),
            capture_output=True,
            text=True,
            timeout=2 * cell_seconds + 60,
            cwd=path.parent,
        )
        return run.returncode, run.stdout + run.stderr, _passed(report)


def _environment(budget):
    """Without a network, and without what the pytest around this one has set for itself."""
    own = {name: value for name, value in kernel_environment(budget).items() if not name.startswith("PYTEST_")}
    return offline_environment(own)


def _passed(report):
    if not report.exists():
        return 0
    suite = ElementTree.parse(report).getroot().find("testsuite")
    return int(suite.get("tests")) - sum(int(suite.get(kind)) for kind in ("failures", "errors", "skipped"))
