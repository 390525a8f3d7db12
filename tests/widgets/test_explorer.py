"""The thin layer around the drawing functions, figures with alt text, and the quiz."""

import base64
import io
import json
import re

import pytest
import torch
from PIL import Image, ImageChops

from course_lib import quizzes
from course_lib.widgets import (
    Explorer,
    choice,
    draw_picture,
    figure_html,
    gallery,
    new_figure,
    pictures,
    quiz,
    show,
    slider,
)
from course_lib.widgets.explorer import WIDGETS, widget
from course_lib.widgets.figures import _with_palette

ALT = "A line that rises from zero to the chosen number"


def draw_line(end, color="blue"):
    if end > 4:
        raise ZeroDivisionError("drawn on purpose")
    figure, axes = new_figure()
    axes[0, 0].plot([0, end], color=color)
    return figure, ALT


def explorer():
    return Explorer(draw_line, {"end": slider("end", 1, 0, 5, 1), "color": choice("color", ["blue", "red"])})


def image(html):
    kind, data = re.search(r'src="data:image/(png|jpeg);base64,([^"]+)"', html).groups()
    return kind, Image.open(io.BytesIO(base64.b64decode(data)))


def test_moving_a_control_redraws_the_picture():
    box = explorer()
    seen = {box.picture.value}
    box.controls["end"].value = 3
    seen.add(box.picture.value)
    box.controls["color"].value = "red"
    seen.add(box.picture.value)
    assert len(seen) == 3
    assert all(f'alt="{ALT}"' in html for html in seen)


def test_a_crash_while_moving_is_shown_and_raised():
    box = explorer()
    with pytest.raises(ZeroDivisionError):
        box.controls["end"].value = 5
    assert "could not be drawn" in box.picture.value
    assert "drawn on purpose" in box.picture.value


def test_controls_carry_the_names_that_a_browser_finds_them_by():
    box = explorer()
    assert "course-explorer" in box._dom_classes
    assert "course-control-end" in box.controls["end"]._dom_classes
    assert "course-picture" in box.picture._dom_classes


def test_two_widgets_of_one_name_are_refused(monkeypatch):
    monkeypatch.setitem(WIDGETS, "99.twice", explorer)
    with pytest.raises(ValueError, match="two widgets"):
        widget("99.twice")(explorer)


def test_a_slider_is_whole_or_decimal():
    assert type(slider("n", 1, 0, 5, 1)).__name__ == "IntSlider"
    assert type(slider("x", 0.5, 0, 1, 0.1)).__name__ == "FloatSlider"


@pytest.mark.parametrize("alt", ["", "   ", "a plot"])
def test_a_figure_without_a_description_is_refused(alt):
    with pytest.raises(ValueError, match="Describe the figure"):
        show(new_figure()[0], alt)


def test_the_description_is_escaped():
    html = figure_html(new_figure()[0], 'A curve that says "L < 50" & then stops at the edge')
    assert 'alt="A curve that says &quot;L &lt; 50&quot; &amp; then stops at the edge"' in html


def test_the_same_figure_gives_the_same_bytes():
    assert figure_html(*draw_line(2)) == figure_html(*draw_line(2))


def test_lines_are_stored_without_loss_and_photographs_small():
    assert image(figure_html(*draw_line(2)))[0] == "png"
    noise = pictures({"noise": torch.rand(3, 240, 240)})
    assert image(figure_html(noise, ALT))[0] == "jpeg"


def test_a_drawing_gets_a_palette_and_looks_the_same():
    figure, _ = draw_line(2)
    stored = image(figure_html(figure, ALT))[1]
    width, height = figure.canvas.get_width_height()
    drawn = Image.frombuffer("RGBA", (width, height), figure.canvas.buffer_rgba()).convert("RGB")
    assert stored.mode == "P"
    assert max(high for _, high in ImageChops.difference(stored.convert("RGB"), drawn).getextrema()) <= 6


def test_a_palette_that_would_show_is_not_used():
    colors = (torch.rand(1000, 3, generator=torch.Generator().manual_seed(0)) * 255).byte().numpy()
    many = Image.fromarray(colors.reshape(20, 50, 3))
    assert _with_palette(many) is many


def drawn_color(picture):
    """The color in the middle of a drawn picture, 0..255."""
    _, drawn = image(figure_html(pictures({"": picture}), ALT))
    return drawn.convert("RGB").getpixel((drawn.width // 2, drawn.height // 2 + 10))


def test_a_red_picture_is_drawn_red_and_not_blue():
    red = torch.zeros(3, 20, 20)
    red[0] = 1
    assert drawn_color(red) == (255, 0, 0)


@pytest.mark.parametrize("gray", [torch.full((20, 20), 50.0), torch.full((1, 20, 20), 50.0), torch.full((20, 20), 0.5)])
def test_gray_is_scaled_as_lightness_or_share(gray):
    assert drawn_color(gray) == pytest.approx((127, 127, 127), abs=2)


def test_pictures_wrap_into_rows_and_hide_empty_axes():
    figure = pictures({str(n): torch.rand(3, 10, 10) for n in range(7)})
    assert len(figure.axes) == 10
    assert sum(bool(axis.images) for axis in figure.axes) == 7
    assert not any(axis.axison for axis in figure.axes)


def test_a_gallery_names_its_rows_at_the_left_and_its_columns_above():
    row = {"gray": torch.rand(10, 12), "truth": torch.rand(3, 10, 12)}
    figure = gallery({"temple": row, "rocket": row})
    assert [axis.get_title() for axis in figure.axes] == ["gray", "truth", "", ""]
    assert [[text.get_text() for text in axis.texts] for axis in figure.axes] == [["temple"], [], ["rocket"], []]
    figure = gallery({"ours": torch.rand(5, 3, 10, 12), "truth": torch.rand(5, 3, 10, 12)})
    assert len(figure.axes) == 10
    assert not any(axis.get_title() for axis in figure.axes)


@pytest.mark.parametrize(
    "rows", [{}, {"a": {}}, {"a": torch.rand(2, 3, 4, 4), "b": torch.rand(3, 3, 4, 4)}, {"a": {"x": 1}, "b": {"y": 1}}]
)
def test_a_gallery_needs_rows_that_are_alike(rows):
    with pytest.raises(ValueError, match="same labels"):
        gallery(rows)


def test_pictures_needs_one():
    with pytest.raises(ValueError, match="at least one"):
        pictures({})


def test_small_pictures_keep_sharp_pixels():
    _, axes = new_figure()
    draw_picture(axes[0, 0], torch.rand(3, 8, 8))
    assert axes[0, 0].images[0].get_interpolation() == "nearest"


@pytest.fixture
def sample_quiz(tmp_path, monkeypatch):
    options = [
        {"text": "yes <b>", "right": True, "why": "since & so"},
        {"text": "no", "right": False, "why": "look again"},
    ]
    questions = [
        {"id": "one", "question": "Is it?", "options": options},
        {"id": "two", "question": "Is it not?", "options": options[::-1]},
    ]
    (tmp_path / "98.json").write_text(json.dumps({"lesson": "98_sample", "questions": questions}))
    monkeypatch.setattr(quizzes, "FOLDER", tmp_path)
    return quiz("98")


def test_every_option_of_a_quiz_explains_itself(sample_quiz):
    first, second = sample_quiz.questions
    first.options.value = 1
    assert "Not this one" in first.answer.value
    assert "look again" in first.answer.value
    assert "0 of 2" in sample_quiz.score.value
    first.options.value = 0
    assert "Right" in first.answer.value
    assert "since &amp; so" in first.answer.value
    assert "1 of 2" in sample_quiz.score.value
    second.options.value = 1
    assert "2 of 2" in sample_quiz.score.value
