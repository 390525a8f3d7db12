"""The sound of a film, for another file: the same packets where that can hold them, else encoded again as AAC."""

import io
from fractions import Fraction

import av

from course_lib.video.errors import VideoError
from course_lib.video.reading import open_container

# What players expect in MP4 and MOV; Matroska holds whatever its writer accepts.
_PLAYED = {
    "mp4": ("aac", "mp3", "ac3", "eac3", "opus", "flac", "alac"),
    "mov": ("aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be"),
}
_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)  # of AAC


def check_sound(container, form, path):
    """Raise `VideoError` if there is sound that can neither be copied into a file of a format nor decoded."""
    for stream in container.streams.audio:
        if stream.codec_context is None or (stream.codec_context.codec is None and not _can_be_copied(stream, form)):
            raise VideoError(
                f"The sound of {path} is made by a codec that is not known here. Convert it to AAC, or leave it out."
            )


def _can_be_copied(stream, form):
    if form in _PLAYED and stream.codec_context.name.removesuffix("float") not in _PLAYED[form]:
        return False
    try:
        with av.open(io.BytesIO(), "w", format=form) as trial:
            trial.add_stream_from_template(stream)
            trial.start_encoding()
    except (av.FFmpegError, ValueError):  # a rate that the format knows nothing of, for example
        return False
    return True


class Sound:
    """One sound track on its way into another file.

    Parameters
    ----------
    stream : av.AudioStream
        Of the film that it comes from.
    made : av.container.OutputContainer
        Where it goes to; nothing may have been written to that yet.
    form : str
        The format of that.
    """

    def __init__(self, stream, made, form):
        self.index, self.is_copied = stream.index, _can_be_copied(stream, form)
        if self.is_copied:
            self.made = made.add_stream_from_template(stream)
        else:
            rate = min(_RATES, key=lambda rate: abs(rate - stream.rate))
            self.made = made.add_stream(
                "aac", rate=rate, layout=_layout(stream.channels), bit_rate=96_000 * min(2, stream.channels)
            )
        if stream.language:
            self.made.metadata["language"] = stream.language

    def packets(self, source, begin):
        """Times in seconds and packets, in order; ``begin`` is the time in ``source`` that becomes 0."""
        with open_container(source) as (container, _):
            stream = container.streams[self.index]
            stream.codec_context.thread_count = 1
            try:
                yield from (self._copied if self.is_copied else self._encoded)(container, stream, begin)
            except av.FFmpegError as error:
                raise VideoError(
                    f"The sound of {source} is damaged ({error.strerror or error}). Convert it, or leave it out."
                ) from error

    def _copied(self, container, stream, begin):
        last, shift = None, round(begin / stream.time_base)
        for packet in container.demux(stream):
            if packet.dts is None or not packet.size or (last is not None and packet.dts <= last):
                continue  # the end, or a clock that goes back, which no file can hold
            last = packet.dts
            packet.pts = (packet.dts if packet.pts is None else packet.pts) - shift
            packet.dts -= shift
            packet.stream = self.made
            yield packet.dts * Fraction(packet.time_base), packet

    def _encoded(self, container, stream, begin):
        for frame in container.decode(stream):
            if frame.pts is not None:
                frame.pts -= round(begin / frame.time_base)
            yield from self._timed(self.made.encode(frame))
        yield from self._timed(self.made.encode())

    def _timed(self, packets):
        return [(packet.dts * Fraction(packet.time_base), packet) for packet in packets]


def _layout(channels):
    return {1: "mono", 2: "stereo"}.get(channels, "5.1" if channels >= 6 else "stereo")
