"""Train a network with fastai's Learner: quiet, repeatable, and with the loss curve as the result."""

import random
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial

import torch
from fastai.callback import progress, schedule  # noqa: F401 - they give Learner its methods no_bar and fit_one_cycle
from fastai.callback.core import Callback
from fastai.learner import Learner
from fastai.optimizer import Adam

from course_lib import budget
from course_lib.training.losses import LOSSES
from course_lib.training.progress import ShowSteps


@dataclass
class Curve:
    """How a training went: the loss of every step, and the validation loss after every epoch."""

    train: list = field(default_factory=list)
    valid: list = field(default_factory=list)


class RecordCurve(Callback):
    """Write the losses into a `Curve`, unsmoothed."""

    order = 60  # after fastai's Recorder, which averages the validation losses

    def __init__(self, curve):
        self.curve = curve

    def after_batch(self):
        if self.training:
            self.curve.train.append(self.loss.item())

    def after_epoch(self):
        self.curve.valid.append(float(self.recorder.values[-1][1]))


def learner(model, dls, loss="L2"):
    """A fastai Learner on the course's device.

    Parameters
    ----------
    model : nn.Module
    dls : DataLoaders
        From `dataloaders`.
    loss : str or function
        A name in `LOSSES`, or a function of predictions and targets.
    """
    if isinstance(loss, str) and loss not in LOSSES:
        raise ValueError(f"There is no loss {loss!r}. There are {', '.join(LOSSES)}.")
    # Channels last makes convolutions on CPUs 1.7 times as fast here and changes nothing else.
    model = model.to(budget.device(), memory_format=torch.channels_last)
    loss = LOSSES.get(loss, loss) if isinstance(loss, str) else loss
    # fastai's eps of 1e-5 is larger than the gradients of L2 inside of a network, 2e-6 to 6e-6 in `ColorfulNet`: with it Adam barely moves
    # those weights. The steps should not depend on the units of the loss.
    return Learner(dls, model, loss_func=loss, opt_func=partial(Adam, eps=1e-7))


def train(learn, epochs, rate=3e-3, seed=0):
    """Train with one cycle: the learning rate rises to ``rate``, then falls to nothing (L. N. Smith, 2018).

    Parameters
    ----------
    learn : Learner
    epochs : int
    rate : float
        The highest learning rate.
    seed : int
        Of the order of the pictures and of everything random in the network but its first weights.

    Returns
    -------
    Curve
    """
    budget.seed(seed)
    learn.dls.train.rng = random.Random(seed)
    curve = Curve()
    with ExitStack() as quiet:
        quiet.enter_context(learn.no_bar())
        quiet.enter_context(learn.no_logging())
        learn.fit_one_cycle(epochs, rate, cbs=[RecordCurve(curve), ShowSteps()])
    return curve
