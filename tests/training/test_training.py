"""Batches, learning and predicting: shuffled, repeatable, quiet, and never looking at the color of the input."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from course_lib import color
from course_lib.models import HypercolumnRegressor
from course_lib.training import dataloaders, jitter_lightness, learner, predict, predict_ab, train
from course_lib.training.losses import l2


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    monkeypatch.setenv("COURSE_DEVICE", "cpu")


def numbered(count):
    """Inputs and targets that carry their own number: targets are ten times the inputs."""
    x = torch.arange(count, dtype=torch.float32)[:, None, None, None].expand(-1, 1, 4, 4)
    return x, 10 * x.expand(-1, 2, -1, -1)


def order(batches):
    return [int(number) for x, _ in batches for number in x[:, 0, 0, 0]]


def test_training_batches_are_shuffled_anew_and_validation_is_not():
    dls = dataloaders(*numbered(64), *numbered(10), batch_size=8)
    first, second = order(dls.train), order(dls.train)
    assert sorted(first) == sorted(second) == list(range(64))
    assert first != list(range(64))
    assert first != second
    assert order(dls.valid) == list(range(10))


def test_inputs_stay_with_their_targets():
    for x, y in dataloaders(*numbered(32), *numbered(4), batch_size=8).train:
        assert torch.equal(y[:, 0], 10 * x[:, 0])


def test_incomplete_training_batches_are_left_out():
    dls = dataloaders(*numbered(21), *numbered(9), batch_size=8)
    assert [len(x) for x, _ in dls.train] == [8, 8]
    assert [len(x) for x, _ in dls.valid] == [8, 1]


def test_data_that_cannot_be_used():
    with pytest.raises(ValueError, match="fewer than one batch"):
        dataloaders(*numbered(4), *numbered(4), batch_size=8)
    x, y = numbered(8)
    with pytest.raises(ValueError, match=r"as many, got \[8, 7\]"):
        dataloaders(x, y[:7], x, y, batch_size=4)


def trained(seed=0, epochs=6, loss="L2"):
    """A small model that learns a = l, b = -l / 2."""
    torch.manual_seed(0)
    model = nn.Conv2d(1, 2, 1)
    l = torch.rand(64, 1, 4, 4) * 2 - 1  # noqa: E741
    ab = torch.cat([l, -l / 2], dim=1)
    curve = train(learner(model, dataloaders(l, ab, l[:8], ab[:8], 8), loss), epochs, rate=0.1, seed=seed)
    return model, curve


@pytest.mark.parametrize("loss", ["L2", "L1", "Huber"])
def test_training_learns(loss):
    model, curve = trained(epochs=12, loss=loss)
    assert model.weight.flatten().tolist() == pytest.approx([1, -0.5], abs=0.05)
    assert len(curve.train) == 12 * 8
    assert len(curve.valid) == 12
    assert curve.valid[-1] < 0.1 * curve.valid[0]


def test_a_loss_in_small_units_is_learned_as_well():
    """The gradients of L2 inside of a network are millionths: fastai's own eps would stop Adam there."""
    model, _ = trained(epochs=12, loss=lambda ab, true_ab: 1e-6 * l2(ab, true_ab))
    assert model.weight.flatten().tolist() == pytest.approx([1, -0.5], abs=0.1)


def test_training_repeats_with_its_seed():
    (one, curve), (same, same_curve), (_, other_curve) = trained(seed=1), trained(seed=1), trained(seed=2)
    assert torch.equal(one.weight, same.weight)
    assert curve.train == same_curve.train
    assert curve.train != other_curve.train


def test_training_prints_nothing_outside_of_notebooks(capfd):
    trained()
    assert capfd.readouterr() == ("", "")


def test_a_loss_by_a_wrong_name():
    x, y = numbered(8)
    with pytest.raises(ValueError, match="There are L2, L1, Huber"):
        learner(nn.Conv2d(1, 2, 1), dataloaders(x, y, x, y, 4), "l3")


class Constant(nn.Module):
    """Answers a = 0.2, b = -0.1 in network units, and remembers what it was shown."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([0.2, -0.1]))
        self.norm = nn.BatchNorm2d(1)

    def forward(self, l):  # noqa: E741
        self.shown = l
        return self.weight[None, :, None, None].expand(len(l), -1, *l.shape[-2:])


def gray_and_colored():
    l = torch.rand(2, 1, 16, 24, generator=torch.Generator().manual_seed(3)) * 40 + 30  # noqa: E741
    return l, color.join(l, torch.full((2, 2, 16, 24), 12.0))


def test_predictions_are_in_natural_units():
    gray, _ = gray_and_colored()
    model = Constant()
    ab = predict_ab(model, gray)
    assert ab[0, :, 0, 0].tolist() == pytest.approx([22, -11], rel=1e-5)
    assert torch.allclose(model.shown, gray / 50 - 1, atol=1e-6)


def test_predictions_keep_the_lightness_and_the_resolution():
    gray, rgb = gray_and_colored()
    for picture in (gray, rgb, rgb[0]):
        colored = predict(Constant(), picture, side=8)
        assert colored.shape == (*picture.shape[:-3], 3, 16, 24)
        assert (color.to_gray(colored) - (gray if picture.ndim == 4 else gray[0])).abs().max() < 0.05


def test_the_color_of_the_input_is_never_used():
    gray, rgb = gray_and_colored()
    torch.manual_seed(0)
    model = HypercolumnRegressor.for_cpu()
    assert (predict_ab(model, rgb) - predict_ab(model, gray)).abs().max() < 0.01


def test_side_is_the_shorter_side_that_the_network_sees():
    gray, _ = gray_and_colored()
    model = Constant()
    assert predict_ab(model, gray, side=8).shape == (2, 2, 8, 12)
    assert model.shown.shape == (2, 1, 8, 12)


def test_predicting_leaves_the_model_as_it_was():
    gray, _ = gray_and_colored()
    model = Constant().train()
    predict(model, gray)
    assert model.training
    model.eval()
    predict(model, gray)
    assert not model.training


def test_what_is_no_picture_is_refused():
    with pytest.raises(color.PictureError, match="or L"):
        predict(Constant(), torch.zeros(2, 16, 24))


def test_jitter_changes_exposure_and_keeps_the_order_of_tones():
    l = torch.linspace(-0.5, 0.5, 20).reshape(1, 1, 4, 5).expand(50, -1, -1, -1)  # noqa: E741
    jittered = jitter_lightness(l, seed=1)
    assert torch.equal(jittered, jitter_lightness(l, seed=1))
    assert not torch.equal(jittered, jitter_lightness(l, seed=2))
    assert (jittered.flatten(1).diff() >= 0).all()
    spans = jittered.flatten(1).amax(1) - jittered.flatten(1).amin(1)
    assert spans.min() < 0.75
    assert spans.max() > 1.25
    assert jitter_lightness(2 * l).abs().max() == 1


def test_importing_training_warns_of_nothing():
    code = "import course_lib.training"
    done = subprocess.run([sys.executable, "-W", "always::FutureWarning", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "torch.jit.script" not in done.stderr


def test_what_sits_beside_training_does_not_import_fastai():
    names = ("models", "penalties", "widgets.lesson_02", "widgets.figures_02", "checks.lesson_02")
    modules = ", ".join(f"course_lib.{name}" for name in names)
    code = f"import sys, {modules}; sys.exit('fastai' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
