"""The error of the set-up: one sentence for a person, never a traceback."""


class SetupError(Exception):
    """Something is missing or wrong on this machine. The message says what, and what to do."""

    def _render_traceback_(self):
        """Show the sentence alone when the error reaches a notebook cell (IPython calls this method)."""
        return [str(self)]
