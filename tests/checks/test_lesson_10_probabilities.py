"""The exercises of lesson 10 about probabilities: the calibration error and the base rate."""

import math

import numpy as np
import torch
from scipy.special import expit, logit
from sklearn.calibration import calibration_curve

from course_lib.deepfake import calibrate
from tests.checks.tables import table_tests


def stub(*arguments): ...  # your code here


# ---- the calibration error


def parts(p, y, bins, reshape=lambda each, bins: each.reshape(bins, -1), dim=1):
    order = p.argsort()
    return [reshape(each[order], bins).mean(dim=dim) for each in (p, y.float())]


def gaps(p, y, bins, **how):
    told, true = parts(p, y, bins, **how)
    return told - true


def error(p, y, bins):
    return gaps(p, y, bins).abs().mean()


def error_part_by_part(p, y, bins):
    cases = sorted(zip(p.tolist(), y.tolist(), strict=True))
    count = len(cases) // bins
    total = 0
    for start in range(0, len(cases), count):
        told, true = zip(*cases[start : start + count], strict=True)
        total += abs(sum(told) / count - sum(true) / count)
    return total / bins


def error_with_numpy(p, y, bins):
    order = np.argsort(-p.numpy())
    each = zip(np.array_split(p.numpy()[order], bins), np.array_split(y.numpy()[order], bins), strict=True)
    return np.mean([abs(told.mean() - true.mean()) for told, true in each])


def error_with_sklearn(p, y, bins):
    true, told = calibration_curve(y.numpy(), p.numpy(), n_bins=bins, strategy="quantile")
    return np.abs(true - told).mean()


def equally_wide(p, y, bins, weigh=True):
    place = (p * bins).long().clamp(max=bins - 1)
    inside = [place == each for each in range(bins) if (place == each).any()]
    found = torch.stack([(p[rows].mean() - y[rows].mean()).abs() for rows in inside])
    return (found * torch.stack([rows.float().mean() for rows in inside])).sum() if weigh else found.mean()


def confident(measure):
    return lambda p, y, bins: measure(torch.maximum(p, 1 - p), ((p >= 0.5) == y.bool()).float(), bins)


def middles(p, bins):
    rows = p.sort().values.reshape(bins, -1)
    return (rows[:, 0] + rows[:, -1]) / 2, rows.median(dim=1).values


ECE_RIGHT = {
    "reshaped": error,
    "part by part": error_part_by_part,
    "chunks": lambda p, y, bins: error(p.double(), y.long(), bins).item(),
    "bool": lambda p, y, bins: error(p, y == 1, bins),
    "numpy, falling": error_with_numpy,
    "scikit-learn": error_with_sklearn,
    "library": lambda p, y, bins: calibrate.ece(p, y, bins=bins),
}
ECE_WRONG = {
    "stub": (stub, "no answer yet"),
    "not sorted": (lambda p, y, bins: (p - y).reshape(bins, -1).mean(dim=1).abs().mean(), "are not sorted by their"),
    "half sorted": (
        lambda p, y, bins: (p.sort().values - y).reshape(bins, -1).mean(dim=1).abs().mean(),
        "only the probabilities are sorted",
    ),
    "squares": (lambda *three: gaps(*three).square().mean(), "are squared"),
    "root": (lambda *three: gaps(*three).square().mean().sqrt(), "the root of the mean square"),
    "largest": (lambda *three: gaps(*three).abs().max(), "the largest distance"),
    "sum": (lambda *three: gaps(*three).abs().sum(), "this is a sum"),
    "signed": (lambda *three: gaps(*three).mean(), "both signs cancel"),
    "other sign": (lambda *three: gaps(*three).mean().abs(), "comes too late"),
    "wide": (equally_wide, "equally wide. They"),
    "wide, not weighed": (lambda *three: equally_wide(*three, weigh=False), "equally wide, and few"),
    "confidence": (confident(error), "of the confidence, how often"),
    "confidence, wide": (confident(equally_wide), "of the confidence, in parts"),
    "right answers": (lambda p, y, bins: error(p, (p >= 0.5) == y.bool(), bins), "not with the share of right answers"),
    "P(real)": (lambda p, y, bins: error(1 - p, y, bins), "takes P(real)"),
    "genuine": (lambda p, y, bins: (parts(p, y, bins)[0] - 1 + parts(p, y, bins)[1]).abs().mean(), "takes P(real)"),
    "single": (lambda p, y, bins: (p - y).abs().mean(), "of each single case"),
    "Brier": (lambda p, y, bins: (p - y).square().mean(), "the Brier score"),
    "of so many": (lambda p, y, bins: error(p, y, len(p) // bins), "so many cases in each"),
    "cards": (
        lambda *three: gaps(*three, reshape=lambda each, bins: each.reshape(-1, bins), dim=0).abs().mean(),
        "dealt out like cards",
    ),
    "wrong axis": (lambda *three: gaps(*three, dim=0).abs().mean(), "the wrong axis"),
    "sigmoid": (lambda p, y, bins: error(p.sigmoid(), y, bins), "a sigmoid was applied"),
    "middle": (lambda p, y, bins: (middles(p, bins)[0] - parts(p, y, bins)[1]).abs().mean(), "the middle of each"),
    "median": (lambda p, y, bins: (middles(p, bins)[1] - parts(p, y, bins)[1]).abs().mean(), "the median of each"),
    "rounded": (lambda p, y, bins: ((p > 0.5).float().mean() - y.mean()).abs(), "not yet"),
    "decisions": (
        lambda p, y, bins: ((p.sort().values > 0.5).float() - y[p.argsort()]).reshape(bins, -1).mean(1).abs().mean(),
        "rounded to 0 and 1",
    ),
    "always 5": (lambda p, y, bins: error(p, y, 5), "wrong for 60 in 3"),
    "always 12": (lambda p, y, bins: error(p[:60], y[:60], len(p[:60]) // 12), "wrong for 60 in 3"),
    "each part": (lambda *three: gaps(*three).abs(), "one number is asked for"),
    "reliability": (lambda *three: gaps(*three).abs().mean() / 2, "not yet"),
}

# ---- the base rate


def odds(p):
    return p / (1 - p)


def back(o):
    return o / (1 + o)


def bayes(p, rate):
    return p * rate / (p * rate + (1 - p) * (1 - rate))


RATE_RIGHT = {
    "odds": lambda p, r: back(odds(p) * r / (1 - r)),
    "Bayes": bayes,
    "log odds": lambda p, r: (torch.logit(p) + math.log(r / (1 - r))).sigmoid(),
    "genuine over fake": lambda p, r: 1 / (1 + (1 - p) / p * (1 - r) / r),
    "one by one": lambda p, r: [bayes(each.item(), r) for each in p],
    "double": lambda p, r: bayes(p.double(), r),
    "scipy": lambda p, r: expit(logit(p.numpy()) + logit(r)),
    "library": lambda p, r: calibrate.Calibration().probability(torch.logit(p), r),
}
RATE_WRONG = {
    "stub": (stub, "no answer yet"),
    "rate inverted": (lambda p, r: bayes(p, 1 - r), "the odds of the rate are inverted"),
    "p inverted": (lambda p, r: bayes(1 - p, r), "the odds of p are inverted"),
    "P(real)": (lambda p, r: 1 - bayes(p, r), "this is P(real)"),
    "product": (lambda p, r: p * r, "p times the rate"),
    "p times odds": (lambda p, r: p * odds(r), "p times the odds of the rate"),
    "over one half": (lambda p, r: p * r / 0.5, "the rate over one half"),
    "rate as odds": (lambda p, r: back(odds(p) * r), "A rate is no odds"),
    "log of the rate": (lambda p, r: (torch.logit(p) + math.log(r)).sigmoid(), "A rate is no odds"),
    "p as odds": (lambda p, r: back(p * odds(r)), "1 - p is forgotten"),
    "odds left": (lambda p, r: odds(p) * odds(r), "not renormalized"),
    "log odds left": (lambda p, r: torch.logit(p) + math.log(odds(r)), "these are log odds"),
    "odds of odds": (lambda p, r: odds(odds(p) * odds(r)), "not by odds / (1 - odds)"),
    "no log of p": (lambda p, r: (p + math.log(odds(r))).sigmoid(), "log of the odds of p is forgotten"),
    "no log of the rate": (lambda p, r: (torch.logit(p) + r).sigmoid(), "log of the odds of the rate is forgotten"),
    "odds of the rate": (lambda p, r: (torch.logit(p) + odds(r)).sigmoid(), "were added to log odds. Add"),
    "logs multiplied": (lambda p, r: (torch.logit(p) * math.log(odds(r))).sigmoid(), "log odds are multiplied"),
    "odds added": (lambda p, r: back(odds(p) + odds(r)), "the odds are added"),
    "unchanged": (lambda p, r: p, "nothing has changed"),
    "rate": (lambda p, r: torch.full_like(p, r), "this is the rate"),
    "mean": (lambda p, r: (p + r) / 2, "the mean of p and the rate"),
    "over pictures": (lambda p, r: p * r / (p * r).sum(), "over all pictures"),
    "twice": (lambda p, r: bayes(bayes(p, r), r), "counts twice"),
    "always a tenth": (lambda p, r: bayes(p, 0.1), "wrong for 0.5"),
    "one of them": (lambda p, r: bayes(p[0], r), "shape"),
    "something else": (lambda p, r: p**2, "not yet"),
}

EXERCISES = {"10.ece": (ECE_RIGHT, ECE_WRONG), "10.base_rate": (RATE_RIGHT, RATE_WRONG)}

test_right_answers_pass, test_wrong_answers_get_their_hint, test_hints_differ = table_tests(
    EXERCISES, general=["takes P(real)", "A rate is no odds", "wrong for 60 in 3"]
)
