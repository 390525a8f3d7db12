"""The generator of pix2pix: a U-Net, which hands what it saw at every resolution across to the way back."""

import torch
import torch.nn.functional as F
from torch import nn

from course_lib.models.answers import natural_ab

DROPPED = 3  # of the paper's layers nearest to the middle have dropout


class UNetGenerator(nn.Module):
    """Convolutions that halve the resolution, and as many that double it again, each beside what the way down saw at its resolution.

    P. Isola, J.-Y. Zhu, T. Zhou and A. A. Efros, "Image-to-Image Translation with Conditional Adversarial Networks" (CVPR 2017), 6.1.1.

    Parameters
    ----------
    widths : sequence of int
        Channels after each halving. The paper's eight, for pictures of 256 pixels, by default.
    dropped : int
        How many layers of the way back, from the second on, have dropout: the only noise that the paper's generator has.

    Notes
    -----
    The paper's network has 54,409,858 parameters with one channel in and two out. Pictures whose sides cannot be halved often enough are
    continued to the right and below for the while.
    """

    def __init__(self, *, widths=(64, 128, 256, 512, 512, 512, 512, 512), dropped=DROPPED):
        super().__init__()
        self.arguments = {"widths": list(widths), "dropped": dropped}
        last = len(widths) - 1
        self.down = nn.ModuleList(
            _halve(before, width, first=place == 0, innermost=place == last)
            for place, (before, width) in enumerate(zip((1, *widths), widths, strict=False))
        )
        # The way back starts at the innermost width; from then on it gets its own channels and those of the way down.
        self.up = nn.ModuleList()
        for place in range(last, 0, -1):
            doubled = 1 if place == last else 2
            self.up.append(_double(doubled * widths[place], widths[place - 1], drop=0 < last - place <= dropped))
        self.answer = nn.Sequential(nn.ReLU(), nn.ConvTranspose2d(2 * widths[0], 2, 4, stride=2, padding=1), nn.Tanh())

    @classmethod
    def for_cpu(cls):
        """Five halvings and narrow: 377 thousand parameters, for pictures of 32 pixels and its multiples."""
        return cls(widths=(16, 32, 48, 64, 64), dropped=1)

    def forward(self, l):  # noqa: E741 - l is the symbol of the field
        """Lightness in network units, (B, 1, H, W), to a and b in network units, (B, 2, H, W), each in [-1, 1]."""
        height, width = l.shape[-2:]
        factor = 2 ** len(self.down)
        x = F.pad(l, (0, -width % factor, 0, -height % factor), mode="replicate")
        seen = []
        for layer in self.down:
            x = layer(x)
            seen.append(x)
        x = seen.pop()
        for layer in self.up:
            x = torch.cat([layer(x), seen.pop()], dim=1)
        return self.answer(x)[..., :height, :width]

    def to_ab(self, answer, temperature=None):
        """The colors that an answer stands for, in natural units: (B, 2, H, W). A regression has no temperature."""
        return natural_ab(answer)


def _halve(channels, width, first, innermost):
    """Half the resolution. The first sees the picture itself; the innermost has too few pixels for statistics."""
    layers = [] if first else [nn.LeakyReLU(0.2)]
    layers.append(nn.Conv2d(channels, width, 4, stride=2, padding=1, bias=False))
    if not (first or innermost):
        layers.append(nn.BatchNorm2d(width))
    return nn.Sequential(*layers)


def _double(channels, width, drop):
    """Twice the resolution."""
    layers = [nn.ReLU(), nn.ConvTranspose2d(channels, width, 4, stride=2, padding=1, bias=False), nn.BatchNorm2d(width)]
    return nn.Sequential(*layers, *([nn.Dropout(0.5)] if drop else []))
