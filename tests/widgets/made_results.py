"""Results with the structure of ``results-faces.json`` and made-up numbers, and a detector and a profile that go with them."""

import numpy as np
import torch

from course_lib.deepfake.calibrate import Calibration, CaseTable
from course_lib.deepfake.detector import Detector
from course_lib.deepfake.profile import Profile
from course_lib.models import ForgeryNet

LEVELS = {
    "JPEG quality": (90, 70, 50, 30, 15),
    "blur": (0.5, 1.0, 1.5, 2.0, 3.0),
    "reduced by": (1.25, 1.5, 2.0, 3.0, 4.0),
    "noise": (2, 5, 10, 20, 40),
    "brightness": (-0.2, -0.1, 0.1, 0.2, 0.3),
}
UNITS = {"JPEG quality": "", "blur": "pixels", "reduced by": "times", "noise": "of 255", "brightness": "of 1"}
GROUPS = {
    "gender": {"male": (11, 450), "female": (24, 415)},
    "race": {"White": (12, 372), "Black": (5, 167), "Asian": (6, 117), "Indian": (9, 140), "Others": (3, 69)},
    "age": {"20 to 29": (13, 340), "30 to 44": (9, 250), "45 to 59": (7, 160), "60 to 80": (6, 115)},
}


def entry(value, half=0.03):
    return {"value": value, "low": round(value - half, 4), "high": round(min(1.0, value + half), 4)}


def share(hits, count):
    value = hits / count
    half = 1.96 * (value * (1 - value) / count) ** 0.5
    return {"value": value, "low": max(0.0, value - half), "high": value + half, "hits": hits, "count": count}


def normal(mean, count, rng, spread=2.0):
    return [round(value, 3) for value in rng.normal(mean, spread, count).tolist()]


def made_results(faces=60):
    """As `course_lib.results.read_face_results` gives them."""
    rng = np.random.default_rng(0)
    auc = {"self-blend": 0.93, "swap": 0.81, "colorized": 0.62}
    apart = {"self-blend": 2.3, "swap": 0.8, "colorized": -1.0}
    kinds, scores = {}, {}
    for kind, value in auc.items():
        baselines = {"sharpness": entry(0.52), "file size": entry(0.54, 0.04), "blockiness": entry(0.51, 0.02)}
        shares = {"false_alarms": share(40, 4 * faces), "missed": share(30, 4 * faces)}
        kinds[kind] = {"auc": entry(value), "ece": entry(0.04, 0.01), "brier": entry(0.09, 0.01)} | baselines | shares
        genuine, fake = normal(-2, 4 * faces, rng), normal(apart[kind], 4 * faces, rng)
        scores[kind] = {"genuine": genuine, "fake": fake}
    return {
        "faces": faces,
        "units": UNITS,
        "kinds": kinds,
        "scores": scores,
        "genuine_scores": normal(-2, 60, rng),
        "calibration_scores": {"genuine": normal(-2, 200, rng), "self-blend": normal(2.3, 200, rng)},
        "ratios": {"0.25": entry(0.74), "1.0": entry(0.96)},
        "traces": {"colors": entry(0.91), "sharpness": entry(0.62), "place": entry(0.47)},
        "robustness": made_robustness(),
        "rules": {
            rule: {"whole": entry(whole, 0.02), "half": entry(half, 0.04)}
            for rule, (whole, half) in {
                "mean": (0.96, 0.85), "median": (0.95, 0.78), "max": (0.94, 0.89), "top quarter": (0.955, 0.9),
                "vote": (0.95, 0.83), "mean probability": (0.955, 0.86),
            }.items()
        },
        "transfer": {
            "stylegan": {"scores": normal(-1.8, 12, rng), "auc": entry(0.53, 0.15)},
            "mesonet/fake": {"scores": [-0.9, 1.4], "auc": entry(0.71, 0.2)},
            "mesonet/real": {"scores": [-3.5, 0.4], "auc": entry(0.55, 0.3)},
        },
        "groups": {"all": {"all": share(35, 865)}}
        | {kind: {name: share(*counts) for name, counts in members.items()} for kind, members in GROUPS.items()},
    }  # fmt: skip


def made_robustness():
    rows = {"nothing": [{"level": 0} | entry(0.95, 0.02)]}
    for number, (what, levels) in enumerate(LEVELS.items()):
        rows[what] = [
            {"level": level} | entry(0.95 - 0.02 * (number + 1) * place) for place, level in enumerate(levels)
        ]
    return rows


PROFILE = Profile(
    detector="made",
    sha256="a" * 64,
    calibration=Calibration(1.0, 0.0, "platt", 100),
    cases=CaseTable((0.0,), (5, 45), (50, 50)),
    low=0.2,
    high=0.7,
    least_side=60,
    least_sharpness=11.0,
    scope="tests",
    reference={"score": [0.0]},
)


def made_detector():
    """A detector with random weights, whose scores differ between pictures."""
    torch.manual_seed(0)
    network = ForgeryNet(widths=(8, 8, 8), blocks=(0, 0, 0)).eval()
    last = network.answer[1]
    with torch.no_grad():
        last.weight *= 40
        last.bias.zero_()
    return Detector("made", "a" * 64, network.requires_grad_(False))
