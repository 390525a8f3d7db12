"""Films inside outputs: whether two of them show the same.

`course_lib.widgets.film_player.play` puts a film into HTML as ``<video src="data:video/mp4;base64,...">``.
"""

import base64
import io
import re

import numpy as np

DATA = re.compile(r"data:video/[a-z0-9]+;base64,([A-Za-z0-9+/=]+)")
BLOCK = 8  # pixels: an encoder's noise is gone in the mean of so many, and what a reader could see is not
LEVELS = 8  # of 255, by which the mean of a block may move


def without_films(html):
    """``html`` with the bytes of its films left out."""
    return DATA.sub("FILM", html)


def same_films(new, old):
    """Whether the films in two pieces of HTML show the same, one by one."""
    new, old = DATA.findall(new), DATA.findall(old)
    return len(new) == len(old) and all(map(same_film, new, old))


def same_film(new, old):
    """Whether two base64-encoded films have the same times and sizes, and no block of any frame differs visibly."""
    if new == old:
        return True
    import av

    try:
        with av.open(io.BytesIO(base64.b64decode(new))) as one, av.open(io.BytesIO(base64.b64decode(old))) as other:
            return all(_same_frame(*pair) for pair in zip(_frames(one), _frames(other), strict=True))
    except (av.error.FFmpegError, IndexError, ValueError):  # damaged, no film at all, or longer than the other
        return False


def _frames(container):
    """The time in seconds of each frame, and the means of its blocks, (H / 8, W / 8, 3)."""
    for frame in container.decode(video=0):
        levels = frame.to_ndarray(format="rgb24").astype(np.float32)
        rows, columns = (np.arange(0, side, BLOCK) for side in levels.shape[:2])
        sums = np.add.reduceat(np.add.reduceat(levels, rows, axis=0), columns, axis=1)
        heights, widths = np.diff(rows, append=levels.shape[0]), np.diff(columns, append=levels.shape[1])
        yield frame.time, levels.shape, sums / (heights[:, None] * widths)[..., None]


def _same_frame(new, old):
    return new[:2] == old[:2] and bool(np.abs(new[2] - old[2]).max() <= LEVELS)
