"""The command line: parse it, run one command, turn what stops the set-up into one sentence."""

import argparse
import os
import sys

from course_lib.setup import commands
from course_lib.setup.errors import SetupError
from course_lib.setup.install import explain
from course_lib.setup.lab import parse_port


def main(arguments=None):
    """Run the command in ``arguments`` (default: the command line) and return the exit status."""
    try:
        return run_command(arguments)
    except SetupError as error:
        print(f"\n{error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("\nStopped. Run the same command again to go on.", file=sys.stderr)
    except OSError as error:
        sentence = explain(str(error))
        if sentence is None:
            raise
        print(f"\n{sentence}", file=sys.stderr)
    return 1


def run_command(arguments):
    """Parse ``arguments`` and run what they ask for."""
    arguments = sys.argv[1:] if arguments is None else arguments
    pass_on = {"test": commands.run_tests, "notebooks": commands.build_notebooks, "bench": commands.run_benchmarks}
    if arguments and arguments[0] in pass_on:
        return pass_on[arguments[0]](arguments[1:])
    options = make_parser().parse_args(arguments)
    if options.command == "lab":
        port = options.port or os.environ.get("COURSE_PORT")
        return commands.start_lab(parse_port(port) if port else None, not options.no_browser)
    return {"install": commands.install, "clean": commands.clean}[options.command]()


def make_parser():
    """Return the parser with one sub-command for each thing to do."""
    parser = argparse.ArgumentParser(prog="python -m course_lib.setup", description="Set up the course and run it.")
    names = parser.add_subparsers(dest="command", metavar="COMMAND")
    names.required = True
    names.add_parser("install", help="set up the environment in .venv and do nothing else")
    lab = names.add_parser("lab", help="open JupyterLab at the first lesson")
    lab.add_argument("--port", help="the port to use (also COURSE_PORT); otherwise a free one from 8888 up")
    lab.add_argument("--no-browser", action="store_true", help="print the address and open no browser")
    for name, text in (
        ("test", "run all tests and the style checks, or pytest alone with these arguments"),
        ("notebooks", "build and execute all notebooks, or the lessons named"),
        ("bench", "print how fast the library is"),
    ):
        names.add_parser(name, help=text, add_help=False)
    names.add_parser("clean", help="remove the environment and caches")
    return parser


if __name__ == "__main__":
    sys.exit(main())
