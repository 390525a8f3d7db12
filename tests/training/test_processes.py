"""Two processes under torchrun train what one process does."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from course_lib import color
from course_lib.data import petals
from course_lib.models.checkpoints import load_checkpoint, read_card
from course_lib.training import __main__ as command
from course_lib.training.errors import TrainingError
from course_lib.training.processes import share_of

NAME = "petals-classification"
ROOT = Path(__file__).parents[2]
PATIENCE = 900  # seconds; on free cores it takes some fifteen


def environment(**more):
    return {**os.environ, "OMP_NUM_THREADS": "1", "COURSE_DEVICE": "cpu", **more}


def torchrun(*arguments):
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*launcher, *arguments], cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done


def in_float64(folder, *launch):
    """What `in_float64.py` found: one tensor or number per name."""
    path = folder / "found.pt"
    script = str(Path(__file__).with_name("in_float64.py"))
    if launch:
        torchrun(script, str(path))
    else:
        done = subprocess.run([sys.executable, script, str(path)], cwd=ROOT, env=environment(), timeout=PATIENCE)
        assert done.returncode == 0
    return torch.load(path, weights_only=True)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """From one process, and from two."""
    one = in_float64(tmp_path_factory.mktemp("one"))
    return one, in_float64(tmp_path_factory.mktemp("two"), "torchrun")


def test_in_float64_the_result_is_the_same(found):
    """Where rounding is small, what is left is a difference of method: there is none."""
    one, two = found
    assert one["validation"] == pytest.approx(two["validation"], rel=1e-6)
    assert one["training"] == pytest.approx(two["training"], rel=1e-6)
    assert (one["answer"] - two["answer"]).abs().max() < 1e-4
    for key, value in one["weights"].items():
        assert torch.allclose(two["weights"][key].double(), value.double(), atol=1e-5), key
    assert one["answer"].std() > 0.1  # there is something to compare


def test_every_picture_is_in_one_share_and_batches_are_those_of_one_process(found):
    (one, two), processes = found, 2
    for epoch, whole in enumerate(one["shares"][0]):
        first, second = (torch.tensor(two["shares"][rank][epoch]).reshape(-1, 16) for rank in range(processes))
        assert torch.cat([first, second], dim=1).flatten().tolist() == whole
        assert sorted(whole) == list(range(256))
    assert one["shares"][0][0] != one["shares"][0][1]  # shuffled anew


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder, and what was printed, of the real command with two processes."""
    folder = tmp_path_factory.mktemp("torchrun")
    arguments = [NAME, "--out", str(folder), "--states", str(folder / "states")]
    return folder, torchrun("-m", "course_lib.training", *arguments)


def test_the_command_under_torchrun(trained, tmp_path, monkeypatch):
    """In float32 rounding grows step by step: what comes out is as good, and nearly the same."""
    folder, _ = trained
    monkeypatch.setenv("COURSE_DEVICE", "cpu")
    assert command.main([NAME, "--out", str(tmp_path), "--states", str(tmp_path / "states")]) == 0
    one, two = read_card(NAME, tmp_path), read_card(NAME, folder)
    assert two["command"] == f"torchrun --standalone --nproc-per-node 2 -m course_lib.training {NAME}"
    assert two["metrics"]["loss"] == pytest.approx(one["metrics"]["loss"], rel=LOSS_TOLERANCE)
    assert two["metrics"]["psnr"] == pytest.approx(one["metrics"]["psnr"], abs=0.5)
    l, _ = color.normalize(petals(16, size=32, seed=9).lab)  # noqa: E741 - on what it has learned: elsewhere rounding decides
    models = [load_checkpoint(NAME, place) for place in (tmp_path, folder)]
    answers = [model.to_ab(model(l), temperature=1) for model in models]
    assert (answers[0] - answers[1]).abs().mean() < AB_TOLERANCE


LOSS_TOLERANCE, AB_TOLERANCE = 0.02, 3


def test_only_one_process_prints_and_writes(trained):
    folder, done = trained
    for epoch in range(1, 9):
        assert done.stdout.count(f"epoch {epoch} of 8") == 1
    assert done.stdout.count("Wrote ") == 1
    assert sorted(path.name for path in folder.rglob("*") if path.is_file()) == [f"{NAME}.json", f"{NAME}.safetensors"]
    assert "Warning" not in done.stderr


def test_shares_of_any_order(monkeypatch):
    from course_lib.training.shares import shares

    order = list(range(103))
    random.Random(0).shuffle(order)
    for processes in (1, 2, 4):
        parts = shares(order, 32 // processes, processes)
        assert [len(part) for part in parts] == [96 // processes] * processes
        used = [row for part in parts for row in part]
        assert sorted(used) == sorted(order[:96])  # none twice, none missed but the rest of 7
        for step in range(3):
            share = slice(step * 32 // processes, (step + 1) * 32 // processes)
            assert [row for part in parts for row in part[share]] == order[step * 32 : (step + 1) * 32]


def test_a_batch_that_cannot_be_shared_evenly(monkeypatch):
    assert share_of(32) == 32
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert share_of(32) == 8
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(TrainingError, match=r"32 pictures cannot be shared evenly by 3 processes\. Start 2, 4 or 8"):
        share_of(32)


def test_without_accelerate_it_says_what_to_install(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_DEVICE", "cpu")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert command.main([NAME, "--out", str(tmp_path), "--states", str(tmp_path / "states")]) == 1
    assert "pip install -c constraints.txt accelerate" in capsys.readouterr().err
