"""What comes in through the door, and what is refused with which words."""

import io
import struct
import zlib

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageCms

from course_lib.color import PictureError
from course_lib.data import as_image, images, read_image

RED = (200, 30, 60)


def encode(picture, form="PNG", **options):
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def gradient(width=40, height=30):
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    return Image.fromarray((np.stack([x, y, 1 - x], axis=-1) * 255).astype(np.uint8))


def claims(width, height):
    """A PNG of a few bytes whose header claims any size."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def is_picture(x):
    return x.dtype == torch.float32 and x.ndim == 3 and x.shape[0] == 3 and x.min() >= 0 and x.max() <= 1


# ---- what is handled


def test_path_bytes_and_file_give_the_same(tmp_path):
    content = encode(gradient())
    path = tmp_path / "a b.png"
    path.write_bytes(content)
    expected = torch.from_numpy(np.array(gradient())).movedim(-1, 0) / 255
    for source in (path, str(path), content, bytearray(content), memoryview(content), io.BytesIO(content)):
        assert torch.equal(read_image(source), expected)
    with path.open("rb") as file:
        assert torch.equal(read_image(file), expected)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "I;16", "F", "YCbCr"])
def test_each_mode_shows_the_same_gray(mode):
    gray = Image.new("L", (5, 4), 255)  # white is the one color that every mode can show exactly
    if mode == "I;16":
        picture = Image.fromarray(np.full((4, 5), 65535, np.uint16))
    elif mode == "F":
        picture = Image.fromarray(np.ones((4, 5), np.float32))
    elif mode == "CMYK":
        picture = Image.new("CMYK", (5, 4), (0, 0, 0, 0))
    else:
        picture = gray.convert("RGB").convert(mode)
    form = "TIFF" if mode in ("F", "CMYK", "YCbCr") else "PNG"
    x = read_image(encode(picture, form))
    assert is_picture(x)
    assert x.shape == (3, 4, 5)
    assert x.min() > 0.995


def test_16_bit_gray_keeps_its_precision():
    values = np.array([[0, 1, 32768, 65535]], np.uint16)
    x = read_image(encode(Image.fromarray(values)))
    assert torch.allclose(x[0], torch.tensor([[0, 1 / 65535, 32768 / 65535, 1]]), atol=1e-7)


@pytest.mark.parametrize("mode", ["RGBA", "P", "LA"])
def test_transparency_is_laid_on_white(mode):
    picture = Image.new("RGBA", (2, 1), (0, 0, 0, 255))
    picture.putpixel((1, 0), (0, 0, 0, 0))
    if mode == "P":
        content = encode(picture.convert("P"), transparency=picture.convert("P").getpixel((1, 0)))
        content = encode(picture, "GIF") if read_image(content)[0, 0, 0] > 0 else content
    else:
        content = encode(picture.convert(mode))
    x = read_image(content)
    assert x[:, 0, 0].max() == 0
    assert x[:, 0, 1].min() == 1


def test_half_transparent_red_on_white():
    x = read_image(encode(Image.new("RGBA", (1, 1), (255, 0, 0, 51))))
    assert torch.allclose(x[:, 0, 0], torch.tensor([1.0, 0.8, 0.8]))


def test_palette_colors_survive():
    picture = Image.new("RGB", (3, 3), RED).quantize(4)
    assert torch.allclose(read_image(encode(picture))[:, 1, 1] * 255, torch.tensor(RED).float())


def test_cmyk_jpeg_shows_its_color():
    x = read_image(encode(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=95))
    red, green, blue = x[:, 8, 8]
    assert red > 0.9
    assert max(green, blue) < 0.1


@pytest.mark.parametrize(("orientation", "turned"), [(1, 0), (3, 2), (6, -1), (8, 1)])
def test_exif_rotation_is_applied(orientation, turned):
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = read_image(encode(gradient()))
    assert torch.equal(read_image(encode(gradient(), exif=exif)), torch.rot90(upright, turned, dims=(1, 2)))


def linear_profile():
    """A profile with sRGB's primaries and no transfer curve: 128 means half of the light."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack(">I", profile[128:132])[0]
    for i in range(count):
        tag, offset, _ = struct.unpack(">4sII", profile[132 + 12 * i : 144 + 12 * i])
        if tag in (b"rTRC", b"gTRC", b"bTRC"):  # 'curv' with one entry: a gamma, here 1.0 as 8.8 fixed point
            profile[offset : offset + 16] = b"curv" + struct.pack(">IIHH", 0, 1, 256, 0)
    return bytes(profile).replace("sRGB".encode("utf-16-be"), "xxxx".encode("utf-16-be"))


def test_another_color_profile_is_converted():
    flat = Image.new("RGB", (4, 4), (128, 128, 128))
    plain, linear = read_image(encode(flat)), read_image(encode(flat, icc_profile=linear_profile()))
    assert plain.mean().item() == pytest.approx(128 / 255)
    assert linear.mean().item() == pytest.approx(0.735, abs=0.01)  # the sRGB value of 0.502 of the light


def test_srgb_profile_changes_nothing_and_a_damaged_one_is_ignored():
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    expected = read_image(encode(gradient()))
    assert torch.equal(read_image(encode(gradient(), icc_profile=srgb)), expected)
    assert torch.equal(read_image(encode(gradient(), icc_profile=b"nonsense" * 30)), expected)


def test_one_pixel_and_one_row():
    assert read_image(encode(Image.new("RGB", (1, 1), RED))).shape == (3, 1, 1)
    assert read_image(encode(Image.new("L", (500, 1)))).shape == (3, 1, 500)


def test_animation_gives_its_first_frame():
    frames = [Image.new("RGB", (4, 4), color) for color in (RED, (0, 255, 0))]
    x = read_image(encode(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert torch.allclose(x[:, 0, 0] * 255, torch.tensor(RED).float())


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(("width", "height"), [(400, 300), (3000, 1), (1, 900)])
def test_max_pixels_reduces(form, width, height):
    x = read_image(encode(gradient(width, height), form), max_pixels=100)
    assert is_picture(x)
    assert 20 <= x[0].numel() <= 100


def test_reduced_picture_looks_the_same():
    content = encode(gradient(800, 600), "JPEG", quality=95)
    small, full = read_image(content, max_pixels=4800), read_image(content)
    expected = torch.nn.functional.interpolate(full[None], size=small.shape[1:], mode="area")[0]
    assert (small - expected).abs().max() < 0.03


def test_100_megapixels_are_refused_and_a_jpeg_can_be_reduced(tmp_path):
    path = tmp_path / "large.jpg"
    Image.new("L", (10_000, 10_000), 128).save(path, quality=10)
    with pytest.raises(PictureError, match=r"10000 x 10000 pixels.*max_pixels"):
        read_image(path)
    x = read_image(path, max_pixels=10_000)
    assert is_picture(x)
    assert x[0].numel() <= 10_000


# ---- what is refused, and with which words


def bad_files(folder):
    """Name: (source, what the sentence must say)."""
    good = encode(gradient(200, 200), "JPEG", quality=95)
    png = encode(gradient(200, 200))
    files = {
        "text.jpg": (b"hello, I am no picture", "not a picture"),
        "truncated.jpg": (good[: len(good) // 2], "incomplete"),
        "truncated.png": (png[: len(png) // 2], "incomplete"),
        "header only.png": (png[:20], "damaged|incomplete|not a picture"),
        "nothing.png": (b"", "is empty"),
        "bomb.png": (claims(60_000, 60_000), "pixels than the limit"),
        "100 megapixels.png": (claims(10_000, 10_000), "10000 x 10000 pixels, more than the limit"),
        "drawing.eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
        "page.svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"),
        "float.tif": (encode(Image.fromarray(np.full((2, 2), 99.0, np.float32)), "TIFF"), "divide by 255"),
        "nan.tif": (encode(Image.fromarray(np.full((2, 2), np.nan, np.float32)), "TIFF"), "NaN"),
        "negative.tif": (encode(Image.fromarray(np.full((2, 2), -5, np.int32)), "TIFF"), "32 bit"),
        "lab.tif": (encode(Image.new("LAB", (2, 2)), "TIFF"), "Lab"),
    }
    cases = {}
    for name, (content, words) in files.items():
        (folder / name).write_bytes(content)
        cases[name] = (folder / name, words)
    return cases | {
        "missing": (folder / "nowhere.png", "There is no file"),
        "folder": (folder, "is a folder"),
        "address": ("https://example.org/a.png", "Download"),
        "null character": ("a\0b.png", "no file|cannot be opened"),
        "endless name": ("x" * 5000, "no file|cannot be opened"),
        "array": (np.zeros((2, 2)), "as_image"),
        "nothing": (None, "Expected a path"),
        "text file": (io.StringIO("text"), "binary mode"),
        "read already": (io.BytesIO(), "seek"),
        "no bytes": (b"", "empty"),
    }


def test_bad_sources_are_refused_in_one_sentence_with_advice(tmp_path):
    for case, (source, words) in bad_files(tmp_path).items():
        with pytest.raises(PictureError, match=words) as caught:
            read_image(source)
        message = str(caught.value)
        assert message.endswith("."), (case, message)
        assert "\n" not in message, case
        assert len(message) < 500, case


def test_a_bomb_takes_no_memory(monkeypatch):
    loaded = []
    monkeypatch.setattr(images.Image.Image, "load", lambda self: loaded.append(self.size))
    for size in ((10_000, 10_000), (60_000, 60_000)):
        for limit in (None, 1000):
            with pytest.raises(PictureError, match="limit"):
                read_image(claims(*size), max_pixels=limit)
    assert not loaded


@pytest.mark.parametrize("limit", [0, -3])
def test_max_pixels_must_be_positive(limit):
    with pytest.raises(PictureError, match="at least 1"):
        read_image(encode(gradient()), max_pixels=limit)


SAMPLES = [
    encode(gradient(), "JPEG"),
    encode(gradient()),
    encode(gradient(), "GIF"),
    encode(gradient(), "TIFF"),
    encode(gradient(), "WEBP"),
    encode(gradient(), "BMP"),
]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.sampled_from(SAMPLES),
    st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=12),
    st.integers(0, 6000),
)
def test_damaged_files_end_in_a_picture_or_in_words(content, changes, length):
    damaged = bytearray(content[:length])
    for place, value in changes:
        if damaged:
            damaged[place % len(damaged)] = value
    try:
        x = read_image(bytes(damaged))
    except PictureError:
        return
    assert is_picture(x)


# ---- arrays


@settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(hnp.arrays(np.uint8, st.tuples(st.integers(5, 9), st.integers(5, 9), st.integers(1, 4))))
def test_integer_arrays_channels_last(array):
    x = as_image(array)
    assert is_picture(x)
    assert x.shape[1:] == array.shape[:2]
    if array.shape[2] == 3:
        assert np.array_equal((x * 255).round().numpy().astype(np.uint8), np.moveaxis(array, -1, 0))
    assert torch.allclose(x, as_image(np.moveaxis(array, -1, 0)))  # the same picture, channels first
    assert torch.allclose(x, as_image(array.astype(np.uint16) * 257), atol=1e-6)  # the same in 16 bit
    assert torch.allclose(x, as_image(array.astype(np.float64) / 255), atol=1e-6)  # the same as float


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_float_tensors(kind):
    x = torch.rand(2, 3, 4, 5).to(kind)
    assert torch.equal(as_image(x), x.float())


def test_shapes():
    gray = np.arange(20, dtype=np.uint8).reshape(4, 5)
    for array in (gray, gray[None], gray[..., None], torch.from_numpy(gray), torch.from_numpy(gray)[None]):
        assert as_image(array, channels="last" if array.shape[-1] == 1 else "first").shape == (3, 4, 5)
    assert as_image(np.zeros((2, 7, 8, 3), np.uint8)).shape == (2, 3, 7, 8)
    assert as_image(torch.zeros(2, 1, 7, 8)).shape == (2, 3, 7, 8)
    assert as_image(np.zeros((1, 1, 3), np.uint8)).shape == (3, 1, 1)
    assert as_image(np.zeros((6, 5, 3), np.uint8)[::-1]).shape == (3, 6, 5)
    assert as_image(np.zeros((6, 5), ">u2")).shape == (3, 6, 5)
    assert as_image(torch.zeros(7, 8, 3), channels="last").shape == (3, 7, 8)


def test_alpha_of_arrays_is_laid_on_white():
    x = as_image(np.array([[[0.0, 1.0], [0.0, 0.25]]]), channels="last")
    assert torch.allclose(x[:, 0], torch.tensor([0.0, 0.75]).expand(3, 2))


def test_pillow_pictures():
    assert torch.equal(as_image(gradient()), read_image(encode(gradient())))
    with pytest.raises(PictureError, match="incomplete"):
        as_image(Image.open(io.BytesIO(encode(gradient(200, 200))[:400])))


def test_rounding_beyond_the_ends_is_cut():
    x = as_image(torch.tensor([-5e-5, 1 + 5e-5]).expand(3, 1, 2))
    assert x.aminmax() == (0, 1)


def test_the_caller_keeps_the_array():
    array = torch.rand(3, 4, 5)
    before = array.clone()
    as_image(array).zero_()
    assert torch.equal(array, before)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.full((4, 5, 3), 128.0), "divide by 255"),
        (torch.full((3, 4, 5), 200.0), "divide by 255"),
        (np.full((4, 5, 3), -0.5), r"\(x \+ 1\) / 2"),
        (np.full((4, 5), np.nan), "NaN"),
        (np.full((4, 5, 3), np.inf), "infinite"),
        (np.full((9, 5, 2), 7.0), "divide by 255"),
        (np.zeros((4, 5, 3), np.int64), "int64"),
        (torch.zeros(3, 4, 5, dtype=torch.int32), "int32"),
        (np.zeros((4, 5, 3), complex), "complex"),
        (np.full((4, 5, 3), "a"), "holds str"),
        (np.full((4, 5, 3), None), "object"),
        (torch.zeros(9, 5, 3), "movedim"),
        (torch.zeros(7, 9, 9), "1 to 4 channels"),
        (np.zeros((7, 9, 9)), "No dimension"),
        (np.zeros((3, 9, 3)), "two ways"),
        (np.zeros((1, 9, 4)), "two ways"),
        (np.zeros(9), "dimensions"),
        (np.zeros((1, 1, 3, 4, 5)), "dimensions"),
        (np.zeros((0, 5, 3)), "empty"),
        (torch.zeros(3, 0, 0), "empty"),
        ([[1, 2]], "got list"),
        ("a.png", "read_image"),
    ],
)
def test_bad_arrays_are_refused_with_advice(array, words):
    with pytest.raises(PictureError, match=words):
        as_image(array)


def test_channels_takes_two_words():
    with pytest.raises(PictureError, match=r'"first" or "last"'):
        as_image(np.zeros((4, 5, 3)), channels="middle")
