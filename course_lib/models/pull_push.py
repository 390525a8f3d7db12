"""Fill a picture from a few known pixels: what can be said of the others without looking at edges."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import label
from skimage.graph import MCP

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


@torch.no_grad()
def carry_around(values, mask, strokes):
    """Carry known values to every pixel that can be reached from them without crossing a stroke; nearer ones count more.

    The mean of all that reaches a pixel, weighted by one over the square of the way to it, as D. Shepard (1968) weighs by distance.

    Parameters
    ----------
    values, mask
        As for `pull_push`.
    strokes : tensor, (B, 1, H, W)
        1 where nothing crosses, 0 elsewhere.

    Returns
    -------
    filled, confidence
        As for `pull_push`; both 0 where nothing reaches.
    """
    parts = [
        _carry_one(*(part.cpu() for part in picture)) for picture in zip(values, mask[:, 0], strokes[:, 0], strict=True)
    ]
    return tuple(torch.stack(part).to(values) for part in zip(*parts, strict=True))


def _carry_one(values, mask, strokes):
    """One picture: values (C, H, W), mask and strokes (H, W)."""
    costs = 1 - 2 * strokes.double().numpy()  # a negative cost cannot be passed
    regions, count = label(mask.numpy() > 0)
    sums, weights, nearest = torch.zeros_like(values), torch.zeros_like(mask), torch.full_like(mask, torch.inf)
    for region in range(1, count + 1):
        starts = np.argwhere(regions == region)
        # From side to side only: a step across a corner would slip through a line.
        way = torch.from_numpy(MCP(costs, fully_connected=False).find_costs(starts)[0]).to(values)
        weight = 1 / (way + 1).square()  # 0 where the way is infinite
        sums += weight * values[:, starts[:, 0], starts[:, 1]].mean(dim=1)[:, None, None]
        weights += weight
        nearest = torch.minimum(nearest, way)
    filled = torch.where(mask > 0, values, sums / weights.clamp(min=1e-12))
    # It fades with every doubling of the way, as on the levels of pull-push.
    return filled, torch.where(mask > 0, 1.0, (nearest + 1) ** math.log2(FADING))[None]
