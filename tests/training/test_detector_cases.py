"""What the detector is measured on: whose face each case is, what is damaged, films that differ by their blend, and groups of people."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.color import PictureError
from course_lib.data import photo
from course_lib.data.faces import AGES, GENDERS, RACES
from course_lib.deepfake import blend, films, recipes
from course_lib.deepfake.detector import Box
from course_lib.deepfake.recipes import Change, Finish, Recipe
from course_lib.forgery import pieces
from course_lib.training import detector_cases as measured
from tests.deepfake.bright import gray


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def faces():
    """Three pieces of photographs in the place of faces."""
    return pieces(3, ("chelsea", "china", "coffee"), seed=1, side=140).rgb


# ---- kinds of fakes


def nearest(levels, faces):
    """Which of the faces each picture looks most like."""

    def flat(pictures):
        small = torch.nn.functional.adaptive_avg_pool2d(pictures.float().mean(dim=1), 16).flatten(1)
        return torch.nn.functional.normalize(small - small.mean(dim=1, keepdim=True), dim=1)

    return (flat(levels) @ flat(faces).T).argmax(dim=1).tolist()


def test_all_faces_come_once_and_then_all_once_more(faces):
    made = measured.cases("self-blend", faces, seed=3, count=2)
    assert made.genuine.shape == made.fake.shape == (6, 3, 128, 128)
    assert made.mask.shape == (6, 1, 128, 128)
    assert nearest(made.genuine, faces) == nearest(made.fake, faces) == [0, 1, 2, 0, 1, 2]
    assert not torch.equal(made.fake[:3], made.fake[3:])  # each time in another way
    assert len(measured.cases("self-blend", faces, 3)) == 3 * measured.FAKES


def test_cases_depend_on_seed_and_kind(faces):
    one, same, other = (measured.cases("self-blend", faces, seed, 1) for seed in (3, 3, 4))
    assert torch.equal(one.fake, same.fake)
    assert torch.equal(one.genuine, same.genuine)
    assert not torch.equal(one.fake, other.fake)
    swapped = measured.cases("swap", faces, 3, 1)
    assert not torch.equal(swapped.mask, one.mask)


def test_kinds_are_made_by_their_makers(faces, monkeypatch):
    seen = []
    monkeypatch.setattr(measured.blend, "pairs", lambda rgb, rng, make, finishes: seen.append((make, finishes)))
    for kind in measured.KINDS:
        measured.cases(kind, faces, 0)
    measured.cases("swap", faces, 0, 1, measured.untouched)
    assert [make for make, _ in seen] == [None, blend.make_swap, blend.make_colorized, blend.make_swap]
    assert [finishes for _, finishes in seen] == [recipes.draw_finish] * 3 + [measured.untouched]
    assert measured.untouched(rng()) == Finish()


def test_a_swap_shows_another_face_inside_and_its_own_outside(faces):
    made = measured.cases("swap", faces, 0, 1, measured.untouched)
    plain = measured.crops(faces, 128)
    assert torch.equal(made.genuine, plain)
    outside = (made.mask == 0).expand_as(made.fake)
    assert torch.equal(made.fake[outside], plain[outside])
    inside = (made.mask > 0.9 * made.mask.amax(dim=(1, 2, 3), keepdim=True)).expand_as(made.fake)
    assert (made.fake[inside].float() - plain[inside].float()).abs().mean() > 8


# ---- traces


def recipe():
    change = Change(rgb=(0.05, 0, -0.04), hue=0.2, brightness=0.1, smaller=2.0, sharper=0.5)
    return Recipe(change=change, move=(0.02, -0.01), size=1.04, radii=(0.3, 0.35), bend=0.02, ratio=0.25)


def test_a_trace_alone_keeps_the_mask_and_takes_all_of_the_source():
    for trace in measured.TRACES:
        alone = measured.only(trace, recipe())
        assert (alone.radii, alone.bend, alone.ratio) == ((0.3, 0.35), 0.02, 1.0)


def test_colors_alone_leave_sharpness_and_place():
    alone = measured.only("colors", recipe())
    assert alone.change == Change(rgb=(0.05, 0, -0.04), hue=0.2, brightness=0.1)
    assert (alone.move, alone.size) == ((0, 0), 1)


def test_sharpness_alone_leaves_colors_and_place():
    alone = measured.only("sharpness", recipe())
    assert alone.change == Change(smaller=2.0, sharper=0.5)
    assert (alone.move, alone.size) == ((0, 0), 1)


def test_place_alone_leaves_colors_and_sharpness():
    alone = measured.only("place", recipe())
    assert alone.change == Change()
    assert (alone.move, alone.size) == ((0.02, -0.01), 1.04)


def test_traced_fakes_differ_from_their_genuine_pictures_inside_of_the_mask_alone(faces, monkeypatch):
    pairs = blend.pairs
    monkeypatch.setattr(measured.blend, "pairs", lambda rgb, rng, make: pairs(rgb, rng, make, measured.untouched))
    for trace in measured.TRACES:
        made = measured.traced(trace, faces, 3)
        differs = (made.fake != made.genuine).any(dim=1, keepdim=True)
        assert differs.flatten(1).any(dim=1).all()
        assert not differs[made.mask == 0].any()
        assert made.mask.amax(dim=(1, 2, 3)) == pytest.approx(1, abs=1e-3)


# ---- damage


@pytest.mark.parametrize(
    ("what", "level", "how"),
    [
        ("JPEG quality", 30, Finish(quality=30)),
        ("blur", 2.0, Finish(blur=2.0)),
        ("reduced by", 3.0, Finish(smaller=3.0)),
        ("brightness", -0.2, Finish(change=Change(brightness=-0.2))),
    ],
)
def test_each_damage_is_the_finish_of_its_name(faces, what, level, how):
    damaged = measured.damage(faces, what, level, rng())
    assert (damaged.shape, damaged.dtype) == (faces.shape, torch.uint8)
    for picture, before in zip(damaged, faces, strict=True):
        array = before.movedim(0, -1).numpy().astype(np.float32) / 255
        assert torch.equal(picture, torch.from_numpy(blend.as_levels(blend.finish(array, how))).movedim(-1, 0))


def test_noise_has_the_strength_that_is_said():
    plain = gray([128, 128], 64)
    for level in (5, 20):
        noisy = measured.damage(plain, "noise", level, rng()).float()
        assert noisy.std() == pytest.approx(level, rel=0.05)
        assert noisy.mean() == pytest.approx(128, abs=0.5)
        assert not torch.equal(noisy[0], noisy[1])


def test_levels_grow_worse_and_have_units(faces):
    assert measured.LEVELS.keys() == measured.UNITS.keys()
    assert {len(levels) for levels in measured.LEVELS.values()} == {5}
    for what, levels in measured.LEVELS.items():
        if what == "brightness":
            continue  # in both directions
        errors = [
            (measured.damage(faces[:1], what, level, rng()).float() - faces[:1].float()).square().mean()
            for level in levels
        ]
        assert errors == sorted(errors), what
        assert 0 < errors[0] < errors[-1]


@given(level=st.integers(0, 255), shift=st.sampled_from(measured.LEVELS["brightness"]))
@settings(max_examples=20, deadline=None)
def test_brightness_is_added_and_stays_in_range(level, shift):
    damaged = measured.damage(gray([level], 32), "brightness", shift, rng())
    assert damaged.float().mean().item() == pytest.approx(min(255, max(0, level + 255 * shift)), abs=1)


# ---- films


@pytest.fixture
def plain_films(monkeypatch):
    """Films without JPEG, whose blocks would spread a difference, of a blend in the middle into a target that is changed."""
    recipe = Recipe(change=Change(brightness=0.2), on_source=False, radii=(0.25, 0.25))
    monkeypatch.setattr(films, "through_jpeg", lambda face, quality: face)
    monkeypatch.setattr(measured.recipes, "draw_recipe", lambda rng: replace(recipe, bend_seed=int(rng.integers(9))))


def test_films_differ_where_they_are_blended_and_nowhere_else(faces, plain_films):
    made = measured.films(faces[:2], seed=1, count=4)
    assert list(made) == ["genuine", "whole", "half"]
    assert all(film.shape == (2, 4, 3, 128, 128) and film.dtype == torch.uint8 for film in made.values())
    around = torch.ones(128, 128, dtype=torch.bool)
    around[20:-20, 20:-20] = False
    assert torch.equal(made["genuine"][..., around], made["whole"][..., around])
    middle = slice(56, 72)
    darker = made["genuine"][..., middle, middle].float() - made["whole"][..., middle, middle].float()
    assert darker.mean(dim=(2, 3, 4)).min() > 10


def test_half_of_a_film_is_a_run_of_manipulated_frames(faces):
    begins = set()
    for seed in range(3):
        made = measured.films(faces[:2], seed, count=4)
        for genuine, whole, half in zip(*made.values(), strict=True):
            fakes = [torch.equal(one, other) for one, other in zip(half, whole, strict=True)]
            true = [torch.equal(one, other) for one, other in zip(half, genuine, strict=True)]
            assert [not fake for fake in fakes] == true
            assert fakes in ([True, True, False, False], [False, True, True, False], [False, False, True, True])
            begins.add(fakes.index(True))
    assert len(begins) > 1


def test_films_are_the_same_whenever_they_are_made(faces):
    one, same, other = (measured.films(faces[:1], seed, count=2)["whole"] for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


# ---- published pictures


def test_published_pictures_are_brought_to_what_faces_are(monkeypatch):
    qualities = []
    original = blend.through_jpeg

    def through(face, quality):
        qualities.append(quality)
        return original(face, quality)

    monkeypatch.setattr(blend, "through_jpeg", through)
    monkeypatch.setattr(measured, "find_faces", lambda rgb: [Box(40.0, 20.0, 100.0)] if rgb.mean() > 0.2 else [])
    bright, dark = photo("coffee")[:, :250, :250], torch.zeros(3, 300, 300)
    names, cut = measured.as_published({"a.png": bright, "none.png": dark, "b.png": bright.flip(-1)})
    assert names == ["a.png", "b.png"]  # those without a face are left out, name and picture
    assert (cut.shape, cut.dtype) == ((2, 3, 200, 200), torch.uint8)
    assert measured.PUBLISHED == (200, 75)
    assert qualities == [75, 75]
    region = measured.face_region(Box(40.0, 20.0, 100.0))
    expected = measured.crop_face(bright, region, 200)
    assert (cut[0].float() / 255 - expected).abs().mean() < 0.03
    again = blend.as_levels(original(expected.movedim(0, -1).numpy(), 75))
    assert torch.equal(cut[0], torch.from_numpy(again).movedim(-1, 0))


def test_pictures_without_any_face_are_refused():
    with pytest.raises(PictureError, match="No face was found in any of 1 pictures"):
        measured.as_published({"a.png": torch.zeros(3, 80, 80)})


def test_the_faces_are_files_of_that_quality(course_data):
    from course_lib.data import available
    from course_lib.data.faces import SIDE
    from course_lib.deepfake.quality import jpeg_quality

    if not available("faces"):
        pytest.skip("needs the data set faces")
    assert measured.PUBLISHED[0] == SIDE
    some = sorted((course_data / "faces").glob("*.jpg"))[::200]
    assert {jpeg_quality(path) for path in some} == {measured.PUBLISHED[1]}


# ---- groups


def test_groups_hold_whom_their_names_say():
    names = ["20_0_0_1.jpg", "29_1_1_1.jpg", "30_1_2_1.jpg", "44_0_3_1.jpg", "45_0_4_1.jpg", "80_1_0_1.jpg"]
    told = {kind: {name: rows.tolist() for name, rows in each.items()} for kind, each in measured.groups(names).items()}
    assert told["gender"] == {"male": [0, 3, 4], "female": [1, 2, 5]}
    assert told["race"] == {"White": [0, 5], "Black": [1], "Asian": [2], "Indian": [3], "Others": [4]}
    assert told["age"] == {"20 to 29": [0, 1], "30 to 44": [2, 3], "45 to 59": [4], "60 to 80": [5]}


@given(
    st.lists(
        st.tuples(st.integers(AGES[0], AGES[-1] - 1), st.integers(0, len(GENDERS) - 1), st.integers(0, len(RACES) - 1)),
        max_size=20,
    )
)
@settings(max_examples=40, deadline=None)
def test_everybody_is_in_one_group_of_each_kind(people):
    names = [f"{age}_{gender}_{race}_2017.jpg" for age, gender, race in people]
    for members in measured.groups(names).values():
        assert sorted(row for rows in members.values() for row in rows.tolist()) == list(range(len(names)))


# ---- a mask without a network


def test_the_central_ellipse_is_the_plain_mask_for_each():
    masks = measured.central_ellipse(3, 64)
    assert masks.shape == (3, 1, 64, 64)
    assert all(torch.equal(mask[0], torch.from_numpy(blend.make_mask((64, 64), Recipe()))) for mask in masks)
    assert masks[0, 0, 32, 32] > 0.99
    assert masks[0, 0, 0, 0] == 0
