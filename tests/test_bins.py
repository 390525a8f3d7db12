"""The bins of the ab plane against neighbors by scikit-learn, sums written out and hand calculation, and the mistakes that people make."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors
from torch.overrides import TorchFunctionMode

from course_lib import bins
from course_lib.bins import AB_BINS
from course_lib.color import PictureError
from course_lib.grid_neighbors import GridNeighbors

FEW = settings(max_examples=25, deadline=None)
SEEDS = st.integers(0, 2**32)


def random_numbers(seed=0):
    return torch.Generator().manual_seed(seed)


def random_colors(*size, reach=130.0, seed=0, dtype=torch.float32):
    """(B, 2, H, W): from -reach to reach."""
    count, height, width = size
    unit = torch.rand(count, 2, height, width, generator=random_numbers(seed), dtype=dtype)
    return reach * (2 * unit - 1)


def pixels(*colors):
    """(1, 2, 1, N)"""
    return torch.tensor(colors, dtype=torch.float32).T[None, :, None]


def place(a, b):
    """The place of the bin at (a, b)."""
    return AB_BINS.tolist().index([a, b])


def one_bin(a, b):
    """A prior that is 1 at (a, b)."""
    return torch.nn.functional.one_hot(torch.tensor(place(a, b)), bins.COUNT).float()


def some_prior(seed=0, empty=0.0):
    """Random shares; ``empty`` is the probability of a bin not to occur, but for the first."""
    generator = random_numbers(seed)
    shares = torch.rand(bins.COUNT, generator=generator) ** 4 + 1e-6
    shares[1:] *= torch.rand(bins.COUNT - 1, generator=generator) >= empty
    return shares / shares.sum()


def brute_force(ab, k, points=AB_BINS):
    """The k nearest of all points, by all distances in double precision, of equal ones the lower place: (B, k, H, W)."""
    squared = (ab.double().movedim(1, -1)[..., None, :] - points).square().sum(-1)
    return squared.sort(dim=-1, stable=True).indices[..., :k].movedim(-1, 1)


# The table


def test_table_is_the_published_one():
    assert AB_BINS.shape == (313, 2) == (bins.COUNT, 2)
    # a and b exchanged would swap these: a reaches from -90 to 100, b from -110 to 100.
    assert AB_BINS.amin(0).tolist() == [-90, -110]
    assert AB_BINS.amax(0).tolist() == [100, 100]
    assert AB_BINS[0].tolist() == [-90, 50]
    assert AB_BINS[-1].tolist() == [100, 0]


def test_table_rises_with_a_slow_and_b_fast():
    rows = [tuple(row) for row in AB_BINS.tolist()]
    assert rows == sorted(set(rows))


def test_columns_have_no_gaps():
    assert (AB_BINS % bins.STEP == 0).all()
    assert AB_BINS[:, 0].unique().tolist() == list(range(-90, 101, 10))
    for a in AB_BINS[:, 0].unique():
        assert (AB_BINS[AB_BINS[:, 0] == a, 1].diff() == 10).all()


# Encoding


@pytest.mark.parametrize("k", [1, 3, 5, 12])
@pytest.mark.parametrize("reach", [130.0, 3000.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_soft_targets_agree_with_scikit_learn(k, reach, dtype):
    ab = random_colors(3, 20, 31, reach=reach, seed=k, dtype=dtype)
    index, weights = bins.soft_targets(ab, k=k)
    tree = NearestNeighbors(n_neighbors=k, algorithm="ball_tree").fit(AB_BINS.double().numpy())
    distances, places = map(torch.from_numpy, tree.kneighbors(ab.double().movedim(1, -1).reshape(-1, 2).numpy()))
    # A constant within the exponent keeps the Gaussian of a far color from being 0 everywhere.
    expected = torch.exp((distances[:, :1] ** 2 - distances**2) / (2 * 5.0**2))
    expected /= expected.sum(1, keepdim=True)
    assert torch.equal(index.movedim(1, -1).reshape(-1, k), places)
    assert weights.dtype == dtype
    assert (weights.movedim(1, -1).reshape(-1, k) - expected).abs().max() < (1e-4 if dtype == torch.float32 else 1e-9)


def test_hard_targets_agree_with_scikit_learn():
    ab = random_colors(2, 50, 50)
    tree = NearestNeighbors(n_neighbors=1).fit(AB_BINS.numpy())
    places = tree.kneighbors(ab.movedim(1, -1).reshape(-1, 2).numpy(), return_distance=False)
    assert torch.equal(bins.encode_hard(ab).flatten(), torch.from_numpy(places[:, 0]))


@pytest.mark.parametrize("k", [1, 5])
def test_ties_go_to_the_lower_place(k):
    steps = torch.arange(
        -140, 141, 2.5
    )  # on every border between bins, and on the lines where the order of five changes
    ab = torch.stack(torch.meshgrid(steps, steps, indexing="ij"))[None]
    assert torch.equal(bins.soft_targets(ab, k=k)[0], brute_force(ab, k))


@pytest.mark.parametrize("k", [1, 6])
def test_the_next_numbers_beside_a_border_are_told_apart(k):
    borders = torch.arange(-85, 100, 10.0)
    for direction in (math.inf, -math.inf):
        beside = torch.nextafter(borders, torch.tensor(direction))
        for ab in (torch.stack([beside, 0 * beside + 1]), torch.stack([0 * beside + 1, beside])):
            ab = ab[None, :, None]
            assert torch.equal(bins.soft_targets(ab, k)[0], brute_force(ab, k))


@pytest.mark.parametrize("sigma", [5.0, 8.0])
def test_weights_of_a_color_in_the_middle_of_a_bin(sigma):
    # The bin itself, and four at a distance of 10. Dividing by 2 sigma, or by sigma squared, gives others.
    index, weights = bins.soft_targets(pixels((20, 30)), sigma=sigma)
    assert index.flatten().tolist() == [place(20, 30), place(10, 30), place(20, 20), place(20, 40), place(30, 30)]
    beside = math.exp(-(10**2) / (2 * sigma**2))
    assert weights.flatten().tolist() == pytest.approx([share / (1 + 4 * beside) for share in (1, *4 * [beside])])


@FEW
@given(
    seed=SEEDS, k=st.sampled_from([1, 5]), count=st.integers(1, 3), height=st.integers(1, 5), width=st.integers(1, 5)
)
def test_every_pixel_is_encoded_by_itself(seed, k, count, height, width):
    ab = random_colors(count, height, width, seed=seed)
    index, weights = bins.soft_targets(ab, k)
    assert index.shape == weights.shape == (count, k, height, width)
    assert torch.allclose(weights.sum(1), torch.ones(count, height, width))
    assert (weights.diff(dim=1) <= 1e-6).all()
    order = torch.randperm(count * height * width, generator=random_numbers(seed))
    shuffled = ab.movedim(1, 0).flatten(1)[:, order][None, :, None]
    for whole, parts in zip((index, weights), bins.soft_targets(shuffled, k), strict=True):
        assert torch.allclose(whole.movedim(1, 0).flatten(1)[:, order], parts[0, :, 0])


@FEW
@given(seed=SEEDS, k=st.integers(1, 4), count=st.integers(4, 20))
def test_neighbors_in_any_part_of_a_grid(seed, k, count):
    """Holes, islands and lines: nothing is special about the set of bins."""
    chosen = torch.randperm(36, generator=random_numbers(seed))[:count].sort().values
    points = torch.stack([chosen // 6 - 2, chosen % 6 - 3], dim=1) * 4.0
    ab = (random_colors(1, 20, 20, reach=25.0, seed=seed) * 2).round() / 2  # many at the same distance from several
    found = GridNeighbors(points, 4.0).nearest(ab[0, 0].flatten(), ab[0, 1].flatten(), k)
    assert torch.equal(found, brute_force(ab, k, points)[0].flatten(1))


def test_encode_soft_holds_the_soft_targets_and_zeros():
    ab = random_colors(2, 5, 7)
    index, weights = bins.soft_targets(ab, k=3, sigma=9.0)
    full = bins.encode_soft(ab, k=3, sigma=9.0)
    assert full.shape == (2, 313, 5, 7)
    assert torch.equal(full.gather(1, index), weights)
    assert ((full > 0).sum(1) == 3).all()
    assert torch.allclose(full.sum(1), torch.ones(2, 5, 7))


def test_mean_of_a_soft_target_is_close_to_the_color():
    ab = pixels((12, 33), (-41, 18), (3, -52))  # a and b exchanged in any one place would miss
    mean = torch.einsum("bqhw,qc->bchw", bins.encode_soft(ab), AB_BINS)
    assert (mean - ab).abs().max() < 3


def test_no_gradient_flows_to_targets():
    ab = random_colors(1, 3, 3).requires_grad_()
    assert not bins.encode_soft(ab).requires_grad
    assert not any(target.requires_grad for target in bins.soft_targets(ab))
    assert not bins.encode_hard(ab).requires_grad


def test_half_precision_colors_give_targets_in_single_precision():
    ab = random_colors(1, 9, 9).bfloat16()
    index, weights = bins.soft_targets(ab)
    assert weights.dtype == torch.float32
    assert torch.equal(index, brute_force(ab, 5))


class LargestTensor(TorchFunctionMode):
    """Notes the bytes of the largest tensor that any operation makes."""

    size = 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for x in result if isinstance(result, (tuple, list)) else [result]:
            if isinstance(x, torch.Tensor):
                self.size = max(self.size, x.untyped_storage().nbytes())
        return result


@pytest.mark.parametrize(("encode", "limit"), [(bins.encode_hard, 16), (bins.soft_targets, 80)])
def test_encoding_makes_no_matrix_of_pixels_and_bins(encode, limit):
    ab = random_colors(4, 90, 90)
    encode(ab)  # makes the table, once and for all
    with LargestTensor() as largest:
        encode(ab)
    assert 0 < largest.size <= limit * 4 * 90 * 90  # the matrix would take 1,252 bytes per pixel


@pytest.mark.parametrize(
    ("ab", "advice"),
    [
        (torch.zeros(2, 4, 4), r"ab\[None\]"),
        (torch.zeros(1, 3, 4, 4), r"lab\[:, 1:\]"),
        (torch.zeros(1, 4, 4, 2), "movedim"),
        (torch.zeros(1, 5, 4, 4), "two channels"),
        (torch.zeros(0, 2, 4, 4), "no pixels"),
        (torch.zeros(1, 2, 4, 4).numpy(), "from_numpy"),
        (torch.zeros(1, 2, 4, 4, dtype=torch.uint8), "floating point"),
        (torch.full((1, 2, 4, 4), math.nan), "division by zero"),
        (torch.full((1, 2, 4, 4), -math.inf), "division by zero"),
        (torch.full((1, 2, 4, 4), 2e6), "division by zero"),
    ],
)
@pytest.mark.parametrize("encode", [bins.encode_hard, bins.encode_soft, bins.soft_targets])
def test_what_is_no_color_is_refused(encode, ab, advice):
    with pytest.raises(PictureError, match=advice):
        encode(ab)


@pytest.mark.parametrize(
    ("wrong", "advice"),
    [({"k": k}, "from 1 to 313") for k in (0, 314, 5.0)]
    + [({"sigma": s}, "Use 5.0") for s in (0, -1, math.inf, math.nan)],
)
def test_encoding_refuses_numbers_out_of_range(wrong, advice):
    with pytest.raises(ValueError, match=advice):
        bins.encode_soft(random_colors(1, 2, 2), **wrong)


# The way back


def some_logits(seed=0, size=(2, 3, 4), dtype=torch.float32):
    count, height, width = size
    return 3 * torch.randn(count, bins.COUNT, height, width, generator=random_numbers(seed), dtype=dtype)


def sum_by_hand(logits, temperature):
    """The annealed mean of the logits of one pixel, one bin after the other."""
    weights = [math.exp(x / temperature) for x in logits.tolist()]
    return [sum(w * c for w, c in zip(weights, AB_BINS[:, i].tolist(), strict=True)) / sum(weights) for i in (0, 1)]


@pytest.mark.parametrize("temperature", [0.1, 0.38, 1.0, 3.0])
def test_annealed_mean_against_a_sum_by_hand(temperature):
    logits = some_logits(dtype=torch.float64)
    answer = bins.annealed_mean(logits, temperature)
    assert answer.shape == (2, 2, 3, 4)
    for n, y, x in [(0, 0, 0), (1, 2, 3), (0, 1, 2)]:
        assert answer[n, :, y, x].tolist() == pytest.approx(sum_by_hand(logits[n, :, y, x], temperature), abs=1e-9)


def test_annealed_mean_is_the_papers_by_default():
    assert torch.equal(bins.annealed_mean(some_logits()), bins.annealed_mean(some_logits(), 0.38))


def test_from_mean_to_mode():
    logits = some_logits()
    mean = torch.einsum("bqhw,qc->bchw", logits.softmax(1), AB_BINS)
    mode = AB_BINS[logits.argmax(1)].movedim(-1, 1)
    assert torch.allclose(bins.annealed_mean(logits, 1), mean, atol=1e-4)
    for temperature in (1e-3, 1e-30, 1e-300):
        assert torch.allclose(bins.annealed_mean(logits, temperature), mode, atol=1e-3)


@FEW
@given(seed=SEEDS, temperature=st.floats(0.05, 5))
def test_annealed_mean_leaves_out_what_all_bins_share(seed, temperature):
    logits = some_logits(seed, dtype=torch.float64)
    shift = 1000 * torch.randn(2, 1, 3, 4, generator=random_numbers(seed), dtype=torch.float64)
    shifted = bins.annealed_mean(logits + shift, temperature)
    assert torch.allclose(shifted, bins.annealed_mean(logits, temperature), atol=1e-6)


def test_impossible_bins_count_nothing():
    logits = torch.full((1, bins.COUNT, 1, 1), -math.inf)
    logits[0, place(30, -60)] = -2.0
    assert bins.annealed_mean(logits).flatten().tolist() == [30, -60]
    logits[0, place(-10, 20)] = -2.0
    logits.requires_grad_()
    answer = bins.annealed_mean(logits)
    assert answer.flatten().tolist() == pytest.approx([10, -20])
    answer.sum().backward()
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("temperature", [0.38, 1.0])
def test_gradients_of_the_annealed_mean(temperature):
    logits = some_logits(size=(1, 1, 2), dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: bins.annealed_mean(x, temperature), logits)


def test_annealed_mean_leaves_its_input_alone():
    logits = some_logits()
    bins.annealed_mean(logits)
    assert torch.equal(logits, some_logits())


def test_annealed_mean_of_channels_last_memory():
    logits = some_logits()
    last = logits.to(memory_format=torch.channels_last)
    assert torch.allclose(bins.annealed_mean(last), bins.annealed_mean(logits), atol=1e-4)


def test_annealed_mean_of_half_precision_is_computed_in_single():
    logits = some_logits().bfloat16()
    expected = bins.annealed_mean(logits.float())
    assert torch.equal(bins.annealed_mean(logits), expected)
    assert expected.dtype == torch.float32
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(bins.annealed_mean(logits), expected)


@pytest.mark.parametrize(
    ("logits", "temperature", "advice"),
    [
        (some_logits(), 0, "above 0.*argmax"),
        (some_logits(), -0.38, "above 0"),
        (some_logits(), math.nan, "above 0"),
        (some_logits().movedim(1, -1), 0.38, r"movedim\(-1, 1\)"),
        (some_logits()[:, :312], 0.38, "One channel for each bin"),
        (some_logits()[0], 0.38, r"\(B, 313, H, W\)"),
        (some_logits().long(), 0.38, "floating-point"),
        (some_logits().numpy(), 0.38, "floating-point tensor, got ndarray"),
        (torch.full((1, 313, 1, 1), -math.inf), 0.38, "all -inf"),
        (torch.full((1, 313, 1, 1), math.nan), 0.38, "NaN"),
    ],
)
def test_annealed_mean_refuses(logits, temperature, advice):
    with pytest.raises(ValueError, match=advice):
        bins.annealed_mean(logits, temperature)


# The prior


def test_prior_counts_pixels():
    # Three pixels near one bin and one near another, in batches of different sizes: each pixel counts the same.
    batches = [pixels((11, 22), (9, 19), (14.9, 24.9)), pixels((-60, 0))]
    prior = bins.color_prior(batches, sigma=0)
    assert prior.sum() == 1
    assert {i: prior[i].item() for i in prior.nonzero().flatten().tolist()} == {
        place(10, 20): 0.75,
        place(-60, 0): 0.25,
    }


def test_prior_of_a_generator_and_of_a_single_batch():
    ab = random_colors(4, 6, 6, reach=60.0)
    expected = bins.color_prior([ab])
    assert expected.shape == (bins.COUNT,)
    assert expected.sum().item() == pytest.approx(1, abs=1e-6)
    assert torch.equal(bins.color_prior(ab[i : i + 1] for i in range(4)), expected)
    assert torch.equal(bins.color_prior(ab), expected)


def test_prior_is_smoothed_with_the_given_width():
    ab = random_colors(1, 9, 9, reach=60.0)
    counted = bins.color_prior(ab, sigma=0)
    assert torch.allclose(bins.color_prior(ab), bins.smooth(counted, 5.0))
    assert torch.allclose(bins.color_prior(ab, sigma=12.0), bins.smooth(counted, 12.0))


def test_smoothing_is_in_the_plane_and_not_along_the_index():
    top = one_bin(-10, 100)  # the last of its column
    spread = bins.smooth(top)
    assert place(0, -70) == place(-10, 100) + 1
    assert spread[place(0, -70)] < 1e-12
    assert spread[place(0, 100)].item() == pytest.approx(spread[place(-10, 90)].item(), rel=1e-5)
    assert spread[place(0, 100)] > 0.05


@pytest.mark.parametrize("sigma", [5.0, 10.0])
def test_smoothing_is_gaussian(sigma):
    spread = bins.smooth(one_bin(0, 0), sigma)
    for a, b in ((10, 0), (0, -10), (10, 20)):
        ratio = spread[place(a, b)] / spread[place(0, 0)]
        assert ratio.item() == pytest.approx(math.exp(-(a**2 + b**2) / (2 * sigma**2)), rel=1e-4)


def test_smoothing_gives_away_exactly_what_each_bin_has():
    # At the edge of the set a kernel whose rows sum to 1 would give away too little.
    for a, b in ((-90, 50), (100, 0), (80, -110), (0, 0)):
        assert bins.smooth(one_bin(a, b), 7.0).sum().item() == pytest.approx(1, abs=1e-5)
    counts = torch.rand(bins.COUNT, generator=random_numbers()) * 1000
    assert bins.smooth(counts).sum().item() == pytest.approx(counts.sum().item(), rel=1e-5)


def test_no_smoothing_at_width_0():
    assert torch.equal(bins.smooth(some_prior(), 0), some_prior())


@pytest.mark.parametrize("empty", [[], (), iter(())])
def test_prior_of_nothing_is_refused(empty):
    with pytest.raises(ValueError, match="make it again"):
        bins.color_prior(empty)


def test_prior_and_smoothing_refuse():
    with pytest.raises(PictureError, match=r"ab\[None\]"):
        bins.color_prior([torch.zeros(2, 4, 4)])
    with pytest.raises(ValueError, match="color_prior makes one"):
        bins.smooth(torch.ones(312))
    for sigma in (-1, math.nan, math.inf):
        with pytest.raises(ValueError, match="no smoothing"):
            bins.smooth(some_prior(), sigma)


# The weights


@FEW
@given(seed=SEEDS, empty=st.floats(0, 0.99), mixing=st.floats(1e-3, 1))
def test_weights_have_expectation_1_under_the_prior(seed, empty, mixing):
    prior = some_prior(seed, empty)
    weights = bins.rebalancing_weights(prior, mixing)
    assert weights.shape == (bins.COUNT,)
    assert (prior.double() @ weights.double()).item() == pytest.approx(1, abs=1e-4)
    rising = prior.sort().indices
    assert (weights[rising].diff() <= 1e-6 * weights.max()).all()  # the rarer, the heavier


def test_weights_by_hand():
    prior = 0.8 * one_bin(0, 0) + 0.2 * one_bin(50, 50)
    # Only the two bins that occur count for the uniform share: 1/2 each, whatever the size of the table.
    often, rare, never = 1 / (0.75 * 0.8 + 0.25 / 2), 1 / (0.75 * 0.2 + 0.25 / 2), 1 / (0.25 / 2)
    scale = 0.8 * often + 0.2 * rare
    weights = bins.rebalancing_weights(prior, mixing=0.25)
    found = [weights[place(*color)].item() for color in ((0, 0), (50, 50), (-90, 50))]
    assert found == pytest.approx([often / scale, rare / scale, never / scale])


def test_ends_of_mixing():
    prior = some_prior()
    assert torch.allclose(bins.rebalancing_weights(prior, 1), torch.ones(bins.COUNT))
    assert torch.allclose(bins.rebalancing_weights(some_prior(empty=0.5), 1), torch.ones(bins.COUNT))
    assert torch.allclose(bins.rebalancing_weights(prior, 0) * prior, torch.full((bins.COUNT,), 1 / bins.COUNT))


def test_mixing_is_the_papers_by_default():
    assert torch.equal(bins.rebalancing_weights(some_prior()), bins.rebalancing_weights(some_prior(), 0.5))


@pytest.mark.parametrize(
    ("prior", "mixing", "advice"),
    [
        (some_prior(), -0.1, "Use 0.5"),
        (some_prior(), 1.1, "Use 0.5"),
        (some_prior(), math.nan, "Use 0.5"),
        (one_bin(0, 0), 0, "312 bins.*wider sigma"),
        (some_prior() * 2, 0.5, r"counts / counts.sum\(\)"),
        (some_prior() - 0.01, 0.5, "negative"),
        (some_prior() * math.nan, 0.5, "NaN"),
        (some_prior()[:312], 0.5, "color_prior makes one"),
        (some_prior().tolist(), 0.5, "color_prior makes one"),
        (torch.ones(bins.COUNT, dtype=torch.long), 0.5, "floating-point"),
    ],
)
def test_weights_refuse(prior, mixing, advice):
    with pytest.raises(ValueError, match=advice):
        bins.rebalancing_weights(prior, mixing)
