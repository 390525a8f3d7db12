"""Figures of lesson 09: colors over time, motion, what is hidden, keys, and whom a network believes."""

import math

import torch

from course_lib.models.propagation_net import CHOICES
from course_lib.video.flow import draw_flow
from course_lib.widgets.figures import PALETTE, draw_picture, new_figure

ARROWS = 12  # along the shorter side of a picture


def every(frames, count):
    """So many of the frames at even distances, the first and the last among them: a list of pictures."""
    places = torch.linspace(0, len(frames) - 1, count).round().long()
    return list(frames[places])


def draw_trace(traces, rate=24):
    """The a and b of one place over time, one line for each way to color it.

    Parameters
    ----------
    traces : dict of str to tensor, (T, 2)
        Natural units.
    rate : number
        Frames per second.
    """
    figure, axes = new_figure(1, 2, width=9, height=2.8)
    for channel, axis in enumerate(axes[0]):
        lines = {label: ab[:, channel] for label, ab in traces.items()}
        _draw_lines(axis, lines, (PALETTE[4], PALETTE[0], "#666666"), 1 / rate)
        axis.set_xlabel("seconds")
        axis.set_title("a (green to red)" if channel == 0 else "b (blue to yellow)")
    return figure


def _draw_lines(axis, lines, shades, step, start=0):
    """Lines with their names at their right ends, which keep apart."""
    low = min(float(line.min()) for line in lines.values())
    high = max(float(line.max()) for line in lines.values())
    apart, lowest = 0.08 * (high - low), -float("inf")
    places = {}
    for label in sorted(lines, key=lambda label: float(lines[label][-1])):
        lowest = places[label] = max(float(lines[label][-1]), lowest + apart)
    for shade, (label, line) in zip(shades, lines.items(), strict=False):
        x = start + step * torch.arange(len(line))
        axis.plot(x, line, color=shade, linewidth=1.8)
        axis.annotate(f" {label}", (x[-1], places[label]), color=shade, va="center", fontsize=9, annotation_clip=False)
    axis.set_xlim(right=start + step * len(line) * 1.3)


def draw_motion(rgb, flows):
    """A frame with arrows that say where its pixels came from, each flow as colors, and which hue is which direction.

    Parameters
    ----------
    rgb : tensor, (3, H, W)
    flows : dict of str to tensor, (2, H, W)
        In pixels; arrows are those of the first one.
    """
    count = len(flows) + 2
    figure, axes = new_figure(1, count, width=2.4 * count, height=2.7)
    largest = max(float(flow.norm(dim=0).max()) for flow in flows.values())
    draw_picture(axes[0, 0], rgb, "where it came from")
    first = next(iter(flows.values()))
    _draw_arrows(axes[0, 0], first)
    for axis, (label, flow) in zip(axes[0, 1:-1], flows.items(), strict=True):
        draw_picture(axis, draw_flow(flow, largest), label)
    draw_picture(axes[0, -1], draw_wheel(), "which hue is\nwhich direction")
    return figure


def _draw_arrows(axis, flow):
    """Arrows on a grid, three times as long as the motion."""
    step = max(1, min(flow.shape[-2:]) // ARROWS)
    rows, columns = (torch.arange(step // 2, length, step) for length in flow.shape[-2:])
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    dx, dy = flow[:, y, x]
    axis.quiver(x, y, dx, dy, angles="xy", scale_units="xy", scale=1 / 3, color="white", width=0.006, edgecolor="black")


def draw_wheel(size=96):
    """Which color stands for which direction: a picture (3, size, size)."""
    line = torch.linspace(-1, 1, size)
    y, x = torch.meshgrid(line, line, indexing="ij")
    return torch.where(torch.hypot(x, y) <= 1, draw_flow(torch.stack([x, y]), 1.0), torch.ones(3, 1, 1))


def shade_hidden(rgb, mask):
    """A picture (3, H, W) with all that the mask (1, H, W) hides in one flat violet."""
    violet = rgb.new_tensor([0.55, 0.2, 0.75])[:, None, None]
    return torch.where(mask > 0.5, rgb, 0.25 * rgb + 0.75 * violet)


def draw_keys(appeared, vanished, costs, keys):
    """How much comes into view and goes out of it, step by step, and what that makes of each frame as a key.

    Parameters
    ----------
    appeared, vanished : tensors, (T - 1,)
        Shares of the picture, as `keyframes.hidden_shares` gives them.
    costs : tensor, (T,)
        What is hidden from each frame of all others, in pictures.
    keys : list of int
        Those that were chosen.
    """
    figure, axes = new_figure(1, 2, width=9, height=2.8)
    left, right = axes[0]
    steps = torch.arange(1, len(appeared) + 1)
    left.plot(steps, 100 * appeared, color=PALETTE[0], label="came into view")
    left.plot(steps - 1, 100 * vanished, color=PALETTE[4], linestyle="--", label="goes out of view")
    left.set_xlabel("frame")
    left.set_ylabel("% of the picture")
    left.legend(frameon=False, fontsize=9)
    right.plot(costs, color="black")
    for key in keys:
        right.plot(key, costs[key], "o", color=PALETTE[2], markersize=9)
        right.annotate(
            "key", (key, costs[key]), xytext=(0, 9), textcoords="offset points", ha="center", color=PALETTE[2]
        )
    right.set_xlabel("frame taken as the key")
    right.set_ylabel("hidden of all frames, pictures")
    right.set_ylim(bottom=0)
    return figure


def draw_beliefs(rgb, weights):
    """Whom a `PropagationNet` believes at each pixel of a frame: the frame, and the weights (4, H, W) of its proposals."""
    figure, axes = new_figure(1, 5, width=10, height=2.5)
    draw_picture(axes[0, 0], rgb, "the frame")
    for axis, name, weight in zip(axes[0, 1:], CHOICES, weights, strict=True):
        draw_picture(
            axis, weight, name.replace(" along", "\nalong").replace(" by", "\nby").replace("the still ", "the still\n")
        )
    return figure


def draw_fading(curves, marked=None):
    """PSNR over the frames since the key, one line for each way.

    Parameters
    ----------
    curves : dict of str to tensor, (T,)
        In dB, of the frames after the key.
    marked : int, optional
        A frame at which a line stands.
    """
    figure, axes = new_figure(1, 1, width=6.5, height=3)
    axis = axes[0, 0]
    _draw_lines(axis, curves, (PALETTE[4], PALETTE[1], PALETTE[0], PALETTE[2]), 1, start=1)
    if marked is not None:
        axis.axvline(marked, color="#999999", linewidth=1, linestyle=":")
    axis.set_xlabel("frames after the key")
    axis.set_ylabel("PSNR, dB")
    return figure


def draw_films(rows, films, ways, metric, label):
    """One metric of several films and ways, a row of dots for each film.

    Parameters
    ----------
    rows : dict
        From film to way to metrics.
    films, ways : sequences of str
        Which, in this order.
    metric, label : str
        What is drawn, and what to write below.
    """
    figure, axes = new_figure(1, 1, width=7.5, height=0.34 * len(films) + 1.0)
    axis = axes[0, 0]
    marks = dict(zip(ways, "so^Dv", strict=False))
    shades = dict(zip(ways, (PALETTE[4], PALETTE[1], PALETTE[3], PALETTE[0], "#666666"), strict=False))
    for way in ways:
        values = [rows[film][way][metric] for film in films]
        places = [place for place, value in enumerate(values) if value is not None and math.isfinite(value)]
        axis.plot([values[place] for place in places], places, marks[way], color=shades[way], label=way, markersize=7)
    axis.set_yticks(range(len(films)), films)
    axis.invert_yaxis()
    axis.grid(axis="y", color="#dddddd")
    axis.set_xlabel(label)
    axis.legend(frameon=False, ncols=len(ways), loc="lower center", bbox_to_anchor=(0.5, 1.0), fontsize=9)
    return figure
