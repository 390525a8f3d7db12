"""Films from outside: what they are, and their frames one after another, as upright pictures with their times.

Films are read frame by frame; the memory that this takes does not grow with their length. What cannot be used ends in a `VideoError`.
"""

import os
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import torch

from course_lib.video.containers import is_cut_off
from course_lib.video.errors import VideoError
from course_lib.video.pixels import ToPicture, display_matrix, is_on_its_side, rotation_of

MAX_PIXELS = 7680 * 4320  # of one frame: 8K
DEFAULT_RATE = Fraction(25)  # frames per second where a film gives neither a rate nor times

# Films, and sound so that it can be named as such. Not among them are lists of other files and of addresses on the web (HLS, concat).
_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,h264,hevc,m4v,flv,asf,ogg,gif,apng,nut,ivf,mxf,rm,"
    "yuv4mpegpipe,dv,wtv,wav,mp3,flac,aac,aiff,ac3"
)
_JUMP = Fraction(1)  # seconds: a clock that goes back further began anew, one that goes back less is merely wrong
_COPY = "Copy or download it again"


@dataclass(frozen=True)
class Film:
    """What is known about a film before it is read.

    Attributes
    ----------
    path : Path
    width, height : int
        In pixels, as shown: after the rotation.
    rate : Fraction or None
        Frames per second on average.
    frames : int or None
        How many the file says that it has. Some say nothing, and some count frames that are never shown.
    seconds : float or None
    rotation : int
        Degrees, clockwise, by which the stored frames are turned to be upright: 0, 90, 180 or 270.
    has_sound : bool
    pixel_aspect : Fraction
        The width of a pixel as shown, in heights.
    """

    path: Path
    width: int
    height: int
    rate: Fraction | None
    frames: int | None
    seconds: float | None
    rotation: int
    has_sound: bool
    pixel_aspect: Fraction = Fraction(1)


class Frame(NamedTuple):
    """One picture of a film: its number from 0, its time in seconds, a Fraction, and its pixels, uint8 (3, H, W), sRGB."""

    number: int
    time: Fraction
    rgb: torch.Tensor


def open_film(path):
    """Look at a film, and decode its first frame.

    Parameters
    ----------
    path : path
        A file with a film: MP4, MOV, MKV, WebM, AVI, MPEG, GIF, ...

    Returns
    -------
    Film

    Raises
    ------
    VideoError
        There is no such file, it is empty, damaged, no film, or its frames have more than `MAX_PIXELS` pixels.
    """
    with open_container(path) as (container, stream):
        frame = next((frame for frame in _decode(container, stream, path) if frame is not None), None)
        if frame is None:
            raise VideoError(f"{path} holds a film without a single frame. {_COPY}, or record it anew.")
        matrix = display_matrix(frame)
        width, height = frame.width, frame.height
        aspect = stream.sample_aspect_ratio or Fraction(1)
        if is_on_its_side(matrix):
            width, height, aspect = height, width, 1 / aspect
        rate = stream.average_rate or stream.guessed_rate
        return Film(
            path=Path(path).expanduser(),
            width=width,
            height=height,
            rate=Fraction(rate) if rate else None,
            frames=stream.frames or None,
            seconds=_seconds(container, stream),
            rotation=rotation_of(matrix),
            has_sound=bool(container.streams.audio),
            pixel_aspect=Fraction(aspect),
        )


def _seconds(container, stream):
    if stream.duration:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration else None


def read_frames(path, size=None, start=0):
    """Go through the frames of a film, in the order in which they are shown.

    Parameters
    ----------
    path : path
    size : (int, int), optional
        Height and width that the upright frames are reduced to while they are converted, by the mean of areas.
    start : int
        The first frame that is wanted: those before it are decoded, since others are made of them, but not converted.

    Yields
    ------
    Frame
        Times rise from frame to frame. Where the file has none, or they go back, they are made from the rate.

    Raises
    ------
    VideoError
        As `open_film`; a frame is damaged; or the file is cut off, which is said after its last whole frame. MP4, MOV, MKV, WebM and
        AVI tell that they are cut off. Of other formats the end is where they end.
    """
    with open_container(path) as (container, stream):
        clock, convert, shape, number = _Clock(stream), ToPicture(size), None, -1
        for number, frame in enumerate(_decode(container, stream, path)):
            shape = shape or (frame.height, frame.width)
            if shape != (frame.height, frame.width):
                raise VideoError(
                    f"Frame {number} of {path} is {frame.width} x {frame.height}, the ones before are {shape[1]} x {shape[0]}. Cut "
                    "the film there, and use the two parts."
                )
            time = clock.time_of(frame)
            if number >= start:
                yield Frame(number, time, convert(frame))
        if number < 0:
            raise VideoError(f"{path} holds a film without a single frame. {_COPY}, or record it anew.")


class _Clock:
    """The times of frames: those of the film, mended where they are missing or do not rise."""

    def __init__(self, stream):
        rate = stream.average_rate or stream.guessed_rate or DEFAULT_RATE
        self.step, self.last, self.offset = 1 / Fraction(rate), None, Fraction(0)

    def time_of(self, frame):
        stamp = frame.dts if frame.pts is None else frame.pts
        time = None if stamp is None else stamp * Fraction(frame.time_base) + self.offset
        if self.last is None:
            time = Fraction(0) if time is None else time
        elif time is None:
            time = self.last + self.step
        elif time <= self.last - _JUMP:
            self.offset += self.last + self.step - time
            time = self.last + self.step
        elif time <= self.last:
            time = self.last + self.step / 8  # squeezed in: the next one may be right again
        self.last = time
        return time


@contextmanager
def open_container(path):
    """The open container of a film and its video stream, or a `VideoError`."""
    path = check_file(path)
    try:
        container = av.open(
            f"file:{path}",  # a name with a colon is no address
            metadata_errors="replace",
            options={"format_whitelist": _FORMATS, "protocol_whitelist": "file", "max_pixels": str(MAX_PIXELS)},
        )
    except (av.FFmpegError, OSError, ValueError) as error:
        raise VideoError(_why_not_opened(path, error)) from error
    with container:
        stream = _find_stream(container, path)
        _check_size(stream, path)
        context = stream.codec_context
        context.thread_count = 1
        context.options = {"max_pixels": str(MAX_PIXELS)}
        yield container, stream


def check_file(path):
    """The path of a file that is there and not empty, or a `VideoError`."""
    text = os.fsdecode(path)
    if text.startswith(("http://", "https://")):
        raise VideoError(f"{text} is an address. Download the film and give the path of the file.")
    path = Path(text).expanduser()
    try:
        if path.is_dir():
            raise VideoError(f"{path} is a folder. Name one film in it.")
        if not path.exists():
            raise VideoError(f"There is no file {path}. Relative paths start at {Path.cwd()}.")
        if not path.is_file():
            raise VideoError(f"{path} is not an ordinary file. Copy the film into a file first.")
        if path.stat().st_size == 0:
            raise VideoError(f"{path} is empty: 0 bytes. {_COPY}.")
        with open(path, "rb"):
            return path
    except (OSError, ValueError) as error:
        if isinstance(error, VideoError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise VideoError(f"{text[:200]!r} cannot be opened: {reason}. Check the path and its permissions.") from error


def _why_not_opened(path, error):
    if is_cut_off(path):
        return f"{path} is cut off: its end, where the index of an MP4 or MOV often is, is missing. {_COPY}."
    if _is_picture(path):
        return f"{path} is a picture. Use python -m course_lib colorize for it."
    reason = getattr(error, "strerror", None) or error
    return (
        f"{path} is no film that can be read ({reason}). Use MP4, MOV, MKV, WebM, AVI, MPEG or GIF, or {_COPY.lower()}."
    )


def _is_picture(path):
    from PIL import Image

    try:
        with Image.open(path):
            return True
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False


def _find_stream(container, path):
    """The first stream of moving pictures: covers and previews are none."""
    streams = [stream for stream in container.streams.video if not _is_cover(stream)]
    if not streams:
        if container.streams.audio:
            cover = " with a cover" if container.streams.video else ""
            raise VideoError(f"{path} holds only sound{cover}, no film. Name a file with a film.")
        raise VideoError(f"{path} holds no film. Name a file with one.")
    stream = next((stream for stream in streams if int(stream.disposition) & 1), streams[0])
    if stream.codec_context is None:
        raise VideoError(f"{path} is made by a codec that is not known here. Convert it to H.264, for example.")
    return stream


def _is_cover(stream):
    flags = int(stream.disposition)
    return bool(flags & int(av.stream.Disposition.attached_pic) or flags & int(av.stream.Disposition.timed_thumbnails))


def _check_size(stream, path):
    width, height = stream.codec_context.width, stream.codec_context.height
    if width * height > MAX_PIXELS:
        raise VideoError(
            f"The frames of {path} are {width} x {height} pixels, and {MAX_PIXELS:,} pixels (7680 x 4320) are the most. Scale it down."
        )


def _decode(container, stream, path):
    """The decoded frames of a stream; at the end, `VideoError` if there should have been more."""
    shown, context = 0, stream.codec_context
    cut_off = is_cut_off(Path(path).expanduser())
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
            if packet is None:
                break
            if cut_off and packet.is_corrupt:
                continue  # half a frame
            frames = context.decode(packet)
        except av.EOFError:
            break
        except (av.FFmpegError, MemoryError) as error:
            if cut_off:
                continue
            raise VideoError(_why_damaged(path, stream, shown, error)) from error
        for frame in frames:
            shown += 1
            yield frame
    if cut_off:
        raise VideoError(_how_much_is_there(path, container, stream, shown))


def _why_damaged(path, stream, shown, error):
    of = f" of {stream.frames}" if stream.frames else ""
    return f"{path} is damaged: {shown}{of} frames can be read ({error.strerror or error}). {_COPY}."


def _how_much_is_there(path, container, stream, shown):
    if stream.frames:
        there = f"{shown} of {stream.frames} frames are there"
    else:
        seconds = _seconds(container, stream)
        there = f"{shown} frames are there" + (f" of a film of {seconds:.1f} s" if seconds else "")
    return f"{path} is cut off: {there}. {_COPY}."
