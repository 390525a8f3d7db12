"""The files that a published data set consists of: their names, digests and sizes, and where they are published.

``data/manifests/NAME.tsv`` begins with lines ``# what``, ``# repository``, ``# commit`` and ``# folder`` (each followed by
a tab and its value). A row per file comes after them: its name in the set, its SHA-256, its bytes and, only where that is
not ``folder/`` and the last part of the name, its path in the repository. After the path, a file from somewhere else than the
other ones has its own ``owner/name@commit``.
"""

import hashlib
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple

MANIFESTS = Path(__file__).resolve().parents[2] / "data" / "manifests"
SPLITS = ("train", "validation", "test")


class Source(NamedTuple):
    """One commit of one repository: ``owner/name`` on GitHub, and the 40 digits."""

    repository: str
    commit: str


class File(NamedTuple):
    """One file of a set: ``name`` and ``path`` (the one in the repository) are written with ``/`` on every system."""

    name: str
    sha256: str
    bytes: int
    path: str
    source: Source

    @property
    def split(self):
        """One of `SPLITS`."""
        return split_of(self.sha256)


@dataclass(frozen=True)
class Manifest:
    """A data set as it is published: one commit of one repository as a rule, and the files that are taken from it.

    Attributes
    ----------
    name, what : str
        What the set is called, and one line on what is in it.
    repository, commit : str
        ``owner/name`` on GitHub, and the 40 digits: the ``source`` of every file that names no other one.
    files : tuple of File
        Sorted by name.
    digest : str
        SHA-256 of the manifest itself. Whoever trains on the set can say with it which files those were.
    """

    name: str
    what: str
    repository: str
    commit: str
    digest: str
    files: tuple = field(repr=False)

    @cached_property
    def bytes(self):
        """Bytes of all files together."""
        return sum(file.bytes for file in self.files)

    @property
    def megabytes(self):
        return round(self.bytes / 1e6)

    def of_split(self, split):
        """The files of one split, sorted by name."""
        if split not in SPLITS:
            raise ValueError(f"There is no split {split!r}. There are {', '.join(SPLITS)}.")
        return [file for file in self.files if file.split == split]


def split_of(digest):
    """The split of a file by its SHA-256 (hex): a tenth is for testing, a tenth for validation, the rest for training."""
    return {0: "test", 1: "validation"}.get(int(digest[:8], 16) % 10, "train")


def manifest_names():
    """The sets that have a manifest, sorted."""
    return sorted(path.stem for path in MANIFESTS.glob("*.tsv"))


def read_manifest(name):
    """The `Manifest` of a set. An unknown name ends in a ValueError that lists the known ones."""
    path = MANIFESTS / f"{name}.tsv"
    if not path.is_file():
        raise ValueError(f"There is no data set {name!r}. There are {', '.join(manifest_names())}.")
    return _read(path)


@lru_cache
def _read(path):
    content = path.read_bytes()
    lines = content.decode("utf-8").splitlines()
    head = dict(line.removeprefix("# ").split("\t") for line in lines if line.startswith("# "))
    rows = (line.split("\t") for line in lines if not line.startswith("# "))
    usual = Source(head["repository"], head["commit"])
    files = tuple(_file(head["folder"], usual, *row) for row in rows)
    digest = hashlib.sha256(content).hexdigest()
    return Manifest(path.stem, head["what"], *usual, digest, files)


def _file(folder, usual, name, sha256, size, path=None, source=None):
    path = path or f"{folder}/{name.rpartition('/')[2]}"
    return File(name, sha256, int(size), path, Source(*source.split("@")) if source else usual)
