"""The exercises of lesson 04: the prior, smoothing in the plane, the weights, undoing them, and the rebalanced AuC."""

import torch
from skimage.color import rgb2lab

from course_lib import bins, color, metrics
from course_lib.checks.checker import Wrong, call_for_tensor, checker, close, one_number, random_numbers, reject_known


def _distribution(result, tolerance=1e-3):
    if (result < 0).any():
        raise Wrong("there are negative shares. A share of pixels is 0 or more.")
    if abs(result.sum().item() - 1) > tolerance:
        raise Wrong(f"the shares sum to {result.sum().item():.4g}. They must sum to 1: divide by the sum.")


# ---- the prior


def _pictures():
    """Pictures with colors of many kinds, uint8 (B, 3, H, W)."""
    return (255 * random_numbers(2, 3, 24, 32).lerp(random_numbers(2, 3, 1, 1, seed=1), 0.6)).to(torch.uint8)


def _shares_of(ab):
    """Shares of the nearest bins of color maps (B, 2, H, W)."""
    counts = torch.bincount(bins.encode_hard(ab.float()).flatten(), minlength=bins.COUNT)
    return counts / counts.sum()


def _lab_of_255(pictures):
    """What scikit-image makes of floats from 0 to 255, which it takes for 0 to 1: Lab (B, 3, H, W)."""
    return torch.from_numpy(rgb2lab(pictures.double().numpy(), channel_axis=1)).float()


@checker("04.prior")
def _prior(answer):
    pictures = _pictures()
    result = call_for_tensor(answer, pictures, shape=(bins.COUNT,))
    lab = color.rgb_to_lab(pictures)
    right = _shares_of(lab[:, 1:])
    if close(result, right, 2e-3):  # a pixel on the edge of two bins may go either way
        return "right: sRGB in [0, 1], then Lab, then the nearest bin, then shares."
    smoothed = bins.smooth(right)
    mistakes = (
        ("these are counts. Divide by their sum: a prior is a distribution.", right * pictures[:, 0].numel()),
        (
            "these colors were made of values from 0 to 255 that were taken for 0 to 1. Scale first.",
            _shares_of(_lab_of_255(pictures)[:, 1:]),
        ),
        (
            "everything is in the bin of gray: either the pictures were divided by 255 twice, or ab by 110. Bins are in natural units.",
            _shares_of(lab[:, 1:] / 110),
        ),
        (
            "red and blue are exchanged: channels come in the order R, G, B.",
            _shares_of(color.rgb_to_lab(pictures.flip(1))[:, 1:]),
        ),
        ("a and b are exchanged: a is channel 1 of Lab, b is channel 2.", _shares_of(lab[:, 1:].flip(1))),
        ("L and a were taken for a and b. Leave out channel 0.", _shares_of(lab[:, :2])),
        ("this is smoothed already. That is the next exercise: give the shares as they are.", smoothed),
        ("this is where a color occurs at all. Count how often.", (right > 0).float() / (right > 0).sum()),
    )
    reject_known(result, mistakes, 2e-3)
    _distribution(result)
    raise Wrong("not yet. For a picture that is gray everywhere, the bin (0, 0) must have the share 1.")


# ---- smoothing


def _plane_kernel(sigma, power=2, factor=2.0):
    """exp(-d^2 / (factor sigma^2)) between the centers of the bins: (313, 313), not normalized."""
    distance = torch.cdist(bins.AB_BINS.double(), bins.AB_BINS.double())
    return torch.exp(-(distance**power) / (factor * sigma**power))


def _index_kernel(sigma):
    place = torch.arange(bins.COUNT, dtype=torch.float64)
    return torch.exp(-(place[:, None] - place).square() / (2 * sigma**2))


@checker("04.smooth")
def _smooth(answer):
    prior = random_numbers(bins.COUNT, seed=2).double() ** 4
    prior, sigma = (prior / prior.sum()).float(), 7.0
    result = call_for_tensor(answer, prior, sigma, shape=(bins.COUNT,))
    exact, kernel = prior.double(), _plane_kernel(sigma)
    right = kernel / kernel.sum(dim=0) @ exact
    if close(result, right, 2e-6):
        return "right. Each bin gives to its neighbors in the plane, and nothing is lost on the way."
    index, thin = _index_kernel(sigma), _plane_kernel(sigma, factor=2 / sigma)
    mistakes = (
        ("this runs along the list. Take distances between the centers in AB_BINS.", index / index.sum(dim=0) @ exact),
        (
            "this runs along the list, in steps of 10. Take distances between the centers in AB_BINS.",
            _over_sum(_index_kernel(sigma / 10)) @ exact,
        ),
        (
            "the wrong axis: each bin must give away exactly what it has, so the columns of the kernel sum to 1.",
            kernel / kernel.sum(dim=1, keepdim=True) @ exact,
        ),
        ("the kernel is not normalized: the sum of the prior has changed.", kernel @ exact),
        (
            "normalize each column of the kernel, not the result: bins at the edge have fewer neighbors, and would lose.",
            _unit(kernel @ exact),
        ),
        ("2 sigma instead of 2 sigma squared in the exponent.", _over_sum(thin) @ exact),
        ("sigma squared without the 2 in the exponent.", _over_sum(_plane_kernel(sigma, factor=1.0)) @ exact),
        ("the distance is not squared: this is no Gaussian.", _over_sum(_plane_kernel(sigma, power=1)) @ exact),
        ("this is the prior as it was. Has sigma no effect?", exact),
    )
    reject_known(result, mistakes, 2e-6)
    raise Wrong("not yet. A bin in the middle must give as much to its neighbor above as to the one on its right.")


def _over_sum(kernel):
    return kernel / kernel.sum(dim=0)


def _unit(shares):
    return shares / shares.sum()


# ---- the weights


@checker("04.weights")
def _weights(answer):
    prior = random_numbers(bins.COUNT, seed=3).double() ** 6
    prior[random_numbers(bins.COUNT, seed=4) < 0.2] = 0
    prior, mixing = _unit(prior).float(), 0.3
    result = call_for_tensor(answer, prior, mixing, shape=(bins.COUNT,))
    seen = prior > 0
    right = _mixed(prior, mixing, seen.sum())
    if close(result / right, torch.ones(bins.COUNT), 1e-3):
        return "right. Under the prior the mean weight is 1, so the loss keeps its size."
    plain = 1 / ((1 - mixing) * prior.double() + mixing / seen.sum())
    mistakes = (
        ("the mixing is exchanged: with a mixing of 1 every bin must weigh 1.", _mixed(prior, 1 - mixing, seen.sum())),
        ("not scaled yet: divide by the expectation under the prior, the sum of prior times weight.", plain),
        (
            "scaled to a mean of 1 over the bins. The expectation under the prior must be 1: rare bins are rarely met.",
            plain / plain.mean(),
        ),
        ("scaled to the sum 1. The expectation under the prior must be 1.", _unit(plain)),
        ("scaled to the largest weight 1. The expectation under the prior must be 1.", plain / plain.max()),
        ("uniform over all 313 bins. Count only the bins that occur.", _mixed(prior, mixing, bins.COUNT)),
        (
            "this is the mixture itself. Rare bins must weigh more: take its inverse.",
            _expectation_one(1 / plain, prior),
        ),
        ("this is the mixture itself. Rare bins must weigh more: take its inverse.", 1 / plain),
        ("mixing / Q' is missing: this is 1 over the share alone.", _mixed(prior, mixing, torch.inf)),
    )
    for hint, mistaken in mistakes:
        if close(result / mistaken, torch.ones(bins.COUNT), 1e-3):
            raise Wrong(hint)
    raise Wrong("not yet. Try a mixing of 1: every bin must get the weight 1. Then a prior that is uniform: the same.")


def _mixed(prior, mixing, count):
    return _expectation_one(1 / ((1 - mixing) * prior.double() + mixing / count), prior)


def _expectation_one(weights, prior):
    return weights / (prior.double() * weights)[prior > 0].sum()


# ---- undoing the weights


@checker("04.undo")
def _undo(answer):
    shares = _unit_bins(random_numbers(2, bins.COUNT, 3, 4, seed=5).double() ** 4).float()
    weights = 0.1 + 6 * random_numbers(bins.COUNT, seed=6)
    result = call_for_tensor(answer, shares, weights, shape=tuple(shares.shape))
    exact, column = shares.double(), weights.double()[:, None, None]
    right = _unit_bins(exact / column)
    if close(result, right, 1e-6):
        return "right. What is left is how often, as far as the network knows."
    mistakes = (
        ("multiplied: that rebalances a second time. Divide by the weights.", _unit_bins(exact * column)),
        ("the shares of a pixel must sum to 1 again: divide by their sum over the bins, dim=1.", exact / column),
        (
            "the wrong axis: this sums over pictures. The bins are dim=1.",
            (exact / column) / (exact / column).sum(dim=0, keepdim=True),
        ),
        (
            "divided by the sum over everything. Each pixel has a distribution of its own: sum over dim=1.",
            (exact / column) / (exact / column).sum(),
        ),
        (
            "a softmax of shares is no distribution anybody asked for: divide by the sum instead.",
            (exact / column).softmax(dim=1),
        ),
        ("nothing has changed. Divide by the weights before the sum.", exact),
    )
    reject_known(result, mistakes, 1e-6)
    raise Wrong("not yet. With all weights equal, nothing may change.")


def _unit_bins(shares):
    return shares / shares.sum(dim=1, keepdim=True)


# ---- the rebalanced AuC


@checker("04.rebalanced_auc")
def _rebalanced_auc(answer):
    pred, true = 60 * random_numbers(2, 2, 5, 6, seed=7) - 30, 60 * random_numbers(2, 2, 5, 6, seed=8) - 30
    pred[0, :, :2] += 150  # some misses are larger than the largest threshold
    weights = 0.1 + 5 * random_numbers(2, 5, 6, seed=9) ** 3
    result = one_number(call_for_tensor(answer, pred, true, weights))
    right = torch.tensor(metrics.auc(pred, true, weights=weights), dtype=torch.float64)
    if close(result, right, 4e-3):  # the curve in whole thresholds, or exactly
        return "right. A vivid pixel that is missed now costs as much as all the gray ones around it."
    distance = (pred - true).norm(dim=1).double()
    accuracy, heavy = 1 - distance.clamp(max=150) / 150, weights.double()
    mistakes = (
        ("the weights are not used: this is the plain AuC.", accuracy.mean()),
        ("divide by the sum of the weights, not by the number of pixels.", (accuracy * heavy).mean()),
        ("this is a sum. Divide by the sum of the weights.", (accuracy * heavy).sum()),
        (
            "this is the sum over the thresholds. Take their mean: AuC lies between 0 and 1.",
            _curve(distance, heavy).sum(),
        ),
        (
            "the inverse: common colors weigh more here. Use the weights as they are.",
            (accuracy / heavy).sum() / (1 / heavy).sum(),
        ),
        ("this is 1 less the AuC: the share that is missed.", 1 - right),
        ("the squared distance is compared with the thresholds: take its root.", _auc_of(distance.square(), heavy)),
        (
            "|a| plus |b| is not the distance in the plane: take the root of the sum of squares.",
            _auc_of((pred - true).abs().sum(dim=1).double(), heavy),
        ),
        ("misses beyond 150 must count as 150, and not as more.", ((1 - distance / 150) * heavy).sum() / heavy.sum()),
    )
    reject_known(result, mistakes, 4e-3)
    raise Wrong("not yet. A perfect answer has 1. An answer that is 75 off everywhere has one half.")


def _curve(distance, weights):
    """The share of the weight within each threshold from 0 to 150: (151,)."""
    return torch.stack([(weights * (distance <= threshold)).sum() for threshold in range(151)]) / weights.sum()


def _auc_of(distance, weights):
    return ((1 - distance.clamp(max=150) / 150) * weights).sum() / weights.sum()
