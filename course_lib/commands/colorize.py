"""``python -m course_lib colorize IN OUT``: a picture, or all the pictures in a folder."""

import os
import sys
from pathlib import Path

from course_lib.commands.options import add_options


def add_parser(commands):
    """Describe the command and its arguments."""
    parser = commands.add_parser(
        "colorize",
        help="colorize a picture or a folder of pictures",
        description="Colorize a picture, or every picture in a folder, at its full resolution and with its own lightness.",
        epilog="Existing files at OUT are replaced, IN never is. In a folder, what cannot be read is left out and named at the end, "
        "and the exit status is 1; folders inside it are left alone. Written are 8 bit sRGB pictures without the metadata of IN, "
        "rotated as that says.",
    )
    parser.add_argument("source", metavar="IN", help="a picture (JPEG, PNG, WebP, TIFF, ...) or a folder of them")
    parser.add_argument(
        "target", metavar="OUT", help="the file to write, .jpg, .png, .webp or .tif; or a folder, made if it is missing"
    )
    parser.add_argument(
        "--hints", metavar="FILE", help="hints for the picture: a file that the tool of lesson 06 saved, .json or .png"
    )
    add_options(parser, "", "scenes-rebalanced, with hints scenes-hints", "the network sees a picture")
    parser.set_defaults(run=run)


def run(options):
    """Colorize what was asked for.

    Returns
    -------
    status : int
        0 when all is written, 1 when a picture failed, 2 when nothing was begun.
    """
    # Before torch is imported: threads that wait leave the cores to others.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from course_lib.colorizing import check_options, default_model, find_network
    from course_lib.hints import read_hints

    try:
        options.hints = None if options.hints is None else read_hints(options.hints)
        check_options(options.hints, options.temperature, options.side)
        jobs, left_out = plan(options.source, options.target)
        if options.hints is not None and len(jobs) != 1:
            raise ValueError(
                f"--hints are for one picture, and there are {len(jobs)} in {options.source}. Name one of them."
            )
        options.model = find_network(options.model or default_model(options.hints))
    except ValueError as error:  # PictureError and CheckpointError too
        print(error, file=sys.stderr)
        return 2
    failed = work_through(jobs, options)
    for reason in failed:
        print(reason, file=sys.stderr)
    print(f"Wrote {len(jobs) - len(failed)} of {len(jobs)} pictures to {options.target}{_mention(left_out)}")
    return 1 if failed else 0


def plan(source, target):
    """What is to be done.

    Parameters
    ----------
    source, target : str
        IN and OUT as they were written.

    Returns
    -------
    jobs : list of (Path, Path)
        A picture and the file to write.
    left_out : list of Path
        Files in the folder that are not pictures.

    Raises
    ------
    PictureError
        There is nothing to do, or a picture would be replaced by its own colorization.
    """
    is_folder = target.endswith(("/", os.sep))
    source, target = Path(source).expanduser(), Path(target).expanduser()
    _refuse_itself(source, target)
    if source.is_dir():
        return _plan_folder(source, target)
    if is_folder or target.is_dir():
        target = target / _written_name(source)
        _refuse_itself(source, target)
    return _plan_picture(source, target), []


def _refuse_itself(source, target):
    from course_lib.color import PictureError

    if source.exists() and target.exists() and source.samefile(target):
        raise PictureError(f"IN and OUT are the same, {source}. Nothing was written: give OUT another name or folder.")


def _plan_picture(source, target):
    from course_lib.data.writing import check_suffix

    check_suffix(target)
    return [(source, target)]


def _plan_folder(source, target):
    from course_lib.color import PictureError

    if target.is_file() or (_is_picture_name(target) and not target.exists()):
        raise PictureError(f"{source} is a folder, so OUT must be a folder too. {target} is the name of a file.")
    files = sorted(file for file in source.iterdir() if file.is_file() and not file.name.startswith("."))
    pictures = [file for file in files if _is_picture_name(file)]
    left_out = [file for file in files if not _is_picture_name(file)]
    if not pictures:
        raise PictureError(f"There are no pictures in {source}{_mention(left_out)}")
    return [(file, target / _written_name(file)) for file in pictures], left_out


def _is_picture_name(path):
    from PIL import Image

    from course_lib.data.images import FORMATS

    return Image.registered_extensions().get(path.suffix.lower()) in FORMATS


def _written_name(source):
    """The name of a colorization: that of the picture, with .png after it where its own format is only read."""
    from course_lib.data.writing import SUFFIXES

    return source.name if source.suffix.lower() in SUFFIXES else f"{source.name}.png"


def _mention(left_out):
    """The end of a sentence: how many files were left out, and what they are called."""
    if not left_out:
        return "."
    kinds = ", ".join(sorted({file.suffix or file.name for file in left_out}))
    return f". Not pictures, and left out: {len(left_out)} ({kinds})."


def work_through(jobs, options):
    """Colorize one picture after another, whatever happens to any of them: the reasons why some failed, a list of str."""
    from course_lib.data.progress import Progress

    failed = []
    with Progress("Colorizing", len(jobs), quiet=len(jobs) == 1) as progress:
        for source, target in jobs:
            try:
                _colorize_file(source, target, options)
            except ValueError as error:  # PictureError, and hints that the network does not take
                failed.append(str(error))
            except OSError as error:
                failed.append(
                    f"{target} cannot be written: {error.strerror or error}. Check the disk and its permissions."
                )
            progress.advance()
    return failed


def _colorize_file(source, target, options):
    from course_lib.colorizing import colorize
    from course_lib.data.writing import write_image

    colored = colorize(source, options.model, options.hints, options.temperature, options.side)
    write_image(colored, target)
