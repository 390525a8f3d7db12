"""Films: reading and writing, shots and key frames, and colors that move with what they belong to."""

__all__ = ["UnfinishedError", "VideoError", "colorize_video", "open_film", "read_frames"]

from course_lib.video.errors import UnfinishedError, VideoError


def __getattr__(name):
    """Import what decodes films, and torch with it, when it is first asked for."""
    if name == "colorize_video":
        from course_lib.video.film import colorize_video

        return colorize_video
    if name in ("open_film", "read_frames"):
        from course_lib.video import reading

        return getattr(reading, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
