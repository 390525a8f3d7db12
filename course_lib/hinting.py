"""Hints in small: networks that learn them within seconds, and hints that the truth itself gives."""

import torch

from course_lib import color, metrics
from course_lib.hints import SIZE, Hints, Point
from course_lib.models import HintNet
from course_lib.training import learner, train
from course_lib.training.batches import photograph_loaders
from course_lib.training.evaluate_hints import painted
from course_lib.training.losses import HintLoss
from course_lib.training.photographs import PreparePhotographs
from course_lib.training.recipes import as_photographs
from course_lib.training.simulated_hints import WRONG, draw_patch, simulate_hints


def small_net():
    """A `HintNet` that learns drawn meadows within seconds."""
    return HintNet(widths=(16, 24, 32, 48), decoder=(32, 24, 16), carried=True)


def train_on(scenes, unseen, epochs, wrong=WRONG, rate=4e-3, batch_size=16):
    """A small `HintNet` that learned from drawn scenes with simulated hints.

    Parameters
    ----------
    scenes, unseen : PetalScenes
        To learn from, and to measure the loss on.
    epochs : int
    wrong : float
        How often a hint was wrong.
    rate : float
        The highest learning rate.
    batch_size : int

    Returns
    -------
    model : HintNet
    curve : Curve
    """
    side = scenes.rgb.shape[-1]
    batches = photograph_loaders(as_photographs(scenes), as_photographs(unseen), batch_size)
    learn = learner(small_net(), batches, HintLoss())

    def inputs(l, ab, seeds):  # noqa: E741 - l is the symbol of the field
        return simulate_hints(l, ab, seeds, wrong)[:3]  # points alone

    learn.add_cb(PreparePhotographs(lambda epoch: side, shrinks=1, inputs=inputs))
    curve = train(learn, epochs, rate)
    return learn.model.cpu().eval(), curve


def draw_patches(scenes, count, side=3):
    """Some patches with the true colors of each scene, always the same: a list of lists of `Patch`."""
    _, true_ab = color.normalize(scenes.lab)
    generators = [torch.Generator().manual_seed(row) for row in range(len(true_ab))]
    pairs = zip(true_ab, generators, strict=True)
    return [[draw_patch(ab, generator, side) for _ in range(count)] for ab, generator in pairs]


@torch.no_grad()
def with_patches(model, scenes, patches):
    """The scenes in the colors of a network that sees these patches: (B, 3, H, W)."""
    l, _ = color.normalize(scenes.lab)  # noqa: E741
    return color.join(scenes.lightness[:, None], model.to_ab(model(l, *painted(patches, l.shape[-2:]))))


def mean_psnr(rgb, truth):
    """The mean PSNR of pictures, dB."""
    return metrics.psnr(rgb, truth).mean().item()


def true_hints(rgb, count, seed=0, side=SIZE):
    """What somebody would say who knows the photograph: its own colors at places around the middle.

    Parameters
    ----------
    rgb : tensor, (3, H, W)
    count : int
        How many points. A smaller number gives the first ones of a larger number.
    seed : int
    side : float
        Of the points, as a share of the shorter side.

    Returns
    -------
    Hints
    """
    ab = color.rgb_to_lab(rgb)[1:]
    generator = torch.Generator().manual_seed(seed)
    pixels = max(1, round(side * min(ab.shape[-2:])))
    return Hints([to_point(draw_patch(ab, generator, pixels), ab.shape[-2:]) for _ in range(count)])


def to_point(patch, size):
    """A patch in natural units on a picture of ``size`` (H, W) as a `Point`."""
    row, column = (
        (place + patch.side / 2) / length for place, length in zip((patch.top, patch.left), size, strict=True)
    )
    return Point(row, column, *patch.ab.tolist(), patch.side / min(size))
