"""A notebook open in JupyterLab, as a person sees it: open, run, move, look."""

import hashlib
import os
import time
from pathlib import Path

from playwright.sync_api import Error, expect

POLL_SECONDS = 0.2
ERROR_OUTPUTS = ", ".join(
    f'.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.{kind}"]' for kind in ("error", "stderr")
)
UNRUN_CELLS = """panel => [...panel.querySelectorAll('.jp-CodeCell')]
    .filter(cell => cell.querySelector('.cm-content').textContent.trim())
    .filter(cell => !/\\d/.test(cell.querySelector('.jp-InputArea-prompt').textContent)).length"""
LONG_SECONDS = 60  # for the page and its kernel to start on a busy machine


class NotebookPage:
    """One notebook of a LabServer in one browser page. ``errors`` collects what goes wrong in the page's scripts."""

    def __init__(self, page, server, name):
        self.page, self.server, self.name = page, server, name
        self.errors = []
        page.set_default_timeout(LONG_SECONDS * 1000)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.panel = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")

    def open(self):
        """Open the notebook and wait for all its cells and its kernel."""
        self.page.goto(self.server.url(self.name))
        cells = self.panel.locator(".jp-Notebook .jp-CodeCell")
        expect(cells).to_have_count(len(self.server.code_cells(self.name)), timeout=LONG_SECONDS * 1000)
        self._wait_for_idle_kernel(LONG_SECONDS)
        return self

    def run_all(self, seconds):
        """Clear all outputs, run all cells, and wait for the last; fail at an error output or after ``seconds``."""
        self._choose("Edit", "Clear Outputs of All Cells")  # old numbers would look like cells that have run
        self._choose("Run", "Run All Cells")
        deadline = time.monotonic() + seconds
        while left := self.panel.evaluate(UNRUN_CELLS):
            self.assert_no_error_output()
            assert time.monotonic() < deadline, f"{left} cells of {self.name} have not run after {seconds} s"
            time.sleep(POLL_SECONDS)
        self._wait_for_idle_kernel(LONG_SECONDS)
        self.assert_no_error_output()

    def assert_no_error_output(self):
        """Fail if a cell shows a traceback or a warning, or a widget that could not be shown."""
        outputs = self.panel.locator(ERROR_OUTPUTS).all_inner_texts()
        assert not outputs, f"{self.name} shows: {outputs[0]}"
        for sentence in ("Error displaying widget", "Loading widget..."):
            dead = self.panel.locator(".jp-OutputArea-output", has_text=sentence)
            assert dead.count() == 0 or self._goes_away(dead), f"{self.name} shows: {sentence}"

    @property
    def explorers(self):
        """The notebook's explorers, in order, as a Playwright locator."""
        return self.panel.locator(".course-explorer")

    def explorers_with_slider(self):
        """Return those of the notebook's explorers that have a slider, in order."""
        return self.explorers.filter(has=self.page.locator(".noUi-handle")).all()

    def picture_digest(self, explorer, seconds=10):
        """Return a digest of the pictures that ``explorer`` shows, or will show within ``seconds``."""
        images = explorer.locator(".course-picture img")
        images.first.wait_for(timeout=seconds * 1000)
        sources = images.evaluate_all("all => all.map(image => image.src)")
        if not sources:
            raise Error("The pictures were there, and are gone.")
        assert all(source.startswith("data:image/") for source in sources), sources
        return hashlib.sha256("".join(sources).encode()).hexdigest()

    def move_slider(self, explorer, control=None):
        """Move a slider of ``explorer`` by one step with the keyboard: the one called ``control``, or the first.

        The step is to the right, or to the left where the slider stands at its right end.
        """
        scope = explorer.locator(f".course-control-{control}") if control else explorer
        handle = scope.locator(".noUi-handle").first
        handle.scroll_into_view_if_needed()
        handle.focus()
        at_end = handle.get_attribute("aria-valuenow") == handle.get_attribute("aria-valuemax")
        self.page.keyboard.press("ArrowLeft" if at_end else "ArrowRight")

    def explorers_with_canvas(self):
        """Return those of the notebook's explorers that have a picture to click on, in order."""
        return self.explorers.filter(has=self.page.locator("canvas")).all()

    def click_canvas(self, explorer, across=0.2, down=0.2):
        """Click on the picture of ``explorer``, at a share of its width and of its height."""
        canvas = explorer.locator("canvas").first
        canvas.scroll_into_view_if_needed()
        box = canvas.bounding_box()
        canvas.click(position={"x": across * box["width"], "y": down * box["height"]})

    def wait_for_new_picture(self, explorer, before, seconds=20):
        """Wait until ``explorer`` shows another picture than ``before`` (a digest); fail after ``seconds``."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if self.picture_digest(explorer, seconds=1) != before:
                    return
            except Error:  # the picture is being replaced, or an error message has taken its place
                pass
            time.sleep(POLL_SECONDS)
        says = explorer.locator(".course-picture").inner_text()
        raise AssertionError(f"the picture did not change within {seconds} s; in its place: {says!r}")

    def pictures_without_alt(self):
        """Return the beginnings of the sources of pictures, in outputs and text, that have no alternative text."""
        images = self.panel.locator(".jp-OutputArea-output img, .jp-MarkdownOutput img")
        sources = images.evaluate_all("all => all.filter(img => !img.alt.trim()).map(img => img.src)")
        return [source[:80] for source in sources]

    def count_pictures(self):
        """Return how many pictures the outputs show."""
        return self.panel.locator(".jp-OutputArea-output img").count()

    def shot(self, label, folder=None):
        """Keep a screenshot in ``folder`` or in the folder that COURSE_SHOTS names; do nothing without either."""
        folder = folder or os.environ.get("COURSE_SHOTS")
        if folder:
            self.page.screenshot(path=Path(folder) / f"{self.name.replace('/', '-')}-{label}.png")

    def shots_of_whole_notebook(self, folder):
        """Write screenshots of the notebook from top to bottom, one per screen, and return their number."""
        area = self.panel.locator(".jp-WindowedPanel-outer")
        height, step = area.evaluate("e => [e.scrollHeight, e.clientHeight]")
        number = 0
        for top in range(0, height, step):
            area.evaluate("(e, top) => { e.scrollTop = top }", top)
            self.page.wait_for_timeout(300)
            number += 1
            self.shot(f"{number:02d}", folder)
        return number

    def close(self):
        """Close the page and end its kernel."""
        self.page.close()
        self.server.end_kernels()

    def _choose(self, menu, item):
        self.page.get_by_role("menuitem", name=menu, exact=True).click()
        self.page.get_by_role("menuitem", name=item, exact=True).click()

    def _wait_for_idle_kernel(self, seconds):
        # The toolbar says "idle" even before a kernel exists; only the status bar waits for it.
        status = self.page.get_by_role("button", name="Python 3 (ipykernel) | Idle")
        expect(status).to_be_visible(timeout=seconds * 1000)

    @staticmethod
    def _goes_away(locator, seconds=10):
        """Whether ``locator`` matches nothing within ``seconds``: a widget may be loading when we look."""
        try:
            expect(locator).to_have_count(0, timeout=seconds * 1000)
        except AssertionError:
            return False
        return True
