"""What lesson 09 does with films: errors of colors alone, a point that is followed, and what was never seen."""

import pytest
import torch
from scipy.ndimage import gaussian_filter

from course_lib import color, filming, metrics
from course_lib.filming import (
    around,
    color_error,
    follow,
    frame_by_frame,
    never_seen,
    photo_film,
    table,
    train_on_stills,
)
from course_lib.models import HypercolumnRegressor

SIZE = 40, 56


def still_flows(count, size=SIZE):
    """Nothing moves and everything can be seen."""
    return torch.zeros(count - 1, 2, *size), torch.ones(count - 1, 1, *size)


def colors(count=4, size=SIZE, seed=0):
    """Soft colors that change from frame to frame."""
    noise = torch.randn(count, 2, *size, generator=torch.Generator().manual_seed(seed)).numpy()
    return torch.from_numpy(gaussian_filter(noise, (0, 0, 3, 3)) * 60)


# ---- the film of photographs


def test_the_photographs_as_a_film():
    film = photo_film(3, 32)
    assert film.shape == (3, 3, 32, 32)
    assert torch.equal(film, photo_film(3, 32))
    assert film.min() >= 0
    assert film.max() <= 1
    behind = photo_film(3, 32, opacity=0.0)
    shine = photo_film(3, 32, opacity=0.5)
    assert (film - behind).abs().mean() > 0.01
    assert (shine - (film + behind) / 2).abs().max() < 0.05


def test_each_frame_is_asked_for_by_itself(monkeypatch):
    monkeypatch.setattr(filming, "still_network", lambda: lambda l: torch.cat([l, -l], dim=1)[..., ::2, ::2])  # noqa: E741
    lightness = torch.arange(20.0)[:, None, None, None].expand(-1, 1, 16, 24)
    ab = frame_by_frame(lightness)
    assert ab.shape == (20, 2, 16, 24)
    assert torch.equal(ab[:, :1], lightness)


# ---- the error of colors


def test_one_color_all_along_has_no_error():
    ab = torch.tensor([20.0, -30.0])[:, None, None].expand(3, 2, *SIZE)
    assert color_error(ab, *still_flows(3)) == pytest.approx(0, abs=1e-12)
    flows, masks = still_flows(3)
    assert color_error(ab, flows + 1.5, masks) == pytest.approx(0, abs=1e-12)


def test_colors_that_do_not_change_have_no_error():
    ab = colors(1).expand(4, -1, -1, -1)
    assert color_error(ab, *still_flows(4)) == pytest.approx(0, abs=1e-10)


def test_the_lightness_of_the_film_is_no_part_of_it():
    """The warp error of the same colors differs with the lightness that they are shown with, and is mostly that of the lightness."""
    ab = colors() / 3
    flows, masks = still_flows(4)
    light = 50 + torch.rand(4, 1, *SIZE, generator=torch.Generator().manual_seed(1)) * 20
    whole = metrics.warp_error(color.join(light, ab), flows, masks)
    assert 0 < color_error(ab, flows, masks) < whole / 3


def test_colors_that_flicker_more_have_more_error():
    steady = colors(1).expand(4, -1, -1, -1)
    errors = [color_error(steady + strength * colors(4, seed=2), *still_flows(4)) for strength in (0.0, 0.1, 0.3)]
    assert errors[0] < errors[1] < errors[2]
    assert errors[2] == pytest.approx(9 * errors[1], rel=0.2)


def test_colors_that_move_along_have_less_error_than_colors_that_stand_still():
    wide = colors(1, (SIZE[0], SIZE[1] + 8))[0]
    moved = torch.stack([wide[..., 2 * (4 - step) :][..., : SIZE[1]] for step in range(4)])
    flows, masks = still_flows(4)
    flows[:, 0] = -2
    assert color_error(moved, flows, masks) < 0.01 * color_error(moved, 0 * flows, masks)
    assert color_error(moved, flows, masks) < 0.01 * color_error(moved, -flows, masks)


def test_where_the_mask_is_0_nothing_counts():
    ab = colors(1).repeat(2, 1, 1, 1)
    ab[1, :, :, 20:] *= -1
    flows, masks = still_flows(2)
    assert color_error(ab, flows, masks) > 1e-3
    masks[..., 20:] = 0
    assert color_error(ab, flows, masks) == pytest.approx(0, abs=1e-10)


# ---- a point


def test_a_point_is_followed():
    generator = torch.Generator().manual_seed(4)
    wide = torch.from_numpy(gaussian_filter(torch.randn(80, 100, generator=generator).numpy(), 2.5))
    wide = (50 + 18 * wide / wide.std()).clamp(0, 100).float()
    film = torch.stack([wide[None, 12 - step : 60 - step, 16 - 2 * step : 80 - 2 * step] for step in range(6)])
    places = follow(film, 20, 24)
    assert places.dtype == torch.long
    assert places.shape == (6, 2)
    expected = torch.tensor([[20 + step, 24 + 2 * step] for step in range(6)])
    assert (places - expected).abs().max() <= 1
    assert places[0].tolist() == [20, 24]


def test_a_point_that_leaves_stays_at_the_border(monkeypatch):
    flow = torch.tensor([3.0, -4.0])[:, None, None].expand(2, *SIZE)
    monkeypatch.setattr(filming, "estimate_flow", lambda new, old: flow)
    places = follow(torch.zeros(9, 1, *SIZE), 10, 50)
    assert places.tolist()[:3] == [[10, 50], [6, 53], [2, 55]]
    assert places.tolist()[-1] == [0, 55]


def test_the_colors_around_a_point():
    ab = torch.zeros(2, 2, *SIZE)
    ab[0, :, 8:13, 18:23] = torch.tensor([10.0, -5.0])[:, None, None]
    ab[1, 0] = torch.arange(float(SIZE[1]))
    means = around(ab, torch.tensor([[10, 20], [10, 30]]))
    assert means.tolist() == [[10, -5], [30, 0]]
    assert around(ab, torch.tensor([[10, 22], [0, 0]]))[0].tolist() == pytest.approx([6, -3])  # three of five columns
    assert around(ab, torch.tensor([[0, 0], [0, 0]]))[1].tolist() == pytest.approx([1, 0])  # what there is of a corner
    assert around(ab, torch.tensor([[10, 20], [39, 55]]), reach=0)[1].tolist() == [55, 0]
    assert around(ab, torch.tensor([[0, 0], [39, 55]]), reach=1)[1].tolist() == [54.5, 0]


# ---- what was never seen


def test_what_came_in_was_never_seen():
    """The picture moves two pixels to the right in each step: after three of them, six columns at the left are new."""
    flows, masks = still_flows(4)
    flows[:, 0] = -2
    masks[..., :2] = 0
    new = never_seen(flows, masks)
    assert new.shape == (1, *SIZE)
    assert new[..., :6].min() == 1
    assert new[..., 6:].max() == 0


def test_what_was_hidden_once_was_never_seen_since():
    flows, masks = still_flows(4)
    assert not never_seen(flows, masks).any()
    masks[0, 0, 10, 10] = 0
    masks[2, 0, 5, 5] = 0
    flows[1, 0] = -1  # and then all moves to the right
    new = never_seen(flows, masks)
    assert set(map(tuple, new[0].nonzero().tolist())) == {(10, 11), (5, 5)}


# ---- a table


def test_a_table_has_a_line_for_each_film():
    rows = {
        "a meadow": {"gray": {"error": 0.0123}, "ours": {"error": 0.5}},
        "a clip": {"gray": {"error": None}, "ours": {"error": 2.0}},
    }
    lines = table(rows, ["a clip", "a meadow"], ["ours", "gray"], "error", scale=100, digits=2).split("\n")
    assert [line.split() for line in lines] == [
        ["ours", "gray"],
        ["a", "clip", "200.00", "-"],
        ["a", "meadow", "50.00", "1.23"],
    ]
    assert len({len(line) for line in lines}) == 1
    assert table(rows, ["a meadow"], ["ours"], "error").endswith(" 0.5")


# ---- a small network for single frames


def test_a_network_learns_from_scenes_as_they_are_or_as_if_they_were_old(monkeypatch):
    from course_lib import training
    from course_lib.data import petals

    seen = []

    class Stop(Exception):
        pass

    def stop(*arguments, **options):
        raise Stop

    def watch(network, dls, loss):
        seen.append((network, dls, loss))
        return network

    monkeypatch.setattr(training, "learner", watch)
    monkeypatch.setattr(training, "train", stop)
    scenes, unseen = petals(20, size=16, seed=1), petals(17, size=16, seed=2)
    for aged in (False, True):
        with pytest.raises(Stop):
            train_on_stills(scenes, unseen, aged)
    for network, dls, loss in seen:
        assert type(network) is HypercolumnRegressor
        assert loss == "L2"
        assert len(dls.train.dataset) == 20
        assert len(dls.valid.dataset) == 17
    clean, old = (torch.cat([x for x, _ in dls.valid]) for _, dls, _ in seen)
    truth = color.normalize(unseen.lab)
    assert torch.allclose(clean, truth[0], atol=1e-6)
    assert 0.02 < (old - clean).abs().mean() < 0.5
    for _, dls, _ in seen:
        assert torch.allclose(torch.cat([y for _, y in dls.valid]), truth[1], atol=1e-6)
