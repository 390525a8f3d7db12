"""What is trained for the course, by name: network, photographs, loss and budget of each checkpoint."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from course_lib import bins, color
from course_lib.data.datasets import LabeledPictures, scenes
from course_lib.models import ColorfulNet
from course_lib.models.colorful import SHRINKS
from course_lib.training.losses import CrossEntropy, l2


@dataclass(frozen=True)
class Recipe:
    """How one checkpoint is made.

    Attributes
    ----------
    network : function
        Gives the network with its first, random weights.
    loss : function
        The training photographs' prior (313,) to a loss of answer and true ab.
    data : function
        "train" or "validation" to `LabeledPictures`.
    dataset : str
        What the data is called on the card.
    stages : tuple of (int, int)
        Epochs, and the side in pixels at which they see the photographs.
    """

    network: Callable[[], nn.Module]
    loss: Callable
    data: Callable[[str], LabeledPictures] = scenes
    dataset: str = "scenes"
    stages: tuple = ((12, 64), (16, 96), (10, 128))
    batch_size: int = 32
    rate: float = 2e-3
    seed: int = 0
    shrinks: int = SHRINKS

    @property
    def epochs(self):
        return sum(epochs for epochs, _ in self.stages)

    def side_of(self, epoch):
        """The side of the photographs in an epoch, counted from 0."""
        for epochs, side in self.stages:
            if epoch < epochs:
                return side
            epoch -= epochs
        return side


def rebalanced(prior):
    """Cross-entropy in which rare colors count more, by the weights of the paper."""
    return CrossEntropy(bins.rebalancing_weights(prior))


RECIPES = {
    "scenes-l2": Recipe(lambda: ColorfulNet.for_cpu(outputs=2), lambda prior: l2),
    "scenes-classification": Recipe(ColorfulNet.for_cpu, lambda prior: CrossEntropy()),
    "scenes-rebalanced": Recipe(ColorfulNet.for_cpu, rebalanced),
}


def prior_of(photographs, batch_size=256):
    """The smoothed prior of the colors of photographs, `LabeledPictures`: (313,)."""
    batches = photographs.rgb[:, :, ::2, ::2].split(batch_size)
    return bins.color_prior(color.rgb_to_lab(batch)[:, 1:] for batch in batches)
