"""Which frames of a shot are to be colored first: those from which most of their neighbors can be seen."""

import torch

from course_lib.video.flow import estimate_both

LONGEST = 48  # frames in a stretch with one key
HIDDEN = 0.5  # of the picture that may come into view within a stretch, all steps added up


def hidden_shares(lightness):
    """How much of each frame cannot be seen from its neighbors.

    Parameters
    ----------
    lightness : sequence with slices, (n, 1, h, w)
        L in [0, 100].

    Returns
    -------
    appeared : tensor, (n - 1,)
        The share of frame t + 1 that cannot be seen in frame t.
    vanished : tensor, (n - 1,)
        The share of frame t that cannot be seen in frame t + 1.
    """
    shares = []
    for place in range(len(lightness) - 1):
        *_, seen_back, seen_ahead = estimate_both(*lightness[place : place + 2])
        shares.append([1 - float(seen_back.mean()), 1 - float(seen_ahead.mean())])
    return torch.tensor(shares).reshape(-1, 2).unbind(1)


def choose_keys(appeared, vanished, longest=LONGEST, hidden=HIDDEN):
    """One key for each stretch of a shot.

    A stretch ends after ``longest`` frames, or when more than ``hidden`` of the picture has come into view. Its key is the frame from which
    the least is hidden of all the others.

    Parameters
    ----------
    appeared, vanished : tensors, (n - 1,)
        As `hidden_shares` gives them.
    longest : int
    hidden : float

    Returns
    -------
    keys : list of int
        Rising.
    """
    keys, start = [], 0
    for end in _ends(appeared, longest, hidden):
        part = slice(start, end - 1)
        keys.append(start + best_view(appeared[part], vanished[part]))
        start = end
    return keys


def _ends(appeared, longest, hidden):
    """Where stretches end: the numbers of the frames after their last ones."""
    count, start, so_far = len(appeared) + 1, 0, 0.0
    for frame in range(1, count):
        so_far += float(appeared[frame - 1])
        if frame - start >= longest or so_far > hidden:
            yield frame
            start, so_far = frame, 0.0
    yield count


def best_view(appeared, vanished):
    """The frame of a stretch from which the least is hidden of all others, summed over them: int, counted from 0.

    What is hidden of a frame is what has appeared since the key, for later frames, or vanished until the key, for earlier ones.
    """
    count = len(appeared) + 1
    since = torch.cat([torch.zeros(1), appeared.cumsum(0)])  # that came into view up to each frame
    until = torch.cat([torch.zeros(1), vanished.cumsum(0)])  # that went out of view up to each frame
    costs = [float((since[key:] - since[key]).sum() + (until[key] - until[: key + 1]).sum()) for key in range(count)]
    return costs.index(min(costs))
