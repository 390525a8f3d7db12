"""The training of the detector: what is punished, what is drawn, and that it goes on after an interruption."""

import dataclasses
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from course_lib.data import LabeledPictures, photos, random_crops
from course_lib.data.photos import TEST_PHOTOS, TRAIN_PHOTOS
from course_lib.deepfake.blend import Pairs, pairs
from course_lib.models import ForgeryNet
from course_lib.models.checkpoints import as_saved, load_checkpoint, read_card
from course_lib.models.forgery_net import ForgeryAnswer
from course_lib.training import detection
from course_lib.training.detection import (
    DETECTORS,
    HELD_OUT,
    LEAST,
    WHERE,
    DetectorRecipe,
    DrawPairs,
    as_batch,
    crops,
    detection_loss,
    finish_detector,
    held_out_batches,
    measure_network,
    run_detector,
)
from course_lib.training.errors import TrainingError
from tests.training.detector_stand_ins import stop_in_the_second_epoch

NAME = "tiny-detector"


def small():
    return ForgeryNet(widths=(4, 6, 8), blocks=(1, 1, 1))


RECIPE = DetectorRecipe(network=small, dataset="photos", epochs=2, steps=3, batch_size=4, side=32, rate=5e-3)


@pytest.fixture(autouse=True)
def quietly(monkeypatch):
    monkeypatch.setenv("COURSE_DEVICE", "cpu")


@pytest.fixture(scope="module")
def photographs():
    """Parts of bundled photographs in the place of faces."""
    return {
        split: parts(photos(names=names), count)
        for split, names, count in (("train", TRAIN_PHOTOS, 40), ("validation", TEST_PHOTOS, 4))
    }


def parts(pictures, count, side=40):
    rgb = (random_crops(pictures, count, side) * 255).round().to(torch.uint8)
    return LabeledPictures(rgb, torch.zeros(count, dtype=torch.long), ("a",), [f"{row}.jpg" for row in range(count)])


def rng(seed=0):
    return np.random.default_rng(seed)


# ---- crops


def test_a_crop_is_a_square_of_the_size_that_is_seen(photographs):
    rgb = photographs["train"].rgb
    for side in (32, 64):
        cut = crops(rgb, side, rng())
        assert (cut.shape, cut.dtype) == ((40, 3, side, side), torch.uint8)
        assert torch.equal(cut, crops(rgb, side, rng()))
        assert not torch.equal(cut, crops(rgb, side, rng(1)))


def test_without_a_generator_the_whole_face_is_seen(photographs):
    rgb = photographs["train"].rgb
    assert torch.equal(crops(rgb, 40), rgb)
    half = crops(rgb, 20).float()
    assert torch.allclose(half, torch.nn.functional.avg_pool2d(rgb.float(), 2), atol=1)


def test_crops_show_four_fifths_or_more_and_half_are_turned():
    """Of a ramp, whose ends say what is seen of it."""
    ramp = torch.linspace(0, 255, 200).round().to(torch.uint8).expand(1, 3, 200, 200).contiguous()
    random = rng()
    rows = torch.cat([crops(ramp, 100, random) for _ in range(300)])[:, 0, 50].float()
    shown = (rows[:, -1] - rows[:, 0]) / 255
    assert LEAST - 0.03 < shown.abs().min() < LEAST + 0.02
    assert 0.97 < shown.abs().max() <= 1
    assert 110 < (shown < 0).sum() < 190
    begins = rows.amin(dim=1)
    assert begins.min() < 5
    assert begins.max() > 30


def test_crops_leave_their_faces_alone(photographs):
    rgb = photographs["train"].rgb
    before = rgb.clone()
    crops(rgb, 32, rng())
    assert torch.equal(rgb, before)


# ---- batches


def drawn(count=3, side=32):
    faces = (random_crops(photos(), count, side) * 255).round().to(torch.uint8)
    return pairs(faces, rng())


def test_a_batch_has_genuine_ones_first_and_fakes_are_ones():
    made = drawn()
    rgb, manipulated, inside = as_batch(made)
    assert torch.equal((rgb * 255).round().to(torch.uint8), torch.cat([made.genuine, made.fake]))
    assert (rgb.dtype, rgb.min() >= 0, rgb.max() <= 1) == (torch.float32, True, True)
    assert manipulated.tolist() == [0, 0, 0, 1, 1, 1]
    assert inside.shape == (6, 1, 4, 4)
    assert inside[:3].abs().max() == 0  # nothing of a genuine face is blended


def test_the_map_of_a_fake_is_its_mask_whatever_the_ratio():
    mask = torch.zeros(2, 1, 16, 16)
    mask[:, :, :8, :4] = torch.tensor([1.0, 0.25])[:, None, None, None]
    picture = torch.zeros(2, 3, 16, 16, dtype=torch.uint8)
    _, _, inside = as_batch(Pairs(picture, picture, mask))
    assert inside[2:].tolist() == [[[[0.5, 0], [0, 0]]]] * 2
    _, _, inside = as_batch(Pairs(picture, picture, torch.zeros_like(mask)))
    assert inside.isfinite().all()


# ---- the loss


def test_the_loss_by_hand():
    answer = ForgeryAnswer(torch.tensor([-2.0, 1.0]), torch.tensor([[[[0.0]]], [[[3.0]]]]))
    manipulated, inside = torch.tensor([0.0, 1.0]), torch.tensor([[[[0.0]]], [[[0.5]]]])
    whole = (math.log(1 + math.exp(-2)) + math.log(1 + math.exp(-1))) / 2
    places = (math.log(2) + 0.5 * math.log(1 + math.exp(-3)) + 0.5 * math.log(1 + math.exp(3))) / 2
    assert detection_loss(answer, manipulated, inside).item() == pytest.approx(whole + WHERE * places, rel=1e-5)


def test_high_logits_are_for_manipulated():
    sure = torch.tensor([-5.0, 5.0])
    flat = torch.zeros(2, 1, 1, 1)
    right, wrong = (
        detection_loss(ForgeryAnswer(sign * sure, flat), torch.tensor([0.0, 1.0]), flat) for sign in (1, -1)
    )
    assert right < wrong


def test_a_network_learns_from_a_batch():
    torch.manual_seed(0)
    network, (rgb, *truth) = small(), as_batch(drawn(8))
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    losses = []
    for _ in range(25):
        optimizer.zero_grad()
        loss = detection_loss(network(rgb), *truth)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]


# ---- what is drawn


def batch(photographs, recipe, epoch, step, training=True):
    callback = DrawPairs(recipe, photographs)
    callback.learn = SimpleNamespace(
        training=training, epoch=epoch, iter=step, xb=None, yb=None, dls=SimpleNamespace(device="cpu")
    )
    callback.before_batch()
    return *callback.learn.xb, *callback.learn.yb


def test_batches_depend_on_seed_epoch_and_step_alone(photographs):
    one = batch(photographs, RECIPE, 1, 0)
    assert all(torch.equal(part, same) for part, same in zip(one, batch(photographs, RECIPE, 1, 0), strict=True))
    others = [
        batch(photographs, RECIPE, 1, 1),
        batch(photographs, RECIPE, 0, 0),
        batch(photographs, dataclasses.replace(RECIPE, seed=1), 1, 0),
    ]
    rgbs = [one[0], *(other[0] for other in others)]
    for place, first in enumerate(rgbs):
        assert not any(torch.equal(first, second) for second in rgbs[place + 1 :])
    assert one[0].shape == (2 * RECIPE.batch_size, 3, 32, 32)
    # Steps are counted over all epochs: none comes twice.
    assert torch.equal(batch(photographs, RECIPE, 0, RECIPE.steps)[0], one[0])


def test_early_epochs_see_smaller_faces_and_validation_never_does(photographs):
    recipe = dataclasses.replace(RECIPE, side=64, early=(1, 32))
    assert [batch(photographs, recipe, epoch, 0)[0].shape[-1] for epoch in (0, 1, 2)] == [32, 64, 64]
    assert batch(photographs, recipe, 0, 2)[2].shape[-1] == 4
    assert batch(photographs, recipe, 0, 0, training=False)[0].shape[-1] == 64
    assert recipe.duration == "6 steps of 4 pairs at 32 px for 1 epochs, then 64 px"


def test_validation_is_the_same_in_each_epoch_and_of_other_faces(photographs):
    one, same = (batch(photographs, RECIPE, epoch, 1, training=False) for epoch in (0, 1))
    assert torch.equal(one[0], same[0])
    held_out = held_out_batches(RECIPE, photographs["validation"].rgb)
    assert sum(len(manipulated) for _, manipulated, _ in held_out) == 2 * HELD_OUT * len(photographs["validation"])
    assert torch.equal(held_out[1][0], one[0])
    fakes = torch.cat([rgb[manipulated == 1] for rgb, manipulated, _ in held_out])
    assert len(torch.unique(fakes, dim=0)) == len(fakes)  # each face is faked in several ways


def test_all_that_matters_is_in_the_plan():
    changes = {
        "objective": "another",
        "network": ForgeryNet,
        "epochs": 3,
        "steps": 4,
        "batch_size": 3,
        "side": 64,
        "rate": 1e-3,
        "seed": 1,
        "early": (1, 32),
    }
    plans = [dataclasses.replace(RECIPE, **{name: value}).plan for name, value in changes.items()]
    assert len({RECIPE.plan, *plans}) == len(changes) + 1
    assert RECIPE.plan == dataclasses.replace(RECIPE).plan
    assert RECIPE.duration == "6 steps of 4 pairs at 32 px"


def test_the_checkpoint_has_its_recipe():
    recipe = DETECTORS["faces-detector"]
    assert (recipe.dataset, recipe.side, recipe.seed) == ("faces", 128, 0)
    assert isinstance(recipe.network(), ForgeryNet)


# ---- a whole training


def assert_same(one, other):
    assert [validation for _, validation in one.history] == [validation for _, validation in other.history]
    for first, second in ((one.model, other.model), (one.best, other.best)):
        assert sorted(first) == sorted(second)
        assert all(torch.equal(first[key], value) for key, value in second.items())


def test_a_training_repeats_and_changes_with_its_seed(photographs):
    one = run_detector(NAME, RECIPE, photographs, states=None)
    assert_same(one, run_detector(NAME, RECIPE, photographs, states=None))
    assert one.epoch == len(one.history) == 2
    other = run_detector(NAME, dataclasses.replace(RECIPE, seed=1), photographs, states=None)
    assert other.history != one.history


def test_a_training_reduces_the_loss(photographs):
    recipe = dataclasses.replace(RECIPE, epochs=3, steps=15, batch_size=8)
    losses = [validation for _, validation in run_detector(NAME, recipe, photographs, states=None).history]
    assert losses[-1] < losses[0]


def test_a_training_that_is_stopped_goes_on_to_the_same_weights(photographs, tmp_path, monkeypatch, capsys):
    whole = run_detector(NAME, RECIPE, photographs, states=None)
    with monkeypatch.context() as patch:
        stop_in_the_second_epoch(patch)
        with pytest.raises(KeyboardInterrupt):
            run_detector(NAME, RECIPE, photographs, tmp_path)
    assert torch.load(tmp_path / f"{NAME}.pt", weights_only=True)["epoch"] == 1
    with pytest.raises(TrainingError, match="The recipe has changed"):
        run_detector(NAME, dataclasses.replace(RECIPE, rate=1e-3), photographs, tmp_path)
    capsys.readouterr()
    assert_same(run_detector(NAME, RECIPE, photographs, tmp_path), whole)
    out = capsys.readouterr().out
    assert "epoch 2 of 2" in out
    assert "epoch 1 of 2" not in out
    with monkeypatch.context() as patch:
        patch.setattr(detection, "learner", lambda *_: pytest.fail("it was trained again"))
        assert_same(run_detector(NAME, RECIPE, photographs, tmp_path), whole)
    assert_same(run_detector(NAME, RECIPE, photographs, tmp_path, restart=True), whole)


def test_the_card_says_how_the_checkpoint_was_made(photographs, tmp_path):
    state = run_detector(NAME, RECIPE, photographs, states=None)
    state.model = {key: torch.zeros_like(value) for key, value in state.model.items()}  # the best ones are asked for
    card = finish_detector(NAME, RECIPE, state, photographs, tmp_path)
    assert read_card(NAME, tmp_path) == card
    network = load_checkpoint(NAME, tmp_path)
    assert type(network) is ForgeryNet
    assert all(torch.equal(network.state_dict()[key], value) for key, value in as_saved(state.best).items())
    assert card["network"]["arguments"] == {"widths": [4, 6, 8], "blocks": [1, 1, 1]}
    assert card["command"] == f"python -m course_lib.training {NAME}"
    assert card["budget"] == {"epochs": 2, "batch_size": 4, "steps": 6, "rate": 5e-3}
    losses = [validation for _, validation in state.history]
    assert card["best"] == {
        "epoch": losses.index(min(losses)) + 1, "of": 2, "validation_loss": pytest.approx(min(losses), abs=1e-5)
    }  # fmt: skip
    assert card["metrics"] == {"split": "validation", "side": 32, **measure_network(network, RECIPE, photographs)}
    assert 0 <= card["metrics"]["auc"] <= 1
