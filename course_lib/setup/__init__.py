"""Set up the course and run its commands: ``python -m course_lib.setup lab`` (or test, notebooks, bench, clean).

Only the standard library is imported here, and in a form that old Pythons can read: this runs before anything is
installed, perhaps with the wrong Python, and then has to say so.
"""

from course_lib.setup.errors import SetupError
from course_lib.setup.notebook import require_course_environment

__all__ = ["SetupError", "require_course_environment"]
