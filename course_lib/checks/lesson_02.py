"""The exercises of lesson 02: the L2 loss, the weighted median, the conditional mean, from network to picture."""

import torch

from course_lib import color
from course_lib.checks.checker import Wrong, call, call_for_tensor, checker, close, random_numbers, reject_known


@checker("02.l2_loss")
def _l2_loss(answer):
    predicted, true = random_numbers(3, 2, 4, 5), random_numbers(3, 2, 4, 5, seed=1)
    result = call_for_tensor(answer, predicted, true)
    if result.numel() != 1:
        raise Wrong(
            f"one number is asked for, and this has the shape {tuple(result.shape)}. Take the mean over all pixels."
        )
    square = (predicted - true).square()
    if close(result.reshape(()), square.sum(dim=1).mean(), 1e-5):
        return "right. One squared distance per pixel, then the mean: this is what the two L2 networks minimized."
    mistakes = (
        (
            "half of it: you took the mean over a and b as well. Their squares belong to one distance: sum them, dim=1.",
            square.mean(),
        ),
        ("the wrong axis: you summed over the pictures. a and b are axis 1.", square.sum(dim=0).mean()),
        ("the wrong axis: you summed over the rows. a and b are axis 1.", square.sum(dim=2).mean()),
        ("the wrong axis: you summed over the columns. a and b are axis 1.", square.sum(dim=3).mean()),
        (
            "this is the sum over all pixels. Take their mean, or the loss grows with the size of the picture.",
            square.sum(),
        ),
        ("this is the distance. L2 punishes its square: leave out the root.", square.sum(dim=1).sqrt().mean()),
        ("this is L1. Square the differences instead of taking their size.", square.sqrt().sum(dim=1).mean()),
        ("110 is too much here: both maps are in network units already.", square.sum(dim=1).mean() * 110**2),
    )
    reject_known(result.reshape(()), mistakes, 1e-4)
    raise Wrong("not yet. For maps that differ by 1 in a and by 2 in b everywhere, the loss must be 5.")


_MIXTURES = (
    ((4.0, -30.0, 20.0), (0.5, 0.3, 0.2)),
    ((37.0, -30.0), (0.4, 0.6)),
    ((49.0, -2.0, 44.0, -27.0), (0.4, 0.3, 0.25, 0.05)),
    ((8.0, 1.0, 5.0, 3.0, 9.0), (0.1, 0.45, 0.1, 0.15, 0.2)),
)


@checker("02.best_constant")
def _best_constant(answer):
    mixtures = [(torch.tensor(values), torch.tensor(shares)) for values, shares in _MIXTURES]
    results = [call_for_tensor(answer, values, shares) for values, shares in mixtures]
    if any(result.numel() != 1 for result in results):
        raise Wrong(f"one number is asked for, and this has the shape {tuple(results[0].shape)}.")
    results = torch.stack([result.reshape(()) for result in results])
    right = _for_each(mixtures, _weighted_median)
    if close(results, right, 1e-4):
        return "right. The median follows the majority, and no value far away can pull it."
    mistakes = (
        ("this is the mean: the best constant under L2. L1 asks for the median.", lambda v, s: (v * s).sum()),
        ("the shares are not used: this is the median of the values alone.", lambda v, s: v.median()),
        (
            "this is the most frequent value. The median is where half of the probability is reached.",
            lambda v, s: v[s.argmax()],
        ),
        ("sort the values first, and their shares along with them.", lambda v, s: v[s.cumsum(0) >= 0.5][0]),
        (
            "you sorted the values and left the shares in their old order: use the order that sort returns.",
            _unsorted_shares,
        ),
        ("this is a place in the list. Give the value that stands there.", _place),
        ("this is the share that was reached, not the value that reached it.", _reached_share),
    )
    reject_known(results, [(hint, _for_each(mixtures, wrong)) for hint, wrong in mistakes], 1e-4)
    raise Wrong("not yet. For the values 4, -30, 20 with shares 0.5, 0.3, 0.2 the answer is 4.")


def _for_each(mixtures, function):
    return torch.stack([torch.as_tensor(function(*mixture)).double() for mixture in mixtures])


def _order_and_reached(values, shares):
    order = values.argsort()
    return order, shares[order].cumsum(0) >= 0.5 - 1e-6


def _weighted_median(values, shares):
    order, reached = _order_and_reached(values, shares)
    return values[order][reached][0]


def _unsorted_shares(values, shares):
    return values.sort().values[shares.cumsum(0) >= 0.5][0]


def _place(values, shares):
    return _order_and_reached(values, shares)[1].float().argmax()


def _reached_share(values, shares):
    order, reached = _order_and_reached(values, shares)
    return shares[order].cumsum(0)[reached][0]


@checker("02.conditional_mean")
def _conditional_mean(answer):
    ab = random_numbers(3, 2, 6, 4) * torch.tensor([1.0, -2.0])[:, None, None] + torch.arange(3.0)[:, None, None, None]
    regions = (random_numbers(3, 6, 4, seed=2) * torch.tensor([3.0, 2.0, 2.6])[:, None, None]).long()
    result, right = call_for_tensor(answer, ab, regions, 3), _region_means(ab, regions, 3)
    if close(result, right, 1e-4):
        return "right. A perfect network under L2 answers with this table."
    if tuple(result.shape) == (2, 3):
        raise Wrong("the wrong axis: the regions come first, (count, 2). Transpose your table.")
    if tuple(result.shape) != (3, 2):
        raise Wrong(
            f"a table (count, 2) = (3, 2) is asked for, and this is {tuple(result.shape)}. Which axis holds a and b?"
        )
    pictures = torch.stack([_region_means(one[None], of[None], 3) for one, of in zip(ab, regions, strict=True)])
    sizes = torch.stack([(regions == number).sum() for number in range(3)])[:, None]
    mistakes = (
        ("a and b are exchanged: a is channel 0.", right.flip(1)),
        (
            "the wrong axis: reshape(-1, 2) cuts rows into pairs. Move the channels last first: ab.movedim(1, -1).",
            _cut_pairs(ab, regions),
        ),
        ("this is the mean of the pictures' means. Take all pixels of a region together.", pictures.nanmean(dim=0)),
        ("these are sums. Divide by the number of pixels in the region.", right * sizes),
        ("divide by the pixels of the region, not by all pixels.", right * sizes / regions.numel()),
        ("110 is too much: the means are in the units of the input.", right * 110),
    )
    reject_known(result, mistakes, 1e-3)
    raise Wrong("not yet. Try it with one region: it must give the mean of a and the mean of b.")


def _region_means(ab, regions, count):
    pixels = ab.movedim(1, -1)
    return torch.stack([pixels[regions == number].mean(dim=0) for number in range(count)])


def _cut_pairs(ab, regions):
    pixels = ab.reshape(-1, 2)
    return torch.stack([pixels[regions.flatten() == number].mean(dim=0) for number in range(3)])


def _stand_in(l):  # noqa: E741 - l is the symbol of the field
    """A model whose colors depend on the lightness that it is given: (B, 1, H, W) to (B, 2, H, W)."""
    if not isinstance(l, torch.Tensor) or l.ndim != 4 or l.shape[1] != 1:
        shape = tuple(l.shape) if isinstance(l, torch.Tensor) else type(l).__name__
        raise Wrong(f"the model takes lightness (B, 1, H, W), and you gave it {shape}.")
    return torch.cat([0.12 + 0.05 * l, -0.06 + 0.03 * l], dim=1)


@checker("02.colorize")
def _colorize(answer):
    rgb = 0.35 + 0.4 * random_numbers(2, 3, 5, 7)
    result = call(answer, _stand_in, rgb)
    if not isinstance(result, torch.Tensor) or result.shape != rgb.shape:
        raise Wrong(
            f"a batch of pictures {tuple(rgb.shape)} is asked for, and this is {tuple(getattr(result, 'shape', ()))}."
        )
    if close(result, _colorized(rgb), 2e-3):
        return "right: lightness from the photograph, color from the network, each scaled once."
    reject_known(result, _mistaken_colorizations(rgb), 2e-3)
    raise Wrong("not yet. The lightness of your picture must be that of the photograph: compare color.to_gray of both.")


def _colorized(rgb):
    lab = color.rgb_to_lab(rgb)
    l, _ = color.normalize(lab)  # noqa: E741
    return color.join(lab[:, :1], _stand_in(l) * color.AB_SCALE)


def _mistaken_colorizations(rgb):
    """What the usual mistakes give: (hint, picture)."""
    lab = color.rgb_to_lab(rgb)
    light, true_ab = lab[:, :1], lab[:, 1:]
    l, _ = color.normalize(lab)  # noqa: E741
    ab = _stand_in(l) * color.AB_SCALE
    swapped = color.rgb_to_lab(rgb.flip(1))[:, :1]
    red = rgb[:, :1]
    return (
        ("a and b are exchanged.", color.join(light, ab.flip(1))),
        (
            "L is unscaled: the model wants network units, L / 50 - 1.",
            color.join(light, _stand_in(light) * color.AB_SCALE),
        ),
        (
            "L / 100 is not the scale: network units are L / 50 - 1, from -1 to 1.",
            color.join(light, _stand_in(light / 100) * color.AB_SCALE),
        ),
        (
            "this is almost gray: the model's ab are in network units. Multiply by 110, once.",
            color.join(light, _stand_in(l)),
        ),
        ("far too vivid: ab were multiplied by 110 twice.", color.join(light, ab * color.AB_SCALE)),
        ("almost black: join wants L from 0 to 100, and this is L in network units.", color.join(l, ab)),
        ("red and blue are exchanged: channels come in the order R, G, B.", _colorized(rgb).flip(1)),
        ("red and blue are exchanged in the input: channels come in the order R, G, B.", color.join(swapped, ab)),
        ("red and blue are exchanged in the input: channels come in the order R, G, B.", _colorized(rgb.flip(1))),
        (
            "this is the red channel. Lightness comes from rgb_to_lab.",
            color.join(red * 100, _stand_in(2 * red - 1) * color.AB_SCALE),
        ),
        ("these are the true colors: the model's answer is never used.", color.join(light, true_ab)),
    )
