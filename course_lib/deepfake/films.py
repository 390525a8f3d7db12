"""Films made from still faces, to measure on, and rules that make one score of the scores of all frames.

There are no films of known people in the course's data, so a still face is moved a little, as a person before a camera is. What it cannot
show is what real fakes do between frames: flicker, and a mask that slips when the head turns.
"""

import math
from dataclasses import replace

import cv2
import numpy as np
import torch

from course_lib.color import PictureError, check_rgb
from course_lib.deepfake.blend import as_levels, self_blend, through_jpeg
from course_lib.deepfake.finding import SIDE

DRIFT = 0.04  # sides: how far a face wanders from the middle
BREATH = 0.04  # of its size: how much a face comes nearer and goes away
LIGHT = 0.06  # of its brightness
NOISE = (0.5, 2.5)  # levels: standard deviation of each frame's own noise
QUALITY = (50, 96)  # of JPEG: around which that of the frames lies
JITTER = 3  # by how much the quality of a frame differs from it, at most
SLIP = 1.0  # pixels: by how much the pasted face is misplaced from frame to frame, at most


def film_of_face(face, frames, rng, recipe=None, manipulated=slice(None)):
    """A film of a still face that drifts, comes nearer and goes away, under a light that changes.

    Parameters
    ----------
    face : tensor, (3, H, W)
        A square one; uint8, or float sRGB in [0, 1].
    frames : int
        How many, 1 or more.
    rng : numpy.random.Generator
        The same state gives the same film. With and without a recipe the movement, light, noise and JPEG quality are the same: a film
        and its fake differ by nothing but the recipe.
    recipe : Recipe, optional
        How the face is blended with itself, the same way in every frame that is manipulated; only the place of the pasted face differs, by
        `SLIP` pixels at most. The other frames show what it is blended with. Without a recipe, the film is genuine.
    manipulated : slice, or sequence of int or bool
        Which frames are.

    Returns
    -------
    uint8 tensor, (T, 3, 128, 128)

    Raises
    ------
    PictureError
        No square face, or no frames.
    """
    still = _square(face)
    if frames < 1:
        raise PictureError(f"A film of {frames} frames shows nothing. Ask for 1 or more.")
    chosen = np.zeros(frames, bool)
    chosen[manipulated] = True
    places, light = _move(frames, rng)
    quality = int(rng.integers(*QUALITY)) + rng.integers(-JITTER, JITTER + 1, frames)
    noise = rng.uniform(*NOISE)
    film = np.empty((frames, SIDE, SIDE, 3), np.uint8)
    for number in range(frames):
        slip, grain = rng.uniform(-SLIP, SLIP, 2) / SIDE, rng.standard_normal((SIDE, SIDE, 3), dtype=np.float32)
        frame = _shown(still, places[number])
        if recipe is not None:
            move = (recipe.move[0] + slip[0], recipe.move[1] + slip[1])
            fake, target, _ = self_blend(np.clip(frame, 0, 1), replace(recipe, move=move))
            frame = fake if chosen[number] else target
        frame = np.clip(frame * np.float32(light[number]) + grain * np.float32(noise / 255), 0, 1)
        film[number] = as_levels(through_jpeg(frame, min(100, int(quality[number]))))
    return torch.from_numpy(film).movedim(-1, 1).contiguous()


def _square(face):
    """A face for OpenCV: float32 (H, H, 3)."""
    face = check_rgb(face)
    if face.ndim != 3 or face.shape[1] != face.shape[2]:
        raise PictureError(
            f"A film is made of one square face (3, H, H), this is {tuple(face.shape)}. crop_face makes one."
        )
    still = np.ascontiguousarray(face.detach().cpu().float().movedim(0, -1).numpy())
    return still if len(still) <= 2 * SIDE else cv2.resize(still, (2 * SIDE, 2 * SIDE), interpolation=cv2.INTER_AREA)


def _move(frames, rng):
    """Where the face is and how large in each frame, (T, 3): across, down, in sides, and a factor; and the light, (T,)."""
    curves = np.stack([_wander(frames, rng) for _ in range(4)])
    places = np.stack([DRIFT * curves[0], DRIFT * curves[1], 1 + BREATH * (1 + curves[2])], axis=1)
    return places, 1 + LIGHT * curves[3]


def _wander(frames, rng):
    """A smooth curve (T,) between -1 and 1: three slow oscillations."""
    time = np.arange(frames)
    periods, phases = rng.uniform(15, 60, 3), rng.uniform(0, 2 * np.pi, 3)
    return np.sin(2 * np.pi * time[:, None] / periods + phases).mean(axis=1)


def _shown(still, place):
    """The still as it is seen in one frame, (128, 128, 3): moved and enlarged about its middle; the rim is repeated.

    It is moved at twice the size and then reduced by averaging, as crops are, or the movement would blur each frame in another way.
    """
    across, down, factor = place
    twice, size = 2 * SIDE, still.shape[0]
    scale = factor * twice / size
    matrix = np.float32([[scale, 0, across * twice], [0, scale, down * twice]])
    matrix[:, 2] += (twice - scale * size) / 2 + (
        scale - 1
    ) / 2  # about the middle; numbers stand for the middles of pixels
    moved = cv2.warpAffine(still, matrix, (twice, twice), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return cv2.resize(moved, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


# ---- from frames to a film


def _mean(scores):
    return scores.mean()


def _median(scores):
    return scores.quantile(0.5)


def _max(scores):
    return scores.max()


def _top_quarter(scores):
    return scores.topk(math.ceil(len(scores) / 4)).values.mean()


def _vote(scores):
    # Half a frame is given to each side, so that a vote of all is not beyond every number, and longer films can say more.
    for_it = (scores > 0).double().sum() + 0.5 * (scores == 0).sum()
    return torch.logit((for_it + 0.5) / (len(scores) + 1))


def _mean_probability(scores):
    # In two halves, for the logarithm of what is left to 1 loses nothing where the mean itself would be rounded to 1.
    count = math.log(len(scores))
    yes = torch.logsumexp(torch.nn.functional.logsigmoid(scores), 0) - count
    no = torch.logsumexp(torch.nn.functional.logsigmoid(-scores), 0) - count
    return yes - no


RULES = {
    "mean": _mean,
    "median": _median,
    "max": _max,
    "top quarter": _top_quarter,
    "vote": _vote,
    "mean probability": _mean_probability,
}


def film_score(scores, rule="mean"):
    """One score for a film: a logit, above 0 for **manipulated**, as those of its frames are.

    Parameters
    ----------
    scores : tensor or sequence of float, (T,)
        Logits of the frames, in any order.
    rule : str
        One of `RULES`. "mean", "median" and "max" of the logits; "top quarter": the mean of the highest 25 % of them, rounded up to whole
        frames; "vote": the logit of the share of frames above 0, with half a frame added to both sides (frames at 0 count half);
        "mean probability": the logit of the mean of the logits' sigmoids.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        No frames, a score that is no number, or no such rule.
    """
    if rule not in RULES:
        raise ValueError(f"There is no rule {rule!r}. There are {', '.join(RULES)}.")
    scores = torch.as_tensor(scores, dtype=torch.float64).detach().flatten()
    if not len(scores) or not scores.isfinite().all():
        raise ValueError(
            "A film's score needs the scores of its frames, finite numbers. Leave out frames without a face."
        )
    return float(RULES[rule](scores))
