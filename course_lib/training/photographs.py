"""From photographs in memory to what a network sees: crops, mirrored at random, at the side of the hour, in network units."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from fastai.callback.core import Callback

from course_lib import color
from course_lib.training.augment import expose, random_exposures
from course_lib.training.processes import count_processes, rank

SMALLEST_CROP = 0.75  # of the photograph's side


class PreparePhotographs(Callback):
    """Turn a batch of uint8 photographs into lightness and, at the resolution of the answer, the colors to predict.

    Training pictures are cropped, mirrored and brightened or darkened at random, by numbers that depend on seed, epoch, step and
    place in the batch alone: a run that was interrupted goes on as if it had not been, and so do several processes that share a batch.
    Validation pictures are shown whole.

    Parameters
    ----------
    side_of : function
        Epoch (int) to the side in pixels at which pictures are shown. The last epoch's is that of validation.
    shrinks : int
        How many times coarser the answer is than the input.
    seed : int
    inputs : function, optional
        Lightness, true colors and a seed for each picture to the inputs of the network; the lightness alone by default.
    labeled, lit : bool
        Give the loss the classes of the photographs, or their lightness, as well.
    """

    order = 5  # before fastai moves anything into lower precision: colors are converted in full

    def __init__(self, side_of, shrinks, seed=0, inputs=None, labeled=False, lit=False):
        self.side_of, self.shrinks, self.seed, self.inputs = side_of, shrinks, seed, inputs
        self.labeled, self.lit = labeled, lit

    def before_batch(self):
        (photographs,), labels = self.xb, self.yb
        rgb = photographs.float() / 255
        if self.training:
            changes = draw_changes(len(rgb) * count_processes(), rgb.shape[-2:], self._generator())
            changes = changes.take(slice(rank() * len(rgb), (rank() + 1) * len(rgb)))
            rgb = mirror(crop(rgb, changes), changes)
        rgb = resize(rgb, self.side_of(self.epoch if self.training else self.n_epoch - 1))
        l, ab = color.normalize(color.rgb_to_lab(rgb))  # noqa: E741 - l is the symbol of the field
        if self.training:
            l = expose(l, changes.gain, changes.offset)  # noqa: E741
        self.learn.xb = (l,) if self.inputs is None else self.inputs(l, ab, self._seeds(len(l)))
        self.learn.yb = (F.avg_pool2d(ab, self.shrinks), *(labels if self.labeled else ()), *((l,) if self.lit else ()))

    def _generator(self):
        """Random numbers of this step alone."""
        return torch.Generator().manual_seed(self._first_seed())

    def _first_seed(self):
        """A number from which on no other step has its seeds."""
        # Validation shows the same in every epoch.
        step = self.epoch * len(self.dls.train) + self.iter if self.training else -1 - self.iter
        return (self.seed * 1_000_003 + step) * 64

    def _seeds(self, count):
        """A seed for each picture of this process's share of the batch."""
        first = self._first_seed() + rank() * count
        return range(first, first + count)


@dataclass
class Changes:
    """What happens to each of B pictures: the top left corner of a crop of ``side`` pixels, whether it is mirrored, and its exposure."""

    side: int
    tops: torch.Tensor
    lefts: torch.Tensor
    mirrored: torch.Tensor
    gain: torch.Tensor
    offset: torch.Tensor

    def take(self, rows):
        """Those of some of the pictures, a slice."""
        parts = (self.tops, self.lefts, self.mirrored, self.gain, self.offset)
        return Changes(self.side, *(part[rows] for part in parts))


def draw_changes(count, size, generator):
    """Draw the `Changes` of ``count`` pictures of ``size`` (H, W): one side of the crop for all, the rest for each."""
    height, width = size
    whole = min(size)
    side = int(torch.randint(int(SMALLEST_CROP * whole), whole + 1, (1,), generator=generator))
    tops = torch.randint(height - side + 1, (count,), generator=generator)
    lefts = torch.randint(width - side + 1, (count,), generator=generator)
    mirrored = torch.rand(count, generator=generator) < 0.5
    seed = int(torch.randint(2**31, (1,), generator=generator))
    return Changes(side, tops, lefts, mirrored, *random_exposures(count, seed, contrast=0.2, brightness=0.1))


def crop(rgb, changes):
    """The square crop of each picture: (B, 3, side, side)."""
    places = zip(rgb, changes.tops.tolist(), changes.lefts.tolist(), strict=True)
    side = changes.side
    return torch.stack([picture[:, top : top + side, left : left + side] for picture, top, left in places])


def mirror(rgb, changes):
    """The pictures that were chosen for it left to right, the others as they are."""
    return torch.where(changes.mirrored.to(rgb.device)[:, None, None, None], rgb.flip(-1), rgb)


def resize(rgb, side):
    """Squares of ``side`` pixels, smoothed before they are reduced."""
    return F.interpolate(rgb, size=(side, side), mode="bilinear", antialias=True).clamp(0, 1)
