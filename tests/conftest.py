"""Settings that hold for every test."""

import os
from pathlib import Path

import matplotlib
import pytest

# Figures are drawn into memory: no test opens a window. The setting stays out of the environment variables, where the
# kernels of notebooks would find it and show no figures.
matplotlib.use("Agg")

# A folder with published data sets beside the checkout serves tests as COURSE_DATA does. It stays out of the environment
# variables too: notebooks are tested as someone sees them who has what is in the environment, and no more.
BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"


def find_course_data():
    """The folder with published data sets that tests may read, or None."""
    given = os.environ.get("COURSE_DATA")
    folder = Path(given).expanduser() if given else BESIDE
    return folder if folder.is_dir() else None


def pytest_report_header():
    """Say in the first lines of a test run whether there are real photographs to test with."""
    folder = find_course_data()
    if folder is None:
        return "published data sets: none (set COURSE_DATA); tests that need them are skipped"
    return f"published data sets: from {'COURSE_DATA' if os.environ.get('COURSE_DATA') else os.path.relpath(folder)}"


@pytest.fixture
def course_data(monkeypatch):
    """A folder with published data sets, named by COURSE_DATA during the test; without one the test is skipped."""
    folder = find_course_data()
    if folder is None:
        pytest.skip("needs published data sets: set COURSE_DATA")
    monkeypatch.setenv("COURSE_DATA", str(folder))
    return folder
