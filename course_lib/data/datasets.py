"""Real photographs to train on: sets of labeled pictures of one size, with splits that never change."""

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

import torch

from course_lib.data.images import read_image

SPLITS = ("train", "validation", "test")


@dataclass
class LabeledPictures:
    """N photographs of one size, in memory.

    Attributes
    ----------
    rgb : uint8 tensor, (N, 3, H, W)
        sRGB, 0 to 255: a quarter of the memory of floats.
    labels : long tensor, (N,)
        Places in ``classes``.
    classes : tuple of str
    names : list of str
        The files, relative to the folder of the set.
    """

    rgb: torch.Tensor = field(repr=False)
    labels: torch.Tensor = field(repr=False)
    classes: tuple
    names: list = field(repr=False)

    def __len__(self):
        return len(self.rgb)


def split_of(digest):
    """The split of a file by its SHA-256 (hex): a tenth is for testing, a tenth for validation, the rest for training."""
    return {0: "test", 1: "validation"}.get(int(digest[:8], 16) % 10, "train")


def scenes(split):
    """Outdoor photographs of six classes, 150 x 150, one split of them."""
    folder = Path(os.environ["COURSE_DATA"]) / "scenes"
    files = sorted(folder.glob("*/*.jpg"))
    chosen = [file for file in files if split_of(hashlib.sha256(file.read_bytes()).hexdigest()) == split]
    classes = tuple(sorted({file.parent.name for file in files}))
    rgb = torch.empty(len(chosen), 3, 150, 150, dtype=torch.uint8)
    for row, file in enumerate(chosen):
        rgb[row] = (read_image(file) * 255).round().to(torch.uint8)
    labels = torch.tensor([classes.index(file.parent.name) for file in chosen])
    return LabeledPictures(rgb, labels, classes, [str(file.relative_to(folder)) for file in chosen])
