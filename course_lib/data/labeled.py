"""Labeled photographs of one size in memory: chosen evenly from their classes, and read with progress."""

from dataclasses import dataclass, field

import torch

from course_lib.data.images import read_image
from course_lib.data.photos import fit
from course_lib.data.progress import Progress

LONG = 500  # pictures from which on reading shows its progress


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

    def evenly(self, count):
        """So many of them at even distances, or all if there are not more: `LabeledPictures`."""
        rows = torch.linspace(0, len(self) - 1, min(count, len(self))).round().long()
        return LabeledPictures(self.rgb[rows], self.labels[rows], self.classes, [self.names[row] for row in rows])


def choose(labels, count, seed):
    """Rows of ``count`` of the pictures with these ``labels``, evenly from all classes; they rise.

    In each class the pictures stand in an order that ``seed`` decides, and the classes give their next one in turn: a
    smaller count gives a part of a larger one, and a class that is used up leaves its turns to the others.

    Raises
    ------
    ValueError
        ``count`` is less than 1 or more than there are.
    """
    if count is None:
        return list(range(len(labels)))
    if not 1 <= count <= len(labels):
        raise ValueError(f"count is {count}, but there are 1 to {len(labels):,} pictures to choose from.")
    seen, turns = dict.fromkeys(labels, 0), {}
    for row in torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed)).tolist():
        turns[row] = seen[labels[row]]
        seen[labels[row]] += 1
    return sorted(sorted(turns, key=turns.get)[:count])


def read_labeled(what, side, classes, labels, names, content_of):
    """Decode pictures into `LabeledPictures`.

    Parameters
    ----------
    what : str
        What is being read: for the progress, which is shown from `LONG` pictures up.
    side : int
        Height and width. Pictures of other sizes are brought to it with `fit`.
    classes : tuple of str
    labels, names : sequences of str
        Of each picture.
    content_of : function
        Row to what `read_image` reads, bytes or a path.
    """
    rgb = torch.empty(len(names), 3, side, side, dtype=torch.uint8)
    with Progress(
        f"Reading {what}", len(names), last=f"Read {what}: {len(names):,} pictures.", quiet=len(names) < LONG
    ) as bar:
        for row in range(len(names)):
            rgb[row] = (fit(read_image(content_of(row)), side) * 255).round()
            bar.advance()
    return LabeledPictures(rgb, torch.tensor([classes.index(label) for label in labels]), classes, list(names))
