"""When to stop a GAN: at the point from which on more training brings little, found in a curve and not by eye."""

import math
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class StopRule:
    """What makes a point of the curve of a GAN the one to keep.

    J. Antic's DeOldify keeps "the inflection point", where the generator has taken from the critic what is easily learned and artifacts
    have not yet begun; finding it is left to the eye. Here it is the first point at which the Frechet distance has fallen by ``share`` of
    all that it falls by, among the points that are not barred.

    Attributes
    ----------
    share : float
        Of the fall of the Frechet distance, from the first point of the curve to its lowest. 0 is the start, 1 the lowest point.
    smooth : int
        An odd number of points over which the median is taken first: single measurements jump.
    patches : float
        Points with more color patches than so many times those of the start are barred.
    colorfulness : float
        Points that are so many times as colorful as the truth are barred.
    patience : int
        How many points must follow the chosen one before the training ends.
    """

    share: float = 0.9
    smooth: int = 3
    patches: float = 2.0
    colorfulness: float = 1.25
    patience: int = 10

    def choose(self, curve):
        """The point to keep.

        Parameters
        ----------
        curve : list of dict
            ``frechet``, ``patches`` and ``colorfulness`` of every point, beginning with the generator before the GAN.

        Returns
        -------
        place : int
            In the curve; 0 if nothing that is not barred is better than the start.
        reason : str
            Why, in a sentence.

        Raises
        ------
        ValueError
            The curve is empty.
        """
        if not curve:
            raise ValueError("A curve without points has none to keep.")
        frechet = smoothed([point["frechet"] for point in curve], self.smooth)
        allowed = [place for place, point in enumerate(curve) if not self.bars(point, curve[0])] or [0]
        first, lowest = frechet[0], min(frechet[place] for place in allowed)
        if not lowest < first:
            return 0, f"No point that is not barred is below the Frechet distance of the start, {first:.2f}."
        level = first - self.share * (first - lowest)
        place = next(place for place in allowed if frechet[place] <= level or math.isclose(frechet[place], level))
        barred = len(curve) - len(allowed)
        return place, (
            f"Point {place} of {len(curve) - 1} is the first with {self.share:.0%} of the fall of the Frechet distance from {first:.2f} to "
            f"{lowest:.2f}; {barred} points are barred."
        )

    def bars(self, point, start):
        """Whether a point shows too many color patches or too much color to be kept."""
        return point["patches"] > self.patches * start["patches"] or point["colorfulness"] > self.colorfulness

    def ends(self, curve):
        """Whether enough points have followed the chosen one."""
        place, _ = self.choose(curve)
        return place > 0 and len(curve) - 1 - place >= self.patience


def smoothed(values, width):
    """The median over ``width`` neighbors, fewer at the ends; the first value stays, since nothing came before it."""
    half = width // 2
    middle = [median(values[max(0, place - half) : place + half + 1]) for place in range(len(values))]
    return [values[0], *middle[1:]]
