"""How good is a colorization: colorfulness, PSNR, SSIM, color difference and AuC.

All but AuC take sRGB pictures in [0, 1], ``(B, 3, H, W)`` or ``(3, H, W)``, and give one number per picture, ``(B,)`` (a batch of one for
a single picture). AuC takes color maps and gives one number for all of them.
"""

import torch
from skimage.color import deltaE_ciede2000
from skimage.metrics import structural_similarity

from course_lib import bins
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


def auc(pred_ab, true_ab, weights=None, max_threshold=150):
    """How many pixels have nearly the right color: the raw accuracy of Zhang, Isola and Efros (2016), section 3.1.

    The share of pixels whose predicted ab lies within a threshold of the truth, as a curve over thresholds from 0 to
    ``max_threshold``; the area under it, normalized to 1.

    Parameters
    ----------
    pred_ab, true_ab : tensors, (B, 2, H, W)
        Natural units.
    weights : tensor, (B, H, W), optional
        How much each pixel counts, on any scale: `pixel_weights` gives those of the class-balanced variant. By default all
        pixels count the same, and since most are nearly gray, a gray answer does well.
    max_threshold : float
        Distance in ab from which on an answer counts as entirely wrong.

    Returns
    -------
    auc : float
        0 to 1; 1 when every color is right.

    Raises
    ------
    PictureError
        The maps or weights do not fit together, a color is NaN, or the weights are negative or all 0.

    Notes
    -----
    A pixel at distance d is within the threshold from d on, so the area is ``1 - mean(min(d, max_threshold)) / max_threshold``, with no
    curve and no steps. The trapezoidal rule over whole thresholds 0, 1, ... 150 differs from that by at most half a step, 1/300: it is that
    much higher where distances are whole numbers, and that much lower where they are just above.

    Over several batches, or for bootstrap intervals, AuC is the mean of the pictures' values weighted by the sums of their ``weights``.
    """
    if pred_ab.shape != true_ab.shape or true_ab.ndim != 4 or true_ab.shape[1] != 2:
        raise PictureError(
            f"AuC compares color maps of one shape (B, 2, H, W), got {tuple(pred_ab.shape)} and {tuple(true_ab.shape)}."
        )
    distance = torch.linalg.vector_norm(pred_ab.float() - true_ab.float(), dim=1)
    accuracy = 1 - distance.clamp(max=max_threshold).double() / max_threshold
    if accuracy.isnan().any():
        raise PictureError("A color map holds NaN. Look for a division by zero in the network or its loss.")
    if weights is None:
        return accuracy.mean().item()
    return _weighted_mean(accuracy, weights)


def _weighted_mean(values, weights):
    if weights.shape != values.shape:
        raise PictureError(
            f"Weights must be one per pixel, {tuple(values.shape)}, got {tuple(weights.shape)}. pixel_weights makes them."
        )
    weights = weights.to(values)
    total = weights.sum()
    if not (weights >= 0).all() or not 0 < total < torch.inf:
        raise PictureError("Weights must be 0 or more, finite, and not all 0.")
    return ((values * weights).sum() / total).item()


def pixel_weights(true_ab, prior):
    """Weights for the class-balanced AuC: each pixel counts inversely to how common its true color is.

    The weights are 1 / prior of the nearest bin, as in Zhang, Isola and Efros (2016), section 3.1: equation 4 with a mixing of 0.

    Parameters
    ----------
    true_ab : tensor, (B, 2, H, W)
        Natural units.
    prior : tensor, (313,)
        How common each bin is, from `bins.color_prior`. The paper takes that of the training pictures. A bin that never occurred
        there counts as the rarest one that did.

    Returns
    -------
    weights : tensor, (B, H, W)
        Their expectation over pixels that are distributed as the prior says is the number of its bins.

    Notes
    -----
    Among few pictures a single one may hold much of all the weight, when it shows a color that was rarer in training. The prior of the
    pictures themselves gives every bin that occurs in them exactly the same weight, which varies less from sample to sample.
    """
    if prior.shape != (bins.COUNT,) or not (prior >= 0).all() or not prior.sum() > 0:
        raise PictureError(
            f"The prior must be {bins.COUNT} shares, from bins.color_prior; this is {tuple(prior.shape)} or negative or all 0."
        )
    rarest = prior[prior > 0].min()
    return (1 / prior.clamp(min=rarest)).to(true_ab.device)[bins.encode_hard(true_ab)]


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
