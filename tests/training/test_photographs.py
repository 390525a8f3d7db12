"""What happens to photographs on their way to a network: crops, mirrors, exposure, units, and whose random numbers they are."""

from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from course_lib import color
from course_lib.data import petals
from course_lib.training import jitter_lightness
from course_lib.training.photographs import PreparePhotographs, crop, draw_changes, mirror, resize
from course_lib.training.simulated_hints import simulate_hints


def photographs(count=8):
    return (petals(count, size=40, seed=5).rgb * 255).round().byte()


def prepared(rgb, epoch=0, step=0, training=True, seed=0, shrinks=4, sides=(32, 32, 48), **options):
    """What a network and its loss get of a batch."""
    prepare = PreparePhotographs(lambda epoch: sides[epoch], shrinks, seed, **options)
    prepare.learn = SimpleNamespace(
        xb=(rgb,),
        yb=(torch.arange(len(rgb)),),
        training=training,
        epoch=epoch,
        iter=step,
        n_epoch=len(sides),
        dls=SimpleNamespace(train=range(10)),
    )
    prepare.before_batch()
    return (*prepare.learn.xb, *prepare.learn.yb)


def test_validation_pictures_are_shown_whole_and_in_network_units():
    rgb = photographs()
    l, ab = prepared(rgb, epoch=0, training=False)  # noqa: E741
    lab = color.rgb_to_lab(resize(rgb / 255, 48))  # at the side of the last epoch, in every epoch
    assert torch.allclose(l, lab[:, :1] / 50 - 1, atol=1e-5)
    assert torch.allclose(ab, F.avg_pool2d(lab[:, 1:], 4) / 110, atol=1e-5)
    assert ab.abs().max() > 0.2


def test_sizes_follow_the_epoch():
    for epoch, side in enumerate((32, 32, 48)):
        l, ab = prepared(photographs(), epoch)  # noqa: E741
        assert l.shape == (8, 1, side, side)
        assert ab.shape == (8, 2, side // 4, side // 4)


def test_random_numbers_depend_on_seed_epoch_and_step_alone():
    rgb = photographs()
    first = prepared(rgb, epoch=1, step=3)
    torch.manual_seed(99)  # what else draws random numbers does not matter
    assert all(torch.equal(*pair) for pair in zip(first, prepared(rgb, epoch=1, step=3), strict=True))
    for other in (prepared(rgb, epoch=1, step=4), prepared(rgb, epoch=0, step=3), prepared(rgb, 1, 3, seed=1)):
        assert not torch.equal(first[0], other[0])


def test_the_scheme_of_random_numbers_stays_what_it_is():
    """States on disk go on with it: crop's side, tops, lefts, mirrors, then the seed of the exposure, in this order."""
    rgb, epoch, step = photographs() / 255, 2, 7
    generator = torch.Generator().manual_seed((0 * 1_000_003 + epoch * 10 + step) * 64)
    side = int(torch.randint(30, 41, (1,), generator=generator))
    tops = torch.randint(40 - side + 1, (8,), generator=generator)
    lefts = torch.randint(40 - side + 1, (8,), generator=generator)
    mirrored = torch.rand(8, generator=generator) < 0.5
    seed = int(torch.randint(2**31, (1,), generator=generator))
    rows = []
    for picture, top, left, flip in zip(rgb, tops, lefts, mirrored, strict=True):
        part = picture[:, top : top + side, left : left + side]
        rows.append(part.flip(-1) if flip else part)
    lab = color.rgb_to_lab(resize(torch.stack(rows), 48))
    expected = jitter_lightness(lab[:, :1] / 50 - 1, seed, contrast=0.2, brightness=0.1)
    l, ab = prepared(photographs(), epoch, step)  # noqa: E741
    assert torch.allclose(l, expected, atol=1e-5)
    assert torch.allclose(ab, F.avg_pool2d(lab[:, 1:], 4) / 110, atol=1e-5)


def test_shares_of_a_batch_are_changed_as_in_the_whole_batch(monkeypatch):
    rgb = photographs()
    whole = prepared(rgb, step=2)
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank, rows in enumerate((slice(0, 4), slice(4, 8))):
        monkeypatch.setenv("RANK", str(rank))
        share = prepared(rgb[rows], step=2)
        assert all(torch.equal(part, all_rows[rows]) for part, all_rows in zip(share, whole, strict=True))


def test_classes_go_to_the_loss_where_it_asks_for_them():
    assert len(prepared(photographs())) == 2
    l, ab, labels = prepared(photographs(), labeled=True)  # noqa: E741
    assert l.shape[1:2] == (1,)
    assert ab.shape[1:2] == (2,)
    assert labels.tolist() == list(range(8))


def test_a_network_gets_the_inputs_that_are_made_for_it():
    """From the lightness that it sees, brightened or darkened, the colors at full resolution, and a seed for each picture."""
    rgb, asked = photographs(), []

    def inputs(l, ab, seeds):  # noqa: E741
        asked.append((l, ab, list(seeds)))
        return l, ab + 1

    l, more, ab = prepared(rgb, step=3, inputs=inputs)  # noqa: E741
    plain_l, plain_ab = prepared(rgb, step=3)
    (given_l, given_ab, seeds), *others = asked
    assert not others
    assert torch.equal(l, plain_l)
    assert torch.equal(given_l, plain_l)
    assert given_ab.shape == (8, 2, 32, 32)
    assert torch.equal(more, given_ab + 1)
    assert torch.equal(ab, plain_ab)
    assert torch.allclose(F.avg_pool2d(given_ab, 4), ab, atol=1e-6)
    assert len(set(seeds)) == 8


def test_no_two_pictures_of_a_training_have_the_same_seed():
    seeds = []

    def inputs(l, ab, some):  # noqa: E741
        seeds.extend(some)
        return (l,)

    for epoch in range(3):
        for step in range(10):
            prepared(photographs(2), epoch, step, inputs=inputs)
    for step in range(3):
        prepared(photographs(2), 0, step, training=False, inputs=inputs)
    assert len(set(seeds)) == len(seeds) == 2 * 33
    before = len(seeds)
    prepared(photographs(2), epoch=2, step=1, training=False, inputs=inputs)  # validation shows the same in every epoch
    assert seeds[before:] == seeds[62:64]


def test_hints_of_a_share_are_those_in_the_whole_batch(monkeypatch):
    rgb = photographs()
    options = {"step": 2, "shrinks": 1, "inputs": simulate_hints}
    whole = prepared(rgb, **options)
    assert len(whole) == 6
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank, rows in enumerate((slice(0, 4), slice(4, 8))):
        monkeypatch.setenv("RANK", str(rank))
        share = prepared(rgb[rows], **options)
        assert all(torch.equal(part, all_rows[rows]) for part, all_rows in zip(share, whole, strict=True))
    assert whole[2].any()


def test_hints_show_the_colors_that_the_loss_expects():
    """Where a color is known, it is mostly that of the very pixel: crop, mirror and reduction are the same for both."""
    _, known, mask, _, _, truth = prepared(photographs(), shrinks=1, inputs=simulate_hints)
    apart = (known - truth).norm(dim=1)[mask[:, 0] == 1]
    assert len(apart) > 100
    assert apart.median() < 0.1
    assert (known.flip(1) - truth).norm(dim=1)[mask[:, 0] == 1].median() > 0.2


def test_colors_and_lightness_stay_on_their_pixels():
    """Crop and mirror act on both: the answer belongs to what the network sees."""
    rgb = torch.zeros(16, 3, 40, 40, dtype=torch.uint8)
    rgb[:, 0, :, 20:] = 200  # red and lighter on the right
    l, ab = prepared(rgb, shrinks=1)  # noqa: E741
    light = l > l.mean(dim=(2, 3), keepdim=True)
    assert ((ab[:, :1] > 0.2) == light).float().mean() > 0.95
    sides = light.float().mean(dim=2)[:, 0]
    assert 0 < (sides[:, -1] > 0.5).float().mean() < 1  # some are mirrored, some are not


def test_crops_vary_in_place_and_stay_inside():
    rgb = torch.arange(40.0).expand(64, 3, 40, 40)  # every pixel knows its column
    changes = draw_changes(64, (40, 40), torch.Generator().manual_seed(1))
    parts = crop(rgb, changes)
    assert parts.shape == (64, 3, changes.side, changes.side)
    assert 30 <= changes.side < 40  # the whole picture would leave no choice
    assert torch.equal(parts[:, 0, 0, 0], changes.lefts.float())
    assert len(set(changes.lefts.tolist())) > 1
    sides = {draw_changes(1, (40, 60), torch.Generator().manual_seed(seed)).side for seed in range(100)}
    assert sides == set(range(30, 41))


def test_mirroring_is_left_to_right_and_for_half_of_the_pictures():
    rgb = torch.arange(4.0).expand(1000, 3, 2, 4)
    changes = draw_changes(1000, (2, 4), torch.Generator().manual_seed(0))
    first = mirror(rgb, changes)[:, 0, 0]
    assert torch.equal(first[changes.mirrored], torch.tensor([3.0, 2, 1, 0]).expand(int(changes.mirrored.sum()), -1))
    assert torch.equal(first[~changes.mirrored], torch.arange(4.0).expand(int((~changes.mirrored).sum()), -1))
    assert changes.mirrored.float().mean().item() == pytest.approx(0.5, abs=0.06)


def test_reducing_smooths_first():
    stripes = torch.tensor([0.0, 1.0]).repeat(32).expand(1, 3, 64, 64)
    assert (resize(stripes, 16) - 0.5).abs().max() < 0.1  # without smoothing: all black or all white
