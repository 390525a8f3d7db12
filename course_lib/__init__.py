"""Learning to Color: what the notebooks import, and ``colorize`` for everything else.

Only the standard library is imported here, since ``course_lib.setup`` runs before anything is installed.
"""

__all__ = ["colorize"]


def __getattr__(name):
    """Import ``colorize``, and torch with it, when it is first asked for."""
    if name == "colorize":
        from course_lib.colorizing import colorize

        return colorize
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
