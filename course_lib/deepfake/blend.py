"""Fakes from genuine faces: a picture is blended with a changed copy of itself.

Whoever swaps a face cuts one out, warps it, matches its colors and blends it in. What that leaves behind, and no camera does, is a region
whose colors, sharpness and place do not quite fit what surrounds it. Shiohara and Yamasaki (Detecting deepfakes with self-blended images,
CVPR 2022, section 3) make it from one genuine face: no forgery, no second person, and no generator whose marks would be learned instead.
This follows their text, with an ellipse in the place of facial landmarks. `swap` takes a second face, as L. Li and others do (Face X-ray
for more general face forgery detection, CVPR 2020), and `colorize_face` a generator.

Faces are NumPy arrays here, (H, W, 3), float32 sRGB in [0, 1], as OpenCV takes them; `pairs` turns tensors into tensors.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import torch

from course_lib.color import PictureError, check_rgb
from course_lib.colorizing import colorize
from course_lib.deepfake.recipes import (
    CENTER,
    RADII,
    RATIOS,
    Change,
    Finish,
    Recipe,
    draw_change,
    draw_finish,
    draw_recipe,
)

__all__ = [
    "CENTER", "RADII", "RATIOS", "WHOLE", "Change", "Finish", "Pairs", "Recipe", "apply_change", "as_levels", "blend", "color_map",
    "colorize_face", "draw_change", "draw_ellipse", "draw_finish", "draw_recipe", "finish", "make_colorized", "make_mask", "make_swap",
    "match_colors", "move_source", "pairs", "rescale", "self_blend", "swap", "through_jpeg",
]  # fmt: skip

WHOLE = 0.999  # of a blurred mask: less than that is not inside any more
LEAST = 32  # pixels of a side: what is smaller shows no face
COLORIZER = "scenes-nogan"  # the generator of lesson 08
_GRAY = np.float32([0.299, 0.587, 0.114])


# ---- the steps


def apply_change(face, change):
    """A face with a `Change` made: (H, W, 3), not clipped. It is ``face`` itself where there is nothing to change."""
    changed = cv2.transform(face, _color_affine(change)) if change.recolors else face
    if change.smaller > 1:
        changed = rescale(changed, change.smaller)
    if change.sharper > 0:
        fine = changed - cv2.GaussianBlur(changed, (0, 0), 1.2)
        fine *= np.float32(change.sharper)
        fine += changed
        changed = fine
    return changed


@lru_cache(maxsize=8)  # the finish of a pair asks twice for the same
def _color_affine(change):
    """`color_map` as OpenCV takes it: float32 (3, 4)."""
    matrix, shift = color_map(change)
    return np.float32(np.column_stack([matrix, shift]))


def color_map(change):
    """The colors' part of a `Change` as one affine map of RGB: a matrix (3, 3) and what is added, (3,)."""
    turn = np.cos(change.hue) * _SAME + np.sin(change.hue) * _CROSS + (1 - np.cos(change.hue)) * _MEAN
    saturate = change.saturation * _SAME + (1 - change.saturation) * _GRAY  # each row is the gray of all three
    matrix = change.contrast * saturate @ turn
    return matrix, np.asarray(change.rgb) + change.brightness + 0.5 * (1 - change.contrast)


# What a turn about the axis of grays is made of (Rodrigues' formula): it leaves grays alone.
_SAME, _MEAN = np.eye(3), np.full((3, 3), 1 / 3)
_CROSS = 3**-0.5 * np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]])


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
    """The mask of a recipe: float32 (H, W), 0 where the target stays, ``ratio`` where the source is taken most (but for rounding).

    A blur, then everything that it has softened is cut away, which erodes, then a second blur, all in float: in 8 bits the softened
    rim would be rounded to whole steps, and the middle would be, too.
    """
    mask = draw_ellipse(shape, recipe)
    mask = (_blur(mask, recipe.blur[0] * shape[1]) > WHOLE).astype(np.float32)
    mask = _blur(mask, recipe.blur[1] * shape[1])
    if recipe.ratio != 1:
        mask *= recipe.ratio
    return mask


def _blur(picture, sigma):
    return cv2.GaussianBlur(picture, (0, 0), sigma) if sigma > 0 else picture


def blend(source, target, mask):
    """The source where the mask is 1, the target where it is 0: (H, W, 3)."""
    mixed = source - target
    mixed *= cv2.merge((mask, mask, mask))  # NumPy is slow at spreading one number over three
    mixed += target
    return mixed


# ---- the kinds of fakes


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

    Raises
    ------
    PictureError
        The face is no such array, or smaller than `LEAST` pixels.
    """
    _check_face(face)
    changed = np.clip(apply_change(face, recipe.change), 0, 1)
    source, target = (changed, face) if recipe.on_source else (face, changed)
    mask = make_mask(face.shape[:2], recipe)
    return blend(move_source(source, recipe), target, mask), target, mask


def swap(face, other, recipe):
    """The face of ``other`` in the picture ``face``, with its colors brought near to those that it is pasted among.

    The change of the recipe is made to ``other``, whatever ``on_source`` says.

    Returns
    -------
    fake, target, mask
        As for `self_blend`; ``target`` is ``face`` itself.

    Raises
    ------
    PictureError
        As for `self_blend`, and for two faces of different sizes.
    """
    _check_face(face)
    _check_face(other)
    if face.shape != other.shape:
        raise PictureError(f"The faces are {face.shape} and {other.shape}. Bring both to one size, with cv2.resize.")
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


def colorize_face(face, model=COLORIZER):
    """A face whose colors a generator has made: its lightness is genuine, so what is false is everywhere and nowhere.

    Parameters
    ----------
    face : array, (H, W, 3)
        float32 sRGB in [0, 1].
    model : str, path or nn.Module
        As for `course_lib.colorize`.

    Returns
    -------
    fake, target, mask
        As for `self_blend`; ``target`` is ``face`` itself, and ``mask`` is 1 everywhere.

    Raises
    ------
    PictureError, CheckpointError
        As for `self_blend` and `course_lib.colorize`.
    """
    _check_face(face)
    # One face at a time: a batch of them is no faster on a CPU.
    colored = colorize(torch.from_numpy(np.ascontiguousarray(face.transpose(2, 0, 1))), model)
    return np.ascontiguousarray(colored.numpy().transpose(1, 2, 0)), face, np.ones(face.shape[:2], np.float32)


def _check_face(face):
    """Raise PictureError unless this is a face as this module takes them."""
    if not isinstance(face, np.ndarray) or face.dtype != np.float32:
        kind = face.dtype if isinstance(face, np.ndarray) else type(face).__name__
        raise PictureError(f"Expected a face as a NumPy array of float32, got {kind}. `pairs` takes uint8 tensors.")
    if face.ndim != 3 or face.shape[2] != 3:
        raise PictureError(f"Expected a face of shape (H, W, 3), got {face.shape}: RGB, channels last.")
    _check_size(face.shape[:2])
    if not (face.min() >= 0 and face.max() <= 1):  # as NaN does not, either
        check_rgb(torch.from_numpy(face).movedim(-1, 0))  # a bit of rounding is fine, and else it says what is wrong


def _check_size(shape):
    if min(shape) < LEAST:
        raise PictureError(
            f"A face needs {LEAST} x {LEAST} pixels or more, got {shape[1]} x {shape[0]}. Use a larger one."
        )


# ---- how a picture arrives


def finish(face, how):
    """A picture as it arrives: other colors, blurred, reduced, and out of a JPEG file, as far as ``how``, a `Finish`, says so."""
    face = _before_saving(face, how)
    return face if how.quality is None else through_jpeg(face, how.quality)


def _finish_levels(face, how):
    """`as_levels` of `finish`, at once."""
    levels = as_levels(_before_saving(face, how))
    return levels if how.quality is None else _jpeg_levels(levels, how.quality)


def _before_saving(face, how):
    face = _blur(apply_change(face, how.change), how.blur)
    if how.smaller > 1:
        face = rescale(face, how.smaller)
    return np.clip(face, 0, 1)


def through_jpeg(face, quality):
    """A picture written as JPEG of this quality, 1 to 100, and read again: (H, W, 3), float32."""
    return _as_face(_jpeg_levels(as_levels(face), quality))


def _jpeg_levels(levels, quality):
    written = cv2.imencode(".jpg", cv2.cvtColor(levels, cv2.COLOR_RGB2BGR), (cv2.IMWRITE_JPEG_QUALITY, int(quality)))[1]
    return cv2.cvtColor(cv2.imdecode(written, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)  # OpenCV's files are BGR


def as_levels(face):
    """A float picture in [0, 1] in 8 bits: uint8."""
    levels = face * np.float32(255)
    levels += np.float32(0.5)
    return levels.astype(np.uint8)


def _as_face(levels):
    face = levels.astype(np.float32)
    face /= np.float32(255)
    return face


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
        A face, (H, W, 3) in [0, 1], all faces, uint8 (N, H, W, 3), and ``rng`` to fake, target and mask: `make_swap`, `make_colorized`, or
        a `self_blend` with a recipe of `draw_recipe` by default.
    finishes : function
        ``rng`` to the `Finish` that both of a pair have.

    Returns
    -------
    Pairs

    Raises
    ------
    PictureError
        The faces are no such tensor, or smaller than `LEAST` pixels.
    """
    _check_faces(faces)
    pictures = np.empty((len(faces), *faces.shape[2:], 3), np.uint8)
    for row, planes in enumerate(faces.contiguous().numpy()):
        pictures[row] = cv2.merge(tuple(planes))
    genuine, fake = np.empty((2, *faces.shape), np.uint8)
    mask = np.empty(pictures.shape[:3], np.float32)
    for row, picture in enumerate(pictures):
        made, target, mask[row] = (make or _make_self_blend)(_as_face(picture), pictures, rng)
        how = finishes(rng)
        genuine[row], fake[row] = cv2.split(_finish_levels(target, how)), cv2.split(_finish_levels(made, how))
    return Pairs(torch.from_numpy(genuine), torch.from_numpy(fake), torch.from_numpy(mask)[:, None])


def _check_faces(faces):
    if not isinstance(faces, torch.Tensor) or faces.dtype != torch.uint8 or faces.ndim != 4 or faces.shape[1] != 3:
        found = f"{faces.dtype} {tuple(faces.shape)}" if isinstance(faces, torch.Tensor) else type(faces).__name__
        raise PictureError(
            f"Expected faces as a uint8 tensor (N, 3, H, W), got {found}. (rgb * 255).round().byte() makes one."
        )
    _check_size(faces.shape[2:])


def _make_self_blend(face, pictures, rng):
    return self_blend(face, draw_recipe(rng))


def make_swap(face, pictures, rng):
    """For `pairs`: a `swap` with one of the other faces, which ``rng`` draws as it draws the recipe.

    Raises
    ------
    ValueError
        All faces are the same picture.
    """
    own = as_levels(face)
    for row in rng.permutation(len(pictures)):
        if not np.array_equal(pictures[row], own):
            return swap(face, _as_face(pictures[row]), draw_recipe(rng))
    raise ValueError("A swap needs two different faces, and all of these are the same picture. Give more of them.")


def make_colorized(face, pictures, rng, model=COLORIZER):
    """For `pairs`: `colorize_face`. Nothing is drawn."""
    return colorize_face(face, model)
