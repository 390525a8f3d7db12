"""What lesson 05 tries out: words about skies, views, what an embedding changes, reach, probes and the table of results."""

import pytest
import torch
from torch import nn

from course_lib import color, semantic
from course_lib.data import petals
from course_lib.data.petals import conditional
from course_lib.models import FusionNet
from course_lib.models.fusion import fuse


@pytest.fixture(scope="module")
def scenes():
    return petals(200, size=16, seed=0)


@pytest.fixture(scope="module")
def network():
    """A small network with an encoder of its own, with random weights that listen to the embedding."""
    torch.manual_seed(0)
    arguments = {"classes": 3, "widths": [8, 8]}
    return FusionNet(widths=(8, 8, 8, 16, 16, 16, 16, 16), embedding=8, encoder=arguments).eval()


# ---- drawn skies


def test_the_word_names_the_sky_that_was_drawn(scenes):
    words = semantic.words_for(scenes)
    assert words.sum(dim=1).eq(1).all()
    for row in range(20):
        ab = scenes.lab[row, 1:, 0, 0]  # the corner is sky
        distance = (conditional("sky")[0] - ab).norm(dim=1)
        assert words[row].argmax() == distance.argmin()
        assert semantic.SKIES[words[row].argmax()] == ("blue" if ab[1] < 0 else "orange")


def test_so_many_words_are_misheard(scenes):
    words = semantic.words_for(petals(4000, size=8, seed=0))
    for right in (0.0, 0.8, 1.0):
        heard = semantic.misheard(words, right, seed=1)
        assert heard.sum(dim=1).eq(1).all()
        assert heard.eq(words).all(dim=1).float().mean().item() == pytest.approx(right, abs=0.03)


def test_beliefs_are_what_one_counts():
    words = semantic.words_for(petals(20_000, size=8, seed=5))
    heard = semantic.misheard(words, 0.8, seed=6)
    for word in (0, 1):
        counted = words[heard[:, word] == 1].mean(dim=0)
        assert torch.allclose(semantic.believed(0.8)[word], counted, atol=0.02)
    assert torch.equal(semantic.believed(1.0), torch.eye(2))
    assert torch.allclose(semantic.believed(0.5)[0], conditional("sky")[1])


def test_another_sky_leaves_lightness_and_ground_alone(scenes):
    blue, orange = (semantic.with_sky(scenes, sky) for sky in semantic.SKIES)
    assert torch.equal(blue.lightness, orange.lightness)
    sky = (scenes.regions == 0)[:, None].expand(-1, 2, -1, -1)
    assert torch.equal(blue.lab[:, 1:][~sky], orange.lab[:, 1:][~sky])
    assert (blue.lab[:, 2][sky[:, 0]] < 0).all()
    assert (orange.lab[:, 2][sky[:, 0]] > 0).all()


def test_a_packed_input_is_unpacked_by_the_network(scenes):
    l, words = semantic.lightness(scenes.rgb[:3]), semantic.words_for(scenes[:3])  # noqa: E741
    for embedding in (words, words[:, :0]):
        torch.manual_seed(0)
        told = semantic.Told(embedding.shape[1])
        packed = semantic.pack(l, embedding)
        assert packed.shape == (3, 1 + embedding.shape[1], 16, 16)
        assert torch.allclose(told(packed), told.network(l, embedding).ab)
    assert not torch.allclose(told.network.encoder(l)[0], told.network.encoder(l)[1])


def test_inside_keeps_its_distance_from_other_regions(scenes):
    found = semantic.inside(scenes[:10], "sky", border=2)
    sky = scenes[:10].regions == 0
    assert found.any()
    assert not (found & ~sky).any()
    rows, ys, xs = found.nonzero(as_tuple=True)
    for row, y, x in zip(rows.tolist(), ys.tolist(), xs.tolist(), strict=True):
        assert sky[row, max(0, y - 2) : y + 3, max(0, x - 2) : x + 3].all()
    lonely = sky & ~found
    assert lonely.any()
    row, y, x = lonely.nonzero()[0].tolist()
    assert not sky[row, max(0, y - 2) : y + 3, max(0, x - 2) : x + 3].all()


# ---- photographs


@pytest.mark.parametrize("name", semantic.VIEWS)
def test_views_are_squares_of_the_photographs(name):
    rgb = semantic.view(name)
    assert rgb.shape == (3, semantic.SIDE, semantic.SIDE)
    assert rgb.min() >= 0
    assert rgb.max() <= 1
    assert rgb.std() > 0.05


def test_a_part_is_cut_out_where_it_says():
    from course_lib.data import photo

    assert torch.equal(semantic.view("trees"), photo("china")[:, 256:384, 512:640])


def test_lightness_is_in_network_units():
    rgb = torch.tensor([0.0, 1.0]).repeat_interleave(8).expand(3, 8, 16)
    l = semantic.lightness(rgb)  # noqa: E741
    assert l.shape == (1, 1, 8, 16)
    assert l[0, 0, 0, 0].item() == pytest.approx(-1, abs=1e-4)
    assert l[0, 0, 0, -1].item() == pytest.approx(1, abs=1e-4)


def test_the_network_is_told_what_its_encoder_says_unless_told_otherwise(network):
    rgb = torch.stack([semantic.view("trees"), semantic.view("street")])
    own, others = semantic.embed(network, rgb), semantic.embed(network, rgb.flip(0))
    assert torch.allclose(semantic.colors(network, rgb), semantic.colors(network, rgb, own), atol=1e-4)
    moved = semantic.change(network, rgb, others)
    assert moved.shape == (2, semantic.SIDE, semantic.SIDE)
    assert moved.mean() > 0.01
    assert semantic.change(network, rgb, own).max() < 1e-3
    expected = semantic.colors(network, rgb, others) - semantic.colors(network, rgb)
    assert torch.allclose(moved, (expected[:, 0] ** 2 + expected[:, 1] ** 2).sqrt(), atol=1e-4)


def test_colored_pictures_keep_their_lightness_and_their_shape(network):
    rgb = semantic.view("cup")
    for pictures in (rgb, rgb[None]):
        painted = semantic.colored(network, pictures)
        assert painted.shape == pictures.shape
        batch = painted.reshape(1, 3, 128, 128)
        assert torch.allclose(color.to_gray(batch), color.to_gray(rgb[None]), atol=0.05)
        assert not torch.allclose(painted, color.without_color(pictures), atol=0.01)


# ---- what an embedding changes


def test_means_by_thirds_and_by_lightness():
    values = torch.zeros(2, 9, 4)
    values[:, :3], values[:, 3:6], values[:, 6:] = 1.0, 2.0, 6.0
    assert semantic.by_thirds(values).tolist() == [1, 2, 6]
    rgb = torch.zeros(2, 3, 9, 4)  # black above, white below
    rgb[:, :, 6:] = 1
    dark, medium, light = semantic.by_lightness(values, rgb)
    assert dark.item() == pytest.approx(1.5)
    assert medium.isnan()
    assert light.item() == pytest.approx(6)


@pytest.mark.parametrize(("layers", "pixels"), [
    ([(3, 1)], 3),
    ([(3, 1), (3, 1)], 5),
    ([(3, 2), (3, 1)], 7),
    ([(5, 2), (3, 2), (3, 1)], 17),
])  # fmt: skip
def test_reach_is_what_the_formula_says(layers, pixels):
    torch.manual_seed(0)
    stack = nn.Sequential(*(nn.Conv2d(1, 1, kernel, stride, padding=kernel // 2) for kernel, stride in layers))
    assert semantic.reach(stack, side=64) == pixels


# ---- swaps


def check_swaps(network, labels_in):
    rgb, labels, others = semantic.swap_examples(network)
    assert rgb.shape == (4, 3, semantic.SIDE, semantic.SIDE)
    assert others.shape == (4, 8)
    assert all(told != otherwise for told, otherwise in labels)
    assert {name for pair in labels for name in pair} <= labels_in
    assert (others - semantic.embed(network, rgb)).norm(dim=1).min() > 0
    return rgb, labels, others


def test_swaps_without_photographs(network, monkeypatch):
    monkeypatch.setattr(semantic, "available", lambda name: False)
    rgb, labels, others = check_swaps(network, set(semantic.VIEWS))
    assert torch.equal(rgb[0], semantic.view(labels[0][0]))
    assert torch.allclose(others[0], semantic.embed(network, semantic.view(labels[0][1]))[0], atol=1e-5)


def test_swaps_with_photographs(network, course_data):
    _, labels, _ = check_swaps(network, {"sea", "forest", "glacier", "mountain", "street"})
    assert labels[:2] == [("sea", "forest"), ("forest", "sea")]


# ---- probes


def test_a_probe_finds_what_is_linear_and_nothing_in_noise():
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 4, (400,), generator=generator)
    telling = torch.nn.functional.one_hot(labels, 4).float() @ torch.randn(4, 10, generator=generator)
    noise = torch.randn(400, 10, generator=generator)
    learned, tested = slice(0, 200), slice(200, 400)

    def accuracy(numbers):
        named = semantic.probe(numbers[learned], labels[learned], numbers[tested], classes=4)
        return (named == labels[tested]).float().mean().item()

    assert accuracy(1000 * (telling + 0.1 * noise) + 7) > 0.98
    assert accuracy(noise) < 0.4
    assert accuracy(torch.cat([telling, torch.ones(400, 3)], dim=1)) > 0.98  # a number that never changes does no harm


# ---- results


def results():
    def entry(value):
        return {"value": value, "low": value - 0.5, "high": value + 0.5}

    groups = ("all", "forest")
    rows = {
        way: {group: {"delta_e": entry(8.25 + place)} for place, group in enumerate(groups)}
        for way in ("none", "trained")
    }
    return {"rows": rows, "leads": {"trained - none": {group: {"delta_e": entry(-0.25)} for group in groups}}}


def test_the_table_shows_every_number_with_its_interval():
    lines = semantic.class_table(results(), "delta_e", digits=2).splitlines()
    assert len(lines) == 3
    assert lines[0].split() == ["told", "nothing", "told", "what", "it", "is", "difference"]
    assert lines[1].startswith("all ")
    assert lines[2].startswith("forest")
    assert lines[2].count("9.25 (8.75 to 9.75)") == 2
    assert lines[2].endswith("-0.25 (-0.75 to +0.25)")


def test_fusion_is_a_bias_for_the_whole_picture(network):
    """What the lesson says of the fusion, on the library's own."""
    features, embedding = torch.rand(2, 16, 4, 4), torch.rand(2, 8)
    layer = network.fusion[0]
    bias = embedding @ layer.weight[:, 16:, 0, 0].T + layer.bias
    same = nn.functional.conv2d(features, layer.weight[:, :16]) + bias[:, :, None, None]
    assert torch.allclose(layer(fuse(features, embedding)), same, atol=1e-5)
