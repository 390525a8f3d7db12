"""Colorize a film: key frames in each shot, their colors carried through it, and the sound as it was.

Three passes over the film, each of which holds a few frames in memory. What is done lies in a folder beside the result, so that a run
that was stopped goes on where it was when it is started again in the same way.
"""

import shutil
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import av
import torch
import torch.nn.functional as F

from course_lib import colorizing
from course_lib.data.progress import Progress
from course_lib.hints import Hints, to_json
from course_lib.models import HintNet, checkpoints
from course_lib.video.errors import UnfinishedError, VideoError
from course_lib.video.film_hints import read_film_hints
from course_lib.video.keys import find_keys, read_key
from course_lib.video.painting import Painter, Parts, count_keys, forget_legs
from course_lib.video.propagation import color_shot
from course_lib.video.reading import check_file, open_container, open_film
from course_lib.video.scanning import scan_film
from course_lib.video.scratch import fingerprint_file, make_plan, open_scratch, scratch_folder
from course_lib.video.sound import check_sound
from course_lib.video.store import FolderMemory, Stretch
from course_lib.video.writing import SUFFIXES, check_suffix, join_parts

PROPAGATION = "clips-propagation"


class FilmReport(NamedTuple):
    """What was made.

    Attributes
    ----------
    frames : int
    seconds : float
        How long this run took.
    rate : float
        Frames that this run colorized, per second of it.
    shots, keys : int
    """

    frames: int
    seconds: float
    rate: float
    shots: int
    keys: int


@torch.no_grad()
def colorize_video(
    src,
    dst,
    *,
    model=None,
    keys=None,
    hints=None,
    temperature=0.38,
    side=colorizing.SIDE,
    save_keys=None,
    propagation=PROPAGATION,
    quiet=False,
):
    """Colorize a film.

    Parameters
    ----------
    src : path
        The film, in color or gray; of colors only the lightness is used.
    dst : path
        Ends in .mp4, .mov or .mkv. It is replaced when the new film is whole. Until then what is done lies beside it in
        ``.NAME.course-film``, and the same call goes on from there. The same arguments give the same film, stopped or not.
    model : str, path or nn.Module
        The network that colors key frames, as for `colorize`.
    keys : path, optional
        A folder with frames whose colors are known, named by their numbers, from 0.
    hints : path or dict from int to Hints, optional
        Hints for frames, by their numbers: `read_film_hints` says what files there are. Each such frame is a key.
    temperature, side
        As for `colorize`.
    save_keys : path, optional
        A folder, without pictures, in which all key frames are written at full size, to be corrected and given as ``keys``.
    propagation : str, nn.Module or None
        The network that carries colors, or its name; None for the plain warp by optical flow.
    quiet : bool
        Show nothing.

    Returns
    -------
    FilmReport

    Raises
    ------
    VideoError
        The film, the keys or a target cannot be used.
    UnfinishedError
        The film was begun and cannot be written, since the disk is full, for example. The same call goes on.
    CheckpointError, HintsError, PictureError, ValueError
        As for `colorize`.
    """
    began = time.monotonic()
    src, dst = check_file(src), Path(dst).expanduser()
    _check_target(src, dst)
    colorizing.check_options(None, temperature, side)
    film = open_film(src)
    with open_container(src) as (container, _):
        check_sound(container, SUFFIXES[dst.suffix.lower()], src)
    given = Given(film, colorizing.working_size((film.height, film.width), side), keys, hints, model, temperature)
    network = checkpoints.load_checkpoint(propagation) if isinstance(propagation, str) else propagation
    try:
        return _Run(film, dst, given, network, side, save_keys, quiet).run(began)
    except (OSError, av.FFmpegError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UnfinishedError(
            f"{dst} cannot be written: {reason}. Check the disk and its permissions; the same call goes on from here."
        ) from error


def _check_target(src, dst):
    check_suffix(dst)
    if dst.is_dir():
        raise VideoError(f"{dst} is a folder. Name the file to write.")
    if dst.exists() and src.samefile(dst):
        raise VideoError(
            f"The film to read and the one to write are the same, {src}. Give the new one another name or folder."
        )


class Given:
    """What is known about the colors of a film before it is colorized.

    Parameters
    ----------
    film : reading.Film
    size : (int, int)
        h and w of the working size.
    keys, hints, model, temperature
        As for `colorize_video`.
    """

    def __init__(self, film, size, keys, hints, model, temperature):
        self.film, self.size, self.temperature = film, size, temperature
        self.network = colorizing.find_network(model or colorizing.default_model(None))
        self.pictures = {} if keys is None else find_keys(keys)
        self.hints = _hints_of(hints)
        both = sorted(self.pictures.keys() & self.hints.keys())
        if both:
            raise VideoError(f"Frame {both[0]} has both a picture and hints. Give one of them.")
        self.hint_network = None
        if self.hints:
            takes = isinstance(self.network, HintNet)
            self.hint_network = self.network if takes else colorizing.find_network(colorizing.DEFAULT_WITH_HINTS)

    def fingerprint(self):
        """What tells these colors from others, as JSON can hold it."""
        return {
            "keys": {str(number): fingerprint_file(path) for number, path in self.pictures.items()},
            "hints": {str(number): to_json(self.hints[number]) for number in sorted(self.hints)},
            "temperature": self.temperature,
        }

    def check_pictures(self):
        """Read all pictures once: an error is better now than after an hour."""
        for path in self.pictures.values():
            read_key(path, self.film, self.size)

    def check_numbers(self, count):
        """Raise `VideoError` if something is known about a frame that the film does not have."""
        for number in sorted([*self.pictures, *self.hints]):
            if number >= count:
                where = self.pictures.get(number, "the hints")
                raise VideoError(
                    f"The film has {count} frames, counted from 0, so there is no frame {number} as in {where}. Frames of another film?"
                )

    def of_shot(self, shot, lightness):
        """The known colors of a shot: dict from int, counted from its first frame, to ab (2, h, w)."""
        pictures = {
            number - shot[0]: read_key(path, self.film, self.size)
            for number, path in self.pictures.items()
            if shot[0] <= number < shot[1]
        }
        hinted = {
            number - shot[0]: self._color(self.hint_network, lightness[number - shot[0]][None], hints)[0]
            for number, hints in self.hints.items()
            if shot[0] <= number < shot[1]
        }
        return pictures | hinted

    def still(self, lightness):
        """The colors of frames (n, 1, h, w), each for itself: (n, 2, h, w)."""
        return self._color(self.network, lightness)

    def _color(self, network, lightness, hints=None):
        ab = colorizing.predict_ab(network, lightness, self.temperature, hints)
        return F.interpolate(ab, size=lightness.shape[-2:], mode="bilinear", antialias=True)


def _hints_of(hints):
    if hints is None:
        return {}
    if not isinstance(hints, dict):
        return read_film_hints(hints)
    if not all(isinstance(number, int) and number >= 0 and isinstance(value, Hints) for number, value in hints.items()):
        raise ValueError("Hints for a film are a file, or a dict from the numbers of frames to course_lib.hints.Hints.")
    return hints


class _Run:
    """One go at a film, from where the last one was stopped."""

    def __init__(self, film, target, given, network, side, save_keys, quiet):
        self.film, self.target, self.given, self.network = film, target, given, network
        self.save_keys = None if save_keys is None else Path(save_keys).expanduser()
        self.quiet, self.folder = quiet, scratch_folder(target)
        networks = {"still": given.network, "hints": given.hint_network, "propagation": network}
        options = {"side": side, "save_keys": self.save_keys and str(self.save_keys.resolve()), **given.fingerprint()}
        self.plan = make_plan(film.path, networks, options)

    def run(self, began):
        """All that is left to do."""
        state = self._open()
        try:
            scan = self._scan(state)
        except ValueError:  # the film or what was given cannot be used: nothing is worth keeping
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        try:
            done = self._make(scan)
        except ValueError as error:
            raise UnfinishedError(f"{error} The same call goes on from here.") from error
        finally:
            scan.close()
        keys = sum(count_keys(FolderMemory(folder)) for folder in self.folder.glob("shot *"))
        shutil.rmtree(self.folder)
        frames, seconds = scan.shots[-1][1], time.monotonic() - began
        return FilmReport(frames, seconds, (frames - done) / seconds, len(scan.shots), keys)

    def _make(self, scan):
        """The film, after the first look: how many of its frames were there before."""
        parts = Parts(self.folder / "parts", scan.shots)
        done = parts.done()
        if done:
            self._say(f"Going on: {done} of {len(scan.times)} frames are there.")
        self._color(scan, parts, done)
        join_parts(parts.all(), scan.times, scan.end, self.film.path, self.target)
        return done

    def _open(self):
        state = open_scratch(self.folder, self.plan)
        if state == "replaced":
            self._say(f"What was begun in {self.folder} is of another film or other options. Beginning anew.")
        return state

    def _scan(self, state):
        if state != "found":
            self._check_folder()
            self.given.check_pictures()
        scan = scan_film(self.film, self.given.size, self.folder, self._progress)
        self.given.check_numbers(len(scan.times))
        return scan

    def _check_folder(self):
        """Raise `VideoError` if key frames would replace pictures, which somebody may have corrected."""
        if self.save_keys and self.save_keys.is_dir() and any(self.save_keys.glob("*.png")):
            raise VideoError(f"{self.save_keys} holds pictures already. Name another folder for the key frames.")

    def _color(self, scan, parts, done):
        first = next((span[0] for shot in scan.shots for span, _ in parts.missing(shot)), None)
        if first is None:
            return
        coloring = self._progress("Coloring", len(scan.times), done)
        with closing(Painter(self.film, first, self.save_keys)) as painter, coloring as bar:
            halves = _Halves(bar)
            for shot in scan.shots:
                if missing := parts.missing(shot):
                    self._color_shot(scan, shot, missing, painter, halves)

    def _color_shot(self, scan, shot, missing, painter, halves):
        folder = self.folder / f"shot {shot[0]:09d}"
        memory, lightness = FolderMemory(folder), Stretch(scan.lightness, *shot)
        keys = self.given.of_shot(shot, lightness)
        halves.begin(sum(span[1] - span[0] for span, _ in missing))
        for frames in color_shot(lightness, keys, self.given.still, self.network, memory):
            halves.colored(frames)
        halves.all_colored()
        for span, path in missing:
            painter.paint(span, path, shot[0], memory, halves.painted)
        forget_legs(folder)

    def _progress(self, what, total, done=0):
        return Progress(what, total, done, quiet=self.quiet)

    def _say(self, text):
        if not self.quiet:
            print(text, file=sys.stderr)


class _Halves:
    """Progress through shots in which each frame is done in two steps, its colors and its pixels."""

    def __init__(self, bar):
        self.bar, self.half = bar, 0

    def begin(self, frames):
        """A shot with so many frames to do."""
        self.left = frames

    def colored(self, frames):
        """So many frames have colors."""
        frames = min(frames, self.left)
        self.left -= frames
        self._advance(frames)

    def all_colored(self):
        """Those that had colors before are counted too."""
        self.colored(self.left)

    def painted(self):
        """One frame is written."""
        self._advance(1)

    def _advance(self, halves):
        whole, self.half = divmod(self.half + halves, 2)
        self.bar.advance(whole)
