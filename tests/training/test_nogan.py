"""Phase 2 of NoGAN: saved pictures of a generator beside the real ones, and a critic that learns until it tells them apart."""

import dataclasses

import pytest
import torch
from fastai.callback.core import Callback
from torch import nn

from course_lib import color
from course_lib.models import ShuffleUNet
from course_lib.training import nogan
from course_lib.training.nogan import CriticPlan, CriticState, save_generations, train_critic
from course_lib.training.photographs import resize
from course_lib.training.state import read_state
from tests.training.tiny_gans import critic, photographs, same

PLAN = CriticPlan(accuracy=0.9, epochs=6, pictures=24, rate=1e-2, batch_size=8)


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    monkeypatch.setenv("COURSE_DEVICE", "cpu")


class Brown(nn.Module):
    """Everything in one color, in network units: easily told from what is real."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([0.1, 0.3]))
        self.norm = nn.BatchNorm2d(1)

    def forward(self, l):  # noqa: E741 - l is the symbol of the field
        return self.weight[:, None, None].expand(len(l), 2, *l.shape[-2:]) + 0 * self.norm(l)


def brown():
    return Brown().eval()


def trained(plan=PLAN, generator=None, the_critic=None, **options):
    the_critic = critic() if the_critic is None else the_critic
    return train_critic(the_critic, generator or brown(), photographs(), 16, plan, **options), the_critic


# ---- saved pictures


def test_generations_have_the_lightness_of_their_photographs():
    pictures = photographs()["train"]
    real, generated = save_generations(brown(), pictures, 12)
    lab = color.rgb_to_lab(resize(pictures.rgb / 255, 12))
    assert real.shape == generated.shape == (24, 3, 12, 12)
    assert torch.allclose(real, torch.cat([lab[:, :1] / 50 - 1, lab[:, 1:] / 110], dim=1), atol=1e-5)
    assert torch.equal(generated[:, :1], real[:, :1])
    assert torch.allclose(generated[:, 1:], torch.tensor([0.1, 0.3])[:, None, None].expand(24, 2, 12, 12))
    assert not generated.requires_grad


def test_as_many_as_asked_for_evenly_from_all():
    pictures = photographs()["train"]
    every, _ = save_generations(brown(), pictures, 16)
    few, generated = save_generations(brown(), pictures, 16, count=4)
    assert len(few) == len(generated) == 4
    assert torch.equal(few, every[[0, 8, 15, 23]])
    assert len(save_generations(brown(), pictures, 16, count=1000)[0]) == 24


def test_generations_are_those_of_the_network_alone():
    """In evaluation mode, in batches, whatever else is in them."""
    torch.manual_seed(0)
    model = ShuffleUNet(widths=(4, 6)).eval()
    pictures = photographs()["train"].evenly(3)
    _, generated = save_generations(model, pictures, 16)
    l, _ = color.normalize(color.rgb_to_lab(pictures.rgb / 255))  # noqa: E741
    with torch.no_grad():
        assert torch.allclose(generated[:, 1:], model(l), atol=1e-5)


# ---- the critic


class Loaded(Exception):
    """Carries what was to be trained on."""


def test_real_pictures_are_1_and_generated_ones_0(monkeypatch):
    def caught(*tensors):
        raise Loaded(tensors)

    monkeypatch.setattr(nogan, "dataloaders", caught)
    with pytest.raises(Loaded) as raised:
        trained()
    train_x, train_y, valid_x, valid_y, size = raised.value.args[0]
    assert size == PLAN.batch_size
    for split, pictures, labels in (("train", train_x, train_y), ("validation", valid_x, valid_y)):
        real, generated = save_generations(brown(), photographs()[split], 16)
        assert torch.equal(pictures, torch.cat([real, generated]))
        assert labels.flatten().tolist() == [1.0] * 24 + [0.0] * 24


def test_it_learns_to_give_real_pictures_high_logits():
    state, network = trained()
    real, generated = save_generations(brown(), photographs()["validation"], 16)
    with torch.no_grad():
        high, low = network.eval()(real), network(generated)
    assert high.mean() > 0 > low.mean()
    right = ((high > 0).float().mean() + (low <= 0).float().mean()) / 2
    assert right.item() == pytest.approx(state.accuracies[-1], abs=0.02)


def test_it_ends_at_the_stated_accuracy():
    state, _ = trained(dataclasses.replace(PLAN, epochs=20))
    assert state.accuracies[-1] >= 0.9
    assert all(accuracy < 0.9 for accuracy in state.accuracies[:-1])
    assert state.epoch == len(state.accuracies) == len(state.history) < 20


def test_it_ends_after_its_epochs_if_it_cannot_get_there():
    """A generator that answers the truth cannot be told from it."""

    class Truth(Brown):
        def forward(self, l):  # noqa: E741
            rows = [int((known == one).flatten(1).all(dim=1).nonzero()[0]) for one in l]
            return ab[rows]

    pictures = photographs()
    lab = torch.cat([color.rgb_to_lab(pictures[split].rgb / 255) for split in pictures])
    known, ab = color.normalize(lab)
    state, _ = trained(dataclasses.replace(PLAN, epochs=3), Truth().eval())
    assert len(state.accuracies) == 3
    assert all(accuracy == pytest.approx(0.5, abs=0.02) for accuracy in state.accuracies)


def test_the_generator_does_not_change():
    torch.manual_seed(0)
    model = ShuffleUNet(widths=(4, 6)).eval()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    trained(dataclasses.replace(PLAN, epochs=1), model)
    assert same(model.state_dict(), before)
    assert not model.training


def test_the_critic_itself_is_trained():
    network = critic()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    state, _ = trained(dataclasses.replace(PLAN, epochs=1), the_critic=network)
    assert not same(network.state_dict(), before)
    assert same(network.state_dict(), state.model)


# ---- interruptions


class StopAt(Callback):
    """Press Ctrl-C in an epoch."""

    def __init__(self, epoch):
        self.at = epoch

    def after_batch(self):
        if self.training and (self.epoch, self.iter) == (self.at, 2):
            raise KeyboardInterrupt


@pytest.mark.parametrize("epoch", [1, 2])
def test_a_stopped_critic_ends_as_if_it_had_not_been(tmp_path, monkeypatch, epoch):
    plan, path = dataclasses.replace(PLAN, epochs=4, accuracy=1.1), tmp_path / "critic.pt"
    whole, network = trained(plan)
    with monkeypatch.context() as patch:
        original = nogan.Learner
        patch.setattr(nogan, "Learner", lambda *given, **options: original(*given, cbs=[StopAt(epoch)], **options))
        with pytest.raises(KeyboardInterrupt):
            trained(plan, path=path)
    state = read_state(path, "", CriticState)
    assert (state.epoch, len(state.accuracies)) == (epoch, epoch)
    again, other = trained(plan, the_critic=critic(seed=9), state=state, path=path)
    assert again.accuracies == whole.accuracies
    assert len(again.accuracies) == 4
    assert same(other.state_dict(), network.state_dict())


def test_a_critic_that_was_good_enough_is_taken_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "critic.pt"
    _, network = trained(path=path)
    state, other = read_state(path, "", CriticState), critic(seed=9)
    epochs = state.epoch
    monkeypatch.setattr(nogan.Learner, "fit", lambda *given, **options: pytest.fail("it was trained again"))
    trained(the_critic=other, state=state, path=path)
    assert same(other.state_dict(), network.state_dict())
    assert state.epoch == epochs


def test_training_prints_nothing_outside_of_notebooks(capfd):
    trained(dataclasses.replace(PLAN, epochs=1))
    assert capfd.readouterr() == ("", "")
