"""The hint tool in JupyterLab: colorize with the mouse, save, open again; and the same with the keyboard alone."""

import re

import nbformat
import pytest
from playwright.sync_api import expect

from course_lib.hints import read_hints

TOOL = """
import torch
from course_lib.data import photo
from course_lib.models import HintNet
from course_lib.widgets.hint_editor import Photo
from course_lib.widgets.hint_tool import HintTool

torch.manual_seed(0)
network = HintNet(widths=(8, 8, 8, 8), decoder=(8, 8, 8), suggestions=True, strokes=True, palette=True)
HintTool(Photo("china", photo("china")), network)
"""
WIDTH, HEIGHT = 512, 342  # of the photograph on the page


@pytest.fixture(scope="module")
def notebooks_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebooks")
    for name in ("mouse", "keyboard", "again"):
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(TOOL)])
        notebook.metadata["kernelspec"] = {
            "name": "python3",
            "display_name": "Python 3 (ipykernel)",
            "language": "python",
        }
        nbformat.write(notebook, folder / f"{name}.ipynb")
    return folder


class ToolPage:
    """The hint tool of a notebook that has run."""

    def __init__(self, notebook):
        notebook.page.set_viewport_size({"width": 1280, "height": 1000})
        notebook.run_all(120)
        self.notebook, self.page, self.keyboard = notebook, notebook.page, notebook.page.keyboard
        self.tool = notebook.panel.locator(".course-hint-tool")
        self.status = self.tool.locator(".course-hint-status [role]")
        self.photo = self.tool.locator("canvas.course-hint-photo")
        self.plane = self.tool.locator("canvas.course-hint-plane")
        self.upload = self.tool.locator(".widget-upload")
        self.points = self.tool.get_by_label("Points")
        self.suggestions = self.tool.locator(".course-hint-suggestion:visible")

    def says(self, text):
        expect(self.status).to_contain_text(text, timeout=20_000)

    def name_file(self, name):
        """Write the name of a file. A page holds values back while the kernel is busy, and a click would overtake them."""
        idle = self.page.get_by_text("Python 3 (ipykernel) | Idle").first
        expect(idle).to_be_visible(timeout=20_000)
        self.tool.get_by_label("File").fill(name)
        self.page.wait_for_timeout(300)
        expect(idle).to_be_visible(timeout=20_000)

    def button(self, name):
        return self.tool.get_by_role("button", name=name, exact=True)

    def click(self, column, row):
        self.photo.click(position={"x": column * WIDTH, "y": row * HEIGHT})

    def drag(self, start, end):
        """Press the mouse at (column, row) of the photograph and let it go at another."""
        self.photo.scroll_into_view_if_needed()
        box = self.photo.bounding_box()
        (x0, y0), (x1, y1) = ((box["x"] + x * WIDTH, box["y"] + y * HEIGHT) for x, y in (start, end))
        self.page.mouse.move(x0, y0)
        self.page.mouse.down()
        self.page.mouse.move((x0 + x1) / 2, (y0 + y1) / 2, steps=3)
        self.page.mouse.move(x1, y1, steps=3)
        self.page.mouse.up()

    def pixel(self, column, row):
        """The red, green and blue of a place of the canvas, 0 to 255."""
        place = [round(column * WIDTH), round(row * HEIGHT)]
        return self.photo.evaluate(
            "(e, [x, y]) => [...e.getContext('2d').getImageData(x, y, 1, 1).data].slice(0, 3)", place
        )

    def offer(self, place):
        """The words for one of the suggestions, counted from 0."""
        return self.suggestions.nth(place).get_attribute("title").split(": ")[1]

    def listed(self):
        """The points of the list, without the entry for none."""
        return [text.replace("\xa0", " ") for text in self.points.locator("option").all_inner_texts()[1:]]


@pytest.fixture
def open_tool(open_notebook):
    return lambda name: ToolPage(open_notebook(name))


def test_colorize_with_the_mouse_save_and_open_again(open_tool, server):
    page = open_tool("mouse")
    page.says("Click a place")
    page.notebook.shot("start")
    page.click(0.3, 0.7)
    page.says("Point 1 at row 70%, column 30%")
    assert page.suggestions.count() > 1
    assert re.match(r"\d+% [a-z]", page.suggestions.nth(1).inner_text())
    offered = page.offer(1)
    page.suggestions.nth(1).click()
    page.says(f"Point 1 at row 70%, column 30%: {offered}")

    page.click(0.7, 0.6)
    page.says("Point 2 at row 60%, column 70%")
    likely = page.listed()[1]
    box = page.plane.bounding_box()
    page.plane.click(position={"x": 0.7 * box["width"], "y": 0.5 * box["height"]})
    expect(page.points.locator("option").nth(2)).not_to_have_text(likely)
    assert float(page.tool.get_by_label("a", exact=True).input_value()) > 10
    assert float(page.tool.get_by_label("b", exact=True).input_value()) == pytest.approx(0, abs=2)
    recolored = page.listed()
    page.notebook.shot("picked")
    red, green, _ = page.pixel(0.7, 0.6)
    assert red > green  # the disk of the point has the color that was picked
    page.notebook.shot("picked")

    page.drag((0.7, 0.6), (0.5, 0.4))
    page.says("was moved")
    moved = page.listed()
    assert moved[1].startswith("2: row 40%, column 50%")
    page.button("Undo").click()
    page.says("undone")
    assert page.listed() == recolored
    page.button("Redo").click()
    page.says("made again")
    assert page.listed() == moved

    page.button("Draw a border no color crosses").click()
    page.drag((0.1, 0.5), (0.9, 0.5))
    page.says("Border 1 is drawn")
    page.tool.get_by_label("Palette").fill("#c04030 sky")
    page.tool.get_by_label("Palette").press("Enter")
    page.says("A color is written as #rrggbb")
    page.tool.get_by_label("Palette").fill("#c04030 #3060c0")
    page.tool.get_by_label("Palette").press("Enter")
    page.says("The palette has 2 colors")
    page.notebook.shot("all")

    page.name_file("mine.png")
    page.button("Save").click()
    page.says("mine.png is saved in the folder of the notebook, with 2 points, 1 border, 2 palette colors.")
    saved = read_hints(server.root / "notebooks" / "mine.png")
    assert [round(point.row, 1) for point in saved.points] == [0.7, 0.4]
    page.notebook.assert_no_error_output()
    assert page.notebook.errors == []

    other = open_tool("again")
    other.name_file("mine.png")
    other.button("Open").click()
    other.says("mine.png is open, with 2 points, 1 border, 2 palette colors.")
    assert [text[:26] for text in other.listed()] == [text[:26] for text in moved]
    other.name_file("copy.png")
    other.button("Save").click()
    other.says("copy.png is saved")
    assert read_hints(server.root / "notebooks" / "copy.png") == saved
    with other.page.expect_file_chooser() as chooser:
        other.upload.click()
    chooser.value.set_files(server.root / "notebooks" / "mine.png")
    other.says("mine.png is open, with 2 points")
    other.notebook.shot("opened")
    assert other.notebook.errors == []


def test_colorize_with_the_keyboard_alone(open_tool, server):
    page = open_tool("keyboard")
    keyboard = page.keyboard
    page.upload.focus()
    keyboard.press("Tab")
    expect(page.photo).to_be_focused()
    keyboard.press("ArrowUp")
    page.says("The cross is at row 48%, column 50%")
    keyboard.press("Shift+ArrowLeft")
    page.says("The cross is at row 48%, column 40%")
    keyboard.press("Enter")
    page.says("Point 1 at row 48%, column 40%")
    keyboard.press("Shift+ArrowDown")
    page.says("row 58%")
    keyboard.press("m")
    page.says("Point 1 at row 58%, column 40%")
    keyboard.press("Control+z")
    page.says("undone")
    assert "row 48%" in page.listed()[0]
    keyboard.press("Control+y")
    page.says("made again")
    keyboard.press("Tab")  # the canvas must not keep the focus
    expect(page.button("Undo")).to_be_focused()
    keyboard.press("Enter")
    page.says("undone")
    keyboard.press("Shift+Tab")
    expect(page.photo).to_be_focused()

    page.suggestions.first.focus()
    for move, place in (("Tab", 1), ("Shift+Tab", 0)):
        keyboard.press(move)
        offered = page.offer(place)
        keyboard.press("Enter")
        page.says(f"Point 1 at row 48%, column 40%: {offered}")
    page.suggestions.last.focus()
    keyboard.press("Tab")
    expect(page.plane).to_be_focused()
    a = page.tool.get_by_label("a", exact=True)
    before = a.input_value()
    keyboard.press("ArrowLeft" if float(before) > 0 else "ArrowRight")  # towards gray, which there is
    expect(a).not_to_have_value(before)
    keyboard.press("Tab")
    expect(page.button("Remove point")).to_be_focused()
    keyboard.press("Shift+Tab")
    expect(page.plane).to_be_focused()
    keyboard.press("Shift+Tab")
    expect(page.suggestions.last).to_be_focused()
    keyboard.press("Tab")
    keyboard.press("Tab")
    expect(page.button("Remove point")).to_be_focused()
    keyboard.press("Tab")
    expect(a).to_be_focused()
    keyboard.press("Control+a")
    duller = round(0.8 * float(a.input_value()))
    keyboard.type(str(duller))
    keyboard.press("Tab")
    page.says(f"(a {duller}, ")
    page.notebook.shot("keys")

    page.tool.locator(".noUi-handle").first.focus()
    keyboard.press("ArrowRight")
    page.says("The cross is at row 58%")
    page.button("Add point here").focus()
    keyboard.press("Space")
    page.says("Point 2 at row 58%, column 40%")
    page.points.focus()
    for key in ("Space", "ArrowUp", "Enter"):
        keyboard.press(key)
    page.says("Point 1 at row 48%, column 40%")
    page.says("is chosen")
    page.button("Remove point").focus()
    keyboard.press("Enter")
    page.says("Point 1 is removed")
    assert len(page.listed()) == 1

    page.tool.get_by_label("File").focus()
    keyboard.press("Control+a")
    keyboard.type("keys.png")
    keyboard.press("Tab")
    expect(page.button("Save")).to_be_focused()
    keyboard.press("Enter")
    page.says("keys.png is saved")
    assert len(read_hints(server.root / "notebooks" / "keys.png").points) == 1
    page.notebook.assert_no_error_output()
    assert page.notebook.errors == []
