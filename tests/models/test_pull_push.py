"""Pull-push: what is known stays, what is not comes from near by, and nothing comes from nothing."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib.models.pull_push import carry_around, pull_push


def known_at(places, values, size):
    """A picture of ``size`` in which single pixels are known: values (1, C, H, W) and mask (1, 1, H, W)."""
    ab, mask = torch.zeros(1, len(values[0]), *size), torch.zeros(1, 1, *size)
    for (row, column), value in zip(places, values, strict=True):
        ab[0, :, row, column] = torch.tensor(value)
        mask[0, 0, row, column] = 1
    return ab, mask


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**31))
def test_known_pixels_stay_and_all_others_lie_between_them(height, width, seed):
    generator = torch.Generator().manual_seed(seed)
    values = torch.rand(1, 2, height, width, generator=generator) - 0.5
    mask = (torch.rand(1, 1, height, width, generator=generator) < 0.1).float()
    filled, confidence = pull_push(values, mask)
    known = mask.bool().expand_as(values)
    assert torch.allclose(filled[known], values[known], atol=1e-5)
    assert (confidence[mask > 0] == 1).all()
    assert ((confidence >= 0) & (confidence <= 1)).all()
    if mask.any():
        for channel in range(2):
            seen = values[:, channel][mask[:, 0] > 0]
            assert filled[:, channel].min() >= seen.min() - 1e-4
            assert filled[:, channel].max() <= seen.max() + 1e-4


def test_nothing_known_gives_nothing():
    filled, confidence = pull_push(torch.rand(2, 2, 24, 16), torch.zeros(2, 1, 24, 16))
    assert not filled.any()
    assert not confidence.any()


def test_one_color_is_carried_everywhere():
    filled, confidence = pull_push(*known_at([(3, 30)], [(0.2, -0.4)], (32, 48)))
    assert torch.allclose(filled, torch.tensor([0.2, -0.4])[None, :, None, None].expand_as(filled), atol=1e-5)
    assert confidence.min() > 0


@pytest.mark.parametrize("turn", [False, True], ids=["left and right", "top and bottom"])
def test_the_nearer_color_counts_more(turn):
    places, size = [(16, 4), (16, 59)], (32, 64)
    if turn:
        places, size = [place[::-1] for place in places], size[::-1]
    filled, confidence = pull_push(*known_at(places, [(1.0,), (-1.0,)], size))
    line = filled[0, 0, :, 16] if turn else filled[0, 0, 16]
    assert line[:16].min() > 0.1
    assert line[48:].max() < -0.1
    sure = confidence[0, 0, :, 16] if turn else confidence[0, 0, 16]
    assert sure[4] > sure[12] > sure[28]


def test_pictures_of_a_batch_do_not_mix():
    first, second = (known_at([(5, 5)], [(value,)], (16, 16)) for value in (0.3, -0.7))
    both = pull_push(*(torch.cat(parts) for parts in zip(first, second, strict=True)))
    for place, alone in enumerate((pull_push(*first), pull_push(*second))):
        for together, single in zip(both, alone, strict=True):
            assert torch.equal(together[place : place + 1], single)


def test_a_network_cannot_learn_through_it():
    values = torch.rand(1, 2, 8, 8, requires_grad=True)
    assert not pull_push(values, torch.ones(1, 1, 8, 8))[0].requires_grad


# ---- around strokes


def wall(size, column, until):
    """Strokes (1, 1, H, W): a line down a column, from the top to a row."""
    strokes = torch.zeros(1, 1, *size)
    strokes[..., :until, column] = 1
    return strokes


def test_nothing_crosses_a_stroke_from_edge_to_edge():
    ab, mask = known_at([(8, 4), (8, 27)], [(0.5,), (-0.3,)], (16, 32))
    filled, confidence = carry_around(ab, mask, wall((16, 32), 20, 16))
    assert torch.allclose(filled[..., :20], torch.tensor(0.5))
    assert torch.allclose(filled[..., 21:], torch.tensor(-0.3))
    assert (confidence[..., :20] > 0).all()
    assert confidence[0, 0, 8, 4] == 1
    assert not confidence[..., 20].any()


def test_a_diagonal_line_holds_too():
    ab, mask = known_at([(2, 13)], [(1.0,)], (16, 16))
    strokes = torch.eye(16)[None, None]
    filled, confidence = carry_around(ab, mask, strokes)
    below = torch.tril(torch.ones(16, 16), -1).bool()
    above = torch.triu(torch.ones(16, 16), 1).bool()
    assert not filled[0, 0][below].any()
    assert not confidence[0, 0][below].any()
    assert torch.allclose(filled[0, 0][above], torch.tensor(1.0))


def test_a_gap_lets_colors_through_and_the_way_around_counts():
    ab, mask = known_at([(2, 10)], [(1.0,)], (32, 32))
    _, confidence = carry_around(ab, mask, wall((32, 32), 16, 28))
    before, behind = confidence[0, 0, 2, 14], confidence[0, 0, 2, 20]
    assert before > 2 * behind > 0


def test_the_nearer_of_two_counts_more_also_around():
    ab, mask = known_at([(8, 2), (8, 29)], [(1.0,), (-1.0,)], (16, 32))
    filled, _ = carry_around(ab, mask, wall((16, 32), 16, 2))
    assert filled[0, 0, 8, 5] > 0.8
    assert filled[0, 0, 8, 26] < -0.8


def test_a_picture_without_hints_stays_empty_between_strokes():
    filled, confidence = carry_around(torch.rand(2, 2, 8, 8), torch.zeros(2, 1, 8, 8), torch.ones(2, 1, 8, 8))
    assert not filled.any()
    assert not confidence.any()
