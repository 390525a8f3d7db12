"""How steady the colors of a film are: warp error and color distribution consistency.

Both are 0 for a film of one color, so both praise a film without colors: read them beside the colorfulness and a comparison with the
truth. Frames are ``(T, 3, H, W)``, sRGB in [0, 1]. `course_lib.metrics` has both functions under its name too.
"""

import torch

from course_lib.color import PictureError, check_rgb
from course_lib.video.flow import inside, warp

BINS = 256  # of the histogram of a channel, as many as 8 bits have levels


def warp_error(frames, flows, masks):
    """How much colors change along the motion: the warping error of Lai et al. (2018).

    W.-S. Lai et al., "Learning Blind Video Temporal Consistency" (ECCV 2018). For each frame but the first, the squared difference between
    it and the frame before it, warped by the flow, is averaged over the pixels that the mask lets through and over the three channels; the
    error is the mean of that over the pairs of frames.

    Parameters
    ----------
    frames : tensor, (T, 3, H, W)
        Two or more, sRGB in [0, 1].
    flows : tensor, (T - 1, 2, H, W)
        In pixels, that of frame t + 1 into frame t. One flow serves all colorizations of a film: take it from the true film or from the
        lightness, never from what is measured.
    masks : tensor, (T - 1, 1, H, W)
        From 0 to 1: how much the pixel of frame t + 1 counts; 0 where frame t does not show it. A pixel whose flow leads out of the picture
        never counts.

    Returns
    -------
    error : float
        0 or more. Pairs without any pixel that counts are left out.

    Raises
    ------
    PictureError
        The three do not fit together, a value is out of its range, NaN or infinite, or no pixel of any pair counts.

    Notes
    -----
    The paper writes the squared norm of a color, the sum over channels; its published code divides by a mask of three channels, which gives
    their mean, as here. The paper's formula gives three times as much. It warps frame t + 1 to frame t; we warp the past into the present,
    since that is the flow which colors are carried with.

    Bilinear warping blurs, so the true film has an error above 0: compare with that, not with 0.
    """
    frames = _check_film(frames, 2, "A warp error compares each frame with the one before")
    _check_motion(frames, flows, masks)
    errors = []
    for old, new, flow, mask in zip(frames[:-1], frames[1:], flows.float(), masks.float(), strict=True):
        mask = mask * inside(flow[None])[0]
        if mask.any():
            squares = (warp(old[None], flow[None])[0] - new).square().mean(dim=0)
            errors.append((squares * mask[0]).sum().double() / mask.sum().double())
    if not errors:
        raise PictureError(
            "No pixel of any pair counts: the masks are all 0. Give masks that are 1 where frame t shows the pixel."
        )
    return torch.stack(errors).mean().item()


def _check_motion(frames, flows, masks):
    count, height, width = len(frames) - 1, *frames.shape[-2:]
    for name, value, channels in (("flows", flows, 2), ("masks", masks, 1)):
        shape = (count, channels, height, width)
        found = tuple(value.shape) if isinstance(value, torch.Tensor) else type(value).__name__
        if found != shape:
            raise PictureError(f"{count + 1} frames of {height} x {width} need {name} of shape {shape}, got {found}.")
    if not flows.isfinite().all():
        raise PictureError("The flows hold NaN or infinite values. Give 0 where the flow is not known, and mask it.")
    if not ((masks >= 0) & (masks <= 1)).all():
        raise PictureError("Masks lie between 0 and 1: 1 where a pixel counts, 0 where it does not.")


def cdc(frames, gaps=(1, 2, 4)):
    """How much the distribution of colors changes from frame to frame: color distribution consistency.

    Y. Liu et al., "Temporally Consistent Video Colorization with Deep Feature Propagation and Self-regularization Learning" (TCVC, 2021).
    For each gap, the Jensen-Shannon divergence between the histograms of frames t and t + gap, averaged over the three channels R, G and B
    and over t; then the mean over the gaps, each of which counts the same.

    Parameters
    ----------
    frames : tensor, (T, 3, H, W)
        sRGB in [0, 1].
    gaps : sequence of int
        Distances in frames, from 1 to T - 1. The default is the paper's.

    Returns
    -------
    divergence : float
        From 0, no change, to ln 2, about 0.693, when no two frames have a value in common. As in the published code, histograms have 256
        bins, one for each level of 8 bits, and the logarithm is the natural one.

    Raises
    ------
    PictureError
        The film is shorter than a gap needs, a gap is no whole number of 1 or more, or the frames are no pictures.

    Notes
    -----
    It knows nothing of places: a film whose pixels are shuffled anew in every frame has the same value. And things that come and go change
    it rightly, so the true film has a value above 0. Since lightness is in R, G and B too, the flicker of a film's exposure counts as well.
    """
    gaps = tuple(gaps)
    if not gaps or not all(isinstance(gap, int) and not isinstance(gap, bool) and gap >= 1 for gap in gaps):
        raise PictureError(f"Gaps are whole numbers of frames, 1 or more, such as (1, 2, 4); got {gaps}.")
    shares = _histograms(_check_film(frames, max(gaps) + 1, f"A gap of {max(gaps)} compares frames that far apart"))
    return sum(_divergence(shares[:-gap], shares[gap:]).mean().item() for gap in gaps) / len(gaps)


def _check_film(frames, least, why):
    """The frames as sRGB in [0, 1], or what is wrong with them."""
    frames = check_rgb(frames)
    if frames.ndim != 4:
        raise PictureError(f"A film is a tensor (T, 3, H, W), got {tuple(frames.shape)}.")
    if len(frames) < least:
        raise PictureError(f"{why}: {least} frames or more are needed, got {len(frames)}.")
    return frames


def _histograms(frames):
    """The share of the pixels of each frame at each of 256 levels: float64, (T, 3, 256)."""
    levels = (frames * (BINS - 1)).round().long().clamp(0, BINS - 1).flatten(2)
    counts = levels.new_zeros(*levels.shape[:2], BINS)
    counts.scatter_add_(2, levels, torch.ones_like(levels))
    return counts.double() / levels.shape[2]


def _divergence(p, q):
    """The Jensen-Shannon divergence of distributions along the last dimension, in nats."""
    middle = (p + q) / 2
    entropies = torch.special.entr(torch.stack([middle, p, q])).sum(dim=-1)
    return (entropies[0] - (entropies[1] + entropies[2]) / 2).clamp(min=0)  # rounding may leave it a hair below
