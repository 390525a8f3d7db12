"""Which frames of a shot are to be colored first: those from which most of their neighbors can be seen."""

from itertools import pairwise

import torch

from course_lib.video.flow import estimate_both

LONGEST = 48  # frames in a stretch with one key
HIDDEN = 0.5  # of the picture that may come into view within a stretch, all steps added up


def hidden_shares(lightness, start=0, end=None):
    """How much of each frame cannot be seen from its neighbors.

    Parameters
    ----------
    lightness : sequence with slices, (m, 1, h, w)
        L in [0, 100]. Two frames of it are taken at a time, so a film on disk will do.
    start, end : int
        The n frames to look at; all by default.

    Returns
    -------
    appeared : tensor, (n - 1,)
        The share of frame t + 1 that cannot be seen in frame t.
    vanished : tensor, (n - 1,)
        The share of frame t that cannot be seen in frame t + 1.
    """
    shares = []
    for place in range(start, (len(lightness) if end is None else end) - 1):
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


def spread_keys(appeared, vanished, count):
    """So many keys for a shot: it is cut into as many stretches in which as much comes into view, each with the key that sees most of it.

    Parameters
    ----------
    appeared, vanished : tensors, (n - 1,)
        As `hidden_shares` gives them.
    count : int
        At most n.

    Returns
    -------
    keys : list of int
        Rising.
    """
    frames = len(appeared) + 1
    if not 1 <= count <= frames:
        raise ValueError(f"A shot of {frames} frames has 1 to {frames} keys, got {count}.")
    even = 1 / frames  # so that still scenes are divided too
    shares = torch.cat([torch.zeros(1), (appeared + even).cumsum(0)])
    numbers = torch.arange(count)
    starts = torch.searchsorted(shares / (shares[-1] + even) * count, numbers.float())
    starts = (starts - numbers).cummax(0).values + numbers  # where much comes at once too, no stretch is empty
    starts = starts.minimum(frames - count + numbers).tolist()
    return [
        start + best_view(appeared[start : end - 1], vanished[start : end - 1])
        for start, end in pairwise([*starts, frames])
    ]


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
    """The frame of a stretch from which the least is hidden of all others: int, counted from 0; the first one of equals."""
    return int(hidden_from(appeared, vanished).argmin())


def hidden_from(appeared, vanished):
    """How much is hidden of all other frames of a stretch from each frame, in pictures.

    Of later frames that is what has come into view since, of earlier ones what has gone out of view until then. Both are added up step by
    step, so what comes, goes and comes again counts twice.

    Parameters
    ----------
    appeared, vanished : tensors, (n - 1,)
        As `hidden_shares` gives them.

    Returns
    -------
    tensor, (n,)
    """
    zero = appeared.new_zeros(1)
    since, until = torch.cat([zero, appeared.cumsum(0)]), torch.cat([zero, vanished.cumsum(0)])
    places = torch.arange(len(since))
    later, earlier = since.flip(0).cumsum(0).flip(0), until.cumsum(0)
    return later - (len(since) - places) * since + (places + 1) * until - earlier
