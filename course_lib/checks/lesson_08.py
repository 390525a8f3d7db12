"""The exercises of lesson 08: who learns when, equal pixels of a shuffle, a moving average, the Frechet distance, and the knee."""

from statistics import median

import torch
import torch.nn.functional as F

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

# ---- who learns

# phase, epoch, loss of the critic on the batch at hand. The body stays as it is for 2 epochs; the generator's turn is below 0.65.
STEPS = ((1, 0, 0.7), (1, 2, 0.7), (1, 3, 0.1), (2, 0, 0.7), (2, 5, 0.1), (3, 1, 0.9), (3, 0, 0.2), (3, 4, 0.64))


def _who(phase, epoch, loss):
    """Body, head, critic."""
    if phase == 1:
        return epoch >= 2, True, False
    if phase == 2:
        return False, False, True
    return (True, True, False) if loss < 0.65 else (False, False, True)


def _table(rule):
    return torch.tensor([[float(each) for each in rule(*step)] for step in STEPS], dtype=torch.float64)


def _in_phase(phase, rule):
    """The right rule, but for one phase."""
    return _table(lambda number, epoch, loss: rule(epoch, loss) if number == phase else _who(number, epoch, loss))


@checker("08.learns")
def _learns(answer):
    rows = [call_for_tensor(answer, *step) for step in STEPS]
    for row in rows:
        if tuple(row.shape) != (3,) or not set(row.tolist()) <= {0.0, 1.0}:
            raise Wrong("three times True or False are asked for, in this order: body, head, critic.")
    result = torch.stack(rows)
    right = _table(_who)
    if close(result, right, 0):
        return "right. Never both networks in one step, and the critic never before there is something to judge."
    mistakes = (
        ("True and False are exchanged: say who learns, not who is frozen.", 1 - right),
        (
            "in phase 2 the wrong network is frozen: the generator's pictures were saved, so that the critic alone can learn.",
            _in_phase(2, lambda epoch, loss: (True, True, False)),
        ),
        (
            "in phase 2 the generator learns as well. Then the saved pictures are no longer its own.",
            _in_phase(2, lambda epoch, loss: (True, True, True)),
        ),
        (
            "in phase 3 the critic is frozen for good. The generator would learn to please a judge that stands still.",
            _in_phase(3, lambda epoch, loss: (True, True, False)),
        ),
        (
            "in phase 3 the generator is frozen for good.",
            _in_phase(3, lambda epoch, loss: (False, False, True)),
        ),
        (
            "in phase 3 the turns are exchanged: a critic with a low loss knows enough, and it is the generator's turn.",
            _in_phase(3, lambda epoch, loss: (False, False, True) if loss < 0.65 else (True, True, False)),
        ),
        (
            "in phase 3 both learn in one step. Each step trains one of them against the other as it is.",
            _in_phase(3, lambda epoch, loss: (True, True, True)),
        ),
        (
            "in phase 3 the body stays as it is, as at the beginning of phase 1. By now the head knows something: let both learn.",
            _in_phase(3, lambda epoch, loss: (False, loss < 0.65, loss >= 0.65)),
        ),
        (
            "in phase 1 the body learns from the first step on. A head that knows nothing would spoil it.",
            _in_phase(1, lambda epoch, loss: (True, True, False)),
        ),
        ("in phase 1 the body never learns.", _in_phase(1, lambda epoch, loss: (False, True, False))),
        (
            "in phase 1 the body learns for two epochs and is frozen then. It is the other way round.",
            _in_phase(1, lambda epoch, loss: (epoch < 2, True, False)),
        ),
        (
            "in phase 1 head and body are frozen together at first. The head must learn from the first step on.",
            _in_phase(1, lambda epoch, loss: (epoch >= 2, epoch >= 2, False)),
        ),
        (
            "in phase 1 the body waits one epoch too long: epochs count from 0.",
            _in_phase(1, lambda epoch, loss: (epoch > 2, True, False)),
        ),
        (
            "in phase 1 there is no critic yet: it must not learn.",
            _in_phase(1, lambda epoch, loss: (epoch >= 2, True, True)),
        ),
    )
    reject_known(result, mistakes, 0)
    wrong = [step for step, row, expected in zip(STEPS, result, right, strict=True) if not row.equal(expected)]
    raise Wrong(f"not yet: look at phase {wrong[0][0]} in epoch {wrong[0][1]}, with a critic's loss of {wrong[0][2]}.")


# ---- ICNR


@checker("08.icnr")
def _icnr(answer):
    kernel, scale = random_numbers(3, 5, 3, 3) - 0.5, 2
    result = call_for_tensor(answer, kernel, scale)
    if result.shape == (6, 5, 3, 3):
        raise Wrong("each kernel is there `scale` times. A shuffle makes scale x scale pixels of one.")
    if tuple(result.shape) != (12, 5, 3, 3):
        raise Wrong(
            f"the shape should be (12, 5, 3, 3) here, C x scale x scale kernels, and it is {tuple(result.shape)}."
        )
    exact = kernel.double()
    right = exact.repeat_interleave(4, dim=0)
    if close(result, right, 1e-6):
        return "right. At the beginning a shuffle only enlarges, and there is no checkerboard to unlearn."
    mistakes = (
        (
            "the kernels stand in turn: 1, 2, 3, 1, 2, 3. PixelShuffle takes the first scale x scale channels for the first output.",
            exact.repeat(4, 1, 1, 1),
        ),
        ("the kernels are divided by the number of pixels. Repeat them as they are.", right / 4),
        ("only one of the pixels of each shuffle has a kernel, the others have zeros.", _first_alone(exact)),
        ("all outputs got the first kernel.", exact[:1].expand(12, -1, -1, -1)),
    )
    reject_known(result, mistakes, 1e-6)
    shuffled = F.pixel_shuffle(F.conv2d(random_numbers(1, 5, 6, 6, seed=1).double(), result), scale)
    if (shuffled[..., ::2, ::2] - shuffled[..., 1::2, 1::2]).abs().max() < 1e-9:
        raise Wrong(
            "not yet. The pixels of a shuffle are equal, but they do not come from the kernels that were given."
        )
    raise Wrong("not yet. After PixelShuffle all pixels of a block of scale x scale must be equal.")


def _first_alone(kernel):
    kernels = torch.zeros(len(kernel) * 4, *kernel.shape[1:], dtype=kernel.dtype)
    kernels[::4] = kernel
    return kernels


# ---- a moving average


@checker("08.average")
def _average(answer):
    average = {"weight": random_numbers(4, 3, seed=2), "mean": random_numbers(4, seed=3), "batches": torch.tensor(100)}
    weights = {"weight": random_numbers(4, 3, seed=4), "mean": random_numbers(4, seed=5), "batches": torch.tensor(187)}
    first, second = _cloned(average), _cloned(weights)
    result = call(answer, first, second, 0.9)
    if not (isinstance(result, dict) and set(result) == set(average)):
        raise Wrong("a dictionary with the same names is asked for.")
    if any(not isinstance(value, torch.Tensor) or value.shape != average[key].shape for key, value in result.items()):
        raise Wrong("each value must be a tensor of the shape that it had.")
    floats = torch.cat([result["weight"].double().flatten(), result["mean"].double()])
    old, new = (torch.cat([each["weight"].flatten(), each["mean"]]).double() for each in (average, weights))
    if not close(floats, 0.9 * old + 0.1 * new, 1e-6):
        _reject_wrong_average(floats, old, new)
    _reject_wrong_count(result["batches"])
    _reject_shared(result, first, second, average, weights)
    return "right. It costs one addition for each weight and step, and no measurement jumps any more."


def _reject_wrong_average(floats, old, new):
    mistakes = (
        (
            "the decay is on the wrong side: 0.9 is what stays of the average. This one forgets nearly everything in one step.",
            0.1 * old + 0.9 * new,
        ),
        ("these are the weights themselves. Nothing is averaged.", new),
        ("the average does not change: the new weights are missing.", old),
        ("this is the mean of both, whatever the decay.", (old + new) / 2),
        ("the shares do not add up to 1: the new weights count 1 - decay.", 0.9 * old + new),
        ("the new weights are missing: each step would shrink the average.", 0.9 * old),
        ("the new weights are subtracted.", 0.9 * old - 0.1 * new),
    )
    reject_known(floats, mistakes, 1e-6)
    raise Wrong("not yet. With a decay of 0 the average is the new weights, with 1 it stays as it was.")


def _reject_wrong_count(batches):
    if batches.is_floating_point():
        raise Wrong(
            "the counter of batches became a decimal number. It is no weight: copy what is_floating_point() says is none."
        )
    if batches == 100:
        raise Wrong("the counter of batches is not updated: copy whole numbers from the new weights.")
    if batches != 187:
        raise Wrong(
            f"the counter of batches was averaged and cut to {batches.item()}. Copy whole numbers from the new weights."
        )


def _reject_shared(result, first, second, average, weights):
    """Whether an argument was changed, or the result would change with it."""
    for given, before in ((first, average), (second, weights)):
        if any(not given[key].equal(before[key]) for key in before):
            raise Wrong("the function changes its input. Make new tensors.")
    kept = _cloned(result)
    for given in (first, second):
        for value in given.values():
            value.zero_()
    if any(not result[key].equal(kept[key]) for key in kept):
        raise Wrong("the average shares memory with what it was made of: the next step would change it. Use clone().")


def _cloned(weights):
    return {key: value.clone() for key, value in weights.items()}


# ---- the Frechet distance


@checker("08.frechet")
def _frechet(answer):
    x, y = 3 * random_numbers(20, seed=6) + 1, 7 * random_numbers(30, seed=7)
    result = one_number(call_for_tensor(answer, x, y))
    a, b = x.double(), y.double()
    means, stds = (a.mean() - b.mean()).square(), (a.std() - b.std()).square()
    right = means + stds
    if close(result, right, 1e-5):
        return "right. With D numbers for each picture, covariances stand where the standard deviations stood."
    spread = [each.std(correction=0) for each in (a, b)]
    mistakes = (
        (
            "the variances are compared. The distance has the standard deviations, which are in the units of the numbers.",
            means + (a.var() - b.var()).square(),
        ),
        ("the variances are compared, and not squared.", means + (a.var() - b.var()).abs()),
        ("the variances are added: two equal sets would not have the distance 0.", means + a.var() + b.var()),
        ("the spread is missing: a network that paints everything in the mean color would be perfect.", means),
        ("the means are missing.", stds),
        ("the difference of the means is not squared.", means.sqrt() + stds),
        ("the difference of the standard deviations is not squared.", means + stds.sqrt()),
        ("neither difference is squared.", means.sqrt() + stds.sqrt()),
        ("this is the root of it. The Fréchet distance is used as a square.", right.sqrt()),
        ("the spread is subtracted. Add it.", means - stds),
        (
            "the standard deviations divide by N. Use torch's std, which divides by N - 1.",
            means + (spread[0] - spread[1]) ** 2,
        ),
        ("the two halves are averaged. Add them.", right / 2),
    )
    reject_known(result, mistakes, 1e-5)
    raise Wrong("not yet. Equal sets have the distance 0, and sets that are shifted by 3 have 9.")


# ---- the knee

# A lucky measurement at 2, barred ones at 7, 8, 18 and 19, and a long flat end.
FRECHET = (10, 9, 1.6, 8.4, 6, 4, 3, 1.2, 1.1, 2.4, 2.2, 1.65, 1.6, 1.2, 0.95, 0.75, 0.9, 0.85, 0.3, 0.4, 0.92, 0.9)
BARRED = tuple(place in (7, 8, 18, 19) for place in range(len(FRECHET)))
SHARE = 0.9


def _smooth(values, middle=median, keep_first=True):
    smoothed = [middle(values[max(0, place - 1) : place + 2]) for place in range(len(values))]
    return [values[0], *smoothed[1:]] if keep_first else smoothed


def _first_below(values, barred, lowest_of=None, share=SHARE, level=None):
    """The first place that is not barred at or below the level, or None."""
    allowed = [place for place in range(len(values)) if not barred[place]]
    lowest = min(values[place] for place in (allowed if lowest_of is None else lowest_of))
    level = values[0] - share * (values[0] - lowest) if level is None else level(values[0], lowest)
    return next((place for place in allowed if values[place] <= level), None)


def _mean(values):
    return sum(values) / len(values)


@checker("08.knee")
def _knee(answer):
    result = one_number(call_for_tensor(answer, torch.tensor(FRECHET), torch.tensor(BARRED), SHARE))
    place = result.item()
    smooth = _smooth(FRECHET)
    allowed = [place for place in range(len(FRECHET)) if not BARRED[place]]
    right = _first_below(smooth, BARRED)
    if place == right:
        return _knee_again(answer)
    mistakes = (
        ("this is the last point. A curve that is flat has long had what there was to have.", len(FRECHET) - 1),
        ("this is the lowest of all points, and it is barred.", FRECHET.index(min(FRECHET))),
        (
            "this is the lowest point, not the knee, and lower than its neighbors by chance. Ask for the first that is low enough.",
            min(allowed, key=FRECHET.__getitem__),
        ),
        (
            "this is the lowest point after smoothing, not the first that is low enough.",
            min(allowed, key=smooth.__getitem__),
        ),
        (
            "nothing is smoothed: one lucky measurement is taken for the knee. Take the median of each point and its two neighbors.",
            _first_below(FRECHET, BARRED),
        ),
        (
            "it was smoothed by the mean: one lucky measurement still pulls its neighbors down. Take the median.",
            _first_below(_smooth(FRECHET, _mean), BARRED),
        ),
        ("this point is barred.", _first_below(smooth, [False] * len(FRECHET))),
        (
            "the level hangs on a barred point: take the lowest of those that are not barred.",
            _first_below(smooth, BARRED, lowest_of=range(len(FRECHET))),
        ),
        (
            "the share is on the wrong side: 0.9 of the fall must be done, not left.",
            _first_below(smooth, BARRED, share=1 - SHARE),
        ),
        (
            "the level is a share of the first value. It is the fall that counts: from the first to the lowest.",
            _first_below(smooth, BARRED, level=lambda first, lowest: (1 - SHARE) * first),
        ),
    )
    for hint, mistaken in mistakes:
        if place == mistaken:
            raise Wrong(hint)
    if place != round(place) or not 0 <= place < len(FRECHET):
        raise Wrong(f"a place from 0 to {len(FRECHET) - 1} is asked for, and this is {place:g}.")
    raise Wrong(f"not yet: place {int(place)} is not the first that is low enough.")


def _knee_again(answer):
    """A second curve, for answers that were right by luck, and one that never falls."""
    curve, barred = [8.0, 6.0, 7.5, 6.2, 5.0, 4.6, 4.5, 4.4, 4.5], [False] * 9
    expected = _first_below(_smooth(curve), barred, share=0.5)
    if one_number(call_for_tensor(answer, torch.tensor(curve), torch.tensor(barred), 0.5)) != expected:
        raise Wrong("right for one curve, and wrong for another. Does the share come from the argument?")
    return "right. The rule picks the point from which on more training brings little."
