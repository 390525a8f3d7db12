"""How good is a colorization: colorfulness, PSNR, SSIM and color difference.

All take sRGB pictures in [0, 1], ``(B, 3, H, W)`` or ``(3, H, W)``, and give one number per picture, ``(B,)`` (a batch of one for a
single picture).
"""

import torch
from skimage.color import deltaE_ciede2000
from skimage.metrics import structural_similarity

from course_lib.color import PictureError, check_rgb, rgb_to_lab


def colorfulness(rgb):
    """Colorfulness M3 of Hasler and Süsstrunk (2003), section 7, on the 0..255 scale as published.

    Parameters
    ----------
    rgb : tensor, (B, 3, H, W) or (3, H, W)

    Returns
    -------
    m3 : tensor, (B,)
        0 for gray; the paper calls 15 slightly colorful, 45 averagely, 82 highly, 109 extremely colorful.

    Notes
    -----
    The opponent values are signed: with absolute values a picture that is half red, half cyan would fall from 285 to 86.
    Standard deviations divide by the number of pixels.
    """
    red, green, blue = (_batch(check_rgb(rgb)) * 255).unbind(1)
    rg, yb = red - green, (red + green) / 2 - blue
    spread = torch.hypot(_std(rg), _std(yb))
    offset = torch.hypot(rg.mean(dim=(1, 2)), yb.mean(dim=(1, 2)))
    return spread + 0.3 * offset


def psnr(rgb, true_rgb):
    """Peak signal-to-noise ratio in dB, over all three channels of each picture: (B,); infinite for equal pictures."""
    rgb, true_rgb = _pair(rgb, true_rgb)
    error = (rgb - true_rgb).square().mean(dim=(1, 2, 3))
    return -10 * torch.log10(error)


def ssim(rgb, true_rgb):
    """Structural similarity of Wang et al. (2004) with their Gaussian window, averaged over the channels, by scikit-image: (B,).

    Raises
    ------
    PictureError
        A side is shorter than the window, 11 pixels.
    """
    rgb, true_rgb = _pair(rgb, true_rgb)
    if min(rgb.shape[-2:]) < 11:
        raise PictureError(
            f"SSIM compares windows of 11 x 11 pixels; these pictures are {tuple(rgb.shape[-2:])}. Use larger ones."
        )
    values = [
        structural_similarity(
            _to_numpy(a),
            _to_numpy(b),
            channel_axis=0,
            data_range=1.0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        for a, b in zip(rgb, true_rgb, strict=True)
    ]
    return torch.tensor(values)


def delta_e(rgb, true_rgb):
    """Mean color difference Delta E 2000 of each picture, by scikit-image: (B,). About 1 is just noticeable."""
    return delta_e_map(rgb, true_rgb).mean(dim=(1, 2))


def delta_e_map(rgb, true_rgb):
    """Delta E 2000 of every pixel: (B, H, W)."""
    lab, true_lab = (_to_numpy(rgb_to_lab(x)) for x in _pair(rgb, true_rgb))
    return torch.from_numpy(deltaE_ciede2000(lab, true_lab, channel_axis=1)).float()


def _batch(rgb):
    return rgb if rgb.ndim == 4 else rgb[None]


def _pair(rgb, true_rgb):
    """Both pictures as batches in [0, 1]: differences of uint8 would wrap around."""
    rgb, true_rgb = _batch(check_rgb(rgb)), _batch(check_rgb(true_rgb))
    if rgb.shape != true_rgb.shape:
        raise PictureError(
            f"Pictures to compare must have one shape, got {tuple(rgb.shape)} and {tuple(true_rgb.shape)}."
        )
    return rgb, true_rgb


def _std(x):
    return x.std(dim=(1, 2), correction=0)


def _to_numpy(x):
    return x.detach().double().cpu().numpy()
