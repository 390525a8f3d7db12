"""What is known about a checkpoint, for people and programs: the JSON beside the weights."""

import importlib.metadata
import math
import platform

from course_lib.data.manifests import manifest_names, read_manifest
from course_lib.training.measure import TEMPERATURE
from course_lib.training.processes import count_processes

PACKAGES = ("torch", "fastai", "numpy", "safetensors")


def make_card(name, recipe, model, state, photographs, metrics):
    """The card of a trained recipe.

    Parameters
    ----------
    name : str
    recipe : Recipe
    model : nn.Module
        With the trained weights.
    state : State
        At the end of the training.
    photographs : dict of LabeledPictures
        "train" and "validation".
    metrics : dict from str to float
        On the validation photographs.

    Returns
    -------
    dict of what JSON can hold
    """
    card = base_card(
        name, recipe.objective, recipe.dataset, model, photographs, recipe.seed, metrics, recipe.last_side
    ) | {
        "budget": {
            "stages": [{"epochs": epochs, "side": side} for epochs, side in recipe.stages],
            "batch_size": recipe.batch_size,
            "steps": recipe.epochs * (len(photographs["train"]) // recipe.batch_size),
            "rate": recipe.rate,
        },
        "seconds": math.ceil(sum(state.seconds)),
        "best": {
            "epoch": state.best_epoch + 1,
            "of": recipe.epochs,
            "validation_loss": round(state.history[state.best_epoch][1], 5),
        },
    }
    return card if recipe.features is None else card | {"features": recipe.features().name}


def base_card(name, objective, dataset, model, photographs, seed, metrics, side):
    """What the cards of all colorizing networks say.

    Parameters
    ----------
    name, objective, dataset : str
    model : nn.Module
        With the trained weights.
    photographs : dict of LabeledPictures
        "train" and "validation".
    seed : int
    metrics : dict from str to float
        On the validation photographs.
    side : int
        Pixels at which they were measured.

    Returns
    -------
    dict of what JSON can hold
    """
    return {
        "network": network_card(model),
        "objective": objective,
        "data": data_card(dataset, photographs),
        "seed": seed,
        "command": command(name),
        "versions": versions(),
        "metrics": {
            "split": "validation",
            "side": side,
            "temperature": TEMPERATURE,
            **{key: round(value, 4) for key, value in metrics.items()},
        },
    }


def network_card(model):
    """Class, arguments and size of a network."""
    return {
        "class": type(model).__name__,
        "arguments": model.arguments,
        "parameters": sum(weight.numel() for weight in model.parameters()),
    }


def data_card(dataset, photographs):
    """A data set, its manifest, and how many of its pictures were used."""
    counts = {split: len(pictures) for split, pictures in photographs.items()}
    return {"name": dataset, "manifest_sha256": manifest_digest(dataset), "pictures": counts}


def manifest_digest(dataset):
    """The SHA-256 of the manifest of a published data set; None for what the library draws."""
    return read_manifest(dataset).digest if dataset in manifest_names() else None


def command(name):
    """What to type to train a recipe as it is trained now."""
    processes = count_processes()
    start = "python" if processes == 1 else f"torchrun --standalone --nproc-per-node {processes}"
    return f"{start} -m course_lib.training {name}"


def versions():
    """The Python and the packages that the numbers depend on."""
    return {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in PACKAGES}}
