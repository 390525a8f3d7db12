"""What moves in lesson 02: the best single color for a mixture of two, and a dull answer made more saturated."""

from functools import lru_cache

import torch

from course_lib import color, metrics
from course_lib.appearance import LEVEL, mean_color_table
from course_lib.data import TEST_PHOTOS, TRAIN_PHOTOS, fit, photo, photos
from course_lib.data.petals import ALTERNATIVES, conditional
from course_lib.penalties import PENALTIES, best_constant, expected_cost
from course_lib.widgets.explorer import Explorer, choice, slider, widget
from course_lib.widgets.figures import PALETTE, draw_picture, new_figure

SIZE = (120, 160)  # small enough to draw and measure in a tenth of a second
SWATCH_LIGHTNESS = 64.0  # sky and petals can have all their colors at this L

# ---- a mixture of two colors

PAIRS = {
    "sky: blue or orange": (("sky", "blue"), ("sky", "orange")),
    "petals: red or yellow": (("petals", "red"), ("petals", "yellow")),
    "petals: yellow or violet": (("petals", "yellow"), ("petals", "violet")),
    "petals: red or cyan": (("petals", "red"), ("petals", "cyan")),
}


def pair_colors(pair):
    """a and b of the two colors of a pair: (2, 2)."""
    return torch.stack([conditional(region)[0][list(ALTERNATIVES[region]).index(name)] for region, name in PAIRS[pair]])


def swatch(ab, lightness=SWATCH_LIGHTNESS):
    """Colors as sRGB pixels of one lightness: (N, 2) to (3, 1, N)."""
    level = torch.full((1, 1, len(ab)), lightness)
    return color.join(level, ab.T[:, None].float())


def mixture_curve(pair, loss, share, points=201):
    """What each answer on the straight way from the first color of a pair to the second costs.

    Parameters
    ----------
    pair : str
        A key of `PAIRS`.
    loss : str
        A key of ``PENALTIES``.
    share : int
        Percent of the first color.

    Returns
    -------
    way : tensor, (points,)
        0 at the first color, 1 at the second.
    cost : tensor, (points,)
    """
    colors = pair_colors(pair)
    way = torch.linspace(0, 1, points)
    answers = torch.lerp(colors[0], colors[1], way[:, None])
    return way, expected_cost(answers, colors, _shares(share), PENALTIES[loss])


def mixture_answer(pair, loss, share):
    """The answer that costs least: a and b, (2,)."""
    return best_constant(pair_colors(pair), _shares(share), PENALTIES[loss])


def _shares(percent):
    return torch.tensor([percent / 100, 1 - percent / 100])


def draw_mixture(pair, loss, share):
    """The expected loss along the way between two colors, with its minimum, and the answer as a color: ``(figure, alt)``."""
    first, second = (name for _, name in PAIRS[pair])
    way, cost = mixture_curve(pair, loss, share)
    answer = mixture_answer(pair, loss, share)
    colors = pair_colors(pair)
    along = colors[1] - colors[0]
    place = ((answer - colors[0]) @ along / along.square().sum()).item()
    figure, axes = new_figure(1, 2, width=7.6, height=3.0, width_ratios=(2.2, 1))
    _draw_costs(axes[0, 0], way, cost, place, colors)
    axes[0, 0].set(title=f"{loss}: {share} % {first}, {100 - share} % {second}", ylabel="expected loss")
    axes[0, 0].set_xticks([0, 1], [first, second])
    chroma = answer.norm().item()
    draw_picture(axes[0, 1], swatch(answer[None]), f"best answer: chroma {chroma:.0f}")
    alt = (
        f"Expected {loss} loss from {first} ({share} %) to {second}: the minimum lies {place:.0%} of the way. "
        f"The answer has chroma {chroma:.0f}; the two colors have {colors[0].norm():.0f} and {colors[1].norm():.0f}."
    )
    return figure, alt


def _draw_costs(axis, way, cost, place, colors):
    """The curve above a strip of the colors that it is about."""
    top = cost.max().item() * 1.08
    strip = swatch(torch.lerp(colors[0], colors[1], way[:, None])).movedim(0, -1)
    axis.imshow(strip.numpy(), extent=(0, 1, -0.16 * top, -0.02 * top), aspect="auto")
    axis.plot(way, cost, color="black", linewidth=2)
    lowest = cost[(way - place).abs().argmin()].item()
    axis.plot([place, place], [-0.16 * top, lowest], color=PALETTE[4], linestyle="--")
    axis.plot([place], [lowest], "o", color=PALETTE[4], markersize=9, clip_on=False, zorder=5)
    axis.set(xlim=(0, 1), ylim=(-0.16 * top, top), yticks=[])


@widget("02.mixture")
def mixture():
    """Move the shares of two colors and see the minimum of the loss move."""
    controls = {
        "pair": choice("colors", PAIRS),
        "loss": choice("loss", PENALTIES),
        "share": slider("percent of the first", 60, 0, 100, 1),
    }
    return Explorer(draw_mixture, controls)


# ---- the fake repair


@lru_cache
def small(name):
    """A bundled photograph at the size of the widget: (3, 120, 160)."""
    return fit(photo(name), SIZE)


@lru_cache
def _gray_view(name):
    """The photograph without color, and its scores as text: they are the same wherever the slider stands."""
    gray = color.without_color(small(name))
    return gray, _score_text(gray, small(name))


@lru_cache
def tone_colors(name):
    """A predictor that knows nothing but lightness: the mean color of equally light pixels of the training photographs.

    Returns
    -------
    ab : tensor, (2, 120, 160)
        Natural units.
    """
    pixels = torch.cat([rgb.flatten(1) for rgb in photos(size=SIZE, names=TRAIN_PHOTOS).values()], dim=1)
    table = mean_color_table(color.rgb_to_lab(pixels[:, None])[:, 0])
    return table[:, (color.to_gray(small(name))[0] / LEVEL).long()]


def scale_chroma(rgb, ab, factor):
    """The picture with the lightness of ``rgb`` and ``factor`` times the colors ``ab`` (2, h, w), natural units: (3, H, W) sRGB."""
    return color.join(color.to_gray(rgb), factor * ab)


def repair_scores(rgb, true_rgb):
    """Colorfulness, PSNR in dB, SSIM and Delta E 2000 of a picture, by name."""
    scores = {"colorfulness": metrics.colorfulness(rgb)}
    for name, metric in {"PSNR": metrics.psnr, "SSIM": metrics.ssim, "Delta E": metrics.delta_e}.items():
        scores[name] = metric(rgb, true_rgb)
    return {name: value.item() for name, value in scores.items()}


def draw_repair(name, factor, predictions=None):
    """A photograph in gray, with its predicted colors times ``factor``, and as it was, with metrics: ``(figure, alt)``.

    Parameters
    ----------
    name : str
        A photograph.
    factor : float
        What the predicted chroma is multiplied by; 1 leaves it.
    predictions : dict of str to tensor, optional
        a and b for each photograph, (2, h, w), natural units; `tone_colors` by default.
    """
    true_rgb = small(name)
    ab = tone_colors(name) if predictions is None else predictions[name]
    repaired = scale_chroma(true_rgb, ab, factor)
    views = {
        "gray": _gray_view(name),
        f"ours, chroma times {factor:.1f}": (repaired, _score_text(repaired, true_rgb)),
        "truth": (true_rgb, f"colorfulness {metrics.colorfulness(true_rgb).item():.0f}"),
    }
    figure, axes = new_figure(1, 3, width=7.2, height=2.5)
    for axis, (label, (picture, text)) in zip(axes[0], views.items(), strict=True):
        draw_picture(axis, picture, label)
        axis.text(0.5, -0.04, text, transform=axis.transAxes, ha="center", va="top", fontsize=9)
    words = "; ".join(f"{label}: {text}".replace("\n", ", ") for label, (_, text) in views.items())
    return figure, f"{name} three times. {words}."


def _score_text(picture, true_rgb):
    scores = repair_scores(picture, true_rgb)
    return (
        f"colorfulness {scores['colorfulness']:.0f}, PSNR {scores['PSNR']:.1f} dB\n"
        f"SSIM {scores['SSIM']:.3f}, Delta E {scores['Delta E']:.1f}"
    )


@widget("02.chroma_repair")
def chroma_repair(predictions=None):
    """Scale the predicted chroma of a photograph and watch the metrics; ``predictions`` as in `draw_repair`."""
    names = TEST_PHOTOS if predictions is None else predictions
    controls = {
        "name": choice("picture", names, list(names)[-1]),
        "factor": slider("chroma times", 1.0, 0.0, 4.0, 0.1, live=False),
    }
    return Explorer(lambda name, factor: draw_repair(name, factor, predictions), controls)
