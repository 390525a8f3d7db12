"""The exercises of lesson 06: painting hints, their number, a color that sRGB has, the Huber penalty, and the gain of hints."""

import math

import torch

from course_lib import color, penalties
from course_lib.checks.checker import Wrong, call_for_tensor, checker, close, random_numbers, reject_known

# ---- painting a hint


def _painted(ab, rows, columns, shown, size):
    """Colors and mask, (3, H, W): ``ab`` of a square, mask 1 there."""
    result = torch.zeros(3, *size, dtype=torch.float64)
    result[:2, rows, columns] = shown
    result[2, rows, columns] = 1
    return result


@checker("06.reveal")
def _reveal(answer):
    ab = 100 * random_numbers(2, 12, 20, seed=1) - 50
    top, left, side = 2, 9, 5
    result = call_for_tensor(answer, ab, top, left, side, shape=(3, 12, 20))
    rows, columns = slice(top, top + side), slice(left, left + side)
    exact = ab.double()
    mean = exact[:, rows, columns].mean(dim=(1, 2))[:, None, None] / color.AB_SCALE
    right = _painted(exact, rows, columns, mean, (12, 20))
    if close(result, right, 1e-4):
        return "right: one mean color for the square, in network units, and a mask that says where it is known."
    first = exact[:, top, left][:, None, None] / color.AB_SCALE
    whole = exact.mean(dim=(1, 2))[:, None, None] / color.AB_SCALE
    turned = slice(left, left + side), slice(top, top + side)
    swapped = torch.zeros(3, 12, 20, dtype=torch.float64)
    swapped[:2, turned[0], turned[1]] = mean
    swapped[2, turned[0], turned[1]] = 1
    everywhere = right.clone()
    everywhere[2] = 1
    mistakes = (
        ("a and b are in natural units. A network takes them divided by 110.", _times(right, color.AB_SCALE)),
        ("these colors are divided by 110 twice.", _times(right, 1 / color.AB_SCALE)),
        (
            "every pixel shows its own color. A hint is one color: the mean of its square.",
            _painted(exact, rows, columns, exact[:, rows, columns] / color.AB_SCALE, (12, 20)),
        ),
        (
            "this is the color of one corner. Take the mean of the square.",
            _painted(exact, rows, columns, first, (12, 20)),
        ),
        (
            "this is the mean color of the whole picture. Take the mean of the square.",
            _painted(exact, rows, columns, whole, (12, 20)),
        ),
        ("rows and columns are exchanged: top counts rows, the second axis of (2, H, W).", swapped),
        ("a and b are exchanged.", right[[1, 0, 2]]),
        ("the mask is 0: the network would take the hint for no hint.", right * torch.tensor([1, 1, 0])[:, None, None]),
        ("the mask is 1 everywhere: the network would take every other pixel for gray.", everywhere),
        ("only one pixel is painted. A hint is a square.", _painted(exact, top, left, mean[:, 0, 0], (12, 20))),
    )
    reject_known(result, mistakes, 1e-4)
    raise Wrong("not yet. Channels 0 and 1 hold a and b over 110, channel 2 the mask; outside of the square all are 0.")


def _times(painted, factor):
    return torch.cat([painted[:2] * factor, painted[2:]])


# ---- the number of hints


@checker("06.count")
def _count(answer):
    u = random_numbers(500, seed=2)
    p = 0.2
    result = call_for_tensor(answer, u, p, shape=(500,))
    exact = u.double()
    right = (torch.log1p(-exact) / math.log(1 - p)).floor()
    # Where log gives nearly a whole number, rounding may go either way.
    if ((result - right).abs() <= 1).all() and (result - right).ne(0).sum() <= 2:
        return "right. A picture without any hint is the most frequent case: the network must color alone, too."
    from_u = (exact.log() / math.log(1 - p)).floor()
    mistakes = (
        ("not rounded down yet: a number of hints is whole.", torch.log1p(-exact) / math.log(1 - p)),
        ("counted from 1. Here a picture may get no hint at all: round down.", right + 1),
        (
            "rounded to the nearest. Round down, or no hint becomes too rare.",
            (torch.log1p(-exact) / math.log(1 - p)).round(),
        ),
        (
            "divided by log p. What goes on is the chance of not stopping, 1 - p.",
            (torch.log1p(-exact) / math.log(p)).floor(),
        ),
        ("the sign is wrong: both logarithms are negative, so their ratio is positive.", -right),
        (
            "this is an exponential distribution with mean 1 / p, rounded down: divide by log(1 - p), not by p.",
            (-torch.log1p(-exact) / p).floor(),
        ),
        ("this is uniform. Few hints must be more frequent than many.", (exact / p).floor()),
    )
    if ((result - from_u).abs() <= 1).all() and (result - from_u).ne(0).sum() <= 2:
        return "right. 1 - u is as uniform as u."
    for hint, mistaken in mistakes:
        if (result - mistaken).abs().le(1e-3).float().mean() > 0.99:
            raise Wrong(hint)
    raise Wrong("not yet. The share of zeros must be p, that of ones p (1 - p), and so on.")


# ---- a color that sRGB has


@checker("06.gamut")
def _gamut(answer):
    lightness, ab = 45.0, torch.tensor([[90.0, -70.0], [5.0, 8.0], [-80.0, 10.0], [0.0, 95.0]])
    results = torch.stack([call_for_tensor(answer, lightness, each, shape=(2,)) for each in ab])
    right = _limited(lightness, ab)
    if close(results, right, 0.75):
        return "right: the hue stays, the lightness stays, and only the chroma gives way."
    clipped = color.rgb_to_lab(color.lab_to_rgb(_lab(lightness, ab)))[1:, :, 0].T.double()
    unit = ab / ab.norm(dim=1, keepdim=True)
    half_gray = _limited(50.0, ab)
    mistakes = (
        ("nothing has changed. Some of these colors are outside of the gamut: ask color.in_gamut.", ab.double()),
        ("sRGB was cut at 0 and 1: that moves hue and lightness too. Shorten (a, b) instead.", clipped),
        (
            "all that is outside became gray. Shorten (a, b) only until it fits.",
            torch.where(_inside(lightness, ab), ab.double(), 0.0),
        ),
        ("the gamut of another lightness. Use the lightness of the place.", half_gray),
        (
            "all have the same chroma now. Shorten each (a, b) only as far as it needs.",
            (unit * right.norm(dim=1).min()),
        ),
    )
    reject_known(results, mistakes, 0.5)
    inside = _inside(lightness, ab)[:, 0]
    if not close(results[inside], ab[inside], 0.75):
        raise Wrong("a color inside of the gamut has changed. It should stay as it is.")
    angle = (results * right).sum(dim=1) / (results.norm(dim=1) * right.norm(dim=1)).clamp(min=1e-9)
    if (angle < 0.999).any():
        raise Wrong("the hue has changed. Multiply a and b by the same factor.")
    if not color.in_gamut(_lab(lightness, results.float()), tolerance=2e-2).all():
        raise Wrong("some of these colors are still outside of the gamut.")
    raise Wrong("some colors have less chroma than they could have. Look for the largest factor that fits.")


def _lab(lightness, ab):
    """Colors (N, 2) at one lightness as Lab pictures: (3, N, 1)."""
    return torch.cat([torch.full((len(ab), 1), lightness), ab], dim=1).T[:, :, None]


def _inside(lightness, ab):
    return color.in_gamut(_lab(lightness, ab)).reshape(-1, 1)


def _limited(lightness, ab):
    return color.limit_chroma(_lab(lightness, ab))[1:, :, 0].T.double()


# ---- the Huber penalty


@checker("06.huber")
def _huber(answer):
    difference, delta = 8 * random_numbers(3, 2, 4, 5, seed=3) - 4, 1.5
    result = call_for_tensor(answer, difference, delta, shape=tuple(difference.shape))
    exact = difference.double()
    right = penalties.huber(exact, delta)
    if close(result, right, 1e-4):
        return "right: quadratic near 0, a line further out, and no step between them."
    far = exact.abs() > delta
    square, line = exact.square() / 2, delta * (exact.abs() - delta / 2)
    mistakes = (
        ("quadratic everywhere. From delta on it must be a line.", square),
        ("a line everywhere. Up to delta it must be quadratic.", line),
        ("this is L1. Up to delta it must be quadratic.", exact.abs()),
        ("the half is missing in the square.", torch.where(far, line, exact.square())),
        (
            "there is a step at delta: the line must be delta (|d| - delta / 2).",
            torch.where(far, delta * exact.abs(), square),
        ),
        (
            "there is a step at delta: the line must be delta (|d| - delta / 2).",
            torch.where(far, exact.abs() - delta / 2, square),
        ),
        (
            "there is a step at delta: the line must be delta (|d| - delta / 2).",
            torch.where(far, delta * (exact.abs() - delta), square),
        ),
        (
            "use |d| for the line: a negative difference is as bad as a positive one.",
            torch.where(exact > delta, delta * (exact - delta / 2), square),
        ),
        ("near and far are exchanged.", torch.where(far, square, line)),
        ("this is divided by delta, as in smooth L1. Here the line has the slope delta.", right / delta),
    )
    reject_known(result, mistakes, 1e-4)
    raise Wrong("not yet. At 0 it is 0, at delta it is delta squared over 2.")


# ---- what a hint is worth


@checker("06.gain")
def _gain(answer):
    hard = 20 + 8 * random_numbers(40, seed=4).double()
    without, with_hints = hard.float(), (hard + 1.5 + random_numbers(40, seed=5).double()).float()
    result = call_for_tensor(answer, with_hints, without, shape=(2,))
    gain = (with_hints - without).double()
    right = _interval(gain)
    if close(result, right, 2e-3):
        return "right. Both saw the same photographs, so what makes a photograph hard does not widen the interval."
    error = 1.96 * gain.std() / math.sqrt(len(gain))
    apart = 1.96 * torch.sqrt((with_hints.double().var() + without.double().var()) / len(gain))
    mean = gain.mean()
    spread = gain.std()
    mistakes = (
        (
            "the photographs are the same: take the standard deviation of the differences, not of each list.",
            _ends(mean, apart),
        ),
        (
            "this is where single photographs lie. The mean is known better: divide by the root of their number.",
            _ends(mean, 1.96 * spread),
        ),
        ("divided by the number of photographs. Divide by its root.", _ends(mean, 1.96 * spread / len(gain))),
        ("this is one standard error. 95 % lie within 1.96 of them.", _ends(mean, error / 1.96)),
        ("the sign is wrong: with hints less without.", -right.flip(0)),
        ("the ends are exchanged: the lower one first.", right.flip(0)),
        ("these are mean and half the width. Give the two ends.", torch.stack([mean, error])),
    )
    reject_known(result, mistakes, 2e-3)
    raise Wrong("not yet. The interval must have the mean difference in its middle.")


def _interval(gain):
    return _ends(gain.mean(), 1.96 * gain.std() / math.sqrt(len(gain)))


def _ends(mean, half):
    return torch.stack([mean - half, mean + half])
