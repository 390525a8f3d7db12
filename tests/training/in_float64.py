"""Train a few steps in float64 and save what came out: run by test_processes.py, alone and under torchrun."""

import dataclasses
import sys
import tempfile
from pathlib import Path

import torch
import torch.distributed as dist
from fastai.callback.core import Callback

from course_lib.models import ColorfulNet
from course_lib.training import run
from course_lib.training.processes import count_processes, rank
from course_lib.training.recipes import RECIPES, drawn, prior_of

RECIPE = dataclasses.replace(
    RECIPES["petals-classification"],
    network=lambda: ColorfulNet(widths=(4, 8, 8, 8, 8)).double(),
    stages=((2, 16),),
)


class Double(Callback):
    """Inputs and targets in float64; fastai's average of the losses stays in float32."""

    order = 6  # after the photographs are prepared

    def before_batch(self):
        self.learn.xb, self.learn.yb = (self.xb[0].double(),), (self.yb[0].double(),)

    def after_loss(self):
        self.learn.loss = self.loss.detach().float()


class RecordShares(Callback):
    """Which pictures this process sees in training: their places in the data set, epoch by epoch."""

    order = 4  # before the photographs are prepared

    def __init__(self, photographs):
        self.places = {picture.numpy().tobytes(): place for place, picture in enumerate(photographs.rgb)}
        self.epochs = []

    def before_train(self):
        self.epochs.append([])

    def before_batch(self):
        if self.training:
            self.epochs[-1] += [self.places[picture.numpy().tobytes()] for picture in self.xb[0]]


def main():
    photographs = {split: drawn(split) for split in ("train", "validation")}
    shares = RecordShares(photographs["train"])
    original = run.learner

    def learner(*arguments):
        learn = original(*arguments)
        learn.add_cbs([Double(), shares])
        return learn

    run.learner = learner
    gathered = [shares.epochs]
    leave = dist.destroy_process_group
    dist.destroy_process_group = lambda: (gather(shares.epochs, gathered), leave())
    with tempfile.TemporaryDirectory() as folder:
        state = run.run("float64", RECIPE, photographs, prior_of(photographs["train"]), Path(folder))
    if rank() == 0:
        torch.save(result(state, gathered), sys.argv[1])


def gather(own, gathered):
    """Collect the shares of all processes."""
    gathered[:] = [None] * count_processes()
    dist.all_gather_object(gathered, own)


def result(state, shares):
    model = RECIPE.network()
    model.load_state_dict(state.model)
    with torch.no_grad():
        answer = model.eval()(torch.linspace(-1, 1, 256, dtype=torch.float64).reshape(1, 1, 16, 16))
    training, validation = zip(*state.history, strict=True)
    return {
        "training": list(training),
        "validation": list(validation),
        "weights": state.model,
        "answer": answer,
        "shares": shares,
    }


if __name__ == "__main__":
    main()
