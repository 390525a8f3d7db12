"""How a fake is blended and how a picture arrives: everything that can be set, and random draws of it as training uses them.

What is drawn is that of K. Shiohara and T. Yamasaki, "Detecting deepfakes with self-blended images" (CVPR 2022), section 3.1. Where the
text gives no number, the range is ours.
"""

from dataclasses import dataclass

RATIOS = (0.25, 0.5, 0.75, 1.0, 1.0, 1.0)  # section 3.1: three times out of six the whole of the source is taken
CENTER, RADII = (0.48, 0.47), (0.42, 0.46)  # of the side of a face crop, across and down: what a face fills of it


@dataclass(frozen=True)
class Change:
    """What is done to one of the two copies.

    Attributes
    ----------
    rgb : tuple of float
        Added to red, green and blue.
    hue : float
        Radians that colors are turned about the axis of grays.
    saturation, contrast : float
        Factors; 1 changes nothing.
    brightness : float
        Added to all three channels.
    smaller : float
        The copy is reduced by this factor and enlarged again; 1 changes nothing.
    sharper : float
        How much of what a blur takes away is added once more; 0 changes nothing.
    """

    rgb: tuple = (0.0, 0.0, 0.0)
    hue: float = 0.0
    saturation: float = 1.0
    brightness: float = 0.0
    contrast: float = 1.0
    smaller: float = 1.0
    sharper: float = 0.0

    @property
    def recolors(self):
        """Whether any color is changed at all."""
        factors = self.saturation, self.contrast
        return any(self.rgb) or self.hue != 0 or self.brightness != 0 or factors != (1, 1)


@dataclass(frozen=True)
class Recipe:
    """How one fake is blended.

    Attributes
    ----------
    change : Change
    on_source : bool
        Whether the source, whose face is pasted, is the copy that is changed, or the target.
    move : tuple of float
        Shift of the source across and down, in sides of the picture.
    size : float
        Factor by which the source grows about the middle.
    center, radii : tuple of float
        The ellipse of the mask, across and down, in sides of the picture.
    bend : float
        How far the ellipse is bent, in sides of the picture: the standard deviation of a smooth random field.
    bend_seed : int
        Which field.
    blur : tuple of float
        Standard deviations of the two blurs of the mask, in sides of the picture. Between them it is eroded.
    ratio : float
        How much of the source is taken inside the mask.

    Raises
    ------
    ValueError
        The ratio is not in [0, 1], a size or radius is not above 0, or a blur or bend is negative.
    """

    change: Change = Change()
    on_source: bool = True
    move: tuple = (0.0, 0.0)
    size: float = 1.0
    center: tuple = CENTER
    radii: tuple = RADII
    bend: float = 0.0
    bend_seed: int = 0
    blur: tuple = (0.02, 0.02)
    ratio: float = 1.0

    def __post_init__(self):
        _check("ratio", self.ratio, 0 <= self.ratio <= 1, "from 0, nothing of the source, to 1, all of it")
        _check("size", self.size, self.size > 0, "above 0; 1 leaves the source as large as it is")
        _check("radii", self.radii, min(self.radii) > 0, "above 0, in sides of the picture")
        _check("blur", self.blur, min(self.blur) >= 0, "0 or more, in sides of the picture")
        _check("bend", self.bend, self.bend >= 0, "0 or more, in sides of the picture")


@dataclass(frozen=True)
class Finish:
    """What happens to a picture on its way to us, genuine or not.

    Attributes
    ----------
    change : Change
    blur : float
        Standard deviation in pixels; 0 for none.
    smaller : float
        Factor by which it is reduced and enlarged again; 1 for none.
    quality : int or None
        Of JPEG, 1 to 100.

    Raises
    ------
    ValueError
        The blur is negative, the factor below 1, or the quality not from 1 to 100.
    """

    change: Change = Change()
    blur: float = 0.0
    smaller: float = 1.0
    quality: int | None = None

    def __post_init__(self):
        _check("blur", self.blur, self.blur >= 0, "0 or more pixels")
        _check("smaller", self.smaller, self.smaller >= 1, "1, which keeps the size, or more")
        _check("quality", self.quality, self.quality is None or 1 <= self.quality <= 100, "from 1 to 100, or None")


def _check(name, value, right, what):
    if not right:
        raise ValueError(f"{name} is {value}: it must be {what}.")


# ---- at random


def draw_change(rng):
    """A random `Change`, as the source or the target of a fake has it: other colors, and either reduced or sharpened."""
    smaller, sharper = (rng.uniform(1.5, 4), 0.0) if rng.random() < 0.5 else (1.0, rng.uniform(0.5, 2))
    return Change(
        rgb=tuple(rng.uniform(-0.08, 0.08, 3)),
        hue=rng.uniform(-0.3, 0.3),
        saturation=rng.uniform(0.7, 1.3),
        brightness=rng.uniform(-0.1, 0.1),
        contrast=rng.uniform(0.8, 1.2),
        smaller=smaller,
        sharper=sharper,
    )


def draw_recipe(rng):
    """A random `Recipe`, as training uses them. ``rng`` is a ``numpy.random.Generator``."""
    grow = rng.uniform(0.7, 1.05)
    stretch = rng.uniform(0.9, 1.1)
    return Recipe(
        change=draw_change(rng),
        on_source=bool(rng.random() < 0.5),
        move=tuple(rng.uniform(-0.03, 0.03, 2)),
        size=rng.uniform(0.95, 1.05),
        center=(CENTER[0] + rng.uniform(-0.04, 0.04), CENTER[1] + rng.uniform(-0.05, 0.05)),
        radii=(RADII[0] * grow * stretch, RADII[1] * grow / stretch),
        bend=rng.uniform(0, 0.05),
        bend_seed=int(rng.integers(2**31)),
        blur=(rng.uniform(0.005, 0.05), rng.uniform(0.005, 0.05)),
        ratio=RATIOS[rng.integers(len(RATIOS))],
    )


def draw_finish(rng):
    """A random `Finish`: always JPEG of quality 40 to 100, sometimes a blur, a smaller size, or other colors."""
    return Finish(
        change=_slight_change(rng),
        blur=rng.uniform(0.3, 1.0) if rng.random() < 0.2 else 0.0,
        smaller=rng.uniform(1.1, 2.0) if rng.random() < 0.3 else 1.0,
        quality=int(rng.integers(40, 101)),
    )


def _slight_change(rng):
    if rng.random() < 0.5:
        return Change()
    return Change(
        rgb=tuple(rng.uniform(-0.03, 0.03, 3)),
        saturation=rng.uniform(0.8, 1.2),
        brightness=rng.uniform(-0.08, 0.08),
        contrast=rng.uniform(0.85, 1.15),
    )
