"""Figures of lesson 06: hints on pictures, what each is worth, and how far a wrong one spreads."""

from itertools import pairwise

import torch
from matplotlib.patches import Rectangle

from course_lib import color
from course_lib.widgets.figures import PALETTE, draw_picture, new_figure

# R. Zhang et al., "Real-Time User-Guided Image Colorization with Learned Deep Priors" (SIGGRAPH 2017), on ImageNet: dB by hints.
PUBLISHED = {0: 24.4, 1: 25.4, 2: 26.2, 5: 27.4, 10: 28.4, 20: 29.3, 50: 30.4, 100: 31.1}


def draw_hints(axis, hints, size, zoom=3):
    """Mark hints on a picture of ``size`` (H, W): points as squares in their color, strokes as dashed lines.

    Parameters
    ----------
    axis : matplotlib axis
        With the picture.
    hints : Hints
    size : (int, int)
    zoom : float
        How many times larger than they are the points are drawn: a few pixels would be hard to see.
    """
    height, width = size
    axis.autoscale(False)  # marks at the edge do not make the picture smaller
    for point in hints.points:
        side = zoom * point.size * min(size)
        corner = (point.column * width - side / 2 - 0.5, point.row * height - side / 2 - 0.5)
        axis.add_patch(
            Rectangle(corner, side, side, facecolor=shade(point.a, point.b), edgecolor="white", linewidth=1.2)
        )
        axis.add_patch(Rectangle(corner, side, side, facecolor="none", edgecolor="black", linewidth=0.5))
    for stroke in hints.strokes:
        rows, columns = zip(*stroke, strict=True)
        places = ([column * width for column in columns], [row * height for row in rows])
        axis.plot(*places, color="black", linewidth=2.5)
        axis.plot(*places, color="white", linewidth=1.2, linestyle=(0, (4, 3)))


def shade(a, b, lightness=65.0):
    """A color of these a and b that can be seen, as Matplotlib takes it."""
    lab = color.limit_chroma(torch.tensor([lightness, a, b])[:, None, None])
    return tuple(color.lab_to_rgb(lab)[:, 0, 0].clamp(0, 1).tolist())


def hinted_pictures(rows, width=10.0):
    """Pictures side by side, each with its label and the hints that led to it.

    Parameters
    ----------
    rows : dict of str to (tensor, Hints or None)
        A picture (3, H, W) and what to mark on it.
    width : float
        Inches.
    """
    rgb = next(iter(rows.values()))[0]
    each = width / len(rows)
    figure, axes = new_figure(1, len(rows), width=width, height=each * rgb.shape[-2] / rgb.shape[-1] + 0.3)
    for axis, (label, (picture, hints)) in zip(axes[0], rows.items(), strict=True):
        draw_picture(axis, picture, label)
        if hints is not None:
            draw_hints(axis, hints, picture.shape[-2:])
    return figure


def draw_simulated(l, known, mask, strokes):  # noqa: E741 - l is the symbol of the field
    """What a network gets to see of photographs: lightness with the revealed colors on it, and strokes in white.

    Parameters
    ----------
    l, known, mask, strokes : tensors, (B, 1, H, W), (B, 2, H, W), (B, 1, H, W) and (B, 1, H, W)
        As `HintNet.forward` takes them.
    """
    lab = color.denormalize(l, known)
    lab[:, :1] = torch.where(
        mask > 0, lab[:, :1].clamp(40, 75), lab[:, :1]
    )  # a color that is too dark or bright shows little
    rgb = torch.where(strokes > 0, 1.0, color.lab_to_rgb(color.limit_chroma(lab)))
    figure, axes = new_figure(1, len(rgb), width=10, height=10 / len(rgb) + 0.3)
    for axis, picture, count in zip(axes[0], rgb, mask.mean(dim=(1, 2, 3)).tolist(), strict=True):
        draw_picture(axis, picture, f"{count:.1%} known")
    return figure


def draw_counts(counts, expected):
    """How often each number of hints was drawn, as bars, beside what the geometric distribution says, as dots.

    Parameters
    ----------
    counts : tensor, (N,), int
    expected : tensor, (K,)
        The probabilities of 0 to K - 1 hints.
    """
    figure, axes = new_figure(1, 1, width=6, height=2.6)
    axis = axes[0, 0]
    seen = torch.bincount(counts, minlength=len(expected))[: len(expected)] / len(counts)
    axis.bar(range(len(expected)), seen, color=PALETTE[5], label="drawn")
    axis.plot(range(len(expected)), expected, "o", color=PALETTE[4], markersize=3, label="geometric")
    axis.set(xlabel="hints of a picture", ylabel="how often")
    axis.legend(frameon=False)
    return figure


def draw_curve(results):
    """PSNR over the number of hints, left, and what they add, right: ours, hints carried without a network, and the published network.

    Parameters
    ----------
    results : dict
        From `course_lib.results.read_hint_results`.
    """
    figure, axes = new_figure(1, 2, width=10, height=3.6)
    ours, carried = ({int(count): row for count, row in results[name].items()} for name in ("psnr", "carried"))
    rows = {"this network": ours, "carried, no network": carried}
    looks = {"this network": (PALETTE[0], "o-"), "carried, no network": (PALETTE[1], "s-")}
    looks["published, on ImageNet"] = (PALETTE[4], "^--")
    values = {name: {count: row["value"] for count, row in each.items()} for name, each in rows.items()}
    values["published, on ImageNet"] = PUBLISHED
    for name, each in values.items():
        shade, style = looks[name]
        places = range(len(each))
        axes[0, 0].plot(places, each.values(), style, color=shade, label=name)
        gains = [value - each[0] for value in each.values()]
        axes[0, 1].plot(places, gains, style, color=shade)
    for name, each in rows.items():
        low, high = ([row[end] for row in each.values()] for end in ("low", "high"))
        axes[0, 0].fill_between(range(len(each)), low, high, color=looks[name][0], alpha=0.15, linewidth=0)
    for axis, label in zip(axes[0], ("PSNR, dB", "more than without hints, dB"), strict=True):
        axis.set_xticks(range(len(PUBLISHED)), [str(count) for count in PUBLISHED])
        axis.set(xlabel="hints", ylabel=label)
    axes[0, 0].legend(frameon=False, fontsize=8)
    return figure


def draw_spread(spread, rings):
    """How far the answer follows a wrong color, over the distance from it.

    Parameters
    ----------
    spread : dict of str to float
        By the distance in pixels from which on each ring reaches.
    rings : sequence of int
        Where rings begin, and where the last one ends.
    """
    figure, axes = new_figure(1, 1, width=5.6, height=2.8)
    axis = axes[0, 0]
    names = [f"{low} to {high}" for low, high in pairwise(rings)]
    bars = axis.bar(names, spread.values(), color=PALETTE[0])
    axis.bar_label(bars, [f"{share:.0%}" for share in spread.values()], fontsize=8)
    axis.set(xlabel="pixels from the wrong hint (the picture has 128)", ylabel="change of the answer", ylim=(0, None))
    axis.set_yticks([])
    axis.spines["left"].set_visible(False)
    return figure


def draw_suggestions(suggestions, lightness):
    """Suggested colors at their lightness as swatches, each with its share of the probability.

    Parameters
    ----------
    suggestions : dict of str to list of Suggestion
        By place.
    lightness : dict of str to float
        L of each place, 0 to 100.
    """
    most = max(len(each) for each in suggestions.values())
    figure, axes = new_figure(len(suggestions), 1, width=1.2 * most + 2, height=0.95 * len(suggestions) + 0.2)
    for axis, (place, each) in zip(axes[:, 0], suggestions.items(), strict=True):
        for column, suggestion in enumerate(each):
            face = shade(suggestion.a, suggestion.b, lightness[place])
            axis.add_patch(Rectangle((column, 0), 0.92, 1, facecolor=face, edgecolor="0.6"))
            axis.text(column + 0.46, -0.12, f"{suggestion.share:.0%}", ha="center", va="top", fontsize=8)
        axis.set(xlim=(-0.05, most), ylim=(-0.5, 1.05), xticks=[], yticks=[])
        axis.set_ylabel(place, rotation=0, ha="right", va="center")
        for side in ("left", "bottom"):
            axis.spines[side].set_visible(False)
    return figure
