"""The evaluation of GANs, on pictures whose results are known without it, and the combinations and starts that are compared."""

import pytest
import torch
from torch import nn

from course_lib import color
from course_lib.data import petals
from course_lib.training import compare_losses, compare_starts
from course_lib.training import evaluate_gan as evaluate
from course_lib.training.recipes import as_photographs
from course_lib.training.state import State


class Shifted(nn.Module):
    """Answers the colors that it was told, moved by a constant."""

    def __init__(self, ab, shift):
        super().__init__()
        self.ab, self.shift = ab, torch.tensor(shift)[:, None, None]

    def forward(self, l):  # noqa: E741
        return self.ab[: len(l)]

    def to_ab(self, answer, temperature):
        return answer + self.shift


@pytest.fixture(scope="module")
def results():
    photographs = as_photographs(petals(24, size=32, seed=3))
    ab = color.rgb_to_lab(photographs.rgb.float() / 255)[:, 1:]
    networks = {"right": Shifted(ab, (0.0, 0.0)), "near": Shifted(ab, (6.0, 0.0)), "far": Shifted(ab, (40.0, 0.0))}
    return evaluate.evaluate(networks, photographs, side=32, compared=(("far", "near"), ("near", "gray")))


def test_rows_are_ordered_as_they_are_right(results):
    assert list(results["rows"]) == ["gray", "right", "near", "far", "truth"]
    for metric in ("frechet", "delta_e"):
        values = [results["rows"][name][metric]["value"] for name in ("truth", "right", "near", "far")]
        assert values == sorted(values)
        assert values[0] == pytest.approx(0, abs=1e-6)
        assert values[3] > values[2] > 0.01
    assert results["rows"]["truth"]["patches"]["value"] == 1
    assert results["rows"]["gray"]["patches"]["value"] == pytest.approx(0, abs=0.02)


def test_intervals_hold_their_values_and_leads_are_differences(results):
    for table in (*results["rows"].values(), *results["leads"].values()):
        for metric, row in table.items():
            if row["value"] is not None:
                assert row["low"] <= row["value"] <= row["high"], metric
    for names, lead in results["leads"].items():
        one, other = (results["rows"][name]["frechet"]["value"] for name in names.split(" - "))
        assert lead["frechet"]["value"] == pytest.approx(one - other, abs=2e-4)


def test_the_interval_of_the_frechet_distance_covers_what_new_pictures_give():
    source = torch.Generator().manual_seed(0)
    drawn = [(torch.randn(200, 4, generator=source) + 0.5, torch.randn(200, 4, generator=source)) for _ in range(12)]
    answer, truth = ([each[:, None]] for each in drawn[0])
    row = evaluate.with_frechet_ends(*evaluate.frechet_draws({"answer": answer, "truth": truth})["answer"])
    again = [evaluate.metrics.frechet_distance(*pair) for pair in drawn[1:]]
    assert sum(row["low"] <= value <= row["high"] for value in again) >= 8
    assert row["high"] - row["low"] < 1.2


def test_truth_and_answer_are_drawn_together():
    features = torch.randn(50, 4, generator=torch.Generator().manual_seed(1))
    _, redrawn = evaluate.frechet_draws({"truth": [features[:, None]]})["truth"]
    assert redrawn.abs().max() < 1e-6


def test_seven_combinations_of_three_losses_that_differ_in_their_weights_alone():
    plans = compare_losses.combined()
    assert next(iter(plans)) == "L1"
    assert list(plans)[-1] == "L1 + adversarial + features"
    assert len(plans) == 7
    for name, plan in plans.items():
        parts = set(name.split(" + "))
        assert {part for part in compare_losses.WEIGHTS if getattr(plan, part)} == {
            part for part, called in compare_losses.NAMES.items() if called in parts
        }
        assert (plan.epochs, plan.steps, plan.side, plan.rate) == (10, 200, 64, 5e-4)


def test_full_size_gets_as_much_time_as_growing_pictures():
    assert compare_starts.epochs_at_full_size([1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4]) == 7
    assert compare_starts.epochs_at_full_size([0] * 8 + [4, 4, 4, 4]) == 4


def test_the_history_of_a_start_counts_the_seconds():
    state = State(history=[[0.5, 0.4], [0.3, 0.2]], seconds=[10.0, 20.0])
    recipe = compare_starts.dataclasses.replace(compare_starts.START, stages=((1, 64), (1, 96)))
    assert compare_starts.history(recipe, state) == {"seconds": [10, 30], "loss": [0.4, 0.2], "side": [64, 96]}
