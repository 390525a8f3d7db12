"""Color as a distribution: the 313 bins of the ab plane, targets for a classifier, and the way back to one color.

R. Zhang, P. Isola and A. A. Efros, "Colorful Image Colorization" (ECCV 2016), sections 2.1 and 2.2. The bins lie on a grid of step 10, those
that the authors published.
"""

import torch

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


def soft_targets(ab, k=5, sigma=5.0):
    """The k nearest bins of every pixel and their weights: what `encode_soft` says, without its zeros.

    Parameters
    ----------
    ab : tensor, (B, 2, H, W)
        Natural units.
    k : int
        How many bins, nearest first.
    sigma : float
        Of the Gaussian that turns distances into weights, in units of a and b.

    Returns
    -------
    index : long tensor, (B, k, H, W)
        Places in `AB_BINS`.
    weights : tensor, (B, k, H, W)
        Positive; the sum over k is 1.
    """
    points = ab.movedim(1, -1).reshape(-1, 2)
    squared, index = ((points[:, None] - AB_BINS) ** 2).sum(-1).topk(k, largest=False)
    weights = (-squared / (2 * sigma**2)).softmax(dim=-1)
    shape = (len(ab), *ab.shape[2:], k)
    return index.reshape(shape).movedim(-1, 1), weights.reshape(shape).movedim(-1, 1)


def encode_hard(ab):
    """The nearest bin of every pixel: long, (B, H, W)."""
    return soft_targets(ab, k=1)[0][:, 0]


def encode_soft(ab, k=5, sigma=5.0):
    """The target distribution of every pixel: the k nearest bins, weighted by a Gaussian of their distance: (B, 313, H, W)."""
    index, weights = soft_targets(ab, k, sigma)
    return torch.zeros(len(ab), COUNT, *ab.shape[2:]).scatter_(1, index, weights)


def annealed_mean(logits, temperature=0.38):
    """One color for every pixel: the mean of the bins after the distribution was sharpened (section 2.3).

    Parameters
    ----------
    logits : tensor, (B, 313, H, W)
        The logarithm of the distribution, up to a constant per pixel.
    temperature : float
        1 gives the mean, 0.38 is the paper's choice, towards 0 it becomes the mode.

    Returns
    -------
    ab : tensor, (B, 2, H, W)
        Natural units.
    """
    shares = (logits / temperature).softmax(dim=1)
    return torch.einsum("bqhw,qc->bchw", shares, AB_BINS.to(shares))


def color_prior(ab_batches, sigma=5.0):
    """How often each bin occurs in real pictures, smoothed in the ab plane (section 2.2): (313,), sum 1.

    Parameters
    ----------
    ab_batches : iterable of tensors, (B, 2, H, W)
        Natural units.
    sigma : float
        Of the Gaussian in units of a and b, not along the index of the bins. 0 leaves the counts as they are.
    """
    counts = torch.zeros(COUNT)
    for ab in ab_batches:
        counts += torch.bincount(encode_hard(ab).flatten(), minlength=COUNT)
    return smooth(counts / counts.sum(), sigma)


def smooth(prior, sigma=5.0):
    """Spread each bin over its neighbors in the ab plane with a Gaussian; the sum stays what it was: (313,)."""
    if sigma == 0:
        return prior
    kernel = torch.exp(-torch.cdist(AB_BINS, AB_BINS).square() / (2 * sigma**2))
    return (kernel / kernel.sum(dim=0, keepdim=True)) @ prior


def rebalancing_weights(prior, mixing=0.5):
    """The weight of each bin in the loss (section 2.2, equation 4): (313,); its expectation under the prior is 1.

    Parameters
    ----------
    prior : tensor, (313,)
        From `color_prior`.
    mixing : float, 0 to 1
        With the uniform distribution over the bins that occur: 0 weighs by 1 / prior, 1 gives every bin the weight 1.
    """
    weights = 1 / ((1 - mixing) * prior + mixing / (prior > 0).sum())
    return weights / (prior @ weights)
