"""What is in a gray picture, as a list of numbers: embeddings for `FusionNet`."""

import torch
from torch import nn

from course_lib import color
from course_lib.models.scene_classifier import SceneClassifier


class SceneEmbedding(nn.Module):
    """The features from which a `SceneClassifier` names the class of a gray picture: their mean over the picture.

    Parameters
    ----------
    classes, widths
        Of the classifier. The embedding is as long as the last width.
    """

    def __init__(self, **arguments):
        super().__init__()
        self.classifier = SceneClassifier(**arguments)

    @torch.no_grad()
    def forward(self, l):  # noqa: E741 - l is the symbol of the field
        """Lightness in network units, (B, 1, H, W), to embeddings, (B, E)."""
        return self.classifier.features(gray_rgb(l)).mean(dim=(2, 3))


def gray_rgb(l):  # noqa: E741
    """The gray picture of a lightness in network units, (B, 1, H, W), for networks that expect sRGB: (B, 3, H, W)."""
    with torch.autocast(l.device.type, enabled=False):  # colors need more than eight bits
        lab = color.denormalize(l, torch.zeros_like(l).expand(-1, 2, -1, -1))
        return color.lab_to_rgb(lab)
