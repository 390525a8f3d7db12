"""Key frames that a person gives: pictures named by the numbers of frames."""

import re
from pathlib import Path

import torch.nn.functional as F
from PIL import Image

from course_lib import color
from course_lib.data.images import FORMATS, read_image
from course_lib.video.errors import VideoError

_NUMBER = re.compile(r"(?:frame[_-]?)?(\d+)", re.IGNORECASE)
_MOST_DIGITS = 9
ASPECT = 0.05  # by what share the shape of a picture may differ from that of the film


def frame_number(path):
    """The number of the frame that a file is named by, from 0: int, or None."""
    match = _NUMBER.fullmatch(Path(path).stem)
    return int(match[1]) if match and len(match[1]) <= _MOST_DIGITS else None


def find_keys(folder):
    """The pictures in a folder, by the frames that they show.

    Parameters
    ----------
    folder : path
        Pictures named by the number of a frame, from 0: ``000120.png``, ``120.jpg``, ``frame_000120.png``.

    Returns
    -------
    dict from int to Path
        Sorted.

    Raises
    ------
    VideoError
        There is no such folder, there are no pictures in it, or names do not say which frame each is for.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise VideoError(f"There is no folder {folder} with key frames. Relative paths start at {Path.cwd()}.")
    try:
        pictures = sorted(path for path in folder.iterdir() if path.is_file() and _is_picture(path))
    except OSError as error:
        raise VideoError(f"{folder} cannot be read: {error.strerror or error}. Check its permissions.") from error
    if not pictures:
        raise VideoError(
            f"There are no pictures in {folder}. Key frames are named by their numbers, such as 000120.png."
        )
    found = {}
    for path in pictures:
        number = frame_number(path)
        if number is None:
            raise VideoError(
                f"{path} is not named by the number of a frame, such as 000120.png. Rename it, or take it away."
            )
        if number in found:
            raise VideoError(
                f"{found[number].name} and {path.name} are both for frame {number}. Take one of them away."
            )
        found[number] = path
    return dict(sorted(found.items()))


def _is_picture(path):
    known = Image.registered_extensions().get(path.suffix.lower()) in FORMATS
    return known and not path.name.startswith(".")


def read_key(path, film, size):
    """The colors of a key frame.

    Parameters
    ----------
    path : path
        A picture with about the shape of the film.
    film : reading.Film
    size : (int, int)
        h and w of the colors.

    Returns
    -------
    ab : tensor, (2, h, w)
        Natural units.

    Raises
    ------
    VideoError
        Its shape is another.
    PictureError
        It cannot be read.
    """
    rgb = read_image(path)
    height, width = rgb.shape[-2:]
    if abs(width * film.height / (height * film.width) - 1) > ASPECT:
        raise VideoError(
            f"{path} is {width} x {height} pixels, and the film {film.width} x {film.height}: another shape. Use the frame as it "
            "was saved, in any size."
        )
    return F.interpolate(color.rgb_to_lab(rgb)[None, 1:], size=size, mode="bilinear", antialias=True)[0]
