"""Every process's share of the batches, as fastai's distributed training takes them. Import it only where torchrun runs several."""

import torch
from fastai.callback.core import Callback
from fastai.distributed import DistributedDL

from course_lib.training.processes import count_processes, mean_over_processes, rank


def share_batches(dls):
    """Let the training batches of DataLoaders, made for one process's share, be shared by all; each validates by itself."""
    training, validation = dls.loaders
    dls.loaders = [SharedBatches(training), WholeBatches(validation)]


class SharedBatches(DistributedDL):
    """Of every batch of the one order that all processes draw, the part that belongs to this process.

    fastai's own gives each process a connected part of the whole epoch, which makes other batches than one process has; and it sends
    the order around through CUDA. Here the order depends on the seed alone, so every process knows it.
    """

    def __len__(self):
        return len(self.dl.dataset) // (self.dl.bs * count_processes())

    @property
    def rng(self):
        """What the order is drawn with."""
        return self.dl.rng

    @rng.setter
    def rng(self, generator):
        self.dl.rng = generator

    def get_idxs(self):
        return shares(self.dl.get_idxs(), self.dl.bs, count_processes())[rank()]


class WholeBatches(DistributedDL):
    """All batches on every process. Validation pictures that cannot be shared evenly would count unevenly."""

    def __len__(self):
        return len(self.dl)

    def get_idxs(self):
        return self.dl.get_idxs()


def shares(order, share, processes):
    """Cut an order of pictures into batches of ``share`` times ``processes``, and each batch into shares: a list for every process.

    Pictures at the end that do not fill a batch are left out.
    """
    batches = len(order) // (share * processes)
    places = torch.tensor(order[: batches * share * processes], dtype=torch.long)
    return [part.flatten().tolist() for part in places.reshape(batches, processes, share).unbind(1)]


class AverageLoss(Callback):
    """Report the loss of the whole batch instead of that of this process's share. Gradients are averaged by torch."""

    def after_loss(self):
        if self.training:
            self.learn.loss = mean_over_processes(self.learn.loss.detach())
