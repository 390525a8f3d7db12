"""The exercises of lesson 06: every right answer that was tried passes, and each known mistake gets its own hint."""

import math

import numpy as np
import torch
from scipy import stats

from course_lib import color, penalties
from tests.checks.tables import table_tests


def stub(*arguments): ...  # your code here


# ---- revealing a color


def painted(ab, top, left, side, color_of=None, mask=1.0):
    """The right answer, with another color of the square or another mask on request."""
    result = torch.zeros(3, *ab.shape[1:])
    rows, columns = slice(top, top + side), slice(left, left + side)
    square = ab[:, rows, columns]
    result[:2, rows, columns] = (square.mean(dim=(1, 2)) / 110)[:, None, None] if color_of is None else color_of(square)
    result[2, rows, columns] = mask
    return result


def reveal_with_numpy(ab, top, left, side):
    result = np.zeros((3, *ab.shape[1:]))
    square = ab.numpy()[:, top : top + side, left : left + side]
    result[:2, top : top + side, left : left + side] = square.reshape(2, -1).mean(axis=1)[:, None, None] / 110
    result[2, top : top + side, left : left + side] = 1
    return result


def reveal_pixel_by_pixel(ab, top, left, side):
    result, total = torch.zeros(3, *ab.shape[1:]), torch.zeros(2)
    places = [(row, column) for row in range(top, top + side) for column in range(left, left + side)]
    for row, column in places:
        total += ab[:, row, column] / 110
    for row, column in places:
        result[:, row, column] = torch.cat([total / side**2, torch.ones(1)])
    return result


def everywhere_known(ab, top, left, side):
    result = painted(ab, top, left, side)
    result[2] = 1
    return result


def one_pixel(ab, top, left, side):
    result = torch.zeros(3, *ab.shape[1:])
    whole = painted(ab, top, left, side)
    result[:, top, left] = whole[:, top, left]
    return result


def turned(ab, top, left, side):
    square = ab[:, top : top + side, left : left + side].mean(dim=(1, 2)) / 110
    result = torch.zeros(3, *ab.shape[1:])
    result[:2, left : left + side, top : top + side] = square[:, None, None]
    result[2, left : left + side, top : top + side] = 1
    return result


REVEAL_RIGHT = {"painted": painted, "numpy": reveal_with_numpy, "pixel by pixel": reveal_pixel_by_pixel}
REVEAL_WRONG = {
    "stub": (stub, "no answer yet"),
    "natural units": (
        lambda ab, *place: painted(ab * 110, *place),
        "natural units",
    ),
    "divided twice": (lambda ab, *place: painted(ab / 110, *place), "divided by 110 twice"),
    "each its own": (lambda ab, *place: painted(ab, *place, color_of=lambda s: s / 110), "every pixel shows its own"),
    "corner": (lambda ab, *place: painted(ab, *place, color_of=lambda s: s[:, :1, :1] / 110), "one corner"),
    "whole picture": (
        lambda ab, *place: painted(ab, *place, color_of=lambda s: ab.mean(dim=(1, 2))[:, None, None] / 110),
        "the whole picture",
    ),
    "rows and columns": (turned, "rows and columns are exchanged"),
    "a and b": (lambda ab, *place: painted(ab.flip(0), *place), "a and b are exchanged"),
    "no mask": (lambda ab, *place: painted(ab, *place, mask=0.0), "the mask is 0"),
    "mask everywhere": (everywhere_known, "the mask is 1 everywhere"),
    "one pixel": (one_pixel, "only one pixel"),
    "no mask channel": (lambda ab, *place: painted(ab, *place)[:2], "shape"),
    "something else": (lambda ab, *place: torch.ones(3, *ab.shape[1:]), "not yet"),
}

# ---- the number of hints


def count_by_steps(u, p):
    counts = torch.zeros(len(u))
    for place, value in enumerate(u.double().tolist()):
        reached, number = p, 0
        while value >= reached:
            number += 1
            reached += p * (1 - p) ** number
        counts[place] = number
    return counts


COUNT_RIGHT = {
    "logarithms": lambda u, p: (torch.log(1 - u) / math.log(1 - p)).floor(),
    "numpy": lambda u, p: np.floor(np.log1p(-u.numpy()) / np.log1p(-p)),
    "u for 1 - u": lambda u, p: (torch.log(u) / math.log(1 - p)).floor(),
    "scipy": lambda u, p: stats.geom.ppf(u.double().numpy(), p, loc=-1),
    "step by step": count_by_steps,
}
COUNT_WRONG = {
    "stub": (stub, "no answer yet"),
    "not whole": (lambda u, p: torch.log(1 - u) / math.log(1 - p), "not rounded down yet"),
    "from 1": (lambda u, p: (torch.log(1 - u) / math.log(1 - p)).ceil(), "counted from 1"),
    "nearest": (lambda u, p: (torch.log(1 - u) / math.log(1 - p)).round(), "rounded to the nearest"),
    "log p": (lambda u, p: (torch.log(1 - u) / math.log(p)).floor(), "divided by log p"),
    "sign": (lambda u, p: -(torch.log(1 - u) / math.log(1 - p)).floor(), "the sign is wrong"),
    "exponential": (lambda u, p: (-torch.log(1 - u) / p).floor(), "exponential distribution"),
    "uniform": (lambda u, p: (u / p).floor(), "this is uniform"),
    "one number": (lambda u, p: torch.tensor(7.0), "shape"),
    "something else": (lambda u, p: torch.full_like(u, 7), "not yet"),
}

# ---- a color that sRGB has


def lab_of(lightness, ab):
    return torch.cat([torch.tensor([float(lightness)]), ab])[:, None, None]


def by_bisection(lightness, ab):
    low, high = 0.0, 1.0
    if color.in_gamut(lab_of(lightness, ab)).item():
        return ab
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if color.in_gamut(lab_of(lightness, middle * ab)).item() else (low, middle)
    return low * ab


def by_steps(lightness, ab):
    scale = 1.0
    while scale > 0 and not color.in_gamut(lab_of(lightness, scale * ab)).item():
        scale -= 0.002
    return scale * ab


def through_clipped_rgb(lightness, ab):
    return color.rgb_to_lab(color.lab_to_rgb(lab_of(lightness, ab)))[1:, 0, 0]


GAMUT_RIGHT = {
    "library": lambda lightness, ab: color.limit_chroma(lab_of(lightness, ab))[1:, 0, 0],
    "bisection": by_bisection,
    "steps": by_steps,
}
GAMUT_WRONG = {
    "stub": (stub, "no answer yet"),
    "as it was": (lambda lightness, ab: ab, "nothing has changed"),
    "clipped": (through_clipped_rgb, "sRGB was cut"),
    "gray": (lambda lightness, ab: ab if color.in_gamut(lab_of(lightness, ab)).item() else 0 * ab, "became gray"),
    "another lightness": (lambda lightness, ab: by_bisection(50.0, ab), "another lightness"),
    "far too little": (lambda lightness, ab: 0.5 * by_bisection(lightness, ab), "It should stay as it is"),
    "hue": (
        lambda lightness, ab: (
            by_bisection(lightness, ab) if ab.norm() < 20 else by_bisection(lightness, torch.stack([ab[0], ab[1] / 2]))
        ),
        "the hue has changed",
    ),
    "one channel": (lambda lightness, ab: ab[0], "shape"),
    "still outside": (
        lambda lightness, ab: by_bisection(lightness, ab) * (1 if ab.norm() < 20 else 1.2),
        "still outside",
    ),
    "less than possible": (
        lambda lightness, ab: by_bisection(lightness, ab) * (1 if ab.norm() < 20 else 0.8),
        "less chroma than they could have",
    ),
}

# ---- the Huber penalty


def piecewise(d, delta, far, near=lambda d: d**2 / 2):
    return torch.where(d.abs() > delta, far(d), near(d))


HUBER_RIGHT = {
    "library": penalties.huber,
    "PyTorch": lambda d, delta: torch.nn.functional.huber_loss(d, torch.zeros_like(d), reduction="none", delta=delta),
    "clamped": lambda d, delta: d.abs().clamp(max=delta) * (d.abs() - d.abs().clamp(max=delta) / 2),
}
HUBER_WRONG = {
    "stub": (stub, "no answer yet"),
    "square": (lambda d, delta: d**2 / 2, "quadratic everywhere"),
    "line": (lambda d, delta: delta * (d.abs() - delta / 2), "a line everywhere"),
    "L1": (lambda d, delta: d.abs(), "this is L1"),
    "no half": (
        lambda d, delta: piecewise(d, delta, lambda d: delta * (d.abs() - delta / 2), lambda d: d**2),
        "the half is missing",
    ),
    "step": (lambda d, delta: piecewise(d, delta, lambda d: delta * d.abs()), "there is a step"),
    "negative": (
        lambda d, delta: torch.where(d > delta, delta * (d - delta / 2), d**2 / 2),
        "a negative difference",
    ),
    "exchanged": (
        lambda d, delta: torch.where(d.abs() > delta, d**2 / 2, delta * (d.abs() - delta / 2)),
        "exchanged",
    ),
    "smooth L1": (
        lambda d, delta: torch.nn.functional.smooth_l1_loss(d, torch.zeros_like(d), reduction="none", beta=delta),
        "divided by delta",
    ),
    "mean": (lambda d, delta: penalties.huber(d, delta).mean(), "shape"),
    "something else": (lambda d, delta: torch.zeros_like(d), "not yet"),
}

# ---- what a hint is worth


def ends(mean, half):
    return torch.stack([mean - half, mean + half])


def interval_with_scipy(with_hints, without):
    gain = (with_hints - without).double().numpy()
    return np.array(stats.norm.interval(0.95, gain.mean(), stats.sem(gain)))


GAIN_RIGHT = {
    "by hand": lambda w, o: ends((w - o).mean(), 1.96 * (w - o).std() / len(w) ** 0.5),
    "scipy": interval_with_scipy,
}
GAIN_WRONG = {
    "stub": (stub, "no answer yet"),
    "unpaired": (
        lambda w, o: ends((w - o).mean(), 1.96 * ((w.var() + o.var()) / len(w)).sqrt()),
        "standard deviation of the differences",
    ),
    "single photographs": (lambda w, o: ends((w - o).mean(), 1.96 * (w - o).std()), "where single photographs lie"),
    "not the root": (lambda w, o: ends((w - o).mean(), 1.96 * (w - o).std() / len(w)), "Divide by its root"),
    "one error": (lambda w, o: ends((w - o).mean(), (w - o).std() / len(w) ** 0.5), "one standard error"),
    "sign": (lambda w, o: GAIN_RIGHT["by hand"](o, w), "the sign is wrong"),
    "ends": (lambda w, o: GAIN_RIGHT["by hand"](w, o).flip(0), "the ends are exchanged"),
    "mean and width": (
        lambda w, o: torch.stack([(w - o).mean(), 1.96 * (w - o).std() / len(w) ** 0.5]),
        "mean and half the width",
    ),
    "mean alone": (lambda w, o: (w - o).mean(), "shape"),
    "something else": (lambda w, o: torch.tensor([0.0, 1.0]), "not yet"),
}

EXERCISES = {
    "06.reveal": (REVEAL_RIGHT, REVEAL_WRONG),
    "06.count": (COUNT_RIGHT, COUNT_WRONG),
    "06.gamut": (GAMUT_RIGHT, GAMUT_WRONG),
    "06.huber": (HUBER_RIGHT, HUBER_WRONG),
    "06.gain": (GAIN_RIGHT, GAIN_WRONG),
}

test_right_answers_pass, test_wrong_answers_get_their_hint, test_hints_differ = table_tests(EXERCISES)
