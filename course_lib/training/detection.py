"""Train the network that tells blended faces from genuine ones."""

import math
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from fastai.callback.core import Callback
from fastai.data.core import DataLoaders
from torch import nn

from course_lib import budget
from course_lib.data.faces import faces
from course_lib.data.labeled import LabeledPictures
from course_lib.deepfake.blend import pairs
from course_lib.deepfake.calibrate import auc
from course_lib.models import ForgeryNet
from course_lib.models.checkpoints import as_saved, write_checkpoint
from course_lib.training.batches import TensorBatches, Tensors
from course_lib.training.card import command, data_card, network_card, versions
from course_lib.training.learners import learner
from course_lib.training.precision import bfloat16
from course_lib.training.progress import ShowSteps
from course_lib.training.run import StopWhenDiverged
from course_lib.training.state import STATES, KeepState, State, read_state
from course_lib.training.terminal import PrintProgress

WHERE = 1.0  # of the loss of the map, beside that of the logit
LEAST = 0.8  # of the side of a face: how much of it a crop shows at least
HELD_OUT = 5  # fakes of each validation face


@dataclass(frozen=True)
class DetectorRecipe:
    """How the checkpoint of a `ForgeryNet` is made.

    Attributes
    ----------
    objective : str
        What is minimized, in words.
    network : function
        Gives the network with its first, random weights.
    data : function
        "train" or "validation" to `LabeledPictures` of faces.
    dataset : str
        What the data is called: the name of a manifest, or "photos".
    epochs, steps, batch_size, side : int
        Batches in an epoch, **pairs** in a batch, and the side in pixels at which faces are seen.
    early : tuple of (int, int), optional
        Epochs at the beginning that see smaller faces, which is faster, and their side in pixels.
    rate : float
        The highest learning rate of the one cycle.
    seed : int
    draw : function
        Faces and a ``numpy.random.Generator`` to `Pairs`.
    """

    objective: str = "cross-entropy of logit and map"
    network: Callable[[], nn.Module] = ForgeryNet
    data: Callable[[str], LabeledPictures] = faces
    dataset: str = "faces"
    epochs: int = 48
    steps: int = 150
    batch_size: int = 32
    side: int = 128
    early: tuple | None = None
    rate: float = 4e-3
    seed: int = 0
    draw: Callable = pairs

    @property
    def duration(self):
        """How long it trains, in words."""
        return f"{self.epochs * self.steps} steps of {self.batch_size} pairs at {self._sides}"

    @property
    def _sides(self):
        return (
            f"{self.side} px"
            if self.early is None
            else f"{self.early[1]} px for {self.early[0]} epochs, then {self.side} px"
        )

    def side_of(self, epoch):
        """The side of the faces that are trained on in an epoch, counted from 0."""
        return self.early[1] if self.early is not None and epoch < self.early[0] else self.side

    @property
    def plan(self):
        """Everything that the result depends on but the faces and the code, in words."""
        model = self.network()
        return (
            f"{self.objective}, {type(model).__name__} {model.arguments}, {self.epochs} epochs of {self.steps} steps of {self.batch_size} "
            f"pairs at {self._sides}, rate {self.rate}, seed {self.seed}"
        )


# ---- what it learns from


def crops(faces, side, rng=None):
    """Faces at the size at which they are seen: uint8 (N, 3, side, side).

    Parameters
    ----------
    faces : uint8 tensor, (N, 3, H, W)
    side : int
    rng : numpy.random.Generator, optional
        Cut out a random square of at least `LEAST` of the face, and turn half of them around; without it, the whole face.
    """
    cut = [_crop(picture, side, rng) for picture in faces.movedim(1, -1).contiguous().numpy()]
    return torch.from_numpy(np.stack(cut)).movedim(-1, 1).contiguous()


def _crop(picture, side, rng):
    if rng is not None:
        height, width = picture.shape[:2]
        size = int(min(height, width) * rng.uniform(LEAST, 1))
        top, left = rng.integers(height - size + 1), rng.integers(width - size + 1)
        picture = picture[top : top + size, left : left + size, :]
        picture = picture[:, ::-1] if rng.random() < 0.5 else picture
    smaller = picture.shape[0] > side
    return cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)


def as_batch(made):
    """`Pairs` as a batch: pictures, (2 N, 3, H, W) in [0, 1], genuine ones first, and the `Truth` of each."""
    rgb = torch.cat([made.genuine, made.fake]).float() / 255
    manipulated = torch.cat([torch.zeros(len(made)), torch.ones(len(made))])
    strongest = made.mask.amax(dim=(1, 2, 3), keepdim=True).clamp(min=1e-6)
    inside = F.avg_pool2d(made.mask / strongest, 8)
    return rgb, manipulated, torch.cat([torch.zeros_like(inside), inside])


def detection_loss(answer, manipulated, inside):
    """Binary cross-entropy of the logits and, with the weight `WHERE`, of the maps.

    Parameters
    ----------
    answer : ForgeryAnswer
    manipulated : tensor, (B,)
        1 for fakes, 0 for genuine faces.
    inside : tensor, (B, 1, h, w)
        1 where a picture is blended.
    """
    whole = F.binary_cross_entropy_with_logits(answer.logit, manipulated)
    return whole + WHERE * F.binary_cross_entropy_with_logits(answer.where, inside)


class DrawPairs(Callback):
    """Put pairs in the place of a batch: numbers that depend on seed, epoch and step alone say which."""

    order = 5

    def __init__(self, recipe, photographs):
        self.recipe, self.photographs = recipe, photographs
        self.held_out = held_out_batches(recipe, photographs["validation"].rgb)

    def before_epoch(self):
        # Dropout forgets with the process where it was: a training that goes on must see what it would have seen.
        torch.manual_seed(self.recipe.seed * 1_000_003 + self.epoch)

    def before_batch(self):
        batch = self.draw(self.epoch * self.recipe.steps + self.iter) if self.training else self.held_out[self.iter]
        rgb, manipulated, inside = (part.to(self.dls.device) for part in batch)
        self.learn.xb, self.learn.yb = (rgb,), (manipulated, inside)

    def draw(self, step):
        """The training batch of a step, counted over all epochs."""
        rng = np.random.default_rng((self.recipe.seed, step))
        rgb = self.photographs["train"].rgb
        chosen = rgb[torch.from_numpy(rng.integers(len(rgb), size=self.recipe.batch_size))]
        return as_batch(self.recipe.draw(crops(chosen, self.recipe.side_of(step // self.recipe.steps), rng), rng))


def held_out_batches(recipe, rgb):
    """The same pairs whenever they are asked for, `HELD_OUT` of each face: a list of batches."""
    rng = np.random.default_rng((recipe.seed, 2**32))
    whole = crops(rgb, recipe.side).repeat(HELD_OUT, 1, 1, 1)
    return [as_batch(recipe.draw(part, rng)) for part in whole.split(recipe.batch_size)]


# ---- training


def run_detector(name, recipe, photographs, states=STATES, restart=False):
    """Train a recipe, and write after every epoch what is needed to go on.

    Parameters
    ----------
    name : str
        For the progress, and of the file in ``states``.
    recipe : DetectorRecipe
    photographs : dict of LabeledPictures
        "train" and "validation", of faces.
    states : Path or None
        A folder. None keeps nothing, for trainings of seconds in a notebook.
    restart : bool
        Take no notice of a state that is there.

    Returns
    -------
    State
        At the end: ``best`` holds the weights of the epoch that was best on the validation faces.
    """
    path = None if states is None else states / f"{name}.pt"
    state = State(plan=recipe.plan) if restart or path is None else read_state(path, recipe.plan)
    if state.epoch >= recipe.epochs:
        return state
    budget.seed(recipe.seed)
    network = recipe.network().to(memory_format=torch.channels_last)
    draw = DrawPairs(recipe, photographs)
    learn = learner(network, _counters(recipe.steps, len(draw.held_out)), detection_loss)
    keep = KeepState(state, path)
    keep.restore(learn)
    callbacks = [draw, StopWhenDiverged(), keep, PrintProgress(name) if path is not None else ShowSteps()]
    with ExitStack() as stack:
        for context in (learn.no_bar(), learn.no_logging()):
            stack.enter_context(context)
        if budget.bfloat16_pays(budget.device()):
            stack.enter_context(bfloat16(network))
        learn.fit_one_cycle(recipe.epochs, recipe.rate, cbs=callbacks, start_epoch=keep.start)
    return state


def _counters(*steps):
    """As many batches as there are steps, with nothing in them: `DrawPairs` fills them."""
    return DataLoaders(
        *(TensorBatches(Tensors(torch.zeros(count, 1)), bs=1) for count in steps), device=budget.device()
    )


def faces_of(recipe):
    """The faces that a recipe needs: "train" and "validation" to `LabeledPictures`."""
    return {split: recipe.data(split) for split in ("train", "validation")}


def finish_detector(name, recipe, state, photographs, folder):
    """Measure the best weights of a training as they are saved, and write them with their card into ``folder``. Returns the card."""
    network = recipe.network()
    network.load_state_dict(as_saved(state.best))
    card = {
        "network": network_card(network),
        "objective": recipe.objective,
        "data": data_card(recipe.dataset, photographs),
        "seed": recipe.seed,
        "command": command(name),
        "versions": versions(),
        "metrics": {"split": "validation", "side": recipe.side, **measure_network(network.eval(), recipe, photographs)},
        "budget": {
            "epochs": recipe.epochs,
            "batch_size": recipe.batch_size,
            "steps": recipe.epochs * recipe.steps,
            "rate": recipe.rate,
        }
        | _early_card(recipe),
        "seconds": math.ceil(sum(state.seconds)),
        "best": {
            "epoch": state.best_epoch + 1,
            "of": recipe.epochs,
            "validation_loss": round(state.history[state.best_epoch][1], 5),
        },
    }
    return write_checkpoint(name, network, card, folder)


def _early_card(recipe):
    return {} if recipe.early is None else {"early": dict(zip(("epochs", "side"), recipe.early, strict=True))}


@torch.no_grad()
def measure_network(network, recipe, photographs):
    """How well a network in evaluation mode tells the held-out pairs apart: a dict with ``auc`` and ``loss``."""
    batches = held_out_batches(recipe, photographs["validation"].rgb)
    answers = [network(rgb) for rgb, _, _ in batches]
    losses = [
        detection_loss(answer, *truth) * len(answer.logit) for answer, (_, *truth) in zip(answers, batches, strict=True)
    ]
    scores = torch.cat([answer.logit for answer in answers])
    manipulated = torch.cat([manipulated for _, manipulated, _ in batches])
    return {
        "auc": round(auc(scores, manipulated), 4),
        "loss": round(torch.stack(losses).sum().item() / len(scores), 4),  # the last batch may be smaller
    }


DETECTORS = {"faces-detector": DetectorRecipe(early=(28, 96), rate=1.2e-3)}
