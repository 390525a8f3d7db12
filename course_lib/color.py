"""sRGB and CIE L*a*b* on tensors: conversion, the one place of normalization, gamut, gray.

Pictures are ``(B, 3, H, W)`` or ``(3, H, W)`` tensors on any device, sRGB in [0, 1], channels in the order red, green, blue. Lab is
CIE 1976 L*a*b* under D65 for the 2 degree observer, in its natural units: L in [0, 100], a and b about -110 to 110. Everything is made of
differentiable tensor operations.

References
----------
IEC 61966-2-1:1999 (sRGB: the transfer curve and the matrix). CIE 15:2004, section 8.2.1 (L*a*b*).
"""

import torch
import torch.nn.functional as F
from numpy.polynomial import Chebyshev, Polynomial

# Linear sRGB to XYZ, the white point of D65 (2 degrees), as in scikit-image, so that the two can be compared.
RGB_TO_XYZ = torch.tensor(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]],
    dtype=torch.float64,
)
WHITE = torch.tensor([0.95047, 1.0, 1.08883], dtype=torch.float64)

# L + 16, a and b from the three values f(X / Xn), f(Y / Yn), f(Z / Zn).
_F_TO_LAB = torch.tensor([[0.0, 116.0, 0.0], [500.0, -500.0, 0.0], [0.0, 200.0, -200.0]], dtype=torch.float64)
_XYZ_OVER_WHITE = RGB_TO_XYZ / WHITE[:, None]
_RGB_FROM_XYZ_OVER_WHITE = torch.linalg.inv(_XYZ_OVER_WHITE)

_SRGB_KNEE = 0.04045  # where the sRGB curve turns from a line into a power
_LINEAR_KNEE = _SRGB_KNEE / 12.92
_DELTA = 6 / 29  # where the Lab curve turns from a line into a cube root

L_SCALE = 50.0  # network units: l = L / 50 - 1
AB_SCALE = 110.0  # network units: ab = (a, b) / 110

_ROUNDING = 1e-4  # what resizing and arithmetic may add to the ends of [0, 1]


class PictureError(ValueError):
    """A picture that cannot be used; the message says what was wrong and what to do."""


def check_rgb(rgb):
    """Return ``rgb`` as floating-point sRGB in [0, 1], or say what is wrong with it.

    Parameters
    ----------
    rgb : tensor, (..., 3, H, W)
        Floating point in [0, 1], or uint8 in 0..255, which is scaled.

    Raises
    ------
    PictureError
        Not a tensor, no three channels in the third place from the end, NaN or infinite values, or values outside [0, 1].
    """
    _check_channels(rgb, "an sRGB picture")
    if rgb.dtype == torch.uint8:
        return rgb.float() / 255
    if not rgb.is_floating_point():
        raise PictureError(f"The picture holds {rgb.dtype}. Use float values in [0, 1] or uint8 in 0..255.")
    if rgb.numel() == 0:
        raise PictureError(f"The picture is empty: its shape is {tuple(rgb.shape)}.")
    low, high = (value.item() for value in rgb.detach().aminmax())
    if low >= -_ROUNDING and high <= 1 + _ROUNDING:
        return rgb
    raise PictureError(_why_out_of_range(low, high))


def _check_channels(picture, what):
    if not isinstance(picture, torch.Tensor):
        kind = type(picture).__name__
        raise PictureError(
            f"Expected {what} as a tensor, got {kind}. course_lib.data.as_image makes one from an array."
        )
    if picture.ndim in (3, 4) and picture.shape[-3] == 3:
        return
    shape = tuple(picture.shape)
    if picture.ndim in (3, 4) and shape[-1] == 3:
        raise PictureError(
            f"Expected {what} with channels first, got {shape}. Channels are last: use x.movedim(-1, -3)."
        )
    raise PictureError(f"Expected {what} of shape (3, H, W) or (B, 3, H, W), got {shape}.")


def _why_out_of_range(low, high):
    if low != low or high != high or abs(low) == float("inf") or abs(high) == float("inf"):
        return "The picture holds NaN or infinite values. Look for a division by zero, or use torch.nan_to_num."
    found = f"sRGB must lie in [0, 1], but the values run from {low:.3g} to {high:.3g}."
    if low >= 0 and high <= 255.5 and high > 2:
        return f"{found} They look like 0..255: divide by 255, or pass uint8."
    if low < -2:
        return f"{found} They look like Lab: use lab_to_rgb first."
    if low < 0 and high <= 1 + _ROUNDING:
        return f"{found} They look like -1..1: use (x + 1) / 2."
    return f"{found} Use x.clamp(0, 1) if a filter overshot."


# Making a tensor costs as much time as a multiplication, so results are written over one another where autograd does not need them:
# ``out=_over(y)`` is y itself without gradients, and a new tensor with them.


def _over(y):
    return None if y.requires_grad else y


def _power(x, exponent):
    """``x ** exponent`` for positive x; torch's own pow takes 1.4 times as long as these three steps."""
    y = torch.log(x).mul_(exponent)
    return torch.exp(y, out=_over(y))


def _polynomial(coefficients, x):
    """The sum of ``coefficients[k] * x ** k``, by Horner's rule."""
    y = x * coefficients[-1]
    for c in coefficients[-2:0:-1]:
        y = torch.mul(y.add_(c), x, out=_over(y))
    return y.add_(coefficients[0])


def _gamma_polynomial(degree=6):
    """Coefficients c so that what the power of the sRGB curve adds to the line ``x / 12.92`` is ``sum(c[k] * (x + 0.055) ** (k / 2))``.

    Within 2e-7 above the knee. In x itself the same accuracy would take degree 10: the square root moves the branch point at -0.055 away.
    """
    ends = [(_SRGB_KNEE + 0.055) ** 0.5, 1.055**0.5]
    rest = Chebyshev.interpolate(lambda root: (root**2 / 1.055) ** 2.4 - (root**2 - 0.055) / 12.92, degree, domain=ends)
    return rest.convert(kind=Polynomial).coef.tolist()


def _mix_channels(matrix, x):
    """Multiply the channels of (..., 3, H, W) by a 3 x 3 matrix."""
    matrix = matrix.to(device=x.device, dtype=x.dtype)
    return (matrix @ x.flatten(-2)).unflatten(-1, x.shape[-2:])


_GAMMA = _gamma_polynomial()

# Each of the other curves is a line below a knee and a power above it. The power of what is held above the knee, plus the line of what is
# left over, is the same function without torch.where, which would cost more than the power itself; and no gradient is ever 0 * inf.


def _add_line(power, x, above, slope):
    """``power + slope * (x - above)``."""
    out = _over(power)
    return torch.add(torch.add(power, x, alpha=slope, out=out), above, alpha=-slope, out=out)


def srgb_to_linear(x):
    """Undo the sRGB transfer curve: display values in [0, 1] to amounts of light in [0, 1].

    The formula is ``((x + 0.055) / 1.055) ** 2.4`` above 0.04045 and ``x / 12.92`` below. What the power adds to the line is evaluated as
    a polynomial of a square root, which takes 0.7 times as long as a power.
    """
    rest = _polynomial(_GAMMA, x.clamp(min=_SRGB_KNEE).add_(0.055).sqrt_())
    return torch.add(rest, x, alpha=1 / 12.92, out=_over(rest))


def linear_to_srgb(x):
    """The sRGB transfer curve: amounts of light to display values; values below 0 stay below 0."""
    above = x.clamp(min=_LINEAR_KNEE)
    power = 1.055 * _power(above, 1 / 2.4) - 0.055
    return _add_line(power, x, above, 12.92)


def _lab_curve(t):
    """f(t) of CIE 15:2004, equation 8.6: a cube root with a straight foot."""
    above = t.clamp(min=_DELTA**3)
    return _add_line(_power(above, 1 / 3), t, above, 1 / (3 * _DELTA**2))


def _lab_curve_inverse(f):
    above = f.clamp(min=_DELTA)
    return _add_line(above * above * above, f, above, 3 * _DELTA**2)


def rgb_to_lab(rgb):
    """Convert sRGB to CIE L*a*b*.

    Parameters
    ----------
    rgb : tensor, (B, 3, H, W) or (3, H, W)
        sRGB in [0, 1], or uint8, which is scaled.

    Returns
    -------
    lab : tensor of the same shape
        L in [0, 100]; a and b in natural units. Gray pictures have a and b within 0.01 of 0.

    Raises
    ------
    PictureError
        The values lie outside [0, 1] or the shape is not a picture's; the message says what was probably meant.
    """
    light = srgb_to_linear(check_rgb(rgb))
    lab = _mix_channels(_F_TO_LAB, _lab_curve(_mix_channels(_XYZ_OVER_WHITE, light)))
    lab.narrow(-3, 0, 1).sub_(16)
    return lab


def lab_to_rgb(lab, clip=True):
    """Convert CIE L*a*b* to sRGB.

    Parameters
    ----------
    lab : tensor, (B, 3, H, W) or (3, H, W)
        L in [0, 100]; a and b in natural units.
    clip : bool
        Cut the result to [0, 1]. Without it, colors that sRGB cannot show come out below 0 or above 1.

    Returns
    -------
    rgb : tensor of the same shape
    """
    level, offsets = _split_lab(lab)
    rgb = linear_to_srgb(_linear_of(level + offsets))
    return rgb.clamp(0, 1) if clip else rgb


def _split_lab(lab):
    """The curved Y / Yn of a Lab picture, (..., 1, H, W), and what a and b add to it for X, Y and Z, (..., 3, H, W)."""
    _check_channels(lab, "a Lab picture")
    l, a, b = (lab.narrow(-3, channel, 1) for channel in range(3))  # noqa: E741 - l is the symbol of the field
    return (l + 16) / 116, torch.cat([a / 500, torch.zeros_like(a), b / -200], dim=-3)


def _linear_of(f):
    """Amounts of light of the three primaries from the curved X, Y and Z; outside [0, 1] for colors that sRGB cannot show."""
    return _mix_channels(_RGB_FROM_XYZ_OVER_WHITE, _lab_curve_inverse(f))


def normalize(lab):
    """Lab in natural units to network units.

    Parameters
    ----------
    lab : tensor, (..., 3, H, W)

    Returns
    -------
    l : tensor, (..., 1, H, W)
        L / 50 - 1, in [-1, 1].
    ab : tensor, (..., 2, H, W)
        (a, b) / 110, about -1 to 1.
    """
    _check_channels(lab, "a Lab picture")
    return normalize_lightness(lab.narrow(-3, 0, 1)), lab.narrow(-3, 1, 2) / AB_SCALE


def normalize_lightness(lightness):
    """L alone, (..., 1, H, W), to network units, as `normalize` gives it."""
    return lightness / L_SCALE - 1


def denormalize(l, ab):  # noqa: E741 - l is the symbol of the field
    """Network units back to Lab in natural units: the inverse of `normalize`, (..., 3, H, W)."""
    return torch.cat([(l + 1) * L_SCALE, ab * AB_SCALE], dim=-3)


def to_gray(rgb):
    """The lightness L of an sRGB picture, in [0, 100]: (..., 1, H, W)."""
    light = srgb_to_linear(check_rgb(rgb))
    return _lab_curve(_mix_channels(_XYZ_OVER_WHITE[1:2], light)) * 116 - 16


def in_gamut(lab, tolerance=1e-4):
    """Which pixels sRGB can show.

    Parameters
    ----------
    lab : tensor, (..., 3, H, W)
    tolerance : float
        How far outside [0, 1] a channel may lie, for rounding.

    Returns
    -------
    mask : bool tensor, (..., H, W)
    """
    level, offsets = _split_lab(lab)
    return _fits(_linear_of(level + offsets), tolerance)


def _fits(light, tolerance=1e-4):
    """Which pixels of linear light sRGB can show: since the transfer curve rises, the answer needs no power."""
    red, green, blue = light.unbind(-3)
    lowest = torch.minimum(torch.minimum(red, green), blue)
    highest = torch.maximum(torch.maximum(red, green), blue)
    return (lowest >= -tolerance / 12.92) & (highest <= ((1 + tolerance + 0.055) / 1.055) ** 2.4)


def limit_chroma(lab, steps=12):
    """Bring colors that sRGB cannot show into its gamut by less chroma, at the same lightness and hue.

    Cutting RGB values off instead, as ``lab_to_rgb`` does, changes the lightness as well.

    Parameters
    ----------
    lab : tensor, (..., 3, H, W)
    steps : int
        Halvings of the interval in which the largest chroma that fits is searched.

    Returns
    -------
    lab : tensor of the same shape
        Pixels that were in the gamut are unchanged.
    """
    outside = (~in_gamut(lab)).flatten().nonzero()[:, 0]
    if len(outside) == 0:
        return lab
    pixels = lab.movedim(-3, 0).flatten(1)  # (3, N)
    chosen = pixels.index_select(1, outside)[:, None]  # a picture of one row: only these pixels need the search
    scale = _largest_scale(*_split_lab(chosen), steps)
    limited = torch.cat([chosen[:1], chosen[1:] * scale])[:, 0]
    shape = (3, *lab.shape[:-3], *lab.shape[-2:])
    return pixels.index_copy(1, outside, limited).reshape(shape).movedim(0, -3)


def _largest_scale(level, offsets, steps):
    """The largest factor of a and b, up to 1, with which each pixel fits, by halving an interval: (1, H, W)."""
    low, high = torch.zeros_like(level), torch.ones_like(level)
    for _ in range(steps):
        middle = (low + high) / 2
        fits = _fits(_linear_of(level + offsets * middle))
        low, high = torch.where(fits, middle, low), torch.where(fits, high, middle)
    return low


def join(l, ab, size=None):  # noqa: E741 - l is the symbol of the field
    """Make a picture of a lightness and a color map, keeping the lightness.

    Parameters
    ----------
    l : tensor, (..., 1, H, W)
        L in natural units, [0, 100].
    ab : tensor, (..., 2, h, w)
        a and b in natural units, of any resolution: they are brought to that of the picture.
    size : (int, int), optional
        Height and width of the picture; that of ``l`` by default.

    Returns
    -------
    rgb : tensor, (..., 3, H, W)
        sRGB in [0, 1]. Its L is ``l``: colors outside the gamut lose chroma, not lightness.
    """
    if l.shape[-3] != 1 or ab.shape[-3] != 2:
        raise PictureError(
            f"join takes L (..., 1, H, W) and ab (..., 2, h, w), got {tuple(l.shape)} and {tuple(ab.shape)}."
        )
    size = tuple(size or l.shape[-2:])
    lab = torch.cat([_resize(l, size), _resize(ab, size)], dim=-3)
    return lab_to_rgb(limit_chroma(lab))


def without_color(rgb):
    """The gray picture of the same lightness, as sRGB: (..., 3, H, W) to (..., 3, H, W)."""
    l = to_gray(rgb)  # noqa: E741 - l is the symbol of the field
    return join(l, torch.zeros_like(l).expand(*l.shape[:-3], 2, -1, -1))


def _resize(x, size):
    if tuple(x.shape[-2:]) == size:
        return x
    batch = x if x.ndim == 4 else x[None]
    # Antialiasing matters when ab is larger than the picture; it costs nothing when it is smaller.
    resized = F.interpolate(batch, size=size, mode="bilinear", antialias=True)
    return resized if x.ndim == 4 else resized[0]
