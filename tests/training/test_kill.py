"""A training that is really killed, anywhere, ends with the weights of one that was not."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from course_lib.models.checkpoints import load_checkpoint

NAME = "petals-classification"
ROOT = Path(__file__).parents[2]
PATIENCE = 600  # seconds; on a free core a run takes ten

# Kills itself while it writes a state for the second time: in the middle of the file, or with the file complete but not in its place.
KILL_WHILE_WRITING = """
import os, signal, sys
from course_lib import files
from course_lib.training import __main__ as command
place, count, original = sys.argv.pop(1), 0, getattr(os, sys.argv.pop(1))

class Half:
    def __init__(self, file): self.file = file
    def __enter__(self): return self
    def __exit__(self, *error): self.file.close()
    def write(self, data):
        self.file.write(data[: len(data) // 2])
        self.file.flush()
        os.kill(os.getpid(), signal.SIGKILL)

def strike(*arguments):
    global count
    count += 1
    if count < 2:
        return original(*arguments)
    if place == "half":
        return Half(original(*arguments))
    os.kill(os.getpid(), signal.SIGKILL)

setattr(files.os, original.__name__, strike)
sys.exit(command.main())
"""


def start(folder, *code):
    """Start the command as a process, or ``code`` with the arguments of the command."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "COURSE_DEVICE": "cpu", "PYTHONUNBUFFERED": "1"}
    program = ["-c", *code] if code else ["-m", "course_lib.training"]
    arguments = [NAME, "--out", str(folder), "--states", str(folder / "states")]
    return subprocess.Popen(
        [sys.executable, *program, *arguments], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )


def finish(process):
    """What a process prints until its end, which must be a good one."""
    out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, out
    return out


def state_of(folder):
    return folder / "states" / f"{NAME}.pt"


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    out = finish(start(folder))
    assert "epoch 1 of 8" in out
    return load_checkpoint(NAME, folder).state_dict()


def assert_it_goes_on(folder, uninterrupted):
    """Start again what was killed, and compare the end."""
    state = torch.load(state_of(folder), weights_only=True)  # whole, whatever happened
    assert 1 <= state["epoch"] < 8
    assert not list(folder.glob("*.safetensors"))
    out = finish(start(folder))
    assert f"epoch {state['epoch'] + 1} of 8" in out
    assert f"epoch {state['epoch']} of 8" not in out  # what was done is not done again
    again = load_checkpoint(NAME, folder).state_dict()
    assert all(torch.equal(again[key], value) for key, value in uninterrupted.items())
    assert not any(folder.joinpath("states").iterdir())  # half-written files are gone too


def test_killed_in_the_middle_of_an_epoch(tmp_path, uninterrupted):
    process = start(tmp_path)
    begun = time.monotonic()
    while not state_of(tmp_path).exists():
        assert process.poll() is None
        assert time.monotonic() - begun < PATIENCE
        time.sleep(0.01)
    process.stdout.readline()  # the line of the first epoch, printed after its state was written: the next epoch begins
    time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert_it_goes_on(tmp_path, uninterrupted)


@pytest.mark.parametrize(("place", "function"), [("half", "fdopen"), ("complete", "replace")])
def test_killed_while_writing(tmp_path, uninterrupted, place, function):
    process = start(tmp_path, KILL_WHILE_WRITING, place, function)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == -signal.SIGKILL
    assert len(list(state_of(tmp_path).parent.glob(f".{NAME}.pt.*"))) == 1
    assert_it_goes_on(tmp_path, uninterrupted)
