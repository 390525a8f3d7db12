"""Networks, one file each, with the size of the paper and a size for CPUs."""

from course_lib.models.colorful import ColorfulNet
from course_lib.models.hypercolumn import HypercolumnRegressor

__all__ = ["ColorfulNet", "HypercolumnRegressor"]
