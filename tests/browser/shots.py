"""Screenshots of a whole notebook after running it, for people to look at.

python -m tests.browser.shots 01_rgb_vs_lab --out shots
"""

import argparse
import sys
from pathlib import Path

from course_lib.setup.environment import ROOT
from tests.browser.chromium import VIEWPORT, find_chromium, start_chromium
from tests.browser.notebook_page import NotebookPage
from tests.browser.server import LabServer


def main():
    """Run the notebooks named on the command line in JupyterLab and write one picture per screen."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="+", help="such as 01_rgb_vs_lab or solutions/01_rgb_vs_lab")
    parser.add_argument("--out", type=Path, required=True, help="the folder for the pictures")
    parser.add_argument("--seconds", type=float, default=600, help="how long a notebook may run")
    options = parser.parse_args()
    path = find_chromium()
    if path is None:
        sys.exit("No Chromium on this machine: install it (Debian: 'apt install chromium').")
    with LabServer(ROOT / "notebooks") as server, start_chromium(path) as browser:
        for name in options.notebooks:
            notebook = NotebookPage(browser.new_page(viewport=VIEWPORT), server, name).open()
            notebook.run_all(options.seconds)
            notebook.page.keyboard.press("Control+B")  # the file list takes room from the notebook
            number = notebook.shots_of_whole_notebook(options.out)
            print(f"{name}: {number} pictures in {options.out}")
            notebook.close()


if __name__ == "__main__":
    main()
