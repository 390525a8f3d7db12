"""Experiments on appearance and spectra: against definitions, a second implementation, or what must hold by construction."""

import pytest
import torch
from skimage.color import deltaE_ciede2000, rgb2lab

from course_lib import appearance, color, metrics, spectra
from course_lib.data import fit, photo


@pytest.fixture(scope="module")
def picture():
    return fit(photo("coffee"), (64, 96))


def test_coarse_keeps_the_mean_and_removes_the_detail():
    checkerboard = (torch.arange(32)[:, None] + torch.arange(48)[None]) % 2
    result = appearance.coarse(checkerboard[None].float(), 4)
    assert result == pytest.approx(torch.full((1, 32, 48), 0.5), abs=1e-6)


@pytest.mark.parametrize("factor", [2, 5, 32, 200])
def test_subsample_keeps_size_and_the_other_part(picture, factor):
    lab, coarse_ab = color.rgb_to_lab(picture), color.rgb_to_lab(appearance.subsample(picture, factor, "ab"))
    assert coarse_ab[0] == pytest.approx(lab[0], abs=0.02)
    assert (coarse_ab[1:] - lab[1:]).abs().mean() > 0.3
    assert appearance.subsample(picture, factor, "L").shape == picture.shape


def test_subsample_refuses_other_parts(picture):
    with pytest.raises(ValueError, match="'ab' or 'L'"):
        appearance.subsample(picture, 2, "rgb")


def test_equalize_makes_values_equally_frequent(picture):
    even = appearance.equalize(picture[0])
    assert torch.histc(even, 10, 0, 1) / even.numel() == pytest.approx(torch.full((10,), 0.1), abs=0.03)
    assert (even.flatten()[picture[0].flatten().argsort()].diff() >= -1e-3).all()


def test_stretch_moves_the_hundredths_to_the_ends():
    ramp = torch.linspace(0.3, 0.5, 1001)[None]
    stretched = appearance.stretch(ramp)
    assert (stretched == 0).float().mean() == pytest.approx(0.01, abs=0.002)
    assert (stretched == 1).float().mean() == pytest.approx(0.01, abs=0.002)
    assert stretched[0, 500] == pytest.approx(0.5, abs=1e-3)
    assert appearance.stretch(torch.full((4, 4), 0.5)).isfinite().all()


@pytest.mark.parametrize(("angle", "other", "between"), [(10, 350, 20), (350, 10, 20), (0, 180, 180), (90, 90, 0)])
def test_turn_is_the_smaller_angle(angle, other, between):
    assert appearance.turn(torch.tensor(float(angle)), torch.tensor(float(other))) == between


def test_hue_shift_of_a_known_turn():
    angle = torch.linspace(0, 6, 40)
    lab = torch.stack([torch.full_like(angle, 60), 20 * angle.cos(), 20 * angle.sin()])[:, None]
    turned = torch.stack([lab[0, 0], 20 * (angle + 0.5).cos(), 20 * (angle + 0.5).sin()])[:, None]
    shift = appearance.hue_shift(color.lab_to_rgb(turned), color.lab_to_rgb(lab))
    assert shift == pytest.approx(28.65, abs=0.1)


def test_oklab_hues_of_the_primaries_are_the_published_ones():
    primaries = torch.eye(3)[:, None]
    assert appearance.oklab_hue(primaries)[0] == pytest.approx(torch.tensor([29.23, 142.50, 264.05]), abs=0.05)


def test_pairs_have_the_distance_that_they_were_asked_for():
    generator = torch.Generator().manual_seed(3)
    one, other = appearance.pairs_at_rgb_distance(500, 0.1, generator)
    assert (one - other).norm(dim=0) == pytest.approx(torch.full((1, one.shape[2]), 0.1), abs=1e-5)
    assert other.min() >= 0
    assert other.max() <= 1
    one, other = appearance.pairs_at_lab_distance(500, 10.0, generator)
    lab, other_lab = (rgb2lab(x.numpy(), channel_axis=0) for x in (one, other))
    assert ((lab - other_lab) ** 2).sum(axis=0) == pytest.approx(100, abs=0.5)
    assert one.shape[2] > 200


def test_step_of_delta_e_arrives():
    start = torch.tensor([[0.4, 0.4, 0.4], [0, 0.8, 0]]).T[:, None]
    direction = torch.tensor([[0, 0.6, 0], [0, 0, 0.9]]).T[:, None]
    other = appearance.step_of_delta_e(start, direction, 8.0)
    lab, other_lab = (rgb2lab(x.double().numpy(), channel_axis=0) for x in (start, other))
    assert deltaE_ciede2000(lab, other_lab, channel_axis=0) == pytest.approx(8, abs=0.02)
    short = appearance.step_of_delta_e(start, direction * 0.01, 8.0)
    assert torch.equal(short, start + direction * 0.01)


def test_the_table_and_the_spread_against_a_loop(picture):
    lab = color.rgb_to_lab(picture).flatten(1)
    table = appearance.mean_color_table(lab)
    assert table.shape == (2, 21)
    squares = 0.0
    for level in range(21):
        here = lab[1:, (lab[0] >= 5 * level) & (lab[0] < 5 * level + 5)]
        if here.shape[1]:
            assert table[:, level] == pytest.approx(here.mean(dim=1), abs=1e-3)
            squares += ((here - here.mean(dim=1, keepdim=True)) ** 2).sum().item()
    spread, overall = appearance.spread_given_lightness(lab)
    assert spread == pytest.approx((squares / lab.shape[1]) ** 0.5, rel=1e-3)
    assert overall == pytest.approx(lab[1:].var(dim=1, correction=0).sum().sqrt().item(), rel=1e-4)


def test_where_lightness_decides_the_color_no_spread_is_left():
    lightness = torch.linspace(0, 100, 50).round()
    lab = torch.stack([lightness, (lightness / 5).floor(), -(lightness / 5).floor()])
    assert appearance.spread_given_lightness(lab)[0] == pytest.approx(0, abs=1e-5)


def test_the_ring_has_one_lightness_and_one_chroma():
    ring = rgb2lab(appearance.color_ring(65, 34, 24).numpy(), channel_axis=0)
    assert ring[0] == pytest.approx(65, abs=0.01)
    assert (ring[1:] ** 2).sum(axis=0) ** 0.5 == pytest.approx(34, abs=0.02)
    with pytest.raises(ValueError, match="less chroma"):
        appearance.color_ring(65, 60, 24)


# ---- spectra


def test_the_observer_sums_to_the_same_in_x_y_and_z():
    """Equal energy is neutral for the 1931 observer, whose luminous efficiency sums to 106.86 nm."""
    assert spectra.observer().sum(dim=1) * 5 == pytest.approx(torch.full((3,), 106.86), abs=1)


def test_lights_peak_where_wien_says():
    for kelvin in (4500.0, 6500.0):
        peak = spectra.WAVELENGTHS[spectra.black_body(kelvin).argmax()]
        assert peak == pytest.approx(2.898e6 / kelvin, abs=4)
    assert spectra.black_body(spectra.LAMP).argmax() == len(spectra.WAVELENGTHS) - 1


@pytest.mark.parametrize("kelvin", [spectra.DAYLIGHT, spectra.LAMP])
def test_flat_reflectances_are_gray_in_every_light(kelvin):
    flat = torch.tensor([[1.0], [0.18]]).expand(-1, len(spectra.WAVELENGTHS))
    lab = color.rgb_to_lab(spectra.seen(flat, kelvin).clamp(0, 1))
    assert lab[0, 0] == pytest.approx(torch.tensor([100, 49.5]), abs=0.1)
    assert lab[1:].abs().max() < 0.05


def test_metamers_match_by_day_only():
    surfaces = spectra.metamers()
    assert surfaces.min() >= 0
    assert surfaces.max() <= 1
    assert (surfaces[0] - surfaces[1]).abs().max() > 0.5
    by_day, by_lamp = spectra.seen(surfaces, spectra.DAYLIGHT), spectra.seen(surfaces, spectra.LAMP)
    assert metrics.delta_e(by_day[..., :1], by_day[..., 1:]) < 0.1
    assert metrics.delta_e(by_lamp[..., :1], by_lamp[..., 1:]) > 20
