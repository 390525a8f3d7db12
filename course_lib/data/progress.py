"""How far something that takes seconds has come: one line, rewritten in place."""

import shutil
import sys
import time

SECONDS_BETWEEN = 0.2
WIDTH = 30  # of the bar, in characters


class Progress:
    """A bar in a terminal, a line in a notebook, nothing elsewhere (a pipe, a test).

    What remains in a notebook is ``last``, which is the same on every machine.

    Parameters
    ----------
    what : str
        What is going on, as in "Reading scenes".
    total : int
        How many steps there are.
    done : int
        How many are done before the start.
    last : str
        The line when all is done.
    quiet : bool
        Show nothing at all.
    """

    def __init__(self, what, total, done=0, last="", quiet=False):
        self.what, self.total, self.done, self.last, self.quiet = what, total, done, last, quiet

    def __enter__(self):
        self.start, self.first, self.shown = time.monotonic(), self.done, 0.0
        self.show = None if self.quiet else _notebook_line() or _terminal_line()
        self._draw()
        return self

    def __exit__(self, kind, *_):
        if self.show:
            self.show(self._line() if kind else self.last, end=True)

    def advance(self, steps=1):
        """Say that this many more steps are done."""
        self.done += steps
        if time.monotonic() - self.shown > SECONDS_BETWEEN:
            self._draw()

    def note(self, text):
        """Show a remark in place of the remaining time, until the next step."""
        self._draw(text)

    def _draw(self, remark=None):
        if self.show:
            self.shown = time.monotonic()
            self.show(self._line(self._remaining() if remark is None else remark))

    def _line(self, remark=""):
        filled = WIDTH * self.done // max(1, self.total)
        counts = f"{self.what} [{'#' * filled}{'.' * (WIDTH - filled)}] {self.done:,} of {self.total:,}"
        return f"{counts}, {remark}" if remark else counts

    def _remaining(self):
        steps = self.done - self.first
        if steps == 0:
            return ""
        seconds = (time.monotonic() - self.start) / steps * (self.total - self.done)
        return f"about {seconds:.0f} s to go" if seconds < 100 else f"about {seconds / 60:.0f} min to go"


def is_watched():
    """Whether somebody sees what changes on the screen: in a terminal and in a notebook."""
    return sys.stderr.isatty() or _shell() is not None


def _terminal_line():
    """A function that rewrites the last line of the terminal, or None where nobody would see it."""
    if not sys.stderr.isatty():
        return None

    def show(text, end=False):
        width = shutil.get_terminal_size().columns - 1  # a full line would wrap and could not be rewritten
        sys.stderr.write("\r" + text[:width].ljust(width) + ("\n" if end and text else "\r" if end else ""))
        sys.stderr.flush()

    return show


def _notebook_line():
    """A function that rewrites one line of a notebook's output, or None outside of notebooks."""
    if _shell() is None:
        return None
    from IPython.display import display

    handle = display({"text/plain": ""}, raw=True, display_id=True)
    return lambda text, end=False: handle.update({"text/plain": text}, raw=True)


def _shell():
    """The shell of the notebook that this runs in, or None."""
    if "IPython" not in sys.modules:
        return None
    shell = sys.modules["IPython"].get_ipython()
    return shell if hasattr(shell, "kernel") else None
