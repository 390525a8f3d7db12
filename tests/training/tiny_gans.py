"""What the tests of GANs train: networks of a few hundred weights, on a few drawn scenes, for a few steps."""

from functools import cache

import torch

from course_lib.data import petals
from course_lib.models import PatchDiscriminator, UNetGenerator
from course_lib.training.gan import GanPlan, train_gan
from course_lib.training.recipes import as_photographs


@cache
def photographs():
    """Drawn scenes of 16 x 16 pixels: dict of `LabeledPictures`."""
    return {split: as_photographs(petals(24, size=16, seed=seed)) for split, seed in (("train", 0), ("validation", 1))}


def generator(dropped=1):
    """A U-Net with two halvings, or with dropout three."""
    return UNetGenerator(widths=(4, 6, 8)[: 2 + dropped], dropped=dropped)


def critic(norm="spectral", seed=1):
    torch.manual_seed(seed)
    return PatchDiscriminator(widths=(4, 6), norm=norm)


def plan(**options):
    return GanPlan(
        **{"epochs": 2, "steps": 4, "side": 16, "batch_size": 4, "rate": 2e-3, "critic_rate": 2e-3, **options}
    )


def train(the_plan=None, make=generator, the_critic=None, **options):
    """Train small networks: `GanState`."""
    the_critic = critic() if the_critic is None else the_critic
    return train_gan(make, the_critic, photographs(), plan() if the_plan is None else the_plan, **options)


def same(one, other):
    """Whether two dicts of tensors are equal, bit for bit."""
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)
