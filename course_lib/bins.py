"""Color as a distribution: the 313 bins of the ab plane, targets for a classifier, and the way back to one color.

R. Zhang, P. Isola and A. A. Efros, "Colorful Image Colorization" (ECCV 2016), sections 2.1 to 2.3. The bins are those that
the authors published, on a grid of step 10. Colors are a and b of CIE L*a*b*, in natural units.
"""

import numpy as np
import torch

from course_lib.color import PictureError
from course_lib.grid_neighbors import GridNeighbors

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

_NEIGHBORS = GridNeighbors(AB_BINS, STEP)
_TOO_FAR = 1e6  # a or b beyond this is no color in any units


def encode_hard(ab):
    """The nearest bin of every pixel: (B, 2, H, W) in natural units to long (B, H, W).

    At the same distance the lower place in `AB_BINS`. Errors as for `soft_targets`.
    """
    with torch.no_grad():
        return _NEIGHBORS.nearest(*_colors(ab), k=1).view(len(ab), *ab.shape[2:])


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
        Never negative and never rising; the sum over k is 1. Double precision for ``ab`` in double precision, else single.

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
        index = _NEIGHBORS.nearest(a, b, k)
        # Gaussians of the distances, divided by their sum: what is the same for all k bins of a pixel may be left out of the exponent.
        weights = _NEIGHBORS.excess(a, b, index).mul_(-1 / (2 * sigma**2)).softmax(dim=0)
    shape = (k, len(ab), *ab.shape[2:])
    return index.view(shape).movedim(0, 1), weights.view(shape).movedim(0, 1)


def encode_soft(ab, k=5, sigma=5.0):
    """The target distribution of every pixel: the k nearest bins, weighted by a Gaussian of their distance: (B, 313, H, W).

    Parameters and errors as for `soft_targets`, which says the same in a sixtieth of the memory.
    """
    index, weights = soft_targets(ab, k, sigma)
    return _zeros_like(weights, (len(ab), COUNT, *ab.shape[2:])).scatter_(1, index, weights)


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
    # Colors reach 110: in half precision they would be off by up to 0.5.
    with torch.autocast(logits.device.type, enabled=False):
        sums = _A_B_ONE.to(weights) @ weights.flatten(2)  # a view, whichever way the logits lie in memory
    return (sums[:, :2] / sums[:, 2:]).unflatten(2, logits.shape[2:])


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


def _zeros_like(x, shape):
    """Zeros of the type and on the device of ``x``. NumPy asks the system for zeros in large pages, which takes a third of the time."""
    if x.device.type != "cpu":
        return x.new_zeros(shape)
    return torch.from_numpy(np.zeros(shape, dtype=str(x.dtype).removeprefix("torch.")))


def _check_logits(logits):
    """Logits in single precision or better."""
    if not isinstance(logits, torch.Tensor) or not logits.is_floating_point():
        kind = logits.dtype if isinstance(logits, torch.Tensor) else type(logits).__name__
        raise ValueError(f"logits must be a floating-point tensor, got {kind}.")
    if logits.ndim != 4 or logits.shape[1] != COUNT:
        is_last = logits.shape[-1:] == (COUNT,)
        advice = "Use logits.movedim(-1, 1)." if is_last else "One channel for each bin is needed."
        raise ValueError(f"logits must have the shape (B, {COUNT}, H, W), got {tuple(logits.shape)}. {advice}")
    return logits if logits.dtype == torch.float64 else logits.float()


def _check_prior(prior):
    if not isinstance(prior, torch.Tensor) or not prior.is_floating_point() or prior.shape != (COUNT,):
        raise ValueError(f"prior must be a floating-point tensor of shape ({COUNT},). color_prior makes one.")
    if not (prior >= 0).all():  # NaN fails too
        raise ValueError("prior holds negative values or NaN. It must be a share for each bin: color_prior makes one.")
    total = prior.sum().item()
    if not abs(total - 1) < 1e-3:
        raise ValueError(f"prior sums to {total:.6g} instead of 1. For counts, use counts / counts.sum().")
