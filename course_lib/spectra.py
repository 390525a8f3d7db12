"""Light as it really is, a curve over wavelength, and how three numbers come of it: enough to show two surfaces that match by day only.

Wavelengths are in nanometers. Lights are black bodies, which come close to daylight (6500 K) and to a filament lamp (2856 K).
"""

import torch

from course_lib.color import RGB_TO_XYZ, WHITE, linear_to_srgb

WAVELENGTHS = torch.arange(400.0, 701.0, 5.0)
DAYLIGHT, LAMP = 6500.0, 2856.0  # kelvin

# Height, center, width to the left and to the right of the lobes of the 1931 observer (Wyman, Sloan and Shirley 2013, JCGT 2(2)).
_LOBES = (
    ((1.056, 599.8, 37.9, 31.0), (0.362, 442.0, 16.0, 26.7), (-0.065, 501.1, 20.4, 26.2)),
    ((0.821, 568.8, 46.9, 40.5), (0.286, 530.9, 16.3, 31.1)),
    ((1.217, 437.0, 11.8, 36.0), (0.681, 459.0, 26.0, 13.8)),
)
_PLANCK = 1.4388e7  # nanometers times kelvin: h c / k


def observer():
    """How strongly each wavelength counts in X, Y and Z: (3, wavelengths)."""
    return torch.stack([sum(_lobe(*lobe) for lobe in lobes) for lobes in _LOBES])


def _lobe(height, center, left, right):
    offset = WAVELENGTHS - center
    width = torch.where(offset < 0, torch.tensor(left), torch.tensor(right))
    return height * torch.exp(-0.5 * (offset / width) ** 2)


def black_body(kelvin):
    """The power of a glowing body over the wavelengths, 1 at its strongest: (wavelengths,). Planck's law."""
    power = WAVELENGTHS**-5 / torch.expm1(_PLANCK / (WAVELENGTHS * kelvin))
    return power / power.max()


def seen(reflectance, kelvin):
    """The color of surfaces under a light, to an eye that has adapted to it.

    Parameters
    ----------
    reflectance : tensor, (N, wavelengths)
        The share of the light that comes back, in [0, 1].
    kelvin : float
        Of the light.

    Returns
    -------
    rgb : tensor, (3, 1, N)
        sRGB; the white of that light comes out as white, as if adaptation were perfect. Below 0 or above 1 outside the gamut.
    """
    weights = observer() * black_body(kelvin)
    xyz = WHITE.float()[:, None] * (weights @ reflectance.T) / weights.sum(dim=1, keepdim=True)
    return linear_to_srgb(torch.linalg.inv(RGB_TO_XYZ).float() @ xyz)[:, None]


def metamers():
    """Two surfaces of the same color by daylight and of different color by lamplight: reflectances, (2, wavelengths)."""
    bumps = torch.stack([torch.exp(-0.5 * ((WAVELENGTHS - center) / 24) ** 2) for center in range(420, 690, 30)])
    by_day = observer() * black_body(DAYLIGHT) @ bumps.T  # (3, bumps)
    invisible = torch.linalg.svd(by_day).Vh[3:]  # mixtures of bumps that daylight does not show
    by_lamp = observer() * black_body(LAMP) @ bumps.T
    strongest = torch.linalg.svd(by_lamp @ invisible.T).Vh[0] @ invisible
    difference = strongest @ bumps
    difference = 0.3 * difference / difference.abs().max()
    return torch.stack([0.4 + difference, 0.4 - difference])
