"""``make bench``: how fast we convert and encode beside the libraries that people would use otherwise, how fast we colorize and fake."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import kornia
import numpy as np
import torch
from skimage.color import rgb2lab
from sklearn.neighbors import NearestNeighbors

from course_lib import bins, color, colorize
from course_lib.colorizing import DEFAULT_WITH_HINTS, find_network
from course_lib.data import fit, petals, photo, photos
from course_lib.data.photos import random_crops
from course_lib.data.writing import write_image
from course_lib.deepfake.blend import make_colorized, make_swap, pairs
from course_lib.widgets.hint_editor import HintEditor, Photo

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


def bench_encoding():
    """The five nearest bins of each pixel and their weights: looked up, and searched for in a tree as in the code of the paper."""
    ab = color.rgb_to_lab(random_crops(photos(), 32, size=56))[:, 1:]
    tree = NearestNeighbors(n_neighbors=5, algorithm="ball_tree").fit(bins.AB_BINS.numpy())
    functions = {
        "course_lib.bins.soft_targets": lambda: bins.soft_targets(ab),
        "sklearn.neighbors, ball tree": lambda: _targets_by_tree(tree, ab),
    }
    _check_same_targets(ab, *(function() for function in functions.values()))
    print_ratios("Soft targets of 32 x 56 x 56, float32, one thread", functions, "course_lib.bins.soft_targets")


def _targets_by_tree(tree, ab, sigma=5.0):
    """The nearest bins of every pixel and their weights: (N, k) each."""
    distances, index = tree.kneighbors(ab.movedim(1, -1).reshape(-1, 2).numpy())
    weights = np.exp(-(distances**2) / (2 * sigma**2))
    return index, weights / weights.sum(axis=1, keepdims=True)


def _check_same_targets(ab, ours, theirs):
    """Stop unless bins and weights are the same. Bins at the same distance, as around pure gray, may have changed places."""
    ab = ab.movedim(1, -1).reshape(-1, 1, 2)
    index, weights = (target.movedim(1, -1).flatten(0, 2) for target in ours)
    their_index, their_weights = map(torch.from_numpy, theirs)
    torch.testing.assert_close(weights.double(), their_weights, atol=1e-5, rtol=0)
    differ = (index != their_index).any(dim=1)
    assert differ.float().mean() < 1e-3, "the nearest bins differ"
    ours, theirs = ((bins.AB_BINS[i[differ]] - ab[differ]).norm(dim=2) for i in (index, their_index))
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)
    print(f"Same bins and weights for {len(index)} pixels, {int(differ.sum())} of them with ties in another order")


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


def bench_hint_tool():
    """From a click in the hint tool to the new picture and its suggestions, on a photograph of 256 x 256 pixels."""
    square = Photo("china", fit(photo("china"), (256, 256)))
    editor = HintEditor(find_network(DEFAULT_WITH_HINTS), square)
    rows = iter(torch.linspace(0.05, 0.95, 100).tolist())

    def click():
        editor.add(next(rows), 0.5)
        editor.colored()
        editor.suggestions()

    for threads in (1, 2):
        torch.set_num_threads(threads)
        click()
        print(f"hint tool, a click, {threads} thread(s): {best_times({'click': click}, rounds=20)['click']:.0f} ms")


def bench_blending():
    """Pairs of genuine pictures and fakes of 128 pixels, on one core: at least 800 self-blends in a second."""
    cv2.setNumThreads(1)
    crops = (random_crops(photos(), 100, size=128) * 255).round().to(torch.uint8)
    for kind, make, count in (("self-blends", None, 100), ("swaps", make_swap, 100), ("colorized", make_colorized, 10)):
        work = {kind: lambda make=make, count=count: pairs(crops[:count], np.random.default_rng(0), make)}
        print(f"pairs of 128 pixels, {kind}: {1e3 * count / best_times(work, rounds=10)[kind]:,.0f} in a second")


if __name__ == "__main__":
    torch.set_num_threads(1)
    bench_rgb_to_lab()
    bench_encoding()
    bench_petals()
    bench_blending()
    bench_colorize()
    bench_hint_tool()
