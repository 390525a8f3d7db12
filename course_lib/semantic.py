"""What lesson 05 tries out: words about drawn skies, views of the bundled photographs, and what an embedding changes in a picture."""

import os
from dataclasses import replace
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import nn

from course_lib import color
from course_lib.data import available, fit, photo, scenes
from course_lib.data.petals import ALTERNATIVES, REGIONS, conditional
from course_lib.models import FusionNet

# ---- drawn skies, and a word about them

SKIES = tuple(ALTERNATIVES["sky"])
TINY = (16, 32, 32, 64, 64, 64, 64, 64)  # widths that learn the meadow in seconds


def words_for(scenes):
    """What the sky of drawn scenes is, as a one-hot word: (N, 2), in the order of `SKIES`."""
    return F.one_hot(scenes.hues["sky"], len(SKIES)).float()


def misheard(words, right, seed=0):
    """One-hot words, (N, 2), of which each stays what it is with the probability ``right`` and else becomes the other one."""
    wrong = torch.rand(len(words), generator=torch.Generator().manual_seed(seed)) >= right
    return torch.where(wrong[:, None], words.flip(1), words)


def believed(right):
    """How likely each sky is after a word that is right with the probability ``right``, by Bayes' rule: (2 words, 2 skies)."""
    heard = torch.tensor([[right, 1 - right], [1 - right, right]])  # how likely each word is, given the sky
    joint = heard * conditional("sky")[1]
    return joint / joint.sum(dim=1, keepdim=True)


def with_sky(scenes, name):
    """The same scenes, to the last bit of their lightness, under a sky of `SKIES`."""
    return replace(scenes, hues={**scenes.hues, "sky": torch.full_like(scenes.hues["sky"], SKIES.index(name))})


def pack(l, embedding):  # noqa: E741 - l is the symbol of the field
    """Lightness (B, 1, H, W) and embedding (B, E) as one tensor (B, 1 + E, H, W), for batches that hold one input."""
    return torch.cat([l, embedding[:, :, None, None].expand(-1, -1, *l.shape[-2:])], dim=1)


class Told(nn.Module):
    """A small `FusionNet` that takes what `pack` made, and answers with ab in network units: (B, 2, H, W).

    Parameters
    ----------
    embedding : int
        Length of the embedding; 0 for a network that is told nothing.
    """

    def __init__(self, embedding):
        super().__init__()
        self.network = FusionNet(widths=TINY, embedding=embedding)

    def forward(self, packed):
        return self.network(packed[:, :1], packed[:, 1:, 0, 0]).ab


def inside(scenes, region, border=4):
    """Where a region of drawn scenes reaches at least ``border`` pixels in all directions: bool, (N, H, W)."""
    outside = (scenes.regions != REGIONS.index(region)).float()[:, None]
    return F.max_pool2d(outside, 2 * border + 1, stride=1, padding=border)[:, 0] == 0


# ---- photographs

SIDE = 128  # of the views, and of the photographs in the last epochs of the training
VIEWS = {  # photograph, and of a part of it: top, left and side
    "temple": ("china", None),
    "trees": ("china", (256, 512, 128)),
    "street": ("motorcycle", (0, 0, 400)),
    "rocket": ("rocket", None),
    "flower": ("flower", None),
    "cup": ("coffee", None),
}


@lru_cache
def view(name):
    """A square view of one of the bundled photographs: (3, 128, 128)."""
    name, part = VIEWS[name]
    rgb = photo(name)
    if part:
        top, left, side = part
        rgb = rgb[:, top : top + side, left : left + side]
    return fit(rgb, SIDE)


def lightness(rgb):
    """The lightness of pictures, (3, H, W) or (B, 3, H, W), in network units: (B, 1, H, W)."""
    return color.normalize(color.rgb_to_lab(rgb if rgb.ndim == 4 else rgb[None]))[0]


@torch.no_grad()
def embed(network, rgb):
    """What the encoder of a `FusionNet` says about pictures, (3, H, W) or (B, 3, H, W): (B, E)."""
    return network.embed(lightness(rgb))


@torch.no_grad()
def colors(network, rgb, embedding=None):
    """The colors that a `FusionNet` gives pictures, (3, H, W) or (B, 3, H, W), of which it sees the lightness.

    Parameters
    ----------
    embedding : tensor, (B, E), optional
        What the network is told; what its own encoder says by default.

    Returns
    -------
    ab : tensor, (B, 2, H, W)
        Natural units.
    """
    return network.to_ab(network(lightness(rgb), embedding))


def colored(network, rgb, embedding=None):
    """Pictures in the colors of `colors`, in the shape that they came in."""
    batch = rgb if rgb.ndim == 4 else rgb[None]
    painted = color.join(color.to_gray(batch), colors(network, batch, embedding))
    return painted if rgb.ndim == 4 else painted[0]


# ---- what an embedding changes


def change(network, rgb, embedding):
    """How far in ab the color of each pixel moves if the network is told something else than what its encoder says: (B, H, W)."""
    return (colors(network, rgb, embedding) - colors(network, rgb)).norm(dim=1)


def by_thirds(values):
    """The mean of pixels, (B, H, W), in the top, the middle and the bottom third: (3,)."""
    return torch.stack([part.mean() for part in values.tensor_split(3, dim=1)])


def by_lightness(values, rgb, edges=(0, 33, 67, 100.01)):
    """The mean of pixels, (B, H, W), by the lightness of the pictures (B, 3, H, W), from edge to edge; NaN where there is no pixel."""
    place = torch.bucketize(color.to_gray(rgb)[:, 0], torch.tensor(edges[1:-1]))
    return torch.stack([values[place == number].mean() for number in range(len(edges) - 1)])


def reach(layers, side=160):
    """How many pixels along the side one answer of convolutions sees, measured with gradients.

    Parameters
    ----------
    layers : nn.Module
        Takes (B, 1, H, W).
    side : int
        Of the picture to try it on; at least the reach.
    """
    x = torch.rand(1, 1, side, side, generator=torch.Generator().manual_seed(0)).requires_grad_()
    answer = layers(x)
    answer[..., answer.shape[-2] // 2, answer.shape[-1] // 2].sum().backward()
    seen = x.grad[0, 0].abs().sum(dim=0).nonzero()[:, 0]
    return (seen.max() - seen.min() + 1).item()


BUNDLED_SWAPS = {"trees": "rocket", "street": "trees", "rocket": "street", "flower": "trees"}
_BEACH, _FOREST, _GLACIER, _MEADOW, _STREET = (
    f"{n}.jpg" for n in ("sea/7952", "forest/9784", "glacier/10025", "mountain/19251", "street/11404")
)
PHOTOGRAPH_SWAPS = {_BEACH: _FOREST, _FOREST: _BEACH, _GLACIER: _FOREST, _MEADOW: _STREET}  # of the test split
_FEW = 60  # test photographs to read, among which these are


def swap_examples(network):
    """Pictures to color as if they showed something else: test photographs where they are on this machine, views where they are not.

    Returns
    -------
    rgb : tensor, (4, 3, 128, 128)
    labels : list of (str, str)
        What is in each picture, and what the network is told instead.
    embedding : tensor, (4, E)
        The latter, as `embed` gives it.
    """
    if available("scenes"):
        photographs = scenes("test", count=_FEW)
        found = dict(zip(photographs.names, fit(photographs.rgb / 255, SIDE), strict=True))
        swaps, picture, label = PHOTOGRAPH_SWAPS, found.__getitem__, os.path.dirname
    else:
        swaps, picture, label = BUNDLED_SWAPS, view, str
    rgb, others = (torch.stack([picture(name) for name in names]) for names in (swaps.keys(), swaps.values()))
    return rgb, [(label(name), label(other)) for name, other in swaps.items()], embed(network, others)


# ---- what numbers tell about the class of a picture


def probe(learned, labels, tested, classes=6, ridge=1.0):
    """Name the class of pictures from some numbers about each, with the best linear function in the sense of least squares.

    Parameters
    ----------
    learned : tensor, (N, E)
        The numbers of the pictures to learn from.
    labels : long tensor, (N,)
        Their classes.
    tested : tensor, (M, E)
        The numbers of other pictures.
    classes : int
    ridge : float
        Keeps the weights small, in units of one picture.

    Returns
    -------
    named : long tensor, (M,)
    """
    mean, spread = learned.mean(dim=0), learned.std(dim=0).clamp(min=1e-6)
    x, y = (learned - mean) / spread, F.one_hot(labels, classes).float()
    weights = torch.linalg.solve(x.T @ x + ridge * torch.eye(x.shape[1]), x.T @ (y - y.mean(dim=0)))
    return ((tested - mean) / spread @ weights + y.mean(dim=0)).argmax(dim=1)


# ---- results

COLUMNS = {"none": "told nothing", "trained": "told what it is", "trained - none": "difference"}


def class_table(results, metric, digits):
    """A metric for all test photographs and those of each class, told nothing and told what it is, with intervals: text.

    Parameters
    ----------
    results : dict
        From `course_lib.results.read_fusion_results`.
    metric : str
    digits : int
        After the point.
    """
    groups = list(results["rows"]["none"])
    cells = [["", *COLUMNS.values()]]
    for group in groups:
        entries = [results["leads" if " - " in way else "rows"][way][group][metric] for way in COLUMNS]
        cells.append([group, *(_with_interval(entry, digits, sign=place == 2) for place, entry in enumerate(entries))])
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    return "\n".join(
        "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )


def _with_interval(entry, digits, sign):
    """``8.1 (7.9 to 8.3)``; with its sign where it is a difference."""
    value, low, high = (f"{entry[key]:{'+' if sign else ''}.{digits}f}" for key in ("value", "low", "high"))
    return f"{value} ({low} to {high})"
