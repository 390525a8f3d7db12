"""The evaluation of semantics, on pictures whose results are known without it."""

import pytest
import torch

from course_lib.data import petals
from course_lib.training import evaluate_fusion as evaluate


def test_other_pictures_are_of_other_classes_and_of_all_of_them():
    labels = torch.tensor([0] * 40 + [1] * 40 + [2] * 20)
    others = evaluate.other_pictures(labels)
    assert (labels[others] != labels).all()
    assert set(labels[others[:40]].tolist()) == {1, 2}
    assert torch.equal(others, evaluate.other_pictures(labels))
    assert not torch.equal(others, evaluate.other_pictures(labels, seed=1))


def test_groups_are_measured_apart_and_together():
    columns = {"psnr": torch.tensor([[20.0, 1], [22.0, 1], [30.0, 1], [32.0, 1]], dtype=torch.float64)}
    groups = {"all": slice(None), "sea": torch.tensor([0, 1]), "street": torch.tensor([2, 3])}
    rows = evaluate.per_group(groups, columns, seed=0)
    assert {name: row["psnr"]["value"] for name, row in rows.items()} == {"all": 26, "sea": 21, "street": 31}
    leads = evaluate.per_group(groups, columns, 0, {"psnr": columns["psnr"] - torch.tensor([1.0, 0])})
    for lead in leads.values():
        assert lead["psnr"] == {"value": 1, "low": 1, "high": 1}


def test_score_is_best_for_the_truth():
    truth = petals(3, size=32, seed=3).rgb
    columns = evaluate.score(truth, truth)
    assert columns.keys() == {"psnr", "colorfulness_ratio", "auc", "rebalanced_auc", "delta_e"}
    assert columns["delta_e"][:, 0].max() == pytest.approx(0, abs=1e-4)
    gray = evaluate.score(truth.mean(dim=1, keepdim=True).expand_as(truth), truth)
    assert (gray["delta_e"][:, 0] > 5).all()
