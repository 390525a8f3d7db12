"""Faces: found, followed, cut out and scored; maps compared."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course_lib.color import PictureError
from course_lib.data import photo
from course_lib.deepfake import detector as module
from course_lib.deepfake.detector import (
    SIDE,
    Box,
    Detector,
    crop_face,
    face_region,
    find_faces,
    iou,
    load_detector,
    saliency,
    track,
)
from course_lib.deepfake.finding import GAP, LOWER
from course_lib.models import ForgeryNet, checkpoints
from course_lib.models.checkpoints import CheckpointError, write_checkpoint
from course_lib.models.forgery_net import ForgeryAnswer


def near(box, other, tolerance=0.15):
    """Whether two boxes are the same but for a share of their side."""
    return all(abs(a - b) <= tolerance * other.side for a, b in zip(box, other, strict=True))


@pytest.fixture(scope="module")
def astronaut():
    return photo("astronaut")


@pytest.fixture(scope="module")
def found(astronaut):
    return find_faces(astronaut)


FACE = Box(174, 69, 98)  # of the astronaut, by eye


# ---- finding


def test_the_face_of_the_astronaut_is_found(found):
    assert len(found) == 1
    assert near(found[0], FACE)


def test_a_mirrored_picture_has_mirrored_boxes(astronaut):
    (box,) = find_faces(astronaut.flip(-1))
    assert near(box, Box(512 - FACE.left - FACE.side, FACE.top, FACE.side))


def test_levels_and_gray_pictures_will_do(astronaut):
    gray = astronaut.mean(0, keepdim=True).expand(3, -1, -1)
    assert near(find_faces(gray)[0], FACE, 0.25)
    assert near(find_faces((astronaut * 255).round().to(torch.uint8))[0], FACE)


def test_large_pictures_have_boxes_in_their_own_pixels(astronaut):
    large = torch.nn.functional.interpolate(astronaut[None], scale_factor=2.5, mode="bilinear")[0].clamp(0, 1)
    assert near(find_faces(large)[0], Box(*(2.5 * number for number in FACE)), 0.2)


def test_a_face_that_fills_the_picture_is_found(astronaut, found):
    left, top, side = (round(number) for number in face_region(found[0]))
    assert near(find_faces(astronaut[:, top : top + side, left : left + side])[0], Box(0, -LOWER * side, side), 0.25)


def test_two_faces_largest_first(astronaut):
    part = astronaut[:, :300, 80:380]
    smaller = torch.nn.functional.interpolate(part[None], 200, mode="area")[0]
    both = torch.full((3, 300, 520), 0.5)
    both[:, :200, :200], both[:, :, 220:] = smaller, part
    boxes = find_faces(both)
    assert len(boxes) == 2
    assert boxes[0].left > 220 > boxes[1].left
    assert boxes[0].side > boxes[1].side


@pytest.mark.parametrize("shape", [(3, 200, 300), (3, 7, 5), (3, 1, 1), (3, 30, 400)])
def test_no_face_gives_no_box(shape):
    assert find_faces(torch.full(shape, 0.4)) == []
    assert find_faces(torch.rand(shape, generator=torch.Generator().manual_seed(0))) == []


def test_no_face_among_coffee(astronaut):
    assert find_faces(photo("coffee")) == []


def test_small_faces_are_left_out(astronaut):
    assert find_faces(astronaut[:, :300, 80:380], least=150) == []
    assert find_faces(astronaut, least=5000) == []


@pytest.mark.parametrize(
    "bad", [torch.zeros(2, 3, 9, 9), torch.zeros(9, 9), torch.full((3, 9, 9), 200.0), np.zeros((9, 9, 3))]
)
def test_what_is_no_picture_is_refused(bad):
    with pytest.raises(PictureError):
        find_faces(bad)


def test_real_faces_are_found_and_framed_as_they_are(course_data):
    from course_lib.data.faces import faces

    boxes = [find_faces(face) for face in faces("test", 40).rgb]
    assert sum(bool(each) for each in boxes) >= 34
    regions = torch.tensor([face_region(each[0]) for each in boxes if each])
    middle = (regions[:, :2] + regions[:, 2:] / 2).median(dim=0).values
    assert (middle - 100).abs().max() < 8
    assert 180 < regions[:, 2].median() < 220


# ---- following


def test_a_steady_face_is_followed_and_a_stray_box_left_out():
    stray = Box(13, 24, 60)
    frames = [Box(10, 20, 50)] * 4 + [stray] + [Box(10, 20, 50)] * 4
    assert track(frames) == [Box(10, 20, 50)] * 9


def test_an_even_movement_is_not_held_back():
    frames = [Box(10 + 4 * step, 20 - step, 50 + step) for step in range(9)]
    assert track(frames) == frames


def test_gaps_are_bridged_up_to_a_length():
    frames = [Box(1, 1, 50)] + [None] * 2 + [Box(1, 1, 50)] + [None] * (GAP + 3)
    assert track(frames) == [Box(1, 1, 50)] * (4 + GAP) + [None] * 3
    assert track([None] * (GAP + 1) + [Box(1, 1, 50)])[:2] == [None, Box(1, 1, 50)]


def test_of_several_faces_the_largest_steady_one_is_followed():
    large, small = Box(100, 10, 80), Box(10, 10, 60)
    assert track([[small, large], [small], [small, large], [large]]) == [large] * 4
    once = Box(300, 10, 90)
    assert track([[small], [once, small], [small], [small]]) == [small] * 4


def test_two_faces_do_not_mix():
    one, other = Box(10, 10, 60), Box(75, 10, 58)
    assert track([[one, other], [other, one], [other, one], [one, other]]) == [one] * 4


def test_without_faces_there_is_nothing_to_follow():
    assert track([]) == []
    assert track([None, [], None]) == [None] * 3


# ---- cutting out


def test_the_region_lies_lower_and_has_the_same_side():
    assert face_region(Box(10, 20, 100)) == Box(10, pytest.approx(20 + 100 * LOWER), 100)


def test_a_crop_is_the_picture_in_the_box(astronaut):
    crop = crop_face(astronaut, Box(30, 50, 128))
    assert torch.equal(crop, astronaut[:, 50:178, 30:158])  # rows from the top, channels as they were
    assert crop.dtype == torch.float32
    assert torch.equal(crop_face((astronaut * 255).round().to(torch.uint8), Box(30, 50, 128)), crop)


def test_a_smaller_crop_is_averaged(astronaut):
    crop = crop_face(astronaut, Box(30, 50, 256))
    assert torch.allclose(crop, torch.nn.functional.avg_pool2d(astronaut[:, 50:306, 30:286], 2), atol=1e-5)
    assert crop_face(astronaut, Box(30, 50, 40), side=64).shape == (3, 64, 64)


def test_a_crop_is_as_the_network_learned_to_see_it(astronaut):
    from course_lib.training.detection import crops

    face = (astronaut[:, 20:220, 120:320] * 255).round().to(torch.uint8)
    assert (crop_face(face, Box(0, 0, 200)) * 255 - crops(face[None], SIDE)[0]).abs().max() <= 1


def test_over_the_rim_the_last_pixels_are_repeated(astronaut):
    crop = crop_face(astronaut, Box(-20, 450, 128))
    assert torch.equal(crop[:, :62, 20:], astronaut[:, 450:, :108])
    assert torch.equal(crop[:, :62, :20], astronaut[:, 450:, :1].expand(-1, -1, 20))
    assert torch.equal(crop[:, 62:, 20:], astronaut[:, -1:, :108].expand(-1, 66, -1))


@pytest.mark.parametrize("box", [Box(0, 0, 0), Box(0, math.nan, 9), Box(math.inf, 0, 9), Box(0, 0, -3)])
def test_boxes_without_a_size_are_refused(astronaut, box):
    with pytest.raises(PictureError, match="has no size"):
        crop_face(astronaut, box)


# ---- scoring


class Red(nn.Module):
    """Says manipulated where there is more red than half, and blended where red is."""

    def forward(self, rgb):
        where = torch.nn.functional.avg_pool2d(rgb[:, :1], 8) - 0.5
        return ForgeryAnswer(where.mean(dim=(1, 2, 3)), 20 * where)


@pytest.fixture
def red():
    return Detector("red", "0" * 64, Red())


def test_scores_are_high_for_manipulated(red):
    crops = torch.zeros(3, 3, SIDE, SIDE)
    crops[0, 0], crops[2, 2] = 1, 1
    assert torch.allclose(red.scores(crops), torch.tensor([0.5, -0.5, -0.5]))
    assert torch.equal(red(crops), red.scores(crops))
    assert torch.allclose(red.scores((crops * 255).to(torch.uint8)), red.scores(crops))
    assert red.scores(crops[0]).shape == (1,)
    assert red.scores(crops[:0]).shape == (0,)


def test_many_faces_are_scored_in_parts_and_in_order(red, monkeypatch):
    monkeypatch.setattr(module, "BATCH", 2)
    crops = torch.linspace(0, 1, 5)[:, None, None, None].expand(-1, 3, SIDE, SIDE)
    assert torch.allclose(red.scores(crops), torch.linspace(-0.5, 0.5, 5))


def test_maps_are_probabilities_at_the_size_of_the_face(red):
    crops = torch.zeros(2, 3, SIDE, SIDE)
    crops[1, 0, :, 64:] = 1
    where = red.where(crops)
    assert where.shape == (2, 1, SIDE, SIDE)
    assert where.min() >= 0
    assert where.max() <= 1
    assert where[0].max() < 0.01
    assert where[1, 0, :, 80:].min() > 0.99 > 0.01 > where[1, 0, :, :48].max()
    assert red.where(crops[:0]).shape == (0, 1, SIDE, SIDE)


@pytest.mark.parametrize("shape", [(2, 3, 64, 64), (3, 200, 200), (2, 1, 128, 128), (128, 128)])
def test_other_pictures_are_not_scored(red, shape):
    for ask in (red.scores, red.where, lambda crops: saliency(red.network, crops)):
        with pytest.raises(PictureError, match="crop_face makes them"):
            ask(torch.zeros(shape))


def test_a_network_in_training_is_asked_without_dropout_and_goes_on_training():
    network = ForgeryNet().train()
    crops = torch.rand(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    statistics = {key: value.clone() for key, value in network.state_dict().items()}
    asked = Detector("new", "", network)
    assert torch.equal(asked.scores(crops), asked.scores(crops))
    saliency(network, crops)
    assert network.training
    assert all(torch.equal(value, statistics[key]) for key, value in network.state_dict().items())
    assert not asked.scores(crops).requires_grad


def test_a_checkpoint_becomes_a_detector(tmp_path, monkeypatch):
    monkeypatch.setitem(checkpoints.NETWORKS, "ForgeryNet", ForgeryNet)
    network = ForgeryNet(widths=(8, 8, 8)).eval()
    card = write_checkpoint(
        "small", network, {"network": {"class": "ForgeryNet", "arguments": network.arguments}}, tmp_path
    )
    detector = load_detector("small", tmp_path)
    assert (detector.name, detector.sha256) == ("small", card["sha256"])
    crops = torch.rand(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.allclose(detector.scores(crops), network(crops).logit, atol=0.01)
    with pytest.raises(CheckpointError, match="no checkpoint 'large'"):
        load_detector("large", tmp_path)


# ---- where it looks


class Spot(nn.Module):
    """Looks at one place only."""

    def forward(self, rgb):
        return ForgeryAnswer(3 * rgb[:, 1, 40:56, 80:96].sum(dim=(1, 2)), rgb[:, :1, ::8, ::8])


@torch.no_grad()  # as a notebook may have it
def test_saliency_is_high_where_the_network_looks():
    crops = torch.rand(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    found = saliency(Spot(), crops)
    assert found.shape == (2, 1, SIDE, SIDE)
    assert found.amax(dim=(1, 2, 3)).tolist() == [1, 1]
    assert found.min() >= 0
    place = torch.zeros(2, 1, SIDE, SIDE)
    place[:, :, 40:56, 80:96] = 1
    assert iou(found, place).min() > 0.6
    assert saliency(Spot(), torch.zeros(1, 3, SIDE, SIDE)).max() == 0


def square(top, left, side=4, size=16):
    mask = torch.zeros(1, 1, size, size)
    mask[..., top : top + side, left : left + side] = 1
    return mask


def test_iou_of_known_maps():
    mask = 0.25 * square(2, 2)
    assert iou(7 * mask - 3, mask).item() == 1
    assert iou(square(2, 10), mask).item() == 0
    assert iou(square(2, 4), mask).item() == pytest.approx(8 / 24)
    both = torch.cat([square(2, 2), square(2, 4)])
    assert iou(both, mask.expand(2, -1, -1, -1)).tolist() == pytest.approx([1, 1 / 3])


def test_iou_counts_the_half_of_the_mask_and_as_many_pixels():
    mask = 0.5 * square(2, 2) + 0.2 * square(8, 8)  # the second square has less than half
    assert iou(square(2, 2) + 0.5 * square(8, 8), mask).item() == 1
    assert iou(square(2, 2) + 0.5 * square(8, 8), mask, share=32 / 256).item() == pytest.approx(0.5)


def test_iou_of_a_flat_map_is_that_of_chance():
    """Sixteen of 256 pixels, wherever: 1 of them is expected inside of the mask."""
    assert iou(torch.ones(1, 1, 16, 16), square(5, 5)).item() == pytest.approx(1 / 31)


def test_iou_is_no_number_where_nothing_is_blended():
    assert math.isnan(iou(square(2, 2), torch.zeros(1, 1, 16, 16)).item())
    with pytest.raises(PictureError, match="one shape"):
        iou(torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 16, 16))


@given(seed=st.integers(0, 2**31), scale=st.floats(0.1, 10))
@settings(max_examples=25, deadline=None)
def test_iou_is_a_share_and_knows_no_scale(seed, scale):
    generator = torch.Generator().manual_seed(seed)
    found, mask = torch.randint(0, 5, (2, 3, 1, 8, 8), generator=generator).float()
    mask[:, :, 0, 0] = 9
    value = iou(found, mask)
    assert ((value >= 0) & (value <= 1)).all()
    assert torch.allclose(value, iou(scale * found - 1, mask))
    assert torch.allclose(value, iou(found.flip(-1), mask.flip(-1)))
    assert torch.allclose(iou(mask, mask), torch.ones(3))
