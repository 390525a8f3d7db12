"""sRGB and Lab: against scikit-image over the whole cube, and the mistakes that people make."""

import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from skimage.color import lab2rgb, rgb2lab

from course_lib import color
from course_lib.color import PictureError

SIDE = 33  # levels per channel of the sRGB cube: every corner, edge and face is in it


@pytest.fixture(scope="module")
def cube():
    """The whole sRGB cube as one picture, (3, SIDE, SIDE * SIDE)."""
    levels = torch.linspace(0, 1, SIDE)
    return torch.stack(torch.meshgrid(levels, levels, levels, indexing="ij")).reshape(3, SIDE, -1)


def reference_lab(rgb):
    return torch.from_numpy(rgb2lab(rgb.double().numpy(), channel_axis=0))


def picture(*values):
    """A picture of one pixel."""
    return torch.tensor(values, dtype=torch.float32).reshape(3, 1, 1)


def test_lab_agrees_with_scikit_image_over_the_cube(cube):
    assert (color.rgb_to_lab(cube) - reference_lab(cube)).abs().max() < 1e-3


def test_the_dark_end_agrees_with_scikit_image():
    dark = torch.linspace(0, 0.06, 3 * 400).reshape(3, 20, 20)  # both sides of both knees
    assert (color.rgb_to_lab(dark) - reference_lab(dark)).abs().max() < 1e-3


def test_rgb_agrees_with_scikit_image_over_the_cube(cube):
    lab = reference_lab(cube)
    expected = torch.from_numpy(lab2rgb(lab.numpy(), channel_axis=0))
    assert (color.lab_to_rgb(lab) - expected).abs().max() < 1e-5


def test_there_and_back(cube):
    assert (color.lab_to_rgb(color.rgb_to_lab(cube)) - cube).abs().max() < 5e-5


@pytest.mark.parametrize(
    ("name", "rgb", "signs"),
    [
        ("red", (1, 0, 0), (1, 1)),
        ("green", (0, 1, 0), (-1, 1)),
        ("blue", (0, 0, 1), (1, -1)),
        ("cyan", (0, 1, 1), (-1, -1)),
    ],
)
def test_a_runs_from_green_to_red_and_b_from_blue_to_yellow(name, rgb, signs):
    _, a, b = color.rgb_to_lab(picture(*rgb)).flatten()
    assert (a.sign(), b.sign()) == signs, name


def test_green_is_light_and_blue_is_dark():
    """Red and blue exchanged (BGR) would give red the lightness of blue."""
    lightness = [color.to_gray(picture(*rgb)).item() for rgb in [(0, 1, 0), (1, 0, 0), (0, 0, 1)]]
    assert lightness == pytest.approx([87.73, 53.24, 32.30], abs=0.01)


def test_grays_have_no_color_and_l_runs_from_0_to_100():
    gray = torch.linspace(0, 1, 256).expand(3, 1, 256)
    lab = color.rgb_to_lab(gray)
    assert lab[1:].abs().max() < 0.01
    assert lab[0, 0, 0].item() == pytest.approx(0, abs=1e-3)
    assert lab[0, 0, -1].item() == pytest.approx(100, abs=1e-3)
    assert (lab[0, 0].diff() > 0).all()


@pytest.mark.parametrize("value", [0.0, 1e-6, 0.04045, 0.5, 1.0])
def test_gradients_are_finite(value):
    rgb = torch.full((1, 3, 2, 2), value, requires_grad=True)
    color.rgb_to_lab(rgb).sum().backward()
    assert rgb.grad.isfinite().all()
    lab = torch.tensor([value * 100, 0.0, 0.0]).reshape(1, 3, 1, 1).requires_grad_()
    color.lab_to_rgb(lab, clip=False).sum().backward()
    assert lab.grad.isfinite().all()


def test_gradients_are_right():
    generator = torch.Generator().manual_seed(0)
    rgb = (torch.rand(1, 3, 3, 3, generator=generator, dtype=torch.float64) * 0.9 + 0.06).requires_grad_()
    assert torch.autograd.gradcheck(color.rgb_to_lab, rgb)
    lab = color.rgb_to_lab(rgb).detach().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: color.lab_to_rgb(x, clip=False), lab)


def test_the_same_with_and_without_gradients(cube):
    """Without gradients intermediate results are written over; the values may not differ."""
    with_gradients = color.rgb_to_lab(cube.clone().requires_grad_()).detach()
    assert torch.equal(color.rgb_to_lab(cube), with_gradients)


def test_the_input_stays_as_it_is(cube):
    before = cube.clone()
    color.rgb_to_lab(cube)
    assert torch.equal(cube, before)


def test_a_batch_and_a_single_picture_agree():
    batch = torch.rand(2, 3, 5, 7)
    assert torch.allclose(color.rgb_to_lab(batch)[1], color.rgb_to_lab(batch[1]), atol=1e-4)


def test_uint8_is_scaled():
    levels = torch.randint(0, 256, (3, 4, 4), dtype=torch.uint8)
    assert torch.equal(color.rgb_to_lab(levels), color.rgb_to_lab(levels.float() / 255))


@pytest.mark.parametrize(
    ("rgb", "words"),
    [
        (torch.full((3, 4, 4), 200.0), "0..255"),
        (torch.linspace(-1, 1, 48).reshape(3, 4, 4), "-1..1"),
        (torch.tensor([50.0, -40.0, 20.0]).reshape(3, 1, 1), "Lab"),
        (torch.full((3, 4, 4), 1.2), "clamp"),
        (torch.full((3, 4, 4), torch.nan), "NaN"),
        (torch.full((3, 4, 4), torch.inf), "NaN or infinite"),
        (torch.rand(4, 5, 3), "Channels are last"),
        (torch.rand(2, 4, 5, 3), "Channels are last"),
        (torch.rand(1, 4, 4), "(3, H, W)"),
        (torch.rand(4, 4, 4), "(3, H, W)"),
        (torch.rand(4, 4), "(3, H, W)"),
        (torch.ones(3, 4, 4, dtype=torch.int64), "int64"),
        (torch.rand(3, 0, 4), "empty"),
        (np.zeros((3, 4, 4)), "as_image"),
        ("photo.jpg", "as_image"),
    ],
)
def test_what_is_no_picture_is_refused_with_words(rgb, words):
    with pytest.raises(PictureError, match=re.escape(words)):
        color.rgb_to_lab(rgb)


def test_rounding_at_the_ends_is_accepted():
    assert color.rgb_to_lab(torch.full((3, 2, 2), 1 + 1e-5)).isfinite().all()


def test_network_units():
    lab = torch.tensor([25.0, 110.0, -55.0]).reshape(1, 3, 1, 1)
    lightness, ab = color.normalize(lab)
    assert lightness.flatten().tolist() == [-0.5]
    assert ab.flatten().tolist() == [1.0, -0.5]
    assert torch.equal(color.denormalize(lightness, ab), lab)


@given(st.tuples(*[st.floats(0, 1, width=32)] * 3))
def test_network_units_stay_in_range_and_come_back(rgb):
    lab = color.rgb_to_lab(picture(*rgb))
    lightness, ab = color.normalize(lab)
    assert lightness.abs().max() <= 1 + 1e-5
    assert ab.abs().max() <= 1
    assert torch.allclose(color.denormalize(lightness, ab), lab, atol=1e-4)


def test_the_gamut_holds_the_cube_and_nothing_beyond(cube):
    assert color.in_gamut(color.rgb_to_lab(cube)).all()
    beyond = torch.tensor([[50.0, 100, -100], [0, 20, 0], [100, 0, 30]]).T[:, None]
    assert not color.in_gamut(beyond).any()


@given(st.floats(0, 100), st.floats(-120, 120), st.floats(-120, 120))
def test_limited_chroma_is_in_the_gamut_at_the_same_lightness_and_hue(lightness, a, b):
    lab = torch.tensor([lightness, a, b], dtype=torch.float32).reshape(3, 1, 1)
    limited = color.limit_chroma(lab)
    assert color.in_gamut(limited, tolerance=2e-4).all()
    assert limited[0].item() == lab[0].item()
    assert (limited[1] * lab[2] - limited[2] * lab[1]).abs().item() < 0.05  # parallel: the same hue
    assert limited[1:].norm() <= lab[1:].norm() + 1e-4


def test_join_keeps_the_lightness_even_of_impossible_colors():
    lightness = torch.rand(1, 1, 24, 32) * 100
    ab = torch.randn(1, 2, 6, 8) * 60
    rgb = color.join(lightness, ab)
    assert rgb.shape == (1, 3, 24, 32)
    assert (color.to_gray(rgb) - lightness).abs().max() < 0.1


@pytest.mark.parametrize("shape", [(3, 8, 9), (2, 3, 8, 9)])
def test_without_color_there_is_lightness_alone(shape):
    rgb = torch.rand(shape, generator=torch.Generator().manual_seed(4))
    lab = color.rgb_to_lab(color.without_color(rgb))
    assert lab.narrow(-3, 1, 2).abs().max() < 0.1
    assert (lab.narrow(-3, 0, 1) - color.to_gray(rgb)).abs().max() < 0.1


def test_join_makes_the_size_that_is_asked_for():
    assert color.join(torch.rand(1, 10, 12) * 100, torch.zeros(2, 5, 6), size=(20, 24)).shape == (3, 20, 24)


def test_join_refuses_exchanged_arguments():
    with pytest.raises(PictureError, match="join takes"):
        color.join(torch.zeros(2, 4, 4), torch.zeros(1, 4, 4))


def test_importing_color_imports_nothing_heavy():
    code = "import sys, course_lib.color; print([m for m in ('fastai', 'skimage', 'matplotlib') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
