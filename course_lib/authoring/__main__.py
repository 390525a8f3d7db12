"""The authors' commands: ``python -m course_lib.authoring build|check|times [NAME ...]``."""

import argparse
import os
import sys
from pathlib import Path

from .build import build
from .lesson import REPOSITORY, Course
from .problems import LessonError
from .sync import check
from .times import read_times, store_time

BUDGETS = ("smoke", "quick", "full")


def main(arguments=None):
    """Run one command and return its exit code: 0, or 1 with one line per problem."""
    options = _parser().parse_args(arguments)
    course = Course(options.root.resolve())
    try:
        return options.run(course, options.names)
    except LessonError as error:
        return _report(error.problems)


def _parser():
    parser = argparse.ArgumentParser(prog="python -m course_lib.authoring", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for run, text in (
        (_build, "build the notebooks of the lessons and execute them"),
        (_check, "say, without executing anything, whether lessons are well-formed and notebooks in step"),
        (_times, "print the measured time of each notebook"),
    ):
        command = commands.add_parser(run.__name__[1:], help=text, description=text)
        command.add_argument(
            "names", nargs="*", metavar="NAME", help="lessons, such as 01_rgb_vs_lab or 01; all without"
        )
        command.add_argument(
            "--root", type=Path, default=REPOSITORY, help="the folder that holds lessons/ and notebooks/"
        )
        command.set_defaults(run=run)
    return parser


def _build(course, names):
    budget = os.environ.get("COURSE_BUDGET", "quick")
    if budget not in BUDGETS:
        print(f"COURSE_BUDGET is {budget!r}: use {', '.join(BUDGETS)}", file=sys.stderr)
        return 1
    # Lesson 00 shows the times of the others, so it comes last.
    paths = sorted(course.select(names), key=lambda path: (path.stem.startswith("00"), path.stem))
    failed = 0
    for path in paths:
        failed += _build_one(path, course, budget)
    return 1 if failed else 0


def _build_one(path, course, budget):
    print(f"{path.stem}: building at {budget} ...", flush=True)
    try:
        result = build(path, course, budget)
    except LessonError as error:
        return _report(error.problems)
    seconds, allowed = result["seconds"], result["allowed"]
    late = seconds > allowed
    over = f", over its budget of {allowed:g} s: make it smaller with budget.pick" if late else f" of {allowed:g} s"
    if budget == "quick":
        store_time(course, path.stem, seconds)
    written = ", ".join(course.relative(target) for target in result["written"]) or "nothing changed"
    print(f"{path.stem}: {seconds:.1f} s{over}; {written}", flush=True)
    return int(late)


def _check(course, names):
    problems = check(course.select(names), course, whole=not names)
    if problems:
        return _report(problems)
    print(f"well-formed and in step with their notebooks: {len(course.select(names))} lessons")
    return 0


def _times(course, names):
    wanted = {path.stem for path in course.select(names)}
    for name, seconds in read_times(course).items():
        if name in wanted:
            print(f"{name:32} {seconds:4d} s")
    return 0


def _report(problems):
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
