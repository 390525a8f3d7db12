"""How real and how true are the colors of GANs? ``python -m course_lib.training.evaluate_gan`` writes ``results-gan.json``.

Every way to color sees the same test photographs at the same size. Beside the metrics of `course_lib.training.evaluate` stand those that do
not ask for the true color: the Frechet distance of what a judge sees, and color patches where lightness is smooth.
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
    columns, seen = {name: [] for name in ("gray", *networks, "truth")}, {}
    for rows in torch.arange(len(photographs)).split(BATCH):
        truth = resize(photographs.rgb[rows].float() / 255, side)
        for name, rgb in colorizations(networks, truth):
            columns[name].append(score_gan(rgb, truth, photographs.labels[rows], judge))
            seen.setdefault(name, []).append(seen_by(judge, rgb))
    columns = {name: join(batches) for name, batches in columns.items()}
    seen = {name: torch.cat(batches) for name, batches in seen.items()}
    distances = {name: frechet_draws(features, seen["truth"], seed) for name, features in seen.items()}
    rows = {
        name: {metric: bootstrap(column, seed) for metric, column in each.items()}
        | {"frechet": with_frechet_ends(*distances[name])}
        for name, each in columns.items()
    }
    leads = {
        f"{one} - {other}": leads_of(columns[one], columns[other], seed)
        | {"frechet": with_frechet_ends(*(a - b for a, b in zip(distances[one], distances[other], strict=True)))}
        for one, other in compared
    }
    return {"rows": rows, "leads": leads}


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


def frechet_draws(features, truth, seed=0):
    """The Frechet distance of the features of N pictures, (N, D), from those of the true ones, and of `REDRAWN` draws of N of both."""
    draws = redrawn_rows(len(truth), REDRAWN, seed)
    redrawn = [metrics.frechet_distance(features[rows], truth[rows]) for rows in draws]
    return metrics.frechet_distance(features, truth), torch.tensor(redrawn, dtype=torch.float64)


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
