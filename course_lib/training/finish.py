"""From the end of a training to its checkpoint: weights in half precision, measured as they are saved, with their card."""

from course_lib import budget
from course_lib.models.checkpoints import as_saved, write_checkpoint
from course_lib.training.card import make_card
from course_lib.training.measure import measure


def finish(name, recipe, state, photographs, prior, folder):
    """Measure the best weights of a training as they are saved, and write them with their card into ``folder``. Returns the card."""
    model = recipe.network().to(budget.device())
    model.load_state_dict(as_saved(state.best))
    validation, loss = photographs["validation"], recipe.loss(prior)
    metrics = measure(
        model.eval(), validation, loss, recipe.last_side, recipe.shrinks, prior, recipe.labeled, recipe.lit
    )
    card = make_card(name, recipe, model, state, photographs, metrics)
    return write_checkpoint(name, model, card, folder)
