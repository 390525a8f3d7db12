"""``python -m course_lib.training faces-detector``: trains, stops, goes on, and says what came of it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from course_lib.data import downloads
from course_lib.data.photos import TEST_PHOTOS, TRAIN_PHOTOS
from course_lib.deepfake.blend import pairs
from course_lib.forgery import pieces
from course_lib.models import ForgeryNet
from course_lib.models.checkpoints import load_checkpoint, read_card
from course_lib.training import __main__ as command
from course_lib.training import detection
from course_lib.training.detection import DetectorRecipe, detection_loss, held_out_batches, measure_network
from course_lib.training.gan_recipes import GANS
from course_lib.training.propagation import FILMS
from course_lib.training.recipes import RECIPES
from tests.training.detector_stand_ins import stop_in_the_second_epoch

NAME = "faces-detector"


def parts(split):
    """Pieces of photographs in the place of faces."""
    return pieces(*{"train": (6, TRAIN_PHOTOS, 0), "validation": (3, TEST_PHOTOS, 1)}[split], side=40)


def small():
    return ForgeryNet(widths=(4, 6, 8), blocks=(1, 1, 1))


TINY = DetectorRecipe(network=small, data=parts, dataset="petals", epochs=2, steps=2, batch_size=4, side=32)


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.setenv("COURSE_DEVICE", "cpu")
    monkeypatch.setitem(detection.DETECTORS, NAME, TINY)


def train(folder, *options):
    return command.main([NAME, "--out", str(folder), "--states", str(folder / "states"), *options])


def test_the_command_trains_a_detector_and_writes_its_card(tmp_path, capsys):
    asked = []
    detection.DETECTORS[NAME] = replace(TINY, data=lambda split: asked.append(split) or parts(split))
    assert train(tmp_path) == 0
    assert asked == ["train", "validation"]  # what is calibrated and tested on is not even read
    out = capsys.readouterr().out
    card = read_card(NAME, tmp_path)
    assert f"Validation: loss {card['metrics']['loss']:.4f}, AUC {card['metrics']['auc']:.3f}" in out
    assert type(load_checkpoint(NAME, tmp_path)) is ForgeryNet
    assert card["metrics"]["loss"] == pytest.approx(card["best"]["validation_loss"], rel=2e-3)
    assert not (tmp_path / "states" / f"{NAME}.pt").exists()
    assert train(tmp_path) == 0
    again = capsys.readouterr().out
    assert "is trained already" in again
    assert f"AUC {card['metrics']['auc']:.3f}" in again
    assert len(asked) == 2


def test_a_stopped_detector_goes_on_to_the_same_weights(tmp_path, monkeypatch, capsys):
    assert train(tmp_path / "whole") == 0
    with monkeypatch.context() as patch:
        stop_in_the_second_epoch(patch)
        assert train(tmp_path / "other") == command.STOPPED
    capsys.readouterr()
    assert train(tmp_path / "other") == 0
    assert "epoch 1 of 2" not in capsys.readouterr().out
    one, other = (load_checkpoint(NAME, tmp_path / folder).state_dict() for folder in ("whole", "other"))
    assert all(torch.equal(value, other[key]) for key, value in one.items())
    assert train(tmp_path / "other", "--restart") == 0
    assert "epoch 1 of 2" in capsys.readouterr().out


def test_every_recipe_is_trained_in_its_way():
    ways = {
        command.train_recipe: RECIPES,
        command.train_gan_recipe: GANS,
        command.train_film_recipe: FILMS,
        command.train_detector_recipe: detection.DETECTORS,
    }
    for way, names in ways.items():
        assert {command.way_of(name) for name in names} == {way}


def test_the_list_has_the_detector(tmp_path, capsys):
    assert command.main(["--list", "--out", str(tmp_path)]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith(NAME))
    assert "4 steps of 4 pairs at 32 px" in line
    assert not line.endswith("trained")


def test_missing_faces_are_asked_for(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(detection.DETECTORS, NAME, replace(TINY, data=DetectorRecipe().data, dataset="faces"))
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    monkeypatch.setattr(downloads, "CACHE", tmp_path)
    assert train(tmp_path) == 1
    assert "python -m course_lib.data faces" in capsys.readouterr().err


def test_the_summary_of_a_detector_is_its_own():
    text = command.summary({"split": "validation", "side": 128, "auc": 0.95, "loss": 0.5})
    assert text.startswith("Validation: loss 0.5000, AUC 0.950")
    assert "PSNR" not in text
    metrics = {"psnr": 20.0, "colorfulness_ratio": 1.0, "rebalanced_auc": 0.5, "delta_e": 9.0}
    assert "PSNR 20.00" in command.summary({"auc": 0.9, "loss": 0.5, **metrics})


def test_the_validation_loss_is_that_of_all_pairs_whatever_the_batches():
    """15 pairs in batches of 4: the last one, of 3, must not count as much as the others."""
    torch.manual_seed(0)
    network, photographs = small().eval(), {"validation": parts("validation")}
    batches = held_out_batches(TINY, photographs["validation"].rgb)
    assert [len(rgb) for rgb, _, _ in batches] == [8, 8, 8, 6]
    with torch.no_grad():
        network.answer[1].weight *= 30  # so that batches differ
        rgb, manipulated, inside = (torch.cat(part) for part in zip(*batches, strict=True))
        expected = detection_loss(network(rgb), manipulated, inside).item()
    found = measure_network(network, TINY, photographs)
    assert found["loss"] == pytest.approx(expected, abs=1e-4)
    assert set(found) == {"auc", "loss"}


def test_fakes_that_score_high_make_a_high_auc(monkeypatch):
    """A network whose logit is the brightness, and fakes that are brighter."""

    class Bright(torch.nn.Module):
        def forward(self, rgb):
            from course_lib.models.forgery_net import ForgeryAnswer

            return ForgeryAnswer(rgb.mean(dim=(1, 2, 3)), torch.zeros(len(rgb), 1, 4, 4))

    def brighter(faces, rng):
        made = pairs(faces, rng)
        made.genuine = made.genuine // 4
        made.fake = made.genuine + 100
        return made

    photographs = {"validation": parts("validation")}
    assert measure_network(Bright(), replace(TINY, draw=brighter), photographs)["auc"] == 1
    assert np.isfinite(measure_network(Bright(), TINY, photographs)["loss"])
