"""Lesson 10, after the detector went live: what arrives, and versions that want to take its place."""

from copy import deepcopy
from dataclasses import dataclass, field

import numpy as np
import torch

from course_lib.data.photos import TEST_PHOTOS
from course_lib.deepfake import blend
from course_lib.deepfake.films import film_of_face, film_score
from course_lib.deepfake.gating import gate, measure_version
from course_lib.deepfake.profile import make_profile, read_profile, write_profile
from course_lib.deepfake.quality import blockiness, sharpness
from course_lib.deepfake.recipes import Finish, draw_finish, draw_recipe
from course_lib.deepfake.versions import Versions
from course_lib.forgery import pieces, scores_of
from course_lib.models.checkpoints import load_checkpoint, read_card, write_checkpoint
from course_lib.training.card import network_card

FRAMES = 4  # of each film of the frozen set
SCOPE = "pieces of bundled photographs, blended or not; for lesson 10 only"


# ---- what arrives


def arrivals(count, rng, detector, quality=(40, 100), smaller=1.0):
    """What a log says of so many genuine pictures that arrive: dict from quantity to list of float.

    Pieces of photographs stand for faces, so that the lesson runs without any.

    Parameters
    ----------
    count : int
    rng : numpy.random.Generator
    detector : Detector
    quality : (int, int)
        Of the JPEG files.
    smaller : float
        By which factor pictures are smaller than they were.
    """
    rgb = pieces(count, TEST_PHOTOS, int(rng.integers(2**31)), 128).rgb

    def finishes(rng):
        return Finish(smaller=smaller * rng.uniform(1, 1.2), quality=int(rng.integers(quality[0], quality[1] + 1)))

    levels = blend.pairs(rgb, rng, finishes=finishes).genuine
    told = {"score": detector.scores(levels), "sharpness": sharpness(levels.float() / 255)}
    told["compression"] = blockiness(levels.float() / 255)
    return {name: values.tolist() for name, values in told.items()}


# ---- versions


@dataclass
class FrozenSet:
    """What every version is measured on.

    Attributes
    ----------
    films : uint8 tensor, (F, T, 3, 128, 128)
    manipulated : tensor, (F,)
    genuine : uint8 tensor, (N, 3, 128, 128)
        Genuine pictures, for false alarms.
    whose : list of int
        The picture that each film was made of.
    """

    films: torch.Tensor = field(repr=False)
    manipulated: torch.Tensor
    genuine: torch.Tensor = field(repr=False)
    whose: list


def frozen_set(count, seed):
    """Two films of each of so many pieces of photographs, a genuine and a manipulated one, and genuine pictures: `FrozenSet`.

    Two films of a piece differ by nothing but the blend: the genuine one shows what the other is blended into.
    """
    rng = np.random.default_rng(seed)
    stills = pieces(count, TEST_PHOTOS, seed, 128).rgb
    made = [film for still in stills for film in _genuine_and_fake(still, rng)]
    genuine = blend.pairs(pieces(4 * count, TEST_PHOTOS, seed + 1, 128).rgb, rng, finishes=draw_finish).genuine
    manipulated = torch.tensor([0.0, 1.0]).repeat(count)
    return FrozenSet(torch.stack(made), manipulated, genuine, [row // 2 for row in range(2 * count)])


def _genuine_and_fake(still, rng):
    recipe, state = draw_recipe(rng), int(rng.integers(2**31))
    return [film_of_face(still, FRAMES, np.random.default_rng(state), recipe, part) for part in (slice(0), slice(None))]


def make_versions(folder, networks):
    """Write networks into a folder as versions, each with its card and a profile of its own; the first one goes live.

    Parameters
    ----------
    folder : path
    networks : dict from name to (ForgeryNet, Pairs)
        The network, and what its makers calibrate it on.

    Returns
    -------
    Versions
    """
    versions = Versions(folder)
    for name, (network, made) in networks.items():
        write_checkpoint(name, network, {"network": network_card(network)}, folder)
        write_profile(profile_of(name, network, made, folder), folder)
    versions.begin(next(iter(networks)))
    return versions


def rounded(network, bits=12):
    """A copy of a network whose weights take one of 2^bits values in each tensor: 12 of 32 bits of memory, if it were kept so."""
    changed = deepcopy(network)
    for weight in changed.parameters():
        step = weight.abs().max().clamp(min=1e-30) / (2 ** (bits - 1) - 1)  # all may be 0
        weight.data = (weight.data / step).round() * step
    return changed


def profile_of(name, network, made, folder):
    """The profile of a network, calibrated on `Pairs`."""
    genuine, fake = (scores_of(network, part) for part in (made.genuine, made.fake))
    manipulated = torch.tensor([0.0, 1.0]).repeat_interleave(len(made))
    quality = {"sharpness": sharpness(made.genuine.float() / 255).tolist()}
    scores = torch.cat([genuine, fake])
    limits = {"least_side": 60, "least_sharpness": 0.0}
    return make_profile(name, read_card(name, folder)["sha256"], scores, manipulated, quality, SCOPE, **limits)


def judge(versions, name, frozen, live=None):
    """What the gate says about a version against the live one, both measured on a `FrozenSet`: `Decision`.

    ``live`` is what was measured of the live version on the same set, if it was: for a second candidate it is the ``live`` of the first
    decision.
    """
    live = live or measure(versions, versions.live, frozen)
    return gate(measure(versions, name, frozen), live)


def measure(versions, name, frozen):
    """A version on a `FrozenSet`: `Measured`."""
    network, profile = load_checkpoint(name, versions.folder), read_profile(name, versions.folder)
    scores = scores_of(network, frozen.films.flatten(0, 1)).unflatten(0, frozen.films.shape[:2])
    films = torch.tensor([film_score(film) for film in scores])
    genuine = scores_of(network, frozen.genuine)
    return measure_version(
        films, frozen.manipulated, genuine, profile, 0.5, groups=frozen.whose, test_set="pieces of photographs"
    )
