"""The recipes: nothing of validation in training, and twins that differ in nothing but their loss."""

import hashlib
from dataclasses import fields

import pytest
import torch

from course_lib import bins, color
from course_lib.data.datasets import available
from course_lib.data.labeled import LabeledPictures
from course_lib.data.manifests import manifest_names, read_manifest
from course_lib.training.recipes import RECIPES, drawn, prior_of

DATASETS = sorted({recipe.dataset for recipe in RECIPES.values()})


def digests(pictures):
    return {hashlib.sha256(picture.numpy().tobytes()).hexdigest() for picture in pictures.rgb}


@pytest.mark.parametrize("dataset", [name for name in DATASETS if name in manifest_names()])
def test_no_file_is_in_two_splits(dataset):
    manifest = read_manifest(dataset)
    splits = [{file.sha256 for file in manifest.of_split(split)} for split in ("train", "validation", "test")]
    assert all(splits)
    assert sum(map(len, splits)) == len(set.union(*splits))


@pytest.mark.parametrize("name", ["petals-classification", "opencountry-regression"])
def test_no_training_picture_is_used_for_validation(name):
    recipe = RECIPES[name]
    if recipe.dataset != "petals" and not available(recipe.dataset):
        pytest.skip(f"{recipe.dataset} is not on this machine")
    training, validation = recipe.data("train"), recipe.data("validation")
    assert len(training) >= 4 * len(validation) > 0
    assert digests(training).isdisjoint(digests(validation))


def test_every_recipe_takes_the_split_that_it_asks_for(monkeypatch):
    for recipe in RECIPES.values():
        if recipe.dataset == "petals":
            continue
        asked = []
        function = getattr(recipe.data, "func", recipe.data)
        monkeypatch.setitem(
            function.__globals__,
            "_labeled",
            lambda name, side, of, split, *rest, asked=asked: asked.append((name, split)),
        )
        recipe.data("train")
        recipe.data("validation")
        assert asked == [(recipe.dataset, "train"), (recipe.dataset, "validation")]


@pytest.mark.parametrize("group", ["scenes", "opencountry"])
def test_twins_differ_in_loss_and_outputs_alone(group):
    twins = [recipe for name, recipe in RECIPES.items() if name.startswith(f"{group}-")]
    assert len(twins) >= 2
    for field in fields(twins[0]):
        if field.name not in ("objective", "network", "loss", "data"):
            assert len({getattr(recipe, field.name) for recipe in twins}) == 1, field.name
    arguments = [recipe.network().arguments for recipe in twins]
    assert len({str({**one, "outputs": None}) for one in arguments}) == 1


@pytest.mark.parametrize("name", RECIPES)
def test_network_and_loss_fit_each_other(name):
    recipe = RECIPES[name]
    torch.manual_seed(0)
    model = recipe.network()
    answer = model(torch.rand(2, 1, 32, 32) * 2 - 1)
    side = 32 // recipe.shrinks
    assert answer.shape[-2:] == (side, side)
    loss = recipe.loss(torch.full((313,), 1 / 313))(answer, torch.rand(2, 2, side, side) - 0.5)
    assert loss.isfinite()
    assert loss.ndim == 0
    assert model.to_ab(answer).shape == (2, 2, side, side)


def test_only_the_rebalanced_recipe_weighs_colors():
    prior = torch.rand(313, generator=torch.Generator().manual_seed(0))
    prior /= prior.sum()
    losses = {name: recipe.loss(prior) for name, recipe in RECIPES.items()}
    weights = {name: getattr(loss, "weights", None) for name, loss in losses.items()}
    assert [name for name, value in weights.items() if value is not None] == ["scenes-rebalanced"]
    assert torch.allclose(weights["scenes-rebalanced"], bins.rebalancing_weights(prior))


def test_the_side_grows_stage_by_stage():
    recipe = RECIPES["petals-classification"]
    assert recipe.stages == ((6, 32), (2, 40))
    assert [recipe.side_of(epoch) for epoch in range(recipe.epochs)] == [32] * 6 + [40] * 2
    assert recipe.last_side == 40


def test_a_plan_names_what_the_result_depends_on():
    plans = {recipe.plan for recipe in RECIPES.values()}
    assert len(plans) == len(RECIPES)
    for recipe in RECIPES.values():
        for part in (recipe.objective, recipe.dataset, recipe.stages, recipe.rate, recipe.seed, recipe.batch_size):
            assert str(part) in recipe.plan


def test_drawn_scenes_are_always_the_same():
    first, again = drawn("train"), drawn("train")
    assert torch.equal(first.rgb, again.rgb)
    assert first.rgb.dtype == torch.uint8
    assert len(first) == len(first.names) == len(first.labels)


def test_the_prior_counts_the_nearest_bins_of_the_photographs():
    generator = torch.Generator().manual_seed(3)
    rgb = torch.randint(256, (5, 3, 12, 12), dtype=torch.uint8, generator=generator)
    # Every second pixel is looked at; the pictures are made so that the rest has other colors.
    looked_at = torch.zeros_like(rgb)
    looked_at[:, :, ::2, ::2] = rgb[:, :, ::2, ::2]
    prior = prior_of(LabeledPictures(looked_at, torch.zeros(5), ("x",), []), batch_size=2)
    ab = color.rgb_to_lab(rgb[:, :, ::2, ::2])[:, 1:].movedim(1, -1).reshape(-1, 2)
    nearest = torch.cdist(ab, bins.AB_BINS).argmin(dim=1)
    counts = torch.bincount(nearest, minlength=313).float()
    assert torch.allclose(prior, bins.smooth(counts / counts.sum()), atol=1e-6)
    assert prior.sum().item() == pytest.approx(1, abs=1e-5)
