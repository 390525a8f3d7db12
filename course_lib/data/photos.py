"""Real photographs that other packages install: nothing is ever downloaded.

Sources and licenses are in ``data/README.md``.
"""

import importlib.util
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

from course_lib.data.images import as_image, read_image

# Name: the package that brings the photograph, and the file in it. Read directly, since scikit-image's own functions
# start a downloader.
_FILES = {
    "astronaut": ("skimage", "data/astronaut.png"),
    "chelsea": ("skimage", "data/chelsea.png"),
    "china": ("sklearn", "datasets/images/china.jpg"),
    "coffee": ("skimage", "data/coffee.png"),
    "flower": ("sklearn", "datasets/images/flower.jpg"),
    "grace_hopper": ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
    "motorcycle": ("skimage", "data/motorcycle_left.png"),
    "rocket": ("skimage", "data/rocket.jpg"),
}
PHOTOS = tuple(_FILES)

# The published split: what is shown as "never seen" comes from TEST_PHOTOS only. Each of them has a relative to learn
# from: skin and a flag in astronaut, sky in rocket, warm browns in coffee.
TRAIN_PHOTOS = ("astronaut", "coffee", "flower", "motorcycle", "rocket")
TEST_PHOTOS = ("chelsea", "china", "grace_hopper")


class StereoPair(NamedTuple):
    """Two views, (3, H, W) each, and for every pixel of the left one how far to the left it lies in the right one.

    ``disparity`` is (H, W), in pixels, NaN where it was not measured: ``left[:, y, x]`` shows what
    ``right[:, y, x - disparity[y, x]]`` shows.
    """

    left: torch.Tensor
    right: torch.Tensor
    disparity: torch.Tensor


def photo(name):
    """One of the bundled photographs in full size: float32 (3, H, W), sRGB in [0, 1]. `PHOTOS` lists the names."""
    if name not in _FILES:
        raise ValueError(f"There is no photograph {name!r}. There are {', '.join(PHOTOS)}.")
    return as_image(_decoded(*_FILES[name]))


def photos(size=None, names=None):
    """Several photographs.

    Parameters
    ----------
    size : int or (int, int), optional
        Bring all to this height and width with `fit`; full size by default.
    names : sequence of str, optional
        Which, for example `TRAIN_PHOTOS`; all by default.

    Returns
    -------
    dict from name to tensor, (3, H, W)
    """
    pictures = {name: photo(name) for name in (PHOTOS if names is None else names)}
    return pictures if size is None else {name: fit(picture, size) for name, picture in pictures.items()}


def motorcycle_pair():
    """The motorcycle seen from two places, with the true disparity: a `StereoPair`."""
    right = as_image(_decoded("skimage", "data/motorcycle_right.png"))
    with np.load(_locate("skimage", "data/motorcycle_disp.npz")) as arrays:
        disparity = torch.from_numpy(arrays["arr_0"].astype(np.float32))
    disparity[~disparity.isfinite()] = float("nan")
    return StereoPair(photo("motorcycle"), right, disparity)


@lru_cache(maxsize=16)
def _decoded(package, file):
    """The photograph as uint8 (3, H, W): a quarter of the memory, and nobody can change what the next one gets."""
    return (read_image(_locate(package, file)) * 255).round().to(torch.uint8)


def _locate(package, file):
    """The path of a file that a package installs, without importing the package."""
    spec = importlib.util.find_spec(package)
    path = Path(spec.submodule_search_locations[0], file) if spec else None
    if path is None or not path.is_file():
        raise FileNotFoundError(
            f"The installed {package} has no {file}. Install the versions in constraints.txt again."
        )
    return path


def fit(picture, size):
    """Scale a picture until it just covers ``size``, antialiased, and cut off what hangs over at both sides.

    Parameters
    ----------
    picture : tensor, (C, H, W) or (B, C, H, W)
    size : int or (int, int)
        Height and width, or the side of a square.

    Returns
    -------
    tensor, (C, h, w) or (B, C, h, w)
    """
    height, width = (size, size) if isinstance(size, int) else size
    if min(height, width) < 1:
        raise ValueError(f"fit needs a size of at least 1 pixel, got {size}.")
    scale = max(height / picture.shape[-2], width / picture.shape[-1])
    scaled = _resize(
        picture, max(height, round(picture.shape[-2] * scale)), max(width, round(picture.shape[-1] * scale))
    )
    top, left = (scaled.shape[-2] - height) // 2, (scaled.shape[-1] - width) // 2
    return scaled[..., top : top + height, left : left + width]


def _resize(picture, height, width):
    if picture.shape[-2:] == (height, width):
        return picture
    batch = picture if picture.ndim == 4 else picture[None]
    resized = F.interpolate(batch, size=(height, width), mode="bilinear", antialias=True)
    resized = resized.clamp(picture.min(), picture.max())  # the weights sum to 1 but for rounding
    return resized if picture.ndim == 4 else resized[0]


def random_crops(pictures, count, size, seed=0):
    """Cut squares out of pictures: to train on a few photographs as if they were many.

    Each crop takes a random picture at a random scale, from the whole picture down to its own pixels, at a random
    place, and is mirrored or not.

    Parameters
    ----------
    pictures : dict or sequence of tensors, (3, H, W)
        Of any sizes; those smaller than ``size`` are enlarged.
    count : int
    size : int
        Side of the crops in pixels.
    seed : int

    Returns
    -------
    tensor, (count, 3, size, size)
    """
    pictures = list(pictures.values()) if isinstance(pictures, dict) else list(pictures)
    if not pictures:
        raise ValueError("random_crops needs at least one picture.")
    # Scaling whole pictures once and cutting from the copies is some 50 times as fast as scaling each crop.
    pyramids = [_pyramid(picture, size) for picture in pictures]
    numbers = torch.rand(count, 5, generator=torch.Generator().manual_seed(seed)).tolist()
    crops = torch.empty(count, pictures[0].shape[0], size, size)
    for crop, (which, scale, y, x, mirror) in zip(crops, numbers, strict=True):
        pyramid = pyramids[int(which * len(pyramids))]
        level = pyramid[int(scale * len(pyramid))]
        top, left = int(y * (level.shape[1] - size + 1)), int(x * (level.shape[2] - size + 1))
        cut = level[:, top : top + size, left : left + size]
        crop.copy_(cut.flip(-1) if mirror < 0.5 else cut)
    return crops


def _pyramid(picture, size):
    """The picture with its shorter side at ``size``, at sqrt(2) times that, and so on up to its own resolution."""
    height, width = picture.shape[-2:]
    shorter = min(height, width)
    sides = [size]
    while sides[-1] * 2**0.5 < shorter:
        sides.append(round(sides[-1] * 2**0.5))
    if shorter > sides[-1]:
        sides.append(shorter)
    return [
        _resize(picture, max(size, round(height * s / shorter)), max(size, round(width * s / shorter))) for s in sides
    ]
