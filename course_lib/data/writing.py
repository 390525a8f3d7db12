"""Pictures as files, written whole or not at all."""

import io
from pathlib import Path

import torch
from PIL import Image

from course_lib.blocks import row_blocks
from course_lib.color import PictureError
from course_lib.data.images import as_image
from course_lib.files import write_atomic

# Colors at full resolution in JPEG: with the usual halved ones, lightness would change at edges. PNG's fastest level takes a quarter of
# the default's time for a tenth more bytes.
_JPEG = ("JPEG", {"quality": 95, "subsampling": 0})
_TIFF = ("TIFF", {"compression": "tiff_deflate"})
_FORMATS = {
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".png": ("PNG", {"compress_level": 1}),
    ".webp": ("WEBP", {"quality": 95}),
    ".tif": _TIFF,
    ".tiff": _TIFF,
}
SUFFIXES = tuple(_FORMATS)


def write_image(rgb, path):
    """Write a picture; the suffix says in which format.

    Parameters
    ----------
    rgb : tensor, (3, H, W), or what else `as_image` accepts
        sRGB in [0, 1]. 8 bits of each value are kept.
    path : path
        Ends in one of `SUFFIXES`. Folders on the way are made; an existing file is replaced once the new one is complete.

    Raises
    ------
    PictureError
        The suffix is another, the picture cannot be used, or the format cannot hold one so large.
    OSError
        The file cannot be written.
    """
    path = Path(path).expanduser()
    check_suffix(path)
    picture = as_image(rgb)
    if picture.ndim != 3:
        raise PictureError(f"One file holds one picture, got {tuple(picture.shape)}. Write them one by one.")
    form, options = _FORMATS[path.suffix.lower()]
    write_atomic(path, _encode(Image.fromarray(to_bytes(picture).numpy()), form, options))


def check_suffix(path):
    """Raise `PictureError` if the suffix of a path names no format that can be written."""
    if Path(path).suffix.lower() not in SUFFIXES:
        raise PictureError(f"{path} does not end in {', '.join(SUFFIXES)}. The suffix says in which format to write.")


def to_bytes(rgb):
    """sRGB (3, H, W) in [0, 1] to uint8, channels last: (H, W, 3), rounded."""
    pixels = torch.empty(*rgb.shape[1:], 3, dtype=torch.uint8)
    for rows in row_blocks(rgb):
        pixels[rows] = (rgb[:, rows] * 255).round_().to(torch.uint8).movedim(0, -1)
    return pixels


def _encode(picture, form, options):
    file = io.BytesIO()
    try:
        picture.save(file, form, **options)
    except (OSError, ValueError) as error:  # nothing was written yet: the format has its limits
        width, height = picture.size
        raise PictureError(
            f"{form} cannot hold {width} x {height} pixels ({error}). Write another format, such as .png."
        ) from error
    return file.getbuffer()
