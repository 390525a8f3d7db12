"""Hints as a person might give them, revealed from the true colors of photographs.

R. Zhang et al., "Real-Time User-Guided Image Colorization with Learned Deep Priors" (SIGGRAPH 2017), section 3.2: how many patches, where
and how large. What is added here: some hints are wrong, some edges of color are drawn as strokes, and some palettes are told.
"""

import math

import torch
import torch.nn.functional as F

from course_lib import bins, color
from course_lib.hints import Patch, paint, tell_palette
from course_lib.models.answers import natural_ab

STOP = (
    1 / 8
)  # the geometric distribution of the number of points: after each, and before the first, the chance that it was the last
LARGEST = 9  # pixels of the side of a point; the smallest has 1
SPREAD = 1 / 4  # the standard deviation of a point around the middle, of the side
WHOLE = 1 / 100  # how often every color is revealed
WRONG = 1 / 20  # how often a point is wrong: half of those show another color, half stand at another place
SLIP = 1 / 8  # how far a point slips at most, of the side
WRONG_CHROMA = 60.0  # of another color, at most
STROKES = 0.3  # how often strokes are drawn, in a window of the picture
PALETTES = 0.3  # how often the palette is told
SMALL_PALETTE = 8  # colors: half of the palettes hold so many at most, the others all colors of the picture
EDGE = 5.0  # from here on a step of color between neighboring pixels, in natural units, is a boundary


def simulate_hints(l, ab, seeds, wrong=WRONG):  # noqa: E741 - l is the symbol of the field
    """The inputs of a `HintNet` for a batch of photographs.

    Parameters
    ----------
    l, ab : tensors, (B, 1, H, W) and (B, 2, H, W)
        Lightness and true colors in network units.
    seeds : sequence of int
        One per picture: everything random about a picture depends on its own seed alone.
    wrong : float
        How often a point is wrong.

    Returns
    -------
    l, ab, mask, strokes, palette : tensors
        As `HintNet.forward` takes them.
    """
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    revealed = [reveal_some(truth, generator, wrong) for truth, generator in zip(ab.cpu(), generators, strict=True)]
    windows = torch.stack([_window(ab.shape[-2:], generator) for generator in generators])
    palettes = torch.stack([_palette(truth, generator) for truth, generator in zip(ab.cpu(), generators, strict=True)])
    known, mask = (torch.stack(parts).to(ab) for parts in zip(*revealed, strict=True))
    strokes = windows.to(ab)
    drawn = windows.flatten(1).any(dim=1)
    strokes[drawn] *= color_edges(ab[drawn])
    return l, known, mask, strokes, palettes.to(ab)


def reveal_some(ab, generator, wrong=WRONG):
    """Some patches of one picture, painted: colors (2, H, W) and mask (1, H, W)."""
    if _chance(WHOLE, generator):
        return ab, torch.ones_like(ab[:1])
    patches = [draw_patch(ab, generator) for _ in range(draw_count(generator))]
    return paint([_spoil(patch, ab, generator, wrong) for patch in patches], ab.shape[-2:])


def draw_count(generator):
    """How many points a picture gets: geometric, 0 with probability `STOP`, 7 on average."""
    return int(math.log(1 - _uniform(generator)) / math.log(1 - STOP))


def draw_patch(ab, generator, side=None):
    """A patch with the mean color of what it covers, drawn around the middle of a picture (2, H, W); of any side by default."""
    side = _integer(1, LARGEST, generator) if side is None else side
    top, left = (_around_middle(length, side, generator) for length in ab.shape[-2:])
    return reveal(ab, top, left, side)


def reveal(ab, top, left, side):
    """The patch that shows the mean color of a square of a picture (2, H, W)."""
    return Patch(top, left, side, ab[:, top : top + side, left : left + side].mean(dim=(1, 2)))


def _spoil(patch, ab, generator, wrong):
    """Now and then the patch with another color, or at another place with the color of the one it was meant for."""
    if not _chance(wrong, generator):
        return patch
    return recolor(patch, generator) if _chance(0.5, generator) else slip(patch, ab.shape[-2:], generator)


def recolor(patch, generator):
    """The patch with any color of a chroma up to `WRONG_CHROMA`."""
    hue, chroma = 2 * math.pi * _uniform(generator), WRONG_CHROMA * _uniform(generator)
    ab = torch.tensor([math.cos(hue), math.sin(hue)]) * chroma / color.AB_SCALE
    return Patch(patch.top, patch.left, patch.side, ab.to(patch.ab))


def slip(patch, size, generator):
    """The patch at another place, not further than `SLIP` of the side, with the color that it had."""
    top, left = (
        min(max(place + round((2 * _uniform(generator) - 1) * SLIP * length), 0), length - patch.side)
        for place, length in zip((patch.top, patch.left), size, strict=True)
    )
    return Patch(top, left, patch.side, patch.ab)


def color_edges(ab):
    """Where colors meet: 1 on the ridges of the step from one pixel to the next, (B, 2, H, W) in network units to (B, 1, H, W)."""
    smooth = F.avg_pool2d(natural_ab(ab), 3, stride=1, padding=1, count_include_pad=False)
    across, down = _steps(smooth, dim=-1), _steps(smooth, dim=-2)
    ridge = _is_ridge(across, dim=-1) & (across >= down) | _is_ridge(down, dim=-2) & (down > across)
    return (ridge & (torch.maximum(across, down) > EDGE)).to(ab.dtype)


def _steps(ab, dim):
    """How far the color moves from the pixel before to the pixel after, along one dimension: (B, 1, H, W)."""
    moves = torch.gradient(ab, dim=dim)[0]
    return moves.square().sum(dim=1, keepdim=True).sqrt()


def _is_ridge(steps, dim):
    """Where a step is not smaller than those beside it."""
    kernel, padding = ((1, 3), (0, 1)) if dim == -1 else ((3, 1), (1, 0))
    return steps >= F.max_pool2d(steps, kernel, stride=1, padding=padding)


def _window(size, generator):
    """1 inside of a rectangle of a picture, in some pictures; 0 everywhere else: (1, H, W)."""
    window = torch.zeros(1, *size)
    if _chance(STROKES, generator):
        (top, height), (left, width) = (_span(length, generator) for length in size)
        window[:, top : top + height, left : left + width] = 1
    return window


def _span(length, generator):
    """Begin and length of a part of a side, from a quarter to all of it."""
    part = _integer(length // 4, length, generator)
    return _integer(0, length - part, generator), part


def _palette(ab, generator):
    """What `tell_palette` says of some pictures, zeros for the others: (314,)."""
    if not _chance(PALETTES, generator):
        return torch.zeros(bins.COUNT + 1)
    colors = ab[:, ::4, ::4].flatten(1).T
    if _chance(0.5, generator):
        colors = colors[torch.randint(len(colors), (_integer(1, SMALL_PALETTE, generator),), generator=generator)]
    return tell_palette(natural_ab(colors.T[None, :, None])[0, :, 0].T)


def _around_middle(length, side, generator):
    """The begin of a point on a side: normal around the middle, inside of the picture."""
    room = length - side
    place = room / 2 + SPREAD * length * float(torch.randn((), generator=generator))
    return round(min(max(place, 0), room))


def _chance(probability, generator):
    return _uniform(generator) < probability


def _uniform(generator):
    return float(torch.rand((), generator=generator))


def _integer(low, high, generator):
    """Any whole number from ``low`` to ``high``."""
    return int(torch.randint(low, high + 1, (), generator=generator))
