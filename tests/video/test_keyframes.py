"""Key frames: the frame that sees the most, one for each stretch, and stretches that end where too much is new."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from course_lib.video import keyframes
from course_lib.video.keyframes import best_view, choose_keys, hidden_from, hidden_shares, spread_keys


@st.composite
def shares(draw, most=24):
    """How much appears and vanishes at each step of a shot: two tensors (n - 1,)."""
    numbers = st.floats(0, 1, width=32)
    pairs = draw(st.lists(st.tuples(numbers, numbers), max_size=most - 1))
    return torch.tensor(pairs).reshape(-1, 2).unbind(1)


def film(count=8, size=(48, 64), new=None, seed=2):
    """A still picture, (T, 1, H, W); from frame ``new`` on its right half is another one."""
    generator = torch.Generator().manual_seed(seed)
    pictures = []
    for noise in torch.randn(2, *size, generator=generator).numpy():
        smooth = torch.from_numpy(gaussian_filter(noise, 1.5))
        pictures.append((50 + 20 * smooth / smooth.std()).clamp(0, 100))
    frames = pictures[0].repeat(count, 1, 1, 1)
    if new is not None:
        frames[new:, 0, :, size[1] // 2 :] = pictures[1][:, size[1] // 2 :]
    return frames.float()


# ---- what is hidden


@settings(deadline=None, max_examples=60)
@given(shares())
def test_what_is_hidden_is_what_a_slow_double_loop_finds(given_shares):
    appeared, vanished = given_shares
    count = len(appeared) + 1
    slow = torch.zeros(count)
    for here in range(count):
        for there in range(count):
            slow[here] += appeared[here:there].sum() if there > here else vanished[there:here].sum()
    assert torch.allclose(hidden_from(appeared, vanished), slow, atol=1e-3)
    assert slow[best_view(appeared, vanished)] <= slow.min() + 1e-3


@settings(deadline=None, max_examples=60)
@given(shares())
def test_a_film_that_runs_backward_hides_as_much(given_shares):
    appeared, vanished = given_shares
    ahead, back = hidden_from(appeared, vanished), hidden_from(vanished.flip(0), appeared.flip(0))
    assert torch.allclose(ahead, back.flip(0), atol=1e-3)


def test_a_lone_frame_hides_nothing():
    nothing = torch.zeros(0)
    assert hidden_from(nothing, nothing).tolist() == [0]
    assert best_view(nothing, nothing) == 0
    assert choose_keys(nothing, nothing) == spread_keys(nothing, nothing, 1) == [0]


def test_the_best_view_has_what_comes_late_and_what_stays():
    none = torch.zeros(7)
    late = none.clone()
    late[5] = 0.4
    assert best_view(late, none) == 6  # all that was there before can be seen from there too
    assert best_view(none, late) == 0  # something goes out of view
    assert best_view(late, late) == 0  # a jump: most frames are before it
    assert best_view(none, none) == 0  # the first one of equals


def test_the_shares_of_a_film_in_which_half_of_the_picture_is_new():
    appeared, vanished = hidden_shares(film(new=5))
    assert appeared.shape == vanished.shape == (7,)
    for part in (appeared, vanished):
        assert part[4] > 0.05  # a flow can be consistent where nothing is alike: not all of the half is found
        assert torch.cat([part[:4], part[5:]]).max() < 0.01
    assert best_view(appeared, vanished) in range(5)


def test_columns_that_come_in_cannot_be_seen_in_the_frame_before():
    still = film(1, (64, 96))
    frames = torch.cat([still[..., 4 * step : 4 * step + 64] for step in range(5)])
    for part in hidden_shares(frames):
        assert part.mean() == pytest.approx(4 / 64, abs=0.03)


def test_what_appears_is_not_in_the_frame_before_and_what_vanishes_not_in_the_next_one(monkeypatch):
    masks = torch.zeros(1, 4, 4), torch.zeros(1, 4, 4)
    masks[0][0, 0] = masks[1][0, :3] = 1

    def known(first, second):
        assert float(second.mean() - first.mean()) == 1  # a frame and the next one
        return None, None, *masks

    monkeypatch.setattr(keyframes, "estimate_both", known)
    appeared, vanished = hidden_shares(torch.arange(3.0)[:, None, None, None].expand(-1, 1, 4, 4))
    assert appeared.tolist() == [0.75, 0.75]
    assert vanished.tolist() == [0.25, 0.25]


def test_shares_of_a_part_of_a_film():
    frames = film(new=5)
    appeared, vanished = hidden_shares(frames)
    for start, end in ((2, 7), (0, 3), (4, 5), (3, 8)):
        part = hidden_shares(frames, start, end)
        assert torch.equal(part[0], appeared[start : end - 1])
        assert torch.equal(part[1], vanished[start : end - 1])


# ---- keys


def lengths(keys, count):
    """All that can be known of the stretches: each has one key, so two stretches end between two keys."""
    return [after - before for before, after in zip([0, *keys], [*keys, count], strict=True)]


@settings(deadline=None, max_examples=100)
@given(shares(), st.integers(1, 10), st.floats(0.1, 3))
def test_one_key_for_each_stretch(given_shares, longest, hidden):
    appeared, vanished = given_shares
    count = len(appeared) + 1
    keys = choose_keys(appeared, vanished, longest, hidden)
    assert keys == sorted(set(keys))
    # The stretches by their meaning, frame by frame.
    start, so_far, stretches = 0, 0.0, []
    for frame in range(1, count):
        so_far += float(appeared[frame - 1])
        if frame - start == longest or so_far > hidden:
            stretches.append((start, frame))
            start, so_far = frame, 0.0
    stretches.append((start, count))
    assert all(end - start <= longest for start, end in stretches)
    expected = [start + best_view(appeared[start : end - 1], vanished[start : end - 1]) for start, end in stretches]
    assert keys == expected
    assert all(start <= key < end for key, (start, end) in zip(keys, stretches, strict=True))


def test_a_still_scene_has_a_key_each_48_frames():
    still = torch.zeros(143)
    assert choose_keys(still, still) == [0, 48, 96]
    assert choose_keys(still[:47], still[:47]) == [0]
    assert choose_keys(still[:48], still[:48]) == [0, 48]


def test_a_stretch_ends_where_too_much_is_new():
    still = torch.zeros(9)
    jump = still.clone()
    jump[3] = 0.6
    assert choose_keys(jump, still) == [0, 4]
    slow = torch.full((9,), 0.2)
    assert choose_keys(slow, still) == [2, 5, 8, 9]  # the last of three frames sees all three
    assert choose_keys(still, slow) == [0]


# ---- so many keys


@settings(deadline=None, max_examples=100)
@given(shares(), st.data())
def test_as_many_keys_as_were_asked_for(given_shares, data):
    appeared, vanished = given_shares
    count = data.draw(st.integers(1, len(appeared) + 1))
    keys = spread_keys(appeared, vanished, count)
    assert len(keys) == count
    assert keys == sorted(set(keys))
    assert set(keys) <= set(range(len(appeared) + 1))
    if count == 1:
        assert keys == [best_view(appeared, vanished)]
    if count == len(appeared) + 1:
        assert keys == list(range(count))


def test_keys_are_spread_evenly_over_a_still_scene():
    still = torch.zeros(11)
    assert spread_keys(still, still, 3) == [0, 4, 8]
    assert spread_keys(still, still, 4) == [0, 3, 6, 9]


def test_more_keys_where_more_comes_into_view():
    appeared = torch.cat([torch.zeros(20), torch.full((19,), 0.5)])
    keys = spread_keys(appeared, torch.zeros(39), 10)
    assert sum(key > 20 for key in keys) >= 8


@pytest.mark.parametrize("count", [0, 6, -1])
def test_more_keys_than_frames(count):
    still = torch.zeros(4)
    with pytest.raises(ValueError, match="5 frames has 1 to 5 keys"):
        spread_keys(still, still, count)
