"""What are a trained body and growing pictures worth? ``python -m course_lib.training.compare_starts`` writes ``results-starts.json``.

Phase 1 of NoGAN is trained in four ways, each for about the same time: with the trained body or a random one, with pictures that grow or
at full size from the first step on. Stopped, it goes on where it was.
"""

import argparse
import dataclasses
import json
from itertools import accumulate

from course_lib.data.datasets import scenes
from course_lib.files import write_atomic
from course_lib.models import ShuffleUNet
from course_lib.results import STARTS
from course_lib.training.folders import add_folders
from course_lib.training.recipes import RECIPES, prior_of
from course_lib.training.run import run

PICTURES, HELD_OUT = 960, 192  # fewer than there are: shorter epochs, more points
GROWING = ((4, 64), (4, 96), (4, 128))
START = RECIPES["scenes-nogan-start"]
BODIES = {
    "trained body": START,
    # A body that knows nothing has nothing to keep: it learns from the first step on, as fast as the head.
    "random body": dataclasses.replace(START, network=ShuffleUNet.for_cpu, head_alone=0, body_rate=1.0),
}


def compare(photographs, states):
    """How the validation loss of each way fell: a dict as ``ways`` of `course_lib.results.read_start_results`."""
    prior, ways = prior_of(photographs["train"]), {}
    for body, recipe in BODIES.items():
        growing = dataclasses.replace(recipe, stages=GROWING)
        state = run(f"starts-{body}-growing", growing, photographs, prior, states)
        ways[f"{body}, growing pictures"] = history(growing, state)
        full = dataclasses.replace(recipe, stages=((epochs_at_full_size(state.seconds), growing.last_side),))
        state = run(f"starts-{body}-full", full, photographs, prior, states)
        ways[f"{body}, full size"] = history(full, state)
    return ways


def epochs_at_full_size(seconds):
    """How many epochs at the last size take as long as all epochs of a training with growing pictures: at least 1."""
    last = GROWING[-1][0]
    return max(1, round(sum(seconds) / (sum(seconds[-last:]) / last)))


def history(recipe, state):
    """Seconds since the beginning, validation loss and side of the pictures after each epoch: a dict of lists."""
    return {
        "seconds": [round(seconds, 1) for seconds in accumulate(state.seconds)],
        "loss": [round(loss, 5) for _, loss in state.history],
        "side": [recipe.side_of(epoch) for epoch in range(recipe.epochs)],
    }


def main(arguments=None):
    """Train and write the results."""
    parser = argparse.ArgumentParser(
        prog="python -m course_lib.training.compare_starts", description=__doc__.splitlines()[0]
    )
    add_folders(parser, "the results")
    options = parser.parse_args(arguments)
    photographs = {"train": scenes("train").evenly(PICTURES), "validation": scenes("validation").evenly(HELD_OUT)}
    about = {"dataset": "scenes", "split": "validation", "pictures": PICTURES}
    results = about | {"ways": compare(photographs, options.states)}
    write_atomic(options.out / STARTS.name, json.dumps(results, indent=1) + "\n")
    print(f"Wrote {options.out / STARTS.name}.")


if __name__ == "__main__":
    main()
