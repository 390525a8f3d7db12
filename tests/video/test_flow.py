"""Flow: warping as SciPy does it, the exact motion of petals, and what is wrong with the sign or with x and y exchanged."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import hsv_to_rgb
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.ndimage import shift as shifted

from course_lib.data import stereo_pair_flow
from course_lib.data.moving import moving_petals
from course_lib.video.flow import (
    compose,
    draw_flow,
    estimate_both,
    estimate_flow,
    film_flows,
    inside,
    motion_boundaries,
    places,
    visible,
    warp,
)


@pytest.fixture(scope="module")
def film():
    return moving_petals(12, size=64, seed=5)


@pytest.fixture(scope="module")
def texture():
    """Soft noise as lightness, (96, 112)."""
    noise = gaussian_filter(np.random.default_rng(3).standard_normal((96, 112)), 2.0)
    return torch.from_numpy(50 + 15 * noise / noise.std()).clamp(0, 100).float()


def moved(texture, dx, dy):
    """The texture with everything ``dx`` to the right and ``dy`` down: its backward flow is (-dx, -dy)."""
    return torch.from_numpy(shifted(texture.numpy(), (dy, dx), order=3, mode="nearest")).clamp(0, 100)


def constant(dx, dy, height=9, width=12, count=1):
    return torch.tensor([dx, dy]).view(1, 2, 1, 1).expand(count, 2, height, width).contiguous()


# ---- warping


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 1000), st.integers(1, 3), st.integers(2, 12), st.integers(2, 12), st.floats(0.01, 20))
def test_warping_is_that_of_scipy(seed, channels, height, width, reach):
    generator = torch.Generator().manual_seed(seed)
    old = torch.rand(2, channels, height, width, generator=generator)
    flow = reach * torch.randn(2, 2, height, width, generator=generator)
    y, x = np.mgrid[:height, :width]
    expected = [
        [map_coordinates(c, [y + f[1], x + f[0]], order=1, mode="nearest") for c in picture]
        for picture, f in zip(old.double().numpy(), flow.double().numpy(), strict=True)
    ]
    assert np.allclose(warp(old, flow).numpy(), expected, atol=1e-4)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 8), (8, 1), (7, 5)])
def test_without_motion_the_picture_stays(height, width):
    old = torch.rand(2, 3, height, width)
    assert torch.allclose(warp(old, torch.zeros(2, 2, height, width)), old, atol=1e-5)


def test_dx_is_to_the_right_and_dy_down():
    old = torch.rand(1, 1, 9, 12)
    assert torch.allclose(warp(old, constant(2.0, 0.0))[..., :-2], old[..., 2:], atol=1e-5)
    assert torch.allclose(warp(old, constant(0.0, 3.0))[:, :, :-3], old[:, :, 3:], atol=1e-5)
    assert torch.allclose(places(constant(2.0, 3.0))[0, :, 4, 5], torch.tensor([7.0, 7.0]))


def test_what_moves_to_the_right_has_a_flow_to_the_left(texture):
    new = moved(texture, 3, 1)
    inner = (slice(None), slice(None), slice(8, -8), slice(8, -8))
    size = texture.shape
    right = (warp(texture[None, None], constant(-3.0, -1.0, *size)) - new)[inner].abs().max()
    assert right < 0.01
    for dx, dy in ((3.0, 1.0), (-1.0, -3.0), (-3.0, 1.0), (0.0, 0.0)):
        assert (warp(texture[None, None], constant(dx, dy, *size)) - new)[inner].abs().mean() > 3


def test_petals_are_warped_to_the_next_frame(film):
    old, new = film.lab[:-1], film.lab[1:]

    def error(flow):
        return ((warp(old, flow) - new).norm(dim=1, keepdim=True) * film.masks).sum() / film.masks.sum()

    right = error(film.flows)
    assert right < 1.2
    for wrong in (-film.flows, film.flows.flip(1), film.forward_flows, 0 * film.flows):
        assert error(wrong) > 1.3 * right


def test_inside_says_what_lay_in_the_picture():
    flow = constant(-3.0, 0.0)
    assert inside(flow)[0, 0].int().tolist() == [[0] * 3 + [1] * 9] * 9
    assert inside(constant(0.0, 2.0))[0, 0].int().tolist() == [[1] * 12] * 7 + [[0] * 12] * 2
    assert inside(constant(0.0, 0.0)).all()
    assert inside(constant(-0.4, 0.4)).all()  # the nearest pixel is still one of the picture
    assert not inside(constant(-0.6, 0.0))[..., 0].any()


# ---- two steps


def test_two_translations_add_up():
    assert torch.allclose(compose(constant(2.0, -1.0), constant(0.5, 3.0)), constant(2.5, 2.0))


def test_the_earlier_flow_is_taken_from_where_the_later_one_leads():
    """The old half picture stands still on the left and moves on the right; the later step crosses the border."""
    earlier = torch.zeros(1, 2, 9, 12)
    earlier[:, 0, :, 6:] = 5
    both = compose(constant(4.0, 0.0), earlier)
    assert both[0, 0, 4].tolist() == [4.0, 4.0] + [9.0] * 10


def test_petals_over_two_steps(film):
    """Composed flows against those of a film of twice the speed, where nothing is hidden in between."""
    twice = moving_petals(6, size=64, seed=5, speed=2)
    assert torch.equal(twice.things, film.things[::2])
    composed = compose(film.flows[1::2], film.flows[0:-1:2])
    seen = (film.masks[1::2] * twice.masks)[:, 0] == 1
    difference = (composed - twice.flows[: len(composed)]).norm(dim=1)
    assert difference[seen].quantile(0.9) < 0.05
    order_exchanged = compose(film.flows[0:-1:2], film.flows[1::2])
    assert (order_exchanged - twice.flows).norm(dim=1)[seen].mean() > difference[seen].mean()


# ---- what can be seen


def test_what_is_visible_by_the_exact_flows(film):
    """Of the pixels that the check calls hidden, and of those that are: most are the same where motion is fast."""
    fast = moving_petals(30, size=64, seed=5, speed=3)
    said = visible(fast.flows, fast.forward_flows) == 0
    hidden = fast.masks == 0
    both = (said & hidden).sum()
    assert both / said.sum() > 0.8  # precision
    assert both / hidden.sum() > 0.8  # recall; beside slow edges all is within the tolerance of 0.7 pixels
    seen = 1 - hidden.float()
    assert (visible(fast.flows, fast.forward_flows) * seen).sum() / seen.sum() > 0.97
    wrong = visible(fast.flows, -fast.forward_flows)
    assert (wrong * seen).sum() < 0.8 * seen.sum()


def test_a_square_before_a_wall_hides_exactly_what_it_covers():
    flow, back = torch.zeros(1, 2, 20, 24), torch.zeros(1, 2, 20, 24)
    back[:, 0, 5:12, 4:10] = 6  # in the old picture the square is at columns 4 to 9
    flow[:, 0, 5:12, 10:16] = -6  # and in the new one at columns 10 to 15
    expected = torch.ones(20, 24)
    expected[5:12, 4:10] = 0
    assert torch.equal(visible(flow, back)[0, 0], expected)
    assert visible(flow, back).dtype == torch.float32


def test_the_tolerance_of_the_check():
    still = constant(0.0, 0.0)
    assert visible(still, constant(0.70, 0.0)).all()  # 0.49 is below 0.5
    assert not visible(still, constant(0.72, 0.0)).any()
    # at 6 pixels the tolerance is 0.01 * (36 + 36) + 0.5 squared pixels, so 1.1 pixels: the paper's equation
    large = constant(6.0, 0.0, 9, 40)
    assert visible(large, constant(-7.0, 0.0, 9, 40))[..., :30].all()
    assert not visible(large, constant(-7.3, 0.0, 9, 40)).any()


def test_what_lay_outside_is_not_visible():
    assert not visible(constant(-4.0, 0.0), constant(4.0, 0.0))[..., :4].any()
    assert visible(constant(-4.0, 0.0), constant(4.0, 0.0))[..., 4:].all()


def test_boundaries_are_where_the_flow_jumps():
    flow = constant(1.0, 0.0)
    assert not motion_boundaries(flow).any()
    flow[:, :, :, 6:] = -2.0
    assert motion_boundaries(flow)[0, 0, 4].tolist() == [0.0] * 5 + [1.0] * 2 + [0.0] * 5
    assert motion_boundaries(flow.transpose(2, 3))[0, 0, :, 4].tolist() == [0.0] * 5 + [1.0] * 2 + [0.0] * 5
    # a slow zoom is no boundary
    ramp = torch.zeros(1, 2, 9, 12)
    ramp[:, 0] = 0.04 * torch.arange(12)
    assert not motion_boundaries(ramp).any()
    assert motion_boundaries(10 * ramp)[..., :2].all()


# ---- estimation


@pytest.mark.parametrize(("dx", "dy"), [(3.0, 0.0), (0.0, -2.0), (1.5, 2.5), (-6.0, 4.0)])
def test_a_translation_is_found_within_a_fifth_of_a_pixel(texture, dx, dy):
    flow = estimate_flow(moved(texture, dx, dy), texture)
    assert flow.shape == (2, 96, 112)
    assert flow.dtype == torch.float32
    inner = flow[:, 12:-12, 12:-12].flatten(1)
    assert torch.allclose(inner.median(dim=1).values, torch.tensor([-dx, -dy]), atol=0.2)
    assert (inner - torch.tensor([[-dx], [-dy]])).norm(dim=0).mean() < 0.2
    assert torch.equal(estimate_flow(moved(texture, dx, dy)[None], texture[None]), flow)


def test_both_directions(texture):
    back, ahead, seen_back, seen_ahead = estimate_both(texture[None], moved(texture, 3, 1)[None])
    middle = (slice(12, -12), slice(12, -12))
    assert back[0][middle].median().item() == pytest.approx(-3, abs=0.2)
    assert ahead[0][middle].median().item() == pytest.approx(3, abs=0.2)
    assert seen_back.shape == seen_ahead.shape == (1, 96, 112)
    assert seen_back[0][middle].mean() > 0.98
    assert seen_ahead[0][middle].mean() > 0.98


def test_the_estimate_on_petals_is_near_the_exact_flow():
    film = moving_petals(6, size=128, seed=5)
    flows, masks = film_flows(film.lightness)
    assert flows.shape == film.flows.shape
    assert masks.shape == film.masks.shape
    trusted = torch.stack([estimate_both(*film.lightness[t : t + 2])[2] for t in range(5)])
    assert torch.equal(masks, trusted * (1 - motion_boundaries(flows)))
    far = (flows - film.flows).norm(dim=1, keepdim=True)
    seen = (masks == 1) & (film.masks == 1)
    assert far[seen].mean() < 0.6 * film.flows.norm(dim=1, keepdim=True)[seen].mean()
    assert far[seen].mean() < far.mean()  # the masks leave out what is wrong
    assert (1 - masks[film.masks == 0]).mean() > 2 * (1 - masks[film.masks == 1]).mean()


def test_the_estimate_on_the_stereo_pair():
    pair = stereo_pair_flow(128)
    lightness = pair.rgb.mean(dim=1, keepdim=True) * 100
    flow, _, seen, _ = estimate_both(*lightness)
    far = (flow - pair.flows[0]).norm(dim=0)[(pair.masks[0, 0] * seen[0]) == 1]
    assert far.median() < 0.5
    assert flow[0].median() < -1  # the camera moved to the left: things lay to the left of where they are


# ---- drawing


def test_the_colors_of_directions():
    flow = torch.randn(2, 8, 9, generator=torch.Generator().manual_seed(1))
    dx, dy = flow.numpy()
    hue = np.arctan2(dy, dx) / (2 * np.pi) % 1
    strength = np.minimum(np.hypot(dx, dy) / 1.5, 1)
    expected = hsv_to_rgb(np.stack([hue, strength, np.ones_like(hue)], axis=-1))
    assert np.allclose(draw_flow(flow, largest=1.5).permute(1, 2, 0).numpy(), expected, atol=1e-5)
    assert torch.equal(draw_flow(torch.zeros(2, 4, 4)), torch.ones(3, 4, 4))
    assert draw_flow(flow).amin() == pytest.approx(0, abs=1e-5)  # without a limit the longest is the strongest
