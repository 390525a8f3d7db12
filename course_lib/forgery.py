"""What lesson 10 shows: portraits, what a blend leaves behind, and detectors that are trained in seconds."""

from dataclasses import replace
from functools import lru_cache, partial

import cv2
import numpy as np
import torch

from course_lib.data import LabeledPictures, available, photo
from course_lib.data.faces import faces
from course_lib.data.photos import TEST_PHOTOS, TRAIN_PHOTOS, random_crops
from course_lib.deepfake import blend
from course_lib.deepfake.calibrate import auc
from course_lib.deepfake.detector import SIDE, crop_face, face_region, find_faces
from course_lib.deepfake.recipes import Change, Finish, Recipe, draw_recipe
from course_lib.models import ForgeryNet
from course_lib.training.detection import DetectorRecipe, run_detector

SMALL = DetectorRecipe(
    objective="cross-entropy, in small",
    network=partial(ForgeryNet, widths=(16, 24, 32), blocks=(1, 1, 1)),
    dataset="photos",
    epochs=12,
    steps=60,
    batch_size=16,
    side=48,
    rate=4e-3,
)
BUNDLED = {"train": (400, TRAIN_PHOTOS, 0), "validation": (60, TEST_PHOTOS, 1)}  # crops, of which photographs, seed
SHOWN = Recipe(  # the fake of the lesson: strong enough to be seen, and with everything in it
    change=Change(rgb=(-0.04, 0.0, 0.05), saturation=1.15, smaller=2.0),
    move=(0.02, -0.01),
    radii=(0.33, 0.38),
    bend=0.03,
    bend_seed=3,
    blur=(0.02, 0.012),
)


# ---- portraits


@lru_cache
def portrait(name="astronaut", side=SIDE):
    """The face in a bundled photograph, cut out as the detector sees it: float (3, side, side)."""
    rgb = photo(name)
    return crop_face(rgb, face_region(find_faces(rgb)[0]), side)


def as_array(rgb):
    """A picture (3, H, W) as the functions of `deepfake.blend` take it: float32 (H, W, 3)."""
    return np.ascontiguousarray(rgb.movedim(0, -1).numpy(), dtype=np.float32)


def as_picture(array):
    """What `as_array` made, back again; a mask (H, W) stays what it is."""
    picture = torch.from_numpy(np.ascontiguousarray(array))
    return picture if array.ndim == 2 else picture.movedim(-1, 0)


def fake_of(rgb, recipe=SHOWN):
    """A portrait blended with itself: the fake (3, H, W), what surrounds the blend (3, H, W), and the mask (H, W)."""
    return tuple(as_picture(part) for part in blend.self_blend(as_array(rgb), recipe))


# ---- what a blend leaves behind


def steps_by_distance(levels, masks, farthest=16):
    """How much neighboring pixels differ, by their distance from the edge of a mask: tensor (2 * farthest + 1,), of 255 levels.

    The nearest pixels are 1 away from it, outside, and -1, inside: none has a distance of 0. Where there is no pixel the answer is 0.

    Parameters
    ----------
    levels : uint8 tensor, (N, 3, H, W)
    masks : tensor, (N, 1, H, W)
        Their edge is where they have half of their maximum; inside, distances are below 0.
    farthest : int
        Pixels.
    """
    sums, counts = np.zeros(2 * farthest + 1), np.zeros(2 * farthest + 1)
    for picture, mask in zip(levels.movedim(1, -1).contiguous().numpy(), masks[:, 0].numpy(), strict=True):
        gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
        inside = np.uint8(mask > mask.max() / 2)
        distance = _to_nearest(1 - inside) - _to_nearest(inside)
        places = np.clip(np.round(distance), -farthest - 1, farthest + 1).astype(int) + farthest + 1
        steps = np.hypot(cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1)) / 8
        sums += np.bincount(places.ravel(), steps.ravel(), 2 * farthest + 3)[1:-1]
        counts += np.bincount(places.ravel(), minlength=2 * farthest + 3)[1:-1]
    return torch.from_numpy(sums / np.maximum(counts, 1)).float()


def _to_nearest(places):
    """How far it is from each pixel to the nearest one that is 0: float32 (H, W)."""
    return cv2.distanceTransform(places, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)


def fineness(levels, masks):
    """How fine what a picture shows is inside of a mask, over outside of it, as the ratio of mean squared Laplacians: (N,)."""
    ratios = []
    for picture, mask in zip(levels.movedim(1, -1).contiguous().numpy(), masks[:, 0].numpy(), strict=True):
        fine = cv2.Laplacian(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32), cv2.CV_32F) ** 2
        inside, outside = mask > 0.9 * mask.max(), mask < 0.1 * mask.max()
        ratios.append(fine[inside].mean() / max(fine[outside].mean(), 1e-6))
    return torch.tensor(ratios)


def spectrum(levels):
    """The mean power of pictures by frequency, from whole pictures to two pixels: two tensors (H / 2 - 1,), cycles per pixel and power."""
    gray = levels.float().mean(dim=1) / 255
    side = gray.shape[-1]
    window = torch.hann_window(side, periodic=False)
    gray = (gray - gray.mean(dim=(1, 2), keepdim=True)) * window * window[:, None]
    power = torch.fft.fft2(gray).abs().square().mean(dim=0)
    frequency = torch.fft.fftfreq(side)
    rings = (torch.hypot(frequency, frequency[:, None]) * side).round().long().clamp(max=side // 2).flatten()
    sums = torch.zeros(side // 2 + 1).index_add(0, rings, power.flatten())
    return torch.arange(1, side // 2) / side, (sums / torch.bincount(rings))[1:-1]


# ---- small trainings


def live_faces():
    """Pictures to train on here: faces where they are on this machine, otherwise pieces of bundled photographs.

    A blend leaves the same marks in a piece of a street, so a small detector learns something even without a single face.

    Returns
    -------
    dict of LabeledPictures
        "train" and "validation", and never the same photograph in both.
    """
    if available("faces"):
        return {split: faces(split, count=count) for split, (count, _, _) in BUNDLED.items()}
    return {split: pieces(*how) for split, how in BUNDLED.items()}


def pieces(count, names, seed, side=96):
    """Random squares of bundled photographs: `LabeledPictures`."""
    rgb = random_crops([photo(name) for name in names], count, side, seed)
    labels = torch.zeros(count, dtype=torch.long)
    return LabeledPictures((rgb * 255).round().byte(), labels, ("piece",), ["piece"] * count)


def plain_pairs(faces, rng):
    """Pairs that can be learned in half a minute: all of the source is taken, and files are good."""
    return blend.pairs(faces, rng, plain_recipe, lambda rng: Finish(quality=int(rng.integers(80, 101))))


def plain_recipe(face, pictures, rng):
    """A self-blend that takes all of the source, for ``make`` of `blend.pairs`."""
    return blend.self_blend(face, replace(draw_recipe(rng), ratio=1.0))


def train_small(pictures, draw=plain_pairs, **changes):
    """Train a small detector: the network in evaluation mode, and the training and validation loss of its epochs."""
    recipe = replace(SMALL, draw=draw, **changes)
    state = run_detector("small", recipe, pictures, states=None)
    network = recipe.network()
    network.load_state_dict(state.best)
    return network.eval(), state.history


@torch.no_grad()
def scores_of(network, levels):
    """Logits of pictures, uint8 (N, 3, H, W): (N,)."""
    return torch.cat([network(part.float() / 255).logit for part in levels.split(64)])


def auc_of(network, made):
    """The AUC of a network on `Pairs`."""
    genuine, fake = (scores_of(network, part) for part in (made.genuine, made.fake))
    return auc(torch.cat([genuine, fake]), torch.cat([torch.zeros(len(genuine)), torch.ones(len(fake))]))


# ---- a shortcut


def saved_pairs(faces, rng, genuine=(90, 100), fake=(8, 20)):
    """Pairs in which genuine pictures and fakes were saved as JPEG with qualities of their own: a shortcut, unless both are the same."""
    made = blend.pairs(faces, rng, finishes=lambda rng: Finish())
    made.genuine, made.fake = saved(made.genuine, genuine, rng), saved(made.fake, fake, rng)
    return made


def saved(levels, qualities, rng):
    """Pictures, uint8 (N, 3, H, W), out of JPEG files with random qualities from the first to the second number."""
    low, high = qualities
    arrays = levels.movedim(1, -1).contiguous().numpy().astype(np.float32) / 255
    through = [blend.as_levels(blend.through_jpeg(array, rng.integers(low, high + 1))) for array in arrays]
    return torch.from_numpy(np.stack(through)).movedim(-1, 1).contiguous()
