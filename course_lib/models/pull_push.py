"""Fill a picture from a few known pixels: what can be said of the others without looking at edges."""

import torch
import torch.nn.functional as F

CERTAIN = 64  # a place is known at a coarser level once one in so many of its pixels is
FADING = 0.7  # of the confidence from one level to the next finer one


@torch.no_grad()
def pull_push(values, mask):
    """Carry known values to every pixel: the nearer, the more certain.

    On the way up, pixels are averaged two by two until one is left, each weighted by how much of it is known. On the way down, what a level
    does not know comes from the coarser one. S. J. Gortler et al., "The Lumigraph" (SIGGRAPH 1996), section 3.4.

    Parameters
    ----------
    values : tensor, (B, C, H, W)
        Looked at where ``mask`` is 1.
    mask : tensor, (B, 1, H, W)
        1 where a value is known, 0 elsewhere.

    Returns
    -------
    filled : tensor, (B, C, H, W)
        The values where they are known; 0 everywhere for a picture of which nothing is known.
    confidence : tensor, (B, 1, H, W)
        1 where a value is known, less and less farther away, 0 for a picture of which nothing is known.
    """
    levels = [(values * mask, mask)]
    while max(levels[-1][1].shape[-2:]) > 1:
        levels.append(tuple(_half(part) for part in levels[-1]))
    sums, weights = levels.pop()
    filled, confidence = sums / weights.clamp(min=1e-12), (CERTAIN * weights).clamp(max=1)
    for sums, weights in reversed(levels):
        known = (CERTAIN * weights).clamp(max=1)
        coarse, coarse_confidence = (_resized(part, known.shape[-2:]) for part in (filled, confidence))
        filled = known * sums / weights.clamp(min=1e-12) + (1 - known) * coarse
        confidence = known + (1 - known) * FADING * coarse_confidence
    return filled, confidence


def _half(x):
    return F.avg_pool2d(x, 2, ceil_mode=True, count_include_pad=False)


def _resized(x, size):
    return F.interpolate(x, size=size, mode="bilinear")
