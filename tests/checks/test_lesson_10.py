"""The exercises of lesson 10: every right answer that was tried passes, and each known mistake gets its own hint.

Those about probabilities are in the file beside this one.
"""

import numpy as np
import torch
from scipy.stats import mannwhitneyu
from sklearn.metrics import roc_auc_score, roc_curve

from course_lib.deepfake import blend as library
from course_lib.deepfake import calibrate
from tests.checks.tables import table_tests


def stub(*arguments): ...  # your code here


# ---- blending


def mix(weight, s, t):
    return weight * s + (1 - weight) * t


def weighing(weight):
    """An answer that blends with a weight of its own, made of the mask and the ratio."""
    return lambda s, t, m, r: mix(weight(m, r), s, t)


def blend_pixel_by_pixel(source, target, mask, ratio):
    result = target.clone()
    for channel in range(3):
        for row in range(mask.shape[0]):
            for column in range(mask.shape[1]):
                w = ratio * mask[row, column].item()
                result[channel, row, column] = w * source[channel, row, column] + (1 - w) * target[channel, row, column]
    return result


def blend_with_numpy(source, target, mask, ratio):
    s, t = (each.numpy().transpose(1, 2, 0) for each in (source, target))
    return mix(ratio * mask.numpy()[..., None], s, t).transpose(2, 0, 1)


def blend_with_library(source, target, mask, ratio):
    s, t = (np.ascontiguousarray(each.movedim(0, -1).numpy()) for each in (source, target))
    return torch.from_numpy(library.blend(s, t, (ratio * mask).numpy())).movedim(-1, 0)


def blend_in_place(source, target, mask, ratio):
    mask *= ratio
    return mix(mask, source, target)


BLEND_RIGHT = {
    "weights": weighing(lambda m, r: r * m),
    "difference": lambda s, t, m, r: t + r * m * (s - t),
    "lerp": lambda s, t, m, r: torch.lerp(t, s, m * r),
    "ratio last": lambda s, t, m, r: r * mix(m, s, t) + (1 - r) * t,
    "ratio in the source": lambda s, t, m, r: mix(m, mix(r, s, t), t),
    "own axis": weighing(lambda m, r: r * m[None].expand(3, -1, -1)),
    "double, clipped": lambda s, t, m, r: mix(r * m.double(), s.double(), t.double()).clamp(0, 1),
    "channels": lambda s, t, m, r: torch.stack([mix(r * m, a, b) for a, b in zip(s, t, strict=True)]),
    "pixel by pixel": blend_pixel_by_pixel,
    "lists": lambda *four: blend_pixel_by_pixel(*four).tolist(),
    "numpy": blend_with_numpy,
    "library": blend_with_library,
}
BLEND_WRONG = {
    "stub": (stub, "no answer yet"),
    "exchanged": (weighing(lambda m, r: 1 - r * m), "exchanged: the source"),
    "exchanged, no ratio": (weighing(lambda m, r: 1 - m), "exchanged, and the ratio"),
    "no ratio": (weighing(lambda m, r: m), "the ratio is not used"),
    "no mask": (weighing(lambda m, r: r), "the mask is not used"),
    "mask inverted": (weighing(lambda m, r: r * (1 - m)), "the mask is inverted"),
    "ratio inverted": (weighing(lambda m, r: (1 - r) * m), "the ratio is inverted"),
    "ratio of all": (lambda s, t, m, r: r * mix(m, s, t), "multiplies the whole picture"),
    "ratio of the source": (lambda s, t, m, r: mix(m, r * s, t), "darkens the source"),
    "ratio of the target": (lambda s, t, m, r: mix(m, s, r * t), "makes the target darker"),
    "too bright": (lambda s, t, m, r: m * s + (1 - r * m) * t, "this brightens"),
    "rest is source": (lambda s, t, m, r: mix(r, mix(m, s, t), s), "filled with the source"),
    "added": (lambda s, t, m, r: t + r * m * s, "is kept everywhere"),
    "black": (lambda s, t, m, r: r * m * s, "it is black"),
    "no source": (lambda s, t, m, r: (1 - r * m) * t, "the source is missing"),
    "change alone": (lambda s, t, m, r: r * m * (s - t), "the change alone"),
    "away": (lambda s, t, m, r: t - r * m * (s - t), "the sign is wrong"),
    "target": (lambda s, t, m, r: t, "this is the target"),
    "source": (lambda s, t, m, r: s, "this is the source"),
    "mask twice": (weighing(lambda m, r: r * m * m), "the mask is squared"),
    "squared": (weighing(lambda m, r: (r * m) ** 2), "the weight is squared"),
    "power": (weighing(lambda m, r: m**r), "the exponent of the mask"),
    "hard": (weighing(lambda m, r: r * (m > 0.5)), "Its soft edge"),
    "clipped": (weighing(lambda m, r: m.clamp(max=r)), "cut off at the ratio"),
    "sum": (weighing(lambda m, r: (m + r).clamp(0, 1)), "are added. Multiply"),
    "first channel": (lambda s, t, m, r: torch.cat([mix(r * m, s[:1], t[:1]), t[1:]]), "only the first channel"),
    "axis between": (weighing(lambda m, r: r * m[:, None]), "the axes do not fit"),
    "always a quarter": (weighing(lambda m, r: 0.25 * m), "wrong for 0.75"),
    "in place": (blend_in_place, "changes its input"),
    "channels last": (lambda s, t, m, r: mix(r * m, s, t).movedim(0, -1), "shape"),
    "something else": (lambda s, t, m, r: s * t, "not yet"),
}

# ---- AUC


def matrix(genuine, fake):
    return fake[:, None] - genuine[None]


def area(genuine, fake):
    return (matrix(genuine, fake).sign().mean() + 1) / 2


def area_pair_by_pair(genuine, fake):
    won = 0.0
    for f in fake:
        for g in genuine:
            won += 1 if f > g else 0.5 if f == g else 0
    return won / (len(fake) * len(genuine))


def with_labels(measure):
    """An answer from a function of scikit-learn, of labels and scores."""
    return lambda g, f: measure(np.r_[np.zeros(len(g)), np.ones(len(f))], np.r_[g.numpy(), f.numpy()])


def area_under_curve(labels, scores):
    false_alarms, caught, _ = roc_curve(labels, scores)
    return np.trapezoid(caught, false_alarms)


def area_by_search(genuine, fake):
    below = [torch.searchsorted(genuine.sort().values, fake, right=right).double() for right in (False, True)]
    return (below[0] + below[1]).mean() / 2 / len(genuine)


def paired(g, f):
    few = min(len(g), len(f))
    return f[:few] - g[:few]


AUC_RIGHT = {
    "matrix": lambda g, f: ((matrix(g, f) > 0).float() + 0.5 * (matrix(g, f) == 0).float()).mean(),
    "signs": area,
    "heaviside": lambda g, f: torch.heaviside(matrix(g, f), torch.tensor(0.5)).mean(),
    "pair by pair": area_pair_by_pair,
    "number": lambda g, f: area(g, f).item(),
    "one axis": lambda g, f: area(g, f)[None],
    "scikit-learn": with_labels(roc_auc_score),
    "curve": with_labels(area_under_curve),
    "scipy": lambda g, f: mannwhitneyu(f.numpy(), g.numpy()).statistic / (len(g) * len(f)),
    "search": area_by_search,
    "library": lambda g, f: calibrate.auc(torch.cat([g, f]), [0] * len(g) + [1] * len(f)),
}
AUC_WRONG = {
    "stub": (stub, "no answer yet"),
    "reversed": (lambda g, f: area(f, g), "reversed: it"),
    "ties 0": (lambda g, f: (matrix(g, f) > 0).float().mean(), "equal scores count 0 here"),
    "ties 1": (lambda g, f: (matrix(g, f) >= 0).float().mean(), "equal scores count 1 here"),
    "reversed, ties 0": (lambda g, f: (matrix(g, f) < 0).float().mean(), "reversed, and equal scores count 0"),
    "reversed, ties 1": (lambda g, f: (matrix(g, f) <= 0).float().mean(), "reversed, and equal scores count 1"),
    "no ties": (lambda g, f: (matrix(g, f)[matrix(g, f) != 0] > 0).float().mean(), "are left out"),
    "means": (lambda g, f: f.mean() - g.mean(), "the difference of the mean scores"),
    "sizes": (lambda g, f: matrix(g, f).relu().mean(), "the sizes of the differences"),
    "sigmoid": (lambda g, f: matrix(g, f).sigmoid().mean(), "softens"),
    "accuracy": (lambda g, f: torch.cat([f > 0, g <= 0]).float().mean(), "the accuracy at a threshold of 0"),
    "balanced": (lambda g, f: ((f > 0).float().mean() + (g <= 0).float().mean()) / 2, "averaged over both kinds"),
    "caught": (lambda g, f: (f > 0).float().mean(), "the share of fakes above 0"),
    "mean genuine": (lambda g, f: (f > g.mean()).float().mean(), "with the mean of the genuine"),
    "highest genuine": (lambda g, f: (f > g.max()).float().mean(), "with the highest genuine"),
    "paired": (lambda g, f: (paired(g, f).sign().mean() + 1) / 2, "only pairs of the same place are compared. C"),
    "paired, ties 0": (lambda g, f: (paired(g, f) > 0).float().mean(), "compared, and equal scores count 0"),
    "subtracted": (lambda g, f: (f - g > 0).float().mean(), "the numbers of fakes and of genuine pictures differ"),
    "count": (lambda g, f: area(g, f) * len(g) * len(f), "a count of pairs"),
    "by genuine": (lambda g, f: area(g, f) * len(f), "not by that of genuine pictures"),
    "by fakes": (lambda g, f: area(g, f) * len(g), "not by that of fakes"),
    "from -1": (lambda g, f: matrix(g, f).sign().mean(), "from -1 to 1"),
    "percent": (lambda g, f: 100 * area(g, f), "in percent"),
    "with fakes": (lambda g, f: area(torch.cat([g, f]), f), "with fakes as well"),
    "rounded": (lambda g, f: area((2 * g).round(), (2 * f).round()), "only equal ones are ties"),
    "a row": (lambda g, f: (matrix(g, f) > 0).float().mean(dim=1), "one number is asked for"),
    "something else": (lambda g, f: f.max(), "not yet"),
}

# ---- answer, or say nothing


def decide(q, low, high):
    return (q >= high).long() - ((q > low) & (q < high)).long()


def taking_back(when, first_of=decide):
    """An answer that decides on p, and is unsure where ``when`` says so of both answers."""

    def answer(p, again, low, high):
        first, second = first_of(p, low, high), first_of(again, low, high)
        return torch.where(when(first, second), -1, first)

    return answer


def opposite(first, second):
    return (first != second) & (first >= 0) & (second >= 0)


def taken_back(p, again, low, high):
    return opposite(decide(p, low, high), decide(again, low, high))


def never(first, second):
    return torch.zeros_like(first, dtype=torch.bool)


def with_bounds(above, below):
    """Answers whose bounds are strict where these are."""
    return taking_back(opposite, lambda q, low, high: torch.where(above(q, high), 1, torch.where(below(q, low), 0, -1)))


def answer_one_by_one(p, again, low, high):
    answers = []
    for first, second in zip(p.tolist(), again.tolist(), strict=True):
        if first >= high and second > low:
            answers.append(1)
        elif first <= low and second < high:
            answers.append(0)
        else:
            answers.append(-1)
    return answers


def answer_with_numpy(p, again, low, high):
    p, again = p.numpy(), again.numpy()
    sure = [(p >= high) & (again > low), (p <= low) & (again < high)]
    return np.select(sure, [1.0, 0.0], default=-1.0)


def filled_in(p, again, low, high):
    first, right = decide(p, low, high), ANSWER(p, again, low, high)
    return torch.where(first < 0, decide(again, low, high), right)


def middle_crossed(p, again, low, high):
    return torch.where((p >= 0.5) != (again >= 0.5), -1, decide(p, low, high))


def one_at_a_time(p, again, low, high):
    if p >= high:
        return 1
    return 0 if p <= low else -1


def mapped(change):
    return lambda *four: change(ANSWER(*four))


ANSWER = taking_back(opposite)
UP, DOWN = torch.ge, torch.le
ANSWER_RIGHT = {
    "where": ANSWER,
    "sum": taking_back(lambda first, second: first + second == 1),
    "one by one": answer_one_by_one,
    "numpy": answer_with_numpy,
    "float": mapped(lambda right: right.float()),
    "int8": mapped(lambda right: right.to(torch.int8)),
    "bounds": with_bounds(UP, DOWN),
}
ANSWER_WRONG = {
    "stub": (stub, "no answer yet"),
    "strict": (with_bounds(torch.gt, torch.lt), "the bounds are exclusive"),
    "strict above": (with_bounds(torch.gt, DOWN), "`high` itself"),
    "strict below": (with_bounds(UP, torch.lt), "`low` itself"),
    "not looked at": (taking_back(never), "is not looked at"),
    "product": (taking_back(lambda first, second: first * second < 0), "the product of two answers"),
    "not the same": (taking_back(torch.ne), "wherever the second answer is merely unsure"),
    "differ by one": (taking_back(lambda first, second: (first - second).abs() == 1), "differ by one, too"),
    "fake and unsure": (
        taking_back(lambda first, second: (first == 1) & (second < 1) | (first == 0) & (second == 1)),
        "a fake becomes unsure",
    ),
    "again": (lambda p, again, low, high: ANSWER(again, p, low, high), "saved again. `p` decides"),
    "again alone": (lambda p, again, low, high: decide(again, low, high), "and `p` is not used"),
    "mean": (lambda p, again, low, high: decide((p + again) / 2, low, high), "the mean of both decides. D"),
    "filled in": (filled_in, "`again` answers"),
    "second": (
        lambda p, again, *bounds: (
            ANSWER(p, again, *bounds) + (decide(again, *bounds) + 1) * taken_back(p, again, *bounds)
        ),
        "takes the second answer",
    ),
    "fakes stay": (taking_back(lambda first, second: (first == 0) & (second == 1)), "a fake that seems genuine"),
    "genuine ones stay": (
        taking_back(lambda first, second: (first == 1) & (second == 0)),
        "a genuine picture that seems manipulated",
    ),
    "middle": (middle_crossed, "two sides of one half"),
    "always": (
        lambda p, again, *bounds: torch.where(taken_back(p, again, *bounds), -1, (p >= 0.5).long()),
        "never unsure between",
    ),
    "genuine below": (taking_back(opposite, lambda q, low, high: (q >= high).long()), "whatever is below `high`"),
    "fake above": (taking_back(opposite, lambda q, low, high: (q > low).long()), "whatever is above `low`"),
    "exchanged": (mapped(lambda right: torch.where(right < 0, -1, 1 - right)), "1 and 0 are exchanged"),
    "0 is unsure": (mapped(lambda right: torch.where(right < 1, -1 - right, 1)), "genuine and unsure are exchanged"),
    "unsure is genuine": (mapped(lambda right: right.clamp(min=0)), "the unsure ones are called genuine"),
    "2 is unsure": (mapped(lambda right: torch.where(right < 0, 2, right)), "there is 2"),
    "one half is unsure": (mapped(lambda right: torch.where(right < 0, 0.5, right)), "there is 0.5"),
    "if": (one_at_a_time, "p holds many probabilities"),
    "fixed": (lambda p, again, low, high: ANSWER(p, again, 0.25, 0.75), "wrong for others"),
    "a table": (mapped(lambda right: right[None]), "shape"),
    "something else": (mapped(lambda right: -right.abs()), "not yet"),
}

EXERCISES = {
    "10.blend": (BLEND_RIGHT, BLEND_WRONG),
    "10.auc": (AUC_RIGHT, AUC_WRONG),
    "10.answer": (ANSWER_RIGHT, ANSWER_WRONG),
}

test_right_answers_pass, test_wrong_answers_get_their_hint, test_hints_differ = table_tests(EXERCISES)
