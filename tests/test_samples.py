"""The bundled photographs that generators color, kept as one picture."""

import pytest
import torch
from torch import nn

from course_lib import color
from course_lib.samples import NAMES, SIDE, colorize_samples, read_samples, sample_photographs, write_samples


def test_there_are_six_photographs_in_color():
    rgb = sample_photographs()
    assert rgb.shape == (6, 3, SIDE, SIDE)
    assert len(set(NAMES)) == 6
    assert color.rgb_to_lab(rgb)[:, 1:].norm(dim=1).mean(dim=(1, 2)).min() > 3


def test_rows_and_columns_come_back_in_their_order(tmp_path):
    rows = torch.stack([sample_photographs(), sample_photographs().flip(0), color.without_color(sample_photographs())])
    write_samples("sheet", rows, tmp_path)
    back = read_samples("sheet", tmp_path)
    assert back.shape == rows.shape
    assert (back - rows).abs().mean() < 0.02
    assert (back[:, 1:] - rows[:, :-1]).abs().mean() > 0.1


def test_a_generator_gives_color_and_the_photograph_its_lightness():
    class Red(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(1))

        def forward(self, l):  # noqa: E741
            return torch.cat([torch.full_like(l, 0.2), torch.zeros_like(l)], dim=1)

        def to_ab(self, answer):
            return answer * 110

    lab, truth = (color.rgb_to_lab(rgb) for rgb in (colorize_samples(Red()), sample_photographs()))
    assert (lab[:, 0] - truth[:, 0]).abs().median() < 0.5
    assert lab[:, 1].median() == pytest.approx(22, abs=2)
    assert lab[:, 2].median() == pytest.approx(0, abs=2)
