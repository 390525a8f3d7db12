"""What the first notebook asks before it imports anything else: is this the course's Python?"""

import importlib.util
import sys

from course_lib.setup.errors import SetupError
from course_lib.setup.python_version import is_supported

# The name to import, where it differs from the name to install, is what tells whether a package is there.
NEEDED = (
    "torch",
    "torchvision",
    "fastai",
    "safetensors",
    "numpy",
    "PIL",
    "skimage",
    "sklearn",
    "matplotlib",
    "ipywidgets",
)


def require_course_environment(needed=NEEDED, version=None):
    """Raise SetupError with one sentence if this notebook runs on a Python without the course's packages.

    It needs the standard library only. Lesson 00 calls it first. There the course may not be installed either (that is
    the case it is for), so the lesson makes the repository importable before, without overriding an installed course:

        import sys
        from pathlib import Path

        sys.path += [str(folder) for folder in Path.cwd().parents if (folder / "course_lib").is_dir()]
        from course_lib.setup import require_course_environment

        require_course_environment()

    A notebook shows the sentence alone, without a traceback.
    """
    version = sys.version_info if version is None else version
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if not missing and is_supported(version):
        return
    lacks = f"has no {', '.join(missing)}" if missing else f"is Python {version[0]}.{version[1]}"
    raise SetupError(
        f"This notebook runs on {sys.executable}, which {lacks}: close Jupyter, open a terminal in the course's folder "
        "and start it with 'make lab' or 'python3 -m course_lib.setup lab' (on Windows 'py -m course_lib.setup lab')."
    )
