"""The static figures of lesson 02. Each function takes what it draws and returns a Matplotlib figure."""

import torch
from matplotlib.patches import FancyArrowPatch, Rectangle

from course_lib.widgets.figures import PALETTE, draw_picture, new_figure
from course_lib.widgets.lesson_02 import swatch

REACH = 75  # the planes show a and b from -75 to 75


def draw_answers(mixtures):
    """What may be true and what a loss answers, in the ab plane.

    Parameters
    ----------
    mixtures : dict of str to (colors (K, 2), shares (K,), dict of str to answer (2,))

    Returns
    -------
    figure : one plane per mixture; dots as large as the shares, answers as labeled marks
    """
    figure, axes = new_figure(1, len(mixtures), width=4.2 * len(mixtures), height=4.3)
    for axis, (title, (colors, shares, answers)) in zip(axes[0], mixtures.items(), strict=True):
        _draw_plane(axis, title)
        edge = torch.cat([_around(colors), _around(colors)[:1]])
        axis.plot(*edge.T, color="0.6", linestyle=":", zorder=1)
        axis.scatter(*colors.T, c=_rgb(colors), s=1400 * shares, edgecolors="black", zorder=2)
        _mark_shares(axis, colors, shares)
        _mark_answers(axis, answers)
    return figure


def _draw_plane(axis, title):
    axis.axhline(0, color="0.8", linewidth=0.8, zorder=0)
    axis.axvline(0, color="0.8", linewidth=0.8, zorder=0)
    axis.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH), xlabel="a", ylabel="b", title=title, aspect="equal")


def _around(colors):
    """The colors in the order of their angle from the middle of them."""
    centered = colors - colors.mean(dim=0)
    return colors[torch.atan2(centered[:, 1], centered[:, 0]).argsort()]


def _rgb(colors):
    return swatch(colors)[:, 0].T.numpy()


def _mark_shares(axis, colors, shares):
    """How likely each color is, written on the side of its dot that looks away from gray."""
    for ab, share in zip(colors, shares.tolist(), strict=True):
        away = ab / ab.norm() * 26
        axis.annotate(
            f"{share:.0%}", ab.tolist(), xytext=away.tolist(), textcoords="offset points", ha="center", va="center"
        )


def _mark_answers(axis, answers):
    """Answers as diamonds in their own color; their names stand in a column, the highest answer on top."""
    ranked = sorted(answers.items(), key=lambda item: item[1][1].item())
    for place, (name, ab) in enumerate(ranked):
        axis.scatter(*ab[:, None], c=_rgb(ab[None]), marker="D", s=80, edgecolors="black", linewidths=1.5, zorder=4)
        line = {"arrowstyle": "-", "color": "black", "linewidth": 0.8}
        spot = (-46, 4 + 20 * place)
        axis.annotate(
            name, ab.tolist(), xytext=spot, textcoords="data", ha="right", va="center", arrowprops=line, zorder=3
        )


def draw_network(widths, side):
    """How features of several scales are merged: boxes with channels and resolution, drawn from a network's numbers.

    Parameters
    ----------
    widths : sequence of int
        Channels at each scale, finest first.
    side : int
        Side of the picture in pixels.
    """
    figure, axes = new_figure(1, 1, width=8.6, height=3.9)
    axis = axes[0, 0]
    axis.set(xlim=(-0.3, 5.6), ylim=(-0.55, len(widths) + 0.1))
    axis.axis("off")
    for scale, width in enumerate(widths):
        _box(axis, 1.1, scale, f"features\n{width} x {side >> scale} x {side >> scale}", PALETTE[5])
        top = scale == len(widths) - 1
        after = widths[max(scale - 1, 0)]
        label = f"1x1 convolution\n{after} channels" if top else "add, 3x3\nconvolution"
        _box(axis, 3.6, scale, label, PALETTE[1])
        _arrow(axis, (1.85, scale), (2.85, scale), "" if top else "normalize")
        if not top:
            _arrow(axis, (1.1, scale + 0.28), (1.1, scale + 0.72), "half the size")
            _arrow(axis, (3.6, scale + 0.72), (3.6, scale + 0.28), "twice the size")
    _arrow(axis, (0.05, 0), (0.35, 0), "")
    axis.text(-0.05, 0, "L", ha="center", va="center", fontsize=13)
    _arrow(axis, (4.35, 0), (4.85, 0), "")
    axis.text(5.15, 0, "a and b\nof every\npixel", ha="center", va="center")
    return figure


def _box(axis, x, y, text, facecolor):
    axis.add_patch(Rectangle((x - 0.75, y - 0.28), 1.5, 0.56, facecolor=facecolor, edgecolor="black", alpha=0.55))
    axis.text(x, y, text, ha="center", va="center", fontsize=9)


def _arrow(axis, start, end, text):
    axis.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=12, color="black"))
    if text:
        upward = start[0] == end[0]
        x, y = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
        axis.text(
            x + 0.06 * upward, y + 0.09 * (not upward), text, va="center", fontsize=8, ha="left" if upward else "center"
        )


def draw_curve(losses, floor, floor_label):
    """The loss of every step, smoothed over a few, with a labeled level that it cannot get below."""
    figure, axes = new_figure(1, 1, width=5.2, height=2.6)
    axis = axes[0, 0]
    window = max(1, len(losses) // 40)
    smooth = torch.tensor(losses).unfold(0, window, 1).mean(dim=1)
    axis.plot(range(window, len(losses) + 1), smooth, color=PALETTE[0], linewidth=1.5)
    axis.axhline(floor, color="0.3", linestyle="--")
    label = {"xytext": (0, -4), "textcoords": "offset points", "ha": "right", "va": "top", "color": "0.3"}
    axis.annotate(floor_label, (len(losses), floor), **label)
    axis.set(xlabel="step", ylabel="training loss", ylim=(0, 4 * float(floor)))
    return figure


def turn_hue(ab, degrees):
    """Turn every hue by an angle, at the same chroma: (..., 2, H, W) to the same."""
    angle = torch.deg2rad(torch.as_tensor(float(degrees)))
    a, b = ab.unbind(-3)
    return torch.stack([a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()], dim=-3)


def draw_hue_errors(angles, errors, gray, picture):
    """The error of a vivid picture against how far its hues are turned, with that of the gray picture as a level.

    Parameters
    ----------
    angles : sequence of numbers, degrees
    errors : sequence of numbers, PSNR in dB for each angle
    gray : number, PSNR of the gray picture
    picture : dict of str to tensor
        Pictures to stand beside the curve, by label.
    """
    figure, axes = new_figure(1, 1 + len(picture), width=9.8, height=2.7, width_ratios=(1.5, *[1] * len(picture)))
    axis = axes[0, 0]
    axis.plot(angles, errors, color=PALETTE[0], linewidth=2)
    axis.axhline(gray, color="0.4", linestyle="--")
    axis.annotate("gray", (180, gray), ha="right", va="bottom", color="0.3", xytext=(0, 2), textcoords="offset points")
    axis.annotate(
        "full chroma",
        (angles[-1], errors[-1]),
        ha="right",
        va="bottom",
        color=PALETTE[0],
        xytext=(0, 3),
        textcoords="offset points",
    )
    axis.set(xlabel="all hues turned by (degrees)", ylabel="PSNR (dB)", xticks=[0, 60, 120, 180], xlim=(0, 180))
    for place, (label, rgb) in enumerate(picture.items(), 1):
        draw_picture(axes[0, place], rgb, label)
    return figure
