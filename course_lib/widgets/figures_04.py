"""The static figures of lesson 04. Each function takes what it draws and returns a Matplotlib figure."""

import torch

from course_lib import bins, color
from course_lib.rebalancing import METHODS
from course_lib.widgets.figures import PALETTE, draw_picture, new_figure
from course_lib.widgets.lesson_04 import draw_map, name_axes

LEAST = 1e-4  # of a spread-out bin: less is not drawn
BIN_LIGHTNESS = 60.0  # at which bins are drawn in their own color; what sRGB cannot show loses chroma
SHADES = {"gray": "0.5", "L2": PALETTE[0], "classification": PALETTE[1], "rebalanced": PALETTE[4], "truth": "black"}
METRICS = {  # name in the results: title, and which way is better
    "colorfulness_ratio": "colorfulness over the truth's (1 is best)",
    "rebalanced_auc": "rebalanced AuC (more is better)",
    "accuracy": "scene classifier right (more is better)",
    "auc": "AuC (more is better)",
    "psnr": "PSNR in dB (more is better)",
    "delta_e": "Delta E 2000 (less is better)",
}


def bin_colors():
    """The bins in their own colors, as far as sRGB can show them: (313, 3)."""
    level = torch.full((1, 1, bins.COUNT), BIN_LIGHTNESS)
    return color.join(level, bins.AB_BINS.T[:, None])[:, 0].T.numpy()


def draw_prior(shares):
    """Shares of the bins, (313,), twice: as squares in the bins' own colors, larger where more frequent, and as heat."""
    figure, axes = new_figure(1, 2, width=8.6, height=4.0, width_ratios=(1, 1.15))
    left, right = axes[0]
    left.scatter(*bins.AB_BINS.T, s=_square_sizes(shares), c=bin_colors(), marker="s", linewidths=0, zorder=2)
    name_axes(left)
    left.set_title("each bin in its own color")
    for row, share in enumerate((1e-1, 1e-3, 1e-5)):
        left.scatter([-95], [-68 - 18 * row], s=_square_sizes(torch.tensor([share])), c="0.3", marker="s", zorder=2)
        left.annotate(f"{100 * share:g} %", (-85, -68 - 18 * row), va="center", fontsize=8)
    draw_map(right, shares, 1e-7, 0.3, "share of the pixels")
    right.set_title("the same, as heat")
    return figure


def _square_sizes(shares):
    """Areas whose sides grow with the logarithm of a share: nothing at one in a hundred million."""
    return (1.7 * (shares.clamp(min=1e-8).log10() + 8).square()).numpy()


def draw_two_kernels(spread):
    """What one bin becomes under two smoothings.

    Parameters
    ----------
    spread : dict of str to tensor, (313,)
        The smoothed distribution of a single bin, by title.
    """
    figure, axes = new_figure(1, len(spread), width=8.0, height=3.5)
    for axis, (title, shares) in zip(axes[0], spread.items(), strict=True):
        draw_map(axis, torch.where(shares >= LEAST, shares, 0), LEAST, 1, "share")
        axis.set_title(title)
    return figure


def draw_weight_curve(weights):
    """Weights over the prior, for several mixings.

    Parameters
    ----------
    weights : dict of number to (prior (313,), weights (313,))
        By mixing.
    """
    figure, axes = new_figure(1, 1, width=5.6, height=3.0)
    axis = axes[0, 0]
    for (mixing, (prior, weight)), shade in zip(weights.items(), PALETTE, strict=False):
        order = prior.argsort()
        axis.plot(prior[order], weight[order], color=shade, linewidth=2)
        place = order[len(order) // 12]
        axis.annotate(
            f"mixing {mixing:g}", (prior[place], weight[place]), color=shade, ha="left", va="bottom", fontsize=9
        )
    axis.set(xscale="log", yscale="log", xlabel="prior of the bin", ylabel="weight")
    axis.axhline(1, color="0.6", linewidth=0.6, zorder=0)
    return figure


def draw_shares(groups, names, colors):
    """Shares of a few colors, as bars in these colors, one group of bars under the other.

    Parameters
    ----------
    groups : dict of str to dict of str to tensor, (K,)
        By title, then by who says so.
    names : sequence of str, K
    colors : tensor, (K, 2)
        a and b.
    """
    figure, axes = new_figure(1, len(groups), width=10, height=2.9, sharey=True)
    level = torch.full((1, 1, len(colors)), BIN_LIGHTNESS)
    shades = color.join(level, colors.T[:, None])[:, 0].T.numpy()
    for axis, (title, rows) in zip(axes[0], groups.items(), strict=True):
        for place, shares in enumerate(rows.values()):
            left = 0.0
            for share, shade, name in zip(shares.tolist(), shades, names, strict=True):
                axis.barh(-place, share, left=left, color=shade, edgecolor="white", height=0.75)
                if share > 0.045:
                    axis.text(left + share / 2, -place, _bar_text(name, share), ha="center", va="center", fontsize=8)
                left += share
        axis.set_yticks([-place for place in range(len(rows))], list(rows))
        axis.set(xlim=(0, 1.0), xticks=[], title=title)
        axis.spines[:].set_visible(False)
    return figure


def _bar_text(name, share):
    return f"{name}\n{share:.0%}" if share > 0.12 else f"{share:.0%}"


def draw_results(rows):
    """The metrics of each way to color photographs, with their intervals.

    Parameters
    ----------
    rows : dict of str to dict of str to dict
        From `course_lib.results.read_results`: ``rows[method][metric]`` holds value, low and high.
    """
    figure, axes = new_figure(2, 3, width=10, height=4.6)
    for axis, (metric, title) in zip(axes.flat, METRICS.items(), strict=True):
        for place, (method, name) in enumerate(METHODS.items()):
            value, low, high = (rows[method][metric][key] for key in ("value", "low", "high"))
            if value is None or (method == "truth" and metric not in ("accuracy", "colorfulness_ratio")):
                continue  # the truth agrees with itself
            axis.plot([low, high], [-place, -place], color=SHADES[name], linewidth=4, solid_capstyle="butt", alpha=0.5)
            axis.plot([value], [-place], "o", color=SHADES[name], markersize=6)
            axis.annotate(
                f"{round(value, 3):.3g}",
                (value, -place),
                xytext=(0, 6),
                textcoords="offset points",
                ha="center",
                fontsize=8,
            )
        axis.set_yticks([-place for place in range(len(METHODS))], METHODS.values(), fontsize=8)
        axis.set_title(title, fontsize=9)
        axis.set(ylim=(-len(METHODS) + 0.5, 0.8))
        axis.margins(x=0.12)
    return figure


def draw_calibration(curves):
    """How often colors came true over the probability that a network gave them, both on logarithmic scales.

    Parameters
    ----------
    curves : dict of str to dict
        By checkpoint: ``confidence`` and ``frequency``, from `course_lib.results.read_results`.
    """
    figure, axes = new_figure(1, 1, width=5.6, height=4.0)
    axis = axes[0, 0]
    lowest = min(min(curve["confidence"]) for curve in curves.values())
    axis.plot([lowest, 1], [lowest, 1], color="0.6", linestyle="--")
    axis.annotate("as often as it says", (lowest * 1.6, lowest * 2.4), color="0.4", fontsize=9, rotation=38)
    for method, curve in curves.items():
        name = METHODS[method]
        points = [pair for pair in zip(curve["confidence"], curve["frequency"], strict=True) if pair[1] > 0]
        axis.plot(*zip(*points, strict=True), "o-", color=SHADES[name], linewidth=2, markersize=4, label=name)
    axis.legend(loc="lower right")
    axis.set(
        xscale="log",
        yscale="log",
        xlabel="probability that the network gives a bin",
        ylabel="how often it was that bin",
    )
    return figure


def draw_pair(left, right):
    """Two pictures, uint8 (3, H, W), side by side: which one is real?"""
    figure, axes = new_figure(1, 2, width=6.4, height=3.4)
    for axis, picture, label in zip(axes[0], (left, right), ("left", "right"), strict=True):
        draw_picture(axis, picture.float() / 255, label)
    return figure


def draw_solution(test):
    """All answered pairs of a `TuringTest`, the real picture always first, and whether the answer was right."""
    columns = min(3, len(test.answers))
    rows = -(-len(test.answers) // columns)
    figure, axes = new_figure(rows, columns, width=3.0 * columns, height=1.8 * rows)
    for axis in axes.flat:
        axis.axis("off")
    for place, fooled in enumerate(test.fooled):
        name, left, right = test.shown(place)
        real, colorized = (left, right) if test.real_left[place] else (right, left)
        gap = torch.full_like(real[..., :6], 255)
        verdict = "✗ fooled" if fooled else "✓ right"
        draw_picture(
            axes.flat[place], torch.cat([real, gap, colorized], dim=-1).float() / 255, f"{place + 1}. {name}: {verdict}"
        )
    figure.suptitle("in each pair: left the real one, right the colorized one", fontsize=9)
    return figure
