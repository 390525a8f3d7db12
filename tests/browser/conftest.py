"""Fixtures of the browser tests. They end with each test file: Playwright's event loop would disturb other tests."""

import os

import pytest

from course_lib.setup.environment import ROOT
from tests.browser.chromium import VIEWPORT, find_chromium, start_chromium
from tests.browser.notebook_page import NotebookPage
from tests.browser.server import LabServer


@pytest.fixture(scope="module")
def browser():
    """The system's Chromium. Without it the tests are skipped, or fail where COURSE_BROWSER=required."""
    path = find_chromium()
    if path is None:
        say = pytest.fail if os.environ.get("COURSE_BROWSER") == "required" else pytest.skip
        say("no Chromium on this machine: install it (Debian: 'apt install chromium') to run the browser tests")
    with start_chromium(path) as browser:
        yield browser


@pytest.fixture(scope="module")
def notebooks_folder():
    """The folder of notebooks that the server copies; a test file may have its own."""
    return ROOT / "notebooks"


@pytest.fixture(scope="module")
def server(browser, notebooks_folder):
    """A running JupyterLab; it asks for the browser first, since without one there is nothing to serve."""
    with LabServer(notebooks_folder) as server:
        yield server


@pytest.fixture
def open_notebook(browser, server):
    """A function that opens a notebook by its name and returns its NotebookPage; all pages are closed at the end."""
    pages = []

    def open_by_name(name):
        pages.append(NotebookPage(browser.new_page(viewport=VIEWPORT), server, name))
        return pages[-1].open()

    yield open_by_name
    for page in pages:
        page.close()
