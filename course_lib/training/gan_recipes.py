"""The GANs that are trained for the course, by name."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from course_lib.data.datasets import scenes
from course_lib.models import PatchDiscriminator, ShuffleUNet, UNetGenerator
from course_lib.training.gan import GanPlan
from course_lib.training.nogan import CriticPlan
from course_lib.training.recipes import best_features
from course_lib.training.stopping import StopRule

HELD_OUT = 256  # validation photographs that a GAN is measured on while it trains


@dataclass(frozen=True)
class GanRecipe:
    """How the generator of one checkpoint is made.

    Attributes
    ----------
    objective : str
        What is minimized, in words.
    network, critic : functions
        Give the networks with their first, random weights.
    plan : GanPlan
    start : str, optional
        The checkpoint that the generator begins with: phase 1 of NoGAN.
    critic_plan : CriticPlan, optional
        Train the critic alone first: phase 2 of NoGAN.
    rule : StopRule, optional
        Ends the training and chooses the generator to keep; the last one is kept by default.
    features : function, optional
        Gives the `PictureFeatures` of the feature loss.
    data : function
        "train" or "validation" to `LabeledPictures`.
    dataset : str
    """

    objective: str
    network: Callable[[], nn.Module]
    critic: Callable[[], nn.Module]
    plan: GanPlan
    start: str | None = None
    critic_plan: CriticPlan | None = None
    rule: StopRule | None = None
    features: Callable | None = None
    data: Callable = scenes
    dataset: str = "scenes"

    @property
    def duration(self):
        """How long it trains, in words."""
        return f"at most {self.plan.epochs * self.plan.steps} steps at {self.plan.side} px"

    @property
    def description(self):
        """Everything that the result depends on but the photographs and the code, in words."""
        networks = ", ".join(f"{type(each).__name__} {each.arguments}" for each in (self.network(), self.critic()))
        chosen = f", features {self.features().name}" if self.features is not None else ""
        begin = f", begins with {self.start}, {self.critic_plan}" if self.start else ""
        return f"{self.objective} on {self.dataset}, {networks}, {self.plan}{chosen}{begin}, {self.rule}"


def spectral_critic():
    """A small critic none of whose layers can amplify: it cannot run away from a small generator."""
    return PatchDiscriminator.for_cpu("spectral")


GANS = {
    "scenes-pix2pix": GanRecipe(
        "adversarial and L1",
        UNetGenerator.for_cpu,
        spectral_critic,
        GanPlan(epochs=40, steps=100, side=128, rate=5e-4, critic_rate=4e-4, l1=10.0, average=0.99),
    ),
    "scenes-nogan": GanRecipe(
        "adversarial and features",
        ShuffleUNet.for_cpu,
        spectral_critic,
        GanPlan(
            epochs=50,
            steps=20,
            side=128,
            rate=1e-4,
            critic_rate=5e-4,
            adversarial=0.3,
            l1=1.0,
            features=1.0,
            critic_below=0.65,
            head_alone=5,
            average=0.95,
        ),
        start="scenes-nogan-start",
        critic_plan=CriticPlan(accuracy=0.85),
        rule=StopRule(share=0.98, patience=12),
        features=best_features,
    ),
}
