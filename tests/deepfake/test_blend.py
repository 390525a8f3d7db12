"""Fakes from genuine faces: colors, mask, source and target, and how pictures arrive."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from course_lib.deepfake import blend
from course_lib.deepfake.blend import (
    Change,
    Finish,
    Recipe,
    apply_change,
    as_levels,
    draw_finish,
    draw_recipe,
    finish,
    make_mask,
    match_colors,
    move_source,
    self_blend,
    swap,
    through_jpeg,
)
from tests.deepfake.drawn_faces import FACE, PLAIN, SIDE, drawn_face, rng, sharpness

SEEDS = st.integers(0, 2**32 - 1)


# ---- colors and fineness


@given(st.floats(-3.2, 3.2), st.floats(0, 2), st.floats(0.02, 0.98))
def test_turning_hues_and_saturating_leave_grays_alone(hue, saturation, level):
    gray = np.full((4, 4, 3), level, np.float32)
    assert apply_change(gray, Change(hue=hue, saturation=saturation)) == pytest.approx(gray, abs=1e-6)


def test_turning_hues_keeps_the_sum_of_channels_and_roughly_the_luminance():
    for hue in (-0.2, 0.1, 0.2):
        turned = apply_change(FACE, Change(hue=hue))
        assert turned.sum(-1) == pytest.approx(FACE.sum(-1), abs=1e-5)
        weights = np.float32([0.2126, 0.7152, 0.0722])
        assert np.abs((turned - FACE) @ weights).mean() < 0.05
        assert np.abs(turned - FACE).mean() > 0.01


def test_turning_hues_goes_from_red_to_green_to_blue():
    """A third of a turn brings each channel into the place of the next one."""
    turned = apply_change(FACE, Change(hue=2 * np.pi / 3))
    assert turned == pytest.approx(np.roll(FACE, 1, axis=-1), abs=1e-5)
    again = apply_change(apply_change(FACE, Change(hue=0.3)), Change(hue=-0.3))
    assert again == pytest.approx(FACE, abs=1e-5)


def test_colors_by_hand():
    pixel = np.tile(np.float32([0.2, 0.5, 0.8]), (4, 4, 1))
    luma = 0.299 * 0.2 + 0.587 * 0.5 + 0.114 * 0.8
    expected = {
        "rgb": ((0.1, 0.0, -0.1), (0.3, 0.5, 0.7)),
        "brightness": (0.1, (0.3, 0.6, 0.9)),
        "contrast": (0.5, (0.35, 0.5, 0.65)),
        "saturation": (0.0, (luma, luma, luma)),
    }
    for name, (value, color_of_all) in expected.items():
        assert apply_change(pixel, Change(**{name: value}))[1, 2] == pytest.approx(color_of_all, abs=1e-6), name
    assert apply_change(pixel, Change(saturation=0.5))[0, 0] == pytest.approx((pixel[0, 0] + luma) / 2, abs=1e-6)


def test_smaller_is_duller_and_sharper_is_sharper():
    levels = [sharpness(apply_change(FACE, Change(smaller=factor))) for factor in (1, 1.5, 2, 4)]
    assert levels == sorted(levels, reverse=True)
    assert levels[-1] < 0.2 * levels[0]
    levels = [sharpness(apply_change(FACE, Change(sharper=amount))) for amount in (0, 0.5, 1, 2)]
    assert levels == sorted(levels)
    assert levels[-1] > 2 * levels[0]
    assert apply_change(FACE, Change(sharper=1)).mean() == pytest.approx(FACE.mean(), abs=1e-3)


def test_changing_nothing_gives_what_was_there_and_nothing_is_written_over():
    before = FACE.copy()
    assert np.array_equal(apply_change(FACE, Change()), FACE)
    for seed in range(20):
        recipe = draw_recipe(rng(seed))
        self_blend(FACE, recipe)
        swap(FACE, drawn_face(1), recipe)
        finish(FACE, draw_finish(rng(seed)))
    assert np.array_equal(FACE, before)


# ---- the mask


def test_the_mask_is_float_throughout():
    """In 8 bits its rim has 256 levels at most, and the erosion finds nothing between 0 and 1."""
    mask = make_mask((SIDE, SIDE), PLAIN)
    assert mask.dtype == np.float32
    levels = np.unique(mask)
    assert len(levels) > 500
    assert np.abs(levels * 255 - np.round(levels * 255)).max() > 0.4


@pytest.mark.parametrize("sigma", [0.01, 0.02, 0.03])
def test_the_first_blur_erodes_by_what_it_softens(sigma):
    """Along a straight rim, 99.9 % of a blurred step are reached 3.09 standard deviations inside of it."""
    side = 256
    radius = 0.4 * side
    recipe = Recipe(center=(0.5, 0.5), radii=(0.4, 0.4), blur=(sigma, 0.0))
    eroded = np.sqrt(make_mask((side, side), recipe).sum() / np.pi)
    assert radius - eroded == pytest.approx(norm.ppf(blend.WHOLE) * sigma * side, abs=0.8)


def test_without_blurs_the_mask_is_the_ellipse():
    recipe = Recipe(center=(0.5, 0.4), radii=(0.3, 0.2), blur=(0, 0))
    mask = make_mask((200, 200), recipe)
    assert set(np.unique(mask)) == {0, 1}
    assert mask.sum() == pytest.approx(np.pi * 60 * 40, rel=0.01)
    rows, columns = np.nonzero(mask)
    assert (columns.min(), columns.max()) == (40, 159)
    assert (rows.min(), rows.max()) == (40, 119)


@pytest.mark.parametrize("sigma", [0.01, 0.03])
def test_the_second_blur_has_the_standard_deviation_that_it_says(sigma):
    recipe = Recipe(center=(0.5, 0.5), radii=(0.5, 3.0), blur=(0, sigma))
    middle = make_mask((256, 256), replace(recipe, center=(0.0, 0.5), radii=(0.5, 30.0)))[128]
    expected = norm.cdf((128 - (np.arange(256) + 0.5)) / (sigma * 256))
    assert middle == pytest.approx(expected, abs=0.01)


def test_the_ratio_scales_the_mask():
    whole = make_mask((SIDE, SIDE), PLAIN)
    assert whole.max() == pytest.approx(1, abs=1e-6)
    for ratio in (0.25, 0.5, 0.75):
        assert make_mask((SIDE, SIDE), replace(PLAIN, ratio=ratio)) == pytest.approx(ratio * whole, abs=1e-6)


def test_the_field_bends_the_ellipse_and_its_seed_says_how():
    plain, bent = (make_mask((SIDE, SIDE), replace(PLAIN, bend=bend, bend_seed=1)) for bend in (0, 0.05))
    assert 0.02 < np.abs(bent - plain).mean() < 0.3
    assert np.array_equal(bent, make_mask((SIDE, SIDE), replace(PLAIN, bend=0.05, bend_seed=1)))
    assert not np.array_equal(bent, make_mask((SIDE, SIDE), replace(PLAIN, bend=0.05, bend_seed=2)))
    # Smooth: it bends the rim and does not tear it into pieces.
    assert cv2.connectedComponents((bent > 0.5).astype(np.uint8))[0] == 2


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_masks_lie_in_their_range_are_never_empty_and_are_the_same_at_every_size(seed):
    recipe = draw_recipe(rng(seed))
    small, large = make_mask((64, 64), recipe), make_mask((256, 256), recipe)
    for mask in (small, large):
        assert mask.min() >= 0
        assert 0.8 * recipe.ratio < mask.max() <= recipe.ratio + 1e-6
    reduced = cv2.resize(large, (64, 64), interpolation=cv2.INTER_AREA)
    assert np.abs(small - reduced).mean() < 0.02
    assert np.abs(small.mean() - large.mean()) < 0.02


# ---- a blend


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_outside_is_the_target_and_inside_the_moved_source(seed):
    recipe = replace(draw_recipe(rng(seed)), ratio=1.0)
    fake, target, mask = self_blend(FACE, recipe)
    changed = np.clip(apply_change(FACE, recipe.change), 0, 1)
    source = move_source(changed if recipe.on_source else FACE, recipe)
    assert np.array_equal(target, FACE if recipe.on_source else changed)
    assert np.array_equal(fake[mask == 0], target[mask == 0])
    inside = mask > 1 - 1e-6
    assert np.abs(fake[inside] - source[inside]).max(initial=0) < 1e-5
    assert -1e-6 < fake.min() <= fake.max() < 1 + 1e-6
    assert fake.dtype == target.dtype == mask.dtype == np.float32


@pytest.mark.parametrize("ratio", [0.25, 0.5, 1.0])
@pytest.mark.parametrize("on_source", [True, False])
def test_source_and_target_are_what_they_are_called(on_source, ratio):
    """A brightened copy: its light is inside if it is the source, around it if it is the target."""
    recipe = replace(PLAIN, change=Change(brightness=0.1), on_source=on_source, ratio=ratio)
    fake, target, mask = self_blend(FACE, recipe)
    middle, corner = fake[60, 60] - FACE[60, 60], fake[0, 0] - FACE[0, 0]
    assert mask[60, 60] == pytest.approx(ratio, abs=1e-6)
    assert mask[0, 0] == 0
    assert middle == pytest.approx(np.full(3, 0.1 * ratio if on_source else 0.1 * (1 - ratio)), abs=1e-5)
    assert corner == pytest.approx(np.full(3, 0.0 if on_source else 0.1), abs=1e-6)
    assert target == pytest.approx(FACE if on_source else FACE + 0.1, abs=1e-6)


def test_the_source_moves_where_it_is_told():
    dot = np.zeros((100, 100, 3), np.float32)
    dot[50, 50] = 1
    shifted = move_source(dot, Recipe(move=(0.03, -0.02)))
    assert np.unravel_index(shifted[..., 0].argmax(), (100, 100)) == (48, 53)
    assert shifted.sum() == pytest.approx(3, abs=1e-4)
    dot[:] = 0
    dot[50, 80] = 1
    grown = move_source(dot, Recipe(size=1.1))
    assert np.argwhere(grown[..., 0] > 0.3)[:, 1].mean() == pytest.approx(83, abs=0.6)
    assert move_source(FACE, Recipe(move=(0.03, 0.03))).min() >= 0.1  # no black rim
    assert np.array_equal(move_source(FACE, Recipe()), FACE)


def test_a_swap_shows_the_other_face_in_the_colors_of_the_first():
    face, other = drawn_face(1), drawn_face(2) ** 2  # darker
    fake, target, mask = swap(face, other, PLAIN)
    assert target is face
    assert np.array_equal(fake[mask == 0], face[mask == 0])
    inside = mask > 1 - 1e-6
    for channel in range(3):
        ours, theirs = fake[inside][:, channel], other[inside][:, channel]
        assert np.corrcoef(ours, theirs)[0, 1] > 0.99
        assert ours.mean() == pytest.approx(face[inside][:, channel].mean(), abs=0.04)
    assert np.abs(fake[inside] - face[inside]).mean() > 0.05


def test_colors_are_matched_by_mean_and_spread_inside():
    source, target, inside = drawn_face(1), drawn_face(2), make_mask((SIDE, SIDE), PLAIN) > 0.5
    matched = match_colors(source, target, inside)
    assert matched[inside].mean(0) == pytest.approx(target[inside].mean(0), abs=1e-4)
    spread = matched[inside].std(0) / source[inside].std(0)
    assert spread == pytest.approx(np.clip(target[inside].std(0) / source[inside].std(0), 0.5, 2), abs=1e-3)
    assert match_colors(source, target, np.zeros_like(inside)) is source
    flat = np.full_like(source, 0.3)
    assert np.isfinite(match_colors(flat, target, inside)).all()


def test_a_swap_is_changed_whatever_the_side():
    recipe = replace(PLAIN, change=Change(smaller=4.0))
    one, other = (swap(FACE, drawn_face(1), replace(recipe, on_source=side))[0] for side in (True, False))
    assert np.array_equal(one, other)
    assert sharpness(one) < sharpness(swap(FACE, drawn_face(1), PLAIN)[0])


# ---- how pictures arrive


@pytest.mark.parametrize("rgb", [(1, 0, 0), (0, 1, 0), (0, 0, 1)])
def test_a_pure_color_comes_out_of_jpeg_as_it_went_in(rgb):
    face = np.tile(np.float32(rgb), (32, 32, 1))
    assert through_jpeg(face, 95) == pytest.approx(face, abs=0.03)


def test_jpeg_of_lower_quality_is_further_off():
    errors = [np.abs(through_jpeg(FACE, quality) - FACE).mean() for quality in (100, 90, 70, 40, 10)]
    assert errors == sorted(errors)
    assert errors[0] < 0.02
    assert errors[-1] > 2 * errors[0]


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0])
def test_a_finish_blurs_with_the_standard_deviation_that_it_says(sigma):
    step = np.zeros((64, 64, 3), np.float32)
    step[:, 32:] = 1
    slope = np.diff(finish(step, Finish(blur=sigma))[20, :, 1])
    places = np.arange(len(slope))
    mean = (slope * places).sum()
    assert np.sqrt((slope * (places - mean) ** 2).sum()) == pytest.approx(sigma, rel=0.1)
    assert (slope >= 0).all()


def test_a_finish_does_all_that_it_says():
    assert np.array_equal(finish(FACE, Finish()), FACE)
    assert sharpness(finish(FACE, Finish(smaller=2))) < sharpness(FACE)
    assert finish(FACE, Finish(change=Change(brightness=0.05))) == pytest.approx(FACE + 0.05, abs=1e-6)
    assert finish(FACE, Finish(change=Change(brightness=0.5))).max() == 1
    assert np.array_equal(finish(FACE, Finish(quality=50)), through_jpeg(FACE, 50))


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_a_finish_ends_in_the_range(seed):
    done = finish(FACE, draw_finish(rng(seed)))
    assert done.shape == FACE.shape
    assert done.dtype == np.float32
    assert 0 <= done.min() <= done.max() <= 1
    assert np.abs(as_levels(done) / np.float32(255) - done).max() < 1e-6  # out of an 8 bit file
