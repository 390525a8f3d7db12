"""Small films in memory to train on, without any checkpoint or data set."""

from functools import cache

import torch

from course_lib.data.moving import moving_petals
from course_lib.training import film_samples
from course_lib.training.film_samples import FilmData, prepare_film

SIDE = 32


def by_tone(lightness):
    """A still network whose colors depend on the lightness alone, natural units."""
    return torch.cat([lightness - 50, 20 - 0.5 * lightness], dim=1)


def no_checkpoint(patch):
    """Let `by_tone` be the still network."""
    patch.setattr(film_samples, "still_network", lambda: by_tone)


@cache
def meadows(count=2, frames=6, seed=0):
    """Moving petals as a tuple of FilmData; call `no_checkpoint` before."""
    return tuple(prepare_film(moving_petals(frames, SIDE, seed + number, speed=2.0).rgb) for number in range(count))


def sliding(frames=12, size=(40, 48), dx=2, dy=1, seed=0):
    """Noise that moves by whole pixels, with its exact flows and masks: FilmData in which everything is known."""
    generator = torch.Generator().manual_seed(seed)
    height, width = size
    wide = torch.rand(5, height + frames * dy, width + frames * dx, generator=generator) * 1.6 - 0.8
    cuts = [
        wide[:, (frames - t) * dy :, (frames - t) * dx :][:, :height, :width] for t in range(frames)
    ]  # to the right and down
    film = torch.stack(cuts)
    back = torch.tensor([-float(dx), -float(dy)])[:, None, None].expand(frames - 1, 2, *size).contiguous()
    seen_back = torch.ones(frames - 1, 1, *size, dtype=torch.bool)
    seen_back[..., :dy, :] = seen_back[..., :dx] = False
    halves = (part.half() for part in (film[:, :1], film[:, 1:3], back, -back))
    return FilmData(*halves, seen_back, seen_back.flip(-1, -2), film[:, 3:].half())
