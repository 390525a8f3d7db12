"""Progress in a notebook that ends in one line which is the same on every machine."""

import time

from fastai.callback.core import Callback
from IPython import get_ipython
from IPython.display import display

SECONDS_BETWEEN = 0.5


class ShowSteps(Callback):
    """One line in the notebook, rewritten as steps go by: how many are done and how long the rest will take.

    The last version, which the notebook keeps, gives the number of steps alone. Outside of notebooks nothing is printed.
    """

    def before_fit(self):
        self.steps, self.done = self.n_epoch * len(self.dls.train), 0
        self.start = self.shown = time.monotonic()
        self.line = _line("Training ...")

    def after_batch(self):
        if not self.training:
            return
        self.done += 1
        now = time.monotonic()
        if now - self.shown > SECONDS_BETWEEN:
            self.shown = now
            left = (now - self.start) / self.done * (self.steps - self.done)
            self._show(f"Training: step {self.done} of {self.steps}, about {left:.0f} s to go")

    def after_fit(self):
        self._show(f"Trained for {self.done} steps.")

    def _show(self, text):
        if self.line:
            self.line.update({"text/plain": text}, raw=True)


def _line(text):
    """A line that can be rewritten, or None outside of notebooks."""
    if not hasattr(get_ipython(), "kernel"):
        return None
    return display({"text/plain": text}, raw=True, display_id=True)
