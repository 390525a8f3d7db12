"""What a critic's answers are worth to it and to the generator: by hand, and each usual mistake seen."""

import pytest
import torch
from torch.nn import functional as F

from course_lib.training.losses import ADVERSARIAL, Adversarial


def logits(seed, size=(3, 1, 5, 6)):
    return 3 * torch.randn(size, generator=torch.Generator().manual_seed(seed))


REAL, FAKE = logits(0) + 1, logits(1) - 1


def test_bce_is_that_of_torch_with_1_for_real_and_0_for_fake():
    loss = Adversarial()
    with_logits = F.binary_cross_entropy_with_logits
    expected = (with_logits(REAL, torch.ones_like(REAL)) + with_logits(FAKE, torch.zeros_like(FAKE))) / 2
    assert loss.kind == "BCE"
    assert loss.critic(REAL, FAKE).item() == pytest.approx(expected.item(), rel=1e-6)
    assert loss.generator(FAKE).item() == pytest.approx(with_logits(FAKE, torch.ones_like(FAKE)).item(), rel=1e-6)


@pytest.mark.parametrize(
    ("kind", "critic", "generator"),
    [
        # Real logits 2, 0.5 and -1, fake logits 1 and -3: what each costs, by hand.
        ("hinge", ((0 + 0.5 + 2) / 3 + (2 + 0) / 2) / 2, (-1 + 3) / 2),
        ("least squares", ((1 + 0.25 + 4) / 3 + (1 + 9) / 2) / 2, (0 + 16) / 2),
        ("BCE", ((0.126928 + 0.474077 + 1.313262) / 3 + (1.313262 + 0.048587) / 2) / 2, (0.313262 + 3.048587) / 2),
    ],
)
def test_costs_by_hand(kind, critic, generator):
    real, fake = torch.tensor([2.0, 0.5, -1.0]), torch.tensor([1.0, -3.0])
    assert Adversarial(kind).critic(real, fake).item() == pytest.approx(critic, rel=1e-5)
    assert Adversarial(kind).generator(fake).item() == pytest.approx(generator, rel=1e-5)


@pytest.mark.parametrize("kind", ADVERSARIAL)
def test_real_patches_want_to_be_high_and_others_low(kind):
    """Exchanged labels turn every one of these signs."""
    loss = Adversarial(kind)
    real, fake = torch.zeros(4, requires_grad=True), torch.full((4,), 0.5, requires_grad=True)
    loss.critic(real, fake).backward()
    assert (real.grad < 0).all()
    assert (fake.grad > 0).all()
    mine = torch.full((4,), 0.5, requires_grad=True)
    loss.generator(mine).backward()
    assert (mine.grad < 0).all()
    assert loss.critic(REAL, FAKE) < loss.critic(FAKE, REAL)


@pytest.mark.parametrize("kind", ADVERSARIAL)
def test_a_generator_that_is_far_from_fooling_still_gets_a_gradient(kind):
    """The loss that saturates, log(1 - sigmoid), would give 2e-9 here, and a sigmoid before the loss as little."""
    fake = torch.full((10,), -20.0, requires_grad=True)
    Adversarial(kind).generator(fake).backward()
    assert fake.grad.abs().min() * 10 > 0.9
    assert Adversarial(kind).generator(torch.tensor([1e4])).isfinite()
    assert Adversarial(kind).critic(torch.tensor([-1e4]), torch.tensor([1e4])).isfinite()


def test_a_sigmoid_too_many_would_be_seen():
    """A critic that is sure and right costs next to nothing; behind a sigmoid it could not get below 0.5."""
    sure, wrong = torch.full((5,), 12.0), torch.full((5,), -12.0)
    assert Adversarial().critic(sure, wrong) < 1e-4
    assert Adversarial().critic(sure.sigmoid(), wrong.sigmoid()) > 0.5
    assert Adversarial().generator(wrong).item() == pytest.approx(12, abs=1e-3)


def test_a_critic_that_knows_nothing_costs_log_2():
    """The number to compare the loss of a critic with."""
    nothing = torch.zeros(2, 1, 3, 3)
    assert Adversarial().critic(nothing, nothing).item() == pytest.approx(0.693147, rel=1e-5)
    assert Adversarial("least squares").critic(nothing, nothing).item() == pytest.approx(0.5)
    assert Adversarial("hinge").critic(nothing, nothing).item() == pytest.approx(1)


@pytest.mark.parametrize("kind", ADVERSARIAL)
def test_real_and_fake_count_half_each_whatever_their_number(kind):
    loss = Adversarial(kind)
    few = loss.critic(REAL[:1], FAKE)
    again = loss.critic(REAL[:1], FAKE.repeat(4, 1, 2, 1))
    assert few.item() == pytest.approx(again.item(), rel=1e-5)
    assert few.ndim == loss.generator(FAKE).ndim == 0


def test_hinge_lets_go_of_patches_that_are_told_apart():
    real, fake = torch.tensor([1.5, 3.0], requires_grad=True), torch.tensor([-1.5, -3.0], requires_grad=True)
    loss = Adversarial("hinge").critic(real, fake)
    loss.backward()
    assert loss.item() == 0
    assert not real.grad.any()
    assert not fake.grad.any()


def test_a_kind_that_there_is_not():
    with pytest.raises(ValueError, match=r"no adversarial loss 'wasserstein'. There are BCE, hinge, least squares"):
        Adversarial("wasserstein")
