"""Faces to try blending on, without any data set, and how often things were drawn."""

import cv2
import numpy as np
import torch
from scipy.stats import chisquare

from course_lib.data import photos, random_crops
from course_lib.deepfake.blend import Recipe

SIDE = 128
PLAIN = Recipe(ratio=1.0, blur=(0.02, 0.02))


def rng(seed=0):
    return np.random.default_rng(seed)


def drawn_face(seed=0, side=SIDE):
    """A smooth random picture in [.1, .9] with some grain: (side, side, 3)."""
    random = rng(seed)
    coarse = random.uniform(0.15, 0.85, (6, 6, 3)).astype(np.float32)
    grain = random.normal(0, 0.02, (side, side, 3)).astype(np.float32)
    return np.clip(cv2.resize(coarse, (side, side), interpolation=cv2.INTER_LINEAR) + grain, 0.1, 0.9)


def crops(count, side=SIDE, seed=0):
    """Parts of bundled photographs: uint8 (count, 3, side, side)."""
    return (random_crops(photos(), count, side, seed) * 255).round().to(torch.uint8)


FACE = drawn_face()


def sharpness(face):
    """The variance of the Laplacian of gray, on the scale of 0 to 255."""
    return cv2.Laplacian(255 * face @ np.float32([0.299, 0.587, 0.114]), cv2.CV_32F).var()


def as_likely_as(found, expected):
    """Whether counts are those of these probabilities: a dict of counts, a dict of probabilities."""
    assert set(found) == set(expected)
    total = sum(found.values())
    return chisquare([found[key] for key in expected], [total * part for part in expected.values()]).pvalue > 1e-3


def counted(values):
    values = list(values)
    return {value: values.count(value) for value in set(values)}
