"""A detector whose answers are known: it takes bright pictures for manipulated ones. And pictures that it can tell apart."""

import torch
import torch.nn.functional as F
from torch import nn

from course_lib.data import LabeledPictures
from course_lib.deepfake.blend import Pairs
from course_lib.deepfake.detector import Detector
from course_lib.models.forgery_net import ForgeryAnswer

MIDDLE = 110  # of 255 levels: brighter pictures are called manipulated


class Bright(nn.Module):
    """A logit of one for each ten levels, of the picture's mean, above `MIDDLE`; the map is the brightness itself."""

    def forward(self, rgb):
        return ForgeryAnswer(
            (255 * rgb.mean(dim=(1, 2, 3)) - MIDDLE) / 10, F.avg_pool2d(rgb.mean(dim=1, keepdim=True), 8)
        )


DETECTOR = Detector("bright", 64 * "b", Bright())


def gray(levels, side=128):
    """Plain gray pictures of these levels: uint8 (N, 3, side, side)."""
    return torch.tensor(levels, dtype=torch.uint8)[:, None, None, None].repeat(1, 3, side, side)


def pairs_of(genuine, fake, ratios=None, side=128):
    """`Pairs` of gray pictures of these levels; the mask is 0 at the left, and to the right the ratio of each, or 1."""
    mask = torch.zeros(len(fake), 1, side, side)
    mask[..., side // 2 :] = torch.tensor(ratios or [1.0] * len(fake))[:, None, None, None]
    return Pairs(gray(genuine, side), gray(fake, side), mask)


def labeled(levels, names=None, side=200):
    """Gray pictures in the place of a split of `faces`; five of them have somebody of every group."""
    names = names or [f"{(25, 35, 50, 70)[row % 4]}_{row % 2}_{row % 5}_{row}.jpg" for row in range(len(levels))]
    return LabeledPictures(gray(levels, side), torch.zeros(len(levels), dtype=torch.long), ("male", "female"), names)
