"""A folder of one's own: what is found, what is skipped and why."""

import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from course_lib.color import PictureError
from course_lib.data import folder, read_image


@pytest.fixture
def pictures(tmp_path):
    """Three pictures, one of them in a folder inside; a text, a broken picture and a hidden file."""
    for name, size in (("b.png", (30, 20)), ("a.jpg", (20, 40)), ("inside/c.png", (25, 25))):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", size, (10, 120, 200)).save(path)
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "broken.png").write_bytes((tmp_path / "b.png").read_bytes()[:60])
    (tmp_path / ".hidden").write_text("ignored")
    return tmp_path


def test_pictures_are_found_in_order_and_others_listed_with_reasons(pictures):
    found = folder(pictures)
    assert [path.name for path in found.paths] == ["a.jpg", "b.png"]
    assert [(skipped.path.name, skipped.reason.endswith(".")) for skipped in found.skipped] == [
        ("broken.png", True),
        ("notes.txt", True),
    ]
    assert "notes.txt is not a picture" in found.skipped[1].reason
    assert repr(found) == "Folder(2 pictures, 2 files skipped)"


def test_recursive(pictures):
    assert [path.name for path in folder(pictures, recursive=True).paths] == ["a.jpg", "b.png", "c.png"]


def test_loop_index_and_slice(pictures):
    found = folder(pictures)
    assert [tuple(picture.shape) for picture in found] == [(3, 40, 20), (3, 20, 30)]
    assert torch.equal(found[-1], read_image(pictures / "b.png"))
    assert [path.name for path in found[1:].paths] == ["b.png"]
    with pytest.raises(IndexError):
        found[2]


def test_batches_for_training(pictures):
    batches = list(DataLoader(folder(pictures, size=(16, 24), recursive=True), batch_size=3))
    assert [tuple(batch.shape) for batch in batches] == [(3, 3, 16, 24)]


def test_large_pictures_are_reduced(pictures):
    assert folder(pictures, max_pixels=100)[0][0].numel() <= 100


def test_without_check_a_broken_file_speaks_when_it_is_asked_for(pictures):
    found = folder(pictures, check=False)
    assert len(found) == 4
    assert not found.skipped
    with pytest.raises(PictureError, match=r"notes\.txt is not a picture"):
        found[3]


def test_useless_folders_are_refused_with_advice(pictures, tmp_path_factory):
    empty = tmp_path_factory.mktemp("empty")
    with pytest.raises(PictureError, match=r"no files in .*recursive=True"):
        folder(empty)
    (empty / "a.txt").write_text("text")
    with pytest.raises(PictureError, match=r"None of the 1 files .*a\.txt is not a picture"):
        folder(empty)
    with pytest.raises(PictureError, match="no folder"):
        folder(empty / "nowhere")
    with pytest.raises(PictureError, match="is a file"):
        folder(empty / "a.txt")
