"""How good a network is on the validation photographs: the numbers on the card of a checkpoint."""

import torch
import torch.nn.functional as F

from course_lib import color, metrics
from course_lib.training.photographs import resize

BATCH = 64
DELTA_E_PICTURES = 60  # Delta E 2000 takes long, and its mean is known well enough from these
TEMPERATURE = 0.38


@torch.no_grad()
def measure(model, photographs, loss, side, shrinks, prior):
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

    Returns
    -------
    dict from str to float
        ``loss``; ``psnr`` in dB; ``colorfulness_ratio``, of the sums over all pictures; ``auc``, ``rebalanced_auc``, and ``delta_e`` of
        `DELTA_E_PICTURES` pictures at even distances. All but the loss are those of the pictures as shown, inside of the gamut of sRGB.
    """
    device = next(model.parameters()).device
    sums = dict.fromkeys(
        ("loss", "psnr", "colorfulness", "true_colorfulness", "auc", "rebalanced", "mass", "delta_e"), 0.0
    )
    chosen = torch.linspace(0, len(photographs) - 1, min(DELTA_E_PICTURES, len(photographs))).round().long()
    for rows in torch.arange(len(photographs)).split(BATCH):
        truth = resize(photographs.rgb[rows].float() / 255, side)
        lab = color.rgb_to_lab(truth)
        l, ab = color.normalize(lab)  # noqa: E741 - l is the symbol of the field
        answer = model(l.to(device)).cpu()
        sums["loss"] += loss(answer, F.avg_pool2d(ab, shrinks)).item() * len(rows)
        shown = color.join(lab[:, :1], model.to_ab(answer.to(device), TEMPERATURE).cpu())
        _add(sums, shown, truth, prior, torch.isin(rows, chosen))
    count = len(photographs)
    return {
        "loss": sums["loss"] / count,
        "psnr": sums["psnr"] / count,
        "colorfulness_ratio": sums["colorfulness"] / sums["true_colorfulness"],
        "auc": sums["auc"] / count,
        "rebalanced_auc": sums["rebalanced"] / sums["mass"],
        "delta_e": sums["delta_e"] / len(chosen),
    }


def _add(sums, shown, truth, prior, chosen):
    """Add what the pictures of a batch, as shown, contribute to each metric."""
    ab, true_ab = (color.rgb_to_lab(rgb)[:, 1:] for rgb in (shown, truth))
    weights = metrics.pixel_weights(true_ab, prior)
    sums["psnr"] += metrics.psnr(shown, truth).sum().item()
    sums["colorfulness"] += metrics.colorfulness(shown).sum().item()
    sums["true_colorfulness"] += metrics.colorfulness(truth).sum().item()
    sums["auc"] += metrics.auc(ab, true_ab) * len(ab)
    sums["rebalanced"] += metrics.auc(ab, true_ab, weights) * weights.sum().item()
    sums["mass"] += weights.sum().item()
    if chosen.any():
        sums["delta_e"] += metrics.delta_e(shown[chosen], truth[chosen]).sum().item()
