"""Losses: one number per pixel, then the mean over all pixels.

True colors are color maps (B, 2, H, W) in network units. A regression answers with the same, a classifier with logits (B, 313, H, W).
"""

import torch
import torch.nn.functional as F

from course_lib import bins, color, penalties
from course_lib.color import AB_SCALE
from course_lib.models.answers import natural_ab


def l2(ab, true_ab):
    """The squared distance in the ab plane, averaged over pixels. Its best constant is the mean."""
    return _mean_of_pixels(penalties.squared(ab - true_ab))


def l1(ab, true_ab):
    """The distance in a plus the distance in b, averaged over pixels. Its best constant is the median of a and that of b."""
    return _mean_of_pixels(penalties.absolute(ab - true_ab))


def huber(ab, true_ab, delta=penalties.HUBER_DELTA / AB_SCALE):
    """The Huber penalty of a plus that of b, averaged over pixels; ``delta`` in network units."""
    return _mean_of_pixels(penalties.huber(ab - true_ab, delta))


def _mean_of_pixels(costs):
    """Sum over the channels a and b, mean over everything else: (B, 2, H, W) to one number."""
    if costs.ndim != 4 or costs.shape[1] != 2:
        raise ValueError(f"Losses compare color maps (B, 2, H, W), got {tuple(costs.shape)}.")
    return costs.sum(dim=1).mean()


class CrossEntropy:
    """Cross-entropy with the soft-encoded true color, each pixel weighted by the bin that it is nearest to.

    R. Zhang, P. Isola and A. A. Efros, "Colorful Image Colorization" (ECCV 2016), equations 2 and 3.

    Parameters
    ----------
    weights : tensor, (313,), optional
        From `bins.rebalancing_weights`; 1 for every bin by default.
    """

    def __init__(self, weights=None):
        self.weights = weights

    def __call__(self, logits, true_ab):
        """Logits (B, 313, H, W) and colors (B, 2, H, W) in network units to one number."""
        index, shares = bins.soft_targets(natural_ab(true_ab))
        # With the bins last, the softmax runs along memory, and only the bins that a target names are looked up.
        log_p = _bins_last(logits).log_softmax(dim=-1)
        costs = -(_bins_last(shares) * log_p.gather(-1, _bins_last(index))).sum(dim=-1)
        if self.weights is not None:
            costs = costs * self.weights.to(costs)[_bins_last(index)[..., 0]]
        return costs.mean()


def _bins_last(x):
    """(B, Q, H, W) to (B, H, W, Q)."""
    return x.movedim(1, -1).contiguous()


class HintLoss:
    """What a `HintNet` is trained on: the Huber penalty of its colors, and the cross-entropy of its suggestions.

    Parameters
    ----------
    share : float
        The weight of the cross-entropy.
    """

    def __init__(self, share=1e-3):
        self.share, self.cross_entropy = share, CrossEntropy()

    def __call__(self, answer, true_ab):
        """`HintAnswer` and colors (B, 2, H, W) in network units to one number."""
        cost = huber(answer.ab, true_ab)
        if answer.logits is None:
            return cost
        shrinks = true_ab.shape[-1] // answer.logits.shape[-1]
        return cost + self.share * self.cross_entropy(answer.logits, F.avg_pool2d(true_ab, shrinks))


class FusionLoss:
    """What a `FusionNet` is trained on: the squared distance, and with classes the cross-entropy of those.

    Parameters
    ----------
    share : float
        The weight of the cross-entropy: 1 / 300 in S. Iizuka, E. Simo-Serra and H. Ishikawa, "Let there be Color!" (SIGGRAPH 2016), 3.4.
    """

    def __init__(self, share=1 / 300):
        self.share = share

    def __call__(self, answer, true_ab, labels=None):
        """`FusionAnswer`, colors (B, 2, H, W) in network units and classes (B,) to one number."""
        cost = l2(answer.ab, true_ab)
        return cost if labels is None else cost + self.share * F.cross_entropy(answer.logits, labels)


class FeatureLoss:
    """How different two pictures look to a trained network: a perceptual loss.

    J. Johnson, A. Alahi and L. Fei-Fei, "Perceptual Losses for Real-Time Style Transfer" (ECCV 2016); layers and their weights as in
    J. Antic's DeOldify (2018): absolute differences, 20 : 70 : 10.

    Parameters
    ----------
    features : PictureFeatures
        From `course_lib.models.features`.
    weights : sequence of float
        Of its layers. Only their ratios matter.
    pixel : float
        The weight of the L1 loss of the colors themselves beside that of all layers together.
    """

    def __init__(self, features, weights=(20.0, 70.0, 10.0), pixel=1.0):
        self.features, self.pixel = features, pixel
        self.weights = [weight / sum(weights) for weight in weights]

    def __call__(self, ab, true_ab, l):  # noqa: E741 - l is the symbol of the field
        """Colors and true colors, (B, 2, H, W), and the lightness that both have, (B, 1, H, W), all in network units, to one number."""
        features = self.features.to(ab.device)
        with torch.no_grad():
            truth = features(_rgb(l, true_ab))
        layers = zip(self.weights, features(_rgb(l, ab)), truth, strict=True)
        seen = sum(weight * (answer - target).abs().mean() for weight, answer, target in layers)
        return seen + self.pixel * l1(ab, true_ab)


def _rgb(l, ab):  # noqa: E741
    return color.lab_to_rgb(color.denormalize(l, ab))


class Adversarial:
    """What the answers of a critic, logits of any shape, are worth: one number for the critic and one for the generator.

    Parameters
    ----------
    kind : str
        "BCE": the critic names the probability of a patch being real (I. Goodfellow and others, 2014; the generator's loss is the one that
        does not saturate). "hinge": the critic wants real patches above 1 and others below -1 (J. H. Lim and J. C. Ye, 2017). "least
        squares": it wants 1 and 0 (X. Mao and others, 2017).

    Raises
    ------
    ValueError
        There is no such kind.
    """

    def __init__(self, kind="BCE"):
        if kind not in ADVERSARIAL:
            raise ValueError(f"There is no adversarial loss {kind!r}. There are {', '.join(ADVERSARIAL)}.")
        self.kind = kind
        self._real, self._fake, self._fooled = ADVERSARIAL[kind]

    def critic(self, real, fake):
        """The critic's loss: half from real pictures, half from the generator's."""
        return (self._real(real).mean() + self._fake(fake).mean()) / 2

    def generator(self, fake):
        """The generator's loss: low where the critic takes its pictures for real ones."""
        return self._fooled(fake).mean()


# For each kind the cost of a logit: of a real picture and of a generated one to the critic, and of a generated one to the generator.
ADVERSARIAL = {
    "BCE": (lambda real: F.softplus(-real), F.softplus, lambda fake: F.softplus(-fake)),
    "hinge": (lambda real: (1 - real).relu(), lambda fake: (1 + fake).relu(), lambda fake: -fake),
    "least squares": (lambda real: (real - 1).square(), torch.square, lambda fake: (fake - 1).square()),
}


LOSSES = {"L2": l2, "L1": l1, "Huber": huber}
