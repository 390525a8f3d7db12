"""The folder beside a film that is being made: what is done, and what it is part of."""

import hashlib
import json
import shutil
from pathlib import Path

import av
import torch
from safetensors.torch import save

from course_lib.files import write_atomic
from course_lib.video.errors import VideoError

VERSION = 1  # of what lies in the folder
_ENDS = 2**20  # bytes at either end of a film that tell it from others


def scratch_folder(target):
    """Where a film is made: beside it, in a folder of its own."""
    target = Path(target)
    return target.parent / f".{target.name}.course-film"


def open_scratch(folder, plan):
    """Make the folder for a plan, or find the one that was begun.

    Parameters
    ----------
    folder : Path
    plan : dict
        Everything that the film depends on, as JSON can hold it.

    Returns
    -------
    str
        "new"; "found", with all that was done for the same plan; or "replaced", where another plan was begun, which is gone.
    """
    file, text = folder / "plan.json", json.dumps(plan, indent=1, sort_keys=True) + "\n"
    state = "new"
    if folder.exists():
        if file.is_file() and file.read_text(encoding="utf-8") == text:
            return "found"
        state = "replaced"
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    write_atomic(file, text)
    return state


def make_plan(source, networks, options):
    """What a film depends on.

    Parameters
    ----------
    source : Path
        The film; known by size, time of change and its first and last bytes, since reading all of it takes long.
    networks : dict from str to nn.Module or None
        Known by their weights.
    options : dict
        As JSON can hold them.
    """
    return {
        "scratch": VERSION,
        "source": _fingerprint_film(source),
        "networks": {name: _fingerprint_network(network) for name, network in networks.items()},
        "options": options,
        "versions": {"torch": torch.__version__, "av": av.__version__},
    }


def _fingerprint_film(path):
    state = path.stat()
    with open(path, "rb") as file:
        start = file.read(_ENDS)
        file.seek(max(0, state.st_size - _ENDS))
        ends = hashlib.sha256(start + file.read())
    return {"path": str(path.resolve()), "bytes": state.st_size, "changed": state.st_mtime_ns, "ends": ends.hexdigest()}


def _fingerprint_network(network):
    if network is None:
        return None
    weights = {name: value.detach().cpu().contiguous().clone() for name, value in network.state_dict().items()}
    return f"{type(network).__name__} {hashlib.sha256(save(weights)).hexdigest()}"


def fingerprint_file(path):
    """The SHA-256 of a file, or a `VideoError` if it cannot be read."""
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError as error:
        raise VideoError(f"{path} cannot be read: {error.strerror or error}. Check its permissions.") from error
