"""What a detector is measured on: fakes of several kinds, damaged pictures, films, published forgeries, and groups of people."""

from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
import torch

from course_lib.color import PictureError
from course_lib.data.faces import AGES, GENDERS, RACES, about
from course_lib.deepfake import blend, recipes
from course_lib.deepfake.detector import SIDE, crop_face, face_region, find_faces
from course_lib.deepfake.films import film_of_face
from course_lib.training.detection import crops

MAKERS = {"self-blend": None, "swap": blend.make_swap, "colorized": blend.make_colorized}
KINDS = tuple(MAKERS)
TRACES = ("colors", "sharpness", "place")  # that a blend leaves
FAKES = 4  # of each face and kind
FRAMES = 12  # of each film
LEVELS = {  # what is done to pictures, mildest first, and the unit
    "JPEG quality": (90, 70, 50, 30, 15),
    "blur": (0.5, 1.0, 1.5, 2.0, 3.0),
    "reduced by": (1.25, 1.5, 2.0, 3.0, 4.0),
    "noise": (2, 5, 10, 20, 40),
    "brightness": (-0.2, -0.1, 0.1, 0.2, 0.3),
}
UNITS = {"JPEG quality": "", "blur": "pixels", "reduced by": "times", "noise": "of 255", "brightness": "of 1"}
FINISHES = {
    "JPEG quality": lambda level: recipes.Finish(quality=level),
    "blur": lambda level: recipes.Finish(blur=level),
    "reduced by": lambda level: recipes.Finish(smaller=level),
    "brightness": lambda level: recipes.Finish(change=recipes.Change(brightness=level)),
}
PUBLISHED = 200, 75  # the side and the JPEG quality of the photographs of `faces`


def cases(kind, rgb, seed, count=FAKES, finishes=recipes.draw_finish):
    """So many fakes of a kind of each face, and the genuine pictures to tell them from.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    rgb : uint8 tensor, (N, 3, H, W)
    seed : int
    count : int
    finishes : function
        As for `blend.pairs`.

    Returns
    -------
    Pairs
        Of length N times ``count``: all faces once, then all once more.
    """
    rng = np.random.default_rng((seed, KINDS.index(kind)))
    whole = crops(rgb, SIDE).repeat(count, 1, 1, 1)
    return blend.pairs(whole, rng, MAKERS[kind], finishes)


def traced(trace, rgb, seed):
    """One self-blend of each face that takes all of the source and leaves one of `TRACES` alone, and its genuine picture: `Pairs`."""

    def make(face, pictures, rng):
        return blend.self_blend(face, only(trace, recipes.draw_recipe(rng)))

    return blend.pairs(crops(rgb, SIDE), np.random.default_rng(seed), make)


def only(trace, recipe):
    """A recipe that takes all of the source, without anything that leaves another trace than this one of `TRACES`."""
    change, fine = recipe.change, {"smaller": recipe.change.smaller, "sharper": recipe.change.sharper}
    changes = {"colors": replace(change, smaller=1.0, sharper=0.0), "sharpness": recipes.Change(**fine)}
    place = {} if trace == "place" else {"move": (0.0, 0.0), "size": 1.0}
    return replace(recipe, change=changes.get(trace, recipes.Change()), ratio=1.0, **place)


def untouched(rng):
    """No `Finish` at all."""
    return recipes.Finish()


def damage(levels, what, level, rng):
    """Pictures, uint8 (N, 3, H, W), with one of `LEVELS` done to each."""
    pictures = levels.movedim(1, -1).contiguous().numpy()
    change = partial(_damage_one, what=what, level=level, rng=rng)
    return torch.from_numpy(np.stack([change(picture) for picture in pictures])).movedim(-1, 1).contiguous()


def _damage_one(picture, what, level, rng):
    face = picture.astype(np.float32) / 255
    if what == "noise":
        face = np.clip(face + rng.normal(0, level / 255, face.shape).astype(np.float32), 0, 1)
        return blend.as_levels(face)
    return blend.as_levels(blend.finish(face, FINISHES[what](level)))


def films(rgb, seed, count=FRAMES):
    """Films of still faces: three of each, genuine, manipulated, and manipulated in a run of frames that is half of it.

    The three move alike, with the same light, noise and files, and the genuine one shows what the others are blended into: they differ
    where frames are blended, and nowhere else.

    Returns
    -------
    dict from str to uint8 tensor, (N, T, 3, side, side)
    """
    rng = np.random.default_rng((seed, 77))
    made = {"genuine": [], "whole": [], "half": []}
    for face in crops(rgb, SIDE):
        recipe, begin = recipes.draw_recipe(rng), int(rng.integers(count // 2 + 1))
        state = int(rng.integers(2**31))
        blended = {"genuine": slice(0), "whole": slice(None), "half": slice(begin, begin + count // 2)}
        for name, frames in blended.items():
            made[name].append(film_of_face(face, count, np.random.default_rng(state), recipe, frames))
    return {name: torch.stack(frames) for name, frames in made.items()}


def as_published(pictures):
    """Pictures of faces brought to what the photographs of `faces` are: found, cut out, reduced, and written as JPEG of their quality.

    Without that, a detector may tell two sets apart by their size and their compression alone.

    Parameters
    ----------
    pictures : dict from str to tensor, (3, H, W)

    Returns
    -------
    names : list of str
        Of those in which a face was found.
    faces : uint8 tensor, (N, 3, 200, 200)

    Raises
    ------
    PictureError
        There is no face in any of them.
    """
    side, quality = PUBLISHED
    names, cut = [], []
    for name, rgb in pictures.items():
        boxes = find_faces(rgb)
        if boxes:
            face = crop_face(rgb, face_region(boxes[0]), side).movedim(0, -1).numpy()
            names.append(name)
            cut.append(blend.as_levels(blend.through_jpeg(np.ascontiguousarray(face), quality)))
    if not cut:
        raise PictureError(f"No face was found in any of {len(pictures)} pictures. Give some that show one, upright.")
    return names, torch.from_numpy(np.stack(cut)).movedim(-1, 1).contiguous()


def groups(names):
    """Which faces belong to which group: dict from kind of group to a dict from name to rows, a long tensor."""
    told = [about(name) for name in names]
    bounds = list(pairwise(AGES))
    return {
        "gender": {each: _rows(person.gender == each for person in told) for each in GENDERS},
        "race": {each: _rows(person.race == each for person in told) for each in RACES},
        "age": {f"{low} to {high - 1}": _rows(low <= person.age < high for person in told) for low, high in bounds},
    }


def _rows(chosen):
    return torch.tensor(list(chosen)).nonzero()[:, 0]


def central_ellipse(count, side=SIDE):
    """The mask that needs no network: the middle of every face, (count, 1, side, side)."""
    mask = torch.from_numpy(blend.make_mask((side, side), recipes.Recipe()))
    return mask.expand(count, 1, side, side)
