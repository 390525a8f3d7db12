"""Bundled photographs as many generators color them: one committed picture holds a grid, a row for each generator."""

import torch

from course_lib import color
from course_lib.data.images import read_image
from course_lib.data.writing import write_image
from course_lib.models.checkpoints import FOLDER
from course_lib.turing import bundled_crop

NAMES = ("temple", "lake and trees", "rocket", "roofs", "flower", "motorcycle")
SIDE = 96  # pixels


def sample_photographs():
    """The photographs, in color: sRGB, (6, 3, 96, 96). No network of the course was trained on them."""
    return torch.stack([bundled_crop(name, SIDE) for name in NAMES])


@torch.no_grad()
def colorize_samples(generator):
    """The photographs as a generator in evaluation mode colors them: sRGB, (6, 3, 96, 96)."""
    lab = color.rgb_to_lab(sample_photographs())
    l, _ = color.normalize(lab)  # noqa: E741 - l is the symbol of the field
    device = next(generator.parameters()).device
    return color.join(lab[:, :1], generator.to_ab(generator(l.to(device))).cpu())


def write_samples(name, rows, folder=FOLDER):
    """Write rows of pictures, (R, 6, 3, 96, 96), as one: ``NAME.jpg`` in ``folder``."""
    write_image(torch.cat([torch.cat(list(row), dim=2) for row in rows], dim=1), folder / f"{name}.jpg")


def read_samples(name, folder=FOLDER):
    """What `write_samples` wrote: sRGB, (R, 6, 3, 96, 96)."""
    sheet = read_image(folder / f"{name}.jpg", max_pixels=None)
    return sheet.unfold(1, SIDE, SIDE).unfold(2, SIDE, SIDE).permute(1, 2, 0, 3, 4)
