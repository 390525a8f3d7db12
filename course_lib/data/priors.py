"""How often each color occurs in real photographs, counted once and committed: nobody needs the photographs to see it.

``python -m course_lib.data.priors`` counts again.
"""

from functools import cache
from pathlib import Path

import torch

from course_lib import bins, color
from course_lib.files import write_atomic

PATH = Path(__file__).parents[2] / "data" / "scenes_prior.tsv"
EVERY = 2  # every second row and column is enough: neighbors are alike


@cache
def scenes_counts():
    """How many pixels of the training photographs of `scenes` have each bin as their nearest: (313,), float64."""
    rows = PATH.read_text(encoding="utf-8").splitlines()[1:]
    return torch.tensor([int(row.split("\t")[2]) for row in rows], dtype=torch.float64)


def scenes_prior(sigma=5.0):
    """Their prior, smoothed in the ab plane: (313,), sum 1."""
    counts = scenes_counts()
    return bins.smooth((counts / counts.sum()).float(), sigma)


def count_bins(rgb, batch_size=256):
    """The number of pixels of uint8 photographs, (N, 3, H, W), in each bin: long, (313,)."""
    counts = torch.zeros(bins.COUNT, dtype=torch.long)
    for batch in rgb[:, :, ::EVERY, ::EVERY].split(batch_size):
        nearest = bins.encode_hard(color.rgb_to_lab(batch)[:, 1:])
        counts += torch.bincount(nearest.flatten(), minlength=bins.COUNT)
    return counts


def main():
    """Count the colors of the training photographs and write the table."""
    from course_lib.data.datasets import scenes

    counts = count_bins(scenes("train").rgb).tolist()
    centers = bins.AB_BINS.int().tolist()
    rows = [f"{a}\t{b}\t{count}" for (a, b), count in zip(centers, counts, strict=True)]
    write_atomic(PATH, "\n".join(["a\tb\tpixels", *rows]) + "\n")
    print(f"Wrote {PATH}: {sum(counts):,} pixels in {sum(count > 0 for count in counts)} of {bins.COUNT} bins.")


if __name__ == "__main__":
    main()
