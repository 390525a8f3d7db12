"""The bundled photographs: real, offline, split for good; and scaling and cutting."""

import subprocess
import sys

import pytest
import torch

from course_lib.data import TEST_PHOTOS, TRAIN_PHOTOS, fit, motorcycle_pair, photo, photos, random_crops
from course_lib.data.photos import PHOTOS


def test_every_photograph_is_there_and_in_color():
    pictures = photos()
    assert tuple(pictures) == PHOTOS
    for name, picture in pictures.items():
        assert picture.dtype == torch.float32, name
        assert picture.shape[0] == 3, name
        assert min(picture.shape[1:]) >= 300, name
        assert picture.min() >= 0, name
        assert 0.8 < picture.max() <= 1, name
        assert (picture[0] - picture[2]).abs().mean() > 0.03, name


def test_the_same_pixels_as_the_packages_show():
    from skimage.data import astronaut
    from sklearn.datasets import load_sample_image

    for name, array in (("astronaut", astronaut()), ("china", load_sample_image("china.jpg"))):
        assert torch.equal((photo(name) * 255).round().to(torch.uint8), torch.tensor(array).movedim(-1, 0))


def test_train_and_test_share_nothing_and_leave_nothing_out():
    assert not set(TRAIN_PHOTOS) & set(TEST_PHOTOS)
    assert sorted(TRAIN_PHOTOS + TEST_PHOTOS) == sorted(PHOTOS)


def test_nobody_can_change_the_next_ones_photograph():
    before = photo("coffee").clone()
    photo("coffee").zero_()
    assert torch.equal(photo("coffee"), before)


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"astronaut, chelsea.*rocket"):
        photo("mona_lisa")


def test_the_disparity_leads_from_left_to_right():
    pair = motorcycle_pair()
    assert pair.left.shape == pair.right.shape
    assert pair.disparity.shape == pair.left.shape[1:]
    known = pair.disparity.isfinite()
    assert 0.85 < known.float().mean() < 1
    y, x = known.nonzero(as_tuple=True)
    target = (x - pair.disparity[known]).round().long()
    inside = (target >= 0) & (target < pair.right.shape[2])
    y, x, target = y[inside], x[inside], target[inside]
    moved = (pair.left[:, y, x] - pair.right[:, y, target]).abs().mean()
    still = (pair.left[:, y, x] - pair.right[:, y, x]).abs().mean()
    assert moved < 0.4 * still


@pytest.mark.parametrize("size", [64, (32, 100), (700, 20), 900])
def test_fit_gives_the_size_from_the_middle(size):
    picture = photo("coffee")
    height, width = (size, size) if isinstance(size, int) else size
    assert fit(picture, size).shape == (3, height, width)
    assert fit(picture[None], size).shape == (1, 3, height, width)
    mirrored = fit(picture.flip(-1), size).flip(-1)
    assert (mirrored - fit(picture, size)).abs().mean() < 0.02  # the same rest on both sides, but for one pixel


def test_fit_is_antialiased():
    assert fit(torch.rand(3, 50, 80), 1).shape == (3, 1, 1)
    stripes = ((torch.arange(512) + 2) // 4 % 2).float()  # one stripe in 8 pixels, none of them on an edge
    stripes = stripes.expand(3, 512, 512)
    assert (fit(stripes, 64)[..., 1:-1] - 0.5).abs().max() < 0.05
    with pytest.raises(ValueError, match="at least 1"):
        fit(stripes, 0)


def test_photos_at_one_size_stack():
    assert torch.stack(list(photos(32, names=TEST_PHOTOS).values())).shape == (3, 3, 32, 32)


def test_random_crops():
    pictures = photos(names=TRAIN_PHOTOS)
    crops = random_crops(pictures, 50, 48, seed=1)
    assert crops.shape == (50, 3, 48, 48)
    assert crops.min() >= 0
    assert crops.max() <= 1
    assert torch.equal(crops, random_crops(list(pictures.values()), 50, 48, seed=1))
    assert not torch.equal(crops, random_crops(pictures, 50, 48, seed=2))
    assert len({tuple(crop.mean(dim=(1, 2)).tolist()) for crop in crops}) > 45


def test_crops_come_from_every_picture_and_only_from_them():
    flat = [
        torch.full((3, height, width), value) for height, width, value in ((30, 90, 0.1), (200, 80, 0.5), (9, 9, 0.9))
    ]
    values = random_crops(flat, 60, 16).flatten(1)
    assert torch.allclose(values.min(dim=1).values, values.max(dim=1).values, atol=1e-6)
    assert set(values[:, 0].mul(10).round().int().tolist()) == {1, 5, 9}


def test_crops_reach_every_corner_of_the_picture_and_are_mirrored():
    x = torch.linspace(0, 1, 128).expand(3, 128, 128)
    crops = random_crops([x], 400, 16, seed=3)
    assert crops.min() < 0.02
    assert crops.max() > 0.98
    rising = (crops[:, 0, 0, -1] > crops[:, 0, 0, 0]).float().mean()
    assert 0.35 < rising < 0.65
    slopes = (crops[:, 0, 0, -1] - crops[:, 0, 0, 0]).abs()
    assert slopes.max() > 3 * slopes.min()  # several scales


def test_crops_of_nothing_are_refused():
    with pytest.raises(ValueError, match="at least one"):
        random_crops([], 3, 16)


def test_importing_and_reading_needs_none_of_the_packages_and_no_network():
    code = (
        "import socket, sys\n"
        "def refuse(*a, **k): raise AssertionError('network')\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
        "from course_lib.data import photos\n"
        "heavy = {'fastai', 'sklearn', 'skimage', 'matplotlib', 'pooch', 'torchvision'}\n"
        "assert len(photos()) == 8\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
