"""How good a network is on the validation photographs: the numbers on the card of a checkpoint."""

import torch
import torch.nn.functional as F

from course_lib import color, metrics
from course_lib.models.answers import each_tensor
from course_lib.training.photographs import resize

BATCH = 64
DELTA_E_PICTURES = 60  # Delta E 2000 takes long, and its mean is known well enough from these
TEMPERATURE = 0.38


@torch.no_grad()
def measure(model, photographs, loss, side, shrinks, prior, labeled=False, lit=False):
    """Loss and metrics of a network in evaluation mode.

    Parameters
    ----------
    model : nn.Module
        With ``to_ab``.
    photographs : LabeledPictures
    loss : function
        Of answer and true ab in network units, as in training.
    side : int
        Pixels at which the network sees the photographs and its pictures are compared with them.
    shrinks : int
        How many times coarser the answer is than the input.
    prior : tensor, (313,)
        Of the training photographs, for the class-balanced AuC.
    labeled, lit : bool
        Give the loss the classes of the photographs, or their lightness, as well.

    Returns
    -------
    dict from str to float
        ``loss``; ``psnr`` in dB; ``colorfulness_ratio``, of the sums over all pictures; ``auc``, ``rebalanced_auc``, and ``delta_e`` of
        `DELTA_E_PICTURES` pictures at even distances. All but the loss are those of the pictures as shown, inside of the gamut of sRGB.
    """
    device = next(model.parameters()).device
    chosen = torch.linspace(0, len(photographs) - 1, min(DELTA_E_PICTURES, len(photographs))).round().long()
    batches = []
    for rows in torch.arange(len(photographs)).split(BATCH):
        truth = resize(photographs.rgb[rows].float() / 255, side)
        lab = color.rgb_to_lab(truth)
        l, ab = color.normalize(lab)  # noqa: E741 - l is the symbol of the field
        answer = model(l.to(device))
        shown = color.join(lab[:, :1], model.to_ab(answer, TEMPERATURE).cpu())
        targets = (F.avg_pool2d(ab, shrinks), *((photographs.labels[rows],) if labeled else ()), *((l,) if lit else ()))
        few = torch.isin(rows, chosen)
        batches.append(
            {
                "loss": pairs(loss(each_tensor(answer, torch.Tensor.cpu), *targets).expand(len(rows))),
                **scores(shown, truth, prior),
                "delta_e": pairs(metrics.delta_e(shown[few], truth[few]) if few.any() else torch.empty(0)),
            }
        )
    return {name: ratio(column) for name, column in join(batches).items()}


def scores(rgb, truth, prior):
    """What each picture of a batch, as shown, contributes to each metric but the slow ones: a dict of `pairs`.

    Parameters
    ----------
    rgb, truth : tensors, (B, 3, H, W)
        sRGB.
    prior : tensor, (313,)
        Of the training photographs, for the class-balanced AuC.
    """
    ab, true_ab = (color.rgb_to_lab(pictures)[:, 1:] for pictures in (rgb, truth))
    weights = metrics.pixel_weights(true_ab, prior)
    mass = weights.double().sum(dim=(1, 2))
    return {
        "psnr": pairs(metrics.psnr(rgb, truth)),
        "colorfulness_ratio": pairs(metrics.colorfulness(rgb), metrics.colorfulness(truth)),
        "auc": pairs(_auc_of_each(ab, true_ab)),
        "rebalanced_auc": pairs(_auc_of_each(ab, true_ab, weights) * mass, mass),
    }


def _auc_of_each(ab, true_ab, weights=None):
    """AuC of every picture of a batch: (B,)."""
    weights = [None] * len(ab) if weights is None else weights.split(1)
    return torch.tensor([metrics.auc(*maps) for maps in zip(ab.split(1), true_ab.split(1), weights, strict=True)])


def pairs(numerators, denominators=None):
    """Numerators and denominators of a mean over pictures, (B, 2) in double precision; 1 below each by default."""
    numerators = numerators.double()
    return torch.stack([numerators, torch.ones_like(numerators) if denominators is None else denominators.double()], 1)


def join(batches):
    """The `pairs` of several batches as one: a dict like each of them."""
    return {name: torch.cat([batch[name] for batch in batches]) for name in batches[0]}


def ratio(pairs):
    """The sum of the numerators over that of the denominators."""
    above, below = pairs.sum(dim=0).tolist()
    return above / below
