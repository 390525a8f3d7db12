"""How real and how true are the colors of GANs? ``python -m course_lib.training.evaluate_gan`` writes ``results-gan.json``.

Every way to color sees the same test photographs at the same size. Beside the metrics of `course_lib.training.evaluate` stand those that do
not ask for the true color: the Frechet distances of the colors of small patches and of what a judge sees, and color patches where lightness
is smooth.
"""

import json

import torch

from course_lib import color, metrics
from course_lib.data.datasets import scenes
from course_lib.files import write_atomic
from course_lib.models.checkpoints import load_checkpoint, read_card
from course_lib.results import GAN
from course_lib.training.evaluate import BATCH, PART, SIDE, bootstrap, leads_of, redrawn_rows, score, with_ends
from course_lib.training.held_out import JUDGE, seen_by
from course_lib.training.measure import TEMPERATURE, join, pairs
from course_lib.training.photographs import resize

NETWORKS = ("scenes-l2", "scenes-rebalanced", "scenes-pix2pix", "scenes-nogan-start", "scenes-nogan")
COMPARED = (("scenes-nogan", "scenes-nogan-start"), ("scenes-nogan", "scenes-pix2pix"))
COMPARED += (
    ("scenes-nogan", "scenes-rebalanced"),
    ("scenes-pix2pix", "scenes-l2"),
    ("scenes-pix2pix", "scenes-rebalanced"),
)
REDRAWN = 200  # times for the interval of the Frechet distance: each needs a decomposition


def evaluate(networks, photographs, side=SIDE, compared=COMPARED, seed=0):
    """The metrics of networks, of gray and of the truth.

    Parameters
    ----------
    networks : dict from str to nn.Module
        In evaluation mode.
    photographs : LabeledPictures
    side : int
        Pixels at which networks see the photographs and are judged.
    compared : sequence of pairs of str
        The rows whose difference is wanted.
    seed : int
        Of the resampling.

    Returns
    -------
    results : dict
        ``rows`` and ``leads`` as `course_lib.results.read_gan_results` gives them.
    """
    judge = load_checkpoint(JUDGE)
    names = ("gray", *networks, "truth")
    columns, patches, seen = ({name: [] for name in names} for _ in range(3))
    for rows in torch.arange(len(photographs)).split(BATCH):
        truth = resize(photographs.rgb[rows].float() / 255, side)
        for name, rgb in colorizations(networks, truth):
            columns[name].append(score_gan(rgb, truth, photographs.labels[rows], judge))
            patches[name].append(metrics.patch_colors(rgb))
            seen[name].append(seen_by(judge, rgb)[:, None])
    columns = {name: join(batches) for name, batches in columns.items()}
    distances = {"frechet": frechet_draws(patches, seed), "frechet_judge": frechet_draws(seen, seed)}
    rows = {
        name: {metric: bootstrap(column, seed) for metric, column in columns[name].items()}
        | {metric: with_frechet_ends(*drawn[name]) for metric, drawn in distances.items()}
        for name in names
    }
    leads = {
        f"{one} - {other}": leads_of(columns[one], columns[other], seed)
        | {metric: with_frechet_ends(*_differences(drawn[one], drawn[other])) for metric, drawn in distances.items()}
        for one, other in compared
    }
    return {"rows": rows, "leads": leads}


def _differences(one, other):
    return [a - b for a, b in zip(one, other, strict=True)]


@torch.no_grad()
def colorizations(networks, truth):
    """Name and picture, (B, 3, H, W), for gray, each network and the truth."""
    lab = color.rgb_to_lab(truth)
    l, _ = color.normalize(lab)  # noqa: E741 - l is the symbol of the field
    yield "gray", color.without_color(truth)
    for name, network in networks.items():
        yield name, color.join(lab[:, :1], network.to_ab(network(l), TEMPERATURE))
    yield "truth", truth


@torch.no_grad()
def score_gan(rgb, truth, labels, judge):
    """What each picture of a batch, as shown, contributes to each metric that is a mean: a dict of `measure.pairs`."""
    return score(rgb, truth, labels, judge) | {
        "patches": pairs(metrics.color_patches(rgb), metrics.color_patches(truth))
    }


def frechet_draws(features, seed=0):
    """Frechet distances from the truth, as measured and with pictures drawn anew.

    Parameters
    ----------
    features : dict from str to list of tensors, (B, K, D)
        K lists of D numbers for each picture, in batches, for every way to color and for "truth".
    seed : int
        Of the draws.

    Returns
    -------
    dict from str to (float, tensor)
        The distance, and those of `REDRAWN` draws of as many pictures, the same ones of both.
    """
    features = {name: torch.cat(batches) for name, batches in features.items()}
    truth = features["truth"]
    draws = [torch.arange(len(truth)), *redrawn_rows(len(truth), REDRAWN, seed)]

    def distance(each, rows):
        return metrics.frechet_distance(each[rows].flatten(0, 1), truth[rows].flatten(0, 1))

    distances = {name: [distance(each, rows) for rows in draws] for name, each in features.items()}
    return {name: (each[0], torch.tensor(each[1:], dtype=torch.float64)) for name, each in distances.items()}


def with_frechet_ends(value, redrawn):
    """The distance with the ends of the basic bootstrap interval (A. C. Davison and D. V. Hinkley, 1997, section 5.2).

    Draws with repetitions lie further from the truth than the pictures do. The percentiles of their distances would all lie too high;
    mirrored at the measured distance they do not.
    """
    return with_ends(value, 2 * value - redrawn)


def measure_all():
    """Results on the whole test split and on the small fixed part of it, which the tests measure again."""
    networks = {name: load_checkpoint(name) for name in NETWORKS}
    whole, part = scenes("test"), scenes("test", count=PART)
    about = {"dataset": "scenes", "split": "test", "pictures": len(whole), "side": SIDE}
    about["checkpoints"] = {name: read_card(name)["sha256"] for name in (*NETWORKS, JUDGE)}
    small = {"pictures": len(part), "rows": evaluate(networks, part, compared=())["rows"]}
    return about | evaluate(networks, whole) | {"part": small}


def main():
    """Measure and write the results."""
    write_atomic(GAN, json.dumps(measure_all(), indent=1) + "\n")
    print(f"Wrote {GAN}.")


if __name__ == "__main__":
    main()
