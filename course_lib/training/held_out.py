"""How the pictures of a generator compare with real ones that no training saw, often and fast: what decides when to stop a GAN."""

import torch

from course_lib import color, metrics
from course_lib.models.checkpoints import load_checkpoint
from course_lib.training.photographs import resize

JUDGE = "scenes-classifier"  # another network than the one that compares pictures in a loss
BATCH = 64


class HeldOut:
    """Photographs that generators are measured on.

    Parameters
    ----------
    photographs : LabeledPictures
        Of a split that is not trained on.
    side : int
        Pixels at which generators see them and their pictures are compared with them.
    """

    def __init__(self, photographs, side):
        self.rgb = resize(photographs.rgb.float() / 255, side)
        self.lab = color.rgb_to_lab(self.rgb)
        self.l, _ = color.normalize(self.lab)
        self.judge = load_checkpoint(JUDGE)
        self.seen, self.patch_colors = seen_by(self.judge, self.rgb), metrics.patch_colors(self.rgb).flatten(0, 1)
        self.colorfulness, self.patches = metrics.colorfulness(self.rgb).mean(), metrics.color_patches(self.rgb).mean()

    @torch.no_grad()
    def colorize(self, generator):
        """The photographs as a generator colors them: sRGB, (N, 3, side, side)."""
        device = next(generator.parameters()).device
        ab = torch.cat([generator.to_ab(generator(l.to(device))).cpu() for l in self.l.split(BATCH)])  # noqa: E741
        return color.join(self.lab[:, :1], ab)

    def measure(self, generator):
        """The metrics of a generator in evaluation mode, as `compare` gives them."""
        return self.compare(self.colorize(generator))

    def compare(self, rgb):
        """How colorizations of these photographs compare with them.

        Returns
        -------
        dict from str to float
            ``frechet``, the Frechet distance of the colors of small patches, in squared units of Lab; ``frechet_judge``, that of what the
            judge sees in both; ``colorfulness`` and ``patches``, as ratios to the truth's; ``psnr`` in dB.
        """
        return {
            "frechet": metrics.frechet_distance(metrics.patch_colors(rgb).flatten(0, 1), self.patch_colors),
            "frechet_judge": metrics.frechet_distance(seen_by(self.judge, rgb), self.seen),
            "colorfulness": float(metrics.colorfulness(rgb).mean() / self.colorfulness),
            "patches": float(metrics.color_patches(rgb).mean() / self.patches),
            "psnr": float(metrics.psnr(rgb, self.rgb).mean()),
        }


@torch.no_grad()
def seen_by(judge, rgb):
    """What a `SceneClassifier` sees in pictures, the mean over each of them of its last features: (N, D)."""
    return torch.cat([judge.see(part).mean(dim=(2, 3)) for part in rgb.split(BATCH)])
