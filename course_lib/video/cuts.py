"""Where one shot ends and the next begins: hardly anything of the frame before can be followed."""

import torch.nn.functional as F

from course_lib.video.flow import estimate_both, warp

COARSER = 2  # times: flows for this are estimated on smaller frames
CONTRAST, MEAN = 15.0, 50.0  # L: to what both frames are brought, so that a flash or a flicker of exposure is no cut
FLAT = 2.0  # L: a standard deviation below which a frame shows nothing, as black leader with its grain
LIKE = 6.0  # of that L: how near a pixel must come to the one that the flow says it was
# Below this share of pixels that can be followed a new shot begins. Measured on the real clips at half of the working size: a cut from one
# clip to another leaves at most .10, and within clips the least is .31, in a fast pan.
FOLLOWED = 0.2


class CutFinder:
    """Say of each frame of a film whether a new shot begins with it. Only the frame before is kept."""

    def __init__(self):
        self.begun, self.before = False, None

    def add(self, lightness):
        """Whether a shot begins with this frame, the next one of the film, L (1, h, w): bool. The first frame begins one.

        Between frames that show nothing there is no cut, and between one of them and a picture there always is: nothing could be followed.
        """
        now = _normalize(F.avg_pool2d(lightness[None], COARSER)[0])
        is_first, self.begun = not self.begun, True
        before, self.before = self.before, now
        if is_first or before is None or now is None:
            return is_first or before is not now
        return followed(before, now) < FOLLOWED


def find_cuts(lightness):
    """The numbers of the frames with which shots begin, 0 first, in a film (T, 1, h, w), L in [0, 100]: list of int."""
    finder = CutFinder()
    return [number for number, frame in enumerate(lightness) if finder.add(frame)]


def followed(before, now):
    """The share of the pixels of a frame (1, h, w) that can be followed back into the one before."""
    back, _, seen, _ = estimate_both(before, now)
    error = (warp(before[None], back[None])[0] - now).abs()
    return float((seen * (error < LIKE)).mean())


def _normalize(lightness):
    """The frame with a mean and a contrast that all frames have; None if it shows nothing."""
    deviation = lightness.std()
    return None if deviation < FLAT else (lightness - lightness.mean()) / deviation * CONTRAST + MEAN
