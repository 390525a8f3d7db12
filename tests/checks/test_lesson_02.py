"""The exercises of lesson 02: every right answer that was tried passes, and each known mistake gets its own hint."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from course_lib import color
from course_lib.penalties import PENALTIES, best_constant
from tests.checks.tables import table_tests


def stub(*arguments): ...  # your code here


# ---- the L2 loss


def loss_by_loop(predicted, true):
    total = 0.0
    for p, t in zip(predicted, true, strict=True):
        for y in range(p.shape[1]):
            for x in range(p.shape[2]):
                total += float(((p[:, y, x] - t[:, y, x]) ** 2).sum())
    return total / true[:, 0].numel()


LOSS_RIGHT = {
    "sum then mean": lambda p, t: (p - t).square().sum(dim=1).mean(),
    "a plus b": lambda p, t: ((p[:, 0] - t[:, 0]) ** 2).mean() + ((p[:, 1] - t[:, 1]) ** 2).mean(),
    "twice mse_loss": lambda p, t: 2 * F.mse_loss(p, t),
    "norm": lambda p, t: torch.linalg.vector_norm(p - t, dim=1).pow(2).mean(),
    "numpy": lambda p, t: np.sum((p.numpy() - t.numpy()) ** 2, axis=1).mean(),
    "a loop": loss_by_loop,
}
LOSS_WRONG = {
    "stub": (stub, "no answer yet"),
    "mse_loss": (F.mse_loss, "half of it"),
    "over the pictures": (lambda p, t: (p - t).square().sum(dim=0).mean(), "summed over the pictures"),
    "over the rows": (lambda p, t: (p - t).square().sum(dim=2).mean(), "summed over the rows"),
    "over the columns": (lambda p, t: (p - t).square().sum(dim=-1).mean(), "summed over the columns"),
    "sum of everything": (lambda p, t: (p - t).square().sum(), "sum over all pixels"),
    "distance": (lambda p, t: (p - t).norm(dim=1).mean(), "leave out the root"),
    "L1": (lambda p, t: (p - t).abs().sum(dim=1).mean(), "this is L1"),
    "natural units": (lambda p, t: (110 * (p - t)).square().sum(dim=1).mean(), "110 is too much"),
    "per pixel": (lambda p, t: (p - t).square().sum(dim=1), "one number is asked for"),
    "something else": (lambda p, t: p.mean(), "not yet"),
}

# ---- the weighted median


def median_by_walking(values, shares):
    total = 0.0
    for value, share in sorted(zip(values.tolist(), shares.tolist(), strict=True)):
        total += share
        if total >= 0.5:
            return value
    return value


def median_by_trying(values, shares):
    costs = ((values[:, None] - values).abs() * shares).sum(dim=1)
    return values[costs.argmin()]


MEDIAN_RIGHT = {
    "sort and cumsum": lambda v, s: v.sort().values[(s[v.argsort()].cumsum(0) >= 0.5).float().argmax()],
    "walking": median_by_walking,
    "trying": median_by_trying,
    "from the upper end": lambda v, s: v[v.argsort(descending=True)][(s[v.argsort(descending=True)].cumsum(0) > 0.5)][
        0
    ],
    "one element": lambda v, s: torch.tensor([median_by_walking(v, s)]),
    "numpy": lambda v, s: np.sort(v)[np.searchsorted(np.cumsum(s.numpy()[np.argsort(v.numpy())]), 0.5 - 1e-6)],
}
MEDIAN_WRONG = {
    "stub": (stub, "no answer yet"),
    "mean": (lambda v, s: v @ s, "this is the mean"),
    "unweighted": (lambda v, s: v.median(), "shares are not used"),
    "mode": (lambda v, s: v[s.argmax()], "most frequent value"),
    "unsorted": (lambda v, s: v[s.cumsum(0) >= 0.5][0], "sort the values first"),
    "shares left behind": (lambda v, s: v.sort().values[s.cumsum(0) >= 0.5][0], "left the shares in their old order"),
    "a place": (lambda v, s: (s[v.argsort()].cumsum(0) >= 0.5).float().argmax(), "a place in the list"),
    "a share": (lambda v, s: next(c for c in s[v.argsort()].cumsum(0) if c >= 0.5), "share that was reached"),
    "all of them": (lambda v, s: v, "one number is asked for"),
    "something else": (lambda v, s: v.max(), "not yet"),
}

# ---- the conditional mean


def means_by_mask(ab, regions, count):
    return torch.stack([ab.movedim(1, -1)[regions == number].mean(dim=0) for number in range(count)])


def means_by_index_add(ab, regions, count):
    pixels, places = ab.movedim(1, -1).reshape(-1, 2), regions.flatten()
    return torch.zeros(count, 2).index_add(0, places, pixels) / torch.bincount(places, minlength=count)[:, None]


def means_by_one_hot(ab, regions, count):
    masks = F.one_hot(regions, count).float()
    return torch.einsum("nchw,nhwk->kc", ab, masks) / masks.sum(dim=(0, 1, 2))[:, None]


def means_by_channel(ab, regions, count):
    return [[ab[:, c][regions == k].mean() for c in (0, 1)] for k in range(count)]


def means_of_pairs(ab, regions, count):
    return torch.stack([ab.reshape(-1, 2)[regions.flatten() == k].mean(dim=0) for k in range(count)])


def means_of_pictures(ab, regions, count):
    each = [means_by_mask(a[None], r[None], count) for a, r in zip(ab, regions, strict=True)]
    return torch.stack(each).nanmean(dim=0)


def sums(ab, regions, count):
    return torch.stack([ab.movedim(1, -1)[regions == number].sum(dim=0) for number in range(count)])


MEANS_RIGHT = {
    "masks": means_by_mask,
    "index_add": means_by_index_add,
    "one hot": means_by_one_hot,
    "channel by channel": means_by_channel,
}
MEANS_WRONG = {
    "stub": (stub, "no answer yet"),
    "a and b exchanged": (lambda ab, r, k: means_by_mask(ab.flip(1), r, k), "a and b are exchanged"),
    "transposed": (lambda ab, r, k: means_by_mask(ab, r, k).T, "the wrong axis: the regions come first"),
    "reshape": (means_of_pairs, "cuts rows into pairs"),
    "means of means": (means_of_pictures, "mean of the pictures' means"),
    "sums": (sums, "these are sums"),
    "over all pixels": (lambda ab, r, k: sums(ab, r, k) / r.numel(), "not by all pixels"),
    "scaled": (lambda ab, r, k: 110 * means_by_mask(ab, r, k), "110 is too much"),
    "no regions": (lambda ab, r, k: ab.mean(dim=(0, 2, 3)), "Which axis holds a and b?"),
    "changes its input": (lambda ab, r, k: means_by_mask(ab.mul_(2), r, k), "changes its input"),
    "something else": (lambda ab, r, k: torch.zeros(k, 2), "not yet"),
}

# ---- from network to picture


def colorized(model, rgb, *, l=lambda x: x, ab=lambda x: x, light=lambda x: x):  # noqa: E741
    """The right answer, with a place for a mistake at each step: l for the model, ab in network units, L for join."""
    lightness = color.to_gray(rgb)
    return color.join(light(lightness), 110 * ab(model(l(lightness / 50 - 1))))


def through_lab_to_rgb(model, rgb):
    l, _ = color.normalize(color.rgb_to_lab(rgb))  # noqa: E741
    return color.lab_to_rgb(color.denormalize(l, model(l)))


COLORIZE_RIGHT = {
    "join": colorized,
    "lab_to_rgb": through_lab_to_rgb,
    "one by one": lambda model, rgb: torch.cat([colorized(model, one[None]) for one in rgb]),
}
COLORIZE_WRONG = {
    "stub": (stub, "no answer yet"),
    "a and b exchanged": (lambda m, rgb: colorized(m, rgb, ab=lambda x: x.flip(1)), "a and b are exchanged"),
    "unscaled L": (lambda m, rgb: colorized(m, rgb, l=lambda x: 50 * (x + 1)), "L is unscaled"),
    "L over 100": (lambda m, rgb: colorized(m, rgb, l=lambda x: (x + 1) / 2), "L / 100 is not the scale"),
    "ab not scaled": (lambda m, rgb: colorized(m, rgb, ab=lambda x: x / 110), "this is almost gray"),
    "110 twice": (lambda m, rgb: colorized(m, rgb, ab=lambda x: 110 * x), "multiplied by 110 twice"),
    "l joined": (lambda m, rgb: colorized(m, rgb, light=lambda x: x / 50 - 1), "almost black"),
    "BGR out": (lambda m, rgb: colorized(m, rgb).flip(1), "red and blue are exchanged: channels"),
    "BGR in": (lambda m, rgb: colorized(m, rgb.flip(1)), "red and blue are exchanged in the input"),
    "red as lightness": (
        lambda m, rgb: color.join(100 * rgb[:, :1], 110 * m(2 * rgb[:, :1] - 1)),
        "this is the red channel",
    ),
    "the truth": (lambda m, rgb: rgb, "the model's answer is never used"),
    "RGB for the model": (lambda m, rgb: m(rgb), "the model takes lightness"),
    "ab for a picture": (lambda m, rgb: m(color.to_gray(rgb) / 50 - 1), "a batch of pictures"),
    "channels last": (lambda m, rgb: colorized(m, rgb).movedim(1, -1), "a batch of pictures"),
    "something else": (lambda m, rgb: rgb * 0.5, "not yet"),
}

EXERCISES = {
    "02.l2_loss": (LOSS_RIGHT, LOSS_WRONG),
    "02.best_constant": (MEDIAN_RIGHT, MEDIAN_WRONG),
    "02.conditional_mean": (MEANS_RIGHT, MEANS_WRONG),
    "02.colorize": (COLORIZE_RIGHT, COLORIZE_WRONG),
}

test_right_answers_pass, test_wrong_answers_get_their_hint, test_hints_differ = table_tests(
    EXERCISES, general=[hint for _, hint in COLORIZE_WRONG.values() if "batch of" in hint]
)


def test_the_weighted_median_is_the_best_constant():
    """The checker's own right answer against the numeric minimum of the L1 cost."""
    values, shares = torch.tensor([49.0, -2.0, 44.0, -27.0]), torch.tensor([0.4, 0.3, 0.25, 0.05])
    numeric = best_constant(torch.stack([values, values], dim=1), shares, PENALTIES["L1"])
    assert numeric[0].item() == pytest.approx(median_by_walking(values, shares))
