"""Smoothing over time: the mean that SciPy finds, with the first and the last frame repeated."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import uniform_filter1d

from course_lib.video.smoothing import mean_over_time


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 1000), st.integers(1, 20), st.sampled_from([1, 3, 5, 9, 15]), st.integers(1, 4), st.integers(1, 5)
)
def test_it_is_the_filter_of_scipy(seed, count, window, height, width):
    ab = 40 * torch.randn(count, 2, height, width, generator=torch.Generator().manual_seed(seed))
    expected = uniform_filter1d(ab.double().numpy(), window, axis=0, mode="nearest")
    smoothed = mean_over_time(ab, window)
    assert smoothed.shape == ab.shape
    assert torch.allclose(smoothed.double(), torch.from_numpy(expected), atol=1e-3)


def test_a_window_of_one_frame_changes_nothing():
    ab = torch.randn(5, 2, 3, 4, generator=torch.Generator().manual_seed(1))
    assert torch.equal(mean_over_time(ab, 1), ab)


@pytest.mark.parametrize("window", [2, 8, 0, -3])
def test_a_window_without_a_middle_is_refused(window):
    with pytest.raises(ValueError, match=f"odd number of frames.*got {window}"):
        mean_over_time(torch.zeros(5, 2, 3, 4), window)
