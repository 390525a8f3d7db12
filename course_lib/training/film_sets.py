"""The films that the propagation network learns from: moving stills, moving petals, and real clips."""

import torch

from course_lib.colorizing import SIDE, working_size
from course_lib.data.clips import CLIP_SPLITS, clips
from course_lib.data.datasets import scenes
from course_lib.data.moving import moving_petals
from course_lib.data.moving_stills import film_of_stills
from course_lib.data.progress import Progress
from course_lib.training.film_samples import prepare_film
from course_lib.training.photographs import resize
from course_lib.video.reading import open_film, read_frames

KINDS = ("stills", "petals", "clips")
FRAMES, MADE = 24, 96  # of films that are made: how many, and the side of each in pixels
COARSER = 2  # times: how much smaller the still network sees them
MOST = 240  # frames of a real clip: the first ones
STRIDES = (1, 3)  # each clip as it is, and three times as fast
LAST = 0.2  # of a clip is kept for validation: its end
SEEDS = {"train": 0, "validation": 100_000}


def film_set(kind, split, count):
    """Films of one kind to learn from.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    split : "train" or "validation"
    count : int
        How many, of those that are made. Of clips there are all.

    Returns
    -------
    list of FilmData

    Raises
    ------
    DataMissing
        The photographs or clips are not on this machine.
    """
    if kind == "clips":
        return [prepare_film(rgb) for name in CLIP_SPLITS["train"] for rgb in _parts_of_clip(name, split)]
    make = {"stills": _still_maker, "petals": _petals_maker}[kind](split)
    films = []
    with Progress(f"Making films of {kind}", count) as progress:
        for number in range(count):
            films.append(prepare_film(make(number), COARSER))
            progress.advance()
    return films


def _still_maker(split):
    photographs = scenes(split)

    def make(number):
        generator = torch.Generator().manual_seed(SEEDS[split] + number)
        rows = torch.randint(len(photographs), (2,), generator=generator)
        behind, before = resize(photographs.rgb[rows].float() / 255, round(1.4 * MADE))
        return film_of_stills(behind, before, FRAMES, MADE, generator)

    return make


def _petals_maker(split):
    return lambda number: moving_petals(FRAMES, MADE, seed=SEEDS[split] + number, speed=1 + number % 3).rgb


def _parts_of_clip(name, split):
    """A clip of the training split at the speeds of `STRIDES`: its beginning to train on, its end for validation."""
    frames = read_clip(clips([name])[name], MOST)
    cut = round((1 - LAST) * len(frames))
    part = frames[:cut] if split == "train" else frames[cut:]
    return [part[::stride] for stride in STRIDES]


def read_clip(path, count=None, side=SIDE, start=0):
    """The first frames of a film at the size at which it is colored: uint8 (T, 3, H, W)."""
    film = open_film(path)
    size = working_size((film.height, film.width), side)
    frames = []
    for frame in read_frames(path, size, start):
        frames.append(frame.rgb)
        if len(frames) == count:
            break
    return torch.stack(frames)
