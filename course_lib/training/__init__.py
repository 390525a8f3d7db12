"""Losses, data on its way to a network, and training with fastai's Learner.

Importing this imports fastai, which takes seconds: only the lessons that train do it.
"""

import warnings

# torch warns fastai's layers.py while it is imported; there is nothing that a reader could do about it.
warnings.filterwarnings("ignore", message=r"`torch\.jit\.script` is deprecated", category=FutureWarning)

from course_lib.training.augment import jitter_lightness  # noqa: E402 - the filter has to come first
from course_lib.training.batches import dataloaders  # noqa: E402
from course_lib.training.learners import Curve, learner, train  # noqa: E402
from course_lib.training.losses import LOSSES, huber, l1, l2  # noqa: E402
from course_lib.training.predict import predict, predict_ab  # noqa: E402

__all__ = [
    "LOSSES",
    "Curve",
    "dataloaders",
    "huber",
    "jitter_lightness",
    "l1",
    "l2",
    "learner",
    "predict",
    "predict_ab",
    "train",
]
