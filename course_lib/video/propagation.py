"""Carry the colors of key frames through a shot, forward and backward, and blend what arrives."""

from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F

from course_lib import budget, color
from course_lib.models.propagation_net import PropagationAnswer
from course_lib.video.carrying import Key, begin, warp_on, weigh_on
from course_lib.video.flow import estimate_both
from course_lib.video.keyframes import LONGEST, choose_keys, hidden_shares

STILLS = 8  # frames that the still network sees at once
LEAST = 1e-3  # confidence that a way has at least, so that what no key can see is blended too


class Colors(NamedTuple):
    """Colors of n frames, (n, 2, h, w) in network units, and how far a key can see each pixel, (n, 1, h, w), 0 to 1."""

    ab: torch.Tensor
    confidence: torch.Tensor


class Leg:
    """Neighboring frames, with all that colors need to be carried through them in both directions.

    Parameters
    ----------
    lightness : tensor, (n, 1, h, w)
        L in [0, 100]; sides are multiples of 8.
    still : function or None
        L (n, 1, h, w) to ab (n, 2, h', w'), natural units. None for a plain flow warp, which asks nobody.
    """

    def __init__(self, lightness, still):
        self.l = color.normalize_lightness(lightness)
        pairs = [estimate_both(*pair) for pair in pairwise(lightness)]
        self.back, self.ahead, self.seen_back, self.seen_ahead = zip(*pairs, strict=True) if pairs else ((),) * 4
        self.still = None if still is None else ask_still(still, lightness) / color.AB_SCALE

    @torch.no_grad()
    def carry(self, ab, network, backward=False):
        """Carry the colors of the first frame, or of the last one backward, through all others.

        Parameters
        ----------
        ab : tensor, (2, h, w)
            Network units.
        network : PropagationNet or None
            None for a plain flow warp.
        backward : bool

        Returns
        -------
        Colors
            In the order of the frames.
        """
        colors, confidences = [ab], [torch.ones_like(ab[:1])]
        for answer in self.walk(ab, network, backward):
            colors.append(answer.ab[0])
            confidences.append(answer.confidence[0])
        step = -1 if backward else 1
        return Colors(torch.stack(colors[::step]), torch.stack(confidences[::step]))

    @torch.no_grad()
    def walk(self, ab, network, backward=False):
        """The `PropagationAnswer` for each frame after the key, in the order of the walk; the parameters are those of `carry`.

        Without a network its weights are None.
        """
        places = range(len(self.l))[:: -1 if backward else 1]
        flows, seen = (self.ahead, self.seen_ahead) if backward else (self.back, self.seen_back)
        key = Key(self.l[places[0]][None], ab[None])
        known = begin(key)
        for place in places[1:]:
            step = place if backward else place - 1
            moved = key, known, self.l[place][None], flows[step][None], seen[step][None]
            if network is None:
                known = warp_on(*moved)
                yield PropagationAnswer(known.ab, known.ab, known.confidence, None)
            else:
                with _fast(self.l.device):
                    answer, known = weigh_on(network, *moved, self.still[place][None])
                yield answer


def _fast(device):
    """Half the bits where they are enough and faster: in the network's own convolutions."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=budget.bfloat16_pays(device))


def ask_still(still, lightness):
    """The colors of a still network for each frame by itself, at the size of the frames: (n, 2, h, w), natural units."""
    colors = torch.cat([still(part) for part in lightness.split(STILLS)])
    return F.interpolate(colors, size=lightness.shape[-2:], mode="bilinear")


def blend(forward, backward):
    """Colors that came from both ends of a leg, weighted by confidence and by nearness to where they came from.

    Parameters
    ----------
    forward, backward : Colors
        Of the same n frames; the first comes from frame 0, the second from frame n - 1.

    Returns
    -------
    Colors
    """
    way = torch.linspace(0, 1, len(forward.ab))[:, None, None, None]
    weights = (1 - way) * forward.confidence.clamp(min=LEAST), way * backward.confidence.clamp(min=LEAST)
    ab = (weights[0] * forward.ab + weights[1] * backward.ab) / (weights[0] + weights[1])
    return Colors(ab, torch.maximum(forward.confidence, backward.confidence))


def color_shot(lightness, keys, still, network, memory, longest=LONGEST):
    """Color all frames of a shot.

    Colors go out from the keys that are given, or from the first one that is chosen, to the key next to them, which takes what arrives
    there as its colors, and so on: no key brings a jump. Then each leg between two keys is colored from both.

    Parameters
    ----------
    lightness : sequence of n frames with slices, each a tensor (m, 1, h, w)
        L in [0, 100], of one shot; a film on disk will do.
    keys : dict from int to tensor, (2, h, w)
        Frames of the shot whose colors are known, natural units. There may be none.
    still : function
        L (m, 1, h, w) to ab (m, 2, h', w'), natural units, frame by frame: for the first key if none is given, and for what no key can see.
    network : PropagationNet or None
        None for a plain flow warp.
    memory : mutable mapping from str to tensor
        What is found out: "leg 000012 000047" holds ab (36, 2, h, w) of frames 12 to 47, natural units, in half precision; "key 000012"
        the colors of a key. What is there already is not computed again, so a run that was killed goes on.
    longest : int
        Frames between keys that are chosen.

    Yields
    ------
    int
        How many more frames are done.
    """
    known = {frame: _remember(memory, frame, ab / color.AB_SCALE) for frame, ab in keys.items()}
    if "keys" not in memory:
        memory["keys"] = torch.tensor(all_keys(lightness, sorted(known), longest))
    places = memory["keys"].tolist()
    if not known:
        first = ask_still(still, lightness[places[0] : places[0] + 1])[0]
        known[places[0]] = _remember(memory, places[0], first / color.AB_SCALE)
    for first, last in order_legs(places, sorted(known), len(lightness)):
        # A leg leaves its last frame to the next one, which begins with it.
        end = last + 1 if last == len(lightness) - 1 else last
        name = f"leg {first:06d} {end - 1:06d}"
        if name not in memory:
            leg = Leg(lightness[first : last + 1], still if network else None)
            ab = _color_leg(leg, first, last, places, known, network)
            # Keys before their leg: a run that is killed between the two computes the leg again, and finds the same.
            for place in {first, last} & set(places):
                if _key_name(place) not in memory:
                    _remember(memory, place, known[place])
            memory[name] = (ab[: end - first] * color.AB_SCALE).half()
        known |= {place: _recall(memory, place) for place in {first, last} & set(places)}
        yield end - first


def _remember(memory, frame, ab):
    """Put the colors of a key, network units, into the memory. They come back rounded as there: a run that goes on finds the same."""
    memory[_key_name(frame)] = (ab * color.AB_SCALE).half()
    return _recall(memory, frame)


def _recall(memory, frame):
    """The colors of a key that is in the memory: (2, h, w), network units."""
    return memory[_key_name(frame)].float() / color.AB_SCALE


def _key_name(frame):
    return f"key {frame:06d}"


def _color_leg(leg, first, last, places, known, network):
    """The colors of all frames of a leg, network units, (n, 2, h, w). A key at its end that was not known is added to ``known``."""
    ahead = leg.carry(known[first], network) if first in known else None
    back = leg.carry(known[last], network, backward=True) if last in known else None
    if last in places and last not in known:
        known[last] = ahead.ab[-1]
        back = leg.carry(known[last], network, backward=True)
    if first in places and first not in known:
        known[first] = back.ab[0]
        ahead = leg.carry(known[first], network)
    return blend(ahead, back).ab if ahead and back else (ahead or back).ab


def all_keys(lightness, given, longest=LONGEST):
    """The keys of a shot: those that are given, a rising list, and those that are chosen where these leave more than ``longest`` frames."""
    ends = [-1, *given, len(lightness)]
    wide = [(start + 1, end) for start, end in pairwise(ends) if end - start > longest or not given]
    chosen = []
    for start, end in wide:
        keys = choose_keys(*hidden_shares(lightness, start, end), longest)
        chosen += [start + key for key in keys]
    return sorted([*given, *chosen])


def order_legs(places, begun, count):
    """The legs of a shot as pairs of their first and last frames, in an order in which each has a key with colors when its turn comes.

    Parameters
    ----------
    places : list of int
        All keys, rising.
    begun : list of int
        Those among them that have colors at the beginning.
    count : int
        Frames of the shot.

    Returns
    -------
    list of (int, int)
    """
    far = [min(abs(place - places.index(key)) for key in begun) for place in range(len(places))]
    legs = [(min(far[place : place + 2]), ends) for place, ends in enumerate(pairwise(places))]
    if places[0] > 0:
        legs.append((far[0], (0, places[0])))
    if places[-1] < count - 1 or count == 1:
        legs.append((far[-1], (places[-1], count - 1)))
    return [ends for _, ends in sorted(legs, key=lambda leg: leg[0])]


def color_film(lightness, keys, still, network, longest=LONGEST):
    """`color_shot` of a shot in memory: ab (n, 2, h, w), natural units."""
    memory = {}
    for _ in color_shot(lightness, keys, still, network, memory, longest):
        pass
    return torch.cat([memory[name].float() for name in sorted(memory) if name.startswith("leg ")])
