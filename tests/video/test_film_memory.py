"""The memory that a film takes does not grow with its length."""

import os
import subprocess
import sys

import pytest
import torch

from course_lib.video import film, store
from course_lib.video.keyframes import LONGEST
from tests.video.films import colorize, moving, soften, write_film

SHORT = 45  # frames


def peak(source, target):
    """The most memory that the command had, in MB."""
    command = [sys.executable, "-m", "tests.video.command", source, target, "--side", "48"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*map(str, command)], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[-1]) / 1000


def write_long(path, count):
    """A film of one shot that goes back and forth."""
    there = soften(moving(SHORT, (144, 192)))
    frames = torch.cat([there, there.flip(0)])[[number % (2 * SHORT) for number in range(count)]]
    return write_film(path, frames, sound={"seconds": count / 25})


@pytest.mark.skipif(sys.platform == "win32", reason="needs to know the most memory that a process had")
def test_ten_times_the_length_takes_no_more_memory(tmp_path):
    short = peak(write_long(tmp_path / "short.mp4", SHORT), tmp_path / "a.mp4")
    long = peak(write_long(tmp_path / "long.mp4", 10 * SHORT), tmp_path / "b.mp4")
    assert long <= 1.2 * short
    # All frames of the long film are 37 MB as bytes and 150 MB as numbers: neither are in memory at once.
    assert long - short < 30


def test_a_long_shot_is_looked_at_a_leg_at_a_time(tmp_path, monkeypatch):
    asked = []

    class Watched(store.Stretch):
        def __getitem__(self, key):
            found = super().__getitem__(key)
            asked.append(len(found) if isinstance(key, slice) else 1)
            return found

    monkeypatch.setattr(store, "Stretch", Watched)
    monkeypatch.setattr(film, "Stretch", Watched)
    colorize(write_long(tmp_path / "a.mp4", 4 * LONGEST), tmp_path / "b.mp4")
    assert len(asked) > 4
    assert max(asked) <= 2 * LONGEST
