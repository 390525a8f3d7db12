"""What class rebalancing asks of a network, where it can be computed: on weights, on drawn flowers, on a network's answers.

R. Zhang, P. Isola and A. A. Efros, "Colorful Image Colorization" (ECCV 2016), section 2.2.
"""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import nn

from course_lib import bins, color
from course_lib.data.petals import ALTERNATIVES, conditional
from course_lib.models import HypercolumnRegressor

CHROMA_EDGES = (0, 15, 30, 50, 200)  # from nearly gray to vivid

# ---- weights


def smooth_along_index(prior, sigma=5.0):
    """The mistake that `bins.smooth` does not make: a Gaussian over the places in the list of bins, (313,) to (313,).

    Neighbors in the list are neighbors in the plane only within one row of equal a.
    """
    if sigma == 0:
        return prior
    place = torch.arange(bins.COUNT, dtype=prior.dtype)
    kernel = torch.exp(-(place[:, None] - place).square() / (2 * sigma**2))
    return (kernel / kernel.sum(dim=0)) @ prior


def weights_of_seen(prior, mixing):
    """`bins.rebalancing_weights` for any mixing, with NaN for bins that never occur: (313,)."""
    seen = prior > 0
    # Without any mixing the weight is one over the prior, and the expectation of that is the number of bins that occur.
    weights = bins.rebalancing_weights(prior, mixing) if mixing else 1 / (prior * seen.sum())
    return torch.where(seen, weights, torch.nan)


def by_chroma(shares, edges=CHROMA_EDGES):
    """Shares of the bins, (313,), summed from one chroma to the next: (len(edges) - 1,)."""
    place = torch.bucketize(bins.AB_BINS.norm(dim=1), torch.tensor(edges[1:-1], dtype=torch.float32))
    return torch.zeros(len(edges) - 1, dtype=shares.dtype).index_add(0, place, shares)


def reweight(logits, weights):
    """What a network would answer if it had been trained with these weights, from the answer of one that was not.

    The best answer under weighted cross-entropy is the true distribution times the weights, scaled to sum 1. With soft targets this holds
    nearly: the weight is that of the nearest bin, and the target reaches over a few.

    Parameters
    ----------
    logits : tensor, (B, 313, H, W)
    weights : tensor, (313,)
        Their inverses, ``1 / weights``, lead back.

    Returns
    -------
    logits : tensor, (B, 313, H, W)
    """
    return logits + weights.to(logits).log()[:, None, None]


# ---- flowers with a hint

_MIDDLE = 61.0  # of the lightness of petals
CYAN = list(ALTERNATIVES["petals"]).index("cyan")


def dark_petals(scenes, others=0.2, seed=0):
    """Choose flowers: every cyan one, and of all others a share, by chance.

    Returns
    -------
    mask : bool tensor, (N, H, W)
        The petals of these flowers.
    """
    hues = scenes.hues["petals"]
    chance = torch.rand(hues.shape, generator=torch.Generator().manual_seed(seed))
    chosen = (hues == CYAN) | (chance < others)
    flower = scenes.parts.long() - 4  # negative outside petals
    mask = chosen.gather(1, flower.clamp(min=0).flatten(1)).unflatten(1, flower.shape[1:])
    return mask & (flower >= 0)


def darken(scenes, dark):
    """The scenes with dark petals where ``dark`` (N, H, W) says so, and all other petals light; both stay inside the gamut."""
    shade = scenes.lightness - _MIDDLE
    petals = torch.where(dark, 55.5 + 0.2 * shade, 63.5 + 0.5 * shade)
    return replace(scenes, lightness=torch.where(scenes.parts >= 4, petals, scenes.lightness))


def shares_of_dark(others=0.2):
    """How likely each color of ``ALTERNATIVES["petals"]`` is in a dark petal of `dark_petals`, by Bayes' rule: (4,)."""
    shares = conditional("petals")[1] * others
    shares[CYAN] /= others
    return shares / shares.sum()


def twin(first_answer, coarser=2):
    """The network of lesson 02 with one answer for several pixels, which starts by answering the same everywhere.

    Parameters
    ----------
    first_answer : tensor, (2,) or (313,)
        A mean color in network units, or the logarithm of a prior: what is known before any picture was seen, and need not be learned.
    coarser : int
        Pixels along the side of the square that shares an answer.
    """
    model = HypercolumnRegressor.for_cpu()
    mix, last = model.last
    answer = nn.Conv2d(last.in_channels, len(first_answer), 1)
    with torch.no_grad():
        answer.weight.mul_(0.3)  # so that the first answer is nearly the given one
        answer.bias.copy_(first_answer)
    model.last = nn.Sequential(mix, nn.AvgPool2d(coarser), answer)
    return model


def at_answers(x, coarser=2):
    """The pixel of ``x`` (..., H, W) in the middle of each answer of a `twin`: (..., H / coarser, W / coarser)."""
    return x[..., coarser // 2 :: coarser, coarser // 2 :: coarser].contiguous()


@torch.no_grad()
def answers(model, l, batch_size=64):  # noqa: E741 - l is the symbol of the field
    """The answers of a network in evaluation mode to lightness in network units, (B, 1, H, W), batch by batch."""
    model.eval()
    device = next(model.parameters()).device
    return torch.cat([model(batch.to(device)).float().cpu() for batch in l.split(batch_size)])


def to_ab(answer, temperature=0.38):
    """The colors that an answer of a `twin` stands for: (B, 2, h, w), natural units."""
    return answer * color.AB_SCALE if answer.shape[1] == 2 else bins.annealed_mean(answer, temperature)


def color_shares(logits, colors, reach=15.0):
    """The probability near each of a few colors.

    Parameters
    ----------
    logits : tensor, (B, 313, H, W)
    colors : tensor, (K, 2)
        Natural units.
    reach : float
        A bin counts for the color that it is nearest to, if it is no further than this.

    Returns
    -------
    shares : tensor, (B, K, H, W)
        The sum over K is at most 1.
    """
    distance, nearest = torch.cdist(bins.AB_BINS, colors).min(dim=1)
    member = F.one_hot(nearest, len(colors)).float() * (distance <= reach)[:, None]
    return torch.einsum("bqhw,qk->bkhw", logits.softmax(dim=1), member)


# ---- photographs


@torch.no_grad()
def answer(model, rgb, side=128):
    """The answer of a `ColorfulNet` to one photograph, shown to it with its shorter side at ``side`` pixels.

    Parameters
    ----------
    rgb : tensor, (3, H, W)
    side : int
        A multiple of 8; the longer side is rounded to one.

    Returns
    -------
    answer : tensor, (1, outputs, h / 4, w / 4)
    """
    l, _ = color.normalize(_small_lab(rgb, side))  # noqa: E741 - l is the symbol of the field
    return model(l)


def coarse_ab(rgb, side=128):
    """The true colors at the resolution of `answer`: (1, 2, h / 4, w / 4), natural units."""
    return F.avg_pool2d(_small_lab(rgb, side)[:, 1:], 4)


def _small_lab(rgb, side):
    """One photograph as the network sees it, in Lab: (1, 3, h, w), both sides multiples of 8."""
    scale = side / min(rgb.shape[-2:])
    size = [max(8, round(length * scale / 8) * 8) for length in rgb.shape[-2:]]
    small = F.interpolate(rgb[None], size=size, mode="bilinear", antialias=True).clamp(0, 1)
    return color.rgb_to_lab(small)


# ---- results

METHODS = {  # rows of the results, and what they are called in the lesson
    "gray": "gray",
    "scenes-l2": "L2",
    "scenes-classification": "classification",
    "scenes-rebalanced": "rebalanced",
    "truth": "truth",
}
COLUMNS = {  # metric: heading, digits after the point
    "colorfulness_ratio": ("colorfulness", 2),
    "auc": ("AuC", 3),
    "rebalanced_auc": ("rebalanced AuC", 3),
    "delta_e": ("Delta E", 1),
    "psnr": ("PSNR", 1),
    "ssim": ("SSIM", 3),
    "accuracy": ("classifier", 2),
}


def results_table(rows):
    """The results as text: a line for each way to color, each metric with the ends of its interval.

    Parameters
    ----------
    rows : dict of str to dict of str to dict
        From `course_lib.results.read_results`.
    """
    cells = [["", *(heading for heading, _ in COLUMNS.values())]]
    for method, name in METHODS.items():
        cells.append([name, *(_with_interval(rows[method][metric], digits) for metric, (_, digits) in COLUMNS.items())])
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )


def _with_interval(entry, digits):
    """``0.71 (0.70-0.72)``, or a dash for what is infinite."""
    if entry["value"] is None:
        return "-"
    value, low, high = (f"{entry[key]:.{digits}f}" for key in ("value", "low", "high"))
    return value if low == high else f"{value} ({low}-{high})"
