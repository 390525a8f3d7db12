"""Is this face genuine, and how sure are we? Fakes to learn from, a detector, its calibration, its verdicts, and what watches over them."""

__all__ = ["Verdict", "verdict"]


def __getattr__(name):
    """Import what judges, and torch with it, when it is first asked for."""
    if name in __all__:
        from course_lib.deepfake import judging

        return getattr(judging, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
