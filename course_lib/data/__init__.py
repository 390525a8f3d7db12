"""Pictures to learn from: drawn scenes, bundled photographs, your own folder, and the door for all other pictures.

``petals``, ``photos`` and ``folder`` are functions here; what else their modules hold is imported from the modules by
name, as in ``from course_lib.data.petals import conditional_mean``.
"""

from course_lib.data.folder import folder
from course_lib.data.images import as_image, read_image
from course_lib.data.petals import petals
from course_lib.data.photos import TEST_PHOTOS, TRAIN_PHOTOS, fit, motorcycle_pair, photo, photos, random_crops

__all__ = [
    "TEST_PHOTOS",
    "TRAIN_PHOTOS",
    "as_image",
    "fit",
    "folder",
    "motorcycle_pair",
    "petals",
    "photo",
    "photos",
    "random_crops",
    "read_image",
]
