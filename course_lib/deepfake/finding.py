"""Where the faces are: found in a picture, followed through a film, cut out."""

import math
import statistics
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
import torch

from course_lib.color import PictureError, check_rgb

SIDE = 128  # pixels: at which the network has learned to look at faces
LONGEST = 640  # pixels: larger pictures are reduced to this before faces are looked for
# Of the shorter side: how much is added on every side, since the cascade finds no face that fills the whole picture
RIM = 1 / 3
WINDOW = 24  # pixels: what the cascade looks at, and so the smallest face that it can find
SCALE = 1.15  # from one size of face that is looked for to the next
LOWER = 0.075  # of its side: how far below the cascade's square the crop of `faces` lies (median of 300)
LARGE = (
    1 / 6
)  # of the shorter side: faces from here on are looked for first, and smaller ones only where there are none
ALIKE = 0.5  # IoU of two windows that show the same face
ENOUGH = 4  # windows that must show a face
SAME = 0.4  # of the smaller one of two squares: if more of it lies in the other, they are one face
NEAR = 1.5  # sides: how far a face may move from one frame to the next
LIKE = 1.6  # times: how much it may grow or shrink
GAP = 5  # frames in which a face that was found before and after need not be found


class Box(NamedTuple):
    """A square in a picture, in its pixels; it may reach over the rim."""

    left: float
    top: float
    side: float


# ---- finding


def find_faces(rgb, least=48):
    """Where there are faces that look at us, more or less upright.

    A cascade of local binary patterns (Liao and others, "Learning multi-scale block local binary patterns for face recognition", ICB
    2007), as scikit-image brings it. It misses faces that are turned away, tilted or half hidden, and it now and then finds one where
    there is none. Small ones, that it finds most often by mistake, are looked for only in pictures without a large one: large is a sixth
    of the shorter side or more.

    Parameters
    ----------
    rgb : tensor, (3, H, W)
        sRGB in [0, 1], or uint8.
    least : float
        Pixels: smaller faces are left out. In a picture whose longer side has more than `LONGEST` pixels, faces that have fewer than
        `WINDOW` once it is reduced to that cannot be found.

    Returns
    -------
    list of Box
        Largest first; empty if there is no face.

    Raises
    ------
    PictureError
        Not one picture.
    """
    picture, scale = _reduce(_one(rgb))
    shorter = min(picture.shape[:2])
    smallest, large = max(WINDOW, math.ceil(least * scale)), math.ceil(LARGE * shorter)
    found = _look(picture, max(smallest, large), rim=round(RIM * shorter))
    if not found and smallest < large:
        found = _look(picture, smallest)
    boxes = [Box(*(number / scale for number in box)) for box in found]
    return _distinct(box for box in boxes if box.side >= least)


def _look(picture, smallest, rim=0):
    """What the cascade finds in a picture with a wider rim: a list of `Box`."""
    padded = cv2.copyMakeBorder(picture, rim, rim, rim, rim, cv2.BORDER_REPLICATE)
    largest = min(padded.shape[:2])
    if smallest > largest:
        return []
    seen = _cascade().detect_multi_scale(
        padded,
        scale_factor=SCALE,
        step_ratio=1,
        min_size=(smallest, smallest),
        max_size=(largest, largest),
        min_neighbor_number=1,
        intersection_score_threshold=2.0,  # which nothing reaches: we group them ourselves
    )
    return _group(
        np.array([(each["c"] - rim, each["r"] - rim, each["width"]) for each in seen], np.float64).reshape(-1, 3)
    )


def _group(windows):
    """Windows (N, 3) in which the cascade sees a face to one box for each face: the median of those that are alike, if there are enough.

    The cascade's own grouping puts a window into that of any larger one around it, and so lets one stray window move a face by half.
    """
    alike, boxes = _ious(windows) > ALIKE, []
    while len(windows) and alike.sum(axis=1).max() >= ENOUGH:
        group = alike[alike.sum(axis=1).argmax()]
        boxes.append(Box(*np.median(windows[group], axis=0).tolist()))
        windows, alike = windows[~group], alike[~group][:, ~group]
    return boxes


def _ious(windows):
    """Intersection over union of each two windows: (N, N)."""
    corner, side = windows[:, :2], windows[:, 2]
    low = np.maximum(corner[:, None], corner)
    high = np.minimum((corner + side[:, None])[:, None], corner + side[:, None])
    both = (high - low).clip(0).prod(axis=2)
    return both / (side[:, None] ** 2 + side**2 - both)


@lru_cache(maxsize=1)
def _cascade():
    from skimage import data
    from skimage.feature import Cascade

    return Cascade(data.lbp_frontal_face_cascade_filename())


def _one(rgb):
    """One picture as the cascade and OpenCV take it: float32 (H, W, 3)."""
    rgb = check_rgb(rgb)
    if rgb.ndim != 3 or 0 in rgb.shape:
        raise PictureError(
            f"Faces are looked for in one picture (3, H, W), this is {tuple(rgb.shape)}. Give one by one."
        )
    return np.ascontiguousarray(rgb.detach().cpu().float().movedim(0, -1).numpy())


def _reduce(picture):
    """A picture with at most `LONGEST` pixels on its longer side, and by how much that is smaller."""
    height, width = picture.shape[:2]
    scale = LONGEST / max(height, width)
    if scale >= 1:
        return picture, 1.0
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA), scale


def _distinct(boxes):
    """Boxes, largest first, without those that lie mostly in a larger one."""
    kept = []
    for box in sorted(boxes, key=lambda box: box.side, reverse=True):
        if all(_shared(box, other) < SAME * box.side**2 for other in kept):
            kept.append(box)
    return kept


def _shared(one, other):
    """The area that two boxes have in common, in pixels."""
    across = min(one.left + one.side, other.left + other.side) - max(one.left, other.left)
    down = min(one.top + one.side, other.top + other.side) - max(one.top, other.top)
    return max(0.0, across) * max(0.0, down)


# ---- following


def track(found, window=5):
    """One face through a film: that which is seen longest and largest, its box steadied.

    Parameters
    ----------
    found : sequence
        For each frame what was found in it: a list of `Box`, one `Box`, or None.
    window : int
        Frames, odd: each number of a box is replaced by its median over so many, as far as they lie on both sides. The median leaves
        a face that moves evenly where it is, and takes single wrong boxes away.

    Returns
    -------
    list of Box or None
        One for each frame. Frames in which the face was not found have the box of the nearest one in which it was, if that is no more than
        `GAP` frames away; None otherwise.
    """
    chain = _longest_chain([_as_list(boxes) for boxes in found])
    bridged = [_nearest(chain, frame) for frame in range(len(found))]
    return [_steady(bridged, frame, window // 2) for frame in range(len(found))]


def _as_list(boxes):
    if boxes is None:
        return []
    return [boxes] if isinstance(boxes, Box) else list(boxes)


def _longest_chain(found):
    """The boxes of one face: dict from frame to `Box`, that of which the sides have the largest sum."""
    chains = []
    for frame, boxes in enumerate(found):
        free = [chain for chain in chains if frame - max(chain) <= GAP]
        for box in boxes:
            fits = [chain for chain in free if _follows(chain[max(chain)], box)]
            chain = min(fits, key=lambda chain: _apart(chain[max(chain)], box), default=None)
            if chain is None:
                chains.append(chain := {})
            else:
                free = [other for other in free if other is not chain]
            chain[frame] = box
    return max(chains, key=lambda chain: sum(box.side for box in chain.values()), default={})


def _follows(before, box):
    grown = box.side / before.side
    return 1 / LIKE <= grown <= LIKE and _apart(before, box) <= NEAR


def _apart(one, other):
    """How far apart the middles of two boxes are, in sides of the first."""
    across = (other.left + other.side / 2) - (one.left + one.side / 2)
    down = (other.top + other.side / 2) - (one.top + one.side / 2)
    return math.hypot(across, down) / one.side


def _nearest(chain, frame):
    near = min(chain, key=lambda other: abs(other - frame), default=None)
    return chain[near] if near is not None and abs(near - frame) <= GAP else None


def _steady(boxes, frame, reach):
    """The median box around a frame: as many frames before it as after it, so that an even movement is not held back."""
    if boxes[frame] is None:
        return None
    reach = min(reach, frame, len(boxes) - 1 - frame)
    around = [box for box in boxes[frame - reach : frame + reach + 1] if box is not None]
    return Box(*(statistics.median(numbers) for numbers in zip(*around, strict=True)))


# ---- cutting out


def face_region(box):
    """What the network is shown of a face: the square that the crops of the `faces` set have, from that which the cascade finds in them."""
    return Box(box.left, box.top + LOWER * box.side, box.side)


def crop_face(rgb, box, side=SIDE):
    """A square of a picture, at another size.

    Parameters
    ----------
    rgb : tensor, (3, H, W)
        sRGB in [0, 1], or uint8.
    box : Box
        Rounded to whole pixels. Where it reaches over the rim, the picture's last row or column is repeated.
    side : int
        Pixels of the result.

    Returns
    -------
    tensor, (3, side, side)
        float32 sRGB in [0, 1].

    Raises
    ------
    PictureError
        Not one picture, or a box without a size.
    """
    cut = np.ascontiguousarray(cut_out(rgb, box).movedim(0, -1).numpy())
    how = cv2.INTER_AREA if cut.shape[0] > side else cv2.INTER_LINEAR
    return torch.from_numpy(cv2.resize(cut, (side, side), interpolation=how)).movedim(-1, 0).contiguous().clamp(0, 1)


def cut_out(rgb, box):
    """A square of a picture in the picture's own pixels: float32 (3, side, side), as `crop_face` has it before it changes the size."""
    if not all(math.isfinite(number) for number in box) or box.side < 0.5:
        raise PictureError(f"The box {tuple(box)} has no size. Use one that find_faces has found.")
    picture = torch.from_numpy(_one(rgb)).movedim(-1, 0)
    steps = torch.arange(round(box.side))
    rows = (round(box.top) + steps).clamp(0, picture.shape[1] - 1)
    columns = (round(box.left) + steps).clamp(0, picture.shape[2] - 1)
    return picture[:, rows][:, :, columns]
