"""The page object on notebooks that are right and wrong in known ways: its blind spots would be the lessons'."""

import nbformat
import pytest

EXPLORER = """
import base64, io
import ipywidgets
from PIL import Image

def draw(level):
    file = io.BytesIO()
    Image.new("RGB", (40, 20), (level, 0, 0)).save(file, "PNG")
    data = base64.b64encode(file.getvalue()).decode()
    return f'<img alt="a red rectangle at level {level}" src="data:image/png;base64,{data}">'

slider = ipywidgets.IntSlider(START, 0, 255, 5)
slider.add_class("course-control-level")
picture = ipywidgets.HTML(draw(START))
picture.add_class("course-picture")
CONNECT
box = ipywidgets.VBox([slider, picture])
box.add_class("course-explorer")
box
"""
CONNECT = 'slider.observe(lambda change: setattr(picture, "value", draw(change["new"])), "value")'
CRASH = 'slider.observe(lambda change: setattr(picture, "value", "<pre>could not be drawn</pre>"), "value")'


def explorer(start=100, connect=CONNECT):
    return EXPLORER.replace("START", str(start)).replace("CONNECT", connect)


NOTEBOOKS = {
    "good": ["1 + 1", explorer(), ""],
    "at_end": [explorer(start=255)],
    "dead": [explorer(connect="")],
    "crashes": [explorer(connect=CRASH)],
    "raises": ["1 / 0", "2"],
    "warns": ["import warnings; warnings.warn('careful')"],
    "slow": ["import time; time.sleep(60)"],
    "no_alt": ["from PIL import Image; Image.new('RGB', (4, 4))"],
    "downloads": ["import urllib.request; urllib.request.urlopen('http://example.org', timeout=5)"],
}


@pytest.fixture(scope="module")
def notebooks_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebooks")
    for name, sources in NOTEBOOKS.items():
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
        notebook.metadata["kernelspec"] = {
            "name": "python3",
            "display_name": "Python 3 (ipykernel)",
            "language": "python",
        }
        nbformat.write(notebook, folder / f"{name}.ipynb")
    return folder


@pytest.mark.parametrize("name", ["good", "at_end"])
def test_a_working_slider_changes_the_picture(name, open_notebook):
    notebook = open_notebook(name)
    notebook.run_all(60)
    first = notebook.explorers.first
    before = notebook.picture_digest(first)
    notebook.move_slider(first, "level")
    notebook.wait_for_new_picture(first, before)
    assert notebook.count_pictures() == 1
    assert notebook.pictures_without_alt() == []
    assert notebook.errors == []


@pytest.mark.parametrize(("name", "sentence"), [("dead", "did not change"), ("crashes", "could not be drawn")])
def test_a_slider_without_effect_is_noticed(name, sentence, open_notebook):
    notebook = open_notebook(name)
    notebook.run_all(60)
    first = notebook.explorers.first
    before = notebook.picture_digest(first)
    notebook.move_slider(first)
    with pytest.raises(AssertionError, match=sentence):
        notebook.wait_for_new_picture(first, before, seconds=2)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("raises", "ZeroDivisionError"), ("warns", "careful"), ("downloads", "URLError")],
)
def test_an_error_output_is_noticed(name, sentence, open_notebook):
    with pytest.raises(AssertionError, match=sentence):
        open_notebook(name).run_all(60)


def test_a_slow_cell_is_noticed(open_notebook):
    with pytest.raises(AssertionError, match="have not run after 2 s"):
        open_notebook("slow").run_all(2)


def test_a_picture_without_alt_text_is_noticed(open_notebook):
    notebook = open_notebook("no_alt")
    notebook.run_all(60)
    assert len(notebook.pictures_without_alt()) == 1


def test_a_screenshot_is_kept_where_the_environment_says(open_notebook, tmp_path, monkeypatch):
    notebook = open_notebook("good")
    monkeypatch.delenv("COURSE_SHOTS", raising=False)
    notebook.shot("unwanted")
    monkeypatch.setenv("COURSE_SHOTS", str(tmp_path))
    notebook.shot("wanted")
    assert [path.name for path in tmp_path.iterdir()] == ["good-wanted.png"]
