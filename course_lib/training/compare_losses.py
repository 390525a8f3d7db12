"""What is each part of pix2pix's loss good for? ``python -m course_lib.training.compare_losses`` trains all seven combinations.

It writes ``results-losses.json`` and ``losses.jpg``. Stopped, it goes on where it was.
"""

import argparse
import dataclasses
import json
from itertools import combinations

import torch

from course_lib import color
from course_lib.data.datasets import scenes
from course_lib.files import write_atomic
from course_lib.models import UNetGenerator
from course_lib.models.checkpoints import as_saved
from course_lib.results import LOSS_PICTURES, LOSSES
from course_lib.samples import colorize_samples, sample_photographs, write_samples
from course_lib.training.evaluate_gan import evaluate
from course_lib.training.folders import add_folders
from course_lib.training.gan import GanPlan
from course_lib.training.gan_recipes import GanRecipe, spectral_critic
from course_lib.training.gan_run import run_gan
from course_lib.training.recipes import best_features
from course_lib.training.terminal import PrintPoints

WEIGHTS = {"l1": 10.0, "adversarial": 1.0, "features": 10.0}  # each part is about 1 in the beginning
NAMES = {"l1": "L1", "adversarial": "adversarial", "features": "features"}
PLAN = GanPlan(epochs=10, steps=200, side=64, rate=5e-4, critic_rate=4e-4, average=0.98)


def combined():
    """The plan of each combination: dict from its name, like "L1 + features", to `GanPlan`."""
    plans = {}
    for count in range(1, len(WEIGHTS) + 1):
        for parts in combinations(WEIGHTS, count):
            weights = {part: WEIGHTS[part] if part in parts else 0.0 for part in WEIGHTS}
            plans[" + ".join(NAMES[part] for part in parts)] = dataclasses.replace(PLAN, **weights)
    return plans


def recipe_of(name, plan):
    """pix2pix with the loss of a combination."""
    features = best_features if plan.features else None
    return GanRecipe(name, UNetGenerator.for_cpu, spectral_critic, plan, features=features)


def train_all(photographs, states):
    """The generator of each combination: dict from its name to a network in evaluation mode."""
    networks = {}
    for name, plan in combined().items():
        file = "losses-" + name.replace(" + ", "-")
        _, state = run_gan(file, recipe_of(name, plan), photographs, states, callbacks=[PrintPoints(name, plan)])
        networks[name] = UNetGenerator.for_cpu().eval()
        networks[name].load_state_dict(as_saved(state.snapshots[-1]))
    return networks


def main(arguments=None):
    """Train, measure on the test photographs, and write results and pictures."""
    parser = argparse.ArgumentParser(
        prog="python -m course_lib.training.compare_losses", description=__doc__.splitlines()[0]
    )
    add_folders(parser, "the results")
    options = parser.parse_args(arguments)
    networks = train_all({split: scenes(split) for split in ("train", "validation")}, options.states)
    results = evaluate(networks, scenes("test"), PLAN.side, compared=())
    about = {
        "dataset": "scenes",
        "split": "test",
        "side": PLAN.side,
        "steps": PLAN.epochs * PLAN.steps,
        "weights": WEIGHTS,
    }
    truth = sample_photographs()
    rows = [color.without_color(truth), *(colorize_samples(network) for network in networks.values()), truth]
    write_samples(LOSS_PICTURES, torch.stack(rows), options.out)
    write_atomic(options.out / LOSSES.name, json.dumps(about | results, indent=1) + "\n")
    print(f"Wrote {options.out / LOSSES.name}.")


if __name__ == "__main__":
    main()
