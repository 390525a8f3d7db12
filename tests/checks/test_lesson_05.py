"""The exercises of lesson 05: every right answer that was tried passes, and each known mistake gets its own hint."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from course_lib.models import fusion
from course_lib.training.losses import FusionLoss
from tests.checks.tables import table_tests


def stub(*arguments): ...  # your code here


# ---- fusion


def fuse_by_loop(features, embedding):
    pictures = []
    for picture, numbers in zip(features, embedding, strict=True):
        channels = [torch.full_like(picture[0], number) for number in numbers.tolist()]
        pictures.append(torch.cat([picture, torch.stack(channels)]))
    return torch.stack(pictures)


def join(features, channels):
    return torch.cat([features, channels], dim=1)


def spread(features, embedding):
    return embedding[:, :, None, None].expand(-1, -1, *features.shape[-2:])


def at_one_place(features, embedding, y, x):
    channels = torch.zeros_like(spread(features, embedding))
    channels[:, :, y, x] = embedding
    return join(features, channels)


FUSE_RIGHT = {
    "library": fusion.fuse,
    "loop": fuse_by_loop,
    "repeat": lambda f, e: join(f, e[:, :, None, None].repeat(1, 1, f.shape[2], f.shape[3])),
    "repeat, then reshape": lambda f, e: join(
        f, e.repeat_interleave(f[0, 0].numel(), dim=1).reshape(len(f), -1, *f.shape[2:])
    ),
    "times ones": lambda f, e: join(f, e[:, :, None, None] * torch.ones_like(f[:, :1])),
    "numpy": lambda f, e: np.concatenate([f, np.broadcast_to(e[:, :, None, None], (*e.shape, *f.shape[2:]))], axis=1),
}
FUSE_WRONG = {
    "stub": (stub, "no answer yet"),
    "embedding first": (lambda f, e: torch.cat([spread(f, e), f], dim=1), "stands before"),
    "reshaped": (lambda f, e: join(f, e.repeat(1, 24).reshape(2, 5, 4, 6)), "are scattered"),
    "features left out": (spread, "features are missing"),
    "first embedding for all": (lambda f, e: join(f, spread(f, e[:1]).expand(2, -1, -1, -1)), "of the first one"),
    "pictures mixed up": (lambda f, e: join(f, spread(f, e.flip(0))), "are mixed up"),
    "in the corner": (lambda f, e: at_one_place(f, e, 0, 0), "Repeat it at all of them."),
    "in the middle": (lambda f, e: at_one_place(f, e, 2, 3), "not in the middle alone"),
    "divided": (lambda f, e: join(f, spread(f, e) / 24), "divided by the number"),
    "height and width": (lambda f, e: join(f, spread(f, e)).mT, "height and width"),
    "along the batch": (lambda f, e: torch.cat([f, spread(f, e)[:, :3]]), "Join along the channels"),
    "other numbers": (lambda f, e: join(f, 2 * spread(f, e)), "the channels of the embedding are not"),
    "something else": (lambda f, e: torch.zeros(2, 8, 4, 6), "must be the features as they were"),
    "changes its input": (lambda f, e: join(f.mul_(2), spread(f, e)), "changes its input"),
}

# ---- the bias


def bias_by_convolution(weight, bias, embedding):
    layer = nn.Conv2d(weight.shape[1], len(weight), 1)
    layer.weight.data, layer.bias.data = weight, bias
    silent = torch.zeros(len(embedding), weight.shape[1] - embedding.shape[1], 1, 1)
    return layer(torch.cat([silent, embedding[:, :, None, None]], dim=1))[:, :, 0, 0]


def words_part(weight, embedding):
    return weight[:, -embedding.shape[1] :, 0, 0]


BIAS_RIGHT = {
    "matrix": lambda w, b, e: e @ words_part(w, e).T + b,
    "convolution": bias_by_convolution,
    "einsum": lambda w, b, e: torch.einsum("oe,be->bo", words_part(w, e), e) + b,
    "linear": lambda w, b, e: F.linear(e, words_part(w, e), b),
    "loop": lambda w, b, e: torch.stack([(words_part(w, e) * numbers).sum(dim=1) + b for numbers in e]),
}
BIAS_WRONG = {
    "stub": (stub, "no answer yet"),
    "first columns": (lambda w, b, e: e @ w[:, : e.shape[1], 0, 0].T + b, "weights of the features"),
    "no bias": (lambda w, b, e: e @ words_part(w, e).T, "itself is missing"),
    "minus the bias": (lambda w, b, e: e @ words_part(w, e).T - b, "is subtracted"),
    "with ReLU": (lambda w, b, e: (e @ words_part(w, e).T + b).relu(), "ReLU comes after"),
    "first for all": (lambda w, b, e: (e[:1] @ words_part(w, e).T + b).expand(len(e), -1), "of the first one"),
    "no embedding": (lambda w, b, e: b.expand(len(e), -1), "embedding is not used"),
    "reversed": (lambda w, b, e: e.flip(1) @ words_part(w, e).T + b, "columns are reversed"),
    "mean": (lambda w, b, e: e @ words_part(w, e).T / e.shape[1] + b, "Take the sum"),
    "transposed": (lambda w, b, e: (e @ words_part(w, e).T + b).T, "shape"),
    "whole weight": (lambda w, b, e: e @ w[:, :, 0, 0].T, "stops with RuntimeError"),
    "something else": (lambda w, b, e: torch.zeros(len(e), len(b)), "not yet"),
}

# ---- the nearest scene


def cosine(e, others):
    return F.cosine_similarity(others, e[None], dim=1)


NEAREST_RIGHT = {
    "cosine_similarity": lambda e, others: cosine(e, others).argmax(),
    "others normalized": lambda e, others: (F.normalize(others) @ e).argmax().item(),
    "distance of directions": lambda e, others: (F.normalize(others) - e / e.norm()).norm(dim=1).argmin(),
    "topk": lambda e, others: cosine(e, others).topk(1).indices,
    "angle": lambda e, others: cosine(e, others).acos().argmin(),
}
NEAREST_WRONG = {
    "stub": (stub, "no answer yet"),
    "product": (lambda e, others: (others @ e).argmax(), "the largest product"),
    "distance": (lambda e, others: (others - e).norm(dim=1).argmin(), "the smallest distance"),
    "farthest": (lambda e, others: cosine(e, others).argmin(), "the farthest one"),
    "similarity": (lambda e, others: cosine(e, others).max(), "the similarity itself"),
    "shortest": (lambda e, others: others.norm(dim=1).argmin(), "is the shortest one"),
    "all similarities": (cosine, "one number is asked for"),
    "counted from 1": (lambda e, others: cosine(e, others).argmax() + len(others), "a row from 0 to 4"),
    "always the first": (lambda e, others: 0, "wrong for another"),
}

# ---- two losses


def joint(colors=lambda d: d.square().sum(dim=1).mean(), names=F.cross_entropy):
    return lambda ab, true, logits, labels, alpha: colors(ab - true) + alpha * names(logits, labels)


def names_by_loop(logits, labels):
    shares = logits.softmax(dim=1)
    return -sum(row[label].log() for row, label in zip(shares, labels, strict=True)) / len(labels)


class Answer:
    def __init__(self, ab, logits):
        self.ab, self.logits = ab, logits


def squares(d):
    return d.square().sum(dim=1).mean()


JOINT_RIGHT = {
    "cross_entropy": joint(),
    "loop": joint(names=names_by_loop),
    "library": lambda ab, true, logits, labels, alpha: FusionLoss(alpha)(Answer(ab, logits), true, labels),
    "mse": joint(colors=lambda d: 2 * F.mse_loss(d, torch.zeros_like(d))),
    "one-hot": joint(names=lambda x, y: -(F.one_hot(y, 6) * x.log_softmax(dim=1)).sum(dim=1).mean()),
}
JOINT_WRONG = {
    "stub": (stub, "no answer yet"),
    "no alpha": (lambda ab, true, x, y, alpha: joint()(ab, true, x, y, 1), "alpha is not used"),
    "alpha on colors": (
        lambda ab, true, x, y, alpha: alpha * squares(ab - true) + F.cross_entropy(x, y),
        "weighs the colors",
    ),
    "fixed alpha": (lambda ab, true, x, y, alpha: joint()(ab, true, x, y, 1 / 300), "fixed at 1/300"),
    "no names": (lambda ab, true, x, y, alpha: squares(ab - true), "the names are missing"),
    "no colors": (lambda ab, true, x, y, alpha: alpha * F.cross_entropy(x, y), "the colors are missing"),
    "mean over a and b": (joint(colors=lambda d: d.square().mean()), "the sum over a and b"),
    "sum over pixels": (joint(colors=lambda d: d.square().sum()), "sum over all pixels"),
    "absolute": (joint(colors=lambda d: d.abs().sum(dim=1).mean()), "the squares are missing"),
    "distance": (joint(colors=lambda d: d.norm(dim=1).mean()), "Square it"),
    "sum over pictures": (joint(names=lambda x, y: F.cross_entropy(x, y, reduction="sum")), "summed over the pictures"),
    "wrong sign": (joint(names=lambda x, y: -F.cross_entropy(x, y)), "the sign of the cross-entropy"),
    "softmax twice": (joint(names=lambda x, y: F.cross_entropy(x.softmax(dim=1), y)), "done twice"),
    "no log_softmax": (joint(names=F.nll_loss), "take log_softmax first"),
    "no logarithm": (joint(names=lambda x, y: F.nll_loss(x.softmax(dim=1), y)), "the logarithm is missing"),
    "over the pictures": (joint(names=lambda x, y: F.nll_loss(x.log_softmax(dim=0), y)), "runs over the pictures"),
    "per picture": (joint(names=lambda x, y: F.cross_entropy(x, y, reduction="none")), "one number is asked for"),
    "something else": (lambda *arguments: torch.tensor(0.5), "not yet"),
}

# ---- a lead

TAILS = torch.tensor([0.025, 0.975])


def lead_by_loop(first, second, draws):
    means = [(first[rows].mean() - second[rows].mean()).item() for rows in draws]
    return np.quantile(means, [0.025, 0.975])


def ends(values, tails=TAILS):
    return values.flatten().quantile(tails)


def means(values, draws):
    return values[draws].mean(dim=1)


LEAD_RIGHT = {
    "difference first": lambda a, b, draws: ends(means(a - b, draws)),
    "means first": lambda a, b, draws: ends(means(a, draws) - means(b, draws)),
    "loop": lead_by_loop,
    "percentile": lambda a, b, draws: np.percentile(means(a - b, draws).numpy(), [2.5, 97.5]),
}
LEAD_WRONG = {
    "stub": (stub, "no answer yet"),
    "second less first": (lambda a, b, draws: ends(means(b - a, draws)), "that the wrong one is ahead"),
    "ends exchanged": (lambda a, b, draws: ends(means(a - b, draws)).flip(0), "the lower one first"),
    "both": (lambda a, b, draws: ends(means(b - a, draws)).flip(0), "with the ends exchanged"),
    "90 %": (lambda a, b, draws: ends(means(a - b, draws), torch.tensor([0.05, 0.95])), "interval of 90 %"),
    "apart": (lambda a, b, draws: ends(means(a, draws) - means(b, draws.flip(0))), "photographs of its own"),
    "difference of ends": (lambda a, b, draws: ends(means(a, draws)) - ends(means(b, draws)), "difference of the ends"),
    "over photographs": (lambda a, b, draws: ends(a - b), "ends over photographs"),
    "standard error": (lambda a, b, draws: torch.stack([(a - b).mean(), (a - b).std() / 60**0.5]), "standard error"),
    "first alone": (lambda a, b, draws: ends(means(a, draws)), "the first way alone"),
    "thrown together": (lambda a, b, draws: ends((a - b)[draws]), "thrown together"),
    "all means": (lambda a, b, draws: means(a - b, draws), "shape"),
    "something else": (lambda a, b, draws: torch.zeros(2), "not yet"),
}

EXERCISES = {
    "05.fuse": (FUSE_RIGHT, FUSE_WRONG),
    "05.bias": (BIAS_RIGHT, BIAS_WRONG),
    "05.nearest": (NEAREST_RIGHT, NEAREST_WRONG),
    "05.joint": (JOINT_RIGHT, JOINT_WRONG),
    "05.lead": (LEAD_RIGHT, LEAD_WRONG),
}

test_right_answers_pass, test_wrong_answers_get_their_hint, test_hints_differ = table_tests(EXERCISES)
