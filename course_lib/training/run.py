"""Train a recipe to its end, going on where an earlier run of it stopped."""

import math
from contextlib import ExitStack

from fastai.callback.core import Callback

from course_lib import budget
from course_lib.training.batches import ShuffleByEpoch, photograph_loaders
from course_lib.training.errors import TrainingError
from course_lib.training.groups import HeadAlone, groups_of, rates_of
from course_lib.training.learners import learner
from course_lib.training.photographs import PreparePhotographs
from course_lib.training.precision import bfloat16
from course_lib.training.processes import choose_gpu, rank, synchronize_norms, together
from course_lib.training.progress import ShowSteps
from course_lib.training.state import STATES, KeepState, State, read_state
from course_lib.training.terminal import PrintProgress


class StopWhenDiverged(Callback):
    """End the training when its validation loss is no longer a number, before that is kept."""

    order = 64  # after the loss is known, before `KeepState`

    def after_epoch(self):
        values = self.recorder.values[-1]
        if len(values) > 1 and not math.isfinite(values[1]):
            raise TrainingError(
                f"The loss is no longer a number after epoch {self.epoch + 1}. Try a lower learning rate."
            )


def run(name, recipe, photographs, prior, states=STATES, restart=False):
    """Train a recipe, and write after every epoch what is needed to go on.

    Parameters
    ----------
    name : str
        For the progress, and of the file in ``states``.
    recipe : Recipe
    photographs : dict of LabeledPictures
        "train" and "validation".
    prior : tensor, (313,)
        Of the training photographs.
    states : Path or None
        A folder. None keeps nothing, for trainings of seconds in a notebook.
    restart : bool
        Take no notice of a state that is there.

    Returns
    -------
    State
        At the end: ``best`` holds the weights of the epoch that was best on the validation photographs.
    """
    choose_gpu()
    path = None if states is None else states / f"{name}.pt"
    state = State(plan=recipe.plan) if restart or path is None else read_state(path, recipe.plan)
    if state.epoch >= recipe.epochs:
        return state
    dls = photograph_loaders(photographs["train"], photographs["validation"], recipe.batch_size)
    budget.seed(recipe.seed)
    learn = learner(synchronize_norms(recipe.network()), dls, recipe.loss(prior))
    learn.splitter = groups_of
    keep = KeepState(state, path)
    keep.restore(learn)
    prepare = PreparePhotographs(recipe.side_of, recipe.shrinks, recipe.seed, recipe.inputs, recipe.labeled, recipe.lit)
    callbacks = [HeadAlone(recipe.head_alone), prepare, ShuffleByEpoch(recipe.seed), StopWhenDiverged(), keep]
    if rank() == 0:
        callbacks.append(PrintProgress(name) if path is not None else ShowSteps())
    with ExitStack() as stack:
        for context in (learn.no_bar(), learn.no_logging(), together(learn)):
            stack.enter_context(context)
        if recipe.reduced and budget.bfloat16_pays(dls.device):
            stack.enter_context(bfloat16(learn.model))
        learn.fit_one_cycle(
            recipe.epochs, rates_of(learn.model, recipe.rate, recipe.body_rate), cbs=callbacks, start_epoch=keep.start
        )
    return state
