"""What a `HintNet` would paint at a place: a few colors from its own distribution, the likely ones first."""

from typing import NamedTuple

import torch
from sklearn.cluster import KMeans

from course_lib import bins, color

COUNT = 6  # suggestions
LEAST = 0.01  # of the probability that a suggestion stands for


class Suggestion(NamedTuple):
    """A color, a and b in natural units, which sRGB has at the lightness of the place, and its share of the probability."""

    a: float
    b: float
    share: float


def suggest(logits, lightness, count=COUNT):
    """The modes of a distribution: its bins, clustered by k-means with their probabilities as weights, as in the paper.

    R. Zhang et al., "Real-Time User-Guided Image Colorization with Learned Deep Priors" (SIGGRAPH 2017), section 3.3.

    Parameters
    ----------
    logits : tensor, (313,)
        Of one place.
    lightness : float
        L of the place, 0 to 100.
    count : int
        How many colors at most.

    Returns
    -------
    list of Suggestion
        The likely ones first.
    """
    shares = logits.float().softmax(dim=0)
    seen = shares > LEAST / bins.COUNT
    found = KMeans(min(count, int(seen.sum())), n_init=2, random_state=0).fit(
        bins.AB_BINS[seen].numpy(), sample_weight=shares[seen].numpy()
    )
    centers = torch.from_numpy(found.cluster_centers_).float()
    weights = torch.zeros(len(centers)).index_add_(0, torch.from_numpy(found.labels_).long(), shares[seen])
    shown = in_gamut_at(lightness, centers)
    order = weights.argsort(descending=True).tolist()
    return [Suggestion(*shown[place].tolist(), weights[place].item()) for place in order if weights[place] >= LEAST]


def in_gamut_at(lightness, ab):
    """Colors (N, 2), natural units, with as much of their chroma as sRGB has at a lightness: (N, 2)."""
    lab = torch.cat([torch.full((len(ab), 1), float(lightness)), ab], dim=1)
    return color.limit_chroma(lab.T[:, :, None])[1:, :, 0].T
