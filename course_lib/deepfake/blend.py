"""Fakes from genuine faces: a picture is blended with a changed copy of itself.

Whoever swaps a face cuts one out, warps it, matches its colors and blends it in. What that leaves behind, and no camera does, is a region
whose colors, sharpness and place do not quite fit what surrounds it. Shiohara and Yamasaki (Detecting deepfakes with self-blended images,
CVPR 2022, section 3) make it from one genuine face: no forgery, no second person, and no generator whose marks would be learned instead.
This follows their text, with an ellipse in the place of facial landmarks.

Faces are NumPy arrays here, (H, W, 3), float32 sRGB in [0, 1], as OpenCV takes them; `pairs` turns tensors into tensors.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import torch

RATIOS = (0.25, 0.5, 0.75, 1.0, 1.0, 1.0)  # section 3.1: three times out of six the whole of the source is taken
CENTER, RADII = (0.48, 0.47), (0.42, 0.46)  # of the side of a face crop, across and down: what a face fills of it
WHOLE = 0.999  # of a blurred mask: less than that is not inside any more
_GRAY = np.float32([0.299, 0.587, 0.114])


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
    """

    change: Change = Change()
    blur: float = 0.0
    smaller: float = 1.0
    quality: int | None = None


# ---- drawing recipes


def draw_change(rng, colors=1.0):
    """A random `Change`, with ``colors`` times the usual change of colors: a color change, a frequency change, or both."""
    kind = rng.choice(("colors", "fineness", "both"))
    smaller, sharper = 1.0, 0.0
    if kind != "colors":
        if rng.random() < 0.5:
            smaller = rng.uniform(1.3, 4)
        else:
            sharper = rng.uniform(0.3, 1.5)
    size = 0.0 if kind == "fineness" else colors
    return Change(
        rgb=tuple(size * rng.uniform(-0.08, 0.08, 3)),
        hue=size * rng.uniform(-0.2, 0.2),
        saturation=1 + size * rng.uniform(-0.3, 0.3),
        brightness=size * rng.uniform(-0.1, 0.1),
        contrast=1 + size * rng.uniform(-0.2, 0.2),
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


# ---- the steps


def apply_change(face, change):
    """A face with a `Change` made: (H, W, 3), not clipped."""
    matrix, shift = color_map(change)
    changed = cv2.transform(face, np.float32(np.c_[matrix, shift]))
    if change.smaller > 1:
        changed = rescale(changed, change.smaller)
    if change.sharper > 0:
        changed = changed + np.float32(change.sharper) * (changed - cv2.GaussianBlur(changed, (0, 0), 1.2))
    return changed


def color_map(change):
    """The colors' part of a `Change` as one affine map of RGB: a matrix (3, 3) and what is added, (3,)."""
    axis = np.full(3, 3**-0.5)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    turn = np.cos(change.hue) * np.eye(3) + np.sin(change.hue) * cross
    turn += (1 - np.cos(change.hue)) * np.outer(axis, axis)
    saturate = change.saturation * np.eye(3) + (1 - change.saturation) * np.tile(_GRAY, (3, 1))
    matrix = change.contrast * saturate @ turn
    return matrix, np.asarray(change.rgb) + change.brightness + 0.5 * (1 - change.contrast)


def rescale(face, smaller):
    """A face reduced by a factor and enlarged to its size again: it has lost what is fine."""
    height, width = face.shape[:2]
    small = (max(1, round(width / smaller)), max(1, round(height / smaller)))
    return cv2.resize(cv2.resize(face, small, interpolation=cv2.INTER_AREA), (width, height))


def move_source(face, recipe):
    """The source, shifted and grown a little; its rim is mirrored."""
    height, width = face.shape[:2]
    grow, middle = recipe.size, (width / 2, height / 2)
    across = middle[0] * (1 - grow) + recipe.move[0] * width
    down = middle[1] * (1 - grow) + recipe.move[1] * height
    return cv2.warpAffine(
        face, np.float32([[grow, 0, across], [0, grow, down]]), (width, height), borderMode=cv2.BORDER_REFLECT_101
    )


def draw_ellipse(shape, recipe):
    """The bent ellipse of a recipe before it is softened: float32 (H, W) of zeros and ones."""
    height, width = shape
    x, y = _grid(height, width)
    if recipe.bend > 0:
        coarse = np.random.default_rng(recipe.bend_seed).normal(0, recipe.bend, (5, 5, 2)).astype(np.float32)
        field = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        x, y = x + field[..., 0], y + field[..., 1]
    across, down = (x - recipe.center[0]) / recipe.radii[0], (y - recipe.center[1]) / recipe.radii[1]
    return (across**2 + down**2 < 1).astype(np.float32)


@lru_cache(maxsize=8)
def _grid(height, width):
    """Where the middle of each pixel lies, across and down, in sides of the picture: two float32 arrays (H, W)."""
    return np.meshgrid(
        np.float32((np.arange(width) + 0.5) / width), np.float32((np.arange(height) + 0.5) / height), copy=True
    )


def make_mask(shape, recipe):
    """The mask of a recipe: float32 (H, W), 0 where the target stays, ``ratio`` where the source is taken most.

    A blur, then everything that it has softened is cut away, which erodes, then a second blur, all in float: in 8 bits the softened
    rim would be rounded to whole steps, and the middle would be, too.
    """
    mask = draw_ellipse(shape, recipe)
    mask = (_blur(mask, recipe.blur[0] * shape[1]) > WHOLE).astype(np.float32)
    return recipe.ratio * _blur(mask, recipe.blur[1] * shape[1])


def _blur(picture, sigma):
    return cv2.GaussianBlur(picture, (0, 0), sigma) if sigma > 0 else picture


def blend(source, target, mask):
    """The source where the mask is 1, the target where it is 0: (H, W, 3)."""
    return target + mask[..., None] * (source - target)


def self_blend(face, recipe):
    """A face blended with a changed copy of itself.

    Parameters
    ----------
    face : array, (H, W, 3)
        float32 sRGB in [0, 1].
    recipe : Recipe

    Returns
    -------
    fake : array, (H, W, 3)
    target : array, (H, W, 3)
        What surrounds the blended region, whole: the genuine picture that the fake is to be told from. Where the target was changed it is
        changed too, so that the change itself gives nothing away, only that there are two of them in one picture.
    mask : array, (H, W)
    """
    changed = np.clip(apply_change(face, recipe.change), 0, 1)
    source, target = (changed, face) if recipe.on_source else (face, changed)
    mask = make_mask(face.shape[:2], recipe)
    return blend(move_source(source, recipe), target, mask), target, mask


def swap(face, other, recipe):
    """The face of ``other`` in the picture ``face``, with its colors brought near to those that it is pasted among.

    Returns
    -------
    fake, target, mask
        As for `self_blend`; ``target`` is ``face`` itself.
    """
    mask = make_mask(face.shape[:2], recipe)
    source = apply_change(match_colors(other, face, mask > 0.5 * recipe.ratio), recipe.change)
    return blend(move_source(np.clip(source, 0, 1), recipe), face, mask), face, mask


def match_colors(source, target, inside):
    """A source with the mean and the spread of each channel as the target has them inside of a mask (Reinhard and others, 2001, in RGB)."""
    if not inside.any():
        return source
    ours, theirs = source[inside], target[inside]
    gain = theirs.std(axis=0) / np.maximum(ours.std(axis=0), 1e-3)
    return (source - ours.mean(axis=0)) * np.clip(gain, 0.5, 2) + theirs.mean(axis=0)


def finish(face, how):
    """A picture as it arrives: other colors, blurred, reduced, and out of a JPEG file, as far as ``how``, a `Finish`, says so."""
    if how.change != Change():
        face = apply_change(face, how.change)
    face = _blur(face, how.blur)
    if how.smaller > 1:
        face = rescale(face, how.smaller)
    face = np.clip(face, 0, 1)
    return face if how.quality is None else through_jpeg(face, how.quality)


def through_jpeg(face, quality):
    """A picture written as JPEG of this quality and read again: (H, W, 3), float32."""
    levels = cv2.cvtColor(as_levels(face), cv2.COLOR_RGB2BGR)  # OpenCV's files are BGR
    written = cv2.imencode(".jpg", levels, (cv2.IMWRITE_JPEG_QUALITY, int(quality)))[1]
    return cv2.cvtColor(cv2.imdecode(written, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB).astype(np.float32) / 255


def as_levels(face):
    """A float picture in 8 bits: uint8."""
    return (face * 255 + 0.5).astype(np.uint8)


# ---- many


@dataclass
class Pairs:
    """Genuine faces and fakes made from them.

    Attributes
    ----------
    genuine, fake : uint8 tensors, (N, 3, H, W)
        sRGB, 0 to 255. Both of a pair have the same `Finish`.
    mask : float tensor, (N, 1, H, W)
        How much of the source is in the fake.
    """

    genuine: torch.Tensor
    fake: torch.Tensor
    mask: torch.Tensor

    def __len__(self):
        return len(self.mask)


def pairs(faces, rng, make=None, finishes=draw_finish):
    """A fake of each face, and the genuine picture to tell it from.

    Parameters
    ----------
    faces : uint8 tensor, (N, 3, H, W)
    rng : numpy.random.Generator
    make : function, optional
        A face, the faces, and ``rng`` to fake, target and mask; a `self_blend` with a recipe of `draw_recipe` by default.
    finishes : function
        ``rng`` to the `Finish` that both of a pair have.

    Returns
    -------
    Pairs
    """
    pictures = faces.movedim(1, -1).contiguous().numpy()
    genuine, fake = np.empty_like(pictures), np.empty_like(pictures)
    mask = np.empty(pictures.shape[:3], np.float32)
    for row, picture in enumerate(pictures):
        genuine[row], fake[row], mask[row] = _pair(picture, pictures, rng, make, finishes)
    as_tensor = lambda levels: torch.from_numpy(levels).movedim(-1, 1).contiguous()  # noqa: E731
    return Pairs(as_tensor(genuine), as_tensor(fake), torch.from_numpy(mask)[:, None])


def _pair(picture, pictures, rng, make, finishes):
    face = picture.astype(np.float32) / 255
    fake, target, mask = self_blend(face, draw_recipe(rng)) if make is None else make(face, pictures, rng)
    how = finishes(rng)
    return as_levels(finish(target, how)), as_levels(finish(fake, how)), mask
