"""Draw the lightness of the toy world: sky with clouds, hills of grass, flowers with stems and leaves.

Everything here is about shape and lightness; no color is known. `course_lib.data.petals` draws the colors afterwards,
so lightness cannot say anything about hue. Positions are numbers in a `Layout`: x to the right and y down, both in
[0, 1], whatever the resolution.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F

# Parts of a picture in the order of painting. Parts from FIRST_FLOWER on are the petals of the single flowers.
SKY, GRASS, LEAVES, CENTER, FIRST_FLOWER = range(5)

# The lightness that each part keeps to. Narrow ranges leave room for strong colors: the gamut is widest in the middle.
LIGHTNESS = {
    "sky": (62.0, 80.0),
    "grass": (32.0, 54.0),
    "leaves": (22.0, 38.0),
    "center": (22.0, 40.0),
    "petals": (54.0, 67.0),
}

MAX_FLOWERS = 5
_TILE = 256  # pixels along the side of the noise that clouds and grass are cut from
_PIXELS_AT_ONCE = 1 << 17  # few enough for a processor's cache


@dataclass(frozen=True)
class Layout:
    """Where everything stands in N scenes: lengths as shares of the picture's side, angles in radians.

    Attributes
    ----------
    scene : dict of (N,) tensors
        horizon, hills, hill_phase, sky_tone, grass_tone, clouds, cloud_x, cloud_y, blade_x, blade_y.
    flower : dict of (N, MAX_FLOWERS) tensors
        x, y, radius, petals, turn, squash, width, tone, stem, bend; small flowers, which stand farther away, first.
    present : bool tensor, (N, MAX_FLOWERS)
        Which flowers exist.
    """

    scene: dict
    flower: dict
    present: torch.Tensor

    def __len__(self):
        return len(self.present)

    def take(self, rows):
        """The layout of some of the scenes."""
        scene = {name: value[rows] for name, value in self.scene.items()}
        flower = {name: value[rows] for name, value in self.flower.items()}
        return Layout(scene, flower, self.present[rows])


_SCENE_RANGES = {
    "horizon": (0.45, 0.68),
    "hills": (0.0, 0.07),
    "hill_phase": (0.0, 2 * math.pi),
    "sky_tone": (-2.0, 2.0),
    "grass_tone": (-3.0, 3.0),
    "clouds": (-0.5, 0.8),
    "cloud_x": (0.0, 1.0),
    "cloud_y": (0.0, 1.0),
    "blade_x": (0.0, 1.0),
    "blade_y": (0.0, 1.0),
}
_FLOWER_RANGES = {
    "x": (0.0, 1.0),
    "y": (0.0, 1.0),
    "radius": (0.0, 1.0),
    "petals": (5.0, 8.99),
    "turn": (0.0, 2 * math.pi),
    "squash": (0.8, 1.0),
    "width": (0.85, 1.1),
    "tone": (-2.0, 2.0),
    "stem": (0.0, 0.14),
    "bend": (-0.06, 0.06),
}


def draw_layout(count, generator):
    """Draw the layout of ``count`` scenes. Scene i is the same however many scenes are drawn."""
    columns = 1 + len(_SCENE_RANGES) + len(_FLOWER_RANGES) * MAX_FLOWERS
    numbers = torch.rand(count, columns, generator=generator)
    flowers = 1 + (numbers[:, 0] * MAX_FLOWERS).long()
    scene = {
        name: low + (high - low) * numbers[:, 1 + i] for i, (name, (low, high)) in enumerate(_SCENE_RANGES.items())
    }
    rest = numbers[:, 1 + len(_SCENE_RANGES) :].view(count, len(_FLOWER_RANGES), MAX_FLOWERS)
    flower = {name: low + (high - low) * rest[:, i] for i, (name, (low, high)) in enumerate(_FLOWER_RANGES.items())}
    flower["petals"] = flower["petals"].floor()
    present = torch.arange(MAX_FLOWERS)[None] < flowers[:, None]
    return Layout(scene, _arrange(flower, flowers, present, scene["horizon"][:, None]), present)


def _arrange(flower, count, present, horizon):
    """Give each flower a strip of the picture of its own, fewer flowers more room, and put the small ones behind."""
    count = count[:, None].float()
    strip = torch.arange(MAX_FLOWERS)[None] + 0.5 + (flower["x"] - 0.5) * 0.6
    radius = (0.11 + 0.09 * flower["radius"]) * (1.2 - 0.07 * count)
    x = 0.06 + 0.88 * strip / count
    # Large flowers are near, so they stand lower; the heads of all lie around the middle of the picture.
    y = 0.26 + 0.3 * flower["y"] + 0.7 * (radius - 0.1)
    order = torch.where(present, radius, radius + 1).argsort(dim=1, stable=True)
    foot = torch.maximum(horizon + 0.1 + flower["stem"], y + 1.9 * radius)  # in the near meadow, even in a valley
    flower = {**flower, "x": x, "y": y, "radius": radius, "stem": foot - y}
    return {name: value.gather(1, order) for name, value in flower.items()}


def draw_lightness(layout, size):
    """Draw the scenes.

    Parameters
    ----------
    layout : Layout
    size : int
        Side of the pictures in pixels.

    Returns
    -------
    lightness : tensor, (N, H, W)
        L in [0, 100], each part within its range in `LIGHTNESS`.
    parts : int8 tensor, (N, H, W)
        SKY, GRASS, LEAVES, CENTER or FIRST_FLOWER + i for the petals of flower i of the picture.
    """
    lightness = torch.empty(len(layout), size, size)
    parts = torch.empty(len(layout), size, size, dtype=torch.int8)
    for rows in in_blocks(len(layout), size**2):
        lightness[rows], parts[rows] = _draw(layout.take(rows), size)
    return lightness, parts


def in_blocks(count, pixels):
    """Slices of ``count`` pictures of ``pixels`` pixels, each block small enough for a processor's cache."""
    step = max(1, _PIXELS_AT_ONCE // pixels)
    return [slice(start, start + step) for start in range(0, count, step)]


def _draw(layout, size):
    middle = (torch.arange(size) + 0.5) / size
    y, x = middle[None, :, None], middle[None, None, :]
    scene = {name: value[:, None, None] for name, value in layout.scene.items()}
    canvas = _Canvas(_sky(scene, x, y), size)
    _paint_grass(canvas, scene, x, y)
    for i in range(MAX_FLOWERS):
        rows = layout.present[:, i].nonzero()[:, 0]
        if len(rows):
            flower = {name: value[rows, i][:, None, None] for name, value in layout.flower.items()}
            _paint_flower(canvas.of(rows), flower, i, x, y)
    return canvas.finish()


class _Canvas:
    """Some pictures, painted from back to front: the edges are soft in lightness and sharp in parts."""

    def __init__(self, lightness, size):
        self.lightness, self.size = lightness, size
        self.parts = torch.full(lightness.shape, SKY, dtype=torch.int8)
        self._parent, self._rows = None, None

    def of(self, rows):
        """A canvas of some of the pictures; `put_back` returns what was painted on it."""
        part = _Canvas.__new__(_Canvas)
        part.lightness, part.parts, part.size = self.lightness[rows], self.parts[rows], self.size
        part._parent, part._rows = self, rows
        return part

    def put_back(self):
        self._parent.lightness[self._rows] = self.lightness
        self._parent.parts[self._rows] = self.parts

    def paint(self, distance, lightness, part, kind):
        """Paint where ``distance``, the way to the edge in picture sides, is positive; the edge is one pixel wide."""
        low, high = LIGHTNESS[kind]
        cover = (distance * self.size + 0.5).clamp_(0, 1)
        self.lightness = torch.lerp(self.lightness, lightness.clamp(low, high), cover)
        self.parts.masked_fill_(cover >= 0.5, part)

    def finish(self):
        """Bring soft edges back into the range of the part that they belong to."""
        ranges = torch.tensor([LIGHTNESS[name] for name in ("sky", "grass", "leaves", "center", "petals")])
        kind = self.parts.clamp(max=FIRST_FLOWER).int()
        low, high = ranges[:, 0][kind], ranges[:, 1][kind]
        return torch.minimum(torch.maximum(self.lightness, low), high), self.parts


def _sky(scene, x, y):
    """Darker overhead, lighter at the horizon, with clouds."""
    gradient = 65 + 8 * (y / scene["horizon"]).clamp(max=1) + scene["sky_tone"]
    noise = _noise(scene["cloud_x"], scene["cloud_y"], 0.2 * x, 0.42 * y)
    clouds = 10 * torch.sigmoid(3 * (noise + scene["clouds"] - 0.9))
    return (gradient + clouds).clamp(*LIGHTNESS["sky"])


def _paint_grass(canvas, scene, x, y):
    """A far, light hill and a near, dark meadow with blades that grow with nearness."""
    wave = 2 * math.pi * x + scene["hill_phase"]
    far = y - scene["horizon"] + scene["hills"] * torch.sin(wave)
    canvas.paint(far, 49 + scene["grass_tone"] - 25 * far, GRASS, "grass")
    near = y - scene["horizon"] - 0.07 + 0.5 * scene["hills"] * torch.cos(1.4 * wave)
    blades = _noise(scene["blade_x"], scene["blade_y"], 0.5 * x, 0.09 * y)
    depth = near.clamp(min=0)
    canvas.paint(near, 43 + scene["grass_tone"] - 12 * depth + (1.5 + 8 * depth) * blades, GRASS, "grass")


def _paint_flower(canvas, flower, index, x, y):
    dx, dy = x - flower["x"], y - flower["y"]
    _paint_stem(canvas, flower, dx, dy)
    _paint_petals(canvas, flower, FIRST_FLOWER + index, dx, dy / flower["squash"])
    core = 0.27 * flower["radius"]
    rim = core - torch.sqrt(dx**2 + (dy / flower["squash"]) ** 2)
    canvas.paint(rim, 24 + 14 * (rim / core), CENTER, "center")
    canvas.put_back()


def _paint_stem(canvas, flower, dx, dy):
    """A stem that bends like a parabola, and a leaf on each side of it."""
    along = dy / flower["stem"]
    aside = dx - flower["bend"] * along**2
    half = 0.09 * flower["radius"]
    ends = torch.minimum(dy, flower["stem"] - dy)
    canvas.paint(torch.minimum(half - aside.abs(), ends), 33 - 40 * aside, LEAVES, "leaves")
    length = 0.62 * flower["radius"]
    for side, height in ((-1, 0.62), (1, 0.76)):
        u = (aside * side - 0.75 * length) / length  # along the leaf, which rises outward
        v = (dy - height * flower["stem"] + 0.45 * aside * side) / (0.3 * length)
        canvas.paint((1 - torch.sqrt(u**2 + v**2)) * 0.3 * length, 31 - 5 * v, LEAVES, "leaves")


def _paint_petals(canvas, flower, part, dx, dy):
    """A ring of ellipses: every point is folded onto the nearest petal, so all petals cost as much as one."""
    radius = flower["radius"]
    sector = 2 * math.pi / flower["petals"]
    angle = torch.atan2(dy, dx) - flower["turn"]
    folded = angle - sector * torch.round(angle / sector)
    distance = torch.sqrt(dx**2 + dy**2)
    outward, across = distance * torch.cos(folded), distance * torch.sin(folded)
    half = 0.56 * radius * torch.tan(sector / 2) * flower["width"]
    ring = torch.sqrt(((outward - 0.56 * radius) / (0.44 * radius)) ** 2 + (across / half) ** 2)
    tip = distance / radius
    crease = (folded / (sector / 2)) ** 2  # 0 along the middle of a petal, 1 where it meets its neighbor
    sun = -(dx + dy) / radius  # light from the upper left
    shade = 61 + flower["tone"] + 7 * (tip - 0.5) - 7 * crease + 2.5 * sun
    canvas.paint((1 - ring) * torch.minimum(half, 0.44 * radius), shade, part, "petals")


def _noise(left, top, dx, dy):
    """Soft noise at (left + dx, top + dy), of about zero mean and unit variance, cut out of one tile that repeats."""
    tile = _noise_tile()
    u = (torch.remainder(left + dx, 1.0) * 2 - 1).expand(-1, dy.shape[1], -1)
    v = (torch.remainder(top + dy, 1.0) * 2 - 1).expand(-1, -1, dx.shape[2])
    grid = torch.stack([u, v], dim=-1)
    tiles = tile.expand(len(grid), 1, *tile.shape)
    return F.grid_sample(tiles, grid, mode="bilinear", padding_mode="border", align_corners=True)[:, 0]


@lru_cache(maxsize=1)
def _noise_tile():
    """Noise whose power falls with frequency, as in clouds. Last row and column repeat the first ones: it wraps."""
    white = torch.randn(_TILE, _TILE, generator=torch.Generator().manual_seed(2016))
    fy, fx = torch.fft.fftfreq(_TILE)[:, None], torch.fft.rfftfreq(_TILE)[None]
    falloff = 1 / (torch.sqrt(fx**2 + fy**2) + 2 / _TILE) ** 1.8
    tile = torch.fft.irfft2(torch.fft.rfft2(white) * falloff, s=(_TILE, _TILE))
    tile = (tile - tile.mean()) / tile.std()
    return F.pad(tile[None, None], (0, 1, 0, 1), mode="circular")[0, 0]
