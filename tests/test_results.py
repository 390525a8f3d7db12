"""The table of results: it belongs to the networks that are there, and measuring again gives it again."""

import pytest

from course_lib.data import scenes
from course_lib.models.checkpoints import read_card
from course_lib.results import read_results
from course_lib.training import evaluate

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
