"""What was measured of the detector: results fit the files that are there, follow from their scores, and can be measured again."""

import functools
from itertools import pairwise

import pytest
import torch

from course_lib.data import available
from course_lib.data.faces import AGES, GENDERS, RACES, face_files, faces, fake_counts
from course_lib.deepfake import calibrate
from course_lib.deepfake.detector import load_detector
from course_lib.deepfake.films import RULES
from course_lib.deepfake.profile import read_profile
from course_lib.models.checkpoints import read_card
from course_lib.results import read_face_results
from course_lib.training import evaluate_detector as evaluate
from course_lib.training.detection import DETECTORS
from course_lib.training.detector_cases import KINDS, LEVELS, TRACES, cases

MEASURES = {"auc", *evaluate.BASELINES, "ece", "brier", "false_alarms", "missed"}
HELD_OUT = ("validation", "calibration", "test")
# What another processor's rounding may change: JPEG levels here and there, and with them scores.
TOLERANCE = 0.03
ROUNDING = 1e-3  # of scores that are kept with three digits


@pytest.fixture(scope="module")
def results():
    return read_face_results()


@pytest.fixture(scope="module")
def final(results):
    """Skips what only the results on all faces can show."""
    if results["faces"] < len(face_files("test")):
        pytest.skip(f"needs the results on all test faces, these are on {results['faces']}")


def rows_of(results):
    """Every number with an interval in the results: (where it stands, row)."""
    stack = [((), results)]
    while stack:
        where, part = stack.pop()
        if isinstance(part, dict) and "value" in part:
            yield where, part
        elif isinstance(part, (dict, list)):
            items = part.items() if isinstance(part, dict) else enumerate(part)
            stack += [((*where, name), each) for name, each in items]


def labels_of(genuine, fake):
    return torch.tensor(genuine + fake), torch.tensor([0.0] * len(genuine) + [1.0] * len(fake))


# ---- whose results these are


def test_results_card_and_profile_are_of_one_detector(results):
    card, profile = read_card(evaluate.NAME), read_profile(evaluate.NAME)
    assert results["detector"] == card["sha256"] == profile.sha256 == load_detector(evaluate.NAME).sha256
    assert profile.detector == card["name"] == evaluate.NAME
    assert profile.scope == evaluate.SCOPE
    assert profile.least_side == evaluate.LEAST_SIDE


def test_the_card_is_that_of_the_recipe(final):
    card, recipe = read_card(evaluate.NAME), DETECTORS[evaluate.NAME]
    assert card["network"]["arguments"] == recipe.network().arguments
    assert card["data"]["name"] == recipe.dataset
    assert card["data"]["pictures"] == {split: len(face_files(split)) for split in ("train", "validation")}
    assert card["budget"] == {
        "epochs": recipe.epochs,
        "batch_size": recipe.batch_size,
        "steps": recipe.epochs * recipe.steps,
        "rate": recipe.rate,
        "early": {"epochs": recipe.early[0], "side": recipe.early[1]},
    }
    assert card["metrics"]["side"] == recipe.side
    assert card["command"] == f"python -m course_lib.training {evaluate.NAME}"


def test_the_profile_rests_on_the_committed_calibration_scores(results):
    profile, told = read_profile(evaluate.NAME), results["calibration_scores"]
    scores, labels = labels_of(told["genuine"], told["self-blend"])
    assert len(told["genuine"]) == len(told["self-blend"])
    assert profile.calibration.cases == len(scores)
    fitted = calibrate.fit_platt(scores, labels)
    assert profile.calibration.slope == pytest.approx(fitted.slope, rel=0.01)
    assert profile.calibration.intercept == pytest.approx(fitted.intercept, abs=0.01)
    assert profile.reference["score"] == pytest.approx(scores.tolist(), abs=ROUNDING)
    # They are no scores of the test split.
    test = results["scores"]["self-blend"]
    assert told["genuine"][: len(test["genuine"])] != test["genuine"][: len(told["genuine"])]


# ---- what is there


def test_there_is_a_row_for_everything_that_was_asked(results):
    assert set(results["kinds"]) == set(results["scores"]) == set(KINDS)
    assert all(set(row) == MEASURES for row in results["kinds"].values())
    assert set(results["part"]) == MEASURES | {"faces"}
    assert results["units"] == evaluate.UNITS
    damaged = {what: [row["level"] for row in rows] for what, rows in results["robustness"].items()}
    assert damaged == {"nothing": [0], **{what: list(levels) for what, levels in LEVELS.items()}}
    assert list(results["rules"]) == list(RULES)
    assert all(set(row) == {"whole", "half", "ece"} for row in results["rules"].values())
    assert set(results["overlap"]) == {"map", "saliency", "central ellipse", "count"}
    assert set(results["ratios"]) == {"0.25", "0.5", "0.75", "1.0"}
    assert list(results["traces"]) == list(TRACES)


def test_every_value_lies_in_its_interval_and_is_a_share(results):
    rows = dict(rows_of(results))
    assert len(rows) > 100
    for where, row in rows.items():
        assert 0 <= row["low"] <= row["value"] <= row["high"] <= 1, where
        if "hits" in row:
            assert row["value"] == pytest.approx(row["hits"] / row["count"], abs=5e-5), where
            ends = calibrate.wilson(row["hits"], row["count"])
            assert [row["low"], row["high"]] == pytest.approx(ends, abs=5e-5), where
    baselines = [row for where, row in rows.items() if where[-1] in evaluate.BASELINES and where[0] != "traces"]
    assert len(baselines) == 3 * (len(KINDS) + len(fake_counts()) + 1)
    assert all(row["value"] >= 0.5 for row in baselines)  # read in the better direction


def test_scores_are_those_of_every_face_as_often_as_it_was_faked(results):
    count = results["faces"] * results["fakes"]
    assert results["fakes"] == evaluate.FAKES
    for kind, told in results["scores"].items():
        assert {name: len(part) for name, part in told.items()} == {"genuine": count, "fake": count}, kind
        for name in ("false_alarms", "missed"):
            assert results["kinds"][kind][name]["count"] == count


def test_sizes_are_those_of_the_splits(results, final):
    assert results["faces"] == 273
    assert len(results["calibration_scores"]["genuine"]) == len(face_files("calibration")) * results["fakes"]
    assert results["groups"]["all"]["all"]["count"] == 865 == sum(len(face_files(split)) for split in HELD_OUT)
    assert results["part"]["faces"] == evaluate.PART
    assert results["frames"] == evaluate.FRAMES


# ---- numbers that follow from others


@pytest.mark.parametrize("kind", KINDS)
def test_measures_follow_from_the_scores(results, kind):
    told, row = results["scores"][kind], results["kinds"][kind]
    scores, labels = labels_of(told["genuine"], told["fake"])
    assert calibrate.auc(scores, labels) == pytest.approx(row["auc"]["value"], abs=ROUNDING)
    probability = read_profile(evaluate.NAME).calibration.probability(scores)
    assert calibrate.ece(probability, labels) == pytest.approx(row["ece"]["value"], abs=5 * ROUNDING)
    assert calibrate.brier(probability, labels) == pytest.approx(row["brier"]["value"], abs=ROUNDING)
    called = probability > 0.5
    at_the_edge = ((probability - 0.5).abs() < 3e-4).sum().item()  # rounding may turn these
    assert (called & (labels == 0)).sum().item() == pytest.approx(row["false_alarms"]["hits"], abs=at_the_edge)
    assert (~called & (labels == 1)).sum().item() == pytest.approx(row["missed"]["hits"], abs=at_the_edge)


def test_intervals_are_over_faces(results, final):
    told = results["scores"]["self-blend"]
    cases_ = evaluate.joined(torch.tensor(told["genuine"]), torch.tensor(told["fake"]), results["faces"])
    row = evaluate.with_interval(calibrate.auc, *cases_)
    for end in ("low", "high"):
        assert row[end] == pytest.approx(results["kinds"]["self-blend"]["auc"][end], abs=2 * ROUNDING)


def test_published_forgeries_are_compared_with_genuine_faces(results):
    assert set(results["transfer"]) == set(fake_counts())
    calibration = read_profile(evaluate.NAME).calibration
    for kind, row in results["transfer"].items():
        assert 1 <= len(row["scores"]) == len(row["names"]) == len(row["probability"]) <= fake_counts()[kind]
        assert all(name.startswith(f"{kind}/") for name in row["names"])
        found = calibration.probability(torch.tensor(row["scores"]))
        assert row["probability"] == pytest.approx(found.tolist(), abs=ROUNDING)


def test_groups_hold_everybody_once(results):
    groups = results["groups"]
    everybody = groups["all"]["all"]
    ages = [f"{low} to {high - 1}" for low, high in pairwise(AGES)]
    for kind, names in (("gender", GENDERS), ("race", RACES), ("age", ages)):
        assert list(groups[kind]) == list(names)
        for number in ("hits", "count"):
            assert sum(row[number] for row in groups[kind].values()) == everybody[number], kind


# ---- what they say


def test_more_of_the_source_is_easier_to_see(results):
    """As far as intervals tell: of some ratios there are few fakes."""
    rows = [results["ratios"][ratio] for ratio in ("0.25", "0.5", "0.75", "1.0")]
    assert all(after["high"] >= before["low"] for before, after in pairwise(rows))
    quarter, half, most, whole = (row["value"] for row in rows)
    assert whole > quarter
    assert most + whole > quarter + half


def test_it_sees_more_than_colors(results):
    """A network that was given pixels alone was a coin where only sharpness differs."""
    rows = results["traces"]
    assert rows["sharpness"]["low"] > 0.6
    assert rows["place"]["low"] > 0.5


def test_the_detector_sees_more_than_trivial_baselines(results, final):
    row = results["kinds"]["self-blend"]
    assert row["auc"]["value"] > 0.9
    assert row["auc"]["low"] > max(row[name]["high"] for name in evaluate.BASELINES) + 0.1
    assert results["robustness"]["nothing"][0]["value"] > 0.9


# ---- again


def test_a_few_faces_give_the_same_again(results, course_data):
    """Few enough to be measured in seconds; the committed calibration is used, none is fitted."""
    if not available("faces"):
        pytest.skip("needs the data set faces: python -m course_lib.data faces")
    part = results["part"]
    test = faces("test", count=results["faces"]).evenly(part["faces"])
    made = cases("self-blend", test.rgb, evaluate.SEEDS["test"], 1)
    profile = read_profile(evaluate.NAME)
    few = functools.partial(calibrate.bootstrap, count=20)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate.calibrate, "bootstrap", few)  # intervals are not compared
        row = evaluate.measure_kind(load_detector(evaluate.NAME), made, part["faces"], profile.calibration)
    for name in MEASURES:
        assert row[name]["value"] == pytest.approx(part[name]["value"], abs=TOLERANCE), name
