"""A run that is killed loses nothing but the part that it was writing."""

import os
import subprocess
import sys
import time

import pytest
import torch

from course_lib.video import read_frames
from course_lib.video.scratch import scratch_folder
from tests.video.films import moving, soften, write_film

SHOT = 130  # frames: two parts each
PATIENCE = 60  # seconds


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    shots = [moving(SHOT, seed=seed, grain=grain) for seed, grain in ((1, 8), (9, 3), (4, 12))]
    path = tmp_path_factory.mktemp("source") / "a.mkv"
    return write_film(path, soften(torch.cat(shots)), sound={"seconds": 10})


def start(source, target):
    command = [sys.executable, "-m", "tests.video.command", source, target, "--side", "48"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [*map(str, command)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(process):
    output, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    return output + errors


def wait_for(condition, process):
    """Wait until it holds, while a process runs."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < end
        time.sleep(0.005)


def parts_of(target):
    folder = scratch_folder(target) / "parts"
    names = [path for path in folder.glob("*.mp4") if not path.name.startswith(".")] if folder.is_dir() else []
    return {path.name: path.stat().st_mtime_ns for path in names}


def test_a_killed_run_goes_on_where_it_was(source, tmp_path):
    whole, target = tmp_path / "whole.mp4", tmp_path / "b.mp4"
    finish(start(source, whole))
    process = start(source, target)
    wait_for(lambda: parts_of(target), process)
    process.kill()
    process.wait()
    assert not target.exists()
    kept = parts_of(target)
    assert 1 <= len(kept) < 6

    process = start(source, target)
    wait_for(lambda: len(parts_of(target)) > len(kept), process)
    later = parts_of(target)
    process.kill()
    process.wait()
    assert {name: later[name] for name in kept} == kept  # the parts of the first run were not written again

    output = finish(start(source, target))
    assert "Going on: " in output
    assert f"{3 * SHOT} frames" in output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.mp4", "whole.mp4"]
    assert target.read_bytes() == whole.read_bytes()
    assert sum(1 for _ in read_frames(target)) == 3 * SHOT
