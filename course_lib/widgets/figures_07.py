"""The static figures of lesson 07. Each function takes what it draws and returns a Matplotlib figure."""

import math

import torch
from matplotlib.patches import Rectangle

from course_lib.training.losses import ADVERSARIAL
from course_lib.widgets.figures import PALETTE, draw_picture, new_figure

SHADES = {"BCE": PALETTE[0], "hinge": PALETTE[4], "least squares": PALETTE[2]}
HEAT, MOST = "RdBu", 4.0  # color map of logits, blue where a patch looks real, and the logit at its ends
DIMMED = 0.45  # how bright a picture stays where a logit sees nothing
SATURATING = "BCE, saturating"


def draw_fields(rgb, influences):
    """A picture, dimmed where one logit of a critic sees nothing of it, for several critics.

    Parameters
    ----------
    rgb : tensor, (3, H, W)
    influences : dict of int to tensor, (H, W)
        By the side of the patch, what `course_lib.realism.what_one_logit_sees` gives.
    """
    figure, axes = new_figure(1, len(influences), width=10, height=10 / len(influences) + 0.4)
    for axis, (side, influence) in zip(axes[0], influences.items(), strict=True):
        seen = (influence > 0).float()
        draw_picture(axis, rgb * (DIMMED + (1 - DIMMED) * seen), f"{side} px")
        rows, columns = (seen.amax(dim=axis_).nonzero().flatten() for axis_ in (1, 0))
        corner = (float(columns[0]) - 0.5, float(rows[0]) - 0.5)
        size = (len(columns), len(rows))
        axis.add_patch(Rectangle(corner, *size, fill=False, edgecolor=PALETTE[1], linewidth=1.5))
    return figure


def costs_of(kind, logits):
    """What a logit costs: for a real picture, for a generated one, and the generator for a generated one, each (N,)."""
    return [cost(logits) for cost in ADVERSARIAL[kind]]


def slopes(cost, logits):
    """The derivative of a cost with respect to each logit: (N,)."""
    logits = logits.detach().clone().requires_grad_(True)
    return torch.autograd.grad(cost(logits).sum(), logits)[0]


def saturating(logits):
    """What the first paper's generator minimized, log(1 - P(real)): flat where the critic is sure."""
    return -torch.nn.functional.softplus(logits)


def draw_games(reach=5.0):
    """The costs of one logit in the three games, and how strongly it pulls the generator, for logits from ``-reach`` to ``reach``."""
    logits = torch.linspace(-reach, reach, 201)
    figure, axes = new_figure(1, 4, width=10, height=2.9)
    titles = ("critic: a real patch", "critic: a made patch", "generator: a made patch", "pull on the generator")
    for kind, shade in SHADES.items():
        curves = [*costs_of(kind, logits), slopes(ADVERSARIAL[kind][2], logits).abs()]
        for axis, curve in zip(axes[0], curves, strict=True):
            axis.plot(logits, curve, color=shade, label=kind)
    axes[0, 3].plot(logits, slopes(saturating, logits).abs(), "--", color=SHADES["BCE"], label=SATURATING)
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title, fontsize=9)
        axis.set(ylim=(-4 if "generator: " in title else -0.2, 5), xlabel="logit")
        axis.axvline(0, color="0.8", linewidth=0.6, zorder=0)
    axes[0, 3].set_ylim(-0.1, 3)
    axes[0, 2].legend(*axes[0, 3].get_legend_handles_labels(), fontsize=7, loc="lower left")
    return figure


def draw_critics_losses(curves):
    """The loss of the critic in several games, over the steps, beside that of a critic that knows nothing.

    Parameters
    ----------
    curves : dict of str to list of dict
        By game, `course_lib.training.gan.GanState.curve`.
    """
    figure, axes = new_figure(1, 1, width=6, height=3)
    axis = axes[0, 0]
    lines = {
        name: [(point["step"], point["critic_loss"]) for point in curve if point.get("critic_loss") is not None]
        for name, curve in curves.items()
    }
    order = sorted(lines, key=lambda name: lines[name][-1][1])  # names stand apart even where lines end together
    for (name, points), shade in zip(lines.items(), PALETTE, strict=False):
        axis.plot(*zip(*points, strict=True), "o-", color=shade, markersize=4)
        offset = (8, 10 * (order.index(name) - (len(order) - 1) / 2) - 3)
        axis.annotate(name, points[-1], xytext=offset, textcoords="offset points", fontsize=8, color=shade)
    axis.axhline(math.log(2), color="0.5", linewidth=0.8, linestyle="--")
    axis.annotate(
        "guessing: ln 2", (0, math.log(2)), xytext=(2, 4), textcoords="offset points", fontsize=8, color="0.4"
    )
    axis.set(xlabel="step", ylabel="critic's loss", yscale="log")
    axis.set_xlim(left=0)
    axis.margins(x=0.2)
    return figure


def draw_plane(
    rows,
    across=("delta_e", "Delta E 2000 (left: truer)"),
    up=("frechet", "Fréchet distance (down: more like photographs)"),
):
    """Two metrics of several ways to color, with their intervals, each with its name.

    Parameters
    ----------
    rows : dict of str to dict
        ``rows[way][metric]`` with ``value``, ``low`` and ``high``.
    across, up : (str, str)
        The metrics and what to write at the axes.
    """
    figure, axes = new_figure(1, 1, width=6.4, height=4.2)
    axis = axes[0, 0]
    for place, (name, row) in enumerate(rows.items()):
        x, y = row[across[0]], row[up[0]]
        shade = PALETTE[place % len(PALETTE)]
        axis.plot([x["low"], x["high"]], [y["value"]] * 2, color=shade, alpha=0.5, linewidth=3)
        axis.plot([x["value"]] * 2, [y["low"], y["high"]], color=shade, alpha=0.5, linewidth=3)
        axis.plot(x["value"], y["value"], "o", color=shade, markersize=6)
        axis.annotate(
            name, (x["value"], y["value"]), xytext=(7, 5), textcoords="offset points", fontsize=8, color=shade
        )
    axis.set(xlabel=across[1], ylabel=up[1])
    axis.margins(x=0.25, y=0.12)
    return figure


def draw_verdicts(verdicts):
    """What critics say about edited pictures, as bars: the share of patches that they take for real.

    Parameters
    ----------
    verdicts : dict of str to dict of str to float
        By critic, then by edit: a share from 0 to 1.
    """
    figure, axes = new_figure(1, len(verdicts), width=9, height=2.6, sharey=True)
    for axis, (critic, shares) in zip(axes[0], verdicts.items(), strict=True):
        places = [-place for place in range(len(shares))]
        bars = axis.barh(places, list(shares.values()), color=PALETTE[5])
        axis.bar_label(bars, [f"{share:.0%}" for share in shares.values()], fontsize=8, padding=2)
        axis.set_yticks(places, list(shares))
        axis.set_title(f"critic that {critic}", fontsize=9)
        axis.set(xlim=(0, 1.15), xticks=[])
    figure.supxlabel("patches taken for real", fontsize=9)
    return figure


def draw_logits(axis, logits, rgb, title):
    """A picture in gray under a critic's logits, (h, w): blue where a patch looks real. Returns what Matplotlib calls a mappable."""
    height, width = rgb.shape[-2:]
    axis.imshow(rgb.mean(dim=0).numpy(), cmap="gray", vmin=0, vmax=1)
    frame = (-0.5, width - 0.5, height - 0.5, -0.5)
    shown = axis.imshow(logits.numpy(), cmap=HEAT, vmin=-MOST, vmax=MOST, alpha=0.65, extent=frame)
    axis.axis("off")
    axis.set_title(title)
    return shown
