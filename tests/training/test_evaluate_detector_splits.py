"""The evaluation of the detector as a whole, with stand-ins: what is calibrated on which split, and what is measured on which."""

import json
from types import SimpleNamespace

import pytest
import torch

from course_lib.deepfake import calibrate
from course_lib.deepfake.blend import Pairs
from course_lib.deepfake.profile import read_profile
from course_lib.deepfake.quality import blockiness, sharpness
from course_lib.models.checkpoints import CheckpointError
from course_lib.results import FACES
from course_lib.training import evaluate_detector as evaluate
from tests.deepfake.bright import DETECTOR, Bright, gray
from tests.training.detector_stand_ins import COUNTS, noise, record_draws, splits, watched_cases

# ---- the profile


def test_the_detector_is_calibrated_on_the_calibration_split_alone(monkeypatch, tmp_path):
    asked, seen = splits(monkeypatch), watched_cases(monkeypatch)
    profile, told = evaluate.make_and_write_profile(DETECTOR, tmp_path)
    assert asked == ["calibration"]
    [(kind, rgb, seed)] = seen
    assert (kind, seed) == ("self-blend", evaluate.SEEDS["calibration"])
    assert rgb[:, 0, 0, 0].tolist() == [100, 102, 104, 106, 108, 110]
    assert evaluate.SEEDS["calibration"] != evaluate.SEEDS["test"]
    # What is genuine comes first, and is scored low.
    genuine = [level / 10 - 11 for level in (100, 102, 104, 106, 108, 110)] * evaluate.FAKES
    assert told["genuine"] == pytest.approx(genuine, abs=2e-3)
    assert min(told["self-blend"]) > min(told["genuine"]) + 0.7
    assert set(told) == {"genuine", "self-blend"}
    assert profile.reference["score"] == pytest.approx(told["genuine"] + told["self-blend"], abs=2e-3)
    fitted = calibrate.fit_platt(told["genuine"] + told["self-blend"], [0] * 24 + [1] * 24)
    assert profile.calibration.slope == pytest.approx(fitted.slope, rel=0.02)
    assert profile.calibration.intercept == pytest.approx(fitted.intercept, rel=0.05, abs=0.02)
    assert profile.calibration.how == "platt"


def test_the_profile_says_what_the_genuine_cases_are_like(monkeypatch, tmp_path):
    splits(monkeypatch)
    made = Pairs(noise(6, 24, 0), noise(6, 24, 1) + 20, torch.ones(24, 1, 128, 128))
    monkeypatch.setattr(evaluate, "cases", lambda *given: made)
    profile, _ = evaluate.make_and_write_profile(DETECTOR, tmp_path)
    pictures = made.genuine.float() / 255
    assert profile.reference["sharpness"] == pytest.approx(sharpness(pictures).tolist(), abs=0.06)
    assert profile.reference["compression"] == pytest.approx(blockiness(pictures).tolist(), abs=6e-4)
    assert profile.reference["side"] == [200.0] * 24
    assert min(profile.reference["sharpness"]) - 0.1 <= profile.least_sharpness <= sharpness(pictures).median()
    assert (profile.detector, profile.sha256, profile.least_side) == ("bright", 64 * "b", evaluate.LEAST_SIDE)
    assert read_profile("bright", tmp_path, sha256=64 * "b") == profile
    with pytest.raises(CheckpointError, match="other weights"):
        read_profile("bright", tmp_path, sha256=64 * "c")


# ---- everything


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """All of it, with stand-ins: the results, and which splits and cases were asked for."""
    folder = tmp_path_factory.mktemp("profile")
    with pytest.MonkeyPatch.context() as patch:
        draws = record_draws(patch)
        asked, cases = splits(patch), watched_cases(patch)
        original = evaluate.make_and_write_profile
        patch.setattr(evaluate, "make_and_write_profile", lambda detector: original(detector, folder))
        patch.setattr(evaluate, "load_detector", lambda name: DETECTOR)
        patch.setattr(evaluate, "fakes", lambda kind: {f"{kind}/a.png": 120})
        patch.setattr(evaluate, "as_published", lambda found: (list(found), gray(list(found.values()), 200)))
        films = []

        def film(rgb, seed):
            films.append((rgb, seed))
            genuine = gray([80, 90] * 8).unflatten(0, (4, 4))
            return {"genuine": genuine, "whole": genuine + 20, "half": genuine + 9}

        patch.setattr(evaluate, "films", film)
        results = evaluate.measure_all()
    return SimpleNamespace(results=results, asked=asked, cases=cases, films=films, draws=draws, folder=folder)


def test_everything_but_the_calibration_is_measured_on_the_test_split(whole):
    assert whole.asked == ["calibration", "test", "validation", "calibration", "test"]  # the last three for groups
    first, *others = whole.cases
    assert len(first[1]) == COUNTS["calibration"]
    assert first[2] == evaluate.SEEDS["calibration"]
    test = [80, 82, 84, 86]
    for _, rgb, seed, *_ in others:
        assert rgb[:, 0, 0, 0].tolist() == test
        assert seed == evaluate.SEEDS["test"]
    assert [kind for kind, *_ in others] == [*evaluate.KINDS, "self-blend", "self-blend"]  # robustness, and the part
    [(rgb, seed)] = whole.films
    assert rgb[:, 0, 0, 0].tolist() == test
    assert seed == evaluate.SEEDS["test"]


def test_results_have_what_the_committed_ones_have(whole):
    results, committed = whole.results, json.loads(FACES.read_text(encoding="utf-8"))
    assert json.loads(json.dumps(results)) == results  # nothing that JSON would change
    assert set(results) == set(committed)
    for name in (
        "kinds",
        "scores",
        "ratios",
        "overlap",
        "traces",
        "calibration_scores",
        "robustness",
        "rules",
        "transfer",
        "part",
    ):
        assert set(results[name]) == set(committed[name]), name
    assert results["detector"] == DETECTOR.sha256
    assert (results["faces"], results["fakes"]) == (COUNTS["test"], evaluate.FAKES)
    assert {len(part) for each in results["scores"].values() for part in each.values()} == {16}


def test_scores_are_those_that_rows_were_made_of(whole):
    for kind, row in whole.results["kinds"].items():
        told = whole.results["scores"][kind]
        labels = [0] * len(told["genuine"]) + [1] * len(told["fake"])
        assert calibrate.auc(told["genuine"] + told["fake"], labels) == pytest.approx(row["auc"]["value"], abs=1e-3)


def test_every_interval_but_those_of_transfer_is_over_faces(whole):
    without = [scores for scores, _, groups in whole.draws if groups is None]
    assert {len(scores) for scores in without} == {COUNTS["test"] + 1}  # genuine faces and one published picture
    assert len(without) == 3 * (1 + len(evaluate.BASELINES))
    for _, manipulated, groups in whole.draws:
        if groups is not None:
            assert set(torch.as_tensor(groups).tolist()) == set(range(COUNTS["test"]))
            assert len(manipulated) > len(set(torch.as_tensor(groups).tolist()))


def test_probabilities_come_from_the_profile_that_was_written(whole):
    profile = read_profile("bright", whole.folder, sha256=DETECTOR.sha256)
    row = whole.results["transfer"]["stylegan"]
    assert row["probability"] == pytest.approx(profile.calibration.probability(torch.tensor([1.0])).tolist(), abs=1e-3)


def test_the_command_writes_what_was_measured(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(evaluate, "PATH", tmp_path / "results.json")
    monkeypatch.setattr(evaluate, "measure_all", lambda: {"kinds": 1})
    evaluate.main()
    assert json.loads((tmp_path / "results.json").read_text(encoding="utf-8")) == {"kinds": 1}
    assert "Wrote" in capsys.readouterr().out


def test_the_stand_in_is_a_detector_as_the_real_one():
    answer = Bright()(torch.full((2, 3, 128, 128), 0.5))
    assert answer.logit.shape == (2,)
    assert answer.where.shape == (2, 1, 16, 16)
    assert DETECTOR.scores(gray([110, 130])).tolist() == pytest.approx([0, 2], abs=1e-4)
