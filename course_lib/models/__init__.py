"""Networks, one file each, with the size of the paper and a size for CPUs."""

from course_lib.models.colorful import ColorfulNet
from course_lib.models.fusion import FusionNet
from course_lib.models.hint_net import HintNet
from course_lib.models.hypercolumn import HypercolumnRegressor

__all__ = ["ColorfulNet", "FusionNet", "HintNet", "HypercolumnRegressor"]
