"""The measured results of the trained networks, as committed in ``data/checkpoints``.

``python -m course_lib.training.evaluate``, ``evaluate_fusion``, ``evaluate_hints``, ``evaluate_gan``, ``evaluate_films`` and
``evaluate_detector`` measure them again; ``compare_losses`` and ``compare_starts`` train small networks for it.
"""

import json

from course_lib.models.checkpoints import FOLDER
from course_lib.samples import read_samples

PATH = FOLDER / "results.json"
FUSION, HINTS = FOLDER / "results-fusion.json", FOLDER / "results-hints.json"
GAN, LOSSES, STARTS = FOLDER / "results-gan.json", FOLDER / "results-losses.json", FOLDER / "results-starts.json"
FILMS = FOLDER / "results-films.json"
FACES = FOLDER / "results-faces.json"
LOSS_PICTURES = "losses"


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


def read_gan_results():
    """How real and how true the colors of GANs are.

    Returns
    -------
    results : dict
        ``rows`` holds, for "gray", "truth" and each checkpoint, the metrics with ``value``, ``low`` and ``high``; ``leads`` the differences
        of two rows, as in "scenes-nogan - scenes-nogan-start", in the same way.
    """
    return read_results(GAN)


def read_loss_results():
    """What each part of pix2pix's loss is good for: ``rows`` as in `read_gan_results`, for each combination, like "L1 + adversarial"."""
    return read_results(LOSSES)


def loss_pictures():
    """Bundled photographs as the generator of each combination of losses colors them, "gray" and "truth": dict of sRGB (6, 3, 96, 96)."""
    names = [name for name in read_loss_results()["rows"] if name not in ("gray", "truth")]
    return dict(zip(["gray", *names, "truth"], read_samples(LOSS_PICTURES), strict=True))


def read_strip(name):
    """Bundled photographs as a generator colored them at each point of the curve of its GAN: sRGB, (points, 6, 3, 96, 96)."""
    return read_samples(name)


def read_start_results():
    """How fast a generator learns that begins with a trained body or a random one, with growing pictures or at full size.

    Returns
    -------
    results : dict
        ``ways`` holds, for each of the four, ``seconds`` (since the beginning), ``loss`` (of validation at full size) and ``side`` (in
        pixels) after each epoch.
    """
    return read_results(STARTS)


def read_film_results():
    """How steady and how true the colors of films are.

    Returns
    -------
    results : dict
        ``rows`` holds for each film ``key``, for colors that come from the true first frame, and ``alone``, for those that nobody helps
        with: for each way to color it the metrics that `course_lib.training.evaluate_films.measure` describes. ``flow`` tells how far
        estimated flows are from exact ones.
    """
    return read_results(FILMS)


def read_face_results():
    """How well the detector tells faces apart, and how far its scores can be trusted. Scores are logits; high means manipulated.

    Returns
    -------
    results : dict
        ``kinds`` holds for each kind of fake the AUC of the detector and of the trivial baselines, and the calibration error, false alarms
        and misses of the detector at a base rate of one half; ``scores`` the scores that they come from, and ``calibration_scores`` those
        of the calibration split; ``ratios`` and ``overlap`` tell self-blends by strength, and how well maps find them. ``robustness``,
        ``rules`` (how a film gets one score), ``transfer`` (published forgeries, against ``genuine_scores``, those of the test faces as
        they were published) and ``groups`` (false alarms by group of people) answer one question each. Values have ``low`` and ``high``,
        the ends of a 95 % interval: by drawing faces again, but for shares, which say how many ``hits`` of what ``count`` they are, and
        have a Wilson interval over pictures.
    """
    return read_results(FACES)
