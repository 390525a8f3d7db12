"""What a `PropagationNet` learns from: stretches of films that begin at a key with true colors, forward or backward in time."""

import math
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F

from course_lib import color
from course_lib.filming import still_network
from course_lib.video.carrying import Key, begin, warp_on
from course_lib.video.flow import estimate_both

STEPS = 3  # that are learned from at the end of a stretch
REHEARSED = 10  # before them, at most, in which the network meets its own answers; up to there the flow alone carries the colors
FARTHEST = 32  # frames from the key
BLIND = 0.15  # of the stretches are learned from as if no flow could be trusted: what looks alike must do
TURNED = 0.5  # of the stretches have all their hues turned: colors must come from the key, not from what is likely


@dataclass
class FilmData:
    """One film in memory, in half precision and network units.

    Attributes
    ----------
    l, ab : tensors, (T, 1, H, W) and (T, 2, H, W)
    back, ahead : tensors, (T - 1, 2, H, W)
        Estimated flows of frame t + 1 into t, and of frame t into t + 1.
    seen_back, seen_ahead : bool tensors, (T - 1, 1, H, W)
    still : tensor, (T, 2, h, w)
        Colors by the still network.
    """

    l: torch.Tensor = field(repr=False)  # noqa: E741
    ab: torch.Tensor = field(repr=False)
    back: torch.Tensor = field(repr=False)
    ahead: torch.Tensor = field(repr=False)
    seen_back: torch.Tensor = field(repr=False)
    seen_ahead: torch.Tensor = field(repr=False)
    still: torch.Tensor = field(repr=False)

    def __len__(self):
        return len(self.l)


def prepare_film(rgb, coarser=1):
    """Flows and the still network's colors of a film.

    Parameters
    ----------
    rgb : tensor, (T, 3, H, W)
        sRGB in [0, 1], or uint8.
    coarser : int
        How many times smaller the still network sees the frames: faster.

    Returns
    -------
    FilmData
    """
    lab = color.rgb_to_lab(rgb)
    l, ab = color.normalize(lab)  # noqa: E741
    pairs = [estimate_both(first, second) for first, second in zip(lab[:, :1], lab[1:, :1], strict=False)]
    back, ahead, seen_back, seen_ahead = (torch.stack(part) for part in zip(*pairs, strict=True))
    seen_by_still = F.avg_pool2d(lab[:, :1], coarser)
    still = torch.cat([still_network()(part) for part in seen_by_still.split(32)]) / color.AB_SCALE
    halves = (part.half() for part in (l, ab, back, ahead))
    return FilmData(*halves, seen_back.bool(), seen_ahead.bool(), still.half())


@dataclass
class Stretches:
    """The last frames of B stretches, up to `REHEARSED` + `STEPS` of them, and the keys that the stretches begin at.

    Attributes
    ----------
    key : Key
    known : Carried
        At the frame before the first of them, as the flow alone carried it there.
    l, ab, still : tensors, (N, B, C, H, W)
    flow, seen : tensors, (N, B, C, H, W)
        From each frame into the one before.
    """

    key: Key
    known: object
    l: torch.Tensor  # noqa: E741
    ab: torch.Tensor
    still: torch.Tensor
    flow: torch.Tensor
    seen: torch.Tensor


def draw_stretches(films, count, side, generator, farthest=FARTHEST):
    """Some stretches of one length, from films that are long enough, at any place, in either direction, mirrored or not.

    Parameters
    ----------
    films : sequence of FilmData
    count, side : int
        How many, and the pixels of the squares that are cut out.
    generator : torch.Generator
    farthest : int
        Frames from the key, at most. Short ways are drawn as often as long ones, on a logarithmic scale.

    Returns
    -------
    Stretches
    """
    longest = min(farthest, max(map(len, films)) - 1)
    far = _number(math.log(STEPS), math.log(longest + 1), generator)
    far = min(longest, int(math.exp(far)))
    fitting = [film for film in films if len(film) > far]
    drawn = [_cut(fitting[_whole(len(fitting), generator)], far, side, generator) for _ in range(count)]
    l, ab, flow, seen, still = (torch.stack(part, dim=1) for part in zip(*drawn, strict=True))  # noqa: E741
    seen = seen * (torch.rand(count, generator=generator) >= BLIND)[:, None, None, None]
    key = Key(l[0], ab[0])
    known = begin(key)
    last = min(far, STEPS + _whole(REHEARSED + 1, generator))
    for step in range(far - last):
        known = warp_on(key, known, l[step + 1], flow[step], seen[step])
    last = slice(-last, None)
    return Stretches(key, known, l[last], ab[last], still[last], flow[last], seen[last])


def _cut(film, far, side, generator):
    """One stretch: l, ab and still (far + 1, C, side, side), flow and seen (far, C, side, side), in the order l, ab, flow, seen, still."""
    start = _whole(len(film) - far, generator)
    frames, steps = slice(start, start + far + 1), slice(start, start + far)
    top, left = (8 * _whole((length - side) // 8 + 1, generator) for length in film.l.shape[-2:])
    cut = (..., slice(top, top + side), slice(left, left + side))
    still = F.interpolate(film.still[frames].float(), size=film.l.shape[-2:], mode="bilinear")
    l, ab, still = (part[cut].float() for part in (film.l[frames], film.ab[frames], still))  # noqa: E741
    if _whole(2, generator):
        flow, seen = film.back[steps], film.seen_back[steps]
    else:  # backward in time: the last frame is the key
        flow, seen = film.ahead[steps].flip(0), film.seen_ahead[steps].flip(0)
        l, ab, still = l.flip(0), ab.flip(0), still.flip(0)  # noqa: E741
    flow, seen = flow[cut].float(), seen[cut].float()
    if _whole(2, generator):
        l, ab, flow, seen, still = (part.flip(-1) for part in (l, ab, flow, seen, still))  # noqa: E741
        flow = flow * flow.new_tensor([-1.0, 1.0])[:, None, None]
    if _number(0, 1, generator) < TURNED:
        ab, still = _turn(ab, still, _number(0, 2 * math.pi, generator))
    return l, ab, flow, seen, still


def _turn(ab, still, angle):
    """Both color maps with their hues turned by an angle."""
    cosine, sine = math.cos(angle), math.sin(angle)
    matrix = ab.new_tensor([[cosine, -sine], [sine, cosine]])
    return tuple(torch.einsum("ij,tjhw->tihw", matrix, part) for part in (ab, still))


def _whole(end, generator):
    return int(torch.randint(end, (1,), generator=generator))


def _number(low, high, generator):
    return low + (high - low) * torch.rand(1, generator=generator).item()
