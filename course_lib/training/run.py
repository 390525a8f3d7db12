"""Run a recipe: train, keep the best weights by validation, go on after an interruption, write the checkpoint."""

import io
import random
import sys
import time
from pathlib import Path

import torch
from fastai.callback.core import Callback

from course_lib import budget
from course_lib.files import write_atomic
from course_lib.models.checkpoints import DATA
from course_lib.training.batches import photograph_loaders
from course_lib.training.learners import learner
from course_lib.training.photographs import PreparePhotographs
from course_lib.training.precision import BFloat16, bfloat16_pays
from course_lib.training.recipes import prior_of

STATES = DATA / "cache" / "training"  # what a run needs to go on, until it is done


class KeepState(Callback):
    """After every epoch write all that the run needs to go on, and the best weights so far by validation loss."""

    order = 65  # after fastai's Recorder has averaged the validation loss

    def __init__(self, path):
        self.path, self.start, self.best, self.history = Path(path), 0, None, []

    def resume(self, learn):
        """Bring a Learner back to where a run stopped; without a state on disk, leave it at the beginning."""
        if not self.path.exists():
            return
        state = torch.load(self.path, map_location=budget.device(), weights_only=True)
        learn.create_opt()
        learn.opt.load_state_dict(state["optimizer"])
        learn.model.load_state_dict(state["model"])
        self.start, self.best, self.history = state["epoch"], state["best"], state["history"]

    def after_epoch(self):
        if self.epoch < self.start:
            return  # an epoch of the run before, passed over
        losses = [float(loss) for loss in self.recorder.values[-1]]
        self.history.append(losses)
        if self.best is None or losses[1] <= min(past[1] for past in self.history):
            self.best = {key: value.detach().cpu().clone() for key, value in self.model.state_dict().items()}
        write_atomic(self.path, _to_bytes(self._state()))

    def _state(self):
        optimizer = self.opt.state_dict()
        return {
            "epoch": self.epoch + 1,
            "model": self.model.state_dict(),
            "optimizer": {
                "state": list(optimizer["state"]),
                "hypers": [_plain(hyper) for hyper in optimizer["hypers"]],
            },
            "best": self.best,
            "history": self.history,
        }


class ShuffleByEpoch(Callback):
    """The order of the photographs depends on seed and epoch alone, so that an interrupted run sees what it would have seen."""

    def __init__(self, seed):
        self.seed = seed

    def before_train(self):
        self.dls.train.rng = random.Random(self.seed * 1_000_003 + self.epoch)


class PrintProgress(Callback):
    """A line per epoch, and on a terminal one that is rewritten as steps go by."""

    order = 66

    def __init__(self, recipe):
        self.recipe, self.begun, self.done, self.shown = recipe, time.monotonic(), 0, 0.0

    def after_batch(self):
        if not self.training:
            return
        self.done += 1
        if sys.stdout.isatty() and time.monotonic() - self.shown > 1:
            self.shown = time.monotonic()
            print(
                f"\r{self._where()}, step {self.iter + 1} of {self.n_iter}, {self._left()} to go   ", end="", flush=True
            )

    def after_epoch(self):
        if not self.done:
            return  # passed over
        train, valid = (float(loss) for loss in self.recorder.values[-1][:2])
        start = "\r" if sys.stdout.isatty() else ""
        print(f"{start}{self._where()}: loss {train:.4f}, validation {valid:.4f}, {self._left()} to go", flush=True)

    def _where(self):
        return f"{self.recipe}: epoch {self.epoch + 1} of {self.n_epoch}"

    def _left(self):
        steps = len(self.dls.train)
        remaining = self.n_epoch * steps - (
            self.epoch * steps + self.iter + 1 if self.training else (self.epoch + 1) * steps
        )
        seconds = (time.monotonic() - self.begun) / self.done * remaining
        return f"{seconds / 60:.0f} min" if seconds > 90 else f"{seconds:.0f} s"


def run(name, recipe, state_folder=STATES):
    """Train a recipe to its end, going on where an earlier run of it stopped.

    Returns
    -------
    model : nn.Module
        With the weights of the epoch that was best on the validation photographs.
    history : list of [float, float]
        Training and validation loss of every epoch.
    """
    photographs = recipe.data("train")
    dls = photograph_loaders(photographs, recipe.data("validation"), recipe.batch_size)
    budget.seed(recipe.seed)
    learn = learner(recipe.network(), dls, recipe.loss(prior_of(photographs)))
    state = KeepState(Path(state_folder) / f"{name}.pt")
    state.resume(learn)
    callbacks = [
        PreparePhotographs(recipe.side_of, recipe.shrinks, recipe.seed),
        ShuffleByEpoch(recipe.seed),
        state,
        PrintProgress(name),
    ]
    if bfloat16_pays(budget.device()):
        callbacks.append(BFloat16())
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(recipe.epochs, recipe.rate, cbs=callbacks, start_epoch=state.start)
    learn.model.load_state_dict(state.best)
    return learn.model, state.history


def _plain(hyper):
    return {key: float(value) for key, value in hyper.items()}


def _to_bytes(state):
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()
