"""Experiments on how pictures look: what a change of resolution, contrast or chroma does to lightness, hue and detail.

Pictures are ``(3, H, W)`` tensors, sRGB in [0, 1]; lists of N colors are pictures of one row, ``(3, 1, N)``.
"""

import math

import torch
import torch.nn.functional as F
from skimage import exposure

from course_lib import color, metrics

# Linear sRGB to the cone responses of Oklab, and their cube roots to its axes.
# Ottosson (2020), "A perceptual color space for image processing".
_OKLAB_CONES = torch.tensor(
    [[0.41222147, 0.53633254, 0.05144599], [0.21190350, 0.68069955, 0.10739696], [0.08830246, 0.28171884, 0.62997870]]
)
_OKLAB_AXES = torch.tensor(
    [
        [0.21045426, 0.79361779, -0.00407205],
        [1.97799850, -2.42859221, 0.45059371],
        [0.02590404, 0.78277177, -0.80867577],
    ]
)


def coarse(x, factor):
    """The mean of every ``factor`` x ``factor`` pixels, spread smoothly over the same pixels again: (C, H, W)."""
    height, width = x.shape[-2:]
    small = F.interpolate(x[None], size=(-(-height // factor), -(-width // factor)), mode="area")
    return F.interpolate(small, size=(height, width), mode="bilinear")[0]


def subsample(rgb, factor, what="ab"):
    """A picture of which one part was stored at a coarser resolution.

    Parameters
    ----------
    rgb : tensor, (3, H, W)
    factor : int
        Pixels along the side of the squares that share one value; 1 changes nothing.
    what : {'ab', 'L'}
        The part that becomes coarse.

    Returns
    -------
    rgb : tensor, (3, H, W)
    """
    if what not in ("ab", "L"):
        raise ValueError(f"subsample makes 'ab' or 'L' coarse, got {what!r}.")
    lab = color.rgb_to_lab(rgb)
    lightness, ab = lab[:1], lab[1:]
    if what == "ab":
        return color.join(lightness, coarse(ab, factor))
    return color.join(coarse(lightness, factor), ab)


def equalize(x):
    """Histogram equalization of one channel: (H, W) in [0, 1] to (H, W) in [0, 1], all values about equally frequent."""
    return torch.from_numpy(exposure.equalize_hist(x.numpy())).to(x.dtype)


def stretch(x, share=0.01):
    """More contrast for one channel, (H, W) in [0, 1]: its darkest and lightest hundredth become 0 and 1."""
    low, high = torch.quantile(x, torch.tensor([share, 1 - share]))
    return ((x - low) / (high - low).clamp(min=1e-6)).clamp(0, 1)


def hue(lab):
    """The hue angle of Lab colors in degrees, 0 to 360: (3, H, W) to (H, W)."""
    return torch.rad2deg(torch.atan2(lab[2], lab[1])) % 360


def hue_shift(rgb, true_rgb, min_chroma=10.0):
    """By how many degrees the hue of a picture has turned in the mean, over the pixels that had a chroma above ``min_chroma``."""
    lab, true_lab = color.rgb_to_lab(rgb), color.rgb_to_lab(true_rgb)
    colored = true_lab[1:].norm(dim=0) > min_chroma
    return turn(hue(lab), hue(true_lab))[colored].mean()


def turn(angle, other):
    """The smaller angle between two directions in degrees, 0 to 180."""
    return ((angle - other + 180) % 360 - 180).abs()


def oklab_hue(rgb):
    """The hue angle in Oklab, a color space fitted to constant hue, in degrees: (3, H, W) to (H, W). Ottosson (2020)."""
    cones = torch.einsum("ij,jhw->ihw", _OKLAB_CONES, color.srgb_to_linear(rgb)).clamp(min=0) ** (1 / 3)
    _, a, b = torch.einsum("ij,jhw->ihw", _OKLAB_AXES, cones)
    return torch.rad2deg(torch.atan2(b, a)) % 360


def pairs_at_rgb_distance(count, distance, generator):
    """Random pairs of colors whose sRGB values are ``distance`` apart: two tensors (3, 1, N), N at most ``count``."""
    one = torch.rand(3, 1, count, generator=generator)
    other = one + distance * _directions(count, generator)
    inside = ((other >= 0) & (other <= 1)).all(dim=0)[0]
    return one[..., inside], other[..., inside]


def pairs_at_lab_distance(count, distance, generator):
    """Random pairs of colors in the sRGB gamut that are ``distance`` apart in Lab: two sRGB tensors (3, 1, N), N at most ``count``."""
    one = torch.rand(3, 1, count, generator=generator)
    lab = color.rgb_to_lab(one) + distance * _directions(count, generator)
    inside = color.in_gamut(lab)[0]
    return one[..., inside], color.lab_to_rgb(lab[..., inside])


def _directions(count, generator):
    return F.normalize(torch.randn(3, 1, count, generator=generator), dim=0)


def step_of_delta_e(start, direction, delta_e, steps=30):
    """The color that lies ``delta_e`` (Delta E 2000) from another one.

    Parameters
    ----------
    start : tensor, (3, 1, N)
        sRGB in [0, 1].
    direction : tensor, (3, 1, N)
        Where to go in sRGB; the whole step ``start + direction`` must lie in [0, 1].
    delta_e : float

    Returns
    -------
    other : tensor, (3, 1, N)
        ``start + t * direction`` with t in [0, 1]; t = 1 where even the whole step is smaller than ``delta_e``.
    """
    low, high = torch.zeros(1, 1, start.shape[2]), torch.ones(1, 1, start.shape[2])
    for _ in range(steps):
        middle = (low + high) / 2
        near = metrics.delta_e_map(start + middle * direction, start) < delta_e
        low, high = torch.where(near, middle, low), torch.where(near, high, middle)
    return start + high * direction


LEVEL = 5.0  # pixels whose L lies in the same interval of this width count as equally light


def mean_color_table(lab):
    """The mean a and b of equally light pixels.

    Parameters
    ----------
    lab : tensor, (3, N) or (3, H, W)

    Returns
    -------
    table : tensor, (2, 21)
        One column for every 5 units of L: a pixel belongs to column ``L // 5``. 0 where there was no pixel.
    """
    level, ab = (lab[0].flatten() / LEVEL).long(), lab[1:].flatten(1)
    columns = int(100 / LEVEL) + 1
    count = torch.bincount(level, minlength=columns).clamp(min=1)
    return torch.zeros(2, columns).index_add(1, level, ab) / count


def spread_given_lightness(lab):
    """How far a and b still spread among pixels of the same lightness.

    Parameters
    ----------
    lab : tensor, (3, N) or (3, H, W)

    Returns
    -------
    spread : tensor, ()
        Root mean square distance in ab of a pixel from the mean of the equally light ones.
    overall : tensor, ()
        The same from the mean of all pixels.
    """
    level, ab = (lab[0].flatten() / LEVEL).long(), lab[1:].flatten(1)
    return _rms(ab - mean_color_table(lab)[:, level]), _rms(ab - ab.mean(dim=1, keepdim=True))


def _rms(ab):
    return ab.square().sum(dim=0).mean().sqrt()


def color_ring(lightness, chroma, count):
    """Colors of one lightness and chroma, with ``count`` hues around the circle: sRGB, (3, 1, count).

    Raises
    ------
    ValueError
        sRGB cannot show all of them.
    """
    angle = torch.arange(count) * 2 * math.pi / count
    lab = torch.stack([torch.full_like(angle, lightness), chroma * angle.cos(), chroma * angle.sin()])[:, None]
    if not color.in_gamut(lab).all():
        raise ValueError(f"sRGB cannot show every hue at L = {lightness:g} and chroma {chroma:g}: take less chroma.")
    return color.lab_to_rgb(lab)
