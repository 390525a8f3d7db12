"""Metrics against published numbers, scikit-image and torch, and the mistakes that people make."""

import numpy as np
import pytest
import torch
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from course_lib import bins, metrics
from course_lib.color import PictureError


@pytest.fixture
def pair():
    generator = torch.Generator().manual_seed(1)
    truth = torch.rand(2, 3, 24, 20, generator=generator)
    return (truth + 0.1 * torch.randn(truth.shape, generator=generator)).clamp(0, 1), truth


def halves(left, right, size=10):
    """A picture whose left half has one color and whose right half another."""
    colors = torch.tensor([left, right], dtype=torch.float32).T  # (3, 2)
    return colors.repeat_interleave(size // 2, dim=1)[:, None].expand(3, size, size)


def published_colorfulness(rgb):
    """Hasler and Süsstrunk (2003), written out in NumPy for 0..255."""
    red, green, blue = rgb.double().numpy() * 255
    rg, yb = red - green, 0.5 * (red + green) - blue
    return np.sqrt(rg.var() + yb.var()) + 0.3 * np.sqrt(rg.mean() ** 2 + yb.mean() ** 2)


def test_colorfulness_as_published(pair):
    expected = [published_colorfulness(rgb) for rgb in pair[1]]
    assert metrics.colorfulness(pair[1]).tolist() == pytest.approx(expected, rel=1e-4)


def test_colorfulness_is_signed():
    """With absolute opponent values, half red and half cyan would give 86 instead of 285."""
    assert metrics.colorfulness(halves((1, 0, 0), (0, 1, 1))).item() == pytest.approx(285, abs=1)


def test_gray_has_no_colorfulness():
    assert metrics.colorfulness(torch.rand(1, 1, 8, 8).expand(1, 3, 8, 8)).item() == pytest.approx(0, abs=1e-3)


def test_psnr_agrees_with_scikit_image(pair):
    expected = [peak_signal_noise_ratio(t.numpy(), p.numpy(), data_range=1) for p, t in zip(*pair, strict=True)]
    assert metrics.psnr(*pair).tolist() == pytest.approx(expected, abs=1e-3)


def test_psnr_of_uint8_does_not_wrap():
    """255 - 0 in uint8 arithmetic is 255, but 0 - 255 is 1."""
    black, white = torch.zeros(3, 4, 4, dtype=torch.uint8), torch.full((3, 4, 4), 255, dtype=torch.uint8)
    assert metrics.psnr(black, white).item() == metrics.psnr(white, black).item() == 0


def test_psnr_of_equal_pictures_is_infinite(pair):
    assert metrics.psnr(pair[0], pair[0]).isinf().all()


def test_ssim_agrees_with_scikit_image_on_the_scale_0_to_255(pair):
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "channel_axis": 0}
    expected = [
        structural_similarity(p.numpy() * 255.0, t.numpy() * 255.0, data_range=255, **options)
        for p, t in zip(*pair, strict=True)
    ]
    assert metrics.ssim(*pair).tolist() == pytest.approx(expected, abs=1e-4)


def test_delta_e_agrees_with_scikit_image(pair):
    expected = [
        deltaE_ciede2000(rgb2lab(p.numpy(), channel_axis=0), rgb2lab(t.numpy(), channel_axis=0), channel_axis=0).mean()
        for p, t in zip(*pair, strict=True)
    ]
    assert metrics.delta_e(*pair).tolist() == pytest.approx(expected, abs=0.01)


def test_delta_e_map_has_the_shape_of_the_picture(pair):
    assert metrics.delta_e_map(*pair).shape == (2, 24, 20)


@pytest.mark.parametrize("metric", [metrics.psnr, metrics.ssim, metrics.delta_e])
def test_pictures_of_different_size_are_refused(metric):
    with pytest.raises(PictureError, match="one shape"):
        metric(torch.rand(3, 16, 16), torch.rand(3, 16, 17))


@pytest.mark.parametrize("metric", [metrics.psnr, metrics.ssim, metrics.delta_e])
def test_values_up_to_255_are_refused(metric):
    with pytest.raises(PictureError, match=r"0\.\.255"):
        metric(torch.rand(3, 16, 16) * 255, torch.rand(3, 16, 16))


def test_ssim_refuses_pictures_smaller_than_its_window():
    with pytest.raises(PictureError, match="11 x 11"):
        metrics.ssim(torch.rand(3, 8, 8), torch.rand(3, 8, 8))


# ---- AuC


@pytest.fixture
def maps():
    """Color maps whose distances run from 0 to beyond the last threshold."""
    generator = torch.Generator().manual_seed(2)
    return 60 * torch.randn(3, 2, 16, 12, generator=generator), 40 * torch.randn(3, 2, 16, 12, generator=generator)


def curve_area(pred_ab, true_ab, weights, thresholds):
    """The area under the curve as written in the paper: a loop over thresholds, the trapezoidal rule, normalized."""
    distance = np.sqrt(((pred_ab - true_ab).double().numpy() ** 2).sum(axis=1))
    weights = weights.double().numpy() / weights.double().sum().item()
    shares = [(weights * (distance <= threshold)).sum() for threshold in thresholds]
    return np.trapezoid(shares, thresholds) / (thresholds[-1] - thresholds[0])


@pytest.mark.parametrize("weighted", [False, True])
def test_auc_is_the_area_under_the_curve(maps, weighted):
    weights = torch.rand(3, 16, 12, generator=torch.Generator().manual_seed(3)) if weighted else None
    given = torch.ones(3, 16, 12) if weights is None else weights
    value = metrics.auc(*maps, weights)
    assert value == pytest.approx(curve_area(*maps, given, np.linspace(0, 150, 15001)), abs=1 / 30000)
    assert value == pytest.approx(curve_area(*maps, given, np.arange(151)), abs=1 / 300)
    assert 0.4 < value < 0.7  # the two maps are neither alike nor out of reach


@pytest.mark.parametrize(("distance", "sign"), [(20.0, 1), (20.001, -1)])
def test_whole_thresholds_differ_by_half_a_step_at_most(distance, sign):
    """At both ends of the interval that the documentation states."""
    truth = torch.zeros(1, 2, 4, 4)
    pred = truth + torch.tensor([distance, 0.0])[:, None, None]
    difference = curve_area(pred, truth, torch.ones(1, 4, 4), np.arange(151)) - metrics.auc(pred, truth)
    assert difference == pytest.approx(sign / 300, abs=1e-5)


def test_auc_at_its_ends(maps):
    assert metrics.auc(maps[0], maps[0]) == 1
    assert metrics.auc(maps[0] + 150, maps[0]) == 0
    assert metrics.auc(maps[0] + torch.tensor([0.0, 30.0])[:, None, None], maps[0]) == pytest.approx(0.8, abs=1e-6)
    assert metrics.auc(maps[0] + torch.tensor([0.0, 30.0])[:, None, None], maps[0], max_threshold=60) == pytest.approx(
        0.5, abs=1e-6
    )


def test_the_scale_of_the_weights_does_not_matter(maps):
    weights = torch.rand(3, 16, 12, generator=torch.Generator().manual_seed(4))
    assert metrics.auc(*maps, weights * 1e6) == pytest.approx(metrics.auc(*maps, weights), rel=1e-9)
    assert metrics.auc(*maps, torch.full((3, 16, 12), 7.0)) == pytest.approx(metrics.auc(*maps), rel=1e-9)


def test_auc_of_pictures_adds_up_to_that_of_all(maps):
    """As the documentation promises for batches and bootstraps."""
    weights = torch.rand(3, 16, 12, generator=torch.Generator().manual_seed(5))
    each = [metrics.auc(p[None], t[None], w[None]) for p, t, w in zip(*maps, weights, strict=True)]
    assert metrics.auc(*maps, weights) == pytest.approx(np.average(each, weights=weights.sum(dim=(1, 2))), rel=1e-9)


def two_colors(common, rare, share):
    """A color map (1, 2, 10, 10) with ``share`` percent of one color, the rest another."""
    ab = torch.tensor(common)[None, :, None].repeat(1, 1, 100)
    ab[..., :share] = torch.tensor(rare)[:, None]
    return ab.reshape(1, 2, 10, 10)


def test_rebalanced_auc_counts_each_color_once():
    """Gray for 90 gray and 10 red pixels: right for nearly all of them, and for one color of two."""
    truth = two_colors((0.0, 0.0), (60.0, 40.0), 10)
    gray, prior = torch.zeros_like(truth), bins.color_prior([truth], sigma=0)
    red = 1 - 5200**0.5 / 150
    assert metrics.auc(gray, truth) == pytest.approx(0.9 + 0.1 * red, abs=1e-6)
    assert metrics.auc(gray, truth, metrics.pixel_weights(truth, prior)) == pytest.approx(0.5 + 0.5 * red, abs=1e-6)


def test_pixel_weights_are_one_over_the_prior():
    truth = two_colors((1.0, -2.0), (61.0, 38.0), 10)  # nearest to the bins (0, 0) and (60, 40)
    prior = torch.rand(313, generator=torch.Generator().manual_seed(6))
    prior /= prior.sum()
    place = {tuple(center): row for row, center in enumerate(bins.AB_BINS.tolist())}
    weights = metrics.pixel_weights(truth, prior)
    assert weights.shape == (1, 10, 10)
    assert torch.allclose(weights.flatten()[:10], 1 / prior[place[60.0, 40.0]])
    assert torch.allclose(weights.flatten()[10:], 1 / prior[place[0.0, 0.0]])


def test_a_bin_that_the_prior_never_saw_counts_as_the_rarest():
    prior = bins.color_prior([two_colors((0.0, 0.0), (60.0, 40.0), 10)], sigma=0)
    weights = metrics.pixel_weights(two_colors((0.0, 0.0), (-60.0, 40.0), 10), prior)
    assert weights.flatten()[0] == pytest.approx(10)


def test_auc_refuses_what_does_not_fit(maps):
    with pytest.raises(PictureError, match="one shape"):
        metrics.auc(maps[0], maps[1][:2])
    with pytest.raises(PictureError, match="one shape"):
        metrics.auc(torch.rand(1, 3, 4, 4), torch.rand(1, 3, 4, 4))
    with pytest.raises(PictureError, match="one per pixel"):
        metrics.auc(*maps, torch.rand(3, 1, 16, 12))
    with pytest.raises(PictureError, match="not all 0"):
        metrics.auc(*maps, torch.zeros(3, 16, 12))
    with pytest.raises(PictureError, match="0 or more"):
        metrics.auc(*maps, 0.9 - torch.rand(3, 16, 12))  # most are positive, and so is the sum
    with pytest.raises(PictureError, match="NaN"):
        metrics.auc(maps[0] * torch.nan, maps[1])
    with pytest.raises(PictureError, match="313 shares"):
        metrics.pixel_weights(maps[0], torch.ones(10))
