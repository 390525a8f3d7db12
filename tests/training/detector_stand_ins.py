"""Stand-ins for the evaluation of the detector: gray faces in the place of the splits, fakes that are brighter, and few bootstrap draws."""

import numpy as np
import torch

from course_lib.deepfake.blend import Pairs
from course_lib.deepfake.calibrate import bootstrap
from course_lib.training import evaluate_detector as evaluate
from course_lib.training.detection import DrawPairs
from tests.deepfake.bright import labeled, pairs_of

COUNTS = {"train": 9, "validation": 5, "calibration": 6, "test": 4}  # of the stand-ins of the splits


def record_draws(patch):
    seen = []

    def few(measure, scores, manipulated, groups=None):
        seen.append((torch.as_tensor(scores), torch.as_tensor(manipulated), groups))
        return bootstrap(measure, scores, manipulated, 20, groups=groups)

    patch.setattr(evaluate.calibrate, "bootstrap", few)
    return seen


def noise(strength, count, seed):
    """Gray pictures with noise, of one mean: uint8 (N, 3, 128, 128)."""
    grain = np.random.default_rng(seed).normal(0, strength, (count, 1, 128, 128))
    return torch.from_numpy(np.clip(110 + grain, 0, 255)).to(torch.uint8).repeat(1, 3, 1, 1)


def splits(monkeypatch):
    """Stand-ins for the splits of `faces`; which ones are read, in order."""
    asked = []

    def faces(split, **options):
        asked.append(split)
        assert not options
        base = {"train": 200, "validation": 90, "calibration": 100, "test": 80}[split]
        return labeled([base + 2 * row for row in range(COUNTS[split])])

    monkeypatch.setattr(evaluate, "faces", faces)
    return asked


def watched_cases(monkeypatch):
    """In the place of `cases`: genuine pictures as they are, and fakes that are brighter by ten levels or so. How it was called."""
    seen = []

    def cases(kind, rgb, seed, count=evaluate.FAKES, *rest):
        seen.append((kind, rgb, seed))
        genuine = rgb[..., :128, :128].repeat(count, 1, 1, 1)
        rows = torch.arange(len(genuine))
        ratios = (0.25 * (1 + 4 * rows // len(rows))).tolist()
        fake = (genuine + 8 + rows[:, None, None, None] % 3).to(torch.uint8)
        return Pairs(genuine, fake, pairs_of([0], [0]).mask * torch.tensor(ratios)[:, None, None, None])

    monkeypatch.setattr(evaluate, "cases", cases)
    return seen


def stop_in_the_second_epoch(patch):
    """Somebody interrupts the training of a detector, one batch into its second epoch."""
    original = DrawPairs.before_batch

    def stop(self):
        if self.training and (self.epoch, self.iter) == (1, 1):
            raise KeyboardInterrupt
        original(self)

    patch.setattr(DrawPairs, "before_batch", stop)
