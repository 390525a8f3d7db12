"""How steady and how true are the colors of films? ``python -m course_lib.training.evaluate_films`` measures it and writes the answer.

Films are measured at the size at which they are colored. Two questions are asked of each: how do colors look that come from one true key,
the first frame, and how do they look when nobody helps.
"""

import json
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise

import torch

from course_lib import color, metrics
from course_lib.data.clips import CLIP_SPLITS, clips
from course_lib.data.moving import moving_petals, stereo_pair_flow
from course_lib.files import write_atomic
from course_lib.filming import STILL, color_error, frame_by_frame, still_network
from course_lib.models.checkpoints import load_checkpoint, read_card
from course_lib.results import FILMS as PATH
from course_lib.training.film_sets import read_clip
from course_lib.video.flow import estimate_flow, film_flows
from course_lib.video.propagation import Leg, color_film
from course_lib.video.smoothing import mean_over_time

NAME = "clips-propagation"
FRAMES = 91  # of each film
PART, PART_FRAMES = ("petals, slow", "stereo pair", "sam2_01_dog"), 10  # what the tests measure again
FAR = 30  # frames after the key: where the distance from the truth is measured too
WINDOW = 9  # frames of the smoothing over time
PETALS = {"petals, slow": (900_001, 1.0), "petals, fast": (900_002, 4.0)}  # seed and speed
SIDE = 128
KINDS = EXACT, LEARNED, NEVER = "exact flow", "learned from", "never seen"


@dataclass
class Film:
    """A film to measure on: sRGB (T, 3, H, W), flows and masks for the warp error, and one of `KINDS`."""

    rgb: torch.Tensor = field(repr=False)
    flows: torch.Tensor = field(repr=False)
    masks: torch.Tensor = field(repr=False)
    kind: str

    @property
    def lab(self):
        return color.rgb_to_lab(self.rgb)


def filmed(name, count=FRAMES):
    """A real clip, with estimated flows: `Film`."""
    rgb = read_clip(clips([name])[name], count).float() / 255
    return Film(rgb, *film_flows(color.to_gray(rgb)), LEARNED if name in CLIP_SPLITS["train"] else NEVER)


def drawn(seed, speed, count=FRAMES, side=SIDE):
    """A moving meadow, with its exact flow: `Film`."""
    meadow = moving_petals(count, side, seed, speed=speed)
    return Film(meadow.rgb, meadow.flows, meadow.masks, EXACT)


def all_films(count=FRAMES):
    """Name and function that gives the film, for all that is measured on."""
    films = {name: partial(drawn, *way, count) for name, way in PETALS.items()}
    films["stereo pair"] = lambda: Film(*stereo_pair_flow(SIDE), EXACT)
    for split in ("train", "test"):
        films |= {name: partial(filmed, name, count) for name in CLIP_SPLITS[split]}
    return films


def ways_with_key(lab, per_frame, still, network):
    """Name and colors (T, 2, H, W), natural units, for each way to color a film whose first frame is known."""
    lightness, key = lab[:, :1], lab[0, 1:]
    yield "gray", torch.zeros_like(lab[:, 1:])
    yield "per frame", per_frame
    leg = Leg(lightness, still)
    first = key / color.AB_SCALE
    yield "flow warp", leg.carry(first, None).ab * color.AB_SCALE
    leg.seen_back = [torch.zeros_like(seen) for seen in leg.seen_back]
    yield "network", leg.carry(first, network).ab * color.AB_SCALE
    yield "both", color_film(lightness, {0: key}, still, network)
    yield "truth", lab[:, 1:]


def ways_without_key(lab, per_frame, still, network):
    """Name and colors (T, 2, H, W), natural units, for each way to color a film that nobody helps with."""
    lightness = lab[:, :1]
    yield "per frame", per_frame
    yield "smoothed", mean_over_time(per_frame, WINDOW)
    yield "flow warp", color_film(lightness, {}, still, None)
    yield "both", color_film(lightness, {}, still, network)
    yield "truth", lab[:, 1:]


def measure(ab, film):
    """The metrics of a film with these colors, (T, 2, H, W), natural units, and its own lightness.

    Returns
    -------
    dict from str to float
        ``psnr``, the mean in dB of all frames but the first, and ``psnr_far`` of frame `FAR` (None in shorter films); ``warp_error`` and
        ``cdc``; ``color_error``, the warp error when all pixels have the same lightness, so that colors alone count; ``colorfulness`` as a
        ratio to the truth's.
    """
    lightness = film.lab[:, :1]
    rgb = color.join(lightness, ab)
    psnr = metrics.psnr(rgb, film.rgb).clamp(max=99)
    gaps = [gap for gap in (1, 2, 4) if gap < len(rgb)]
    return {
        "psnr": round(psnr[1:].mean().item(), 3),
        "psnr_far": round(psnr[FAR].item(), 3) if len(psnr) > FAR else None,
        "warp_error": metrics.warp_error(rgb, film.flows, film.masks),
        "color_error": color_error(ab, film.flows, film.masks),
        "cdc": metrics.cdc(rgb, gaps),
        "colorfulness": round(float(metrics.colorfulness(rgb).mean() / metrics.colorfulness(film.rgb).mean()), 4),
    }


def measure_film(film, still, network):
    """All metrics of all ways to color a film: dict with ``key`` and ``alone``, each a dict from way to metrics."""
    lab = film.lab
    per_frame = frame_by_frame(lab[:, :1])
    return {
        "frames": len(lab),
        "kind": film.kind,
        "key": {way: measure(ab, film) for way, ab in ways_with_key(lab, per_frame, still, network)},
        "alone": {way: measure(ab, film) for way, ab in ways_without_key(lab, per_frame, still, network)},
    }


def flow_errors(film):
    """How far the estimated flow is from the exact one, in pixels, where it counts: the mean, and the share of pixels over 1."""
    lightness = film.lab[:, :1]
    found = torch.stack([estimate_flow(new, old) for old, new in pairwise(lightness)])
    distance = (found - film.flows).norm(dim=1, keepdim=True)[film.masks > 0]
    return {"mean": round(distance.mean().item(), 3), "over 1": round((distance > 1).float().mean().item(), 4)}


def measure_films(films, still, network):
    """The rows and flow errors of films, a dict from name to function that gives a `Film`."""
    rows, flows = {}, {}
    for name, make in films.items():
        film = make()
        rows[name] = measure_film(film, still, network)
        if film.kind == EXACT:
            flows[name] = flow_errors(film)
        print(name, {way: row["psnr"] for way, row in rows[name]["key"].items()}, flush=True)
    return {"rows": rows, "flow": flows}


def part_of_all():
    """The few frames of a few films that the tests measure again."""
    films = all_films(PART_FRAMES)
    return {name: films[name] for name in PART}


def measure_all():
    """The results that ``data/checkpoints/results-films.json`` holds: see `course_lib.results.read_film_results`."""
    ways = still_network(), load_checkpoint(NAME)
    about = {"side": SIDE, "far": FAR, "window": WINDOW}
    about["checkpoints"] = {each: read_card(each)["sha256"] for each in (NAME, STILL)}
    return about | measure_films(all_films(), *ways) | {"part": measure_films(part_of_all(), *ways)}


def main():
    """Measure and write the results."""
    write_atomic(PATH, json.dumps(measure_all(), indent=1) + "\n")
    print(f"Wrote {PATH}.")


if __name__ == "__main__":
    main()
