"""What moves in lesson 08: the points of phase 3, and the knobs of the rule that chooses one of them."""

from functools import lru_cache

from course_lib.models.checkpoints import read_card
from course_lib.results import read_strip
from course_lib.training.stopping import StopRule
from course_lib.widgets.explorer import Explorer, slider, widget
from course_lib.widgets.figures_08 import draw_choice, draw_point

CHECKPOINT = "scenes-nogan"


@lru_cache(maxsize=1)
def recorded():
    """The curve of phase 3 on photographs, as it was recorded: a list of dicts."""
    return read_card(CHECKPOINT)["curve"]


@lru_cache(maxsize=1)
def strip():
    """The bundled photographs at each point of that curve: (points, 6, 3, 96, 96)."""
    return read_strip(CHECKPOINT)


def chosen():
    """The point that was kept."""
    return read_card(CHECKPOINT)["chosen"]["point"]


def draw_scrub(point):
    """The bundled photographs at one point of phase 3, above its curves: ``(figure, alt)``."""
    curve = recorded()
    here = curve[point]
    figure = draw_point(curve, point, strip()[point], chosen())
    alt = (
        f"Six photographs as a generator colors them after {here['step']} steps of phase 3. Below, three curves with a mark there: Fréchet "
        f"distance {here['frechet']:.2f}, colorfulness {here['colorfulness']:.2f} times the truth's, color patches "
        f"{here['patches']:.2f} times the truth's. The point that was kept is number {chosen()}; this is number {point}."
    )
    return figure, alt


@widget("08.scrub")
def scrub():
    """Go through the points of phase 3."""
    return Explorer(draw_scrub, {"point": slider("point of phase 3", chosen(), 0, len(recorded()) - 1, 1, live=False)})


def stop(rule, curve):
    """What a rule would have done, had it watched a curve grow.

    Returns
    -------
    place : int
        The point that it keeps.
    reason : str
    end : int
        The last point before it ends the training.
    """
    end = next((count for count in range(1, len(curve)) if rule.ends(curve[: count + 1])), len(curve) - 1)
    return *rule.choose(curve[: end + 1]), end


def draw_rule(share, smooth, patches, patience):
    """What a stop rule with these knobs makes of the recorded curve: ``(figure, alt)``."""
    curve = recorded()
    rule = StopRule(share=share, smooth=smooth, patches=patches, patience=patience)
    place, reason, end = stop(rule, curve)
    figure = draw_choice(curve, rule, place, end)
    figure.suptitle(f"kept: point {place}, after {curve[place]['step']} steps", fontsize=10)
    alt = f"Curves of the Fréchet distance, color patches and colorfulness in phase 3, with the point that is kept. {reason} "
    alt += f"The training ends at point {end} of {len(curve) - 1}."
    return figure, alt


@widget("08.rule")
def stop_rule():
    """Move the knobs of the stop rule."""
    default = StopRule(**read_card(CHECKPOINT)["rule"])
    controls = {
        "share": slider("share of the fall", default.share, 0.5, 1.0, 0.02, live=False),
        "smooth": slider("points of the median", default.smooth, 1, 9, 2, live=False),
        "patches": slider("patches, at most times those of the start", default.patches, 1.0, 3.0, 0.1, live=False),
        "patience": slider("patience", default.patience, 2, 20, 1, live=False),
    }
    return Explorer(draw_rule, controls)
