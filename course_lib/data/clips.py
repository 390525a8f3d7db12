"""Real films in color: eight short clips, to learn from and to measure with.

As everywhere, nothing is downloaded unless asked for, and every file is verified against the manifest.
"""

from course_lib.data import downloads
from course_lib.data.manifests import read_manifest

# With eight clips, a rule over digests would be a lottery, so they are split by hand. Each clip to measure with has a relative to learn
# from: hands and cups on a table, things and people before a standing camera, a hand-held camera. And each is something else in its own
# way: a fur, a face that fills the picture, persons that come in and leave.
CLIP_SPLITS = {
    "train": ("imageio_realshort", "intel_bottle-detection", "intel_car-detection", "sam2_02_cups"),
    "test": ("imageio_cockatoo", "intel_one-by-one-person-detection", "sam2_01_dog", "sam2_04_coffee"),
}


def clips(names=None, download=False):
    """Where the files of real clips lie: MP4 with H.264, 36 to 1,394 frames.

    Parameters
    ----------
    names : sequence of str, optional
        Which, as the files are called without ".mp4", for example ``CLIP_SPLITS["test"]``; all eight by default.
    download : bool
        Download what is missing (13 MB to keep).

    Returns
    -------
    dict from name to Path, sorted by name
        Of files that are as published: each was read and verified.

    Raises
    ------
    DataMissing
        The clips are not on this machine, or a file is not as published.
    ValueError
        There is no clip of such a name.
    """
    files = {file.name.removesuffix(".mp4"): file for file in read_manifest("clips").files}
    names = list(files) if names is None else list(names)
    for name in names:
        if name not in files:
            raise ValueError(f"There is no clip {name!r}. There are {', '.join(files)}.")
    downloads.make_sure("clips", download)
    return {name: downloads.find_verified("clips", files[name]) for name in sorted(names)}
