"""Where commands that train put what they make."""

from pathlib import Path

from course_lib.models.checkpoints import FOLDER
from course_lib.training.state import STATES


def add_folders(parser, what):
    """Let a command choose the folders for ``what`` it makes and for what it needs to go on after a stop."""
    parser.add_argument("--out", type=Path, default=FOLDER, metavar="FOLDER", help=f"for {what} (data/checkpoints)")
    parser.add_argument(
        "--states", type=Path, default=STATES, metavar="FOLDER", help="for what goes on later (data/cache/training)"
    )
