"""What breaks when fastai 2.8 trains GANs: each break is shown without its mend, and gone with it."""

import warnings

import pytest
import torch
from fastai.callback.core import Callback

from course_lib.models import ShuffleUNet
from course_lib.training import fastai_fixes
from tests.training.tiny_gans import plan, train


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    monkeypatch.setenv("COURSE_DEVICE", "cpu")


def small():
    torch.manual_seed(0)
    return ShuffleUNet(widths=(4, 6))


class Watch(Callback):
    """Note for every step which network it was for, and which weights of generator and critic it moved."""

    def __init__(self):
        self.steps = []

    def before_batch(self):
        if self.training:
            self.before = {name: weight.detach().clone() for name, weight in self.model.named_parameters()}

    def before_step(self):
        self.of_generator = self.gan_trainer.gen_mode

    def after_batch(self):
        if self.training:
            moved = {n for n, weight in self.model.named_parameters() if not torch.equal(weight, self.before[n])}
            self.steps.append((self.of_generator, moved))

    def moved(self, of_generator, network):
        """For each step of one network the moved weights of one of them."""
        return [
            {name for name in moved if name.startswith(network)} for mode, moved in self.steps if mode == of_generator
        ]


def watched(**options):
    watch = Watch()
    train(plan(**options), small, callbacks=[watch])
    assert len(watch.steps) == 8
    return watch


@pytest.mark.parametrize("options", [{}, {"critic_below": 0.69}, {"kind": "hinge"}], ids=["in turn", "below", "hinge"])
def test_a_step_moves_one_network_alone(options):
    watch = watched(**options)
    assert not any(watch.moved(of_generator=False, network="generator"))
    assert not any(watch.moved(of_generator=True, network="critic"))
    assert all(watch.moved(of_generator=False, network="critic"))
    assert all(watch.moved(of_generator=True, network="generator"))


def test_without_the_mend_the_network_that_waits_is_moved_too(monkeypatch):
    """fastai sets the gradients of the one that waits to zero, and Adam goes on by its momentum."""
    monkeypatch.setattr(fastai_fixes.ForgetFrozenGradients, "before_step", lambda self: None)
    watch = watched()
    assert any(watch.moved(of_generator=False, network="generator"))
    assert any(watch.moved(of_generator=True, network="critic"))


BODY = "generator.generator.unet.layers.0."


def bodies(watch):
    """How many weights of the generator's body each epoch has moved."""
    moved = [sum(name.startswith(BODY) for name in names) for _, names in watch.steps]
    return [sum(moved[first : first + 4]) for first in range(0, len(moved), 4)]


@pytest.mark.parametrize("critic_below", [None, 5.0])
def test_the_body_stays_exactly_as_it_is(critic_below):
    watch = watched(head_alone=1, critic_below=critic_below)
    first, second = bodies(watch)
    assert first == 0
    assert second > 0
    heads = [{name for name in moved if not name.startswith(BODY)} for moved in watch.moved(True, "generator")]
    assert all(heads)
    assert all(bodies(watched()))


def test_without_the_mend_every_switch_sets_the_body_free(monkeypatch):
    """As after ``Learner.freeze``: the body is fixed, and its weights move from the first epoch on."""
    monkeypatch.setattr(fastai_fixes.TrainHeadAlone, "before_batch", lambda self: None)
    torch.manual_seed(0)
    model, watch = ShuffleUNet(widths=(4, 6)), Watch()
    for weight in model.groups[0]:
        weight.requires_grad_(False)
    train(plan(head_alone=1), small, generator=model, callbacks=[watch])
    assert all(bodies(watch))


def test_validation_moves_nothing():
    """Between the epochs all weights stay as they are."""

    class Around(Callback):
        def before_validate(self):
            self.before = {name: weight.detach().clone() for name, weight in self.model.named_parameters()}

        def after_epoch(self):
            assert all(torch.equal(weight, self.before[name]) for name, weight in self.model.named_parameters())
            self.state.append(self.epoch)

    around = Around()
    around.state = []
    train(plan(), small, callbacks=[around])
    assert around.state == [0, 1]


def test_a_gan_trains_without_warnings():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        train(plan(epochs=1))
    assert not [each for each in caught if "shadowing" in str(each.message)]
