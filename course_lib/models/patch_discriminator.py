"""The critic of pix2pix: it says of every patch of a picture whether it looks real."""

from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

NORMS = ("batch", "spectral", "none")


class PatchDiscriminator(nn.Module):
    """Convolutions from a picture to a map of logits, above 0 where a patch looks real. There is no answer for the picture as a whole.

    P. Isola, J.-Y. Zhu, T. Zhou and A. A. Efros, "Image-to-Image Translation with Conditional Adversarial Networks" (CVPR 2017), 6.1.2.
    The picture comes with its lightness, so that the critic sees what the generator was given: three channels, Lab.

    Parameters
    ----------
    widths : sequence of int
        Channels of its layers; all but the last of them halve the resolution. The paper's, for patches of 70 pixels, by default.
    channels : int
        Of the picture.
    norm : str
        "batch" (the paper's), "spectral" (T. Miyato and others, 2018: no layer can amplify by more than 1) or "none".
    kernel : int
        4, or 1 for a critic that judges every pixel alone and halves nothing.

    Notes
    -----
    The paper's network has 2,765,633 parameters on 3 channels.
    """

    def __init__(self, *, widths=(64, 128, 256, 512), channels=3, norm="batch", kernel=4):
        super().__init__()
        if norm not in NORMS:
            raise ValueError(f"There is no norm {norm!r}. There are {', '.join(NORMS)}.")
        if kernel not in (1, 4):
            raise ValueError(f"The kernel is 4, or 1 to judge pixels alone, got {kernel}.")
        self.arguments = {"widths": list(widths), "channels": channels, "norm": norm, "kernel": kernel}
        layers = []
        for place, width in enumerate(widths):
            stride = 2 if kernel == 4 and place < len(widths) - 1 else 1
            # Real pictures and colorized ones are normalized apart: without statistics in the first layer their levels stay visible.
            layers += _layer(channels, width, kernel, stride, "none" if norm == "batch" and place == 0 else norm)
            channels = width
        self.layers = nn.Sequential(*layers, *_convolve(channels, 1, kernel, 1, norm))

    @classmethod
    def for_cpu(cls, norm="batch"):
        """Narrow, for patches of 34 pixels: 167 thousand parameters."""
        return cls(widths=(32, 64, 128), norm=norm)

    def forward(self, lab):
        """Pictures, (B, 3, H, W), lightness and colors in network units, to logits, (B, 1, h, w)."""
        return self.layers(lab)

    @property
    def receptive_field(self):
        """The side of the patch that one logit depends on, in pixels."""
        side = 1
        for layer in reversed([layer for layer in self.layers if isinstance(layer, nn.Conv2d)]):
            side = (side - 1) * layer.stride[0] + layer.kernel_size[0]
        return side


def _layer(channels, width, kernel, stride, norm):
    batch = [nn.BatchNorm2d(width)] if norm == "batch" else []
    return [*_convolve(channels, width, kernel, stride, norm, bias=not batch), *batch, nn.LeakyReLU(0.2)]


def _convolve(channels, width, kernel, stride, norm, bias=True):
    convolution = nn.Conv2d(channels, width, kernel, stride, padding=1 if kernel == 4 else 0, bias=bias)
    return [spectral_norm(convolution) if norm == "spectral" else convolution]
