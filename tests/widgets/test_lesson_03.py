"""The widgets and figures of lesson 03 show what they say: numbers against a second way of getting them."""

import re

import numpy as np
import pytest
import torch
from scipy.special import softmax

from course_lib import bins, color, metrics
from course_lib.bins import AB_BINS
from course_lib.data.petals import conditional
from course_lib.widgets import figures_03, lesson_03
from course_lib.widgets.figures import figure_html


def random_logits(*shape, seed=0):
    return 3 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def number(pattern, text):
    return float(re.search(pattern, text).group(1))


# ---- from a distribution to a color


@pytest.mark.parametrize("temperature", [0.05, 0.38, 1.0, 1.5])
def test_decoding_is_the_sharpened_mean(temperature):
    logits = random_logits(313, 2, 3)
    shares = softmax(logits.double().numpy() / temperature, axis=0)
    expected = np.einsum("qhw,qc->chw", shares, AB_BINS.numpy())
    assert np.abs(lesson_03.decode(logits, temperature).numpy() - expected).max() < 1e-3


def test_decoding_agrees_with_the_library():
    logits = random_logits(313, 4, 5)
    assert torch.allclose(lesson_03.decode(logits, 0.38), bins.annealed_mean(logits[None])[0], atol=1e-4)


def test_the_three_choices():
    logits = random_logits(313)
    chosen = lesson_03.decodings(logits, temperature=0.5)
    assert torch.allclose(chosen["mean"], logits.softmax(0) @ AB_BINS, atol=1e-3)
    assert torch.allclose(chosen["annealed mean"], (logits / 0.5).softmax(0) @ AB_BINS, atol=1e-3)
    assert torch.equal(chosen["mode"], AB_BINS[logits.argmax()])


def test_drawn_colors_follow_their_shares_pixel_by_pixel():
    logits = torch.full((1, 313, 100, 200), -30.0)
    blue, orange = 40, 250
    logits[:, blue], logits[:, orange] = torch.tensor(0.6).log(), torch.tensor(0.4).log()
    ab = lesson_03.draw_colors(logits, torch.Generator().manual_seed(1))
    is_blue = (ab == AB_BINS[blue][:, None, None]).all(dim=1)
    is_orange = (ab == AB_BINS[orange][:, None, None]).all(dim=1)
    assert (is_blue | is_orange).all()
    assert is_blue.float().mean().item() == pytest.approx(0.6, abs=0.02)
    alike = (is_blue[..., 1:] == is_blue[..., :-1]).float().mean().item()
    assert alike == pytest.approx(0.52, abs=0.02)  # 0.6^2 + 0.4^2


def test_largest_steps_are_those_between_neighbors():
    assert lesson_03.largest_steps(torch.ones(2, 3, 4)) == 0
    edge = torch.zeros(2, 20, 20)
    edge[1, :, 10:] = 7
    assert lesson_03.largest_steps(edge, 0.01) == 7
    assert lesson_03.largest_steps(edge, 0.1) == 0  # 20 of 760 neighbors
    checkered = torch.zeros(2, 4, 4)
    checkered[0, ::2, ::2] = checkered[0, 1::2, 1::2] = 3
    checkered[1] = checkered[0] / 3 * 4
    assert lesson_03.largest_steps(checkered).item() == pytest.approx(5)


# ---- the distribution of one pixel


def test_the_text_of_a_pixel_tells_its_distribution():
    logits = random_logits(313, 4, 6)
    logits[200, 1, 2] = 20.0
    _, alt = lesson_03.draw_pixel(torch.full((16, 24), 50.0), logits, x=9, y=6)
    a, b = AB_BINS[200].tolist()
    assert alt.startswith(f"The pixel at (9, 6). Most likely bins: a = {a:.0f} b = {b:.0f} with")
    assert f"mode a = {a:.0f}, b = {b:.0f}" in alt
    mean = logits[:, 1, 2].softmax(0) @ AB_BINS
    assert number(r"mean a = (-?\d+)", alt) == pytest.approx(mean[0].item(), abs=0.51)


def test_a_wide_distribution_is_shown_on_a_wider_plane():
    narrow, wide = torch.full((313, 1, 1), -30.0), torch.full((313, 1, 1), -30.0)
    narrow[120], wide[0] = 0, 0  # gray, and the bin with the lowest a
    for logits, reach in ((narrow, lesson_03.REACHES[0]), (wide, lesson_03.REACHES[1])):
        figure, _ = lesson_03.draw_pixel(torch.full((4, 4), 50.0), logits, x=0, y=0)
        assert figure.axes[0].get_xlim() == (-reach, reach)


def test_the_picture_beside_marks_the_pixel():
    logits, rgb = random_logits(313, 4, 6), torch.rand(3, 16, 24)
    figure, _ = lesson_03.draw_pixel(torch.full((16, 24), 50.0), logits, x=9, y=6, picture=rgb)
    frame = figure.axes[0].lines[-1].get_xydata()
    assert frame.min(axis=0).tolist() == [7.5, 3.5]
    assert frame.max(axis=0).tolist() == [11.5, 7.5]


@pytest.fixture
def pixel_widget():
    lightness = torch.full((16, 24), 50.0)
    return lesson_03.pixel_colors({name: (lightness, random_logits(313, 4, 6, seed=s)) for s, name in enumerate("pq")})


def test_a_click_moves_both_sliders_and_draws_once(pixel_widget, monkeypatch):
    drawn = []
    draw = pixel_widget.draw
    monkeypatch.setattr(pixel_widget, "draw", lambda **values: drawn.append(values) or draw(**values))
    pixel_widget.click(9.6 * pixel_widget.zoom, 13.2 * pixel_widget.zoom)
    assert (pixel_widget.controls["x"].value, pixel_widget.controls["y"].value) == (8, 12)
    assert [(values["x"], values["y"]) for values in drawn] == [(8, 12)]
    assert "The pixel at (8, 12)" in pixel_widget.picture.value


@pytest.mark.parametrize(("place", "pixel"), [((-5, -5), (0, 0)), ((10_000, 10_000), (20, 12))])
def test_clicks_outside_choose_the_nearest_pixel(pixel_widget, place, pixel):
    pixel_widget.click(*place)
    assert (pixel_widget.controls["x"].value, pixel_widget.controls["y"].value) == pixel


def test_the_sliders_do_what_a_click_does(pixel_widget):
    pixel_widget.click(9 * pixel_widget.zoom, 5 * pixel_widget.zoom)
    clicked = pixel_widget.picture.value
    pixel_widget.controls["x"].value = 0
    pixel_widget.controls["y"].value = 0
    assert pixel_widget.picture.value != clicked
    pixel_widget.controls["x"].value = 8
    pixel_widget.controls["y"].value = 4
    assert pixel_widget.picture.value == clicked


def test_the_canvas_shows_the_picture_of_the_same_name(pixel_widget, monkeypatch):
    painted = []
    monkeypatch.setattr(pixel_widget.canvas, "put_image_data", lambda pixels, x, y: painted.append(pixels))
    pixel_widget.controls["name"].value = "q"
    zoom = pixel_widget.zoom
    expected = lesson_03.to_bytes(pixel_widget.views["q"])
    assert np.array_equal(painted[-1][::zoom, ::zoom], expected)
    assert painted[-1].shape == (16 * zoom, 24 * zoom, 3)
    assert (pixel_widget.canvas.width, pixel_widget.canvas.height) == (24 * zoom, 16 * zoom)


def test_a_view_keeps_the_lightness_and_takes_the_decoded_colors():
    lightness = torch.full((16, 24), 60.0)
    logits = torch.full((313, 4, 6), -30.0)
    logits[140] = 0  # one bin everywhere
    lab = color.rgb_to_lab(lesson_03.view(lightness, logits))
    assert torch.allclose(lab[0], lightness, atol=0.1)
    assert torch.allclose(lab[1:].mean(dim=(1, 2)), AB_BINS[140], atol=0.5)


# ---- the temperature of a photograph


def test_the_temperature_text_gives_the_colorfulness_of_the_picture():
    shown = lesson_03.annealed("china", 0.7)
    html = lesson_03.temperature_html("china", 0.7, "scenes-classification")
    ours = html[html.index("ours") :]
    assert number(r"colorfulness (\d+)</div>", ours) == pytest.approx(metrics.colorfulness(shown).item(), abs=0.51)
    assert html.count("<img alt=") == 3


def test_photographs_keep_their_lightness_at_any_temperature():
    for temperature in (0.02, 1.5):
        lightness = color.to_gray(lesson_03.annealed("rocket", temperature))[0]
        assert (lightness - lesson_03.lightness_of("rocket")).abs().max() < 0.2


def test_a_regression_is_shown_in_natural_units():
    ab = color.rgb_to_lab(lesson_03.regressed("china"))[1:]
    answered = 110 * lesson_03.answer("china", "scenes-l2")
    assert ab.mean(dim=(1, 2)).tolist() == pytest.approx(answered.mean(dim=(1, 2)).tolist(), abs=0.7)


def test_the_row_of_temperatures_names_each():
    figure, alt = lesson_03.draw_temperatures("china", (1.0, 0.02))
    assert [axis.get_title() for axis in figure.axes] == ["gray", "T = 1", "T = 0.02", "truth"]
    assert "gray, colorfulness 0; T = 1, colorfulness" in alt


# ---- static figures


def test_shown_bins_are_those_in_gamut():
    for level in (25, 75):
        shown = figures_03.bins_in_gamut(level)
        lab = torch.cat([torch.full((313, 1), float(level)), AB_BINS], dim=1)
        rgb = color.lab_to_rgb(lab.T[:, :, None], clip=False)[:, :, 0]
        inside = ((rgb > -1e-3) & (rgb < 1 + 1e-3)).all(dim=0)
        assert (shown == inside).float().mean() > 0.99
        assert 30 < shown.sum() < 200


def test_the_expected_cross_entropy_is_lowest_at_the_truth():
    answered = torch.linspace(0.01, 0.99, 99)
    for true in (0.3, 0.6, 0.9):
        cost = figures_03.expected_cross_entropy(answered, true)
        assert answered[cost.argmin()].item() == pytest.approx(true, abs=1e-6)
    by_torch = torch.nn.functional.binary_cross_entropy(torch.tensor(0.7), torch.tensor(0.6))
    assert figures_03.expected_cross_entropy(torch.tensor(0.7), 0.6).item() == pytest.approx(by_torch.item(), abs=1e-6)


def test_targets_are_written_on_their_squares():
    figure = figures_03.draw_targets((13.0, -24.0))
    hard, soft = ({text.get_position(): text.get_text() for text in axis.texts} for axis in figure.axes)
    assert hard == {(10.0, -20.0): "100%"}
    squared = {center: (center[0] - 13) ** 2 + (center[1] + 24) ** 2 for center in soft}
    weights = {center: np.exp(-value / 50) for center, value in squared.items()}
    assert soft == {center: f"{weight / sum(weights.values()):.0%}" for center, weight in weights.items()}
    assert len(soft) == 5


def test_shares_are_drawn_with_the_rest():
    colors, shares = conditional("sky")
    figure = figures_03.draw_shares({"sky": (("blue", "orange"), colors, shares, shares * 0.9)})
    heights = [bar.get_height() for bar in figure.axes[0].patches]
    assert heights == pytest.approx([0.6, 0.4, 0, 0.54, 0.36, 0.1], abs=1e-5)


def test_static_figures_can_be_drawn():
    drawn = [
        figures_03.draw_bins((40, 60)),
        figures_03.draw_cross_entropy((0.2,)),
        figures_03.draw_blocks([("input", 1, 64), ("1", 8, 32), ("answer", 313, 16)]),
        figures_03.draw_anneal({"gray": torch.eye(313)[120], "mixed": torch.full((313,), 1 / 313)}),
    ]
    for figure in drawn:
        assert "<img" in figure_html(figure, "a figure that is only drawn to see that it can be drawn")
