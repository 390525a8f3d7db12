"""The exercises of lesson 04: every right answer that was tried passes, and each known mistake gets its own hint."""

import numpy as np
import torch
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist
from skimage.color import rgb2lab

from course_lib import bins, color, metrics
from tests.checks.tables import table_tests


def stub(*arguments): ...  # your code here


# ---- the prior


def shares(ab):
    counts = torch.bincount(bins.encode_hard(ab).flatten(), minlength=313)
    return counts / counts.sum()


def prior_by_tree(pictures):
    ab = rgb2lab(pictures.numpy(), channel_axis=1)[:, 1:].transpose(0, 2, 3, 1).reshape(-1, 2)
    _, places = cKDTree(bins.AB_BINS.numpy()).query(ab)
    return np.bincount(places, minlength=313) / len(places)


def prior_one_by_one(pictures):
    each = [shares(color.rgb_to_lab(picture.float() / 255)[None, 1:]) for picture in pictures]
    return sum(each) / len(each)


def lab_of(change):
    """The right way, with a mistake between pictures and bins."""
    return lambda pictures: shares(change(color.rgb_to_lab(pictures)))


def from_0_to_255(pictures):
    return shares(torch.from_numpy(rgb2lab(pictures.double().numpy(), channel_axis=1))[:, 1:].float())


PRIOR_RIGHT = {
    "uint8": lab_of(lambda lab: lab[:, 1:]),
    "floats": lambda pictures: shares(color.rgb_to_lab(pictures.float() / 255)[:, 1:]),
    "color_prior without smoothing": lambda pictures: bins.color_prior([color.rgb_to_lab(pictures)[:, 1:]], sigma=0),
    "scikit-image and a tree": prior_by_tree,
    "one by one": prior_one_by_one,
    "soft targets": lambda pictures: (
        torch.bincount(bins.soft_targets(color.rgb_to_lab(pictures)[:, 1:], k=1)[0].flatten(), minlength=313)
        / pictures[:, 0].numel()
    ),
}
PRIOR_WRONG = {
    "stub": (stub, "no answer yet"),
    "0 to 255, with our library": (
        lambda pictures: shares(color.rgb_to_lab(pictures.float())[:, 1:]),
        "They look like 0..255",
    ),
    "0 to 255, with scikit-image": (from_0_to_255, "taken for 0 to 1"),
    "divided twice": (lambda pictures: shares(color.rgb_to_lab(pictures / 255**2)[:, 1:]), "in the bin of gray"),
    "counts": (lambda pictures: PRIOR_RIGHT["uint8"](pictures) * pictures[:, 0].numel(), "these are counts"),
    "BGR": (lambda pictures: PRIOR_RIGHT["uint8"](pictures.flip(1)), "red and blue are exchanged"),
    "a and b exchanged": (lab_of(lambda lab: lab[:, 1:].flip(1)), "a and b are exchanged"),
    "L and a": (lab_of(lambda lab: lab[:, :2]), "L and a were taken"),
    "network units": (lab_of(lambda lab: lab[:, 1:] / 110), "in the bin of gray"),
    "smoothed": (lambda pictures: bins.smooth(PRIOR_RIGHT["uint8"](pictures)), "smoothed already"),
    "occurs": (lambda pictures: torch.unique(bins.encode_hard(color.rgb_to_lab(pictures)[:, 1:])).float(), "shape"),
    "occurs at all": (
        lambda pictures: (PRIOR_RIGHT["uint8"](pictures) > 0) / (PRIOR_RIGHT["uint8"](pictures) > 0).sum(),
        "Count how often",
    ),
    "not a distribution": (lambda pictures: torch.ones(313), "They must sum to 1"),
    "something else": (lambda pictures: torch.full((313,), 1 / 313), "not yet"),
}

# ---- smoothing


def smooth_by_loop(prior, sigma):
    result = torch.zeros(313)
    for share, center in zip(prior, bins.AB_BINS, strict=True):
        weight = torch.exp(-((bins.AB_BINS - center) ** 2).sum(dim=1) / (2 * sigma**2))
        result += share * weight / weight.sum()
    return result


def smooth_by_softmax(prior, sigma):
    squared = torch.cdist(bins.AB_BINS, bins.AB_BINS).square()
    return prior @ (-squared / (2 * sigma**2)).softmax(dim=1)


def smooth_with_scipy(prior, sigma):
    kernel = np.exp(-cdist(bins.AB_BINS, bins.AB_BINS, "sqeuclidean") / (2 * sigma**2))
    return (kernel / kernel.sum(axis=0)) @ prior.numpy()


def plane(sigma, power=2, scale=2.0):
    return torch.exp(-(torch.cdist(bins.AB_BINS, bins.AB_BINS) ** power) / (scale * sigma**power))


def along_list(sigma):
    place = torch.arange(313.0)
    return torch.exp(-((place[:, None] - place) ** 2) / (2 * sigma**2))


def normalized(kernel):
    return kernel / kernel.sum(dim=0)


SMOOTH_RIGHT = {
    "library": bins.smooth,
    "loop": smooth_by_loop,
    "softmax": smooth_by_softmax,
    "scipy": smooth_with_scipy,
}
SMOOTH_WRONG = {
    "stub": (stub, "no answer yet"),
    "along the list": (lambda p, s: normalized(along_list(s)) @ p, "along the list. Take"),
    "along the list, in steps": (lambda p, s: normalized(along_list(s / 10)) @ p, "in steps of 10"),
    "wrong axis": (lambda p, s: plane(s) / plane(s).sum(dim=1, keepdim=True) @ p, "the wrong axis"),
    "not normalized": (lambda p, s: plane(s) @ p, "not normalized"),
    "normalized afterwards": (lambda p, s: plane(s) @ p / (plane(s) @ p).sum(), "normalize each column"),
    "2 sigma": (
        lambda p, s: normalized(torch.exp(-(torch.cdist(bins.AB_BINS, bins.AB_BINS) ** 2) / (2 * s))) @ p,
        "2 sigma instead",
    ),
    "without the 2": (lambda p, s: normalized(plane(s, scale=1.0)) @ p, "without the 2"),
    "not squared": (lambda p, s: normalized(plane(s, power=1)) @ p, "not squared"),
    "nothing done": (lambda p, s: p, "as it was"),
    "kernel": (lambda p, s: normalized(plane(s)), "shape"),
    "something else": (lambda p, s: torch.full((313,), 1 / 313), "not yet"),
}

# ---- the weights


def weights_by_loop(prior, mixing):
    count = sum(1 for share in prior if share > 0)
    weights = [1 / ((1 - mixing) * share.item() + mixing / count) for share in prior]
    mean = sum(share.item() * weight for share, weight in zip(prior, weights, strict=True))
    return [weight / mean for weight in weights]


def mixture(prior, mixing, count=None):
    return (1 - mixing) * prior + mixing / ((prior > 0).sum() if count is None else count)


def expect_one(weights, prior):
    return weights / (prior * weights).sum()


WEIGHTS_RIGHT = {
    "library": bins.rebalancing_weights,
    "loop": weights_by_loop,
    "in doubles": lambda p, m: expect_one(1 / mixture(p.double(), m), p.double()),
    "lerp": lambda p, m: expect_one(1 / torch.lerp(p, torch.ones(313) / (p > 0).sum(), m), p),
}
WEIGHTS_WRONG = {
    "stub": (stub, "no answer yet"),
    "mixing exchanged": (lambda p, m: expect_one(1 / mixture(p, 1 - m), p), "mixing is exchanged"),
    "not scaled": (lambda p, m: 1 / mixture(p, m), "not scaled yet"),
    "mean 1": (lambda p, m: 1 / mixture(p, m) / (1 / mixture(p, m)).mean(), "mean of 1 over the bins"),
    "sum 1": (lambda p, m: 1 / mixture(p, m) / (1 / mixture(p, m)).sum(), "scaled to the sum 1"),
    "largest 1": (lambda p, m: 1 / mixture(p, m) / (1 / mixture(p, m)).max(), "scaled to the largest"),
    "all 313": (lambda p, m: expect_one(1 / mixture(p, m, 313), p), "over all 313 bins"),
    "no inverse": (lambda p, m: expect_one(mixture(p, m), p), "take its inverse"),
    "inverse share": (lambda p, m: expect_one(1 / ((1 - m) * p.clamp(min=1e-12)), p), "not yet"),
    "one number": (lambda p, m: (1 / mixture(p, m)).sum(), "shape"),
    "division by zero": (lambda p, m: 1 / p, "division by zero"),
    "something else": (lambda p, m: torch.ones(313), "not yet"),
}

# ---- undoing the weights


def by_bins(x):
    return x / x.sum(dim=1, keepdim=True)


def column(weights):
    return weights[:, None, None]


UNDO_RIGHT = {
    "divide": lambda q, w: by_bins(q / column(w)),
    "logarithms": lambda q, w: (q.log() - column(w).log()).softmax(dim=1),
    "bins last": lambda q, w: by_bins((q.movedim(1, -1) / w).movedim(-1, 1)),
    "numpy": lambda q, w: (lambda x: x / x.sum(axis=1, keepdims=True))(q.numpy() / w.numpy()[None, :, None, None]),
}
UNDO_WRONG = {
    "stub": (stub, "no answer yet"),
    "multiplied": (lambda q, w: by_bins(q * column(w)), "rebalances a second time"),
    "not normalized": (lambda q, w: q / column(w), "must sum to 1 again"),
    "over the pictures": (lambda q, w: (q / column(w)) / (q / column(w)).sum(dim=0), "sums over pictures"),
    "over everything": (lambda q, w: (q / column(w)) / (q / column(w)).sum(), "over everything"),
    "softmax": (lambda q, w: (q / column(w)).softmax(dim=1), "a softmax of shares"),
    "nothing": (lambda q, w: q, "nothing has changed"),
    "normalized first": (lambda q, w: by_bins(q), "nothing has changed"),
    "wrong shape": (lambda q, w: by_bins(q / column(w))[0], "shape"),
    "broadcast": (lambda q, w: q / w, "stops with RuntimeError"),
    "something else": (lambda q, w: by_bins(torch.ones_like(q)), "not yet"),
}

# ---- the rebalanced AuC


def auc_by_thresholds(pred, true, weights):
    distance = (pred - true).norm(dim=1)
    curve = [(weights * (distance <= threshold)).sum() / weights.sum() for threshold in range(151)]
    return torch.stack(curve).mean()


def auc_by_trapezoids(pred, true, weights):
    distance = (pred - true).norm(dim=1).numpy()
    inside = [np.average(distance <= threshold, weights=weights.numpy()) for threshold in range(151)]
    return np.trapezoid(inside) / 150


def accuracy(pred, true):
    return 1 - (pred - true).norm(dim=1).clamp(max=150) / 150


AUC_RIGHT = {
    "library": lambda p, t, w: metrics.auc(p, t, weights=w),
    "thresholds": auc_by_thresholds,
    "trapezoids": auc_by_trapezoids,
    "area": lambda p, t, w: (accuracy(p, t) * w).sum() / w.sum(),
}
AUC_WRONG = {
    "stub": (stub, "no answer yet"),
    "not weighted": (lambda p, t, w: accuracy(p, t).mean(), "weights are not used"),
    "over the pixels": (lambda p, t, w: (accuracy(p, t) * w).mean(), "not by the number of pixels"),
    "sum": (lambda p, t, w: (accuracy(p, t) * w).sum(), "this is a sum"),
    "sum of thresholds": (lambda p, t, w: 151 * auc_by_thresholds(p, t, w), "sum over the thresholds"),
    "inverse": (lambda p, t, w: (accuracy(p, t) / w).sum() / (1 / w).sum(), "the inverse"),
    "missed": (lambda p, t, w: 1 - metrics.auc(p, t, weights=w), "share that is missed"),
    "squared": (
        lambda p, t, w: ((1 - (p - t).square().sum(dim=1).clamp(max=150) / 150) * w).sum() / w.sum(),
        "take its root",
    ),
    "a plus b": (
        lambda p, t, w: ((1 - (p - t).abs().sum(dim=1).clamp(max=150) / 150) * w).sum() / w.sum(),
        "not the distance in the plane",
    ),
    "no largest threshold": (
        lambda p, t, w: ((1 - (p - t).norm(dim=1) / 150) * w).sum() / w.sum(),
        "must count as 150",
    ),
    "per pixel": (lambda p, t, w: accuracy(p, t) * w, "one number is asked for"),
    "something else": (lambda p, t, w: torch.tensor(0.123), "not yet"),
}

EXERCISES = {
    "04.prior": (PRIOR_RIGHT, PRIOR_WRONG),
    "04.smooth": (SMOOTH_RIGHT, SMOOTH_WRONG),
    "04.weights": (WEIGHTS_RIGHT, WEIGHTS_WRONG),
    "04.undo": (UNDO_RIGHT, UNDO_WRONG),
    "04.rebalanced_auc": (AUC_RIGHT, AUC_WRONG),
}

test_right_answers_pass, test_wrong_answers_get_their_hint, test_hints_differ = table_tests(
    EXERCISES, general=("nothing has changed", "in the bin of gray")
)
