"""The exercises of lesson 05: fusion, the bias that it is, the nearest scene, two losses at once, and a lead with its interval."""

import torch
import torch.nn.functional as F

from course_lib.checks.checker import (
    Wrong,
    call_for_tensor,
    checker,
    close,
    one_number,
    random_numbers,
    reject_known,
)

# ---- fusion


@checker("05.fuse")
def _fuse(answer):
    features, embedding = random_numbers(2, 3, 4, 6), random_numbers(2, 5, seed=1)
    result = call_for_tensor(answer, features, embedding)
    if result.shape == (2, 5, 4, 6):
        raise Wrong("the features are missing, or they were replaced: the result must have C + E channels.")
    if result.shape == (2, 8, 6, 4):
        raise Wrong("height and width are exchanged: features are (B, C, H, W).")
    if tuple(result.shape) != (2, 8, 4, 6):
        raise Wrong(f"the shape should be (2, 8, 4, 6) here, and it is {tuple(result.shape)}. Join along the channels.")
    exact = embedding.double()
    right = _joined(features, exact)
    if close(result, right, 1e-6):
        return "right. The word is said at every place."
    once = torch.zeros(2, 5, 4, 6, dtype=torch.float64)
    corner, middle = once.clone(), once.clone()
    corner[:, :, 0, 0], middle[:, :, 2, 3] = exact, exact
    mistakes = (
        ("the embedding stands before the features. Put it after them.", right.roll(5, dims=1)),
        (
            "the numbers are scattered: the embedding was reshaped instead of repeated. Each number fills one whole channel.",
            _with(features, exact.repeat(1, 24).reshape(2, 5, 4, 6)),
        ),
        ("all pictures got the embedding of the first one.", _joined(features, exact[:1].expand(2, -1))),
        (
            "the embeddings of the pictures are mixed up: the first axis counts the pictures.",
            _joined(features, exact.flip(0)),
        ),
        ("the embedding is there at one place only. Repeat it at all of them.", _with(features, corner)),
        (
            "the embedding is there at one place only. Repeat it at all of them, not in the middle alone.",
            _with(features, middle),
        ),
        ("the embedding is divided by the number of places. Repeat it as it is.", _joined(features, exact / 24)),
    )
    reject_known(result, mistakes, 1e-6)
    if close(result[:, :3], features, 1e-6):
        raise Wrong("not yet: the features are right, the channels of the embedding are not. Each must be constant.")
    raise Wrong("not yet. The first channels must be the features as they were.")


def _with(features, channels):
    return torch.cat([features.double(), channels], dim=1)


def _joined(features, embedding):
    return _with(features, embedding[:, :, None, None].expand(-1, -1, *features.shape[-2:]))


# ---- the bias


@checker("05.bias")
def _bias(answer):
    weight, bias = random_numbers(5, 7, 1, 1, seed=2) - 0.5, random_numbers(5, seed=3) - 0.5
    embedding = random_numbers(4, 3, seed=4)
    result = call_for_tensor(answer, weight, bias, embedding, shape=(4, 5))
    matrix, exact, own = weight[:, :, 0, 0].double(), embedding.double(), bias.double()
    part = matrix[:, -3:]
    right = exact @ part.T + own
    if close(result, right, 1e-5):
        return "right. For 1,001 numbers this saves a multiplication by all of them at every place."
    mistakes = (
        (
            "these are the weights of the features. The embedding comes last in the input: take the last columns.",
            exact @ matrix[:, :3].T + own,
        ),
        ("the bias of the fusion itself is missing: add it.", exact @ part.T),
        ("the bias is subtracted. Add it.", exact @ part.T - own),
        ("the ReLU comes after the features have been added. Give the bias without it.", right.relu()),
        ("all pictures got the bias of the first one.", right[:1].expand_as(right)),
        ("this is the bias of the fusion alone, for each picture. The embedding is not used.", own.expand_as(right)),
        ("the columns are reversed: keep the order of the embedding.", exact.flip(1) @ part.T + own),
        ("this is a mean over the embedding. Take the sum: each number times its weight.", exact @ part.T / 3 + own),
    )
    reject_known(result, mistakes, 1e-5)
    raise Wrong("not yet. With an embedding of zeros the answer is the bias of the fusion.")


# ---- the nearest scene


@checker("05.nearest")
def _nearest(answer):
    embedding = torch.tensor([1.0, 2.0, 2.0])
    others = torch.tensor([
        [0.3, 0.7, 0.6],  # nearly the same direction, and short: right
        [9.0, 1.0, 8.0],  # long: the largest product
        [1.0, 2.5, 0.9],  # near, and in another direction
        [-2.0, 1.0, -1.0],  # the farthest direction
        [0.9, -0.1, 0.1],
    ])  # fmt: skip
    result = one_number(call_for_tensor(answer, embedding, others))
    similarity = F.cosine_similarity(others, embedding[None], dim=1)
    known = {
        0: None,
        1: "that is the row with the largest product. Divide by the lengths: long embeddings must not win for being long.",
        2: "that is the row with the smallest distance. Only the direction counts: compare after dividing by the lengths.",
        3: "that is the farthest one: the largest cosine similarity is the nearest.",
        4: "that row is the shortest one, not the most similar.",
    }
    if close(result, similarity.max().double(), 1e-4):
        raise Wrong("that is the similarity itself. Give the row, with argmax.")
    if result.item() not in known:
        raise Wrong(f"a row from 0 to {len(others) - 1} is asked for, and this is {result.item():g}.")
    if known[int(result)]:
        raise Wrong(known[int(result)])
    return _nearest_again(answer)


def _nearest_again(answer):
    """A second set of embeddings, for answers that were right by luck."""
    others = random_numbers(12, 6, seed=5) - 0.5
    embedding = random_numbers(6, seed=6) - 0.5
    expected = F.cosine_similarity(others, embedding[None], dim=1).argmax()
    if one_number(call_for_tensor(answer, embedding, others)) != expected:
        raise Wrong("right for one set of embeddings, and wrong for another. Is it the same row whatever you ask for?")
    return "right. Direction says what, length says how strongly."


# ---- two losses


@checker("05.joint")
def _joint(answer):
    ab, true_ab = random_numbers(3, 2, 4, 5, seed=7) - 0.5, random_numbers(3, 2, 4, 5, seed=8) - 0.5
    logits, labels, alpha = 4 * random_numbers(3, 6, seed=9), torch.tensor([1, 5, 2]), 0.07
    result = one_number(call_for_tensor(answer, ab, true_ab, logits, labels, alpha))
    squared = (ab - true_ab).double().square()
    colors = squared.sum(dim=1).mean()
    log_p = logits.double().log_softmax(dim=1)
    names = F.nll_loss(log_p, labels)
    right = colors + alpha * names
    if close(result, right, 1e-5):
        return "right. Colors are the task, names are the help."
    shares = log_p.exp()
    mistakes = (
        ("alpha is not used: the names would drown the colors.", colors + names),
        ("alpha weighs the colors. It belongs to the names.", alpha * colors + names),
        ("alpha is fixed at 1/300. Use the argument.", colors + names / 300),
        ("the names are missing.", colors),
        ("the colors are missing.", alpha * names),
        ("the squared distance is the sum over a and b, not their mean.", squared.mean() + alpha * names),
        ("this is a sum over all pixels. Take the mean.", squared.sum() + alpha * names),
        (
            "the squares are missing: this is the absolute difference.",
            (squared.sqrt()).sum(dim=1).mean() + alpha * names,
        ),
        ("this is the distance. Square it.", squared.sum(dim=1).sqrt().mean() + alpha * names),
        ("the cross-entropy is summed over the pictures. Take their mean.", colors + 3 * alpha * names),
        ("the sign of the cross-entropy: a logarithm of shares is negative, the loss is not.", colors - alpha * names),
        (
            "the softmax is done twice: cross_entropy wants logits, not shares.",
            colors + alpha * F.cross_entropy(shares, labels),
        ),
        (
            "the logits are no logarithms of shares yet: take log_softmax first.",
            colors + alpha * F.nll_loss(logits.double(), labels),
        ),
        ("the logarithm is missing: this adds shares.", colors - alpha * shares.gather(1, labels[:, None]).mean()),
        (
            "the softmax runs over the pictures. The classes are dim=1.",
            colors + alpha * F.nll_loss(logits.double().log_softmax(dim=0), labels),
        ),
    )
    reject_known(result, mistakes, 1e-5)
    raise Wrong("not yet. With perfect colors and sure, right names it is nearly 0.")


# ---- a lead


@checker("05.lead")
def _lead(answer):
    hard = 8 * random_numbers(60, seed=10).double()  # what makes a photograph hard for both
    first, second = (hard + random_numbers(60, seed=seed) for seed in (11, 12))
    second = second + 0.3
    draws = (60 * random_numbers(400, 60, seed=13)).long()
    result = call_for_tensor(answer, first.float(), second.float(), draws, shape=(2,))
    means = (first - second)[draws].mean(dim=1)
    right = _ends(means)
    if close(result, right, 2e-4):
        return "right. What makes a photograph hard for both is gone, and the interval is as narrow as it can be."
    apart = first[draws].mean(dim=1) - second[draws.flip(0)].mean(dim=1)
    single = _ends(first[draws].mean(dim=1)), _ends(second[draws].mean(dim=1))
    error = (first - second).std() / len(first) ** 0.5
    mistakes = (
        ("second less first. The sign would say that the wrong one is ahead.", -right.flip(0)),
        ("the ends are exchanged: the lower one first.", right.flip(0)),
        ("second less first, with the ends exchanged.", -right),
        ("this is an interval of 90 %. For 95 %, 2.5 % lie beyond each end.", _ends(means, 0.05)),
        (
            "each way was drawn with photographs of its own. Then what makes a photograph hard for both does not cancel.",
            _ends(apart),
        ),
        (
            "this is the difference of the ends of two intervals. Take the difference first, then the ends.",
            single[0] - single[1],
        ),
        (
            "these are the ends over photographs, not over means: how different photographs are, and not how sure the mean is.",
            _ends(first - second),
        ),
        (
            "this is the mean and the standard error. Give the ends of the interval, from the draws.",
            torch.stack([(first - second).mean(), error]),
        ),
        ("this is the interval of the first way alone. Subtract the second.", single[0]),
        ("all draws are thrown together. Take the mean of each draw first.", _ends((first - second)[draws].flatten())),
    )
    reject_known(result, mistakes, 2e-4)
    raise Wrong("not yet. If the first is better by exactly 1 everywhere, both ends are -1.")


def _ends(values, tail=0.025):
    return values.quantile(torch.tensor([tail, 1 - tail], dtype=torch.float64))
