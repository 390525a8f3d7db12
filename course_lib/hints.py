"""What a person says about the colors of a picture: points, strokes and a palette, on paper, in files, and as a network takes them.

Places are shares of a picture's height and width, so that hints fit a picture at any resolution. Colors are a and b in natural units; the
lightness is the picture's own.
"""

import io
import json
import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import Image, PngImagePlugin
from skimage.draw import line

from course_lib import bins, color
from course_lib.files import write_atomic

SIZE = 3 / 128  # of the shorter side: 3 pixels where networks see 128
LARGEST_CHROMA = 150.0  # sRGB has none beyond 134
MOST = 1000  # points, places of strokes and colors of a palette in one file
CHUNK = "course-hints"  # the name of the text in a PNG that holds the hints
VERSION = 1


class HintsError(ValueError):
    """Hints that cannot be used; the message says what to do."""


@dataclass(frozen=True)
class Point:
    """A color at a place.

    Attributes
    ----------
    row, column : float
        The place of its middle, as shares of height and width: 0 is the upper or left edge, 1 the lower or right one.
    a, b : float
        Natural units.
    size : float
        The side of the square that has this color, as a share of the picture's shorter side.
    """

    row: float
    column: float
    a: float
    b: float
    size: float = SIZE

    def __post_init__(self):
        _check_place(self.row, self.column)
        _check_color(self.a, self.b)
        if not (_is_number(self.size) and 0 < self.size <= 1):
            raise HintsError(
                f"The size of a point is a share of the shorter side, above 0 and at most 1, got {self.size!r}."
            )


@dataclass(frozen=True)
class Hints:
    """All that is said about one picture.

    Attributes
    ----------
    points : tuple of Point
        Where two meet, the later one counts.
    strokes : tuple of tuples of (row, column)
        Lines through these places, which no color should cross.
    palette : tuple of (a, b)
        Colors that the picture should have, each as much as the others; none where nothing is said of them.
    """

    points: tuple = ()
    strokes: tuple = ()
    palette: tuple = ()

    def __post_init__(self):
        try:
            strokes = tuple(tuple((row, column) for row, column in stroke) for stroke in self.strokes)
            points, palette = tuple(self.points), tuple((a, b) for a, b in self.palette)
        except (TypeError, ValueError) as error:
            raise HintsError(
                "Hints are points, strokes of places (row, column), and a palette of colors (a, b)."
            ) from error
        for name, value in (("points", points), ("strokes", strokes), ("palette", palette)):
            object.__setattr__(self, name, value)
        if not all(isinstance(point, Point) for point in points):
            raise HintsError("The points of hints are hints.Point(row, column, a, b).")
        if not all(strokes):
            raise HintsError("A stroke needs at least one place.")
        for stroke in strokes:
            for place in stroke:
                _check_place(*place)
        for ab in palette:
            _check_color(*ab)
        if len(self.points) + sum(map(len, self.strokes)) + len(self.palette) > MOST:
            raise HintsError(f"These are more than {MOST} hints. Leave some out.")

    def __bool__(self):
        return bool(self.points or self.strokes or self.palette)

    def add(self, point):
        """With one more point."""
        return replace(self, points=(*self.points, point))

    def change(self, place, point):
        """With another point in the place of one, counted from 0."""
        return replace(self, points=(*self.points[:place], point, *self.points[place + 1 :]))

    def remove(self, place):
        """Without one of the points, counted from 0."""
        return replace(self, points=self.points[:place] + self.points[place + 1 :])


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -1e9 < value < 1e9  # nor NaN


def _check_place(row, column):
    if not all(_is_number(share) and 0 <= share <= 1 for share in (row, column)):
        raise HintsError(
            f"A place is row and column as shares of height and width, from 0 to 1, got ({row!r}, {column!r})."
        )


def _check_color(a, b):
    if not (_is_number(a) and _is_number(b) and math.hypot(a, b) <= LARGEST_CHROMA):
        raise HintsError(
            f"A color is a and b in natural units, of a chroma up to {LARGEST_CHROMA:g}, got ({a!r}, {b!r})."
        )


def ab_of(rgb):
    """a and b of a color as people write it.

    Parameters
    ----------
    rgb : str
        "#rrggbb".

    Returns
    -------
    (float, float)
        Natural units.
    """
    digits = rgb.removeprefix("#") if isinstance(rgb, str) else ""
    try:
        values = bytes.fromhex(digits)
    except ValueError:
        values = b""
    if len(values) != 3:
        raise HintsError(f"A color is written as #rrggbb, for example #c04030, got {rgb!r}.")
    _, a, b = color.rgb_to_lab(torch.tensor(list(values), dtype=torch.uint8)[:, None, None])[:, 0, 0].tolist()
    return a, b


# ---- as a network takes them


class Patch(NamedTuple):
    """A square of ``side`` pixels with one color: its top left corner in pixels, and its a and b, (2,), in any unit."""

    top: int
    left: int
    side: int
    ab: torch.Tensor


def paint(patches, size):
    """Colors (2, H, W) and mask (1, H, W) of patches on a picture of ``size`` (H, W); where two meet, the later one shows."""
    ab, mask = torch.zeros(2, *size), torch.zeros(1, *size)
    for patch in patches:
        rows, columns = slice(patch.top, patch.top + patch.side), slice(patch.left, patch.left + patch.side)
        ab[:, rows, columns] = patch.ab[:, None, None]
        mask[:, rows, columns] = 1
    return ab, mask


def tell_palette(ab):
    """The shares of the bins among colors (N, 2) in natural units, and a 1 that says that they are known: (314,)."""
    shares = bins.encode_soft(ab.T[None, :, None]).mean(dim=(0, 2, 3))
    return torch.cat([shares, torch.ones(1)])


def render(hints, size):
    """Hints as `HintNet.forward` takes them beside a lightness of ``size`` (H, W).

    Returns
    -------
    ab, mask, strokes : tensors, (1, 2, H, W), (1, 1, H, W) and (1, 1, H, W)
        Colors in network units.
    palette : tensor, (1, 314)
    """
    ab, mask = paint([_patch(point, size) for point in hints.points], size)
    strokes = torch.zeros(1, *size)
    for stroke in hints.strokes:
        _draw(strokes[0], stroke)
    told = torch.tensor(hints.palette, dtype=torch.float32)
    palette = tell_palette(told) if hints.palette else torch.zeros(bins.COUNT + 1)
    return ab[None], mask[None], strokes[None], palette[None]


def _patch(point, size):
    """A point in pixels: at least one, and all of it inside of the picture."""
    side = min(max(1, round(point.size * min(size))), *size)
    top, left = (
        min(max(round(share * length - side / 2), 0), length - side)
        for share, length in zip((point.row, point.column), size, strict=True)
    )
    return Patch(top, left, side, torch.tensor([point.a, point.b]) / color.AB_SCALE)


def _draw(canvas, stroke):
    """Set the pixels of a line through the places of a stroke to 1."""
    pixels = [pixel_of(row, column, canvas.shape) for row, column in stroke]
    for start, end in zip(pixels, pixels[1:] or pixels, strict=False):
        rows, columns = line(*start, *end)
        canvas[torch.from_numpy(rows), torch.from_numpy(columns)] = 1


def pixel_of(row, column, size):
    """The pixel of a picture of ``size`` (H, W) in which a place lies: (int, int)."""
    return tuple(min(int(share * length), length - 1) for share, length in zip((row, column), size, strict=True))


# ---- as files


def to_json(hints):
    """Hints as text that people can read, and `from_json` too."""
    return json.dumps({"hints": VERSION, **asdict(hints)})


def from_json(text):
    """Hints from what `to_json` wrote.

    Raises
    ------
    HintsError
        It is something else.
    """
    try:
        content = json.loads(text)
        if content["hints"] != VERSION:
            raise HintsError(
                f"These hints are of version {content['hints']!r}, and this course reads {VERSION}. Update it."
            )
        points = [Point(**point) for point in content["points"]]
        return Hints(points, content["strokes"], content["palette"])
    except HintsError:
        raise
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise HintsError("This text holds no hints as the course writes them.") from error


def write_hints(hints, path):
    """Write hints alone, as JSON, whole or not at all."""
    write_atomic(path, to_json(hints) + "\n")


def colored_png(rgb, hints):
    """A colorized picture as a PNG file that holds its hints too.

    The picture keeps the lightness of the one that was colored, but for the rounding to 8 bits, so that this one file opens again.

    Parameters
    ----------
    rgb : tensor, (3, H, W)
    hints : Hints

    Returns
    -------
    bytes
    """
    from course_lib.data.writing import to_bytes

    about = PngImagePlugin.PngInfo()
    about.add_text(CHUNK, to_json(hints))
    file = io.BytesIO()
    Image.fromarray(to_bytes(rgb).numpy()).save(file, "PNG", pnginfo=about, compress_level=1)
    return file.getvalue()


def read_hints(source):
    """Hints from a file that `write_hints` or `colored_png` made.

    Parameters
    ----------
    source : path or bytes

    Returns
    -------
    Hints

    Raises
    ------
    HintsError
        There is no such file, or it holds no hints.
    """
    content, name = _content(source)
    if content.startswith(b"\x89PNG"):
        return _from_png(content, name)
    try:
        return from_json(content.decode("utf-8"))
    except HintsError as error:
        raise HintsError(f"{name} holds no hints: {error}") from error
    except UnicodeDecodeError as error:
        raise HintsError(f"{name} holds no hints: it is neither text nor a PNG.") from error


def _content(source):
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source), "The file"
    path = Path(source).expanduser()
    try:
        return path.read_bytes(), str(path)
    except OSError as error:
        raise HintsError(f"{path} cannot be read: {error.strerror or error}.") from error


def _from_png(content, name):
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as picture:
            picture.load()  # what is written about a picture may stand behind it
            text = picture.text.get(CHUNK)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise HintsError(f"{name} is damaged. Save or copy it again.") from error
    if text is None:
        raise HintsError(f"{name} is a picture without hints. Open it as a picture, and give hints anew.")
    return from_json(text)
