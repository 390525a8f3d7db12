"""Train a GAN of the course to its end, going on where an earlier run of it stopped, and write its checkpoint."""

import dataclasses

from course_lib import budget
from course_lib.models.checkpoints import as_saved, load_checkpoint, write_checkpoint
from course_lib.samples import colorize_samples, write_samples
from course_lib.training.card import base_card
from course_lib.training.errors import TrainingError
from course_lib.training.gan import GanState, train_gan
from course_lib.training.gan_recipes import HELD_OUT
from course_lib.training.losses import l1
from course_lib.training.measure import measure
from course_lib.training.nogan import CriticState, train_critic
from course_lib.training.processes import count_processes
from course_lib.training.state import STATES, read_state
from course_lib.training.terminal import PrintProgress


def state_paths(name, states=STATES):
    """The files that keep how far phases 2 and 3 of a GAN have come: a list of two paths."""
    return [states / f"{name}.critic.pt", states / f"{name}.pt"]


def refuse_processes(name):
    """Raise TrainingError if several processes were started."""
    if count_processes() > 1:
        raise TrainingError(f"{name} is trained in one process. Start it without torchrun.")


def run_gan(name, recipe, photographs, states=STATES, out=None, callbacks=()):
    """Train a GAN, and write after every epoch what is needed to go on.

    Parameters
    ----------
    name : str
        Of the files in ``states``.
    recipe : GanRecipe
    photographs : dict of LabeledPictures
        "train" and "validation".
    states : Path
        A folder.
    out : Path, optional
        The folder with the checkpoint that the generator begins with; that of the course by default.
    callbacks : sequence of Callback

    Returns
    -------
    critic_state : CriticState or None
        Of phase 2, if there is one.
    state : GanState
    """
    critic_path, path = state_paths(name, states)
    few = {"train": photographs["train"], "validation": photographs["validation"].evenly(HELD_OUT)}
    budget.seed(recipe.plan.seed)
    critic, generator, critic_state = recipe.critic(), None, None
    if recipe.start is not None:
        generator = load_start(recipe, out)
        critic_state = read_state(critic_path, recipe.description, CriticState)
        critic_state = train_critic(
            critic,
            generator.eval(),
            few,
            recipe.plan.side,
            recipe.critic_plan,
            critic_state,
            critic_path,
            [PrintProgress(f"{name}, the critic alone")],
        )
        generator.requires_grad_(True)  # a checkpoint's weights come frozen
    features = recipe.features() if recipe.features is not None else None
    state = train_gan(
        recipe.network,
        critic,
        few,
        recipe.plan,
        generator=generator,
        features=features,
        rule=recipe.rule,
        state=read_state(path, recipe.description, GanState),
        path=path,
        callbacks=callbacks,
    )
    return critic_state, state


def load_start(recipe, out=None):
    """The network of the checkpoint that a recipe begins with, in training mode."""
    network = load_checkpoint(recipe.start) if out is None else load_checkpoint(recipe.start, out)
    return network.to(budget.device())


def finish_gan(name, recipe, states, photographs, prior, folder):
    """Choose the generator, measure it as it is saved, and write it with its card into ``folder``. Returns the card."""
    critic_state, state = states
    place, reason = recipe.rule.choose(state.curve) if recipe.rule else (len(state.curve) - 1, "The last generator.")
    model = recipe.network().to(budget.device())
    model.load_state_dict(as_saved(state.snapshots[place]))
    metrics = measure(model.eval(), photographs["validation"], l1, recipe.plan.side, 1, prior)
    plan = dataclasses.asdict(recipe.plan)
    seed = plan.pop("seed")
    card = base_card(name, recipe.objective, recipe.dataset, model, photographs, seed, metrics, recipe.plan.side)
    card |= {"budget": plan | {"steps_done": state.curve[-1]["step"]}, "seconds": round(sum(state.seconds))}
    if recipe.features is not None:
        card["features"] = recipe.features().name
    if critic_state is not None:
        card |= {"start": recipe.start, "critic": _critic_part(critic_state)}
    if recipe.rule is not None:
        card["rule"] = dataclasses.asdict(recipe.rule)
    card |= {
        "chosen": {"point": place, "step": state.curve[place]["step"], "reason": reason},
        "curve": _rounded(state.curve),
    }
    card = write_checkpoint(name, model, card, folder)
    if recipe.rule is not None:
        write_samples(name, [_sample_row(model, weights) for weights in state.snapshots], folder)
    return card


def _sample_row(model, weights):
    """The bundled photographs as a generator with these weights colors them. The model keeps the weights."""
    model.load_state_dict(as_saved(weights))
    return colorize_samples(model)


def _critic_part(state):
    """What a card says of phase 2."""
    return {
        "epochs": state.epoch,
        "seconds": round(sum(state.seconds)),
        "accuracies": [round(accuracy, 4) for accuracy in state.accuracies],
    }


def _rounded(curve):
    return [{key: value if value is None else round(value, 4) for key, value in point.items()} for point in curve]
