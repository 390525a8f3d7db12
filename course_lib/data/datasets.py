"""Real photographs to train on and to color: published sets, with splits that never change.

Nothing is downloaded unless asked for, with ``download=True`` or ``python -m course_lib.data NAME``; without the data each
function raises `DataMissing`, which says how to get it. Every file is verified against the manifest when it is read.
"""

from course_lib.data import downloads
from course_lib.data.imagenette import find_imagenette
from course_lib.data.images import read_image
from course_lib.data.labeled import LabeledPictures, choose, read_labeled
from course_lib.data.manifests import SPLITS, read_manifest, split_of

__all__ = ["SPLITS", "LabeledPictures", "available", "historical", "opencountry64", "scenes", "split_of"]


def available(name):
    """Whether "scenes", "opencountry64", "historical", "clips", "faces", "fakes" or "imagenette" is here. Reads no picture."""
    return find_imagenette() is not None if name == "imagenette" else downloads.is_here(name)


def scenes(split, count=None, seed=0, download=False):
    """Outdoor photographs, 150 x 150, of six classes with 1,000 each: buildings, forest, glacier, mountain, sea, street.

    Parameters
    ----------
    split : "train" (4,795 photographs), "validation" (592) or "test" (613)
    count : int, optional
        Read only this many, as evenly from the classes as possible, chosen by ``seed``. A smaller count gives a part of a
        larger one.
    seed : int
    download : bool
        Download what is missing (99 MB to keep).

    Returns
    -------
    LabeledPictures
        Sorted by class and name.

    Raises
    ------
    DataMissing
        The set is not on this machine, or a file is not as published.
    ValueError
        There is no such split, or not so many photographs.
    """
    return _labeled("scenes", 150, lambda name: name.partition("/")[0], split, None, count, seed, download)


def opencountry64(split, category=None, count=None, seed=0, download=False):
    """Outdoor photographs, 64 x 64, of the eight categories of Oliva and Torralba (2001).

    The categories are coast, forest, highway, insidecity, mountain, opencountry, street and tallbuilding.

    Parameters
    ----------
    split : "train" (2,143 photographs), "validation" (265) or "test" (280)
    category : str, optional
        Only this one: of "opencountry" there are 326, 43 and 41.
    count, seed, download
        As for `scenes`; 5 MB to keep.

    Returns
    -------
    LabeledPictures
        Sorted by name. ``classes`` are always all eight.

    Raises
    ------
    DataMissing, ValueError
        As for `scenes`, and for a category that there is not.
    """
    return _labeled("opencountry64", 64, lambda name: name.partition("_")[0], split, category, count, seed, download)


def historical(names=None, max_pixels=None, download=False):
    """Black-and-white photographs, file names dated 1850 to 1925: nobody knows their colors.

    Parameters
    ----------
    names : sequence of str, optional
        Which, as the files are called without ".jpg"; all 36 by default.
    max_pixels : int, optional
        Reduce larger pictures to this many pixels while reading.
    download : bool
        Download what is missing (5 MB to keep).

    Returns
    -------
    dict from name to tensor, (3, H, W), sRGB in [0, 1]

    Raises
    ------
    DataMissing
        As for `scenes`.
    ValueError
        There is no photograph of such a name.
    """
    files = {file.name.removesuffix(".jpg"): file for file in read_manifest("historical").files}
    names = list(files) if names is None else list(names)
    for name in names:
        if name not in files:
            raise ValueError(f"There is no photograph {name!r}. There are {', '.join(files)}.")
    downloads.make_sure("historical", download)
    contents = {name: downloads.read_verified("historical", files[name]) for name in names}
    return {name: read_image(content, max_pixels=max_pixels) for name, content in contents.items()}


def _labeled(name, side, class_of, split, category, count, seed, download):
    """Pictures of a set with a manifest; ``class_of`` gives the class of a file by its name."""
    manifest = read_manifest(name)
    classes = tuple(sorted({class_of(file.name) for file in manifest.files}))
    if category is not None and category not in classes:
        raise ValueError(f"{name} has no category {category!r}. There are {', '.join(classes)}.")
    files = [file for file in manifest.of_split(split) if category in (None, class_of(file.name))]
    files = [files[row] for row in choose([class_of(file.name) for file in files], count, seed)]
    downloads.make_sure(name, download)
    names = [file.name for file in files]
    labels = [class_of(file) for file in names]
    what = f"{name}, {split}"
    return read_labeled(what, side, classes, labels, names, lambda row: downloads.read_verified(name, files[row]))
