"""The colorization Turing test: two pictures of the same scene, one with its real colors. Which one is it?

R. Zhang, P. Isola and A. A. Efros, "Colorful Image Colorization" (ECCV 2016), section 3.1 ("perceptual realism").
"""

import random
from dataclasses import dataclass, field

import torch

from course_lib import color
from course_lib.colorizing import colorize
from course_lib.data import fit, photo
from course_lib.intervals import wilson as interval
from course_lib.rebalancing import coarse_ab

__all__ = [
    "CROPS",
    "PAPER",
    "SIZE",
    "Pair",
    "TuringTest",
    "bundled_crop",
    "bundled_pairs",
    "interval",
    "make_pair",
    "scene_pairs",
]

PAPER = 0.32  # the share of trials in which the paper's participants took the colorized picture for the real one
SIZE = 224  # pixels of the side of every picture
CROPS = {  # label: photograph, and top, left and side of a square, as shares of the photograph's height
    "temple": ("china", 0.0, 0.25, 1.0),
    "roofs": ("china", 0.35, 0.2, 0.5),
    "lake and trees": ("china", 0.4, 0.85, 0.6),
    "rocket": ("rocket", 0.0, 0.25, 1.0),
    "lamps": ("rocket", 0.5, 0.1, 0.5),
    "motorcycle": ("motorcycle", 0.0, 0.2, 1.0),
    "workshop": ("motorcycle", 0.0, 0.0, 0.5),
    "portrait": ("grace_hopper", 0.0, 0.0, 0.85),
    "astronaut": ("astronaut", 0.0, 0.0, 1.0),
    "cat": ("chelsea", 0.0, 0.25, 1.0),
    "flower": ("flower", 0.0, 0.25, 1.0),
    "coffee": ("coffee", 0.0, 0.25, 1.0),
}


@dataclass(frozen=True)
class Pair:
    """The same scene twice, uint8 (3, H, W) each, with the same lightness and the same resolution of color."""

    name: str
    real: torch.Tensor = field(repr=False)
    colorized: torch.Tensor = field(repr=False)


def make_pair(name, rgb, model="scenes-rebalanced"):
    """A photograph, (3, H, W), with its real colors and with those of a network.

    Sharpness must not tell which is which: the real colors, too, are reduced to the resolution of the network's answer, enlarged again the
    same way, joined with the same lightness and rounded to 8 bits.
    """
    real = color.join(color.to_gray(rgb), coarse_ab(rgb)[0])
    return Pair(name, _to_bytes(real), _to_bytes(colorize(rgb, model=model)))


def _to_bytes(rgb):
    return (rgb * 255).round().to(torch.uint8)


def bundled_pairs(names=tuple(CROPS)):
    """Pairs from the bundled photographs, which no network of the course was trained on with `scenes`: a list of `Pair`."""
    return [make_pair(name, bundled_crop(name)) for name in names]


def bundled_crop(name, size=SIZE):
    """A square out of a bundled photograph, one of `CROPS`: sRGB, (3, size, size)."""
    source, *shares = CROPS[name]
    picture = photo(source)
    top, left, side = (round(share * picture.shape[1]) for share in shares)
    return fit(picture[:, top : top + side, left : left + side], size)


def scene_pairs(count=20, seed=0):
    """Pairs from test photographs of `scenes`, if they are on this machine: a list of `Pair`."""
    from course_lib.data import scenes

    chosen = scenes("test", count=count, seed=seed)
    pictures = (fit(rgb.float() / 255, SIZE) for rgb in chosen.rgb)
    return [make_pair(name, rgb) for name, rgb in zip(chosen.names, pictures, strict=True)]


class TuringTest:
    """Pairs in random order, each with the real picture left or right by chance.

    Parameters
    ----------
    pairs : sequence of Pair
    seed : int
        Of order and sides. After `restart` both are drawn anew.
    """

    def __init__(self, pairs, seed=0):
        if not pairs:
            raise ValueError("The test needs at least one pair of pictures.")
        self.pairs, self._random = list(pairs), random.Random(seed)
        self.restart()

    def restart(self):
        """Forget all answers and draw a new order and new sides."""
        self.order = self._random.sample(range(len(self.pairs)), len(self.pairs))
        self.real_left = [self._random.random() < 0.5 for _ in self.pairs]
        self.answers = []

    @property
    def done(self):
        """Whether every pair has an answer."""
        return len(self.answers) == len(self.pairs)

    def shown(self, place=None):
        """The pair at a place of the order, the next one by default, as it is shown: ``(name, left, right)``."""
        place = len(self.answers) if place is None else place
        pair = self.pairs[self.order[place]]
        both = (pair.real, pair.colorized) if self.real_left[place] else (pair.colorized, pair.real)
        return pair.name, *both

    def answer(self, left):
        """Say that the left picture (True) or the right one (False) is the real one."""
        if not self.done:
            self.answers.append(bool(left))

    def undo(self):
        """Take the last answer back; nothing happens if there is none."""
        self.answers = self.answers[:-1]

    @property
    def fooled(self):
        """Whether each answer so far took the colorized picture for the real one: a list of bool."""
        return [answer != left for answer, left in zip(self.answers, self.real_left, strict=False)]
