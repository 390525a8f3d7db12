"""Imagenette: ten classes of ImageNet that are easy to tell apart, as fast.ai publishes them.

There is one archive and no list of its files, so it is verified as a whole, before it is unpacked, and the unpacked folder
takes its name in one step: a download that was interrupted is never taken for the set.
"""

import hashlib
import re
import shutil
import tarfile
import tempfile
import time
import warnings
from http.client import HTTPException
from pathlib import Path

from course_lib.data import downloads
from course_lib.data.downloads import DataMissing, DownloadFailed
from course_lib.data.labeled import choose, read_labeled
from course_lib.data.manifests import SPLITS, split_of
from course_lib.data.progress import is_watched

FOLDER = "imagenette2-160"
SHA256 = "64d0c4859f35a461889e0147755a999a48b49bf38a7e0f9bd27003f10db02fe5"
MEGABYTES = 99
WHAT = "photographs of ten kinds of things, shorter side 160: a part of ImageNet"
CLASSES = {
    "n01440764": "tench",
    "n02102040": "English springer",
    "n02979186": "cassette player",
    "n03000684": "chain saw",
    "n03028079": "church",
    "n03394916": "French horn",
    "n03417042": "garbage truck",
    "n03425413": "gas pump",
    "n03445777": "golf ball",
    "n03888257": "parachute",
}
_MEMBER = re.compile(rf"{FOLDER}/(train|val)/n\d{{8}}/\w+\.JPEG")


def imagenette(split, count=None, seed=0, side=128, download=False):
    """Photographs of ten kinds of things, of which fast.ai publishes a training and a validation part.

    Parameters
    ----------
    split : "train", "validation" or "test"
        The published validation part is our test split; of the published training part, the tenth whose digests say so is
        for validation.
    count, seed
        As for `scenes`.
    side : int
        Photographs of all shapes, their shorter side 160 pixels, are brought to this side with `fit`.
    download : bool
        Download the set with fastai if it is missing (99 MB).

    Returns
    -------
    LabeledPictures

    Raises
    ------
    DataMissing
        The set is not on this machine.
    """
    if split not in SPLITS:
        raise ValueError(f"There is no split {split!r}. There are {', '.join(SPLITS)}.")
    folder = fetch_imagenette() if download else find_imagenette()
    if folder is None:
        raise DataMissing(
            f"The data set imagenette is not on this machine. Download it once with: python -m course_lib.data imagenette "
            f"({MEGABYTES} MB). Or set COURSE_DATA to a folder that has {FOLDER}/."
        )
    files = files_of(folder, split)
    files = [files[row] for row in choose([file.parent.name for file in files], count, seed)]
    labels = [CLASSES[file.parent.name] for file in files]
    names = [file.relative_to(folder).as_posix() for file in files]
    return read_labeled(f"imagenette, {split}", side, tuple(CLASSES.values()), labels, names, files.__getitem__)


def find_imagenette():
    """The folder of the set, or None."""
    return next(
        (place for place in downloads.folders(FOLDER) if (place / "train").is_dir() and (place / "val").is_dir()), None
    )


def files_of(folder, split):
    """The pictures of a split, sorted."""
    if split == "test":
        return sorted(folder.glob("val/*/*.JPEG"))
    files = sorted(folder.glob("train/*/*.JPEG"))
    validation = [split_of(hashlib.sha256(file.read_bytes()).hexdigest()) == "validation" for file in files]
    return [file for file, chosen in zip(files, validation, strict=True) if chosen == (split == "validation")]


def fetch_imagenette():
    """The folder of the set, downloaded with fastai's downloader if it is not here yet.

    Raises
    ------
    DownloadFailed
        No connection, or what came is not what fast.ai published.
    """
    folder = find_imagenette()
    if folder is None:
        downloads.CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=downloads.CACHE, prefix=".imagenette-") as temporary:
            archive = Path(temporary, "archive.tgz")
            _download(_address(), archive)
            _unpack(archive, Path(temporary))
            folder = downloads.CACHE / FOLDER
            Path(temporary, FOLDER).replace(folder)
    return folder


def _address():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch warns fastai while it is imported
        from fastai.data.external import URLs  # takes seconds

    return URLs.IMAGENETTE_160


def _download(address, archive):
    from fastdownload import download_url

    for wait in (*downloads.WAITS, None):
        try:
            download_url(address, archive, timeout=downloads.TIMEOUT[1], show_progress=is_watched())
            break
        except (OSError, HTTPException, NameError) as error:
            # fastcore 2.2 ends a transfer that broke off in a NameError: it does not import the error that it means
            if wait is None:
                first_line = str(error).partition("\n")[0]
                reason = first_line if isinstance(error, OSError) else "the transfer broke off"
                raise DownloadFailed(
                    f"imagenette could not be downloaded: {reason}. Connect to the Internet and run "
                    f"python -m course_lib.data imagenette again, or set COURSE_DATA to a folder that has {FOLDER}/."
                ) from error
            time.sleep(wait)
    if hashlib.sha256(archive.read_bytes()).hexdigest() != SHA256:
        raise DownloadFailed(f"{address} did not send what fast.ai published: the SHA-256 differs. Run it again later.")


def _unpack(archive, folder):
    """Write the pictures of the archive, and nothing else that may be in it."""
    with tarfile.open(archive) as members:
        for member in members:
            if member.isreg() and _MEMBER.fullmatch(member.name):
                target = folder / member.name
                target.parent.mkdir(parents=True, exist_ok=True)
                with members.extractfile(member) as source, target.open("wb") as file:
                    shutil.copyfileobj(source, file)
