"""How good is a colorization: colorfulness, PSNR, SSIM, color difference, color patches, AuC and Fréchet distance.

All but the last two take sRGB pictures in [0, 1], ``(B, 3, H, W)`` or ``(3, H, W)``, and give one number per picture, ``(B,)`` (a batch of
one for a single picture). AuC takes color maps, the Fréchet distance takes features of a network; each gives one number for all pictures.
For films there are `warp_error` and `cdc`, from `course_lib.temporal`: one number for the frames of a film.
"""

import torch
from skimage.color import deltaE_ciede2000
from skimage.metrics import structural_similarity

from course_lib import bins
from course_lib.color import PictureError, check_rgb, rgb_to_lab
from course_lib.temporal import cdc, warp_error  # noqa: F401 - metrics too, in a file of their own

_FLAT = 0.5  # units of L: a color edge on a flat lightness is not to be called rough for the rounding of its sRGB


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


def color_patches(rgb):
    """How much the color changes where the lightness does not: blotches, grids and checkerboards that a network invented.

    A measure of our own, not from a paper. Each pixel's color difference is the norm of the forward differences of a and b, to the right
    and below, and its lightness difference that of L. The value is the mean color difference over the smooth half of the picture: the
    pixels whose lightness difference is at most the median, or at most 0.5, which rounding to 8 bits can make of a flat area.

    Parameters
    ----------
    rgb : tensor, (B, 3, H, W) or (3, H, W)
        At least 2 x 2 pixels.

    Returns
    -------
    change : tensor, (B,)
        Natural units of ab per pixel, 0 or more; the higher, the patchier. 0 for gray and for one flat color.

    Raises
    ------
    PictureError
        Not a picture, or a side of 1 pixel, which has no differences.

    Notes
    -----
    Photographs have a value above 0 too: noise, textures, and borders between colors of one lightness. So read it as a ratio to the value
    of the true picture at the same size: above 1 there are more patches than in truth, below 1 the color is flatter.

    It grows with the chroma (half the chroma is half the value), so look at `colorfulness` beside it. A coarser color map takes the color
    of textures away, and lets the color of edges bleed into smooth places: mostly it lowers the value, so compare networks of one output
    resolution.

    A color edge on a strong edge of the lightness is where it belongs, and is not seen as long as it lies in the other, rough half.
    """
    lab = _batch(rgb_to_lab(rgb))
    if min(lab.shape[-2:]) < 2:
        raise PictureError(f"Differences need neighbors; this picture is {tuple(lab.shape[-2:])}. Use 2 x 2 or more.")
    here, right, below = lab[..., :-1, :-1], lab[..., :-1, 1:], lab[..., 1:, :-1]
    differences = torch.stack([right - here, below - here], dim=2)  # (B, 3, 2, H - 1, W - 1)
    lightness = torch.linalg.vector_norm(differences[:, 0], dim=1)
    color = torch.linalg.vector_norm(differences[:, 1:], dim=(1, 2))
    median = lightness.flatten(1).median(dim=1).values.clamp(min=_FLAT)
    smooth = lightness <= median[:, None, None]
    return (color * smooth).sum(dim=(1, 2)) / smooth.sum(dim=(1, 2))


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


def patch_colors(rgb, size=4, count=8):
    """The colors of small patches of pictures, as lists of numbers for `frechet_distance`.

    Parameters
    ----------
    rgb : tensor, (B, 3, H, W) or (3, H, W)
    size : int
        Pixels of the side of a patch.
    count : int
        Patches in each direction, at even distances.

    Returns
    -------
    features : tensor, (B, count * count, 3 * size * size)
        Lab in natural units, divided by ``size``: the squared distance of two patches is the mean over their pixels of the squared
        distance in Lab.

    Raises
    ------
    PictureError
        A picture is smaller than a patch.

    Notes
    -----
    Colors that are too weak, too few or unrelated to lightness change the means and covariances of these numbers, and so do grids and
    checkerboards of some pixels; what a picture shows does not. Our own choice. The features of a classifier see the opposite: they were
    trained to name what is there in whatever color, and hardly change when all colors are halved.
    """
    lab = rgb_to_lab(_batch(check_rgb(rgb)))
    if min(lab.shape[-2:]) < size:
        raise PictureError(
            f"Patches of {size} pixels do not fit into pictures of {tuple(lab.shape[-2:])}. Use larger ones."
        )
    tops, lefts = (torch.linspace(0, length - size, count).round().long() for length in lab.shape[-2:])
    patches = lab.unfold(2, size, 1).unfold(3, size, 1)[:, :, tops][:, :, :, lefts]
    return patches.permute(0, 2, 3, 1, 4, 5).reshape(len(lab), count * count, -1) / size


def frechet_distance(features, true_features):
    """How far two sets of pictures are apart for a network: the Fréchet distance of Gaussians with their means and covariances.

    ``|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))``, the squared distance of Dowson and Landau (1982), as in the Fréchet inception distance
    (FID) of Heusel et al. (2017). No picture is compared with its own truth.

    Parameters
    ----------
    features, true_features : tensors, (N, D) and (M, D)
        D numbers from a trained network for each picture. Covariances divide by N - 1 and M - 1.

    Returns
    -------
    distance : float
        0 or more, in squared units of the features; 0 for equal means and covariances. Computed in float64.

    Raises
    ------
    PictureError
        Not tensors of that shape, fewer than two pictures, NaN or infinite features.

    Notes
    -----
    The value depends on the network and, biased upwards for few pictures (Bińkowski et al. 2018), on their number. So compare only values
    of one network, layer, picture size and number of pictures, and none with a published FID.

    If ``C = R^T R``, as the QR factor R of the centered features gives it, the trace of the root is the sum of the singular values of
    ``R1 R2^T``: their squares are the eigenvalues of ``C1^(1/2) C2 C1^(1/2)``. No root is taken of an eigenvalue that is 0 but for
    rounding, so the distance is as accurate when N < D, where covariances are singular.
    """
    mean, root = _mean_and_root(features)
    true_mean, true_root = _mean_and_root(true_features)
    if len(mean) != len(true_mean):
        raise PictureError(f"Features of {len(mean)} and {len(true_mean)} numbers come from different networks.")
    overlap = torch.linalg.svdvals(root @ true_root.T).sum()
    spread = root.square().sum() + true_root.square().sum() - 2 * overlap
    return ((mean - true_mean).square().sum() + spread.clamp(min=0)).item()


def _mean_and_root(features):
    """The mean (D,) and a matrix R (min(N, D), D) with ``R^T R`` the covariance."""
    if not isinstance(features, torch.Tensor) or features.ndim != 2 or len(features) < 2 or features.shape[1] < 1:
        found = tuple(features.shape) if isinstance(features, torch.Tensor) else type(features).__name__
        raise PictureError(f"Features must be a tensor (N, D) of two or more pictures, got {found}.")
    features = features.detach().cpu().double()
    if not features.isfinite().all():
        raise PictureError("The features hold NaN or infinite values. Look for a division by zero in the network.")
    mean = features.mean(dim=0)
    return mean, torch.linalg.qr((features - mean) / (len(features) - 1) ** 0.5, mode="r").R


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
