"""Colorize any picture with a trained network: at its full resolution, with its own lightness."""

import os
from functools import lru_cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from course_lib import color
from course_lib.blocks import row_blocks
from course_lib.data.images import as_image, read_image
from course_lib.hints import Hints, render
from course_lib.models import HintNet, checkpoints
from course_lib.models.answers import each_tensor, natural_ab

DEFAULT, DEFAULT_WITH_HINTS = "scenes-rebalanced", "scenes-hints"
SIDE = 128
LONGEST = 4  # times the shorter side: what a panorama is shown at, at most
STRIDE = 8  # sides that networks answer without a remainder are multiples of it
LOWEST_TEMPERATURE = 1e-3


@torch.no_grad()
def colorize(image, model=None, hints=None, temperature=0.38, side=SIDE):
    """Colorize a picture.

    Parameters
    ----------
    image : path, binary file, Pillow picture, numpy array or tensor
        In color or gray, of any size; of colors only the lightness is used. What `read_image` and `as_image` accept, with what
        they do about transparency, rotation, profiles and 16 bit. A tensor may hold several pictures, (B, 3, H, W).
    model : str, path or nn.Module
        The name of a checkpoint in ``data/checkpoints``, the path of a .safetensors file with its card beside it, or a network.
        A named network is loaded once and kept. By default "scenes-rebalanced", or "scenes-hints" where there are hints.
    hints : Hints, optional
        Points with colors, strokes and a palette for one picture, which a `HintNet` follows.
    temperature : float, at least 0.001
        Of the annealed mean, where the network answers with distributions: 1 gives their means, smaller values more saturated
        colors, up to the most likely ones. A network that answers with colors has none.
    side : int
        The pixels of the shorter side at which the network sees the picture. 128 is what it was trained on last. Larger ones show
        it finer details, but parts of the scene where it expects the whole: skies turn green.

    Returns
    -------
    rgb : float32 tensor, (3, H, W) or (B, 3, H, W)
        sRGB in [0, 1], on the device of a tensor. Its L is that of the picture, within 0.01: colors that sRGB cannot show at this
        lightness lose chroma.

    Raises
    ------
    PictureError
        The picture cannot be used.
    CheckpointError
        There is no such checkpoint, it is damaged, or its network gives no colors.
    ValueError
        One of the other parameters cannot be used, the network takes no hints, or there are several pictures for them.
    """
    check_options(hints, temperature, side)
    network = find_network(model or default_model(hints))
    lightness = lightness_of(_open(image))
    batch = lightness if lightness.ndim == 4 else lightness[None]
    ab = predict_ab(network, shrink(batch, side), temperature, hints)
    rgb = join_enlarged(batch, ab.to(batch))
    return rgb if lightness.ndim == 4 else rgb[0]


def default_model(hints):
    """The name of the network that colorizes where none is named."""
    return DEFAULT if hints is None else DEFAULT_WITH_HINTS


def check_options(hints, temperature, side):
    """Raise ValueError if one of these parameters of `colorize` cannot be used."""
    if not isinstance(hints, Hints | None):
        raise ValueError(f"hints are course_lib.hints.Hints, got {type(hints).__name__}. read_hints reads a file.")
    if not LOWEST_TEMPERATURE <= temperature < float("inf"):
        raise ValueError(
            f"The temperature must be {LOWEST_TEMPERATURE:g}, which gives the most likely color, or more; got {temperature}."
        )
    if not isinstance(side, int) or side < STRIDE:
        raise ValueError(f"side must be a whole number of pixels, {STRIDE} or more, got {side}.")


def _open(image):
    if isinstance(image, (str, os.PathLike, bytes, bytearray)) or hasattr(image, "readinto"):
        return read_image(image)
    return as_image(image)


def find_network(model):
    """The network of a name, of the path of a .safetensors file, or itself. `colorize` has the parameters and errors."""
    if isinstance(model, nn.Module):
        return model
    path = Path(model).expanduser()
    if path.suffix == ".safetensors":
        folder, name = path.parent, path.stem
    else:
        folder, name = checkpoints.FOLDER, str(model)
    card = Path(folder) / f"{name}.json"
    return _load(name, folder, card.stat().st_mtime_ns if card.exists() else None)


@lru_cache(maxsize=4)
def _load(name, folder, written):
    """A checkpoint, kept until its card is written anew."""
    network = checkpoints.load_checkpoint(name, folder)
    if not hasattr(network, "to_ab"):
        raise checkpoints.CheckpointError(
            f"{name} is a {type(network).__name__}, which gives no colors. Choose another."
        )
    return network.to(memory_format=torch.channels_last)


@torch.no_grad()
def predict_ab(network, lightness, temperature=0.38, hints=None):
    """The colors that a network gives a batch which it sees as it is.

    Parameters
    ----------
    network : nn.Module
        Takes l (B, 1, H, W) in network units. Its method ``to_ab(answer, temperature)`` makes colors in natural units of what it
        answers; without one, the answer is ab (B, 2, h, w) in network units. It is left in the mode that it was found in.
    lightness : tensor, (B, 1, H, W)
        L in [0, 100].
    temperature : float
        Of the annealed mean.
    hints : Hints, optional
        For the one picture of a batch, and a network that takes them.

    Returns
    -------
    ab : tensor, (B, 2, h, w)
        Natural units, on the CPU.

    Raises
    ------
    ValueError
        What the network answers are no colors, or hints do not fit network and batch.
    """
    gray = torch.cat([lightness, torch.zeros_like(lightness).expand(-1, 2, -1, -1)], dim=1)
    l, _ = color.normalize(gray)  # noqa: E741 - l is the symbol of the field
    answer = _evaluate(network, l, *hint_inputs(hints, network, l))
    ab = network.to_ab(answer, temperature) if hasattr(network, "to_ab") else natural_ab(answer)
    if ab.ndim != 4 or ab.shape[1] != 2:
        raise ValueError(
            f"{type(network).__name__} gives {tuple(ab.shape)}, no color maps (B, 2, h, w). Use a network for colors."
        )
    return ab.cpu()


def hint_inputs(hints, network, l):  # noqa: E741
    """What a network gets beside the lightness: hints, where there are some."""
    if hints is None:
        return ()
    if not isinstance(network, HintNet):
        raise ValueError(
            f"A {type(network).__name__} takes no hints. Use a HintNet such as {DEFAULT_WITH_HINTS}, or leave hints out."
        )
    if len(l) != 1:
        raise ValueError(f"Hints are for one picture, got {len(l)}. Colorize them one by one.")
    ab, mask, strokes, palette = render(hints, l.shape[-2:])
    # What is not said is left out: a network without strokes follows points all the same.
    return ab, mask, strokes if hints.strokes else None, palette if hints.palette else None


def _evaluate(network, *inputs):
    """The answer of the network in evaluation mode, which is left as it was found."""
    was_training, device = network.training, next(network.parameters()).device
    network.eval()
    try:
        inputs = (None if part is None else part.to(device) for part in inputs)
        return each_tensor(network(*inputs), torch.Tensor.float)
    finally:
        network.train(was_training)


def shrink(lightness, side):
    """Lightness (B, 1, H, W) as the network sees it: the shorter side about ``side``, the longer one at most `LONGEST` times that."""
    return F.interpolate(lightness, size=working_size(lightness.shape[-2:], side), mode="bilinear", antialias=True)


def working_size(shape, side=SIDE):
    """The height and width at which the network sees a picture of this height and width: see `shrink`."""
    scale = min(side / min(shape), LONGEST * side / max(shape))
    return tuple(max(STRIDE, round(length * scale / STRIDE) * STRIDE) for length in shape)


def lightness_of(rgb):
    """`color.to_gray`, block by block: (..., 1, H, W)."""
    lightness = rgb.new_empty(*rgb.shape[:-3], 1, *rgb.shape[-2:])
    for rows in row_blocks(rgb):
        lightness[..., rows, :] = color.to_gray(rgb[..., rows, :])
    return lightness


def join_enlarged(lightness, ab):
    """Lightness with colors that are enlarged to its size: `color.join`, block by block, with a fraction of the memory.

    Parameters
    ----------
    lightness : tensor, (B, 1, H, W)
        L in [0, 100].
    ab : tensor, (B, 2, h, w)
        Natural units.

    Returns
    -------
    rgb : tensor, (B, 3, H, W)
        sRGB in [0, 1].
    """
    height, width = lightness.shape[-2:]
    rgb = lightness.new_empty(len(lightness), 3, height, width)
    wide = F.interpolate(ab, size=(ab.shape[-2], width), mode="bilinear", antialias=True)
    weights = _row_weights(ab, height)
    for rows in row_blocks(lightness):
        rgb[..., rows, :] = color.join(lightness[..., rows, :], weights[rows] @ wide)
    return rgb


def _row_weights(ab, height):
    """How a column of ab becomes one of ``height`` pixels, as a matrix that can be cut into blocks of rows: (height, h).

    Resizing is linear, so the matrix is what it makes of the columns of the identity.
    """
    identity = torch.eye(ab.shape[-2], dtype=ab.dtype, device=ab.device)[None, None]
    return F.interpolate(identity, size=(height, len(identity[0, 0])), mode="bilinear", antialias=True)[0, 0]
