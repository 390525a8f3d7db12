"""How much does it help to know what is in a picture? ``python -m course_lib.training.evaluate_fusion`` writes the answer.

The same small network was trained four times: told what a trained encoder sees, what an untrained one sees, nothing, and with a stream
that learns to tell the classes on the way. The first is measured a second time with what is in another picture.
"""

import json

import torch

from course_lib import color, metrics
from course_lib.data.datasets import scenes
from course_lib.data.priors import scenes_prior
from course_lib.files import write_atomic
from course_lib.models.checkpoints import load_checkpoint, read_card
from course_lib.results import FUSION
from course_lib.training.evaluate import BATCH, PART, SIDE, leads_of, with_intervals
from course_lib.training.measure import join, pairs, scores
from course_lib.training.photographs import resize

NETWORKS = {
    "trained": "scenes-fusion",
    "untrained": "scenes-fusion-untrained",
    "none": "scenes-fusion-none",
    "joint": "scenes-fusion-joint",
}
WRONG = "wrong picture"
WAYS = ("gray", *NETWORKS, WRONG)
COMPARED = (("trained", "none"), ("trained", "untrained"), ("untrained", "none"), ("joint", "none"))
COMPARED += (("trained", WRONG), (WRONG, "none"), ("none", "gray"))


def evaluate(photographs, seed=0):
    """The metrics of each way to color, for all photographs and for those of each class.

    Parameters
    ----------
    photographs : LabeledPictures
    seed : int
        Of the wrong pictures and the resampling.

    Returns
    -------
    results : dict
        ``rows`` and ``leads`` as `course_lib.results.read_fusion_results` gives them.
    """
    networks = {way: load_checkpoint(name) for way, name in NETWORKS.items()}
    others = other_pictures(photographs.labels, seed)
    batches = {way: [] for way in WAYS}
    for rows in torch.arange(len(photographs)).split(BATCH):
        truth, other = (resize(photographs.rgb[each].float() / 255, SIDE) for each in (rows, others[rows]))
        for way, rgb in colorizations(networks, truth, other):
            batches[way].append(score(rgb, truth))
    columns = {way: join(parts) for way, parts in batches.items()}
    groups = {"all": slice(None)} | {
        name: (photographs.labels == place).nonzero()[:, 0] for place, name in enumerate(photographs.classes)
    }
    return {
        "rows": {way: per_group(groups, columns[way], seed) for way in WAYS},
        "leads": {f"{a} - {b}": per_group(groups, columns[a], seed, columns[b]) for a, b in COMPARED},
    }


def other_pictures(labels, seed=0):
    """For each picture the row of one of another class, drawn at random: (N,)."""
    generator = torch.Generator().manual_seed(seed)
    different = labels[:, None] != labels
    return different.float().multinomial(1, generator=generator)[:, 0]


@torch.no_grad()
def colorizations(networks, truth, other):
    """Name and picture, (B, 3, H, W), for each of `WAYS`; ``other`` are the pictures whose embedding is the wrong one."""
    lightness = color.to_gray(truth)
    l, other_l = (color.normalize(color.rgb_to_lab(rgb))[0] for rgb in (truth, other))  # noqa: E741
    yield "gray", color.without_color(truth)
    for way, network in networks.items():
        yield way, color.join(lightness, network.to_ab(network(l)))
    told = networks["trained"]
    yield WRONG, color.join(lightness, told.to_ab(told(l, told.embed(other_l))))


@torch.no_grad()
def score(rgb, truth):
    """What each picture of a batch, as shown, contributes to each metric: a dict of `measure.pairs`."""
    return scores(rgb, truth, scenes_prior()) | {"delta_e": pairs(metrics.delta_e(rgb, truth))}


def per_group(groups, columns, seed, others=None):
    """Metrics with intervals, or with ``others`` the leads over those, for each group of pictures: a dict of dicts of dicts."""
    chosen = {name: take(columns, rows) for name, rows in groups.items()}
    if others is None:
        return {name: with_intervals(part, seed) for name, part in chosen.items()}
    return {name: leads_of(part, take(others, groups[name]), seed) for name, part in chosen.items()}


def take(columns, rows):
    """The columns of some of the pictures."""
    return {metric: column[rows] for metric, column in columns.items()}


def measure_all():
    """Results on the whole test split and on the small fixed part of it, which the tests measure again."""
    whole, part = scenes("test"), scenes("test", count=PART)
    about = {"dataset": "scenes", "split": "test", "pictures": len(whole), "side": SIDE}
    about["checkpoints"] = {name: read_card(name)["sha256"] for name in NETWORKS.values()}
    small = {way: row["all"] for way, row in evaluate(part)["rows"].items()}
    return about | evaluate(whole) | {"part": {"pictures": len(part), "rows": small}}


def main():
    """Measure and write the results."""
    write_atomic(FUSION, json.dumps(measure_all(), indent=1) + "\n")
    print(f"Wrote {FUSION}.")


if __name__ == "__main__":
    main()
