"""What is in a gray picture, as a list of numbers: embeddings for `FusionNet`."""

import torch
import torch.nn.functional as F
from torch import nn

from course_lib import color
from course_lib.models.scene_classifier import SceneClassifier

INCEPTION = "inception_resnet_v2"  # timm's name


class Frozen(nn.Module):
    """A trained network whose weights stay as they are: it is always in evaluation mode, and no gradient reaches it."""

    def _freeze(self):
        return self.requires_grad_(False).eval()

    def train(self, mode=True):
        """Stay in evaluation mode, whatever the network around it does."""
        return super().train(False)


class SceneEmbedding(Frozen):
    """The features from which a `SceneClassifier` names the class of a gray picture: their mean over the picture.

    Parameters
    ----------
    classes, widths
        Of the classifier.

    Attributes
    ----------
    length : int
        Of the embedding: the last width.
    """

    def __init__(self, **arguments):
        super().__init__()
        self.classifier = SceneClassifier(**arguments)
        self.length = self.classifier.arguments["widths"][-1]
        self._freeze()

    @torch.no_grad()
    def forward(self, l):  # noqa: E741 - l is the symbol of the field
        """Lightness in network units, (B, 1, H, W), to embeddings, (B, length)."""
        return self.classifier.see(gray_rgb(l)).mean(dim=(2, 3))


class InceptionEmbedding(Frozen):
    """What Inception-ResNetV2 says about a gray picture: a number for each of the 1,000 classes of ImageNet, before the softmax.

    C. Szegedy, S. Ioffe, V. Vanhoucke and A. Alemi, "Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning"
    (2016), as timm has it. "Deep Koalarization" counts 1,001, since the weights that it took have a class for the background.

    Parameters
    ----------
    weights : dict of tensors, optional
        Of timm's network; random ones by default.

    Attributes
    ----------
    length : int
        Of the embedding: 1,000.
    """

    def __init__(self, weights=None):
        super().__init__()
        import timm  # it takes seconds, and most lessons need none of it

        self.network = timm.create_model(INCEPTION)
        if weights is not None:
            self.network.load_state_dict(weights)
        self.length = self.network.num_classes
        self.seen = timm.data.resolve_data_config(model=self.network)
        self._freeze()

    @torch.no_grad()
    def forward(self, l):  # noqa: E741 - l is the symbol of the field
        """Lightness in network units, (B, 1, H, W), to embeddings, (B, length). The whole picture is seen, as a square."""
        rgb = F.interpolate(
            gray_rgb(l), size=self.seen["input_size"][1:], mode=self.seen["interpolation"], antialias=True
        ).clamp(0, 1)
        mean, spread = (rgb.new_tensor(self.seen[key])[:, None, None] for key in ("mean", "std"))
        return self.network((rgb - mean) / spread)


def gray_rgb(l):  # noqa: E741
    """The gray picture of a lightness in network units, (B, 1, H, W), for networks that expect sRGB: (B, 3, H, W)."""
    with torch.autocast(l.device.type, enabled=False):  # colors need more than eight bits
        lab = color.denormalize(l, torch.zeros_like(l).expand(-1, 2, -1, -1))
        return color.lab_to_rgb(lab)
