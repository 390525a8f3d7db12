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
    counts = {split: len(pictures) for split, pictures in photographs.items()}
    return {
        "network": {
            "class": type(model).__name__,
            "arguments": model.arguments,
            "parameters": sum(weight.numel() for weight in model.parameters()),
        },
        "objective": recipe.objective,
        "data": {"name": recipe.dataset, "manifest_sha256": manifest_digest(recipe.dataset), "pictures": counts},
        "budget": {
            "stages": [{"epochs": epochs, "side": side} for epochs, side in recipe.stages],
            "batch_size": recipe.batch_size,
            "steps": recipe.epochs * (counts["train"] // recipe.batch_size),
            "rate": recipe.rate,
        },
        "seed": recipe.seed,
        "command": command(name),
        "seconds": math.ceil(sum(state.seconds)),
        "versions": versions(),
        "best": {
            "epoch": state.best_epoch + 1,
            "of": recipe.epochs,
            "validation_loss": round(state.history[state.best_epoch][1], 5),
        },
        "metrics": {
            "split": "validation",
            "side": recipe.last_side,
            "temperature": TEMPERATURE,
            **{key: round(value, 4) for key, value in metrics.items()},
        },
    }


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
