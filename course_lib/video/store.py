"""What a film needs while it is colorized, on disk: so that memory does not grow with its length, and a killed run can go on."""

from collections.abc import MutableMapping, Sequence
from fractions import Fraction
from pathlib import Path
from urllib.parse import quote, unquote

import numpy as np
import torch
from safetensors.torch import load, save

from course_lib.files import write_atomic

_STEPS = 2.55  # of L, which runs to 100, in the 256 values of a byte


class _Records(Sequence):
    """Records of the same length in a file, which is read where it is asked for and never mapped into memory."""

    def __init__(self, path, length):
        self.path, self.length = Path(path), length
        self.file = open(path, "a+b")  # noqa: SIM115 - it stays open between calls
        self.count = self.path.stat().st_size // length

    def __len__(self):
        return self.count

    def flush(self):
        """Write what is not written yet."""
        self.file.flush()

    def close(self):
        """Write what is not written yet, and read no more."""
        self.file.close()

    def clear(self):
        """Forget all records."""
        self.file.truncate(0)
        self.count = 0

    def _append(self, record):
        self.file.write(record)
        self.count += 1

    def _read(self, start, stop):
        self.file.flush()
        self.file.seek(start * self.length)
        return self.file.read(max(0, stop - start) * self.length)


class GrayStore(_Records):
    """The lightness of a film at its working size, a byte for each pixel.

    ``store[start:stop]`` are float32 tensors (n, 1, h, w), L in [0, 100], rounded to 0.4.

    Parameters
    ----------
    path : path
        The file. What is in it stays there.
    size : (int, int)
        h and w.
    """

    def __init__(self, path, size):
        super().__init__(path, size[0] * size[1])
        self.size = size

    def append(self, lightness):
        """Add a frame: (1, h, w), L in [0, 100]."""
        if tuple(lightness.shape) != (1, *self.size):
            raise ValueError(
                f"A frame of this film is (1, {self.size[0]}, {self.size[1]}), got {tuple(lightness.shape)}."
            )
        self._append((lightness * _STEPS).round().clamp(0, 255).to(torch.uint8).numpy().tobytes())

    def __getitem__(self, key):
        start, stop = _range(key, len(self))
        content = np.frombuffer(self._read(start, stop), dtype=np.uint8)
        frames = torch.from_numpy(content.astype(np.float32)).view(-1, 1, *self.size) / _STEPS
        return frames if isinstance(key, slice) else frames[0]


class TimeStore(_Records):
    """The times of frames in seconds: Fractions, which rise."""

    def __init__(self, path):
        super().__init__(path, 16)

    def append(self, time):
        """Add a time."""
        self._append(np.array([time.numerator, time.denominator], dtype="<i8").tobytes())

    def __getitem__(self, key):
        start, stop = _range(key, len(self))
        pairs = np.frombuffer(self._read(start, stop), dtype="<i8").reshape(-1, 2)
        times = [Fraction(int(top), int(bottom)) for top, bottom in pairs]
        return times if isinstance(key, slice) else times[0]


class Stretch(Sequence):
    """Some of what is in a sequence, from one place up to another, without a copy of it."""

    def __init__(self, whole, start, stop):
        self.whole, self.start, self.stop = whole, start, stop

    def __len__(self):
        return self.stop - self.start

    def __getitem__(self, key):
        start, stop = _range(key, len(self))
        part = slice(self.start + start, self.start + stop)
        return self.whole[part] if isinstance(key, slice) else self.whole[self.start + start]


def _range(key, length):
    """Where a slice or a place begins and ends."""
    if isinstance(key, slice):
        start, stop, step = key.indices(length)
        if step != 1:
            raise ValueError("Frames are read one after another: a slice has no step.")
        return start, max(start, stop)
    place = key + length if key < 0 else key
    if not 0 <= place < length:
        raise IndexError(f"There is no frame {key} among {length}.")
    return place, place + 1


class FolderMemory(MutableMapping):
    """Tensors by name, each in a file of a folder that appears whole or not at all."""

    _SUFFIX = ".safetensors"

    def __init__(self, folder):
        self.folder = Path(folder)

    def _path(self, key):
        name = quote(key, safe=" ").replace(
            ".", "%2E"
        )  # a name that begins with a point is hidden, as unfinished files are
        return self.folder / f"{name}{self._SUFFIX}"

    def __setitem__(self, key, value):
        write_atomic(self._path(key), save({"value": torch.as_tensor(value).detach().cpu().contiguous()}))

    def __getitem__(self, key):
        try:
            return load(self._path(key).read_bytes())["value"]
        except FileNotFoundError:
            raise KeyError(key) from None

    def __delitem__(self, key):
        try:
            self._path(key).unlink()
        except FileNotFoundError:
            raise KeyError(key) from None

    def __contains__(self, key):
        return isinstance(key, str) and self._path(key).exists()

    def __iter__(self):
        names = [path.name for path in self.folder.glob(f"*{self._SUFFIX}") if not path.name.startswith(".")]
        return iter(sorted(unquote(name.removesuffix(self._SUFFIX)) for name in names))

    def __len__(self):
        return sum(1 for _ in self)
