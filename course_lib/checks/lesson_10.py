"""The exercises of lesson 10: blending, the AUC, the calibration error, base rates, and when to answer. High always means manipulated."""

import torch

from course_lib.checks.checker import (
    Wrong,
    call_for_tensor,
    checker,
    close,
    one_number,
    random_numbers,
    reject_known,
)

# Words of errors about sizes: of torch, NumPy, Python and scikit-learn.
_SIZES = ("must match", "broadcast", "zip()", "inconsistent")
AXES = "the axes do not fit. mask (H, W) times picture (3, H, W) just works: axes are matched from the last one."
EVERY = "the numbers of fakes and of genuine pictures differ. Compare every fake with every genuine picture: fake[:, None] - genuine[None]."
MANY = "p holds many probabilities, and an if decides one. Compare whole tensors, with torch.where, or go through them in a loop."


def _call(answer, *arguments, sizes, shape=None):
    """`call_for_tensor`, with the hint ``sizes`` where the answer stops since shapes do not fit."""
    try:
        return call_for_tensor(answer, *arguments, shape=shape)
    except (RuntimeError, ValueError) as error:
        if any(part in str(error) for part in _SIZES):
            raise Wrong(sizes) from None
        raise


# ---- blending


def _blend_case(seed, height=7, width=9):
    """Two pictures, and a mask with parts that are 0, 1 and between."""
    source, target = random_numbers(3, height, width, seed=seed), random_numbers(3, height, width, seed=seed + 1)
    return source, target, (2 * random_numbers(height, width, seed=seed + 2) - 0.5).clamp(0, 1)


@checker("10.blend")
def _check_blend(answer):
    source, target, mask = _blend_case(1)
    ratio = 0.25
    result = _call(answer, source, target, mask, ratio, shape=source.shape, sizes=AXES)
    s, t, m = source.double(), target.double(), mask.double()

    def mix(weight):
        return weight * s + (1 - weight) * t

    w = ratio * m
    if close(result, mix(w), 1e-5):
        return _blend_again(answer)
    mistakes = (
        ("source and target are exchanged: the source shows where the mask is 1.", mix(1 - w)),
        ("source and target are exchanged, and the ratio is not used.", mix(1 - m)),
        ("the ratio is not used: all of the source is taken.", mix(m)),
        ("the mask is not used: the source shows everywhere.", mix(ratio)),
        ("the mask is inverted: it is 1 where the source shows.", mix(ratio * (1 - m))),
        ("the ratio is inverted: it says how much of the source is taken.", mix((1 - ratio) * m)),
        ("the ratio multiplies the whole picture, and makes it darker. It belongs to the mask.", ratio * mix(m)),
        ("the ratio darkens the source. It belongs to the mask, so that the target gets the rest.", w * s + (1 - m) * t),
        ("the ratio makes the target darker. The target gets what is left of 1: 1 - ratio * mask.", m * s + ratio * (1 - m) * t),
        ("this brightens: the source gets all of the mask. Its weight is ratio * mask.", m * s + (1 - w) * t),
        ("what the ratio leaves is filled with the source, outside of the mask as well.", ratio * mix(m) + (1 - ratio) * s),
        ("the target is kept everywhere, and the source added to it.", t + w * s),
        ("outside of the mask it is black. The target belongs there.", w * s),
        ("inside of the mask the source is missing.", (1 - w) * t),
        ("this is the change alone. Add the target.", w * (s - t)),
        ("the sign is wrong: it leads away from the source.", t - w * (s - t)),
        ("this is the target. Nothing is blended.", t),
        ("this is the source. Nothing is blended.", s),
        ("the mask is squared: it is used twice.", mix(ratio * m.square())),
        ("the weight is squared: mask and ratio count once.", mix(w.square())),
        ("the ratio is the exponent of the mask. Multiply.", mix(m**ratio)),
        ("the mask is rounded to 0 and 1. Its soft edge is what hides the seam.", mix(ratio * (m > 0.5))),
        ("the mask is cut off at the ratio. Multiply it, so that its edge keeps its shape.", mix(m.clamp(max=ratio))),
        ("mask and ratio are added. Multiply them.", mix((m + ratio).clamp(max=1))),
        ("only the first channel is blended. The mask is the same for all three.", torch.cat([mix(w)[:1], t[1:]])),
    )  # fmt: skip
    reject_known(result, mistakes, 1e-5)
    raise Wrong("not yet. Where the mask is 1 and the ratio 0.25, a quarter is source and the rest target.")


def _blend_again(answer):
    """Other ratios, and another size."""
    source, target, mask = _blend_case(4, height=8, width=5)
    for ratio in (0.75, 1.0, 0.0):
        result = _call(answer, source, target, mask, ratio, shape=source.shape, sizes=AXES)
        weight = ratio * mask.double()
        if not close(result, weight * source.double() + (1 - weight) * target.double(), 1e-5):
            raise Wrong(f"right for a ratio of 0.25, and wrong for {ratio}. Does the ratio come from the argument?")
    return "right. Inside of the mask something has changed and outside nothing: that is what gives a blend away."


# ---- AUC


def _scores():
    """Scores with ties: 9 of genuine pictures and 14 of fakes."""
    genuine, fake = 4 * random_numbers(9, seed=11) - 2.5, 4 * random_numbers(14, seed=12) - 1.5
    return (2 * genuine).round() / 2, (2 * fake).round() / 2


def _share(truth):
    return truth.double().mean()


@checker("10.auc")
def _check_auc(answer):
    genuine, fake = _scores()
    result = one_number(_call(answer, genuine, fake, sizes=EVERY))
    g, f = genuine.double(), fake.double()
    difference = f[:, None] - g[None]
    above, tie = _share(difference > 0), _share(difference == 0)
    right, pairs = above + tie / 2, difference.numel()
    if close(result, right, 1e-5):
        return _auc_again(answer)
    both, few = torch.cat([g, f]), min(len(g), len(f))
    paired = f[:few] - g[:few]
    mistakes = (
        ("this is reversed: it counts how often the genuine picture is higher. High means manipulated.", 1 - right),
        ("equal scores count 0 here. Count each as one half.", above),
        ("equal scores count 1 here. Count each as one half.", above + tie),
        ("this is reversed, and equal scores count 0. High means manipulated.", 1 - above - tie),
        ("this is reversed, and equal scores count 1. High means manipulated.", 1 - above),
        ("pairs with equal scores are left out. Count each as one half.", above / (1 - tie)),
        ("this is the difference of the mean scores. Only their order counts, not their size.", f.mean() - g.mean()),
        ("the sizes of the differences are averaged. Only count which one is higher.", difference.clamp(min=0).mean()),
        ("a sigmoid softens the comparison. Count 1, one half or 0.", difference.sigmoid().mean()),
        ("this is the accuracy at a threshold of 0. The AUC has no threshold.", ((f > 0).sum() + (g <= 0).sum()) / len(both)),
        ("this is the accuracy at 0, averaged over both kinds. The AUC has no threshold.", (_share(f > 0) + _share(g <= 0)) / 2),
        ("this is the share of fakes above 0. The AUC has no threshold, and looks at genuine pictures, too.", _share(f > 0)),
        ("fakes are compared with the mean of the genuine scores. Compare them with each of them.", _share(f > g.mean())),
        ("fakes are compared with the highest genuine score. Compare them with each of them.", _share(f > g.max())),
        ("only pairs of the same place are compared. Compare each with each.", _share(paired > 0) + _share(paired == 0) / 2),
        ("only pairs of the same place are compared, and equal scores count 0.", _share(paired > 0)),
        ("this is a count of pairs. Divide by the number of pairs.", right * pairs),
        ("divide by the number of pairs, not by that of genuine pictures.", right * len(f)),
        ("divide by the number of pairs, not by that of fakes.", right * len(g)),
        ("this runs from -1 to 1. A coin must get 0.5, not 0.", above + above + tie - 1),
        ("this is in percent. From 0 to 1 is asked for.", 100 * right),
        ("each fake is compared with fakes as well. Compare it with genuine pictures only.", _against(f, both)),
    )  # fmt: skip
    reject_known(result, mistakes, 1e-5)
    raise Wrong("not yet. Of all pairs of a fake and a genuine picture: in which share is the fake higher?")


def _against(fake, others):
    difference = fake[:, None] - others[None]
    return _share(difference > 0) + _share(difference == 0) / 2


def _auc_again(answer):
    """Fewer fakes than genuine pictures, and scores close together; then no order at all, and a perfect one."""
    genuine, fake = 0.02 * random_numbers(13, seed=13), 0.02 * random_numbers(8, seed=14) + 0.003
    cases = (
        (genuine, fake, "where all scores lie close together: only equal ones are ties"),
        (torch.zeros(4), torch.zeros(3), "where all scores are equal: that is a coin, 0.5"),
        (torch.tensor([-3.0, -2.0]), torch.tensor([-1.0]), "where every fake is higher than every genuine picture: 1"),
    )
    for first, second, when in cases:
        result = one_number(_call(answer, first, second, sizes=EVERY))
        if not close(result, _against(second.double(), first.double()), 1e-5):
            raise Wrong(f"right for one set of scores, and wrong {when}.")
    return "right. It looks at the order alone: adding 100 to every score, or calibrating, changes nothing."


# ---- the calibration error


def _told(count, seed):
    """Probabilities, no two alike and in no order, and what was true, not quite as often: two float tensors (N,)."""
    generator = torch.Generator().manual_seed(seed)
    p = (torch.arange(count) + 0.2 + 0.6 * torch.rand(count, generator=generator)) / count
    p = 0.02 + 0.95 * p[torch.randperm(count, generator=generator)] ** 1.7
    truth = torch.rand(count, generator=generator) < p + 0.3 * (10 * p).sin()
    return p, truth.float()


def _gaps(p, y, bins):
    """Mean probability less share of fakes in each of `bins` equal parts, as they stand."""
    return p.reshape(bins, -1).mean(dim=1) - y.reshape(bins, -1).mean(dim=1)


def _sorted_gaps(p, y, bins):
    order = p.argsort()
    return _gaps(p[order], y[order], bins)


def _equal_width(p, y, bins):
    """Gaps of bins of equal width that are not empty, and their shares of the cases."""
    place = (p * bins).long().clamp(max=bins - 1)
    inside = [place == each for each in range(bins) if bool((place == each).any())]
    gaps = torch.stack([(p[rows].mean() - y[rows].mean()).abs() for rows in inside])
    return gaps, torch.stack([_share(rows) for rows in inside])


def _ece_mistakes(p, y, bins):
    order = p.argsort()
    q, z = p[order], y[order]
    rows, gaps = q.reshape(bins, -1), _sorted_gaps(p, y, bins)
    shares = z.reshape(bins, -1).mean(dim=1)
    confidence, correct = torch.maximum(p, 1 - p), ((p >= 0.5) == y.bool()).double()
    wide, weights = _equal_width(p, y, bins)
    sure, sure_weights = _equal_width(confidence, correct, bins)
    of_confidence = _sorted_gaps(confidence, correct, bins).abs().mean()
    dealt = q.reshape(-1, bins).mean(dim=0) - z.reshape(-1, bins).mean(dim=0)
    across = rows.mean(dim=0) - z.reshape(bins, -1).mean(dim=0)
    return (
        ("the cases are not sorted by their probability.", _gaps(p, y, bins).abs().mean()),
        ("only the probabilities are sorted. Each case must keep its truth: sort both by the same order.", _gaps(q, y, bins).abs().mean()),
        ("the distances are squared. Take them as they are.", gaps.square().mean()),
        ("this is the root of the mean square. Take the mean of the distances.", gaps.square().mean().sqrt()),
        ("this is the largest distance. Take the mean.", gaps.abs().max()),
        ("this is a sum. Take the mean over the parts.", gaps.abs().sum()),
        ("distances of both signs cancel: without an absolute value, too high here makes up for too low there.", gaps.mean()),
        ("the absolute value comes too late. Take it in each part, before the mean.", gaps.mean().abs()),
        ("the parts are equally wide. They must hold equally many cases.", (wide * weights).sum()),
        ("the parts are equally wide, and few cases count as much as many. They must hold equally many cases.", wide.mean()),
        ("this is the error of the confidence, how often it is right. Take P(manipulated) and the share of fakes.", of_confidence),
        ("this is the error of the confidence, in parts of equal width.", (sure * sure_weights).sum()),
        ("compare with the share of fakes, not with the share of right answers.", _sorted_gaps(p, correct, bins).abs().mean()),
        ("this takes P(real) for one of the two. 1 means fake, and high means manipulated.", _sorted_gaps(p, 1 - y, bins).abs().mean()),
        ("this is the distance of each single case from 0 or 1. Take the means of the parts first.", (p - y).abs().mean()),
        ("this is the Brier score, of single cases. Take the means of the parts first.", (p - y).square().mean()),
        ("`bins` is the number of parts, and this takes so many cases in each.", _sorted_gaps(p, y, len(p) // bins).abs().mean()),
        ("the sorted cases are dealt out like cards. Neighbors belong into one part: reshape(bins, -1).", dealt.abs().mean()),
        ("the mean is over the wrong axis. After reshape(bins, -1) each row is a part: dim=1.", across.abs().mean()),
        ("a sigmoid was applied to what is a probability already.", _sorted_gaps(p.sigmoid(), y, bins).abs().mean()),
        ("the middle of each part is taken for its mean probability.", ((rows[:, 0] + rows[:, -1]) / 2 - shares).abs().mean()),
        ("the median of each part is taken for its mean probability.", (rows.median(dim=1).values - shares).abs().mean()),
        ("the probabilities are rounded to 0 and 1 first.", _gaps((q >= 0.5).double(), z, bins).abs().mean()),
    )  # fmt: skip


@checker("10.ece")
def _check_ece(answer):
    bins = 5
    p, y = _told(60, seed=59)
    result = one_number(call_for_tensor(answer, p, y, bins))
    if not close(result, _sorted_gaps(p.double(), y.double(), bins).abs().mean(), 1e-5):
        reject_known(result, _ece_mistakes(p.double(), y.double(), bins), 1e-5)
        raise Wrong("not yet. Sort, cut into parts of as many cases each, and compare two means in each part.")
    for count, other in ((60, 3), (56, 8)):
        p, y = _told(count, seed=4)
        expected = _sorted_gaps(p.double(), y.double(), other).abs().mean()
        if not close(one_number(call_for_tensor(answer, p, y, other)), expected, 1e-5):
            raise Wrong(f"right for 60 cases in 5 parts, and wrong for {count} in {other}. Is one of them fixed?")
    return "right. It is one of several errors: equal masses, P(manipulated), absolute distances. Say so beside the number."


# ---- the base rate


def _rate_mistakes(p, rate):
    odds, prior = p / (1 - p), rate / (1 - rate)
    log_odds, log_prior = odds.log(), torch.tensor(prior, dtype=torch.float64).log()
    new = odds * prior
    right = new / (1 + new)
    inverted = odds / prior
    return (
        ("the odds of the rate are inverted: they are rate / (1 - rate).", inverted / (1 + inverted)),
        ("the odds of p are inverted: they are p / (1 - p).", (prior / odds) / (1 + prior / odds)),
        ("this is P(real): one minus the answer.", 1 - right),
        ("this is p times the rate. A product of two probabilities is no answer: multiply the odds.", p * rate),
        ("this is p times the odds of the rate. Multiply odds with odds, and turn them back.", p * prior),
        ("p is multiplied by the rate over one half. What is real must be counted, too: multiply the odds.", 2 * p * rate),
        ("the odds of p are multiplied by the rate itself. A rate is no odds: rate / (1 - rate).", odds * rate / (1 + odds * rate)),
        ("1 - p is forgotten: p is no odds. Those are p / (1 - p).", p * prior / (1 + p * prior)),
        ("this is not renormalized: odds. Turn them into a probability, odds / (1 + odds).", new),
        ("these are log odds. A sigmoid turns them into a probability.", new.log()),
        ("odds are turned back by odds / (1 + odds), not by odds / (1 - odds).", new / (1 - new)),
        ("the log of the odds of p is forgotten: p was added to log odds as it is.", (p + log_prior).sigmoid()),
        ("the log of the odds of the rate is forgotten: the rate was added to log odds as it is.", (log_odds + rate).sigmoid()),
        ("the odds of the rate were added to log odds. Add their log.", (log_odds + prior).sigmoid()),
        ("log odds are multiplied. Add them, or multiply the odds.", (log_odds * log_prior).sigmoid()),
        ("the odds are added. Multiply them.", (odds + prior) / (1 + odds + prior)),
        ("nothing has changed: the rate is not used.", p),
        ("this is the rate, whatever the picture shows.", torch.full_like(p, rate)),
        ("this is the mean of p and the rate.", (p + rate) / 2),
        ("the results add up to 1 over all pictures. Renormalize each one over fake and genuine.", p * rate / (p * rate).sum()),
        ("the rate counts twice.", new * prior / (1 + new * prior)),
    )  # fmt: skip


@checker("10.base_rate")
def _check_base_rate(answer):
    p, rate = 0.03 + 0.94 * random_numbers(11, seed=21), 0.1
    result = call_for_tensor(answer, p, rate, shape=p.shape)
    if not close(result, _posterior(p, rate), 1e-5):
        reject_known(result, _rate_mistakes(p.double(), rate), 1e-5)
        raise Wrong("not yet. At a rate of one half nothing changes, and p = 0.5 becomes the rate itself.")
    for other in (0.5, 0.85, 0.001):
        if not close(call_for_tensor(answer, p, other, shape=p.shape), _posterior(p, other), 1e-5):
            raise Wrong(f"right for a rate of 0.1, and wrong for {other}. Does the rate come from the argument?")
    return "right. A probability without its base rate is half a sentence."


def _posterior(p, rate):
    """Bayes' rule, without odds: (N,)."""
    p = p.double()
    return p * rate / (p * rate + (1 - p) * (1 - rate))


# ---- answer, or say nothing


def _grid(low, high):
    """All pairs of probabilities from below, at, between and above the thresholds: two tensors (N,)."""
    steps = torch.tensor([0.0, low - 0.03, low, low + 0.03, 0.48, 0.5, 0.53, high - 0.03, high, high + 0.03, 1.0])
    return steps.repeat(len(steps)), steps.repeat_interleave(len(steps))


def _decide(q, low, high):
    return torch.where(q >= high, 1, torch.where(q <= low, 0, -1))


def _unless_opposite(first, second):
    return torch.where((first + second == 1) & (first * second == 0), -1, first)


def _answers(p, again, low, high):
    return _unless_opposite(_decide(p, low, high), _decide(again, low, high))


def _answer_mistakes(p, again, low, high):
    first, second, right = _decide(p, low, high), _decide(again, low, high), _answers(p, again, low, high)
    opposite, mean = right != first, _decide((p + again) / 2, low, high)
    above, below = high + 1e-6, low - 1e-6  # `high` and `low` themselves lie between them
    same, near = first == second, (first - second).abs() == 1
    sides = (p >= 0.5) != (again >= 0.5)
    return (
        ("the bounds are exclusive here. `low` and `high` themselves are answered.", _answers(p, again, below, above)),
        ("`high` itself must be answered: from `high` on is >=.", _answers(p, again, low, above)),
        ("`low` itself must be answered: up to `low` is <=.", _answers(p, again, below, high)),
        ("the opposite answer for the picture that was saved again is not looked at.", first),
        ("it is unsure wherever the second answer is merely unsure. Only the opposite one counts.", torch.where(same, first, -1)),
        ("genuine becomes unsure where the second answer is merely unsure: 0 and -1 differ by one, too.", torch.where(near, -1, first)),
        ("a fake becomes unsure where the second answer is merely unsure.", torch.where((first == 1) & ~same, -1, right)),
        ("the product of two answers is 0 for the opposites, and below 0 for others.", torch.where(first * second < 0, -1, first)),
        ("the answers are those of the picture that was saved again. `p` decides.", _unless_opposite(second, first)),
        ("the answers are those of the picture that was saved again, and `p` is not used.", second),
        ("the mean of both decides. Decide on `p`, and then look whether `again` says the opposite.", mean),
        ("where `p` is unsure, `again` answers. It can only take an answer back.", torch.where(first < 0, second, right)),
        ("where both are opposite, this takes the second answer. It must be unsure.", torch.where(opposite, second, first)),
        ("a fake that seems genuine when saved again keeps its answer.", torch.where(first == 1, 1, right)),
        ("a genuine picture that seems manipulated when saved again keeps its answer.", torch.where(first == 0, 0, right)),
        ("it is unsure wherever `p` and `again` lie on two sides of one half. Look at the answers.", torch.where(sides, -1, first)),
        ("it is never unsure between the thresholds.", torch.where(opposite, -1, (p >= 0.5).long())),
        ("whatever is below `high` is called genuine. Between the thresholds it is unsure.", _two_answers(p >= high, again >= high)),
        ("whatever is above `low` is called manipulated. Between the thresholds it is unsure.", _two_answers(p > low, again > low)),
        ("1 and 0 are exchanged: 1 is manipulated.", torch.where(right < 0, -1, 1 - right)),
        ("genuine and unsure are exchanged: unsure is -1, and genuine 0.", torch.where(right < 1, -1 - right, 1)),
        ("the unsure ones are called genuine: 0. Unsure is -1.", right.clamp(min=0)),
    )  # fmt: skip


def _two_answers(first, second):
    return _unless_opposite(first.long(), second.long())


@checker("10.answer")
def _check_answer(answer):
    low, high = 0.25, 0.75
    p, again = _grid(low, high)
    result = _call_for_answers(answer, p, again, low, high)
    if not close(result, _answers(p, again, low, high), 0):
        reject_known(result, _answer_mistakes(p, again, low, high), 0)
        raise Wrong(f"not yet: {_first_wrong(result, p, again, low, high)}")
    low, high = 0.125, 0.625
    p, again = _grid(low, high)
    result = _call_for_answers(answer, p, again, low, high)
    if not close(result, _answers(p, again, low, high), 0):
        raise Wrong(f"right for 0.25 and 0.75, and wrong for others: {_first_wrong(result, p, again, low, high)}")
    return "right. Unsure is no failure: it is what keeps the other answers worth something."


def _call_for_answers(answer, p, again, low, high):
    """The result of an answer, whose values can only be 1, 0 and -1."""
    try:
        result = call_for_tensor(answer, p, again, low, high, shape=p.shape)
    except (RuntimeError, ValueError) as error:
        if "ambiguous" in str(error):
            raise Wrong(MANY) from None
        raise
    strange = [value for value in result.unique().tolist() if value not in (-1, 0, 1)]
    if strange:
        raise Wrong(f"the answers are 1, 0 and -1, and there is {strange[0]:g}. Unsure is -1.")
    return result


def _first_wrong(result, p, again, low, high):
    right = _answers(p, again, low, high)
    at = int((result != right).nonzero()[0])
    given = f"with p = {p[at]:.3g}, again = {again[at]:.3g}, low = {low:g} and high = {high:g}"
    return f"{given} it should be {int(right[at])}, and it is {int(result[at])}."
