"""A network that scores faces, and that says where it sees something. The faces come from `deepfake.finding`.

How good the network's answers are, and how a score becomes a probability, is a matter for `deepfake.calibrate`.
"""

import math
from contextlib import contextmanager
from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from course_lib.color import PictureError, check_rgb
from course_lib.deepfake.finding import SIDE, Box, crop_face, cut_out, face_region, find_faces, track
from course_lib.models.checkpoints import FOLDER, load_checkpoint, read_card

__all__ = [
    "SIDE",
    "Box",
    "Detector",
    "crop_face",
    "cut_out",
    "face_region",
    "find_faces",
    "iou",
    "load_detector",
    "saliency",
    "track",
]

BATCH = 64  # crops that a network is given at once


@dataclass(frozen=True)
class Detector:
    """A network that scores faces, and which one it is.

    Attributes
    ----------
    name : str
    sha256 : str
        Of the file with its weights: what a verdict says that it rests on.
    network : nn.Module
        Pictures (N, 3, 128, 128) to a `ForgeryAnswer`.
    """

    name: str
    sha256: str
    network: nn.Module = field(repr=False)

    def scores(self, crops):
        """Logits of faces: tensor (N,), **above 0 for manipulated**. They are not probabilities yet.

        Parameters
        ----------
        crops : tensor, (N, 3, 128, 128) or (3, 128, 128)
            sRGB in [0, 1], or uint8, from `crop_face`.

        Raises
        ------
        PictureError
            Not such pictures.
        """
        return torch.cat([torch.zeros(0), *(answer.logit for answer in self._answers(crops))])

    __call__ = scores

    def where(self, crops):
        """How probable it seems to the network at each place that the face is blended there: tensor (N, 1, 128, 128) in [0, 1].

        Parameters
        ----------
        crops : tensor, (N, 3, 128, 128) or (3, 128, 128)
        """
        maps = [enlarge(torch.sigmoid(answer.where)) for answer in self._answers(crops)]
        return torch.cat([torch.zeros(0, 1, SIDE, SIDE), *maps])

    @torch.no_grad()
    def _answers(self, crops):
        with evaluating(self.network):
            return [self.network(check_rgb(part)) for part in as_crops(crops).split(BATCH) if len(part)]


def load_detector(name="faces-detector", folder=FOLDER):
    """The detector of a checkpoint.

    Raises
    ------
    CheckpointError
        There is none of this name, or its weights are not those of its card.
    """
    return Detector(name, read_card(name, folder)["sha256"], load_checkpoint(name, folder))


def as_crops(crops):
    """Faces as a batch, (N, 3, 128, 128); a `PictureError` for what is none."""
    if isinstance(crops, torch.Tensor) and crops.ndim == 3:
        crops = crops[None]
    if not isinstance(crops, torch.Tensor) or crops.shape[1:] != (3, SIDE, SIDE):
        what = tuple(crops.shape) if isinstance(crops, torch.Tensor) else type(crops).__name__
        raise PictureError(f"The detector looks at faces (N, 3, {SIDE}, {SIDE}), this is {what}. crop_face makes them.")
    return crops


@contextmanager
def evaluating(network):
    """Have a network in evaluation mode for a while, and put it back: one that is being trained may be asked, too."""
    was = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(was)


def enlarge(maps):
    """Maps (N, 1, h, w) at the size of the faces, bilinearly: (N, 1, 128, 128)."""
    return F.interpolate(maps, size=(SIDE, SIDE), mode="bilinear", align_corners=False)


# ---- where it looks


def saliency(network, crops):
    """Where small changes of a face would change its logit most: tensor (N, 1, 128, 128) in [0, 1].

    Input times gradient (Shrikumar and others, "Not just a black box", 2016): its absolute values, added up over the channels, smoothed
    with a standard deviation of a sixteenth of the side, and divided by the maximum of each face. It is 0 where a picture is black,
    and it says what the network reacts to, not why.

    Parameters
    ----------
    network : nn.Module
        As in `Detector`.
    crops : tensor, (N, 3, 128, 128) or (3, 128, 128)
    """
    parts = [_saliency(network, check_rgb(part)) for part in as_crops(crops).split(BATCH) if len(part)]
    return torch.cat([torch.zeros(0, 1, SIDE, SIDE), *parts])


def _saliency(network, rgb):
    with evaluating(network), torch.enable_grad():
        rgb = rgb.detach().float().clone().requires_grad_(True)
        (slope,) = torch.autograd.grad(network(rgb).logit.sum(), rgb)
    strength = (rgb.detach() * slope).abs().sum(dim=1).numpy()
    smooth = np.stack([cv2.GaussianBlur(each, (0, 0), SIDE / 16) for each in strength])
    smooth = torch.from_numpy(smooth)[:, None]
    return smooth / smooth.amax(dim=(1, 2, 3), keepdim=True).clamp(min=1e-30)


def iou(found, mask, share=None):
    """How well maps of what was found cover what was blended: intersection over union, (N,), 0 to 1.

    Blended is where a mask has more than half of its maximum. Found are as many pixels, the highest ones of the other map, so that no
    threshold need be chosen and no scale matters. Of pixels of equal height each counts for its share.

    Parameters
    ----------
    found, mask : tensors, (N, 1, H, W)
    share : float, optional
        Of all pixels: how many count as found, in the place of as many as are blended.

    Returns
    -------
    tensor, (N,)
        Not a number where nothing is blended.

    Raises
    ------
    PictureError
        The maps do not fit together.
    """
    if found.shape != mask.shape or mask.ndim != 4 or mask.shape[1] != 1:
        raise PictureError(
            f"Maps of one shape (N, 1, H, W) are compared, these are {tuple(found.shape)} and {tuple(mask.shape)}."
        )
    return torch.tensor([_iou(a, b, share) for a, b in zip(found.flatten(1), mask.flatten(1), strict=True)])


def _iou(found, mask, share):
    blended = mask > mask.max() / 2
    if not blended.any():
        return math.nan
    count = int(blended.sum()) if share is None else min(mask.numel(), max(1, round(share * mask.numel())))
    lowest = found.topk(count).values[-1]
    above, level = found > lowest, found == lowest
    taken = above + level * (count - above.sum()) / level.sum()
    both = (taken * blended).sum()
    return float(both / (count + blended.sum() - both))
