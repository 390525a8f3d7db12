"""``python -m course_lib.training NAME`` trains a recipe and writes its checkpoint; stopped, it goes on when started again."""

import argparse
import sys

from course_lib.data.datasets import available
from course_lib.data.downloads import DataMissing
from course_lib.models.checkpoints import FOLDER, CheckpointError, load_checkpoint, read_card
from course_lib.models.pretrained import PretrainedError
from course_lib.training.detection import DETECTORS, faces_of, finish_detector, run_detector
from course_lib.training.errors import TrainingError
from course_lib.training.finish import finish
from course_lib.training.folders import add_folders
from course_lib.training.gan_recipes import GANS
from course_lib.training.gan_run import finish_gan, refuse_processes, run_gan, state_paths
from course_lib.training.memory import keep_freed_memory
from course_lib.training.processes import rank
from course_lib.training.propagation import FILMS, films_of, finish_films, run_films
from course_lib.training.recipes import RECIPES, prior_of
from course_lib.training.run import run
from course_lib.training.state import STATES, forget_state
from course_lib.training.terminal import PrintPoints

STOPPED = 130  # the exit status of a command that Ctrl-C ended


def main(arguments=None):
    """Run the command in ``arguments`` (default: the command line) and return the exit status."""
    options = make_parser().parse_args(arguments)
    if options.list or not options.name:
        print_list(options.out)
        return 0
    try:
        train(options.name, options.out, options.states, options.restart)
    except (DataMissing, PretrainedError, TrainingError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on after the last whole epoch.", file=sys.stderr)
        return STOPPED
    return 0


def make_parser():
    """Return the parser of the command."""
    parser = argparse.ArgumentParser(
        prog="python -m course_lib.training",
        description="Train a recipe and write its checkpoint, weights and card. Stopped or killed, it goes on after the last whole "
        "epoch when it is started again. Several processes: torchrun --standalone --nproc-per-node 2 -m course_lib.training NAME",
    )
    parser.add_argument("name", nargs="?", metavar="NAME", type=_known, help=", ".join(_all_recipes()))
    parser.add_argument("--list", action="store_true", help="list the recipes, what they need and what is here")
    parser.add_argument("--restart", action="store_true", help="begin anew: forget what an earlier run had reached")
    add_folders(parser, "checkpoints")
    return parser


def _all_recipes():
    """Everything that can be trained, by name."""
    return {**RECIPES, **GANS, **FILMS, **DETECTORS}


def _known(name):
    if name not in _all_recipes():
        raise argparse.ArgumentTypeError(f"there is no recipe {name!r}; there are {', '.join(_all_recipes())}")
    return name


def print_list(out):
    """Print the recipes: what is minimized, on what, for how long, and what is here."""
    for name, recipe in _all_recipes().items():
        about = f"{recipe.dataset} ({_data(recipe.dataset)}), {recipe.duration}"
        print(f"{name:27} {recipe.objective:26} {about}{_trained(name, out)}")


def _data(dataset):
    if dataset == "petals" or available(dataset):
        return "here"
    return f"get it with: python -m course_lib.data {dataset}"


def _trained(name, out):
    return ", trained" if is_trained(name, out) else ""


def is_trained(name, out):
    """Whether the checkpoint of a recipe is in the folder ``out``, whole."""
    try:
        load_checkpoint(name, out)
    except CheckpointError:
        return False
    return True


def train(name, out=FOLDER, states=STATES, restart=False):
    """Train a recipe to its end and write its checkpoint; when both is done, say so.

    The checkpoint is the proof that a training is done: with it the state, which is larger, is removed.
    """
    paths = state_paths(name, states) if name in GANS else [states / f"{name}.pt"]
    if restart and rank() == 0:
        for path in paths:
            forget_state(path)
    if not restart and not any(path.exists() for path in paths) and is_trained(name, out):
        say(f"{name} is trained already: {out / name}.safetensors. --restart trains it anew.")
        say(summary(read_card(name, out)["metrics"]))
        return
    keep_freed_memory()
    recipe = _all_recipes()[name]
    if name not in RECIPES:
        refuse_processes(name)
    if name in GANS and recipe.start is not None:
        train(recipe.start, out, states)
    card = way_of(name)(name, recipe, out, states, restart)
    if rank() == 0:
        for path in paths:
            forget_state(path)
        say(f"Wrote {out / name}.safetensors ({card['bytes'] / 1e6:.1f} MB) and its card.")
        say(summary(card["metrics"]))


def way_of(name):
    """The function that trains a recipe of this name."""
    ways = ((GANS, train_gan_recipe), (FILMS, train_film_recipe), (DETECTORS, train_detector_recipe))
    return next((way for names, way in ways if name in names), train_recipe)


def train_recipe(name, recipe, out, states, restart):
    """Train one of `RECIPES` and write its checkpoint. Returns the card; None but in the first process."""
    photographs = {split: recipe.data(split) for split in ("train", "validation")}
    prior = prior_of(photographs["train"])
    if recipe.features is not None:
        say(f"Pictures are compared by {recipe.features().name}.")
    state = run(name, recipe, photographs, prior, states, restart)
    return finish(name, recipe, state, photographs, prior, out) if rank() == 0 else None


def train_gan_recipe(name, recipe, out, states, restart):
    """Train one of `GANS` and write its checkpoint. Returns the card."""
    photographs = {split: recipe.data(split) for split in ("train", "validation")}
    if recipe.features is not None:
        say(f"Pictures are compared by {recipe.features().name}.")
    progress = [PrintPoints(name, recipe.plan)]
    phases = run_gan(name, recipe, photographs, states, out if recipe.start else None, progress)
    return finish_gan(name, recipe, phases, photographs, prior_of(photographs["train"]), out)


def train_film_recipe(name, recipe, out, states, restart):
    """Train one of `FILMS` and write its checkpoint. Returns the card."""
    films = films_of(recipe)
    return finish_films(name, recipe, run_films(name, recipe, films, states, restart), films, out)


def train_detector_recipe(name, recipe, out, states, restart):
    """Train one of `DETECTORS` and write its checkpoint. Returns the card."""
    photographs = faces_of(recipe)
    return finish_detector(name, recipe, run_detector(name, recipe, photographs, states, restart), photographs, out)


def say(text):
    """Print, from one process alone."""
    if rank() == 0:
        print(text, flush=True)


def summary(metrics):
    """The numbers of a card in a line."""
    if "warped_distance" in metrics:
        return f"Validation: {metrics['distance']:.2f} from the truth in ab; a plain flow warp is {metrics['warped_distance']:.2f} from it"
    if "auc" in metrics and "psnr" not in metrics:
        return f"Validation: loss {metrics['loss']:.4f}, AUC {metrics['auc']:.3f} on blends of faces that it was not trained on"
    return (
        f"Validation: loss {metrics['loss']:.4f}, PSNR {metrics['psnr']:.2f} dB, colorfulness {metrics['colorfulness_ratio']:.2f} of "
        f"the truth's, AuC {metrics['auc']:.3f}, rebalanced {metrics['rebalanced_auc']:.3f}, Delta E {metrics['delta_e']:.2f}"
    )


if __name__ == "__main__":
    sys.exit(main())
