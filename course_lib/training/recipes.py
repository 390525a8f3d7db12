"""What is trained for the course, by name: network, photographs, loss and budget of each checkpoint."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from course_lib import bins, color
from course_lib.data import petals
from course_lib.data.datasets import LabeledPictures, opencountry64, scenes
from course_lib.models import ColorfulNet, FusionNet, HintNet, HypercolumnRegressor, ShuffleUNet
from course_lib.models.checkpoints import load_checkpoint
from course_lib.models.colorful import SHRINKS
from course_lib.models.features import find_features
from course_lib.training.groups import BODY_RATE
from course_lib.training.losses import CrossEntropy, FeatureLoss, FusionLoss, HintLoss, l2
from course_lib.training.simulated_hints import simulate_hints

DRAWN = {"train": (256, 0), "validation": (64, 1)}  # petals: how many, and the seed


@dataclass(frozen=True)
class Recipe:
    """How one checkpoint is made.

    Attributes
    ----------
    objective : str
        What is minimized, in words.
    network : function
        Gives the network with its first, random weights.
    loss : function
        The training photographs' prior (313,) to a loss of answer and true ab.
    data : function
        "train" or "validation" to `LabeledPictures`.
    dataset : str
        What the data is called: the name of a manifest, or "petals".
    stages : tuple of (int, int)
        Epochs, and the side in pixels at which they see the photographs.
    batch_size : int
    rate : float
        The highest learning rate of the one cycle.
    seed : int
    shrinks : int
        How many times coarser the answer is than the input.
    reduced : bool
        Compute in bfloat16 where that is faster.
    inputs : function, optional
        Lightness, true colors and a seed for each picture to the inputs of the network; the lightness alone by default.
    labeled : bool
        Give the loss the classes of the photographs as well.
    lit : bool
        Give the loss the lightness of the photographs as well.
    head_alone : int
        For so many epochs the body of the network, if it has one, stays as it is.
    body_rate : float
        The body's learning rate, as a share of the head's.
    features : function, optional
        Gives the `PictureFeatures` that the loss compares pictures with.
    """

    objective: str
    network: Callable[[], nn.Module]
    loss: Callable
    data: Callable[[str], LabeledPictures] = scenes
    dataset: str = "scenes"
    stages: tuple = ((24, 64), (36, 96), (2, 128))
    batch_size: int = 32
    rate: float = 2e-3
    seed: int = 0
    shrinks: int = SHRINKS
    reduced: bool = True
    inputs: Callable | None = None
    labeled: bool = False
    lit: bool = False
    head_alone: int = 0
    body_rate: float = BODY_RATE
    features: Callable | None = None

    @property
    def epochs(self):
        return sum(epochs for epochs, _ in self.stages)

    @property
    def duration(self):
        """How long it trains, in words."""
        return " + ".join(f"{epochs} epochs at {side} px" for epochs, side in self.stages)

    @property
    def last_side(self):
        """The side of the photographs in the last epoch, and in validation."""
        return self.stages[-1][1]

    @property
    def plan(self):
        """Everything that the result depends on but the photographs and the code, in words."""
        model = self.network()
        network = f"{type(model).__name__} {model.arguments}"
        budget = f"stages {self.stages}, batch {self.batch_size}, rate {self.rate}, seed {self.seed}"
        if self.features is not None:
            budget += f", head alone {self.head_alone}, body rate {self.body_rate}, features {self.features().name}"
        return f"{self.objective} on {self.dataset}, {network}, {budget}"

    def side_of(self, epoch):
        """The side of the photographs in an epoch, counted from 0."""
        for epochs, side in self.stages:
            if epoch < epochs:
                return side
            epoch -= epochs
        return side


def regression(prior):
    """The squared distance: rare colors count by how often they occur."""
    return l2


def classification(prior):
    """Cross-entropy in which every pixel counts the same."""
    return CrossEntropy()


def rebalanced(prior):
    """Cross-entropy in which rare colors count more, by the weights of the paper."""
    return CrossEntropy(bins.rebalancing_weights(prior))


def hinted(prior):
    """The Huber penalty of the colors, and the cross-entropy of the suggestions."""
    return HintLoss()


def fused(prior):
    """The squared distance, and with classes the cross-entropy of those."""
    return FusionLoss()


def looking_alike(prior):
    """How different pictures look to the best feature network on this machine, and the distance of their colors."""
    return FeatureLoss(best_features())


def best_features():
    """VGG-16 where its weights are, else the course's own network."""
    return find_features()[0]


def shuffle_unet():
    """The small `ShuffleUNet` on the body that was trained to name scenes."""
    return ShuffleUNet.for_cpu().take_body(load_checkpoint("scenes-body"))


def hint_net():
    """The small `HintNet`, beginning with what the network of the L2 loss has learned."""
    return HintNet.for_cpu().take_over(load_checkpoint("scenes-l2"))


def fusion_net(trained):
    """The small `FusionNet` with an encoder that was trained on scenes, or one that was not."""
    classifier = load_checkpoint("scenes-semantics")
    arguments = classifier.arguments
    model = FusionNet.for_cpu(embedding=arguments["widths"][-1], encoder=arguments)
    if trained:
        model.embed.classifier.load_state_dict(classifier.state_dict())
    return model


def drawn(split):
    """Scenes of the toy world as if they were photographs: `LabeledPictures`, 32 x 32, always the same, all of one class."""
    return as_photographs(petals(DRAWN[split][0], size=32, seed=DRAWN[split][1]))


def as_photographs(drawn_scenes):
    """Drawn scenes with 8 bits for each value: `LabeledPictures`, all of one class."""
    rgb = (drawn_scenes.rgb * 255).round().byte()
    return LabeledPictures(rgb, torch.zeros(len(rgb)).long(), ("petals",), [f"scene {row}" for row in range(len(rgb))])


_scenes = partial(Recipe, data=scenes, dataset="scenes")
# One category at a size of a thumbnail, as in the first course papers that compared the two.
_opencountry = partial(
    Recipe,
    data=partial(opencountry64, category="opencountry"),
    dataset="opencountry64",
    stages=((40, 64),),
    shrinks=1,
)
# The four ways to know what is in a picture; 64 numbers say it, where it is said.
_fusion = partial(_scenes, loss=fused, stages=((20, 64), (16, 96), (4, 128)), rate=1e-3, shrinks=1)

RECIPES = {
    "scenes-l2": _scenes("L2", lambda: ColorfulNet.for_cpu(outputs=2), regression),
    "scenes-classification": _scenes("cross-entropy", ColorfulNet.for_cpu, classification),
    "scenes-rebalanced": _scenes("cross-entropy, rebalanced", ColorfulNet.for_cpu, rebalanced),
    "scenes-fusion": _fusion("L2, trained embedding", partial(fusion_net, trained=True)),
    "scenes-fusion-untrained": _fusion("L2, untrained embedding", partial(fusion_net, trained=False)),
    "scenes-fusion-none": _fusion("L2, no embedding", partial(FusionNet.for_cpu, embedding=0)),
    "scenes-fusion-joint": _fusion("L2 and classes", partial(FusionNet.for_cpu, embedding=64, classes=6), labeled=True),
    "scenes-hints": _scenes(
        "Huber, with hints",
        hint_net,
        hinted,
        stages=((4, 64), (6, 96), (4, 128)),
        rate=1e-3,
        shrinks=1,
        inputs=simulate_hints,
    ),
    "scenes-nogan-start": _scenes(
        "features and L1",
        shuffle_unet,
        looking_alike,
        stages=((8, 64), (6, 96), (4, 128)),
        rate=2e-3,
        shrinks=1,
        lit=True,
        head_alone=2,
        features=best_features,
    ),
    "opencountry-regression": _opencountry("L2", HypercolumnRegressor.for_cpu, regression),
    "opencountry-classification": _opencountry(
        "cross-entropy", partial(HypercolumnRegressor.for_cpu, outputs=bins.COUNT), classification
    ),
    # Needs no data and takes seconds: to see how the command works.
    "petals-classification": Recipe(
        "cross-entropy",
        partial(ColorfulNet, widths=(8, 16, 24, 32, 24)),
        classification,
        data=drawn,
        dataset="petals",
        stages=((6, 32), (2, 40)),
        rate=5e-3,
        reduced=False,
    ),
}


def prior_of(photographs, batch_size=256):
    """The smoothed prior of the colors of photographs, `LabeledPictures`: (313,)."""
    batches = photographs.rgb[:, :, ::2, ::2].split(batch_size)
    return bins.color_prior(color.rgb_to_lab(batch)[:, 1:] for batch in batches)
