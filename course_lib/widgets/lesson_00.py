"""Lesson 00: from a gray photograph to a colored one, and back."""

from course_lib import color
from course_lib.data import fit, photo
from course_lib.widgets.explorer import Explorer, choice, slider, widget
from course_lib.widgets.figures import pictures

NAMES = ("coffee", "chelsea", "china", "flower")
HEIGHT = 240


def small(name):
    """A bundled photograph, 240 pixels high: large enough to look at, small enough to move a slider."""
    picture = photo(name)
    return fit(picture, (HEIGHT, round(HEIGHT * picture.shape[-1] / picture.shape[-2])))


def with_color(rgb, share):
    """The picture with a share of its color: 0 is gray, 1 is the picture, at the same lightness. (3, H, W) to (3, H, W)."""
    lab = color.rgb_to_lab(rgb)
    return color.join(lab[:1], lab[1:] * share)


def draw_amount(name, percent):
    """What goes into a colorizer, and the photograph with some of its color: ``(figure, alt)``."""
    rgb = small(name)
    figure = pictures(
        {"what the network gets": color.without_color(rgb), f"{percent} % of the color": with_color(rgb, percent / 100)}
    )
    alt = f"The photograph {name}, gray on the left; on the right the same photograph with {percent} percent of its color."
    return figure, alt


@widget("00.amount")
def amount_explorer():
    """A photograph whose color fades in."""
    controls = {"name": choice("photograph", NAMES), "percent": slider("color in percent", 50, 0, 100, 10)}
    return Explorer(draw_amount, controls)
