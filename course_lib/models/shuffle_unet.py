"""The generator of NoGAN: fastai's U-Net on a body that was trained before, doubling the resolution by pixel shuffles."""

import torch
from torch import nn

from course_lib.models.answers import natural_ab
from course_lib.models.pretrained import load_pretrained
from course_lib.models.scene_classifier import MEAN, SPREAD, SceneClassifier
from course_lib.models.semantics import gray_rgb

IMAGENET_MEAN, IMAGENET_SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class ShuffleUNet(nn.Module):
    """fastai's ``DynamicUnet``: a body that was trained to name what is in gray pictures, and a head that makes colors of what it saw.

    The head doubles the resolution by PixelShuffle with the ICNR start (A. Aitken and others, 2017), under which all pixels of a shuffle
    begin equal: no checkerboard to unlearn. J. Antic's DeOldify (2018) is built of the same parts.

    Parameters
    ----------
    widths : sequence of int
        Of the body, the features of a `SceneClassifier`; (16, 24, 32, 48) by default.
    resnet : str, optional
        Take a ResNet of torchvision as the body instead, by its name, for example "resnet18"; its first weights are random.
    """

    def __init__(self, *, widths=(16, 24, 32, 48), resnet=None):
        super().__init__()
        from fastai.vision.models.unet import DynamicUnet  # takes seconds, and most lessons need none of it

        self.arguments = {"widths": list(widths), "resnet": resnet}
        body = SceneClassifier(widths=widths).features if resnet is None else _resnet_body(resnet)
        self.unet = DynamicUnet(body, 2, (64, 64), y_range=(-1.0, 1.0))
        mean, spread = ((MEAN,) * 3, (SPREAD,) * 3) if resnet is None else (IMAGENET_MEAN, IMAGENET_SPREAD)
        self.mean, self.spread = mean, spread

    @classmethod
    def for_cpu(cls):
        """The default widths: 290 thousand parameters, those of the body 62 thousand."""
        return cls()

    @classmethod
    def on_resnet(cls, name="resnet18", download=False):
        """On a ResNet of torchvision that was trained on ImageNet.

        Parameters
        ----------
        name : str
        download : bool
            Fetch its weights, 47 MB for "resnet18", if they are not on this machine. Without it nothing asks the network.

        Raises
        ------
        PretrainedError
            The weights are not there and ``download`` is False, or they cannot be fetched, or they are damaged.
        """
        import torchvision

        weights = torchvision.models.get_model_weights(name).DEFAULT
        how = f'ShuffleUNet.on_resnet("{name}", download=True)'
        resnet = load_pretrained(torchvision.models.get_model(name, weights=None), weights, name, how, download)
        model = cls(resnet=name)
        model.unet[0].load_state_dict(_without_classifier(resnet).state_dict())
        return model

    @property
    def groups(self):
        """The parameters of body and head: a list of two lists, for rates of their own and for freezing."""
        layers = self.unet.layers
        return [list(layers[0].parameters()), [weight for layer in layers[1:] for weight in layer.parameters()]]

    def take_body(self, classifier):
        """Begin with the features of a trained `SceneClassifier` of the same widths. Returns the network."""
        self.unet[0].load_state_dict(classifier.features.state_dict())
        return self

    def forward(self, l):  # noqa: E741 - l is the symbol of the field
        """Lightness in network units, (B, 1, H, W), to a and b in network units, (B, 2, H, W), each in (-1, 1)."""
        rgb = gray_rgb(l)
        x = (rgb - _channels(rgb, self.mean)) / _channels(rgb, self.spread)
        # fastai hands on what it computes as a tensor of its own kind, which slows everything after it.
        return self.unet(x).as_subclass(torch.Tensor)

    def to_ab(self, answer, temperature=None):
        """The colors that an answer stands for, in natural units: (B, 2, H, W). A regression has no temperature."""
        return natural_ab(answer)


def _channels(rgb, values):
    return rgb.new_tensor(values)[:, None, None]


def _resnet_body(name):
    """A ResNet of torchvision without its classifier, with random weights."""
    import torchvision

    return _without_classifier(torchvision.models.get_model(name, weights=None))


def _without_classifier(network):
    from fastai.vision.learner import create_body

    return create_body(network, pretrained=False)
