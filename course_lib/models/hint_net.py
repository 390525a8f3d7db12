"""The network of "Real-Time User-Guided Image Colorization with Learned Deep Priors" (R. Zhang et al., SIGGRAPH 2017)."""

from typing import NamedTuple

import torch
from torch import nn

from course_lib import bins
from course_lib.models.answers import natural_ab
from course_lib.models.colorful import block, convolve
from course_lib.models.pull_push import carry_around, pull_push


class HintAnswer(NamedTuple):
    """What a `HintNet` answers: a and b in network units, (B, 2, H, W), and logits over the bins, (B, 313, H / 4, W / 4), or None."""

    ab: torch.Tensor
    logits: torch.Tensor | None


class HintNet(nn.Module):
    """Seven blocks as in `ColorfulNet`, then three that double the resolution, each joined by a skip connection from the way down.

    Parameters
    ----------
    widths : sequence of int
        Channels of blocks 1, 2, 3, and 4 to 7. The paper's by default.
    decoder : sequence of int
        Channels of blocks 8, 9 and 10.
    suggestions : bool
        Answer with a distribution of colors for every 4 x 4 pixels too: what a tool suggests at a place.
    strokes : bool
        Take strokes that no color crosses as one more channel of the input.
    palette : bool
        Take shares of the bins for the whole picture, as in the paper's global hints.
    carried : bool
        See the hints also as `pull_push` carries them to every pixel, three more channels of the input, which are made of the others: a
        small network has too few layers and too little time to learn how to carry a color far.

    Notes
    -----
    At the paper's widths, without the four additions, it has 34,051,074 parameters.
    """

    def __init__(
        self,
        *,
        widths=(64, 128, 256, 512),
        decoder=(256, 128, 128),
        suggestions=False,
        strokes=False,
        palette=False,
        carried=False,
    ):
        super().__init__()
        self.arguments = {
            "widths": list(widths),
            "decoder": list(decoder),
            "suggestions": suggestions,
            "strokes": strokes,
            "palette": palette,
            "carried": carried,
        }
        first, second, third, middle = widths
        eighth, ninth, tenth = decoder
        # The layers stand as in `ColorfulNet`, so that its weights can be taken over: the stride there is a slice here.
        self.blocks = nn.Sequential(
            block(4 + bool(strokes) + 3 * bool(carried), first, depth=2),
            block(first, second, depth=2),
            block(second, third, depth=3),
            block(third, middle, depth=3),
            block(middle, middle, depth=3, dilation=2),
            block(middle, middle, depth=3, dilation=2),
            block(middle, middle, depth=3),
        )
        self.palette = (
            nn.Sequential(nn.Linear(bins.COUNT + 1, middle), nn.ReLU(), nn.Linear(middle, middle)) if palette else None
        )
        self.up8 = _Up(middle, third, eighth, depth=2)
        self.up9 = _Up(eighth, second, ninth, depth=1)
        self.up10 = _Up(ninth, first, tenth, depth=0)
        self.last = nn.Sequential(
            nn.Conv2d(tenth, tenth, 3, padding=1), nn.LeakyReLU(0.2), nn.Conv2d(tenth, 2, 1), nn.Tanh()
        )
        self.suggestions = nn.Conv2d(eighth, bins.COUNT, kernel_size=1) if suggestions else None

    @classmethod
    def for_cpu(cls):
        """A narrow network that takes and gives everything: 2.4 million parameters."""
        return cls(
            widths=(32, 64, 96, 128), decoder=(64, 32, 16), suggestions=True, strokes=True, palette=True, carried=True
        )

    def forward(self, l, ab=None, mask=None, strokes=None, palette=None):  # noqa: E741 - l is the symbol of the field
        """The answer for a batch of lightness with what is known of its colors; what is left out is not known.

        Parameters
        ----------
        l : tensor, (B, 1, H, W)
            Lightness in network units; the sides are multiples of 8.
        ab : tensor, (B, 2, H, W)
            Colors in network units where ``mask`` is 1; elsewhere they are not looked at.
        mask : tensor, (B, 1, H, W)
            1 where a color is known, 0 elsewhere.
        strokes : tensor, (B, 1, H, W)
            1 where no color crosses, 0 elsewhere. Only for a network with ``strokes``, like ``palette``.
        palette : tensor, (B, 314)
            The shares of the bins in the picture and a 1; zeros for a picture of which they are not known.

        Returns
        -------
        HintAnswer
        """
        h1 = self.blocks[0](self._input(l, ab, mask, strokes))
        h2 = self.blocks[1](h1[..., ::2, ::2])
        h3 = self.blocks[2](h2[..., ::2, ::2])
        h4 = self.blocks[3](h3[..., ::2, ::2])
        if palette is not None:
            h4 = h4 + self._known_palette(palette)
        h8 = self.up8(self.blocks[4:](h4), h3)
        ab = self.last(self.up10(self.up9(h8, h2), h1))
        return HintAnswer(ab, None if self.suggestions is None else self.suggestions(h8))

    def _input(self, l, ab, mask, strokes):  # noqa: E741
        if (ab is None) != (mask is None):
            raise ValueError("Colors and the mask that says where they are known come together.")
        nothing = torch.zeros_like(l)
        known = [nothing, nothing, nothing] if ab is None else [ab * mask, mask]
        if self.arguments["strokes"]:
            known.append(nothing if strokes is None else strokes)
        elif strokes is not None:
            raise ValueError("This HintNet takes no strokes. Make it with strokes=True.")
        if self.arguments["carried"]:
            known += [nothing, nothing, nothing] if ab is None else self._carry(ab.float(), mask.float(), strokes)
        return torch.cat([l, *known], dim=1)

    def _carry(self, ab, mask, strokes):
        """What is known, at every pixel. In use, strokes stop it; in training they are only seen, since finding ways around takes long."""
        if self.training or strokes is None or not strokes.any():
            return pull_push(ab, mask)
        return carry_around(ab, mask, strokes)

    def _known_palette(self, palette):
        if self.palette is None:
            raise ValueError("This HintNet takes no palette. Make it with palette=True.")
        known = palette[:, -1:]  # what is not known adds nothing
        return (self.palette(palette) * known)[:, :, None, None]

    def to_ab(self, answer, temperature=None):
        """The colors of an answer: (B, 2, H, W), natural units. There is no temperature in them; it is taken to be called like others."""
        return natural_ab(answer.ab)

    def take_over(self, colorful):
        """Begin with the seven blocks of a trained `ColorfulNet` of the same widths; the weights of hints begin at 0, as in the paper.

        Parameters
        ----------
        colorful : ColorfulNet

        Returns
        -------
        self
        """
        weights = {name: value.clone() for name, value in colorful.state_dict().items() if name.startswith("blocks.")}
        first = torch.zeros_like(self.blocks[0][0].weight)
        first[:, :1] = weights["blocks.0.0.weight"]
        self.load_state_dict(self.state_dict() | weights | {"blocks.0.0.weight": first})
        return self


class _Up(nn.Module):
    """Double the resolution, add what the skip connection brings, then ``depth`` convolutions and batch normalization."""

    def __init__(self, channels, skipped, width, *, depth):
        super().__init__()
        self.up = nn.ConvTranspose2d(channels, width, kernel_size=4, stride=2, padding=1)
        self.skip = nn.Conv2d(skipped, width, kernel_size=3, padding=1)
        convolutions = [layer for _ in range(depth) for layer in convolve(width, width)]
        self.rest = nn.Sequential(nn.ReLU(), *convolutions, *([nn.BatchNorm2d(width)] if depth else []))

    def forward(self, coarse, fine):
        return self.rest(self.up(coarse) + self.skip(fine))
