"""Some of many labeled pictures, at even distances."""

import pytest
import torch

from course_lib.data.labeled import LabeledPictures


def numbered(count):
    """Pictures that carry their own number in every pixel, their label and their name."""
    rgb = torch.arange(count, dtype=torch.uint8)[:, None, None, None].expand(-1, 3, 2, 2)
    return LabeledPictures(
        rgb, torch.arange(count), tuple(map(str, range(count))), [f"{row}.png" for row in range(count)]
    )


@pytest.mark.parametrize(
    ("count", "rows"),
    [(1, [0]), (2, [0, 8]), (3, [0, 4, 8]), (5, [0, 2, 4, 6, 8]), (9, list(range(9))), (50, list(range(9)))],
)
def test_pictures_at_even_distances_with_what_belongs_to_them(count, rows):
    some = numbered(9).evenly(count)
    assert some.rgb[:, 0, 0, 0].tolist() == rows
    assert some.labels.tolist() == rows
    assert some.names == [f"{row}.png" for row in rows]
    assert some.classes == numbered(9).classes
    assert some.rgb.dtype == torch.uint8
    assert len(some) == len(rows)


def test_no_picture_twice():
    for count in range(1, 40):
        rows = numbered(40).evenly(count).labels.tolist()
        assert len(set(rows)) == count
        assert rows == sorted(rows)
