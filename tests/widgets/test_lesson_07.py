"""The widgets and figures of lesson 07 show what they say."""

import math
import re

import pytest
import torch

from course_lib import realism, results
from course_lib.models import PatchDiscriminator
from course_lib.training.losses import ADVERSARIAL
from course_lib.widgets import figures_07, lesson_07
from course_lib.widgets.figures import figure_html, new_figure


def drawn(figure):
    return "<img" in figure_html(figure, "a figure that is only drawn to see that it can be drawn")


# ---- the losses


def test_every_setting_of_the_boxes_is_in_the_results():
    rows, colored = results.read_loss_results()["rows"], results.loss_pictures()
    names = {lesson_07.combination(*(bool(number & bit) for bit in (1, 2, 4))) for number in range(8)}
    assert len(names) == 8
    assert names <= set(rows)
    assert names <= set(colored)


def test_boxes_show_the_pictures_and_numbers_of_their_combination():
    figure, alt = lesson_07.draw_combination(l1=True, adversarial=False, features=True)
    shown = torch.from_numpy(figure.axes[0].images[0].get_array()).movedim(-1, 0)
    assert torch.allclose(shown.float(), results.loss_pictures()["L1 + features"][0], atol=1e-3)
    row = results.read_loss_results()["rows"]["L1 + features"]
    assert f"Delta E {row['delta_e']['value']:.1f}" in alt
    assert f"Fréchet distance {row['frechet']['value']:.3g}" in alt
    assert "L1 + features" in alt
    assert "in gray" in lesson_07.draw_combination(False, False, False)[1]


# ---- the critic


@pytest.fixture
def quick_critic(monkeypatch):
    """A critic that takes strong red for real and has learned nothing, instead of one that trains for seconds."""
    critic = PatchDiscriminator(widths=(4,), norm="none", kernel=1)
    for weight in critic.parameters():
        torch.nn.init.zeros_(weight)
    critic.layers[0].weight.data[0, 1] = 1.0  # a
    critic.layers[-1].weight.data[0, 0] = 100.0
    critic.layers[-1].bias.data[0] = -10.0
    monkeypatch.setattr(lesson_07, "trained_critic", lambda kind: critic)
    lesson_07.judged.cache_clear()
    yield critic
    lesson_07.judged.cache_clear()


def test_the_share_is_that_of_logits_above_zero(quick_critic):
    rgb = realism.view("flower")
    share = (realism.as_lab(rgb[None])[0, 1] > 0.1).float().mean().item()
    assert 0.05 < share < 0.95
    assert lesson_07.taken_for_real("any", "flower", realism.TRUE) == pytest.approx(share, abs=1e-3)
    _, alt = lesson_07.draw_judged("any", "flower", "gray", 1.0)
    assert [
        int(number) for number in re.findall(r"(\d+)% of the patches for real, of the edited one (\d+)", alt)[0]
    ] == [
        round(100 * share),
        0,
    ]


def test_the_map_is_drawn_with_its_logits(quick_critic):
    rgb, logits = lesson_07.judged("any", "cat", "another hue", 1.0)
    assert torch.allclose(logits, realism.patch_map(quick_critic, rgb))
    _, axes = new_figure(1, 1)
    shown = figures_07.draw_logits(axes[0, 0], logits, rgb, "map")
    assert torch.equal(torch.from_numpy(shown.get_array().data), logits)


# ---- figures


def test_costs_of_the_games_are_those_of_the_losses():
    logits = torch.tensor([-2.0, 0.0, 3.0])
    for kind, costs in ADVERSARIAL.items():
        for curve, cost in zip(figures_07.costs_of(kind, logits), costs, strict=True):
            assert torch.equal(curve, cost(logits))
    assert figures_07.costs_of("BCE", logits)[0][1] == pytest.approx(math.log(2))


def test_slopes_by_hand():
    logits = torch.tensor([-5.0, 0.0, 2.0])
    assert torch.allclose(figures_07.slopes(torch.square, logits), 2 * logits)
    assert torch.allclose(figures_07.slopes(figures_07.saturating, logits), -logits.sigmoid())
    assert torch.allclose(figures_07.slopes(ADVERSARIAL["BCE"][2], logits), logits.sigmoid() - 1)


def test_the_square_stands_around_what_is_seen():
    influence = torch.zeros(40, 40)
    influence[10:20, 5:30] = 1
    square = figures_07.draw_fields(torch.rand(3, 40, 40), {10: influence}).axes[0].patches[0]
    assert (square.get_x(), square.get_y()) == (4.5, 9.5)
    assert (square.get_width(), square.get_height()) == (25, 10)


def test_all_figures_draw():
    entry = {"value": 10.0, "low": 9.0, "high": 11.0}
    curve = [{"step": 0}, {"step": 50, "critic_loss": 0.5}, {"step": 100, "critic_loss": 0.6}]
    assert drawn(figures_07.draw_games())
    assert drawn(figures_07.draw_plane({"gray": {"delta_e": entry, "frechet": entry}}))
    assert drawn(figures_07.draw_verdicts({"one": {"gray": 0.1}, "other": {"gray": 0.7}}))
    figure = figures_07.draw_critics_losses({"balanced": curve})
    assert figure.axes[0].lines[0].get_ydata().tolist() == [0.5, 0.6]
    assert drawn(figure)
