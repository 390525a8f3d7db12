"""What moves in lesson 06: how many hints, and one hint of any color. The tool itself is `hint_tool`."""

import math
from functools import lru_cache

from course_lib import color, colorize, metrics
from course_lib.data import fit, photo
from course_lib.hinting import true_hints
from course_lib.hints import Hints, Point
from course_lib.widgets.explorer import Explorer, choice, slider, widget
from course_lib.widgets.figures import draw_picture, new_figure
from course_lib.widgets.figures_06 import draw_hints

MODEL = "scenes-hints"
SIZE = (160, 240)
NAMES = ("china", "rocket", "chelsea", "coffee", "flower", "motorcycle")
OTHER_SIDE = 180.0  # degrees: a wrong hint has the opposite hue
PLACES = {  # what a hint is given to: the photograph, and row and column as shares
    "the sky behind the temple": ("china", 0.12, 0.8),
    "the trees before it": ("china", 0.85, 0.75),
    "the cat's fur": ("chelsea", 0.25, 0.47),
    "the petals": ("flower", 0.55, 0.5),
}


@lru_cache
def small(name):
    """A bundled photograph at the size of the widgets: (3, 160, 240)."""
    return fit(photo(name), SIZE)


@lru_cache(maxsize=128)
def colored(name, hints):
    """The photograph in the colors of the network, with these hints: (3, 160, 240)."""
    return colorize(small(name), MODEL, hints)


@lru_cache(maxsize=64)
def hints_of(name, count, wrong=False):
    """Hints that the photograph itself gives; the first of them may have the opposite hue."""
    hints = true_hints(small(name), count, seed=1)
    return hints.change(0, opposite(hints.points[0])) if wrong and count else hints


def opposite(point):
    """The point with the opposite hue, and a chroma that can be seen."""
    hue, chroma = math.atan2(point.b, point.a) + math.radians(OTHER_SIDE), max(30.0, math.hypot(point.a, point.b))
    return Point(point.row, point.column, chroma * math.cos(hue), chroma * math.sin(hue), point.size)


def draw_revealed(name, count, wrong):
    """A photograph with some of its own colors revealed, what the network makes of them, and the truth: ``(figure, alt)``."""
    hints = hints_of(name, int(count), wrong)
    truth, ours = small(name), colored(name, hints)
    figure, axes = new_figure(1, 3, width=10, height=2.6)
    psnr = metrics.psnr(ours, truth).item()
    views = {"hints": color.without_color(truth), f"ours, {psnr:.1f} dB": ours, "truth": truth}
    for axis, (label, picture) in zip(axes[0], views.items(), strict=True):
        draw_picture(axis, picture, label)
    draw_hints(axes[0, 0], hints, SIZE, zoom=2)
    told = f"{len(hints.points)} hints" + (", the first of them with the opposite hue" if wrong and count else "")
    return (
        figure,
        f"{name} three times: in gray with {told}, as the network colors it with a PSNR of {psnr:.1f} dB, and as it was.",
    )


@widget("06.revealed")
def revealed_colors():
    """Move the number of hints, and make one of them wrong."""
    controls = {
        "name": choice("picture", NAMES),
        "count": slider("hints", 5, 0, 100, 1, live=False),
        "wrong": choice("the first hint is", [("right", False), ("wrong", True)], False),
    }
    return Explorer(draw_revealed, controls)


@lru_cache
def told(where, hue, chroma):
    """A photograph with one hint at a place, and the color that its pixel got: ``(picture, hint, (a, b))``."""
    name, row, column = PLACES[where]
    radians = math.radians(hue)
    hints = Hints([Point(row, column, chroma * math.cos(radians), chroma * math.sin(radians), size=0.04)])
    picture = colored(name, hints)
    pixel = picture[:, round(row * SIZE[0]), round(column * SIZE[1])]
    return picture, hints, color.rgb_to_lab(pixel[:, None, None])[1:, 0, 0]


def draw_told(where, hue, chroma):
    """A photograph without a hint and with one of any color: ``(figure, alt)``."""
    name = PLACES[where][0]
    picture, hints, (a, b) = told(where, hue, chroma)
    point = hints.points[0]
    figure, axes = new_figure(1, 3, width=10, height=2.6)
    views = {"no hint": colored(name, Hints()), "one hint": picture, "truth": small(name)}
    for axis, (label, each) in zip(axes[0], views.items(), strict=True):
        draw_picture(axis, each, label)
    draw_hints(axes[0, 1], hints, SIZE, zoom=2)
    asked, got = (f"({round(float(a))}, {round(float(b))})" for a, b in ((point.a, point.b), (a, b)))
    figure.supxlabel(f"asked for a, b = {asked}, got {got}", fontsize=9)
    return (
        figure,
        f"{name} without a hint, with a hint on {where}, and as it was. The hint asks for a and b of {asked}, its pixel got {got}.",
    )


@widget("06.told")
def one_hint():
    """One hint, of any hue and chroma."""
    controls = {
        "where": choice("hint on", list(PLACES)),
        "hue": slider("hue (0 pink, 90 yellow, 180 green, 270 blue)", 90, 0, 350, 10, live=False),
        "chroma": slider("chroma", 40, 0, 100, 5, live=False),
    }
    return Explorer(draw_told, controls)
