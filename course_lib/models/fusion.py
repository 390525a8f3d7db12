"""Encoder, fusion and decoder of "Deep Koalarization" (F. Baldassarre, D. Gonzalez Morin and L. Rodes-Guirao, 2017)."""

from typing import NamedTuple

import torch
from torch import nn

from course_lib.models.answers import natural_ab
from course_lib.models.semantics import SceneEmbedding

PAPER = (64, 128, 128, 256, 256, 512, 512, 256)
LOW_LEVEL = 12  # layers of the encoder, six convolutions with their ReLU, that Iizuka's two streams share


class FusionAnswer(NamedTuple):
    """What a `FusionNet` answers: a and b in network units, (B, 2, H, W), and the logits of the classes, (B, classes), or None."""

    ab: torch.Tensor
    logits: torch.Tensor | None


class FusionNet(nn.Module):
    """An encoder of lightness, to whose every place the embedding of the whole picture is joined, and a decoder of colors.

    Parameters
    ----------
    widths : sequence of int
        Channels of the eight convolutions of the encoder, three of which stride. The last is that of the fusion too, and the decoder
        has a half, a quarter and an eighth of it. The paper's by default.
    embedding : int
        Length of the embedding: 1001 in the paper. 0 for a network that is told nothing.
    encoder : dict, optional
        Arguments of a `SceneClassifier` which gives the embedding, when none is given, and which is not trained.
    classes : int, optional
        Learn the embedding together with the colors, from these classes: the two streams of S. Iizuka, E. Simo-Serra and H. Ishikawa,
        "Let there be Color!" (SIGGRAPH 2016).

    Notes
    -----
    At the paper's size it has 6,574,050 parameters to train.
    """

    def __init__(self, *, widths=PAPER, embedding=1001, encoder=None, classes=None):
        super().__init__()
        self.arguments = {"widths": list(widths), "embedding": embedding, "encoder": encoder, "classes": classes}
        last = widths[-1]
        self.encoder = nn.Sequential(*_encoder_layers(widths))
        self.fusion = nn.Sequential(nn.Conv2d(last + embedding, last, kernel_size=1), nn.ReLU())
        self.decoder = nn.Sequential(*_decoder_layers(last))
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")  # nothing in it normalizes
                nn.init.zeros_(layer.bias)
        self.embed = SceneEmbedding(**encoder) if encoder else None
        self.stream = _GlobalStream(widths[5], embedding, classes) if classes else None

    @classmethod
    def for_cpu(cls, **arguments):
        """A quarter of the paper's widths: 0.4 million parameters."""
        return cls(widths=[width // 4 for width in PAPER], **arguments)

    def forward(self, l, embedding=None):  # noqa: E741 - l is the symbol of the field
        """Colors for a batch of lightness.

        Parameters
        ----------
        l : tensor, (B, 1, H, W)
            Lightness in network units; the sides are multiples of 8.
        embedding : tensor, (B, E), optional
            What is in the picture. Left out, the network's own encoder says it.

        Returns
        -------
        FusionAnswer
        """
        low = self.encoder[:LOW_LEVEL](l)
        logits = None
        if embedding is None:
            embedding, logits = self._own_embedding(l, low)
        fused = self.fusion(fuse(self.encoder[LOW_LEVEL:](low), embedding))
        return FusionAnswer(self.decoder(fused), logits)

    def _own_embedding(self, l, low):  # noqa: E741
        if self.stream is not None:
            return self.stream(low)
        if self.embed is not None:
            return self.embed(l), None
        if self.arguments["embedding"]:
            raise ValueError("This FusionNet has no encoder of its own: give it the embedding of each picture.")
        return l.new_zeros(len(l), 0), None

    def to_ab(self, answer, temperature=None):
        """The colors of an answer: (B, 2, H, W), natural units. There is no temperature in them; it is taken to be called like others."""
        return natural_ab(answer.ab)


def fuse(features, embedding):
    """Features (B, C, H, W) with the embedding (B, E) of the whole picture repeated at every place: (B, C + E, H, W)."""
    repeated = embedding[:, :, None, None].expand(-1, -1, *features.shape[-2:])
    return torch.cat([features, repeated.to(features.dtype)], dim=1)


class _GlobalStream(nn.Module):
    """From low-level features to one embedding of the picture, and from that to the logits of its class."""

    def __init__(self, channels, embedding, classes):
        super().__init__()
        self.features = nn.Sequential(
            *_convolve(channels, embedding, stride=2),
            *_convolve(embedding, embedding),
            *_convolve(embedding, embedding, stride=2),
            *_convolve(embedding, embedding),
            nn.AdaptiveAvgPool2d(1),  # the paper flattens, and so takes one size of pictures only
            nn.Flatten(),
            nn.Linear(embedding, embedding),
            nn.ReLU(),
        )
        self.classify = nn.Linear(embedding, classes)

    def forward(self, low):
        embedding = self.features(low)
        return embedding, self.classify(embedding)


def _encoder_layers(widths):
    strides = (2, 1, 2, 1, 2, 1, 1, 1)
    for channels, width, stride in zip((1, *widths), widths, strides, strict=False):
        yield from _convolve(channels, width, stride)


def _decoder_layers(width):
    yield from _convolve(width, width // 2)
    yield nn.Upsample(scale_factor=2)
    yield from _convolve(width // 2, width // 4)
    yield from _convolve(width // 4, width // 4)
    yield nn.Upsample(scale_factor=2)
    yield from _convolve(width // 4, width // 8)
    yield nn.Conv2d(width // 8, 2, 3, padding=1)
    yield nn.Tanh()
    yield nn.Upsample(scale_factor=2)


def _convolve(channels, width, stride=1):
    return nn.Conv2d(channels, width, 3, stride, padding=1), nn.ReLU()
