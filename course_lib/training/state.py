"""What a training needs to go on after it was stopped, written after every epoch."""

import io
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch
from fastai.callback.core import Callback
from fastai.torch_core import get_model

from course_lib import budget
from course_lib.files import write_atomic
from course_lib.models.checkpoints import DATA
from course_lib.training.errors import TrainingError
from course_lib.training.processes import rank

STATES = DATA / "cache" / "training"


@dataclass
class State:
    """How far a training has come.

    Attributes
    ----------
    epoch : int
        Epochs done.
    model, best : dict of tensors
        The weights now, and those with the least validation loss so far.
    optimizer : dict
    history : list of [float, float]
        Training and validation loss of every epoch.
    seconds : list of float
        What each epoch took.
    plan : str
        What was to be done, in words: a state is good for nothing else.
    """

    epoch: int = 0
    model: dict = None
    optimizer: dict = None
    best: dict = None
    history: list = field(default_factory=list)
    seconds: list = field(default_factory=list)
    plan: str = ""

    @property
    def best_epoch(self):
        """The epoch with the least validation loss, counted from 0; the later one of two equals."""
        losses = [validation for _, validation in self.history]
        return max(epoch for epoch, loss in enumerate(losses) if loss == min(losses))


def read_state(path, plan, kind=State):
    """The `State`, or one of another ``kind``, in a file; one at the beginning where there is no file.

    Raises
    ------
    TrainingError
        The file cannot be read, or it belongs to another plan.
    """
    path = Path(path)
    if not path.exists():
        return kind(plan=plan)
    advice = f"{path} keeps what an earlier training of this name had reached. --restart forgets it."
    try:
        # Tensors and plain values only: nothing in the file can run.
        state = kind(**torch.load(path, map_location=budget.device(), weights_only=True))
    except Exception as error:
        raise TrainingError(f"The state of the training cannot be read: {advice}") from error
    if state.plan != plan:
        raise TrainingError(f"The recipe has changed from {state.plan!r} to {plan!r}. {advice}")
    return state


def forget_state(path):
    """Remove a state, and what is left of one that was being written when its process was killed."""
    path = Path(path)
    for file in (path, *path.parent.glob(f".{path.name}.*")):
        file.unlink(missing_ok=True)


class KeepState(Callback):
    """Bring `State` up to date after every epoch and write it to ``path``, unless that is None."""

    order = 65  # after fastai's Recorder has averaged the validation loss

    def __init__(self, state, path):
        self.state, self.path, self.start = state, None if path is None else Path(path), state.epoch

    def restore(self, learn):
        """Bring a Learner to where the state is."""
        if self.start:
            learn.create_opt()
            learn.model.load_state_dict(self.state.model)
            learn.opt.load_state_dict(self.state.optimizer)

    def before_epoch(self):
        self.begun = time.monotonic()

    def after_epoch(self):
        if self.epoch < self.start:
            return  # an epoch of the run before, passed over
        state = self.state
        state.history.append([float(loss) for loss in self.recorder.values[-1][:2]])
        state.seconds.append(time.monotonic() - self.begun)
        state.epoch = self.epoch + 1
        state.model, state.optimizer = get_model(self.model).state_dict(), _plain(self.opt.state_dict())
        self.choose()
        if rank() == 0 and self.path is not None:
            write_atomic(self.path, _to_bytes(vars(state)))

    def choose(self):
        """Remember the weights of this epoch if they are the best so far."""
        if self.state.best_epoch == self.epoch:
            self.state.best = copied(self.state.model)


def copied(weights):
    """A dict of tensors as they are now, on the CPU."""
    return {key: value.detach().cpu().clone() for key, value in weights.items()}


def _plain(optimizer):
    """The state of a fastai optimizer in lists and numbers alone."""
    hypers = [{key: float(value) for key, value in hyper.items()} for hyper in optimizer["hypers"]]
    return {"state": list(optimizer["state"]), "hypers": hypers}


def _to_bytes(state):
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()
