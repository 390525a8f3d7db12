"""Make a film old: blur, faded contrast, flicker of exposure, dust, scratches and grain, simulated on its lightness.

Everything is simulated in the order in which it happens to a film: the lens blurs, the emulsion fades, exposure flickers from frame to
frame, dust and scratches come with age and use, grain is in every frame anew. The models are our own and simple; nothing is fitted to real
film. Each part can be switched off, so that one can ask what each of them costs.
"""

import math

import cv2
import numpy as np
import torch

from course_lib.color import PictureError

# The values of `age` when nothing else is said: plainly old, and everything can still be recognized.
GRAIN, FLICKER, SCRATCHES, DUST, BLUR, FADING = 4.0, 4.0, 1.5, 2.0, 0.8, 0.25

_GRAIN_SIZE = 0.6  # pixels: the standard deviation of the blur that makes grain of white noise
_GRAY = 50.0  # L that faded contrast tends to
_SLOW = 12.0  # frames: about how long an exposure stays too bright or too dark
_OWN = 0.5  # the part of the variance of the flicker that each frame has for itself
_LIFE = 5, 40  # frames that a scratch stays
_TREMBLE = 0.6  # pixels that a scratch moves to the side from frame to frame, standard deviation
_DEPTH = 8.0, 25.0  # L that scratches are lighter or darker by
_SPOT = 0.008, 0.03  # the radius of a spot of dust, as a share of the shorter side
_SPOT_DEPTH = 15.0, 45.0  # L that spots are lighter or darker by


def age(lightness, seed=0, *, grain=GRAIN, flicker=FLICKER, scratches=SCRATCHES, dust=DUST, blur=BLUR, fading=FADING):
    """The lightness of a film, or of a still, as if the film were old.

    Parameters
    ----------
    lightness : tensor, (T, 1, H, W)
        L in [0, 100]; T is 1 for a still.
    seed : int
        The same film, strengths and seed give the same result.
    grain : float
        Standard deviation in L of noise that is new in every frame, and alike in neighboring pixels (a correlation of about 0.45).
    flicker : float
        Standard deviation in L at a lightness of 50 by which whole frames are too bright or too dark. Half of the variance is smooth in
        time, half is each frame's own; half is an offset, half a gain.
    scratches : float
        How many vertical lines a frame has on average. Each is some 8 to 25 L lighter, one in four darker, stays for 5 to 40 frames and
        trembles to the side.
    dust : float
        How many spots a frame has on average. Each is 15 to 45 L lighter or darker and lasts one frame.
    blur : float
        Standard deviation in pixels of a Gaussian.
    fading : float
        From 0 to 1: the share of the contrast around 50 that is lost.

    Returns
    -------
    tensor, (T, 1, H, W)
        L in [0, 100]. A strength of 0 switches its part off; with all at 0 the input comes back as it is.

    Raises
    ------
    PictureError
        Not a film of lightness, or a strength is negative, not finite, or a fading above 1.
    """
    strengths = {
        "grain": grain,
        "flicker": flicker,
        "scratches": scratches,
        "dust": dust,
        "blur": blur,
        "fading": fading,
    }
    _check(lightness, strengths)
    aged = lightness.float()
    draw = {name: torch.Generator().manual_seed(seed * 6 + place) for place, name in enumerate(strengths)}
    if blur:
        aged = _smooth(aged, blur)
    if fading:
        aged = torch.lerp(aged, torch.tensor(_GRAY), fading)
    if flicker:
        aged = _flicker(aged, flicker, draw["flicker"])
    if dust:
        aged = _spots(aged, dust, draw["dust"])
    if scratches:
        aged = _scratch(aged, scratches, draw["scratches"])
    if grain:
        aged = aged + _grain(aged.shape, grain, draw["grain"])
    return aged.clamp(0, 100)


def _check(lightness, strengths):
    if (
        not isinstance(lightness, torch.Tensor)
        or lightness.ndim != 4
        or lightness.shape[1] != 1
        or not lightness.numel()
    ):
        found = tuple(lightness.shape) if isinstance(lightness, torch.Tensor) else type(lightness).__name__
        raise PictureError(f"age takes the lightness of a film, (T, 1, H, W), got {found}.")
    if not (lightness.min() >= 0 and lightness.max() <= 100):
        raise PictureError("Lightness must lie in [0, 100], without NaN. color.to_gray gives it.")
    for name, value in strengths.items():
        if not 0 <= value < math.inf or (name == "fading" and value > 1):
            limit = "from 0 to 1" if name == "fading" else "0 or more, and finite"
            raise PictureError(f"{name} is {value}: it must be {limit}.")


def _smooth(frames, sigma):
    """A Gaussian blur; beyond the border the picture goes on as at the border."""
    kernel = _gaussian(sigma)
    return _filter(frames, kernel / kernel.sum())


def _grain(shape, strength, generator):
    """Noise with a standard deviation of ``strength``, alike in neighboring pixels."""
    kernel = _gaussian(_GRAIN_SIZE)
    reach = len(kernel) // 2  # cut off afterwards: noise that a border repeats would be stronger there
    white = torch.randn(*shape[:2], shape[2] + 2 * reach, shape[3] + 2 * reach, generator=generator)
    # A kernel of norm 1 keeps the variance of white noise.
    return strength * _filter(white, kernel / kernel.norm())[:, :, reach:-reach, reach:-reach]


def _gaussian(sigma):
    sigma = max(sigma, 0.01)  # narrower ones leave a picture as it is too, but for divisions by 0
    reach = math.ceil(3 * sigma)
    return torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)


def _filter(frames, kernel):
    """Convolve along rows and columns, by OpenCV: five times as fast as torch with one channel."""
    weights = kernel.numpy()
    filtered = [
        cv2.sepFilter2D(frame, -1, weights, weights, borderType=cv2.BORDER_REPLICATE) for frame in frames[:, 0].numpy()
    ]
    return torch.from_numpy(np.stack(filtered))[:, None]


def _flicker(frames, strength, generator):
    """A gain and an offset for each frame: smooth ones and those of the frame itself."""
    count = len(frames)
    slow, own = torch.randn(2, count, generator=generator), torch.randn(2, count, generator=generator)
    keep = math.exp(-1 / _SLOW)
    for t in range(1, count):  # a random walk that is drawn back to 0, of variance 1 at all times
        slow[:, t] = keep * slow[:, t - 1] + math.sqrt(1 - keep**2) * slow[:, t]
    gain, offset = (math.sqrt(1 - _OWN) * slow + math.sqrt(_OWN) * own) * strength / math.sqrt(2)
    return frames * (1 + gain / 50)[:, None, None, None] + offset[:, None, None, None]


def _scratch(frames, mean, generator):
    """Add vertical lines. They live in time: those that began before the film are there too."""
    count, width = len(frames), frames.shape[-1]
    shortest, longest = _LIFE
    moments = count + longest - 1  # in which a scratch of the film may begin
    total = _poisson(mean * moments / ((shortest + longest) / 2), generator)
    aged, middle = frames.clone(), torch.arange(width) + 0.5
    for start, life, column, depth, dark, half in torch.rand(total, 6, generator=generator).tolist():
        start = int(start * moments) - (longest - 1)
        first, end = max(start, 0), min(start + shortest + int(life * (longest - shortest + 1)), count)
        places = column * width + _TREMBLE * torch.randn(longest, generator=generator)[: max(end - first, 0)]
        cover = (0.9 + 0.5 * half - (middle - places[:, None]).abs()).clamp(0, 1)  # some two pixels wide
        aged[first : first + len(places), 0] += _between(_DEPTH, depth) * (-1 if dark < 0.25 else 1) * cover[:, None]
    return aged


def _between(ends, share):
    return ends[0] + (ends[1] - ends[0]) * share


def _spots(frames, mean, generator):
    """Add round spots of dust, each in one frame only."""
    count, _, height, width = frames.shape
    total = _poisson(mean * count, generator)
    if not total:
        return frames
    numbers = torch.rand(6, total, generator=generator)
    frame, (row, column) = (numbers[0] * count).long(), numbers[1:3]
    radius = min(height, width) * _between(_SPOT, numbers[3])
    depth = _between(_SPOT_DEPTH, numbers[4]) * torch.where(numbers[5] < 0.5, -1.0, 1.0)
    reach = math.ceil(radius.max().item()) + 1  # a spot is drawn in a window of its own
    window = torch.arange(-reach, reach + 1)
    top, left = (row * height).long(), (column * width).long()
    rows, columns = top[:, None] + window, left[:, None] + window
    far = torch.hypot(
        (rows + 0.5 - (row * height)[:, None])[:, :, None], (columns + 0.5 - (column * width)[:, None])[:, None]
    )
    cover = (radius[:, None, None] + 0.5 - far).clamp(0, 1) * depth[:, None, None]
    cover = cover * ((rows >= 0) & (rows < height))[:, :, None] * ((columns >= 0) & (columns < width))[:, None]
    place = (frame[:, None, None] * height + rows.clamp(0, height - 1)[:, :, None]) * width
    place = place + columns.clamp(0, width - 1)[:, None]
    return frames.flatten().index_add(0, place.flatten(), cover.flatten()).view_as(frames)


def _poisson(mean, generator):
    return int(torch.poisson(torch.tensor(float(mean)), generator=generator))
