"""From photographs in memory to what a network sees: crops, mirrored at random, at the side of the hour, in network units."""

import torch
import torch.nn.functional as F
from fastai.callback.core import Callback

from course_lib import color
from course_lib.training.augment import jitter_lightness

SMALLEST_CROP = 0.75  # of the photograph's side


class PreparePhotographs(Callback):
    """Turn a batch of uint8 photographs into lightness and, at the resolution of the answer, the colors to predict.

    Training pictures are cropped, mirrored and brightened or darkened at random, by numbers that depend on seed, epoch, step and
    process alone: a run that was interrupted goes on as if it had not been. Validation pictures are shown whole.

    Parameters
    ----------
    side_of : function
        Epoch (int) to the side in pixels at which pictures are shown. The last epoch's is that of validation.
    shrinks : int
        How many times coarser the answer is than the input.
    seed : int
    """

    order = 5  # before BFloat16: colors are converted in full precision

    def __init__(self, side_of, shrinks, seed=0):
        self.side_of, self.shrinks, self.seed = side_of, shrinks, seed

    def before_batch(self):
        (photographs,) = self.xb
        rgb = photographs.float() / 255
        if self.training:
            generator = self._generator()
            rgb = mirror(crop(rgb, generator), generator)
        rgb = resize(rgb, self.side_of(self.epoch if self.training else self.n_epoch - 1))
        l, ab = color.normalize(color.rgb_to_lab(rgb))  # noqa: E741 - l is the symbol of the field
        if self.training:
            l = jitter_lightness(l, int(torch.randint(2**31, (1,), generator=generator)), contrast=0.2, brightness=0.1)  # noqa: E741
        self.learn.xb, self.learn.yb = (l,), (F.avg_pool2d(ab, self.shrinks),)

    def _generator(self):
        """Random numbers of this step alone."""
        step = self.epoch * len(self.dls.train) + self.iter
        rank = torch.distributed.get_rank() if torch.distributed.is_initialized() else 0
        return torch.Generator().manual_seed((self.seed * 1_000_003 + step) * 64 + rank)


def crop(rgb, generator):
    """A square crop of one random side for the batch, at a random place in each picture: (B, 3, s, s)."""
    whole = min(rgb.shape[-2:])
    smallest = int(SMALLEST_CROP * whole)
    side = int(torch.randint(smallest, whole + 1, (1,), generator=generator))
    tops = torch.randint(rgb.shape[-2] - side + 1, (len(rgb),), generator=generator).tolist()
    lefts = torch.randint(rgb.shape[-1] - side + 1, (len(rgb),), generator=generator).tolist()
    places = zip(rgb, tops, lefts, strict=True)
    return torch.stack([picture[:, top : top + side, left : left + side] for picture, top, left in places])


def mirror(rgb, generator):
    """Every second picture, by chance, left to right."""
    chosen = torch.rand(len(rgb), generator=generator).to(rgb.device) < 0.5
    return torch.where(chosen[:, None, None, None], rgb.flip(-1), rgb)


def resize(rgb, side):
    """Squares of ``side`` pixels, smoothed before they are reduced."""
    return F.interpolate(rgb, size=(side, side), mode="bilinear", antialias=True).clamp(0, 1)
