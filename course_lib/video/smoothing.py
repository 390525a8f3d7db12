"""The tempting wrong answer to flicker: smooth the colors of every pixel over time, wherever the things that they belong to have gone."""

import torch.nn.functional as F


def mean_over_time(ab, window):
    """The mean of each pixel's colors over the frames around it.

    Parameters
    ----------
    ab : tensor, (T, 2, H, W)
    window : int
        Frames, an odd number. The first and the last frame are repeated beyond the ends.

    Returns
    -------
    tensor, (T, 2, H, W)
    """
    if window < 1 or window % 2 == 0:
        raise ValueError(f"The window must be an odd number of frames, so that it has a middle; got {window}.")
    frames = ab.flatten(1).T[:, None]  # each number of a frame is a row over time
    padded = F.pad(frames, (window // 2, window // 2), mode="replicate")
    return F.avg_pool1d(padded, window, stride=1)[:, 0].T.reshape(ab.shape)
