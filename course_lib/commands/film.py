"""``python -m course_lib film IN OUT``: a film, with its sound."""

import os
import sys
from pathlib import Path

from course_lib.commands.options import add_options


def add_parser(commands):
    """Describe the command and its arguments."""
    parser = commands.add_parser(
        "film",
        help="colorize a film",
        description="Colorize a film at its full resolution and with its own lightness. In each shot key frames are colored, and their "
        "colors carried to all other frames. Frame rate, times and sound are kept.",
        epilog="A run that was stopped goes on when it is started again in the same way: what is done lies beside OUT in .OUT.course-film "
        "until the film is whole. Frames are counted from 0. To correct colors: write the key frames with --save-keys, correct some "
        "with the tool of lesson 06, and give the folder with --keys.",
    )
    parser.add_argument("source", metavar="IN", help="a film (MP4, MOV, MKV, WebM, AVI, MPEG, GIF, ...)")
    parser.add_argument(
        "target", metavar="OUT", help="the file to write: .mp4, .mov or .mkv; an existing one is replaced"
    )
    parser.add_argument(
        "--keys",
        metavar="FOLDER",
        help="frames whose colors are known: pictures named by their numbers, such as 000120.png",
    )
    parser.add_argument(
        "--hints",
        metavar="FILE",
        help="hints for frame 0 or for the frame that the file is named by, as the tool of lesson 06 saves them, .json or .png; or for "
        "several frames, as course_lib.video.film_hints writes them",
    )
    parser.add_argument(
        "--save-keys", metavar="FOLDER", help="a folder where all key frames are written at full size, for --keys"
    )
    add_options(parser, " that colors key frames", "scenes-rebalanced", "the networks see the film")
    parser.set_defaults(run=run)


def run(options):
    """Colorize the film.

    Returns
    -------
    status : int
        0 when it is written, 1 when the work could not be finished, 2 when nothing was begun, 130 when it was stopped.
    """
    # Before torch is imported: threads that wait leave the cores to others.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from course_lib.video.errors import UnfinishedError
    from course_lib.video.film import colorize_video
    from course_lib.video.scratch import scratch_folder

    target = Path(options.target).expanduser()
    try:
        report = colorize_video(
            options.source,
            target,
            model=options.model,
            keys=options.keys,
            hints=options.hints,
            temperature=options.temperature,
            side=options.side,
            save_keys=options.save_keys,
        )
    except KeyboardInterrupt:
        print(f"\nStopped. {_what_is_left(scratch_folder(target))}", file=sys.stderr)
        return 130
    except ValueError as error:  # VideoError, PictureError, HintsError and CheckpointError too
        print(error, file=sys.stderr)
        return 1 if isinstance(error, UnfinishedError) else 2
    print(
        f"{_count(report.frames, 'frame')} in {report.seconds:.1f} s, {report.rate:.1f} frames per second, "
        f"{_count(report.keys, 'key')}, {_count(report.shots, 'shot')}. Wrote {options.target}"
    )
    return 0


def _what_is_left(folder):
    if not folder.is_dir():
        return "Nothing was begun."
    return f"What is done lies in {folder}; the same command goes on from there."


def _count(number, what):
    return f"{number} {what}{'' if number == 1 else 's'}"
