"""Color as a distribution: the 313 bins of the ab plane, targets for a classifier, and the way back to one color.

R. Zhang, P. Isola and A. A. Efros, "Colorful Image Colorization" (ECCV 2016), sections 2.1 and 2.2. The bins are those that
the authors published, on a grid of step 10. Colors are a and b of CIE L*a*b*, in natural units.

How the nearest bins are found without a search: the plane is cut into small regions, and a table says beforehand which bins are nearest to
the colors of each. Around every grid point lies a cell of 10 x 10. In a quarter of a cell, with u and v the distances to the grid point
along a and b, the lines u = v, 2u + v = 5 and u + 2v = 5 make six triangles. These are the lines at which one of the five nearest grid
points changes places with another, so that inside the set of bins all colors of a triangle have the same five nearest bins in the same
order, and looking up the triangle is enough. Near the border of the set the table gives a short list instead, and the colors of the
triangle are compared with the bins in it.
"""

import functools
from typing import NamedTuple

import numpy as np
import torch

from course_lib.color import PictureError

STEP = 10  # between neighboring bins, in units of a and b

# For each a, rising: the first and the last b of its bins. Data, not something to compute: the published set is wider than what sRGB can
# show (the centers of only about 226 bins are in its gamut at some lightness).
_FIRST_A = -90
_B_RANGES = (
    (50, 90), (20, 90), (0, 90), (-20, 90), (-30, 100), (-40, 100), (-50, 100), (-50, 100), (-60, 100), (-70, 100),
    (-80, 90), (-80, 90), (-90, 90), (-100, 90), (-100, 80), (-110, 80), (-110, 80), (-110, 70), (-110, 70), (-90, 0),
)  # fmt: skip

AB_BINS = torch.tensor(
    [
        (_FIRST_A + STEP * row, b)
        for row, (first, last) in enumerate(_B_RANGES)
        for b in range(first, last + STEP, STEP)
    ],
    dtype=torch.float32,
)
"""The centers of the bins, (313, 2): a slow, b fast, both rising. Natural units."""

COUNT = len(AB_BINS)

_TOO_FAR = 1e6  # a or b beyond this is no color in any units


def soft_targets(ab, k=5, sigma=5.0):
    """The k nearest bins of every pixel and their weights: what `encode_soft` says, without its zeros.

    Parameters
    ----------
    ab : tensor, (B, 2, H, W)
        Natural units. Colors outside the set of bins are fine. No gradient flows to them.
    k : int
        How many bins, 1 to 313. 1 and 5 are the fastest.
    sigma : float
        Of the Gaussian that turns distances into weights, in units of a and b.

    Returns
    -------
    index : long tensor, (B, k, H, W)
        Places in `AB_BINS`, the nearest bin first; of bins at the same distance the one with the lower place.
    weights : tensor, (B, k, H, W)
        Never negative and never rising; the sum over k is 1.

    Raises
    ------
    PictureError
        ``ab`` has another shape, holds integers, NaN or infinite values, or is larger than a million.
    ValueError
        ``k`` or ``sigma`` is out of range.
    """
    if not isinstance(k, int) or not 1 <= k <= COUNT:
        raise ValueError(f"k is {k!r}: how many bins share a pixel is a whole number from 1 to {COUNT}. Use 5.")
    if not 0 < sigma < float("inf"):
        raise ValueError(f"sigma is {sigma}: the Gaussian needs a positive width. Use 5.0.")
    with torch.no_grad():
        a, b = _colors(ab)
        index = _nearest_bins(a, b, k)
        weights = _excess(a, b, index).mul_(-0.5 / sigma**2).softmax(dim=0)
    shape = (k, len(ab), *ab.shape[2:])
    return index.view(shape).movedim(0, 1), weights.view(shape).movedim(0, 1)


def encode_hard(ab):
    """The nearest bin of every pixel: (B, 2, H, W) in natural units to long (B, H, W).

    At the same distance the lower place in `AB_BINS`. Errors as for `soft_targets`.
    """
    with torch.no_grad():
        return _nearest_bins(*_colors(ab), k=1).view(len(ab), *ab.shape[2:])


def encode_soft(ab, k=5, sigma=5.0):
    """The target distribution of every pixel: the k nearest bins, weighted by a Gaussian of their distance: (B, 313, H, W).

    Parameters and errors as for `soft_targets`, which says the same in a sixtieth of the memory.
    """
    index, weights = soft_targets(ab, k, sigma)
    return _zeros_like(weights, (len(ab), COUNT, *ab.shape[2:])).scatter_(1, index, weights)


def _zeros_like(x, shape):
    """Zeros of the type and on the device of ``x``. NumPy asks the system for zeros in large pages, which takes a third of the time."""
    if x.device.type != "cpu":
        return x.new_zeros(shape)
    return torch.from_numpy(np.zeros(shape, dtype=str(x.dtype).removeprefix("torch.")))


def _colors(ab):
    """The values of a and of b of all pixels, (N,) each, in single precision or better."""
    if not isinstance(ab, torch.Tensor):
        raise PictureError(f"Expected ab as a tensor, got {type(ab).__name__}. Use torch.from_numpy for an array.")
    if ab.ndim != 4 or ab.shape[1] != 2 or 0 in ab.shape:
        raise PictureError(f"Expected ab of shape (B, 2, H, W), got {tuple(ab.shape)}. {_advice_on_shape(ab.shape)}")
    if not ab.is_floating_point():
        raise PictureError(f"ab holds {ab.dtype}. Use floating point: a and b have signs and fractions.")
    low, high = (value.item() for value in ab.aminmax())
    if not (low >= -_TOO_FAR and high <= _TOO_FAR):  # NaN fails too
        raise PictureError(
            f"a and b run from {low:.3g} to {high:.3g}, but they lie within about -110 to 110. Look for a division by zero."
        )
    ab = ab if ab.dtype == torch.float64 else ab.float()
    return ab[:, 0].flatten(), ab[:, 1].flatten()


def _advice_on_shape(shape):
    if 0 in shape:
        return "There are no pixels in it."
    if len(shape) == 3 and shape[0] == 2:
        return "Use ab[None] for a single picture."
    if len(shape) == 4 and shape[1] == 3:
        return "For Lab, leave L out: use lab[:, 1:]."
    if len(shape) == 4 and shape[3] == 2:
        return "Channels are last: use ab.movedim(-1, 1)."
    return "The two channels are a and b."


def _nearest_bins(a, b, k):
    """The k bins nearest to each color, nearest first, of equally near ones the lower first: (k, N)."""
    table = _table(k, a.device)
    region = _region_of(a, b)
    index = torch.empty(k, len(a), dtype=torch.long, device=a.device)
    for row, nearest in zip(index, table.nearest, strict=True):
        torch.index_select(nearest, 0, region, out=row)
    length = table.length.index_select(0, region)
    undecided = length.nonzero()[:, 0]
    length = length.index_select(0, undecided)
    for n in table.lengths:
        pixels = undecided[length == n]
        if len(pixels):
            start = table.start.index_select(0, region.index_select(0, pixels))
            place = start + torch.arange(n, device=a.device)[:, None]
            candidates = table.candidates.index_select(0, place.flatten()).view(n, -1)
            chosen = _nearest_candidates(a.index_select(0, pixels), b.index_select(0, pixels), candidates, k)
            for row, bins in zip(index, chosen, strict=True):
                row.index_copy_(0, pixels, bins)
    return index


def _nearest_candidates(a, b, candidates, k):
    """The k nearest of the n bins that are listed, rising, for each color: (n, N) to (k, N)."""
    order = _excess(a, b, candidates).T.contiguous().sort(dim=1, stable=True).indices
    return candidates.gather(0, order[:, :k].T)


def _excess(a, b, index):
    """The squared distances to the given bins, less that to the first of them: (k, N).

    Made of differences between bins, which are exact: far from all bins, the squares themselves would lose the digits that matter.
    """
    center_a, center_b = AB_BINS.T.to(a).contiguous()
    first_a, first_b = center_a.index_select(0, index[0]), center_b.index_select(0, index[0])
    twice_a, twice_b = 2 * (a - first_a), 2 * (b - first_b)
    excess = torch.zeros(index.shape, dtype=a.dtype, device=a.device)
    for row, bins in zip(excess[1:], index[1:], strict=True):
        more_a = center_a.index_select(0, bins).sub_(first_a)
        more_b = center_b.index_select(0, bins).sub_(first_b)
        torch.mul(more_a, more_a - twice_a, out=row).addcmul_(more_b, more_b - twice_b)
    return excess


# The cells, by the numbers of their grid points: three more on each side than there are bins. The outermost ones reach to infinity.
_MARGIN = 3
_A_CELLS = range(_FIRST_A // STEP - _MARGIN, _FIRST_A // STEP + len(_B_RANGES) + _MARGIN)
_B_CELLS = range(min(b for b, _ in _B_RANGES) // STEP - _MARGIN, max(b for _, b in _B_RANGES) // STEP + 1 + _MARGIN)
_REGIONS = 32  # per cell: 4 quarters, and 8 answers to the questions on which side of the three lines a color lies


def _region_of(a, b):
    """The number of each color's region, (N,) int.

    Lines belong to the region on their lower side, for a and then for b, which is why of two bins at the same distance the lower wins.
    """
    cell_a, u = _cell_of(a, _A_CELLS)
    cell_b, v = _cell_of(b, _B_CELLS)
    right, upper = _is_above(u, 0), _is_above(v, 0)
    side = 2 * right - 1
    v *= side * (2 * upper - 1)  # both quarters on one side have the same three lines now
    half = STEP / 2 * side
    region = cell_a.mul_(len(_B_CELLS)).add_(cell_b)
    for answer in (right, upper, _is_above(u, v), _is_above(2 * u + v, half), _is_above(u + 2 * v, half)):
        region.mul_(2).add_(answer)
    return region.int()


def _is_above(x, y):
    """1 where x > y and 0 elsewhere, as numbers to compute with: five times as fast as bool."""
    return (x - y).gt_(0)


def _cell_of(x, cells):
    """Along one axis, each color's place in ``cells`` and its offset from the grid point, above -5 and up to 5."""
    grid = ((x - STEP / 2) / STEP).ceil_()
    return (grid - cells[0]).clamp_(0, len(cells) - 1), x - STEP * grid


class _Table(NamedTuple):
    """What is known beforehand about the k nearest bins to the colors of each of the R regions."""

    nearest: torch.Tensor  # (k, R): the answer where there is only one
    length: torch.Tensor  # (R,): how many bins to compare, 0 where there is only one answer
    start: torch.Tensor  # (R,): where the list of these bins begins
    candidates: torch.Tensor  # the lists, one after the other, each rising
    lengths: tuple  # the lengths that occur


@functools.cache
def _table(k, device):
    """Make the table for k neighbors: once, a tenth of a second."""
    cells = _cells()
    is_closed = cells[..., 2].all(1)
    bins = torch.arange(COUNT).expand(len(cells), -1)
    nearest, is_near, is_only = _answers(cells[:, None], bins, k)
    far_lists = _lists(is_near[~is_closed], is_only[~is_closed], bins[~is_closed])

    # What is near to any color of a closed cell is all that its triangles have to choose from.
    bins = _true_places(is_near[is_closed, 0])
    middles = cells[is_closed].mean(1) * torch.tensor([1.0, 1.0, 0.0])
    near_answers = _answers(_triangles() + middles[:, None, None], bins, k)
    near_lists = _lists(near_answers[1], near_answers[2], bins)

    nearest = nearest.repeat(1, _REGIONS, 1)
    nearest[is_closed] = near_answers[0]
    length, start = torch.zeros(2, len(cells), _REGIONS, dtype=torch.long)
    length[~is_closed], start[~is_closed], candidates = far_lists
    length[is_closed], start[is_closed] = near_lists[0], near_lists[1] + len(candidates)
    candidates = torch.cat([candidates, near_lists[2]])
    tensors = nearest.flatten(0, 1).T.contiguous(), length.flatten(), start.flatten(), candidates
    return _Table(*(x.to(device) for x in tensors), lengths=tuple(length[length > 0].unique().tolist()))


def _answers(corners, bins, k):
    """The k bins nearest to the middle of each region, and all that are among the k nearest to any color in it.

    The squared distance to a bin, less that to the origin, is linear in the color. So what is true of two bins at all corners of a region
    is true everywhere in it, and a bin that is nowhere nearer than the k bins nearest to the middle need not be looked at.

    Parameters
    ----------
    corners : tensor, (C, R, n, 3)
        Of the R regions of C cells.
    bins : long tensor, (C, m)
        What to choose from in each cell, rising.

    Returns
    -------
    nearest : long tensor, (C, R, k)
    is_near : bool tensor, (C, R, m)
        Which of ``bins`` can be among the k nearest.
    is_only : bool tensor, (C, R)
        ``nearest`` is the answer everywhere in the region, in this order.
    """
    squared = (corners.flatten(1, 2) @ _LINEAR[bins].mT).unflatten(1, corners.shape[1:3])  # (C, R, n, m)
    places = squared.sum(2).topk(k, largest=False).indices
    to_nearest = squared.gather(3, places[:, :, None].expand(-1, -1, squared.shape[2], -1))
    is_near = (squared < to_nearest.amax(3, keepdim=True)).any(2).scatter_(2, places, True)
    in_order = (to_nearest.diff(dim=3) >= 0).flatten(2).all(2)
    return bins[:, None].expand_as(is_near).gather(2, places), is_near, in_order & (is_near.sum(2) == k)


def _true_places(mask):
    """Where each row of a mask is true, rising, (C, m) long; rows with fewer such places than others get any others on top."""
    return mask.float().topk(int(mask.sum(1).max())).indices.sort(dim=1).values


def _lists(is_near, is_only, bins):
    """The lists of bins to compare, one after the other: their lengths (C, R), where they begin (C, R), and the bins.

    Lengths are powers of two, or 0 where there is nothing to compare. One bin too many is harmless, and few lengths are faster.
    """
    several = is_near[~is_only]
    count = several.sum(1)
    missing = (2 ** count.log2().ceil()).clamp(max=bins.shape[1]) - count
    several |= (~several).cumsum(1) <= missing[:, None]
    length = torch.zeros(is_only.shape, dtype=torch.long)
    length[~is_only] = several.sum(1)
    start = length.flatten().cumsum(0).view_as(length) - length
    return length, start, bins[:, None].expand_as(is_near)[~is_only][several]


# Corners are counted in twelfths of STEP, where they and the bins are whole numbers, so that comparing distances to them is exact. They are
# homogeneous, (x, y, 1), since (x, y, 0) can stand for a direction in which a region goes on without end.
_FINE = 12


def _linear():
    """For each bin the three numbers whose products with (x, y, 1) add up to the squared distance, less that to the origin: (313, 3)."""
    centers = (AB_BINS * (_FINE / STEP)).round()
    return torch.cat([-2 * centers, centers.square().sum(1, keepdim=True)], dim=1)


_LINEAR = _linear()


def _cells():
    """The corners of the cells: (C, 4, 3). Where a cell goes on along both axes, one is (0, 0, 0), which no comparison notices."""
    ends_a = [_ends(cell, _A_CELLS) for cell in _A_CELLS]
    ends_b = [_ends(cell, _B_CELLS) for cell in _B_CELLS]
    corners = [[(a * h, b * g, g * h) for a, g in end_a for b, h in end_b] for end_a in ends_a for end_b in ends_b]
    return torch.tensor(corners, dtype=torch.float32)


def _ends(cell, cells):
    """Both ends of a cell along one axis as (x, 1), or as (direction, 0) where it goes on without end."""
    low = (_FINE * cell - _FINE // 2, 1) if cell != cells[0] else (-_FINE, 0)
    high = (_FINE * cell + _FINE // 2, 1) if cell != cells[-1] else (_FINE, 0)
    return low, high


def _triangles():
    """The corners of the triangles of a cell around its grid point: (32, 3, 3)."""
    ring = [(0, 0), (3, 0), (6, 0), (6, 6), (0, 6), (0, 3)]
    triangles = [((2, 2), ring[i], ring[(i + 1) % 6]) for i in range(6)]
    # For answers 000 to 111. 010 and 101 come about by rounding only, close to (2, 2), where all triangles meet.
    by_answers = [triangles[i] for i in (5, 4, 5, 3, 0, 0, 1, 2)]
    return torch.tensor(
        [
            [(x * side, y * height, 1) for x, y in by_answers[answers if side > 0 else 7 - answers]]
            for side in (-1, 1)
            for height in (-1, 1)
            for answers in range(8)
        ],
        dtype=torch.float32,
    )


# The expectation of a and b under weights w is (sum of w a, sum of w b) / (sum of w): all three sums are one matrix product.
_A_B_ONE = torch.cat([AB_BINS, torch.ones(COUNT, 1)], dim=1).T.contiguous()


def annealed_mean(logits, temperature=0.38):
    """One color for every pixel: the mean of the bins after the distribution was sharpened (section 2.3).

    Parameters
    ----------
    logits : tensor, (B, 313, H, W)
        The logarithm of the distribution, up to a constant per pixel. -inf is a probability of 0. Channels first or last in memory.
    temperature : float
        Above 0. 1 gives the mean, 0.38 is the paper's choice, towards 0 it becomes the mode.

    Returns
    -------
    ab : tensor, (B, 2, H, W)
        Natural units, single precision or better; gradients flow back to the logits.

    Raises
    ------
    ValueError
        ``temperature`` is not above 0, or ``logits`` has another shape, or a pixel whose largest logit is NaN or infinite.
    """
    if not 0 < temperature < float("inf"):
        raise ValueError(
            f"temperature is {temperature}, but it must be above 0. For the mode use a small one such as 0.01, or "
            "AB_BINS[logits.argmax(1)].movedim(-1, 1)."
        )
    logits = _check_logits(logits)
    largest = logits.detach().amax(dim=1, keepdim=True)
    if not largest.isfinite().all():
        raise ValueError("The logits of some pixels are NaN, or all -inf, or +inf. Look at what made them.")
    temperature = max(temperature, torch.finfo(logits.dtype).tiny)  # what is smaller would become 0
    weights = (logits - largest).div_(temperature).exp_()
    with torch.autocast(
        logits.device.type, enabled=False
    ):  # colors reach 110: half precision would be off by up to 0.5
        sums = _A_B_ONE.to(weights) @ weights.flatten(2)  # a view, whichever way the logits lie in memory
    return (sums[:, :2] / sums[:, 2:]).unflatten(2, logits.shape[2:])


def _check_logits(logits):
    """Logits in single precision or better."""
    if not isinstance(logits, torch.Tensor) or not logits.is_floating_point():
        kind = logits.dtype if isinstance(logits, torch.Tensor) else type(logits).__name__
        raise ValueError(f"logits must be a floating-point tensor, got {kind}.")
    if logits.ndim != 4 or logits.shape[1] != COUNT:
        advice = (
            "Use logits.movedim(-1, 1)." if logits.shape[-1:] == (COUNT,) else "One channel for each bin is needed."
        )
        raise ValueError(f"logits must have the shape (B, {COUNT}, H, W), got {tuple(logits.shape)}. {advice}")
    return logits if logits.dtype == torch.float64 else logits.float()


def color_prior(ab_batches, sigma=5.0):
    """How often each bin is the nearest in real pictures, smoothed in the ab plane (section 2.2): (313,), sum 1.

    Parameters
    ----------
    ab_batches : iterable of tensors, (B, 2, H, W)
        Natural units; a generator will do, since each batch is looked at once. A single batch may come without a list around it.
    sigma : float
        Of the Gaussian in units of a and b, not along the index of the bins. 0 leaves the shares as they were counted.

    Raises
    ------
    ValueError
        There is no batch, or one is not as `encode_hard` needs it.
    """
    batches = [ab_batches] if isinstance(ab_batches, torch.Tensor) else ab_batches
    counts = torch.zeros(COUNT, dtype=torch.long)  # whole numbers: single precision stops counting at 16 million
    for ab in batches:
        counts += encode_hard(ab).flatten().bincount(minlength=COUNT).cpu()
    if not counts.any():
        raise ValueError(
            "There is no batch to count colors in. A generator that was used before is empty: make it again."
        )
    return smooth((counts / counts.sum(dtype=torch.float64)).float(), sigma)


def smooth(prior, sigma=5.0):
    """Spread each bin over its neighbors in the ab plane with a Gaussian; the sum stays what it was: (313,).

    Parameters
    ----------
    prior : tensor, (313,)
        Shares or counts.
    sigma : float
        In units of a and b; 0 returns ``prior``.
    """
    if prior.shape != (COUNT,):
        raise ValueError(f"prior must have the shape ({COUNT},), got {tuple(prior.shape)}. color_prior makes one.")
    if not 0 <= sigma < float("inf"):
        raise ValueError(f"sigma is {sigma}: the Gaussian needs a width of 0 (no smoothing) or more. Use 5.0.")
    if sigma == 0:
        return prior
    squared = (AB_BINS[:, None] - AB_BINS).square().sum(-1)
    kernel = torch.exp(-squared / (2 * sigma**2))
    return (kernel / kernel.sum(dim=0)).to(prior) @ prior  # each column, what one bin gives away, sums to 1


def rebalancing_weights(prior, mixing=0.5):
    """The weight of each bin in the loss (section 2.2, equation 4): (313,); its expectation under the prior is 1.

    Parameters
    ----------
    prior : tensor, (313,)
        From `color_prior`: not negative, sum 1.
    mixing : float, 0 to 1
        With the uniform distribution over the bins that occur, those whose prior is above 0: 0 weighs by 1 / prior, 1 gives every bin the
        weight 1, 0.5 is the paper's choice.

    Raises
    ------
    ValueError
        ``prior`` is no distribution over the bins, ``mixing`` is outside [0, 1], or it is 0 and some bins never occur.
    """
    _check_prior(prior)
    if not 0 <= mixing <= 1:
        raise ValueError(
            f"mixing is {mixing}, but it is a share from 0 (weights 1 / prior) to 1 (all weights 1). Use 0.5."
        )
    occurring = (prior > 0).sum()
    if mixing == 0 and occurring < COUNT:
        raise ValueError(
            f"mixing=0 divides by the prior, which is 0 for {COUNT - occurring} bins. Smooth the prior with a wider sigma, "
            "or use a mixing above 0."
        )
    weights = 1 / ((1 - mixing) * prior + mixing / occurring)
    return weights / (prior @ weights)


def _check_prior(prior):
    if not isinstance(prior, torch.Tensor) or not prior.is_floating_point() or prior.shape != (COUNT,):
        raise ValueError(f"prior must be a floating-point tensor of shape ({COUNT},). color_prior makes one.")
    if not (prior >= 0).all():  # NaN fails too
        raise ValueError("prior holds negative values or NaN. It must be a share for each bin: color_prior makes one.")
    total = prior.sum().item()
    if not abs(total - 1) < 1e-3:
        raise ValueError(f"prior sums to {total:.6g} instead of 1. For counts, use counts / counts.sum().")
