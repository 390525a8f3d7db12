"""What is a hint worth? ``python -m course_lib.training.evaluate_hints`` measures it on test photographs and writes the answer.

The protocol is that of R. Zhang et al., "Real-Time User-Guided Image Colorization with Learned Deep Priors" (SIGGRAPH 2017): patches that
show their mean true color are revealed around the middle of each picture, and PSNR is measured against their number.
"""

import json
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from sklearn.cluster import KMeans

from course_lib import color, metrics
from course_lib.data.datasets import scenes
from course_lib.files import write_atomic
from course_lib.hints import paint, tell_palette
from course_lib.models.answers import natural_ab
from course_lib.models.checkpoints import load_checkpoint, read_card
from course_lib.models.pull_push import pull_push
from course_lib.results import HINTS
from course_lib.training import simulated_hints as simulated
from course_lib.training.evaluate import BATCH, PART, SIDE, bootstrap, leads_of
from course_lib.training.measure import join, pairs, ratio
from course_lib.training.photographs import resize

NAME = "scenes-hints"
COUNTS = (0, 1, 2, 5, 10, 20, 50, 100)
PATCH = 3  # pixels of the side of a revealed patch at `SIDE`: as much of the picture as 6 of 256
SOME = 10  # hints, of which one is wrong, or to which strokes are added
PALETTE = 5  # colors of a palette
RINGS = (0, 4, 8, 16, 32, 64, 128)  # pixels from a wrong hint
LEAST_ERROR = (
    10.0  # a color that is this near to the true one, in natural units, is not wrong enough to say how far it spreads
)


@dataclass
class Revealed:
    """Test photographs at `SIDE` with their hints.

    Attributes
    ----------
    truth : tensor, (B, 3, H, W)
    l, ab : tensors, (B, 1, H, W) and (B, 2, H, W)
        Network units.
    patches : list of lists of Patch
        The largest of `COUNTS` for each picture, in the order in which they are revealed.
    wrong : dict of str to list of Patch
        For each way to be wrong and each picture, what stands in the place of its first patch.
    """

    truth: torch.Tensor
    l: torch.Tensor  # noqa: E741 - l is the symbol of the field
    ab: torch.Tensor
    patches: list
    wrong: dict


def reveal(photographs, rows):
    """Some of the photographs with patches that depend on their row alone: `Revealed`."""
    truth = resize(photographs.rgb[rows].float() / 255, SIDE)
    l, ab = color.normalize(color.rgb_to_lab(truth))  # noqa: E741 - l is the symbol of the field
    generators = [torch.Generator().manual_seed(row) for row in rows.tolist()]
    patches = [
        [simulated.draw_patch(each, generator, PATCH) for _ in range(COUNTS[-1])]
        for each, generator in zip(ab, generators, strict=True)
    ]
    firsts = [(each[0], generator) for each, generator in zip(patches, generators, strict=True)]
    wrong = {
        "another color": [simulated.recolor(patch, generator) for patch, generator in firsts],
        "another place": [simulated.slip(patch, ab.shape[-2:], generator) for patch, generator in firsts],
    }
    return Revealed(truth, l, ab, patches, wrong)


def painted(lists, size):
    """Lists of patches, one per picture, as the inputs ab and mask of a `HintNet`."""
    return tuple(torch.stack(maps) for maps in zip(*(paint(patches, size) for patches in lists), strict=True))


@torch.no_grad()
def predict(network, revealed, lists, strokes=None, palette=None):
    """The colors that a network gives photographs with these lists of patches: (B, 2, H, W), natural units."""
    return network.to_ab(network(revealed.l, *painted(lists, revealed.l.shape[-2:]), strokes, palette))


def carried(lists, size):
    """The hints as `pull_push` carries them to every pixel, gray where there are none: (B, 2, H, W), natural units. It needs no network."""
    return natural_ab(pull_push(*painted(lists, size))[0])


def psnr_of(ab, revealed):
    """`measure.pairs` of the PSNR of photographs with these colors, (B, 2, H, W), and their own lightness."""
    lightness = color.denormalize(revealed.l, ab)[:, :1]
    return pairs(metrics.psnr(color.join(lightness, ab), revealed.truth))


def score(network, revealed):
    """What each picture contributes to every number: a dict of `measure.pairs`."""
    size = revealed.l.shape[-2:]
    columns, answers = {}, {}
    for count in COUNTS:
        lists = [patches[:count] for patches in revealed.patches]
        answers[count] = predict(network, revealed, lists)
        columns[f"points {count}"] = psnr_of(answers[count], revealed)
        columns[f"carried {count}"] = psnr_of(carried(lists, size), revealed)
    some = [patches[:SOME] for patches in revealed.patches]
    columns[f"points {SOME - 1}"] = psnr_of(predict(network, revealed, [patches[1:] for patches in some]), revealed)
    for way, firsts in revealed.wrong.items():
        lists = [[first, *patches[1:]] for first, patches in zip(firsts, some, strict=True)]
        wrong = predict(network, revealed, lists)
        columns[way] = psnr_of(wrong, revealed)
        if way == "another color":
            columns |= spread(answers[SOME], wrong, revealed, firsts)
    edges = simulated.color_edges(revealed.ab)
    columns["strokes"] = psnr_of(predict(network, revealed, some, strokes=edges), revealed)
    palettes = torch.stack([palette_of(ab) for ab in revealed.ab])
    nothing = [[] for _ in revealed.patches]
    columns["palette"] = psnr_of(predict(network, revealed, nothing, palette=palettes), revealed)
    return columns


def spread(right, wrong, revealed, firsts):
    """How far the answer follows a wrong color, in rings around it: 0 not at all, 1 as far as the wrong hint is from the right one."""
    change = (wrong - right).norm(dim=1)
    rings = {f"spread {low}": [] for low in RINGS[:-1]}
    for moved, patches, patch in zip(change, revealed.patches, firsts, strict=True):
        error = natural_ab((patch.ab - patches[0].ab)[None, :, None, None]).norm()
        distance = distance_from(patch, moved.shape)
        counts = float(error >= LEAST_ERROR)
        for low, high in pairwise(RINGS):
            ring = (distance >= low) & (distance < high)
            rings[f"spread {low}"].append(
                counts * torch.stack([moved[ring].sum() / (error + 1e-9), ring.sum()]).double()
            )
    return {name: torch.stack(each) for name, each in rings.items()}


def distance_from(patch, size):
    """The distance of every pixel from the middle of a patch: (H, W)."""
    rows, columns = torch.meshgrid(*(torch.arange(length) for length in size), indexing="ij")
    return torch.hypot(rows - (patch.top + (patch.side - 1) / 2), columns - (patch.left + (patch.side - 1) / 2))


def palette_of(ab):
    """`PALETTE` colors of a picture, (2, H, W) in network units, by k-means, as a `HintNet` takes them: (314,)."""
    colors = natural_ab(ab[None, :, ::4, ::4])[0].flatten(1).T
    distinct = len(np.unique(colors.numpy(), axis=0))
    found = KMeans(min(PALETTE, distinct), n_init=1, random_state=0).fit(colors.numpy())
    return tell_palette(torch.from_numpy(found.cluster_centers_).float())


def evaluate(photographs, seed=0):
    """What hints are worth on photographs, with 95 % bootstrap intervals.

    Parameters
    ----------
    photographs : LabeledPictures
    seed : int
        Of the resampling.

    Returns
    -------
    results : dict
        As `course_lib.results.read_hint_results` gives it.
    """
    network = load_checkpoint(NAME)
    batches = [score(network, reveal(photographs, rows)) for rows in torch.arange(len(photographs)).split(BATCH)]
    columns = join(batches)

    def lead(one, other):
        return leads_of({"psnr": columns[one]}, {"psnr": columns[other]}, seed)["psnr"]

    return {
        "psnr": {str(count): bootstrap(columns[f"points {count}"], seed) for count in COUNTS},
        "carried": {str(count): bootstrap(columns[f"carried {count}"], seed) for count in COUNTS},
        "gain": {str(count): lead(f"points {count}", "points 0") for count in COUNTS[1:]},
        "wrong": {
            **{way: lead(way, f"points {SOME}") for way in ("another color", "another place")},
            "left out": lead(f"points {SOME - 1}", f"points {SOME}"),
        },
        "spread": {str(low): round(ratio(columns[f"spread {low}"]), 4) for low in RINGS[:-1]},
        "strokes": lead("strokes", f"points {SOME}"),
        "palette": lead("palette", "points 0"),
    }


def measure_all():
    """Results on the whole test split and on the small fixed part of it, which the tests measure again."""
    whole, part = scenes("test"), scenes("test", count=PART)
    about = {"dataset": "scenes", "split": "test", "pictures": len(whole), "side": SIDE, "patch": PATCH, "some": SOME}
    about["checkpoints"] = {NAME: read_card(NAME)["sha256"]}
    return about | evaluate(whole) | {"part": {"pictures": len(part), **evaluate(part)}}


def main():
    """Measure and write the results."""
    write_atomic(HINTS, json.dumps(measure_all(), indent=1) + "\n")
    print(f"Wrote {HINTS}.")


if __name__ == "__main__":
    main()
