"""A film plays in JupyterLab, over and over, and keeps its text also where the notebook is not trusted."""

import nbformat
import pytest

ALT = "A bright square on gray moves from the left to the right, twice a second."
PLAY = f"""
import torch
from course_lib.widgets.film_player import play, side_by_side

film = torch.full((8, 3, 64, 96), 0.3)
for time in range(8):
    film[time, :, 24:40, 10 * time : 10 * time + 16] = torch.tensor([0.9, 0.6, 0.1])[:, None, None]
play(side_by_side({{"one": film, "the other": 1 - film}}), 8, alt="{ALT}", width=400)
"""
VIDEO = ".jp-OutputArea-output video"
STATE = """video => ({paused: video.paused, time: video.currentTime, ready: video.readyState, loop: video.loop,
    controls: video.controls, size: [video.videoWidth, video.videoHeight], error: video.error && video.error.message})"""


@pytest.fixture(scope="module")
def notebooks_folder(tmp_path_factory):
    """One notebook that is to be run, and one that comes with its output, as from a stranger."""
    import torch  # only where there is a browser

    from course_lib.widgets.film_player import film_html

    folder = tmp_path_factory.mktemp("notebooks")
    _write(folder / "film.ipynb", [])
    film = torch.linspace(0, 1, 8).reshape(8, 1, 1, 1).expand(8, 3, 64, 96)
    output = nbformat.v4.new_output("display_data", {"text/html": film_html(film, 8, ALT), "text/plain": ALT})
    _write(folder / "stored.ipynb", [output])
    return folder


def _write(path, outputs):
    cell = nbformat.v4.new_code_cell(PLAY, outputs=outputs, execution_count=1 if outputs else None)
    notebook = nbformat.v4.new_notebook(cells=[cell])
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
    }
    nbformat.write(notebook, path)


def _wait(page, condition):
    page.wait_for_function(f"() => {{ const video = document.querySelector('{VIDEO}'); return {condition}; }}")


def _plays(page):
    """Start the film and see that it moves on and begins again after its end."""
    video = page.locator(VIDEO).first
    _wait(page, "video.readyState >= 2")
    before = video.evaluate(STATE)
    assert (before["paused"], before["time"], before["loop"], before["controls"]) == (True, 0, True, True)
    video.evaluate("video => video.play()")
    _wait(page, "video.currentTime > 0.6")
    _wait(page, "video.currentTime < 0.4")
    after = video.evaluate(STATE)
    assert (after["paused"], after["error"]) == (False, None)
    return after["size"]


def test_a_film_waits_for_its_reader_and_then_plays_over_and_over(open_notebook):
    notebook = open_notebook("film")
    notebook.run_all(60)
    assert notebook.page.locator(VIDEO).get_attribute("aria-label") == ALT
    assert _plays(notebook.page) == [196, 88]
    notebook.shot("film")
    assert notebook.errors == []


def test_a_film_that_is_not_trusted_keeps_its_text_and_plays(open_notebook):
    notebook = open_notebook("stored")
    video = notebook.page.locator(VIDEO)
    assert video.get_attribute("title") == ALT
    assert video.get_attribute("aria-label") is None, "JupyterLab keeps aria-label now: title is no longer needed"
    assert _plays(notebook.page) == [96, 64]
    notebook.shot("film-not-trusted")
