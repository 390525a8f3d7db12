"""``python -m course_lib verify FILE``: is this face genuine, and how sure are we?"""

import json
import os
import sys

FRAMES = 32


def add_parser(commands):
    """Describe the command and its arguments."""
    parser = commands.add_parser(
        "verify",
        help="say whether a face in a picture or film was manipulated, and how sure that is",
        description="Judge the largest face of a picture or film: genuine, manipulated, or unsure and why; with a calibrated probability "
        "and what it rests on.",
        epilog="The exit status is 0 for any verdict, unsure ones too, and 2 when the file cannot be read.",
    )
    parser.add_argument("source", metavar="FILE", help="a picture (JPEG, PNG, WebP, ...) or a film (MP4, MOV, ...)")
    parser.add_argument("--json", action="store_true", help="print JSON in the place of text")
    parser.add_argument(
        "--base-rate",
        type=float,
        default=0.5,
        metavar="R",
        help="the share of manipulated ones among all that you would ask about, between 0 and 1 (%(default)s)",
    )
    parser.add_argument(
        "--frames",
        type=int,
        default=FRAMES,
        metavar="N",
        help="how many frames of a film are looked at, at most (%(default)s)",
    )
    parser.add_argument(
        "--log", metavar="LOG", help="add a line to this file: numbers and the answer, but neither picture nor name"
    )
    parser.set_defaults(run=run)


def run(options):
    """Judge the file.

    Returns
    -------
    status : int
        0 when there is a verdict, 2 when there is none or it cannot be logged.
    """
    # Before torch is imported: threads that wait leave the cores to others.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from course_lib.deepfake import verdict

    try:
        found = verdict(options.source, base_rate=options.base_rate, frames=options.frames)
        print(json.dumps(found.as_dict(), indent=2, allow_nan=False) if options.json else found.text())
        if options.log is not None:
            _log(found, options.log)
    except ValueError as error:  # PictureError, VideoError, CheckpointError and LogError too
        print(error, file=sys.stderr)
        return 2
    return 0


def _log(found, path):
    from course_lib.deepfake.monitor import VerdictLog

    VerdictLog(path).add(found)
