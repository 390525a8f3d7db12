"""Frames as decoders give and encoders take them, and as pictures: color spaces, ranges, and which side is up.

References
----------
ITU-R BT.709-6, items 3.2 to 3.5 (luma, color differences, and their 8 bit values from 16 to 235 and from 16 to 240). ITU-T H.264, annex
E.2.1 (where halved color differences lie: level with the left of two pixels, half way between two rows).
"""

import struct

import av
import torch
import torch.nn.functional as F
from av.video.reformatter import ColorRange, Colorspace, Interpolation

_SPACES = {  # of ITU-T H.273, table 4
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    10: Colorspace.BT2020,
}
_EXACT = Interpolation.FULL_CHR_H_INT | Interpolation.ACCURATE_RND | Interpolation.BITEXACT

BT709, LIMITED = 1, 1  # as streams and frames are tagged: of ITU-T H.273, tables 2 to 4, and of FFmpeg
_RED, _BLUE = 0.2126, 0.0722
_YCC_FROM_RGB = torch.tensor(
    [
        [_RED, 1 - _RED - _BLUE, _BLUE],
        [-_RED / (2 * (1 - _BLUE)), -(1 - _RED - _BLUE) / (2 * (1 - _BLUE)), 0.5],
        [0.5, -(1 - _RED - _BLUE) / (2 * (1 - _RED)), -_BLUE / (2 * (1 - _RED))],
    ]
)


def display_matrix(frame):
    """How the axes of a decoded frame lie when it is shown: (a, b, c, d), where x goes to a x + c y and y to b x + d y."""
    for data in frame.side_data:
        if data.type.name == "DISPLAYMATRIX" and len(bytes(data)) >= 36:
            a, b, _, c, d = struct.unpack("=5i", bytes(data)[:20])
            return (a, b, c, d)
    return (1, 0, 0, 1)


def is_on_its_side(matrix):
    """Whether width and height are exchanged when a frame is shown."""
    a, b, c, d = matrix
    return abs(b) + abs(c) > abs(a) + abs(d)


def rotation_of(matrix):
    """The rotation of a matrix in degrees, clockwise: 0, 90, 180 or 270; of a film that is mirrored too, the one before that."""
    _, b, _, d = matrix
    if is_on_its_side(matrix):
        return 90 if b > 0 else 270
    return 0 if d > 0 else 180


def turn_upright(rgb, matrix):
    """A picture (C, H, W) as its display matrix says that it is shown; quarter turns and mirroring only."""
    a, b, c, d = matrix
    if is_on_its_side(matrix):
        rgb, across, down = rgb.transpose(-1, -2), c, b
    else:
        across, down = a, d
    flipped = [axis for axis, sign in ((-1, across), (-2, down)) if sign < 0]
    return rgb.flip(flipped) if flipped else rgb


class ToPicture:
    """Makes decoded frames into sRGB pictures. Keep one per film: it remembers what the conversion needs.

    Their curve is taken for that of sRGB, as is usual for BT.601 and BT.709; films in HDR, which have others, come out dull.

    Parameters
    ----------
    size : (int, int), optional
        Height and width of the upright picture; that of the film by default. Reduced by the mean of areas.
    """

    def __init__(self, size=None):
        self.size = size
        self.reformatter = av.video.reformatter.VideoReformatter()

    def __call__(self, frame):
        """The picture, uint8 (3, H, W), upright and contiguous."""
        matrix = display_matrix(frame)
        gray = frame.format.name.startswith("gray") or frame.format.name.startswith("mono")
        shown = self._convert(frame, "gray" if gray else "rgb24", is_on_its_side(matrix))
        pixels = torch.from_numpy(shown.to_ndarray())
        if gray:
            pixels = _spread(pixels, frame)[..., None].expand(-1, -1, 3)
        return turn_upright(pixels.movedim(-1, 0), matrix).contiguous()

    def _convert(self, frame, form, on_its_side):
        height, width = self.size or ((frame.width, frame.height) if on_its_side else (frame.height, frame.width))
        if on_its_side:
            height, width = width, height
        smaller = height <= frame.height and width <= frame.width
        options = {"interpolation": (Interpolation.AREA if smaller else Interpolation.BILINEAR) | _EXACT}
        if form == "rgb24" and not frame.format.is_rgb:
            options |= {
                "src_colorspace": _color_space(frame),
                "src_color_range": ColorRange.JPEG if _is_full(frame) else ColorRange.MPEG,
            }
        # The destination keeps the tags of the source otherwise, and those of sums and differences are none for RGB.
        options["dst_color_range"] = ColorRange.JPEG
        return self.reformatter.reformat(frame, width, height, form, threads=1, **options)


def _is_full(frame):
    if frame.color_range in (ColorRange.MPEG, ColorRange.JPEG):
        return frame.color_range == ColorRange.JPEG
    return frame.format.name.startswith("yuvj")


def _spread(gray, frame):
    """Gray values from 0 to 255. Films say when they have them from 16 to 235; FFmpeg, which makes most of them, uses all values."""
    if frame.color_range != ColorRange.MPEG:
        return gray
    return ((gray.float() - 16) * (255 / 219)).round_().clamp_(0, 255).to(torch.uint8)


def _color_space(frame):
    """The matrix of a frame; where none is named, players take BT.601 for small films and BT.709 for those in HD."""
    large = frame.width >= 1280 or frame.height > 576
    return _SPACES.get(int(frame.colorspace), Colorspace.ITU709 if large else Colorspace.ITU601)


def pixel_format(height, width):
    """How frames of a size are kept: with color differences at half the resolution, which every player shows; odd sizes at the full one."""
    return "yuv444p" if height % 2 or width % 2 else "yuv420p"


def to_video_frame(rgb):
    """A picture as an encoder takes it.

    Parameters
    ----------
    rgb : float tensor, (3, H, W)
        sRGB in [0, 1].

    Returns
    -------
    av.VideoFrame
        In BT.709 with limited range, tagged so, in `pixel_format`.
    """
    height, width = rgb.shape[-2:]
    luma, differences = _luma_and_differences(rgb)
    form = pixel_format(height, width)
    if form == "yuv420p":
        planes = torch.cat([_to_byte(luma).flatten(), _to_byte(_halve(differences)).flatten()])
        frame = av.VideoFrame.from_ndarray(planes.view(height * 3 // 2, width).numpy(), form)
    else:
        frame = av.VideoFrame.from_ndarray(_to_byte(torch.cat([luma, differences])).numpy(), form)
    frame.colorspace = frame.color_primaries = frame.color_trc = BT709
    frame.color_range = LIMITED
    return frame


def _luma_and_differences(rgb):
    """Y' (1, H, W) from 16 to 235, C'B and C'R (2, H, W) from 16 to 240."""
    ycc = (_YCC_FROM_RGB @ rgb.flatten(1)).view(rgb.shape)
    return ycc[:1].mul_(219).add_(16), ycc[1:].mul_(224).add_(128)


def _halve(differences):
    """Every other column, of 1/4, 1/2 and 1/4 of three, and the mean of every two rows."""
    rows = (differences[:, 0::2] + differences[:, 1::2]) / 2
    left = F.pad(rows, (1, 0), mode="replicate")[..., 0:-1:2]  # the column before each even one
    return (left + 2 * rows[..., 0::2] + rows[..., 1::2]) / 4


def _to_byte(values):
    return values.round().clamp_(0, 255).to(torch.uint8)
