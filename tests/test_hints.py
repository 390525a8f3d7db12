"""Hints: what is refused and how, that they come back from files, and that a network gets them at their place and in its units."""

import json
import struct
import zlib
from contextlib import suppress

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.color import rgb2lab

from course_lib import bins, color, hints
from course_lib.data import photo, read_image
from course_lib.hints import (
    Hints,
    HintsError,
    Patch,
    Point,
    ab_of,
    colored_png,
    from_json,
    paint,
    pixel_of,
    read_hints,
    render,
    tell_palette,
    to_json,
    write_hints,
)

SHARE = st.floats(0, 1)
COLOR = st.tuples(st.floats(-100, 100), st.floats(-100, 100))
PLACE = st.tuples(SHARE, SHARE)
POINT = st.builds(lambda place, ab, size: Point(*place, *ab, size), PLACE, COLOR, st.floats(0, 1, exclude_min=True))
HINTS = st.builds(
    Hints,
    st.lists(POINT, max_size=5),
    st.lists(st.lists(PLACE, min_size=1, max_size=5), max_size=3),
    st.lists(COLOR, max_size=4),
)
SOME = Hints(
    (Point(0.25, 0.75, 40, -20), Point(0.5, 0.5, -30.5, 12.25, 0.1)),
    (((0.1, 0.2), (0.9, 0.3)),),
    ((60, 10), (0, -40)),
)


# ---- what is refused


@pytest.mark.parametrize("row", [-0.01, 1.01, float("nan"), float("inf"), "0.5", None, True])
def test_places_are_shares(row):
    with pytest.raises(HintsError, match="shares of height and width, from 0 to 1"):
        Point(row, 0.5, 0, 0)
    with pytest.raises(HintsError, match="shares of height and width, from 0 to 1"):
        Point(0.5, row, 0, 0)
    with pytest.raises(HintsError, match="shares of height and width, from 0 to 1"):
        Hints(strokes=[[(0.5, 0.5), (0.5, row)]])


@pytest.mark.parametrize("a", [151, -151, 110.0, float("nan"), float("-inf"), "red", None])
def test_colors_are_a_and_b_that_exist(a):
    b = 110 if a == 110 else 0  # a chroma of 155.6, though each is possible
    for make in (lambda: Point(0.5, 0.5, a, b), lambda: Point(0.5, 0.5, b, a), lambda: Hints(palette=[(a, b)])):
        with pytest.raises(HintsError, match="a and b in natural units, of a chroma up to 150"):
            make()


@pytest.mark.parametrize("size", [0, -0.1, 1.5, float("nan"), None, "3"])
def test_sizes_are_shares_of_the_shorter_side(size):
    with pytest.raises(HintsError, match="size of a point is a share of the shorter side"):
        Point(0.5, 0.5, 0, 0, size)


def test_what_is_no_point_is_refused():
    with pytest.raises(HintsError, match=r"hints\.Point\(row, column, a, b\)"):
        Hints([(0.5, 0.5, 0, 0)])


def test_the_edges_of_what_is_allowed():
    Point(0, 1, 150, 0, 1)
    Point(1, 0, 0, -150, 1e-9)
    point = Point(0.5, 0.5, 0, 0)
    assert len(Hints([point] * 1000).points) == 1000
    with pytest.raises(HintsError, match="more than 1000"):
        Hints([point] * 1000, palette=[(0, 0)])
    with pytest.raises(HintsError, match="more than 1000"):
        Hints(strokes=[[(0, 0)] * 1001])


def test_hints_are_true_where_something_is_said():
    assert not Hints()
    assert Hints([Point(0, 0, 0, 0)])
    assert Hints(strokes=[[(0, 0)]])
    assert Hints(palette=[(0, 0)])


def test_points_are_added_changed_and_removed_without_changing_what_was():
    first, second, third = (Point(share, share, 0, 0) for share in (0.1, 0.2, 0.3))
    two = Hints(palette=[(1, 2)]).add(first).add(second)
    assert two.points == (first, second)
    assert two.change(0, third).points == (third, second)
    assert two.change(1, third).points == (first, third)
    assert two.remove(0).points == (second,)
    assert two.remove(1).points == (first,)
    assert two.points == (first, second)
    assert {some.palette for some in (two, two.change(0, third), two.remove(0))} == {((1, 2),)}


@pytest.mark.parametrize("rgb", ["#c04030", "#000000", "#ffffff", "00ff00", "#0000FF"])
def test_written_colors_against_scikit_image(rgb):
    digits = rgb.removeprefix("#")
    values = np.array([[[int(digits[place : place + 2], 16) for place in (0, 2, 4)]]], dtype=np.uint8)
    assert ab_of(rgb) == pytest.approx(tuple(rgb2lab(values)[0, 0, 1:]), abs=0.02)


@pytest.mark.parametrize("rgb", ["red", "#12345", "#1234567", "", "#gg0000", None, 5, (192, 64, 48)])
def test_other_words_for_colors_are_refused(rgb):
    with pytest.raises(HintsError, match="#rrggbb, for example #c04030"):
        ab_of(rgb)


# ---- as a network takes them


def test_a_point_is_at_its_row_and_column_in_network_units_with_a_first():
    ab, mask, strokes, palette = render(Hints([Point(0.25, 0.75, 55, -27.5, size=3 / 16)]), (16, 32))
    assert ab.shape == (1, 2, 16, 32)
    assert mask.shape == strokes.shape == (1, 1, 16, 32)
    assert palette.shape == (1, 314)
    rows, columns = mask[0, 0].nonzero(as_tuple=True)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (2, 4, 22, 24)
    assert mask.sum() == 9
    assert ab[0, :, 3, 23].tolist() == pytest.approx([0.5, -0.25])
    assert torch.equal(ab != 0, mask.expand(-1, 2, -1, -1) == 1)
    assert not strokes.any()
    assert not palette.any()


@pytest.mark.parametrize("size", [(8, 8), (16, 40), (33, 9)])
def test_a_point_in_the_middle_of_a_pixel_is_that_pixel(size):
    """Not the one beside it: with every side that has a middle."""
    for row in range(size[0]):
        for column in range(size[1]):
            place = (row + 0.5) / size[0], (column + 0.5) / size[1]
            assert pixel_of(*place, size) == (row, column)
            _, mask, _, _ = render(Hints([Point(*place, 10, 10, size=1e-6)]), size)
            assert mask[0, 0].nonzero().tolist() == [[row, column]]


@pytest.mark.parametrize("side", [1, 3, 5])
def test_a_larger_point_lies_evenly_around_its_pixel(side):
    _, mask, _, _ = render(Hints([Point(10.5 / 32, 20.5 / 48, 1, 1, size=side / 32)]), (32, 48))
    half = side // 2
    expected = torch.zeros(32, 48)
    expected[10 - half : 11 + half, 20 - half : 21 + half] = 1
    assert torch.equal(mask[0, 0], expected)


def test_a_point_of_the_usual_size_has_three_pixels_where_networks_see_128():
    assert render(Hints([Point(0.5, 0.5, 1, 1)]), (128, 200))[1].sum() == 9
    assert render(Hints([Point(0.5, 0.5, 1, 1)]), (8, 8))[1].sum() == 1


@given(place=PLACE, size=st.tuples(st.integers(1, 60), st.integers(1, 60)), side=st.floats(0.001, 1))
def test_points_are_inside_at_every_size_and_at_the_same_place(place, size, side):
    _, mask, _, _ = render(Hints([Point(*place, 5, 5, side)]), size)
    rows, columns = mask[0, 0].nonzero(as_tuple=True)
    pixels = max(1, round(side * min(size)))
    assert len(rows) == pixels**2
    for share, length, found in zip(place, size, (rows, columns), strict=True):
        middle = (int(found.min()) + int(found.max()) + 1) / 2
        nearest = min(max(share * length, pixels / 2), length - pixels / 2)
        assert abs(middle - nearest) <= 0.5


def test_points_at_the_corners_show():
    corners = Hints([Point(row, column, 10, 10) for row in (0, 1) for column in (0, 1)])
    _, mask, _, _ = render(corners, (128, 256))
    for rows in (slice(0, 3), slice(-3, None)):
        for columns in (slice(0, 3), slice(-3, None)):
            assert mask[0, 0, rows, columns].all()
    assert mask.sum() == 36


def test_where_points_meet_the_later_one_shows():
    first, second = Patch(0, 0, 3, torch.tensor([1.0, 2.0])), Patch(2, 1, 3, torch.tensor([3.0, 4.0]))
    ab, mask = paint([first, second], (5, 6))
    assert ab[:, 2, 1].tolist() == [3, 4]
    assert ab[:, 1, 1].tolist() == [1, 2]
    assert mask.sum() == 9 + 9 - 2
    assert paint([second, first], (5, 6))[0][:, 2, 1].tolist() == [1, 2]
    rendered, _, _, _ = render(Hints([Point(0.5, 0.5, 11, 0, 1), Point(0.5, 0.5, 0, 22, 1)]), (4, 4))
    assert rendered[0, :, 2, 2].tolist() == pytest.approx([0, 0.2])


def test_a_stroke_runs_through_its_places_by_row_and_column():
    _, mask, strokes, _ = render(Hints(strokes=[[(0.0, 0.5), (0.99, 0.5)], [(0.1, 0.0), (0.1, 0.25)]]), (10, 20))
    expected = torch.zeros(10, 20)
    expected[:, 10] = 1
    expected[1, :6] = 1
    assert torch.equal(strokes[0, 0], expected)
    assert not mask.any()


def test_a_stroke_has_no_holes_and_goes_on_from_place_to_place():
    _, _, strokes, _ = render(Hints(strokes=[[(0, 0), (1, 1), (1, 0)]]), (12, 12))
    assert torch.equal(strokes[0, 0], torch.eye(12).index_fill(0, torch.tensor(11), 1))


def test_a_stroke_of_one_place_is_a_dot():
    _, _, strokes, _ = render(Hints(strokes=[[(0.55, 0.25)]]), (10, 20))
    assert strokes[0, 0].nonzero().tolist() == [[5, 5]]


def test_a_palette_is_told_as_shares_of_bins_with_a_mark():
    _, mask, _, palette = render(Hints(palette=[(60, 10), (60, 10), (-20, 40), (0, -40)]), (8, 8))
    shares, known = palette[0, :-1], palette[0, -1]
    assert known == 1
    assert not mask.any()
    assert shares.sum().item() == pytest.approx(1, abs=1e-5)
    alone = [
        bins.encode_soft(torch.tensor(ab)[None, :, None, None].float())[0, :, 0, 0]
        for ab in ((60, 10), (-20, 40), (0, -40))
    ]
    assert torch.allclose(shares, 0.5 * alone[0] + 0.25 * alone[1] + 0.25 * alone[2], atol=1e-6)
    assert bins.AB_BINS[shares.argmax()].tolist() == [60, 10]
    assert tell_palette(torch.tensor([[0.0, -40.0]]))[:-1].argmax() == alone[2].argmax()


# ---- as files


@given(HINTS)
def test_what_was_written_comes_back(some):
    assert from_json(to_json(some)) == some


def test_files_of_both_kinds_come_back(tmp_path):
    write_hints(SOME, tmp_path / "alone.json")
    (tmp_path / "picture.png").write_bytes(colored_png(torch.rand(3, 8, 8), SOME))
    for path in tmp_path.iterdir():
        assert read_hints(path) == read_hints(str(path)) == read_hints(path.read_bytes()) == SOME
        assert read_hints(memoryview(path.read_bytes())) == SOME


def test_the_text_is_for_people_too():
    content = json.loads(to_json(SOME))
    assert content["hints"] == 1
    assert content["points"][0] == {"row": 0.25, "column": 0.75, "a": 40, "b": -20, "size": hints.SIZE}
    assert content["strokes"] == [[[0.1, 0.2], [0.9, 0.3]]]
    assert content["palette"] == [[60, 10], [0, -40]]


def changed(**parts):
    return json.dumps(json.loads(to_json(SOME)) | parts)


POINT_TEXT = {"row": 0.5, "column": 0.5, "a": 0, "b": 0, "size": 0.1}
NO_HINTS = [
    "",
    "{",
    "[]",
    "{}",
    "5",
    "null",
    '"hints"',
    "[" * 100_000,
    changed(points=5),
    changed(points=[5]),
    changed(points=[{"row": 0.5}]),
    changed(points=[POINT_TEXT | {"color": "red"}]),
    to_json(SOME)[:-20],
]


@pytest.mark.parametrize("text", NO_HINTS, ids=range(len(NO_HINTS)))
def test_other_texts_are_refused(text):
    with pytest.raises(HintsError, match="holds no hints as the course writes them"):
        from_json(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (changed(hints=2), "version 2, and this course reads 1. Update"),
        (changed(hints=None), "version None"),
        (changed(points=[POINT_TEXT | {"a": float("nan")}]), "natural units"),
        (changed(points=[POINT_TEXT | {"row": float("inf")}]), "from 0 to 1"),
        (changed(points=[POINT_TEXT | {"size": 1e308}]), "share of the shorter side"),
        (changed(palette=[[1e999, 0]]), "natural units"),
        (changed(strokes=[[[0.5, 1.5]]]), "from 0 to 1"),
        (changed(points=[POINT_TEXT] * 1001), "more than 1000"),
        (changed(points=[POINT_TEXT | {"a": 10**400}]), "natural units"),
        (changed(strokes=[[[0.5]]]), "Hints are points, strokes of places"),
        (changed(strokes=[[]]), "at least one place"),
    ],
)
def test_hints_that_cannot_be_are_refused_in_files_as_well(tmp_path, text, says):
    with pytest.raises(HintsError, match=says):
        from_json(text)
    path = tmp_path / "hints.json"
    path.write_text(text)
    with pytest.raises(HintsError, match=rf"hints\.json holds no hints: .*{says}"):
        read_hints(path)


def test_files_that_are_not_there_or_something_else(tmp_path):
    (tmp_path / "noise").write_bytes(bytes(range(256)))
    with pytest.raises(HintsError, match="cannot be read: No such file"):
        read_hints(tmp_path / "nothing.json")
    with pytest.raises(HintsError, match="cannot be read"):
        read_hints(tmp_path)
    with pytest.raises(HintsError, match="noise holds no hints"):
        read_hints(tmp_path / "noise")
    with pytest.raises(HintsError, match="The file holds no hints"):
        read_hints(b"")


def test_a_picture_without_hints_says_so(tmp_path):
    from course_lib.data.writing import write_image

    write_image(torch.rand(3, 8, 8), tmp_path / "plain.png")
    with pytest.raises(HintsError, match=r"plain\.png is a picture without hints"):
        read_hints(tmp_path / "plain.png")


WHOLE = colored_png(torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(0)), SOME)


@settings(deadline=None)
@given(st.integers(0, len(WHOLE) - 1))
def test_a_picture_that_was_cut_off_is_refused_or_whole(length):
    """Pillow reads a file that lacks no more than its last checksums."""
    try:
        read = read_hints(WHOLE[:length])
    except HintsError:
        return
    assert read == SOME
    assert length >= len(WHOLE) - 20


@settings(deadline=None)
@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_a_picture_with_a_changed_byte_gives_hints_or_an_error_in_words(place, change):
    damaged = bytearray(WHOLE)
    damaged[place] ^= change
    with suppress(HintsError):
        assert isinstance(read_hints(damaged), Hints)


def chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def test_a_text_that_unpacks_to_a_gigabyte_is_not_unpacked():
    bomb = zlib.compress(b" " * 20_000_000)
    picture = WHOLE[:33] + chunk(b"zTXt", b"course-hints\0\0" + bomb) + WHOLE[33:]
    with pytest.raises(HintsError):
        read_hints(picture)


def test_a_picture_that_says_it_is_huge_is_not_unpacked():
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    with pytest.raises(HintsError):
        read_hints(WHOLE[:8] + chunk(b"IHDR", header) + WHOLE[33:])


@pytest.mark.parametrize("name", ["chelsea", "coffee"])
def test_a_colorized_picture_opens_again_with_its_lightness(name):
    """Within the rounding to 8 bits, so that the colors of one file can be worked on again and again."""
    rgb = photo(name)
    content = colored_png(rgb, SOME)
    again = read_image(content)
    assert again.shape == rgb.shape
    assert (again - rgb).abs().max() <= 0.5 / 255 + 1e-6
    assert (color.to_gray(again) - color.to_gray(rgb)).abs().max() < 0.25
    assert colored_png(again, read_hints(content)) == content


@pytest.mark.parametrize(
    "parts",
    [
        {"strokes": [[(1, 0, 0)]]},
        {"palette": [(1,)]},
        {"points": None},
        {"palette": {"red": 1}},
        {"strokes": [[0.5]]},
        {"strokes": "line"},
    ],
)
def test_hints_of_another_form_are_refused_in_words(parts):
    with pytest.raises(HintsError, match="Hints are points, strokes of places"):
        Hints(**parts)


def test_noise_is_no_file_of_hints():
    with pytest.raises(HintsError, match="it is neither text nor a PNG"):
        read_hints(bytes(range(128, 256)))
