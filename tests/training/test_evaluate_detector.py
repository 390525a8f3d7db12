"""The evaluation of the detector, with one whose answers are known, on gray pictures: what is measured, on which split, and over whom."""

import pytest
import torch

from course_lib.deepfake import calibrate
from course_lib.deepfake.blend import Pairs
from course_lib.deepfake.calibrate import Calibration, bootstrap, wilson
from course_lib.deepfake.films import RULES
from course_lib.training import evaluate_detector as evaluate
from tests.deepfake.bright import DETECTOR, gray, labeled, pairs_of
from tests.training.detector_stand_ins import noise, record_draws

HALF = Calibration(1.0, 0.0, "platt", 10)
FRAMES = 4


@pytest.fixture
def draws(monkeypatch):
    """Few bootstrap draws, and what they were given: a list of (scores, manipulated, groups)."""
    return record_draws(monkeypatch)


# ---- cases and numbers


def test_cases_are_joined_with_what_they_are_and_whose():
    scores, manipulated, whose = evaluate.joined(torch.tensor([1.0, 2, 3, 4]), torch.tensor([5.0, 6, 7, 8]), 2)
    assert scores.tolist() == [1, 2, 3, 4, 5, 6, 7, 8]
    assert manipulated.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert whose.tolist() == [0, 1, 0, 1, 0, 1, 0, 1]


def test_intervals_are_those_of_the_bootstrap_over_faces():
    """Ten cases of each of six faces are six cases, not sixty."""
    genuine, fake = torch.randn(2, 6, generator=torch.Generator().manual_seed(0))
    scores, manipulated, whose = evaluate.joined(genuine.repeat(10), fake.repeat(10) + 0.5, 6)
    row = evaluate.with_interval(calibrate.auc, scores, manipulated, whose)
    expected = bootstrap(calibrate.auc, scores, manipulated, groups=whose.tolist())
    assert [row["value"], row["low"], row["high"]] == pytest.approx(expected, abs=5e-5)
    alone = evaluate.with_interval(calibrate.auc, scores, manipulated)
    assert row["value"] == alone["value"]
    assert row["high"] - row["low"] > 1.2 * (alone["high"] - alone["low"])


def test_shares_have_their_wilson_interval():
    low, high = wilson(2, 8)
    row = evaluate.share_of(torch.tensor([True, False, False, False, True, False, False, False]))
    assert row == {"value": 0.25, "low": round(low, 4), "high": round(high, 4), "hits": 2, "count": 8}


def test_numbers_have_few_digits():
    assert evaluate.rounded(torch.tensor([1.23456, -0.5])) == [1.235, -0.5]


@pytest.mark.parametrize("sign", [1, -1])
def test_a_baseline_is_read_in_the_better_direction(sign):
    scores, manipulated = sign * torch.tensor([1.0, 2, 3, 4]), torch.tensor([0.0, 0, 1, 1])
    assert evaluate.either_way(scores, manipulated) == 1
    assert evaluate.either_way(sign * torch.tensor([1.0, 3, 2, 4]), manipulated) == 0.75


# ---- kinds


def test_a_kind_by_hand(draws):
    """Two faces, twice each. Genuine logits -2, 1, -1, -3; fakes 3, 2, -1, 4: of 16 pairs one is wrong and one equal."""
    made = pairs_of([90, 120, 100, 80], [140, 130, 100, 150])
    row = evaluate.measure_kind(DETECTOR, made, 2, HALF)
    assert set(row) == {"auc", "sharpness", "file size", "blockiness", "ece", "brier", "false_alarms", "missed"}
    assert row["auc"]["value"] == pytest.approx(14.5 / 16, abs=1e-4)
    assert (row["false_alarms"]["hits"], row["false_alarms"]["count"]) == (1, 4)
    assert (row["missed"]["hits"], row["missed"]["count"]) == (1, 4)
    logits = torch.tensor([-2.0, 1, -1, -3, 3, 2, -1, 4])
    truth = torch.tensor([0.0] * 4 + [1.0] * 4)
    assert row["brier"]["value"] == pytest.approx(((torch.sigmoid(logits) - truth) ** 2).mean().item(), abs=1e-3)
    assert row["ece"]["value"] == pytest.approx(calibrate.ece(torch.sigmoid(logits), truth), abs=1e-3)
    # All six intervals are over the two faces.
    assert len(draws) == 6
    assert all(torch.as_tensor(groups).tolist() == [0, 1, 0, 1, 0, 1, 0, 1] for _, _, groups in draws)
    assert all(manipulated.tolist() == truth.tolist() for _, manipulated, _ in draws)


def test_genuine_and_fake_are_not_exchanged(draws):
    made = pairs_of([80, 90], [130, 150])
    assert evaluate.measure_kind(DETECTOR, made, 2, HALF)["auc"]["value"] == 1
    turned = evaluate.measure_kind(DETECTOR, pairs_of([130, 150], [80, 90]), 2, HALF)
    assert turned["auc"]["value"] == 0
    assert turned["false_alarms"]["value"] == turned["missed"]["value"] == 1
    told = evaluate.measured(DETECTOR, made)
    assert [part.tolist() for part in told["detector"]] == [
        pytest.approx([-3, -2], abs=1e-4),
        pytest.approx([2, 4], abs=1e-4),
    ]


@pytest.mark.parametrize(("genuine", "fake"), [(3, 12), (12, 3)])
def test_baselines_tell_what_they_can_in_both_directions(draws, genuine, fake):
    """Fakes that are noisier, or smoother, than genuine pictures: sharpness and file size see it, the mean does not."""
    parts = noise(genuine, 4, 0), noise(fake, 4, 1)
    made = Pairs(*parts, torch.ones(4, 1, 128, 128))
    row = evaluate.measure_kind(DETECTOR, made, 4, HALF)
    assert row["sharpness"]["value"] == row["file size"]["value"] == 1
    assert row["sharpness"]["low"] >= 0.5
    told = evaluate.measured(DETECTOR, made)
    for name, measure in evaluate.BASELINES.items():
        for part, found in zip(parts, told[name], strict=True):
            assert torch.equal(found, measure(part.float() / 255))


def test_ratios_are_told_apart_by_the_mask(draws):
    """Four fakes of each of two faces, one of each ratio; the more is taken, the brighter they are."""
    ratios = [ratio for ratio in (0.25, 0.5, 0.75, 1.0) for _ in range(2)]
    made = pairs_of([100, 102] * 4, [90, 92, 101, 101, 101, 110, 120, 130], ratios)
    genuine = evaluate.scores_of(DETECTOR, made.genuine)
    rows = evaluate.by_ratio(DETECTOR, made, genuine)
    assert {ratio: row["value"] for ratio, row in rows.items()} == {"0.25": 0, "0.5": 0.5, "0.75": 0.75, "1.0": 1}
    for _, manipulated, groups in draws:
        assert torch.as_tensor(groups).tolist() == [0, 1] * 5
        assert manipulated.tolist() == [0] * 8 + [1] * 2


def test_overlaps_compare_maps_with_the_masks_of_plain_fakes():
    made = pairs_of([100] * 4, [100] * 4, [1.0, 0.75, 0.5, 0.25])
    made.fake[..., 64:] += 60
    made.fake[..., :64] -= 60
    row = evaluate.overlaps(DETECTOR, made)
    assert row["count"] == 2
    assert row["map"] > 0.97
    assert row["saliency"] > 0.9  # brightness times a slope that is the same everywhere
    made.mask = evaluate.central_ellipse(4) * torch.tensor([1.0, 0.75, 0.5, 0.25])[:, None, None, None]
    row = evaluate.overlaps(DETECTOR, made)
    assert row["central ellipse"] > 0.99
    assert row["map"] < 0.8


# ---- other questions


def test_every_trace_is_measured_on_its_own_fakes(draws, monkeypatch):
    brighter = {"colors": 12, "sharpness": 0, "place": -5}
    asked = []

    def traced(trace, rgb, seed):
        asked.append((trace, rgb[:, 0, 0, 0].tolist(), seed))
        return pairs_of([100, 110], [100 + brighter[trace], 110 + brighter[trace]])

    monkeypatch.setattr(evaluate, "traced", traced)
    rows = evaluate.by_trace(DETECTOR, gray([100, 110], 128), 5)
    assert {trace: row["value"] for trace, row in rows.items()} == {"colors": 1, "sharpness": 0.5, "place": 0.25}
    assert asked == [(trace, [100, 110], 5) for trace in brighter]
    assert all(torch.as_tensor(groups).tolist() == [0, 1, 0, 1] for _, _, groups in draws)


@pytest.fixture
def by_hand(monkeypatch):
    """Self-blends of gray pictures: fakes are brighter than genuine ones by little."""
    seen = []

    def cases(*given):
        seen.append(given)
        return pairs_of([100, 104, 98, 102], [106, 110, 105, 108])

    monkeypatch.setattr(evaluate, "cases", cases)
    return seen


def test_both_of_a_pair_are_damaged_alike(draws, by_hand):
    """Brightness, for one, makes no difference to a detector of brightness when both have it, and much if one has."""
    rgb = gray([1, 2, 3, 4])
    rows = evaluate.robustness(DETECTOR, rgb, 5)
    assert {what: [row["level"] for row in each] for what, each in rows.items()} == {
        "nothing": [0],
        **{what: list(levels) for what, levels in evaluate.LEVELS.items()},
    }
    assert {row["value"] for what in ("nothing", "brightness", "blur", "reduced by") for row in rows[what]} == {1}
    assert all(row["low"] <= row["value"] <= row["high"] for each in rows.values() for row in each)
    (kind, faces, seed, count, finishes) = by_hand[0]
    assert (kind, seed, count, finishes) == (
        "self-blend",
        5,
        1,
        evaluate.untouched,
    )  # no other damage than the one named
    assert faces is rgb
    assert all(torch.as_tensor(groups).tolist() == [0, 1, 2, 3] * 2 for _, _, groups in draws)


def test_damage_costs_what_it_takes_from_both(draws, by_hand, monkeypatch):
    told = []

    def damage(levels, what, level, rng):
        told.append((what, level, levels.float().mean().item()))
        return levels if what != "noise" else torch.full_like(levels, 99)

    monkeypatch.setattr(evaluate, "damage", damage)
    rows = evaluate.robustness(DETECTOR, gray([1, 2, 3, 4]), 5)
    assert {row["value"] for row in rows["noise"]} == {0.5}
    assert [(what, level) for what, level, _ in told] == [
        (what, level) for what, levels in evaluate.LEVELS.items() for level in levels for _ in range(2)
    ]
    genuine, fake = {mean for *_, mean in told[::2]}, {mean for *_, mean in told[1::2]}
    assert max(genuine) < min(fake)
    assert len(genuine) == len(fake) == 1


def test_rules_are_measured_on_whole_films_and_halves(draws, monkeypatch):
    """Three films of each kind. Whole ones are brighter by a level, halves in half of their frames by very much."""
    base = torch.tensor([100, 101, 102])
    frames = {
        "genuine": base[:, None].repeat(1, FRAMES),
        "whole": base[:, None].repeat(1, FRAMES) + 30,
        "half": base[:, None] + torch.tensor([-60, -60, 50, -60]),
    }
    made = {name: gray(levels.flatten().tolist(), 128).unflatten(0, (3, FRAMES)) for name, levels in frames.items()}
    asked = []
    monkeypatch.setattr(evaluate, "films", lambda rgb, seed: asked.append((len(rgb), seed)) or made)
    rows = evaluate.rules(DETECTOR, gray([1, 2, 3]), 7, HALF)
    assert list(rows) == list(RULES)
    assert asked == [(3, 7)]
    assert all(row["whole"]["value"] == 1 for row in rows.values())
    assert {
        rule: row["half"]["value"] for rule, row in rows.items() if rule in ("mean", "median", "max", "top quarter")
    } == {
        "mean": 0,
        "median": 0,
        "max": 1,
        "top quarter": 1,
    }
    logits = torch.tensor([-1.0, -0.9, -0.8, 2.0, 2.1, 2.2])
    truth = torch.tensor([0.0] * 3 + [1.0] * 3)
    for rule in ("mean", "median", "max"):
        assert rows[rule]["ece"]["value"] == pytest.approx(calibrate.ece(torch.sigmoid(logits), truth), abs=1e-3)
    assert all(torch.as_tensor(groups).tolist() == [0, 1, 2] * 2 for _, _, groups in draws)


def test_published_forgeries_count_as_manipulated(draws, monkeypatch):
    asked = []
    levels = {"stylegan": [150, 160, 170], "mesonet/fake": [95], "mesonet/real": [105, 106]}

    def fakes(kind):
        asked.append(kind)
        return {f"{kind}/{row}": level for row, level in enumerate(levels[kind])}

    monkeypatch.setattr(evaluate, "fakes", fakes)
    monkeypatch.setattr(evaluate, "as_published", lambda found: (list(found), gray(list(found.values()), 200)))
    rows = evaluate.transfer(DETECTOR, gray([100, 105, 110], 200), HALF)
    assert asked == list(rows) == list(levels)
    assert {kind: row["auc"]["value"] for kind, row in rows.items()} == {
        "stylegan": 1,
        "mesonet/fake": 0,
        "mesonet/real": pytest.approx((1.5 + 2) / 6, abs=1e-3),
    }
    row = rows["stylegan"]
    assert row["scores"] == pytest.approx([4, 5, 6], abs=2e-3)
    assert row["probability"] == pytest.approx(torch.sigmoid(torch.tensor([4.0, 5, 6])).tolist(), abs=2e-3)
    assert row["names"] == ["stylegan/0", "stylegan/1", "stylegan/2"]
    assert all(0.5 <= row[name]["value"] <= 1 for row in rows.values() for name in evaluate.BASELINES)


def test_alarms_are_counted_on_faces_that_nobody_trained_on(monkeypatch):
    levels = {"validation": [100, 130], "calibration": [90, 100, 140], "test": [150]}
    asked = []
    names = {
        "validation": ["20_0_0_1.jpg", "50_1_1_1.jpg"],
        "calibration": ["35_0_0_1.jpg", "36_1_0_1.jpg", "65_1_1_1.jpg"],
        "test": ["22_0_4_1.jpg"],
    }

    def faces(split):
        asked.append(split)
        return labeled(levels[split], names[split])

    monkeypatch.setattr(evaluate, "faces", faces)
    monkeypatch.setattr(evaluate, "share_of", lambda hits: (int(hits.sum()), len(hits)))  # some groups here have nobody
    rows = evaluate.group_alarms(DETECTOR, HALF)
    assert asked == ["validation", "calibration", "test"]
    assert rows["all"] == {"all": (3, 6)}
    assert rows["gender"] == {"male": (1, 3), "female": (2, 3)}
    assert rows["race"] == {"White": (0, 3), "Black": (2, 2), "Asian": (0, 0), "Indian": (0, 0), "Others": (1, 1)}
    assert rows["age"] == {"20 to 29": (1, 2), "30 to 44": (0, 2), "45 to 59": (1, 1), "60 to 80": (1, 1)}
