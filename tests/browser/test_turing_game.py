"""The Turing test played in JupyterLab with the keyboard alone."""

import nbformat
import pytest
from playwright.sync_api import expect

GAME = """
import torch
from course_lib.turing import Pair
from course_lib.widgets.turing_game import TuringGame

def pairs():
    noise = torch.randint(256, (3, 2, 3, 32, 32), dtype=torch.uint8)
    return [Pair(f"noise {n}", *both) for n, both in enumerate(noise)]

TuringGame({"noise": pairs}, seed=0)
"""


@pytest.fixture(scope="module")
def notebooks_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebooks")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(GAME)])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    nbformat.write(notebook, folder / "game.ipynb")
    return folder


def test_a_game_from_the_first_pair_to_the_score(open_notebook):
    notebook = open_notebook("game")
    notebook.run_all(120)
    game = notebook.panel.locator(".course-game")
    status = game.locator(".widget-html").last
    picture = game.locator("img")
    expect(picture).to_have_attribute("alt", "Pair 1 of 3, noise " + _scene(picture))
    assert notebook.pictures_without_alt() == []
    keyboard = notebook.page.keyboard

    game.get_by_role("button", name="Left is real").focus()
    keyboard.press("Enter")
    expect(status).to_contain_text("1 of 3 answered")
    keyboard.press("Tab")
    expect(game.get_by_role("button", name="Right is real")).to_be_focused()
    keyboard.press("Space")
    expect(status).to_contain_text("2 of 3 answered")
    keyboard.press("Tab")
    expect(game.get_by_role("button", name="Undo")).to_be_focused()
    keyboard.press("Enter")
    expect(status).to_contain_text("1 of 3 answered")
    game.get_by_role("button", name="Left is real").focus()
    keyboard.press("Enter")
    keyboard.press("Enter")
    expect(game).to_contain_text("last of 3 pairs")
    game.get_by_role("button", name="Show the result").focus()
    keyboard.press("Enter")
    expect(status).to_contain_text("of 3 pairs")
    expect(status).to_contain_text("95% interval")
    notebook.shot("played")
    game.get_by_role("button", name="Start again").focus()
    keyboard.press("Enter")
    expect(status).to_contain_text("0 of 3 answered")
    notebook.assert_no_error_output()
    assert notebook.errors == []


def _scene(picture):
    """What follows the scene's name in the alt text: which scene comes first is left to chance."""
    return picture.get_attribute("alt").removeprefix("Pair 1 of 3, noise ")
