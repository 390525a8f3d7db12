"""Hints for several frames of a film, in one file."""

import json
from pathlib import Path

from course_lib import hints
from course_lib.files import write_atomic
from course_lib.hints import HintsError, read_hints
from course_lib.video.keys import frame_number

VERSION = 1


def write_film_hints(frames, path):
    """Write hints for frames, whole or not at all.

    Parameters
    ----------
    frames : dict from int to Hints
        By the numbers of the frames, from 0.
    path : path
        The JSON file.
    """
    content = {str(number): json.loads(hints.to_json(frames[number])) for number in sorted(frames)}
    write_atomic(path, json.dumps({"film_hints": VERSION, "frames": content}) + "\n")


def read_film_hints(path):
    """Hints for the frames of a film.

    Parameters
    ----------
    path : path
        What `write_film_hints` wrote, or a file with the hints for one picture, as lesson 06 makes them: they are for the frame whose
        number is the file's name (``000120.json``, ``frame_120.png``), and for frame 0 if it is no number.

    Returns
    -------
    dict from int to Hints

    Raises
    ------
    HintsError
        There is no such file, or it holds no hints.
    """
    path = Path(path).expanduser()
    frames = _frames_of(path)
    if frames is None:
        return {frame_number(path) or 0: read_hints(path)}
    try:
        found = {int(number): hints.from_json(json.dumps(content)) for number, content in frames.items()}
    except HintsError as error:
        raise HintsError(f"{path} holds hints for a film, but not all of them can be used: {error}") from error
    except (ValueError, AttributeError) as error:
        raise HintsError(f"{path} holds no hints for the frames of a film as the course writes them.") from error
    if not found or min(found) < 0:
        raise HintsError(f"{path} names no frame of a film. Frames are counted from 0.")
    return found


def _frames_of(path):
    """What a file says about frames, or None if it is no file about a film."""
    try:
        content = json.loads(path.read_bytes())
        version = content["film_hints"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None  # read_hints says what is wrong
    if version != VERSION:
        raise HintsError(f"The hints in {path} are of version {version!r}, and this course reads {VERSION}. Update it.")
    return content.get("frames", {})
