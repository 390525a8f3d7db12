"""Shots in color: frames at their full size, with the colors that were found at the working size."""

from pathlib import Path

from course_lib.colorizing import join_enlarged, lightness_of
from course_lib.data.writing import write_image
from course_lib.video.errors import VideoError
from course_lib.video.reading import read_frames
from course_lib.video.store import FolderMemory
from course_lib.video.writing import PART, write_part

_LEG, _KEY = "leg ", "key "


class Parts:
    """The parts of a film in a folder: for each shot as many as it takes, none over a cut.

    Parameters
    ----------
    folder : Path
    shots : list of (int, int)
    """

    def __init__(self, folder, shots):
        self.folder, self.shots = folder, shots

    def of(self, shot):
        """The spans of frames of a shot, (first, one after the last), each with its file: list."""
        starts = range(shot[0], shot[1], PART)
        spans = [(start, min(start + PART, shot[1])) for start in starts]
        return [(span, self.folder / f"{span[0]:09d}-{span[1] - 1:09d}.mp4") for span in spans]

    def missing(self, shot):
        """Those that are not there yet."""
        return [(span, path) for span, path in self.of(shot) if not path.exists()]

    def all(self):
        """All files, in order."""
        return [path for shot in self.shots for _, path in self.of(shot)]

    def done(self):
        """How many frames are in parts that are there."""
        return sum(b - a for shot in self.shots for (a, b), path in self.of(shot) if path.exists())


class Painter:
    """Goes through a film once and puts colors on its frames.

    Parameters
    ----------
    film : reading.Film
    first : int
        The first frame that needs colors.
    save_keys : path, optional
        Where key frames are written at full size, named by their numbers.
    """

    def __init__(self, film, first, save_keys=None):
        self.film, self.save_keys = film, None if save_keys is None else Path(save_keys)
        self.frames = read_frames(film.path, start=first)

    def paint(self, span, path, start, memory, advance):
        """Write one part.

        Parameters
        ----------
        span : (int, int)
            Its frames.
        path : Path
            Its file.
        start : int
            The first frame of its shot.
        memory : FolderMemory
            Holds the colors of the shot, by frames counted from its start.
        advance : function
            Called after each frame.
        """
        write_part(path, self._pictures(span, start, memory, advance), self.film)

    def _pictures(self, span, start, memory, advance):
        colors = colors_from(memory, span[0] - start)
        for number in range(*span):
            lightness = lightness_of(self._frame(number).float() / 255)[None]
            if self.save_keys and (key := key_name(number - start)) in memory:
                colored = join_enlarged(lightness, memory[key].float()[None])[0]
                write_image(colored, self.save_keys / f"{number:06d}.png")
            yield join_enlarged(lightness, next(colors).float()[None])[0]
            advance()

    def _frame(self, number):
        """The pixels of a frame; what comes before it is passed by."""
        for frame in self.frames:
            if frame.number == number:
                return frame.rgb
        raise VideoError(f"{self.film.path} has changed while it was colorized: frame {number} is gone.")

    def close(self):
        """Let go of the film."""
        self.frames.close()


def key_name(number):
    """How `propagation.color_shot` calls a key in its memory."""
    return f"{_KEY}{number:06d}"


def count_keys(memory):
    """How many keys there are in a memory."""
    return sum(name.startswith(_KEY) for name in memory)


def colors_from(memory, first):
    """The colors (2, h, w) of the frames of a shot from one on, in order; one leg at a time is in memory."""
    legs = (tuple(map(int, name.removeprefix(_LEG).split())) for name in memory if name.startswith(_LEG))
    for start, last in sorted(legs):
        if last >= first:
            yield from memory[f"{_LEG}{start:06d} {last:06d}"][max(0, first - start) :]


def forget_legs(folder):
    """Delete the colors of a shot that is painted; its keys are small and stay, to be counted."""
    memory = FolderMemory(folder)
    for name in list(memory):
        if name.startswith(_LEG):
            del memory[name]
