"""The exercises of lesson 07: the critic's step, the patch that a critic sees, and the generator's loss."""

import torch
import torch.nn.functional as F
from torch import nn

from course_lib.checks.checker import (
    Wrong,
    call,
    call_for_tensor,
    checker,
    close,
    one_number,
    random_numbers,
    reject_known,
)

# ---- the critic's step


class _Pair:
    """A tiny generator and a tiny critic that note what they were given."""

    def __init__(self):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.generator = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.Tanh())
            self.critic = nn.Sequential(nn.Conv2d(3, 4, 3), nn.LeakyReLU(0.2), nn.Conv2d(4, 1, 3))

    def pull(self, network):
        """The gradients of a network as one tensor, or None if it got none."""
        gradients = [weight.grad for weight in network.parameters()]
        if all(gradient is None for gradient in gradients):
            return None
        return torch.cat([(torch.zeros(1) if each is None else each).flatten() for each in gradients]).double()

    def forget(self):
        for network in (self.generator, self.critic):
            network.zero_grad(set_to_none=True)


def _logits(pair, l, ab):  # noqa: E741 - l is the symbol of the field
    """The critic's answers to true colors and to the generator's, which are detached."""
    return (pair.critic(torch.cat([l, colors], dim=1)) for colors in (ab, pair.generator(l).detach()))


@checker("07.critic")
def _critic(answer):
    pair = _Pair()
    l, ab = 2 * random_numbers(3, 1, 12, 12, seed=1) - 1, random_numbers(3, 2, 12, 12, seed=2) - 0.5  # noqa: E741
    loss = call(answer, pair.generator, pair.critic, l, ab)
    if not isinstance(loss, torch.Tensor) or loss.numel() != 1:
        raise Wrong("one number is asked for, as a tensor: the loss, on which backward() can be called.")
    if not loss.requires_grad:
        raise Wrong("no gradient reaches the critic: it was detached, or all was computed under no_grad.")
    pair.forget()
    loss.reshape(()).backward()
    generators, critics = pair.pull(pair.generator), pair.pull(pair.critic)
    value = loss.detach().double().reshape(())
    real, fake = (each.detach().double() for each in _logits(pair, l, ab))
    _reject_known_values(value, real, fake)
    if generators is not None and generators.abs().max() > 0:
        raise Wrong(
            "the generator gets gradients too: it would learn to be caught. Detach its picture, not the logits."
        )
    if generators is not None:
        raise Wrong("the generator's graph is still there. Detach its picture, or make it under no_grad.")
    pair.forget()
    real_logits, fake_logits = _logits(pair, l, ab)
    ((F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()) / 2).backward()
    if critics is None or not close(critics, pair.pull(pair.critic), 1e-5):
        raise Wrong("the value is right, but the critic learns from one half of it only: do not detach its logits.")
    return "right: the critic learns from both halves, and the generator from none."


def _reject_known_values(value, real, fake):
    up, down = F.softplus(-real).mean(), F.softplus(fake).mean()
    right = (up + down) / 2
    if close(value, right, 1e-5):
        return
    twice = (F.softplus(-real.sigmoid()).mean() + F.softplus(fake.sigmoid()).mean()) / 2
    exchanged = (F.softplus(real).mean() + F.softplus(-fake).mean()) / 2
    mistakes = (
        ("the sigmoid is taken twice: binary_cross_entropy_with_logits takes logits, not probabilities.", twice),
        (
            "the labels are exchanged: a logit above 0 must mean real. So real pictures get 1, the generator's 0.",
            exchanged,
        ),
        ("both get the label 1. The generator's pictures get 0.", (up + F.softplus(-fake).mean()) / 2),
        ("both get the label 0. Real pictures get 1.", (F.softplus(real).mean() + down) / 2),
        ("real pictures are missing: a critic that sees no real ones calls everything fake.", down),
        (
            "real pictures are missing: a critic that sees no real ones calls everything fake. And take its whole.",
            down / 2,
        ),
        ("the generator's pictures are missing: a critic that sees only real ones calls everything real.", up),
        ("not halved: take the mean of both halves, so that the critic is not twice as fast.", up + down),
        ("the sign is wrong: a cross-entropy is positive.", -right),
        ("a sum over patches depends on the size of the picture. Take the mean.", _summed(real, fake)),
        (
            "a sum over patches depends on the size of the picture. Take the mean, and halve it.",
            2 * _summed(real, fake),
        ),
        (
            "these are squares: that is the game of least squares.",
            ((real - 1).square().mean() + fake.square().mean()) / 2,
        ),
    )
    for hint, mistaken in mistakes:
        if close(value, mistaken, 1e-5):
            raise Wrong(hint)
    raise Wrong(
        "not yet. Half of the cross-entropy of real pictures with 1, and half of that of the generator's with 0."
    )


def _summed(real, fake):
    return (F.softplus(-real).sum() + F.softplus(fake).sum()) / 2


# ---- the patch that one logit sees


LAYERS = (
    ((4, 2), (4, 2), (4, 2), (4, 1), (4, 1)),
    ((4, 2), (4, 1), (4, 1)),
    ((1, 1), (1, 1)),
    ((3, 1), (5, 3), (2, 2)),
    ((7, 2), (3, 2)),
)


def field_of(layers):
    """The side of the patch, from the last layer back to the first."""
    side = 1
    for kernel, stride in reversed(layers):
        side = (side - 1) * stride + kernel
    return side


def _field_by(rule, layers, start=1):
    side = start
    for kernel, stride in layers:
        side = rule(side, kernel, stride)
    return side


def _total_stride(layers):
    return _field_by(lambda side, kernel, stride: side * stride, layers)


def _fields(rule, backwards=True, start=1):
    return torch.tensor(
        [_field_by(rule, layers[::-1] if backwards else layers, start) for layers in LAYERS], dtype=torch.float64
    )


@checker("07.field")
def _field(answer):
    results = torch.stack([one_number(call_for_tensor(answer, list(layers))) for layers in LAYERS])
    right = torch.tensor([field_of(layers) for layers in LAYERS], dtype=torch.float64)
    if close(results, right, 1e-6):
        return "right. From the last layer back: (side - 1) times the stride, plus the kernel."
    reject_known(
        results,
        (
            (
                "you went from the first layer to the last. One logit is 1; go back from it through the last layer.",
                _fields(lambda side, kernel, stride: (side - 1) * stride + kernel, backwards=False),
            ),
            (
                "the strides are not used: between neighbors of a later layer lie that many pixels.",
                _fields(lambda side, kernel, stride: side - 1 + kernel),
            ),
            (
                "patches of neighbors overlap: of `side` of them only `side - 1` add a stride.",
                _fields(lambda side, kernel, stride: side * stride + kernel),
            ),
            (
                "each neighbor adds a stride, not a whole kernel: patches overlap.",
                _fields(lambda side, kernel, stride: side * kernel),
            ),
            (
                "this is the product of the strides: how far apart the patches of two neighbors are.",
                torch.tensor([_total_stride(layers) for layers in LAYERS], dtype=torch.float64),
            ),
            ("you began with 0. One logit is one pixel of the last map: begin with 1.", _fields(_step, start=0)),
            ("this is one too many.", right + 1),
            ("this is one too few.", right - 1),
            ("this is the area. The side is asked for.", right**2),
        ),
        1e-6,
    )
    first = int(results[0])
    raise Wrong(f"not yet. For the paper's critic, {list(LAYERS[0])}, the side is 70, and you get {first}.")


def _step(side, kernel, stride):
    return (side - 1) * stride + kernel


# ---- the generator's loss


@checker("07.generator")
def _generator(answer):
    logits = 6 * random_numbers(2, 1, 5, 7, seed=1) - 3
    ab, true = random_numbers(2, 2, 16, 24, seed=2) - 0.5, random_numbers(2, 2, 16, 24, seed=3) - 0.5
    result = one_number(call_for_tensor(answer, logits, ab, true, 100.0))
    other = one_number(call_for_tensor(answer, logits, ab, true, 10.0))
    fooled, apart = F.softplus(-logits.double()).mean(), (ab - true).double().abs()
    near = apart.sum(dim=1).mean()
    values, right = torch.stack([result, other]), _with(fooled, near)
    if close(values, right, 1e-4):
        _look_at_gradients(answer, logits, ab, true)
        return "right: it wants to be taken for real, and it must stay near the truth."
    sigmoid = logits.double().sigmoid()
    mistakes = (
        ("L1 is missing. Without it any picture that looks real will do.", torch.stack([fooled, fooled])),
        ("the critic is missing: this is L1 alone.", _with(0, near)),
        ("L1 is not weighted.", torch.stack([fooled + near] * 2)),
        ("the weight of L1 is fixed. Use the argument.", torch.stack([fooled + 100 * near] * 2)),
        (
            "the weight stands at the critic's part. It belongs to L1.",
            torch.stack([100 * fooled + near, 10 * fooled + near]),
        ),
        (
            "L1 is averaged over a and b as well: half as much as in this course. Sum over a and b.",
            _with(fooled, near / 2),
        ),
        (
            "L1 is a sum over all pixels: it would depend on the size of the picture. Take the mean.",
            _with(fooled, apart.sum()),
        ),
        (
            "L1 is summed over pixels and averaged over pictures: it would depend on the size.",
            _with(fooled, apart.sum() / 2),
        ),
        (
            "this is the squared distance, whose best answer is the mean: pale colors.",
            _with(fooled, apart.square().sum(1).mean()),
        ),
        (
            "the labels are exchanged: this generator wants to be caught.",
            _with(F.softplus(logits.double()).mean(), near),
        ),
        (
            "this one saturates: where the critic is sure, it has no gradient. Use the cross-entropy with the label 1.",
            _with(-F.softplus(logits.double()).mean(), near),
        ),
        (
            "the sigmoid is taken twice: the cross-entropy takes logits here.",
            _with(F.softplus(-sigmoid).mean(), near),
        ),
        ("a probability is no loss: take its logarithm.", _with(-sigmoid.mean(), near)),
        (
            "the part of the critic is a sum over patches. Take the mean.",
            _with(F.softplus(-logits.double()).sum(), near),
        ),
        ("the part of the critic is halved: that belongs to the critic's own loss.", _with(fooled / 2, near)),
        ("the part of the critic has the wrong sign.", _with(-fooled, near)),
    )
    for hint, mistaken in mistakes:
        if torch.allclose(values, mistaken, rtol=1e-5, atol=1e-4):  # sums over pixels are large
            raise Wrong(hint)
    raise Wrong("not yet. The cross-entropy of the logits with the label 1, plus the weight times L1.")


def _with(critic, near):
    """What a loss of these two parts gives for the weights 100 and 10."""
    return torch.stack([critic + weight * near for weight in (100.0, 10.0)])


def _look_at_gradients(answer, logits, ab, true):
    logits, ab = (each.clone().requires_grad_(True) for each in (logits, ab))
    loss = answer(logits, ab, true, 100.0)
    if not (isinstance(loss, torch.Tensor) and loss.requires_grad):
        raise Wrong("the value is right, but nothing can learn from it: something was detached.")
    loss.sum().backward()
    if logits.grad is None or ab.grad is None:
        raise Wrong(
            "the value is right, but one part was detached: the generator learns through the logits and through ab."
        )
