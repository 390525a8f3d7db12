"""``make bench``: how fast our conversion is beside the libraries that people would use otherwise, and how fast we colorize."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import kornia
import torch
from skimage.color import rgb2lab

from course_lib import color, colorize
from course_lib.data import petals, photo
from course_lib.data.writing import write_image

ROUNDS = 30


def best_times(functions, rounds=ROUNDS):
    """The shortest time of each function in ms; they take turns, so that a disturbance hits all of them."""
    times = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            times[name].append(time.perf_counter() - start)
    return {name: 1e3 * min(values) for name, values in times.items()}


def print_ratios(title, functions, ours):
    """One line per function: its time, and how many times as long as ours it takes."""
    times = best_times(functions)
    print(title)
    for name, milliseconds in times.items():
        print(f"  {name:34} {milliseconds:8.2f} ms   {milliseconds / times[ours]:5.2f} x ours")


def bench_rgb_to_lab():
    rgb = torch.rand(8, 3, 256, 256)
    channels_last = rgb.movedim(1, -1).contiguous().numpy()
    functions = {
        "course_lib.color.rgb_to_lab": lambda: color.rgb_to_lab(rgb),
        "skimage.color.rgb2lab": lambda: rgb2lab(channels_last),
        "kornia.color.rgb_to_lab": lambda: kornia.color.rgb_to_lab(rgb),
    }
    compiled = _compiled(rgb)
    if compiled:
        functions["the same with torch.compile"] = compiled
    print_ratios("RGB to Lab, 8 x 256 x 256, float32, one thread", functions, "course_lib.color.rgb_to_lab")


def _compiled(rgb):
    """The conversion under torch.compile, or None where there is no compiler."""
    compiled = torch.compile(lambda x: color.rgb_to_lab(x))
    try:
        compiled(rgb)
    except Exception as error:
        print(f"torch.compile does not work here ({type(error).__name__}): left out")
        return None
    return lambda: compiled(rgb)


def bench_petals():
    start = time.perf_counter()
    petals(2000, size=64, seed=0)
    print(f"2,000 petals scenes of 64 pixels: {time.perf_counter() - start:.2f} s")


def bench_colorize():
    """12 megapixels from one JPEG to another: the network loaded, on one thread and on two, and the whole command."""
    large = torch.nn.functional.interpolate(photo("coffee")[None], size=(3000, 4000), mode="bilinear")[0]
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "large.jpg", Path(folder) / "colorized.jpg"
        write_image(large, source)
        del large
        for threads in (1, 2):
            torch.set_num_threads(threads)
            times = best_times({"colorize": lambda: write_image(colorize(source), target)}, rounds=3)
            print(f"12 megapixels, {threads} thread(s), network loaded: {times['colorize'] / 1e3:.2f} s")
        command = [sys.executable, "-m", "course_lib", "colorize", str(source), str(target)]
        times = best_times({"command": lambda: subprocess.run(command, check=True, capture_output=True)}, rounds=3)
        print(f"12 megapixels, the whole command: {times['command'] / 1e3:.2f} s")


if __name__ == "__main__":
    torch.set_num_threads(1)
    bench_rgb_to_lab()
    bench_petals()
    bench_colorize()
