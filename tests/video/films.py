"""Small films for tests, with whatever a test needs to be odd about them."""

from fractions import Fraction

import av
import numpy as np
import torch
from torch import nn

from course_lib import color
from course_lib.data.writing import write_image
from course_lib.video import colorize_video, read_frames

TICK = Fraction(1, 12_800)


def moving(count=12, size=(48, 64), seed=0, grain=8):
    """A smooth colored picture (H, W) that moves a pixel to the right in each frame: (T, 3, H, W) in [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, max(2, size[0] // grain), max(2, (size[1] + count) // grain), generator=generator)
    wide = torch.nn.functional.interpolate(coarse, size=(size[0], size[1] + count), mode="bicubic").clamp(0, 1)[0]
    return torch.stack([wide[:, :, count - step : count - step + size[1]] for step in range(count)])


def write_film(
    path,
    frames,
    rate=25,
    times=None,
    form="yuv420p",
    codec="libx264",
    rotation=None,
    sound=None,
    tags=None,
    options=None,
    **opened,
):
    """Write frames (T, 3, H, W) in [0, 1], or gray ones (T, 1, H, W), as a film.

    ``times`` are seconds; ``rotation`` is degrees, counterclockwise, or (degrees, hflip, vflip); ``sound`` is given to `add_sound`;
    ``tags`` are color space and range, and ``frames`` in them when they are uint8 (T, 3, H, W), Y'CBCR.
    """
    with av.open(str(path), "w", **opened) as container:
        stream = container.add_stream(codec, rate=rate, options=options or {"crf": "4", "preset": "veryfast"})
        stream.height, stream.width = frames.shape[-2:]
        stream.pix_fmt = form
        stream.codec_context.thread_count = 1
        stream.codec_context.time_base = TICK if times else 1 / Fraction(rate)
        if tags:
            stream.codec_context.colorspace, stream.codec_context.color_range = tags
        if rotation is not None:
            stream.set_display_rotation(*(rotation if isinstance(rotation, tuple) else (rotation,)))
        heard = add_sound(container, **sound) if sound is not None else []
        for number, picture in enumerate(frames):
            frame = _frame(picture, form, tags)
            frame.time_base = TICK if times else 1 / Fraction(rate)
            frame.pts = round(times[number] / TICK) if times else number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        for packet in heard:
            container.mux(packet)
    return path


def _frame(picture, form, tags):
    if picture.dtype == torch.uint8:
        frame = av.VideoFrame.from_ndarray(picture.numpy(), "yuv444p")
        frame.colorspace, frame.color_range = tags
        return frame if form == "yuv444p" else frame.reformat(format=form)
    pixels = (picture * 255).round().to(torch.uint8).movedim(0, -1).numpy()
    if len(picture) == 1:
        return av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels[..., 0]), "gray")
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), "rgb24")


def add_sound(container, seconds=0.5, codec="aac", rate=48_000, start=0.0, layout="mono"):
    """A sine of 440 Hz as packets of a new stream; they are encoded at once."""
    stream = container.add_stream(codec, rate=rate, layout=layout)
    form = stream.codec_context.format.name
    wave = 0.3 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * rate)) / rate)
    data = (
        wave.astype(np.float32)
        if form.startswith("flt")
        else (wave * 32767).astype(np.int32 if form.startswith("s32") else np.int16)
    )
    packets = []
    for place in range(0, len(data), 1024):
        block = data[None, place : place + 1024].repeat(2 if layout == "stereo" else 1, axis=0)
        if not form.endswith("p"):
            block = block.T.reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), form, layout)
        frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), place + round(start * rate)
        packets += stream.encode(frame)
    return packets + list(stream.encode())


def write_sound(path, codec="aac", cover=False):
    """A file that holds sound alone, or sound and a cover."""
    with av.open(str(path), "w") as container:
        packets = add_sound(container, codec=codec)
        if cover:
            stream = container.add_stream("png", rate=1)
            stream.width, stream.height, stream.pix_fmt = 16, 16, "rgb24"
            stream.disposition = av.stream.Disposition.attached_pic
            frame = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), "rgb24")
            frame.pts, frame.time_base = 0, Fraction(1)
            picture = [*stream.encode(frame), *stream.encode()]
            container.mux(picture)
        for packet in packets:
            container.mux(packet)
    return path


def cut(path, share, target):
    """The first part of a file."""
    content = path.read_bytes()
    target.write_bytes(content[: int(len(content) * share)])
    return target


# ---- colorizing

COUNT = 14  # frames of `two_shots`


class Paint(nn.Module):
    """Give every picture the same ab, at a quarter of its resolution, and count the pictures."""

    def __init__(self, a, b):
        super().__init__()
        self.ab = nn.Parameter(torch.tensor([a, b]).float() / color.AB_SCALE)
        self.seen = []

    def forward(self, l):  # noqa: E741 - l is the symbol of the field
        self.seen.append(tuple(l.shape))
        return self.ab[:, None, None].expand(len(l), 2, l.shape[2] // 4, l.shape[3] // 4)


RED, GREEN = (30.0, 15.0), (-30.0, 15.0)


def soften(pictures):
    """Middle grays, in which sRGB can show the colors of these tests."""
    return pictures * 0.3 + 0.35


def two_shots(path):
    """A film of 8 frames and 6 others after a cut, with sound."""
    pictures = torch.cat([moving(8, seed=1), moving(COUNT - 8, seed=9, grain=3)])
    return write_film(path, soften(pictures), sound={"seconds": 0.5})


def colorize(source, target, **options):
    """`colorize_video`, small and by networks that need no training."""
    return colorize_video(
        source, target, **{"model": Paint(*RED), "propagation": None, "side": 48, "quiet": True} | options
    )


def mean_ab(path):
    """The mean a and b of each frame: (T, 2)."""
    return torch.stack([color.rgb_to_lab(frame.rgb)[1:].mean((1, 2)) for frame in read_frames(path)])


def error_to(path, ab):
    """The largest difference between the mean color of a frame and (a, b)."""
    return (mean_ab(path) - torch.tensor(ab)).abs().max()


def paint_key(path, ab, size=(24, 32)):
    """A picture of one color."""
    lab = torch.tensor([60.0, *ab])[:, None, None].expand(3, *size)
    path.parent.mkdir(exist_ok=True)
    write_image(color.lab_to_rgb(lab.contiguous()), path)
