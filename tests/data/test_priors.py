"""The committed prior of real photographs."""

import pytest
import torch

from course_lib import bins
from course_lib.data import priors


def test_counts_are_whole_and_all_there():
    counts = priors.scenes_counts()
    assert counts.shape == (bins.COUNT,)
    assert counts.sum() == 4795 * 75 * 75  # the training photographs, every second row and column
    assert (counts == counts.round()).all()


def test_rows_name_the_bins_in_their_order():
    rows = priors.PATH.read_text(encoding="utf-8").splitlines()
    assert rows[0] == "a\tb\tpixels"
    centers = [[float(x) for x in row.split("\t")[:2]] for row in rows[1:]]
    assert centers == bins.AB_BINS.tolist()


def test_gray_is_the_peak_and_nature_is_yellowish_and_blueish():
    prior = priors.scenes_prior()
    assert bins.AB_BINS[prior.argmax()].tolist() == [0.0, 0.0]
    assert prior.sum().item() == pytest.approx(1, abs=1e-5)
    share = {name: prior[mask].sum() for name, mask in _directions().items()}
    # With a and b exchanged the sky would be green and the ground purple.
    assert share["blue"] > 3 * share["green without yellow"]
    assert share["yellow"] > 3 * share["purple"]


def _directions():
    a, b = bins.AB_BINS.unbind(1)
    return {
        "blue": (b <= -20) & (a.abs() <= 10),
        "yellow": (b >= 20) & (a.abs() <= 10),
        "green without yellow": (a <= -20) & (b.abs() <= 10),
        "purple": (a >= 20) & (b.abs() <= 10),
    }


def test_counting_takes_bytes_and_counts_every_second_pixel():
    rgb = torch.zeros(3, 3, 10, 8, dtype=torch.uint8)
    rgb[0, 0], rgb[1:] = 255, 128  # a red picture and two gray ones
    counts = priors.count_bins(rgb)
    assert counts.sum() == 3 * 5 * 4
    assert bins.AB_BINS[counts.nonzero().flatten()].tolist() == [[0.0, 0.0], [80.0, 70.0]]  # sRGB red is (80.1, 67.2)
    assert counts[counts > 0].tolist() == [40, 20]
