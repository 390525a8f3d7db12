"""The checks of lesson 00 accept every right answer that was tried and give each mistake its own hint."""

import numpy as np
import pytest
import torch
from skimage.color import rgb2lab

from course_lib import color
from course_lib.checks import judge

RIGHT = {
    "00.size": [
        lambda picture: (picture.shape[1], picture.shape[2]),
        lambda picture: picture.shape[-2:],
        lambda picture: list(picture.size())[1:],
        lambda picture: torch.tensor(picture.shape[1:]),
        lambda picture: (len(picture[0]), len(picture[0][0])),
    ],
    "00.from_bgr": [
        lambda picture: picture.flip(0),
        lambda picture: picture[[2, 1, 0]],
        lambda picture: torch.stack([picture[2], picture[1], picture[0]]),
        lambda picture: picture.numpy()[::-1].copy(),
        lambda picture: torch.cat([picture[2:], picture[1:2], picture[:1]]),
    ],
    "00.lightness": [
        lambda picture: color.rgb_to_lab(picture)[0] / 100,
        lambda picture: color.to_gray(picture) / 100,
        lambda picture: color.to_gray(picture)[0] * 0.01,
        lambda picture: rgb2lab(picture.numpy(), channel_axis=0)[0] / 100,
        lambda picture: (color.normalize(color.rgb_to_lab(picture))[0] + 1) / 2,
    ],
}

WRONG = {
    "00.size": [
        (lambda picture: None, "no answer yet"),
        (lambda picture: (picture.shape[2], picture.shape[1]), "width and height"),
        (lambda picture: picture.shape, "number of channels"),
        (lambda picture: picture.shape[:2], "number of channels"),
        (lambda picture: picture.numel(), "two numbers"),
        (lambda picture: (4, 7), "height 4 and width 6"),
    ],
    "00.from_bgr": [
        (lambda picture: None, "no answer yet"),
        (lambda picture: picture, "nothing has changed"),
        (lambda picture: picture.flip(1), "upside down"),
        (lambda picture: picture.flip(2), "mirrors"),
        (lambda picture: picture.roll(1, 0), "not where they should be"),
        (lambda picture: picture[[2, 0]], "shape should be"),
        (lambda picture: picture.movedim(0, -1), "shape should be"),
        (lambda picture: picture.copy_(picture.flip(0)), "changes its input"),
    ],
    "00.lightness": [
        (lambda picture: None, "no answer yet"),
        (lambda picture: color.rgb_to_lab(picture)[0], "Divide by 100"),
        (lambda picture: color.rgb_to_lab(picture)[0] / 255, "not to 255"),
        (lambda picture: color.rgb_to_lab(picture)[1] / 100, "a or b"),
        (lambda picture: color.rgb_to_lab(picture)[2], "a or b"),
        (lambda picture: color.rgb_to_lab(picture.flip(0))[0] / 100, "red and blue were exchanged"),
        (lambda picture: picture.mean(0), "mean of red, green and blue"),
        (lambda picture: color.rgb_to_lab(picture) / 100, "one number for each pixel"),
        (lambda picture: color.rgb_to_lab(picture)[:, 0] / 100, "one number for each pixel"),
        (lambda picture: np.full((4, 6), np.nan), "NaN"),
        (lambda picture: color.rgb_to_lab(picture * 255)[0] / 100, r"0..255"),
        (lambda picture: picture.max(0).values, "not the values of L / 100"),
    ],
}


@pytest.mark.parametrize(("name", "answer"), [(name, answer) for name, answers in RIGHT.items() for answer in answers])
def test_right_answers_pass(name, answer):
    verdict = judge(name, answer)
    assert verdict.passed, verdict.message


@pytest.mark.parametrize(("name", "answer", "hint"), [(name, *pair) for name, pairs in WRONG.items() for pair in pairs])
def test_wrong_answers_get_their_hint(name, answer, hint):
    verdict = judge(name, answer)
    assert not verdict.passed
    assert hint in verdict.message
