"""What lesson 09 does with films: a small one made of photographs, its colors frame by frame, and how much they flicker."""

from functools import lru_cache, partial
from itertools import pairwise

import torch

from course_lib import budget, color, metrics
from course_lib.colorizing import find_network, predict_ab
from course_lib.data import fit, photo
from course_lib.data.moving_stills import film_of_stills
from course_lib.models import HypercolumnRegressor
from course_lib.video.aging import age
from course_lib.video.flow import estimate_flow, warp
from course_lib.video.propagation import ask_still

STILL = "scenes-rebalanced"
NAMES, SEED = ("coffee", "flower"), 3
FLAT = 50.0  # L that all pixels get where colors are compared without the lightness


def photo_film(frames, side=128, opacity=1.0, names=NAMES):
    """A film made of two bundled photographs: a piece of one passes in front of the other while the camera moves.

    Parameters
    ----------
    frames, side : int
        How many, and the side of each in pixels.
    opacity : float
        Of the piece in front.
    names : (str, str)
        The photographs behind and in front. By default a flower passes before a cup of coffee.

    Returns
    -------
    tensor, (frames, 3, side, side)
        sRGB in [0, 1].
    """
    generator = torch.Generator().manual_seed(SEED)
    behind, before = (fit(photo(name), round(1.4 * side)) for name in names)
    return film_of_stills(behind, before, frames, side, generator, opacity)


@lru_cache(maxsize=1)
def still_network():
    """The still network as a function of L (n, 1, h, w), natural units: ab (n, 2, h', w'), natural units."""
    return partial(predict_ab, find_network(STILL))


def frame_by_frame(lightness):
    """The colors of the still network for each frame by itself: (T, 2, H, W), natural units."""
    return ask_still(still_network(), lightness)


def color_error(ab, flows, masks):
    """The warp error of colors alone: `metrics.warp_error` when all pixels have the same lightness.

    The lightness of a film is the same whoever colors it, and its share of the warp error hides the rest.

    Parameters
    ----------
    ab : tensor, (T, 2, H, W)
        Natural units.
    flows, masks
        As for `metrics.warp_error`.

    Returns
    -------
    float
    """
    return metrics.warp_error(color.join(torch.full_like(ab[:, :1], FLAT), ab), flows, masks)


def follow(lightness, row, column):
    """The places of one point of a scene in all frames, along estimated flow from the first on: long (T, 2), row and column."""
    height, width = lightness.shape[-2:]
    place = torch.tensor([float(row), float(column)])
    places = [place]
    for old, new in pairwise(lightness):
        y, x = place.round().long()
        dx, dy = estimate_flow(old, new)[:, y, x]  # where the pixels of the old frame lie in the new one
        place = (place + torch.stack([dy, dx])).clamp(min=torch.zeros(2), max=torch.tensor([height - 1.0, width - 1.0]))
        places.append(place)
    return torch.stack(places).round().long()


def around(ab, places, reach=2):
    """The mean colors of a film (T, 2, H, W) around one place (T, 2) of each frame, up to ``reach`` pixels away: (T, 2)."""
    means = []
    for frame, (row, column) in zip(ab, places.tolist(), strict=True):
        rows, columns = (slice(max(0, place - reach), place + reach + 1) for place in (row, column))
        means.append(frame[:, rows, columns].mean(dim=(1, 2)))
    return torch.stack(means)


def never_seen(flows, masks):
    """Which pixels of the last frame cannot be followed back into the first one: (1, H, W), 1 where the way is broken.

    Parameters
    ----------
    flows, masks : tensors, (T - 1, 2, H, W) and (T - 1, 1, H, W)
    """
    unbroken = torch.ones_like(masks[:1])
    for flow, mask in zip(flows, masks, strict=True):
        unbroken = (warp(unbroken, flow[None]) > 0.5).float() * mask
    return 1 - unbroken[0]


def table(rows, films, ways, metric, scale=1.0, digits=1):
    """Lines of text: a film each, and one of the metrics of each way to color it.

    Parameters
    ----------
    rows : dict
        From film to way to metrics.
    films, ways : sequences of str
    metric : str
    scale : float
        What numbers are multiplied by.
    digits : int
        After the point.

    Returns
    -------
    str
    """
    lines = [f"{'':34}" + "".join(f"{way:>15}" for way in ways)]
    for film in films:
        values = (rows[film][way][metric] for way in ways)
        cells = ("-" if value is None else f"{scale * value:.{digits}f}" for value in values)
        lines.append(f"{film:34}" + "".join(f"{cell:>15}" for cell in cells))
    return "\n".join(lines)


def train_on_stills(scenes, unseen, aged, epochs=2):
    """A small network for single frames that learns from drawn scenes, as they are or as if they were old.

    Parameters
    ----------
    scenes, unseen : Petals
        To learn from, and to validate on.
    aged : bool
        Let every scene have a grain, an exposure, scratches and dust of its own.
    epochs : int

    Returns
    -------
    HypercolumnRegressor
        In evaluation mode. It minimizes the squared distance.
    """
    from course_lib.training import dataloaders, learner, train

    budget.seed(0)
    network = HypercolumnRegressor.for_cpu()
    parts = []
    for seed, part in enumerate((scenes, unseen)):
        lightness = part.lightness[:, None]
        l = color.normalize_lightness(age(lightness, seed) if aged else lightness)  # noqa: E741 - l is the symbol of the field
        parts += [l, color.normalize(part.lab)[1]]
    train(learner(network, dataloaders(*parts, batch_size=16), "L2"), epochs, rate=4e-3)
    return network.eval()
