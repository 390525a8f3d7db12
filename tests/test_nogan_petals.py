"""NoGAN on drawn meadows: the trainings run and are what they say, and what is measured about petals is right where we know it."""

import pytest
import torch

from course_lib import nogan_petals as small
from course_lib.data import petals
from course_lib.data.petals import conditional
from course_lib.models.checkpoints import load_checkpoint


@pytest.fixture(scope="module")
def meadows():
    return small.draw_meadows(16, held_out=8)


@pytest.fixture(scope="module")
def start(meadows):
    return small.train_start(small.photographs_of(meadows), stages=((1, 32), (1, 64)))


def body(weights):
    """The weights of the body that are trained, without the statistics of its normalization."""
    return {
        key: value
        for key, value in weights.items()
        if key.startswith("unet.layers.0.") and key.endswith(("weight", "bias"))
    }


# ---- meadows


def test_meadows_to_measure_with_are_not_those_to_train_on(meadows):
    assert len(meadows["train"]) == 16
    assert len(meadows["validation"]) == 8
    assert not torch.equal(meadows["train"].rgb[:8], meadows["validation"].rgb)
    assert meadows["train"].rgb.shape[-2:] == (small.SIDE, small.SIDE)


def test_photographs_are_the_meadows_in_8_bits(meadows):
    photographs = small.photographs_of(meadows)
    for split, scenes in meadows.items():
        assert photographs[split].rgb.dtype == torch.uint8
        assert (photographs[split].rgb / 255 - scenes.rgb).abs().max() < 0.003


# ---- the phases


def test_the_generator_begins_with_a_body_that_was_trained():
    trained = load_checkpoint("scenes-body").features.state_dict()
    assert all(torch.equal(value, trained[key]) for key, value in small.first_generator().unet[0].state_dict().items())


def test_a_generator_of_weights_has_them_and_is_in_evaluation_mode():
    network = small.first_generator()
    again = small.generator_of(network.state_dict())
    assert not again.training
    for key, value in network.state_dict().items():  # rounded to half precision, as a checkpoint is
        assert torch.allclose(value.float(), again.state_dict()[key].float(), rtol=1e-3, atol=1e-6)


def test_phase_1_trains_the_head_and_leaves_the_body_at_first(start):
    first = small.first_generator().state_dict()
    assert len(start.history) == 2
    first_body = body(first)
    assert first_body
    assert all(torch.equal(value, start.model[key]) for key, value in first_body.items())
    assert any(not torch.equal(value, start.model[key]) for key, value in first.items() if key not in first_body)


def test_phase_1_shows_small_pictures_first(meadows, monkeypatch):
    sides = []

    def remember(name, recipe, photographs, prior, states):
        sides.extend(recipe.side_of(epoch) for epoch in range(recipe.epochs))
        assert states is None

    monkeypatch.setattr(small, "run", remember)
    small.train_start(small.photographs_of(meadows))
    assert sides == sorted(sides)
    assert sides[0] < sides[-1] == small.SIDE


def test_phase_3_begins_with_phase_1_and_measures_every_epoch(meadows, start):
    critic = small.first_critic()
    before = {key: value.clone() for key, value in critic.state_dict().items()}
    state = small.train_together(
        start.best, critic, small.photographs_of(meadows), epochs=2, steps=2, critic_below=None
    )
    assert [point["step"] for point in state.curve] == [0, 2, 4]
    assert [point["generator_steps"] for point in state.curve] == [0, 1, 2]
    first = small.generator_of(start.best).state_dict()
    kept = small.generator_of(state.snapshots[0]).state_dict()
    assert all(torch.allclose(value.float(), kept[key].float(), atol=2e-3, rtol=2e-3) for key, value in first.items())
    assert any(not torch.equal(value, critic.state_dict()[key]) for key, value in before.items())


# ---- petals


@pytest.fixture(scope="module")
def scenes():
    return petals(24, size=64, seed=3)


def test_the_chroma_of_true_petals_is_that_of_their_colors(scenes):
    colors, _ = conditional("petals")
    drawn = scenes.hues["petals"]
    found = small.petal_ab(scenes.rgb, scenes)
    assert found.shape == (int((scenes.regions == 4).sum()), 2)
    nearest = torch.cdist(found, colors).min(dim=1).values
    assert nearest.max() < 0.5
    low, high = colors[drawn.unique()[1:]].norm(dim=1).aminmax()
    assert low < small.petal_chroma(scenes.rgb, scenes) < high


def test_flowers_have_the_color_that_was_drawn_for_them(scenes):
    ab, lightness = small.flowers(scenes.rgb, scenes)
    visible = [
        scenes.hues["petals"][row, part - 4]
        for row in range(len(scenes))
        for part in scenes.parts[row].unique()
        if part >= 4
    ]
    assert torch.equal(small.named(ab), torch.stack(visible))
    assert lightness.shape == (len(visible),)
    assert 40 < lightness.min() < lightness.max() < 80


def test_shares_count_flowers():
    colors, _ = conditional("petals")
    shares = small.shares(torch.cat([colors[:1] / 3, colors[:1], colors[3:], colors[1:2], colors[1:2] / 2]))
    assert shares.tolist() == pytest.approx([0.4, 0.4, 0.0, 0.2])


def test_flowers_are_apart_where_lightness_does_not_decide():
    lightness = torch.tensor([3.0, 1.0, 2.0, 4.0])
    same = torch.ones(4, 2)
    assert small.apart(same, lightness) == 0
    by_lightness = torch.tensor([[10.0, 0], [10, 0], [10, 0], [20, 0]])
    assert small.apart(by_lightness, lightness) == pytest.approx(10 / 3)
    changing = torch.tensor([[0.0, 0], [0, 0], [0, 8], [0, 8]])  # in the order of lightness: 0, 8, 0, 8
    assert small.apart(changing, lightness) == pytest.approx(8)
