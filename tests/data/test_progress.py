"""The line of progress: in a terminal, in a notebook, and nowhere else."""

import io
import sys
import time
from types import SimpleNamespace

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.display import DisplayHandle

from course_lib.data import progress
from course_lib.data.progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still unless it is moved: ``clock[0] += seconds``."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def terminal(monkeypatch):
    """What a terminal of 120 columns is sent."""
    monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=Terminal(), modules=sys.modules))
    monkeypatch.setenv("COLUMNS", "120")
    return progress.sys.stderr


def lines(terminal):
    return [line.rstrip() for line in terminal.getvalue().replace("\n", "").split("\r") if line.strip()]


def test_a_terminal_sees_a_bar_the_counts_and_the_time_to_go(terminal, clock):
    with Progress("Reading scenes", 4000, 1000, "Read scenes.") as bar:
        clock[0] += 1
        bar.advance(1000)
        clock[0] += 100
        bar.note("no connection: again in 4 s")
    assert lines(terminal) == [
        "Reading scenes [#######.......................] 1,000 of 4,000",
        "Reading scenes [###############...............] 2,000 of 4,000, about 2 s to go",
        "Reading scenes [###############...............] 2,000 of 4,000, no connection: again in 4 s",
        "Read scenes.",
    ]
    assert terminal.getvalue().endswith("\n")
    assert {len(line) for line in terminal.getvalue().strip("\r\n").split("\r")} == {119}  # the old line is wiped out


def test_it_is_drawn_a_few_times_a_second_at_most(terminal, clock):
    with Progress("Reading", 10_000) as bar:
        for _ in range(10_000):
            clock[0] += 1e-4
            bar.advance()
    assert len(lines(terminal)) <= 1 + 1 / progress.SECONDS_BETWEEN


def test_after_an_error_the_counts_stay(terminal, clock):
    with pytest.raises(StopIteration), Progress("Reading", 4, 3, last="Read."):
        next(iter(()))
    assert lines(terminal)[-1] == "Reading [######################........] 3 of 4"


def test_elsewhere_nothing_is_written(capsys, monkeypatch, terminal):
    with Progress("Reading", 2, last="Read.", quiet=True) as bar:
        bar.advance()
    assert terminal.getvalue() == ""
    monkeypatch.undo()
    with Progress("Reading", 2, last="Read.") as bar:
        bar.advance()
        bar.note("remark")
    assert capsys.readouterr() == ("", "")


def test_a_notebook_keeps_one_line_that_is_the_same_on_every_machine(monkeypatch, clock):
    shown = []
    shell = type("Shell", (), {"kernel": None})()
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    monkeypatch.setattr(
        "IPython.display.display", lambda data, raw, display_id: shown.append(data) or DisplayHandle("id")
    )
    monkeypatch.setattr(DisplayHandle, "update", lambda handle, data, raw: shown.append(data))
    assert not InteractiveShell.initialized()
    with Progress("Reading", 2, last="Read 2 pictures.") as bar:
        clock[0] += 1
        bar.advance()
    assert [data["text/plain"] for data in shown] == [
        "",
        "Reading [..............................] 0 of 2",
        "Reading [###############...............] 1 of 2, about 1 s to go",
        "Read 2 pictures.",
    ]
