"""What lesson 10 shows of blends: traces on pictures where we know them, small trainings, and a shortcut that is one."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib import forgery
from course_lib.data.photos import TEST_PHOTOS, TRAIN_PHOTOS
from course_lib.deepfake import blend
from course_lib.deepfake.detector import SIDE
from course_lib.deepfake.quality import blockiness
from course_lib.deepfake.recipes import Finish
from course_lib.models import ForgeryNet
from tests.deepfake.bright import Bright, gray, labeled, pairs_of


def small_net():
    torch.manual_seed(0)
    return ForgeryNet(widths=(4, 6, 8), blocks=(1, 1, 1)).eval()


def rng(seed=0):
    return np.random.default_rng(seed)


# ---- portraits


@pytest.fixture(scope="module")
def astronaut():
    return forgery.portrait("astronaut")


def test_a_portrait_is_a_face_as_the_detector_sees_it(astronaut):
    assert astronaut.shape == (3, SIDE, SIDE)
    assert astronaut.dtype == torch.float32
    assert astronaut.min() >= 0
    assert astronaut.max() <= 1
    assert astronaut.std() > 0.1
    assert forgery.portrait("astronaut") is astronaut  # found once


def test_a_fake_differs_inside_of_its_mask_alone(astronaut):
    before = astronaut.clone()
    fake, around, mask = forgery.fake_of(astronaut)
    assert mask.shape == (SIDE, SIDE)
    assert torch.equal(around, astronaut)
    assert torch.equal(fake[:, mask == 0], astronaut[:, mask == 0])
    assert (fake - astronaut)[:, mask > 0.9].abs().mean() > 0.02
    assert 0.1 < (mask > 0.5).float().mean() < 0.6
    assert torch.equal(before, astronaut)


def test_pictures_become_arrays_and_come_back(astronaut):
    array = forgery.as_array(astronaut)
    assert (array.shape, array.dtype, array.flags.c_contiguous) == ((SIDE, SIDE, 3), np.float32, True)
    assert array[3, 5].tolist() == astronaut[:, 3, 5].tolist()
    assert torch.equal(forgery.as_picture(array), astronaut)
    mask = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert forgery.as_picture(mask).tolist() == mask.tolist()


# ---- the boundary


def step_at(column, size=64, step=80):
    """A gray picture that is brighter from a column on: uint8 (1, 3, size, size)."""
    picture = torch.full((1, 3, size, size), 90, dtype=torch.uint8)
    picture[..., column:] += step
    return picture


def inside_until(column, size=64, ratio=1.0):
    mask = torch.zeros(1, 1, size, size)
    mask[..., :column] = ratio
    return mask


@pytest.mark.parametrize(
    ("at", "bins"), [(32, (-1, 1)), (37, (5, 6)), (46, (14, 15)), (27, (-6, -5)), (18, (-15, -14))]
)
def test_a_step_is_seen_at_its_distance(at, bins):
    """Both pixels beside a step of 80 have a slope of 40 across; inside, distances are below 0."""
    found = forgery.steps_by_distance(step_at(at), inside_until(32))
    assert found.shape == (33,)
    assert {place - 16: value for place, value in enumerate(found.tolist()) if value} == dict.fromkeys(bins, 40)
    turned = forgery.steps_by_distance(step_at(at).mT, inside_until(32).mT)
    assert torch.equal(turned, found)


def test_slopes_are_in_levels_per_pixel_whatever_their_direction():
    ramp = (2 * torch.arange(64)[:, None] + torch.arange(64)).to(torch.uint8).expand(1, 3, 64, 64)
    found = forgery.steps_by_distance(ramp[..., 1:-1, 1:-1].contiguous(), inside_until(32, 62), 4)
    inner = torch.tensor([*range(4), *range(5, 9)])
    assert found[4] == 0  # no pixel lies on the edge
    assert found[inner].tolist() == pytest.approx([5**0.5] * 8, rel=0.03)  # the first and last row count less


def test_steps_are_the_mean_over_pixels_of_all_pictures():
    both = torch.cat([step_at(37), step_at(50)])
    found = forgery.steps_by_distance(both, inside_until(32).expand(2, -1, -1, -1))
    assert found[16 + 5] == 20
    assert found.max() == 20


@given(ratio=st.sampled_from([0.25, 0.5, 0.75, 1.0]), level=st.integers(0, 255))
@settings(max_examples=20, deadline=None)
def test_only_the_place_of_the_edge_matters(ratio, level):
    flat = torch.full((1, 3, 40, 40), level, dtype=torch.uint8)
    assert not forgery.steps_by_distance(flat, inside_until(20, 40)).any()
    weak = forgery.steps_by_distance(step_at(25, 40), inside_until(20, 40, ratio), 8)
    assert torch.equal(weak, forgery.steps_by_distance(step_at(25, 40), inside_until(20, 40), 8))


# ---- statistics


def grids(inside, outside, size=32):
    """Checkerboards about gray, of these heights left and right: uint8 (1, 3, size, size)."""
    sign = 1 - 2 * ((torch.arange(size)[:, None] + torch.arange(size)) % 2)
    height = torch.where(torch.arange(size) < size // 2, inside, outside)
    return (128 + sign * height).to(torch.uint8).expand(1, 3, size, size).contiguous()


@pytest.mark.parametrize(("inside", "outside"), [(30, 10), (10, 30), (20, 20)])
def test_fineness_is_inside_over_outside(inside, outside):
    mask = inside_until(16, 32)
    mask[..., 12:20] = torch.linspace(0.88, 0.12, 8)  # neither inside nor outside, where the two meet
    for ratio in (1.0, 0.25):
        found = forgery.fineness(grids(inside, outside), ratio * mask)
        assert found.shape == (1,)
        assert found.item() == pytest.approx((inside / outside) ** 2, rel=1e-5)


def test_each_picture_has_its_own_fineness():
    mask = inside_until(16, 32)
    mask[..., 12:20] = 0.5
    both = torch.cat([grids(30, 10), grids(10, 30)])
    assert forgery.fineness(both, mask.expand(2, -1, -1, -1)).tolist() == pytest.approx([9, 1 / 9], rel=1e-4)
    flat = torch.full_like(both, 99)
    assert forgery.fineness(flat, mask.expand(2, -1, -1, -1)).tolist() == [0, 0]


# ---- frequency


def wave(cycles, height=40.0, side=64, down=False):
    """A gray picture with so many waves across: uint8 (1, 3, side, side)."""
    line = 128 + height * torch.cos(2 * torch.pi * cycles * torch.arange(side) / side)
    picture = line.round().to(torch.uint8).expand(1, 3, side, side)
    return picture.mT.contiguous() if down else picture.contiguous()


@pytest.mark.parametrize(("cycles", "down"), [(5, False), (16, True), (29, False)])
def test_a_wave_has_its_power_at_its_frequency(cycles, down):
    frequency, power = forgery.spectrum(wave(cycles, down=down))
    assert frequency.shape == power.shape == (31,)
    assert frequency[0] == pytest.approx(1 / 64)
    assert frequency[-1] == pytest.approx(31 / 64)
    assert frequency[power.argmax()].item() == pytest.approx(cycles / 64)
    total = power * torch.arange(1, 32)  # of rings, which have more places the larger they are
    near = (frequency - cycles / 64).abs() < 2.5 / 64
    assert total[near].sum() > 0.95 * total.sum()


def test_power_grows_with_the_square_and_is_a_mean_over_pictures():
    _, low = forgery.spectrum(wave(9, 20))
    _, high = forgery.spectrum(wave(9, 40))
    _, both = forgery.spectrum(torch.cat([wave(9, 20), wave(9, 40)]))
    assert high.max() / low.max() == pytest.approx(4, rel=0.05)
    assert torch.allclose(both, (low + high) / 2, rtol=1e-4)
    _, flat = forgery.spectrum(torch.full((1, 3, 64, 64), 200, dtype=torch.uint8))
    assert flat.max() < 1e-6 * low.max()


# ---- pictures to train on


def test_pieces_are_those_of_their_photographs():
    some = forgery.pieces(6, ("rocket",), seed=3, side=40)
    assert (some.rgb.shape, some.rgb.dtype, len(some)) == ((6, 3, 40, 40), torch.uint8, 6)
    assert torch.equal(some.rgb, forgery.pieces(6, ("rocket",), seed=3, side=40).rgb)
    assert not torch.equal(some.rgb, forgery.pieces(6, ("rocket",), seed=4, side=40).rgb)
    assert not torch.equal(some.rgb, forgery.pieces(6, ("coffee",), seed=3, side=40).rgb)
    assert some.rgb.max() > 60  # levels, not shares of one


def test_without_faces_pieces_of_other_photographs_are_held_out(monkeypatch):
    asked = {}
    monkeypatch.setattr(forgery, "available", lambda name: False)
    monkeypatch.setattr(forgery, "faces", lambda *given, **options: pytest.fail("there are none"))
    monkeypatch.setattr(forgery, "pieces", lambda count, names, seed: asked.setdefault((count, seed), names))
    assert forgery.live_faces() == {"train": TRAIN_PHOTOS, "validation": TEST_PHOTOS}
    assert asked == {(400, 0): TRAIN_PHOTOS, (60, 1): TEST_PHOTOS}
    assert not set(TRAIN_PHOTOS) & set(TEST_PHOTOS)


def test_with_faces_only_those_of_training_and_validation_are_read(monkeypatch):
    asked = []

    def faces(split, count):
        asked.append((split, count))
        return labeled([100])

    monkeypatch.setattr(forgery, "available", lambda name: name == "faces")
    monkeypatch.setattr(forgery, "faces", faces)
    assert set(forgery.live_faces()) == {"train", "validation"}
    assert asked == [("train", 400), ("validation", 60)]


def test_plain_pairs_take_all_of_the_source_and_come_from_good_files(monkeypatch):
    some = forgery.pieces(24, ("chelsea", "china"), seed=0, side=64).rgb
    assert forgery.plain_pairs(some, rng()).mask.amax(dim=(1, 2, 3)).min() > 0.85  # a half or a quarter is never taken
    monkeypatch.setattr(forgery.blend, "pairs", lambda faces, rng, make, finishes: (make, finishes))
    make, finishes = forgery.plain_pairs(some, rng())
    assert make is forgery.plain_recipe
    drawn = [finishes(rng(seed)) for seed in range(200)]
    assert {finish.quality for finish in drawn} == set(range(80, 101))
    assert all(finish == Finish(quality=finish.quality) for finish in drawn)


# ---- small trainings


def test_a_small_training_gives_the_best_weights_in_evaluation_mode(monkeypatch):
    monkeypatch.setenv("COURSE_DEVICE", "cpu")
    seen, states = [], []
    pictures = {
        split: forgery.pieces(count, ("coffee",), count, 40) for split, count in (("train", 6), ("validation", 2))
    }

    def draw(faces, rng):
        seen.append(faces.shape)
        return blend.pairs(faces, rng)

    def run(*given, **options):
        states.append((given, options, original(*given, **options)))
        return states[-1][2]

    original = forgery.run_detector
    monkeypatch.setattr(forgery, "run_detector", run)
    tiny = {"network": small_net, "epochs": 1, "steps": 2, "batch_size": 3, "side": 32}
    network, history = forgery.train_small(pictures, draw, **tiny)
    given, options, state = states[0]
    assert given[2] is pictures
    assert options == {"states": None}  # nothing is written
    assert history == state.history
    assert len(history) == 1
    assert not network.training
    assert all(torch.equal(value, state.best[key]) for key, value in network.state_dict().items())
    assert set(seen) == {(3, 3, 32, 32), (1, 3, 32, 32)}  # validation: 5 of each of 2 faces, three at once


# ---- scores


def test_scores_are_those_of_all_pictures_in_order():
    levels = [100 + row % 70 for row in range(130)]
    scores = forgery.scores_of(Bright(), gray(levels, 16))
    assert scores.tolist() == pytest.approx([(level - 110) / 10 for level in levels], abs=1e-4)


def test_fakes_with_high_scores_make_a_high_auc():
    assert forgery.auc_of(Bright(), pairs_of([90, 100], [120, 130], side=16)) == 1
    assert forgery.auc_of(Bright(), pairs_of([120, 130], [90, 100], side=16)) == 0
    assert forgery.auc_of(Bright(), pairs_of([100, 120], [110, 90], side=16)) == 0.25


# ---- a shortcut


def test_each_kind_is_saved_with_its_own_qualities(monkeypatch):
    qualities = []

    def through(face, quality):
        qualities.append(int(quality))
        return face

    some = forgery.pieces(60, ("coffee",), 0, 32).rgb
    monkeypatch.setattr(blend, "through_jpeg", through)
    made = forgery.saved_pairs(some, rng(), (90, 92), (20, 21))
    assert [set(qualities[:60]), set(qualities[60:])] == [{90, 91, 92}, {20, 21}]
    plain = blend.pairs(some, rng(), finishes=lambda rng: Finish())
    assert torch.equal(made.genuine, plain.genuine)  # no other finish
    assert torch.equal(made.fake, plain.fake)
    assert torch.equal(made.mask, plain.mask)
    qualities.clear()
    forgery.saved_pairs(some, rng())
    assert min(qualities[:60]) > max(qualities[60:]) + 50  # genuine pictures are the good files


def test_bad_files_have_blocks():
    some = forgery.pieces(8, ("coffee", "rocket"), 0, 64).rgb
    for genuine, fake, sign in (((95, 100), (20, 30), 1), ((20, 30), (95, 100), -1)):
        made = forgery.saved_pairs(some, rng(), genuine, fake)
        assert made.genuine.dtype == made.fake.dtype == torch.uint8
        told = [blockiness(part.float() / 255).mean() for part in (made.genuine, made.fake)]
        assert sign * (told[1] - told[0]) > 0.1


def test_saving_keeps_what_is_shown():
    picture = forgery.pieces(1, ("coffee",), 0, 64).rgb
    picture[:, 0] = picture[:, 0] // 2  # so that an exchange of channels would be seen
    saved = forgery.saved(picture, (100, 100), rng())
    assert (saved.shape, saved.dtype) == (picture.shape, torch.uint8)
    assert (saved.float() - picture.float()).abs().mean() < 4
