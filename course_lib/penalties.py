"""What a wrong color costs under L2, L1 and Huber, and which single color costs least for a mixture of colors.

Penalties work on differences in any unit, element by element; a and b are added up afterwards.
"""

import torch

HUBER_DELTA = 11.0  # natural units of a and b: where a difference of color is plain to see


def squared(difference):
    """L2: ``d ** 2``."""
    return difference.square()


def absolute(difference):
    """L1: ``|d|``."""
    return difference.abs()


def huber(difference, delta=HUBER_DELTA):
    """The penalty of P. J. Huber (1964): ``d ** 2 / 2`` up to ``delta``, which goes on as the line ``delta * (|d| - delta / 2)``."""
    distance = difference.abs()
    near = distance.clamp(max=delta)
    return near * (distance - near / 2)


PENALTIES = {"L2": squared, "L1": absolute, "Huber": huber}


def expected_cost(answers, colors, shares, penalty):
    """What each answer costs on average when the true color is drawn from a mixture.

    Parameters
    ----------
    answers : tensor, (N, 2)
        a and b of each answer, natural units.
    colors : tensor, (K, 2)
    shares : tensor, (K,)
        How likely each color is; the sum is 1.
    penalty : function

    Returns
    -------
    cost : tensor, (N,)
    """
    return penalty(answers[:, None] - colors).sum(dim=-1) @ shares


def best_constant(colors, shares, penalty, step=0.05):
    """The answer of least expected cost, found by trying, in steps of ``step``: (2,).

    The cost is one sum for a and one for b, so each is searched alone. Where several answers cost the same, as under L1 between two equally
    likely colors, it is the middle of them.
    """
    return torch.stack([_best_number(values, shares, penalty, step) for values in colors.double().unbind(1)]).float()


def _best_number(values, shares, penalty, step):
    low, high = values.min().item(), values.max().item()
    tried = torch.cat([torch.arange(low, high, step, dtype=torch.float64), values])
    costs = penalty(tried[:, None] - values) @ shares.double()
    best = tried[costs <= costs.min() * (1 + 1e-6) + 1e-9]
    return (best.min() + best.max()) / 2
