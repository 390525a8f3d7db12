"""Networks of two parts: which weights are whose, how fast each part learns, and a body that stays as it is at first."""

import dataclasses
from functools import partial

import pytest
import torch
from fastai.callback.core import Callback
from torch import nn

from course_lib.models import ColorfulNet, ShuffleUNet
from course_lib.training import recipes, run
from course_lib.training.groups import BODY_RATE, body_of, groups_of, rates_of
from course_lib.training.losses import l2
from tests.training.tiny_gans import photographs


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    monkeypatch.setenv("COURSE_DEVICE", "cpu")


def two_parts():
    torch.manual_seed(0)
    return ShuffleUNet(widths=(4, 6))


def one_part():
    return ColorfulNet(widths=(4, 4, 8, 8, 8), outputs=2)


def recipe(network=two_parts, stages=((3, 16),), **options):
    """Three epochs of three steps."""
    base = recipes.RECIPES["petals-classification"]
    options = {"shrinks": 1, "batch_size": 8, "rate": 1e-2, **options}
    return dataclasses.replace(base, network=network, loss=lambda prior: l2, stages=stages, **options)


def test_a_network_of_two_parts_and_one_of_one():
    model = two_parts()
    assert groups_of(model) == model.groups
    assert body_of(model) == list(model.unet.layers[0].parameters())
    other = nn.Linear(2, 3)
    assert [[id(weight) for weight in group] for group in groups_of(other)] == [[id(other.weight), id(other.bias)]]
    assert body_of(other) == []


def test_a_body_learns_more_slowly():
    assert rates_of(two_parts(), 0.5) == [0.5 * BODY_RATE, 0.5]
    assert rates_of(two_parts(), 0.5, body_rate=1.0) == [0.5, 0.5]
    assert rates_of(nn.Linear(2, 3), 0.5) == [0.5]
    assert 0 < BODY_RATE < 1


class Watch(Callback):
    """Keep the weights of body and head after every epoch, and the rates of every step."""

    def __init__(self):
        self.seen, self.rates = [], []

    def before_fit(self):
        self.keep()

    def before_step(self):
        self.rates.append([float(hyper["lr"]) for hyper in self.opt.hypers])

    def after_epoch(self):
        self.keep()

    def keep(self):
        names = {id(weight): name for name, weight in self.model.named_parameters()}
        groups = [{names[id(weight)]: weight.detach().clone() for weight in group} for group in groups_of(self.model)]
        self.seen.append(groups)

    def moved(self, epoch, group):
        """Which weights of a group an epoch, counted from 0, has moved: a set of names."""
        before, after = self.seen[epoch][group], self.seen[epoch + 1][group]
        return {name for name in before if not torch.equal(before[name], after[name])}


def watched(the_recipe, monkeypatch, **options):
    """Train a recipe: `State` and what was watched."""
    watch, original = Watch(), run.learner

    def learner(*arguments):
        learn = original(*arguments)
        learn.add_cb(watch)
        return learn

    monkeypatch.setattr(run, "learner", learner)
    state = run.run("tiny", the_recipe, photographs(), torch.full((313,), 1 / 313), **{"states": None, **options})
    return state, watch


@pytest.mark.parametrize("alone", [0, 1, 2])
def test_the_body_stays_exactly_as_it_is_and_learns_then(monkeypatch, alone):
    _, watch = watched(recipe(head_alone=alone), monkeypatch)
    for epoch in range(3):
        assert watch.moved(epoch, 1)
        assert bool(watch.moved(epoch, 0)) == (epoch >= alone)
    if alone < 2:  # once it learns, all of it does
        assert watch.moved(alone, 0) == set(watch.seen[0][0])


def test_the_rates_of_body_and_head(monkeypatch):
    _, watch = watched(recipe(), monkeypatch)
    assert len(watch.rates) == 9
    assert all(body == pytest.approx(BODY_RATE * head, rel=1e-5) for body, head in watch.rates)
    assert max(head for _, head in watch.rates) == pytest.approx(1e-2, rel=0.1)


def test_networks_without_a_body_have_one_rate(monkeypatch):
    _, watch = watched(recipe(one_part, shrinks=4), monkeypatch)
    assert {len(rates) for rates in watch.rates} == {1}
    assert max(rates[0] for rates in watch.rates) == pytest.approx(1e-2, rel=0.1)


def test_a_run_without_states_writes_nothing_and_learns_the_same(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    kept, _ = watched(recipe(head_alone=1), monkeypatch, states=tmp_path / "states")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["tiny.pt"]
    assert "tiny: epoch 3 of 3" in capsys.readouterr().out
    (tmp_path / "states" / "tiny.pt").unlink()
    state, _ = watched(recipe(head_alone=1), monkeypatch)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert capsys.readouterr().out == ""  # notebooks show their own progress
    assert state.history == kept.history
    assert state.best.keys() == kept.best.keys()
    assert all(torch.equal(value, kept.best[name]) for name, value in state.best.items())
    assert len(state.history) == 3


class StopAt(Callback):
    """Press Ctrl-C at a step of an epoch."""

    def __init__(self, epoch, step):
        self.at = epoch, step

    def after_batch(self):
        if self.training and (self.epoch, self.iter) == self.at:
            raise KeyboardInterrupt


@pytest.mark.parametrize("epoch", [1, 2])
def test_a_stopped_training_of_two_parts_ends_as_if_it_had_not_been(monkeypatch, tmp_path, epoch):
    """Stopped while the body stays as it is, and when it has begun to learn."""
    the_recipe = recipe(head_alone=2, stages=((2, 16), (1, 24)))
    whole, _ = watched(the_recipe, monkeypatch)
    with monkeypatch.context() as patch:
        original = run.learner
        patch.setattr(run, "learner", partial(_stopped, original, StopAt(epoch, 1)))
        with pytest.raises(KeyboardInterrupt):
            run.run("tiny", the_recipe, photographs(), torch.full((313,), 1 / 313), tmp_path)
    again, watch = watched(the_recipe, monkeypatch, states=tmp_path)
    # fastai smooths training losses from where a run began; those of validation are what they were.
    assert [validation for _, validation in again.history] == [validation for _, validation in whole.history]
    assert all(torch.equal(value, whole.best[name]) for name, value in again.best.items())
    assert len(watch.rates) == 3 * (3 - epoch)


def _stopped(original, stop, *arguments):
    learn = original(*arguments)
    learn.add_cb(stop)
    return learn
