"""``python -m course_lib.training`` with a GAN: one command for all phases, which goes on in each, and a card that says what was done."""

import contextlib
import dataclasses
import io
import os
import re
import signal
import subprocess
import sys
from functools import cache, partial
from pathlib import Path

import pytest
import torch
from fastai.callback.core import Callback
from torch import nn

from course_lib.models import ShuffleUNet
from course_lib.models.checkpoints import load_checkpoint, read_card
from course_lib.models.features import PictureFeatures
from course_lib.models.pretrained import PretrainedError
from course_lib.samples import colorize_samples, read_samples
from course_lib.training import __main__ as command
from course_lib.training import gan_recipes, gan_run, nogan, recipes, run
from course_lib.training.gan_recipes import GanRecipe
from course_lib.training.held_out import HeldOut
from course_lib.training.losses import FeatureLoss
from course_lib.training.nogan import CriticPlan, CriticState
from course_lib.training.recipes import Recipe
from course_lib.training.state import read_state
from course_lib.training.stopping import StopRule
from tests.training.tiny_gans import critic, generator, photographs, plan

START, NAME, PLAIN = "petals-start", "petals-nogan", "petals-pix2pix"
ROOT = Path(__file__).parents[2]
OPTIONS = {"data": lambda split: photographs()[split], "dataset": "petals"}


@cache
def tiny_features():
    torch.manual_seed(4)
    layers = [nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.Conv2d(4, 5, 3, padding=1), nn.Conv2d(5, 6, 3, padding=1)]
    return PictureFeatures("tiny features", nn.Sequential(*layers), (0, 1, 2))


def small():
    return ShuffleUNet(widths=(4, 6))


def looking_alike(prior):
    return FeatureLoss(tiny_features())


PHASE_1 = Recipe(
    "features and L1",
    small,
    looking_alike,
    stages=((2, 12), (1, 16)),
    batch_size=8,
    rate=5e-3,
    shrinks=1,
    lit=True,
    head_alone=1,
    features=tiny_features,
    **OPTIONS,
)
NOGAN = GanRecipe(
    "adversarial and features",
    small,
    critic,
    plan(epochs=3, features=1.0, l1=1.0, average=0.5, head_alone=1, critic_below=0.69),
    start=START,
    critic_plan=CriticPlan(accuracy=1.1, epochs=3, pictures=16, batch_size=8),
    rule=StopRule(),
    features=tiny_features,
    **OPTIONS,
)
PIX2PIX = GanRecipe("adversarial and L1", generator, critic, plan(epochs=2), **OPTIONS)


def register(patch):
    """Let the command know the small recipes."""
    patch.setenv("COURSE_DEVICE", "cpu")
    patch.setitem(recipes.RECIPES, START, PHASE_1)
    patch.setitem(gan_recipes.GANS, NAME, NOGAN)
    patch.setitem(gan_recipes.GANS, PLAIN, PIX2PIX)


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    register(monkeypatch)


def train(folder, *options, name=NAME):
    """Run the command in this process, with all that it writes in ``folder``; returns its exit status."""
    return command.main([name, "--out", str(folder), "--states", str(folder / "states"), *options])


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """The folder of a training that went through, and what it printed."""
    folder, out = tmp_path_factory.mktemp("uninterrupted"), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out):
        register(patch)
        assert train(folder) == 0
    return folder, out.getvalue().splitlines()


def weights(folder, name=NAME):
    return load_checkpoint(name, folder).state_dict()


def assert_same_end(folder, other):
    """Two folders with the same weights of both checkpoints, and the same facts on their cards."""
    for name in (START, NAME):
        first, second = weights(folder, name), weights(other, name)
        assert all(torch.equal(first[key], value) for key, value in second.items())
    first, second = read_card(NAME, folder), read_card(NAME, other)
    for key in ("curve", "chosen", "metrics", "rule", "budget", "sha256"):
        assert first[key] == second[key]
    assert first["critic"]["accuracies"] == second["critic"]["accuracies"]


# ---- the whole


def test_one_command_trains_all_phases_and_says_so(uninterrupted):
    folder, lines = uninterrupted
    assert sorted(path.name for path in folder.rglob("*") if path.is_file()) == [
        f"{NAME}.jpg",
        f"{NAME}.json",
        f"{NAME}.safetensors",
        f"{START}.json",
        f"{START}.safetensors",
    ]
    assert lines[0] == "Pictures are compared by tiny features."
    assert [line.split(": ")[1] for line in lines[1:4]] == [f"epoch {epoch} of 3" for epoch in (1, 2, 3)]
    assert all(line.startswith(f"{START}: ") for line in lines[1:4])
    assert f"Wrote {folder / START}.safetensors" in lines[4]
    points = [line for line in lines if line.startswith(f"{NAME}: step ")]
    for step, line in zip((4, 8, 12), points, strict=True):
        assert re.search(rf"step {step} of at most 12: Frechet distance \d[\d.]*, colorfulness 0\.\d\d, ", line)
        assert line.endswith("to go")
    assert points[-1].endswith("at most 0 s to go")
    assert f"Wrote {folder / NAME}.safetensors" in lines[-2]
    assert "colorfulness" in lines[-1]


def test_the_cards_say_how_the_checkpoints_were_made(uninterrupted):
    folder, _ = uninterrupted
    card, start = read_card(NAME, folder), read_card(START, folder)
    assert start["features"] == card["features"] == "tiny features"
    assert start["command"] == f"python -m course_lib.training {START}"
    assert card["command"] == f"python -m course_lib.training {NAME}"
    assert card["network"]["class"] == "ShuffleUNet"
    assert card["network"]["parameters"] == sum(weight.numel() for weight in small().parameters())
    assert card["data"] == {"name": "petals", "manifest_sha256": None, "pictures": {"train": 24, "validation": 24}}
    assert card["start"] == START
    assert card["seed"] == 0
    assert card["critic"]["epochs"] == len(card["critic"]["accuracies"]) == 3
    assert all(0 <= accuracy <= 1 for accuracy in card["critic"]["accuracies"])
    assert card["rule"] == {"share": 0.9, "smooth": 3, "patches": 2.0, "colorfulness": 1.25, "patience": 10}
    assert card["budget"]["rate"] == NOGAN.plan.rate
    assert card["budget"]["steps_done"] == 12
    assert card["metrics"]["side"] == 16
    assert card["metrics"]["split"] == "validation"
    assert card["seconds"] >= 0


def test_the_generator_on_the_card_is_the_one_that_the_rule_chose(uninterrupted):
    folder, _ = uninterrupted
    card = read_card(NAME, folder)
    assert [point["step"] for point in card["curve"]] == [0, 4, 8, 12]
    place, reason = StopRule().choose(card["curve"])
    assert card["chosen"]["point"] == place
    assert card["chosen"]["step"] == card["curve"][place]["step"]
    assert card["chosen"]["reason"].split(" from ")[0] == reason.split(" from ")[0]
    measured = HeldOut(photographs()["validation"], 16).measure(load_checkpoint(NAME, folder))
    for key in ("colorfulness", "psnr"):
        assert measured[key] == pytest.approx(card["curve"][place][key], rel=2e-3)
    assert card["metrics"]["psnr"] == pytest.approx(measured["psnr"], abs=0.05)


def test_a_picture_shows_bundled_photographs_at_each_point(uninterrupted):
    folder, _ = uninterrupted
    rows = read_samples(NAME, folder)
    assert rows.shape == (4, 6, 3, 96, 96)
    chosen = read_card(NAME, folder)["chosen"]["point"]
    for place, name in ((0, START), (chosen, NAME)):
        assert (rows[place] - colorize_samples(load_checkpoint(name, folder))).abs().mean() < 0.02


class Last(StopRule):
    """Chooses a point by its place."""

    def choose(self, curve):
        return 1, "The second point."


def test_what_is_chosen_is_written(tmp_path, uninterrupted, monkeypatch):
    monkeypatch.setitem(gan_recipes.GANS, NAME, dataclasses.replace(NOGAN, rule=Last()))
    assert train(tmp_path) == 0
    card, other = read_card(NAME, tmp_path), read_card(NAME, uninterrupted[0])
    assert card["chosen"] == {"point": 1, "step": 4, "reason": "The second point."}
    assert card["curve"] == other["curve"]
    measured = HeldOut(photographs()["validation"], 16).measure(load_checkpoint(NAME, tmp_path))
    assert measured["psnr"] == pytest.approx(card["curve"][1]["psnr"], abs=5e-3)


def test_phase_3_begins_with_the_generator_of_phase_1(uninterrupted):
    folder, _ = uninterrupted
    measured = HeldOut(photographs()["validation"], 16).measure(load_checkpoint(START, folder))
    for key, value in measured.items():
        assert read_card(NAME, folder)["curve"][0][key] == pytest.approx(value, rel=1e-3, abs=1e-3)


def test_phase_3_begins_with_the_critic_of_phase_2(monkeypatch, tmp_path):
    """And with weights that may move: those of a checkpoint do not."""
    given = {}

    def watch(make, judge, *arguments, **options):
        given["critic"] = {key: value.clone() for key, value in judge.state_dict().items()}
        given["state"] = read_state(tmp_path / "states" / f"{NAME}.critic.pt", NOGAN.description, CriticState)
        given["free"] = all(weight.requires_grad for weight in options["generator"].parameters())
        raise KeyboardInterrupt

    monkeypatch.setattr(gan_run, "train_gan", watch)
    assert train(tmp_path) == command.STOPPED
    assert given["free"]
    assert given["state"].epoch == 3
    assert all(torch.equal(given["critic"][key], value) for key, value in given["state"].model.items())


def test_a_gan_without_phases_keeps_its_last_generator(tmp_path, capsys):
    assert train(tmp_path, name=PLAIN) == 0
    card = read_card(PLAIN, tmp_path)
    assert not {"critic", "start", "rule", "features"} & set(card)
    assert card["chosen"] == {"point": 2, "step": 8, "reason": "The last generator."}
    measured = HeldOut(photographs()["validation"], 16).measure(load_checkpoint(PLAIN, tmp_path))
    assert measured["psnr"] == pytest.approx(card["curve"][-1]["psnr"], abs=5e-3)
    assert "compared by" not in capsys.readouterr().out


def test_what_is_trained_is_not_trained_again(uninterrupted, monkeypatch, capsys):
    folder, _ = uninterrupted
    for name in ("run", "run_gan"):
        monkeypatch.setattr(command, name, lambda *arguments, **options: pytest.fail("it was trained again"))
    before = {path: path.stat().st_mtime_ns for path in folder.glob("petals*")}
    assert train(folder) == 0
    out = capsys.readouterr().out
    assert f"{NAME} is trained already" in out
    assert "--restart" in out
    assert {path: path.stat().st_mtime_ns for path in folder.glob("petals*")} == before


# ---- interruptions


class StopAt(Callback):
    """Press Ctrl-C at a step of an epoch."""

    def __init__(self, epoch, step=1):
        self.at = epoch, step

    def after_batch(self):
        if self.training and (self.epoch, self.iter) == self.at:
            raise KeyboardInterrupt


def stop_in(phase, patch):
    """Let the next training be stopped there."""
    stop = StopAt(1)
    if phase == 1:
        original = run.learner

        def learner(*arguments):
            learn = original(*arguments)
            learn.add_cb(stop)
            return learn

        patch.setattr(run, "learner", learner)
    elif phase == 2:
        patch.setattr(nogan, "Learner", partial(nogan.Learner, cbs=[stop]))
    else:
        original_gan = gan_run.train_gan

        def train_gan(*arguments, callbacks=(), **options):
            return original_gan(*arguments, callbacks=[*callbacks, stop], **options)

        patch.setattr(gan_run, "train_gan", train_gan)


@pytest.mark.parametrize("phase", [1, 2, 3])
def test_a_training_that_is_stopped_in_any_phase_ends_as_if_it_had_not_been(
    tmp_path, uninterrupted, monkeypatch, capsys, phase
):
    with monkeypatch.context() as patch:
        stop_in(phase, patch)
        assert train(tmp_path) == command.STOPPED
    assert "goes on after the last whole epoch" in capsys.readouterr().err
    states = {path.name: torch.load(path, weights_only=True)["epoch"] for path in (tmp_path / "states").iterdir()}
    assert (
        states == [{f"{START}.pt": 1}, {f"{NAME}.critic.pt": 1}, {f"{NAME}.critic.pt": 3, f"{NAME}.pt": 1}][phase - 1]
    )
    assert not (tmp_path / f"{NAME}.safetensors").exists()
    assert (tmp_path / f"{START}.safetensors").exists() == (phase > 1)
    assert train(tmp_path) == 0
    out = capsys.readouterr().out
    assert (f"{START} is trained already" in out) == (phase > 1)
    assert (f"{NAME}: step 4 of" in out) == (phase < 3)
    assert f"{NAME}: step 8 of" in out
    assert_same_end(tmp_path, uninterrupted[0])
    assert not list((tmp_path / "states").iterdir())


def test_a_finished_state_becomes_a_checkpoint_without_training(tmp_path, uninterrupted, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(command, "finish_gan", lambda *arguments: (_ for _ in ()).throw(KeyboardInterrupt))
        assert train(tmp_path) == command.STOPPED
    monkeypatch.setattr(run, "learner", lambda *arguments: pytest.fail("it was trained again"))
    original = gan_run.train_gan

    def train_gan(*arguments, state, **options):
        assert state.epoch == 3
        return original(*arguments, state=state, **options)

    monkeypatch.setattr(gan_run, "train_gan", train_gan)
    assert train(tmp_path) == 0
    assert_same_end(tmp_path, uninterrupted[0])


# Kills itself when phase 3 puts its second state in its place: the state before is whole, and the new one is complete beside it.
KILL = """
import os, signal, sys
import pytest
from course_lib import files
from course_lib.samples import colorize_samples, read_samples
from course_lib.training import __main__ as command
from tests.training import test_gan_run
count, original = 0, os.replace

def replace(source, target):
    global count
    count += str(target).endswith(f"{test_gan_run.NAME}.pt")
    if count == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(source, target)

files.os.replace = replace
test_gan_run.register(pytest.MonkeyPatch())
sys.exit(command.main())
"""


def test_a_training_that_is_killed_ends_as_if_it_had_not_been(tmp_path, uninterrupted):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    arguments = [NAME, "--out", str(tmp_path), "--states", str(tmp_path / "states")]
    done = subprocess.run(
        [sys.executable, "-c", KILL, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert torch.load(tmp_path / "states" / f"{NAME}.pt", weights_only=True)["epoch"] == 1
    assert len(list((tmp_path / "states").glob(f".{NAME}.pt.*"))) == 1
    assert train(tmp_path) == 0
    assert_same_end(tmp_path, uninterrupted[0])
    assert not list((tmp_path / "states").iterdir())


def test_restart_forgets_what_phases_2_and_3_had_reached(tmp_path, uninterrupted, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        stop_in(3, patch)
        assert train(tmp_path) == command.STOPPED
    capsys.readouterr()
    seen = []
    original = gan_run.train_critic
    monkeypatch.setattr(gan_run, "train_critic", lambda *given: (seen.append(given[5].epoch), original(*given))[1])
    assert train(tmp_path, "--restart") == 0
    out = capsys.readouterr().out
    assert seen == [0]
    assert f"{NAME}: step 4 of" in out
    assert f"{START} is trained already" in out  # a checkpoint of its own
    assert_same_end(tmp_path, uninterrupted[0])


def test_a_recipe_that_has_changed_does_not_go_on_from_an_old_state(tmp_path, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        stop_in(3, patch)
        train(tmp_path)
    changed = dataclasses.replace(NOGAN, plan=dataclasses.replace(NOGAN.plan, rate=1e-5))
    monkeypatch.setitem(gan_recipes.GANS, NAME, changed)
    assert train(tmp_path) == 1
    error = capsys.readouterr().err
    assert "rate 0.002" in error
    assert "rate 1e-05" in error
    assert "--restart forgets it" in error


# ---- what cannot be done


def test_several_processes_are_refused_before_anything_is_trained(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setattr(command, "run", lambda *arguments: pytest.fail("phase 1 was trained"))
    assert train(tmp_path) == 1
    assert "Start it without torchrun" in capsys.readouterr().err


def test_feature_networks_that_are_damaged_are_an_error_in_a_sentence(tmp_path, monkeypatch, capsys):
    def damaged():
        raise PretrainedError("The weights cannot be read.")

    monkeypatch.setitem(gan_recipes.GANS, PLAIN, dataclasses.replace(PIX2PIX, features=damaged))
    assert train(tmp_path, name=PLAIN) == 1
    assert capsys.readouterr().err == "The weights cannot be read.\n"


def test_a_loss_that_explodes_ends_the_training(tmp_path, monkeypatch, capsys):
    exploding = dataclasses.replace(PIX2PIX, plan=plan(l1=float("nan")))
    monkeypatch.setitem(gan_recipes.GANS, PLAIN, exploding)
    assert train(tmp_path, name=PLAIN) == 1
    assert "Try lower rates" in capsys.readouterr().err
    assert not list(tmp_path.glob("*.safetensors"))


def test_the_list_shows_what_is_trained(uninterrupted, capsys):
    assert command.main(["--list", "--out", str(uninterrupted[0])]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert {"scenes-pix2pix", "scenes-nogan", NAME, PLAIN} <= lines.keys()
    assert "at most 12 steps at 16 px" in lines[NAME]
    assert [name for name, line in lines.items() if line.endswith("trained")] == [START, NAME]


def test_a_description_names_what_the_result_depends_on():
    changes = [
        {"objective": "other"},
        {"dataset": "other"},
        {"network": generator},
        {"critic": partial(critic, "batch")},
        {"plan": plan(seed=1)},
        {"start": "other"},
        {"critic_plan": CriticPlan()},
        {"rule": StopRule(share=0.8)},
        {"features": None},
    ]
    descriptions = {dataclasses.replace(NOGAN, **change).description for change in changes}
    assert len(descriptions | {NOGAN.description}) == len(changes) + 1


@pytest.mark.parametrize("name", ["scenes-pix2pix", "scenes-nogan"])
def test_the_recipes_of_the_course_hold_together(name):
    recipe = gan_recipes.GANS[name]
    l = torch.rand(2, 1, 64, 64) * 2 - 1  # noqa: E741 - l is the symbol of the field
    ab = recipe.network()(l)
    logits = recipe.critic()(torch.cat([l, ab], dim=1))
    assert ab.shape == (2, 2, 64, 64)
    assert logits.shape[:2] == (2, 1)
    assert recipe.plan.steps % 2 == 0
    assert bool(recipe.plan.features) == (recipe.features is not None)
    if recipe.start is not None:
        assert recipe.start in recipes.RECIPES
        assert recipe.critic_plan is not None
        assert recipes.RECIPES[recipe.start].network().arguments == recipe.network().arguments
