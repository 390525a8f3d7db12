"""Films as files: parts that appear whole or not at all, and the film that they and the sound of another make together."""

import heapq
import io
import math
import os
import tempfile
from fractions import Fraction
from pathlib import Path

import av

from course_lib.files import write_atomic
from course_lib.video.encoding import SAME_BITS
from course_lib.video.errors import VideoError
from course_lib.video.pixels import BT709, LIMITED, pixel_format, to_video_frame
from course_lib.video.reading import DEFAULT_RATE, open_container
from course_lib.video.sound import Sound

SUFFIXES = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}
PART = 120  # frames, at most, in one part: what a killed run loses
QUALITY = {
    "crf": "17",
    "preset": "veryfast",
    "x264-params": SAME_BITS,
}  # of x264: no difference to be seen, at 3 times the speed of its default
_FINEST = 2**31 - 1  # ticks of a clock in a second: MP4 keeps them in 32 bits
_ROUND = 90_000  # as many as in MPEG


def check_suffix(path):
    """Raise `VideoError` if the suffix of a path names no format that can be written."""
    if Path(path).suffix.lower() not in SUFFIXES:
        raise VideoError(f"{path} does not end in {', '.join(SUFFIXES)}. The suffix says in which format to write.")


def write_part(path, pictures, film):
    """Encode a few frames as H.264 into a file which appears when it is complete.

    Parameters
    ----------
    path : path
    pictures : iterable of tensors, (3, H, W)
        sRGB in [0, 1]: at most `PART` of them, all of the size of the film.
    film : reading.Film
        Tells size, rate and the shape of pixels.

    Notes
    -----
    The first frame is a key frame, frames are stored in the order in which they are shown, and one thread does all of it: so parts stand
    for themselves, follow one another without being encoded again, and come out alike in each run. Times are given by `join_parts`.
    """
    file, rate = io.BytesIO(), _nominal_rate(film)
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate, options=QUALITY)
        stream.width, stream.height = film.width, film.height
        stream.pix_fmt = pixel_format(film.height, film.width)
        context = stream.codec_context
        context.thread_count, context.max_b_frames, context.gop_size = 1, 0, PART
        context.sample_aspect_ratio = film.pixel_aspect
        context.color_range, context.colorspace = LIMITED, BT709
        context.color_primaries = context.color_trc = BT709
        for number, picture in enumerate(pictures):
            frame = to_video_frame(picture)
            frame.pts, frame.time_base = number, 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    write_atomic(path, file.getbuffer())


def _nominal_rate(film):
    """Frames per second as encoders can take it: of few digits, and neither none nor thousands."""
    rate = min(max(Fraction(film.rate or DEFAULT_RATE), Fraction(1)), Fraction(1000))
    return rate.limit_denominator(1001)


def count_frames(path):
    """The frames of a part."""
    with av.open(str(path)) as container:
        return container.streams.video[0].frames


def join_parts(parts, times, end, source, target):
    """Make a film of parts, and of the sound of another film; it appears when it is complete.

    Parameters
    ----------
    parts : list of paths
        As `write_part` made them, in their order.
    times : sequence of Fractions
        When each frame is shown, in seconds, rising.
    end : Fraction
        When the last one has been shown.
    source : path
        The film that the times and the sound are those of.
    target : path
        Ends in one of `SUFFIXES`. MP4 and MOV keep times exactly, MKV to the millisecond; and where its sound begins before 0, as encoded
        sound does by 0.02 s, sound and pictures are moved to begin there.

    Raises
    ------
    VideoError
        The sound is damaged.
    OSError
        The file cannot be written.
    """
    target = Path(target)
    form = SUFFIXES[target.suffix.lower()]
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    os.close(handle)
    try:
        with open_container(source) as (original, _):
            begin = _begin(original, times[0])
            ticks = _ticks(times, begin)
            with (
                av.open(temporary, "w", format=form, options=_options(form, ticks, original)) as made,
                av.open(str(parts[0])) as first,
            ):
                video = made.add_stream_from_template(first.streams.video[0], opaque=True)
                video.time_base = Fraction(1, ticks)
                streams = [_pictures(parts, times, end, video, begin)]
                streams += [Sound(stream, made, form).packets(source, begin) for stream in original.streams.audio]
                for _, packet in heapq.merge(*streams, key=lambda timed: timed[0]):
                    made.mux(packet)
        os.chmod(temporary, 0o644)  # mkstemp makes it readable by its owner alone
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _options(form, ticks, original):
    """The index of an MP4 in front, so that it plays while it is loaded, and starts of its tracks as exact as their times."""
    if form == "matroska":
        return {}
    scale = math.lcm(ticks, *(stream.rate for stream in original.streams.audio))
    return {"movflags": "faststart", "movie_timescale": str(scale if scale <= _FINEST else _ROUND)}


def _begin(original, first):
    """The time of the old film that is 0 in the new one.

    It is the same 0, so that pictures and sound begin when they did, but for formats whose clocks may start anywhere, such as MPEG-TS,
    and for pictures before 0, which players would leave out.
    """
    begin = min(Fraction(0), first)
    if original.format.flags & av.format.Flags.ts_discont.value:
        begin = min([first, *(_start(stream) for stream in original.streams.audio)])
    return begin


def _start(stream):
    return Fraction(stream.start_time or 0) * stream.time_base


def _ticks(times, begin):
    """The fewest ticks of a clock in a second that all times fall on, or 90,000 where these would be too many for a file."""
    ticks = 1
    for time in times:
        ticks = math.lcm(ticks, (time - begin).denominator)
        if ticks > _FINEST:
            return _ROUND
    return ticks


def _pictures(parts, times, end, video, begin):
    """Times in seconds and packets of all parts, in order, as if they had been encoded together."""
    tick = Fraction(video.time_base)  # before the file is begun, which may choose a finer one
    number, last = 0, -1
    for part in parts:
        with av.open(str(part)) as container:
            for packet in container.demux(container.streams.video[0]):
                if not packet.size:
                    continue  # the end
                time = times[number]
                number += 1
                until = times[number] if number < len(times) else end
                # Rounding may bring two frames to one time, which no file can hold.
                last = max(round((time - begin) / tick), last + 1)
                packet.pts = packet.dts = last
                packet.duration = max(round((until - begin) / tick) - last, 1)
                packet.time_base = tick
                packet.stream = video
                yield time - begin, packet
