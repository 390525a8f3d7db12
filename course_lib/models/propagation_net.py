"""Carry the colors of a key frame to another frame of the film: a small network that chooses, pixel by pixel, whom to believe."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

COARSE = 4  # features for matching stand at a quarter of the resolution
CHOICES = ("the frame before", "the key along the flow", "the key by likeness", "the still network")
LEAST, STILL = 2e-5, 0.03  # what counts as no confidence at all, and what the still network always has
SWAY = 5.0  # by how many nepers the network may change a confidence: where there is none, the still network still has the most


class Moved(NamedTuple):
    """Colors that were moved along a flow.

    Attributes
    ----------
    ab : tensor, (B, 2, H, W)
        Network units.
    confidence : tensor, (B, 1, H, W)
        From 0, never seen, to 1.
    error : tensor, (B, 1, H, W)
        How far the lightness that came along is from the lightness that is there, network units.
    """

    ab: torch.Tensor
    confidence: torch.Tensor
    error: torch.Tensor


class PropagationAnswer(NamedTuple):
    """What a `PropagationNet` answers for a frame.

    Attributes
    ----------
    ab : tensor, (B, 2, H, W)
        The colors of the frame, network units.
    blend : tensor, (B, 2, H, W)
        The mean of the four proposals alone: what the next frame is told. A correction is never carried on, so none can add up.
    confidence : tensor, (B, 1, H, W)
        From 0, no key can see the pixel, to 1.
    weights : tensor, (B, 4, H, W)
        How far each of `CHOICES` is believed; they sum to 1.
    """

    ab: torch.Tensor
    blend: torch.Tensor
    confidence: torch.Tensor
    weights: torch.Tensor


class PropagationNet(nn.Module):
    """Weighs four proposals for the colors of a frame, and corrects their mean a little.

    The proposals are those of `CHOICES`: what the frame before shows along the flow, the key along the whole chain of flows, the places of
    the key that look alike (an attention over learned features of lightness, as in video object segmentation and exemplar colorization),
    and the answer of a still network, for what no key can see. Our own design: the parts are those of B. Zhang et al., "Deep
    Exemplar-based Video Colorization" (CVPR 2019), at a hundredth of the size.

    Parameters
    ----------
    widths : sequence of int
        Channels at full resolution, a half, a quarter and an eighth.
    features : int
        Numbers that a place is matched by.
    """

    def __init__(self, *, widths=(16, 24, 32, 48), features=24):
        super().__init__()
        self.arguments = {"widths": list(widths), "features": features}
        first, second, third, fourth = widths
        self.features = nn.Sequential(
            _convolve(1, first, stride=2),
            _convolve(first, second, stride=2),
            _convolve(second, third),
            _convolve(third, third, dilation=2),
            nn.Conv2d(third, features, kernel_size=1),
        )
        self.sharpness = nn.Parameter(torch.tensor(2.5))  # the logarithm of what likeness is multiplied by
        self.alike = nn.Parameter(
            torch.tensor([8.0, 0.7])
        )  # how fast confidence rises with likeness, and from where on
        self.down1 = nn.Sequential(_convolve(14, first), _convolve(first, first))
        self.down2 = nn.Sequential(_convolve(first, second, stride=2), _convolve(second, second))
        self.down3 = nn.Sequential(_convolve(second, third, stride=2), _convolve(third, third))
        self.down4 = nn.Sequential(_convolve(third, fourth, stride=2), _convolve(fourth, fourth))
        self.up3 = _convolve(fourth + third, third)
        self.up2 = _convolve(third + second, second)
        self.up1 = _convolve(second + first, first)
        self.last = nn.Conv2d(first, 3 + 2, kernel_size=3, padding=1)
        nn.init.zeros_(self.last.weight)  # begin with what the confidences say, and without a correction
        nn.init.zeros_(self.last.bias)

    def forward(self, l, key_l, key_ab, before, along, still):  # noqa: E741 - l is the symbol of the field
        """The answer for one frame of each of B films.

        Parameters
        ----------
        l, key_l : tensors, (B, 1, H, W)
            Lightness of the frame and of the key, network units; sides are multiples of 8.
        key_ab : tensor, (B, 2, H, W)
            Colors of the key, network units.
        before, along : Moved
            From the frame before, and from the key along the chain of flows.
        still : tensor, (B, 2, H, W)
            What the still network says, network units.

        Returns
        -------
        PropagationAnswer
        """
        alike, likeness = self.match(l, key_l, key_ab)
        inputs = [l, *before, *along, alike, likeness, still]
        h1 = self.down1(torch.cat(inputs, dim=1))
        h2 = self.down2(h1)
        h3 = self.down3(h2)
        h3 = self.up3(torch.cat([_enlarge(self.down4(h3), h3), h3], dim=1))
        h2 = self.up2(torch.cat([_enlarge(h3, h2), h2], dim=1))
        last = self.last(self.up1(torch.cat([_enlarge(h2, h1), h1], dim=1)))
        confidences = torch.cat([before.confidence, along.confidence, likeness], dim=1)
        believed = confidences.clamp(min=LEAST) * (SWAY * torch.tanh(last[:, :3] / SWAY)).exp()
        believed = torch.cat([believed, torch.full_like(l, STILL)], dim=1)
        weights = believed / believed.sum(dim=1, keepdim=True)
        proposals = torch.stack([before.ab, along.ab, alike, still], dim=1)
        blend = (weights[:, :, None] * proposals).sum(dim=1)
        ab = (blend + 0.1 * torch.tanh(last[:, 3:])).clamp(-1, 1)
        return PropagationAnswer(ab, blend, (weights[:, :3] * confidences).sum(dim=1, keepdim=True), weights)

    def match(self, l, key_l, key_ab):  # noqa: E741
        """What the places of the key that look alike show: colors (B, 2, H, W), and how much alike they look (B, 1, H, W), 0 to 1."""
        queries, keys = (F.normalize(self.features(part), dim=1).flatten(2) for part in (l, key_l))
        values = F.avg_pool2d(key_ab, COARSE)
        likeness = queries.transpose(1, 2) @ keys  # (B, places, places of the key)
        found = (self.sharpness.exp() * likeness).softmax(dim=2) @ values.flatten(2).transpose(1, 2)
        steepness, middle = self.alike
        best = torch.sigmoid(steepness * (likeness.amax(dim=2, keepdim=True) - middle) * 4)
        both = torch.cat([found, best], dim=2).transpose(1, 2).unflatten(2, values.shape[-2:])
        both = F.interpolate(both, size=l.shape[-2:], mode="bilinear")
        return both[:, :2], both[:, 2:]


def _convolve(channels, width, stride=1, dilation=1):
    convolution = nn.Conv2d(channels, width, kernel_size=3, stride=stride, padding=dilation, dilation=dilation)
    return nn.Sequential(convolution, nn.LeakyReLU(0.1))


def _enlarge(coarse, fine):
    return F.interpolate(coarse, size=fine.shape[-2:], mode="nearest")
