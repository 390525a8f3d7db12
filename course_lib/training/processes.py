"""One training on several processes: the same batches, statistics and gradients as on one.

Start them with ``torchrun --standalone --nproc-per-node 2 -m course_lib.training NAME``. fastai (2.8.12) wraps network and batches;
what is here keeps the result that of one process, on CPUs too.
"""

import importlib.util
import os
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import nn

from course_lib.training.errors import TrainingError


def count_processes():
    """How many processes train together, as torchrun says; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", 1))


def rank():
    """Which of them this is, from 0. Process 0 prints and writes."""
    return int(os.environ.get("RANK", 0))


def choose_gpu():
    """Give each process of a machine a GPU of its own, where there are any."""
    if count_processes() > 1 and torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))


def share_of(batch_size):
    """How many pictures of every batch this process gets.

    Raises
    ------
    TrainingError
        They cannot be shared evenly: the mean over processes would not be that over pictures.
    """
    share, rest = divmod(batch_size, count_processes())
    if rest:
        raise TrainingError(
            f"A batch of {batch_size} pictures cannot be shared evenly by {count_processes()} processes. Start 2, 4 or 8."
        )
    return share


@contextmanager
def together(learn):
    """Let a Learner train with the other processes; with one process, leave it as it is.

    Its network comes from `synchronize_norms`, and its batches from `photograph_loaders`.
    """
    if count_processes() == 1:
        yield learn
        return
    if importlib.util.find_spec("accelerate") is None:
        raise TrainingError(
            "Training on several processes needs one more package: pip install -c constraints.txt accelerate"
        )
    from course_lib.training.shares import AverageLoss, share_batches  # imports fastai.distributed: only who needs it

    with learn.distrib_ctx(sync_bn=False, cpu=learn.dls.device.type == "cpu"):
        share_batches(learn.dls)
        with learn.added_cbs(AverageLoss()):
            yield learn
    dist.destroy_process_group()


def synchronize_norms(model):
    """Let every batch normalization in a network see the pictures of all processes; its weights keep their names. Returns the network."""
    if count_processes() > 1:
        for parent in list(model.modules()):
            for name, child in parent.named_children():
                if type(child) is nn.BatchNorm2d:
                    setattr(parent, name, SynchronizedNorm(child))
    return model


class SynchronizedNorm(nn.BatchNorm2d):
    """Batch normalization by mean and variance over all processes, each with as many pictures; torch has one for GPUs alone."""

    def __init__(self, norm):
        super().__init__(norm.num_features, norm.eps, norm.momentum, device=norm.weight.device, dtype=norm.weight.dtype)
        self.load_state_dict(norm.state_dict())

    def forward(self, x):
        if not self.training:
            return super().forward(x)
        values = x.to(torch.promote_types(x.dtype, torch.float32))  # also under autocast
        own_var, own_mean = torch.var_mean(values, dim=(0, 2, 3), correction=0)
        mean = _Mean.apply(own_mean)
        var = _Mean.apply(own_var + (own_mean - mean).square())  # no small difference of large squares
        self._remember(mean.detach(), var.detach(), x.numel() / x.shape[1] * dist.get_world_size())
        scale = self.weight * (var + self.eps).rsqrt()
        return (values * _channels(scale) + _channels(self.bias - mean * scale)).to(x.dtype)

    @torch.no_grad()
    def _remember(self, mean, var, count):
        """Move the running statistics towards those of a batch of ``count`` values per channel."""
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(var * count / (count - 1), self.momentum)


class _Mean(torch.autograd.Function):
    """`mean_over_processes`, through which gradients flow back to all of them."""

    @staticmethod
    def forward(ctx, x):
        return mean_over_processes(x)

    @staticmethod
    def backward(ctx, gradient):
        return mean_over_processes(gradient)


def mean_over_processes(x):
    """The mean of a tensor over all processes, in which each has one of this shape."""
    x = x.clone()
    dist.all_reduce(x)
    return x / dist.get_world_size()


def _channels(x):
    return x[:, None, None]
