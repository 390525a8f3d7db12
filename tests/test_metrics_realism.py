"""Fréchet distance against closed forms and SciPy, color patches against closed forms and plain loops."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from skimage.color import rgb2lab

from course_lib import color, data
from course_lib.color import PictureError
from course_lib.metrics import color_patches, frechet_distance, patch_colors

FEW = settings(max_examples=25, deadline=None)
SEEDS = st.integers(0, 2**32)
COUNTS = st.integers(2, 30)


def random_numbers(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# ---- Fréchet distance


def features_with(mean, covariance, count=50, seed=0):
    """Features (count, D) whose own mean and covariance are exactly these."""
    x = random_numbers(count, len(mean), seed=seed)
    x = x - x.mean(dim=0)
    own = torch.linalg.cholesky(x.T @ x / (count - 1))
    wanted = torch.linalg.cholesky(torch.as_tensor(covariance, dtype=torch.float64))
    return torch.linalg.solve_triangular(own, x.T, upper=False).T @ wanted.T + torch.tensor(mean, dtype=torch.float64)


def correlated(count, dimensions, seed):
    """Features (count, D) whose numbers go together, around a mean that is not 0."""
    mixing, mean = random_numbers(dimensions, dimensions, seed=seed + 100), random_numbers(dimensions, seed=seed + 200)
    return random_numbers(count, dimensions, seed=seed) @ mixing + mean


def rotation(dimensions, seed=0):
    return torch.linalg.qr(random_numbers(dimensions, dimensions, seed=seed)).Q


def by_scipy(x, y):
    """The formula as published, with the root of a matrix that is not symmetric."""
    c1, c2 = np.cov(x.numpy(), rowvar=False), np.cov(y.numpy(), rowvar=False)
    root = sqrtm(c1 @ c2)
    assert np.abs(root.imag).max() < 1e-6
    return ((x.mean(0) - y.mean(0)) ** 2).sum().item() + np.trace(c1 + c2 - 2 * root.real)


@pytest.mark.parametrize(("mean", "std", "true_mean", "true_std"), [(0, 2, 0, 5), (1, 3, 4, 3), (-1, 0.5, 2, 0.1)])
def test_of_one_number_the_distance_is_that_of_means_and_of_standard_deviations(mean, std, true_mean, true_std):
    """With a standard deviation where a variance belongs, or without the root, 2 and 5 would not give 9."""
    value = frechet_distance(features_with([mean], [[std**2]]), features_with([true_mean], [[true_std**2]], seed=1))
    assert value == pytest.approx((mean - true_mean) ** 2 + (std - true_std) ** 2)


def test_a_shift_counts_by_its_square():
    x = correlated(40, 3, seed=1)
    assert frechet_distance(x + torch.tensor([1.0, -2.0, 0.5]), x) == pytest.approx(5.25)


def test_scales_of_independent_numbers_add_up():
    stds, true_stds = torch.tensor([1.0, 2.0, 0.5]), torch.tensor([4.0, 2.0, 1.0])
    x, y = (features_with([0, 0, 0], torch.diag(s**2), seed=k) for k, s in enumerate([stds, true_stds]))
    assert frechet_distance(x, y) == pytest.approx(9 + 0 + 0.25)


def test_correlation_counts():
    """Same means, same variances: only the sign of the covariance differs, so the roots of 1 + r and 1 - r change places."""
    x, y = (features_with([0, 0], [[1, r], [r, 1]]) for r in (0.6, -0.6))
    assert frechet_distance(x, y) == pytest.approx(2 * (1.6**0.5 - 0.4**0.5) ** 2)


@pytest.mark.parametrize(("count", "true_count", "dimensions"), [(60, 25, 12), (8, 9, 3), (500, 100, 40)])
def test_frechet_distance_agrees_with_scipy(count, true_count, dimensions):
    x, y = correlated(count, dimensions, seed=2), correlated(true_count, dimensions, seed=3)
    assert frechet_distance(x, y) == pytest.approx(by_scipy(x, y), rel=1e-6)


@FEW
@given(seed=SEEDS, count=COUNTS, dimensions=st.integers(1, 40), scale=st.sampled_from([1e-3, 1.0, 1e3]))
def test_a_set_has_no_distance_to_itself(seed, count, dimensions, scale):
    """In whatever order, with more or fewer pictures than numbers; and rounding makes no distance negative."""
    x = scale * correlated(count, dimensions, seed)
    shuffled = x[torch.randperm(count, generator=torch.Generator().manual_seed(seed))]
    assert 0 <= frechet_distance(x, shuffled) <= 1e-12 * x.var(dim=0).sum().item()


@FEW
@given(seed=SEEDS, count=COUNTS, true_count=COUNTS, dimensions=st.integers(1, 40))
def test_neither_order_nor_side_nor_rotation_matters(seed, count, true_count, dimensions):
    x, y = correlated(count, dimensions, seed), correlated(true_count, dimensions, seed + 1)
    value = frechet_distance(x, y)
    turn = rotation(dimensions, seed)
    assert value > 0
    assert frechet_distance(y, x) == pytest.approx(value, rel=1e-9)
    assert frechet_distance(x.flip(0), y) == pytest.approx(value, rel=1e-9)
    assert frechet_distance(x @ turn, y @ turn) == pytest.approx(value, rel=1e-9)


def test_fewer_pictures_than_numbers():
    """What 20 numbers say, said by 300: the covariances become singular, and nothing else changes.

    The roots of 280 eigenvalues that are 0 but for rounding would already add up to more than this tolerance.
    """
    x, y = correlated(60, 20, seed=4), correlated(50, 20, seed=5)
    turn = rotation(300)[:20]
    assert frechet_distance(x @ turn, y @ turn) == pytest.approx(frechet_distance(x, y), rel=1e-11)
    assert frechet_distance(x @ turn, y @ turn) == pytest.approx(by_scipy(x, y), rel=1e-6)


def test_sets_that_vary_in_different_directions():
    """The roots share nothing: the means' distance and all the variance remain. Two pictures vary in one direction only."""
    x = torch.tensor([[1.0, 0.0, 0.0, 0.0], [-1.0, 0.0, 0.0, 0.0]])  # variance 2
    y = torch.tensor([[0.0, 3.0, 5.0, 0.0], [0.0, -3.0, 5.0, 0.0]])  # variance 18, mean at a distance of 5
    assert frechet_distance(x, y) == pytest.approx(25 + 2 + 18)


def test_features_that_never_vary():
    x = torch.full((4, 6), 0.5)
    assert frechet_distance(x, x) == 0
    assert frechet_distance(x, x + 1) == pytest.approx(6)


def test_a_large_mean_in_float32_costs_no_accuracy():
    """Whole numbers, so that float32 holds features and shift exactly; squares in float32 would lose the variance."""
    x, y = (torch.randint(-9, 10, (30, 5), generator=torch.Generator().manual_seed(k)).float() for k in (1, 2))
    assert frechet_distance(x + 2**20, y + 2**20) == pytest.approx(frechet_distance(x, y), rel=1e-9)
    assert frechet_distance(x, y) == pytest.approx(by_scipy(x.double(), y.double()), rel=1e-6)


def test_few_pictures_bias_the_distance_upwards():
    """As the notes say: two samples of one distribution, whose true distance is 0."""
    values = [frechet_distance(*random_numbers(2, count, 10, seed=count)) for count in (20, 80, 320, 1280)]
    assert values == sorted(values, reverse=True)
    assert values[0] > 20 * values[-1]


def test_features_that_need_a_gradient_give_a_number():
    x = correlated(5, 3, seed=6).requires_grad_()
    assert isinstance(frechet_distance(x, x.detach() + 1), float)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (torch.rand(5, 4), "different networks"),
        (torch.rand(1, 3), "two or more"),
        (torch.rand(5), "two or more"),
        (torch.rand(5, 3, 1), "two or more"),
        (torch.rand(5, 0), "two or more"),
        (np.ones((5, 3)), "ndarray"),
        (torch.tensor([[0.0, 1.0, 2.0], [1.0, torch.nan, 0.0]]), "NaN"),
        (torch.tensor([[0.0, 1.0, 2.0], [1.0, torch.inf, 0.0]]), "infinite"),
    ],
)
def test_features_that_cannot_be_compared_are_refused(features, message):
    fine = torch.rand(5, 3)
    for pair in [(features, fine), (fine, features)]:
        with pytest.raises(PictureError, match=message):
            frechet_distance(*pair)


# ---- color patches


def picture(lightness, ab):
    """sRGB of L (B, 1, H, W) and ab, which must lie in the gamut: the tests below rely on getting these values back."""
    lab = torch.cat([lightness, ab.expand(len(lightness), 2, *lightness.shape[-2:])], dim=1).float()
    assert color.in_gamut(lab).all()
    return color.lab_to_rgb(lab)


def flat(level=60.0, size=(16, 20), count=1):
    return torch.full((count, 1, *size), level)


def texture(size=(16, 20), count=1, seed=0):
    """Lightness (count, 1, H, W) between 45 and 75 without any flat part."""
    return 45 + 30 * torch.rand(count, 1, *size, generator=torch.Generator().manual_seed(seed))


def checkerboard(size=(16, 20)):
    """-1 and 1, (H, W)."""
    return 1.0 - 2 * ((torch.arange(size[0])[:, None] + torch.arange(size[1])) % 2)


def by_loops(rgb):
    """The definition for one picture (3, H, W), pixel by pixel, on scikit-image's Lab."""
    lab = rgb2lab(rgb.numpy().astype(np.float64), channel_axis=0)
    lightness, change = [], []
    for y in range(lab.shape[1] - 1):
        for x in range(lab.shape[2] - 1):
            right, below = lab[:, y, x + 1] - lab[:, y, x], lab[:, y + 1, x] - lab[:, y, x]
            lightness.append(np.hypot(right[0], below[0]))
            change.append(np.sqrt((right[1:] ** 2).sum() + (below[1:] ** 2).sum()))
    limit = sorted(lightness)[(len(lightness) - 1) // 2]
    return np.mean([c for c, l in zip(change, lightness, strict=True) if l <= limit])  # noqa: E741 - l as in color.py


@pytest.mark.parametrize("size", [(8, 9), (7, 8), (2, 2), (2, 9)])
def test_color_patches_as_defined(size):
    """For an even and an odd number of differences, and for a single one."""
    rgb = torch.rand(3, 3, *size, generator=torch.Generator().manual_seed(1))
    assert color_patches(rgb).tolist() == pytest.approx([by_loops(x) for x in rgb], rel=1e-3)


def test_color_patches_of_a_checkerboard():
    """Each neighbor differs by twice the amplitude, in two channels and two directions: four times the amplitude."""
    for amplitude in (1.0, 3.0):
        rgb = picture(flat(), torch.full((1, 2, 1, 1), 10.0) + amplitude * checkerboard())
        assert color_patches(rgb).item() == pytest.approx(4 * amplitude, rel=1e-3)


def test_gray_and_flat_colors_have_no_patches():
    gray = picture(texture(), torch.zeros(1, 2, 1, 1))
    one_color = picture(flat(), torch.tensor([25.0, -15.0])[None, :, None, None])
    assert color_patches(torch.cat([gray, one_color])).abs().max() < 0.01


def test_color_that_follows_no_lightness_counts_as_its_edge_is_long():
    """A border from top to bottom on a flat lightness: one of 19 differences in each row, even in 8 bits."""
    ab = torch.zeros(1, 2, 16, 20)
    ab[..., 10:] = torch.tensor([12.0, -9.0])[:, None, None]  # a distance of 15
    rgb = picture(flat(), ab)
    assert color_patches(rgb).item() == pytest.approx(15 / 19, rel=1e-3)
    assert color_patches((rgb * 255).round().byte()).item() == pytest.approx(15 / 19, rel=0.05)


def test_a_color_edge_on_an_edge_of_lightness_is_not_seen():
    """With the edge in the rough half, the color beside it counts as if there were none."""
    lightness = flat(45.0)
    lightness[..., 10:] = 75
    speckle = 0.5 * random_numbers(1, 2, 16, 20).float()
    edge = torch.zeros(1, 2, 16, 20)
    edge[..., 10:] = torch.tensor([12.0, -9.0])[:, None, None]
    without, along = color_patches(picture(lightness, speckle)), color_patches(picture(lightness, speckle + edge))
    elsewhere = color_patches(picture(lightness, speckle + edge.roll(3, dims=-1)))
    assert along.item() == pytest.approx(without.item(), rel=1e-3)
    assert elsewhere > 1.3 * without


def test_patches_are_proportional_to_small_noise():
    noise = random_numbers(1, 2, 16, 20).float()
    once, twice, four = (color_patches(picture(texture(), k * noise)).item() for k in (1, 2, 4))
    assert once > 1
    assert (twice / once, four / once) == pytest.approx((2, 4), rel=1e-2)


def test_transposed_pictures_are_equal_and_mirrored_ones_nearly():
    """Forward differences pair each pixel with two neighbors, and mirroring with the other two."""
    size = (40, 48)
    rgb = picture(texture(size, seed=3), 4 * random_numbers(1, 2, *size).float())
    value = color_patches(rgb).item()
    assert color_patches(rgb.mT).item() == pytest.approx(value, rel=1e-5)
    for dims in [(-1,), (-2,), (-1, -2)]:
        assert color_patches(rgb.flip(dims)).item() == pytest.approx(value, rel=0.05)


def test_each_picture_has_its_own_smooth_half():
    """A calm picture and a busy one: a median over both would take all of the first and little of the second."""
    ab = 4 * random_numbers(2, 2, 16, 20).float()
    batch = picture(torch.cat([60 + (texture() - 60) / 10, texture(seed=4)]), ab)
    values = color_patches(batch)
    assert values.shape == (2,)
    for rgb, value in zip(batch, values, strict=True):
        assert color_patches(rgb).shape == (1,)
        assert color_patches(rgb).item() == pytest.approx(value.item(), rel=1e-5)
        assert by_loops(rgb) == pytest.approx(value.item(), rel=1e-3)


def test_photographs_have_some_patches_and_invented_color_adds_to_them():
    """The ratio to the truth goes in the direction that the documentation states."""
    rgb = torch.stack(list(data.photos(64).values()))
    lab = color.rgb_to_lab(rgb)
    lightness, ab = lab[:, :1], lab[:, 1:]
    coarse = F.interpolate(5 * random_numbers(len(rgb), 2, 8, 8).float(), size=(64, 64))
    truth = color_patches(rgb)
    ratios = {
        "noise": color_patches(color.join(lightness, ab + random_numbers(*ab.shape).float())) / truth,
        "squares": color_patches(color.join(lightness, ab + coarse)) / truth,
        "checkerboard": color_patches(color.join(lightness, ab + checkerboard((64, 64)))) / truth,
        "coarse color": color_patches(color.join(lightness, F.avg_pool2d(ab, 4))) / truth,
        "half the chroma": color_patches(color.join(lightness, ab / 2)) / truth,
    }
    assert truth.min() > 0.1
    for kind in ("noise", "squares", "checkerboard"):
        assert ratios[kind].min() > 1, kind
    assert ratios["coarse color"].median() < 1 < ratios["coarse color"].max()  # mostly lower; where edges bleed, higher
    assert ratios["half the chroma"].tolist() == pytest.approx([0.5] * len(rgb), abs=0.02)


@pytest.mark.parametrize(
    ("rgb", "message"),
    [
        (torch.rand(3, 16, 16) * 255, r"0\.\.255"),
        (torch.rand(1, 16, 16), r"\(3, H, W\)"),
        (torch.rand(16, 16, 3), "channels first"),
        (torch.full((3, 16, 16), torch.nan), "NaN"),
        (torch.rand(3, 1, 16), "neighbors"),
        (torch.rand(2, 3, 16, 1), "neighbors"),
    ],
)
def test_pictures_without_patches_to_measure_are_refused(rgb, message):
    with pytest.raises(PictureError, match=message):
        color_patches(rgb)


# ---- the colors of patches


def test_patches_are_cut_out_where_they_are():
    lab = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 40 + 30
    rgb = color.lab_to_rgb(lab)
    features = patch_colors(rgb, size=4, count=4) * 4
    assert features.shape == (2, 16, 48)
    lab = color.rgb_to_lab(rgb)
    assert torch.allclose(features[1, 6].reshape(3, 4, 4), lab[1, :, 4:8, 8:12], atol=1e-3)
    assert torch.allclose(features[0, 15].reshape(3, 4, 4), lab[0, :, 12:, 12:], atol=1e-3)


def test_the_distance_of_two_flat_pictures_is_that_of_their_colors():
    one, other = (torch.tensor([60.0, a, b])[:, None, None].expand(3, 8, 8) for a, b in ((10.0, 0.0), (-10.0, 20.0)))
    features = [patch_colors(color.lab_to_rgb(lab.contiguous())) for lab in (one, other)]
    assert (features[0] - features[1]).square().sum(dim=-1).mean() == pytest.approx(20**2 + 20**2, rel=1e-3)


def test_what_a_distance_of_patches_sees():
    """Weak colors, checkerboards and colors that do not belong to the lightness; but not which picture is which."""
    truth = data.petals(24, size=32, seed=5).rgb
    lab = color.rgb_to_lab(truth)

    def distance(ab):
        rgb = color.lab_to_rgb(torch.cat([lab[:, :1], ab], dim=1))
        both = (patch_colors(each).flatten(0, 1) for each in (rgb, truth))
        return frechet_distance(*both)

    ab, squares = lab[:, 1:], (torch.arange(32)[:, None] + torch.arange(32)) % 2 * 12.0 - 6.0
    assert distance(ab) < 1e-3
    assert distance(0.5 * ab) > distance(0.8 * ab) > 5
    assert distance(ab + squares) > 5
    assert distance(ab.flip(1)) > 5
    order = torch.arange(24).roll(1)
    both = (patch_colors(each).flatten(0, 1) for each in (truth[order], truth))
    assert frechet_distance(*both) < 1e-3


def test_pictures_smaller_than_a_patch_are_refused():
    with pytest.raises(PictureError, match="do not fit"):
        patch_colors(torch.rand(3, 3, 8))
