"""Frames, times and colors on disk: they come back as they went in, and nothing is half written."""

from fractions import Fraction

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from course_lib.video import store
from course_lib.video.store import FolderMemory, GrayStore, Stretch, TimeStore

FRAMES = torch.rand(7, 1, 3, 5, generator=torch.Generator().manual_seed(0)) * 100


@pytest.fixture
def gray(tmp_path):
    """A store with `FRAMES`."""
    frames = GrayStore(tmp_path / "lightness.bin", (3, 5))
    for frame in FRAMES:
        frames.append(frame)
    return frames


def test_lightness_comes_back_within_half_a_step(gray):
    assert len(gray) == 7
    assert gray[:].dtype == torch.float32
    assert gray[:].shape == FRAMES.shape
    assert (gray[:] - FRAMES).abs().max() <= 0.5 / 2.55 + 1e-4


def test_black_and_white_come_back_exactly(tmp_path):
    frames = GrayStore(tmp_path / "lightness.bin", (1, 2))
    frames.append(torch.tensor([[[0.0, 100.0]]]))
    assert frames[0].flatten().tolist() == [0, 100]


@settings(deadline=None)
@given(st.integers(-9, 9), st.integers(-9, 9))
def test_slices_are_those_of_a_tensor(tmp_path_factory, start, stop):
    folder = tmp_path_factory.mktemp("slices")
    frames = GrayStore(folder / "lightness.bin", (3, 5))
    for frame in FRAMES:
        frames.append(frame)
    for key in (slice(start, stop), slice(start, None), slice(None, stop)):
        assert torch.equal(frames[key], frames[:][key])
        assert torch.equal(Stretch(frames, 2, 6)[key], frames[:][2:6][key])
        assert Stretch([*"abcdefg"], 2, 6)[key] == [*"cdef"][key]


def test_single_frames_and_their_limits(gray):
    assert torch.equal(gray[-1], gray[:][6])
    stretch = Stretch(gray, 2, 5)
    assert len(stretch) == 3
    assert torch.equal(stretch[-1], gray[4])
    assert [torch.equal(a, b) for a, b in zip(stretch, gray[2:5], strict=True)] == [True] * 3
    for frames, key in ((gray, 7), (gray, -8), (stretch, 3)):
        with pytest.raises(IndexError, match=f"no frame {key}"):
            frames[key]
    with pytest.raises(ValueError, match="no step"):
        gray[::2]


def test_frames_of_another_size_are_refused(gray):
    with pytest.raises(ValueError, match=r"\(1, 3, 5\)"):
        gray.append(torch.zeros(1, 5, 3))


def test_frames_can_be_read_between_appends_and_in_a_later_run(gray, tmp_path):
    gray[0:3]
    gray.append(FRAMES[0])
    assert torch.equal(gray[7], gray[0])
    gray.close()
    again = GrayStore(tmp_path / "lightness.bin", (3, 5))
    assert len(again) == 8
    again.clear()
    assert len(again) == 0
    again.append(FRAMES[1])
    assert again[:].shape == (1, 1, 3, 5)


def test_times_come_back_exactly(tmp_path):
    times = [Fraction(-1001, 30_000), Fraction(0), Fraction(1, 3), Fraction(2**40 + 1, 90_000)]
    kept = TimeStore(tmp_path / "times.bin")
    for time in times:
        kept.append(time)
    assert list(kept) == times
    assert kept[1:3] == times[1:3]
    assert kept[-1] == times[-1]


def test_tensors_by_name(tmp_path):
    memory = FolderMemory(tmp_path / "memory")
    assert len(memory) == 0
    assert "leg 000012 000047" not in memory
    legs = {f"leg {start:06d} {start + 9:06d}": torch.rand(10, 2, 3, 5).half() for start in (20, 0, 10)}
    memory.update(legs)
    assert list(memory) == sorted(legs)
    assert all(torch.equal(memory[name], value) and memory[name].dtype == torch.float16 for name, value in legs.items())
    assert list(FolderMemory(tmp_path / "memory")) == sorted(legs)
    del memory["leg 000010 000019"]
    assert len(memory) == 2
    for missing in (memory.__getitem__, memory.__delitem__):
        with pytest.raises(KeyError):
            missing("leg 000010 000019")


@settings(deadline=None, max_examples=40)
@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=12))
@example(".hidden")
@example("../up")
def test_any_name_is_a_file_in_the_folder(tmp_path_factory, name):
    folder = tmp_path_factory.mktemp("names")
    memory = FolderMemory(folder / "memory")
    memory[name] = torch.tensor([1, 2])
    assert list(memory) == [name]
    assert [path.name for path in folder.iterdir()] == ["memory"]


def test_what_is_half_written_is_not_there(tmp_path, monkeypatch):
    memory = FolderMemory(tmp_path)

    def stop(*_):
        (tmp_path / ".leg.safetensors.123").write_bytes(b"half")
        (tmp_path / ".half.safetensors").write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "write_atomic", stop)
    with pytest.raises(KeyboardInterrupt):
        memory["leg"] = torch.zeros(3)
    assert list(memory) == []
    assert "leg" not in memory
