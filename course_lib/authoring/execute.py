"""Run a notebook from top to bottom in a fresh kernel, with a time limit for every cell."""

import os
import tempfile
import time

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from traitlets.config import Config

from .problems import LessonError, Problem


def execute(notebook, folder, cell_seconds, file, lines=None, budget="quick"):
    """Run ``notebook`` in place, as if opened in ``folder``: returns the seconds that it took, kernel start included.

    ``file`` and ``lines`` (the lesson's line of each cell) are for the message. Raises LessonError with the cell's
    number when a cell fails or runs over ``cell_seconds``, and when a widget's callback failed without stopping a cell.
    """
    with tempfile.TemporaryDirectory(prefix="kernel") as sockets:
        return _execute(notebook, _connection(sockets), folder, cell_seconds, file, lines, budget)


def kernel_environment(budget):
    """The environment of a kernel at ``budget``: figures drawn as in JupyterLab whatever tests have set, and one thread.

    The order in which several threads add up, and with it the last digits of a trained network, would depend on the number of cores.
    """
    inherited = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    return {"OMP_NUM_THREADS": "1", **inherited, "COURSE_BUDGET": budget, "PYTHONHASHSEED": "0"}


def _connection(sockets):
    """How the kernel is reached: through socket files in ``sockets`` where the system has them.

    Nobody else on the machine can read those, and the kernel does not warn about an open port.
    """
    if os.name != "posix":
        return Config()
    return Config(KernelManager={"transport": "ipc", "ip": os.path.join(sockets, "k")})


def _execute(notebook, connection, folder, cell_seconds, file, lines, budget):
    running = [0]
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        config=connection,
        timeout=cell_seconds,
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,  # times of day would make every build differ
        on_cell_execute=lambda cell, cell_index: running.__setitem__(0, cell_index),
    )
    start = time.perf_counter()
    try:
        client.execute(env=kernel_environment(budget))
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        message = _failure(error, cell_seconds)
        number = sum(cell.cell_type == "code" for cell in notebook.cells[: running[0] + 1])
        line = lines[running[0]] if lines else None
        raise LessonError([Problem(file, message, line, number)]) from None
    finally:
        widgets = notebook.metadata.pop("widgets", {})
    problems = [Problem(file, message) for message in _widget_errors(widgets)]
    if problems:
        raise LessonError(problems)
    return time.perf_counter() - start


def _failure(error, cell_seconds):
    if isinstance(error, CellTimeoutError):
        return f"runs over its time limit of {cell_seconds:g} s: make it smaller with budget.pick"
    if isinstance(error, DeadKernelError):
        return "the kernel died here: too little memory, or a crash in a library"
    return f"fails with {error.ename}: {error.evalue}"


def _widget_errors(widgets):
    """An exception inside a widget's callback lands in an Output widget and stops nothing: find it there."""
    for model in widgets.get("application/vnd.jupyter.widget-state+json", {}).get("state", {}).values():
        for output in model.get("state", {}).get("outputs", ()):
            if output.get("output_type") == "error":
                yield f"a widget's callback fails with {output['ename']}: {output['evalue']}"
