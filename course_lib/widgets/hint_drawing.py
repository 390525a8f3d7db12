"""What the hint tool draws: pictures with marks on them, the colors that are possible at a lightness, and colors in words."""

import io
import math
from functools import lru_cache

import ipywidgets as W
import torch
from ipycanvas import MultiCanvas, hold_canvas
from PIL import Image

from course_lib import color
from course_lib.data.writing import to_bytes

PLANE = 180  # pixels of the side of the plane
BLANK = 0.93  # the gray of colors that sRGB does not have
GRAY, PALE, STRONG = 6, 22, 50  # chroma up to which a color is called so, and from which it is called strong

# The hue angles, in degrees of the ab plane, up to which a name reaches; with what dark and light colors of this hue are called.
HUES = (
    (10, "pink", "purple", "pink"),
    (48, "red", "dark red", "pink"),
    (80, "orange", "brown", "light orange"),
    (112, "yellow", "olive", "yellow"),
    (165, "green", "dark green", "light green"),
    (215, "turquoise", "dark turquoise", "light turquoise"),
    (308, "blue", "dark blue", "light blue"),
    (322, "violet", "dark violet", "lilac"),
    (360, "pink", "purple", "pink"),
)
DARK, LIGHT = 38, 72  # lightness


def name_color(lightness, a, b):
    """A color in words that need no seeing, for example "strong blue" or "pale brown"."""
    chroma = math.hypot(a, b)
    if chroma < GRAY:
        return "gray"
    angle = math.degrees(math.atan2(b, a)) % 360
    _, plain, dark, light = next(hue for hue in HUES if angle <= hue[0])
    # Brown and olive are what orange and yellow are called up to a medium lightness.
    border = DARK + 20 if plain in ("orange", "yellow") else DARK
    name = dark if lightness < border else light if lightness > LIGHT else plain
    return f"{'pale ' if chroma < PALE else 'strong ' if chroma >= STRONG else ''}{name}"


def describe_color(lightness, a, b):
    """A color in words and numbers."""
    return f"{name_color(lightness, a, b)} (a {a:.0f}, b {b:.0f})"


def hex_color(lightness, a, b):
    """The color as "#rrggbb": with less chroma if sRGB does not have it."""
    lab = torch.tensor([lightness, a, b], dtype=torch.float32)[:, None, None]
    red, green, blue = (color.lab_to_rgb(color.limit_chroma(lab))[:, 0, 0] * 255).round().int().tolist()
    return f"#{red:02x}{green:02x}{blue:02x}"


def is_possible(lightness, a, b):
    """Whether sRGB has this color."""
    return color.in_gamut(torch.tensor([lightness, a, b], dtype=torch.float32)[:, None, None]).item()


def jpeg(rgb):
    """A photograph (3, H, W) as JPEG, with colors at full resolution, since they are the subject."""
    return _encode(rgb, "JPEG", quality=95, subsampling=0)


def _encode(rgb, form, **options):
    file = io.BytesIO()
    Image.fromarray(to_bytes(rgb).numpy()).save(file, form, **options)
    return file.getvalue()


# ---- the plane of a and b


@lru_cache
def reach_at(level):
    """How far the plane at a lightness of whole numbers reaches on both axes, so that all of its gamut is seen."""
    axis = torch.arange(-128.0, 129.0)
    a, b = torch.meshgrid(axis, axis, indexing="xy")
    possible = color.in_gamut(torch.stack([torch.full_like(a, level), a, b]))
    farthest = torch.maximum(a.abs(), b.abs())[possible].max().item()
    return max(20, math.ceil((farthest + 2) / 10) * 10)


@lru_cache
def plane_png(level):
    """The colors that sRGB has at a lightness, a to the right and b up, as PNG; what it does not have is blank."""
    middle = (torch.arange(PLANE) + 0.5) / PLANE
    a, b = torch.meshgrid((2 * middle - 1) * reach_at(level), (1 - 2 * middle) * reach_at(level), indexing="xy")
    lab = torch.stack([torch.full_like(a, level), a, b])
    rgb = torch.where(color.in_gamut(lab), color.lab_to_rgb(lab), torch.tensor(BLANK))
    return _encode(rgb, "PNG", compress_level=1)


def place_on_plane(level, a, b):
    """Where a color lies on the plane, in pixels from the left and from the top."""
    reach = reach_at(level)
    return (a / reach + 1) / 2 * PLANE, (1 - b / reach) / 2 * PLANE


def color_on_plane(level, x, y):
    """The color of a place of the plane, (a, b): possible or not."""
    reach = reach_at(level)
    return (2 * x / PLANE - 1) * reach, (1 - 2 * y / PLANE) * reach


# ---- canvases


class Stage:
    """A picture on a canvas, with marks on a layer of their own, so that they move without the picture being sent again.

    The picture goes through an image widget: ``put_image_data`` would send a JPEG of quality 75 with halved colors.
    """

    def __init__(self, css_class):
        self.image = W.Image(format="png")
        self.canvas = MultiCanvas(2)
        self.canvas.add_class(css_class)  # no tooltip: with one, a page cannot show a canvas of ipycanvas 0.14
        self.marks = lambda canvas: None
        self.canvas.on_client_ready(self.repaint)

    def paint(self, data, size):
        """Show an encoded picture on ``size`` (H, W) pixels."""
        height, width = size
        resized = (self.canvas.height, self.canvas.width) != (height, width)
        if resized:
            self.canvas.width, self.canvas.height = width, height
            # Without these, boxes stretch a canvas.
            self.canvas.layout = W.Layout(width=f"{width}px", height=f"{height}px", flex="0 0 auto")
        self.image.value = data
        with hold_canvas():
            self.canvas[0].draw_image(self.image, 0, 0, width, height)
        if resized:  # which wipes all layers
            self.mark(self.marks)

    def mark(self, draw):
        """Replace the marks: ``draw`` takes a canvas."""
        self.marks = draw
        with hold_canvas():
            self.canvas[1].clear()
            draw(self.canvas[1])

    def repaint(self):
        """Draw everything again, for a page that has just been loaded."""
        if self.image.value:  # of an empty image a page would wait forever, and draw nothing more on any canvas
            self.paint(self.image.value, (self.canvas.height, self.canvas.width))
            self.mark(self.marks)


def draw_point(canvas, x, y, fill, label, chosen):
    """A disk of a point's color with its number; the chosen one is larger and has a second ring."""
    radius = 8 if chosen else 6
    canvas.fill_style = fill
    canvas.fill_circle(x, y, radius)
    _rings(canvas, lambda: canvas.stroke_circle(x, y, radius))
    if chosen:
        _rings(canvas, lambda: canvas.stroke_circle(x, y, radius + 5))
    canvas.font = "bold 12px sans-serif"
    canvas.line_width, canvas.stroke_style, canvas.fill_style = 3, "white", "black"
    for write in (canvas.stroke_text, canvas.fill_text):
        write(label, x + radius + 7, y - radius)


def draw_border(canvas, places):
    """A line that no color crosses, through pixels (x, y)."""
    if len(places) == 1:
        canvas.fill_style = "white"
        canvas.fill_circle(*places[0], 4)
        _rings(canvas, lambda: canvas.stroke_circle(*places[0], 4))
        return
    _rings(canvas, lambda: canvas.stroke_lines(places))


def draw_cross(canvas, x, y):
    """The place that keys have reached."""
    lines = [(x - 14, y, x - 4, y), (x + 4, y, x + 14, y), (x, y - 14, x, y - 4), (x, y + 4, x, y + 14)]
    _rings(canvas, lambda: [canvas.stroke_line(*line) for line in lines])


def draw_plane_marks(canvas, level, ab, suggested):
    """Axes, a ring at the present color and small ones at those suggested."""
    middle, reach = PLANE / 2, reach_at(level)
    canvas.stroke_style, canvas.line_width = "#0005", 1
    canvas.stroke_line(0, middle, PLANE, middle)
    canvas.stroke_line(middle, 0, middle, PLANE)
    canvas.fill_style, canvas.font = "#333", "11px sans-serif"
    canvas.fill_text(f"a {reach}", PLANE - 32, middle - 4)
    canvas.fill_text(f"b {reach}", middle + 4, 11)
    for other in suggested:
        x, y = place_on_plane(level, *other)
        _rings(canvas, lambda x=x, y=y: canvas.stroke_circle(x, y, 2.5))
    x, y = place_on_plane(level, *ab)
    _rings(canvas, lambda: canvas.stroke_circle(x, y, 7))


def _rings(canvas, stroke):
    """Stroke in white and, narrower, in black: seen on every ground."""
    for width, style in ((4, "white"), (1.6, "black")):
        canvas.line_width, canvas.stroke_style = width, style
        stroke()
