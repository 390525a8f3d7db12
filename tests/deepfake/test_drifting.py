"""The tests for drift: a moderate change is seen, and nobody cries wolf."""

import math
import re

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.data import photos
from course_lib.deepfake import drifting
from course_lib.deepfake.drifting import NAMES, as_logged, drift, holm, psi, psi_by_chance
from course_lib.deepfake.quality import blockiness, sharpness


@given(st.sampled_from(NAMES), st.floats(1e-3, 1e6))
def test_rounding_twice_is_rounding_once(name, value):
    once = as_logged(name, value)
    assert as_logged(name, once) == once
    if name in ("side", "sharpness"):
        assert abs(math.log2(once / value)) < 0.2


def world(rng, count, side=1.0, score=0.0):
    """Values as a service sees them, not yet rounded."""
    return {
        "score": rng.normal(score, 2, count), "side": side * rng.lognormal(5, 0.4, count),
        "sharpness": rng.lognormal(5.5, 0.8, count), "compression": 1 + rng.gamma(2, 0.04, count),
    }  # fmt: skip


def alarms(results):
    return [result.name for result in results if result.drifted]


def test_false_alarms_are_about_as_frequent_as_the_level_says():
    rng, level, runs = np.random.default_rng(0), 0.05, 300
    fine = [
        {name: rng.normal(size=(runs, count)) for name in "abcd"} for count in (400, 200)
    ]  # names that are not rounded
    pairs = [[{name: values[run] for name, values in side.items()} for side in fine] for run in range(runs)]
    found = sum(bool(alarms(drift(*pair, level, least=0))) for pair in pairs)
    assert 0.025 * runs < found < 0.075 * runs, found


def test_false_alarms_are_rarer_with_rounded_values_and_one_reference():
    rng, runs = np.random.default_rng(1), 100
    assert sum(bool(alarms(drift(world(rng, 400), world(rng, 200), 0.05))) for _ in range(runs)) < 0.075 * runs
    reference = world(rng, 400)
    assert sum(bool(alarms(drift(reference, world(rng, 200)))) for _ in range(runs)) <= 0.03 * runs


def test_a_moderate_change_of_size_or_of_the_share_of_fakes_is_seen():
    rng = np.random.default_rng(1)
    sides = [alarms(drift(world(rng, 400), world(rng, 200, side=0.75))) for _ in range(40)]
    assert sum("side" in found for found in sides) >= 38
    assert sum(found != ["side"] for found in sides) <= 4
    scores = [alarms(drift(world(rng, 400), world(rng, 200, score=1))) for _ in range(40)]
    assert sum("score" in found for found in scores) >= 38


def jpegs(rng, count, quality):
    """Real photographs, cut into squares and compressed."""
    pictures = [
        np.ascontiguousarray((255 * rgb).byte().permute(1, 2, 0).numpy()[..., ::-1]) for rgb in photos().values()
    ]
    squares = []
    for _ in range(count):
        picture = pictures[rng.integers(len(pictures))]
        top, left = (rng.integers(side - 128) for side in picture.shape[:2])
        square = picture[top : top + 128, left : left + 128]
        code = cv2.imencode(".jpg", square, (cv2.IMWRITE_JPEG_QUALITY, quality))[1]
        squares.append(torch.from_numpy(cv2.imdecode(code, cv2.IMREAD_COLOR)[..., ::-1].copy()).permute(2, 0, 1))
    rgb = torch.stack(squares)
    return {"sharpness": sharpness(rgb).tolist(), "compression": blockiness(rgb).tolist()}


def test_a_moderate_change_of_jpeg_quality_is_seen_in_photographs():
    rng = np.random.default_rng(2)
    reference = jpegs(rng, 300, 92)
    assert alarms(drift(reference, jpegs(rng, 150, 92))) == []
    for _ in range(3):
        assert "compression" in alarms(drift(reference, jpegs(rng, 150, 75)))


def test_rounding_in_the_log_is_no_drift():
    rng = np.random.default_rng(3)
    values = world(rng, 5000)
    logged = {name: [as_logged(name, value) for value in column] for name, column in values.items()}
    for result in drift(values, logged):
        assert (result.statistic, result.psi, result.p_value) == (0, 0, 1)


def test_a_difference_that_matters_to_nobody_is_no_drift():
    rng = np.random.default_rng(4)
    reference, recent = {"score": rng.normal(0, 2, 60_000)}, {"score": rng.normal(0.15, 2, 60_000)}
    result = drift(reference, recent)[0]
    assert result.p_value < 1e-6
    assert result.statistic < 0.05
    assert not result.drifted
    assert drift(reference, recent, least=0.01)[0].drifted


def test_results_come_in_order_with_medians_and_a_sentence():
    rng = np.random.default_rng(5)
    reference = dict(reversed(world(rng, 100).items())) | {"frames": list(range(60))}
    results = drift(reference, world(rng, 100, side=0.3) | {"frames": [0.0] * 30 + [50.5] * 30})
    assert [result.name for result in results] == [*NAMES, "frames"]
    side = results[1]
    assert side.before == pytest.approx(150, rel=0.2)
    assert side.now == pytest.approx(45, rel=0.25)
    assert re.fullmatch(
        r"side has drifted: median \d+, now [\d.]+; KS 0\.\d\d, p [\de.-]+; PSI [\d.]+, by chance up to [\d.]+",
        side.text(),
    )
    assert "shows no drift" in results[0].text()


def test_too_little_to_speak_of_drift_is_an_error_with_advice():
    values = {"score": [0.0, None, math.nan] + [1.0] * 49}
    with pytest.raises(ValueError, match="The recent verdicts: 49 values"):
        drift({"score": range(50)}, {"score": values["score"][:51]})
    assert drift({"score": range(50)}, values)[0].name == "score"  # 50 finite ones
    with pytest.raises(ValueError, match="The reference: 49 values of 'score' are too few"):
        drift({"score": range(49)}, {"score": range(50)})
    with pytest.raises(ValueError, match="have no 'side'"):
        drift({"score": range(50), "side": range(50)}, {"score": range(50)})
    with pytest.raises(ValueError, match="reference is empty"):
        drift({}, {"score": range(50)})


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_corrected_p_values_are_not_smaller_and_keep_their_order(p_values):
    corrected = holm(p_values)
    assert all(p <= q <= 1 for p, q in zip(p_values, corrected, strict=True))
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(np.array(corrected)[order]) >= 0).all()
    assert min(corrected) == pytest.approx(min(1, len(p_values) * min(p_values)))


def test_psi_by_hand():
    reference, recent = [0] * 50 + [1] * 50, [0] * 20 + [1] * 80  # one line between the two values
    p, q = np.array([50.5, 50.5]) / 101, np.array([20.5, 80.5]) / 101
    assert psi(reference, recent, bins=2) == pytest.approx(((q - p) * np.log(q / p)).sum())


def test_bins_are_those_of_the_reference():
    reference = np.arange(1000.0)
    assert drifting._lines(reference, 10) == pytest.approx(np.arange(1, 10) * 99.9)
    far = psi(reference, np.full(100, 1e9))
    assert far == pytest.approx(psi(reference, np.full(100, 950.0)))  # the outer bins are open
    assert far > 2
    assert psi(np.full(100, 200.0), np.full(100, 150.0)) > 2  # no spread at all, as where all pictures have one size
    assert psi(np.full(100, 200.0), np.full(100, 200.0)) == 0


@settings(deadline=None)
@given(st.lists(st.floats(-100, 100), min_size=1, max_size=50), st.lists(st.floats(-100, 100), min_size=1, max_size=50))
def test_psi_is_never_negative_and_0_for_the_same(reference, recent):
    assert psi(reference, recent) >= -1e-12
    assert math.isfinite(psi(reference, recent))
    assert psi(reference, reference) == 0


def test_psi_without_drift_stays_below_what_chance_does_19_times_out_of_20():
    rng = np.random.default_rng(6)
    values = np.array([psi(rng.normal(size=300), rng.normal(size=150)) for _ in range(1000)])
    bound = psi_by_chance(np.arange(300), np.arange(150))
    assert bound > 0.1  # the rule of thumb would cry wolf
    assert 0.92 < (values < bound).mean() < 0.98
