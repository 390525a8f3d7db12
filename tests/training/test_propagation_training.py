"""The training of the network that carries colors: what is punished, what is drawn, and that it goes on after an interruption."""

import dataclasses
from types import SimpleNamespace

import pytest
import torch

from course_lib import color
from course_lib.models import PropagationNet
from course_lib.models.checkpoints import as_saved, load_checkpoint, read_card
from course_lib.models.propagation_net import PropagationAnswer
from course_lib.training import propagation
from course_lib.training.errors import TrainingError
from course_lib.training.film_samples import STEPS, draw_stretches
from course_lib.training.propagation import (
    PARTS,
    RIGHT,
    AlongFilms,
    DrawStretches,
    FilmRecipe,
    film_loss,
    films_of,
    finish_films,
    measure_network,
    run_films,
)
from course_lib.video.carrying import warp_on
from course_lib.video.flow import warp
from tests.training.film_data import meadows, no_checkpoint, sliding

NAME = "tiny-propagation"


def small():
    return PropagationNet(widths=(4, 6, 8, 10), features=6)


RECIPE = FilmRecipe(
    network=small,
    stages=((1, ("stills",)), (1, ("stills", "petals"))),
    steps=2,
    batch_size=2,
    side=16,
    rate=5e-3,
    count=2,
)


@pytest.fixture(autouse=True)
def quietly(monkeypatch):
    monkeypatch.setenv("COURSE_DEVICE", "cpu")
    no_checkpoint(monkeypatch)


@pytest.fixture
def films():
    return {split: {"stills": [sliding(8)], "petals": list(meadows())} for split in ("train", "validation")}


def stretches(seed=0, count=2, side=16, film=None):
    return draw_stretches([film or sliding(8)], count, side, torch.Generator().manual_seed(seed))


# ---- the loss


def perfect(drawn):
    """Answers that are the truth, and sure of it."""
    sure = torch.ones_like(drawn.l[0])
    return [PropagationAnswer(ab, ab, sure, None) for ab in drawn.ab[-STEPS:]]


def only(monkeypatch, **kept):
    """Switch off the parts of the loss that are not named."""
    monkeypatch.setattr(propagation, "PARTS", dict.fromkeys(PARTS, 0.0) | kept)


def test_the_truth_costs_nothing_but_the_last_doubt():
    """Along an exact flow; confidence is clamped a thousandth below 1, and inside of a cut nothing jumps."""
    film = sliding(8, dx=0, dy=0)
    drawn = stretches(film=film)
    assert film_loss(perfect(drawn), drawn) < PARTS["confidence"] * 1.1e-3


@pytest.mark.parametrize("part", ["ab", "blend"])
def test_colors_and_what_is_carried_on_are_both_punished(monkeypatch, part):
    only(monkeypatch, blend=0.5)
    drawn = stretches()
    assert film_loss(perfect(drawn), drawn) == 0
    losses = []
    for wrong in (0.01, 0.1, 0.2):
        answers = [answer._replace(**{part: getattr(answer, part) + wrong}) for answer in perfect(drawn)]
        losses.append(film_loss(answers, drawn).item())
    weight = {"ab": 1.0, "blend": 0.5}[part]
    expected = [wrong - 0.01 if wrong > 0.02 else wrong**2 / 0.04 for wrong in (0.01, 0.1, 0.2)]  # Huber, bent at .02
    assert losses == pytest.approx([weight * value for value in expected], rel=1e-3)


def test_confidence_is_to_be_honest(monkeypatch):
    only(monkeypatch, confidence=1.0)
    drawn = stretches()
    losses = {}
    for right in (True, False):
        blend = 0.0 if right else 1.5 * RIGHT
        for sure in (0.1, 0.5, 0.9):
            answers = [
                answer._replace(blend=answer.blend + blend, confidence=torch.full_like(answer.confidence, sure))
                for answer in perfect(drawn)
            ]
            # The colors' own part is left out: they are the truth in `ab`.
            losses[right, sure] = film_loss(answers, drawn).item()
    assert losses[True, 0.9] < losses[True, 0.5] < losses[True, 0.1]
    assert losses[False, 0.1] < losses[False, 0.5] < losses[False, 0.9]
    assert losses[True, 0.5] == pytest.approx(losses[False, 0.5])
    assert losses[True, 0.9] == pytest.approx(-torch.tensor(0.9).log().item(), rel=1e-4)


def test_confidence_does_not_teach_colors(monkeypatch):
    only(monkeypatch, confidence=1.0)
    drawn = stretches()
    blends = [answer.blend.clone().requires_grad_() for answer in perfect(drawn)]
    answers = [answer._replace(blend=blend) for answer, blend in zip(perfect(drawn), blends, strict=True)]
    confidence = torch.full_like(drawn.l[0], 0.5).requires_grad_()
    film_loss([answer._replace(confidence=confidence) for answer in answers], drawn).backward()
    assert confidence.grad.abs().min() > 0
    assert not [blend for blend in blends if blend.grad is not None and blend.grad.any()]


def test_a_confidence_at_its_ends_costs_no_infinity():
    drawn = stretches()
    answers = [
        answer._replace(blend=answer.blend + wrong, confidence=torch.full_like(answer.confidence, sure))
        for answer, wrong, sure in zip(perfect(drawn), (0.5, 0.0, 0.5), (1.0, 0.0, 1.0), strict=True)
    ]
    assert film_loss(answers, drawn).isfinite()


def test_jumps_are_punished_where_the_motion_is_known(monkeypatch):
    only(monkeypatch, jumps=1.0)
    drawn = stretches(film=sliding(8, dx=0, dy=0))
    drawn.seen = torch.ones_like(drawn.seen)
    assert film_loss(perfect(drawn), drawn) < 1e-6

    def loss_of(shifts):
        """Of answers that are off by so much, beside what the distance from the truth costs."""
        answers = [
            answer._replace(ab=answer.ab + shift, blend=answer.ab)
            for answer, shift in zip(perfect(drawn), shifts, strict=True)
        ]
        distances = sum(
            torch.nn.functional.smooth_l1_loss(a.ab, t, beta=0.02) for a, t in zip(answers, drawn.ab[-3:], strict=True)
        )
        return (film_loss(answers, drawn) - distances / 3).item()

    assert loss_of((0.1, 0.1, 0.1)) == pytest.approx(0, abs=1e-5)
    assert loss_of((0.1, -0.1, 0.1)) == pytest.approx(0.4 / 3, rel=1e-3)
    assert loss_of((0.1, 0.1, -0.1)) == pytest.approx(0.2 / 3, rel=1e-3)
    drawn.seen = torch.zeros_like(drawn.seen)
    assert loss_of((0.1, -0.1, 0.1)) == pytest.approx(0, abs=1e-5)


def test_jumps_are_measured_along_the_motion(monkeypatch):
    only(monkeypatch, jumps=1.0)
    drawn = stretches(3, side=40)
    moved = film_loss(perfect(drawn), drawn).item()
    drawn.flow = torch.zeros_like(drawn.flow)
    assert moved < 0.3 * film_loss(perfect(drawn), drawn).item()


# ---- along films


def test_only_the_last_steps_have_gradients_and_all_are_walked():
    drawn = next(found for found in map(stretches, range(100)) if len(found.l) > STEPS + 1)
    seen, moved = [], []

    class Watched(PropagationNet):
        def forward(self, l, key_l, key_ab, before, *others):  # noqa: E741
            seen.append((torch.is_grad_enabled(), l))
            moved.append(before.ab)
            return super().forward(l, key_l, key_ab, before, *others)

    torch.manual_seed(0)
    answers = AlongFilms(Watched(widths=(4, 4, 4, 4), features=4))(drawn)
    assert len(answers) == STEPS
    for place in (-2, -1):
        assert torch.allclose(moved[place], warp(answers[place - 1].blend, drawn.flow[place]), atol=1e-6)
    assert [on for on, _ in seen] == [False] * (len(drawn.l) - STEPS) + [True] * STEPS
    assert all(torch.equal(l, right) for (_, l), right in zip(seen, drawn.l, strict=True))  # noqa: E741


def test_a_network_learns_along_a_film():
    """Colors at random from the still network, right ones from the key: the loss falls within some steps."""
    torch.manual_seed(0)
    drawn, model = stretches(4), AlongFilms(small())
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)
    losses = []
    for _ in range(15):
        optimizer.zero_grad()
        loss = film_loss(model(drawn), drawn)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
    weights = dict(model.named_parameters())
    assert not [name for name, weight in weights.items() if weight.grad is None or not weight.grad.any()]


# ---- what is drawn


def test_stages_say_which_films_an_epoch_learns_from():
    recipe = FilmRecipe(stages=((2, ("stills",)), (3, ("stills", "petals")), (1, ("clips",))))
    assert recipe.epochs == 6
    assert recipe.kinds == ("stills", "petals", "clips")
    found = [recipe.kinds_of(epoch) for epoch in range(6)]
    assert found == [("stills",)] * 2 + [("stills", "petals")] * 3 + [("clips",)]


def test_batches_depend_on_seed_epoch_and_step_alone(films):
    def batch(recipe, epoch, step, training=True):
        callback = DrawStretches(recipe, films)
        learn = SimpleNamespace(training=training, epoch=epoch, iter=step, xb=None, yb=None)
        callback.learn = learn
        callback.before_batch()
        (xb,), (yb,) = callback.learn.xb, callback.learn.yb
        assert xb is yb
        return xb

    one, same = batch(RECIPE, 1, 0), batch(RECIPE, 1, 0)
    assert torch.equal(one.l, same.l)
    others = [
        batch(RECIPE, 1, 1),
        batch(RECIPE, 0, 0),
        batch(dataclasses.replace(RECIPE, seed=1), 1, 0),
        batch(RECIPE, 1, 0, training=False),
    ]
    drawn = [one, *others]
    for place, first in enumerate(drawn):
        for second in drawn[place + 1 :]:
            assert first.l.shape != second.l.shape or not torch.equal(first.l, second.l)
    # Validation is the same in each epoch.
    assert torch.equal(batch(RECIPE, 0, 3, training=False).l, batch(RECIPE, 1, 3, training=False).l)


def test_kinds_take_turns(films, monkeypatch):
    asked = []
    original = propagation.draw_stretches

    def watch(given, *arguments):
        asked.append(next((split, kind) for split in films for kind in films[split] if films[split][kind] is given))
        return original(given, *arguments)

    monkeypatch.setattr(propagation, "draw_stretches", watch)
    run_films(NAME, RECIPE, films, states=None)
    of_training = [kind for split, kind in asked if split == "train"]
    assert of_training == ["stills", "stills", "stills", "petals"]
    of_validation = [kind for split, kind in asked if split == "validation"]
    assert len(of_validation) == 2 * 8
    assert of_validation.count("stills") == of_validation.count("petals")


def test_all_that_matters_is_in_the_plan():
    changes = {
        "objective": "another",
        "network": PropagationNet,
        "stages": ((2, ("stills",)),),
        "steps": 3,
        "batch_size": 3,
        "side": 24,
        "rate": 1e-3,
        "seed": 1,
        "count": 3,
    }
    plans = [dataclasses.replace(RECIPE, **{name: value}).plan for name, value in changes.items()]
    assert len({RECIPE.plan, *plans}) == len(changes) + 1
    assert RECIPE.plan == dataclasses.replace(RECIPE).plan
    assert RECIPE.duration == "4 steps at 16 px"


def test_films_are_made_for_both_splits(monkeypatch):
    monkeypatch.setattr(propagation, "film_set", lambda *arguments: arguments[:3])
    films = films_of(dataclasses.replace(RECIPE, count=200))
    assert films["train"] == {kind: (kind, "train", 200) for kind in ("stills", "petals")}
    assert films["validation"] == {kind: (kind, "validation", 20) for kind in ("stills", "petals")}


# ---- a whole training


def weights_of(state):
    return {**state.model, **{f"best {key}": value for key, value in state.best.items()}}


def assert_same(one, other):
    # The loss of training is a mean that fastai smooths, and begins anew with each run.
    assert [validation for _, validation in one.history] == [validation for _, validation in other.history]
    first, second = weights_of(one), weights_of(other)
    assert sorted(first) == sorted(second)
    assert all(torch.equal(first[key], value) for key, value in second.items())


def test_a_training_repeats_and_changes_with_its_seed(films):
    one = run_films(NAME, RECIPE, films, states=None)
    assert_same(one, run_films(NAME, RECIPE, films, states=None))
    assert one.epoch == len(one.history) == 2
    other = run_films(NAME, dataclasses.replace(RECIPE, seed=1), films, states=None)
    assert other.history != one.history


def test_a_training_that_is_stopped_goes_on_to_the_same_weights(films, tmp_path, monkeypatch, capsys):
    whole = run_films(NAME, RECIPE, films, states=None)
    original = DrawStretches.before_batch

    def stop(self):
        if self.training and (self.epoch, self.iter) == (1, 1):
            raise KeyboardInterrupt
        original(self)

    with monkeypatch.context() as patch:
        patch.setattr(DrawStretches, "before_batch", stop)
        with pytest.raises(KeyboardInterrupt):
            run_films(NAME, RECIPE, films, tmp_path)
    assert torch.load(tmp_path / f"{NAME}.pt", weights_only=True)["epoch"] == 1
    with pytest.raises(TrainingError, match="The recipe has changed"):
        run_films(NAME, dataclasses.replace(RECIPE, rate=1e-3), films, tmp_path)
    capsys.readouterr()
    assert_same(run_films(NAME, RECIPE, films, tmp_path), whole)
    out = capsys.readouterr().out
    assert "epoch 2 of 2" in out
    assert "epoch 1 of 2" not in out
    with monkeypatch.context() as patch:
        patch.setattr(propagation, "learner", lambda *_: pytest.fail("it was trained again"))
        assert_same(run_films(NAME, RECIPE, films, tmp_path), whole)
    assert_same(run_films(NAME, RECIPE, films, tmp_path, restart=True), whole)


def test_the_card_says_how_the_checkpoint_was_made(films, tmp_path):
    state = run_films(NAME, RECIPE, films, states=None)
    state.model = {key: torch.zeros_like(value) for key, value in state.model.items()}  # the best ones are asked for
    card = finish_films(NAME, RECIPE, state, films, tmp_path)
    assert read_card(NAME, tmp_path) == card
    network = load_checkpoint(NAME, tmp_path)
    assert type(network) is PropagationNet
    best = {key.removeprefix("network."): value for key, value in as_saved(state.best).items()}
    assert all(torch.equal(network.state_dict()[key], value) for key, value in best.items())
    assert card["network"]["arguments"] == {"widths": [4, 6, 8, 10], "features": 6}
    assert card["network"]["parameters"] == sum(weight.numel() for weight in small().parameters())
    assert card["data"]["kinds"] == {"stills": {"train": 1, "validation": 1}, "petals": {"train": 2, "validation": 2}}
    assert card["objective"] == RECIPE.objective
    assert card["command"] == f"python -m course_lib.training {NAME}"
    assert card["budget"]["steps"] == 4
    assert card["budget"]["stages"] == [
        {"epochs": 1, "kinds": ["stills"]},
        {"epochs": 1, "kinds": ["stills", "petals"]},
    ]
    losses = [validation for _, validation in state.history]
    assert card["best"]["of"] == 2
    assert card["best"]["validation_loss"] == pytest.approx(min(losses), abs=1e-5)
    assert losses[card["best"]["epoch"] - 1] == min(losses)
    assert card["metrics"]["split"] == "validation"
    assert card["metrics"]["side"] == 16
    measured = measure_network(AlongFilms(network), RECIPE, films["validation"])
    assert {key: card["metrics"][key] for key in measured} == measured


def test_distances_are_those_at_the_ends_of_stretches(films):
    model = AlongFilms(small())
    measured = measure_network(model, RECIPE, films["validation"])
    warped, ours = [], []
    for kind in ("stills", "petals"):
        for seed in range(8):
            drawn = draw_stretches(films["validation"][kind], 2, 16, torch.Generator().manual_seed(seed))
            known = drawn.known
            for step in range(len(drawn.l)):
                known = warp_on(drawn.key, known, drawn.l[step], drawn.flow[step], drawn.seen[step])
            with torch.no_grad():
                ours.append(color.AB_SCALE * (model(drawn)[-1].ab - drawn.ab[-1]).norm(dim=1).mean())
            warped.append(color.AB_SCALE * (known.ab - drawn.ab[-1]).norm(dim=1).mean())
    assert measured["warped_distance"] == pytest.approx(torch.stack(warped).mean().item(), abs=2e-3)
    assert measured["distance"] == pytest.approx(torch.stack(ours).mean().item(), abs=2e-3)
