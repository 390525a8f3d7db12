"""The exercises of lesson 03: every right answer that was tried passes, and each known mistake gets its own hint."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from course_lib import bins
from course_lib.bins import AB_BINS
from course_lib.checks import judge
from tests.checks.tables import table_tests


def stub(*arguments): ...  # your code here


# ---- the nearest bin


def by_counting(a, b):
    a, b = 10 * round(a / 10), 10 * round(b / 10)
    column = AB_BINS[AB_BINS[:, 0] == a, 1]
    return (AB_BINS[:, 0] < a).sum() + (b - column[0]) / 10


def by_comparing(a, b):
    center = torch.tensor([10 * round(a / 10), 10 * round(b / 10)])
    return (center == AB_BINS).all(dim=1).nonzero().item()


def by_dictionary(a, b):
    places = {(int(x), int(y)): n for n, (x, y) in enumerate(AB_BINS.tolist())}
    return places[round(a / 10) * 10, round(b / 10) * 10]


def by_floor_of_shifted(a, b):
    a, b = 10 * math.floor(a / 10 + 0.5), 10 * math.floor(b / 10 + 0.5)
    return by_comparing(a, b)


def rounded(a, b, way):
    """The place that another way of rounding leads to."""
    return by_comparing(10 * way(a / 10), 10 * way(b / 10))


def as_if_rectangular(a, b):
    return (round(a / 10) + 9) * 22 + round(b / 10) + 11


def b_slow(a, b):
    order = AB_BINS[np.lexsort((AB_BINS[:, 0], AB_BINS[:, 1]))]
    center = torch.tensor([10 * round(a / 10), 10 * round(b / 10)])
    return (order == center).all(dim=1).nonzero().item()


NEAREST_RIGHT = {
    "counting": by_counting,
    "comparing": by_comparing,
    "a dictionary": by_dictionary,
    "floor of the shifted": by_floor_of_shifted,
    "the library": lambda a, b: bins.encode_hard(torch.tensor([a, b])[None, :, None, None]),
    "a search": lambda a, b: torch.cdist(torch.tensor([[a, b]]), AB_BINS).argmin(),
}
NEAREST_WRONG = {
    "stub": (stub, "no answer yet"),
    "a and b exchanged": (lambda a, b: by_counting(b, a), "a and b are exchanged"),
    "from 1": (lambda a, b: by_counting(a, b) + 1, "you count from 1"),
    "floor": (lambda a, b: rounded(a, b, math.floor), "always rounds down"),
    "int": (lambda a, b: rounded(a, b, int), "cuts off the digits"),
    "rectangle": (as_if_rectangular, "equally long"),
    "b slow": (b_slow, "a is the slow one"),
    "start of the column": (
        lambda a, b: (AB_BINS[:, 0] < 10 * round(a / 10)).sum(),
        "where the column of that a begins",
    ),
    "within the column": (
        lambda a, b: (10 * round(b / 10) - AB_BINS[AB_BINS[:, 0] == 10 * round(a / 10), 1][0]) / 10,
        "place within its column",
    ),
    "the center": (lambda a, b: torch.tensor([10 * round(a / 10), 10 * round(b / 10)]), "one number is asked for"),
    "no steps of 10": (
        lambda a, b: (torch.tensor([round(a / 10), round(b / 10)]) == AB_BINS).all(dim=1).nonzero().item(),
        "your answer stops with",
    ),
    "something else": (lambda a, b: 7, "not yet"),
}

# ---- soft weights


def weights_by_hand(ab, centers, sigma):
    squared = ((ab - centers) ** 2).sum(dim=1)
    gauss = torch.exp(-squared / (2 * sigma**2))
    return gauss / gauss.sum()


def weights_by_loop(ab, centers, sigma):
    gauss = [math.exp(-((a - ab[0]) ** 2 + (b - ab[1]) ** 2) / (2 * sigma**2)) for a, b in centers.tolist()]
    return [value / sum(gauss) for value in gauss]


def squared_to(ab, centers):
    return (ab - centers).square().sum(dim=1)


def unnormalized(ab, centers, sigma):
    return torch.exp(-squared_to(ab, centers) / (2 * sigma**2))


WEIGHTS_RIGHT = {
    "by hand": weights_by_hand,
    "softmax": lambda ab, c, s: (-squared_to(ab, c) / (2 * s**2)).softmax(dim=0),
    "a loop": weights_by_loop,
    "cdist": lambda ab, c, s: F.softmax(-(torch.cdist(ab[None], c)[0] ** 2) / 2 / s**2, dim=0),
    "numpy": lambda ab, c, s: weights_by_loop(ab.numpy(), c, s),
    "the density of a Gaussian": lambda ab, c, s: (
        torch.distributions.Normal(ab, s).log_prob(c).sum(dim=1).softmax(dim=0)
    ),
}
WEIGHTS_WRONG = {
    "stub": (stub, "no answer yet"),
    "not normalized": (unnormalized, "do not sum to 1"),
    "2 sigma": (lambda ab, c, s: (-squared_to(ab, c) / (2 * s)).softmax(dim=0), "divides by 2 sigma."),
    "sigma": (lambda ab, c, s: (-squared_to(ab, c) / s).softmax(dim=0), "divides by sigma."),
    "sigma squared": (lambda ab, c, s: (-squared_to(ab, c) / s**2).softmax(dim=0), "the 2 is missing"),
    "not squared": (lambda ab, c, s: (-squared_to(ab, c).sqrt() / (2 * s**2)).softmax(dim=0), "are not squared"),
    "no minus": (lambda ab, c, s: (squared_to(ab, c) / (2 * s**2)).softmax(dim=0), "the minus in front"),
    "sigma of 5": (lambda ab, c, s: weights_by_hand(ab, c, 5), "you always use 5"),
    "a and b exchanged": (lambda ab, c, s: weights_by_hand(ab.flip(0), c, s), "a and b are exchanged"),
    "hard": (lambda ab, c, s: F.one_hot(squared_to(ab, c).argmin(), 5), "a hard target"),
    "exponential twice": (lambda ab, c, s: unnormalized(ab, c, s).softmax(dim=0), "softmax takes the exponential"),
    "sum before square": (
        lambda ab, c, s: (-(ab - c).sum(dim=1).square() / (2 * s**2)).softmax(dim=0),
        "added before they are squared",
    ),
    "over a and b": (lambda ab, c, s: (-((ab - c) ** 2) / (2 * s**2)).softmax(dim=1), "the shape should be"),
    "something else": (lambda ab, c, s: torch.full((5,), 0.2), "not yet"),
}

# ---- cross-entropy


def entropy_loss(logits, target, axis=1):
    return -(target * logits.log_softmax(dim=axis)).sum(dim=1).mean()


def entropy_by_loop(logits, target):
    costs = []
    for picture, true in zip(logits, target, strict=True):
        for y in range(picture.shape[1]):
            for x in range(picture.shape[2]):
                p = np.exp(picture[:, y, x].numpy())
                costs.append(-(true[:, y, x].numpy() * np.log(p / p.sum())).sum())
    return np.mean(costs)


CROSS_RIGHT = {
    "log_softmax": entropy_loss,
    "log of softmax": lambda z, t: -(t * z.softmax(dim=1).log()).sum(dim=1).mean(),
    "torch": F.cross_entropy,
    "logsumexp": lambda z, t: ((z.logsumexp(dim=1, keepdim=True) - z) * t).sum() / t[:, 0].numel(),
    "einsum": lambda z, t: -torch.einsum("bqhw,bqhw->bhw", t, z.log_softmax(1)).mean(),
    "a loop": entropy_by_loop,
}
CROSS_WRONG = {
    "stub": (stub, "no answer yet"),
    "sign": (lambda z, t: -entropy_loss(z, t), "the sign"),
    "over the pictures": (lambda z, t: entropy_loss(z, t, 0), "the softmax runs along the wrong axis"),
    "mean of everything": (lambda z, t: -(t * z.log_softmax(1)).mean(), "mean over the bins as well"),
    "sum of everything": (lambda z, t: -(t * z.log_softmax(1)).sum(), "sum over all pixels"),
    "summed over pixels": (lambda z, t: -(t * z.log_softmax(1)).sum(dim=(1, 2, 3)).mean(), "sum over the bins first"),
    "no softmax": (lambda z, t: -(t * z).sum(dim=1).mean(), "the logits are no shares yet"),
    "no logarithm": (lambda z, t: -(t * z.softmax(1)).sum(dim=1).mean(), "the logarithm is missing"),
    "exchanged": (lambda z, t: -(z.softmax(1) * t.log()).sum(dim=1).mean(), "answer and target are exchanged"),
    "hard": (lambda z, t: F.cross_entropy(z, t.argmax(dim=1)), "only the most likely bin"),
    "divergence": (lambda z, t: F.kl_div(z.log_softmax(1), t, reduction="sum") / 30, "subtracts the entropy"),
    "base 2": (lambda z, t: entropy_loss(z, t) / math.log(2), "base 2"),
    "L2": (lambda z, t: (z.softmax(1) - t).square().sum(dim=1).mean(), "L2 between shares"),
    "per pixel": (lambda z, t: -(t * z.log_softmax(1)).sum(dim=1), "one number is asked for"),
    "something else": (lambda z, t: z.mean(), "not yet"),
}

# ---- the annealed mean


def decode(logits, centers, temperature, axis=1):
    return mean_of((logits / temperature).softmax(dim=axis), centers)


def mean_of(shares, centers):
    return torch.stack([(shares * centers[:, channel, None, None]).sum(dim=1) for channel in (0, 1)], dim=1)


def decode_from_shares(logits, centers, temperature):
    shares = logits.softmax(dim=1) ** (1 / temperature)
    return mean_of(shares / shares.sum(dim=1, keepdim=True), centers)


DECODE_RIGHT = {
    "softmax": decode,
    "from the shares": decode_from_shares,
    "logarithm of the shares": lambda z, c, t: decode(z.softmax(dim=1).log(), c, t),
    "einsum": lambda z, c, t: torch.einsum("bqhw,qc->bchw", F.softmax(z / t, dim=1), c),
    "matrix product": lambda z, c, t: ((z / t).softmax(1).movedim(1, -1) @ c).movedim(-1, 1),
    "one by one": lambda z, c, t: torch.cat([decode(one[None], c, t) for one in z]),
}
DECODE_WRONG = {
    "stub": (stub, "no answer yet"),
    "multiplied": (lambda z, c, t: decode(z, c, 1 / t), "you multiplied by the temperature"),
    "on shares": (lambda z, c, t: mean_of((z.softmax(1) / t).softmax(1), c), "It belongs to their logarithm"),
    "softmax twice": (lambda z, c, t: mean_of(z.softmax(1).softmax(1), c), "softmax was taken twice"),
    "not normalized": (lambda z, c, t: mean_of(z.softmax(1) ** (1 / t), c), "normalize again"),
    "shares divided": (lambda z, c, t: mean_of(z.softmax(1) / t, c), "only scales the color"),
    "no temperature": (lambda z, c, t: decode(z, c, 1), "temperature is not used"),
    "always 0.38": (lambda z, c, t: decode(z, c, 0.38), "you always use 0.38"),
    "mode": (lambda z, c, t: c[z.argmax(dim=1)].movedim(-1, 1), "this is the mode"),
    "a and b exchanged": (lambda z, c, t: decode(z, c.flip(1), t), "a and b are exchanged"),
    "no softmax": (lambda z, c, t: mean_of(z / t, c), "these are logits"),
    "over the columns": (lambda z, c, t: decode(z, c, t, axis=-1), "the softmax runs along the wrong axis"),
    "channels last": (lambda z, c, t: decode(z, c, t).movedim(1, -1), "a and b come last"),
    "shares": (lambda z, c, t: (z / t).softmax(1), "a color map (B, 2, H, W)"),
    "something else": (lambda z, c, t: decode(z, c, t) + 1, "not yet"),
}

EXERCISES = {
    "03.nearest_bin": (NEAREST_RIGHT, NEAREST_WRONG),
    "03.soft_weights": (WEIGHTS_RIGHT, WEIGHTS_WRONG),
    "03.cross_entropy": (CROSS_RIGHT, CROSS_WRONG),
    "03.annealed_mean": (DECODE_RIGHT, DECODE_WRONG),
}

test_right_answers_pass, test_wrong_answers_get_their_hint, test_hints_differ = table_tests(EXERCISES)


@pytest.mark.parametrize("axis", [0, 2, 3])
def test_softmax_along_any_wrong_axis_is_recognized(axis):
    for name, answer in (
        ("03.cross_entropy", lambda z, t: entropy_loss(z, t, axis)),
        ("03.annealed_mean", lambda z, c, t: decode(z, c, t, axis)),
    ):
        assert "along the wrong axis" in judge(name, answer).message


def test_the_place_in_the_hint_is_that_of_gray():
    assert AB_BINS[120].tolist() == [0, 0]
    assert "place 120" in judge("03.nearest_bin", lambda a, b: 7).message
