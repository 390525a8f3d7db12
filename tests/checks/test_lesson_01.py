"""The exercises of lesson 01: every right answer that was tried passes, and each known mistake gets its own hint."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from skimage import exposure
from skimage.color import lab2rgb, rgb2lab
from skimage.measure import block_reduce

from course_lib import color
from course_lib.appearance import equalize
from course_lib.checks import judge
from course_lib.checks.lesson_01 import LUMA, LUMINANCE, SIGNS, TRUTH, _bent, _blocks
from course_lib.widgets.figures_01 import suspects


def stub(*arguments): ...  # your code here


# ---- luma


def luma_by_loop(rgb):
    result = torch.zeros(rgb.shape[1:])
    for y in range(rgb.shape[1]):
        for x in range(rgb.shape[2]):
            result[y, x] = 0.299 * rgb[0, y, x] + 0.587 * rgb[1, y, x] + 0.114 * rgb[2, y, x]
    return result


LUMA_RIGHT = {
    "indexing": lambda rgb: 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2],
    "einsum": lambda rgb: torch.einsum("c,chw->hw", torch.tensor(LUMA), rgb),
    "tensordot": lambda rgb: torch.tensordot(torch.tensor(LUMA), rgb, dims=1),
    "broadcasting": lambda rgb: (torch.tensor(LUMA)[:, None, None] * rgb).sum(0),
    "channels last": lambda rgb: rgb.movedim(0, -1) @ torch.tensor(LUMA),
    "numpy": lambda rgb: np.average(rgb.numpy(), axis=0, weights=LUMA),
    "a loop": luma_by_loop,
}
LUMA_WRONG = {
    "stub": (stub, "no answer yet"),
    "not a function": (0.299, "a function is asked for"),
    "BGR": (lambda rgb: LUMA_RIGHT["einsum"](rgb.flip(0)), "red and blue are exchanged"),
    "mean": (lambda rgb: rgb.mean(0), "plain mean"),
    "L": (lambda rgb: color.to_gray(rgb)[0], "this is L"),
    "0 to 255": (lambda rgb: 255 * LUMA_RIGHT["einsum"](rgb), "stays in [0, 1]"),
    "0 to 100": (lambda rgb: 100 * LUMA_RIGHT["einsum"](rgb), "stays in [0, 1]"),
    "a third": (lambda rgb: LUMA_RIGHT["einsum"](rgb) / 3, "already sum to 1"),
    "luminance": (lambda rgb: torch.einsum("c,chw->hw", torch.tensor(LUMINANCE), rgb), "weights of light"),
    "last axis": (lambda rgb: 0.299 * rgb[..., 0] + 0.587 * rgb[..., 1] + 0.114 * rgb[..., 2], "wrong axis"),
    "middle axis": (lambda rgb: 0.299 * rgb[:, 0] + 0.587 * rgb[:, 1] + 0.114 * rgb[:, 2], "wrong axis"),
    "three channels": (lambda rgb: LUMA_RIGHT["einsum"](rgb).expand(3, -1, -1), "one number per pixel"),
    "a single number": (lambda rgb: rgb.mean(), "one number per pixel"),
    "text": (lambda rgb: "gray", "a tensor is asked for"),
    "NaN": (lambda rgb: rgb[0] / 0 - rgb[0] / 0, "NaN"),
    "changes its input": (lambda rgb: rgb.mul_(2)[0], "changes its input"),
    "an error": (lambda rgb: rgb[7], "IndexError"),
    "anything": (lambda rgb: rgb[1] ** 3, "not yet"),
}

# ---- lightness


def curve(t):
    return torch.where(t > (6 / 29) ** 3, t ** (1 / 3), t / (3 * (6 / 29) ** 2) + 4 / 29)


def light_of(rgb):
    return torch.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)


def lightness_by_hand(rgb):
    luminance = torch.einsum("c,chw->hw", torch.tensor(LUMINANCE), light_of(rgb))
    return 116 * curve(luminance) - 16


def lightness_in_numpy(rgb):
    x = rgb.numpy().astype(float)
    light = np.where(x > 0.04045, ((x + 0.055) / 1.055) ** 2.4, x / 12.92)
    y = 0.2126 * light[0] + 0.7152 * light[1] + 0.0722 * light[2]  # the rounded weights of the standard
    return np.where(y > 0.008856, 116 * np.cbrt(y) - 16, 903.3 * y)


def luminance_of(rgb):
    return torch.einsum("c,chw->hw", torch.tensor(LUMINANCE), color.srgb_to_linear(rgb))


LIGHTNESS_RIGHT = {
    "by hand": lightness_by_hand,
    "numpy, rounded constants": lightness_in_numpy,
    "scikit-image": lambda rgb: rgb2lab(rgb.numpy(), channel_axis=0)[0],
    "scikit-image, channels last": lambda rgb: rgb2lab(rgb.permute(1, 2, 0).numpy())[..., 0],
    "to_gray": lambda rgb: color.to_gray(rgb)[0],
    "rgb_to_lab": lambda rgb: color.rgb_to_lab(rgb)[0],
    "the library's curve": lambda rgb: 116 * curve(luminance_of(rgb)) - 16,
}
LIGHTNESS_WRONG = {
    "stub": (stub, "no answer yet"),
    "0 to 1": (lambda rgb: color.to_gray(rgb)[0] / 100, "L is unscaled"),
    "network units": (lambda rgb: color.normalize(color.rgb_to_lab(rgb))[0][0], "network units"),
    "0 to 255": (lambda rgb: color.to_gray(rgb)[0] * 2.55, "8-bit"),
    "BGR": (lambda rgb: lightness_by_hand(rgb.flip(0)), "red and blue are exchanged"),
    "no gamma": (
        lambda rgb: 116 * curve(torch.einsum("c,chw->hw", torch.tensor(LUMINANCE), rgb)) - 16,
        "step 1 is missing",
    ),
    "no cube root": (lambda rgb: 100 * luminance_of(rgb), "step 4 is missing"),
    "luma's weights": (
        lambda rgb: 116 * curve(torch.einsum("c,chw->hw", torch.tensor(LUMA), light_of(rgb))) - 16,
        "belong to the values",
    ),
    "equal weights": (lambda rgb: 116 * curve(light_of(rgb).mean(0)) - 16, "count the same"),
    "power 2.2": (
        lambda rgb: 116 * curve(torch.einsum("c,chw->hw", torch.tensor(LUMINANCE), rgb**2.2)) - 16,
        "plain power",
    ),
    "luma": (lambda rgb: 100 * torch.einsum("c,chw->hw", torch.tensor(LUMA), rgb), "luma times 100"),
    "a": (lambda rgb: color.rgb_to_lab(rgb)[1], "this is a"),
    "b": (lambda rgb: color.rgb_to_lab(rgb)[2], "this is b"),
    "no foot": (lambda rgb: 116 * luminance_of(rgb) ** (1 / 3) - 16, "mind the two feet"),
    "all of Lab": (color.rgb_to_lab, "one number per pixel"),
    "last axis": (
        lambda rgb: rgb2lab(rgb.permute(2, 1, 0)[..., :3].numpy(), channel_axis=2)[..., 0].T[:3],
        "wrong axis",
    ),
    "anything": (lambda rgb: 50 + 0 * rgb[0], "not yet"),
}

# ---- coarse ab


def spread(small, factor):
    return small.repeat_interleave(factor, dim=1).repeat_interleave(factor, dim=2)


def coarse_by_loop(lab, factor):
    result = lab.clone()
    for y in range(0, lab.shape[1], factor):
        for x in range(0, lab.shape[2], factor):
            for channel in (1, 2):
                result[channel, y : y + factor, x : x + factor] = lab[channel, y : y + factor, x : x + factor].mean()
    return result


def coarse_in_numpy(lab, factor):
    result = lab.numpy().copy()
    for channel in (1, 2):
        result[channel] = np.kron(block_reduce(result[channel], factor, np.mean), np.ones((factor, factor)))
    return result


def coarse_by_upsampling(lab, factor):
    small = F.interpolate(lab[None, 1:], scale_factor=1 / factor, mode="area")
    return torch.cat([lab[:1], F.interpolate(small, scale_factor=factor, mode="nearest")[0]])


def coarse(lab, factor):
    return torch.cat([lab[:1], spread(F.avg_pool2d(lab[1:], factor), factor)])


COARSE_RIGHT = {
    "pooling": coarse,
    "a loop": coarse_by_loop,
    "numpy and kron": coarse_in_numpy,
    "area and nearest": coarse_by_upsampling,
    "reshape": lambda lab, factor: torch.cat([lab[:1], _blocks(lab[1:], factor)]),
    "all of it, then L back": lambda lab, factor: torch.cat([lab[:1], _blocks(lab, factor)[1:]]),
}
COARSE_WRONG = {
    "stub": (stub, "no answer yet"),
    "a and b exchanged": (
        lambda lab, factor: torch.cat([lab[:1], coarse(lab, factor)[1:].flip(0)]),
        "a and b are exchanged",
    ),
    "L instead": (lambda lab, factor: torch.cat([_blocks(lab[:1], factor), lab[1:]]), "the other way round"),
    "L too": (_blocks, "L became coarse too"),
    "only a": (lambda lab, factor: torch.cat([coarse(lab, factor)[:2], lab[2:]]), "only a is coarse"),
    "only b": (lambda lab, factor: torch.cat([lab[:2], coarse(lab, factor)[2:]]), "only b is coarse"),
    "first pixel": (
        lambda lab, factor: torch.cat([lab[:1], spread(lab[1:, ::factor, ::factor], factor)]),
        "one pixel of each square",
    ),
    "only down": (lambda lab, factor: torch.cat([lab[:1], _blocks(lab[1:], factor, 1)]), "only as wide as a pixel"),
    "only across": (lambda lab, factor: torch.cat([lab[:1], _blocks(lab[1:], 1, factor)]), "only as high as a pixel"),
    "unscaled L": (lambda lab, factor: torch.cat([lab[:1] / 100, coarse(lab, factor)[1:]]), "L is unscaled"),
    "network units": (lambda lab, factor: torch.cat(color.normalize(coarse(lab, factor))), "network units"),
    "nothing": (lambda lab, factor: lab, "nothing changed"),
    "small": (lambda lab, factor: F.avg_pool2d(lab, factor), "the result is small"),
    "small ab": (lambda lab, factor: F.avg_pool2d(lab[1:], factor), "only a and b came back"),
    "no L": (lambda lab, factor: spread(F.avg_pool2d(lab[1:], factor), factor), "only a and b came back"),
    "channels last": (lambda lab, factor: coarse(lab, factor).movedim(0, -1), "the last two axes"),
    "L has changed": (
        lambda lab, factor: coarse(lab, factor) * torch.tensor([0.9, 1, 1])[:, None, None],
        "L has changed",
    ),
    "smooth": (
        lambda lab, factor: torch.cat([lab[:1], lab[1:].mean((1, 2), keepdim=True).expand(-1, *lab.shape[1:])]),
        "not the means",
    ),
}

# ---- detective

DETECTIVE_RIGHT = {
    "dictionary": dict(TRUTH),
    "small letters": {letter.lower(): bug for letter, bug in TRUTH.items()},
    "capitals and spaces": {letter: f"  {bug.capitalize()} " for letter, bug in TRUTH.items()},
    "a function": lambda: dict(TRUTH),
}
DETECTIVE_WRONG = {
    "stub": (dict.fromkeys("ABCD"), "no answer yet"),
    "a list": (list(TRUTH.values()), "a dictionary is asked for"),
    "a letter too many": ({"E": "a and b exchanged"}, "there is no picture E"),
    "an unknown bug": ({"A": "broken"}, "none of the five bugs"),
    "not all": ({"A": TRUTH["A"]}, "Still without a name: B, C, D"),
    **{f"A is {bug}": ({"A": bug}, sign) for bug, sign in SIGNS.items() if bug != TRUTH["A"]},
    "B is BGR": ({"B": "red and blue exchanged"}, SIGNS["red and blue exchanged"]),
}

# ---- equalize L


def equalized(rgb):
    lab = color.rgb_to_lab(rgb)
    return color.join(100 * equalize(lab[0] / 100)[None], lab[1:])


def equalized_by_scikit_image(rgb):
    lab = rgb2lab(rgb.numpy(), channel_axis=0)
    lab[0] = 100 * exposure.equalize_hist(lab[0])
    return lab2rgb(lab, channel_axis=0)


def equalized_by_ranks(rgb):
    lab = color.rgb_to_lab(rgb)
    ranks = lab[0].flatten().argsort().argsort().reshape(lab[0].shape)
    return color.lab_to_rgb(torch.cat([100 * ranks[None] / ranks.max(), lab[1:]]))


def equalized_by_quantiles(rgb):
    lab = color.rgb_to_lab(rgb)
    sorted_l = lab[0].flatten().sort().values
    places = torch.searchsorted(sorted_l, lab[0].contiguous())
    return color.join(100 * places[None] / lab[0].numel(), lab[1:])


def with_lightness(rgb, lightness):
    return color.join(lightness[None], color.rgb_to_lab(rgb)[1:])


def row_by_row(rgb):
    lightness = color.to_gray(rgb)[0] / 100
    return with_lightness(rgb, 100 * torch.stack([equalize(row[None])[0] for row in lightness]))


def column_by_column(rgb):
    lightness = color.to_gray(rgb)[0] / 100
    return with_lightness(rgb, 100 * torch.stack([equalize(column[None])[0] for column in lightness.T]).T)


EQUALIZE_RIGHT = {
    "join": equalized,
    "scikit-image": equalized_by_scikit_image,
    "ranks": equalized_by_ranks,
    "quantiles": equalized_by_quantiles,
}
EQUALIZE_WRONG = {
    "stub": (stub, "no answer yet"),
    "unscaled L": (
        lambda rgb: with_lightness(rgb, equalize(color.to_gray(rgb)[0] / 100)),
        "the picture is black: L is unscaled",
    ),
    "each of R, G, B": (lambda rgb: torch.stack([equalize(channel) for channel in rgb]), "R, G and B were equalized"),
    "nothing": (lambda rgb: rgb, "nothing changed"),
    "Lab": (lambda rgb: color.rgb_to_lab(equalized(rgb)), "Is it still Lab"),
    "L alone": (lambda rgb: color.to_gray(equalized(rgb)), "Is it L alone"),
    "channels last": (lambda rgb: equalized(rgb).movedim(0, -1), "channels last"),
    "BGR in": (lambda rgb: equalized(rgb.flip(0)), "red and blue are exchanged on the way in"),
    "BGR out": (lambda rgb: equalized(rgb).flip(0), "red and blue are exchanged on the way out"),
    "a and b exchanged": (
        lambda rgb: color.join(color.to_gray(equalized(rgb)), color.rgb_to_lab(rgb)[1:].flip(0)),
        "a and b are exchanged",
    ),
    "gray": (
        lambda rgb: with_lightness(rgb, color.to_gray(equalized(rgb))[0]).mean(0).expand(3, -1, -1),
        "a and b are lost",
    ),
    "rows": (row_by_row, "the wrong axis"),
    "columns": (column_by_column, "the wrong axis"),
    "a and b doubled": (
        lambda rgb: color.join(color.to_gray(equalized(rgb)), 3 * color.rgb_to_lab(rgb)[1:]),
        "a and b have changed",
    ),
    "half the range": (
        lambda rgb: with_lightness(rgb, 50 * equalize(color.to_gray(rgb)[0] / 100)),
        "from black to white",
    ),
    "inverted": (lambda rgb: with_lightness(rgb, 100 - color.to_gray(equalized(rgb))[0]), "not spread evenly"),
}

RIGHT = {
    "01.luma": LUMA_RIGHT,
    "01.lightness": LIGHTNESS_RIGHT,
    "01.subsample_ab": COARSE_RIGHT,
    "01.detective": DETECTIVE_RIGHT,
    "01.equalize_l": EQUALIZE_RIGHT,
}
WRONG = {
    "01.luma": LUMA_WRONG,
    "01.lightness": LIGHTNESS_WRONG,
    "01.subsample_ab": COARSE_WRONG,
    "01.detective": DETECTIVE_WRONG,
    "01.equalize_l": EQUALIZE_WRONG,
}


def cases(table):
    return [
        pytest.param(name, answer, id=f"{name} {kind}") for name, rows in table.items() for kind, answer in rows.items()
    ]


@pytest.mark.parametrize(("name", "answer"), cases(RIGHT))
def test_a_right_answer_passes(name, answer):
    verdict = judge(name, answer)
    assert verdict.passed, verdict.message
    assert verdict.message.startswith("right")


@pytest.mark.parametrize(("name", "case"), cases(WRONG))
def test_a_mistake_gets_its_own_hint(name, case):
    answer, hint = case
    verdict = judge(name, answer)
    assert not verdict.passed
    assert hint in verdict.message


@pytest.mark.parametrize("name", RIGHT)
def test_the_usual_mistakes_get_different_hints(name):
    hints = [judge(name, answer).message for answer, _ in WRONG[name].values()]
    assert len(set(hints)) >= len(hints) - 2  # two mistakes may share one hint, as 0 to 100 and 0 to 255


def test_the_bent_curve_of_the_checker_is_that_of_the_lesson():
    y = torch.linspace(0, 1, 50)[None]
    assert _bent(y) == pytest.approx(116 * curve(y) - 16, abs=0.01)


def test_the_suspects_have_the_bugs_that_the_checker_names():
    rgb = torch.rand(3, 12, 16, generator=torch.Generator().manual_seed(0)) * 0.2 + 0.4
    drawn, lab = suspects(rgb), color.rgb_to_lab(rgb)
    seen = {letter: color.rgb_to_lab(picture) for letter, picture in drawn.items()}
    assert torch.equal(drawn["A"], rgb[[2, 1, 0]])
    assert seen["B"][1:] == pytest.approx(lab[[2, 1]], abs=0.5)
    assert seen["C"][1:] == pytest.approx(lab[1:] / 110, abs=0.02)
    assert seen["D"][2] == pytest.approx(-lab[2], abs=0.5)
    for letter in "BCD":
        assert seen[letter][0] == pytest.approx(lab[0], abs=0.02)
