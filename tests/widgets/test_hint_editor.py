"""The state of the hint tool: hints, their history, what the network makes of them, files; and what is drawn, in words too."""

import io
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from course_lib import color, hints
from course_lib.color import PictureError
from course_lib.colorizing import colorize, predict_ab
from course_lib.data import photo
from course_lib.data.writing import write_image
from course_lib.hints import Hints, HintsError, Point
from course_lib.models import HintNet
from course_lib.suggesting import Suggestion, suggest
from course_lib.widgets import hint_drawing as drawing
from course_lib.widgets import hint_editor as editing
from course_lib.widgets.hint_editor import HintEditor, Photo

NARROW = {"widths": (8, 8, 8, 8), "decoder": (8, 8, 8)}


def small_network():
    torch.manual_seed(0)
    return HintNet(**NARROW, suggestions=True, strokes=True, palette=True)


def picture(height=48, width=72):
    """Dark at the left, light at the right, with some texture."""
    noise = torch.rand(3, height, width, generator=torch.Generator().manual_seed(1))
    return (torch.linspace(0.1, 0.7, width) + 0.2 * noise).clamp(0, 1)


@pytest.fixture(scope="module")
def network():
    return small_network()


@pytest.fixture
def editor(network, monkeypatch):
    monkeypatch.setattr(editing, "SIDE", 32)
    monkeypatch.setattr(editing, "SHOWN", 72)
    return HintEditor(network, Photo("noise", picture()))


def count_runs(editor):
    """A list that grows with each run of the network."""
    runs = []
    handle = editor.network.register_forward_hook(lambda *_: runs.append(1))
    return runs, handle


# ---- photographs


@pytest.mark.parametrize(
    ("size", "seen", "shown"),
    [
        ((427, 640), (128, 192), (342, 512)),
        ((640, 427), (192, 128), (512, 342)),
        ((30, 30), (128, 128), (512, 512)),
        ((20, 400), (24, 512), (26, 512)),  # a panorama: four times the shorter side at most
    ],
)
def test_sizes_that_the_network_and_people_see(size, seen, shown):
    one = Photo("plain", torch.rand(3, *size))
    assert one.seen.shape[-2:] == seen
    assert one.shown.shape[-2:] == shown


def test_what_the_network_sees_is_the_lightness():
    rgb = picture()
    assert Photo("noise", rgb).seen.mean().item() == pytest.approx(color.to_gray(rgb).mean().item(), abs=0.5)


def test_the_tool_shows_what_colorize_makes(network):
    """The same network on the same input: what is shown is what `colorize` gives, and what is saved is exactly that."""
    rgb = photo("coffee")
    editor = HintEditor(
        network, Photo("coffee", rgb), Hints([Point(0.5, 0.5, 40, 30)], [[(0.1, 0.1), (0.9, 0.2)]], [(10, 40)])
    )
    full = colorize(rgb, network, editor.hints)
    assert torch.equal(editor.full_size(), full)
    ab = predict_ab(network, editor.photo.seen, hints=editor.hints)
    # Shown in half the bits on some machines: an eighth of a bin of color at most, on average far less.
    assert (editor.colored() - color.join(editor.photo.shown, ab)[0]).abs().mean() < 2e-3
    small = torch.nn.functional.interpolate(
        full[None], size=editor.colored().shape[-2:], mode="bilinear", antialias=True
    )
    assert (editor.colored() - small[0]).abs().mean() < 0.005
    assert editor.gray().std(dim=0).max() < 1e-3
    assert color.to_gray(editor.gray()).mean().item() == pytest.approx(editor.photo.shown.mean().item(), abs=0.1)


def test_a_network_without_suggestions_is_refused():
    with pytest.raises(HintsError, match="suggestions=True"):
        HintEditor(HintNet(**NARROW), Photo("noise", picture()))


# ---- points


def test_a_new_point_has_the_most_likely_color_and_is_chosen(editor, network):
    editor.add(0.5, 0.25)
    l, _ = color.normalize(torch.cat([editor.photo.seen] * 3, dim=1))  # noqa: E741
    with torch.no_grad():
        logits = network.eval()(l).logits[0]
    y, x = int(0.5 * logits.shape[1]), int(0.25 * logits.shape[2])
    likely = suggest(logits[:, y, x], editor.photo.seen[0, 0, 4 * y, 4 * x].item())[0]
    assert (editor.point.a, editor.point.b) == pytest.approx((likely.a, likely.b), abs=0.5)
    assert (editor.point.row, editor.point.column) == (0.5, 0.25)
    assert editor.state.selected == 0
    editor.add(0.1, 0.9)
    assert editor.state.selected == 1
    assert len(editor.past) == 2


def test_a_point_colors_its_place(editor):
    before = editor.colored()
    editor.add(0.5, 0.5)
    editor.recolor(40.0, 30.0)
    assert not torch.allclose(editor.colored(), before, atol=1e-3)


def test_suggestions_do_not_echo_the_point_itself(editor):
    editor.add(0.5, 0.5)
    expected = editor.suggestions()
    editor.recolor(25.0, 10.0)
    assert editor.suggestions() == expected
    editor.add(0.2, 0.2)
    editor.recolor(30.0, -30.0)
    editor.select(0)
    assert editor.suggestions() != expected  # but they follow the other points
    assert [one.share for one in expected] == sorted((one.share for one in expected), reverse=True)
    editor.select(None)
    assert editor.suggestions() == []


def test_the_nearest_point_is_found_within_reach(editor):
    for column in (0.2, 0.3, 0.8):
        editor.add(0.5, column)
    assert editor.find(0.5, 0.26, 0.1) == 1
    assert editor.find(0.5, 0.24, 0.1) == 0
    assert editor.find(0.5, 0.55, 0.1) is None
    assert editor.find(0.56, 0.8, 0.05) is None  # 0.06 of the height, the shorter side
    assert editor.find(0.54, 0.8, 0.05) == 2
    assert editor.find(0.5, 0.83, 0.05) == 2  # 0.045 of the height
    assert editor.find(0.5, 0.84, 0.05) is None
    editor.add(0.5, 0.8)
    assert editor.find(0.5, 0.8, 0.05) == 3  # of two at one place, that which shows


def test_colors_are_those_that_there_are_at_the_lightness(editor):
    editor.add(0.5, 0.02)
    level = editor.lightness_at(0.5, 0.02)
    editor.recolor(90.0, -90.0)
    assert math.atan2(editor.point.b, editor.point.a) == pytest.approx(-math.pi / 4, abs=1e-3)
    assert drawing.is_possible(level, editor.point.a, editor.point.b)
    assert not drawing.is_possible(level, 1.05 * editor.point.a, 1.05 * editor.point.b)
    with pytest.raises(HintsError, match="chroma"):
        editor.recolor(500.0, 0.0)


def test_a_moved_point_keeps_its_color_and_shows_what_is_possible(editor):
    editor.add(0.5, 0.5)
    editor.recolor(90.0, -90.0)
    own = (editor.point.a, editor.point.b)
    editor.move(0.5, 0.99)
    assert (editor.point.a, editor.point.b) == own
    shown = editor.color_of(editor.point)
    assert math.hypot(*shown) < 0.95 * math.hypot(*own)
    assert drawing.is_possible(editor.lightness_at(0.5, 0.99), *shown)
    editor.move(0.5, 0.5)
    assert editor.color_of(editor.point) == pytest.approx(own)


@pytest.mark.parametrize("action", ["remove", "move", "recolor"])
def test_what_needs_a_point_says_so(editor, action):
    arguments = {"move": (0.5, 0.5), "recolor": (1.0, 1.0)}.get(action, ())
    with pytest.raises(HintsError, match="Choose a point first"):
        getattr(editor, action)(*arguments)
    assert not editor.past


@pytest.mark.parametrize("number", [-1, 1])
def test_only_points_that_exist_can_be_chosen(editor, number):
    editor.add(0.5, 0.5)
    with pytest.raises(HintsError, match="no point"):
        editor.select(number)


def test_a_place_outside_of_the_picture_is_refused(editor):
    with pytest.raises(HintsError, match="from 0 to 1"):
        editor.add(1.2, 0.5)
    assert editor.hints == Hints()


# ---- borders and palette


def test_borders_are_drawn_led_on_and_removed(editor):
    editor.add_stroke([(0.1, 0.1), (0.2, 0.2)])
    editor.extend_stroke(0.3, 0.4)
    editor.add_stroke([(0.5, 0.5)])
    assert editor.hints.strokes == (((0.1, 0.1), (0.2, 0.2), (0.3, 0.4)), ((0.5, 0.5),))
    editor.remove_stroke()
    assert editor.hints.strokes == (((0.1, 0.1), (0.2, 0.2), (0.3, 0.4)),)
    editor.remove_stroke()
    assert editor.hints.strokes == ()
    with pytest.raises(HintsError, match="no border"):
        editor.remove_stroke()
    editor.extend_stroke(0.3, 0.4)
    assert editor.hints.strokes == (((0.3, 0.4),),)


def test_borders_and_palette_reach_the_network(editor):
    plain = editor.colored()
    editor.add_stroke([(0.5, 0.1), (0.5, 0.9)])
    with_border = editor.colored()
    assert not torch.equal(plain, with_border)
    editor.set_palette([(40.0, 20.0)])
    assert not torch.equal(with_border, editor.colored())


def test_a_palette_is_written_as_people_write_colors():
    assert editing.parse_palette("  ") == ()
    red, blue = editing.parse_palette("#c04030, #3060c0")
    assert (red, blue) == (hints.ab_of("#c04030"), hints.ab_of("#3060c0"))
    with pytest.raises(HintsError, match="'green'"):
        editing.parse_palette("#c04030 green")


# ---- history

ACTIONS = {
    "add": lambda e, x, y: e.add(x, y),
    "select": lambda e, x, y: e.select(int(x * len(e.hints.points)) if e.hints.points and x < 1 else None),
    "move": lambda e, x, y: e.point and e.move(y, x),
    "recolor": lambda e, x, y: e.point and e.recolor(100 * x - 50, 100 * y - 50),
    "remove": lambda e, x, y: e.point and e.remove(),
    "stroke": lambda e, x, y: e.add_stroke([(x, y), (y, x)]),
    "corner": lambda e, x, y: e.extend_stroke(x, y),
    "no stroke": lambda e, x, y: e.hints.strokes and e.remove_stroke(),
    "palette": lambda e, x, y: e.set_palette([(60 * x, 60 * y)]),
    "reset": lambda e, x, y: e.reset(),
    "undo": lambda e, x, y: e.undo(),
    "redo": lambda e, x, y: e.redo(),
}
SHARES = st.floats(0, 1, width=16)
SMALL = Photo("noise", picture(16, 16))


class Canned(HintEditor):
    """An editor whose network always expects red, so that thousands of changes take no time."""

    def _cluster(self, photo, given, row, column):
        return [Suggestion(30.0, 20.0, 1.0)]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(sorted(ACTIONS)), SHARES, SHARES), max_size=25))
def test_undo_goes_back_through_every_state_and_redo_forward(steps):
    editor = Canned(small_network(), SMALL)
    for name, x, y in steps:
        before, states = editor.hints, len(editor.past)
        ACTIONS[name](editor, x, y)
        if name not in ("undo", "redo"):
            assert len(editor.past) - states == (editor.hints != before)  # one step for a change, none for none
        assert editor.state.selected is None or editor.point in editor.hints.points
    seen = []
    while editor.past:
        seen.append(editor.hints)
        editor.undo()
    assert editor.hints == Hints()
    for wanted in reversed(seen):
        editor.redo()
        assert editor.hints == wanted


def test_a_change_after_undo_forgets_what_was_undone(editor):
    editor.add(0.2, 0.2)
    editor.add(0.4, 0.4)
    editor.undo()
    editor.select(0)  # choosing is no change
    assert editor.future
    editor.add(0.6, 0.6)
    assert not editor.future
    editor.redo()
    assert [point.row for point in editor.hints.points] == [0.2, 0.6]


def test_undo_and_redo_do_not_run_the_network(editor):
    for row in (0.2, 0.5, 0.8):
        editor.add(row, 0.5)
        editor.colored()
    pictures = [editor.colored()]
    runs, handle = count_runs(editor)
    for step in (editor.undo, editor.undo, editor.redo, editor.redo):
        step()
        editor.colored()
        editor.suggestions()
    pictures.append(editor.colored())
    handle.remove()
    assert runs == []
    assert torch.equal(*pictures)


def test_one_change_is_one_run_of_the_network(editor):
    editor.colored()
    runs, handle = count_runs(editor)
    editor.add(0.5, 0.5)
    editor.colored()
    editor.suggestions()
    handle.remove()
    assert len(runs) == 1


def test_opening_and_reset_can_be_undone(editor):
    first = editor.photo
    editor.add(0.5, 0.5)
    given = editor.hints
    editor.open(SMALL)
    assert (editor.photo, editor.hints, editor.point) == (SMALL, Hints(), None)
    editor.undo()
    assert (editor.photo, editor.hints) == (first, given)
    editor.open(given=Hints([Point(0.1, 0.1, 5, 5)]))
    assert editor.photo is first
    editor.reset()
    assert editor.hints == Hints()
    editor.undo()
    editor.undo()
    assert editor.hints == given


def test_the_history_has_an_end(network, monkeypatch):
    monkeypatch.setattr(editing, "STEPS", 3)
    editor = Canned(network, SMALL)
    for row in range(6):
        editor.add(row / 6, 0.5)
    for _ in range(10):
        editor.undo()
    assert len(editor.hints.points) == 3


# ---- files


def png(**text):
    about = PngImagePlugin.PngInfo()
    for key, value in text.items():
        about.add_text(key.replace("_", "-"), value)
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (200, 100, 50)).save(file, "PNG", pnginfo=about)
    return file.getvalue()


def test_a_saved_picture_opens_again_with_lightness_and_hints(editor, tmp_path):
    editor.add(0.5, 0.25)
    editor.add_stroke([(0.1, 0.2), (0.3, 0.4)])
    editor.set_palette([(10.0, 20.0)])
    path = editing.save_png(editor, tmp_path, "mine")
    assert path == tmp_path / "mine.png"
    again, given = editing.open_file(tmp_path, "mine.png")
    assert given == editor.hints
    assert (again.name, again.rgb.shape) == ("mine", editor.photo.rgb.shape)
    assert (again.seen - editor.photo.seen).abs().max() < 0.3
    assert torch.allclose(again.rgb, editor.full_size(), atol=0.003)
    opened, found = editing.open_image(path)
    assert (opened.name, found) == ("mine", editor.hints)


def test_only_files_of_the_tool_are_replaced(editor, tmp_path):
    editor.add(0.5, 0.5)
    editing.save_png(editor, tmp_path, "mine.png")
    editor.add(0.1, 0.1)
    editing.save_png(editor, tmp_path, "mine.png")
    assert len(hints.read_hints(tmp_path / "mine.png").points) == 2
    write_image(picture(), tmp_path / "holiday.png")
    before = (tmp_path / "holiday.png").read_bytes()
    with pytest.raises(HintsError, match="not made by this tool"):
        editing.save_png(editor, tmp_path, "holiday.png")
    assert (tmp_path / "holiday.png").read_bytes() == before
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(HintsError, match="not made by this tool"):
        editing.save_png(editor, tmp_path, "folder.png")


@pytest.mark.parametrize(
    "name", ["", "  ", "../a.png", "a/b.png", "a\\b.png", ".hidden.png", "c:a.png", "a\nb.png", ".."]
)
def test_names_with_folders_are_refused(editor, tmp_path, name):
    for use in (lambda: editing.save_png(editor, tmp_path / "in", name), lambda: editing.open_file(tmp_path, name)):
        with pytest.raises(HintsError, match=r"no plain file name|name of the file"):
            use()
    assert list(tmp_path.rglob("*")) == []


def test_pictures_are_written_as_png(editor, tmp_path):
    with pytest.raises(HintsError, match=r"\.png"):
        editing.save_png(editor, tmp_path, "mine.jpg")


def test_a_plain_picture_opens_without_hints(tmp_path):
    for name in ("cat.jpg", "cat.png"):
        write_image(picture(), tmp_path / name)
        opened, given = editing.open_file(tmp_path, name)
        assert (opened.name, opened.rgb.shape, given) == ("cat", (3, 48, 72), Hints())


def test_hints_alone_keep_the_photograph(tmp_path):
    wanted = Hints([Point(0.5, 0.5, 10, 10)])
    hints.write_hints(wanted, tmp_path / "all.json")
    assert editing.open_file(tmp_path, "all.json") == (None, wanted)


@pytest.mark.parametrize(
    ("content", "name", "says"),
    [
        (b"", "a.png", "empty"),
        (b"nothing", "a.png", "not a picture"),
        (b"{}", "a.json", "no hints"),
        (b"\xff", "a.json", "no hints"),
        (png()[:45], "a.png", "damaged|incomplete|not a picture"),
        (png(course_hints='{"hints": 2}'), "a.png", "version 2"),
        (png(course_hints="what?"), "a.png", "no hints"),
    ],
)
def test_what_cannot_be_opened_says_why(content, name, says):
    with pytest.raises((HintsError, PictureError), match=says):
        editing.read_content(content, name)


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(PictureError, match=r"no file none\.png"):
        editing.open_file(tmp_path, "none.png")


def test_what_the_tool_takes(tmp_path):
    opened, given = editing.open_image("rocket")
    assert (opened.name, given) == ("rocket", Hints())
    assert torch.equal(opened.rgb, photo("rocket"))
    assert editing.open_image(picture())[0].rgb.shape == (3, 48, 72)
    assert editing.open_image(np.zeros((5, 6), np.uint8))[0].rgb.shape == (3, 5, 6)
    with pytest.raises(PictureError, match="one picture"):
        editing.open_image(torch.zeros(2, 3, 8, 8))
    with pytest.raises(PictureError, match="no file"):
        editing.open_image(tmp_path / "none.png")


# ---- what is drawn


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("#ff0000", "strong red"),
        ("#ff8c00", "strong orange"),
        ("#ffff00", "strong yellow"),
        ("#008000", "strong green"),
        ("#40e0d0", "light turquoise"),
        ("#0000ff", "strong dark blue"),
        ("#87ceeb", "light blue"),
        ("#8a2be2", "strong violet"),
        ("#800080", "strong purple"),
        ("#ff69b4", "strong pink"),
        ("#ffc0cb", "pink"),
        ("#8b4513", "brown"),
        ("#808000", "strong olive"),
        ("#808080", "gray"),
        ("#707c90", "pale blue"),
        ("#8b0000", "strong dark red"),
    ],
)
def test_colors_have_the_names_that_the_web_gives_them(written, name):
    rgb = torch.tensor([int(written[place : place + 2], 16) / 255 for place in (1, 3, 5)])[:, None, None]
    level, a, b = color.rgb_to_lab(rgb)[:, 0, 0].tolist()
    assert drawing.name_color(level, a, b) == name
    assert drawing.hex_color(level, a, b) == written


@pytest.mark.parametrize("level", [0, 5, 32, 60, 97, 100])
def test_the_plane_shows_the_colors_of_its_places_and_leaves_the_others_blank(level):
    rgb = np.asarray(Image.open(io.BytesIO(drawing.plane_png(level))))
    assert rgb.shape == (drawing.PLANE, drawing.PLANE, 3)
    for x, y in ((90, 90), (120, 60), (60, 120), (60, 60), (120, 120), (2, 2), (177, 90), (90, 177)):
        a, b = drawing.color_on_plane(level, x + 0.5, y + 0.5)
        if drawing.is_possible(level, a, b):
            expected = [int(drawing.hex_color(level, a, b)[place : place + 2], 16) for place in (1, 3, 5)]
        else:
            expected = [round(drawing.BLANK * 255)] * 3
        assert rgb[y, x].tolist() == pytest.approx(expected, abs=1)
        assert drawing.place_on_plane(level, a, b) == pytest.approx((x + 0.5, y + 0.5))
    edge = np.concatenate([rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1]])
    assert (edge == round(drawing.BLANK * 255)).all()  # all of the gamut is on it
