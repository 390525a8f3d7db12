"""NoGAN in small: its three phases on drawn meadows, each within a minute, and what became of the petals."""

from dataclasses import replace

import torch
import torch.nn.functional as F

from course_lib import color
from course_lib.data import petals
from course_lib.data.petals import ALTERNATIVES, REGIONS, conditional
from course_lib.models import PatchDiscriminator, ShuffleUNet
from course_lib.models.checkpoints import as_saved, load_checkpoint
from course_lib.models.features import scene_features
from course_lib.training.gan import GanPlan, train_gan
from course_lib.training.losses import FeatureLoss
from course_lib.training.nogan import CriticPlan
from course_lib.training.recipes import Recipe, as_photographs
from course_lib.training.run import run

SIDE = 64  # pixels
STAGES = ((4, 32), (4, 48), (2, 64))  # epochs of phase 1, and the side of the pictures
CRITIC = CriticPlan(accuracy=0.88, epochs=10, pictures=256)
GAN = GanPlan(
    epochs=9,
    steps=26,
    side=SIDE,
    rate=4e-4,
    critic_rate=5e-4,
    adversarial=0.3,
    l1=1.0,
    features=1.0,
    critic_below=0.65,
    average=0.9,
)
PETALS = tuple(ALTERNATIVES["petals"])


# ---- meadows


def draw_meadows(count, held_out):
    """Meadows to train on and to measure with: a dict of `Petals`, "train" and "validation"."""
    return {"train": petals(count, size=SIDE, seed=0), "validation": petals(held_out, size=SIDE, seed=1)}


def photographs_of(meadows):
    """The same as `LabeledPictures`, which the trainings of the course take."""
    return {split: as_photographs(scenes) for split, scenes in meadows.items()}


# ---- the three phases


def first_generator():
    """The small `ShuffleUNet`, on a body that has learned to name scenes in gray photographs."""
    return ShuffleUNet.for_cpu().take_body(load_checkpoint("scenes-body"))


def generator_of(weights):
    """A generator in evaluation mode with these weights, as a training gave them or as a snapshot, rounded to half precision."""
    network = ShuffleUNet.for_cpu()
    network.load_state_dict(as_saved(weights))
    return network.eval()


def train_start(photographs, stages=STAGES):
    """Phase 1: the generator alone, on the feature loss, with growing pictures; in the first two epochs the body stays as it is.

    Returns
    -------
    State
        ``best`` holds the weights, ``history`` the losses of every epoch.
    """
    recipe = Recipe(
        "features and L1",
        first_generator,
        lambda prior: FeatureLoss(scene_features()),
        dataset="petals",
        stages=stages,
        batch_size=16,
        shrinks=1,
        lit=True,
        head_alone=2,
    )
    return run("petals", recipe, photographs, None, states=None)


def first_critic():
    """The small critic, under a spectral norm."""
    return PatchDiscriminator.for_cpu("spectral")


def train_together(weights, critic, photographs, plan=GAN, **changes):
    """Phase 3: a generator with these weights and a critic, against each other.

    Parameters
    ----------
    weights : dict of tensors
        Of the generator, after phase 1.
    critic : nn.Module
        After phase 2. It is trained as well.
    photographs : dict of LabeledPictures
    plan : GanPlan
    changes
        Other values for some of the plan's.

    Returns
    -------
    GanState
    """
    generator = generator_of(weights).train()
    plan = replace(plan, **changes)
    return train_gan(ShuffleUNet.for_cpu, critic, photographs, plan, generator=generator, features=scene_features())


# ---- petals


def petal_ab(rgb, scenes):
    """The colors of all pixels of petals in colorizations of drawn scenes: a and b, (P, 2)."""
    return color.rgb_to_lab(rgb)[:, 1:].movedim(1, -1)[scenes.regions == REGIONS.index("petals")]


def petal_chroma(rgb, scenes):
    """The mean chroma of petals: how far they are from gray."""
    return petal_ab(rgb, scenes).norm(dim=1).mean().item()


def flowers(rgb, scenes):
    """The mean color and the mean lightness of each flower: tensors (F, 2) and (F,)."""
    lab = color.rgb_to_lab(rgb).movedim(1, -1)
    masks = [
        (row, scenes.parts[row] == part) for row in range(len(rgb)) for part in scenes.parts[row].unique() if part >= 4
    ]
    means = torch.stack([lab[row][mask].mean(dim=0) for row, mask in masks])
    return means[:, 1:], means[:, 0]


def named(ab):
    """The place in `PETALS` of the color whose hue is nearest to each of (F, 2): (F,)."""
    return (F.normalize(ab) @ F.normalize(conditional("petals")[0]).T).argmax(dim=1)


def shares(ab):
    """How many flowers, (F, 2), have each color of `PETALS`, as shares: (4,)."""
    return torch.bincount(named(ab), minlength=len(PETALS)) / len(ab)


def apart(ab, lightness):
    """How far two flowers are apart in ab, on average, that are neighbors in lightness: 0 if lightness decides the color."""
    ordered = ab[lightness.argsort()]
    return (ordered[1:] - ordered[:-1]).norm(dim=1).mean().item()
