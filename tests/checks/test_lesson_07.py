"""The exercises of lesson 07: every right answer that was tried passes, and each known mistake gets its own hint."""

import torch
import torch.nn.functional as F

from course_lib.training.losses import Adversarial, l1
from tests.checks.tables import table_tests

BCE = F.binary_cross_entropy_with_logits


def stub(*arguments): ...  # your code here


# ---- the critic's step


def pictures(generator, light, ab):
    return torch.cat([light, ab], dim=1), torch.cat([light, generator(light)], dim=1)


def labeled(logits, label):
    return BCE(logits, torch.full_like(logits, label))


def critic_step(loss, detach=True):
    """An answer that applies ``loss`` to the critic's logits of true and of generated pictures."""

    def answer(generator, critic, light, ab):
        real, fake = pictures(generator, light, ab)
        return loss(critic(real), critic(fake.detach() if detach else fake))

    return answer


def halves(real, fake):
    return (labeled(real, 1.0) + labeled(fake, 0.0)) / 2


def under_no_grad(generator, critic, light, ab):
    with torch.no_grad():
        made = generator(light)
    return halves(critic(torch.cat([light, ab], dim=1)), critic(torch.cat([light, made], dim=1)))


def detached_logits(generator, critic, light, ab):
    real, fake = pictures(generator, light, ab)
    return halves(critic(real), critic(fake).detach())


def all_at_once(generator, critic, light, ab):
    real, fake = pictures(generator, light, ab)
    logits = critic(torch.cat([real, fake.detach()]))
    return BCE(logits, torch.cat([torch.ones_like(logits[:3]), torch.zeros_like(logits[3:])]))


def without_any(generator, critic, light, ab):
    with torch.no_grad():
        return critic_step(halves)(generator, critic, light, ab)


def generator_frozen(generator, critic, light, ab):
    """Gradients of 0 are gradients as well: the whole graph of the generator is kept."""
    real, fake = pictures(generator, light, ab)
    return halves(critic(real), critic(fake.detach())) + 0 * fake.sum()


def sum_of(reduction):
    def loss(real, fake):
        return (
            BCE(real, torch.ones_like(real), reduction=reduction)
            + BCE(fake, torch.zeros_like(fake), reduction=reduction)
        ) / 2

    return loss


CRITIC_RIGHT = {
    "cross-entropy": critic_step(halves),
    "library": critic_step(Adversarial("BCE").critic),
    "no_grad": under_no_grad,
    "one batch": all_at_once,
    "probabilities": critic_step(
        lambda real, fake: -(real.sigmoid().log().mean() + (1 - fake.sigmoid()).log().mean()) / 2
    ),
}
CRITIC_WRONG = {
    "stub": (stub, "no answer yet"),
    "not detached": (critic_step(halves, detach=False), "generator gets gradients too"),
    "logits detached": (detached_logits, "from one half of it only"),
    "no gradient": (without_any, "no gradient reaches the critic"),
    "graph kept": (generator_frozen, "graph is still there"),
    "number": (lambda g, c, light, ab: critic_step(halves)(g, c, light, ab).item(), "one number is asked for"),
    "per patch": (critic_step(sum_of("none")), "one number is asked for"),
    "sigmoid twice": (critic_step(lambda r, f: halves(r.sigmoid(), f.sigmoid())), "sigmoid is taken twice"),
    "exchanged": (critic_step(lambda r, f: halves(f, r)), "labels are exchanged"),
    "both 1": (critic_step(lambda r, f: (labeled(r, 1.0) + labeled(f, 1.0)) / 2), "both get the label 1"),
    "both 0": (critic_step(lambda r, f: (labeled(r, 0.0) + labeled(f, 0.0)) / 2), "both get the label 0"),
    "fake alone": (critic_step(lambda r, f: labeled(f, 0.0)), "real pictures are missing"),
    "real alone": (critic_step(lambda r, f: labeled(r, 1.0)), "pictures are missing: a critic that sees only real"),
    "not halved": (critic_step(lambda r, f: 2 * halves(r, f)), "not halved"),
    "sign": (critic_step(lambda r, f: -halves(r, f)), "sign is wrong"),
    "sum": (critic_step(sum_of("sum")), "sum over patches"),
    "squares": (critic_step(Adversarial("least squares").critic), "game of least squares"),
    "no lightness": (lambda g, c, light, ab: halves(c(ab), c(g(light).detach())), "stops with RuntimeError"),
    "something else": (critic_step(lambda r, f: r.mean() + f.mean()), "not yet"),
}

# ---- the patch that one logit sees


def field(layers, start=1, step=lambda side, kernel, stride: (side - 1) * stride + kernel):
    side = start
    for kernel, stride in layers:
        side = step(side, kernel, stride)
    return side


def by_jumps(layers):
    """From the first layer on: what each adds, times the distance of its inputs."""
    side, jump = 1, 1
    for kernel, stride in layers:
        side, jump = side + (kernel - 1) * jump, jump * stride
    return side


def recursive(layers):
    if not layers:
        return 1
    return (recursive(layers[1:]) - 1) * layers[0][1] + layers[0][0]


def product(layers):
    return field(layers, step=lambda side, kernel, stride: side * stride)


FIELD_RIGHT = {
    "backwards": lambda layers: field(layers[::-1]),
    "jumps": by_jumps,
    "recursion": recursive,
    "tensor": lambda layers: torch.tensor(field(layers[::-1])),
}
FIELD_WRONG = {
    "stub": (stub, "no answer yet"),
    "forwards": (field, "from the first layer to the last"),
    "no strides": (lambda layers: sum(kernel - 1 for kernel, _ in layers) + 1, "strides are not used"),
    "no overlap": (lambda x: field(x[::-1], step=lambda s, k, d: s * d + k), "`side - 1` add a stride"),
    "kernels multiplied": (lambda x: field(x, step=lambda s, k, d: s * k), "not a whole kernel"),
    "product of strides": (product, "product of the strides"),
    "from 0": (lambda layers: field(layers[::-1], start=0), "began with 0"),
    "plus 1": (lambda layers: field(layers[::-1]) + 1, "one too many"),
    "minus 1": (lambda layers: field(layers[::-1]) - 1, "one too few"),
    "area": (lambda layers: field(layers[::-1]) ** 2, "this is the area"),
    "both sides": (lambda layers: [field(layers[::-1])] * 2, "one number is asked for"),
    "always 70": (lambda layers: 70, "and you get 70"),
    "something else": (lambda layers: 5, "not yet"),
}

# ---- the generator's loss


def near(ab, true):
    return (ab - true).abs().sum(dim=1).mean()


def made_of(critics=lambda logits: labeled(logits, 1.0), colors=near):
    return lambda logits, ab, true, weight: critics(logits) + weight * colors(ab, true)


GENERATOR_RIGHT = {
    "cross-entropy": made_of(),
    "library": made_of(Adversarial("BCE").generator, l1),
    "softplus": made_of(lambda x: F.softplus(-x).mean()),
    "logarithm": made_of(lambda x: -x.sigmoid().log().mean()),
    "l1_loss": made_of(colors=lambda ab, true: 2 * F.l1_loss(ab, true)),
}
GENERATOR_WRONG = {
    "stub": (stub, "no answer yet"),
    "no L1": (made_of(colors=lambda ab, true: 0), "L1 is missing"),
    "no critic": (made_of(lambda x: 0), "the critic is missing"),
    "no weight": (lambda x, ab, true, weight: made_of()(x, ab, true, 1), "not weighted"),
    "fixed weight": (lambda x, ab, true, weight: made_of()(x, ab, true, 100), "weight of L1 is fixed"),
    "weight on the critic": (
        lambda x, ab, true, weight: weight * labeled(x, 1.0) + near(ab, true),
        "stands at the critic's part",
    ),
    "mean over a and b": (made_of(colors=F.l1_loss), "averaged over a and b"),
    "sum": (made_of(colors=lambda ab, true: (ab - true).abs().sum()), "sum over all pixels"),
    "sum over pixels": (made_of(colors=lambda ab, true: (ab - true).abs().sum() / 2), "averaged over pictures"),
    "squares": (made_of(colors=lambda ab, true: (ab - true).square().sum(dim=1).mean()), "squared distance"),
    "wants to be caught": (made_of(lambda x: labeled(x, 0.0)), "wants to be caught"),
    "saturating": (made_of(lambda x: -labeled(x, 0.0)), "saturates"),
    "sigmoid twice": (made_of(lambda x: labeled(x.sigmoid(), 1.0)), "sigmoid is taken twice"),
    "no logarithm": (made_of(lambda x: -x.sigmoid().mean()), "take its logarithm"),
    "sum over patches": (made_of(lambda x: BCE(x, torch.ones_like(x), reduction="sum")), "sum over patches"),
    "halved": (made_of(lambda x: labeled(x, 1.0) / 2), "is halved"),
    "sign": (made_of(lambda x: -labeled(x, 1.0)), "has the wrong sign"),
    "logits detached": (made_of(lambda x: labeled(x.detach(), 1.0)), "one part was detached"),
    "all detached": (lambda x, ab, true, w: made_of()(x, ab, true, w).detach(), "nothing can learn"),
    "per patch": (lambda x, ab, true, w: BCE(x, torch.ones_like(x), reduction="none"), "one number is asked for"),
    "something else": (lambda *arguments: torch.tensor(0.5), "not yet"),
}

EXERCISES = {
    "07.critic": (CRITIC_RIGHT, CRITIC_WRONG),
    "07.field": (FIELD_RIGHT, FIELD_WRONG),
    "07.generator": (GENERATOR_RIGHT, GENERATOR_WRONG),
}

test_right_answers_pass, test_wrong_answers_get_their_hint, test_hints_differ = table_tests(
    EXERCISES, general=("one number is asked for",)
)
