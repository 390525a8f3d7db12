"""Pictures to learn from: drawn scenes, bundled photographs, published sets, your own folder, and the door for all others.

``petals``, ``photos``, ``folder``, ``clips``, ``faces`` and ``imagenette`` are functions here; what else their modules hold is imported
from the modules by name, as in ``from course_lib.data.petals import conditional_mean``.
"""

from course_lib.data.clips import CLIP_SPLITS, clips
from course_lib.data.datasets import available, historical, opencountry64, scenes
from course_lib.data.downloads import DataMissing
from course_lib.data.faces import FACE_SPLITS, faces, fakes
from course_lib.data.folder import folder
from course_lib.data.imagenette import imagenette
from course_lib.data.images import as_image, read_image
from course_lib.data.labeled import LabeledPictures
from course_lib.data.moving import moving_petals, stereo_pair_flow
from course_lib.data.petals import petals
from course_lib.data.photos import TEST_PHOTOS, TRAIN_PHOTOS, fit, motorcycle_pair, photo, photos, random_crops

__all__ = [
    "CLIP_SPLITS",
    "FACE_SPLITS",
    "TEST_PHOTOS",
    "TRAIN_PHOTOS",
    "DataMissing",
    "LabeledPictures",
    "as_image",
    "available",
    "clips",
    "faces",
    "fakes",
    "fit",
    "folder",
    "historical",
    "imagenette",
    "motorcycle_pair",
    "moving_petals",
    "opencountry64",
    "petals",
    "photo",
    "photos",
    "random_crops",
    "read_image",
    "scenes",
    "stereo_pair_flow",
]
