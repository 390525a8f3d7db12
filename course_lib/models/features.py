"""What a trained network sees in a color picture, layer by layer: the measure of a perceptual loss."""

import torch
from torch import nn

from course_lib.models.checkpoints import load_checkpoint, read_card
from course_lib.models.pretrained import load_pretrained, weights_path
from course_lib.models.scene_classifier import MEAN, SPREAD, SceneClassifier
from course_lib.models.semantics import Frozen
from course_lib.models.shuffle_unet import IMAGENET_MEAN, IMAGENET_SPREAD

OWN = "scenes-features"  # the checkpoint
VGG_LAYERS = (22, 32, 42)  # of VGG-16 with batch norm: the last ReLU before each of its last three pools
# Of the features of a `SceneClassifier`: the last ReLU at a quarter, an eighth and a sixteenth of the resolution.
OWN_LAYERS = (11, 17, 23)
IN_FULL = "course_lib.models.features.find_features(download=True)"


class PictureFeatures(Frozen):
    """The answers of some layers of a network, for sRGB pictures.

    Parameters
    ----------
    name : str
    layers : nn.Sequential
        The convolutions of a trained network. Nothing trains on them.
    chosen : sequence of int
        Which of its layers answer.
    mean, spread : float or sequence of 3 floats
        What the network expects pictures to be normalized by.
    """

    def __init__(self, name, layers, chosen, mean=MEAN, spread=SPREAD):
        super().__init__()
        self.name = name
        self.layers, self.chosen = layers[: max(chosen) + 1], frozenset(chosen)
        self.register_buffer("mean", torch.tensor(mean).reshape(-1, 1, 1))
        self.register_buffer("spread", torch.tensor(spread).reshape(-1, 1, 1))
        for layer in self.layers:  # what is kept of a layer must not be overwritten by the next
            if isinstance(layer, nn.ReLU):
                layer.inplace = False
        self._freeze()

    def forward(self, rgb):
        """sRGB in [0, 1], (B, 3, H, W), to a list of tensors (B, C, h, w), one for each chosen layer. Gradients go through."""
        x, answers = (rgb - self.mean) / self.spread, []
        for place, layer in enumerate(self.layers):
            x = layer(x)
            if place in self.chosen:
                answers.append(x)
        return answers


def find_features(download=False):
    """The best feature network that there is on this machine.

    Parameters
    ----------
    download : bool
        Fetch the weights of torchvision's VGG-16 with batch norm, 528 MB, if they are not on this machine. Without it nothing asks the
        network.

    Returns
    -------
    features : PictureFeatures
    sentence : str
        Which network it is, and how to get the other.

    Raises
    ------
    PretrainedError
        The weights cannot be fetched, or they are damaged.
    """
    path = vgg_path()
    if download or path.exists():
        return vgg_features(download), "VGG-16 with batch norm, trained on ImageNet, compares the pictures."
    accuracy = read_card(OWN)["metrics"]["accuracy"]
    return scene_features(), (
        "There are no weights of VGG-16 on this machine, so a small network of the course compares the pictures. It names the right one "
        f"of six kinds of scenes for {accuracy:.0%} of color photographs. To fetch the other (528 MB): {IN_FULL}"
    )


def scene_features():
    """The course's own feature network, with the weights of its checkpoint."""
    return PictureFeatures(OWN, load_checkpoint(OWN).features, OWN_LAYERS)


def random_features(seed=0):
    """A network like the course's own that was never trained, to see what the training is good for."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = SceneClassifier(**load_checkpoint(OWN).arguments)
    return PictureFeatures("random weights", network.features, OWN_LAYERS)


def vgg_path():
    """Where torchvision keeps the weights of VGG-16 with batch norm, whether they are there or not."""
    return weights_path(_vgg_weights())


def vgg_features(download=False):
    """VGG-16 with batch norm before its last three pools.

    Raises
    ------
    PretrainedError
        The weights are not there and ``download`` is False, or they cannot be fetched, or they are damaged.
    """
    import torchvision

    network = load_pretrained(torchvision.models.vgg16_bn(), _vgg_weights(), "VGG-16", f"{IN_FULL} (528 MB)", download)
    return PictureFeatures("VGG-16 with batch norm", network.features, VGG_LAYERS, IMAGENET_MEAN, IMAGENET_SPREAD)


def _vgg_weights():
    import torchvision

    return torchvision.models.VGG16_BN_Weights.IMAGENET1K_V1
