"""Profiles: thresholds against a search through all pairs, and files that are damaged or belong to something else."""

import contextlib
import dataclasses
import json
import math
import os

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from course_lib.deepfake.calibrate import Calibration, CaseTable, count_cases, fit_platt
from course_lib.deepfake.profile import Profile, choose_thresholds, make_profile, read_profile, write_profile
from course_lib.models.checkpoints import CheckpointError

SHA256 = "ab" * 32


def scored(count=200, apart=3.0, seed=0):
    """Scores of as many fakes as genuine cases, and quality of the same cases."""
    random = np.random.default_rng(seed)
    manipulated = np.arange(count) % 2 == 1
    scores = random.normal(size=count) + np.where(manipulated, apart / 2, -apart / 2)
    return torch.tensor(scores).float(), torch.tensor(manipulated), {"side": random.integers(48, 200, count).tolist()}


def profile_of(detector="faces-detector", sha256=SHA256, scope="Faces of adults.", **changes):
    made = make_profile(detector, sha256, *scored(), scope, least_side=48, least_sharpness=20.0)
    return dataclasses.replace(made, **changes)


@pytest.fixture
def written(tmp_path):
    """A profile in a folder, beside the card of its checkpoint."""
    (tmp_path / "faces-detector.json").write_text(json.dumps({"sha256": SHA256, "network": {}}))
    return write_profile(profile_of(), tmp_path)


# ---- thresholds


def best_by_search(probability, manipulated, most_error):
    """The share answered, that of errors among all, and the upper threshold of the best pair: all of them are tried."""
    weights = np.where(manipulated, 0.5 / manipulated.sum(), 0.5 / (~manipulated).sum())
    found = []
    for low in [0.0, *probability[probability < 0.5]]:
        for high in [1.0, *probability[probability >= 0.5]]:
            genuine, fake = probability <= low, probability >= high
            errors = weights[genuine & manipulated | fake & ~manipulated].sum()
            answered = weights[genuine | fake].sum()
            if errors <= most_error * answered + 1e-12:
                found.append((-round(answered, 9), round(errors, 9), high, low))
    return min(found)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 9), st.booleans()), max_size=30),
    st.sampled_from([0.0, 0.05, 0.2, 0.34, 1.0]),
)
def test_no_pair_of_thresholds_answers_more(rows, most_error):
    rows = [*rows, (2, False), (8, True)]
    probability, manipulated = (np.array(each) for each in zip(*rows, strict=True))
    probability = probability / 10
    low, high = choose_thresholds(probability, manipulated, most_error)
    _, _, best_high, best_low = best_by_search(probability, manipulated, most_error)
    assert (low, high) == (pytest.approx(best_low), pytest.approx(best_high))
    assert low < 0.5 <= high
    assert {low, high} <= {0.0, 1.0, *probability}  # exactly: a case on a threshold is answered


@pytest.mark.parametrize("apart", [0.5, 1.0, 2.0, 3.0])
def test_answers_are_wrong_at_most_once_in_twenty(apart):
    scores, manipulated, _ = scored(1000, apart)
    probability = fit_platt(scores, manipulated).probability(scores)
    low, high = choose_thresholds(probability, manipulated)
    genuine, fake = probability <= low, probability >= high
    wrong = (genuine & manipulated) | (fake & ~manipulated)
    answered = genuine | fake
    assert wrong.sum() <= 0.05 * answered.sum()
    assert answered.float().mean() > {0.5: 0.0, 1.0: 0.05, 2.0: 0.4, 3.0: 0.9}[apart]


def test_thresholds_worked_out_by_hand():
    probability = [0.1, 0.2, 0.3, 0.4, 0.45, 0.6, 0.7, 0.8, 0.9, 0.95]
    manipulated = [0, 0, 0, 1, 0, 0, 1, 1, 1, 1]
    assert choose_thresholds(probability, manipulated, 0.0) == (0.3, 0.7)
    # One error of nine or eight: up to .45 or up to .3 with all above; .45 and .7 answer nine.
    assert choose_thresholds(probability, manipulated, 1 / 9) == (0.45, 0.7)
    assert choose_thresholds(probability, manipulated, 0.2) == (0.45, 0.6)


def test_a_detector_that_is_never_right_gives_no_answer():
    probability, manipulated = [0.2, 0.3, 0.7, 0.8], [1, 1, 0, 0]
    assert choose_thresholds(probability, manipulated) == (0.0, 1.0)


def test_one_answer_may_be_left_out():
    probability = [0.1, 0.1, 0.1, 0.1, 0.9, 0.9, 0.95, 0.95]
    assert choose_thresholds(probability, [0, 0, 0, 0, 1, 0, 1, 0]) == (0.1, 1.0)
    assert choose_thresholds(probability, [1, 0, 1, 0, 1, 1, 1, 1]) == (0.0, 0.9)


def test_classes_of_any_size_count_the_same():
    # One of 40 genuine cases and one of 4 fakes is beyond the other side: .025 and .25 of a class.
    probability = [0.1] * 39 + [0.9] + [0.2] + [0.8] * 3
    manipulated = [0] * 40 + [1] * 4
    assert choose_thresholds(probability, manipulated, 0.05) == (0.1, 0.8)
    assert choose_thresholds(probability, manipulated, 0.14) == (0.2, 0.8)


@pytest.mark.parametrize(
    ("probability", "manipulated", "most_error", "message"),
    [
        ([0.1, 1.0], [0, 1], 0.05, "above 0 and below 1"),
        ([0.0, 0.9], [0, 1], 0.05, "above 0 and below 1"),
        ([-3, 5], [0, 1], 0.05, r"in \[0, 1\]"),
        ([0.1, 0.9], [1, 1], 0.05, "both are needed"),
        ([0.1, 0.9], [0, 1], 5, "must be a share"),
        ([0.1, 0.9], [0, 1], math.nan, "must be a share"),
    ],
)
def test_what_thresholds_cannot_be_chosen_from_is_refused(probability, manipulated, most_error, message):
    with pytest.raises(ValueError, match=message):
        choose_thresholds(probability, manipulated, most_error)


# ---- made


def test_a_profile_is_made_of_the_calibration_cases():
    scores, manipulated, quality = scored()
    made = make_profile("some", SHA256, scores, manipulated, quality, "Faces.", least_side=50, least_sharpness=9.5)
    assert made.calibration == fit_platt(scores, manipulated)
    assert made.cases == count_cases(scores, manipulated)
    assert (made.low, made.high) == choose_thresholds(made.calibration.probability(scores), manipulated)
    assert made.reference["score"] == pytest.approx(scores.tolist(), rel=1e-5)
    assert made.reference["side"] == quality["side"]
    assert (made.detector, made.sha256, made.scope) == ("some", SHA256, "Faces.")
    assert (made.least_side, made.least_sharpness) == (50, 9.5)


def test_scores_the_wrong_way_around_make_no_profile():
    scores, manipulated, quality = scored()
    with pytest.raises(ValueError, match=r"was P\(real\) passed"):
        make_profile("some", SHA256, -scores, manipulated, quality, "Faces.", least_side=50, least_sharpness=9.5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"detector": ""}, "names a checkpoint"),
        ({"detector": "../elsewhere"}, "names a checkpoint"),
        ({"scope": None}, "are texts"),
        ({"sha256": 7}, "are texts"),
        ({"calibration": {}}, "is a Calibration"),
        ({"cases": None}, "a CaseTable"),
        ({"low": 0.9, "high": 0.2}, "low not above high"),
        ({"low": -0.1}, "must be probabilities"),
        ({"high": 1.1}, "must be probabilities"),
        ({"low": math.nan}, "must be probabilities"),
        ({"least_side": -1}, "0 or more"),
        ({"least_sharpness": "20"}, "0 or more"),
        ({"reference": []}, "lists of finite numbers"),
        ({"reference": {"score": []}}, "lists of finite numbers"),
        ({"reference": {"score": [1.0, math.inf]}}, "lists of finite numbers"),
    ],
)
def test_a_profile_of_something_else_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        profile_of(**change)


# ---- as a file


def test_a_profile_comes_back_as_it_was(written):
    assert written.name == "faces-detector-profile.json"
    back = read_profile("faces-detector", written.parent)
    assert back == profile_of()
    assert isinstance(back.calibration, Calibration)
    assert isinstance(back.cases, CaseTable)
    assert json.dumps(back.to_json()) == json.dumps(profile_of().to_json())
    assert back.calibration.probability(0.3) == profile_of().calibration.probability(0.3)


def test_a_profile_belongs_to_certain_weights(written):
    assert read_profile("faces-detector", written.parent, SHA256)
    with pytest.raises(CheckpointError, match=r"other weights than faces-detector\.safetensors"):
        read_profile("faces-detector", written.parent, "cd" * 32)
    (written.parent / "faces-detector.json").write_text(json.dumps({"sha256": "cd" * 32, "network": {}}))
    with pytest.raises(CheckpointError, match="other weights"):
        read_profile("faces-detector", written.parent)
    (written.parent / "faces-detector.json").unlink()
    with pytest.raises(CheckpointError, match="no checkpoint"):
        read_profile("faces-detector", written.parent)


def test_a_missing_profile_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"no other-profile\.json.*Get it again"):
        read_profile("other", tmp_path)


def content(**changes):
    return json.dumps({"kind": "detector profile, 1", **profile_of().to_json()} | changes)


WITHOUT_KIND = json.dumps(profile_of().to_json())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        '"text"',
        "not JSON",
        "[" * 100_000,
        content()[:-20],
        WITHOUT_KIND,
        content(kind="verdict"),
        content(more=1),
        content(low=math.nan),
        content(least_sharpness=math.inf),
        content(high=0.5).replace('"high": 0.5', '"high": 1e999'),
        content(least_side=1).replace('"least_side": 1', '"least_side": 1' + "0" * 400 + ".0"),
        content(calibration=None),
        content(calibration={"slope": -1.0, "intercept": 0.0, "how": "platt", "cases": 9}),
        content(cases={"edges": [0.0], "fake": [1], "all": [1]}),
        content(reference={"score": [None]}),
        content(detector="../faces-detector"),
    ],
    ids=range(20),
)
def test_a_damaged_file_or_another_one_is_refused(written, text):
    written.write_text(text)
    with pytest.raises(CheckpointError, match=r"is no profile of a detector, or damaged\. Get it again"):
        read_profile("faces-detector", written.parent)


def test_what_is_no_text_is_refused(written):
    written.write_bytes(b"\xff\xfe\x00binary")
    with pytest.raises(CheckpointError, match="or damaged"):
        read_profile("faces-detector", written.parent)
    written.unlink()
    written.mkdir()
    with pytest.raises(CheckpointError, match="or damaged"):
        read_profile("faces-detector", written.parent)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_damage_is_worse_than_a_checkpoint_error(written, data):
    whole = content().encode()
    start = data.draw(st.integers(0, 900))  # beyond are thousands of digits of the reference
    end = data.draw(st.integers(start, min(start + 30, len(whole))))
    written.write_bytes(whole[:start] + data.draw(st.binary(max_size=8)) + whole[end:])
    with contextlib.suppress(CheckpointError):
        assert isinstance(read_profile("faces-detector", written.parent, SHA256), Profile)


def test_a_write_that_fails_leaves_the_old_file(written, monkeypatch):
    before = written.read_bytes()

    def no_space(*_):
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", no_space)
    with pytest.raises(OSError, match="no space"):
        write_profile(profile_of(low=0.01), written.parent)
    assert written.read_bytes() == before
    assert {path.name for path in written.parent.iterdir()} == {"faces-detector.json", written.name}


def test_the_file_is_small_and_has_a_line_for_each_field(written):
    lines = written.read_text().splitlines()
    assert len(lines) == 3 + len(dataclasses.fields(Profile))
    assert len(lines[-2]) < 200 * 2 * 12  # numbers of the reference are short
