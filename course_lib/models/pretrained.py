"""Weights that torchvision's networks got from ImageNet: from this machine where they are, fetched only when somebody asks."""

from pathlib import Path

import torch


class PretrainedError(RuntimeError):
    """Pretrained weights that cannot be had or used; the message says what to do."""


def weights_path(weights):
    """Where torchvision keeps some weights, a member of one of its enumerations, whether they are there or not."""
    return Path(torch.hub.get_dir()) / "checkpoints" / Path(weights.url).name


def load_pretrained(network, weights, name, how, download=False):
    """Give a network of torchvision its pretrained weights. Returns the network.

    Parameters
    ----------
    network : nn.Module
    weights : member of a torchvision enumeration of weights
    name : str
        Of the network, for messages.
    how : str
        What to type to fetch them, for messages.
    download : bool
        Fetch them if they are not on this machine.

    Raises
    ------
    PretrainedError
        The weights are not there and ``download`` is False, or they cannot be fetched, or they are damaged.
    """
    path = weights_path(weights)
    if not (download or path.exists()):
        raise PretrainedError(f"There are no weights of {name} on this machine. To fetch them: {how}")
    try:
        # The hash in the file's name is checked when it is fetched; tensors alone are read, and nothing in the file can run.
        state = torch.hub.load_state_dict_from_url(weights.url, check_hash=True, weights_only=True, map_location="cpu")
        network.load_state_dict(state)
    except Exception as error:
        raise PretrainedError(
            f"The weights of {name} cannot be fetched or read: {error}. Remove {path} and try again."
        ) from error
    return network
