"""The exercises of lesson 08: every right answer that was tried passes, and each known mistake gets its own hint."""

import numpy as np
import pytest
import torch
from torch import nn

from course_lib import metrics
from course_lib.checks import judge
from course_lib.training.groups import HeadAlone
from course_lib.training.recipes import RECIPES
from course_lib.training.stopping import StopRule, smoothed
from tests.checks.tables import table_tests


def stub(*arguments): ...  # your code here


# ---- who learns


def who(phase, epoch, loss, waits=2, below=0.65):
    """Body, head, critic."""
    if phase == 1:
        return epoch >= waits, True, False
    if phase == 2:
        return False, False, True
    generator = loss < below
    return generator, generator, not generator


def but(phase, rule):
    """The right answer, but for one phase."""
    return lambda number, epoch, loss: rule(epoch, loss) if number == phase else who(number, epoch, loss)


LEARNS_RIGHT = {
    "table": who,
    "tensor": lambda phase, epoch, loss: torch.tensor(who(phase, epoch, loss)),
    "ints": lambda phase, epoch, loss: [int(each) for each in who(phase, epoch, loss)],
}
LEARNS_WRONG = {
    "stub": (stub, "no answer yet"),
    "frozen for learning": (lambda *step: [not each for each in who(*step)], "are exchanged"),
    "2: generator": (but(2, lambda epoch, loss: (True, True, False)), "the wrong network is frozen"),
    "2: both": (but(2, lambda epoch, loss: (True, True, True)), "generator learns as well"),
    "3: critic frozen": (but(3, lambda epoch, loss: (True, True, False)), "judge that stands still"),
    "3: generator frozen": (but(3, lambda epoch, loss: (False, False, True)), "the generator is frozen for good"),
    "3: exchanged": (but(3, lambda epoch, loss: who(3, epoch, 1.3 - loss)), "turns are exchanged"),
    "3: both": (but(3, lambda epoch, loss: (True, True, True)), "both learn in one step"),
    "3: body waits": (but(3, lambda epoch, loss: (False, loss < 0.65, loss >= 0.65)), "body stays as it is"),
    "1: body at once": (but(1, lambda epoch, loss: (True, True, False)), "from the first step on. A head"),
    "1: body never": (but(1, lambda epoch, loss: (False, True, False)), "body never learns"),
    "1: body first": (but(1, lambda epoch, loss: (epoch < 2, True, False)), "other way round"),
    "1: all wait": (but(1, lambda epoch, loss: (epoch >= 2, epoch >= 2, False)), "frozen together"),
    "1: one late": (but(1, lambda epoch, loss: (epoch > 2, True, False)), "one epoch too long"),
    "1: critic too": (but(1, lambda epoch, loss: (epoch >= 2, True, True)), "there is no critic yet"),
    "a fixed threshold": (lambda phase, epoch, loss: who(phase, epoch, loss, below=0.5), "look at phase 3 in epoch 4"),
    "one answer": (lambda *step: True, "three times True or False"),
    "four answers": (lambda *step: (*who(*step), True), "three times True or False"),
    "numbers": (lambda *step: (0.2, 0.5, 0.3), "three times True or False"),
}

# ---- ICNR


def icnr_by_loop(kernel, scale):
    return torch.stack([each for each in kernel for _ in range(scale * scale)])


def icnr_by_picture(kernel, scale):
    """As the paper has it: enlarge the kernels as if they were pictures, and undo the shuffle."""
    turned = kernel.transpose(0, 1)
    enlarged = nn.functional.interpolate(turned, size=kernel.shape[2:], mode="nearest")
    pixels = enlarged.repeat_interleave(scale, dim=2).repeat_interleave(scale, dim=3)
    return nn.functional.pixel_unshuffle(pixels, scale).transpose(0, 1)


def alone(kernel, scale):
    kernels = torch.zeros(len(kernel) * scale**2, *kernel.shape[1:])
    kernels[:: scale**2] = kernel
    return kernels


ICNR_RIGHT = {
    "repeat_interleave": lambda k, s: k.repeat_interleave(s * s, dim=0),
    "loop": icnr_by_loop,
    "unshuffle": icnr_by_picture,
    "expand": lambda k, s: k[:, None].expand(-1, s * s, -1, -1, -1).reshape(-1, *k.shape[1:]),
    "numpy": lambda k, s: np.repeat(k.numpy(), s * s, axis=0),
}
ICNR_WRONG = {
    "stub": (stub, "no answer yet"),
    "in turn": (lambda k, s: k.repeat(s * s, 1, 1, 1), "stand in turn"),
    "scale times": (lambda k, s: k.repeat_interleave(s, dim=0), "`scale` times"),
    "divided": (lambda k, s: k.repeat_interleave(s * s, dim=0) / s**2, "divided by the number"),
    "one of four": (alone, "the others have zeros"),
    "first for all": (lambda k, s: k[:1].expand(len(k) * s * s, -1, -1, -1), "the first kernel"),
    "other kernels": (lambda k, s: 2 * k.repeat_interleave(s * s, dim=0), "do not come from the kernels"),
    "random": (lambda k, s: torch.rand(len(k) * s * s, *k.shape[1:]), "must be equal"),
    "unchanged": (lambda k, s: k, "shape"),
    "input channels": (lambda k, s: k.repeat_interleave(s * s, dim=1), "C x scale x scale kernels"),
}

# ---- a moving average


def mixed(function):
    """An answer that does ``function`` to decimal numbers, and copies others."""

    def update(average, weights, decay):
        return {
            key: function(average[key], value, decay) if value.is_floating_point() else value.clone()
            for key, value in weights.items()
        }

    return update


def right(old, new, decay):
    return decay * old + (1 - decay) * new


def by_lerp(average, weights, decay):
    result = {}
    for key, value in weights.items():
        result[key] = value.clone()
        if value.is_floating_point():
            result[key] = average[key].clone().lerp_(value, 1 - decay)
    return result


def in_place(average, weights, decay):
    for key, value in weights.items():
        if value.is_floating_point():
            average[key].mul_(decay).add_((1 - decay) * value)
        else:
            average[key].copy_(value)
    return average


def with_count(count):
    return lambda a, w, d: mixed(right)(a, w, d) | {"batches": count(a["batches"], w["batches"], d)}


AVERAGE_RIGHT = {
    "comprehension": mixed(right),
    "lerp": by_lerp,
    "step toward": mixed(lambda old, new, decay: old + (1 - decay) * (new - old)),
}
AVERAGE_WRONG = {
    "stub": (stub, "no answer yet"),
    "wrong side": (mixed(lambda old, new, decay: right(new, old, decay)), "on the wrong side"),
    "new weights": (mixed(lambda old, new, decay: new.clone()), "Nothing is averaged"),
    "old weights": (mixed(lambda old, new, decay: old.clone()), "does not change"),
    "half": (mixed(lambda old, new, decay: (old + new) / 2), "whatever the decay"),
    "no share": (mixed(lambda old, new, decay: decay * old + new), "do not add up"),
    "only shrinks": (mixed(lambda old, new, decay: decay * old), "would shrink"),
    "subtracted": (mixed(lambda old, new, decay: decay * old - (1 - decay) * new), "are subtracted"),
    "count averaged": (lambda a, w, d: {key: right(a[key], w[key], d) for key in w}, "became a decimal number"),
    "count cut": (with_count(lambda old, new, decay: right(old, new, decay).long()), "cut to 108"),
    "count rounded": (with_count(lambda old, new, decay: right(old, new, decay).round().long()), "cut to 109"),
    "count forgotten": (with_count(lambda old, new, decay: old.clone()), "is not updated"),
    "count shared": (with_count(lambda old, new, decay: new), "shares memory"),
    "all shared": (lambda a, w, d: w, "Nothing is averaged"),
    "in place": (in_place, "changes its input"),
    "a list": (lambda a, w, d: list(mixed(right)(a, w, d).values()), "a dictionary"),
    "names missing": (lambda a, w, d: {"weight": a["weight"]}, "a dictionary"),
    "numbers": (lambda a, w, d: {key: float(value.sum()) for key, value in w.items()}, "must be a tensor"),
    "something else": (mixed(lambda old, new, decay: torch.ones_like(old)), "not yet"),
}

# ---- the Frechet distance


def of(means=torch.square, stds=torch.square):
    return lambda x, y: means((x.mean() - y.mean()).abs()) + stds((x.std() - y.std()).abs())


FRECHET_RIGHT = {
    "formula": of(),
    "numpy": lambda x, y: (
        (x.mean() - y.mean()).numpy() ** 2 + (np.std(x.numpy(), ddof=1) - np.std(y.numpy(), ddof=1)) ** 2
    ),
    "library": lambda x, y: metrics.frechet_distance(x[:, None], y[:, None]),
    "expanded": lambda x, y: (x.mean() - y.mean()) ** 2 + x.var() + y.var() - 2 * (x.var() * y.var()).sqrt(),
}
FRECHET_WRONG = {
    "stub": (stub, "no answer yet"),
    "variances": (lambda x, y: (x.mean() - y.mean()) ** 2 + (x.var() - y.var()) ** 2, "variances are compared. The"),
    "variances, no square": (lambda x, y: (x.mean() - y.mean()) ** 2 + (x.var() - y.var()).abs(), "and not squared"),
    "variances added": (lambda x, y: (x.mean() - y.mean()) ** 2 + x.var() + y.var(), "variances are added"),
    "means alone": (lambda x, y: (x.mean() - y.mean()) ** 2, "the spread is missing"),
    "spread alone": (lambda x, y: (x.std() - y.std()) ** 2, "the means are missing"),
    "means not squared": (of(means=lambda d: d), "difference of the means is not"),
    "spread not squared": (of(stds=lambda d: d), "standard deviations is not squared"),
    "nothing squared": (of(lambda d: d, lambda d: d), "neither"),
    "root": (lambda x, y: of()(x, y).sqrt(), "the root of it"),
    "minus": (lambda x, y: (x.mean() - y.mean()) ** 2 - (x.std() - y.std()) ** 2, "is subtracted"),
    "by N": (
        lambda x, y: (x.mean() - y.mean()) ** 2 + (x.std(correction=0) - y.std(correction=0)) ** 2,
        "divide by N. Use",
    ),
    "mean of both": (lambda x, y: of()(x, y) / 2, "are averaged"),
    "pairs": (lambda x, y: (x - y[: len(x)]).square().mean(), "not yet"),
    "two numbers": (lambda x, y: torch.stack([x.mean() - y.mean(), x.std() - y.std()]), "one number is asked for"),
}

# ---- the knee


def curve_of(frechet, barred):
    """As `StopRule` takes it: what is barred has too many color patches."""
    pairs = zip(frechet.tolist(), barred.tolist(), strict=True)
    return [{"frechet": value, "patches": 9.0 if bad else 1.0, "colorfulness": 1.0} for value, bad in pairs]


def knee(frechet, barred, share, smooth=lambda values: smoothed(values, 3), judged=None):
    values = smooth(frechet.tolist())
    allowed = [place for place, bad in enumerate(barred.tolist()) if not bad]
    lowest = min(values[place] for place in (allowed if judged is None else judged))
    level = values[0] - share * (values[0] - lowest)
    return next(place for place in allowed if values[place] <= level + 1e-6)


def by_tensors(frechet, barred, share):
    padded = torch.cat([frechet[:1], frechet, frechet[-1:]])
    smooth = padded.unfold(0, 3, 1).median(dim=1).values
    smooth[0], smooth[-1] = frechet[0], frechet[-2:].mean()
    lowest = smooth[~barred].min()
    done = (smooth <= smooth[0] - share * (smooth[0] - lowest)) & ~barred
    return done.int().argmax()


def means(values):
    inner = [sum(values[place - 1 : place + 2]) / 3 for place in range(1, len(values) - 1)]
    return [values[0], *inner, sum(values[-2:]) / 2]


def lowest(values, barred):
    return min((place for place, bad in enumerate(barred.tolist()) if not bad), key=values.__getitem__)


KNEE_RIGHT = {
    "library": lambda f, b, share: StopRule(share=share).choose(curve_of(f, b))[0],
    "loop": knee,
    "tensors": by_tensors,
}
KNEE_WRONG = {
    "stub": (stub, "no answer yet"),
    "end": (lambda f, b, share: len(f) - 1, "the last point"),
    "lowest of all": (lambda f, b, share: f.argmin(), "and it is barred"),
    "lowest allowed": (lambda f, b, share: lowest(f.tolist(), b), "not the knee"),
    "lowest smoothed": (lambda f, b, share: lowest(smoothed(f.tolist(), 3), b), "lowest point after smoothing"),
    "not smoothed": (lambda f, b, share: knee(f, b, share, smooth=list), "nothing is smoothed"),
    "mean": (lambda f, b, share: knee(f, b, share, smooth=means), "smoothed by the mean"),
    "bars forgotten": (lambda f, b, share: knee(f, torch.zeros_like(b), share), "this point is barred"),
    "level of a barred one": (lambda f, b, share: knee(f, b, share, judged=range(len(f))), "hangs on a barred point"),
    "share left": (lambda f, b, share: knee(f, b, 1 - share), "must be done, not left"),
    "share of the first": (
        lambda f, b, share: next(
            p for p, v in enumerate(smoothed(f.tolist(), 3)) if v <= (1 - share) * f[0] and not b[p]
        ),
        "a share of the first value",
    ),
    "the value": (lambda f, b, share: f[knee(f, b, share)], "a place from 0 to"),
    "somewhere": (lambda f, b, share: 4, "place 4 is not the first"),
    "fixed share": (lambda f, b, share: knee(f, b, 0.9), "wrong for another"),
    "all places": (lambda f, b, share: f, "one number is asked for"),
}

EXERCISES = {
    "08.learns": (LEARNS_RIGHT, LEARNS_WRONG),
    "08.icnr": (ICNR_RIGHT, ICNR_WRONG),
    "08.average": (AVERAGE_RIGHT, AVERAGE_WRONG),
    "08.frechet": (FRECHET_RIGHT, FRECHET_WRONG),
    "08.knee": (KNEE_RIGHT, KNEE_WRONG),
}
GENERAL = ("Nothing is averaged", "three times True or False", "a dictionary", "and it is barred")

test_right_answers_pass, test_wrong_answers_get_their_hint, test_hints_differ = table_tests(EXERCISES, GENERAL)


@pytest.mark.parametrize("epoch", range(4))
def test_the_exercise_says_what_phase_1_of_the_library_does(epoch):
    """The body learns from the epoch ``head_alone`` on, which is 2 in the recipe of the checkpoint."""
    waits = RECIPES["scenes-nogan-start"].head_alone
    callback, weight = HeadAlone(waits), nn.Parameter(torch.zeros(1))
    model = nn.Module()
    model.groups = [[weight], []]
    callback.learn = type("Learn", (), {"epoch": epoch, "model": model})()
    callback.before_epoch()
    assert weight.requires_grad == who(1, epoch, 0.0, waits)[0]
    assert judge("08.learns", lambda *step: who(*step, waits=waits)).passed
