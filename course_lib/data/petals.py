"""The toy world of the course: drawn scenes whose true color distribution is known.

A scene shows sky, grass and flowers. Its lightness is drawn first; then each region draws its color from a fixed list,
whatever its lightness. So the question of colorization, "which colors may this gray pixel have, and how likely is
each?", has an exact answer here:

======== ==================================================================== =================
region   colors and how often                                                 drawn once for
======== ==================================================================== =================
sky      blue 60 %, sunset orange 40 %                                        the picture
grass    green                                                                always the same
leaves   dark green (stems and leaves)                                        always the same
center   brown                                                                always the same
petals   red 40 %, yellow 30 %, violet 25 %, cyan 5 %                         each flower
======== ==================================================================== =================

Each color is one point (a, b) at every lightness: the largest chroma that sRGB can show over the whole lightness range
of the region.
"""

import math
from dataclasses import dataclass, field, replace
from functools import cache, cached_property

import torch

from course_lib import color
from course_lib.data import meadow

REGIONS = ("sky", "grass", "leaves", "center", "petals")

# Of each region: the colors that it may have, the hue angle of each in the ab plane in degrees, and its probability.
ALTERNATIVES = {
    "sky": {"blue": (262.0, 0.60), "orange": (62.0, 0.40)},
    "grass": {"green": (128.0, 1.0)},
    "leaves": {"green": (140.0, 1.0)},
    "center": {"brown": (62.0, 1.0)},
    "petals": {"red": (26.0, 0.40), "yellow": (92.0, 0.30), "violet": (312.0, 0.25), "cyan": (208.0, 0.05)},
}
_MARGIN = 0.97  # of the largest chroma: a hair inside the gamut, so that no rounding falls out of it


@cache
def conditional(region):
    """The exact distribution of the color of a region, given the lightness of the scene.

    Parameters
    ----------
    region : str
        One of `REGIONS`.

    Returns
    -------
    colors : tensor, (K, 2)
        a and b of each color, in the order of ``ALTERNATIVES[region]``.
    probabilities : tensor, (K,)
        How likely each is; the sum is 1.
    """
    if region not in ALTERNATIVES:
        raise ValueError(f"There is no region {region!r}. The regions are {', '.join(REGIONS)}.")
    hues, probabilities = zip(*ALTERNATIVES[region].values(), strict=True)
    colors = torch.stack([_strongest(hue, *meadow.LIGHTNESS[region]) for hue in hues])
    return colors, torch.tensor(probabilities)


def _strongest(hue, low, high, steps=24):
    """The (a, b) of largest chroma at ``hue`` degrees that sRGB can show at every L from ``low`` to ``high``: (2,)."""
    direction = torch.tensor([math.cos(math.radians(hue)), math.sin(math.radians(hue))])
    lightness = torch.linspace(low, high, 65)[None]
    inside, outside = 0.0, 150.0
    for _ in range(steps):
        chroma = (inside + outside) / 2
        ab = (chroma * direction)[:, None, None].expand(2, 1, 65)
        if color.in_gamut(torch.cat([lightness[None], ab])).all():
            inside = chroma
        else:
            outside = chroma
    return _MARGIN * inside * direction


@dataclass
class Petals:
    """N drawn scenes.

    Attributes
    ----------
    layout : meadow.Layout
        Where everything stands.
    lightness : tensor, (N, H, W)
        L in [0, 100], the same whatever the colors.
    parts : int8 tensor, (N, H, W)
        The region of each pixel, with the flowers told apart: 4 + i for the petals of flower i.
    hues : dict of long tensors
        What was drawn, as places in the list of alternatives: "sky" (N,) and "petals" (N, flowers), where -1 means
        that there is no such flower.
    """

    layout: meadow.Layout = field(repr=False)
    lightness: torch.Tensor = field(repr=False)
    parts: torch.Tensor = field(repr=False)
    hues: dict = field(repr=False)

    def __len__(self):
        return len(self.lightness)

    def __getitem__(self, rows):
        """Some of the scenes: a slice, a list of places or a mask."""
        rows = torch.arange(len(self))[rows].reshape(-1)
        hues = {region: value[rows] for region, value in self.hues.items()}
        return Petals(self.layout.take(rows), self.lightness[rows], self.parts[rows], hues)

    @cached_property
    def regions(self):
        """The region of each pixel as its place in `REGIONS`: long, (N, H, W)."""
        return self.parts.clamp(max=meadow.FIRST_FLOWER).long()

    @cached_property
    def lab(self):
        """The scenes in Lab, natural units: (N, 3, H, W)."""
        return torch.cat([self.lightness[:, None], _look_up(self._colors(), self.parts)], dim=1)

    @cached_property
    def rgb(self):
        """The scenes in sRGB, [0, 1]: (N, 3, H, W)."""
        rgb = torch.empty_like(self.lab)
        for rows in meadow.in_blocks(len(self), self.lightness[0].numel()):
            rgb[rows] = color.lab_to_rgb(self.lab[rows])
        return rgb

    def _colors(self):
        """The (a, b) of every part of every scene: (N, 2, parts)."""
        fixed = [conditional(region)[0][:1].expand(len(self), 2) for region in ("grass", "leaves", "center")]
        sky = conditional("sky")[0][self.hues["sky"]]
        flowers = conditional("petals")[0][self.hues["petals"]]
        return torch.cat([torch.stack([sky, *fixed], dim=1), flowers], dim=1).movedim(2, 1)


def petals(count, size=64, seed=0, hue_seed=None):
    """Draw scenes of the toy world.

    Parameters
    ----------
    count : int
        How many. Scene i of a seed is the same however many scenes are drawn.
    size : int
        Side of the pictures in pixels; the scene itself stays the same. At least 8.
    seed : int
        Of the shapes and the lightness, and of the colors too unless ``hue_seed`` is given.
    hue_seed : int, optional
        Of the colors alone: other colors on exactly the same lightness.

    Returns
    -------
    Petals
    """
    if count < 1 or size < 8:
        raise ValueError(f"petals draws at least 1 picture of at least 8 pixels, got count={count}, size={size}.")
    layout = meadow.draw_layout(count, torch.Generator().manual_seed(seed))
    lightness, parts = meadow.draw_lightness(layout, size)
    return Petals(layout, lightness, parts, _draw_hues(layout.present, seed if hue_seed is None else hue_seed))


def redraw(scenes, hue_seed):
    """The same scenes with newly drawn colors: the lightness stays the same, bit for bit."""
    return replace(scenes, hues=_draw_hues(scenes.layout.present, hue_seed))


def _draw_hues(present, seed):
    generator = torch.Generator().manual_seed(seed ^ 0xC0105)  # shapes use the seed itself: no number may serve twice
    numbers = torch.rand(len(present), 1 + meadow.MAX_FLOWERS, generator=generator)
    flowers = _choose("petals", numbers[:, 1:]).masked_fill(~present, -1)
    return {"sky": _choose("sky", numbers[:, 0]), "petals": flowers}


def _choose(region, numbers):
    """Turn uniform numbers in [0, 1) into places in the list of alternatives of a region."""
    upper = conditional(region)[1].cumsum(0)
    return torch.bucketize(numbers.contiguous(), upper[:-1], right=True)


def _look_up(table, places):
    """Take column ``places`` (N, H, W) of ``table`` (N, C, K) at every pixel: (N, C, H, W)."""
    index = places.flatten(1).long()[:, None].expand(-1, table.shape[1], -1)
    return table.gather(2, index).unflatten(2, places.shape[1:])


def conditional_mean(scenes):
    """The color map of least expected squared error (L2), given lightness and regions: (N, 2, H, W), exact."""
    return _paint_regions(scenes, [mean_color(region) for region in REGIONS])


def conditional_median(scenes):
    """The color map of least expected absolute error (L1) in a and in b: (N, 2, H, W), exact."""
    return _paint_regions(scenes, [median_color(region) for region in REGIONS])


def mean_color(region):
    """The mean color of a region, (2,): the best constant under L2."""
    colors, probabilities = conditional(region)
    return probabilities @ colors


def median_color(region):
    """The median of a and the median of b of a region, (2,): the best constant under L1."""
    colors, probabilities = conditional(region)
    ordered, order = colors.sort(dim=0)
    reached = probabilities[order].cumsum(0) >= 0.5 - 1e-6
    return ordered.gather(0, reached.int().argmax(dim=0, keepdim=True))[0]


def _paint_regions(scenes, values):
    """Give every pixel the value, (C,), of its region: (N, C, H, W)."""
    table = torch.stack(values, dim=1)[None].expand(len(scenes), -1, -1)
    return _look_up(table, scenes.regions)


def palette():
    """Every color of the toy world.

    Returns
    -------
    names : list of (str, str)
        Region and color, K of them.
    colors : tensor, (K, 2)
        a and b of each.
    """
    names = [(region, name) for region in REGIONS for name in ALTERNATIVES[region]]
    return names, torch.cat([conditional(region)[0] for region in REGIONS])


def true_distribution(scenes):
    """The exact distribution of the color of every pixel, given lightness and regions.

    Returns
    -------
    colors : tensor, (K, 2)
        a and b of every color of the toy world, in the order of `palette`.
    shares : tensor, (N, K, H, W)
        How likely each is at each pixel; the sum over K is 1.
    """
    blocks = [conditional(region)[1][None] for region in REGIONS]
    shares = torch.block_diag(*blocks)  # (regions, K): a region gives nothing to the colors of the others
    return palette()[1], _paint_regions(scenes, list(shares))
