"""Find and start the browser that the system has."""

import os
import shutil
from contextlib import contextmanager

from playwright.sync_api import sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
MAC_CHROME = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
# Containers have neither a GPU nor the privileges of the sandbox; the pages are our own.
OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
VIEWPORT = {"width": 1400, "height": 1100}


def find_chromium():
    """Return the path of Chromium or a relative of it, or None where there is none."""
    found = filter(None, map(shutil.which, NAMES))
    return next(found, MAC_CHROME if os.path.exists(MAC_CHROME) else None)


@contextmanager
def start_chromium(path):
    """Run the browser ``path``, without a window, for the length of a block."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(OPTIONS))
        try:
            yield browser
        finally:
            browser.close()
