"""What the picture of a face is like: how large, how sharp, how much compressed. None of it says whether the face is genuine.

It says whether a detector has anything to go by, whether what it is given has changed, and, where it does tell fakes from genuine faces,
that a set of fakes has a shortcut: a good detector must beat each of these numbers.
"""

import io
import warnings
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from course_lib.color import PictureError, check_rgb
from course_lib.deepfake.blend import as_levels
from course_lib.deepfake.finding import crop_face, cut_out

_GRAY = (0.299, 0.587, 0.114)
_LAPLACE = torch.tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]])
_BLOCK = 8  # pixels: JPEG's blocks
_HARDLY = 0.25  # levels: steps so small say nothing, and a flat picture has no others


class Quality(NamedTuple):
    """What the picture of a face is like.

    Attributes
    ----------
    side : float
        Of the face, in pixels of the picture as it came.
    sharpness : float
        `sharpness` of the face, cut out at the size at which the network sees it.
    compression : float
        `blockiness` of the face in the picture as it came: 1 where no blocks can be seen, more the more it was compressed.
    """

    side: float
    sharpness: float
    compression: float


def measure(rgb, box):
    """The `Quality` of a face.

    Parameters
    ----------
    rgb : tensor, (3, H, W)
    box : Box
        What the network is shown of it, from `face_region`.
    """
    corner = (round(box.left), round(box.top))
    compression = blockiness(cut_out(rgb, box), corner) if box.side > 2 * _BLOCK else torch.ones(1)
    return Quality(float(box.side), sharpness(crop_face(rgb, box)).item(), compression.item())


def sharpness(rgb):
    """The variance of the Laplacian of the gray picture, on the 0..255 scale: (B,); small where a picture is blurred.

    The focus measure LAPV of Pech-Pacheco and others (ICPR 2000), as it is usually computed with OpenCV. It depends on the size of a
    picture and on what it shows: compare faces of one size.

    Parameters
    ----------
    rgb : tensor, (B, 3, H, W) or (3, H, W)
        At least 2 x 2 pixels.
    """
    gray = _gray(rgb)
    if min(gray.shape[-2:]) < 2:
        raise PictureError(f"Sharpness needs neighbors; this picture is {tuple(gray.shape[-2:])}. Use 2 x 2 or more.")
    second = F.conv2d(F.pad(gray, (1, 1, 1, 1), mode="reflect"), _LAPLACE[None, None])
    return second.flatten(1).var(dim=1, correction=0)


def blockiness(rgb, corner=(0, 0)):
    """Steps across the borders of JPEG's 8 x 8 blocks over steps elsewhere: (B,); about 1 without blocks.

    After the first of the three features of Z. Wang, Sheikh and Bovik, "No-reference perceptual quality assessment of JPEG compressed
    images" (ICIP 2002), which they measure inside of blocks only by activity; here it is the ratio of the mean steps, in levels.

    Parameters
    ----------
    rgb : tensor, (B, 3, H, W) or (3, H, W)
        Not resized since it was compressed, or the blocks are elsewhere. At least 9 x 9 pixels.
    corner : tuple of int
        Where the first pixel lies, across and down, in the picture that was compressed.
    """
    gray = _gray(rgb)
    if min(gray.shape[-2:]) <= _BLOCK:
        raise PictureError(f"Blocks have borders from 9 x 9 pixels on; this picture is {tuple(gray.shape[-2:])}.")
    across = _border_steps(gray, corner[0])
    down = _border_steps(gray.mT, corner[1])
    border, inside = across[0] + down[0], across[1] + down[1]
    return (border + _HARDLY) / (inside + _HARDLY)


def _border_steps(gray, first):
    """The mean step from column to column of gray pictures (B, 1, H, W), between blocks and inside of them: two tensors (B,)."""
    steps = gray.diff(dim=-1).abs().mean(dim=(1, 2))
    at_border = (torch.arange(steps.shape[1]) + first + 1) % _BLOCK == 0
    return steps[:, at_border].mean(dim=1), steps[:, ~at_border].mean(dim=1)


def jpeg_bytes(rgb, quality=90):
    """How many bytes each picture has as a JPEG file of this quality: (B,), float32. More detail and more noise give more bytes.

    Parameters
    ----------
    rgb : tensor, (B, 3, H, W) or (3, H, W)
    quality : int
        1 to 100.
    """
    pictures = _batch(rgb).detach().cpu().movedim(1, -1).numpy()
    how = (cv2.IMWRITE_JPEG_QUALITY, int(quality))
    sizes = [len(cv2.imencode(".jpg", cv2.cvtColor(as_levels(each), cv2.COLOR_RGB2BGR), how)[1]) for each in pictures]
    return torch.tensor(sizes, dtype=torch.float32)


def _batch(rgb):
    rgb = check_rgb(rgb).float()
    return rgb[None] if rgb.ndim == 3 else rgb


def _gray(rgb):
    """Gray on the 0..255 scale: (B, 1, H, W)."""
    weights = torch.tensor(_GRAY).to(rgb.device)
    return 255 * torch.einsum("bchw,c->bhw", _batch(rgb), weights)[:, None]


# ---- files


def jpeg_quality(path):
    """The quality with which a JPEG file seems to have been written, 1 to 100; None for files that are no JPEG.

    The file says with what steps its coefficients were rounded. They are compared with those that libjpeg, as Pillow brings it, takes
    for each quality (the tables of ITU-T T.81, annex K, scaled). Other programs have other tables: of theirs it is the nearest. It is
    that of the last time it was saved, whatever happened before.

    Raises
    ------
    PictureError
        The file cannot be read, or it is damaged.
    """
    steps = _luma_steps(path)
    if steps is None:
        return None
    distance = np.abs(np.log(_standard_steps() / steps)).sum(axis=1)
    return int(distance.argmin()) + 1


def _luma_steps(path):
    """The 64 steps of a JPEG file's first table, float; None for other files."""
    try:
        with open(path, "rb") as file:
            return _steps_in(file) if file.read(3) == b"\xff\xd8\xff" else None
    except OSError as error:
        raise PictureError(f"{path} cannot be read: {error.strerror or error}. Check the path.") from error


def _steps_in(file):
    file.seek(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(file, formats=("JPEG",)) as picture:
                steps = np.float64(picture.quantization[min(picture.quantization)])
        except Exception as error:  # damaged files make Pillow raise nearly anything
            raise PictureError("The JPEG file is damaged. Copy or download it again.") from error
    if steps.shape != (_BLOCK**2,) or not (steps >= 1).all():
        raise PictureError("The JPEG file is damaged: its table of steps. Copy or download it again.")
    return steps


@lru_cache(maxsize=1)
def _standard_steps():
    """The steps for the qualities 1 to 100, asked of Pillow itself: (100, 64)."""
    return np.stack([_steps_in(_tiny(quality)) for quality in range(1, 101)])


def _tiny(quality):
    file = io.BytesIO()
    Image.new("L", (8, 8)).save(file, "JPEG", quality=quality)
    return file
