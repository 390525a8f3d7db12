"""The static figures of lesson 01. Each function takes what it draws and returns a Matplotlib figure."""

import math

import torch
from matplotlib.patches import Rectangle

from course_lib import appearance, color, spectra
from course_lib.widgets.figures import PALETTE, draw_picture, new_figure

RED, GREEN, BLUE = PALETTE[4], PALETTE[2], PALETTE[0]


def leaf(size=160):
    """A drawing: a green leaf with its veins on white paper, sRGB (3, size, size)."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, size), torch.linspace(-1, 1, size), indexing="ij")
    along, across = (x - y) / math.sqrt(2), (x + y) / math.sqrt(2)  # the leaf points to the upper right
    half = 0.46 * torch.cos(math.pi / 2 * along / 1.05).clamp(min=0) ** 0.8
    blade = ((half - across.abs()) * size / 3).clamp(0, 1)
    veins = torch.sin(16 * (along - 0.8 * across.abs())) ** 16 * 0.5
    rib = torch.exp(-((across / 0.025) ** 2))
    light = torch.maximum(veins, rib) * 0.35 + 0.12 * across
    green = torch.tensor([0.24, 0.50, 0.13])[:, None, None] + light * torch.tensor([0.8, 0.7, 0.5])[:, None, None]
    stalk = ((0.02 - across.abs()) * size / 2).clamp(0, 1) * (along < 0) * (along > -1.25)
    return torch.lerp(torch.ones(3, 1, 1), green.clamp(0, 1), torch.maximum(blade, stalk))


def draw_scatter(rgb, count=1500):
    """Every pixel as a dot: G over R at the left, b over L at the right."""
    lab = color.rgb_to_lab(rgb).flatten(1)
    dots = rgb.flatten(1)
    some = torch.randperm(dots.shape[1], generator=torch.Generator().manual_seed(0))[:count]
    figure, axes = new_figure(1, 2, width=6.4, height=3.1)
    left, right = axes[0]
    left.scatter(dots[0, some], dots[1, some], c=dots[:, some].T, s=8)
    left.set(xlabel="R", ylabel="G", title="R and G rise together", aspect="equal", xlim=(0, 1), ylim=(0, 1))
    right.scatter(lab[0, some], lab[2, some], c=dots[:, some].T, s=8)
    right.set(xlabel="L", ylabel="b", title="b does not follow L", xlim=(0, 100), ylim=(-60, 100))
    return figure


def draw_gamma():
    """The curve from sRGB to light, and two ramps: equal steps of the sRGB value, equal steps of light."""
    figure, axes = new_figure(1, 2, width=7.2, height=2.8, width_ratios=(1, 1.4))
    value = torch.linspace(0, 1, 201)
    curve, ramps = axes[0]
    curve.plot(value, color.srgb_to_linear(value), color=BLUE, linewidth=2)
    middle = color.srgb_to_linear(torch.tensor(0.5))
    curve.plot([0.5, 0.5, 0], [0, middle, middle], color="gray", linestyle=":")
    curve.set(xlabel="value in the file", ylabel="amount of light", title="Half the value is a fifth of the light")
    steps = torch.linspace(0, 1, 9)
    rows = torch.stack([steps, color.linear_to_srgb(steps)])
    ramps.imshow(rows, cmap="gray", vmin=0, vmax=1, aspect="auto")
    ramps.set_yticks([0, 1], ["equal steps\nof the value", "equal steps\nof light"])
    ramps.spines[:].set_visible(True)
    ramps.set(xticks=[], title="Nine steps from black to white")
    return figure


def draw_matrix(matrix):
    """How much each light counts in X, Y and Z: three groups of bars for a (3, 3) matrix."""
    figure, axes = new_figure(1, 1, width=5.4, height=2.6)
    axis = axes[0, 0]
    for place, (name, shade) in enumerate(zip("RGB", (RED, GREEN, BLUE), strict=True)):
        at = torch.arange(3) + 0.27 * (place - 1)
        bars = axis.bar(at, matrix[:, place], width=0.25, color=shade)
        axis.bar_label(bars, [f"{name} {share:.2f}" for share in matrix[:, place]], fontsize=8)
    axis.set_xticks(range(3), ["X", "Y, the luminance", "Z"])
    axis.set(ylabel="weight", ylim=(0, 1.1))
    return figure


def draw_white(grays):
    """X, Y and Z of three grays before and after the division by the white: bars for a dict of name to (before, after), (3,) each."""
    figure, axes = new_figure(1, 2, width=7.2, height=2.3, sharey=True)
    for axis, when, title in zip(axes[0], (0, 1), ("before: X, Y and Z differ", "after: they agree"), strict=True):
        for place, (name, shade) in enumerate(zip("XYZ", (RED, GREEN, BLUE), strict=True)):
            heights = [values[when][place] for values in grays.values()]
            axis.bar(torch.arange(len(grays)) + 0.27 * (place - 1), heights, width=0.25, color=shade, label=name)
        axis.set_xticks(range(len(grays)), grays)
        axis.set(title=title)
    axes[0, 0].legend(frameon=False, ncols=3)
    return figure


def draw_cube_root():
    """Lightness over luminance with the usual gray card marked, and the straight foot near black."""
    figure, axes = new_figure(1, 2, width=7.2, height=2.8)
    whole, foot = axes[0]
    light = torch.linspace(0, 1, 301)
    whole.plot(light, _lightness(light), color=BLUE, linewidth=2)
    half = _lightness(torch.tensor([0.18]))[0]
    whole.plot([0.18, 0.18, 0], [0, half, half], color="gray", linestyle=":")
    whole.annotate("gray card", (0.18, half), (0.3, half - 12), arrowprops={"arrowstyle": "-", "color": "gray"})
    whole.set(xlabel="luminance Y / white", ylabel="L", title="A cube root: the eye counts ratios")
    dark = torch.linspace(0, 0.03, 301)
    foot.plot(dark, 116 * dark ** (1 / 3) - 16, color=RED, linestyle="--", label="cube root alone")
    foot.plot(dark, _lightness(dark), color=BLUE, linewidth=2, label="with the foot")
    foot.axhline(0, color="gray", linewidth=0.5)
    foot.set(xlabel="luminance Y / white", ylabel="L", title="Near black: a straight foot", ylim=(-17, 20))
    foot.legend(frameon=False)
    return figure


def _lightness(light):
    return color.to_gray(color.linear_to_srgb(light).clamp(0, 1).expand(3, 1, -1))[0, 0]


def paint_channels(lab, lightness=65.0):
    """L, a and b as pictures that explain themselves: a and b painted in their own colors at one lightness."""
    flat, nothing = torch.full_like(lab[0], lightness), torch.zeros_like(lab[0])
    a = color.join(flat[None], torch.stack([lab[1], nothing]))
    b = color.join(flat[None], torch.stack([nothing, lab[2]]))
    return {"L: how light": lab[0], "a: green to magenta": a, "b: blue to yellow": b}


def draw_pairs(rows):
    """Pairs of colors that touch.

    Parameters
    ----------
    rows : dict of str to (one, other, labels)
        One row per entry: its title, two sRGB tensors (3, 1, N) and a label for each of the N pairs.
    """
    count = next(iter(rows.values()))[0].shape[2]
    figure, axes = new_figure(len(rows), 1, width=min(1.6 * count, 10), height=1.55 * len(rows))
    for axis, (title, (one, other, labels)) in zip(axes[:, 0], rows.items(), strict=True):
        axis.set(xlim=(0, count), ylim=(0, 1), title=title, yticks=[], xticks=torch.arange(count) + 0.5)
        axis.set_xticklabels(labels)
        axis.tick_params(length=0)
        axis.spines[:].set_visible(False)
        for place in range(count):
            _swatch(axis, place + 0.08, 0.42, one[:, 0, place])
            _swatch(axis, place + 0.50, 0.42, other[:, 0, place])
    return figure


def _swatch(axis, left, width, rgb, bottom=0.0, height=1.0):
    axis.add_patch(Rectangle((left, bottom), width, height, color=rgb.clamp(0, 1).tolist(), linewidth=0))


def draw_spreads(spreads):
    """Histograms of Delta E 2000 over its median, one per entry of a dict of label to (N,)."""
    figure, axes = new_figure(1, 1, width=6.0, height=2.7)
    axis = axes[0, 0]
    for (label, values), shade in zip(spreads.items(), (RED, BLUE), strict=False):
        axis.hist(
            values / values.median(), bins=80, range=(0, 3), histtype="step", linewidth=2, color=shade, label=label
        )
    axis.axvline(1, color="gray", linestyle=":")
    axis.set(xlabel="Delta E 2000 of a pair, as a multiple of the median", yticks=[], ylabel="pairs", xlim=(0, 3))
    axis.legend(frameon=False)
    return figure


def draw_hue_lines(ramps, hues):
    """Colors that lose chroma at a constant Lab hue, and what Oklab says about their hue.

    Parameters
    ----------
    ramps : dict of str to tensor, (3, 1, N)
        sRGB, from full chroma at the left to nearly gray at the right.
    hues : dict of str to tensor, (N,)
        The Oklab hue of each, in degrees, relative to the first.
    """
    figure, axes = new_figure(1, 2, width=8.4, height=2.9, width_ratios=(1.3, 1))
    strips, lines = axes[0]
    strips.imshow(torch.cat(list(ramps.values()), dim=1).clamp(0, 1).movedim(0, -1), aspect="auto")
    strips.set_yticks(range(len(ramps)), ramps)
    strips.set(xticks=[], xlabel="full chroma → nearly gray", title="One Lab hue in each row")
    for name, turned in hues.items():
        lines.plot(torch.linspace(100, 10, len(turned)), turned, color=BLUE if name == "blue" else "gray")
        if turned.max() > 8:
            lines.annotate(name, (10, turned[-1]), (3, -3), textcoords="offset points", annotation_clip=False)
    lines.set(
        xlim=(100, 10), xlabel="chroma, % of the full one", ylabel="degrees", title="How far the hue turns in Oklab"
    )
    return figure


def draw_gamut_size(levels, shares, chromas):
    """Over L: the share of the ab plane that sRGB can show, and its largest chroma."""
    figure, axes = new_figure(1, 2, width=7.2, height=2.5)
    for axis, values, label in zip(axes[0], (shares, chromas), ("share of the plane", "largest chroma"), strict=True):
        axis.plot(levels, values, color=BLUE, linewidth=2)
        axis.set(xlabel="L", title=label, xlim=(0, 100), ylim=(0, None))
    return figure


def draw_survival(factors, curves):
    """How a metric falls with the coarseness: ``curves`` is a dict of metric to (values for ab, values for L)."""
    figure, axes = new_figure(1, len(curves), width=3.3 * len(curves), height=2.6)
    for axis, (metric, (of_ab, of_lightness)) in zip(axes[0], curves.items(), strict=True):
        for values, label, shade in ((of_ab, "ab", RED), (of_lightness, "L", BLUE)):
            axis.plot(factors, values, color=shade, marker="o", markersize=4)
            axis.annotate(label, (factors[-1], values[-1]), (6, -4), textcoords="offset points", color=shade)
        axis.set(title=metric, xlabel="pixels along the side of a square", xscale="log")
        axis.set_xticks(factors, factors)
        axis.minorticks_off()
    return figure


def draw_grays(colors, grays):
    """Full colors above, and below the gray that each method makes of them.

    Parameters
    ----------
    colors : tensor, (3, 1, N)
    grays : dict of str to tensor, (N,)
        sRGB values of the gray, in [0, 1].
    """
    count = colors.shape[2]
    figure, axes = new_figure(1, 1, width=1.05 * count, height=0.62 * (len(grays) + 1))
    axis = axes[0, 0]
    for place in range(count):
        _swatch(axis, place, 0.94, colors[:, 0, place], len(grays), 0.94)
        for row, values in enumerate(reversed(grays.values())):
            _swatch(axis, place, 0.94, values[place].expand(3), row, 0.94)
    axis.set(xlim=(0, count), ylim=(0, len(grays) + 1), xticks=[])
    axis.set_yticks(torch.arange(len(grays) + 1) + 0.47, [*reversed(grays), "color"])
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    return figure


def draw_histograms(channels, bins=50):
    """Histograms of channels in [0, 100] above each other: a dict of label to tensor."""
    figure, axes = new_figure(1, len(channels), width=3.2 * len(channels), height=2.1)
    for axis, (label, values) in zip(axes[0], channels.items(), strict=True):
        axis.hist(values.flatten(), bins=bins, range=(0, 100), color=BLUE)
        axis.set(title=label, xlabel="L", yticks=[], xlim=(0, 100))
    return figure


def draw_rings(rings):
    """Rows of colors, each row under a label: a dict of str to sRGB (3, 1, N)."""
    figure, axes = new_figure(len(rings), 1, width=8.0, height=0.75 * len(rings))
    for axis, (label, row) in zip(axes[:, 0], rings.items(), strict=True):
        draw_picture(axis, row, label)
        axis.set_aspect("auto")
    return figure


def draw_metamers(surfaces):
    """Two reflectances, (2, wavelengths), and what they look like by daylight and by lamplight."""
    figure, axes = new_figure(1, 2, width=7.6, height=2.7, width_ratios=(1.6, 1))
    curves, patches = axes[0]
    for reflectance, shade, name in zip(surfaces, (BLUE, RED), ("surface 1", "surface 2"), strict=True):
        curves.plot(spectra.WAVELENGTHS, reflectance, color=shade, linewidth=2, label=name)
    curves.set(xlabel="wavelength, nm", ylabel="share sent back", ylim=(0, 1), title="Two surfaces")
    curves.legend(frameon=False, ncols=2)
    for row, kelvin in enumerate((spectra.LAMP, spectra.DAYLIGHT)):
        for place, rgb in enumerate(spectra.seen(surfaces, kelvin)[:, 0].T):
            _swatch(patches, place, 1, rgb, row, 0.9)
    patches.set(xlim=(0, 2), ylim=(0, 2), title="What we see")
    patches.set_xticks([0.5, 1.5], ["surface 1", "surface 2"])
    patches.set_yticks([0.45, 1.45], ["by lamp", "by day"])
    patches.tick_params(length=0)
    patches.spines[:].set_visible(False)
    return figure


def hue_ramps(colors, count=40):
    """Ramps of constant lightness and Lab hue from each color to nearly gray: a dict of name to sRGB (3, 1, count)."""
    keep = torch.linspace(1, 0.1, count)
    ramps = {}
    for name, rgb in colors.items():
        lab = color.rgb_to_lab(torch.tensor(rgb, dtype=torch.float32)[:, None, None])
        ramps[name] = color.lab_to_rgb(color.limit_chroma(torch.cat([lab[:1].expand(1, 1, count), lab[1:] * keep])))
    return ramps


def oklab_turn(ramp):
    """By how many degrees the Oklab hue of a ramp (3, 1, N) has turned since its first color: (N,)."""
    angles = appearance.oklab_hue(ramp)[0]
    return appearance.turn(angles, angles[0])


def suspects(rgb):
    """The detective's exercise: a photograph (3, H, W) as it should be and from four programs with a bug, by letter."""
    lab = color.rgb_to_lab(rgb)
    lightness, ab = lab[:1], lab[1:]
    return {
        "as it should be": rgb,
        "A": rgb.flip(0),
        "B": color.join(lightness, ab.flip(0)),
        "C": color.join(lightness, color.normalize(lab)[1]),
        "D": color.join(lightness, ab * torch.tensor([1.0, -1.0])[:, None, None]),
    }
