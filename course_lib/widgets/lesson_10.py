"""What moves in lesson 10: the knobs of a blend, what errors cost, and a picture that is saved again."""

from course_lib.widgets.explorer import Explorer, choice, slider, widget
from course_lib.widgets.figures_10_moving import KNOBS, PEOPLE, draw_costs, draw_knobs, draw_reencoded

PORTRAITS = [(name, key) for key, name in PEOPLE.items()]
RANGES = {  # of the knobs of a blend: what each is called, from, to, and steps
    "red": ("red, added", -0.2, 0.2, 0.01),
    "green": ("green, added", -0.2, 0.2, 0.01),
    "blue": ("blue, added", -0.2, 0.2, 0.01),
    "hue": ("hue, radians", -0.5, 0.5, 0.02),
    "saturation": ("saturation, times", 0.0, 2.0, 0.05),
    "brightness": ("brightness, added", -0.2, 0.2, 0.01),
    "contrast": ("contrast, times", 0.5, 1.5, 0.05),
    "smaller": ("reduced and enlarged, times", 1.0, 5.0, 0.1),
    "sharper": ("sharpened by", 0.0, 2.0, 0.1),
    "across": ("moved across, sides", -0.1, 0.1, 0.005),
    "down": ("moved down, sides", -0.1, 0.1, 0.005),
    "size": ("enlarged, times", 0.85, 1.15, 0.01),
    "radius": ("radius of the mask, sides", 0.15, 0.45, 0.01),
    "bend": ("how bent the mask is, sides", 0.0, 0.08, 0.005),
    "first_blur": ("first blur of the mask, sides", 0.0, 0.05, 0.002),
    "second_blur": ("second blur of the mask, sides", 0.0, 0.05, 0.002),
    "ratio": ("share of the source", 0.0, 1.0, 0.05),
    "quality": ("JPEG quality of both", 10, 100, 1),
}
BASE_RATES = [("1 in 2", 0.5), ("1 in 10", 0.1), ("1 in 100", 0.01), ("1 in 1000", 0.001)]


@widget("10.blend")
def blending_recipe():
    """Turn every knob of a blend, and watch what the detector says of it."""
    controls = {
        "portrait": choice("portrait", PORTRAITS, KNOBS["portrait"]),
        "changed": choice("what is changed", ["source", "target"], KNOBS["changed"]),
    }
    for name, (label, low, high, step) in RANGES.items():
        controls[name] = slider(label, KNOBS[name], low, high, step, live=False)
    return Explorer(draw_knobs, controls)


@widget("10.costs")
def thresholds():
    """Say what errors cost and how rare fakes are, and see where the threshold goes."""
    controls = {
        "miss": slider("a miss costs", 1, 1, 50, 1, live=False),
        "false_alarm": slider("a false alarm costs", 1, 1, 50, 1, live=False),
        "base_rate": choice("fakes", BASE_RATES),
    }
    return Explorer(draw_costs, controls)


@widget("10.reencode")
def reencoding():
    """Save a portrait or its fake again, and watch the probability."""
    controls = {
        "portrait": choice("portrait", PORTRAITS),
        "fake": choice("picture", [("its fake", True), ("genuine", False)]),
        "quality": slider("JPEG quality", 90, 5, 100, 1, live=False),
        "smaller": slider("reduced and enlarged, times", 1.0, 1.0, 5.0, 0.1, live=False),
        "blur": slider("blur, pixels", 0.0, 0.0, 4.0, 0.1, live=False),
        "noise": slider("noise, of 255 levels", 0.0, 0.0, 50.0, 1.0, live=False),
        "brightness": slider("brightness, added", 0.0, -0.4, 0.4, 0.02, live=False),
    }
    return Explorer(draw_reencoded, controls)
