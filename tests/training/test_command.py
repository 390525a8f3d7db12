"""``python -m course_lib.training``: trains, goes on after it was stopped, and leaves a checkpoint with a true card."""

import dataclasses
import os
import subprocess
import sys
from functools import partial

import pytest
import torch
from fastai.callback.core import Callback

from course_lib.data import downloads
from course_lib.models import ColorfulNet
from course_lib.models.checkpoints import load_checkpoint, read_card
from course_lib.training import __main__ as command
from course_lib.training import recipes, run
from course_lib.training.detection import DETECTORS
from course_lib.training.gan_recipes import GANS
from course_lib.training.propagation import FILMS
from course_lib.training.state import KeepState, forget_state, read_state

NAME = "petals-classification"


def few(split):
    """A quarter of the drawn scenes."""
    pictures = recipes.drawn(split)
    rows = len(pictures) // 4
    return dataclasses.replace(
        pictures, rgb=pictures.rgb[:rows], labels=pictures.labels[:rows], names=pictures.names[:rows]
    )


TINY = dataclasses.replace(
    recipes.RECIPES[NAME], network=partial(ColorfulNet, widths=(4, 4, 8, 8, 8)), data=few, stages=((2, 16), (1, 24))
)


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    """The command in this process trains a recipe of six steps on the CPU."""
    monkeypatch.setenv("COURSE_DEVICE", "cpu")
    monkeypatch.setitem(recipes.RECIPES, NAME, TINY)


def train(folder, *options):
    """Run the command in this process, with all that it writes in ``folder``; returns its exit status."""
    return command.main([NAME, "--out", str(folder), "--states", str(folder / "states"), *options])


def state_of(folder):
    return folder / "states" / f"{NAME}.pt"


def weights(folder):
    return load_checkpoint(NAME, folder).state_dict()


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """The folder of a training that went through."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_DEVICE", "cpu")
        patch.setitem(recipes.RECIPES, NAME, TINY)
        assert train(folder) == 0
    return folder


class StopAt(Callback):
    """Press Ctrl-C at a step of an epoch."""

    def __init__(self, epoch, step):
        self.at = epoch, step

    def after_batch(self):
        if self.training and (self.epoch, self.iter) == self.at:
            raise KeyboardInterrupt


def stop_at(monkeypatch, epoch, step):
    """Let the next training be stopped there."""
    original = run.learner

    def learner(*arguments):
        learn = original(*arguments)
        learn.add_cb(StopAt(epoch, step))
        return learn

    monkeypatch.setattr(run, "learner", learner)


def refuse(*arguments, **options):
    raise AssertionError("this must not happen")


def test_the_card_says_how_the_checkpoint_was_made(uninterrupted):
    card = read_card(NAME, uninterrupted)
    assert card["network"] == {
        "class": "ColorfulNet",
        "arguments": {"widths": [4, 4, 8, 8, 8], "outputs": 313},
        "parameters": sum(weight.numel() for weight in load_checkpoint(NAME, uninterrupted).parameters()),
    }
    assert card["data"] == {"name": "petals", "manifest_sha256": None, "pictures": {"train": 64, "validation": 16}}
    assert card["budget"] == {
        "stages": [{"epochs": 2, "side": 16}, {"epochs": 1, "side": 24}],
        "batch_size": 32,
        "steps": 6,
        "rate": TINY.rate,
    }
    assert card["seed"] == 0
    assert card["command"] == f"python -m course_lib.training {NAME}"
    assert card["seconds"] > 0
    assert card["versions"]["torch"] == torch.__version__.partition("+")[0]
    assert card["best"]["of"] == 3
    metrics = card["metrics"]
    assert (metrics["split"], metrics["side"], metrics["temperature"]) == ("validation", 24, 0.38)
    # Measured again with the weights as they were saved.
    assert metrics["loss"] == pytest.approx(card["best"]["validation_loss"], rel=2e-3)
    assert metrics["psnr"] > 5
    assert all(0 < metrics[name] < 1 for name in ("auc", "rebalanced_auc"))


def test_the_data_of_a_card_are_those_of_a_manifest():
    from course_lib.training.card import manifest_digest

    digest = manifest_digest("scenes")
    path = recipes.__file__.replace("course_lib/training/recipes.py", "data/manifests/scenes.tsv")
    import hashlib

    with open(path, "rb") as file:
        assert digest == hashlib.sha256(file.read()).hexdigest()


def test_only_the_checkpoint_is_left(uninterrupted):
    files = sorted(path.name for path in uninterrupted.rglob("*") if path.is_file())
    assert files == [f"{NAME}.json", f"{NAME}.safetensors"]


def test_a_finished_training_is_not_done_again(uninterrupted, monkeypatch, capsys):
    monkeypatch.setattr(command, "run", refuse)
    before = {path: path.stat().st_mtime_ns for path in uninterrupted.glob("petals*")}
    assert train(uninterrupted) == 0
    out = capsys.readouterr().out
    assert "trained already" in out
    assert "--restart" in out
    assert f"PSNR {read_card(NAME, uninterrupted)['metrics']['psnr']:.2f}" in out
    assert {path: path.stat().st_mtime_ns for path in uninterrupted.glob("petals*")} == before


def test_training_says_how_far_it_is(tmp_path, capsys):
    assert train(tmp_path) == 0
    lines = capsys.readouterr().out.splitlines()
    for epoch, line in enumerate(lines[:3], start=1):
        assert line.startswith(f"{NAME}: epoch {epoch} of 3: loss ")
        assert line.endswith("to go")
    assert lines[2].endswith(" 0 s to go")
    assert lines[3].startswith("Wrote ")


@pytest.mark.parametrize(("epoch", "step"), [(0, 1), (1, 0), (2, 1)])
def test_a_stopped_training_ends_as_if_it_had_not_been(tmp_path, uninterrupted, monkeypatch, capsys, epoch, step):
    with monkeypatch.context() as patch:
        stop_at(patch, epoch, step)
        assert train(tmp_path) == command.STOPPED
    assert "goes on after the last whole epoch" in capsys.readouterr().err
    assert read_state(state_of(tmp_path), TINY.plan).epoch == epoch
    assert train(tmp_path) == 0
    assert f"epoch {epoch + 1} of 3" in (out := capsys.readouterr().out)
    assert epoch == 0 or f"epoch {epoch} of 3" not in out
    assert same(weights(tmp_path), weights(uninterrupted))
    first, second = (read_card(NAME, folder) for folder in (tmp_path, uninterrupted))
    assert first["metrics"] == second["metrics"]
    assert first["best"] == second["best"]
    assert not state_of(tmp_path).exists()


def finished_state(folder, monkeypatch):
    """A training that has come to its end, and was killed before it wrote its checkpoint."""
    with monkeypatch.context() as patch:
        patch.setattr(command, "finish", lambda *arguments: (_ for _ in ()).throw(KeyboardInterrupt))
        assert train(folder) == command.STOPPED
    assert state_of(folder).exists()
    assert not list(folder.glob("petals*"))


def test_a_finished_state_becomes_a_checkpoint_without_training(tmp_path, uninterrupted, monkeypatch):
    finished_state(tmp_path, monkeypatch)
    monkeypatch.setattr(run, "learner", refuse)
    assert train(tmp_path) == 0
    assert same(weights(tmp_path), weights(uninterrupted))


def test_restart_forgets_what_was_reached(tmp_path, uninterrupted, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        stop_at(patch, 1, 1)
        train(tmp_path)
    assert train(tmp_path, "--restart") == 0
    assert "epoch 1 of 3" in capsys.readouterr().out
    assert train(tmp_path, "--restart") == 0  # also when there is a checkpoint already
    assert "epoch 1 of 3" in capsys.readouterr().out
    assert same(weights(tmp_path), weights(uninterrupted))


def test_a_restarted_training_is_not_taken_for_the_old_one(tmp_path, monkeypatch, capsys):
    train(tmp_path)
    with monkeypatch.context() as patch:
        stop_at(patch, 1, 1)
        assert train(tmp_path, "--restart") == command.STOPPED
    capsys.readouterr()
    assert train(tmp_path) == 0
    assert "epoch 2 of 3" in capsys.readouterr().out


def test_a_recipe_that_has_changed_does_not_go_on_from_an_old_state(tmp_path, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        stop_at(patch, 1, 1)
        train(tmp_path)
    monkeypatch.setitem(recipes.RECIPES, NAME, dataclasses.replace(TINY, rate=1e-3))
    assert train(tmp_path) == 1
    error = capsys.readouterr().err
    assert "rate 0.005" in error
    assert "rate 0.001" in error
    assert "--restart forgets it" in error


class Malicious:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("content", [b"", b"no state", "malicious", "other"])
def test_a_state_that_is_none(tmp_path, capsys, content):
    path = state_of(tmp_path)
    path.parent.mkdir()
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(Malicious(tmp_path / "run") if content == "malicious" else {"weights": {}}, path)
    assert train(tmp_path) == 1
    assert "cannot be read" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
    assert path.exists()  # only --restart removes it


def test_a_loss_that_explodes_ends_the_training(tmp_path, monkeypatch, capsys):
    exploding = dataclasses.replace(TINY, loss=lambda prior: lambda answer, ab: answer.mean() * float("nan"))
    monkeypatch.setitem(recipes.RECIPES, NAME, exploding)
    assert train(tmp_path) == 1
    assert "no longer a number after epoch 1" in capsys.readouterr().err
    assert not state_of(tmp_path).exists()


def test_missing_data_are_asked_for(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    monkeypatch.setattr(downloads, "CACHE", tmp_path)
    assert command.main(["opencountry-regression", "--out", str(tmp_path)]) == 1
    assert "python -m course_lib.data opencountry64" in capsys.readouterr().err


def test_a_name_that_there_is_not(capsys):
    with pytest.raises(SystemExit) as stopped:
        command.main(["scenes"])
    assert stopped.value.code == 2
    assert "there is no recipe 'scenes'; there are scenes-l2, " in capsys.readouterr().err


def test_the_list_says_what_each_recipe_needs(tmp_path, uninterrupted, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    monkeypatch.setattr(downloads, "CACHE", tmp_path)
    assert command.main(["--list", "--out", str(uninterrupted)]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert list(lines) == [*recipes.RECIPES, *GANS, *FILMS, *DETECTORS]
    assert "get it with: python -m course_lib.data scenes" in lines["scenes-l2"]
    assert "L2" in lines["scenes-l2"]
    assert "at most 1000 steps at 128 px" in lines["scenes-nogan"]
    assert "2 epochs at 16 px" in lines[NAME]
    assert "here" in lines[NAME]
    assert [name for name, line in lines.items() if line.endswith("trained")] == [NAME]


def test_the_best_epoch_is_kept_not_the_last():
    state = read_state("nowhere", "plan")
    state.history = [[5.0, 3.0], [4.0, 1.0], [3.0, 2.0], [2.0, 1.0], [1.0, 1.5]]
    assert state.best_epoch == 3


def test_weights_of_the_best_epoch_are_kept(tmp_path, monkeypatch):
    """With losses that are made up, the second epoch is the best."""
    seen = []

    class Watch(Callback):
        order = KeepState.order - 2

        def after_epoch(self):
            seen.append({key: value.clone() for key, value in self.model.state_dict().items()})
            self.recorder.values[-1][1] = [3.0, 1.0, 2.0][self.epoch]

    original = run.learner
    monkeypatch.setattr(run, "learner", lambda *given: _with(original(*given), Watch()))
    assert train(tmp_path) == 0
    assert read_card(NAME, tmp_path)["best"] == {"epoch": 2, "of": 3, "validation_loss": 1.0}
    kept = weights(tmp_path)
    assert torch.equal(kept["head.6.weight"], seen[1]["head.6.weight"].half().float())
    assert not torch.equal(kept["head.6.weight"], seen[2]["head.6.weight"].half().float())


def _with(learn, callback):
    learn.add_cb(callback)
    return learn


def test_forgetting_takes_half_written_files_along(tmp_path):
    for name in ("x.pt", ".x.pt.abc", "xy.pt", ".y.pt.abc"):
        (tmp_path / name).touch()
    forget_state(tmp_path / "x.pt")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".y.pt.abc", "xy.pt"]


def test_the_module_is_a_command():
    done = subprocess.run([sys.executable, "-m", "course_lib.training", "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    assert "torchrun" in done.stdout
