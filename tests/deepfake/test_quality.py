"""What pictures of faces are like: against OpenCV, against files of known quality, and in the right direction."""

import io

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from course_lib.color import PictureError
from course_lib.data import photo
from course_lib.deepfake.blend import through_jpeg
from course_lib.deepfake.finding import Box
from course_lib.deepfake.quality import Quality, blockiness, jpeg_bytes, jpeg_quality, measure, sharpness


@pytest.fixture(scope="module")
def face():
    return photo("astronaut")[:, 45:205, 145:305]


def as_array(rgb):
    return np.ascontiguousarray(rgb.movedim(0, -1).numpy())


def compressed(rgb, quality):
    return torch.from_numpy(through_jpeg(as_array(rgb), quality)).movedim(-1, 0)


def blurred(rgb, sigma):
    return torch.from_numpy(cv2.GaussianBlur(as_array(rgb), (0, 0), sigma)).movedim(-1, 0).clamp(0, 1)


# ---- sharpness


@pytest.mark.parametrize("side", [160, 12, 2])
def test_sharpness_is_that_of_opencv(face, side):
    part = face[:, :side, :side].contiguous()
    gray = cv2.cvtColor(as_array(part), cv2.COLOR_RGB2GRAY) * 255
    assert sharpness(part).item() == pytest.approx(cv2.Laplacian(gray, cv2.CV_32F).var(), rel=1e-4)


def test_sharpness_falls_with_blur_and_knows_red_from_blue(face):
    values = [sharpness(blurred(face, sigma)).item() for sigma in (0.4, 0.8, 1.5, 3)]
    assert values == sorted(values, reverse=True)
    assert values[0] > 5 * values[-1]
    stripes = torch.zeros(2, 3, 16, 16)
    stripes[0, 0, :, ::2], stripes[1, 2, :, ::2] = 1, 1
    red, blue = sharpness(stripes).tolist()
    assert red / blue == pytest.approx((0.299 / 0.114) ** 2, rel=1e-3)


def test_sharpness_of_a_batch_of_levels_is_that_of_each_picture(face):
    two = torch.stack([face, face.flip(-1).roll(3, -1) * 0.5])
    each = torch.cat([sharpness(picture) for picture in two])
    assert each.shape == (2,)
    assert torch.allclose(sharpness(two), each)
    assert torch.allclose(sharpness((two * 255).round().to(torch.uint8)), each, rtol=0.02)
    assert sharpness(torch.full((3, 9, 9), 0.3)).item() == pytest.approx(0, abs=1e-6)


# ---- blockiness


def test_blocks_show_more_the_more_a_picture_is_compressed(face):
    values = [blockiness(compressed(face, quality)).item() for quality in (95, 60, 30, 10, 3)]
    assert values == sorted(values)
    assert values[0] < 1.15
    assert values[-1] > 2


def test_blocks_are_looked_for_where_they_are(face):
    file = compressed(face, 10)
    whole, cut = blockiness(file).item(), file[:, 11:, 5:]
    assert blockiness(cut, (5, 11)).item() == pytest.approx(whole, rel=0.1)
    assert blockiness(cut, (5 + 8, 11 - 16)).item() == blockiness(cut, (5, 11)).item()
    assert blockiness(cut).item() < 1.1 < whole
    assert blockiness(file.mT, (0, 0)).item() == pytest.approx(whole, rel=1e-4)


def test_flat_pictures_and_noise_have_no_blocks():
    assert blockiness(torch.full((2, 3, 32, 32), 0.5)).tolist() == [1, 1]
    noise = torch.rand(3, 256, 256, generator=torch.Generator().manual_seed(0))
    assert blockiness(noise).item() == pytest.approx(1, abs=0.03)


def test_a_single_border_is_counted():
    picture = torch.zeros(3, 16, 16)
    picture[:, :, 8:] = 1.0
    # Of 15 steps across, 1 is at a border: 255 levels there, 0 inside; down there are none. 0.25 is added to both.
    assert blockiness(picture).item() == pytest.approx(255.25 / 0.25, rel=1e-4)


@pytest.mark.parametrize("function", [sharpness, blockiness])
def test_pictures_too_small_to_measure_are_refused(function):
    with pytest.raises(PictureError, match="this picture is"):
        function(torch.zeros(3, 1, 5))


# ---- JPEG


def test_bytes_are_those_of_a_file(face):
    smooth, plain = jpeg_bytes(torch.stack([blurred(face, 3), face])).tolist()
    assert smooth < 0.7 * plain
    written = io.BytesIO()
    Image.fromarray((as_array(face) * 255 + 0.5).astype(np.uint8)).save(written, "JPEG", quality=90)
    assert plain == pytest.approx(len(written.getvalue()), rel=0.05)
    assert jpeg_bytes(face, 40).item() < 0.6 * plain


@pytest.mark.parametrize("quality", [*range(30, 96, 5), 1, 10, 99, 100])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_quality_of_files_that_pillow_wrote(tmp_path, face, quality, mode):
    path = tmp_path / "face.jpg"
    Image.fromarray((as_array(face) * 255).astype(np.uint8)).convert(mode).save(path, quality=quality)
    assert abs(jpeg_quality(path) - quality) <= (2 if quality >= 10 else 5)


def test_quality_of_files_that_opencv_wrote(tmp_path, face):
    for quality in (35, 70, 92):
        cv2.imwrite(str(tmp_path / "face.jpg"), as_array(face) * 255, (cv2.IMWRITE_JPEG_QUALITY, quality))
        assert abs(jpeg_quality(str(tmp_path / "face.jpg")) - quality) <= 2


def test_tables_of_other_programs_have_the_nearest_quality(tmp_path):
    path = tmp_path / "face.jpg"
    Image.new("L", (16, 16)).save(path, qtables=[[3] * 64])
    fine = jpeg_quality(path)
    Image.new("L", (16, 16)).save(path, qtables=[[30] * 64])
    assert 1 <= jpeg_quality(path) < fine <= 100


def test_other_files_have_no_quality(tmp_path, face):
    Image.new("RGB", (9, 9)).save(tmp_path / "face.png")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "film.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + bytes(100))
    for name in ("face.png", "empty", "film.mp4"):
        assert jpeg_quality(tmp_path / name) is None


def test_missing_and_damaged_files_are_errors(tmp_path):
    with pytest.raises(PictureError, match="Check the path"):
        jpeg_quality(tmp_path / "none.jpg")
    (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0\0\x10JFIF")
    with pytest.raises(PictureError, match="damaged"):
        jpeg_quality(tmp_path / "torn.jpg")


# ---- together


def test_the_quality_of_a_face(face):
    picture = compressed(photo("astronaut"), 10)
    box = Box(145.0, 45.0, 160.0)
    found = measure(picture, box)
    assert isinstance(found, Quality)
    assert found.side == 160
    assert found.sharpness == pytest.approx(
        sharpness(torch.nn.functional.interpolate(picture[None, :, 45:205, 145:305], 128, mode="area")).item(), rel=0.5
    )
    assert found.compression == pytest.approx(blockiness(picture[:, 45:205, 145:305], (145, 45)).item(), rel=1e-4)
    assert found.compression > measure(photo("astronaut"), box).compression + 0.2


def test_the_quality_of_a_tiny_face():
    found = measure(photo("astronaut"), Box(200.0, 80.0, 9.0))
    assert found.compression == 1
    assert found.sharpness >= 0
