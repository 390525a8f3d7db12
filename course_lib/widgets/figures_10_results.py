"""Figures of lesson 10 that show measured results: rows of values with intervals, kinds of fakes, damage, groups of people, the gate.

Values come as dicts with ``value``, ``low`` and ``high``, as `course_lib.results.read_face_results` has them.
"""

import math
import textwrap

import numpy as np
import torch

from course_lib.deepfake.calibrate import fit_platt
from course_lib.widgets.figures import PALETTE, new_figure

GENUINE_SHADE, UNSURE_SHADE, FAKE_SHADE, BASELINE_SHADE = PALETTE[0], "#767676", PALETTE[4], "#767676"
BASELINES = ("sharpness", "file size", "blockiness")
KIND_NAMES = {"self-blend": "self-blends", "swap": "swaps", "colorized": "colorized"}
PUBLISHED = {  # in the results: what each is called, and whether it is manipulated
    "stylegan": ("faces made as a whole\n(StyleGAN)", True),
    "mesonet/fake": ("stills of manipulated\nfilms (MesoNet)", True),
    "mesonet/real": ("stills of genuine\nfilms (MesoNet)", False),
}
PERCENTS = (0.01, 0.1, 1, 10, 50, 90, 99, 99.9, 99.99)  # that an axis of log odds may name
MOST_DOTS, FEW_DOTS = 300, 30  # in a row; and how many are drawn large
FARTHEST = 10.0  # log odds: dots beyond stand at the rim


# ---- parts of figures


def draw_interval(axis, place, entry, shade, mark="o", width=4):
    """A dot with its interval at a height of an axis."""
    ends = [entry["low"], entry["high"]]
    axis.plot(ends, [place] * 2, color=shade, linewidth=width, alpha=0.45, solid_capstyle="butt")
    axis.plot(entry["value"], place, mark, color=shade, markersize=6)


def told(entry, digits=2):
    """A value with its interval, in words."""
    return f"{entry['value']:.{digits}f} ({entry['low']:.{digits}f} to {entry['high']:.{digits}f})"


def draw_coin(axis, text="a coin"):
    """A line at an AUC of one half, with its name above the plot."""
    axis.axvline(0.5, color="#444444", linewidth=1, linestyle="--", zorder=0)
    axis.text(0.5, 1.01, text, transform=axis.get_xaxis_transform(), ha="center", va="bottom", fontsize=8)


def at_the_right(axis, place, text, shade="black"):
    """Words beside a row, outside of the plot."""
    axis.text(1.01, place, text, transform=axis.get_yaxis_transform(), va="center", fontsize=8.5, color=shade)


def apart(heights, least):
    """Heights, as few of them as possible moved up so that all lie at least so far from each other: array."""
    heights, placed, floor = np.asarray(heights, dtype=float), np.empty(len(heights)), -math.inf
    for row in np.argsort(heights, kind="stable"):
        placed[row] = max(heights[row], floor)
        floor = placed[row] + least
    return placed


def percent_axis(axis, low, high):
    """Log odds across, with probabilities in percent as ticks."""
    ticks = {_log_odds(percent / 100): f"{percent:g} %" for percent in PERCENTS}
    shown = {place: name for place, name in ticks.items() if low <= place <= high}
    axis.set_xticks(list(shown), list(shown.values()), fontsize=8.5)
    axis.set_xlim(low, high)


def _log_odds(share):
    return math.log(share / (1 - share))


def _rows_axis(height, names, left=None, right=None):
    """A figure with one row for each name, the first at the top, and its axis."""
    figure, axes = new_figure(1, 1, width=9, height=height)
    axis = axes[0, 0]
    axis.set_yticks([-place for place in range(len(names))], names, fontsize=9)
    axis.set_ylim(-len(names) + 0.4, 0.6)
    axis.set_xlim(left, right)
    axis.tick_params(axis="y", length=0)
    return figure, axis


# ---- AUC


def draw_kinds(kinds):
    """The AUC of the detector and of the trivial baselines for each kind of fake, with intervals.

    Parameters
    ----------
    kinds : dict of str to dict
        As in the results: from kind to "auc" and the names of `BASELINES`.
    """
    ways = ("auc", *BASELINES)
    rows = [(kind, way) for kind in kinds for way in ways]
    figure, axis = _rows_axis(0.27 * len(rows) + 0.9, ["detector" if way == "auc" else way for _, way in rows])
    for place, (kind, way) in enumerate(rows):
        entry, main = kinds[kind][way], way == "auc"
        shade = FAKE_SHADE if main else BASELINE_SHADE
        draw_interval(axis, -place, entry, shade, "o" if main else "s")
        at_the_right(axis, -place, told(entry), shade if main else "#555555")
    for number, kind in enumerate(kinds):
        middle = -(number + 0.5) * len(ways) + 0.5
        name = KIND_NAMES.get(kind, kind)
        axis.text(-0.13, middle, name, transform=axis.get_yaxis_transform(), rotation=90, va="center", weight="bold")
        if number:
            axis.axhline(-number * len(ways) + 0.5, color="#cccccc", linewidth=1)
    lowest = min(kinds[kind][way]["low"] for kind, way in rows)
    axis.set_xlim(min(0.45, lowest - 0.02), 1.01)
    axis.set_xlabel("AUC, with 95 % interval over faces; of baselines, in the better direction")
    draw_coin(axis)
    return figure


def draw_traces(traces, ratios):
    """The AUC on self-blends by what they leave behind, and by how much of the source they take, with intervals.

    Parameters
    ----------
    traces : dict of str to dict
        From the one trace that blends leave.
    ratios : dict of str to dict
        From the share of the source that is taken, as a number in words.
    """
    rows = {f"{name} alone": entry for name, entry in traces.items()}
    rows |= {f"{float(ratio):.0%} of the source": entry for ratio, entry in ratios.items()}
    figure, axis = _rows_axis(0.27 * len(rows) + 0.9, list(rows))
    for place, entry in enumerate(rows.values()):
        draw_interval(axis, -place, entry, FAKE_SHADE)
        at_the_right(axis, -place, told(entry), FAKE_SHADE)
    axis.axhline(0.5 - len(traces), color="#cccccc", linewidth=1)
    axis.set_xlim(min(0.45, *(entry["low"] - 0.02 for entry in rows.values())), 1.01)
    axis.set_xlabel("AUC, with 95 % interval over faces")
    draw_coin(axis)
    return figure


def draw_shortcut(found):
    """The AUC of a biased and an honest detector under several tests.

    Parameters
    ----------
    found : dict of str to (float, float)
        From test to AUC of the biased and of the honest one.
    """
    figure, axis = _rows_axis(0.42 * len(found) + 1.0, list(found))
    marks = (("biased", "D", FAKE_SHADE), ("honest", "o", GENUINE_SHADE))
    for place, pair in enumerate(found.values()):
        axis.plot(pair, [-place] * 2, color="#cccccc", linewidth=2, zorder=0)
        for value, (name, mark, shade) in zip(pair, marks, strict=True):
            axis.plot(value, -place, mark, color=shade, markersize=8)
            side = 1 if value == max(pair) else -1
            text = f"{name} {value:.2f}"
            axis.annotate(
                text,
                (value, -place),
                (9 * side, 0),
                textcoords="offset points",
                ha="left" if side > 0 else "right",
                va="center",
                fontsize=8.5,
                color=shade,
            )
    axis.set_xlim(min(0.3, *(value for pair in found.values() for value in pair)) - 0.16, 1.16)
    axis.set_xticks([tick / 10 for tick in range(11) if tick / 10 >= axis.get_xlim()[0]])
    axis.set_xlabel("AUC")
    draw_coin(axis)
    return figure


def draw_rules(rules):
    """The AUC of films by the rule that makes one score of many: those manipulated as a whole, and in half of their frames.

    Parameters
    ----------
    rules : dict of str to dict
        From rule to "whole" and "half".
    """
    figure, axis = _rows_axis(0.48 * len(rules) + 0.9, list(rules))
    parts = (
        ("whole", "all frames manipulated", FAKE_SHADE, "o", 0.17),
        ("half", "half of them", PALETTE[0], "s", -0.17),
    )
    for place, row in enumerate(rules.values()):
        for part, _, shade, mark, shift in parts:
            draw_interval(axis, shift - place, row[part], shade, mark)
            at_the_right(axis, shift - place, told(row[part]), shade)
    first = next(iter(rules.values()))
    for part, name, shade, _, shift in parts:
        axis.annotate(
            f"{name}  ",
            (first[part]["low"], shift),
            ha="right",
            va="center",
            fontsize=8.5,
            color=shade,
        )
    lowest = min(row[part]["low"] for row in rules.values() for part in ("whole", "half"))
    left = min(0.48, lowest - 0.28 * (1 - lowest))  # room for the names
    axis.set_xlim(left, 1.01)
    axis.set_xticks([tick / 10 for tick in range(11) if tick / 10 > left])
    axis.set_xlabel("AUC of films, with 95 % interval over faces")
    draw_coin(axis)
    return figure


def draw_transfer(measured):
    """What the detector says of each kind of fake, our own and those of others: single pictures as dots, and the AUC of each row.

    Scores are calibrated as those of the profile are, on ``calibration_scores``, so that the axis can be read as a probability.

    Parameters
    ----------
    measured : dict
        As `course_lib.results.read_face_results` gives it.
    """
    held_back = measured["calibration_scores"]
    genuine, fake = (torch.tensor(held_back[part]) for part in ("genuine", "self-blend"))
    labels = torch.cat([torch.zeros(len(genuine)), torch.ones(len(fake))])
    calibration = fit_platt(torch.cat([genuine, fake]), labels)
    rows = _transfer_rows(measured)
    figure, axis = _rows_axis(0.62 * len(rows) + 1.0, [row[0] for row in rows])
    rng = np.random.default_rng(0)
    everything = [calibration.slope * np.array(scores) + calibration.intercept for _, scores, _, _ in rows]
    reach = min(FARTHEST, max(3.0, *(np.abs(odds).max() for odds in everything)))
    for place, (odds, (_, _, manipulated, auc)) in enumerate(zip(everything, rows, strict=True)):
        _draw_dots(axis, -place, odds, FAKE_SHADE if manipulated else GENUINE_SHADE, rng)
        above = f"{(odds > 0).sum()} of {len(odds)} above 50 %"
        lines = f"{above}\nAUC: against such faces" if auc is None else f"AUC {told(auc)}\n{above}"
        at_the_right(axis, -place, lines)
    axis.axvline(0, color="black", linewidth=1, zorder=0)
    percent_axis(axis, -reach - 0.3, reach + 0.3)
    axis.set_xlabel(
        "P(manipulated) of single pictures, where half of all are manipulated; blue: genuine, orange: fakes"
    )
    return figure


def _transfer_rows(measured):
    """Name, scores, whether manipulated, and AUC of each row."""
    own = measured["scores"]
    rows = [("genuine faces\n(test split)", own["self-blend"]["genuine"], False, None)]
    for kind, each in own.items():
        rows.append((KIND_NAMES.get(kind, kind) + "\n(ours)", each["fake"], True, measured["kinds"][kind]["auc"]))
    rows.append(("genuine faces\n(as published)", measured["genuine_scores"], False, None))
    for kind, (name, manipulated) in PUBLISHED.items():
        if kind in measured["transfer"]:
            row = measured["transfer"][kind]
            rows.append((name, row["scores"], manipulated, row["auc"]))
    return rows


def _draw_dots(axis, place, values, shade, rng):
    """Dots at heights that differ a little, fainter where they are many; and their median, if they are."""
    every = np.clip(values, -FARTHEST, FARTHEST)
    shown = every[np.linspace(0, len(every) - 1, min(len(every), MOST_DOTS)).round().astype(int)]
    few = len(shown) <= FEW_DOTS
    apart_by, size, alpha = (0.08, 6, 0.8) if few else (0.26, 3, 0.35)
    heights = place + rng.uniform(-apart_by, apart_by, len(shown))
    axis.plot(shown, heights, "o", color=shade, markersize=size, alpha=alpha, markeredgewidth=0)
    if not few:
        axis.plot([np.median(every)] * 2, [place - 0.3, place + 0.3], color="black", linewidth=2)


def draw_robustness(robustness, units):
    """The AUC over growing damage of several kinds; a dashed line is that of undamaged pictures.

    Parameters
    ----------
    robustness : dict of str to list of dict
        From damage to rows with ``level``; "nothing" is none.
    units : dict of str to str
        Of the levels.
    """
    names = [name for name in robustness if name != "nothing"]
    whole = robustness["nothing"][0]["value"]
    figure, axes = new_figure(1, len(names), width=9, height=2.7, sharey=True)
    for axis, name in zip(axes[0], names, strict=True):
        rows = _with_zero(robustness[name], robustness["nothing"][0])
        places, values = range(len(rows)), [row["value"] for row in rows]
        ends = [[row["value"] - row["low"] for row in rows], [row["high"] - row["value"] for row in rows]]
        axis.errorbar(places, values, ends, fmt="o-", color=FAKE_SHADE, markersize=5, linewidth=1.5, elinewidth=1)
        axis.axhline(whole, color="#444444", linewidth=1, linestyle="--", zorder=0)
        axis.axhline(0.5, color="#444444", linewidth=1, linestyle=":", zorder=0)
        axis.set_xticks(places, [f"{row['level']:g}" for row in rows], fontsize=8)
        axis.set_xlim(-0.4, len(rows) - 0.6)
        axis.set_title(name, fontsize=9.5)
        if units.get(name):
            axis.set_xlabel(units[name], fontsize=8.5)
    first = axes[0, 0]
    lowest = min(row["low"] for name in names for row in robustness[name])
    first.set_ylim(min(0.46, lowest - 0.02), 1.1)
    first.set_yticks([tick / 10 for tick in range(11) if tick / 10 >= first.get_ylim()[0]])
    first.set_ylabel("AUC")
    first.text(-0.3, 1.1, f"dashed: undamaged, {whole:.2f}", fontsize=8, va="top")
    first.text(-0.3, 0.506, "a coin", fontsize=8, va="bottom")
    return figure


def _with_zero(rows, whole):
    """Rows of damage that goes both ways, with the undamaged one in its place; others as they are."""
    levels = [row["level"] for row in rows]
    return sorted([*rows, whole], key=lambda row: row["level"]) if min(levels) < 0 < max(levels) else rows


# ---- people


def draw_groups(groups):
    """How often genuine faces of each group are called manipulated, with Wilson intervals.

    Parameters
    ----------
    groups : dict of str to dict
        From kind of group to its members; "all" is everybody.
    """
    kinds = [kind for kind in groups if kind != "all"]
    rows = [(kind, name, entry) for kind in kinds for name, entry in groups[kind].items()]
    figure, axis = _rows_axis(0.26 * len(rows) + 0.9, [name for _, name, _ in rows], left=0)
    for place, (kind, _, entry) in enumerate(rows):
        draw_interval(axis, -place, _percent(entry), GENUINE_SHADE)
        at_the_right(axis, -place, f"{100 * entry['value']:.1f} %: {entry['hits']} of {entry['count']}")
        if place and kind != rows[place - 1][0]:
            axis.axhline(0.5 - place, color="#cccccc", linewidth=1)
    for kind in kinds:
        places = [place for place, row in enumerate(rows) if row[0] == kind]
        middle, transform = -sum(places) / len(places), axis.get_yaxis_transform()
        axis.text(-0.11, middle, kind, transform=transform, rotation=90, va="center", weight="bold")
    everybody = 100 * groups["all"]["all"]["value"]
    axis.axvline(everybody, color="#444444", linewidth=1, linestyle="--", zorder=0)
    text = f"all {groups['all']['all']['count']}: {everybody:.1f} %"
    axis.text(everybody, 1.01, text, transform=axis.get_xaxis_transform(), ha="center", va="bottom", fontsize=8.5)
    axis.set_xlim(0, 1.05 * max(100 * entry["high"] for _, _, entry in rows))
    axis.set_xlabel("genuine faces called manipulated, %, with 95 % interval")
    return figure


def _percent(entry):
    return {name: 100 * entry[name] for name in ("value", "low", "high")}


# ---- the gate

CRITERIA = {  # of a gate: what each is called, and whether more is better
    "auc": ("AUC on films", True),
    "ece": ("calibration error", False),
    "false_alarms": ("false alarms on\ngenuine faces", False),
    "caught": ("manipulated films\ncaught", True),
}


def draw_gate(decision):
    """The differences between a candidate and the live version, each with what is allowed, and whether it holds.

    Parameters
    ----------
    decision : Decision
    """
    count = len(decision.differences)
    figure, axes = new_figure(count, 1, width=9, height=0.8 * count + 0.9)
    for axis, item in zip(axes[:, 0], decision.differences, strict=True):
        _draw_criterion(axis, item)
    said = {item.text() for item in decision.differences}
    others = [textwrap.fill(reason, 110) for reason in decision.reasons if reason not in said]
    axes[-1, 0].set_xlabel(
        "\n".join(["candidate less live, with 95 % interval; green is allowed", *others]), fontsize=9
    )
    name = decision.candidate.name or "the candidate"
    figure.suptitle(
        f"{name} {'may' if decision.promote else 'must not'} be promoted",
        fontsize=11,
        weight="bold",
        color=PALETTE[2] if decision.promote else FAKE_SHADE,
    )
    return figure


def _draw_criterion(axis, item):
    """One difference on an axis of its own, with the side that is allowed."""
    name, more_is_better = CRITERIA[item.name]
    limit = -item.margin if more_is_better else item.margin
    ends = [item.low, item.high, item.value, limit, 0.0]
    room = max(0.15 * (max(ends) - min(ends)), 1.5 * item.margin)
    low, high = min(ends) - room, max(ends) + room
    axis.axvspan(*((limit, high) if more_is_better else (low, limit)), color=PALETTE[2], alpha=0.14, linewidth=0)
    axis.axvline(limit, color=PALETTE[2], linewidth=1.5)
    axis.axvline(0, color="#888888", linewidth=0.8, linestyle=":")
    shade = "black" if item.holds else FAKE_SHADE
    draw_interval(axis, 0, {"value": item.value, "low": item.low, "high": item.high}, shade, width=5)
    axis.set(xlim=(low, high), ylim=(-1, 1))
    axis.set_yticks([0], [name], fontsize=9)
    axis.tick_params(axis="y", length=0)
    axis.tick_params(axis="x", labelsize=8)
    axis.spines["left"].set_visible(False)
    verdict = "holds" if item.holds else "fails"
    numbers = f"{verdict}: {item.value:+.3f}\n{item.candidate:.3f}, live {item.live:.3f}\nallowed {limit:+g}"
    at_the_right(axis, 0, numbers, shade)
