"""The network of "Colorful Image Colorization" (R. Zhang, P. Isola and A. A. Efros, ECCV 2016): from lightness to distributions."""

from torch import nn

from course_lib import bins
from course_lib.models.answers import natural_ab

SHRINKS = 4  # the answer has a quarter of the input's resolution


class ColorfulNet(nn.Module):
    """Eight blocks of convolutions, each but the last closed by batch normalization, and one color distribution per 4 x 4 pixels.

    Resolution falls to an eighth by strides, stays there while dilated convolutions look further, and doubles once before the
    answer: there is no pooling and there are no skip connections.

    Parameters
    ----------
    widths : sequence of int
        Channels of blocks 1, 2, 3, 4 to 7, and 8. The paper's by default.
    outputs : int
        Channels of the answer: 313 for a distribution (the default), 2 for a regression of a and b.

    Notes
    -----
    At the paper's widths it has 32,236,011 parameters. 626 of them are the fixed last layer of the released network, which takes the
    expectation of the bins; `to_ab` applies it.
    """

    def __init__(self, *, widths=(64, 128, 256, 512, 256), outputs=bins.COUNT):
        super().__init__()
        self.arguments = {"widths": list(widths), "outputs": outputs}
        first, second, third, middle, last = widths
        self.blocks = nn.Sequential(
            block(1, first, depth=2, stride=2),
            block(first, second, depth=2, stride=2),
            block(second, third, depth=3, stride=2),
            block(third, middle, depth=3),
            block(middle, middle, depth=3, dilation=2),
            block(middle, middle, depth=3, dilation=2),
            block(middle, middle, depth=3),
        )
        self.head = nn.Sequential(
            nn.ConvTranspose2d(middle, last, kernel_size=4, stride=2, padding=1),
            nn.ReLU(),
            *convolve(last, last),
            *convolve(last, last),
            nn.Conv2d(last, outputs, kernel_size=1),
        )
        self.expectation = _expectation() if outputs == bins.COUNT else None

    @classmethod
    def for_cpu(cls, outputs=bins.COUNT):
        """A narrow network of the same build: 2.4 million parameters, trained on a laptop within an hour."""
        return cls(widths=(32, 64, 96, 128, 96), outputs=outputs)

    def forward(self, l):  # noqa: E741 - l is the symbol of the field
        """The answer for a batch of lightness.

        Parameters
        ----------
        l : tensor, (B, 1, H, W)
            Lightness in network units; sides that are multiples of 8 give answers of exactly a quarter.

        Returns
        -------
        answer : tensor, (B, outputs, H / 4, W / 4)
            Logits over `bins.AB_BINS`, or a and b in network units.
        """
        return self.head(self.blocks(l))

    def to_ab(self, answer, temperature=0.38):
        """The colors that an answer stands for: (B, 2, H / 4, W / 4), natural units.

        Parameters
        ----------
        answer : tensor
            From `forward`.
        temperature : float
            Of the annealed mean; a regression has none.
        """
        if self.expectation is None:
            return natural_ab(answer)
        return self.expectation((answer / temperature).softmax(dim=1))


def block(channels, width, *, depth, stride=1, dilation=1):
    """``depth`` convolutions, the last of which may stride, then batch normalization."""
    layers = []
    for place in range(depth):
        layers += convolve(channels if place == 0 else width, width, stride if place == depth - 1 else 1, dilation)
    return nn.Sequential(*layers, nn.BatchNorm2d(width))


def convolve(channels, width, stride=1, dilation=1):
    """A 3 x 3 convolution that keeps the size but for its stride, and its ReLU."""
    return nn.Conv2d(channels, width, 3, stride, padding=dilation, dilation=dilation), nn.ReLU()


def _expectation():
    """The mean of the bins under a distribution as a 1x1 convolution that is never trained."""
    layer = nn.Conv2d(bins.COUNT, 2, kernel_size=1, bias=False).requires_grad_(False)
    layer.weight.copy_(bins.AB_BINS.T[:, :, None, None])
    return layer
