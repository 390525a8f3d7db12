"""Measure the trained networks on test photographs: ``python -m course_lib.training.evaluate`` writes ``data/checkpoints/results.json``.

The metrics are those of R. Zhang, P. Isola and A. A. Efros, "Colorful Image Colorization" (ECCV 2016), section 3, and the usual
distances. Each is measured picture by picture, so that intervals come from drawing pictures anew.
"""

import json
import math

import numpy as np
import torch
import torch.nn.functional as F

from course_lib import bins, color, metrics
from course_lib.data.datasets import scenes
from course_lib.data.priors import scenes_prior
from course_lib.files import write_atomic
from course_lib.models.checkpoints import load_checkpoint, read_card
from course_lib.models.colorful import SHRINKS
from course_lib.results import PATH
from course_lib.training.measure import TEMPERATURE, join, pairs, ratio, scores
from course_lib.training.photographs import resize

SIDE = 128  # pixels, at which networks see the photographs and are judged
TWINS = ("scenes-l2", "scenes-classification", "scenes-rebalanced")
JUDGE = "scenes-classifier"
COMPARED = (("scenes-l2", "gray"), ("scenes-classification", "scenes-l2"), ("scenes-rebalanced", "scenes-l2"))
COMPARED += (("scenes-rebalanced", "gray"), ("scenes-rebalanced", "truth"))
PART = 48  # pictures, eight of each class: few enough for a test
BATCH = 64
RESAMPLES = 2000
PROBABILITY_EDGES = torch.logspace(
    -4, 0, 17
)  # of the reliability curve; what is less likely than 1 in 10,000 is left out


def evaluate(photographs, temperature=TEMPERATURE, seed=0):
    """All results on test photographs.

    Parameters
    ----------
    photographs : LabeledPictures
    temperature : float
        Of the annealed mean of the classifiers.
    seed : int
        Of the resampling.

    Returns
    -------
    results : dict
        ``rows``, ``leads`` and ``calibration`` as `course_lib.results.read_results` gives them.
    """
    judge = load_checkpoint(JUDGE)
    networks = {name: load_checkpoint(name) for name in TWINS}
    curves = {name: Reliability() for name in TWINS if networks[name].expectation is not None}
    parts = {name: [] for name in ("gray", *TWINS, "truth")}
    for rows in torch.arange(len(photographs)).split(BATCH):
        truth = resize(photographs.rgb[rows].float() / 255, SIDE)
        for name, rgb in colorizations(networks, truth, temperature, curves):
            parts[name].append(score(rgb, truth, photographs.labels[rows], judge))
    columns = {name: join(batches) for name, batches in parts.items()}
    rows = {name: with_intervals(each, seed) for name, each in columns.items()}
    leads = {f"{one} - {other}": leads_of(columns[one], columns[other], seed) for one, other in COMPARED}
    return {"rows": rows, "leads": leads, "calibration": {name: curve.as_lists() for name, curve in curves.items()}}


@torch.no_grad()
def colorizations(networks, truth, temperature, curves):
    """Name and picture, (B, 3, H, W), for each way to color a batch: gray, the networks, the truth. Fills the curves on the way."""
    lab = color.rgb_to_lab(truth)
    lightness, true_ab = lab[:, :1], lab[:, 1:]
    l, _ = color.normalize(lab)  # noqa: E741 - l is the symbol of the field
    yield "gray", color.without_color(truth)
    for name, network in networks.items():
        answer = network(l)
        if name in curves:
            curves[name].add(answer.softmax(dim=1), bins.encode_soft(F.avg_pool2d(true_ab, SHRINKS)))
        yield name, color.join(lightness, network.to_ab(answer, temperature))
    yield "truth", truth


@torch.no_grad()
def score(rgb, truth, labels, judge):
    """What each picture of a batch, as shown, contributes to each metric: a dict of `measure.pairs`."""
    return scores(rgb, truth, scenes_prior()) | {
        "delta_e": pairs(metrics.delta_e(rgb, truth)),
        "ssim": pairs(metrics.ssim(rgb, truth)),
        "accuracy": pairs(judge(rgb).argmax(dim=1) == labels),
    }


def with_intervals(columns, seed=0):
    """The mean of each metric with the ends of its 95 % bootstrap interval over pictures (B. Efron, 1979): dict of dicts."""
    return {name: bootstrap(column, seed) for name, column in columns.items()}


def bootstrap(column, seed=0):
    """Sum of numerators over sum of denominators of N pictures, (N, 2), and the interval when pictures are drawn anew."""
    return with_ends(ratio(column), _redrawn(column, seed))


def leads_of(columns, others, seed=0):
    """How far one way to color is ahead of another in each metric, with the interval when the pictures of both are drawn together.

    Both saw the same pictures, so what makes a picture hard for both does not widen the interval of the difference.
    """
    return {
        name: with_ends(ratio(column) - ratio(others[name]), _redrawn(column, seed) - _redrawn(others[name], seed))
        for name, column in columns.items()
    }


def _redrawn(column, seed):
    """The ratio for each of `RESAMPLES` draws of N pictures out of N; the same draws for the same seed and N."""
    sums = _draws(len(column), RESAMPLES, seed).double() @ column
    return sums[:, 0] / sums[:, 1]


def _draws(count, times, seed):
    """How often each of ``count`` pictures is drawn when as many are drawn anew: (times, count)."""
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=times)
    return torch.from_numpy(drawn)


def redrawn_rows(count, times, seed=0):
    """The rows of ``count`` pictures drawn out of as many, ``times`` times: a list of long tensors, (count,)."""
    return [torch.arange(count).repeat_interleave(drawn) for drawn in _draws(count, times, seed)]


def with_ends(value, redrawn):
    """A value and the ends of the middle 95 % of what it was when pictures were drawn anew: dict."""
    low, high = redrawn.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return {"value": _rounded(value), "low": _rounded(low), "high": _rounded(high)}


def _rounded(number):
    """Four digits after the point; None for infinity, which JSON does not have."""
    return round(number, 4) if math.isfinite(number) else None


class Reliability:
    """How often colors came true that a network gave a certain probability: A. P. Dawid's calibration, over pixels and bins.

    The truth is soft-encoded like the targets of the training: of a pixel, a share of one bin came true.
    """

    def __init__(self):
        self.sums = torch.zeros(3, len(PROBABILITY_EDGES) - 1, dtype=torch.float64)

    def add(self, shares, truth):
        """Predicted and true shares of the bins, both (B, 313, H, W)."""
        shares, truth = shares.flatten(), truth.flatten()
        place = torch.bucketize(shares, PROBABILITY_EDGES) - 1
        inside = (place >= 0) & (place < self.sums.shape[1])
        for row, values in zip(self.sums, (torch.ones_like(shares), shares, truth), strict=True):
            row += torch.bincount(place[inside], values[inside].double(), minlength=len(row))

    def as_lists(self):
        """Mean probability, frequency of the truth and number of cases, for every span of probabilities that occurred."""
        count, shares, truth = self.sums[:, self.sums[0] > 0]
        return {
            "confidence": [_significant(value) for value in shares / count],
            "frequency": [_significant(value) for value in truth / count],
            "count": [int(value) for value in count],
        }


def _significant(value):
    return float(f"{value:.4g}")


def measure_all(temperature=TEMPERATURE):
    """Results on the whole test split and on the small fixed part of it, which the tests measure again."""
    whole, part = scenes("test"), scenes("test", count=PART)
    about = {"dataset": "scenes", "split": "test", "pictures": len(whole), "side": SIDE, "temperature": temperature}
    about["checkpoints"] = {name: read_card(name)["sha256"] for name in (*TWINS, JUDGE)}
    small = {"pictures": len(part), "rows": evaluate(part, temperature)["rows"]}
    return about | evaluate(whole, temperature) | {"part": small}


def main():
    """Measure and write the results."""
    write_atomic(PATH, json.dumps(measure_all(), indent=1) + "\n")
    print(f"Wrote {PATH}.")


if __name__ == "__main__":
    main()
