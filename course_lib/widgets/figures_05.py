"""The static figures of lesson 05. Each function takes what it draws and returns a Matplotlib figure."""

import torch

from course_lib import color
from course_lib.data.petals import conditional
from course_lib.semantic import SKIES
from course_lib.widgets.figures import PALETTE, draw_picture, new_figure
from course_lib.widgets.lesson_05 import draw_heat

WAYS = {  # in the results: what each is called, and its color
    "gray": ("gray", "0.5"),
    "none": ("told nothing", PALETTE[0]),
    "untrained": ("untrained embedding", PALETTE[5]),
    "trained": ("trained embedding", PALETTE[4]),
    "joint": ("learned together", PALETTE[2]),
    "wrong picture": ("embedding of the wrong picture", PALETTE[3]),
}
METRICS = {  # name in the results: title, digits, and whether more is better
    "delta_e": ("Delta E 2000 (less is better)", 1, False),
    "rebalanced_auc": ("rebalanced AuC (more is better)", 3, True),
    "psnr": ("PSNR in dB (more is better)", 1, True),
    "colorfulness_ratio": ("colorfulness over the truth's", 2, True),
}


def draw_fused(fused, channels):
    """Features with an embedding joined to them, as a table: a row for each channel, a column for each place.

    Parameters
    ----------
    fused : tensor, (C + E, H, W)
    channels : int
        C: how many of them are features.
    """
    parts = [part / part.abs().max().clamp(min=1e-9) for part in fused.detach().flatten(1).tensor_split([channels])]
    table = torch.cat([parts[0], torch.full_like(parts[0][:1], torch.nan), parts[1]])  # a white line between them
    figure, axes = new_figure(1, 1, width=6.4, height=3.6)
    axis = axes[0, 0]
    shown = axis.imshow(table.numpy(), cmap="cividis", aspect="auto", interpolation="nearest")
    middle = (channels + len(table)) / 2
    for place, text in ((channels / 2, "features"), (middle, "embedding")):
        axis.annotate(text, (1.01, place), xycoords=("axes fraction", "data"), va="center", annotation_clip=False)
    axis.set(xlabel="place", ylabel="channel")
    axis.set(yticks=[0, channels - 1], yticklabels=[1, channels], xticks=[])
    axis.figure.colorbar(shown, ax=axis, location="left", label="value, over the largest of the part")
    return figure


def draw_skies(answers, predicted):
    """What networks answer for the sky, in the ab plane, beside what they should.

    Parameters
    ----------
    answers : dict of str to tensor, (K, 2)
        By network: the mean answer for each of K words.
    predicted : dict of str to tensor, (K, 2)
        The colors that the loss asks for, by name.
    """
    figure, axes = new_figure(1, 1, width=5.6, height=4.2)
    axis = axes[0, 0]
    for sky, ab in zip(SKIES, conditional("sky")[0], strict=True):
        rgb = color.join(torch.full((1, 1, 1), 70.0), ab[:, None, None])[:, 0, 0].tolist()
        axis.plot(*ab, "s", markersize=16, color=rgb, zorder=1)
        axis.annotate(f"{sky} sky", ab, xytext=(13, -3), textcoords="offset points", fontsize=9)
    for name, points in predicted.items():
        axis.plot(*points.T, "x", markersize=9, color="0.3", zorder=4)
        axis.annotate(f"predicted, {name}", points[-1], xytext=(9, 6), textcoords="offset points", fontsize=8)
    shades = (PALETTE[0], PALETTE[5], PALETTE[4], PALETTE[2])
    for (name, points), shade, marker in zip(answers.items(), shades, "oDv^", strict=False):
        axis.plot(*points.T, marker, markersize=7, color=shade, label=name, zorder=3)
    axis.axhline(0, color="0.8", linewidth=0.6, zorder=0)
    axis.axvline(0, color="0.8", linewidth=0.6, zorder=0)
    axis.set(xlabel="a: green to red", ylabel="b: blue to yellow", xlim=(-25, 45), ylim=(-40, 46))
    axis.legend(loc="lower right", fontsize=8)
    return figure


def draw_similarity(similarity, names):
    """Cosine similarities of embeddings, (N, N), as a table of numbers on heat."""
    figure, axes = new_figure(1, 1, width=4.6, height=3.7)
    axis = axes[0, 0]
    axis.imshow(similarity.numpy(), cmap="cividis", vmin=0, vmax=1)
    for row, line in enumerate(similarity.tolist()):
        for column, value in enumerate(line):
            shade = "black" if value > 0.6 else "white"
            axis.text(column, row, f"{value:.2f}", ha="center", va="center", color=shade, fontsize=8)
    axis.set_xticks(range(len(names)), names, rotation=30)
    axis.set_yticks(range(len(names)), names)
    axis.spines[:].set_visible(False)
    return figure


def draw_ablation(rows):
    """The four metrics of each way to color all test photographs, with intervals.

    Parameters
    ----------
    rows : dict of str to dict
        ``rows[way]["all"][metric]`` as `course_lib.results.read_fusion_results` gives it.
    """
    figure, axes = new_figure(2, 2, width=10, height=4.6, sharey=True)
    for axis, (metric, (title, digits, _)) in zip(axes.flat, METRICS.items(), strict=True):
        for place, (way, (_, shade)) in enumerate(WAYS.items()):
            entry = rows[way]["all"][metric]
            if entry["value"] is None or (way == "gray" and metric == "colorfulness_ratio"):
                continue  # a gray picture has no color at all: its 0 would squeeze the others together
            _interval(axis, entry, -place, shade)
            offset = (entry["value"], -place)
            axis.annotate(
                f"{entry['value']:.{digits}f}",
                offset,
                xytext=(0, 5),
                textcoords="offset points",
                ha="center",
                fontsize=8,
            )
        axis.set_yticks([-place for place in range(len(WAYS))], [name for name, _ in WAYS.values()], fontsize=8)
        axis.set_title(title, fontsize=9)
        axis.set_ylim(-len(WAYS) + 0.5, 0.8)
        axis.margins(x=0.12)
    return figure


def draw_classes(entries, metric, ways=tuple(WAYS)):
    """A metric of several ways to color, for the photographs of each class, with intervals.

    Parameters
    ----------
    entries : dict of str to dict
        ``entries[way][class][metric]``: the rows of the results.
    metric : str
        In `METRICS`.
    ways : sequence of str
        In `WAYS`.
    """
    classes = [name for name in entries[ways[0]] if name != "all"]
    figure, axes = new_figure(1, 1, width=7, height=4.2)
    axis = axes[0, 0]
    for number, way in enumerate(ways):
        name, shade = WAYS[way]
        shift = (number - (len(ways) - 1) / 2) * 0.8 / len(ways)
        for place, kind in enumerate(classes):
            _interval(axis, entries[way][kind][metric], -place - shift, shade, name if place == 0 else None, width=3)
    for place in range(1, len(classes)):
        axis.axhline(0.5 - place, color="0.9", linewidth=0.8)
    axis.set_yticks([-place for place in range(len(classes))], classes)
    axis.set_title(METRICS[metric][0])
    axis.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def draw_leads(leads, pair="trained - none", metrics=("delta_e", "rebalanced_auc")):
    """How far one way is ahead of another, for all photographs and those of each class; to the right of the line it is better.

    Parameters
    ----------
    leads : dict of str to dict
        ``leads[pair][class][metric]`` as in the results.
    pair : str
    metrics : sequence of str
        In `METRICS`.
    """
    figure, axes = new_figure(1, len(metrics), width=9, height=3.2, sharey=True)
    groups = list(leads[pair])
    for axis, metric in zip(axes[0], metrics, strict=True):
        title, _, more = METRICS[metric]
        for place, group in enumerate(groups):
            entry = leads[pair][group][metric]
            better = entry if more else {"value": -entry["value"], "low": -entry["high"], "high": -entry["low"]}
            sure = better["low"] > 0 or better["high"] < 0
            _interval(axis, better, -place, PALETTE[4] if sure else "0.5")
        axis.axvline(0, color="black", linewidth=0.8)
        axis.set_yticks([-place for place in range(len(groups))], groups)
        axis.set_title(f"{title.partition(' (')[0]}: better by")
    return figure


def _interval(axis, entry, place, shade, label=None, width=4):
    """A dot with the ends of its interval, at a height."""
    axis.plot(
        [entry["low"], entry["high"]],
        [place] * 2,
        color=shade,
        linewidth=width,
        alpha=0.5,
        solid_capstyle="butt",
        label=label,
    )
    axis.plot([entry["value"]], [place], "o", color=shade, markersize=5)


def draw_swap(rgb, own, swapped, moved, labels):
    """Pictures under their own and under another embedding, and where the colors moved.

    Parameters
    ----------
    rgb, own, swapped : tensors, (N, 3, H, W)
        The truth, and the picture as colored by either embedding.
    moved : tensor, (N, H, W)
        Distance in ab between the two.
    labels : sequence of (str, str)
        What the network was told, own and swapped.
    """
    figure, axes = new_figure(len(rgb), 4, width=7.6, height=2.1 * len(rgb))
    for line, truth, first, second, distance, (told, else_told) in zip(
        axes, rgb, own, swapped, moved, labels, strict=True
    ):
        draw_picture(line[0], first, f"told: {told}")
        draw_picture(line[1], second, f"told: {else_told}")
        draw_heat(line[2], distance, f"moved by {distance.mean():.1f}")
        draw_picture(line[3], truth, "truth")
    return figure


def draw_groups(groups):
    """Means of several groups as bars: by title, then by name, numbers."""
    figure, axes = new_figure(1, len(groups), width=8, height=2.6, sharey=True)
    for axis, (title, values) in zip(axes[0], groups.items(), strict=True):
        bars = axis.bar(range(len(values)), list(values.values()), color=PALETTE[4], width=0.6)
        axis.bar_label(bars, [f"{value:.1f}" for value in values.values()], fontsize=8)
        axis.set_xticks(range(len(values)), values)
        axis.set_title(title)
        axis.margins(y=0.15)
    axes[0, 0].set_ylabel("mean distance in ab")
    return figure
