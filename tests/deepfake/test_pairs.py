"""Pairs of a genuine picture and a fake: what they have in common, their kinds, and that nothing else tells the two apart."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from course_lib import color, colorize
from course_lib.color import PictureError
from course_lib.data import petals
from course_lib.deepfake import blend
from course_lib.deepfake.blend import (
    COLORIZER,
    Change,
    Finish,
    as_levels,
    colorize_face,
    draw_finish,
    draw_recipe,
    make_colorized,
    make_swap,
    pairs,
    self_blend,
    swap,
)
from course_lib.models import checkpoints
from tests.deepfake.drawn_faces import FACE, PLAIN, SIDE, as_likely_as, counted, crops, drawn_face, rng, sharpness

# ---- colorized faces


class Paints(torch.nn.Module):
    """A network that gives every pixel the same color, in network units."""

    def __init__(self, ab):
        super().__init__()
        self.ab = torch.nn.Parameter(torch.tensor(ab)[None, :, None, None] / color.AB_SCALE, requires_grad=False)

    def forward(self, l):  # noqa: E741 - l is the symbol of the field
        return self.ab.expand(len(l), 2, *l.shape[-2:])


def test_a_colorized_face_keeps_its_lightness_and_is_all_fake():
    fake, target, mask = colorize_face(FACE, Paints([20.0, 10.0]))
    assert target is FACE
    assert fake.dtype == np.float32
    assert fake.shape == FACE.shape
    assert (mask.shape, mask.dtype, mask.min()) == ((SIDE, SIDE), np.float32, 1)
    ours, theirs = (color.rgb_to_lab(torch.from_numpy(picture).movedim(-1, 0)) for picture in (fake, FACE))
    assert ours[0].numpy() == pytest.approx(theirs[0].numpy(), abs=0.02)
    assert ours[1:].median(dim=-1).values.median(dim=-1).values.tolist() == pytest.approx([20, 10], abs=0.5)


def test_colors_come_from_the_generator_of_lesson_08():
    if not (checkpoints.FOLDER / f"{COLORIZER}.safetensors").exists():
        pytest.skip(f"needs the checkpoint {COLORIZER}")
    faces = crops(2)
    made = pairs(faces, rng(), make_colorized, lambda _: Finish())
    colored = colorize(faces.float() / 255, "scenes-nogan")
    assert torch.equal(made.genuine, faces)
    assert (made.fake.float() - 255 * colored).abs().max() < 1.01
    assert (made.fake.float() - faces.float()).abs().mean() > 3
    assert made.mask.min() == 1


# ---- pairs


def test_a_pair_has_one_finish():
    """A maker that fakes nothing: whatever the finish, the two cannot differ."""
    faces = crops(40)
    made = pairs(faces, rng(), lambda face, *_: (face, face, np.zeros(face.shape[:2], np.float32)))
    assert torch.equal(made.genuine, made.fake)
    assert not torch.equal(made.genuine, faces)


@pytest.mark.parametrize("which", ["fake", "genuine"])
def test_both_of_a_pair_are_finished(which):
    def darken(_):
        return Finish(change=Change(brightness=-0.2))

    faces = crops(6)
    plain, dark = (getattr(pairs(faces, rng(), None, how), which).float() for how in (lambda _: Finish(), darken))
    assert (plain - dark)[(plain > 60) & (dark > 0)].mean() == pytest.approx(51, abs=0.6)


def test_pairs_come_as_documented():
    faces = crops(5, side=64)
    made = pairs(faces, rng())
    assert len(made) == 5
    for picture in (made.genuine, made.fake):
        assert (picture.shape, picture.dtype) == (faces.shape, torch.uint8)
        assert picture.is_contiguous()
    assert (made.mask.shape, made.mask.dtype) == ((5, 1, 64, 64), torch.float32)
    assert torch.equal(faces, crops(5, side=64))
    assert pairs(faces[:, :, :, :40], rng()).fake.shape == (5, 3, 64, 40)
    assert len(pairs(faces[:0], rng())) == 0


def test_pictures_keep_their_places_and_channels():
    faces = crops(5)
    made = pairs(faces, rng(), lambda face, *_: (face, face, np.zeros(face.shape[:2], np.float32)), lambda _: Finish())
    assert torch.equal(made.genuine, faces)
    turned = faces.movedim(1, -1).contiguous().movedim(-1, 1)  # other strides, the same pictures
    assert torch.equal(pairs(turned, rng()).fake, pairs(faces, rng()).fake)


@pytest.mark.parametrize("make", [None, make_swap])
def test_pairs_depend_on_the_generator_alone(make):
    faces = crops(8)
    one, same, other = (pairs(faces, rng(seed), make) for seed in (3, 3, 4))
    for name in ("genuine", "fake", "mask"):
        assert torch.equal(getattr(one, name), getattr(same, name))
        assert not torch.equal(getattr(one, name), getattr(other, name))


RECIPE = (True, 0.5, 172656924)
NUMBERS = (
    0.02144425659525416, -0.027984865481672137, 1.0229655446429944, 0.024020924953894632, 0.006274385201545834,
    0.02707306101245459, 0.36978569773417275, 0.445041735759017,
)  # fmt: skip
HOW = (74, 1.0, 0.0, 1.0319907327301538)
MEANS = [110.94, 124.84, 121.25], [115.37, 125.7, 109.24], [47.74, 36.11, 92.95]
OFF = [7.034, 2.708, 15.291]  # between the two of a pair


def test_the_same_numbers_give_the_same_fakes_as_ever():
    """What checkpoints were trained and calibrated on. Coarse enough for another processor, whose last bits differ."""
    recipe, how = draw_recipe(rng()), draw_finish(rng())
    assert (recipe.on_source, recipe.ratio, recipe.bend_seed) == RECIPE
    assert (*recipe.move, recipe.size, *recipe.blur, recipe.bend, *recipe.radii) == pytest.approx(NUMBERS, abs=1e-9)
    assert (how.quality, how.smaller, how.blur, how.change.contrast) == pytest.approx(HOW, abs=1e-9)
    made = pairs((petals(3, size=96, seed=5).rgb * 255).round().to(torch.uint8), rng())
    found = [part.float().mean(dim=(1, 2, 3)).tolist() for part in (made.genuine, made.fake, 255 * made.mask)]
    assert np.array(found) == pytest.approx(np.array(MEANS), abs=0.1)
    off = (made.fake.float() - made.genuine.float()).abs().mean(dim=(1, 2, 3))
    assert off.tolist() == pytest.approx(OFF, abs=0.05)


def test_a_swap_never_takes_the_face_itself_nor_a_copy_of_it():
    faces = crops(3).repeat(2, 1, 1, 1)
    taken = []

    def watched(face, pictures, random):
        made = make_swap(face, pictures, random)
        taken.append(np.abs(made[0] - face)[made[2] > 0.2].mean())
        return made

    for seed in range(5):
        pairs(faces, rng(seed), watched)
    assert min(taken) > 0.01  # a face that was pasted onto itself would hardly differ


def test_all_others_are_partners_equally_often(monkeypatch):
    faces = crops(5, side=32)
    pictures = faces.movedim(1, -1).contiguous().numpy()
    found = []
    monkeypatch.setattr(blend, "swap", lambda face, other, recipe: found.append(as_levels(other)))
    random = rng()
    for _ in range(600):
        make_swap(pictures[2].astype(np.float32) / 255, pictures, random)
    rows = [next(row for row in range(5) if np.array_equal(pictures[row], other)) for other in found]
    assert as_likely_as(counted(rows), dict.fromkeys((0, 1, 3, 4), 0.25))


def test_swaps_need_two_faces():
    with pytest.raises(ValueError, match="A swap needs two different faces"):
        pairs(crops(1).repeat(3, 1, 1, 1), rng(), make_swap)


def test_sharpness_alone_tells_little():
    """Crops of photographs: whoever looks at the Laplacian only is hardly better than chance."""
    made = pairs(crops(300), rng(1))
    scores = [
        sharpness(picture.movedim(0, -1).numpy().astype(np.float32) / 255)
        for picture in torch.cat([made.genuine, made.fake])
    ]
    area = roc_auc_score([0] * 300 + [1] * 300, scores)
    assert max(area, 1 - area) < 0.7


def test_fakes_differ_from_their_targets_inside_alone():
    made = pairs(crops(20), rng(), None, lambda _: Finish())
    off = (made.fake.float() - made.genuine.float()).abs().amax(dim=1, keepdim=True)
    assert off[made.mask == 0].max() == 0
    inside = made.mask > 0.9 * made.mask.amax(dim=(1, 2, 3), keepdim=True)
    assert min(off[row][inside[row]].mean() for row in range(20)) > 0.3


# ---- what cannot be used


def spoiled(value):
    face = FACE.copy()
    face[3, 4, 1] = value
    return face


BAD_FACES = [
    (spoiled(np.nan), "holds NaN or infinite values"),
    (spoiled(np.inf), "holds NaN or infinite values"),
    (FACE * 255, "They look like 0..255"),
    (spoiled(-0.5), r"must lie in \[0, 1\]"),
    (spoiled(1.5), r"must lie in \[0, 1\]"),
    (FACE.astype(np.float64), "of float32, got float64"),
    (as_levels(FACE), "of float32, got uint8"),
    (torch.from_numpy(FACE), "got Tensor. `pairs` takes uint8 tensors"),
    (FACE.transpose(2, 0, 1), r"of shape \(H, W, 3\), got \(3, 128, 128\)"),
    (FACE[..., 0], r"got \(128, 128\)"),
    (FACE[:31], "needs 32 x 32 pixels or more, got 128 x 31"),
    (FACE[:0], "got 128 x 0"),
]


@pytest.mark.parametrize(("face", "what"), BAD_FACES)
@pytest.mark.parametrize("make", ["self_blend", "swap", "the other of a swap", "colorize_face"])
def test_a_face_that_is_none_is_refused(face, what, make):
    makers = {
        "self_blend": lambda: self_blend(face, PLAIN),
        "swap": lambda: swap(face, FACE, PLAIN),
        "the other of a swap": lambda: swap(FACE, face, PLAIN),
        "colorize_face": lambda: colorize_face(face, Paints([0.0, 0.0])),
    }
    with pytest.raises(PictureError, match=what):
        makers[make]()


def test_faces_of_two_sizes_are_refused():
    with pytest.raises(PictureError, match=r"\(128, 128, 3\) and \(64, 64, 3\)\. Bring both to one size"):
        swap(FACE, drawn_face(1, 64), PLAIN)


def test_a_bit_of_rounding_is_no_error():
    self_blend(spoiled(1 + 1e-6), PLAIN)


@pytest.mark.parametrize(
    ("faces", "what"),
    [
        (torch.rand(2, 3, 64, 64), r"got torch.float32 \(2, 3, 64, 64\)"),
        (torch.zeros(3, 64, 64, dtype=torch.uint8), r"got torch.uint8 \(3, 64, 64\)"),
        (torch.zeros(2, 64, 64, 3, dtype=torch.uint8), "got torch.uint8"),
        (np.zeros((2, 3, 64, 64), np.uint8), "got ndarray"),
        (torch.zeros(2, 3, 64, 20, dtype=torch.uint8), "32 x 32 pixels or more, got 20 x 64"),
    ],
)
def test_pairs_need_uint8_tensors(faces, what):
    with pytest.raises(PictureError, match=what):
        pairs(faces, rng())
