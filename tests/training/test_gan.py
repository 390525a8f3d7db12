"""Two networks that train each other: whose turn it is, what each sees, what is kept, and what an interruption changes: nothing."""

from functools import partial
from types import SimpleNamespace

import pytest
import torch
from fastai.callback.core import Callback
from torch import nn

from course_lib import color
from course_lib.models import ShuffleUNet
from course_lib.models.checkpoints import as_half
from course_lib.models.features import PictureFeatures
from course_lib.training import gan
from course_lib.training.batches import ShuffleByEpoch, drawn_loaders
from course_lib.training.errors import TrainingError
from course_lib.training.gan import GanPlan, GanState, GeneratorLoss, PrepareLab, WithLightness
from course_lib.training.held_out import HeldOut
from course_lib.training.losses import Adversarial, FeatureLoss, l1
from course_lib.training.photographs import resize
from course_lib.training.state import read_state
from tests.training.tiny_gans import critic, generator, photographs, plan, same, train


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    monkeypatch.setenv("COURSE_DEVICE", "cpu")


def two_parts():
    return ShuffleUNet(widths=(4, 6))


def tiny_features():
    torch.manual_seed(4)
    layers = [nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.Conv2d(4, 5, 3, padding=1), nn.Conv2d(5, 6, 3, padding=1)]
    return PictureFeatures("tiny", nn.Sequential(*layers), (0, 1, 2))


class Watch(Callback):
    """Note for every step whose it was and its loss, the rates, and the generator after it."""

    def __init__(self):
        self.modes, self.losses, self.generators, self.places = [], [], [], []

    def before_fit(self):
        self.rates = [float(hyper["lr"]) for hyper in self.opt.hypers]
        self.moms = {float(hyper["mom"]) for hyper in self.opt.hypers}

    def before_step(self):
        self.modes.append(self.gan_trainer.gen_mode)
        self.losses.append(float(self.loss))
        self.places.append((self.epoch, self.iter))

    def after_batch(self):
        if self.training:
            weights = gan.inner(self.model).state_dict()
            self.generators.append({key: value.detach().clone() for key, value in weights.items()})


def watched(the_plan, make=generator, **options):
    watch = Watch()
    state = train(the_plan, make, callbacks=[watch], **options)
    return state, watch


# ---- turns


@pytest.mark.parametrize("critic_below", [None, 0.0, 10.0])
def test_every_epoch_begins_with_the_generator(critic_below):
    """And without a threshold they alternate; with one that is never reached only the critic learns from then on."""
    _, watch = watched(plan(epochs=3, critic_below=critic_below))
    epochs = [watch.modes[first : first + 4] for first in range(0, 12, 4)]
    assert epochs == 3 * ([[True, False, False, False]] if critic_below == 0.0 else [[True, False, True, False]])


def test_the_critic_learns_until_its_loss_is_below():
    _, watch = watched(plan(epochs=1, steps=20, critic_below=0.0))
    below = sorted(watch.losses[1:])[10]
    _, watch = watched(plan(epochs=1, steps=30, critic_below=below))
    following = list(zip(watch.modes[:-1], watch.losses[:-1], watch.modes[1:], strict=True))
    assert not any(
        after for before, _, after in following if before
    )  # after the generator's step comes one of the critic's
    of_critic = [(loss < below, after) for before, loss, after in following if not before]
    assert all(good == after for good, after in of_critic)
    assert {good for good, _ in of_critic} == {True, False}


def test_an_epoch_is_as_many_steps_as_the_plan_says_and_the_curve_counts_them():
    state, watch = watched(plan(epochs=2, steps=6))
    assert watch.places == [(epoch, step) for epoch in range(2) for step in range(6)]
    assert [point["step"] for point in state.curve] == [0, 6, 12]
    assert [point["generator_steps"] for point in state.curve] == [0, 3, 6]
    for epoch, point in enumerate(state.curve[1:]):
        own = slice(6 * epoch, 6 * epoch + 6)
        for name, mode in (("generator_loss", True), ("critic_loss", False)):
            losses = [loss for loss, of in zip(watch.losses[own], watch.modes[own], strict=True) if of == mode]
            assert point[name] == pytest.approx(sum(losses) / 3, rel=1e-5)


def test_generator_steps_are_counted_where_they_do_not_alternate():
    state, watch = watched(plan(epochs=2, critic_below=0.0))
    assert [point["generator_steps"] for point in state.curve] == [0, 1, 2]
    assert sum(watch.modes) == 2


@pytest.mark.parametrize(("make", "rates"), [(generator, [1e-3, 4e-3]), (two_parts, [2e-4, 1e-3, 4e-3])])
def test_body_head_and_critic_have_rates_of_their_own(make, rates):
    _, watch = watched(plan(epochs=1, steps=2, rate=1e-3, critic_rate=4e-3, momentum=0.25), make)
    assert watch.rates == pytest.approx(rates)
    assert watch.moms == {0.25}


# ---- what they see


def prepared(training=False, epoch=1):
    prepare = PrepareLab(lambda epoch: 24, shrinks=1, seed=0)
    rgb = photographs()["train"].rgb[:4]
    loaders = SimpleNamespace(train=range(10))
    prepare.learn = SimpleNamespace(
        xb=(rgb,), yb=(torch.zeros(4),), training=training, epoch=epoch, iter=0, n_epoch=3, dls=loaders
    )
    prepare.before_batch()
    return prepare.learn.xb, prepare.learn.yb


def test_the_target_is_the_whole_picture_in_network_units():
    (l,), (target,) = prepared()  # noqa: E741 - l is the symbol of the field
    lab = color.rgb_to_lab(resize(photographs()["train"].rgb[:4] / 255, 24))
    assert target.shape == (4, 3, 24, 24)
    assert torch.allclose(l, lab[:, :1] / 50 - 1, atol=1e-5)
    assert torch.allclose(target[:, :1], lab[:, :1] / 50 - 1, atol=1e-5)
    assert torch.allclose(target[:, 1:2], lab[:, 1:2] / 110, atol=1e-5)
    assert torch.allclose(target[:, 2:], lab[:, 2:] / 110, atol=1e-5)
    assert not torch.allclose(target[:, 1:2], target[:, 2:], atol=0.1)


def test_in_training_input_and_target_are_of_the_same_exposure():
    (l,), (target,) = prepared(training=True)  # noqa: E741
    assert torch.equal(target[:, :1], l)
    assert not torch.equal(l, prepared()[0][0])


class SeenBy(nn.Module):
    """A critic that remembers what it was shown."""

    def __init__(self):
        super().__init__()
        self.network, self.seen = critic(), []

    def forward(self, lab):
        self.seen.append(lab.detach().float().clone())
        return self.network(lab)


def test_a_critic_sees_real_and_colorized_pictures_of_the_same_lightness():
    judge, rows = SeenBy(), photographs()["train"].rgb
    train(plan(epochs=1, steps=2), the_critic=judge)
    generated, real, fake = judge.seen[:3]  # the generator's step, then the critic's
    assert all(part.shape == (4, 3, 16, 16) for part in (generated, real, fake))
    assert torch.equal(real[:, :1], fake[:, :1])
    assert (real[:, 1:] - fake[:, 1:]).abs().mean() > 0.05
    # Channels in their order: as colorful as the photographs, with more of b than of a, as drawn scenes have.
    ab = color.rgb_to_lab(rows / 255)[:, 1:].abs().mean(dim=(0, 2, 3)) / 110
    assert torch.allclose(real[:, 1:].abs().mean(dim=(0, 2, 3)), ab, rtol=0.35)
    assert generated[:, :1].abs().max() <= 1


def test_a_generator_hands_on_the_lightness():
    model, l = generator(), torch.rand(2, 1, 16, 16) * 2 - 1  # noqa: E741
    lab = WithLightness(model.eval())(l)
    assert torch.equal(lab[:, :1], l)
    assert torch.equal(lab[:, 1:], model(l))


# ---- losses


def test_the_generators_loss_by_hand():
    (_,), (target,) = prepared()
    output = target.clone()
    output[:, 1:] = 0.5 * output[:, 1:] + 0.05
    logits, features = torch.randn(4, 1, 3, 3), tiny_features()
    the_plan = plan(adversarial=0.5, l1=7.0, features=3.0, kind="hinge")
    ab, true_ab, lightness = output[:, 1:], target[:, 1:], target[:, :1]
    expected = (
        0.5 * Adversarial("hinge").generator(logits)
        + 7 * l1(ab, true_ab)
        + 3 * FeatureLoss(features, pixel=0.0)(ab, true_ab, lightness)
    )
    assert GeneratorLoss(the_plan, features)(logits, output, target).item() == pytest.approx(expected.item(), rel=1e-5)
    without = GeneratorLoss(plan(adversarial=0.0, l1=7.0))(logits, output, target)
    assert without.item() == pytest.approx(7 * l1(ab, true_ab).item(), rel=1e-5)


@pytest.mark.parametrize("kind", ["BCE", "hinge", "least squares"])
def test_every_kind_trains(kind):
    state, watch = watched(plan(epochs=1, kind=kind, features=1.0), features=tiny_features())
    assert all(torch.tensor(watch.losses).isfinite())
    assert not same(state.snapshots[0], state.snapshots[1])


def test_a_generator_alone_on_l1_comes_nearer():
    """No critic in its loss: what is left is a regression, and it learns."""
    state = train(plan(epochs=2, steps=60, adversarial=0.0, rate=1e-2), partial(generator, 0))
    assert state.curve[-1]["generator_loss"] < 0.9 * state.curve[1]["generator_loss"]
    assert state.curve[-1]["psnr"] > state.curve[0]["psnr"] + 1


def test_a_critic_learns_what_tells_them_apart():
    """With a generator that stands nearly still, its loss falls below that of knowing nothing."""
    state = train(plan(epochs=1, steps=80, critic_below=0.0, critic_rate=5e-3))
    assert state.curve[-1]["critic_loss"] < 0.6


# ---- what is kept


def test_the_moving_average_by_hand():
    torch.manual_seed(0)
    first = generator(0)
    begin = {key: value.clone() for key, value in first.state_dict().items()}
    state, watch = watched(plan(average=0.8), partial(generator, 0), generator=first)
    kept = begin
    for of_generator, weights in zip(watch.modes, watch.generators, strict=True):
        if of_generator:
            kept = {
                key: 0.8 * kept[key] + 0.2 * value if value.is_floating_point() else value
                for key, value in weights.items()
            }
    assert all(torch.allclose(state.average[key], value, atol=1e-6) for key, value in kept.items())
    assert not torch.allclose(state.average["answer.1.weight"], watch.generators[-1]["answer.1.weight"], atol=1e-5)
    assert same(state.snapshots[0], as_half(begin))
    assert same(state.snapshots[-1], as_half(state.average))


def test_without_an_average_the_last_weights_are_kept():
    state, watch = watched(plan(average=0.0))
    last = max(place for place, of_generator in enumerate(watch.modes) if of_generator)
    assert same(state.average, watch.generators[last])
    assert not same(state.average, watch.generators[0])


def test_the_curve_begins_before_the_first_step():
    torch.manual_seed(0)
    first = generator()
    begin = {key: value.clone() for key, value in first.state_dict().items()}
    state = train(generator=first)
    assert same(state.snapshots[0], as_half(begin))
    still = generator()
    still.load_state_dict(begin)
    measured = HeldOut(photographs()["validation"], 16).measure(still.eval())
    assert state.curve[0] == {"step": 0, "generator_steps": 0, **measured}
    assert len(state.curve) == len(state.snapshots) == 3
    assert [set(point) - set(state.curve[0]) for point in state.curve[1:]] == 2 * [{"generator_loss", "critic_loss"}]


def test_each_point_is_that_of_its_snapshot():
    state = train(plan(average=0.5))
    held = HeldOut(photographs()["validation"], 16)
    for point, snapshot in zip(state.curve, state.snapshots, strict=True):
        model = generator()
        model.load_state_dict({key: value.float() for key, value in snapshot.items()})
        assert held.measure(model.eval())["psnr"] == pytest.approx(point["psnr"], abs=0.01)


class Rule:
    """Ends the training at a point of the curve."""

    def __init__(self, points):
        self.points = points

    def ends(self, curve):
        return len(curve) >= self.points


def test_a_rule_ends_the_training():
    seen = []

    class Lines(Callback):
        order = 66

        def after_epoch(self):
            seen.append(len(self.learn.keep_gan.state.curve))

    state = train(plan(epochs=5), rule=Rule(3), callbacks=[Lines()])
    assert [point["step"] for point in state.curve] == [0, 4, 8]
    assert state.epoch == 2
    assert seen == [2, 3]  # what prints a line for each point prints one for the last too
    assert train(plan(epochs=5), rule=Rule(3), state=state) is state
    assert len(state.curve) == 3


# ---- interruptions


class StopAt(Callback):
    """Press Ctrl-C at a step of an epoch."""

    def __init__(self, epoch, step):
        self.at = epoch, step

    def after_batch(self):
        if self.training and (self.epoch, self.iter) == self.at:
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (generator, {}),
        (partial(generator, 0), {"average": 0.9, "critic_below": 0.693, "kind": "BCE"}),
        (two_parts, {"average": 0.9, "head_alone": 2}),
    ],
    ids=["dropout", "average and threshold", "body"],
)
@pytest.mark.parametrize("norm", ["spectral", "batch"])
def test_a_stopped_training_ends_as_if_it_had_not_been(tmp_path, make, options, norm):
    the_plan, path = plan(epochs=3, **options), tmp_path / "state.pt"
    whole = train(the_plan, make, critic(norm))
    with pytest.raises(KeyboardInterrupt):
        train(the_plan, make, critic(norm), path=path, callbacks=[StopAt(1, 2)])
    state = read_state(path, "", GanState)
    assert (state.epoch, len(state.curve), len(state.snapshots)) == (1, 2, 2)
    watch = Watch()
    # With other first weights of the critic: those of the state count.
    again = train(the_plan, make, critic(norm, seed=9), path=path, state=state, callbacks=[watch])
    assert watch.places[0] == (1, 0)
    assert len(watch.places) == 8
    assert again.curve == whole.curve
    assert same(again.model, whole.model)
    assert same(again.average, whole.average)
    assert all(same(*pair) for pair in zip(again.snapshots, whole.snapshots, strict=True))
    written = read_state(path, "", GanState)
    assert written.epoch == 3
    assert written.curve == whole.curve


def test_what_is_finished_is_not_trained_again():
    state = train()
    refused = partial(pytest.fail, "a network was made")
    assert train(make=refused, state=state) is state


def test_training_repeats_with_its_seed():
    one, again, other = (train(plan(seed=seed)) for seed in (1, 1, 2))
    assert one.curve == again.curve
    assert same(one.model, again.model)
    assert one.curve != other.curve


def test_training_prints_nothing_outside_of_notebooks(capfd):
    train()
    assert capfd.readouterr() == ("", "")


# ---- mistakes


@pytest.mark.parametrize(
    "options", [{"l1": float("nan")}, {"rate": float("nan")}, {"critic_rate": float("nan")}], ids=str
)
def test_a_loss_that_is_no_number_ends_the_training(tmp_path, options):
    with pytest.raises(TrainingError, match=r"no longer a number in step \d of epoch 1. Try lower rates"):
        train(plan(**options), path=tmp_path / "state.pt")
    assert not (tmp_path / "state.pt").exists()


def test_an_odd_number_of_steps_is_refused():
    with pytest.raises(ValueError, match=r"even number of steps, .* got 5"):
        train(plan(steps=5))


def test_a_feature_loss_needs_features():
    with pytest.raises(ValueError, match="give the features, for example from find_features"):
        train(plan(features=1.0))


def test_a_plan_says_all_that_it_is():
    text = str(GanPlan(kind="hinge", critic_below=0.6))
    assert "kind hinge" in text
    assert "critic_below 0.6" in text
    assert text.count(",") == len(vars(GanPlan())) - 1


# ---- batches


def test_drawn_batches_are_as_many_as_asked_for_however_many_pictures_there_are():
    pictures = photographs()
    dls = drawn_loaders(pictures["train"], pictures["validation"], 10, 8)
    batches = list(dls.train)
    assert len(dls.train) == len(batches) == 10
    assert all(rgb.shape == (8, 3, 16, 16) for rgb, _ in batches)
    (validation,) = list(dls.valid)
    assert torch.equal(validation[0].cpu(), pictures["validation"].rgb[:8])
    few = pictures["train"].evenly(2)
    assert [len(rgb) for rgb, _ in drawn_loaders(few, few, 3, 8).train] == [8, 8, 8]


def test_drawn_batches_depend_on_seed_and_epoch_alone():
    pictures, dls = photographs(), []

    def drawn(epoch, seed=0):
        loaders = drawn_loaders(pictures["train"], pictures["validation"], 4, 8)
        shuffle = ShuffleByEpoch(seed)
        shuffle.learn = SimpleNamespace(dls=loaders, epoch=epoch)
        shuffle.before_train()
        dls.append(loaders)
        return torch.cat([rgb for rgb, _ in loaders.train])

    first = drawn(1)
    assert torch.equal(drawn(1), first)
    assert not torch.equal(drawn(2), first)
    assert not torch.equal(drawn(1, seed=1), first)
    rows = (first[:, None] == pictures["train"].rgb[None]).flatten(2).all(dim=2)
    assert (rows.sum(dim=1) >= 1).all()  # each is one of the training pictures
    assert rows.any(dim=0).sum() > 12
