"""The measured results of the trained networks, as committed in ``data/checkpoints``.

``python -m course_lib.training.evaluate``, ``evaluate_fusion`` and ``evaluate_hints`` measure them again.
"""

import json

from course_lib.models.checkpoints import FOLDER

PATH = FOLDER / "results.json"
FUSION, HINTS = FOLDER / "results-fusion.json", FOLDER / "results-hints.json"


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


def read_fusion_results():
    """What knowing the picture is worth.

    Returns
    -------
    results : dict
        ``rows`` holds, for "gray", "trained", "untrained", "none", "joint" and "wrong picture", then for "all" pictures and each class, the
        metrics with ``value``, ``low`` and ``high``; ``leads`` the differences of two rows, as in "trained - none", in the same way.
    """
    return read_results(FUSION)


def read_hint_results():
    """What hints are worth.

    Returns
    -------
    results : dict
        ``psnr`` and ``carried``, by the number of hints, of the network and of hints carried to every pixel without one; ``gain`` over no
        hint, on the same pictures; ``wrong``, what one wrong hint of ten costs; ``spread``, by the distance from it in pixels from which on
        each ring reaches, how far the answer follows; ``strokes`` and ``palette``, what those add. In dB, with their intervals.
    """
    return read_results(HINTS)
