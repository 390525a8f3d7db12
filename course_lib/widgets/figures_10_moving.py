"""What moves in lesson 10, as pure drawing functions: the knobs of a blend, what errors cost, and a picture that is saved again.

Each returns ``(figure, alt)``. Without arguments they draw the static figures of the lesson.
"""

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch

from course_lib import forgery
from course_lib.deepfake import blend
from course_lib.deepfake.calibrate import fit_platt, threshold_for
from course_lib.deepfake.detector import load_detector
from course_lib.deepfake.profile import read_profile
from course_lib.deepfake.quality import sharpness
from course_lib.deepfake.recipes import RADII, Change, Finish
from course_lib.deepfake.verdict_text import GENUINE, MANIPULATED, UNSURE, answer_to, percent
from course_lib.results import read_face_results
from course_lib.widgets.figures import PALETTE, draw_picture, new_figure
from course_lib.widgets.figures_10_results import FAKE_SHADE, GENUINE_SHADE, UNSURE_SHADE, apart, percent_axis

PEOPLE = {"astronaut": "Eileen Collins", "grace_hopper": "Grace Hopper"}
KNOBS = {  # name: where it starts, which is the fake of the lesson
    "portrait": "astronaut",
    "changed": "source",
    "red": -0.04,
    "green": 0.0,
    "blue": 0.05,
    "hue": 0.0,
    "saturation": 1.15,
    "brightness": 0.0,
    "contrast": 1.0,
    "smaller": 2.0,
    "sharper": 0.0,
    "across": 0.02,
    "down": -0.01,
    "size": 1.0,
    "radius": 0.33,
    "bend": 0.03,
    "first_blur": 0.02,
    "second_blur": 0.012,
    "ratio": 1.0,
    "quality": 100,
}
MAGNIFIED = 4  # the difference of fake and genuine picture
GRAIN = 5  # the seed of the noise
THOUSAND = 1000  # pictures, of which errors are counted
WIDEST = 9.5  # log odds: how far the thresholds go that are drawn

# ---- the detector and what is known of it, read when first needed


@lru_cache(maxsize=1)
def detector():
    """The detector of the course."""
    return load_detector()


@lru_cache(maxsize=1)
def profile():
    """Its calibration and thresholds."""
    return read_profile()


@lru_cache(maxsize=1)
def calibrated_scores():
    """Log odds of the test split, calibrated on the calibration split: of genuine faces, and of self-blends; two sorted arrays."""
    results = read_face_results()
    held_back, test = results["calibration_scores"], results["scores"]["self-blend"]
    genuine, fake = held_back["genuine"], held_back["self-blend"]
    calibration = fit_platt(np.array(genuine + fake), np.repeat([0, 1], [len(genuine), len(fake)]))
    return tuple(
        np.sort(calibration.slope * np.array(test[part]) + calibration.intercept) for part in ("genuine", "fake")
    )


def probabilities(pictures):
    """P(manipulated) of faces (3, 128, 128), where half of all are: a list of float."""
    return profile().calibration.probability(detector().scores(torch.stack(list(pictures)))).tolist()


# ---- every knob of a blend


def recipe_of(knobs):
    """The `Recipe` that the knobs stand for."""
    change = Change(
        rgb=(knobs["red"], knobs["green"], knobs["blue"]),
        **{name: knobs[name] for name in ("hue", "saturation", "brightness", "contrast", "smaller", "sharper")},
    )
    return replace(
        forgery.SHOWN,
        change=change,
        on_source=knobs["changed"] == "source",
        move=(knobs["across"], knobs["down"]),
        size=knobs["size"],
        radii=(knobs["radius"], knobs["radius"] * RADII[1] / RADII[0]),
        bend=knobs["bend"],
        blur=(knobs["first_blur"], knobs["second_blur"]),
        ratio=knobs["ratio"],
    )


def blended(knobs):
    """The genuine picture and the fake (3, 128, 128), both out of JPEG files of the same quality, and the mask (128, 128)."""
    fake, genuine, mask = blend.self_blend(forgery.as_array(forgery.portrait(knobs["portrait"])), recipe_of(knobs))
    saved = (blend.through_jpeg(np.clip(part, 0, 1), knobs["quality"]) for part in (genuine, fake))
    return (*map(forgery.as_picture, saved), forgery.as_picture(mask))


def draw_knobs(**knobs):
    """A blend with these knobs, `KNOBS` for those that are not given, and what the detector says of it: ``(figure, alt)``."""
    unknown = knobs.keys() - KNOBS.keys()
    if unknown:
        raise ValueError(f"There is no knob {', '.join(sorted(unknown))}. There are {', '.join(KNOBS)}.")
    knobs = KNOBS | knobs
    genuine, fake, mask = blended(knobs)
    found = probabilities([genuine, fake])
    said = [percent(each) for each in found]
    difference = (fake - genuine).abs()
    shown = {
        f"genuine\n{_chance(found[0])}": genuine,
        f"fake\n{_chance(found[1])}": fake,
        "mask\n ": mask,
        f"difference\ntimes {MAGNIFIED}": (MAGNIFIED * difference).clamp(max=1),
        "detector's map\nof the fake": detector().where(fake)[0, 0],
    }
    figure, axes = new_figure(1, len(shown), width=9, height=2.2)
    for axis, (label, picture), shade in zip(
        axes[0], shown.items(), (GENUINE_SHADE, FAKE_SHADE, *["black"] * 3), strict=True
    ):
        draw_picture(axis, picture)
        axis.set_title(label, fontsize=9, color=shade)
    inside, largest = (mask > 0.5 * mask.max()).float().mean().item(), 255 * difference.max().item()
    alt = (
        f"Five squares: the portrait of {PEOPLE[knobs['portrait']]}, to which the detector gives {said[0]} for manipulated; the fake "
        f"with a changed {knobs['changed']}, to which it gives {said[1]}; the mask, which covers {inside:.0%} of the picture; the "
        f"difference, at most {largest:.0f} of 255 levels; and where the detector sees a blend in the fake."
    )
    return figure, alt


def _chance(probability):
    """A probability as short as a title over a small picture must be."""
    words = percent(probability)
    sign = {"less": "<", "more": ">"}.get(words.split()[0], "=")
    return f"P(manipulated) {sign} {words.rpartition('than ')[2]}"


# ---- what errors cost


def shares(odds):
    """False alarms among genuine faces and misses among fakes at thresholds, which are log odds: two arrays."""
    genuine, fake = calibrated_scores()
    alarms = 1 - np.searchsorted(genuine, odds, side="left") / len(genuine)
    return alarms, np.searchsorted(fake, odds, side="left") / len(fake)


def cost_of(odds, miss, false_alarm, base_rate):
    """What `THOUSAND` pictures cost at thresholds: array."""
    alarms, misses = shares(odds)
    return THOUSAND * ((1 - base_rate) * alarms * false_alarm + base_rate * misses * miss)


def draw_costs(miss=1, false_alarm=1, base_rate=0.5):
    """What errors cost over the threshold, on the test split: ``(figure, alt)``.

    Parameters
    ----------
    miss, false_alarm : float
        What one of them costs.
    base_rate : float
        The share of fakes where the detector is used.
    """
    places = np.linspace(-WIDEST, WIDEST, 761)
    costs = cost_of(places, miss, false_alarm, base_rate)
    bayes = threshold_for(miss, false_alarm, base_rate)
    rule = float(np.clip(math.log(bayes / (1 - bayes)), -WIDEST, WIDEST))
    cheapest = _middle_of_lowest(places, costs)
    at_rule = float(cost_of(rule, miss, false_alarm, base_rate))
    figure, axes = new_figure(1, 1, width=8, height=3.7)
    axis = axes[0, 0]
    axis.plot(places, costs, color="black", linewidth=2)
    cheap = f"cheapest on these faces: {_number(costs.min())}"
    _mark_threshold(axis, cheapest, costs.min(), cheap, PALETTE[2], "D", to_left=cheapest < rule)
    _mark_threshold(
        axis, rule, at_rule, f"by Bayes' rule: {_number(at_rule)}", FAKE_SHADE, "o", to_left=cheapest >= rule
    )
    percent_axis(axis, -WIDEST, WIDEST)
    top = min(1.3 * costs.max(), 3 * min(costs[0], costs[-1]))
    axis.set(ylim=(0, top), ylabel=f"cost of {THOUSAND} pictures")
    for x, words in ((0, f"← all are accused: {_number(costs[0])}"), (1, f"nobody is accused: {_number(costs[-1])} →")):
        axis.text(x, 1.01, words, transform=axis.transAxes, ha="right" if x else "left", va="bottom", fontsize=8.5)
    words = _counted(rule, base_rate)
    axis.set_xlabel("threshold: P(manipulated), where half are, from which on we say so\n\n" + words, fontsize=9.5)
    alt = (
        f"What the errors among {THOUSAND} pictures cost over the threshold, when a miss costs {miss:g}, a false alarm "
        f"{false_alarm:g}, and {100 * base_rate:g} % of all pictures are fakes. The curve is lowest, {_number(costs.min())}, at a "
        f"threshold of {_share(cheapest)}; Bayes' rule puts it at {_share(rule)}, where the cost is {_number(at_rule)}. "
    )
    alt += words.replace("\n", " ")
    return figure, alt


def _middle_of_lowest(places, costs):
    """The middle of the first stretch in which nothing is cheaper."""
    lowest = np.flatnonzero(costs <= costs.min() + 1e-9)
    first = np.split(lowest, np.flatnonzero(np.diff(lowest) > 1) + 1)[0]
    return float(places[first].mean())


def _mark_threshold(axis, place, cost, words, shade, mark, to_left):
    """A mark on the curve, and its name at the upper end of a line through it."""
    axis.axvline(place, color=shade, linewidth=1, linestyle="--", zorder=0)
    axis.plot(place, cost, mark, color=shade, markersize=11 if mark == "D" else 7, clip_on=False, zorder=3)
    to_left = place > 0.4 * WIDEST or (to_left and place > -0.4 * WIDEST)  # not out of the plot
    axis.annotate(
        words,
        (place, 0.95 if mark == "o" else 0.86),
        (-6 if to_left else 6, 0),
        xycoords=axis.get_xaxis_transform(),
        textcoords="offset points",
        ha="right" if to_left else "left",
        va="center",
        fontsize=9,
        color=shade,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
    )


def _counted(odds, base_rate):
    """How many of a thousand pictures are which, in words."""
    alarms, misses = (float(share) for share in shares(odds))
    fakes = THOUSAND * base_rate
    numbers = fakes * (1 - misses), fakes * misses, (THOUSAND - fakes) * alarms
    caught, missed, wrong = map(_number, numbers)
    first = f"By Bayes' rule, of {THOUSAND} pictures {_number(fakes)} are fakes: {caught} caught, {missed} missed;"
    return f"{first}\nof the other {_number(THOUSAND - fakes)}, which are genuine, {wrong} are accused."


def _number(value):
    """A number in words: whole from 100 on, and with three digits below."""
    return f"{value:,.0f}" if value >= 99.5 else f"{value:.3g}"


def _share(odds):
    return percent(1 / (1 + math.exp(-odds)))


# ---- saved again


def reencoded(rgb, quality, smaller, blur, noise, brightness):
    """A picture (3, H, W) as it arrives: lighter or darker, blurred, reduced and enlarged, with noise (of 255), and as JPEG."""
    how = Finish(change=Change(brightness=brightness), blur=blur, smaller=smaller)
    face = blend.finish(forgery.as_array(rgb), how)
    grain = np.random.default_rng(GRAIN).normal(0, 1, face.shape).astype(np.float32)
    return forgery.as_picture(blend.through_jpeg(np.clip(face + np.float32(noise / 255) * grain, 0, 1), quality))


def draw_reencoded(portrait="astronaut", fake=True, quality=90, smaller=1.0, blur=0.0, noise=0.0, brightness=0.0):
    """A portrait or its fake, saved again, and how its probability moves between the thresholds: ``(figure, alt)``."""
    original = forgery.portrait(portrait)
    if fake:
        original = forgery.fake_of(original)[0].clamp(0, 1)
    again = reencoded(original, quality, smaller, blur, noise, brightness)
    before, after = probabilities([original, again])
    answers = answer_to(before, profile()), answer_to(after, profile())
    figure, axes = new_figure(1, 3, width=9, height=2.9, width_ratios=(1, 1, 1.6))
    draw_picture(axes[0, 0], original, "as it was")
    draw_picture(axes[0, 1], again, "saved again")
    _draw_scale(axes[0, 2], before, after, answers)
    what = f"{'A fake made of the' if fake else 'The genuine'} portrait of {PEOPLE[portrait]}"
    blurred = sharpness(again).item() < profile().least_sharpness
    if blurred:
        axes[0, 1].set_title("saved again: too\nblurred for a verdict")
    alt = (
        f"{what}, and the same saved again as JPEG of quality {quality}, reduced by {smaller:g}, blurred by {blur:g} pixels, with noise of "
        f"{noise:g} levels and {brightness:+g} of brightness. P(manipulated) was {percent(before)} ({answers[0]}) and now is "
        f"{percent(after)} ({answers[1]})." + (" It is too blurred for a verdict." if blurred else "")
    )
    return figure, alt


def _draw_scale(axis, before, after, answers):
    """A bar from genuine through unsure to manipulated, with the probability before and now."""
    low, high = profile().low, profile().high
    parts = ((0, low, GENUINE, GENUINE_SHADE), (low, high, UNSURE, UNSURE_SHADE), (high, 1, MANIPULATED, FAKE_SHADE))
    parts = [part for part in parts if part[1] > part[0]]
    heights = apart([(begin + end) / 2 for begin, end, _, _ in parts], 0.08)
    for (begin, end, name, shade), height in zip(parts, heights, strict=True):
        axis.axhspan(begin, end, 0, 0.2, color=shade, alpha=0.35, linewidth=0)
        axis.text(-0.03, height, name, ha="right", va="center", fontsize=9, color=shade)
    near = abs(after - before) < 0.1
    up = 0.08 if near else 0.0
    for value, name, shift, answer, mark in (
        (before, "was", up if before >= after else -up, answers[0], "o"),
        (after, "now", up if after > before else -up, answers[1], "D"),
    ):
        axis.plot(0.1, value, mark, color="black", markersize=9, markerfacecolor="white" if mark == "o" else "black")
        axis.text(0.25, min(max(value + shift, 0), 1), f"{name} {percent(value)}: {answer}", va="center", fontsize=9.5)
    axis.set(xlim=(0, 1), ylim=(-0.02, 1.02))
    axis.set_title("P(manipulated)", loc="left")
    axis.set_xticks([])
    axis.yaxis.set_visible(False)
    for spine in axis.spines.values():
        spine.set_visible(False)
