"""The one door through which pictures come in: from files, bytes and arrays to sRGB tensors in [0, 1].

What can be used is brought into one form; what cannot is refused with a `PictureError`, one sentence that says what was
wrong and what to do. No picture takes memory before its size is known.
"""

import io
import os
import warnings
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import torch
from PIL import ExifTags, Image, ImageCms, ImageOps, UnidentifiedImageError

from course_lib.color import PictureError, check_rgb

MAX_PIXELS = 50_000_000  # what is decoded at most: 600 MB as float32

# Pillow reads more, but some of it (EPS) starts other programs, and none of it is how photographs are kept.
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "JPEG2000", "PPM", "TGA")

_GRAY_16 = ("I;16", "I;16L", "I;16B", "I;16N")
_ADVICE = "Save it again as an 8 bit sRGB PNG or JPEG."


def read_image(source, max_pixels=None):
    """Read a picture.

    Gray becomes three equal channels, transparency is laid on white, EXIF rotation is applied, an embedded color
    profile other than sRGB is converted to sRGB (a damaged profile is ignored), CMYK and palettes become RGB, 16 bit
    keeps its precision where Pillow does (gray), and an animation gives its first frame.

    Parameters
    ----------
    source : path, bytes or binary file object
    max_pixels : int, optional
        Reduce a larger picture to at most this many pixels, antialiased. JPEGs are reduced while they are decoded.

    Returns
    -------
    rgb : float32 tensor, (3, H, W)
        sRGB in [0, 1].

    Raises
    ------
    PictureError
        There is no such file, or it is no picture, damaged, incomplete, or of more than `MAX_PIXELS` pixels.
    """
    if max_pixels is not None and max_pixels < 1:
        raise PictureError(f"max_pixels is {max_pixels}: a picture needs at least 1 pixel.")
    file, name = _open_source(source)
    with _only_picture_errors(name), Image.open(file, formats=_formats()) as picture:
        _shrink_decoder(picture, max_pixels)
        return _from_pillow(picture, name, max_pixels)


@contextmanager
def _only_picture_errors(name):
    """Turn what Pillow raises into `PictureError`, and keep its remarks on odd files to ourselves."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except PictureError:
            raise
        except Exception as error:
            # Damaged files make Pillow raise nearly anything: OSError, SyntaxError, struct.error, IndexError, ...
            raise PictureError(_what_went_wrong(error, name)) from error


@cache
def _formats():
    """Those of `FORMATS` that this Pillow was built with."""
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


def _open_source(source):
    """What Pillow can open, and a name for messages."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _in_memory(bytes(source), "The data")
    if isinstance(source, (str, os.PathLike)):
        return _check_file(source)
    if hasattr(source, "read"):
        return _in_memory(_read_all(source), str(getattr(source, "name", "The file object")))
    kind = type(source).__name__
    raise PictureError(f"Expected a path, bytes or a binary file, got {kind}. For an array, use as_image.")


def _read_all(file):
    try:
        return file.read()
    except (OSError, ValueError) as error:  # a text file that is no text, a closed file
        raise PictureError(f"The file object cannot be read: {error}. Open it again in binary mode, 'rb'.") from error


def _in_memory(content, name):
    if not isinstance(content, bytes):
        raise PictureError(f"{name} gives {type(content).__name__}, not bytes. Open it in binary mode, 'rb'.")
    if not content:
        raise PictureError(f"{name} is empty: 0 bytes. A file object may have been read already: use seek(0).")
    return io.BytesIO(content), name


def _check_file(source):
    text = os.fsdecode(source)
    if text.startswith(("http://", "https://")):
        raise PictureError(f"{text} is an address. Download the picture and give the path of the file.")
    path = Path(text).expanduser()
    try:
        if path.is_dir():
            raise PictureError(f"{path} is a folder. Use course_lib.data.folder for all the pictures in it.")
        if not path.exists():
            raise PictureError(f"There is no file {path}. Relative paths start at {Path.cwd()}.")
        if not path.is_file():
            raise PictureError(f"{path} is not an ordinary file. Copy the picture into a file first.")
        if path.stat().st_size == 0:
            raise PictureError(f"{path} is empty: 0 bytes. Copy or download it again.")
    except (OSError, ValueError) as error:
        if isinstance(error, PictureError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise PictureError(f"{text[:200]!r} cannot be opened: {reason}. Check the path and its permissions.") from error
    return path, str(path)


def _shrink_decoder(picture, max_pixels):
    """Let a JPEG decoder deliver 1/2, 1/4 or 1/8 of the size when that is still more than what is asked for."""
    width, height = picture.size
    if max_pixels is None or width * height <= max_pixels:
        return
    scale = (max_pixels / (width * height)) ** 0.5
    picture.draft(None, (max(1, int(width * scale)), max(1, int(height * scale))))


def _check_size(picture, name):
    width, height = picture.size
    if width * height > MAX_PIXELS:
        raise PictureError(
            f"{name} has {width} x {height} pixels, more than the limit of {MAX_PIXELS // 10**6} million. "
            "Reduce it first; a JPEG can also be reduced while reading, with max_pixels=4_000_000."
        )


def _what_went_wrong(error, name):
    if isinstance(error, UnidentifiedImageError):
        return f"{name} is not a picture in a format that can be read ({', '.join(FORMATS)}). {_ADVICE}"
    if isinstance(error, Image.DecompressionBombError):
        return f"{name} claims far more pixels than the limit of {MAX_PIXELS // 10**6} million. Reduce it first."
    if isinstance(error, PermissionError):
        return f"{name} may not be read. Change its permissions."
    if "truncated" in str(error).lower():
        return f"{name} is incomplete: the file ends before the picture does. Copy or download it again."
    return f"{name} is damaged ({str(error) or type(error).__name__}). Copy or download it again."


def _from_pillow(picture, name, max_pixels=None):
    """A Pillow picture of any mode, decoded or not yet, to (3, H, W)."""
    _check_size(picture, name)
    picture.load()
    picture = _to_srgb(_upright(picture), name)
    picture = _reduce(picture, max_pixels)
    array = np.asarray(picture)
    if picture.mode in ("RGB", "RGBA"):
        return as_image(array, channels="last")
    return as_image(array)


def _upright(picture):
    """Turn the picture as its EXIF data say; a picture whose EXIF data are damaged stays as it is."""
    try:
        if picture.getexif().get(ExifTags.Base.Orientation, 1) == 1:
            return picture  # exif_transpose would copy it
        return ImageOps.exif_transpose(picture)
    except Exception:  # EXIF data are written by thousands of programs; Pillow raises whatever they trip over
        return picture


def _to_srgb(picture, name):
    """Any mode to one of "RGB", "RGBA", "L" (8 bit sRGB) and "F" (gray in [0, 1])."""
    if picture.mode in _GRAY_16 or picture.mode == "I":
        return _gray_16(picture, name)
    if picture.mode == "F":
        return picture
    if picture.mode == "LAB":
        raise PictureError(f"{name} is stored in Lab. {_ADVICE}")
    alpha = picture.convert("RGBA").getchannel("A") if picture.has_transparency_data else None
    profile = picture.info.get("icc_profile")
    if alpha is None and not profile and picture.mode in ("L", "RGB"):
        return picture  # convert would copy it
    opaque = picture.convert({"LA": "L", "La": "L"}.get(picture.mode, "RGB")) if alpha is not None else picture
    rgb = _apply_profile(opaque, profile) if profile else opaque.convert("RGB")
    if alpha is not None:
        rgb.putalpha(alpha)
    return rgb


def _gray_16(picture, name):
    values = np.asarray(picture).astype(np.float32)
    if values.min() < 0 or values.max() > 65535:
        raise PictureError(f"{name} holds 32 bit numbers from {values.min():g} to {values.max():g}. {_ADVICE}")
    return Image.fromarray(values / 65535)


def _apply_profile(picture, profile):
    """Convert from an embedded ICC profile to sRGB. Values with a damaged profile count as sRGB, as in browsers."""
    if picture.mode not in ("L", "RGB", "CMYK"):
        picture = picture.convert("RGB")
    try:
        return ImageCms.applyTransform(picture, _to_srgb_transform(profile, picture.mode))
    except (ImageCms.PyCMSError, OSError, ValueError):
        return picture.convert("RGB")


@lru_cache(maxsize=32)
def _to_srgb_transform(profile, mode):
    """The conversion of a profile's values to sRGB: making it takes several times as long as a small picture."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")


def _reduce(picture, max_pixels):
    width, height = picture.size
    if max_pixels is None or width * height <= max_pixels:
        return picture
    scale = (max_pixels / (width * height)) ** 0.5
    width = min(max(1, int(width * scale)), max_pixels)
    height = min(max(1, int(height * scale)), max_pixels)
    return picture.resize((width, height), Image.Resampling.BOX if picture.mode == "F" else Image.Resampling.LANCZOS)


def as_image(array, channels=None):
    """Bring a picture in memory into the course's form.

    Parameters
    ----------
    array : numpy array, torch tensor or Pillow picture
        uint8, uint16 and bool are scaled; floating point must lie in [0, 1]. 1 channel or none (gray), 2 (gray and
        alpha), 3 (RGB) or 4 (RGBA); alpha is laid on white. Several pictures in one array give several.
    channels : "first" or "last", optional
        Which dimension holds the channels. By default torch tensors have them first, as (3, H, W); of numpy arrays the
        one is taken that can be meant.

    Returns
    -------
    rgb : float32 tensor, (3, H, W) or (B, 3, H, W)
        sRGB in [0, 1], on the device of a tensor.

    Raises
    ------
    PictureError
        Values outside [0, 1], NaN, a shape that is no picture or could be read in two ways, another type.
    """
    if isinstance(array, Image.Image):
        with _only_picture_errors("The picture"):
            return _from_pillow(array, "The picture")
    if channels not in (None, "first", "last"):
        raise PictureError(f'channels is "first" or "last", got {channels!r}.')
    if not isinstance(array, (np.ndarray, torch.Tensor)):
        kind = type(array).__name__
        raise PictureError(f"Expected a numpy array, a tensor or a Pillow picture, got {kind}. Files: use read_image.")
    batch = _channels_first(array, channels)
    values = _scale(batch)
    if 0 in values.shape:
        raise PictureError(f"The picture is empty: its shape is {tuple(array.shape)}.")
    if _kind(array) not in _INTEGER_RANGE:
        # check_rgb looks at three channels; the extremes as a picture of two pixels are the same question.
        check_rgb(torch.stack(values.detach().aminmax()).expand(3, 1, 2))
        values = values.clamp(0, 1)
    return _as_rgb(values)


def _channels_first(array, channels):
    """Put the channels in third place from the end: (C, H, W) or (B, C, H, W)."""
    shape = tuple(array.shape)
    if len(shape) == 2:
        return array[None]
    if len(shape) not in (3, 4):
        raise PictureError(f"A picture has 2, 3 or 4 dimensions, this has {len(shape)}: {shape}. Use (3, H, W).")
    channels = channels or _find_channels(shape, isinstance(array, torch.Tensor))
    count = shape[-1] if channels == "last" else shape[-3]
    if count not in (1, 2, 3, 4):
        raise PictureError(f"A picture has 1 to 4 channels, this has {count}: {shape}. Use (3, H, W).")
    if channels == "first":
        return array
    return array.movedim(-1, -3) if isinstance(array, torch.Tensor) else np.moveaxis(array, -1, -3)


def _find_channels(shape, is_tensor):
    first, last = shape[-3] in (1, 2, 3, 4), shape[-1] in (1, 2, 3, 4)
    if is_tensor and not first and last:
        raise PictureError(f"A tensor has its channels first, as (3, H, W); this is {shape}. Use x.movedim(-1, -3).")
    if is_tensor or (first and not last):
        return "first"
    if not last:
        raise PictureError(f"No dimension of {shape} can be the channels. Use (H, W, 3) or (H, W).")
    if first and (shape[-1] != 3 or shape[-3] == 3):
        raise PictureError(f'The shape {shape} can be read in two ways. Say channels="last" or channels="first".')
    return "last"


_INTEGER_RANGE = {"bool": 1, "uint8": 255, "uint16": 65535}


def _kind(array):
    """The name of the type of the numbers: "uint8", "float32", ..."""
    return array.dtype.name if isinstance(array, np.ndarray) else str(array.dtype).removeprefix("torch.")


def _scale(array):
    """Numbers of any accepted type to a float32 tensor, integers scaled to [0, 1]."""
    kind = _kind(array)
    if kind not in _INTEGER_RANGE and not kind.startswith(("float", "bfloat")):
        raise PictureError(f"The picture holds {kind}. Use uint8 in 0..255, uint16, or float in [0, 1].")
    if isinstance(array, np.ndarray):
        array = torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
    values = array.float()
    return values.div_(_INTEGER_RANGE[kind]) if kind in _INTEGER_RANGE else values  # integers were just copied


def _as_rgb(values):
    """1 to 4 channels to 3, alpha laid on white."""
    count = values.shape[-3]
    alpha = values.narrow(-3, count - 1, 1) if count in (2, 4) else None
    color = values.narrow(-3, 0, 3 if count >= 3 else 1)
    if alpha is not None:
        color = color * alpha + (1 - alpha)
    return color.expand(*color.shape[:-3], 3, *color.shape[-2:]).contiguous()
