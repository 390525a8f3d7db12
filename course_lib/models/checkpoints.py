"""Trained networks as files: half-precision weights that need no unpickling, with a card that says where they come from.

``data/checkpoints/NAME.safetensors`` holds the weights, ``NAME.json`` the card: network, data, budget, seed, command, measured
metrics and the SHA-256 of the weights.
"""

import hashlib
import json
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from course_lib.files import write_atomic
from course_lib.models.colorful import ColorfulNet
from course_lib.models.forgery_net import ForgeryNet
from course_lib.models.fusion import FusionNet
from course_lib.models.hint_net import HintNet
from course_lib.models.hypercolumn import HypercolumnRegressor
from course_lib.models.patch_discriminator import PatchDiscriminator
from course_lib.models.propagation_net import PropagationNet
from course_lib.models.scene_classifier import SceneClassifier
from course_lib.models.shuffle_unet import ShuffleUNet
from course_lib.models.unet import UNetGenerator

DATA = Path(__file__).parents[2] / "data"
FOLDER = DATA / "checkpoints"
GET_AGAIN = "Get it again, for example with git checkout."
NETWORKS = {
    network.__name__: network
    for network in (
        ColorfulNet,
        ForgeryNet,
        FusionNet,
        HintNet,
        HypercolumnRegressor,
        PatchDiscriminator,
        PropagationNet,
        SceneClassifier,
        ShuffleUNet,
        UNetGenerator,
    )
}


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message says what to do."""


def write_checkpoint(name, model, card, folder=FOLDER):
    """Write the weights in half precision and the card, whole or not at all.

    Parameters
    ----------
    name : str
    model : nn.Module
        One of `NETWORKS`.
    card : dict
        What is known about the training; ``network`` holds the class and its keyword arguments.

    Returns
    -------
    card : dict
        As written.
    """
    weights = save(as_half(model.state_dict()))
    card = {"name": name, **card, "sha256": hashlib.sha256(weights).hexdigest(), "bytes": len(weights)}
    write_atomic(Path(folder) / f"{name}.safetensors", weights)
    write_atomic(Path(folder) / f"{name}.json", json.dumps(card, indent=2) + "\n")
    return card


def read_card(name, folder=FOLDER):
    """The card of a checkpoint: dict."""
    path = Path(folder) / f"{name}.json"
    if not path.exists():
        there = ", ".join(sorted(weights.stem for weights in Path(folder).glob("*.safetensors"))) or "none"
        raise CheckpointError(f"There is no checkpoint {name!r}. There are: {there}.")
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        return card | {"sha256": card["sha256"], "network": card["network"]}  # what loading needs
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path.name} is no card of a checkpoint. {GET_AGAIN}") from error


def load_checkpoint(name, folder=FOLDER):
    """A trained network in evaluation mode, in float32 on the CPU.

    Raises
    ------
    CheckpointError
        There is none of this name, or its weights are not those of the card.
    """
    card = read_card(name, folder)
    path = Path(folder) / f"{name}.safetensors"
    weights = path.read_bytes() if path.exists() else b""
    if hashlib.sha256(weights).hexdigest() != card["sha256"]:
        raise CheckpointError(f"{path.name} is not the file that its card describes: cut off or changed. {GET_AGAIN}")
    try:
        model = NETWORKS[card["network"]["class"]](**card["network"]["arguments"])
        model.load_state_dict(_full(load(weights)))
    except (KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(f"{path.name} does not fit the network that its card names. {GET_AGAIN}") from error
    return model.eval().requires_grad_(False)


def as_saved(state_dict):
    """Weights, rounded to what a checkpoint keeps of them: a dict of float32 tensors."""
    return _full(as_half(state_dict))


def as_half(state_dict):
    """Weights as a checkpoint keeps them, in half precision on the CPU."""
    return {key: _half(value) for key, value in state_dict.items()}


def _full(weights):
    return {key: value.float() if value.is_floating_point() else value for key, value in weights.items()}


def _half(value):
    """In half precision where that can hold it: the variances that batch normalization keeps may lie beyond its 65,504."""
    value = value.detach().cpu().contiguous()
    fits = value.is_floating_point() and bool((value.abs() <= torch.finfo(torch.float16).max).all())
    return value.to(torch.float16) if fits else value.clone()  # a copy in any case: what is kept must not move on
