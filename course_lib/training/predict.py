"""From a grey picture to a colorized one, through a network that was just trained."""

import torch.nn.functional as F

from course_lib import color, colorizing


def predict_ab(model, picture, side=None):
    """The colors that a network gives a picture.

    Parameters
    ----------
    model : nn.Module
        Takes l (B, 1, H, W) in network units. What it answers is ab (B, 2, H, W) in network units, or what its method ``to_ab`` makes
        colors of.
    picture : tensor, (B, 3, H, W), (3, H, W), (B, 1, H, W) or (1, H, W)
        sRGB in [0, 1], of which only the lightness is used, or L in [0, 100].
    side : int, optional
        Show the picture to the network with its shorter side at this many pixels; as it is by default.

    Returns
    -------
    ab : tensor, (B, 2, h, w)
        Natural units, at the resolution of the network's answer. On the CPU.
    """
    lightness = _lightness(picture)
    if side is not None:
        lightness = _shrink(lightness, side)
    return colorizing.predict_ab(model, lightness)


def predict(model, picture, side=None):
    """Colorize a picture, a batch or a single one: sRGB at its full resolution, with its lightness. Parameters as in `predict_ab`."""
    lightness = _lightness(picture)
    rgb = color.join(lightness, predict_ab(model, lightness, side))
    return rgb if picture.ndim == 4 else rgb[0]


def _lightness(picture):
    """L in [0, 100] of sRGB or L, always as a batch: (B, 1, H, W)."""
    batch = picture if picture.ndim == 4 else picture[None]
    if batch.ndim != 4 or batch.shape[1] not in (1, 3):
        raise color.PictureError(
            f"predict takes sRGB (3, H, W) or L (1, H, W), or a batch, got {tuple(picture.shape)}."
        )
    return batch.float() if batch.shape[1] == 1 else color.to_gray(batch)


def _shrink(lightness, side):
    height, width = lightness.shape[-2:]
    scale = side / min(height, width)
    size = (round(height * scale), round(width * scale))
    return F.interpolate(lightness, size=size, mode="bilinear", antialias=True)
