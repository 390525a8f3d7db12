"""Metrics against published numbers, scikit-image and torch, and the mistakes that people make."""

import numpy as np
import pytest
import torch
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from course_lib import metrics
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
