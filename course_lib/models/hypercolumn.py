"""Dahl's colorization network: features of four scales merged from the top down, and two numbers for every pixel.

R. Dahl, "Automatic Colorization" (2016), https://tinyclouds.org/colorize/. The features are those of VGG-16 (K. Simonyan and
A. Zisserman, ICLR 2015); reading features of all depths at every pixel is the hypercolumn of B. Hariharan et al., CVPR 2015.
"""

import torch
import torch.nn.functional as F
from torch import nn

from course_lib import bins, color
from course_lib.models.answers import natural_ab

# What VGG-16 expects: sRGB less the mean over ImageNet, divided by the standard deviation.
_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)
_GRAY = 3  # channels of the grey picture


class HypercolumnRegressor(nn.Module):
    """Regress a and b at every pixel from features at several scales.

    The coarsest features pass a 1x1 convolution. Then, scale by scale down to the picture's own: enlarge, add the batch-normalized features
    of that scale, mix with a 3x3 convolution. The grey picture itself is added last.

    Parameters
    ----------
    widths : sequence of int
        Channels of the features at each scale, finest first; each scale has half the resolution of the one before. VGG-16's by default.
    depths : sequence of int
        Convolutions at each scale. By default VGG-16's up to conv4_3.
    feature_norm : bool
        Normalize after each convolution of the features too. VGG-16 does not; a network that starts from nothing learns sooner with it.
    mixed : int
        Channels of the maps between the last merge and the output. The paper has 3, as many as the grey picture that is added there.
    outputs : int
        Channels of the answer: 2 for a regression of a and b (the default), 313 for a distribution over `bins.AB_BINS`. With that it is the
        approach of G. Larsson, M. Maire and G. Shakhnarovich, "Learning Representations for Automatic Colorization" (ECCV 2016).

    Notes
    -----
    The paper regresses U and V through a sigmoid. Here it is a and b without one, since network units run from about -1 to 1. All weights
    are random at first: nothing is ever fetched; `load_vgg` takes weights that you have.
    """

    def __init__(self, *, widths=(64, 128, 256, 512), depths=(2, 2, 3, 3), feature_norm=False, mixed=_GRAY, outputs=2):
        super().__init__()
        self.arguments = {
            "widths": list(widths),
            "depths": list(depths),
            "feature_norm": feature_norm,
            "mixed": mixed,
            "outputs": outputs,
        }
        self.features = _vgg_features(widths, depths, feature_norm)
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in widths)
        self.top = _convolve(widths[-1], widths[-2], kernel=1, norm=False)
        narrower = (mixed, *widths[:-2])
        self.merges = nn.ModuleList(_convolve(*pair) for pair in zip(widths[:-1], narrower, strict=True))
        self.gray = nn.Sequential(nn.BatchNorm2d(_GRAY), *_widen(mixed))
        self.last = nn.Sequential(_convolve(mixed, mixed), nn.Conv2d(mixed, outputs, 3, padding=1))
        self.register_buffer("mean", torch.tensor(_IMAGENET_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(_IMAGENET_STD)[:, None, None], persistent=False)

    @classmethod
    def for_cpu(cls, outputs=2):
        """A narrow network of the same build, to be trained from nothing within a minute."""
        return cls(widths=(16, 32, 48, 64), depths=(1, 2, 2, 2), feature_norm=True, mixed=16, outputs=outputs)

    def load_vgg(self, state_dict):
        """Take the features from the state dict of torchvision's ``vgg16``.

        Raises
        ------
        RuntimeError
            A weight is missing or has another shape: the network is not of the paper's size, or the weights are not VGG-16's.
        """
        given = {name.removeprefix("features."): weight for name, weight in state_dict.items()}
        self.features.load_state_dict({name: given[name] for name in self.features.state_dict() if name in given})

    def forward(self, l):  # noqa: E741 - l is the symbol of the field
        """Colors for a batch of lightness.

        Parameters
        ----------
        l : tensor, (B, 1, H, W)
            Lightness in network units. Any H and W.

        Returns
        -------
        answer : tensor, (B, outputs, H, W)
            a and b in network units, not limited, or logits over `bins.AB_BINS`.
        """
        gray = self._gray_rgb(l)
        maps = [norm(x) for norm, x in zip(self.norms, self._scales(gray), strict=True)]
        x = self.top(maps[-1])
        for merge, skip in zip(reversed(self.merges), reversed(maps[:-1]), strict=True):
            x = merge(skip + _enlarge(x, skip))
        return self.last(x + self.gray(gray))

    def to_ab(self, answer, temperature=0.38):
        """The colors that an answer stands for: (B, 2, H, W), natural units. The temperature is that of `bins.annealed_mean`."""
        if self.arguments["outputs"] == 2:
            return natural_ab(answer)
        return bins.annealed_mean(answer, temperature)

    def _gray_rgb(self, l):  # noqa: E741
        """The grey picture of this lightness, (B, 3, H, W), as VGG-16 expects it."""
        rgb = color.lab_to_rgb(color.denormalize(l, torch.zeros_like(l).expand(-1, 2, -1, -1)))
        return (rgb - self.mean) / self.std

    def _scales(self, x):
        """The last features of each scale, finest first."""
        maps = []
        for layer in self.features:
            if isinstance(layer, nn.MaxPool2d):
                maps.append(x)
            x = layer(x)
        return [*maps, x]


def _vgg_features(widths, depths, norm):
    """Convolutions and pooling numbered as in torchvision's ``vgg16``, so that its weights fit.

    Pooling rounds up, which makes no difference to sides that are multiples of 8 and lets all others through.
    """
    layers, channels = [], _GRAY
    for scale, (width, depth) in enumerate(zip(widths, depths, strict=True)):
        if scale:
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
        for _ in range(depth):
            layers += [nn.Conv2d(channels, width, 3, padding=1), *([nn.BatchNorm2d(width)] if norm else []), nn.ReLU()]
            channels = width
    return nn.Sequential(*layers)


def _convolve(channels, width, kernel=3, norm=True):
    convolution = nn.Conv2d(channels, width, kernel, padding=kernel // 2)
    return nn.Sequential(convolution, *([nn.BatchNorm2d(width)] if norm else []), nn.ReLU())


def _widen(mixed):
    """What brings the grey picture to the channels that it is added to: nothing at the paper's size."""
    return [] if mixed == _GRAY else [nn.Conv2d(_GRAY, mixed, 1)]


def _enlarge(x, like):
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=False)
