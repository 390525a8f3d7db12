"""Pictures that move, with the true motion: a meadow of the toy world as a film, and the stereo pair as two frames.

Motion is written as backward flow in pixels, channel 0 to the right and channel 1 down: it belongs to the pixels of the new
frame and says where each of them lay in the old one. A pixel at (x, y) of the new frame lay at (x + dx, y + dy).
"""

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import torch

from course_lib.data import meadow
from course_lib.data.petals import Petals, petals
from course_lib.data.photos import fit, motorcycle_pair

# What moves: how far to each side (shares of the picture's side; radians; the logarithm of a size), and the shortest and
# longest time for there and back, in frames.
_CAMERA = {"pan_x": (0.12, 40, 90), "pan_y": (0.025, 40, 90)}
_FLOWER = {
    "drift_x": (0.16, 35, 80),
    "drift_y": (0.03, 30, 80),
    "sway": (0.03, 14, 30),
    "turn": (0.7, 35, 80),
    "growth": (0.25, 50, 100),
}
_CLOUDS = 0.004  # shares of the picture's side per frame, to the left or to the right
_QUICK = 0.37  # the small second wave of every path, as a share of its time: no path looks like clockwork
_SHARE = 0.2  # of the second wave in the path

# How the clouds and the blades of `meadow` are cut from their noise: shares of the tile per side of the picture.
_CLOUD_SCALE, _BLADE_SCALE = (0.2, 0.42), (0.5, 0.09)

# Things that move: the sky, the ground, then of each flower its stem with leaves, its center and its petals.
SKY, GROUND, FIRST_THING = range(3)
_STEM, _CENTER, _PETALS = range(3)


@dataclass
class MovingPetals:
    """A meadow in T frames; everything about a single frame is in ``scenes``.

    Attributes
    ----------
    scenes : Petals
        T rows: the frames.
    things : int8 tensor, (T, H, W)
        What each pixel shows: 0 the sky, 1 the ground, 2 + 3 i, 3 + 3 i and 4 + 3 i the stem with leaves, the center and
        the petals of flower i. Other than in ``scenes.parts``, the leaves of two flowers are two things.
    camera : tensor, (T, 2)
        How far the camera has moved the ground to the right and down since frame 0, in shares of the picture's side.
    clouds : tensor, (T,)
        How far the clouds have moved to the right over the ground.
    """

    scenes: Petals
    things: torch.Tensor = field(repr=False)
    camera: torch.Tensor = field(repr=False)
    clouds: torch.Tensor = field(repr=False)

    def __len__(self):
        return len(self.scenes)

    @property
    def lightness(self):
        """L in [0, 100]: (T, 1, H, W)."""
        return self.scenes.lightness[:, None]

    @property
    def lab(self):
        """Natural units: (T, 3, H, W)."""
        return self.scenes.lab

    @property
    def rgb(self):
        """sRGB in [0, 1]: (T, 3, H, W)."""
        return self.scenes.rgb

    @cached_property
    def flows(self):
        """The exact flow from each frame but the first into the one before it: (T - 1, 2, H, W), in pixels."""
        return self._motion(slice(1, None), slice(None, -1))

    @cached_property
    def masks(self):
        """Where a pixel of each frame but the first is seen in the one before it: (T - 1, 1, H, W), 1 or 0.

        The pixel nearest to where it lay is in the picture and shows the same thing.
        """
        return _seen(self.flows, self.things[1:], self.things[:-1])

    @cached_property
    def forward_flows(self):
        """The exact flow from each frame but the last into the one after it: (T - 1, 2, H, W), in pixels."""
        return self._motion(slice(None, -1), slice(1, None))

    @cached_property
    def forward_masks(self):
        """Where a pixel of each frame but the last is seen in the one after it: (T - 1, 1, H, W), 1 or 0."""
        return _seen(self.forward_flows, self.things[:-1], self.things[1:])

    def _motion(self, here, there):
        """Where the pixels of the frames ``here`` lie in the frames ``there``, minus where they are."""
        things, size = self.things[here], self.things.shape[-1]
        middle = (torch.arange(size) + 0.5) / size
        place = torch.stack(torch.meshgrid(middle, middle, indexing="ij")[::-1])[:, None]  # x and y, each (1, H, W)
        ground = (self.camera[there] - self.camera[here]).T[:, :, None, None]
        sky = ground.clone()
        sky[0] += (self.clouds[there] - self.clouds[here])[:, None, None]
        way = torch.where(things == SKY, sky, ground)
        for i in self.scenes.layout.present[0].nonzero()[:, 0].tolist():
            new, old = (_Flower(self.scenes.layout, rows, i) for rows in (here, there))
            first = FIRST_THING + 3 * i
            way = torch.where(things == first + _STEM, old.of_stem(*new.on_stem(*place)) - place, way)
            head = (things == first + _CENTER) | (things == first + _PETALS)
            way = torch.where(head, old.of_head(*new.on_head(*place)) - place, way)
        return (way * size).movedim(0, 1).contiguous()


class _Flower:
    """One flower in some frames: from places in the picture to places on the flower, and back."""

    def __init__(self, layout, rows, index):
        for name, value in layout.flower.items():
            setattr(self, name, value[rows, index][:, None, None])

    def on_head(self, x, y):
        """Places on the head, whatever its size, tilt and turn."""
        right, down = (x - self.x) / self.radius, (y - self.y) / (self.squash * self.radius)
        return _rotate(right, down, -self.turn)

    def of_head(self, u, v):
        right, down = _rotate(u, v, self.turn)
        return torch.stack([self.x + self.radius * right, self.y + self.squash * self.radius * down])

    def on_stem(self, x, y):
        """Places on the stem and its leaves: how far along it, and how far aside in radii of the head."""
        along = (y - self.y) / self.stem
        return along, (x - self.x - self.bend * along**2) / self.radius

    def of_stem(self, along, aside):
        x = self.x + self.bend * along**2 + self.radius * aside
        return torch.stack([x, self.y + self.stem * along])


def _rotate(x, y, angle):
    cos, sin = torch.cos(angle), torch.sin(angle)
    return cos * x - sin * y, sin * x + cos * y


def _seen(flow, things_here, things_there):
    """1 where the pixel nearest to the end of the flow is in the picture and shows the same thing, else 0."""
    size = flow.shape[-1]
    x = (torch.arange(size) + flow[:, 0]).round().long()
    y = (torch.arange(size)[:, None] + flow[:, 1]).round().long()
    inside = (x >= 0) & (x < size) & (y >= 0) & (y < size)
    nearest = y.clamp(0, size - 1) * size + x.clamp(0, size - 1)
    there = things_there.flatten(1).gather(1, nearest.flatten(1)).view_as(things_here)
    return ((there == things_here) & inside).float()[:, None]


def moving_petals(frames, size=64, seed=0, hue_seed=None, speed=1.0):
    """Draw a film of the toy world: the camera pans, flowers drift, sway and turn, some grow or shrink, clouds drift.

    Flowers pass in front of each other, leave the picture and come back. Every path is smooth and stays within bounds, so a
    film may have any length.

    Parameters
    ----------
    frames : int
        How many. Frame t of a seed is the same however many are drawn, and frame 0 is ``petals(1, size, seed)``.
    size : int
        Side of the frames in pixels. At least 8.
    seed : int
        Of the shapes, the lightness and the motion, and of the colors too unless ``hue_seed`` is given.
    hue_seed : int, optional
        Of the colors alone, which stay the same through the film.
    speed : float
        How many frames of time pass from one frame to the next: 0 for a still film. At 1, the ground of a film of 64 pixels
        moves by 0.4 pixels per frame on average, the heads of the flowers by 0.8, and nothing by more than 6.

    Returns
    -------
    MovingPetals
        With the exact flow and what it hides.

    Raises
    ------
    ValueError
        Less than 1 frame, less than 8 pixels, or a speed below 0 or not finite.
    """
    if frames < 1 or not 0 <= speed < math.inf:
        raise ValueError(f"moving_petals draws 1 frame or more at a speed of 0 or more, got {frames} at {speed}.")
    first = petals(1, size, seed, hue_seed)
    paths = _Paths(torch.arange(frames, dtype=torch.float64) * speed, seed)
    camera = torch.stack([paths.walk(*way) for way in _CAMERA.values()], dim=1)
    clouds = _CLOUDS * (2 * paths.number() - 1) * paths.times
    layout = _move_flowers(_move_ground(first.layout.take([0] * frames), camera, clouds), camera, paths)
    lightness, parts = meadow.draw_lightness(layout, size)
    hues = {region: value.expand(frames, *value.shape[1:]) for region, value in first.hues.items()}
    scenes = Petals(layout, lightness, parts, hues)
    return MovingPetals(scenes, _things(layout, parts), camera.float(), clouds.float())


class _Paths:
    """Smooth ways through time that begin at 0, drawn one after the other from a seed."""

    def __init__(self, times, seed):
        self.times = times
        self._generator = torch.Generator().manual_seed(seed ^ 0xF11A)  # no number serves the shapes as well

    def number(self, *shape):
        """Uniform random numbers in [0, 1), whatever the number of frames."""
        return torch.rand(shape, generator=self._generator, dtype=torch.float64)

    def walk(self, reach, shortest, longest, count=None):
        """Ways of at most about ``2 * reach`` from where they begin: (T,), or (T, count)."""
        size, period, phase, quick_phase = self.number(4, count or 1)
        period = shortest + (longest - shortest) * period
        slow = self._wave(period, phase)
        way = reach * (0.5 + 0.5 * size) * (slow + _SHARE * self._wave(_QUICK * period, quick_phase))
        return way if count else way[:, 0]

    def _wave(self, period, phase):
        angle = 2 * math.pi * (self.times[:, None] / period + phase)
        return torch.sin(angle) - torch.sin(2 * math.pi * phase)


def _move_ground(layout, camera, clouds):
    """Shift hills, grass and clouds with the camera, and the noise that they are cut from."""
    x, y = camera.T
    scene = dict(layout.scene)
    moves = {
        "horizon": y,
        "hill_phase": -2 * math.pi * x,
        "blade_x": -_BLADE_SCALE[0] * x,
        "blade_y": -_BLADE_SCALE[1] * y,
        "cloud_x": -_CLOUD_SCALE[0] * (x + clouds),
        "cloud_y": -_CLOUD_SCALE[1] * y,
    }
    for name, move in moves.items():
        scene[name] = (scene[name] + move).float()
    return replace(layout, scene=scene)


def _move_flowers(layout, camera, paths):
    """Each flower on its own way: the foot stays where the plant stands while the head sways to the sides."""
    ways = {name: paths.walk(*way, count=meadow.MAX_FLOWERS) for name, way in _FLOWER.items()}
    growing = paths.number(meadow.MAX_FLOWERS) < 0.5
    scale = torch.exp(ways["growth"] * growing)
    old = layout.flower
    flower = {
        **old,
        "x": old["x"] + camera[:, :1] + ways["drift_x"] + ways["sway"],
        "y": old["y"] + camera[:, 1:] + ways["drift_y"],
        "turn": old["turn"] + ways["turn"],
        "radius": old["radius"] * scale,
        "stem": old["stem"] * scale,
        "bend": old["bend"] * scale - ways["sway"],
    }
    return replace(layout, flower={name: value.float() for name, value in flower.items()})


def _things(layout, parts):
    """What each pixel shows (see `MovingPetals`), with the leaves and centers of the flowers told apart: int8 (T, H, W)."""
    things = parts.clamp(max=meadow.GRASS)
    for i in layout.present[0].nonzero()[:, 0].tolist():
        alone = torch.zeros_like(layout.present)
        alone[:, i] = True
        shown = meadow.draw_lightness(replace(layout, present=alone), parts.shape[-1])[1]
        of_flower = shown.clamp(max=meadow.FIRST_FLOWER) - meadow.LEAVES  # stem, center, petals, or below 0
        things = torch.where(of_flower >= 0, FIRST_THING + 3 * i + of_flower, things)  # later flowers stand in front
    return things.to(torch.int8)


class KnownMotion(NamedTuple):
    """Frames of a film and their true motion: ``rgb`` (T, 3, H, W), ``flows`` (T - 1, 2, H, W), ``masks`` (T - 1, 1, H, W)."""

    rgb: torch.Tensor
    flows: torch.Tensor
    masks: torch.Tensor


def stereo_pair_flow(height=128):
    """The motorcycle as a film of two frames: the right view, then the left one, as if the camera moved to the left.

    Parameters
    ----------
    height : int
        Pixels, at least 16. The width is a multiple of 8: what hangs over is cut off at both sides.

    Returns
    -------
    KnownMotion
        The flow belongs to the left view, the second frame, and points into the right one: minus the true disparity, at
        this size. The mask is 0 where the disparity was not measured, where the flow leaves the picture, and where something
        nearer stands at that place of the right view.
    """
    if height < 16:
        raise ValueError(f"The stereo pair has a height of at least 16 pixels, got {height}.")
    left, right, disparity = motorcycle_pair()
    scale = height / left.shape[-2]
    size = (height, int(left.shape[-1] * scale) // 8 * 8)
    # A disparity between two depths belongs to nothing: take that of the pixel in the middle, and its visibility.
    rows, columns = _sources(left.shape[-2:], size)
    shift = -scale * disparity[rows, columns].nan_to_num(0)
    flow = torch.stack([shift, torch.zeros_like(shift)])[None]
    x = torch.arange(size[1]) + shift
    mask = _not_hidden(disparity)[rows, columns] & (x >= 0) & (x <= size[1] - 1)
    return KnownMotion(torch.stack([fit(right, size), fit(left, size)]), flow, mask.float()[None, None])


def _sources(shape, size):
    """Row and column of the pixel that lies in the middle of each pixel of `fit`: two long tensors."""
    numbers = torch.meshgrid(*(torch.arange(side, dtype=torch.float32) for side in shape), indexing="ij")
    rows, columns = fit(torch.stack(numbers), size).round().long()
    return rows, columns


def _not_hidden(disparity):
    """Where a pixel of the left view is seen in the right one: measured, and nothing nearer lands where it lands."""
    known = disparity.isfinite()
    near = disparity.nan_to_num(0)
    width = disparity.shape[1]
    target = torch.arange(width) - near
    nearest = torch.full_like(disparity, -1.0)
    for place in (target.floor(), target.ceil()):  # both, so that a stretched surface has no holes
        lands = known & (place >= 0) & (place < width)
        nearest.scatter_reduce_(1, place.clamp(0, width - 1).long(), torch.where(lands, near, -1.0), "amax")
    seen = nearest.gather(1, target.round().clamp(0, width - 1).long())
    return known & (near >= seen - 1)  # neighbors of one slanted surface differ by less than a pixel
