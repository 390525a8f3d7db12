"""The measured results of the trained networks, as committed: ``data/checkpoints/results.json``.

``python -m course_lib.training.evaluate`` measures them again.
"""

import json

from course_lib.models.checkpoints import FOLDER

PATH = FOLDER / "results.json"


def read_results(path=PATH):
    """The table of results.

    Returns
    -------
    results : dict
        ``rows`` holds, for "gray", "truth" and each checkpoint, the metrics with ``value``, ``low`` and ``high``, the ends of a 95 %
        bootstrap interval over pictures; ``leads`` the differences of two rows, as in "scenes-l2 - gray", with intervals for which the
        pictures of both are drawn together; ``calibration`` the reliability curves of the classifiers; the rest says on what they were
        measured.
    """
    return json.loads(path.read_text(encoding="utf-8"))
