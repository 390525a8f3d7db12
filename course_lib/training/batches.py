"""Batches cut out of tensors in memory: no worker processes, nothing copied but the batch."""

import random

import torch
from fastai.callback.core import Callback
from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader

from course_lib import budget
from course_lib.training.processes import share_of


class TensorBatches(DataLoader):
    """fastai's DataLoader over tensors with the same first axis: one index operation per batch instead of one per picture."""

    def create_batches(self, samples):
        for rows in self.chunkify(samples):
            rows = torch.tensor(list(rows))
            yield tuple(part[rows] for part in self.dataset.parts)


class DrawnBatches(TensorBatches):
    """Some batches of pictures drawn at random: an epoch of ``steps`` batches, however many pictures there are."""

    def __init__(self, tensors, steps, batch_size):
        super().__init__(tensors, bs=batch_size, shuffle=True, drop_last=True, n=steps * batch_size)

    def get_idxs(self):
        return self.rng.choices(range(len(self.dataset)), k=self.n)


class Tensors:
    """Tensors of one length as a data set."""

    def __init__(self, *parts):
        lengths = {len(part) for part in parts}
        if len(lengths) != 1:
            raise ValueError(f"Inputs and targets must be as many, got {[len(part) for part in parts]}.")
        self.parts = parts

    def __len__(self):
        return len(self.parts[0])

    def __getitem__(self, row):
        return tuple(part[row] for part in self.parts)


def dataloaders(train_x, train_y, valid_x, valid_y, batch_size=32):
    """Training and validation batches for a Learner.

    Parameters
    ----------
    train_x, train_y, valid_x, valid_y : tensors
        Inputs and targets; the first axis counts the pictures.
    batch_size : int

    Returns
    -------
    fastai DataLoaders
        Training batches are shuffled anew in every epoch and all full; validation batches keep their order.
    """
    return _loaders(Tensors(train_x, train_y), Tensors(valid_x, valid_y), batch_size)


def photograph_loaders(training, validation, batch_size=32):
    """Batches of uint8 photographs and their classes, from `LabeledPictures`; `PreparePhotographs` makes inputs and targets of them.

    With several processes these are the batches of one process's share; `together` sees to it that all shares make up the whole.
    """
    return _loaders(*(Tensors(part.rgb, part.labels) for part in (training, validation)), batch_size)


def drawn_loaders(training, validation, steps, batch_size=16):
    """Like `photograph_loaders`, with ``steps`` training batches in an epoch and a single batch for validation."""
    few = validation.rgb[:batch_size], validation.labels[:batch_size]
    return DataLoaders(
        DrawnBatches(Tensors(training.rgb, training.labels), steps, batch_size),
        TensorBatches(Tensors(*few), bs=batch_size),
        device=budget.device(),
    )


def _loaders(training, validation, batch_size):
    if len(training) < batch_size:
        raise ValueError(f"There are {len(training)} training pictures, fewer than one batch of {batch_size}.")
    return DataLoaders(
        TensorBatches(training, bs=share_of(batch_size), shuffle=True, drop_last=True),
        TensorBatches(validation, bs=batch_size),
        device=budget.device(),
    )


class ShuffleByEpoch(Callback):
    """Let the order of the pictures depend on seed and epoch alone, so that an interrupted run sees what it would have seen."""

    def __init__(self, seed):
        self.seed = seed

    def before_train(self):
        self.dls.train.rng = random.Random(self.seed * 1_000_003 + self.epoch)
