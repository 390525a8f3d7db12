"""Figures of lesson 10: what a blend leaves behind, training, probabilities, base rates, timelines and drift.

What shows measured results is in `figures_10_results`, and what moves in `figures_10_moving`; the lesson takes all of it from here.
"""

import math

import numpy as np
import torch

from course_lib.deepfake.profile import read_profile
from course_lib.widgets.figures import PALETTE, new_figure
from course_lib.widgets.figures_10_moving import draw_costs, draw_knobs, draw_reencoded
from course_lib.widgets.figures_10_results import (
    FAKE_SHADE,
    GENUINE_SHADE,
    UNSURE_SHADE,
    apart,
    at_the_right,
    draw_gate,
    draw_groups,
    draw_kinds,
    draw_robustness,
    draw_rules,
    draw_shortcut,
    draw_traces,
    draw_transfer,
)

__all__ = [
    "draw_base_rates", "draw_by_distance", "draw_costs", "draw_drift", "draw_gate", "draw_groups", "draw_histograms",
    "draw_history", "draw_kinds", "draw_knobs", "draw_reencoded", "draw_reliability", "draw_risk_coverage", "draw_robustness",
    "draw_rules", "draw_shortcut", "draw_spectra", "draw_timeline", "draw_traces",
    "draw_transfer",
]  # fmt: skip

SHADES = (GENUINE_SHADE, FAKE_SHADE, PALETTE[2], PALETTE[3])
RATES = {0.5: "half are fakes", 0.01: "1 in 100", 0.001: "1 in 1000"}  # that are marked
COUNTED = {"side": "side of the face, pixels", "sharpness": "sharpness", "compression": "blockiness", "score": "score"}
WIDE, LEAST = ("side", "sharpness"), 0.1  # what is drawn on a logarithmic axis, and where that begins


# ---- what a blend leaves behind


def draw_by_distance(steps):
    """How much neighboring pixels differ, by their distance from the edge of the mask.

    Parameters
    ----------
    steps : dict of str to tensor, (2 D + 1,)
        Levels of 255; the middle one is the edge, and those before it lie inside.
    """
    figure, axes = new_figure(1, 1, width=7, height=3)
    axis = axes[0, 0]
    farthest = len(next(iter(steps.values()))) // 2
    places = np.arange(-farthest, farthest + 1)
    seen = np.any([np.asarray(line) != 0 for line in steps.values()], axis=0)  # no pixel lies on the edge itself
    lines = {name: np.asarray(line)[seen] for name, line in steps.items()}
    axis.set_xlim(-1.35 * farthest, farthest)
    axis.set_xticks([place for place in places if place % 5 == 0])
    _draw_named(axis, places[seen], lines, at_left=True)
    axis.axvline(0, color="#444444", linewidth=1, linestyle="--")
    for x, text, side in ((-0.3, "inside ←", "right"), (0.3, "→ outside", "left")):
        axis.text(x, 1.0, text, transform=axis.get_xaxis_transform(), ha=side, va="bottom", fontsize=9)
    axis.set(xlabel="pixels from the edge of the mask", ylabel="step between neighbors,\nof 255 levels")
    return figure


def _draw_named(axis, x, lines, at_left=False):
    """Lines whose names stand at one of their ends, in their colors, and keep apart."""
    for shade, values in zip(SHADES, lines.values(), strict=False):
        axis.plot(x, values, color=shade, linewidth=2)
    end, side, shift = (0, "right", -6) if at_left else (-1, "left", 6)
    heights = np.array([float(values[end]) for values in lines.values()])
    to_scale, back = (np.log, np.exp) if axis.get_yscale() == "log" else (np.asarray, np.asarray)
    low, high = to_scale(axis.get_ylim())
    for shade, name, height in zip(SHADES, lines, back(apart(to_scale(heights), 0.09 * (high - low))), strict=False):
        place = {"textcoords": "offset points", "ha": side, "va": "center", "annotation_clip": False}
        axis.annotate(name, (float(x[end]), height), (shift, 0), color=shade, fontsize=9, **place)


def draw_histograms(values, xlabel):
    """Histograms with one axis across, one below the other, each with its name, median and spread.

    Parameters
    ----------
    values : dict of str to tensor, (N,)
    xlabel : str
    """
    figure, axes = new_figure(len(values), 1, width=7, height=1.25 * len(values) + 0.7, sharex=True, sharey=True)
    every = torch.cat([torch.as_tensor(each).flatten() for each in values.values()]).numpy()
    bins = np.histogram_bin_edges(every, bins=30)
    for axis, shade, (name, each) in zip(axes[:, 0], SHADES, values.items(), strict=False):
        each = np.asarray(each, dtype=float)
        axis.hist(each, bins, color=shade, alpha=0.75)
        axis.axvline(np.median(each), color="black", linewidth=1.5)
        words = f"{name}\nmedian {np.median(each):.2f}\nspread {each.std(ddof=1):.2f}"
        axis.text(0.01, 0.96, words, transform=axis.transAxes, va="top", color=shade, fontsize=9)
        axis.set_ylabel("pictures", fontsize=9)
    axes[-1, 0].set_xlabel(xlabel)
    return figure


def draw_spectra(frequency, powers):
    """Power over frequency, both logarithmic.

    Parameters
    ----------
    frequency : tensor, (F,)
        Cycles per pixel, above 0.
    powers : dict of str to tensor, (F,)
    """
    figure, axes = new_figure(1, 1, width=7, height=3.2)
    axis = axes[0, 0]
    axis.set(xscale="log", yscale="log", xlabel="cycles per pixel", ylabel="power")
    _draw_named(axis, frequency, powers)
    axis.set_xlim(float(frequency[0]), 0.5)
    axis.set_xticks([0.01, 0.02, 0.05, 0.1, 0.2, 0.5], ["0.01", "0.02", "0.05", "0.1", "0.2", "0.5"])
    axis.minorticks_off()
    return figure


# ---- training


def draw_history(history):
    """Training and validation loss of each epoch.

    Parameters
    ----------
    history : list of [float, float]
    """
    figure, axes = new_figure(1, 1, width=6, height=2.7)
    axis, epochs = axes[0, 0], np.arange(1, len(history) + 1)
    lines = dict(zip(("training", "validation"), zip(*history, strict=True), strict=True))
    for shade, values in zip(SHADES, lines.values(), strict=False):
        axis.plot(epochs, values, "o", color=shade, markersize=4)
    _draw_named(axis, epochs, lines)
    axis.set(xlabel="epoch", ylabel="loss")
    axis.xaxis.get_major_locator().set_params(integer=True)
    return figure


# ---- probabilities


def draw_reliability(diagrams):
    """The share of fakes over the probability that was said; vertical bars are how far off a bin is.

    Parameters
    ----------
    diagrams : dict of str to list of Bin
        As `course_lib.deepfake.calibrate.reliability` gives them.
    """
    figure, axes = new_figure(1, len(diagrams), width=min(9, 3 * len(diagrams)), height=3.5, sharey=True)
    for axis, (name, bins) in zip(axes[0], diagrams.items(), strict=True):
        axis.plot([0, 1], [0, 1], color="#888888", linewidth=1)
        for each in bins:
            axis.plot(
                [each.mean] * 2,
                [each.mean, each.share],
                color=FAKE_SHADE,
                linewidth=5,
                alpha=0.5,
                solid_capstyle="butt",
            )
            axis.plot([each.mean] * 2, [each.low_end, each.high_end], color=GENUINE_SHADE, linewidth=1)
            axis.plot(each.mean, each.share, "o", color=GENUINE_SHADE, markersize=5)
        count = sum(each.count for each in bins)
        gap = sum(each.count * abs(each.mean - each.share) for each in bins) / count
        axis.set_title(f"{name}: mean gap {gap:.3f}")
        axis.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), xlabel="P(manipulated), as said")
    first = axes[0, 0]
    first.set_ylabel("share that is manipulated")
    first.text(0.04, 0.97, "more are fakes\nthan it says", fontsize=8, va="top", color="#555555")
    first.text(0.97, 0.04, "fewer are fakes\nthan it says", fontsize=8, ha="right", color="#555555")
    return figure


def draw_base_rates(rates, posterior):
    """What one and the same score means where fakes are more or less rare.

    Parameters
    ----------
    rates : tensor, (N,)
        Shares of fakes, rising, above 0 and below 1.
    posterior : tensor, (N,)
        P(manipulated) of the one face.
    """
    figure, axes = new_figure(1, 1, width=7, height=3.1)
    axis = axes[0, 0]
    axis.plot(rates, 100 * posterior, color=FAKE_SHADE, linewidth=2)
    rate_odds, odds = (torch.logit(torch.as_tensor(part).double()).numpy() for part in (rates, posterior))
    for rate, name in RATES.items():
        here = np.interp(math.log(rate / (1 - rate)), rate_odds, odds)  # a straight line, by Bayes' rule
        value = 100 / (1 + math.exp(-here))
        axis.plot(rate, value, "o", color="black")
        words = f"{name}: {value:.1f} %" if value < 10 else f"{name}: {value:.0f} %"
        axis.annotate(words, (rate, value), (-8, 6), textcoords="offset points", ha="right", fontsize=9)
    axis.set(xscale="log", ylim=(0, 104), ylabel="P(manipulated), %")
    axis.set_xlabel("share of fakes among all pictures")
    axis.set_xticks([1e-4, 1e-3, 1e-2, 0.1, 1], ["1 in 10,000", "1 in 1000", "1 in 100", "1 in 10", "all"])
    axis.minorticks_off()
    return figure


def draw_risk_coverage(coverage, risk, point):
    """The share of wrong answers over the share of faces that are answered, most certain first.

    Parameters
    ----------
    coverage, risk : tensors, (N,)
        Shares.
    point : (float, float)
        Coverage and risk of the verdict's thresholds.
    """
    figure, axes = new_figure(1, 1, width=7, height=3.1)
    axis = axes[0, 0]
    coverage, risk = 100 * torch.as_tensor(coverage), 100 * torch.as_tensor(risk)
    axis.plot(coverage, risk, color=GENUINE_SHADE, linewidth=2)
    highest = max(float(risk.max()), 100 * point[1], 1.0)
    axis.set(xlim=(0, 104), ylim=(-0.2 * highest, 1.3 * highest))
    axis.set_yticks([tick for tick in axis.get_yticks() if 0 <= tick <= 1.3 * highest])
    ends = (
        ((100 * point[0], 100 * point[1]), "with our thresholds", FAKE_SHADE, "D"),
        ((float(coverage[-1]), float(risk[-1])), "all of them", GENUINE_SHADE, "o"),
    )
    for (x, y), name, shade, mark in ends:
        axis.plot(x, y, mark, color=shade, markersize=8)
        words = f"{name}: {x:.0f} % answered, {y:.1f} % of these wrong"
        shift, side = ((8, -16), "left") if x < 55 else ((-10, 12), "right")  # where there is room, beside the curve
        axis.annotate(words, (x, y), shift, textcoords="offset points", ha=side, fontsize=9, color=shade)
    axis.set(xlabel="faces that are answered, the most certain first, %", ylabel="answers that are wrong, %")
    return figure


# ---- a film


def draw_timeline(verdict, manipulated=None, profile=None):
    """The probability of each frame of a film, and what the film as a whole gets.

    Parameters
    ----------
    verdict : Verdict
    manipulated : (float, float), optional
        Seconds between which it truly is.
    profile : Profile, optional
        Has the thresholds; that of the course's detector by default.
    """
    profile = profile or read_profile()
    figure, axes = new_figure(1, 1, width=8, height=3.3)
    axis = axes[0, 0]
    seconds = np.array([moment.seconds for moment in verdict.timeline])
    values = np.array([math.nan if moment.probability is None else moment.probability for moment in verdict.timeline])
    step = float(np.median(np.diff(seconds))) if len(seconds) > 1 else 1.0
    if manipulated is not None:
        axis.axvspan(*manipulated, color=PALETTE[1], alpha=0.22, linewidth=0)
        axis.text(sum(manipulated) / 2, 1.1, "in truth manipulated", ha="center", va="center", fontsize=9)
    axis.plot(seconds, values, "o-", color=FAKE_SHADE, markersize=4.5, linewidth=1.2)
    missing = seconds[np.isnan(values)]
    axis.plot(missing, np.full(len(missing), -0.09), "x", color="black", markersize=5)
    if len(missing):
        axis.annotate("no face", (missing[-1], -0.09), (7, 0), textcoords="offset points", va="center", fontsize=8.5)
    _draw_lines_across(axis, verdict, profile)
    end = seconds[-1] + step
    axis.set(
        xlim=(seconds[0] - step / 2, end - step / 2), ylim=(-0.15, 1.16), xlabel="seconds", ylabel="P(manipulated)"
    )
    axis.set_yticks(np.linspace(0, 1, 6))
    axis.set_title(f"answer: {verdict.answer}", loc="left")
    return figure


def _draw_lines_across(axis, verdict, profile):
    """The thresholds; and the film's own probability, with its interval over frames as a band. Their names stand at the right."""
    lines = [
        (profile.high, f"manipulated from here: {profile.high:.2f}", "#555555"),
        (profile.low, f"genuine up to here: {profile.low:.2f}", "#555555"),
    ]
    for level, _, _ in lines:
        axis.axhline(level, color=UNSURE_SHADE, linewidth=1, linestyle="--", zorder=0)
    if verdict.probability is not None:
        axis.axhline(verdict.probability, color=GENUINE_SHADE, linewidth=1.5)
        words = f"all frames: {verdict.probability:.2f}"
        if verdict.interval is not None:
            axis.axhspan(*verdict.interval, color=GENUINE_SHADE, alpha=0.13, linewidth=0)
            words += f"\n({verdict.interval[0]:.2f} to {verdict.interval[1]:.2f})"
        lines.append((verdict.probability, words, GENUINE_SHADE))
    for (_, words, shade), height in zip(lines, apart([line[0] for line in lines], 0.11), strict=True):
        at_the_right(axis, height, words, shade)


# ---- then and now


def draw_drift(then, now, drifts):
    """Histograms of what was logged then and now, and which have drifted.

    Parameters
    ----------
    then, now : dict of str to sequence of float
    drifts : list of Drift
        One panel for each.
    """
    figure, axes = new_figure(1, len(drifts), width=9, height=2.9)
    for axis, each in zip(axes[0], drifts, strict=True):
        pair = [np.asarray(side[each.name], dtype=float) for side in (then, now)]
        pair = [np.maximum(values, LEAST) for values in pair] if each.name in WIDE else pair
        bins = _shared_bins(np.concatenate(pair), logarithmic=each.name in WIDE)
        for values, shade, fill in zip(pair, (GENUINE_SHADE, FAKE_SHADE), (0.45, 0.0), strict=True):
            weights = np.full(len(values), 1 / len(values))
            axis.hist(values, bins, weights=weights, histtype="stepfilled", color=shade, alpha=fill)
            axis.hist(values, bins, weights=weights, histtype="step", color=shade, linewidth=2)
        axis.set_ylim(top=1.2 * axis.get_ylim()[1])
        for x, name, values, shade in ((0.02, "then", pair[0], GENUINE_SHADE), (0.98, "now", pair[1], FAKE_SHADE)):
            words = f"{name}\n{np.median(values):.3g}"
            side = "left" if x < 0.5 else "right"
            axis.text(x, 0.99, words, transform=axis.transAxes, ha=side, va="top", color=shade, fontsize=8.5)
        axis.set_yticks([])
        axis.spines["left"].set_visible(False)
        axis.set_xlabel(COUNTED.get(each.name, each.name), fontsize=9)
        if each.name in WIDE:
            ticks = _round_numbers(bins[0], bins[-1])
            axis.set_xscale("log")
            axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
            axis.minorticks_off()
        axis.tick_params(axis="x", labelsize=8)
        said, shade = ("has drifted", FAKE_SHADE) if each.drifted else ("no drift", "#444444")
        axis.set_title(f"{said}\nKS {each.statistic:.2f}, PSI {each.psi:.2f}", color=shade, fontsize=9.5)
    return figure


def _shared_bins(values, logarithmic, count=20):
    """Edges of bins that hold all values: even steps, or even factors."""
    if logarithmic:
        low, high = math.log(values.min()), math.log(values.max())
        low, high = (low - 0.1, high + 0.1) if high - low < 1e-6 else (low, high)
        return np.exp(np.linspace(low, high, count + 1))
    return np.histogram_bin_edges(values, count)


def _round_numbers(low, high, most=4):
    """Round numbers between two bounds, for the ticks of a logarithmic axis."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    every = [digit * 10.0**decade for decade in decades for digit in (1, 2, 5)]
    inside = [number for number in every if low <= number <= high]
    return inside[:: max(1, -(-len(inside) // most))] or [float(f"{math.sqrt(low * high):.2g}")]
