"""The table of results: it belongs to the networks that are there, and measuring again gives it again."""

import pytest

from course_lib.data import scenes
from course_lib.models.checkpoints import read_card
from course_lib.results import read_fusion_results, read_hint_results, read_results
from course_lib.training import evaluate, evaluate_fusion, evaluate_hints

ROWS = ["gray", *evaluate.TWINS, "truth"]
METRICS = {"colorfulness_ratio", "auc", "rebalanced_auc", "delta_e", "psnr", "ssim", "accuracy"}

# Half of the smallest digit that a person would quote: what another processor's rounding may change.
TOLERANCES = {"psnr": 0.05, "delta_e": 0.05, "colorfulness_ratio": 0.005, "ssim": 0.005, "auc": 0.001}
TOLERANCES |= {"rebalanced_auc": 0.002, "accuracy": 1.01 / evaluate.PART}  # one picture may change sides


@pytest.fixture(scope="module")
def results():
    return read_results()


def test_the_networks_are_those_that_were_measured(results):
    names = (*evaluate.TWINS, evaluate.JUDGE)
    assert results["checkpoints"] == {name: read_card(name)["sha256"] for name in names}


def test_every_row_has_every_metric_inside_of_its_interval(results):
    assert list(results["rows"]) == ROWS
    for row in results["rows"].values():
        assert row.keys() == METRICS
        known = [metric for metric in row.values() if metric["value"] is not None]  # the truth's PSNR is infinite
        assert len(known) >= len(METRICS) - 1
        assert all(metric["low"] <= metric["value"] <= metric["high"] for metric in known)


def test_leads_are_differences_of_rows(results):
    for names, lead in results["leads"].items():
        one, other = (results["rows"][name] for name in names.split(" - "))
        for metric, row in lead.items():
            if row["value"] is not None:
                assert row["value"] == pytest.approx(one[metric]["value"] - other[metric]["value"], abs=2e-4)
                assert row["low"] <= row["value"] <= row["high"]


def test_the_three_twins_had_the_same_budget():
    cards = [read_card(name) for name in evaluate.TWINS]
    assert all(card["budget"] == cards[0]["budget"] for card in cards)
    assert all(card["data"] == cards[0]["data"] for card in cards)
    assert all(card["network"]["arguments"]["widths"] == cards[0]["network"]["arguments"]["widths"] for card in cards)


def test_a_part_of_the_test_split_gives_the_same_again(results, course_data):
    part = scenes("test", count=evaluate.PART)
    measured = evaluate.evaluate(part)["rows"]
    assert results["part"]["pictures"] == len(part) == evaluate.PART
    for name in ROWS:
        for metric, tolerance in TOLERANCES.items():
            committed, again = (rows[name][metric]["value"] for rows in (results["part"]["rows"], measured))
            expected = committed if committed is None else pytest.approx(committed, abs=tolerance)
            assert again == expected, f"{metric} of {name}"


# ---- what semantics is worth


@pytest.fixture(scope="module")
def fusion():
    return read_fusion_results()


def test_the_fusion_networks_are_those_that_were_measured(fusion):
    names = evaluate_fusion.NETWORKS.values()
    assert fusion["checkpoints"] == {name: read_card(name)["sha256"] for name in names}


def test_the_fusion_networks_differ_in_what_they_are_told_alone():
    cards = [read_card(name) for name in evaluate_fusion.NETWORKS.values()]
    assert all(card["budget"] == cards[0]["budget"] for card in cards)
    assert all(card["data"] == cards[0]["data"] for card in cards)
    assert all(card["network"]["arguments"]["widths"] == cards[0]["network"]["arguments"]["widths"] for card in cards)


def test_every_class_has_every_metric_inside_of_its_interval(fusion):
    assert list(fusion["rows"]) == list(evaluate_fusion.WAYS)
    groups = {frozenset(row) for row in fusion["rows"].values()}
    assert groups == {frozenset({"all", "buildings", "forest", "glacier", "mountain", "sea", "street"})}
    for table in (*fusion["rows"].values(), *fusion["leads"].values()):
        for row in table.values():
            assert all(entry["low"] <= entry["value"] <= entry["high"] for entry in row.values())


def test_a_part_gives_the_same_fusion_results_again(fusion, course_data):
    part = scenes("test", count=evaluate_fusion.PART)
    measured = evaluate_fusion.evaluate(part)["rows"]
    assert fusion["part"]["pictures"] == len(part)
    for way, row in measured.items():
        for metric, entry in row["all"].items():
            expected = pytest.approx(fusion["part"]["rows"][way][metric]["value"], abs=TOLERANCES[metric])
            assert entry["value"] == expected, f"{metric} of {way}"


# ---- what hints are worth


@pytest.fixture(scope="module")
def hints():
    return read_hint_results()


def test_the_hinted_network_is_the_one_that_was_measured(hints):
    assert hints["checkpoints"] == {evaluate_hints.NAME: read_card(evaluate_hints.NAME)["sha256"]}


def test_gains_are_differences_of_the_curve(hints):
    assert list(hints["psnr"]) == list(hints["carried"]) == [str(count) for count in evaluate_hints.COUNTS]
    for count, gain in hints["gain"].items():
        assert gain["value"] == pytest.approx(hints["psnr"][count]["value"] - hints["psnr"]["0"]["value"], abs=2e-4)
        assert gain["low"] <= gain["value"] <= gain["high"]


def test_a_part_gives_the_same_hint_results_again(hints, course_data):
    part = scenes("test", count=evaluate_hints.PART)
    measured = evaluate_hints.evaluate(part)
    assert hints["part"]["pictures"] == len(part)
    for table in ("psnr", "carried", "gain", "wrong"):
        for name, entry in measured[table].items():
            expected = pytest.approx(hints["part"][table][name]["value"], abs=TOLERANCES["psnr"])
            assert entry["value"] == expected, f"{table} of {name}"
    assert measured["spread"] == pytest.approx(hints["part"]["spread"], abs=0.01)
