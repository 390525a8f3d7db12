"""The measured seconds of each learner's notebook: ``notebooks/times.json``, for the map in lesson 00.

Times differ from run to run, and a file that changed with each of them would make every build a change. A new time is
therefore stored only when it is far from the stored one.
"""

import json

from course_lib import lessons
from course_lib.files import write_atomic

NOISE_SECONDS, NOISE_SHARE = 5, 0.3


def read_times(course):
    """``{"01_rgb_vs_lab": 42, ...}``: seconds at the quick budget on the machine that built the notebooks."""
    return lessons.read_times(course.notebooks)


def store_time(course, name, seconds):
    """Remember ``seconds`` for ``name`` unless the stored time is about the same; returns whether it did."""
    times = read_times(course)
    before = times.get(name)
    if before is not None and abs(seconds - before) <= max(NOISE_SECONDS, NOISE_SHARE * before):
        return False
    times[name] = round(seconds)
    known = {path.stem for path in course.lesson_paths()}
    kept = {key: value for key, value in sorted(times.items()) if key in known}
    write_atomic(course.notebooks / "times.json", json.dumps(kept, indent=1) + "\n")
    return True
