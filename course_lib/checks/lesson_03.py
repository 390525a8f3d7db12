"""The exercises of lesson 03: the nearest bin, soft weights, cross-entropy, and the annealed mean."""

import torch

from course_lib.bins import AB_BINS, STEP
from course_lib.checks.checker import Wrong, call_for_tensor, checker, close, one_number, random_numbers, reject_known

_WRONG_AXIS = "the softmax runs along the wrong axis: the bins are axis 1, and the shares of a pixel must sum to 1."


# Colors none of which lies on the border of two bins; rounded in any way, and with a and b exchanged, they stay inside the set.
_COLORS = ((3.0, -2.0), (-31.5, 47.0), (66.0, 21.0), (27.0, -73.0), (-8.0, -38.5), (44.0, 16.0), (-56.0, 58.0))


@checker("03.nearest_bin")
def _nearest_bin(answer):
    results = torch.stack([one_number(call_for_tensor(answer, a, b)) for a, b in _COLORS])
    if close(results, _for_each_color(_place), 1e-4):
        return "right. Two roundings and a look into the list: no distance was computed."
    mistakes = (
        ("a and b are exchanged: the first column of AB_BINS is a.", lambda a, b: _place(b, a)),
        ("you count from 1. Places in a tensor start at 0.", lambda a, b: _place(a, b) + 1),
        (
            "that always rounds down. Round to the nearest center: round(a / 10), not floor or //.",
            lambda a, b: _place_of_center(STEP * (a // STEP), STEP * (b // STEP)),
        ),
        (
            "that cuts off the digits, toward zero. Round to the nearest center: round(a / 10), not int.",
            lambda a, b: _place_of_center(STEP * int(a / STEP), STEP * int(b / STEP)),
        ),
        (
            "you took all columns to be equally long. Each a has b values of its own: count the bins with a smaller a.",
            _place_in_a_rectangle,
        ),
        (
            "the list runs through b first, then through a: a is the slow one. Count the bins with a smaller a.",
            _place_b_slow,
        ),
        ("this is where the column of that a begins. Go on to the right b.", _start_of_column),
        ("this is the place within its column. Add the bins of all columns with a smaller a.", _place_in_column),
    )
    reject_known(results, [(hint, _for_each_color(wrong)) for hint, wrong in mistakes], 1e-4)
    raise Wrong("not yet. The gray point (0, 0) has the place 120. Look at AB_BINS[place] for some colors.")


def _for_each_color(function):
    return torch.tensor([float(function(a, b)) for a, b in _COLORS])


def _place(a, b):
    return _place_of_center(STEP * round(a / STEP), STEP * round(b / STEP))


def _place_of_center(a, b):
    """The place of a center, or -1 where there is no such bin."""
    found = ((AB_BINS[:, 0] == a) & (AB_BINS[:, 1] == b)).nonzero()
    return found.item() if len(found) else -1


def _column(a):
    return AB_BINS[AB_BINS[:, 0] == STEP * round(a / STEP), 1]


def _start_of_column(a, b):
    return (AB_BINS[:, 0] < STEP * round(a / STEP)).sum()


def _place_in_column(a, b):
    return (STEP * round(b / STEP) - _column(a)[0]) / STEP


def _place_in_a_rectangle(a, b):
    (lowest_a, lowest_b), (_, highest_b) = AB_BINS.amin(dim=0), AB_BINS.amax(dim=0)
    columns = (STEP * round(a / STEP) - lowest_a) / STEP
    return columns * ((highest_b - lowest_b) / STEP + 1) + (STEP * round(b / STEP) - lowest_b) / STEP


def _place_b_slow(a, b):
    order = sorted(AB_BINS.tolist(), key=lambda center: (center[1], center[0]))
    return order.index([STEP * round(a / STEP), STEP * round(b / STEP)])


@checker("03.soft_weights")
def _soft_weights(answer):
    ab = torch.tensor([13.0, -24.0])
    centers = torch.tensor([[10.0, -20.0], [10.0, -30.0], [20.0, -20.0], [20.0, -30.0], [0.0, -20.0]])
    sigma = 4.0
    result = call_for_tensor(answer, ab, centers, sigma, shape=(5,))
    squared = (ab - centers).square().sum(dim=1).double()
    right = (-squared / (2 * sigma**2)).softmax(dim=0)
    if close(result, right, 1e-5):
        return "right. Near bins get most, far ones next to nothing, and all five sum to 1."
    gauss = torch.exp(-squared / (2 * sigma**2))
    exchanged = (-(ab.flip(0) - centers).square().sum(dim=1) / (2 * sigma**2)).double().softmax(dim=0)
    mistakes = (
        ("the weights do not sum to 1. Divide them by their sum.", gauss),
        (
            "that divides by 2 sigma. The Gaussian has 2 sigma squared: 2 * sigma**2.",
            (-squared / (2 * sigma)).softmax(0),
        ),
        ("that divides by sigma. The Gaussian has 2 sigma squared: 2 * sigma**2.", (-squared / sigma).softmax(0)),
        ("the 2 is missing: the Gaussian has 2 sigma squared, 2 * sigma**2.", (-squared / sigma**2).softmax(0)),
        ("the distances are not squared.", (-squared.sqrt() / (2 * sigma**2)).softmax(0)),
        (
            "the far bins get the most: the minus in front of the distance is missing.",
            (squared / (2 * sigma**2)).softmax(0),
        ),
        ("sigma is an argument: you always use 5.", (-squared / 50).softmax(0)),
        ("a and b are exchanged in the color.", exchanged),
        ("that is a hard target. Every one of the five gets a weight.", (squared == squared.min()).double()),
        ("softmax takes the exponential itself: give it -squared / (2 * sigma**2).", gauss.softmax(0)),
        (
            "the differences of a and b are added before they are squared: a far a and a far b may cancel.",
            (-(ab - centers).sum(dim=1).square().double() / (2 * sigma**2)).softmax(0),
        ),
    )
    reject_known(result, mistakes, 1e-5)
    raise Wrong("not yet. A center at distance 0 weighs exp(0) = 1 before you divide by the sum.")


@checker("03.cross_entropy")
def _cross_entropy(answer):
    logits = 4 * random_numbers(2, 6, 3, 5).double() - 2
    target = random_numbers(2, 6, 3, 5, seed=1).double() ** 3
    target = target / target.sum(dim=1, keepdim=True)
    result = one_number(call_for_tensor(answer, logits, target))
    log_p = logits.log_softmax(dim=1)
    right = -(target * log_p).sum(dim=1).mean()
    if close(result, right, 1e-6):
        return "right. It is lowest where the answer gives each color its true share."
    p = log_p.exp()
    mistakes = (
        ("the sign: logarithms of shares are negative, and a loss falls when the answer improves.", -right),
        *((_WRONG_AXIS, -(target * logits.log_softmax(dim=axis)).sum(dim=1).mean()) for axis in (0, 2, 3)),
        ("that is the mean over the bins as well. Sum over the bins, then take the mean over the pixels.", right / 6),
        ("that is the sum over all pixels. Take their mean.", right * 30),
        ("sum over the bins first (axis 1), then take the mean over all pixels.", right * 15),
        ("the logits are no shares yet: take log_softmax over the bins.", -(target * logits).sum(dim=1).mean()),
        ("the logarithm is missing: that is the share itself.", -(target * p).sum(dim=1).mean()),
        (
            "answer and target are exchanged: the logarithm is that of the answer.",
            -(p * (target + 1e-30).log()).sum(dim=1).mean(),
        ),
        (
            "that is only the most likely bin of each target. A soft target has several: sum over all of them.",
            -log_p.gather(1, target.argmax(dim=1, keepdim=True)).mean(),
        ),
        (
            "that subtracts the entropy of the target, which gives the divergence. The cross-entropy keeps it.",
            right + (target * target.clamp(min=1e-30).log()).sum(dim=1).mean(),
        ),
        ("that logarithm has the base 2. Use the natural one.", right / torch.tensor(2.0).log()),
        ("that is L2 between shares. Cross-entropy takes the logarithm.", (p - target).square().sum(dim=1).mean()),
    )
    reject_known(result, mistakes, 1e-6)
    raise Wrong("not yet. For two bins, equal logits and any target, the loss is log 2 = 0.693.")


@checker("03.annealed_mean")
def _annealed_mean(answer):
    logits = 3 * random_numbers(2, 4, 3, 5).double()
    centers = torch.tensor([[40.0, 10.0], [-20.0, 30.0], [0.0, 0.0], [15.0, -50.0]]).double()
    temperature = 0.5
    result = call_for_tensor(answer, logits, centers, temperature)
    right = _mean(((logits / temperature).softmax(dim=1)), centers)
    if close(result, right, 1e-4):
        return "right. One line decides between dull and torn."
    if tuple(result.shape) == (2, 3, 5, 2):
        raise Wrong("a and b come last here. They are channels: axis 1, (B, 2, H, W).")
    if tuple(result.shape) != (2, 2, 3, 5):
        raise Wrong(f"a color map (B, 2, H, W) = (2, 2, 3, 5) is asked for, and this is {tuple(result.shape)}.")
    p = logits.softmax(dim=1)
    mistakes = (
        (
            "you multiplied by the temperature. A low one must make the distribution sharper: divide.",
            _mean((logits * temperature).softmax(dim=1), centers),
        ),
        (
            "the temperature was applied to the shares. It belongs to their logarithm: divide the logits.",
            _mean((p / temperature).softmax(dim=1), centers),
        ),
        (
            "softmax was taken twice. Divide the logits by the temperature, then take one softmax.",
            _mean(p.softmax(dim=1), centers),
        ),
        (
            "the sharpened shares do not sum to 1 any more: normalize again.",
            _mean(p ** (1 / temperature), centers),
        ),
        (
            "the shares were divided by the temperature: that only scales the color. Divide the logits, before the softmax.",
            _mean(p / temperature, centers),
        ),
        ("the temperature is not used: this is the mean.", _mean(p, centers)),
        ("the temperature is an argument: you always use 0.38.", _mean((logits / 0.38).softmax(dim=1), centers)),
        ("this is the mode. The annealed mean weighs all bins.", _mode(logits, centers)),
        ("a and b are exchanged.", right.flip(1)),
        ("these are logits, not shares: take the softmax over the bins.", _mean(logits / temperature, centers)),
        *((_WRONG_AXIS, _mean((logits / temperature).softmax(dim=axis), centers)) for axis in (0, 2, 3)),
    )
    reject_known(result, mistakes, 1e-4)
    raise Wrong("not yet. With equal logits everywhere, each pixel gets the mean of all centers, at any temperature.")


def _mean(shares, centers):
    return torch.einsum("bqhw,qc->bchw", shares, centers)


def _mode(logits, centers):
    return centers[logits.argmax(dim=1)].movedim(-1, 1)
