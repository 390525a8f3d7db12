"""What moves in lesson 03: the distribution of one pixel, chosen with a click, and the temperature of a photograph."""

import base64
import html
import io
from functools import lru_cache

import ipywidgets as W
import torch
from ipycanvas import Canvas
from matplotlib.collections import PatchCollection
from matplotlib.patches import Rectangle
from PIL import Image

from course_lib import color, metrics
from course_lib.bins import AB_BINS, STEP
from course_lib.data import fit, photo
from course_lib.models.answers import natural_ab
from course_lib.models.checkpoints import load_checkpoint
from course_lib.models.colorful import SHRINKS
from course_lib.widgets.explorer import Explorer, choice, slider, widget
from course_lib.widgets.figures import draw_picture, new_figure
from course_lib.widgets.lesson_02 import swatch

SIZE = (160, 240)  # of the photographs: about as large as the network saw them, and a multiple of 8
NAMES = ("china", "rocket", "grace_hopper", "chelsea", "flower")
NETWORKS = {
    "every pixel counts the same": "scenes-classification",
    "rare colors count more (lesson 04)": "scenes-rebalanced",
}
PAPER_TEMPERATURE = 0.38
REACHES = (60, 115)  # the planes show a and b from -60 to 60, or from -115 to 115 where that is needed
LEAST = 1e-3  # of a share that is drawn
ZOOM = 2  # screen pixels for a pixel of a clickable picture of SIZE

# ---- a photograph and the answer of a network


@lru_cache
def small(name):
    """A bundled photograph at the size of the widgets: (3, 160, 240)."""
    return fit(photo(name), SIZE)


@lru_cache
def lightness_of(name):
    """Its lightness: (160, 240), 0 to 100."""
    return color.to_gray(small(name))[0]


@lru_cache
def gray_picture(name):
    """The photograph without color, as sRGB."""
    return color.without_color(small(name))


_network = lru_cache(load_checkpoint)  # a file that is read once


@lru_cache(maxsize=16)
def answer(name, network="scenes-classification"):
    """What a trained network answers to a bundled photograph: logits (313, 40, 60), or ab (2, 40, 60) in network units."""
    l, _ = color.normalize(color.rgb_to_lab(small(name)[None]))  # noqa: E741 - l is the symbol of the field
    return _network(network)(l)[0]


def regressed(name, network="scenes-l2"):
    """A bundled photograph colorized by a network that answers with one color for each pixel: (3, 160, 240)."""
    return color.join(lightness_of(name)[None], natural_ab(answer(name, network)[None])[0])


def decode(logits, temperature):
    """The annealed mean of every pixel: logits (313, h, w) to ab (2, h, w), natural units.

    The same as `bins.annealed_mean`, with the bins last: the softmax then runs along memory, which halves its time.
    """
    flat = logits.flatten(1).T.contiguous()
    return ((flat / temperature).softmax(dim=1) @ AB_BINS).T.reshape(2, *logits.shape[1:])


def decodings(logits, temperature=PAPER_TEMPERATURE):
    """The three ways to choose a color from a distribution.

    Parameters
    ----------
    logits : tensor, (313,)
        Of one pixel.

    Returns
    -------
    dict of str to tensor, (2,)
        "mean", "annealed mean" and "mode", natural units.
    """
    pixel = logits[:, None, None]
    return {
        "mean": decode(pixel, 1.0).flatten(),
        "annealed mean": decode(pixel, temperature).flatten(),
        "mode": AB_BINS[logits.argmax()],
    }


def draw_colors(logits, generator):
    """A color for every pixel, drawn from its distribution, each by itself: logits (B, 313, h, w) to ab (B, 2, h, w)."""
    shares = logits.softmax(dim=1).movedim(1, -1)
    drawn = torch.multinomial(shares.reshape(-1, len(AB_BINS)), 1, generator=generator)
    return AB_BINS[drawn.reshape(shares.shape[:-1])].movedim(-1, 1)


# ---- click a pixel


def draw_pixel(lightness, logits, x, y, temperature=PAPER_TEMPERATURE, picture=None):
    """The distribution of one pixel in the ab plane, and the three colors made of it: ``(figure, alt)``.

    Parameters
    ----------
    lightness : tensor, (H, W)
        0 to 100.
    logits : tensor, (313, H / 4, W / 4)
    x, y : int
        The pixel, in pixels from the left and from the top.
    temperature : float
        Of the annealed mean.
    picture : tensor, (3, H, W), optional
        A picture to stand at the left, with the pixel marked.
    """
    pixel = logits[:, y // SHRINKS, x // SHRINKS]
    level = lightness[y, x].item()
    chosen = decodings(pixel, temperature)
    pictures = 0 if picture is None else 1
    ratios = (1.3, 1, 0.42)[1 - pictures :]
    figure, axes = new_figure(1, len(ratios), width=5.2 + 3.9 * pictures, height=3.8, width_ratios=ratios)
    if pictures:
        draw_picture(axes[0, 0], picture, f"the pixel at ({x}, {y})")
        _mark(axes[0, 0], x, y)
    draw_plane(axes[0, pictures], pixel.softmax(dim=0), chosen, level)
    axes[0, pictures].set_title(f"colors of the pixel at ({x}, {y}), L = {level:.0f}")
    _draw_swatches(axes[0, pictures + 1], chosen, level, temperature)
    return figure, _describe_pixel(pixel.softmax(dim=0), chosen, x, y)


def _mark(axis, x, y):
    left, top = x // SHRINKS * SHRINKS, y // SHRINKS * SHRINKS
    for edge, linewidth in (("white", 3.5), ("black", 1.5)):
        axis.plot(
            [left - 0.5, left + 3.5, left + 3.5, left - 0.5, left - 0.5],
            [top - 0.5, top - 0.5, top + 3.5, top + 3.5, top - 0.5],
            color=edge,
            linewidth=linewidth,
        )


MARKS = {"mean": "D", "annealed mean": "o", "mode": "s"}


def draw_plane(axis, shares, chosen, lightness):
    """Draw a distribution over the bins, (313,), as squares as large as the shares, and chosen colors as marks."""
    seen = (shares > LEAST).nonzero()[:, 0]
    reach = REACHES[int(AB_BINS[seen].abs().max() > REACHES[0])]
    axis.scatter(*AB_BINS.T, s=1.5, c="0.85", zorder=0)
    axis.axhline(0, color="0.8", linewidth=0.8, zorder=0)
    axis.axvline(0, color="0.8", linewidth=0.8, zorder=0)
    sides = STEP * (shares[seen] / shares.max()).sqrt()
    corners = AB_BINS[seen] - sides[:, None] / 2
    squares = [Rectangle(corner, side, side) for corner, side in zip(corners.tolist(), sides.tolist(), strict=True)]
    fill = _rgb(AB_BINS[seen], lightness)
    axis.add_collection(PatchCollection(squares, facecolors=fill, edgecolors="0.35", linewidths=0.5))
    for name, ab in chosen.items():
        fill = _rgb(ab[None], lightness)
        axis.scatter(*ab[:, None], c=fill, marker=MARKS[name], s=75, edgecolors="black", linewidths=1.8, zorder=4)
    axis.set(xlim=(-reach, reach), ylim=(-reach, reach), xlabel="a", ylabel="b", aspect="equal")


def _rgb(ab, lightness):
    return swatch(ab, lightness)[:, 0].T.numpy()


def _draw_swatches(axis, chosen, lightness, temperature):
    """The chosen colors one below the other, each with its mark."""
    axis.imshow(_rgb(torch.stack(list(chosen.values())), lightness)[:, None], extent=(0, 1, 3, 0), aspect="auto")
    for row, name in enumerate(chosen):
        axis.scatter(
            [0.5], [row + 0.34], marker=MARKS[name], s=60, facecolors="none", edgecolors="black", linewidths=1.5
        )
        label = f"{name}\nT = {temperature:.2f}" if name == "annealed mean" else name
        dark = lightness < 55
        axis.text(0.5, row + 0.66, label, ha="center", va="center", fontsize=9, color="white" if dark else "black")
    axis.axis("off")
    axis.set(xlim=(0, 1), ylim=(3, 0))


def _describe_pixel(shares, chosen, x, y):
    best = shares.topk(3)
    likely = ", ".join(
        f"a = {a:.0f} b = {b:.0f} with {share:.0%}"
        for share, (a, b) in zip(best.values.tolist(), AB_BINS[best.indices].tolist(), strict=True)
    )
    colors = "; ".join(f"{name} a = {ab[0]:.0f}, b = {ab[1]:.0f}" for name, ab in chosen.items())
    return f"The pixel at ({x}, {y}). Most likely bins: {likely}. Chosen colors: {colors}."


class PixelExplorer(Explorer):
    """An `Explorer` beside a picture: a click there moves the sliders x and y, and the sliders move the mark.

    Parameters
    ----------
    draw, controls
        As for `Explorer`; among the controls are ``name``, ``x`` and ``y``.
    views : dict of str to tensor, (3, H, W)
        The pictures to click on, by the values of ``name``, all of one size.
    zoom : int
        Screen pixels for a pixel.
    """

    def __init__(self, draw, controls, views, zoom=ZOOM):
        self.views, self.zoom, self.quiet = views, zoom, False
        height, width = next(iter(views.values())).shape[-2:]
        size = {"width": f"{width * zoom}px", "height": f"{height * zoom}px"}
        self.canvas = Canvas(width=width * zoom, height=height * zoom, layout=W.Layout(**size, flex="0 0 auto"))
        self.canvas.add_class("course-canvas")
        self.canvas.on_mouse_down(self.click)
        super().__init__(draw, controls)
        beside = W.HBox([self.canvas, self.picture], layout=W.Layout(flex_flow="row wrap", align_items="flex-start"))
        self.children = [*self.controls.values(), beside]
        self._show_mark()

    def click(self, x, y):
        """Choose the pixel at a place of the canvas, in screen pixels."""
        self.quiet = True  # the picture is drawn once, after both sliders have moved
        for name, place in (("x", x), ("y", y)):
            control = self.controls[name]
            step = control.step
            control.value = int(min(max(place / self.zoom // step * step, control.min), control.max))
        self.quiet = False
        self._redraw(None)

    def _redraw(self, change):
        if self.quiet:
            return
        super()._redraw(change)
        self._show_mark()

    def _show_mark(self):
        """Paint the picture and a frame around the chosen pixels."""
        picture = self.views[self.controls["name"].value]
        pixels = to_bytes(picture).repeat(self.zoom, axis=0).repeat(self.zoom, axis=1)
        left, top = (self.controls[name].value * self.zoom for name in ("x", "y"))
        side = SHRINKS * self.zoom
        self.canvas.put_image_data(pixels, 0, 0)
        for edge, linewidth in (("white", 4), ("black", 2)):
            self.canvas.stroke_style, self.canvas.line_width = edge, linewidth
            self.canvas.stroke_rect(left, top, side, side)


def to_bytes(picture):
    """(3, H, W) in [0, 1] to an array (H, W, 3) of 0 to 255."""
    return (picture.clamp(0, 1) * 255).round().byte().movedim(0, -1).contiguous().numpy()


@widget("03.pixel")
def pixel_colors(answers=None, start=None):
    """Click a pixel, or move the sliders, and see its distribution and the three colors made of it.

    Parameters
    ----------
    answers : dict of str to (lightness, logits), optional
        Pictures, (H, W), and what a network answers, (313, H / 4, W / 4), all of one size; by default bundled photographs with
        the answers of the trained classifier.
    start : (int, int), optional
        The pixel x, y to begin with; the middle by default.
    """
    answers = {name: (lightness_of(name), answer(name)) for name in NAMES} if answers is None else answers
    height, width = next(iter(answers.values()))[0].shape
    x, y = start or (width // 2, height // 2)
    controls = {
        "name": choice("picture", answers),
        "x": slider("x", x // SHRINKS * SHRINKS, 0, width - SHRINKS, SHRINKS),
        "y": slider("y", y // SHRINKS * SHRINKS, 0, height - SHRINKS, SHRINKS),
        "temperature": slider("temperature", PAPER_TEMPERATURE, 0.02, 1.5, 0.02, live=False),
    }

    def draw(name, x, y, temperature):
        return draw_pixel(*answers[name], x, y, temperature)

    views = {name: view(*pair) for name, pair in answers.items()}
    return PixelExplorer(draw, controls, views, zoom=max(1, round(ZOOM * SIZE[1] / width)))


def view(lightness, logits, temperature=PAPER_TEMPERATURE):
    """The picture that a distribution stands for: lightness (H, W) and logits (313, h, w) to sRGB (3, H, W)."""
    return color.join(lightness[None], decode(logits, temperature))


# ---- the temperature of a photograph


def annealed(name, temperature, network="scenes-classification"):
    """A bundled photograph colorized at a temperature: (3, 160, 240)."""
    return view(lightness_of(name), answer(name, network), temperature)


def largest_steps(ab, share=0.01):
    """The change of color from a square to its neighbor that a share of all neighbors exceed: ab (2, h, w) to units of a and b."""
    down, right = ab.diff(dim=1).norm(dim=0), ab.diff(dim=2).norm(dim=0)
    return torch.cat([down.flatten(), right.flatten()]).quantile(1 - share)


def draw_temperatures(name, temperatures, network="scenes-classification"):
    """A photograph in gray, at several temperatures, and as it was: ``(figure, alt)``."""
    views = {"gray": gray_picture(name)}
    views.update({f"T = {temperature:g}": annealed(name, temperature, network) for temperature in temperatures})
    views["truth"] = small(name)
    each = 10 / len(views)
    figure, axes = new_figure(1, len(views), width=10, height=each * SIZE[0] / SIZE[1] + 0.6)
    texts = {label: f"colorfulness {metrics.colorfulness(picture).item():.0f}" for label, picture in views.items()}
    for axis, (label, picture) in zip(axes[0], views.items(), strict=True):
        draw_picture(axis, picture, label)
        axis.text(0.5, -0.05, texts[label], transform=axis.transAxes, ha="center", va="top", fontsize=9)
    return figure, f"{name}: " + "; ".join(f"{label}, {text}" for label, text in texts.items()) + "."


@lru_cache(maxsize=32)
def _still(name, kind):
    """The pictures that stay while the temperature moves, as HTML."""
    picture = gray_picture(name) if kind == "gray" else small(name)
    return _figure_html(picture, kind, f"colorfulness {metrics.colorfulness(picture).item():.0f}", f"{name}, {kind}")


def _figure_html(picture, label, text, alt):
    """A picture with a line above and a line below, as HTML."""
    buffer = io.BytesIO()
    Image.fromarray(to_bytes(picture)).save(buffer, format="JPEG", quality=88, subsampling=0)
    data = base64.b64encode(buffer.getvalue()).decode()
    words = html.escape(alt, quote=True)
    return (
        '<div style="text-align: center; flex: 1 1 0; max-width: 340px">'
        f'{html.escape(label)}<br><img alt="{words}" src="data:image/jpeg;base64,{data}" style="width: 100%"><br>'
        f"{html.escape(text)}</div>"
    )


def temperature_html(name, temperature, network):
    """A photograph in gray, colorized at a temperature, and as it was, as HTML: a few milliseconds, since no figure is drawn."""
    picture = annealed(name, temperature, network)
    score = metrics.colorfulness(picture).item()
    ours = _figure_html(
        picture,
        f"ours, T = {temperature:.2f}",
        f"colorfulness {score:.0f}",
        f"{name}, colorized at temperature {temperature:.2f}: colorfulness {score:.0f}",
    )
    return f'<div style="display: flex; gap: 8px">{_still(name, "gray")}{ours}{_still(name, "truth")}</div>'


class TemperatureExplorer(Explorer):
    """An `Explorer` whose pictures are not drawn as a figure but encoded as they are, fast enough for a slider that is dragged."""

    def render(self, **values):
        return self.draw(**values)


@widget("03.temperature")
def temperature():
    """Move the temperature of a photograph's distributions."""
    controls = {
        "name": choice("picture", NAMES),
        "temperature": slider("temperature", PAPER_TEMPERATURE, 0.02, 1.5, 0.02),
        "network": choice("trained so that", NETWORKS.items()),
    }
    return TemperatureExplorer(temperature_html, controls)
