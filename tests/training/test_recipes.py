"""The recipes: nothing of validation in training, and twins that differ in nothing but their loss."""

import hashlib
from dataclasses import fields

import pytest
import torch

from course_lib import bins, color
from course_lib.data.datasets import available
from course_lib.data.labeled import LabeledPictures
from course_lib.data.manifests import manifest_names, read_manifest
from course_lib.models.checkpoints import load_checkpoint
from course_lib.training.losses import CrossEntropy
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


def different(recipes):
    """The fields in which recipes are not all the same, and the arguments in which their networks are not."""
    of_recipes = {
        field.name for field in fields(recipes[0]) if len({str(getattr(one, field.name)) for one in recipes}) > 1
    }
    arguments = [recipe.network().arguments for recipe in recipes]
    return of_recipes, {key for key in arguments[0] if len({str(one[key]) for one in arguments}) > 1}


@pytest.mark.parametrize(
    "names",
    [
        ("scenes-l2", "scenes-classification", "scenes-rebalanced"),
        ("opencountry-regression", "opencountry-classification"),
    ],
)
def test_twins_differ_in_loss_and_outputs_alone(names):
    of_recipes, of_networks = different([RECIPES[name] for name in names])
    assert of_recipes <= {"objective", "network", "loss", "data"}
    assert of_networks == {"outputs"}


def test_the_four_ways_to_know_what_is_there_differ_in_that_alone():
    ways = [recipe for name, recipe in RECIPES.items() if name.startswith("scenes-fusion")]
    assert len(ways) == 4
    of_recipes, of_networks = different(ways)
    assert of_recipes == {"objective", "network", "labeled"}
    assert of_networks == {"embedding", "encoder", "classes"}
    assert [recipe.labeled for recipe in ways] == [recipe.network().arguments["classes"] is not None for recipe in ways]
    told = {recipe.network().arguments["embedding"] for recipe in ways}
    assert told == {0, 64}


def test_the_encoder_is_the_trained_one_or_one_of_the_same_build_that_is_not():
    classifier = load_checkpoint("scenes-semantics").state_dict()
    encoders = {}
    for name in ("scenes-fusion", "scenes-fusion-untrained"):
        model = RECIPES[name].network()
        assert not any(weight.requires_grad for weight in model.embed.parameters())
        encoders[name] = model.embed.classifier.state_dict()
    assert all(torch.equal(value, encoders["scenes-fusion"][name]) for name, value in classifier.items())
    weights = [name for name, value in classifier.items() if value.ndim == 4]
    assert not any(torch.equal(classifier[name], encoders["scenes-fusion-untrained"][name]) for name in weights)


def test_hints_begin_with_what_the_network_of_the_l2_loss_sees():
    model, trained = RECIPES["scenes-hints"].network().eval(), load_checkpoint("scenes-l2")
    features = []
    model.blocks[6].register_forward_hook(lambda layer, inputs, output: features.append(output))
    l = torch.rand(1, 1, 32, 40) * 2 - 1  # noqa: E741 - l is the symbol of the field
    model(l)
    expected = trained.blocks(l)
    assert torch.allclose(features[-1], expected, atol=1e-3 * float(expected.abs().max()))


def inputs_of(recipe, count=2, side=32):
    """What the network of a recipe gets in training, for random lightness and colors."""
    generator = torch.Generator().manual_seed(1)
    l = torch.rand(count, 1, side, side, generator=generator) * 2 - 1  # noqa: E741
    ab = torch.rand(count, 2, side, side, generator=generator) - 0.5
    return (l,) if recipe.inputs is None else recipe.inputs(l, ab, range(count))


@pytest.mark.parametrize("name", RECIPES)
def test_network_and_loss_fit_each_other(name):
    recipe = RECIPES[name]
    torch.manual_seed(0)
    model = recipe.network()
    answer = model(*inputs_of(recipe))
    side = 32 // recipe.shrinks
    colors = answer if isinstance(answer, torch.Tensor) else answer.ab
    assert colors.shape[-2:] == (side, side)
    truth = [torch.rand(2, 2, side, side) - 0.5]
    if recipe.labeled:
        truth.append(torch.tensor([0, 5]))
    if recipe.lit:
        truth.append(torch.rand(2, 1, side, side))
    loss = recipe.loss(torch.full((313,), 1 / 313))(answer, *truth)
    assert loss.isfinite()
    assert loss.ndim == 0
    loss.backward()
    fixed = {name for name, weight in model.named_parameters() if weight.grad is None}
    assert all(name.startswith(("embed.", "expectation.")) for name in fixed)
    assert model.to_ab(answer).shape == (2, 2, side, side)


def test_only_the_rebalanced_recipe_weighs_colors():
    prior = torch.rand(313, generator=torch.Generator().manual_seed(0))
    prior /= prior.sum()
    losses = {name: recipe.loss(prior) for name, recipe in RECIPES.items()}
    weights = {name: loss.weights for name, loss in losses.items() if isinstance(loss, CrossEntropy)}
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
