"""Networks of two parts: a body that was trained before, and a head. The body stays as it is first and learns slowly then."""

from fastai.callback.core import Callback
from fastai.torch_core import get_model

BODY_RATE = 0.2  # of the head's learning rate, by default


class HeadAlone(Callback):
    """Keep the body as it is during the first ``epochs`` epochs: the gradients of a head that knows nothing would spoil it."""

    def __init__(self, epochs):
        self.epochs = epochs

    def before_epoch(self):
        for weight in body_of(self.model):
            weight.requires_grad_(self.epoch >= self.epochs)


def groups_of(model):
    """The parameters of body and head of a network, or all of one that has no body: a list of lists."""
    return getattr(get_model(model), "groups", None) or [list(model.parameters())]


def body_of(model):
    """The parameters of the body; none of a network without one."""
    groups = groups_of(model)
    return groups[0] if len(groups) > 1 else []


def rates_of(model, rate, body_rate=BODY_RATE):
    """The learning rate of each of `groups_of`; ``body_rate`` is the body's share of ``rate``."""
    return [rate] if len(groups_of(model)) == 1 else [body_rate * rate, rate]
