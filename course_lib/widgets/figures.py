"""Figures with alt text: the one place that shows a figure and draws pictures side by side."""

import base64
import html
import io
import sys

import matplotlib
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageChops

MIN_ALT = 30  # characters; shorter texts say nothing that the label does not

MANY_COLORS = 2048  # more than a drawing has
INVISIBLE = 6  # levels of 255 by which a pixel may change without anybody seeing it

# Colors for lines and marks that a color-blind reader can tell apart (Wong 2011, Nature Methods 8:441).
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#000000")

LOOK = {"font.size": 10, "axes.titlesize": 10, "axes.spines.top": False, "axes.spines.right": False}


def figure_html(figure, alt):
    """An ``<img>`` of a Matplotlib figure with its alt text.

    JupyterLab drops the alt text of image outputs, but keeps that of HTML, in trusted and untrusted notebooks.

    Raises
    ------
    ValueError
        The alt text is missing or shorter than 30 characters.
    """
    if len(alt.strip()) < MIN_ALT:
        raise ValueError(
            f"Describe the figure for someone who cannot see it, in {MIN_ALT} characters or more: {alt!r}."
        )
    kind, data = _encode(figure)
    source = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    return f'<img alt="{html.escape(alt, quote=True)}" src="{source}" style="max-width: 100%">'


def show(figure, alt):
    """Show a Matplotlib figure in a notebook, with a text for those who cannot see it.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    alt : str
        What the figure shows and what to see in it, 30 characters or more.
    """
    from IPython.display import display

    display({"text/html": figure_html(figure, alt), "text/plain": alt}, raw=True)
    _forget(figure)


def _forget(figure):
    """Close a figure made with pyplot, which the notebook would otherwise show a second time."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot:
        pyplot.close(figure)


def _encode(figure):
    """The figure as PNG or, where that is smaller (photographs), as JPEG with full color resolution: ``(kind, bytes)``."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    picture = Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba()).convert("RGB")
    png = _save(_with_palette(picture), format="PNG", compress_level=6)
    if len(png) < 30_000:
        return "png", png
    jpeg = _save(picture, format="JPEG", quality=85, subsampling=0)  # no chroma subsampling: color is the subject
    return ("jpeg", jpeg) if len(jpeg) < len(png) else ("png", png)


def _with_palette(picture):
    """A drawing with 256 colors, which halves its bytes; a picture that would change visibly stays as it is.

    Drawings have a few hundred colors, nearly all of them along soft edges: no pixel moves by more than a few of 255 levels.
    """
    if picture.getcolors(MANY_COLORS) is None:
        return picture
    drawing = picture.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    change = ImageChops.difference(picture, drawing.convert("RGB"))
    visible = max(high for _, high in change.getextrema()) > INVISIBLE
    return picture if visible else drawing


def _save(picture, **options):
    buffer = io.BytesIO()
    picture.save(buffer, **options)
    return buffer.getvalue()


def new_figure(rows=1, columns=1, width=None, height=None, **options):
    """A figure in the course's look and its axes, an array ``(rows, columns)``.

    ``width`` and ``height`` are in inches, at most 10 wide; ``options`` go to Matplotlib's ``Figure.subplots``.
    """
    size = (width or min(3.0 * columns, 10), height or 3.0 * rows)
    with matplotlib.rc_context(LOOK):
        figure = Figure(figsize=size, dpi=80, layout="constrained")
        return figure, figure.subplots(rows, columns, squeeze=False, **options)


def pictures(labelled, columns=None, title=None, width=10.0):
    """Labelled pictures side by side.

    Parameters
    ----------
    labelled : dict of str to tensor
        (3, H, W) sRGB in [0, 1], or (H, W) or (1, H, W) gray: lightness in [0, 100] if any value is above 1, else [0, 1].
    columns : int, optional
        Pictures in a row; all in one row by default, up to 5.
    title : str, optional
    width : float
        Width of the whole figure in inches.

    Returns
    -------
    figure : matplotlib.figure.Figure
        To be passed to `show` with an alt text.
    """
    if not labelled:
        raise ValueError("pictures needs at least one picture.")
    columns = columns or min(len(labelled), 5)
    rows = -(-len(labelled) // columns)
    tallest = max(picture.shape[-2] / picture.shape[-1] for picture in labelled.values())
    each = min(width / columns, 3.4)
    figure, axes = new_figure(
        rows, columns, width=each * columns, height=rows * (each * tallest + 0.3) + (0.3 if title else 0)
    )
    for axis in axes.flat:
        axis.axis("off")
    for axis, (label, picture) in zip(axes.flat, labelled.items(), strict=False):
        draw_picture(axis, picture, label)
    if title:
        figure.suptitle(title)
    return figure


def gallery(rows, width=10.0):
    """Pictures in rows that have names, at the left; what the rows have in common stands above the first.

    Parameters
    ----------
    rows : dict of str to (dict of str to tensor, or sequence of tensors)
        Pictures as for `pictures`, as many in every row. The labels of the first row are written above it, if it has any.
    width : float
        Of the whole figure in inches.

    Returns
    -------
    figure : matplotlib.figure.Figure
        To be passed to `show` with an alt text.
    """
    labels = [list(row) if isinstance(row, dict) else [None] * len(row) for row in rows.values()]
    if not labels or not labels[0] or any(one != labels[0] for one in labels):
        raise ValueError(f"gallery needs rows with the same labels, got {dict(zip(rows, labels, strict=True))}.")
    table = [list(row.values()) if isinstance(row, dict) else list(row) for row in rows.values()]
    tallest = max(picture.shape[-2] / picture.shape[-1] for row in table for picture in row)
    each = (width - 0.4) / len(labels[0])
    figure, axes = new_figure(len(table), len(labels[0]), width=width, height=len(table) * each * tallest + 0.3)
    for place, (name, row) in enumerate(zip(rows, table, strict=True)):
        for axis, picture, label in zip(axes[place], row, labels[0], strict=True):
            draw_picture(axis, picture, label if place == 0 else None)
        axes[place, 0].text(
            -0.04, 0.5, name, rotation=90, ha="right", va="center", transform=axes[place, 0].transAxes, fontsize=9
        )
    return figure


def draw_picture(axis, picture, label=None):
    """Draw one picture on an axis: (3, H, W) sRGB, or (H, W) or (1, H, W) gray as in `pictures`. Pixels stay square and sharp."""
    picture = torch.as_tensor(picture).detach().float().cpu()
    if picture.ndim == 3 and picture.shape[0] == 1:
        picture = picture[0]
    small = max(picture.shape[-2:]) < 200  # enlarged pixels should look like pixels
    options = {"interpolation": "nearest" if small else "antialiased"}
    if picture.ndim == 2:
        axis.imshow(picture.numpy(), cmap="gray", vmin=0, vmax=100 if picture.max() > 1.001 else 1, **options)
    else:
        axis.imshow(picture.clamp(0, 1).movedim(0, -1).numpy(), **options)
    axis.axis("off")
    if label:
        axis.set_title(label)
