"""Suggestions: the modes of a distribution, the likely ones first, in colors that can be shown."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib import bins, color
from course_lib.suggesting import COUNT, LEAST, in_gamut_at, suggest


def logits_of(shares, rest=1e-7):
    """The logits of a distribution with these shares, {(a, b): share}, and next to nothing elsewhere."""
    distribution = torch.full((313,), rest)
    for ab, share in shares.items():
        distribution[bins.AB_BINS.tolist().index(list(map(float, ab)))] = share
    return distribution.log()


def noise(seed, spread=3.0):
    return spread * torch.randn(313, generator=torch.Generator().manual_seed(seed))


def test_two_modes_are_found_the_likely_one_first():
    first, second, *others = suggest(logits_of({(30, 20): 0.7, (-20, 30): 0.3}), 60)
    assert (first.a, first.b) == pytest.approx((30, 20), abs=0.1)
    assert (second.a, second.b) == pytest.approx((-20, 30), abs=0.1)
    assert (first.share, second.share) == pytest.approx((0.7, 0.3), abs=0.01)
    assert not others


def test_neighbors_are_one_mode_at_their_mean():
    """More bins than suggestions: what lies together is suggested once."""
    near = {(30, 20): 0.2, (40, 20): 0.2, (30, 30): 0.2}
    far = {(-30, 30): 0.2, (-40, 30): 0.2}
    first, second = suggest(logits_of(near | far), 60, count=2)
    assert (first.a, first.b) == pytest.approx((100 / 3, 70 / 3), abs=0.1)
    assert (second.a, second.b) == pytest.approx((-35, 30), abs=0.1)
    assert (first.share, second.share) == pytest.approx((0.6, 0.4), abs=0.01)


def test_bins_weigh_what_they_are_worth():
    """Without the weights, two bins of unequal shares would be suggested half way between them."""
    (only,) = suggest(logits_of({(30, 20): 0.9, (40, 20): 0.1}), 60, count=1)
    assert (only.a, only.b) == pytest.approx((31, 20), abs=0.1)
    assert only.share == pytest.approx(1, abs=0.01)


def test_a_distribution_that_is_sure_gives_one_suggestion():
    (only,) = suggest(logits_of({(0, 0): 1.0}, rest=1e-12), 50)
    assert (only.a, only.b) == pytest.approx((0, 0), abs=1e-3)
    assert only.share == pytest.approx(1, abs=1e-3)


def test_colors_that_cannot_be_shown_lose_chroma_and_keep_their_hue():
    wide = {(80, 60): 1.0}
    (bright,), (middle,) = suggest(logits_of(wide, 1e-12), 90), suggest(logits_of(wide, 1e-12), 53)
    assert bright.a < 40 < 79 < middle.a
    assert bright.b / bright.a == pytest.approx(60 / 80, rel=1e-3)


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 1000),
    spread=st.floats(0, 20),
    lightness=st.floats(0, 100),
    count=st.sampled_from([1, 3, COUNT, 9]),
)
def test_whatever_the_distribution(seed, spread, lightness, count):
    logits = noise(seed, spread)
    found = suggest(logits, lightness, count)
    shares = [suggestion.share for suggestion in found]
    assert 1 <= len(found) <= count
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) <= 1 + 1e-5
    assert min(shares) >= LEAST
    lab = torch.tensor([[lightness, suggestion.a, suggestion.b] for suggestion in found]).T[:, None]
    assert color.in_gamut(lab, tolerance=1e-3).all()
    assert suggest(logits, lightness, count) == found
    assert all(isinstance(value, float) for suggestion in found for value in suggestion)


def test_what_is_seldom_is_not_suggested():
    found = suggest(logits_of({(30, 20): 0.495, (-20, 30): 0.5, (0, -60): 0.005}, 1e-12), 60)
    assert len(found) == 2


def test_logits_count_up_to_a_constant_and_in_any_precision():
    logits = noise(3)
    expected = suggest(logits, 50)
    for shifted in (logits + 100, logits.double()):
        for one, other in zip(suggest(shifted, 50), expected, strict=True):
            assert one == pytest.approx(other, abs=1e-2)


@pytest.mark.parametrize("lightness", [0, 1, 50, 99, 100])
def test_colors_at_a_lightness_are_as_far_as_srgb_goes(lightness):
    ab = torch.tensor([[0.0, 0.0], [5.0, -3.0], [100.0, 20.0], [-90.0, 90.0], [10.0, -110.0]])
    shown = in_gamut_at(lightness, ab)
    lab = torch.cat([torch.full((5, 1), float(lightness)), shown], dim=1).T[:, None]
    assert color.in_gamut(lab, tolerance=1e-3).all()
    assert torch.equal(shown[0], ab[0])
    # The same hue: the cross product vanishes.
    assert (ab[:, 0] * shown[:, 1] - ab[:, 1] * shown[:, 0]).abs().max() < 1e-2
    assert (shown.norm(dim=1) <= ab.norm(dim=1) + 1e-4).all()
    if lightness == 50:
        assert torch.equal(shown[1], ab[1])
        further = torch.cat([torch.full((3, 1), 50.0), shown[2:] * 1.05], dim=1).T[:, None]
        assert not color.in_gamut(further).any()


def test_suggestions_of_the_trained_network_are_colors_of_the_scene():
    """Its own distribution at one place: several colors, and the most likely one near to what it paints there."""
    from course_lib.data import photo
    from course_lib.models.checkpoints import load_checkpoint

    model = load_checkpoint("scenes-hints")
    l, _ = color.normalize(color.rgb_to_lab(photo("coffee")[None, :, :256, :256]))  # noqa: E741
    answer = model(l)
    logits, lightness = answer.logits[0, :, 32, 32], 50 * (l[0, 0, 130, 130].item() + 1)
    found = suggest(logits, lightness)
    mean = logits.softmax(dim=0) @ bins.AB_BINS
    assert 2 <= len(found) <= COUNT
    assert sum(suggestion.share for suggestion in found) > 0.8
    # Shares and colors together give the mean of the distribution, but for what sRGB lacks.
    together = sum(torch.tensor(suggestion[:2]) * suggestion.share for suggestion in found)
    assert (together - mean).norm() < 8
