"""The command line: ``python -m course_lib COMMAND``."""

import argparse
import sys

from course_lib.commands import colorize, film, verify

COMMANDS = (colorize, film, verify)


def main(arguments=None):
    """Run the command in ``arguments`` (default: the command line) and return the exit status."""
    options = make_parser().parse_args(arguments)
    try:
        return options.run(options)
    except KeyboardInterrupt:
        print("\nStopped. What was written is complete.", file=sys.stderr)
        return 130


def make_parser():
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(prog="python -m course_lib", description="Learning to Color, as a tool.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_parser(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
