"""Metrics of films against references written out in NumPy and SciPy, and the mistakes that people make."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates
from scipy.spatial.distance import jensenshannon

from course_lib import metrics, temporal
from course_lib.color import PictureError
from course_lib.data.moving import moving_petals

films = st.builds(
    lambda seed, frames, height, width: torch.rand(frames, 3, height, width, generator=torch.Generator().manual_seed(seed)),
    st.integers(0, 10_000), st.integers(5, 8), st.integers(2, 7), st.integers(2, 7),
)  # fmt: skip


@pytest.fixture(scope="module")
def petals():
    return moving_petals(8, size=48, seed=5, speed=2)


def still(frames):
    """No motion, and every pixel counts."""
    count, _, height, width = frames.shape
    return torch.zeros(count - 1, 2, height, width), torch.ones(count - 1, 1, height, width)


def written_out(frames, flows, masks):
    """The warp error in a loop over pixels."""
    errors = []
    for old, new, flow, mask in zip(frames[:-1].numpy(), frames[1:].numpy(), flows.numpy(), masks.numpy(), strict=True):
        total = count = 0.0
        for y in range(old.shape[1]):
            for x in range(old.shape[2]):
                place = [[y + flow[1, y, x]], [x + flow[0, y, x]]]
                if not (-0.5 <= place[0][0] <= old.shape[1] - 0.5 and -0.5 <= place[1][0] <= old.shape[2] - 0.5):
                    continue
                was = [map_coordinates(channel, place, order=1, mode="nearest")[0] for channel in old]
                total += mask[0, y, x] * np.mean((np.array(was) - new[:, y, x]) ** 2)
                count += mask[0, y, x]
        if count:
            errors.append(total / count)
    return np.mean(errors)


def divergence_by_scipy(frames, gap):
    values = []
    for old, new in zip(frames[:-gap], frames[gap:], strict=True):
        for channel in range(3):
            one, other = (
                np.histogram(np.rint(frame[channel].numpy() * 255), bins=256, range=(-0.5, 255.5))[0]
                for frame in (old, new)
            )
            values.append(jensenshannon(one, other) ** 2)
    return np.mean(values)


# ---- warp error


def test_warp_error_as_written_out():
    generator = torch.Generator().manual_seed(2)
    frames = torch.rand(4, 3, 9, 11, generator=generator)
    flows = 2 * torch.randn(3, 2, 9, 11, generator=generator)
    masks = (torch.rand(3, 1, 9, 11, generator=generator) < 0.6).float()
    masks[1, :, :, 2:] = 0  # few pixels of a pair count as much as many of another
    assert metrics.warp_error(frames, flows, masks) == pytest.approx(written_out(frames, flows, masks), rel=1e-5)


def test_the_motion_of_petals_is_followed(petals):
    right = metrics.warp_error(petals.rgb, petals.flows, petals.masks)
    assert right < 0.002
    for wrong in (-petals.flows, petals.flows.flip(1), 0 * petals.flows, petals.forward_flows):
        assert metrics.warp_error(petals.rgb, wrong, petals.masks) > 2 * right
    assert metrics.warp_error(petals.rgb, petals.flows, torch.ones_like(petals.masks)) > 2 * right


def test_flicker_is_measured(petals):
    """Colors that jump by a known amount: the mean square of the jump."""
    frames = torch.full((6, 3, 10, 12), 0.5)
    frames[1::2, 0] += 0.3
    assert metrics.warp_error(frames, *still(frames)) == pytest.approx(0.3**2 / 3, rel=1e-5)
    flickering = petals.rgb.clone()
    flickering[::2] *= 0.8
    steady = metrics.warp_error(petals.rgb, petals.flows, petals.masks)
    assert metrics.warp_error(flickering, petals.flows, petals.masks) > 5 * steady


@settings(deadline=None, max_examples=40)
@given(films)
def test_without_motion_it_is_the_mean_squared_difference(frames):
    expected = (frames[1:] - frames[:-1]).square().mean().item()
    assert metrics.warp_error(frames, *still(frames)) == pytest.approx(expected, rel=1e-4)
    flows, masks = still(frames)
    assert metrics.warp_error(frames, flows, masks * 0.25) == pytest.approx(expected, rel=1e-4)
    assert metrics.warp_error(frames.flip(0), flows, masks) == pytest.approx(expected, rel=1e-4)


@settings(deadline=None, max_examples=40)
@given(films, st.integers(0, 10_000))
def test_a_film_of_one_color_has_no_error(frames, seed):
    generator = torch.Generator().manual_seed(seed)
    flat = frames[:1, :, :1, :1].expand_as(frames)
    flows, masks = still(frames)
    flows = 3 * torch.randn(flows.shape, generator=generator)
    flows[:, :, 0, 0] = 0  # one pixel at least stays inside
    assert metrics.warp_error(flat, flows, masks) == pytest.approx(0, abs=1e-10)
    assert metrics.cdc(flat) == 0


def test_only_masked_pixels_are_averaged():
    """Dividing by all pixels would give a quarter."""
    frames = torch.zeros(2, 3, 8, 8)
    frames[1, :, :4, :4] = 0.6
    flows, masks = still(frames)
    masks[:] = 0
    masks[:, :, :4, :4] = 1
    assert metrics.warp_error(frames, flows, masks) == pytest.approx(0.36, rel=1e-5)
    assert metrics.warp_error(frames, flows, 1 - masks) == 0


def test_what_the_mask_hides_does_not_matter(petals):
    hidden = (1 - petals.masks).expand(-1, 3, -1, -1)
    frames, flows = petals.rgb, petals.flows.clone()
    before = metrics.warp_error(frames, flows, petals.masks)
    flows[hidden[:, :2] == 1] = 17.0
    assert metrics.warp_error(frames, flows, petals.masks) == pytest.approx(before, rel=1e-5)


def test_pixels_from_outside_of_the_picture_never_count():
    frames = torch.rand(2, 3, 6, 8, generator=torch.Generator().manual_seed(4))
    frames[1, :, :, 2:] = frames[0, :, :, :-2]
    flows, masks = still(frames)
    flows[:, 0] = -2
    assert metrics.warp_error(frames, flows, masks) == pytest.approx(0, abs=1e-10)


def test_empty_pairs_are_left_out():
    frames = torch.rand(3, 3, 6, 6, generator=torch.Generator().manual_seed(4))
    flows, masks = still(frames)
    masks[0] = 0
    assert metrics.warp_error(frames, flows, masks) == pytest.approx((frames[2] - frames[1]).square().mean().item())
    with pytest.raises(PictureError, match="No pixel of any pair counts"):
        metrics.warp_error(frames, flows, 0 * masks)
    with pytest.raises(PictureError, match="No pixel of any pair counts"):
        metrics.warp_error(frames, flows + 50, masks)


def test_bytes_are_scaled_and_the_input_stays(petals):
    in_bytes = (petals.rgb * 255).round().byte()
    flows, masks = petals.flows.clone(), petals.masks.clone()
    expected = metrics.warp_error(in_bytes.float() / 255, flows, masks)
    assert metrics.warp_error(in_bytes, flows, masks) == pytest.approx(expected)
    assert metrics.cdc(in_bytes) == metrics.cdc(in_bytes.float() / 255)
    assert torch.equal(flows, petals.flows)
    assert torch.equal(masks, petals.masks)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f, w, m: (f * 255, w, m), "should be|values run from"),
        (lambda f, w, m: (f[0], w, m), r"\(T, 3, H, W\)"),
        (lambda f, w, m: (f[:1], w[:0], m[:0]), "2 frames or more are needed, got 1"),
        (lambda f, w, m: (f, w[:-1], m), r"need flows of shape \(3, 2, 6, 7\), got \(2, 2, 6, 7\)"),
        (lambda f, w, m: (f, w.movedim(1, -1), m), "need flows of shape"),
        (lambda f, w, m: (f, w, m[:, 0]), r"need masks of shape \(3, 1, 6, 7\), got \(3, 6, 7\)"),
        (lambda f, w, m: (f, None, m), "got NoneType"),
        (lambda f, w, m: (f, w * math.nan, m), "NaN or infinite"),
        (lambda f, w, m: (f, w, m * 255), "between 0 and 1"),
        (lambda f, w, m: (f, w, m * math.nan), "between 0 and 1"),
    ],
)
def test_what_cannot_be_compared_is_refused(change, message):
    frames = torch.rand(4, 3, 6, 7)
    with pytest.raises(PictureError, match=message):
        metrics.warp_error(*change(frames, *still(frames)))


# ---- color distribution consistency


@settings(deadline=None, max_examples=30)
@given(films)
def test_cdc_is_that_of_scipy(frames):
    expected = np.mean([divergence_by_scipy(frames, gap) for gap in (1, 2, 4)])
    assert metrics.cdc(frames) == pytest.approx(expected, abs=1e-9)
    assert metrics.cdc(frames, gaps=(3,)) == pytest.approx(divergence_by_scipy(frames, 3), abs=1e-9)
    assert 0 <= metrics.cdc(frames) <= math.log(2) + 1e-12


@settings(deadline=None, max_examples=30)
@given(films)
def test_cdc_knows_neither_places_nor_the_direction_of_time(frames):
    value = metrics.cdc(frames)
    assert metrics.cdc(frames.flip(0)) == pytest.approx(value, abs=1e-12)
    order = torch.randperm(frames[0, 0].numel(), generator=torch.Generator().manual_seed(1))
    shuffled = frames.flatten(2)[:, :, order].view_as(frames)
    assert metrics.cdc(shuffled) == pytest.approx(value, abs=1e-12)
    assert metrics.cdc(1 - frames) == pytest.approx(value, abs=0.02)  # but for what rounds to another level


def test_cdc_of_known_films():
    black_and_white = torch.zeros(6, 3, 4, 4)
    black_and_white[1::2] = 1
    assert metrics.cdc(black_and_white, gaps=[1]) == pytest.approx(math.log(2))
    assert metrics.cdc(black_and_white, gaps=[2, 4]) == 0
    assert metrics.cdc(black_and_white) == pytest.approx(math.log(2) / 3)  # each gap counts the same
    red = black_and_white.clone()
    red[:, 1:] = 0
    assert metrics.cdc(red, gaps=[1]) == pytest.approx(math.log(2) / 3)  # one of three channels
    # half of the pixels move from level 0 to level 255: JSD of (1, 0) and (1/2, 1/2)
    half = torch.zeros(2, 3, 2, 2)
    half[1, :, 0] = 1
    by_hand = 0.5 * math.log(1 / 0.75) + 0.5 * (0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25))
    assert metrics.cdc(half, gaps=[1]) == pytest.approx(by_hand)


def test_each_gap_counts_the_same_however_many_pairs_it_has():
    frames = torch.zeros(5, 3, 2, 2)
    frames[4] = 1  # one of four pairs at gap 1, the only pair at gap 4
    assert metrics.cdc(frames, gaps=[1, 4]) == pytest.approx(math.log(2) * (1 / 4 + 1) / 2)


def test_levels_are_those_of_8_bits():
    """Neighboring levels are different, and what rounds to one level is equal."""
    levels = torch.arange(256).view(1, 1, 16, 16).expand(2, 3, 16, 16) / 255
    nudged = levels.clone()
    nudged[1] = (nudged[1] + 0.4 / 255).clamp(max=1)
    assert metrics.cdc(nudged, gaps=[1]) == 0
    frames = torch.full((2, 3, 4, 4), 100 / 255)
    frames[1] = 101 / 255
    assert metrics.cdc(frames, gaps=[1]) == pytest.approx(math.log(2))


def test_steadier_colors_have_a_lower_cdc(petals):
    flickering = petals.rgb.clone()
    flickering[::2] *= 0.8
    assert metrics.cdc(petals.rgb) < 0.1 < metrics.cdc(flickering)
    assert metrics.cdc(petals.rgb) > 0


@pytest.mark.parametrize("gaps", [(), (0,), (-1,), (1.5,), (True,)])
def test_gaps_that_are_none_are_refused(gaps):
    with pytest.raises(PictureError, match="whole numbers of frames"):
        metrics.cdc(torch.rand(6, 3, 4, 4), gaps)


def test_a_film_shorter_than_a_gap_is_refused():
    with pytest.raises(
        PictureError, match="A gap of 4 compares frames that far apart: 5 frames or more are needed, got 4"
    ):
        metrics.cdc(torch.rand(4, 3, 4, 4))
    assert metrics.cdc(torch.rand(4, 3, 4, 4), gaps=(1, 2, 3)) > 0
    with pytest.raises(PictureError, match=r"\(T, 3, H, W\)"):
        metrics.cdc(torch.rand(3, 4, 4))


def test_metrics_offers_both():
    assert metrics.warp_error is temporal.warp_error
    assert metrics.cdc is temporal.cdc
