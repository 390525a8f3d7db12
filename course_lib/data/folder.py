"""The pictures in a folder of your own."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from course_lib.color import PictureError
from course_lib.data.images import read_image
from course_lib.data.photos import fit


class Skipped(NamedTuple):
    """A file that was left out, and the sentence that says why."""

    path: Path
    reason: str


class Folder(Sequence):
    """Pictures on disk, read when they are asked for: loop over it, index it, or give it to a torch DataLoader.

    Attributes
    ----------
    paths : list of Path
        The pictures, sorted.
    skipped : list of Skipped
        The files that could not be read, with reasons.
    """

    def __init__(self, paths, skipped=(), size=None, max_pixels=None):
        self.paths, self.skipped = list(paths), list(skipped)
        self.size, self.max_pixels = size, max_pixels

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        """Picture ``index`` as (3, H, W), sRGB in [0, 1]; for a slice, the folder of those pictures."""
        if isinstance(index, slice):
            return Folder(self.paths[index], self.skipped, self.size, self.max_pixels)
        picture = read_image(self.paths[index], max_pixels=self.max_pixels)
        return picture if self.size is None else fit(picture, self.size).contiguous()

    def __repr__(self):
        return f"Folder({len(self.paths)} pictures, {len(self.skipped)} files skipped)"


def folder(path, size=None, recursive=False, max_pixels=4_000_000, check=True):
    """The pictures in a folder.

    Parameters
    ----------
    path : path
    size : int or (int, int), optional
        Bring every picture to this height and width with `fit`, as a DataLoader needs for batches.
    recursive : bool
        Look into folders inside the folder too.
    max_pixels : int or None
        Reduce larger pictures to this many pixels while reading.
    check : bool
        Read every file once now, so that damaged ones are found and listed in ``skipped`` before training starts.
        Without it, files are told apart by nothing and a damaged one raises when it is asked for.

    Returns
    -------
    Folder
        Sorted by path. Files whose names start with a dot are ignored.

    Raises
    ------
    PictureError
        There is no such folder, or no picture in it that can be read.
    """
    path = Path(path).expanduser()
    files = _list_files(path, recursive)
    if not files:
        advice = "" if recursive else " Folders inside it count with recursive=True."
        raise PictureError(f"There are no files in {path}.{advice} Put pictures into it, for example JPEG or PNG.")
    paths, skipped = _sort_out(files) if check else (files, [])
    if not paths:
        raise PictureError(f"None of the {len(files)} files in {path} is a picture. The first one: {skipped[0].reason}")
    return Folder(paths, skipped, size, max_pixels)


def _list_files(path, recursive):
    if not path.exists():
        raise PictureError(f"There is no folder {path}. Relative paths start at {Path.cwd()}.")
    if not path.is_dir():
        raise PictureError(f"{path} is a file. Use course_lib.data.read_image, or give the folder that it lies in.")
    files = path.rglob("*") if recursive else path.iterdir()
    inside = [file for file in files if not any(part.startswith(".") for part in file.relative_to(path).parts)]
    return sorted((file for file in inside if not file.is_dir()), key=lambda file: file.relative_to(path).parts)


def _sort_out(files):
    paths, skipped = [], []
    for file in files:
        try:
            read_image(file, max_pixels=1)  # decodes all of it, in the smallest size that the decoder has
            paths.append(file)
        except PictureError as error:
            skipped.append(Skipped(file, str(error)))
    return paths, skipped
