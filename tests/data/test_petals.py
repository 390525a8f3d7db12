"""The toy world: its lightness says nothing about hue, and its distributions are what they claim to be."""

import math

import pytest
import torch

from course_lib import color
from course_lib.data import petals
from course_lib.data.meadow import FIRST_FLOWER, LIGHTNESS
from course_lib.data.petals import (
    ALTERNATIVES,
    REGIONS,
    conditional,
    conditional_mean,
    conditional_median,
    mean_color,
    median_color,
    palette,
    redraw,
    true_distribution,
)


@pytest.fixture(scope="module")
def scenes():
    return petals(200, size=48, seed=3)


def test_shapes_and_ranges(scenes):
    assert scenes.rgb.shape == scenes.lab.shape == (200, 3, 48, 48)
    assert scenes.regions.shape == (200, 48, 48)
    assert scenes.regions.dtype == torch.long
    assert 0 <= scenes.rgb.min() < scenes.rgb.max() <= 1


def test_lightness_is_the_same_whatever_the_hue(scenes):
    other = petals(200, size=48, seed=3, hue_seed=99)
    assert (other.hues["sky"] != scenes.hues["sky"]).any()
    assert torch.equal(other.lab[:, 0], scenes.lab[:, 0])
    assert torch.equal(other.parts, scenes.parts)
    # Not only as drawn: it also comes back from the sRGB pictures, which differ.
    seen, seen_other = color.to_gray(scenes.rgb), color.to_gray(other.rgb)
    assert (scenes.rgb - other.rgb).abs().max() > 0.3
    assert torch.allclose(seen, scenes.lab[:, :1], atol=1e-3)
    assert torch.allclose(seen_other, seen, atol=1e-3)


def test_every_alternative_is_in_the_gamut_at_every_lightness_of_its_region():
    for region in REGIONS:
        colors, _ = conditional(region)
        lightness = torch.linspace(*LIGHTNESS[region], 201).expand(len(colors), 1, 201)
        ab = colors[:, :, None].expand(-1, -1, 201)
        lab = torch.cat([lightness, ab], dim=1).movedim(1, 0)
        assert color.in_gamut(lab, tolerance=0).all(), region


def test_every_pixel_is_in_the_gamut_and_in_the_range_of_its_region(scenes):
    assert color.in_gamut(scenes.lab, tolerance=0).all()
    for i, region in enumerate(REGIONS):
        lightness = scenes.lightness[scenes.regions == i]
        low, high = LIGHTNESS[region]
        assert low <= lightness.min() and lightness.max() <= high, region  # noqa: PT018 - one range


def test_regions_partition_the_picture_and_each_has_a_color_of_its_list(scenes):
    assert set(scenes.regions.unique().tolist()) == set(range(len(REGIONS)))
    ab = scenes.lab[:, 1:].movedim(1, -1)
    for i, region in enumerate(REGIONS):
        distance = torch.cdist(ab[scenes.regions == i].double(), conditional(region)[0].double()).min(dim=1).values
        assert distance.max() < 1e-5, region


def test_each_flower_has_one_color_and_flowers_of_a_picture_differ(scenes):
    petal_colors = conditional("petals")[0]
    for flower in range(scenes.parts.max() - FIRST_FLOWER + 1):
        rows, ys, xs = (scenes.parts == FIRST_FLOWER + flower).nonzero(as_tuple=True)
        expected = petal_colors[scenes.hues["petals"][rows, flower]]
        assert torch.equal(scenes.lab[rows, 1:, ys, xs], expected)
        assert (scenes.hues["petals"][rows, flower] >= 0).all()
    hues = scenes.hues["petals"]
    assert (hues[:, 1] >= 0).any()
    assert (hues[:, 0] != hues[:, 1])[hues[:, 1] >= 0].any()


def _within_binomial_bounds(drawn, probabilities):
    """Each share within 4.5 standard deviations of its probability: fails by chance once in 100,000 runs."""
    total = len(drawn)
    for place, p in enumerate(probabilities.tolist()):
        assert abs((drawn == place).sum().item() - total * p) < 4.5 * math.sqrt(total * p * (1 - p) + 1e-9) + 1e-6, (
            place
        )


def test_colors_are_drawn_as_often_as_stated():
    many = petals(20_000, size=8, seed=11)
    _within_binomial_bounds(many.hues["sky"], conditional("sky")[1])
    flowers = many.hues["petals"]
    _within_binomial_bounds(flowers[flowers >= 0], conditional("petals")[1])


def test_published_shares():
    shares = {region: {name: p for name, (_, p) in colors.items()} for region, colors in ALTERNATIVES.items()}
    assert shares["sky"] == {"blue": 0.6, "orange": 0.4}
    assert shares["petals"] == {"red": 0.4, "yellow": 0.3, "violet": 0.25, "cyan": 0.05}
    assert list(shares["grass"].values()) == [1.0]


def test_color_names_describe_the_colors():
    def rgb(region, name):
        place = list(ALTERNATIVES[region]).index(name)
        lab = torch.cat([torch.tensor([sum(LIGHTNESS[region]) / 2]), conditional(region)[0][place]])
        return color.lab_to_rgb(lab[:, None, None])[:, 0, 0].tolist()

    for region, name, order in (
        ("sky", "blue", "bgr"),
        ("sky", "orange", "rgb"),
        ("grass", "green", "grb"),
        ("petals", "yellow", "rgb"),
        ("petals", "violet", "brg"),
    ):
        values = dict(zip("rgb", rgb(region, name), strict=True))
        assert "".join(sorted(values, key=values.get, reverse=True)) == order, (region, name)
    red, cyan = rgb("petals", "red"), rgb("petals", "cyan")
    assert red[0] > 1.7 * max(red[1:])
    assert cyan[0] < 0.5 * min(cyan[1:])


def test_hue_is_independent_of_lightness_and_shape():
    many = petals(4000, size=16, seed=5)
    blue = many.hues["sky"] == 0
    for values in (many.lightness.mean(dim=(1, 2)), many.layout.scene["horizon"], many.layout.scene["clouds"]):
        difference = values[blue].mean() - values[~blue].mean()
        error = values.std() * math.sqrt(1 / blue.sum() + 1 / (~blue).sum())
        assert abs(difference) < 4.5 * error


def test_colors_and_shapes_of_a_seed_share_no_random_numbers():
    firsts = [petals(1, size=8, seed=seed) for seed in range(150)]
    skies = {}
    for first in firsts:
        skies.setdefault(first.layout.present.sum().item(), set()).add(first.hues["sky"].item())
    assert skies == {flowers: {0, 1} for flowers in range(1, 6)}


def test_conditional_mean_is_the_mean_over_redraws():
    few = petals(6, size=24, seed=2)
    total, draws = torch.zeros(6, 2, 24, 24), 3000
    for seed in range(draws):
        total += redraw(few, seed).lab[:, 1:]
    colors, p = conditional("petals")
    spread = (p @ (colors - mean_color("petals")) ** 2).max().sqrt()
    assert (total / draws - conditional_mean(few)).abs().max() < 5 * spread / math.sqrt(draws)


def test_the_mean_is_best_under_l2_and_the_median_under_l1():
    for region in ("sky", "petals"):
        colors, p = conditional(region)
        for step in torch.eye(2):
            for move in (-2 * step, 2 * step):
                assert _cost(colors, p, mean_color(region), 2) < _cost(colors, p, mean_color(region) + move, 2)
                assert _cost(colors, p, median_color(region), 1) < _cost(colors, p, median_color(region) + move, 1)


def _cost(colors, p, answer, power):
    return (p @ (colors - answer).abs() ** power).sum()


def test_maps_hold_the_value_of_each_region(scenes):
    mean, median = conditional_mean(scenes), conditional_median(scenes)
    for i, region in enumerate(REGIONS):
        inside = scenes.regions == i
        assert (mean.movedim(1, -1)[inside] == mean_color(region)).all()
        assert (median.movedim(1, -1)[inside] == median_color(region)).all()
    assert torch.allclose(median_color("sky"), conditional("sky")[0][0])  # blue: the more likely one, not a mixture


def test_true_distribution(scenes):
    few = scenes[:5]
    colors, shares = true_distribution(few)
    names, same = palette()
    assert torch.equal(colors, same)
    assert shares.shape == (5, len(names), 48, 48)
    assert torch.allclose(shares.sum(dim=1), torch.ones(5, 48, 48))
    mean = torch.einsum("kc,nkhw->nchw", colors, shares)
    assert torch.allclose(mean, conditional_mean(few), atol=1e-5)
    sky = shares.movedim(1, -1)[few.regions == 0]
    assert [n for n, p in zip(names, sky[0].tolist(), strict=True) if p > 0] == [("sky", "blue"), ("sky", "orange")]


def test_the_same_seed_gives_the_same_scenes_however_many():
    first, again, more = petals(3, size=32, seed=7), petals(3, size=32, seed=7), petals(150, size=32, seed=7)
    assert torch.equal(first.rgb, again.rgb)
    assert torch.allclose(first.rgb, more.rgb[:3], atol=1e-6)
    assert torch.equal(first.parts, more.parts[:3])
    assert not torch.equal(first.rgb, petals(3, size=32, seed=8).rgb)


def test_resolution_does_not_change_the_scene():
    small, large = petals(10, size=32, seed=1), petals(10, size=128, seed=1)
    assert torch.equal(small.hues["petals"], large.hues["petals"])
    assert (small.regions == large.regions[:, 2::4, 2::4]).float().mean() > 0.95


def test_some_scenes(scenes):
    part = scenes[[4, 2]]
    assert len(part) == 2
    assert torch.equal(part.rgb, scenes.rgb[[4, 2]])
    assert torch.equal(scenes[3].lightness, scenes.lightness[3:4])


@pytest.mark.parametrize(("count", "size"), [(0, 64), (3, 4)])
def test_impossible_requests_are_refused(count, size):
    with pytest.raises(ValueError, match="at least"):
        petals(count, size=size)


def test_unknown_region_names_the_known_ones():
    with pytest.raises(ValueError, match=r"sky, grass.*petals"):
        conditional("sea")
