"""One step along a film: what is known of the colors of a frame, moved to the next one. Used in training and on films alike."""

from typing import NamedTuple

import torch

from course_lib.models.propagation_net import Moved
from course_lib.video.flow import compose, warp


class Key(NamedTuple):
    """A frame whose colors are known: lightness (B, 1, H, W) and colors (B, 2, H, W), network units."""

    l: torch.Tensor  # noqa: E741 - l is the symbol of the field
    ab: torch.Tensor


class Carried(NamedTuple):
    """What is known at one frame.

    Attributes
    ----------
    l : tensor, (B, 1, H, W)
        Its lightness, network units.
    ab : tensor, (B, 2, H, W)
        The colors that are carried on, network units.
    confidence : tensor, (B, 1, H, W)
        How far a key can see its pixels, 0 to 1.
    chain : tensor, (B, 2, H, W)
        The flow from here into the key, over all frames between.
    unbroken : tensor, (B, 1, H, W)
        1 where no step of that chain is hidden.
    """

    l: torch.Tensor  # noqa: E741
    ab: torch.Tensor
    confidence: torch.Tensor
    chain: torch.Tensor
    unbroken: torch.Tensor


def begin(key):
    """What is known at the key itself: everything."""
    return Carried(key.l, key.ab, torch.ones_like(key.l), torch.zeros_like(key.ab), torch.ones_like(key.l))


def move(key, known, l, flow, seen):  # noqa: E741
    """Move what is known at one frame to its neighbor.

    Parameters
    ----------
    key : Key
    known : Carried
        At the frame before.
    l : tensor, (B, 1, H, W)
        Lightness of the new frame, network units.
    flow, seen : tensors, (B, 2, H, W) and (B, 1, H, W)
        From the new frame into the one before, and 1 where it can be trusted.

    Returns
    -------
    before, along : Moved
        Colors of the frame before, and of the key along the whole chain.
    chain, unbroken : tensors
        As in `Carried`, for the new frame.
    """
    before_l, before_ab, before_confidence, unbroken = warp(
        torch.cat([known.l, known.ab, known.confidence, known.unbroken], dim=1), flow
    ).split([1, 2, 1, 1], dim=1)
    chain, unbroken = compose(flow, known.chain), unbroken * seen
    key_l, key_ab = warp(torch.cat([key.l, key.ab], dim=1), chain).split([1, 2], dim=1)
    before = Moved(before_ab, before_confidence * seen, (before_l - l).abs())
    return before, Moved(key_ab, unbroken, (key_l - l).abs()), chain, unbroken


def warp_on(key, known, l, flow, seen):  # noqa: E741
    """The plain flow warp, without a network: what is known at the next frame, `Carried`. The parameters are those of `move`."""
    before, _, chain, unbroken = move(key, known, l, flow, seen)
    return Carried(l, before.ab, before.confidence, chain, unbroken)


def weigh_on(network, key, known, l, flow, seen, still):  # noqa: E741
    """One step with a `PropagationNet`.

    Parameters
    ----------
    network : PropagationNet
    key, known, l, flow, seen
        As for `move`.
    still : tensor, (B, 2, H, W)
        What the still network says of the new frame, network units.

    Returns
    -------
    answer : PropagationAnswer
    known : Carried
        At the new frame.
    """
    before, along, chain, unbroken = move(key, known, l, flow, seen)
    answer = network(l, *key, before, along, still)
    return answer, Carried(l, answer.blend, answer.confidence, chain, unbroken)
