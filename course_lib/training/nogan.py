"""NoGAN (J. Antic, U. Manor and J. Howard, 2019): train the generator alone, then the critic alone, and both together but briefly.

Phase 1 is an ordinary training on a `FeatureLoss`, by `course_lib.training.run`. Phase 2 is `train_critic` on saved pictures of that
generator. Phase 3 is `course_lib.training.gan.train_gan` with a `StopRule`.
"""

from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import torch
from fastai.callback.core import Callback, CancelFitException
from fastai.learner import Learner
from fastai.optimizer import Adam
from fastai.vision.gan import AdaptiveLoss, accuracy_thresh_expand
from torch import nn

from course_lib import budget, color
from course_lib.training.batches import ShuffleByEpoch, dataloaders
from course_lib.training.photographs import resize
from course_lib.training.precision import bfloat16
from course_lib.training.progress import ShowSteps
from course_lib.training.state import KeepState, State

BATCH = 64


@dataclass(frozen=True)
class CriticPlan:
    """How the critic is trained alone.

    Attributes
    ----------
    accuracy : float
        The training ends when so many patches of held-out pictures are recognized, a share in [0, 1].
    epochs : int
        At most.
    pictures : int
        How many real ones and as many of the generator's.
    rate : float
    batch_size : int
    seed : int
    """

    accuracy: float = 0.9
    epochs: int = 20
    pictures: int = 1024
    rate: float = 1e-3
    batch_size: int = 32
    seed: int = 0


@dataclass
class CriticState(State):
    """A `State` with the accuracy on held-out pictures after every epoch."""

    accuracies: list = None


@torch.no_grad()
def save_generations(generator, photographs, side, count=None):
    """Real pictures and what a generator makes of their lightness, for a critic to tell apart.

    Parameters
    ----------
    generator : nn.Module
        In evaluation mode.
    photographs : LabeledPictures
    side : int
        In pixels.
    count : int, optional
        How many photographs, at even distances; all by default.

    Returns
    -------
    real, generated : tensors, (N, 3, side, side)
        Lightness and colors in network units.
    """
    device = next(generator.parameters()).device
    real, generated = [], []
    for part in photographs.evenly(count or len(photographs)).rgb.split(BATCH):
        rgb = resize(part.float() / 255, side)
        l, ab = color.normalize(color.rgb_to_lab(rgb))  # noqa: E741 - l is the symbol of the field
        real.append(torch.cat([l, ab], dim=1))
        generated.append(torch.cat([l, generator(l.to(device)).cpu()], dim=1))
    return torch.cat(real), torch.cat(generated)


def train_critic(critic, generator, photographs, side, plan=CriticPlan(), state=None, path=None, callbacks=()):
    """Phase 2: let a critic learn to tell the pictures of a generator, which does not change, from real ones.

    Parameters
    ----------
    critic : nn.Module
        Pictures (B, 3, H, W) in network units to logits, above 0 where they look real.
    generator : nn.Module
        In evaluation mode.
    photographs : dict of LabeledPictures
        "train", and "validation" for the accuracy.
    side : int
        In pixels.
    plan : CriticPlan
    state : CriticState, optional
        To go on from.
    path : Path, optional
        Where the state is written after every epoch.
    callbacks : sequence of Callback

    Returns
    -------
    CriticState
        The critic itself is trained as well.
    """
    state = CriticState() if state is None else state
    state.accuracies = [] if state.accuracies is None else state.accuracies
    budget.seed(plan.seed)
    sets = {
        split: save_generations(generator, photographs[split], side, plan.pictures) for split in ("train", "validation")
    }
    dls = dataloaders(*_labeled(*sets["train"]), *_labeled(*sets["validation"]), plan.batch_size)
    critic.to(dls.device, memory_format=torch.channels_last)
    learn = Learner(
        dls,
        critic,
        loss_func=AdaptiveLoss(nn.BCEWithLogitsLoss()),
        opt_func=partial(Adam, mom=0.5, eps=1e-7),
        metrics=accuracy_thresh_expand,
        wd=0.0,
    )
    keep = KeepState(state, path)
    keep.restore(learn)
    if _enough(state, plan):
        return state
    with ExitStack() as stack:
        for context in (learn.no_bar(), learn.no_logging()):
            stack.enter_context(context)
        if budget.bfloat16_pays(dls.device):
            stack.enter_context(bfloat16(critic))
        own = [ShuffleByEpoch(plan.seed), StopAtAccuracy(state, plan), keep, ShowSteps()]
        learn.fit(plan.epochs, lr=plan.rate, cbs=[*own, *callbacks], start_epoch=keep.start)
    return state


def _labeled(real, generated):
    """Pictures and their labels: 1 for real ones, 0 for those of the generator."""
    labels = torch.cat([torch.ones(len(real)), torch.zeros(len(generated))])
    return torch.cat([real, generated]), labels[:, None, None]  # fastai spreads them over the patches


def _enough(state, plan):
    return bool(state.accuracies) and state.accuracies[-1] >= plan.accuracy


class StopAtAccuracy(Callback):
    """Note the accuracy of every epoch, and end the training when it is good enough."""

    order = KeepState.order - 1

    def __init__(self, state, plan):
        self.state, self.plan = state, plan

    def before_fit(self):
        self.start = self.state.epoch

    def after_epoch(self):
        if self.epoch >= self.start:
            self.state.accuracies.append(float(self.recorder.values[-1][2]))

    def before_epoch(self):
        if _enough(self.state, self.plan):
            raise CancelFitException
