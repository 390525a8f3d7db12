"""What moves in lesson 07: the three parts of the loss, and pictures whose colors are edited under the eyes of a critic."""

from functools import lru_cache

import ipywidgets as W
import torch

from course_lib import results
from course_lib.realism import CRITICS, EDITS, MADE, TRUE, VIEWS, edit, patch_map, trained_critic, view
from course_lib.widgets.explorer import Explorer, choice, slider, widget
from course_lib.widgets.figures import draw_picture, new_figure
from course_lib.widgets.figures_07 import draw_logits

PARTS = ("L1", "adversarial", "features")  # in the order of the names in the results
NUMBERS = {  # metric in the results: what it is called, and how it is written
    "delta_e": ("Delta E", ".1f"),
    "frechet": ("Fréchet distance", ".3g"),
    "colorfulness_ratio": ("colorfulness", ".2f"),
    "patches": ("color patches", ".2f"),
}


def combination(l1, adversarial, features):
    """The name in the results of the parts that are on; "gray" if none is, since a network without a loss learns nothing."""
    return " + ".join(part for part, on in zip(PARTS, (l1, adversarial, features), strict=True) if on) or "gray"


@lru_cache(maxsize=1)
def _pictures():
    return results.loss_pictures()


def numbers_of(name):
    """What was measured for a combination, in words."""
    row = results.read_loss_results()["rows"][name]
    said = (
        f"{title} {row[metric]['value']:{form}}"
        for metric, (title, form) in NUMBERS.items()
        if row.get(metric, {}).get("value") is not None
    )
    return ", ".join(said)


def draw_combination(l1, adversarial, features):
    """Photographs as pix2pix colors them after training with the parts of the loss that are on, above the truth: ``(figure, alt)``."""
    name = combination(l1, adversarial, features)
    pictures = _pictures()
    rows = {name if name != "gray" else "no loss": pictures[name], "truth": pictures["truth"]}
    figure, axes = new_figure(2, len(pictures["truth"]), width=9.6, height=3.9)
    for line, (label, row) in zip(axes, rows.items(), strict=True):
        for axis, rgb in zip(line, row, strict=True):
            draw_picture(axis, rgb)
        line[0].set_title(label, loc="left")
    said = numbers_of(name)
    figure.supxlabel(f"test photographs: {said}", fontsize=9)
    return (
        figure,
        f"Six photographs, colored after training with {label_of(name)}, above the truth. On test photographs: {said}.",
    )


def label_of(name):
    """The name of a combination in a sentence."""
    return "no loss at all, and so in gray" if name == "gray" else name


def switch(description, value):
    """A box to be checked, with the mouse or the space bar."""
    return W.Checkbox(value=value, description=description, indent=False)


@widget("07.losses")
def choose_losses():
    """Switch each part of the loss on and off."""
    return Explorer(
        draw_combination,
        {
            "l1": switch("L1: be near the true colors", True),
            "adversarial": switch("adversarial: fool the critic", True),
            "features": switch("features: look alike to a trained network", False),
        },
    )


@lru_cache(maxsize=256)
def judged(critic, name, kind, strength):
    """A view whose colors are edited, and what a critic says about it: sRGB, (3, 128, 128), and logits, (h, w)."""
    rgb = edit(view(name), kind, strength)
    return rgb, patch_map(trained_critic(critic), rgb)


def taken_for_real(critic, name, kind, strength=1.0):
    """The share of patches of an edited view that a critic takes for real."""
    return float((judged(critic, name, kind, strength)[1] > 0).float().mean())


def draw_judged(critic, name, kind, strength):
    """A view, the view with edited colors, and what a critic says about each of its patches: ``(figure, alt)``.

    Parameters
    ----------
    critic : str
        In `course_lib.realism.CRITICS`.
    name : str
        In `course_lib.realism.VIEWS`.
    kind : str
        The edit: in `course_lib.realism.EDITS`, "true colors" or "from pix2pix".
    strength : float, 0 to 1
    """
    rgb, logits = judged(critic, name, kind, strength)
    before = judged(critic, name, TRUE, 0.0)[1]
    figure, axes = new_figure(1, 4, width=10, height=2.9)
    draw_picture(axes[0, 0], view(name), f"truth: {share_of(before)} real")
    draw_logits(axes[0, 1], before, view(name), "critic on the truth")
    draw_picture(axes[0, 2], rgb, f"{kind}: {share_of(logits)} real")
    shown = draw_logits(axes[0, 3], logits, rgb, "critic on the edit")
    figure.colorbar(shown, ax=axes[0, 3], extend="both", label="logit", aspect=12)
    alt = (
        f"The {name}, and the {name} with {kind} at {strength:.0%}, each beside a map of the logits of the critic that {critic}. Of the "
        f"true picture it takes {share_of(before)} of the patches for real, of the edited one {share_of(logits)}; the mean logit goes from "
        f"{before.mean():+.1f} to {logits.mean():+.1f}."
    )
    return figure, alt


def share_of(logits):
    """How many patches look real, as a percentage."""
    return f"{torch.gt(logits, 0).float().mean():.0%}"


@widget("07.patches")
def edit_and_judge():
    """Edit the colors of a photograph, and see which patches two critics still take for real."""
    controls = {
        "critic": choice("critic that", CRITICS),
        "name": choice("picture", VIEWS),
        "kind": choice("edit", [TRUE, *EDITS, MADE], "checkerboard"),
        "strength": slider("strength", 1.0, 0.0, 1.0, 0.1, live=False),
    }
    return Explorer(draw_judged, controls)
