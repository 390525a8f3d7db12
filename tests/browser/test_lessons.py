"""Each lesson in a real browser: it opens, runs from top to bottom, and its pictures follow its sliders."""

import pytest

from course_lib.lessons import NOTEBOOKS

LESSONS = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))
RUN_SECONDS = 300  # the lesson's own budget is checked elsewhere; a browser, a server and other tests share the machine


@pytest.mark.parametrize("name", LESSONS)
def test_lesson_runs_and_its_explorers_move(name, open_notebook):
    notebook = open_notebook(name)
    notebook.run_all(RUN_SECONDS)
    notebook.shot("after-run")
    assert notebook.count_pictures() > 0
    assert notebook.pictures_without_alt() == []

    explorers = notebook.explorers_with_slider()
    assert explorers, f"{name} has nothing to move"
    for explorer in explorers:
        before = notebook.picture_digest(explorer)
        notebook.move_slider(explorer)
        notebook.wait_for_new_picture(explorer, before)
    for explorer in notebook.explorers_with_canvas():
        before = notebook.picture_digest(explorer)
        notebook.click_canvas(explorer)
        notebook.wait_for_new_picture(explorer, before)
    notebook.shot("after-move")
    notebook.assert_no_error_output()
    assert notebook.errors == []
