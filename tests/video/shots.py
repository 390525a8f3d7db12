"""Small shots in memory, and networks that color them, for the tests of propagation."""

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from course_lib.models.propagation_net import PropagationNet
from course_lib.video.propagation import color_shot

SIZE = 48, 64
RED, GREEN = (40.0, 20.0), (-40.0, 30.0)
NOTHING_ALIKE = 100.0


def shot(count=6, seed=0, size=SIZE, speed=1, grain=2.0):
    """Soft noise that moves ``speed`` pixels to the right in each frame, (count, 1, H, W), L."""
    noise = np.random.default_rng(seed).standard_normal((size[0], size[1] + count * speed))
    smooth = torch.from_numpy(gaussian_filter(noise, grain)).float()
    wide = (50 + 18 * smooth / smooth.std()).clamp(0, 100)
    starts = [(count - step) * speed for step in range(count)]
    return torch.stack([wide[None, :, start : start + size[1]] for start in starts])


def flat(ab, size=SIZE):
    """One color all over, (2, H, W)."""
    return torch.tensor(ab)[:, None, None].expand(2, *size).clone()


def all_of_it(ab, lightness):
    """A still network that sees one color everywhere."""
    return flat(ab, lightness.shape[-2:]).expand(len(lightness), -1, -1, -1)


def by_tone(lightness):
    """A still network whose colors depend on the lightness: each frame gets others."""
    return torch.cat([lightness - 50, 0.5 * (50 - lightness)], dim=1)


def untrained(alike=0.7, seed=0):
    torch.manual_seed(seed)
    network = PropagationNet(widths=(4, 4, 4, 4), features=4).eval()
    with torch.no_grad():
        network.alike[1] = alike
    return network


def run(frames, keys, network=None, memory=None, longest=4, still=by_tone):
    """Color a shot: its memory, and what it yielded."""
    memory = {} if memory is None else memory
    return memory, list(color_shot(frames, keys, still, network, memory, longest))
