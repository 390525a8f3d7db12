"""Train a generator and a critic against each other with fastai's GANLearner, and measure on the way."""

from contextlib import ExitStack
from dataclasses import dataclass, field, fields
from functools import partial

import torch
from fastai.callback.core import Callback, CancelFitException
from fastai.optimizer import Adam
from fastai.vision.gan import AdaptiveGANSwitcher, FixedGANSwitcher, GANLearner, GANTrainer
from torch import nn

from course_lib import budget
from course_lib.models.checkpoints import as_half
from course_lib.training.batches import ShuffleByEpoch, drawn_loaders
from course_lib.training.errors import TrainingError
from course_lib.training.fastai_fixes import ForgetFrozenGradients, TrainHeadAlone, without_shadow_warnings
from course_lib.training.groups import body_of, groups_of, rates_of
from course_lib.training.held_out import HeldOut
from course_lib.training.losses import Adversarial, FeatureLoss, l1
from course_lib.training.photographs import PreparePhotographs
from course_lib.training.precision import bfloat16
from course_lib.training.progress import ShowSteps
from course_lib.training.state import KeepState, State


@dataclass(frozen=True)
class GanPlan:
    """How a generator and a critic are trained.

    Attributes
    ----------
    epochs : int
        At most: of ``steps`` steps each, after which the generator is measured and kept.
    steps : int
        Each trains one of the two networks on one batch. An even number.
    side : int
        Pixels of the pictures.
    batch_size : int
    rate, critic_rate : float
        Of Adam, for the generator and for the critic.
    adversarial, l1, features : float
        The weights of the three parts of the generator's loss.
    kind : str
        Of the adversarial loss: a name in `course_lib.training.losses.ADVERSARIAL`.
    critic_below : float, optional
        Train the critic until its loss on a batch is below this before the generator gets its next step. By default they alternate.
    head_alone : int
        For so many epochs the body of the generator stays as it is.
    average : float
        The generator that is measured and kept is a moving average: the share that a step leaves of it. 0 keeps the last weights.
    momentum : float
        Of Adam. GANs are trained with less than usual.
    seed : int
    """

    epochs: int = 20
    steps: int = 50
    side: int = 64
    batch_size: int = 16
    rate: float = 2e-4
    critic_rate: float = 2e-4
    adversarial: float = 1.0
    l1: float = 100.0
    features: float = 0.0
    kind: str = "BCE"
    critic_below: float | None = None
    head_alone: int = 0
    average: float = 0.0
    momentum: float = 0.5
    seed: int = 0

    def __str__(self):
        return ", ".join(f"{each.name} {getattr(self, each.name)}" for each in fields(self))


@dataclass
class GanState(State):
    """How far a GAN has come: a `State` whose ``model`` holds both networks, and what was measured on the way.

    Attributes
    ----------
    average : dict of tensors
        The generator that is measured.
    curve : list of dict
        What `HeldOut.measure` said, with ``step`` (how many steps were done), ``generator_steps``, ``generator_loss`` and ``critic_loss``
        (means of the epoch), beginning with the generator before the first step.
    snapshots : list of dict of tensors
        The generator at each point of the curve, in half precision.
    """

    average: dict = None
    curve: list = field(default_factory=list)
    snapshots: list = field(default_factory=list)


class WithLightness(nn.Module):
    """A generator that hands on the lightness that it was given, so that a critic sees the whole picture: (B, 1, H, W) to (B, 3, H, W)."""

    def __init__(self, generator):
        super().__init__()
        self.generator = generator

    def forward(self, l):  # noqa: E741 - l is the symbol of the field
        return torch.cat([l, self.generator(l)], dim=1)


class PrepareLab(PreparePhotographs):
    """Like `PreparePhotographs`; the target is the whole picture, lightness and colors in network units: (B, 3, H, W)."""

    order = -5  # before GANTrainer exchanges input and target for the critic

    def before_batch(self):
        super().before_batch()
        self.learn.yb = (torch.cat([self.xb[0], self.yb[0]], dim=1),)


class GeneratorLoss:
    """What a generator is trained on: to fool the critic, to be near the true colors, and to look like the true picture.

    Parameters
    ----------
    plan : GanPlan
    features : PictureFeatures, optional
        Needed if the plan gives them a weight.
    """

    def __init__(self, plan, features=None):
        if plan.features and features is None:
            raise ValueError("The plan has a feature loss: give the features, for example from find_features().")
        self.plan, self.adversarial = plan, Adversarial(plan.kind)
        self.look = FeatureLoss(features, pixel=0.0) if plan.features else None

    def __call__(self, logits, output, target):
        """The critic's logits, and pictures (B, 3, H, W) in network units, to one number."""
        l, ab, true_ab = output[:, :1], output[:, 1:], target[:, 1:]  # noqa: E741
        cost = self.plan.l1 * l1(ab, true_ab)
        if self.plan.adversarial:
            cost = cost + self.plan.adversarial * self.adversarial.generator(logits)
        return cost + self.plan.features * self.look(ab, true_ab, l) if self.look else cost


class AverageGenerator(Callback):
    """Keep the moving average of the generator's weights and statistics, and count its steps and the losses of both networks."""

    run_after = GANTrainer

    def __init__(self, state, decay):
        self.state, self.decay = state, decay

    def before_epoch(self):
        self.losses = {True: [], False: []}

    def after_loss(self):
        if self.training:
            self.losses[self.gan_trainer.gen_mode].append(self.loss.item())

    @torch.no_grad()
    def after_step(self):
        if self.gan_trainer.gen_mode:
            for key, value in inner(self.model).state_dict().items():
                kept = self.state.average[key]
                if self.decay and value.is_floating_point():
                    kept.lerp_(value, 1 - self.decay)
                else:
                    kept.copy_(value)


class ChanceByEpoch(Callback):
    """Let what networks drop at random depend on seed and epoch alone, so that an interrupted run drops what it would have dropped."""

    def __init__(self, seed):
        self.seed = seed

    def before_train(self):
        torch.manual_seed(self.seed * 1_000_003 + self.epoch)


class KeepGan(KeepState):
    """Measure the averaged generator after every epoch, keep it, and write the state.

    Parameters
    ----------
    state : GanState
    path : Path, optional
        Of the file.
    generator : nn.Module
        A network like the generator, to hold the average.
    held_out : HeldOut
    rule : StopRule, optional
        Ends the training.
    """

    def __init__(self, state, path, generator, held_out, rule=None):
        super().__init__(state, path)
        self.generator, self.held_out, self.rule = generator.eval(), held_out, rule

    def choose(self):
        losses = self.learn.average_generator.losses
        self.add_point(len(losses[True]), {"generator_loss": _mean(losses[True]), "critic_loss": _mean(losses[False])})

    def add_point(self, generator_steps=0, losses=None):
        """Measure the average and keep it."""
        self.generator.load_state_dict(self.state.average)
        before = self.state.curve[-1]["generator_steps"] if self.state.curve else 0
        steps = {"step": self.state.epoch * len(self.dls.train), "generator_steps": before + generator_steps}
        self.state.curve.append(steps | self.held_out.measure(self.generator) | (losses or {}))
        self.state.snapshots.append(as_half(self.state.average))

    def before_epoch(self):
        if self.rule is not None and self.epoch >= self.start and self.rule.ends(self.state.curve):
            raise CancelFitException
        super().before_epoch()


def _mean(values):
    return sum(values) / len(values) if values else None


def train_gan(
    make_generator,
    critic,
    photographs,
    plan,
    *,
    generator=None,
    features=None,
    rule=None,
    state=None,
    path=None,
    callbacks=(),
):
    """Train a generator and a critic against each other.

    Parameters
    ----------
    make_generator : function
        Gives the generator with its first weights.
    critic : nn.Module
        Pictures (B, 3, H, W) in network units to logits.
    photographs : dict of LabeledPictures
        "train" and "validation"; the second are those that the generator is measured on.
    plan : GanPlan
    generator : nn.Module, optional
        With the weights to begin with, if not those of ``make_generator``.
    features : PictureFeatures, optional
        For the feature loss.
    rule : StopRule, optional
        Ends the training before the last epoch of the plan.
    state : GanState, optional
        To go on from.
    path : Path, optional
        Where the state is written after every epoch.
    callbacks : sequence of Callback

    Returns
    -------
    GanState

    Raises
    ------
    TrainingError
        A loss is no longer a number.
    """
    if plan.steps % 2:
        raise ValueError(f"An epoch has an even number of steps, one for each network in turn; got {plan.steps}.")
    state = GanState() if state is None else state
    if state.epoch >= plan.epochs or (rule is not None and state.curve and rule.ends(state.curve)):
        return state
    budget.seed(plan.seed)
    generator = make_generator() if generator is None else generator
    dls = drawn_loaders(photographs["train"], photographs["validation"], plan.steps, plan.batch_size)
    learn = gan_learner(dls, generator, critic, plan, features)
    device = dls.device
    keep = KeepGan(state, path, make_generator().to(device), HeldOut(photographs["validation"], plan.side), rule)
    keep.learn = learn
    keep.restore(learn)
    if not state.curve:
        state.average = {key: value.clone() for key, value in generator.state_dict().items()}
        keep.add_point()
    own = [
        PrepareLab(lambda epoch: plan.side, shrinks=1, seed=plan.seed),
        ShuffleByEpoch(plan.seed),
        ChanceByEpoch(plan.seed),
        ForgetFrozenGradients(),
        TrainHeadAlone(body_of(generator), plan.head_alone),
        AverageGenerator(state, plan.average),
        StopWhenLost(),
        keep,
        ShowSteps(),
    ]
    with ExitStack() as stack:
        for context in (learn.no_bar(), learn.no_logging(), without_shadow_warnings()):
            stack.enter_context(context)
        if budget.bfloat16_pays(device):
            for network in (generator, critic, *([features] if features is not None else [])):
                stack.enter_context(bfloat16(network))
        learn.fit(
            plan.epochs,
            lr=[*rates_of(generator, plan.rate), plan.critic_rate],
            cbs=[*own, *callbacks],
            start_epoch=keep.start,
        )
    return state


def gan_learner(dls, generator, critic, plan, features=None):
    """fastai's GANLearner for a plan."""
    alternate = plan.critic_below is None
    switcher = FixedGANSwitcher() if alternate else AdaptiveGANSwitcher(critic_thresh=plan.critic_below)
    device = dls.device
    to_device = partial(nn.Module.to, device=device, memory_format=torch.channels_last)
    return GANLearner(
        dls,
        to_device(WithLightness(generator)),
        to_device(critic),
        GeneratorLoss(plan, features),
        Adversarial(plan.kind).critic,
        switcher=switcher,
        gen_first=True,  # and so begins every other epoch, since validation switches to the generator
        # Batch normalization by the pictures at hand while the other network learns: running means lag behind a network that is moving.
        switch_eval=False,
        opt_func=partial(Adam, mom=plan.momentum, sqr_mom=0.999, eps=1e-7),
        splitter=lambda gan: [*groups_of(inner(gan)), list(gan.critic.parameters())],
        wd=0.0,
    )


def inner(gan):
    """The generator inside of fastai's GANModule."""
    return gan.generator.generator


class StopWhenLost(Callback):
    """End the training when a loss is no longer a number."""

    def after_loss(self):
        if not torch.isfinite(self.loss_grad):
            raise TrainingError(
                f"A loss is no longer a number in step {self.iter + 1} of epoch {self.epoch + 1}. Try lower rates."
            )
