"""The controls of the hint tool: mouse, keys, suggestions, picker, borders, palette, files, and what it says of each."""

import io
import re
from datetime import UTC, datetime

import ipywidgets as W
import pytest
import torch
from PIL import Image

from course_lib import color, hints
from course_lib.data.writing import write_image
from course_lib.hints import Hints, Point
from course_lib.models import HintNet
from course_lib.widgets import hint_drawing as drawing
from course_lib.widgets import hint_editor as editing
from course_lib.widgets import hint_tool as tools
from course_lib.widgets.hint_editor import Photo
from course_lib.widgets.hint_tool import HintTool

WIDTH, HEIGHT = 96, 64  # of the photograph on the canvas


def picture():
    noise = torch.rand(3, 80, 120, generator=torch.Generator().manual_seed(1))
    return (torch.linspace(0.1, 0.7, 120) + 0.2 * noise).clamp(0, 1)


@pytest.fixture
def tool(tmp_path, monkeypatch):
    monkeypatch.setattr(editing, "SIDE", 32)
    monkeypatch.setattr(editing, "SHOWN", WIDTH)
    torch.manual_seed(0)
    network = HintNet(widths=(8, 8, 8, 8), decoder=(8, 8, 8), suggestions=True, strokes=True, palette=True)
    return HintTool(Photo("noise", picture()), network, tmp_path)


def said(tool):
    return re.sub("<[^>]*>", "", tool.status.value)


def click(tool, x, y):
    tool.press(x, y)
    tool.release()


def drag(tool, *places):
    tool.press(*places[0])
    for place in places[1:]:
        tool.pull(*place)
    tool.release()


def shown_picture(tool):
    return Image.open(io.BytesIO(tool.stage.image.value))


class Recorder:
    """A canvas that only remembers what is drawn on it, as (name, arguments)."""

    def __init__(self):
        self.calls = []

    def __getattr__(self, name):
        return lambda *arguments: self.calls.append((name, arguments))


def marks(tool):
    recorder = Recorder()
    tool.stage.marks(recorder)
    return recorder.calls


def upload(tool, name, content):
    tool.upload.value = (
        {"name": name, "type": "", "size": len(content), "content": content, "last_modified": datetime.now(UTC)},
    )


# ---- the mouse


def test_a_click_on_empty_ground_sets_a_point_there(tool):
    before = tool.stage.image.value
    click(tool, 24, 48)
    (point,) = tool.editor.hints.points
    assert (point.row, point.column) == (0.75, 0.25)
    assert tool.editor.state.selected == 0
    assert said(tool).startswith("Point 1 at row 75%, column 25%: ")
    assert "most likely" in said(tool)
    assert tool.stage.image.value != before
    assert (tool.row.value, tool.column.value) == (75, 25)


def test_a_click_on_a_point_chooses_it(tool):
    for x in (20, 50, 80):
        click(tool, x, 30)
    click(tool, 21, 31)
    assert tool.editor.state.selected == 0
    assert len(tool.editor.hints.points) == 3
    assert "is chosen" in said(tool)
    assert len(tool.editor.past) == 3


def test_a_drag_moves_a_point_as_one_step(tool):
    click(tool, 20, 30)
    painted = tool.stage.image.value
    tool.press(20, 30)
    tool.pull(30, 30)
    tool.pull(50, 40)
    assert ("fill_circle", (50, 40, 8)) in marks(tool)  # the mark goes along, the picture waits
    assert tool.stage.image.value == painted
    tool.pull(72, 16)
    tool.release()
    assert (tool.editor.point.row, tool.editor.point.column) == (0.25, 0.75)
    assert len(tool.editor.past) == 2
    assert "was moved" in said(tool)
    tool.undo.click()
    assert tool.editor.point.column == pytest.approx(20 / WIDTH)


def test_a_trembling_hand_does_not_move_a_point(tool):
    drag(tool, (20, 30), (22, 31), (20, 32))
    drag(tool, (20, 30), (21, 31))
    assert len(tool.editor.past) == 1
    assert tool.editor.point.column == pytest.approx(20 / WIDTH)


def test_a_mouse_that_passes_changes_nothing(tool):
    tool.pull(30, 30)
    tool.release()
    assert tool.editor.hints == Hints()
    assert not tool.editor.past


def test_points_stay_inside_of_the_picture(tool):
    drag(tool, (20, 30), (500, -20))
    assert (tool.editor.point.row, tool.editor.point.column) == (0, 1)


def test_marks_have_the_color_and_the_number_of_their_points(tool):
    click(tool, 20, 30)
    click(tool, 70, 30)
    calls = marks(tool)
    assert [arguments[0] for name, arguments in calls if name == "fill_text"] == ["1", "2"]
    disks = [arguments for name, arguments in calls if name == "fill_circle"]
    assert disks == [(20, 30, 6), (70, 30, 8)]  # the chosen one is larger
    tool.gray.value = True
    assert marks(tool) == []


# ---- keys


def test_keys_set_move_and_remove_points(tool):
    tool.key("ArrowDown", False, False, False)
    tool.key("ArrowLeft", True, False, False)
    assert said(tool) == "The cross is at row 52%, column 40%."
    tool.key("Enter", False, False, False)
    assert (tool.editor.point.row, tool.editor.point.column) == (0.52, 0.4)
    for _ in range(9):
        tool.key("ArrowUp", True, False, False)
    assert tool.row.value == 0  # the cross stays on the picture
    tool.key("M", True, False, False)
    assert tool.editor.point.row == 0
    tool.key("z", False, True, False)
    assert tool.editor.point.row == 0.52
    tool.key("Z", True, False, True)
    assert tool.editor.point.row == 0
    tool.key("Delete", False, False, False)
    assert tool.editor.hints == Hints()
    assert said(tool) == "Point 1 is removed."
    tool.key("y", False, True, False)
    assert said(tool) == "There is nothing to redo."
    tool.key("x", False, False, False)  # means nothing
    assert said(tool) == "There is nothing to redo."


def test_the_cross_says_and_chooses_the_point_under_it(tool):
    click(tool, 48, 32)
    tool.editor.select(None)
    tool.key("ArrowUp", False, False, False)
    tool.key("ArrowDown", False, False, False)
    assert said(tool) == "The cross is at row 50%, column 50%, on point 1."
    tool.key(" ", False, False, False)
    assert (tool.editor.state.selected, len(tool.editor.hints.points)) == (0, 1)


def test_sliders_and_buttons_set_points_too(tool):
    tool.row.value = 20
    tool.column.value = 60
    tool.here.click()
    assert (tool.editor.point.row, tool.editor.point.column) == (0.2, 0.6)
    tool.row.value = 80
    tool.there.click()
    assert tool.editor.point.row == 0.8
    tool.remove.click()
    assert tool.editor.hints == Hints()


@pytest.mark.parametrize(("shift", "goal"), [(False, "gray"), (True, "upload")])
def test_tab_leaves_the_photograph(tool, monkeypatch, shift, goal):
    focused = []
    monkeypatch.setattr(getattr(tool, goal), "focus", lambda: focused.append(goal))
    tool.key("Tab", shift, False, False)  # nothing to undo: those buttons cannot have the focus
    assert focused == [goal]


def test_tab_leaves_the_plane(tool, monkeypatch):
    click(tool, 48, 32)
    focused = []
    last = tool.suggestions.buttons[len(tool.suggestions.shown) - 1]
    monkeypatch.setattr(tool.remove, "focus", lambda: focused.append("next"))
    monkeypatch.setattr(last, "focus", lambda: focused.append("back"))
    tool.picker.key("Tab", False, False, False)
    tool.picker.key("Tab", True, False, False)
    assert focused == ["next", "back"]


# ---- colors


def test_suggestions_are_buttons_with_words(tool):
    assert all(button.layout.display == "none" for button in tool.suggestions.buttons)
    click(tool, 48, 32)
    suggested = tool.editor.suggestions()
    level = tool.editor.lightness_at(0.5, 0.5)
    for button, one in zip(tool.suggestions.buttons, suggested, strict=False):
        words = drawing.name_color(level, one.a, one.b)
        assert button.description == f"{one.share:.0%} {words}"
        assert button.style.button_color == drawing.hex_color(level, one.a, one.b)
        assert words in button.tooltip
        assert button.layout.display == ""
    tool.suggestions.buttons[1].click()
    assert (tool.editor.point.a, tool.editor.point.b) == pytest.approx(suggested[1][:2], abs=0.02)
    tool.remove.click()
    assert all(button.layout.display == "none" for button in tool.suggestions.buttons)


def test_a_click_on_the_plane_takes_its_color(tool):
    click(tool, 48, 32)
    x, y = drawing.place_on_plane(tool.picker.level, 12.0, -8.0)
    tool.picker.click(x, y)
    assert (tool.editor.point.a, tool.editor.point.b) == pytest.approx((12, -8))
    assert (tool.picker.a.value, tool.picker.b.value) == (12, -8)
    assert said(tool).endswith("(a 12, b -8).")
    assert len(tool.editor.past) == 2


@pytest.mark.parametrize("corner", [(0, 0), (0, drawing.PLANE), (drawing.PLANE, 0), (drawing.PLANE, drawing.PLANE)])
def test_a_click_on_the_blank_takes_the_nearest_color_of_its_hue(tool, corner):
    click(tool, 48, 32)
    tool.picker.click(*corner)
    a, b = tool.editor.point.a, tool.editor.point.b
    assert abs(a) == pytest.approx(abs(b), abs=1e-3)
    assert (a > 0, b > 0) == (corner[0] > 0, corner[1] == 0)
    assert drawing.is_possible(tool.editor.lightness_at(0.5, 0.5), a, b)
    assert "does not exist" in said(tool)


def test_corners_beyond_what_hints_hold_are_brought_nearer():
    chosen = []
    picker = tools.Picker(lambda a, b: chosen.append((a, b)), W.Button(), lambda: None)
    picker.show(32, (0.0, 0.0), [])
    picker.click(0, 0)
    assert drawing.reach_at(32) > 150 / 2**0.5
    assert chosen == [pytest.approx((-150 / 2**0.5, 150 / 2**0.5))]


def test_numbers_and_the_browsers_picker_change_the_color(tool):
    click(tool, 48, 32)
    tool.picker.click(drawing.PLANE / 2, drawing.PLANE / 2)
    tool.picker.a.value = 10
    assert (tool.editor.point.a, tool.editor.point.b) == pytest.approx((10, 0), abs=0.1)
    tool.picker.b.value = -5
    assert (tool.editor.point.a, tool.editor.point.b) == pytest.approx((10, -5), abs=0.1)
    steps = len(tool.editor.past)
    tool.picker.hex.value = "#806060"
    assert (tool.editor.point.a, tool.editor.point.b) == pytest.approx(hints.ab_of("#806060"), abs=0.01)
    assert len(tool.editor.past) == steps + 1
    tool.picker.key("ArrowUp", False, False, False)
    assert tool.editor.point.b == pytest.approx(hints.ab_of("#806060")[1] + 2, abs=0.01)
    tool.picker.hex.value = "green"  # a name, which browsers' pickers do not write
    assert len(tool.editor.past) == steps + 2


def test_the_picker_is_there_while_a_point_is_chosen(tool):
    assert tool.picker.layout.display == "none"
    tool.picker.click(50, 50)
    tool.picker.key("ArrowUp", False, False, False)
    assert tool.editor.hints == Hints()
    click(tool, 48, 32)
    assert tool.picker.layout.display == ""


# ---- the list, history, before and after


def test_the_list_names_the_points(tool):
    assert (tool.points.label, tool.photos.label) == ("none chosen", "one from a file")
    click(tool, 24, 48)
    click(tool, 72, 16)
    assert [label[:24] for label, _ in tool.points.options] == [
        "none chosen",
        "1: row 75%, column 25%, ",
        "2: row 25%, column 75%, ",
    ]
    assert tool.points.value == 1
    tool.points.value = 0
    assert tool.editor.state.selected == 0
    assert "Point 1" in said(tool)
    tool.points.value = None
    assert tool.editor.point is None
    assert said(tool) == "No point is chosen."
    assert len(tool.editor.past) == 2


def test_buttons_can_be_pressed_when_they_mean_something(tool):
    def state():
        buttons = (tool.undo, tool.redo, tool.reset, tool.remove, tool.there, tool.no_border)
        return [not button.disabled for button in buttons]

    assert state() == [False] * 6
    click(tool, 24, 48)
    assert state() == [True, False, True, True, True, False]
    tool.undo.click()
    assert state() == [False, True, False, False, False, False]
    tool.redo.click()
    tool.reset.click()
    assert state() == [True, False, False, False, False, False]
    assert tool.editor.hints == Hints()
    tool.undo.click()
    assert len(tool.editor.hints.points) == 1


def test_gray_shows_the_photograph_before(tool):
    click(tool, 24, 48)
    tool.picker.click(20, 90)
    colored = tool.stage.image.value
    tool.gray.value = True
    red, _, blue = shown_picture(tool).convert("RGB").split()
    assert max(abs(a - b) for a, b in zip(red.tobytes(), blue.tobytes(), strict=True)) <= 2
    tool.gray.value = False
    assert tool.stage.image.value == colored


def test_the_photograph_is_described(tool):
    click(tool, 24, 48)
    assert "noise, 120 x 80 pixels, colorized with 1 point." in tool.about.value
    tool.gray.value = True
    assert "without color" in tool.about.value
    assert 'role="status" aria-live="polite"' in tool.status.value


def test_what_is_shown_is_what_the_editor_makes(tool):
    click(tool, 24, 48)
    shown = torch.tensor(list(shown_picture(tool).tobytes())).reshape(HEIGHT, WIDTH, 3).movedim(-1, 0) / 255
    assert (shown - tool.editor.colored()).abs().mean() < 0.01
    assert (tool.stage.canvas.width, tool.stage.canvas.height) == (WIDTH, HEIGHT)
    assert tool.stage.canvas.layout.width == f"{WIDTH}px"


# ---- borders and palette


def test_a_border_is_dragged_or_set_corner_by_corner(tool):
    tool.border.value = True
    assert tool.here.description == "Add corner here"
    drag(tool, (10, 10), (12, 10), (30, 10), (30, 30))
    assert tool.editor.hints.strokes == (tuple((y / HEIGHT, x / WIDTH) for x, y in ((10, 10), (30, 10), (30, 30))),)
    tool.row.value, tool.column.value = 90, 80
    tool.here.click()
    assert tool.editor.hints.strokes[0][-1] == (0.9, 0.8)
    assert len(tool.editor.past) == 2
    tool.border.value = False
    tool.border.value = True
    click(tool, 48, 32)
    click(tool, 48, 48)
    assert tool.editor.hints.strokes[1] == ((0.5, 0.5), (0.75, 0.5))
    assert tool.editor.hints.points == ()
    tool.no_border.click()
    assert len(tool.editor.hints.strokes) == 1
    tool.border.value = False
    click(tool, 48, 32)
    assert len(tool.editor.hints.points) == 1


def test_a_palette_that_cannot_be_read_is_kept_and_explained(tool):
    tool.palette.value = "#c04030 sky"
    assert "#rrggbb" in said(tool)
    assert 'role="alert"' in tool.status.value
    assert tool.palette.value == "#c04030 sky"
    assert tool.editor.hints.palette == ()
    tool.palette.value = "#c04030 #3060c0"
    assert len(tool.editor.hints.palette) == 2
    tool.undo.click()
    assert tool.palette.value == ""
    tool.redo.click()
    colors = editing.parse_palette(tool.palette.value)
    assert [ab for pair in colors for ab in pair] == pytest.approx(
        [ab for pair in tool.editor.hints.palette for ab in pair], abs=2
    )


# ---- files


def test_a_picture_is_saved_and_opened_again(tool, tmp_path):
    assert tool.name.value == "noise-hints.png"
    click(tool, 24, 48)
    given = tool.editor.hints
    tool.save.click()
    assert said(tool) == "noise-hints.png is saved in the folder of the notebook, with 1 point."
    assert hints.read_hints(tmp_path / "noise-hints.png") == given
    tool.reset.click()
    tool.open_button.click()
    assert tool.editor.hints == given
    assert said(tool) == "noise-hints.png is open, with 1 point."
    assert tool.name.value == "noise-hints.png"
    assert tool.photos.value is None
    upload(tool, "elsewhere.png", (tmp_path / "noise-hints.png").read_bytes())
    assert tool.editor.photo.name == "elsewhere"
    assert tool.editor.hints == given
    assert tool.upload.value == ()
    assert tool.name.value == "elsewhere.png"


@pytest.mark.parametrize("name", ["../out.png", "", "none.png"])
def test_a_wrong_name_is_explained_and_nothing_is_lost(tool, name):
    click(tool, 24, 48)
    before = tool.editor.state
    tool.name.value = name
    tool.open_button.click()
    assert 'role="alert"' in tool.status.value
    assert said(tool).endswith((".", "|."))
    assert tool.editor.state == before


def test_a_foreign_file_is_not_replaced(tool, tmp_path):
    write_image(picture(), tmp_path / "cat.png")
    before = (tmp_path / "cat.png").read_bytes()
    tool.name.value = "cat.png"
    tool.save.click()
    assert "not made by this tool" in said(tool)
    assert (tmp_path / "cat.png").read_bytes() == before
    tool.open_button.click()
    assert said(tool) == "cat.png is open, with no hints."
    assert tool.name.value == "cat-hints.png"


def test_a_folder_that_cannot_be_written_is_explained(tool, tmp_path):
    (tmp_path / "file").write_text("")
    tool.folder = tmp_path / "file"
    click(tool, 24, 48)
    tool.save.click()
    assert 'role="alert"' in tool.status.value
    assert len(tool.editor.hints.points) == 1


@pytest.mark.parametrize(("name", "content"), [("a.png", b"no picture"), ("a.json", b"[]"), ("a.png", b"")])
def test_an_upload_that_is_nothing_of_the_kind_is_explained(tool, name, content):
    click(tool, 24, 48)
    before = tool.editor.state
    upload(tool, name, content)
    assert 'role="alert"' in tool.status.value
    assert tool.editor.state == before


def test_hints_from_a_file_hold_for_this_photograph(tool):
    before = tool.editor.photo
    upload(tool, "all.json", hints.to_json(Hints([Point(0.5, 0.5, 10, 10)])).encode())
    assert tool.editor.photo is before
    assert len(tool.editor.hints.points) == 1


def test_another_photograph_can_be_undone(tool):
    click(tool, 24, 48)
    tool.photos.value = "rocket"
    assert said(tool) == "rocket is open, with no hints."
    assert tool.name.value == "rocket-hints.png"
    assert (tool.stage.canvas.width, tool.stage.canvas.height) == (96, 64)
    assert tool.editor.hints == Hints()
    tool.photos.value = "grace_hopper"
    assert (tool.stage.canvas.width, tool.stage.canvas.height) == (82, 96)
    tool.undo.click()
    assert tool.photos.value == "rocket"
    tool.undo.click()
    assert tool.photos.value is None
    assert len(tool.editor.hints.points) == 1
    assert tool.stage.canvas.height == 64


# ---- around it


def test_messages_are_text_and_no_code(tool):
    tool.name.value = "<b>.png"
    tool.open_button.click()
    assert "&lt;b&gt;" in tool.status.value


def test_sliders_are_given_whole_steps(tool):
    """A page would round others and send them back, as if a person had moved the slider."""
    click(tool, 31, 17)
    for one in (tool.row, tool.column):
        assert (one.value / one.step) % 1 == 0
    assert not tool.aiming


def test_a_page_that_loads_draws_everything_again(tool, monkeypatch):
    sent = []
    manager = tool.stage.canvas[0]._canvas_manager
    monkeypatch.setattr(type(manager), "_send_custom", lambda self, command, buffers=(): sent.append(str(command)))
    tool.stage.canvas[1]._handle_frontend_event(None, {"event": "client_ready"}, [])
    assert any(tool.stage.image.model_id in command for command in sent)
    del sent[:]
    # An empty image never loads, and a page waits for each drawing before the next.
    assert tool.picker.stage.image.value == b""
    tool.picker.stage.canvas[1]._handle_frontend_event(None, {"event": "client_ready"}, [])
    assert sent == []


def test_hint_tool_takes_what_people_have(tmp_path, monkeypatch):
    network = HintNet(widths=(8, 8, 8, 8), decoder=(8, 8, 8), suggestions=True)
    asked = []
    monkeypatch.setattr(tools, "find_network", lambda name: asked.append(name) or network)
    monkeypatch.setattr(editing, "SIDE", 32)
    tool = tools.hint_tool(folder=tmp_path)
    assert asked == ["scenes-hints"]
    assert tool.photos.value == tool.editor.photo.name == "china"
    click(tool, 100, 100)
    tool.save.click()
    again = tools.hint_tool(tmp_path / "china-hints.png", tmp_path)
    assert again.editor.hints == tool.editor.hints
    assert "course-hint-tool" in again._dom_classes
    tensor = tools.hint_tool(picture())
    assert (color.to_gray(picture()).mean() - tensor.editor.photo.seen.mean()).abs() < 0.5
