"""Losses on color maps, (B, 2, H, W) in network units: one number per pixel from a and b, then the mean over all pixels."""

from course_lib import penalties
from course_lib.color import AB_SCALE


def l2(ab, true_ab):
    """The squared distance in the ab plane, averaged over pixels. Its best constant is the mean."""
    return _mean_of_pixels(penalties.squared(ab - true_ab))


def l1(ab, true_ab):
    """The distance in a plus the distance in b, averaged over pixels. Its best constant is the median of a and that of b."""
    return _mean_of_pixels(penalties.absolute(ab - true_ab))


def huber(ab, true_ab, delta=penalties.HUBER_DELTA / AB_SCALE):
    """The Huber penalty of a plus that of b, averaged over pixels; ``delta`` in network units."""
    return _mean_of_pixels(penalties.huber(ab - true_ab, delta))


def _mean_of_pixels(costs):
    """Sum over the channels a and b, mean over everything else: (B, 2, H, W) to one number."""
    if costs.ndim != 4 or costs.shape[1] != 2:
        raise ValueError(f"Losses compare color maps (B, 2, H, W), got {tuple(costs.shape)}.")
    return costs.sum(dim=1).mean()


LOSSES = {"L2": l2, "L1": l1, "Huber": huber}
