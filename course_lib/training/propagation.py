"""Train the network that carries colors through a film: on moving stills and petals first, then on real clips too."""

import math
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from fastai.callback.core import Callback
from fastai.data.core import DataLoaders
from torch import nn

from course_lib import budget, color
from course_lib.data.clips import CLIP_SPLITS
from course_lib.models import PropagationNet
from course_lib.models.checkpoints import as_saved, write_checkpoint
from course_lib.training.batches import TensorBatches, Tensors
from course_lib.training.card import command, manifest_digest, network_card, versions
from course_lib.training.film_samples import STEPS, draw_stretches
from course_lib.training.film_sets import film_set
from course_lib.training.learners import learner
from course_lib.training.precision import bfloat16
from course_lib.training.progress import ShowSteps
from course_lib.training.run import StopWhenDiverged
from course_lib.training.state import STATES, KeepState, State, read_state
from course_lib.training.terminal import PrintProgress
from course_lib.video.carrying import warp_on, weigh_on
from course_lib.video.flow import warp

BEND = 0.02  # network units: where the Huber penalty turns from square to straight
RIGHT = 8 / color.AB_SCALE  # network units: a color that is this near to the truth is right
MEASURED = 8  # draws of each kind of film, for the card
PARTS = {"blend": 0.5, "confidence": 0.02, "jumps": 0.1}  # of the loss, beside the colors themselves


@dataclass(frozen=True)
class FilmRecipe:
    """How the checkpoint of a `PropagationNet` is made.

    Attributes
    ----------
    objective : str
        What is minimized, in words.
    network : function
        Gives the network with its first, random weights.
    stages : tuple of (int, tuple of str)
        Epochs, and the kinds of films (`film_sets.KINDS`) that they are drawn from.
    steps, batch_size, side : int
        Batches in an epoch, stretches in a batch, and the side in pixels of what is cut out.
    rate : float
        The highest learning rate of the one cycle.
    seed : int
    count : int
        Films of each kind that is made rather than filmed.
    """

    objective: str = "Huber, along films"
    network: Callable[[], nn.Module] = PropagationNet
    stages: tuple = ((4, ("stills", "petals")), (11, ("stills", "petals", "clips")))
    steps: int = 100
    batch_size: int = 8
    side: int = 88
    rate: float = 2e-3
    seed: int = 0
    count: int = 200
    dataset: str = "clips"

    @property
    def epochs(self):
        return sum(epochs for epochs, _ in self.stages)

    @property
    def kinds(self):
        """All kinds of films that it learns from, in the order in which they come."""
        return tuple(dict.fromkeys(kind for _, kinds in self.stages for kind in kinds))

    @property
    def duration(self):
        """How long it trains, in words."""
        return f"{self.epochs * self.steps} steps at {self.side} px"

    @property
    def plan(self):
        """Everything that the result depends on but the films and the code, in words."""
        model = self.network()
        return (
            f"{self.objective}, {type(model).__name__} {model.arguments}, stages {self.stages}, {self.steps} steps of {self.batch_size} "
            f"at {self.side} px, rate {self.rate}, seed {self.seed}, {self.count} films of a kind"
        )

    def kinds_of(self, epoch):
        """The kinds of films of an epoch, counted from 0."""
        for epochs, kinds in self.stages:
            if epoch < epochs:
                return kinds
            epoch -= epochs
        return kinds


class AlongFilms(nn.Module):
    """A `PropagationNet` along stretches: its answers to the last `STEPS` frames, the only ones with gradients."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, stretches):
        known, answers = stretches.known, []
        steps = list(zip(stretches.l, stretches.flow, stretches.seen, stretches.still, strict=True))
        with torch.no_grad():
            for step in steps[:-STEPS]:
                _, known = weigh_on(self.network, stretches.key, known, *step)
        for step in steps[-STEPS:]:
            answer, known = weigh_on(self.network, stretches.key, known, *step)
            answers.append(answer)
        return answers


def film_loss(answers, stretches):
    """The colors' distance from the truth, that of what is carried on, honest confidence, and jumps from step to step.

    Parameters
    ----------
    answers : list of PropagationAnswer
    stretches : Stretches

    Returns
    -------
    tensor, a number
    """
    loss = 0
    last = slice(-len(answers), None)
    flows, seen = stretches.flow[last], stretches.seen[last]
    for step, (answer, truth) in enumerate(zip(answers, stretches.ab[last], strict=True)):
        loss = loss + _huber(answer.ab, truth) + PARTS["blend"] * _huber(answer.blend, truth)
        right = ((answer.blend.detach() - truth).norm(dim=1, keepdim=True) < RIGHT).float()
        loss = loss + PARTS["confidence"] * F.binary_cross_entropy(answer.confidence.clamp(1e-3, 1 - 1e-3), right)
        if step:
            jump = (answer.ab - warp(answers[step - 1].ab, flows[step])).abs()
            loss = loss + PARTS["jumps"] * (jump * seen[step]).mean()
    return loss / len(answers)


def _huber(ab, truth):
    return F.smooth_l1_loss(ab, truth, beta=BEND)


class DrawStretches(Callback):
    """Put stretches in the place of a batch: numbers that depend on seed, epoch and step alone say which."""

    order = 5

    def __init__(self, recipe, films):
        self.recipe, self.films = recipe, films

    def before_batch(self):
        recipe, split = self.recipe, "train" if self.training else "validation"
        kinds = recipe.kinds_of(self.epoch) if self.training else recipe.kinds
        step = self.epoch * recipe.steps + self.iter if self.training else -1 - self.iter
        generator = torch.Generator().manual_seed(recipe.seed * 1_000_003 + step)
        films = self.films[split][kinds[step % len(kinds)]]
        stretches = draw_stretches(films, recipe.batch_size, recipe.side, generator)
        self.learn.xb, self.learn.yb = (stretches,), (stretches,)


def run_films(name, recipe, films, states=STATES, restart=False):
    """Train a recipe, and write after every epoch what is needed to go on.

    Parameters
    ----------
    name : str
        For the progress, and of the file in ``states``.
    recipe : FilmRecipe
    films : dict
        "train" and "validation" to a dict from kind to list of FilmData.
    states : Path or None
        A folder. None keeps nothing, for trainings of seconds in a notebook.
    restart : bool
        Take no notice of a state that is there.

    Returns
    -------
    State
        At the end: ``best`` holds the weights of the epoch that was best on the validation films.
    """
    path = None if states is None else states / f"{name}.pt"
    state = State(plan=recipe.plan) if restart or path is None else read_state(path, recipe.plan)
    if state.epoch >= recipe.epochs:
        return state
    budget.seed(recipe.seed)
    network = recipe.network()
    learn = learner(AlongFilms(network), _counters(recipe), film_loss)
    keep = KeepState(state, path)
    keep.restore(learn)
    callbacks = [DrawStretches(recipe, films), StopWhenDiverged(), keep]
    callbacks.append(PrintProgress(name) if path is not None else ShowSteps())
    with ExitStack() as stack:
        for context in (learn.no_bar(), learn.no_logging()):
            stack.enter_context(context)
        if budget.bfloat16_pays(torch.device("cpu")):
            stack.enter_context(bfloat16(network))
        learn.fit_one_cycle(recipe.epochs, recipe.rate, cbs=callbacks, start_epoch=keep.start)
    return state


def _counters(recipe):
    """As many batches as an epoch has steps, with nothing in them: `DrawStretches` fills them."""
    steps, held_out = (Tensors(torch.zeros(count, 1)) for count in (recipe.steps, 4 * len(recipe.kinds)))
    return DataLoaders(TensorBatches(steps, bs=1), TensorBatches(held_out, bs=1), device=budget.device())


def films_of(recipe):
    """The films that a recipe needs: "train" and "validation" to a dict from kind to list of FilmData."""
    few = max(8, recipe.count // 10)
    counts = {"train": recipe.count, "validation": few}
    return {split: {kind: film_set(kind, split, count) for kind in recipe.kinds} for split, count in counts.items()}


def finish_films(name, recipe, state, films, folder):
    """Measure the best weights of a training as they are saved, and write them with their card into ``folder``. Returns the card."""
    model = AlongFilms(recipe.network())
    model.load_state_dict(as_saved(state.best))
    network = model.network.eval()
    card = {
        "network": network_card(network),
        "objective": recipe.objective,
        "data": {
            "kinds": {kind: {split: len(films[split][kind]) for split in films} for kind in recipe.kinds},
            "manifests_sha256": {each: manifest_digest(each) for each in ("clips", "scenes")},
            "clips": list(CLIP_SPLITS["train"]),
        },
        "seed": recipe.seed,
        "command": command(name),
        "versions": versions(),
        "metrics": {"split": "validation", "side": recipe.side, **measure_network(model, recipe, films["validation"])},
        "budget": {
            "stages": [{"epochs": epochs, "kinds": list(kinds)} for epochs, kinds in recipe.stages],
            "batch_size": recipe.batch_size,
            "steps": recipe.epochs * recipe.steps,
            "rate": recipe.rate,
        },
        "seconds": math.ceil(sum(state.seconds)),
        "best": {
            "epoch": state.best_epoch + 1,
            "of": recipe.epochs,
            "validation_loss": round(state.history[state.best_epoch][1], 5),
        },
    }
    return write_checkpoint(name, network, card, folder)


@torch.no_grad()
def measure_network(model, recipe, films):
    """How far colors are from the truth at the ends of stretches, beside a plain flow warp.

    Parameters
    ----------
    model : AlongFilms
    recipe : FilmRecipe
    films : dict
        From kind to list of FilmData.

    Returns
    -------
    dict from str to float
        ``distance`` and ``warped_distance``, means in ab in natural units, over the same stretches.
    """
    ours, warped = [], []
    for kind in recipe.kinds:
        for seed in range(MEASURED):
            stretches = draw_stretches(films[kind], recipe.batch_size, recipe.side, torch.Generator().manual_seed(seed))
            truth, known = stretches.ab[-1], stretches.known
            for step in zip(stretches.l, stretches.flow, stretches.seen, strict=True):
                known = warp_on(stretches.key, known, *step)
            ours.append((model(stretches)[-1].ab - truth).norm(dim=1).mean())
            warped.append((known.ab - truth).norm(dim=1).mean())
    means = (float(torch.stack(part).mean()) * color.AB_SCALE for part in (ours, warped))
    return {name: round(mean, 3) for name, mean in zip(("distance", "warped_distance"), means, strict=True)}


FILMS = {"clips-propagation": FilmRecipe()}
