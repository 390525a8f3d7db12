"""The static figures of lesson 08. Each function takes what it draws and returns a Matplotlib figure."""

import torch

from course_lib import color
from course_lib.data.petals import ALTERNATIVES, conditional
from course_lib.training.stopping import smoothed
from course_lib.widgets.figures import PALETTE, draw_picture, new_figure

CURVES = {  # of a point of a curve: title, and its color
    "frechet": ("Fréchet distance", PALETTE[0]),
    "colorfulness": ("colorfulness over the truth's", PALETTE[2]),
    "patches": ("color patches over the truth's", PALETTE[3]),
    "psnr": ("PSNR in dB", PALETTE[4]),
    "critic_loss": ("loss of the critic", PALETTE[6]),
}
CURVE = ("frechet", "colorfulness", "patches", "psnr")
WAYS = {  # in the results: what each is called, and its color
    "gray": ("gray", "0.5"),
    "scenes-l2": ("L2 (lesson 02)", PALETTE[5]),
    "scenes-rebalanced": ("rebalanced (lesson 04)", PALETTE[1]),
    "scenes-pix2pix": ("pix2pix (lesson 07)", PALETTE[3]),
    "scenes-nogan-start": ("NoGAN, phase 1 alone", PALETTE[0]),
    "scenes-nogan": ("NoGAN", PALETTE[4]),
    "truth": ("truth", "black"),
}
METRICS = {  # in the results: title, and digits
    "colorfulness_ratio": ("colorfulness over the truth's", 2),
    "rebalanced_auc": ("rebalanced AuC (more is better)", 3),
    "frechet": ("Fréchet distance (less is better)", 2),
    "psnr": ("PSNR in dB (more is better)", 1),
    "patches": ("color patches over the truth's", 2),
    "delta_e": ("Delta E 2000 (less is better)", 1),
}


def draw_start(history, side_of):
    """Phase 1: the losses of every epoch, on the sides that the pictures had.

    Parameters
    ----------
    history : list of [float, float]
        Training and validation loss.
    side_of : function
        Epoch to pixels.
    """
    figure, axes = new_figure(1, 1, width=6, height=2.8)
    axis, epochs = axes[0, 0], range(1, len(history) + 1)
    for name, values, shade in zip(("training", "validation"), zip(*history, strict=True), PALETTE, strict=False):
        axis.plot(epochs, values, "o-", color=shade, markersize=4)
        axis.annotate(name, (epochs[-1], values[-1]), xytext=(6, -3), textcoords="offset points", color=shade)
    sides = [side_of(epoch) for epoch in range(len(history))]
    for epoch, side in enumerate(sides):
        if epoch == 0 or side != sides[epoch - 1]:
            axis.axvline(epoch + 0.5, color="0.8", linewidth=0.8, zorder=0)
            axis.text(epoch + 0.6, 1.01, f"{side} px", transform=axis.get_xaxis_transform(), fontsize=8)
    axis.set(xlabel="epoch", ylabel="loss", xlim=(0.5, len(history) + 2), xticks=list(epochs))
    return figure


def draw_critic(accuracies, wanted):
    """Phase 2: how many patches the critic recognizes after each epoch, and how many it should."""
    figure, axes = new_figure(1, 1, width=5, height=2.6)
    axis, epochs = axes[0, 0], range(1, len(accuracies) + 1)
    axis.plot(epochs, accuracies, "o-", color=PALETTE[3], markersize=4)
    for level, text in ((wanted, f"wanted: {wanted:.0%}"), (0.5, "guessing")):
        axis.axhline(level, color="0.6", linewidth=0.8, linestyle="--")
        axis.annotate(text, (1, level), xytext=(0, 3), textcoords="offset points", fontsize=8)
    axis.set(xlabel="epoch", ylabel="patches recognized", ylim=(0.45, 1.0), xticks=list(epochs))
    return figure


def draw_gaussians(pairs):
    """Pairs of normal distributions of one number, and how far they are apart.

    Parameters
    ----------
    pairs : dict of str to ((float, float), (float, float), float)
        By title: mean and standard deviation of the one and of the other, and their Frechet distance.
    """
    figure, axes = new_figure(1, len(pairs), width=9, height=2.3, sharey=True)
    x = torch.linspace(-5, 9, 200)
    for axis, (title, (*normals, distance)) in zip(axes[0], pairs.items(), strict=True):
        for (mean, spread), shade in zip(normals, (PALETTE[0], PALETTE[1]), strict=True):
            density = torch.exp(-(((x - mean) / spread) ** 2) / 2) / spread
            axis.plot(x, density, color=shade)
            axis.fill_between(x, density, color=shade, alpha=0.3, linewidth=0)
        axis.set(title=f"{title}: {distance:.1f}", yticks=[], xlabel="feature")
        axis.spines["left"].set_visible(False)
    return figure


def draw_curve(curve, place=None, metrics=CURVE, width=None):
    """Metrics along phase 3, with a mark at one point.

    Parameters
    ----------
    curve : list of dict
        With ``step`` and the metrics.
    place : int, optional
        The point to mark.
    metrics : sequence of str
        In `CURVES`.
    width : int, optional
        Of the median that is drawn as a line over the points of the Frechet distance.
    """
    figure, axes = new_figure(1, len(metrics), width=2.6 * len(metrics), height=2.5)
    for axis, metric in zip(axes[0], metrics, strict=True):
        draw_metric(axis, curve, metric, place, width if metric == "frechet" else None)
    return figure


def draw_metric(axis, curve, metric, place=None, width=None):
    """One metric along a curve, as `draw_curve` draws it."""
    title, shade = CURVES[metric]
    steps, values = [point["step"] for point in curve], [point[metric] for point in curve]
    axis.plot(steps, values, ".", color=shade, alpha=0.5 if width else 1.0, linestyle="none" if width else "-")
    if width:
        axis.plot(steps, smoothed(values, width), color=shade)
    if place is not None:
        axis.axvline(steps[place], color="0.4", linewidth=0.8, linestyle="--")
        axis.plot(steps[place], values[place], "o", color="none", markeredgecolor="black", markersize=9)
    if metric == "colorfulness":
        axis.axhline(1, color="0.7", linewidth=0.8)
    axis.set_title(title, fontsize=9)
    axis.set_xlabel("steps", fontsize=9)


def draw_choice(curve, rule, place, end):
    """What a stop rule sees in a curve, and the point that it keeps.

    Parameters
    ----------
    curve : list of dict
    rule : StopRule
    place : int
        The point that is kept.
    end : int
        The last point before the rule ends the training.
    """
    figure, axes = new_figure(1, 3, width=9.6, height=2.9)
    steps = [point["step"] for point in curve]
    barred = [number for number, point in enumerate(curve) if rule.bars(point, curve[0])]
    bars = {"patches": rule.patches * curve[0]["patches"], "colorfulness": rule.colorfulness}
    for axis, metric in zip(axes[0], ("frechet", "patches", "colorfulness"), strict=True):
        draw_metric(axis, curve, metric, place, rule.smooth if metric == "frechet" else None)
        values = [point[metric] for point in curve]
        axis.plot([steps[number] for number in barred], [values[number] for number in barred], "x", color="black")
        if metric in bars:
            axis.axhline(bars[metric], color="black", linewidth=0.8, linestyle=":")
            axis.annotate("barred above", (0, bars[metric]), xytext=(0, 2), textcoords="offset points", fontsize=8)
        else:
            level = level_of(curve[: end + 1], rule)
            axis.axhline(level, color=CURVES[metric][1], linewidth=0.8, linestyle=":")
            axis.annotate(
                f"{rule.share:.0%} of the fall", (steps[0], level), (2, 3), fontsize=8, textcoords="offset points"
            )
        if end + 1 < len(curve):
            axis.axvspan(steps[end], steps[-1], color="0.9", zorder=0)
    return figure


def level_of(curve, rule):
    """The Frechet distance that a rule asks for on a curve."""
    values = smoothed([point["frechet"] for point in curve], rule.smooth)
    allowed = [value for value, point in zip(values, curve, strict=True) if not rule.bars(point, curve[0])] or values[
        :1
    ]
    return values[0] - rule.share * max(0.0, values[0] - min(allowed))


def draw_ways(rows, ways=tuple(WAYS), metrics=tuple(METRICS)):
    """Metrics of several ways to color, with intervals.

    Parameters
    ----------
    rows : dict of str to dict
        As `course_lib.results.read_gan_results` gives it.
    ways : sequence of str
        In `WAYS`.
    metrics : sequence of str
        In `METRICS`.
    """
    figure, axes = new_figure(
        (len(metrics) + 1) // 2, 2, width=10, height=1.2 + 2.1 * ((len(metrics) + 1) // 2), sharey=True
    )
    for axis, metric in zip(axes.flat, metrics, strict=False):
        title, digits = METRICS[metric]
        for place, way in enumerate(ways):
            entry, shade = rows[way].get(metric), WAYS[way][1]
            if not entry or entry["value"] is None or abs(entry["value"]) == float("inf"):
                continue  # the PSNR of the truth has no number
            axis.plot(
                [entry["low"], entry["high"]], [-place] * 2, color=shade, linewidth=4, alpha=0.5, solid_capstyle="butt"
            )
            axis.plot(entry["value"], -place, "o", color=shade, markersize=5)
            axis.annotate(
                f"{entry['value']:.{digits}f}",
                (entry["value"], -place),
                (0, 5),
                textcoords="offset points",
                ha="center",
                fontsize=8,
            )
        axis.set_yticks([-place for place in range(len(ways))], [WAYS[way][0] for way in ways], fontsize=8)
        axis.set(title=title, ylim=(0.5 - len(ways), 0.9))
        axis.margins(x=0.12)
    return figure


def draw_starts(ways):
    """How the validation loss of phase 1 falls with time, for several ways to begin.

    Parameters
    ----------
    ways : dict of str to dict
        ``seconds`` and ``loss`` after each epoch, as in `course_lib.results.read_start_results`.
    """
    figure, axes = new_figure(1, 1, width=7, height=3.4)
    axis = axes[0, 0]
    for place, (name, way) in enumerate(ways.items()):
        shade, line = PALETTE[(4, 0)[place // 2 % 2]], ("-", "--")[place % 2]
        axis.plot(
            way["seconds"],
            way["loss"],
            line,
            marker="o",
            markersize=3,
            color=shade,
            label=f"{name}: {way['loss'][-1]:.3f}",
        )
    axis.set(xlabel="seconds of training", ylabel="validation loss at full size")
    axis.legend(fontsize=8)
    return figure


def draw_flowers(groups):
    """The mean colors of flowers in the ab plane, beside the colors that they can have.

    Parameters
    ----------
    groups : dict of str to tensor, (F, 2)
        By title.
    """
    figure, axes = new_figure(1, len(groups), width=9, height=3.2, sharex=True, sharey=True)
    colors, _ = conditional("petals")
    for axis, (title, ab) in zip(axes[0], groups.items(), strict=True):
        for name, point in zip(ALTERNATIVES["petals"], colors, strict=True):
            axis.plot(*point, "s", markersize=13, color=_shown(point), zorder=1)
            axis.annotate(name, point, xytext=(0, -15), textcoords="offset points", fontsize=8, ha="center")
        axis.plot(*ab.T, ".", color="black", markersize=3, alpha=0.6)
        axis.axhline(0, color="0.8", linewidth=0.6, zorder=0)
        axis.axvline(0, color="0.8", linewidth=0.6, zorder=0)
        axis.set(title=title, xlabel="a: green to red")
    axes[0, 0].set_ylabel("b: blue to yellow")
    return figure


def _shown(ab, lightness=61.0):
    """A color of the ab plane as sRGB, for a mark."""
    return color.join(torch.full((1, 1, 1), lightness), ab[:, None, None])[:, 0, 0].clamp(0, 1).tolist()


def draw_point(curve, place, samples, chosen):
    """Pictures at one point of phase 3 above the curves, with a mark there.

    Parameters
    ----------
    curve : list of dict
    place : int
        The point.
    samples : tensor, (6, 3, H, W)
        sRGB.
    chosen : int
        The point that was kept.
    """
    figure, axes = new_figure(2, 6, width=9.6, height=4.4)
    for axis, picture in zip(axes[0], samples, strict=True):
        draw_picture(axis, picture)
    for axis in axes[1]:
        axis.remove()
    grid = axes[0, 0].get_gridspec()
    for number, metric in enumerate(("frechet", "colorfulness", "patches")):
        axis = figure.add_subplot(grid[1, 2 * number : 2 * number + 2])
        draw_metric(axis, curve, metric, place)
        axis.axvline(curve[chosen]["step"], color=PALETTE[4], linewidth=0.8)
    return figure
