"""The first look at a film: its lightness at the working size, the times of its frames, and where its shots begin."""

import json
from fractions import Fraction
from typing import NamedTuple

from course_lib.colorizing import lightness_of
from course_lib.files import write_atomic
from course_lib.video.cuts import CutFinder
from course_lib.video.reading import DEFAULT_RATE, read_frames
from course_lib.video.store import GrayStore, TimeStore


class Scan(NamedTuple):
    """What is known of a film after the first look.

    Attributes
    ----------
    lightness : GrayStore
    times : TimeStore
    end : Fraction
        When the last frame has been shown, in seconds.
    shots : list of (int, int)
        The first frame of each, and the one after its last.
    """

    lightness: GrayStore
    times: TimeStore
    end: Fraction
    shots: list

    def close(self):
        """Let go of the files."""
        self.lightness.close()
        self.times.close()


def scan_film(film, size, folder, progress):
    """Look at a film, or at what is left of an earlier look.

    Parameters
    ----------
    film : reading.Film
    size : (int, int)
        h and w of the working size.
    folder : Path
        Where lightness and times are kept.
    progress : function
        Makes a `Progress` of what is going on and a number of frames.

    Returns
    -------
    Scan
    """
    lightness, times = GrayStore(folder / "lightness.bin", size), TimeStore(folder / "times.bin")
    file = folder / "scan.json"
    if file.is_file():
        found = json.loads(file.read_text(encoding="utf-8"))
        return Scan(lightness, times, Fraction(found["end"]), _shots(found["starts"], len(times)))
    lightness.clear()
    times.clear()
    starts, end = _look(film, lightness, times, progress)
    write_atomic(file, json.dumps({"starts": starts, "end": str(end)}) + "\n")
    return Scan(lightness, times, end, _shots(starts, len(times)))


def _look(film, lightness, times, progress):
    """Fill the stores; the frames that shots begin with, and the end of the last one."""
    finder, starts, longest, last = CutFinder(), [], 0, None
    with progress("Looking for shots", _expected(film)) as bar:
        for frame in read_frames(film.path, lightness.size):
            gray = lightness_of(frame.rgb.float() / 255)
            if finder.add(gray) or frame.number == 0:
                starts.append(frame.number)
            lightness.append(gray)
            times.append(frame.time)
            longest = longest if last is None else max(longest, frame.time - last)
            last = frame.time
            bar.advance()
    lightness.flush()
    times.flush()
    return starts, last + _last_duration(film, times, longest)


def _expected(film):
    """About how many frames a film has."""
    return film.frames or round((film.seconds or 0) * (film.rate or DEFAULT_RATE))


def _last_duration(film, times, longest):
    """How long the last frame is shown: what is left of the film, or as long as the one before it."""
    if len(times) == 1:
        return 1 / (film.rate or DEFAULT_RATE)
    left = Fraction(film.seconds or 0).limit_denominator(10**6) - (times[-1] - times[0])
    return left if 0 < left <= longest else times[-1] - times[-2]


def _shots(starts, count):
    return list(zip(starts, [*starts[1:], count], strict=True))
