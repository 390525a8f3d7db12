"""What breaks when fastai 2.8 trains GANs with today's torch, each mended in the smallest way.

Two more things are avoided, not mended: ``Learner.export`` wants ``new_empty`` of a data set and pickles, so weights are saved as
safetensors; ``torch.compile`` fails on replication padding and gains nothing over bfloat16 here, so nothing is compiled.
"""

import warnings
from contextlib import contextmanager

from fastai.callback.core import Callback
from fastai.vision.gan import GANTrainer


@contextmanager
def without_shadow_warnings():
    """Keep back what fastai warns of in its own ``GANTrainer``: it has attributes of the same names as ``GANModule``."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"You are shadowing an attribute \((generator|critic|gen_mode)\)")
        yield


class ForgetFrozenGradients(Callback):
    """Let the optimizer pass over weights that this step does not train.

    fastai has one optimizer for both networks and sets the gradients of the one that waits to zero. Zero is not none: Adam goes on
    moving it by the momentum of its last steps, and weight decay goes on shrinking it.
    """

    def before_step(self):
        for weight in self.model.parameters():
            if not weight.requires_grad:
                weight.grad = None


class TrainHeadAlone(Callback):
    """Keep the body of the generator as it is during the first ``epochs`` epochs.

    ``GANTrainer`` makes all weights of a network trainable at every switch, which undoes ``Learner.freeze``.
    """

    run_after = GANTrainer

    def __init__(self, body, epochs):
        self.body, self.epochs = list(body), epochs

    def before_batch(self):
        if self.training and self.gan_trainer.gen_mode and self.epoch < self.epochs:
            for weight in self.body:
                weight.requires_grad_(False)
