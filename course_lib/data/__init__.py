"""Pictures to learn from: drawn scenes, bundled photographs, your own folder."""

from course_lib.data.petals import petals

__all__ = ["petals"]
