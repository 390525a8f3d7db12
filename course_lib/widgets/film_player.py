"""Films in a notebook: frames as a small H.264 film inside the page, with controls and a text for those who cannot see it."""

import base64
import html
import io
from fractions import Fraction
from pathlib import Path

import matplotlib
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont

from course_lib.video.encoding import SAME_BITS
from course_lib.widgets.figures import MIN_ALT

MAX_BYTES = 600_000  # of a film in a page; a notebook has 1 MB for everything

# One thread: several would share the work, and with it the bits, in another way on another machine.
# Color is the subject, so Cb and Cr get more bits than an encoder gives them: a lower offset is a finer quantization.
ENCODER = {
    "preset": "slow",
    "crf": "26",
    "threads": "1",
    "x264-params": f"{SAME_BITS}:chroma-qp-offset=-4:lookahead-threads=1",
}
SRGB_CURVE = 13  # among transfer characteristics (ITU-T H.273, table 3)

STRIP, GAP = 24, 4  # pixels; even, so that four pixels that share a color never belong to two films
INK, DARK = 255, 34  # levels of labels and of what is around films
FONT_SIZES = range(14, 7, -1)


def film_html(frames, rate, alt, width=None):
    """A ``<video>`` with its film inside, which plays when its reader asks for it, over and over.

    It never starts by itself: motion that nobody asked for keeps some readers from reading (WCAG 2.2, success criterion 2.2.2).
    JupyterLab drops ``aria-label`` in notebooks that it does not trust, and keeps ``title``: the text is in both.

    Parameters
    ----------
    frames : tensor
        (T, 3, H, W) sRGB in [0, 1].
    rate : number
        Frames per second.
    alt : str
        What the film shows and what to see in it, 30 characters or more.
    width : int, optional
        Of the player in pixels of the page; as wide as the film by default, and never wider than the page.

    Raises
    ------
    ValueError
        The alt text is too short, these are no frames, or the film takes more than 0.6 MB of the page.
    """
    if len(alt.strip()) < MIN_ALT:
        raise ValueError(f"Describe the film for someone who cannot see it, in {MIN_ALT} characters or more: {alt!r}.")
    encoded = base64.b64encode(encode_film(frames, rate)).decode()
    if len(encoded) > MAX_BYTES:
        raise ValueError(
            f"This film takes {len(encoded) / 1e6:.2f} MB of the page, and at most {MAX_BYTES / 1e6:g} MB are allowed: "
            "show fewer frames, or smaller ones."
        )
    text = html.escape(alt.strip(), quote=True)
    style = f"width: {width}px; max-width: 100%" if width else "max-width: 100%"
    return (
        f'<video controls loop muted playsinline preload="auto" aria-label="{text}" title="{text}" style="{style}" '
        f'src="data:video/mp4;base64,{encoded}">{text}</video>'
    )


def play(frames, rate, alt, width=None):
    """Show a film in a notebook, with a text for those who cannot see it. The arguments are those of `film_html`."""
    from IPython.display import display

    display({"text/html": film_html(frames, rate, alt, width), "text/plain": alt}, raw=True)


def encode_film(frames, rate):
    """Frames (T, 3, H, W), sRGB in [0, 1], as the bytes of an mp4: H.264, 4:2:0, BT.709 in the limited range.

    The same frames give the same bytes. A side of odd length gets one more pixel, which repeats the last one.
    """
    import av

    from course_lib.video.pixels import BT709, LIMITED, to_video_frame

    frames = _checked(frames)
    if not rate > 0:
        raise ValueError(f"A film needs a positive number of frames per second, got {rate}.")
    buffer = io.BytesIO()
    options = {"movflags": "+faststart", "fflags": "+bitexact"}  # the index first, and no date
    # To put the index first, the muxer reads what it has written.
    with av.open(buffer, "w", format="mp4", container_options=options, io_open=lambda *_: _copy(buffer)) as container:
        stream = container.add_stream("libx264", rate=Fraction(rate).limit_denominator(1001), options=ENCODER)
        stream.height, stream.width, stream.pix_fmt = *frames.shape[-2:], "yuv420p"
        context = stream.codec_context
        context.color_primaries = context.colorspace = BT709
        context.color_trc, context.color_range = SRGB_CURVE, LIMITED
        for place, frame in enumerate(frames):
            picture = to_video_frame(frame)
            picture.pts = place
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def _copy(buffer):
    return io.BytesIO(buffer.getvalue())


def _checked(frames):
    """Frames as float32 with even sides; ValueError for anything else than a film."""
    frames = torch.as_tensor(frames).detach().cpu()
    if frames.ndim != 4 or frames.shape[1] != 3 or 0 in frames.shape or not frames.is_floating_point():
        raise ValueError(
            f"A film is a float tensor (T, 3, H, W), and this is {frames.dtype} of the shape {tuple(frames.shape)}."
        )
    low, high = frames.min().item(), frames.max().item()
    if not (low >= -0.01 and high <= 1.01):  # also when there are NaN
        raise ValueError(f"The frames of a film are sRGB in [0, 1], and these go from {low:g} to {high:g}.")
    height, width = frames.shape[-2:]
    return F.pad(frames.float(), (0, width % 2, 0, height % 2), mode="replicate")


def side_by_side(labelled, columns=None, zoom=1):
    """Several films in one, each with its label on a dark strip above it.

    Parameters
    ----------
    labelled : dict of str to tensor
        Films (T, 3, H, W), sRGB in [0, 1], of the same shape, in the order in which they are to be read.
    columns : int, optional
        Films in a row: all of up to three by default, and two of more.
    zoom : int
        Each pixel becomes zoom x zoom of them. Small films need it: their labels stay sharp, and 4:2:0 takes no color from them.

    Returns
    -------
    frames : tensor
        (T, 3, height, width), to be passed to `play` with an alt text that names the films.
    """
    films = {label: _enlarged(_checked(frames), zoom) for label, frames in labelled.items()}
    shapes = {label: tuple(torch.as_tensor(frames).shape) for label, frames in labelled.items()}
    if len(set(shapes.values())) != 1:
        raise ValueError(f"side_by_side needs films of the same shape, got {shapes}.")
    columns = columns or (len(films) if len(films) <= 3 else 2)
    rows = -(-len(films) // columns)
    count, _, height, width = next(iter(films.values())).shape
    across, down = width + GAP, height + STRIP
    frames = torch.full((count, 3, rows * down, columns * across - GAP), DARK / 255)
    for place, (label, film) in enumerate(films.items()):
        top, left = place // columns * down, place % columns * across
        frames[:, :, top : top + STRIP, left : left + width] = _strip(label, width)
        frames[:, :, top + STRIP : top + down, left : left + width] = film
    return frames


def _enlarged(frames, zoom):
    return frames.repeat_interleave(zoom, dim=-2).repeat_interleave(zoom, dim=-1)


def _strip(label, width):
    """A label in the middle of a dark strip: (3, STRIP, width)."""
    picture = Image.new("RGB", (width, STRIP), (DARK,) * 3)
    font = _font(label, width)
    ImageDraw.Draw(picture).text((width / 2, STRIP / 2), label, fill=(INK,) * 3, font=font, anchor="mm")
    return torch.from_numpy(np.array(picture)).movedim(-1, 0) / 255


def _font(label, width):
    """The largest font in which a label fits into a width in pixels."""
    path = Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
    for size in FONT_SIZES:
        font = ImageFont.truetype(path, size)
        if font.getlength(label) <= width - GAP:
            return font
    raise ValueError(f"The label {label!r} is too long for a film that is {width} pixels wide: shorten it.")
