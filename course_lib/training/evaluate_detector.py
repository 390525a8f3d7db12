"""How well does the detector tell faces apart, and how far can its scores be trusted? ``python -m course_lib.training.evaluate_detector``.

It calibrates the detector on the calibration split of `faces` (its profile), then measures it on the test split:
photographs that nobody has trained, chosen or calibrated on. Scores are logits; high means manipulated.
"""

import json

import numpy as np
import torch

from course_lib.data.faces import faces, fakes
from course_lib.deepfake import calibrate
from course_lib.deepfake.detector import iou, load_detector, saliency
from course_lib.deepfake.films import RULES, film_score
from course_lib.deepfake.profile import make_profile, write_profile
from course_lib.deepfake.quality import blockiness, jpeg_bytes, sharpness
from course_lib.files import write_atomic
from course_lib.models.checkpoints import FOLDER
from course_lib.results import FACES as PATH
from course_lib.training.detection import crops
from course_lib.training.detector_cases import (
    FAKES,
    FRAMES,
    KINDS,
    LEVELS,
    TRACES,
    UNITS,
    as_published,
    cases,
    central_ellipse,
    damage,
    films,
    groups,
    traced,
    untouched,
)

NAME = "faces-detector"
SEEDS = {"calibration": 11, "test": 12}
PART = 40  # faces of the test split that the tests measure again
BASELINES = {"sharpness": sharpness, "file size": jpeg_bytes, "blockiness": blockiness}
LEAST_SIDE = 60  # pixels: a smaller face has lost what the detector looks for (see "reduced by" in the results)
SCOPE = (
    "faces that were blended into a picture, as in face swaps; trained and calibrated on blends of photographs of "
    "adults (UTKFace). It says nothing about pictures that a generator made as a whole, about voices, or about whether "
    "what is shown is true"
)


def scores_of(detector, levels):
    """Logits of pictures, uint8 (N, 3, H, W): (N,)."""
    return detector.scores(levels.float() / 255)


def measured(detector, made):
    """Scores of genuine faces and of fakes, and of the trivial baselines: dict from str to two tensors (N,)."""
    told = {"detector": tuple(scores_of(detector, part) for part in (made.genuine, made.fake))}
    for name, measure in BASELINES.items():
        told[name] = tuple(measure(part.float() / 255) for part in (made.genuine, made.fake))
    return told


def joined(genuine, fake, count):
    """Scores, whether each is of a fake, and the face that each belongs to; ``count`` is the number of different faces."""
    scores = torch.cat([genuine, fake])
    manipulated = torch.cat([torch.zeros(len(genuine)), torch.ones(len(fake))])
    faces_ = torch.arange(len(genuine)) % count
    return scores, manipulated, torch.cat([faces_, torch.arange(len(fake)) % count])


def with_interval(measure, scores, manipulated, whose=None):
    """A measure with the ends of its 95 % bootstrap interval over faces: dict."""
    value, low, high = calibrate.bootstrap(measure, scores, manipulated, groups=whose)
    return {"value": round(value, 4), "low": round(low, 4), "high": round(high, 4)}


def either_way(scores, manipulated):
    """The AUC of a baseline that may be read in the better of both directions."""
    found = calibrate.auc(scores, manipulated)
    return max(found, 1 - found)


# ---- kinds of fakes


def measure_kind(detector, made, count, calibration):
    """AUC of the detector and of the baselines, and with the calibration, ECE, false alarms and misses: dict."""
    told = measured(detector, made)
    cases_ = joined(*told["detector"], count)
    row = {"auc": with_interval(calibrate.auc, *cases_)}
    for name in BASELINES:
        row[name] = with_interval(either_way, *joined(*told[name], count))
    row |= calibrated(calibration, *cases_)
    genuine, fake = (calibration.probability(part) > 0.5 for part in told["detector"])
    return row | {"false_alarms": share_of(genuine), "missed": share_of(~fake)}


def calibrated(calibration, scores, manipulated, whose):
    """The expected calibration error and the Brier score at a base rate of one half, with intervals: dict."""

    def ece(scores, manipulated):
        return calibrate.ece(calibration.probability(scores), manipulated)

    def brier(scores, manipulated):
        return calibrate.brier(calibration.probability(scores), manipulated)

    return {
        name: with_interval(measure, scores, manipulated, whose) for name, measure in (("ece", ece), ("brier", brier))
    }


def share_of(hits):
    """A share with its Wilson interval, for which each picture is a case of its own: dict."""
    hits, count = int(hits.sum()), len(hits)
    low, high = calibrate.wilson(hits, count)
    return {"value": round(hits / count, 4), "low": round(low, 4), "high": round(high, 4), "hits": hits, "count": count}


def by_ratio(detector, made, genuine):
    """The AUC of self-blends, `FAKES` of each face, by how much of the source was taken: dict from ratio to dict."""
    strongest = made.mask.amax(dim=(1, 2, 3))
    scores, manipulated, whose = joined(genuine, scores_of(detector, made.fake), len(made) // FAKES)
    rows = {}
    for ratio in (0.25, 0.5, 0.75, 1.0):
        chosen = torch.cat([torch.ones(len(genuine), dtype=torch.bool), (strongest - ratio).abs() < 0.1])
        rows[str(ratio)] = with_interval(calibrate.auc, scores[chosen], manipulated[chosen], whose[chosen])
    return rows


def overlaps(detector, made):
    """How well three maps find what was blended, as mean intersection over union on the plain half of the fakes: dict."""
    plain = made.mask.amax(dim=(1, 2, 3)) > 0.6
    fake, mask = made.fake[plain].float() / 255, made.mask[plain]
    found = {
        "map": detector.where(fake),
        "saliency": saliency(detector.network, fake),
        "central ellipse": central_ellipse(len(fake)),
    }
    return {name: round(iou(each, mask).mean().item(), 4) for name, each in found.items()} | {"count": len(fake)}


# ---- other questions


def by_trace(detector, rgb, seed):
    """The AUC on self-blends that leave one trace alone: dict from one of `TRACES` to dict."""
    rows = {}
    for trace in TRACES:
        made = traced(trace, rgb, seed)
        told = (scores_of(detector, part) for part in (made.genuine, made.fake))
        rows[trace] = with_interval(calibrate.auc, *joined(*told, len(rgb)))
    return rows


def robustness(detector, rgb, seed):
    """The AUC on self-blends when both of a pair are damaged in one way: dict from damage to a list of dicts with ``level``."""
    made = cases("self-blend", rgb, seed, 1, untouched)
    rng = np.random.default_rng(seed)
    rows = {"nothing": [{"level": 0} | _damaged(detector, made.genuine, made.fake)]}
    for what, levels in LEVELS.items():
        rows[what] = []
        for level in levels:
            parts = (damage(part, what, level, rng) for part in (made.genuine, made.fake))
            rows[what].append({"level": level} | _damaged(detector, *parts))
    return rows


def _damaged(detector, genuine, fake):
    scores = joined(*(scores_of(detector, part) for part in (genuine, fake)), len(genuine))
    return with_interval(calibrate.auc, *scores)


def rules(detector, rgb, seed, calibration):
    """How films are told apart by the rule that makes one score of many, when they are manipulated as a whole and in half: dict of dicts.

    ``ece`` is that of the film's score put through a calibration that was fitted to single pictures.
    """
    scores = {}
    for name, made in films(rgb, seed).items():
        scores[name] = scores_of(detector, made.flatten(0, 1)).unflatten(0, made.shape[:2])
    rows = {}
    for rule in RULES:
        told = {name: torch.tensor([film_score(film, rule) for film in each]) for name, each in scores.items()}
        cases_ = {part: joined(told["genuine"], told[part], len(rgb)) for part in ("whole", "half")}
        rows[rule] = {part: with_interval(calibrate.auc, *each) for part, each in cases_.items()}
        rows[rule]["ece"] = calibrated(calibration, *cases_["whole"])["ece"]
    return rows


def transfer(detector, genuine, calibration):
    """Published forgeries, brought to the size and quality of the genuine faces of the test split, uint8 (N, 3, 200, 200): dict."""
    ours = crops(genuine, 128)
    rows = {}
    for kind in ("stylegan", "mesonet/fake", "mesonet/real"):
        names, published = as_published(fakes(kind))
        theirs = crops(published, 128)
        told = scores_of(detector, theirs)
        cases_ = joined(scores_of(detector, ours), told, len(ours) + len(theirs))[:2]
        rows[kind] = {
            "scores": rounded(told),
            "probability": rounded(calibration.probability(told)),
            "auc": with_interval(calibrate.auc, *cases_),
            "names": names,
        }
        for name, measure in BASELINES.items():
            both = (measure(part.float() / 255) for part in (ours, theirs))
            rows[kind][name] = with_interval(either_way, *joined(*both, len(ours) + len(theirs))[:2])
    return rows


def group_alarms(detector, calibration):
    """How often genuine faces of each group are called manipulated, on the photographs that nobody trained on: dict of dicts."""
    rows = {}
    held_out = [faces(split) for split in ("validation", "calibration", "test")]
    names = [name for part in held_out for name in part.names]
    scores = scores_of(detector, torch.cat([crops(part.rgb, 128) for part in held_out]))
    alarms = calibration.probability(scores) > 0.5
    rows["all"] = {"all": share_of(alarms)}
    for kind, members in groups(names).items():
        rows[kind] = {name: share_of(alarms[chosen]) for name, chosen in members.items()}
    return rows


# ---- everything


def rounded(values, digits=3):
    """A tensor as a list of numbers with few digits."""
    return [round(value, digits) for value in values.tolist()]


def make_and_write_profile(detector, folder=FOLDER):
    """Calibrate a detector on the calibration split and write its profile. Returns the profile and the scores it rests on."""
    held_back = faces("calibration")
    made = cases("self-blend", held_back.rgb, SEEDS["calibration"])
    genuine, fake = (scores_of(detector, part) for part in (made.genuine, made.fake))
    pictures = made.genuine.float() / 255
    quality = {"sharpness": rounded(sharpness(pictures), 1), "compression": rounded(blockiness(pictures))}
    quality["side"] = [float(held_back.rgb.shape[-1])] * len(pictures)
    scores, manipulated, _ = joined(genuine, fake, len(held_back))
    least = float(torch.quantile(sharpness(pictures), 0.01))
    profile = make_profile(
        detector.name,
        detector.sha256,
        scores,
        manipulated,
        quality,
        SCOPE,
        least_side=LEAST_SIDE,
        least_sharpness=least,
    )
    write_profile(profile, folder)
    return profile, {"genuine": rounded(genuine), "self-blend": rounded(fake)}


def measure_kinds(detector, rgb, calibration):
    """Rows of all kinds of fakes, the scores that they come from, ratios and overlaps: dict."""
    rows, scores, about = {}, {}, {}
    for kind in KINDS:
        made = cases(kind, rgb, SEEDS["test"])
        rows[kind] = measure_kind(detector, made, len(rgb), calibration)
        genuine = scores_of(detector, made.genuine)
        scores[kind] = {"genuine": rounded(genuine), "fake": rounded(scores_of(detector, made.fake))}
        if kind == "self-blend":
            about = {"ratios": by_ratio(detector, made, genuine), "overlap": overlaps(detector, made)}
        print(kind, {name: row["value"] for name, row in rows[kind].items()}, flush=True)
    return {"kinds": rows, "scores": scores} | about


def measure_all():
    """The results that ``data/checkpoints/results-faces.json`` holds: see `course_lib.results.read_face_results`."""
    detector = load_detector(NAME)
    profile, told = make_and_write_profile(detector)
    test = faces("test")
    results = {"detector": detector.sha256, "faces": len(test), "fakes": FAKES, "frames": FRAMES, "units": UNITS}
    results |= measure_kinds(detector, test.rgb, profile.calibration)
    results["calibration_scores"] = told
    results["traces"] = by_trace(detector, test.rgb, SEEDS["test"])
    results["robustness"] = robustness(detector, test.rgb, SEEDS["test"])
    results["rules"] = rules(detector, test.rgb, SEEDS["test"], profile.calibration)
    results["genuine_scores"] = rounded(scores_of(detector, crops(test.rgb, 128)))
    results["transfer"] = transfer(detector, test.rgb, profile.calibration)
    results["groups"] = group_alarms(detector, profile.calibration)
    part = cases("self-blend", test.evenly(PART).rgb, SEEDS["test"], 1)
    results["part"] = {"faces": PART} | measure_kind(detector, part, PART, profile.calibration)
    return results


def main():
    """Measure and write the results and the profile."""
    write_atomic(PATH, json.dumps(measure_all()) + "\n")
    print(f"Wrote {PATH}.")


if __name__ == "__main__":
    main()
