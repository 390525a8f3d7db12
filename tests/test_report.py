"""The checked claim and the budget switch."""

import random

import numpy as np
import pytest
import torch

from course_lib import budget
from course_lib.report import ClaimError, report


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({"value": 3, "expect": 3}, "n: 3 (expected 3)"),
        ({"value": 8139620, "expect": 8139620}, "n: 8,139,620 (expected 8,139,620)"),
        ({"value": -0.04, "expect": 0, "tol": 8}, "n: 0 (expected 0 ± 8)"),
        ({"value": 23.4567, "expect": 23, "tol": 1}, "n: 23.5 (expected 23 ± 1)"),
        ({"value": 0.123456, "expect": 0.12, "tol": 0.01}, "n: 0.123 (expected 0.12 ± 0.01)"),
        ({"value": 35.2, "at_least": 20, "at_most": 50, "unit": "dB"}, "n: 35 dB (expected 20 to 50 dB)"),
        ({"value": 0.5, "at_least": 0.25}, "n: 0.500 (expected at least 0.25)"),
        ({"value": 4.9996, "at_most": 8.5}, "n: 5.00 (expected at most 8.5)"),
        ({"value": 5, "at_most": 8.5}, "n: 5 (expected at most 8.5)"),
    ],
)
def test_the_line(capsys, arguments, line):
    report("n", **arguments)
    assert capsys.readouterr().out.strip() == line


@pytest.mark.parametrize(
    "arguments",
    [
        {"value": 3.1, "expect": 3},
        {"value": 24.1, "expect": 23, "tol": 1},
        {"value": 21.9, "expect": 23, "tol": 1},
        {"value": 0.2, "at_least": 0.25},
        {"value": 1.1, "at_most": 1},
        {"value": float("nan"), "expect": 3, "tol": 1},
        {"value": float("nan"), "at_least": 0},
    ],
)
def test_a_wrong_number_fails(arguments):
    with pytest.raises(ClaimError, match="expected"):
        report("n", **arguments)


@pytest.mark.parametrize(
    "arguments", [{}, {"expect": 1, "at_least": 0}, {"at_least": 2, "at_most": 1}, {"expect": 1, "tol": -1}, {"tol": 1}]
)
def test_a_claim_needs_a_range_that_makes_sense(arguments):
    with pytest.raises(ValueError, match=r"report|above"):
        report("n", 1, **arguments)


def test_a_trained_result_is_not_checked_below_its_budget(capsys, monkeypatch):
    monkeypatch.setenv("COURSE_BUDGET", "smoke")
    report("n", 99, expect=1, budget="quick")
    assert "checked from budget quick up" in capsys.readouterr().out
    monkeypatch.setenv("COURSE_BUDGET", "full")
    with pytest.raises(ClaimError):
        report("n", 99, expect=1, budget="quick")


def test_a_cell_that_ends_in_a_claim_shows_its_line_alone():
    assert report("n", 2.5, expect=2, tol=1) is None


@pytest.mark.parametrize(("name", "value"), [("smoke", 1), ("quick", 2), ("full", 3), (" QUICK ", 2), ("", 2)])
def test_the_budget_picks(monkeypatch, name, value):
    monkeypatch.setenv("COURSE_BUDGET", name)
    assert budget.pick(smoke=1, quick=2, full=3) == value


def test_an_unknown_budget_is_refused(monkeypatch):
    monkeypatch.setenv("COURSE_BUDGET", "fast")
    with pytest.raises(ValueError, match="smoke, quick, full"):
        budget.name()


def test_the_seed_rules_python_numpy_and_torch():
    def draw():
        generator = budget.seed(3)
        numpy_number = np.random.random()  # noqa: NPY002 - the global state is what is tested
        return random.random(), numpy_number, torch.rand(1).item(), torch.rand(1, generator=generator).item()

    assert draw() == draw()


def test_the_device_can_be_chosen(monkeypatch):
    monkeypatch.setenv("COURSE_DEVICE", "cpu")
    assert budget.device().type == "cpu"
