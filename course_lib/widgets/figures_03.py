"""The static figures of lesson 03. Each function takes what it draws and returns a Matplotlib figure."""

import torch

from course_lib import color
from course_lib.bins import AB_BINS, STEP, soft_targets
from course_lib.widgets.figures import PALETTE, new_figure
from course_lib.widgets.lesson_02 import swatch
from course_lib.widgets.lesson_03 import decode

_LOW, _HIGH = AB_BINS.amin(dim=0), AB_BINS.amax(dim=0)
EDGE = STEP / 2


def bins_in_gamut(lightness):
    """Which bin centers sRGB can show at a lightness: bool, (313,)."""
    lab = torch.cat([torch.full((1, len(AB_BINS)), float(lightness)), AB_BINS.T])
    return color.in_gamut(lab[:, :, None])[:, 0]


def draw_bins(levels=(25, 50, 75)):
    """All bins in the ab plane, once for each lightness: in their color where sRGB can show it, else in light gray."""
    figure, axes = new_figure(1, len(levels), width=9.4, height=3.5, sharey=True)
    for axis, level in zip(axes[0], levels, strict=True):
        shown = bins_in_gamut(level)
        colors = torch.where(shown[:, None], _rgb(AB_BINS, level), torch.tensor(0.9))
        _draw_squares(axis, colors)
        axis.set(title=f"L = {level}: {int(shown.sum())} of {len(AB_BINS)}", xlabel="a")
    axes[0, 0].set_ylabel("b")
    return figure


def _rgb(ab, lightness):
    return swatch(ab, lightness)[:, 0].T


def _draw_squares(axis, colors):
    """Paint each bin, (313, 3), as a square of the plane; what is no bin stays white."""
    columns, rows = ((_HIGH - _LOW) / STEP + 1).long().tolist()
    column, row = ((AB_BINS - _LOW) / STEP).long().T
    canvas = torch.ones(rows, columns, 3)
    canvas[row, column] = colors
    extent = (_LOW[0] - EDGE, _HIGH[0] + EDGE, _LOW[1] - EDGE, _HIGH[1] + EDGE)
    axis.imshow(canvas.numpy(), origin="lower", extent=[float(edge) for edge in extent], interpolation="nearest")
    lines = torch.arange(-115, 116, STEP).tolist()
    axis.hlines(lines, extent[0], extent[1], color="white", linewidth=0.6)
    axis.vlines(lines, extent[2], extent[3], color="white", linewidth=0.6)


def draw_targets(ab, lightness=60.0, reach=22):
    """A color between the bins, its hard target and its soft target.

    Parameters
    ----------
    ab : sequence of two numbers
        The color, natural units.
    lightness : float
        At which the bins are painted.
    reach : float
        How far around the color the plane is shown.
    """
    a, b = ab
    figure, axes = new_figure(1, 2, width=7.4, height=3.7, sharey=True)
    for axis, (title, count) in zip(axes[0], (("hard: one bin", 1), ("soft: five bins", 5)), strict=True):
        index, weights = (part[0, :, 0, 0] for part in soft_targets(torch.tensor([[[[a]], [[b]]]]), k=count))
        weight = torch.zeros(len(AB_BINS)).index_put((index,), weights)
        pale = 0.25 + 0.75 * _rgb(AB_BINS, lightness)
        _draw_squares(axis, torch.where(weight[:, None] > 0, _rgb(AB_BINS, lightness), 0.6 * pale + 0.4))
        for (x, y), share in zip(AB_BINS[index].tolist(), weights.tolist(), strict=True):
            axis.text(x, y, f"{share:.0%}", ha="center", va="center", fontweight="bold")
        axis.plot(a, b, "x", color="black", markersize=9, markeredgewidth=2.5)
        axis.set(xlim=(a - reach, a + reach), ylim=(b - reach, b + reach), title=title, xlabel="a")
    axes[0, 0].set_ylabel("b")
    return figure


def expected_cross_entropy(answered, true):
    """The mean cross-entropy of two colors of which the first has the share ``true`` and is given the share ``answered``."""
    return -(true * answered.log() + (1 - true) * (1 - answered).log())


def draw_cross_entropy(shares=(0.6, 0.9)):
    """What each answer costs on average, for several true shares of the first of two colors; the minima are marked."""
    figure, axes = new_figure(1, 1, width=5.6, height=3.0)
    axis = axes[0, 0]
    answered = torch.linspace(0.01, 0.99, 393)
    for place, true in enumerate(shares):
        cost = expected_cross_entropy(answered, true)
        best = cost.argmin()
        axis.plot(answered, cost, color=PALETTE[place], linewidth=2)
        axis.plot(answered[best], cost[best], "o", color=PALETTE[place], markersize=8)
        axis.annotate(
            f"blue in {true:.0%}",
            (answered[best], cost[best]),
            xytext=(0, 8),
            textcoords="offset points",
            ha="center",
            color=PALETTE[place],
        )
    axis.set(xlabel="share of blue that the network answers", ylabel="expected cross-entropy", ylim=(0, 2), xlim=(0, 1))
    return figure


def draw_blocks(sizes):
    """How the resolution falls and rises again: a bar for each step, as high as the map has rows, with its channels.

    Parameters
    ----------
    sizes : list of (str, int, int)
        Name, channels and side of the map after each step.
    """
    figure, axes = new_figure(1, 1, width=8.4, height=3.0)
    axis = axes[0, 0]
    heights = [side for _, _, side in sizes]
    fill = [
        PALETTE[1] if side == sizes[-1][2] and place == len(sizes) - 1 else PALETTE[5]
        for place, side in enumerate(heights)
    ]
    axis.bar(range(len(sizes)), heights, color=fill, edgecolor="black", width=0.62)
    for place, (_, channels, side) in enumerate(sizes):
        axis.annotate(
            f"{side} x {side}\n{channels} ch.",
            (place, side),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            fontsize=9,
        )
    axis.set_xticks(range(len(sizes)), [name for name, _, _ in sizes])
    axis.set(ylabel="side in pixels", ylim=(0, 1.22 * max(heights)))
    return figure


def draw_shares(regions, lightness=64.0):
    """True and predicted shares of each color of each region, as pairs of bars.

    Parameters
    ----------
    regions : dict of str to (names, colors (K, 2), true (K,), predicted (K,))
        What the predicted shares lack to 1 is drawn as "other".
    """
    widths = [len(names) + 1 for names, *_ in regions.values()]
    figure, axes = new_figure(1, len(regions), width=9.4, height=3.0, width_ratios=widths, sharey=True)
    for axis, (region, (names, colors, true, predicted)) in zip(axes[0], regions.items(), strict=True):
        true, predicted = (torch.cat([part, 1 - part.sum(dim=0, keepdim=True)]) for part in (true, predicted))
        fill = torch.cat([_rgb(colors, lightness), torch.full((1, 3), 0.8)]).numpy()
        places = torch.arange(len(true))
        axis.bar(places - 0.2, true, width=0.36, color=fill, edgecolor="black", hatch="//")
        axis.bar(places + 0.2, predicted, width=0.36, color=fill, edgecolor="black")
        for place, (left, right) in enumerate(zip(true.tolist(), predicted.tolist(), strict=True)):
            axis.text(place - 0.2, left + 0.015, f"{left:.0%}", ha="center", fontsize=8)
            axis.text(place + 0.2, right + 0.015, f"{right:.0%}", ha="center", fontsize=8)
        axis.set_xticks(places.tolist(), [*names, "other"])
        axis.set(title=region, ylim=(0, 1.12))
    axes[0, 0].set_ylabel("share (hatched: true)")
    return figure


def draw_anneal(distributions, lightness=64.0, most=1.5):
    """How the chroma of the decoded color changes with the temperature, above a strip of that color.

    Parameters
    ----------
    distributions : dict of str to tensor, (313,)
        Shares of the bins.
    """
    temperatures = torch.linspace(0.02, most, 120)
    figure, axes = new_figure(1, len(distributions), width=8.4, height=2.9)
    for axis, (title, shares) in zip(axes[0], distributions.items(), strict=True):
        logits = shares.clamp(min=1e-12).log()[:, None, None]
        path = torch.stack([decode(logits, float(temperature)).flatten() for temperature in temperatures])
        chroma = path.norm(dim=1)
        top = 1.1 * max(chroma.max().item(), 20)
        strip = _rgb(path, lightness)[None]
        axis.imshow(strip.numpy(), extent=(0, most, -0.3 * top, -0.04 * top), aspect="auto")
        axis.plot(temperatures, chroma, color="black", linewidth=2)
        for temperature, label in ((0.38, "0.38"), (1.0, "mean")):
            axis.axvline(temperature, color="0.6", linestyle=":", zorder=0)
            axis.text(temperature, 0.97 * top, label, ha="left", va="top", fontsize=9, color="0.3")
        axis.set(title=title, xlim=(0, most), ylim=(-0.3 * top, top), xlabel="temperature T", ylabel="chroma")
    return figure
