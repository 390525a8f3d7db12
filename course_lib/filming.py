"""What lesson 09 does with films: a small one made of photographs, its colors frame by frame, and how much they flicker."""

from functools import lru_cache, partial

import torch

from course_lib import color, metrics
from course_lib.colorizing import find_network, predict_ab
from course_lib.data import fit, photo
from course_lib.data.moving_stills import film_of_stills
from course_lib.video.propagation import ask_still

STILL = "scenes-rebalanced"
BEHIND, BEFORE, SEED = "china", "flower", 3
FLAT = 50.0  # L that all pixels get where colors are compared without the lightness


def photo_film(frames, side=128):
    """A film made of two bundled photographs: a flower passes in front of a temple while the camera moves: sRGB, (T, 3, side, side)."""
    generator = torch.Generator().manual_seed(SEED)
    behind, before = (fit(photo(name), round(1.4 * side)) for name in (BEHIND, BEFORE))
    return film_of_stills(behind, before, frames, side, generator)


@lru_cache(maxsize=1)
def still_network():
    """The still network as a function of L (n, 1, h, w), natural units: ab (n, 2, h', w'), natural units."""
    return partial(predict_ab, find_network(STILL))


def frame_by_frame(lightness):
    """The colors of the still network for each frame by itself: (T, 2, H, W), natural units."""
    return ask_still(still_network(), lightness)


def color_error(ab, flows, masks):
    """The warp error of colors alone: `metrics.warp_error` when all pixels have the same lightness.

    The lightness of a film is the same whoever colors it, and its share of the warp error hides the rest.

    Parameters
    ----------
    ab : tensor, (T, 2, H, W)
        Natural units.
    flows, masks
        As for `metrics.warp_error`.

    Returns
    -------
    float
    """
    return metrics.warp_error(color.join(torch.full_like(ab[:, :1], FLAT), ab), flows, masks)
