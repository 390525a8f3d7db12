"""Hints revealed from photographs: how many, where, how large, how often they are wrong, and whose random numbers they are."""

import numpy as np
import pytest
import torch
from scipy import stats

from course_lib import bins, color
from course_lib.hints import Patch
from course_lib.training import simulated_hints
from course_lib.training.simulated_hints import (
    color_edges,
    draw_count,
    draw_patch,
    recolor,
    reveal,
    reveal_some,
    simulate_hints,
    slip,
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def natural(*ab):
    """Colors in natural units as network units."""
    return torch.tensor(ab) / 110


def many_colors(size=(24, 40)):
    """A picture (2, H, W) in network units in which no two pixels have the same color, and a color tells its place."""
    height, width = size
    rows, columns = torch.meshgrid(torch.linspace(-0.6, 0.6, height), torch.linspace(-0.7, 0.5, width), indexing="ij")
    return torch.stack([rows, columns])


def halves(ab_left, ab_right, size=(20, 30), edge=13):
    ab = natural(*ab_left)[:, None, None].repeat(1, *size)
    ab[:, :, edge:] = natural(*ab_right)[:, None, None]
    return ab


def bounds(trials, probability):
    """Between which shares an event of this probability happens, but once in a million times."""
    return stats.binom(trials, probability).ppf([5e-7, 1 - 5e-7]) / trials


def check_rate(happened, probability):
    low, high = bounds(len(happened), probability)
    assert low <= np.mean(happened) <= high


# ---- how many, where, how large


def test_the_number_of_points_is_geometric_and_may_be_0():
    """The chance of k points is 1/8 (7/8)^k: 7 on average."""
    source = generator(1)
    counts = np.array([draw_count(source) for _ in range(20_000)])
    expected = stats.geom(1 / 8, loc=-1)
    assert expected.mean() == 7
    assert abs(counts.mean() - 7) < 5 * expected.std() / len(counts) ** 0.5
    observed = np.bincount(counts.clip(max=30), minlength=31)
    chances = np.append(expected.pmf(np.arange(30)), expected.sf(29))
    assert stats.chisquare(observed, chances * len(counts)).pvalue > 1e-4


def test_points_have_all_sides_from_1_to_9_equally_often():
    source, ab = generator(2), many_colors()
    sides = [draw_patch(ab, source).side for _ in range(4500)]
    assert set(sides) == set(range(1, 10))
    assert stats.chisquare(np.bincount(sides)[1:]).pvalue > 1e-4


def test_points_lie_normally_around_the_middle_and_always_inside():
    """With a standard deviation of a quarter of the side, rows and columns apart; what would be outside lies at the edge."""
    source, (height, width) = generator(3), (400, 800)
    ab = torch.zeros(2, height, width)
    patches = [draw_patch(ab, source) for _ in range(4000)]
    tops, lefts, sides = (np.array([getattr(patch, name) for patch in patches]) for name in ("top", "left", "side"))
    places = []
    for begins, length in ((tops, height), (lefts, width)):
        assert (begins >= 0).all()
        assert (begins + sides <= length).all()
        deviations = (begins + sides / 2 - length / 2) / (length / 4)
        places.append(deviations)
        inside = (begins > 0) & (begins + sides < length)
        check_rate(~inside, 2 * stats.norm.sf(1.99))  # the middle of a point reaches a little less far than its edge
        assert stats.kstest(deviations[inside], stats.truncnorm(-1.99, 1.99).cdf).pvalue > 1e-4
    assert abs(np.corrcoef(*places)[0, 1]) < 0.08


def test_points_are_around_the_very_middle():
    """Their own middles, not their corners: in a small picture that is a difference."""
    source, ab = generator(10), torch.zeros(2, 24, 40)
    patches = [draw_patch(ab, source) for _ in range(4000)]
    for middle, name in ((12, "top"), (20, "left")):
        middles = np.array([getattr(patch, name) + patch.side / 2 for patch in patches])
        assert abs(middles.mean() - middle) < 5 * middle / 2 / len(patches) ** 0.5


def test_a_point_fits_into_a_picture_as_small_as_itself():
    source = generator(4)
    for _ in range(200):
        patch = draw_patch(torch.zeros(2, 9, 9), source)
        assert 0 <= patch.top <= 9 - patch.side
        assert 0 <= patch.left <= 9 - patch.side


def test_a_point_shows_the_mean_color_of_what_it_covers():
    ab = many_colors()
    patch = reveal(ab, 3, 20, 4)
    covered = [ab[:, row, column] for row in range(3, 7) for column in range(20, 24)]
    assert torch.allclose(patch.ab, torch.stack(covered).mean(dim=0), atol=1e-6)
    assert patch[:3] == (3, 20, 4)
    source = generator(5)
    for _ in range(50):
        drawn = draw_patch(ab, source)
        assert torch.equal(drawn.ab, reveal(ab, *drawn[:3]).ab)


# ---- what is wrong now and then


def revealed(monkeypatch, count, many, **options):
    """A picture, and ``many`` times some of it with ``count`` points of one pixel each: colors and mask."""
    monkeypatch.setattr(simulated_hints, "draw_count", lambda generator: count)
    monkeypatch.setattr(simulated_hints, "LARGEST", 1)
    source, ab = generator(6), many_colors()
    return ab, [reveal_some(ab, source, **options) for _ in range(many)]


def test_every_hundredth_picture_is_revealed_as_a_whole(monkeypatch):
    ab, pictures = revealed(monkeypatch, 0, 8000)
    check_rate([bool(mask.all()) for _, mask in pictures], 0.01)
    for known, mask in pictures:
        assert mask.all() or not mask.any()
        assert torch.equal(known, ab * mask)


def test_a_point_in_twenty_is_wrong_half_of_them_in_color_half_in_place(monkeypatch):
    ab, pictures = revealed(monkeypatch, 1, 8000)
    kinds = []
    for known, mask in pictures:
        if mask.all():
            continue
        ((row, column),) = mask[0].nonzero().tolist()
        apart = (ab - known[:, row, column, None, None]).norm(dim=0)
        kinds.append("right" if apart[row, column] == 0 else "slipped" if apart.min() == 0 else "recolored")
    check_rate([kind == "right" for kind in kinds], 0.95)
    check_rate([kind == "slipped" for kind in kinds], 0.025)
    check_rate([kind == "recolored" for kind in kinds], 0.025)


def test_color_and_place_are_wrong_equally_often(monkeypatch):
    monkeypatch.setattr(simulated_hints, "WHOLE", 0)
    ab, pictures = revealed(monkeypatch, 1, 5000, wrong=1)
    shown = [known[:, mask[0] == 1][:, :, None] for known, mask in pictures]
    check_rate([bool((ab == one).all(dim=0).any()) for one in shown], 0.5)


def test_who_wants_no_wrong_points_gets_none(monkeypatch):
    ab, pictures = revealed(monkeypatch, 3, 300, wrong=0)
    assert all(torch.equal(known, ab * mask) for known, mask in pictures)
    l, truth = batch(6)  # noqa: E741 - l is the symbol of the field
    monkeypatch.setattr(simulated_hints, "LARGEST", 1)
    _, known, mask, _, _ = simulate_hints(l, truth, range(6), wrong=0)
    assert torch.equal(known, truth * mask)
    assert mask.any()


def test_a_wrong_place_is_near_and_inside_and_has_the_color_of_the_right_one():
    source, size, patch = generator(7), (80, 160), Patch(40, 60, 5, natural(30.0, -10.0))
    moves = []
    for _ in range(2000):
        slipped = slip(patch, size, source)
        assert slipped.side == 5
        assert torch.equal(slipped.ab, patch.ab)
        moves.append((slipped.top - 40, slipped.left - 60))
    rows, columns = np.array(moves).T
    for values, furthest in ((rows, 10), (columns, 20)):  # an eighth of the side
        assert {values.min(), values.max()} == {-furthest, furthest}
        assert abs(values.mean()) < furthest / 10
    corner = Patch(0, 155, 5, patch.ab)
    assert all(
        0 <= moved.top <= 75 and 0 <= moved.left <= 155 for moved in (slip(corner, size, source) for _ in range(200))
    )


def test_a_wrong_color_has_any_hue_and_a_chroma_up_to_60():
    source, patch = generator(8), Patch(2, 3, 4, natural(0.0, 0.0))
    wrong = [recolor(patch, source) for _ in range(3000)]
    assert {one[:3] for one in wrong} == {(2, 3, 4)}
    ab = 110 * torch.stack([one.ab for one in wrong]).numpy()
    chroma, hue = np.hypot(*ab.T), np.arctan2(*ab.T[::-1])
    assert stats.kstest(chroma, stats.uniform(0, 60).cdf).pvalue > 1e-4
    assert stats.kstest(hue, stats.uniform(-np.pi, 2 * np.pi).cdf).pvalue > 1e-4


# ---- a batch


def batch(count=6, size=(24, 40)):
    source = generator(9)
    return torch.rand(count, 1, *size, generator=source), torch.rand(count, 2, *size, generator=source) - 0.5


def test_everything_random_about_a_picture_depends_on_its_own_seed_alone():
    """Neither the order of a batch, nor its size, nor what else draws random numbers matters."""
    (l, ab), seeds = batch(), [5, 3, 8, 1, 99, 2**40]  # noqa: E741 - l is the symbol of the field
    together = simulate_hints(l, ab, seeds)
    torch.manual_seed(7)
    order = [4, 2, 0, 5, 3, 1]
    shuffled = simulate_hints(l[order], ab[order], [seeds[place] for place in order])
    for part, again in zip(together, shuffled, strict=True):
        assert torch.equal(part[order], again)
    for place in range(6):
        alone = simulate_hints(l[place : place + 1], ab[place : place + 1], seeds[place : place + 1])
        for part, one in zip(together, alone, strict=True):
            assert torch.equal(part[place : place + 1], one)


def test_other_seeds_give_other_hints():
    l, ab = batch(1)  # noqa: E741
    masks = {simulate_hints(l, ab, [seed])[2].numpy().tobytes() for seed in range(20)}
    assert len(masks) > 15  # an eighth of the pictures has no points


def test_what_a_network_gets():
    l, ab = batch()  # noqa: E741
    same, known, mask, strokes, palette = simulate_hints(l, ab, range(6))
    assert torch.equal(same, l)
    assert known.shape == (6, 2, 24, 40)
    assert mask.shape == strokes.shape == (6, 1, 24, 40)
    assert palette.shape == (6, 314)
    assert {float(value) for value in torch.cat([mask, strokes]).unique()} <= {0.0, 1.0}
    assert torch.equal(known, known * mask)
    assert mask.any()


def test_the_input_stays_as_it_was():
    l, ab = batch()  # noqa: E741
    copies = l.clone(), ab.clone()
    simulate_hints(l, ab, range(6))
    assert torch.equal(l, copies[0])
    assert torch.equal(ab, copies[1])


@pytest.fixture
def no_points(monkeypatch):
    monkeypatch.setattr(simulated_hints, "draw_count", lambda generator: 0)


def test_strokes_lie_in_rectangles_of_three_pictures_in_ten(no_points, monkeypatch):
    monkeypatch.setattr(simulated_hints, "color_edges", lambda ab: torch.ones_like(ab[:, :1]))  # edges everywhere
    monkeypatch.setattr(simulated_hints, "PALETTES", 0)
    size, heights, widths = (8, 16), [], []
    strokes = simulate_hints(torch.zeros(4000, 1, *size), torch.zeros(4000, 2, *size), range(4000))[3]
    drawn = strokes.flatten(1).any(dim=1)
    check_rate(drawn.numpy(), 0.3)
    for window in strokes[drawn][:, 0]:
        rows, columns = window.any(dim=1).nonzero()[:, 0], window.any(dim=0).nonzero()[:, 0]
        heights.append(int(rows.max() - rows.min()) + 1)
        widths.append(int(columns.max() - columns.min()) + 1)
        assert window.sum() == heights[-1] * widths[-1]
    assert set(heights) == set(range(2, 9))  # from a quarter to all of a side
    assert set(widths) == set(range(4, 17))
    covered = strokes[drawn].mean(dim=(0, 1))
    assert (covered - covered.flip(0)).abs().max() < 0.1  # as often above as below
    assert (covered - covered.flip(1)).abs().max() < 0.1


def test_strokes_are_where_colors_meet(no_points):
    ab = torch.stack([halves((30.0, 0.0), (-30.0, 0.0)), halves((0.0, 30.0), (0.0, -30.0), edge=22)])
    picture = ab.repeat(40, 1, 1, 1)
    strokes = simulate_hints(torch.zeros(80, 1, 20, 30), picture, range(80))[3]
    edges = color_edges(picture)
    assert strokes.any()
    assert not (strokes > edges).any()


def test_palettes_are_told_of_three_pictures_in_ten_half_of_them_by_a_few_colors(no_points, monkeypatch):
    monkeypatch.setattr(simulated_hints, "STROKES", 0)
    ab = many_colors((16, 48))[None].expand(1200, -1, -1, -1)
    palettes = simulate_hints(torch.zeros(1200, 1, 16, 48), ab, range(1200))[4]
    told = palettes[:, -1] == 1
    check_rate(told.numpy(), 0.3)
    assert not palettes[~told].any()
    assert torch.allclose(palettes[told, :-1].sum(dim=1), torch.ones(int(told.sum())), atol=1e-4)
    of_all = bins.encode_soft(110 * ab[:1, :, ::4, ::4]).mean(dim=(0, 2, 3))
    whole = (palettes[told, :-1] - of_all).abs().amax(dim=1) < 1e-5
    check_rate(whole.numpy(), 0.5)
    named = (palettes[told][~whole, :-1] > 0).sum(dim=1)  # a color lies among five bins
    assert named.min() <= 5
    assert 25 < named.max() <= 40


def test_a_palette_is_in_natural_units_with_a_first(no_points, monkeypatch):
    monkeypatch.setattr(simulated_hints, "PALETTES", 1)
    ab = natural(60.0, -30.0)[None, :, None, None].expand(4, 2, 16, 16)
    for palette in simulate_hints(torch.zeros(4, 1, 16, 16), ab, range(4))[4]:
        assert bins.AB_BINS[palette[:-1].argmax()].tolist() == [60, -30]


# ---- where colors meet


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("ab_right", [(-10.0, 20.0), (30.0, -40.0), (-25.0, 10.0)])
def test_two_halves_meet_at_their_boundary_and_nowhere_else(turned, ab_right):
    """In the pixels on one or both of its sides: their steps are the same but for rounding."""
    ab = halves((30.0, 10.0), ab_right)[None]
    edges = color_edges(ab.mT).mT if turned else color_edges(ab)
    assert edges.shape == (1, 1, 20, 30)
    assert edges[..., 12:14].any(dim=-1).all()
    assert edges.sum() == edges[..., 12:14].sum()


def test_the_boundary_of_a_square_is_closed_and_thin():
    ab = torch.zeros(1, 2, 20, 20)
    ab[:, 0, 6:14, 6:14] = 0.5
    edges = color_edges(ab)[0, 0]
    assert not edges[7:13, 7:13].any()
    assert edges.sum() == edges[5:15, 5:15].sum()
    for sides in (edges, edges.T):
        for line in sides[6:14]:
            assert line[5:7].any()
            assert line[13:15].any()


@pytest.mark.parametrize("ab", [(0.0, 0.0), (60.0, -40.0)])
def test_one_color_has_no_edges(ab):
    assert not color_edges(natural(*ab)[None, :, None, None].expand(2, 2, 12, 12)).any()


def test_what_changes_slowly_and_what_changes_little_is_no_edge():
    assert not color_edges(many_colors((60, 100))[None]).any()
    # A step between two areas is spread over three pixels, two thirds of it over any two of them.
    assert not color_edges(halves((0.0, 0.0), (14.0, 0.0))[None]).any()
    assert color_edges(halves((0.0, 0.0), (16.0, 0.0))[None]).any()
    assert color_edges(halves((0.0, 0.0), (0.0, -16.0))[None]).any()


def test_hints_of_a_photograph_are_its_colors():
    from course_lib.data import photo

    lab = color.rgb_to_lab(photo("coffee")[None, :, 100:228, 200:328])
    l, ab = color.normalize(lab)  # noqa: E741
    _, known, mask, strokes, _ = simulate_hints(l.repeat(30, 1, 1, 1), ab.repeat(30, 1, 1, 1), range(30))
    apart = 110 * (known - ab).norm(dim=1)[mask[:, 0] == 1]
    assert apart.median() < 5
    assert 110 * known.norm(dim=1).max() > 20
    assert 0 < strokes.mean() < 0.1
