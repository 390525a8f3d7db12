"""Losses on color maps, (B, 2, H, W) in network units: one number per pixel from a and b, then the mean over all pixels."""

HUBER_DELTA = 0.1  # network units, 11 in natural ones: where a difference of color starts to be plain to see


def l2(ab, true_ab):
    """The squared distance in the ab plane, averaged over pixels. Its best constant is the mean."""
    return _mean_of_pixels((ab - true_ab).square())


def l1(ab, true_ab):
    """The distance in a plus the distance in b, averaged over pixels. Its best constant is the median of a and that of b."""
    return _mean_of_pixels((ab - true_ab).abs())


def huber(ab, true_ab, delta=HUBER_DELTA):
    """The Huber loss of a plus that of b, averaged over pixels (P. J. Huber, 1964).

    A difference d costs ``d ** 2 / 2`` below ``delta`` and ``delta * (|d| - delta / 2)`` above: a square that goes on as a line.
    """
    distance = (ab - true_ab).abs()
    near = distance.clamp(max=delta)
    return _mean_of_pixels(near * (distance - near / 2))


def _mean_of_pixels(differences):
    """Sum over the channels a and b, mean over everything else: (B, 2, H, W) to one number."""
    if differences.ndim != 4 or differences.shape[1] != 2:
        raise ValueError(
            f"Losses compare color maps (B, 2, H, W), got differences of shape {tuple(differences.shape)}."
        )
    return differences.sum(dim=1).mean()


LOSSES = {"L2": l2, "L1": l1, "Huber": huber}
