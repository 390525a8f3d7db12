"""The command as a process of its own: ``python -m tests.video.command IN OUT ...``, with networks that need no training.

The last line that it writes is the most memory that it had, in kB.
"""

import re
import sys
from pathlib import Path

import torch

from course_lib import __main__ as command_line
from course_lib import colorizing
from course_lib.video import film
from tests.video.films import RED, Paint


def main(arguments):
    """Run ``film`` with `Paint` and the plain flow warp in the place of the trained networks."""
    torch.set_num_threads(1)
    colorizing.find_network = lambda model: Paint(*RED)
    film.colorize_video.__wrapped__.__kwdefaults__["propagation"] = None
    status = command_line.main(["film", *arguments])
    print(most_memory())
    return status


def most_memory():
    """In kB. What Linux tells of a process counts that of the process that started it, but for one line of its status."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.search(r"VmHWM:\s*(\d+) kB", status.read_text()).group(1))
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
