"""A small network that says whether a face has been manipulated, and where."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from course_lib.models.scene_classifier import MEAN, SPREAD

FINENESS = 2  # bands of `local_fineness`


class ForgeryAnswer(NamedTuple):
    """What `ForgeryNet` answers.

    Attributes
    ----------
    logit : tensor, (B,)
        Above 0 for **manipulated**, everywhere in the course. It is a score, not yet a probability: `deepfake.calibrate` makes it one.
    where : tensor, (B, 1, H / 8, W / 8)
        Logits: above 0 where the picture has been blended.
    """

    logit: torch.Tensor
    where: torch.Tensor


class ForgeryNet(nn.Module):
    """Residual blocks at a half, a quarter and an eighth of the resolution; a map of what is blended, and one logit.

    The map is learned beside the logit because a fake made by blending comes with its mask, as in L. Li and others, "Face X-ray for more
    general face forgery detection" (CVPR 2020), section 3: it says to the network at every place what the logit says only once.

    Pixels go into channels at once, 2 x 2 of them, and nothing is averaged before the first convolution: what gives a blend away is fine.
    Beside them goes `local_fineness`. Without it, the network learned to compare colors and nothing else: after 48 epochs it told blends
    that differ from their surroundings in sharpness alone no better than a coin does.

    Parameters
    ----------
    widths : sequence of int
        Channels at each resolution.
    blocks : sequence of int
        Residual blocks at each resolution.
    """

    def __init__(self, *, widths=(24, 48, 96), blocks=(1, 2, 1)):
        super().__init__()
        self.arguments = {"widths": list(widths), "blocks": list(blocks)}
        channels, layers = (3 + FINENESS) * 4, [nn.PixelUnshuffle(2)]
        for place, (width, count) in enumerate(zip(widths, blocks, strict=True)):
            layers += [_convolve(channels, width, stride=2 if place else 1), nn.ReLU()]
            layers += [Residual(width) for _ in range(count)]
            channels = width
        self.features = nn.Sequential(*layers)
        self.where = nn.Conv2d(channels, 1, 1)
        self.answer = nn.Sequential(nn.Dropout(0.2), nn.Linear(2 * channels, 1))

    def forward(self, rgb):
        """sRGB in [0, 1], (B, 3, H, W) with sides that are multiples of 8, to a `ForgeryAnswer`."""
        seen = torch.cat([(rgb - MEAN) / SPREAD, local_fineness(rgb)], dim=1)
        features = self.features(seen.contiguous(memory_format=torch.channels_last))
        pooled = torch.cat([features.mean(dim=(2, 3)), features.amax(dim=(2, 3))], dim=1)
        return ForgeryAnswer(self.answer(pooled)[:, 0], self.where(features))


def local_fineness(rgb):
    """How much fine detail there is around each pixel, in two bands: (B, 2, H, W), a logarithm, about -2.5 for none and up to 4.

    The bands are what a mean over 3 x 3 pixels takes away from the gray picture, and what one over 5 x 5 takes away then; squares are
    averaged over 9 x 9. As a logarithm, because half as much means the same on skin as on hair.

    Parameters
    ----------
    rgb : tensor, (B, 3, H, W)
        sRGB in [0, 1], with sides above 4.
    """
    gray = rgb.mean(dim=1, keepdim=True)
    softer = _mean_around(gray, 3)
    bands = torch.cat([gray - softer, softer - _mean_around(softer, 5)], dim=1)
    return ((_mean_around(bands**2, 9) + 1e-6).log() + 9) / 2


def _mean_around(x, side):
    """The mean of ``side`` x ``side`` pixels around each; the rim is mirrored."""
    return F.avg_pool2d(F.pad(x, [side // 2] * 4, mode="reflect"), side, stride=1)


class Residual(nn.Module):
    """Two convolutions whose result is added to what went in."""

    def __init__(self, width):
        super().__init__()
        self.steps = nn.Sequential(_convolve(width, width), nn.ReLU(), _convolve(width, width))

    def forward(self, x):
        return F.relu(x + self.steps(x))


def _convolve(channels, width, stride=1):
    return nn.Sequential(nn.Conv2d(channels, width, 3, stride, padding=1, bias=False), nn.BatchNorm2d(width))
