"""The evaluation of hints, on pictures and with networks whose results are known without it."""

import pytest
import torch

from course_lib import color
from course_lib.data import petals
from course_lib.hints import Patch
from course_lib.models.hint_net import HintAnswer
from course_lib.training import evaluate_hints as evaluate
from course_lib.training.recipes import as_photographs


class Obedient(torch.nn.Module):
    """Answers with the hints, gray elsewhere."""

    def forward(self, l, ab=None, mask=None, strokes=None, palette=None):  # noqa: E741
        return HintAnswer(torch.zeros(len(l), 2, *l.shape[-2:]) if ab is None else ab * mask, None)

    def to_ab(self, answer):
        return answer.ab * color.AB_SCALE


@pytest.fixture(scope="module")
def photographs():
    return as_photographs(petals(4, size=32, seed=3))


@pytest.fixture(scope="module")
def revealed(photographs):
    return evaluate.reveal(photographs, torch.arange(4))


def test_each_picture_has_its_own_hints_whatever_stands_beside_it(photographs, revealed):
    alone = evaluate.reveal(photographs, torch.tensor([2]))
    for one, other in zip(alone.patches[0], revealed.patches[2], strict=True):
        assert one[:3] == other[:3]
        assert torch.equal(one.ab, other.ab)
    assert revealed.patches[0][0][:2] != revealed.patches[1][0][:2]


def test_patches_show_the_true_color(revealed):
    for ab, patches in zip(revealed.ab, revealed.patches, strict=True):
        assert len(patches) == evaluate.COUNTS[-1]
        for patch in patches:
            square = ab[:, patch.top : patch.top + patch.side, patch.left : patch.left + patch.side]
            assert square.shape[1:] == (evaluate.PATCH, evaluate.PATCH)
            assert torch.allclose(patch.ab, square.mean(dim=(1, 2)), atol=1e-6)


def test_wrong_hints_are_wrong_in_one_way_only(revealed):
    for way, firsts in revealed.wrong.items():
        for wrong, right in zip(firsts, (patches[0] for patches in revealed.patches), strict=True):
            assert torch.equal(wrong.ab, right.ab) == (way == "another place")
            if way == "another color":
                assert wrong[:3] == right[:3]


def test_psnr_of_the_true_colors_is_that_of_rounding(revealed):
    true_ab = revealed.ab * color.AB_SCALE
    assert evaluate.psnr_of(true_ab, revealed)[:, 0].min() > 45
    assert evaluate.psnr_of(true_ab.flip(1), revealed)[:, 0].max() < 30


def test_an_obedient_network_gains_little_and_carried_hints_gain_more(revealed):
    columns = evaluate.score(Obedient(), revealed)
    for count in evaluate.COUNTS:
        assert columns[f"points {count}"].shape == (4, 2)
    psnr = {name: (column[:, 0].mean() / column[:, 1].mean()).item() for name, column in columns.items()}
    assert psnr["points 0"] == pytest.approx(psnr["carried 0"], abs=1e-6)  # both are gray
    assert psnr["points 0"] < psnr["points 10"] < psnr["points 100"]
    assert psnr["carried 10"] > psnr["points 10"]
    assert psnr["another color"] < psnr["points 10"]
    assert psnr["points 9"] < psnr["points 10"]


def test_a_wrong_color_spreads_as_far_as_the_network_carries_it(revealed):
    columns = evaluate.score(Obedient(), revealed)
    spread = {low: columns[f"spread {low}"].sum(dim=0) for low in evaluate.RINGS[:-1]}
    shares = {low: (above / below).item() for low, (above, below) in spread.items() if below}
    assert 0 < shares[0] < 0.5  # 9 of some 50 pixels within 4 pixels
    assert all(share == 0 for low, share in shares.items() if low >= 4)


def test_hints_that_are_hardly_wrong_do_not_count(revealed):
    same = [patches[0] for patches in revealed.patches]
    spread = evaluate.spread(revealed.ab, revealed.ab, revealed, same)
    assert all(column[:, 1].sum() == 0 for column in spread.values())


def test_distances_are_from_the_middle_of_the_patch():
    distance = evaluate.distance_from(Patch(4, 10, 3, torch.zeros(2)), (32, 48))
    assert distance.shape == (32, 48)
    assert distance[5, 11] == 0
    assert distance[5, 14] == 3
    assert distance[9, 11] == 4


def test_a_palette_holds_the_colors_of_the_picture():
    ab = torch.zeros(2, 16, 16)
    ab[:, :8] = torch.tensor([40.0, 20.0])[:, None, None] / color.AB_SCALE
    palette = evaluate.palette_of(ab)
    assert palette.shape == (314,)
    assert palette[-1] == 1
    from course_lib import bins

    found = (palette[:-1, None] * bins.AB_BINS).sum(dim=0)
    assert torch.allclose(found, torch.tensor([20.0, 10.0]), atol=1.5)
