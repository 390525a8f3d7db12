"""Networks, one file each, with the size of the paper and a size for CPUs."""

from course_lib.models.colorful import ColorfulNet
from course_lib.models.forgery_net import ForgeryNet
from course_lib.models.fusion import FusionNet
from course_lib.models.hint_net import HintNet
from course_lib.models.hypercolumn import HypercolumnRegressor
from course_lib.models.patch_discriminator import PatchDiscriminator
from course_lib.models.propagation_net import PropagationNet
from course_lib.models.shuffle_unet import ShuffleUNet
from course_lib.models.unet import UNetGenerator

__all__ = [
    "ColorfulNet",
    "ForgeryNet",
    "FusionNet",
    "HintNet",
    "HypercolumnRegressor",
    "PatchDiscriminator",
    "PropagationNet",
    "ShuffleUNet",
    "UNetGenerator",
]
