"""What moves in lesson 04: the weights of the bins on the ab plane, and weights applied to an answer on a photograph."""

from functools import lru_cache

import torch
from matplotlib.colors import LogNorm

from course_lib import bins, color, metrics
from course_lib.data import fit, photo
from course_lib.data.priors import scenes_counts, scenes_prior
from course_lib.models.checkpoints import load_checkpoint
from course_lib.rebalancing import CHROMA_EDGES, answer, by_chroma, reweight, smooth_along_index, weights_of_seen
from course_lib.widgets.explorer import Explorer, choice, slider, widget
from course_lib.widgets.figures import PALETTE, draw_picture, new_figure

# ---- maps of the bins

_A, _B = bins.AB_BINS[:, 0], bins.AB_BINS[:, 1]
_STEP = bins.STEP
EXTENT = (_A.min() - _STEP / 2, _A.max() + _STEP / 2, _B.min() - _STEP / 2, _B.max() + _STEP / 2)
MAP = "cividis"  # made for color-blind readers, and darker means less in print too


def bin_grid(values):
    """Values of the bins, (313,), where they lie in the plane: (22, 20), rows of rising b, columns of rising a, NaN beside the bins."""
    rows, columns = ((_B - _B.min()) / _STEP).long(), ((_A - _A.min()) / _STEP).long()
    grid = torch.full((int(rows.max()) + 1, int(columns.max()) + 1), float("nan"))
    grid[rows, columns] = values.float()
    return grid


def draw_map(axis, values, low, high, label):
    """Heat for values of the bins, (313,), on a logarithmic scale from ``low`` to ``high``; white where there is no bin or no value."""
    axis.set_facecolor("white")
    shown = axis.imshow(
        bin_grid(torch.where(values > 0, values, torch.nan)).numpy(),
        origin="lower",
        extent=EXTENT,
        norm=LogNorm(low, high),
        cmap=MAP,
        interpolation="nearest",
    )
    draw_outline(axis)
    axis.figure.colorbar(shown, ax=axis, label=label, extend="both", shrink=0.85)
    name_axes(axis)


def draw_outline(axis):
    """The edge of the set of bins, so that bins without a value can be told from places without a bin."""
    inside = (~bin_grid(torch.ones(bins.COUNT)).isnan()).float()
    padded = torch.nn.functional.pad(inside[None, None], (1, 1, 1, 1))[0, 0].repeat_interleave(10, 0)
    edge = (EXTENT[0] - _STEP, EXTENT[1] + _STEP, EXTENT[2] - _STEP, EXTENT[3] + _STEP)
    axis.contour(padded.repeat_interleave(10, 1).numpy(), levels=[0.5], colors="0.4", linewidths=0.7, extent=edge)


def name_axes(axis):
    """Name the directions of the plane in words: its colors are the subject, and not everybody tells them apart."""
    axis.axhline(0, color="0.7", linewidth=0.5)
    axis.axvline(0, color="0.7", linewidth=0.5)
    axis.set(xlabel="a: green to red", ylabel="b: blue to yellow", xlim=(-105, 115), ylim=(-125, 115), aspect="equal")
    axis.set(xticks=[-100, 0, 100], yticks=[-100, 0, 100])


# ---- the weights

IN_PLANE, ALONG_INDEX = "in the ab plane", "along the list (a bug)"
CHROMA_NAMES = ("0 to 15\nalmost gray", "15 to 30\npale", "30 to 50\nclear", "above 50\nvivid")


@lru_cache
def pixel_shares():
    """The share of the training photographs' pixels in each bin, as counted: (313,)."""
    counts = scenes_counts()
    return (counts / counts.sum()).float()


@lru_cache(maxsize=64)
def smoothed_prior(sigma, where):
    """The prior of the training photographs, smoothed in one of two ways: (313,)."""
    return (bins.smooth if where == IN_PLANE else smooth_along_index)(pixel_shares(), float(sigma))


def loss_shares(weights):
    """The share of each bin's pixels in the weighted loss, if all pixels cost the same without weights: (313,), sum 1."""
    heard = pixel_shares() * weights.nan_to_num()
    return heard / heard.sum()


def draw_weights(mixing, sigma, where=IN_PLANE):
    """Prior, weights, and how much of the pixels and of the loss falls to each chroma: ``(figure, alt)``.

    Parameters
    ----------
    mixing : float, 0 to 1
    sigma : number
        Of the smoothing, in units of a and b.
    where : str
        `IN_PLANE` or `ALONG_INDEX`.
    """
    prior = smoothed_prior(sigma, where)
    weights = weights_of_seen(prior, mixing)
    figure, axes = new_figure(1, 3, width=10, height=3.3, width_ratios=(1.15, 1.15, 1))
    draw_map(axes[0, 0], prior, 1e-7, 0.3, "share of the pixels")
    axes[0, 0].set_title(f"prior, smoothed by {sigma:g}")
    draw_map(axes[0, 1], weights, 0.1, 10, "weight")
    axes[0, 1].set_title(f"weights, mixing {mixing:g}")
    loss = by_chroma(loss_shares(weights))
    draw_chroma_bars(axes[0, 2], by_chroma(pixel_shares()), loss)
    seen = weights[~weights.isnan()]
    alt = (
        f"Prior smoothed by {sigma:g} {where}, and weights with a mixing of {mixing:g}, on the ab plane: weights from {seen.min():.2g} "
        f"near gray to {seen.max():.3g} for the rarest of {len(seen)} bins. Of the loss, {loss[0]:.0%} falls to almost gray pixels and "
        f"{loss[-1]:.0%} to vivid ones."
    )
    return figure, alt


def draw_chroma_bars(axis, pixels, loss):
    """Two bars for each chroma: its share of the pixels and its share of the weighted loss, both (4,)."""
    place = torch.arange(len(CHROMA_EDGES) - 1)
    for offset, shares, shade, name in ((-0.2, pixels, "0.65", "pixels"), (0.2, loss, PALETTE[4], "loss")):
        bars = axis.bar(place + offset, shares, width=0.38, color=shade, label=name)
        axis.bar_label(bars, [f"{share:.0%}" for share in shares], fontsize=8)
    axis.set_xticks(place, CHROMA_NAMES, fontsize=7)
    axis.set(ylim=(0, 1.05), yticks=[], xlabel="chroma", title="who is heard")
    axis.spines["left"].set_visible(False)
    axis.legend(frameon=False, loc="upper right")


@widget("04.weights")
def weight_map():
    """Move mixing and smoothing and see the prior, the weights and what the loss listens to."""
    controls = {
        "mixing": slider("mixing", 0.5, 0.0, 1.0, 0.05, live=False),
        "sigma": slider("smoothing (units of a and b)", 5, 0, 15, 1, live=False),
        "where": choice("smooth", [IN_PLANE, ALONG_INDEX]),
    }
    return Explorer(draw_weights, controls)


# ---- weights afterwards

SIZE = (144, 192)
PLACES = ("china", "rocket", "motorcycle", "grace_hopper")


@lru_cache
def small(name):
    """A bundled photograph at the size of the widget: (3, 144, 192)."""
    return fit(photo(name), SIZE)


@lru_cache
def _logits(name):
    """What the network without rebalancing answers: (1, 313, h, w)."""
    return answer(load_checkpoint("scenes-classification"), small(name))


@lru_cache(maxsize=128)
def mixed_picture(name, mixing, temperature=0.38):
    """The photograph, colored by the network without rebalancing, whose answer is weighted afterwards: (3, 144, 192)."""
    logits = reweight(_logits(name), bins.rebalancing_weights(scenes_prior(), mixing))
    return color.join(color.to_gray(small(name)), bins.annealed_mean(logits, temperature)[0])


def draw_mixing(name, mixing):
    """A photograph in gray, colored without weights, with weights of a mixing, and as it was: ``(figure, alt)``."""
    truth = small(name)
    views = {
        "gray": color.without_color(truth),
        "without weights": mixed_picture(name, 1.0),
        f"mixing {mixing:g}": mixed_picture(name, mixing),
        "truth": truth,
    }
    figure, axes = new_figure(1, 4, width=10, height=2.5)
    scores = []
    for axis, (label, picture) in zip(axes[0], views.items(), strict=True):
        draw_picture(axis, picture, label)
        ratio = (metrics.colorfulness(picture) / metrics.colorfulness(truth)).item()
        scores.append(f"{label}: {ratio:.0%} of the truth's colorfulness")
        axis.text(0.5, -0.04, f"colorfulness {ratio:.0%}", transform=axis.transAxes, ha="center", va="top", fontsize=9)
    return figure, f"{name} four times. {'; '.join(scores)}."


@widget("04.mixing")
def mixing_on_photographs():
    """Apply weights to the answer of the network that was trained without them."""
    controls = {
        "name": choice("picture", PLACES),
        "mixing": slider("mixing (1 is no weights)", 0.5, 0.0, 1.0, 0.05, live=False),
    }
    return Explorer(draw_mixing, controls)
