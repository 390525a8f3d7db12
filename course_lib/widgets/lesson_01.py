"""What moves in lesson 01: a channel mixer, the ab plane at a lightness, and coarse color or lightness."""

from functools import lru_cache

import torch

from course_lib import color, metrics
from course_lib.appearance import subsample
from course_lib.data import fit, photo
from course_lib.widgets.explorer import Explorer, choice, slider, widget
from course_lib.widgets.figures import draw_picture, new_figure

PHOTOS = ("chelsea", "coffee", "astronaut", "flower", "china")
SIZE = (150, 200)  # small enough to draw and measure in a tenth of a second

CHART = "six full colors"
VALUES, LIGHT = "values in the file", "amounts of light"


@lru_cache
def small(name):
    """A bundled photograph, or the color chart, at the size of the widgets: (3, 150, 200)."""
    return _chart() if name == CHART else fit(photo(name), SIZE)


def _chart():
    corners = torch.tensor([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1], [1, 0, 1]], dtype=torch.float32)
    tiles = corners.T.reshape(3, 2, 3)
    return tiles.repeat_interleave(SIZE[0] // 2, dim=1).repeat_interleave(SIZE[1] // 3 + 1, dim=2)[..., : SIZE[1]]


# ---- the channel mixer


def mix(rgb, red, green, blue, kind=VALUES):
    """A gray picture from weights for R, G and B.

    Parameters
    ----------
    rgb : tensor, (3, H, W)
    red, green, blue : float
        Weights of at least 0; they are scaled so that their sum is 1.
    kind : str
        `VALUES` mixes the sRGB values; `LIGHT` mixes the amounts of light and turns the result into sRGB again.

    Returns
    -------
    gray : tensor, (H, W)
        sRGB in [0, 1]; black if all weights are 0.
    """
    weights = torch.tensor([red, green, blue])
    weights = weights / weights.sum().clamp(min=1e-6)
    channels = color.srgb_to_linear(rgb) if kind == LIGHT else rgb
    mixed = torch.einsum("c,chw->hw", weights, channels)
    return color.linear_to_srgb(mixed).clamp(0, 1) if kind == LIGHT else mixed.clamp(0, 1)


def lightness_error(gray, rgb):
    """By how much the lightness of a gray picture (H, W) misses that of the colored one, mean over the pixels."""
    return (color.to_gray(gray.expand(3, -1, -1)) - color.to_gray(rgb)).abs().mean().item()


def draw_mixer(name, kind, red, green, blue):
    """The photograph, the gray that the weights make, and the gray of the same lightness: ``(figure, alt)``."""
    rgb = small(name)
    gray = mix(rgb, red, green, blue, kind)
    error = lightness_error(gray, rgb)
    figure, axes = new_figure(1, 3, width=7.2, height=2.2)
    draw_picture(axes[0, 0], rgb, name)
    draw_picture(axes[0, 1], gray, f"your mix: misses L by {error:.2f}")
    draw_picture(axes[0, 2], gray_of_same_lightness(rgb), "gray of the same L")
    alt = (
        f"{name}: in color, as a gray mix of {red:.2f} red, {green:.2f} green and {blue:.2f} blue ({kind}), and as a "
        f"gray of the same lightness. The mix misses L by {error:.2f} in the mean."
    )
    return figure, alt


def gray_of_same_lightness(rgb):
    """The gray picture that is as light as a colored one, pixel by pixel: (3, H, W) to (H, W), sRGB."""
    lightness = color.to_gray(rgb)
    return color.lab_to_rgb(torch.cat([lightness, torch.zeros_like(rgb[:2])]))[0]


@widget("01.channel_mixer")
def channel_mixer():
    """Mix R, G and B to a gray and compare it with L."""
    controls = {
        "name": choice("picture", [*PHOTOS, CHART], "flower"),
        "kind": choice("mix the", [VALUES, LIGHT]),
        "red": slider("red", 0.33, 0.0, 1.0, 0.01),
        "green": slider("green", 0.33, 0.0, 1.0, 0.01),
        "blue": slider("blue", 0.33, 0.0, 1.0, 0.01),
    }
    return Explorer(draw_mixer, controls)


# ---- the ab plane

REACH = 110  # the planes show a and b from -110 to 110
NO_PHOTO, ALL_PHOTOS = "no photograph", "all five photographs"
SLICE = 2.0  # pixels whose L is this close to the level belong to the slice


@lru_cache
def _grid(points=111):
    """a and b over the plane: (2, points, points), a to the right and b upward."""
    axis = torch.linspace(-REACH, REACH, points)
    b, a = torch.meshgrid(axis, axis, indexing="ij")
    return torch.stack([a, b])


def _slice(level):
    """Lab colors of the plane at L = ``level``: (3, points, points)."""
    ab = _grid()
    return torch.cat([torch.full_like(ab[:1], level), ab])


def inside(level):
    """Which colors of the plane sRGB can show: bool, (points, points)."""
    return color.in_gamut(_slice(level))


def plane_share(level):
    """The share of the plane from -110 to 110 that sRGB can show at L = ``level``, in [0, 1]."""
    return inside(level).float().mean().item()


def largest_chroma(level):
    """The largest chroma that sRGB can show at L = ``level``, to the step of the grid."""
    return (_grid().norm(dim=0) * inside(level)).max().item()


def draw_plane(axis, level):
    """Draw a slice on an axis: a to the right, b upward, and gray with a black edge where sRGB has no color."""
    rgb = color.lab_to_rgb(_slice(level), clip=False)
    room = torch.minimum(rgb, 1 - rgb).amin(dim=0).numpy()  # how far a color is from the edge; below 0 it is outside
    box = (-REACH, REACH, -REACH, REACH)
    axis.imshow(rgb.clamp(0, 1).movedim(0, -1).numpy(), origin="lower", extent=box, interpolation="bilinear")
    axis.contourf(room, levels=[-99, 0], colors=["0.93"], extent=box)
    if room.max() > 0:
        axis.contour(room, levels=[0], colors="black", linewidths=1, extent=box)
    axis.axhline(0, color="gray", linewidth=0.5)
    axis.axvline(0, color="gray", linewidth=0.5)
    axis.set(xlabel="a", ylabel="b", xticks=[-100, 0, 100], yticks=[-100, 0, 100])


def draw_planes(levels):
    """Slices side by side: a figure."""
    figure, axes = new_figure(1, len(levels), width=2.1 * len(levels), height=2.5, sharey=True)
    for axis, level in zip(axes[0], levels, strict=True):
        draw_plane(axis, level)
        axis.set_title(f"L = {level:g}")
        axis.label_outer()
    return figure


@lru_cache
def _pixels(name):
    """The pixels of a small photograph, or of all five, in Lab and sRGB: two tensors (3, N)."""
    rgb = torch.cat([small(each).flatten(1) for each in (PHOTOS if name == ALL_PHOTOS else [name])], dim=1)
    return color.rgb_to_lab(rgb[:, None])[:, 0], rgb


def pixels_at(name, level, most=1000):
    """Pixels whose L lies within 2 of ``level``, at most ``most`` of them: ab (2, N) and sRGB (3, N)."""
    lab, rgb = _pixels(name)
    near = ((lab[0] - level).abs() <= SLICE).nonzero()[:, 0]
    near = near[:: max(1, -(-len(near) // most))]
    return lab[1:, near], rgb[:, near]


def draw_ab_plane(level, name=NO_PHOTO):
    """The ab plane at a lightness, with the pixels of a photograph that have it: ``(figure, alt)``."""
    figure, axes = new_figure(1, 1, width=4.4, height=4.2)
    axis = axes[0, 0]
    draw_plane(axis, level)
    share, chroma = plane_share(level), largest_chroma(level)
    alt = f"The ab plane at L = {level}: sRGB shows {share:.0%} of it, with a chroma of up to {chroma:.0f}."
    if name != NO_PHOTO:
        ab, rgb = pixels_at(name, level)
        axis.scatter(*ab, c=rgb.T, s=10, edgecolors="black", linewidths=0.3)
        alt += f" {ab.shape[1]} dots: pixels of {name} that are as light."
    axis.set_title(f"L = {level}: {share:.0%} of the plane, chroma up to {chroma:.0f}")
    return figure, alt


@widget("01.ab_plane")
def ab_plane():
    """Move through Lab from black to white and see the gamut."""
    controls = {"level": slider("L", 60, 0, 100, 1), "name": choice("dots", [NO_PHOTO, ALL_PHOTOS, *PHOTOS])}
    return Explorer(draw_ab_plane, controls)


# ---- coarse color, coarse lightness


@lru_cache(maxsize=256)
def measure_subsampled(name, what, factor):
    """The picture with a coarse part, and its PSNR, SSIM and Delta E 2000 against the original."""
    rgb = small(name)
    result = subsample(rgb, factor, what)
    scores = [metric(result, rgb).item() for metric in (metrics.psnr, metrics.ssim, metrics.delta_e)]
    return result, *scores


def draw_subsampled(name, what, factor):
    """A photograph beside itself with coarse ab or coarse L, with three metrics in the title: ``(figure, alt)``."""
    result, psnr, ssim, delta_e = measure_subsampled(name, what, factor)
    figure, axes = new_figure(1, 2, width=6.0, height=2.7)
    draw_picture(axes[0, 0], small(name), f"{name}, as it is")
    draw_picture(axes[0, 1], result, f"one {what} for {factor} x {factor} pixels")
    scores = f"PSNR {psnr:.1f} dB, SSIM {ssim:.3f}, Delta E {delta_e:.1f}" if factor > 1 else "nothing changed"
    figure.suptitle(scores)
    return figure, f"{name} beside itself with one {what} for every {factor} by {factor} pixels: {scores}."


@widget("01.subsampling")
def subsampling():
    """Make color or lightness coarse and see when it shows."""
    controls = {
        "name": choice("picture", [*PHOTOS, CHART], "coffee"),
        "what": choice("make coarse", ["ab", "L"]),
        "factor": slider("pixels along the side", 4, 1, 32, 1),
    }
    return Explorer(draw_subsampled, controls)
