"""The command as a process of its own: ``python -m tests.video.command IN OUT ...``, with networks that need no training.

The last line that it writes is the most memory that it had, in kB.
"""

import sys

import torch

from course_lib import __main__ as command_line
from course_lib import colorizing
from course_lib.video import film
from tests.memory import most_memory
from tests.video.films import RED, Paint


def main(arguments):
    """Run ``film`` with `Paint` and the plain flow warp in the place of the trained networks."""
    torch.set_num_threads(1)
    colorizing.find_network = lambda model: Paint(*RED)
    film.colorize_video.__wrapped__.__kwdefaults__["propagation"] = None
    status = command_line.main(["film", *arguments])
    print(most_memory())
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
