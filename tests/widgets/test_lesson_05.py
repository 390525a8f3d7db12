"""The widget and the figures of lesson 05 show what they say: numbers against a second way of getting them."""

import re

import pytest
import torch

from course_lib import color, semantic
from course_lib.data.petals import conditional, mean_color
from course_lib.widgets import figures_05, lesson_05
from course_lib.widgets.figures import figure_html


def drawn(figure):
    return "<img" in figure_html(figure, "a figure that is only drawn to see that it can be drawn")


# ---- blending


def test_both_ends_of_a_blend_are_the_two_embeddings():
    first, second = (lesson_05.embedding_of(name) for name in ("trees", "rocket"))
    assert torch.allclose(lesson_05.blend("trees", "rocket", 0.0), first)
    assert torch.allclose(lesson_05.blend("trees", "rocket", 1.0), second, atol=1e-5)
    assert torch.allclose(lesson_05.blend("trees", "rocket", 0.25), 0.75 * first + 0.25 * second, atol=1e-5)


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_kept_features_give_what_the_whole_network_gives(share):
    network, rgb = lesson_05.network(), semantic.view("street")
    told = lesson_05.blend("street", "trees", share)
    whole = semantic.colors(network, rgb, told)
    assert torch.allclose(lesson_05.blended_colors("street", "trees", share), whole, atol=1e-2)
    if share == 0:
        assert torch.allclose(whole, semantic.colors(network, rgb), atol=1e-2)


def test_the_text_says_how_far_the_colors_moved():
    _, alt = lesson_05.draw_blend("street", "trees", 1.0)
    moved = semantic.change(
        lesson_05.network(), semantic.view("street"), semantic.embed(lesson_05.network(), semantic.view("trees"))
    )
    mean, most = (
        float(number) for number in re.search(r"([\d.]+) units of a and b on average, ([\d.]+) at", alt).groups()
    )
    assert mean == pytest.approx(moved.mean().item(), abs=0.06)
    assert most == pytest.approx(moved.max().item(), abs=0.06)
    assert "100% of the embedding of the trees" in alt
    assert "0.0 units of a and b on average" in lesson_05.draw_blend("street", "trees", 0.0)[1]


def test_the_blend_is_drawn_with_the_lightness_of_the_picture():
    figure, _ = lesson_05.draw_blend("cup", "trees", 0.5)
    shown = torch.from_numpy(figure.axes[1].images[0].get_array()).movedim(-1, 0)[None].float()
    assert torch.allclose(color.to_gray(shown), color.to_gray(semantic.view("cup")[None]), atol=0.1)
    assert figure.axes[1].get_title() == "50% cup, 50% trees"


# ---- static figures


def entry(value, spread=1.0):
    return {"value": value, "low": value - spread, "high": value + spread}


def rows(shift=0.0):
    groups = ("all", "forest", "sea")
    return {
        way: {group: {metric: entry(place + shift) for metric in figures_05.METRICS} for group in groups}
        for place, way in enumerate(figures_05.WAYS)
    }


def test_the_table_of_joined_channels_has_all_of_them():
    fused = torch.arange(2.0 * 3 * 5 * 2).reshape(2, 3, 5, 2)[0]  # 3 channels, 10 places
    figure = figures_05.draw_fused(fused, channels=2)
    shown = torch.from_numpy(figure.axes[0].images[0].get_array().filled(float("nan")))
    assert shown.shape == (4, 10)
    assert shown[2].isnan().all()
    assert torch.allclose(shown[:2], fused[:2].flatten(1) / 19)
    assert torch.allclose(shown[3], fused[2].flatten() / 29)


def test_answers_for_the_sky_stand_at_their_colors():
    answers = {"told nothing": mean_color("sky")[None], "told": conditional("sky")[0]}
    figure = figures_05.draw_skies(answers, {"told nothing": mean_color("sky")[None]})
    lines = {line.get_label(): line.get_xydata() for line in figure.axes[0].lines}
    assert torch.allclose(torch.from_numpy(lines["told"]).float(), conditional("sky")[0])
    assert torch.allclose(torch.from_numpy(lines["told nothing"]).float(), mean_color("sky")[None])
    assert drawn(figure)


def test_similarities_are_written_into_their_cells():
    figure = figures_05.draw_similarity(torch.tensor([[1.0, 0.25], [0.5, 1.0]]), ["p", "q"])
    assert {text.get_position(): text.get_text() for text in figure.axes[0].texts} == {
        (0, 0): "1.00",
        (1, 0): "0.25",
        (0, 1): "0.50",
        (1, 1): "1.00",
    }


def points(axis):
    """The dots on an axis: (value, height) of each."""
    return [tuple(line.get_xydata()[0]) for line in axis.lines if line.get_marker() == "o"]


def test_every_way_has_its_dot_in_every_plot():
    figure = figures_05.draw_ablation(rows())
    for axis, metric in zip(figure.axes, figures_05.METRICS, strict=True):
        expected = [(place, -place) for place in range(len(figures_05.WAYS))]
        if metric == "colorfulness_ratio":
            expected = expected[1:]  # of a gray picture it is 0 by definition
        assert points(axis) == expected
    assert drawn(figure)


def test_every_class_has_a_dot_of_every_way():
    figure = figures_05.draw_classes(rows(), "delta_e")
    axis = figure.axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["forest", "sea"]
    assert sorted(value for value, _ in points(axis)) == sorted(2 * list(range(6)))
    heights = [height for _, height in points(axis)]
    assert len({round(height, 6) for height in heights}) == 12  # none covers another
    assert all(abs(height - round(height)) < 0.5 for height in heights)
    assert drawn(figure)


def test_leads_point_to_the_right_where_they_are_better():
    groups = {"all": -0.5, "forest": 0.3, "sea": -3.0}
    leads = {
        "trained - none": {
            group: {"delta_e": entry(value), "rebalanced_auc": entry(value)} for group, value in groups.items()
        }
    }
    figure = figures_05.draw_leads(leads)
    less, more = figure.axes
    assert [value for value, _ in points(less)] == [0.5, -0.3, 3.0]
    assert [value for value, _ in points(more)] == [-0.5, 0.3, -3.0]
    dots = [line for line in less.lines if line.get_marker() == "o"]
    assert len({line.get_color() for line in dots}) == 2  # one interval leaves out 0, two do not
    bars = [
        tuple(line.get_xdata()) for line in less.lines if line.get_marker() == "None" and len(line.get_xdata()) == 2
    ]
    assert (-0.5, 1.5) in bars
    assert drawn(figure)


def test_swaps_are_drawn_one_below_the_other():
    rgb = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    moved = torch.arange(3.0)[:, None, None].expand(3, 16, 16)
    figure = figures_05.draw_swap(rgb, rgb, rgb.flip(0), moved, [("p", "q"), ("r", "s"), ("t", "u")])
    titles = [axis.get_title() for axis in figure.axes if axis.get_title().startswith("told")]
    assert titles == ["told: p", "told: q", "told: r", "told: s", "told: t", "told: u"]
    maps = [axis.images[0].get_array().mean() for axis in figure.axes if axis.get_title().startswith("moved")]
    assert maps == [0, 1, 2]
    shown = [
        [torch.from_numpy(axis.images[0].get_array()).movedim(-1, 0) for axis in figure.axes[place::4]]
        for place in (0, 1, 3)
    ]
    for pictures, expected in zip(shown, (rgb, rgb.flip(0), rgb), strict=True):
        assert torch.allclose(torch.stack(pictures), expected)
    assert drawn(figure)


def test_groups_are_bars_with_their_values():
    figure = figures_05.draw_groups({"a": {"x": 1.0, "y": 2.5}, "b": {"z": 4.0}})
    assert [[bar.get_height() for bar in axis.patches] for axis in figure.axes] == [[1.0, 2.5], [4.0]]
    assert [text.get_text() for text in figure.axes[0].texts] == ["1.0", "2.5"]
