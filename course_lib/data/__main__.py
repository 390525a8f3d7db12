"""The command line of the data sets: ``python -m course_lib.data NAME`` makes a set complete, ``--list`` says what is here."""

import argparse
import sys
from collections import Counter

from course_lib.data.clips import CLIP_SPLITS
from course_lib.data.datasets import available
from course_lib.data.downloads import DataMissing, fetch
from course_lib.data.faces import FACE_SPLITS, face_files, fake_counts
from course_lib.data.imagenette import MEGABYTES, WHAT, fetch_imagenette, files_of
from course_lib.data.manifests import SPLITS, manifest_names, read_manifest

NAMES = (*manifest_names(), "imagenette")


def main(arguments=None):
    """Run the command in ``arguments`` (default: the command line) and return the exit status."""
    options = make_parser().parse_args(arguments)
    if options.list or not options.names:
        print_list()
        return 0
    try:
        for name in options.names:
            make_complete(name)
    except DataMissing as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. What has arrived is kept: run the same command again to go on.", file=sys.stderr)
        return 1
    return 0


def make_parser():
    """Return the parser of the command."""
    parser = argparse.ArgumentParser(
        prog="python -m course_lib.data",
        description="Download published data sets into data/cache and verify every file. What lies in the folder that "
        "COURSE_DATA names is used from there.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", type=_known, help=", ".join(NAMES))
    parser.add_argument("--list", action="store_true", help="list the sets, their sizes and whether they are here")
    return parser


def _known(name):
    if name not in NAMES:
        raise argparse.ArgumentTypeError(f"there is no data set {name!r}; there are {', '.join(NAMES)}")
    return name


def print_list():
    """Print a line per set: its name, what it takes on the disk, whether it is here, and what it is."""
    for name in NAMES:
        print(f"{name:14} {_size_and_content(name)}  {'(here)' if available(name) else ''}".rstrip())


def _size_and_content(name):
    if name == "imagenette":
        return f"{MEGABYTES:3} MB  {WHAT}"
    manifest = read_manifest(name)
    return f"{manifest.megabytes:3} MB  {manifest.what}"


def make_complete(name):
    """Download what is missing of a set, and print where it is and how its splits are."""
    if name == "imagenette":
        folder = fetch_imagenette()
        print(f"{name} is in {folder}")
        print(_splits({split: len(files_of(folder, split)) for split in SPLITS}))
        return
    used, wrong = fetch(name)
    for path in wrong:
        print(f"not as published, and not used: {path}")
    for folder, count in used.items():
        print(f"{name}: {count:,} files, verified, in {folder}")
    print(_splits(_parts(name)))


def _parts(name):
    """How many files are in each part of a set: a dict."""
    if name == "clips":
        return {split: len(names) for split, names in CLIP_SPLITS.items()}
    if name == "faces":
        return {split: len(face_files(split)) for split in FACE_SPLITS}
    if name == "fakes":
        return fake_counts()
    counts = Counter(file.split for file in read_manifest(name).files)
    return {split: counts[split] for split in SPLITS if split in counts}


def _splits(counts):
    return ", ".join(f"{part} {count:,}" for part, count in counts.items())


if __name__ == "__main__":
    sys.exit(main())
