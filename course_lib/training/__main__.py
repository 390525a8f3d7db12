"""``python -m course_lib.training NAME``: train a recipe and write its checkpoint."""

import argparse

from course_lib.training.recipes import RECIPES
from course_lib.training.run import run


def main():
    parser = argparse.ArgumentParser(prog="python -m course_lib.training", description=__doc__)
    parser.add_argument("name", choices=RECIPES, metavar="NAME", help=", ".join(RECIPES))
    name = parser.parse_args().name
    run(name, RECIPES[name])


if __name__ == "__main__":
    main()
