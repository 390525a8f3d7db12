"""The exercises of lesson 09: every right answer that was tried passes, and each known mistake gets its own hint."""

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage

from course_lib.video import flow as motion
from tests.checks.tables import table_tests


def stub(*arguments): ...  # your code here


# ---- warping


def grid_of(flow, align=True):
    """Where each pixel lay, from -1 to 1: (1, H, W, 2)."""
    height, width = flow.shape[1:]
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    x, y = columns + flow[0], rows + flow[1]
    if align:
        return torch.stack([2 * x / (width - 1) - 1, 2 * y / (height - 1) - 1], dim=-1)[None]
    return torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], dim=-1)[None]


def sample(picture, grid, **options):
    return F.grid_sample(picture[None], grid, **{"padding_mode": "border", "align_corners": True, **options})[0]


def warp_with(**options):
    return lambda picture, flow: sample(picture, grid_of(flow), **options)


def warp_pixel_by_pixel(picture, flow):
    """Bilinear by hand; places outside are moved to the border."""
    _, height, width = picture.shape
    result = torch.zeros_like(picture)
    for row in range(height):
        for column in range(width):
            x = (column + flow[0, row, column]).clamp(0, width - 1)
            y = (row + flow[1, row, column]).clamp(0, height - 1)
            left, top = min(int(x), width - 2), min(int(y), height - 2)
            across, down = x - left, y - top
            upper = (1 - across) * picture[:, top, left] + across * picture[:, top, left + 1]
            lower = (1 - across) * picture[:, top + 1, left] + across * picture[:, top + 1, left + 1]
            result[:, row, column] = (1 - down) * upper + down * lower
    return result


def warp_with_scipy(picture, flow):
    rows, columns = np.mgrid[: flow.shape[1], : flow.shape[2]]
    places = [rows + flow[1].numpy(), columns + flow[0].numpy()]
    return np.stack([ndimage.map_coordinates(channel, places, order=1, mode="nearest") for channel in picture.numpy()])


def pushed(picture, flow, sign=1):
    """Pixels moved forward instead of fetched."""
    result = torch.zeros_like(picture)
    _, height, width = picture.shape
    for row in range(height):
        for column in range(width):
            dx, dy = sign * flow[:, row, column].round().long()
            x, y = column + dx, row + dy
            if 0 <= x < width and 0 <= y < height:
                result[:, y, x] = picture[:, row, column]
    return result


def in_place(picture, flow):
    picture.copy_(RIGHT_WARP(picture.clone(), flow))
    return picture


def cut(picture, flow):
    return RIGHT_WARP(picture, flow.floor())


def added_to_grid(factor):
    def warp(picture, flow):
        grid = grid_of(torch.zeros_like(flow)) + factor(picture.shape) * flow.permute(1, 2, 0)[None]
        return sample(picture, grid)

    return warp


RIGHT_WARP = warp_with()
WARP_RIGHT = {
    "grid_sample": RIGHT_WARP,
    "zeros outside": warp_with(padding_mode="zeros"),
    "align_corners=False": lambda p, f: sample(p, grid_of(f, align=False), align_corners=False),
    "pixel by pixel": warp_pixel_by_pixel,
    "scipy": warp_with_scipy,
    "library": lambda p, f: motion.warp(p[None], f[None])[0],
}
WARP_WRONG = {
    "stub": (stub, "no answer yet"),
    "not moved": (lambda p, f: p, "nothing moves"),
    "sign": (lambda p, f: RIGHT_WARP(p, -f), "the sign is wrong"),
    "exchanged": (lambda p, f: RIGHT_WARP(p, f.flip(0)), "dx and dy are exchanged"),
    "y first": (lambda p, f: sample(p, grid_of(f).flip(-1)), "wants x first"),
    "up": (lambda p, f: RIGHT_WARP(p, torch.stack([f[0], -f[1]])), "dy goes up"),
    "left": (lambda p, f: RIGHT_WARP(p, torch.stack([-f[0], f[1]])), "dx goes to the left"),
    "only dx": (lambda p, f: RIGHT_WARP(p, torch.stack([f[0], 0 * f[1]])), "only dx moves"),
    "only dy": (lambda p, f: RIGHT_WARP(p, torch.stack([0 * f[0], f[1]])), "only dy moves"),
    "pixels as shares": (added_to_grid(lambda shape: 1), "was added to a grid from -1 to 1"),
    "half as far": (
        added_to_grid(lambda shape: 1 / (torch.tensor([shape[2], shape[1]]) - 1)),
        "half as far",
    ),
    "2 / W": (added_to_grid(lambda shape: 2 / torch.tensor([shape[2], shape[1]])), "a little too little"),
    "not aligned": (warp_with(align_corners=False), "needs align_corners=True"),
    "aligned": (lambda p, f: sample(p, grid_of(f, align=False)), "was read with align_corners=True"),
    "nearest": (warp_with(mode="nearest"), "takes the nearest pixel"),
    "cut off": (cut, "cuts the fractions off. Interpolate"),
    "cut off toward 0": (lambda p, f: RIGHT_WARP(p, f.trunc()), "toward 0"),
    "cubic": (warp_with(mode="bicubic"), "right for whole pixels"),
    "pushed": (pushed, "pushes pixels to new places"),
    "pushed back": (lambda p, f: pushed(p, f, sign=-1), "right where all moves alike"),
    "in place": (in_place, "changes its input"),
    "one axis more": (lambda p, f: RIGHT_WARP(p, f)[None], "shape"),
    "something else": (lambda p, f: 1 - p, "not yet"),
}

# ---- what is visible


def carry(picture, flow):
    return motion.warp(picture[None], flow[None])[0]


def length(flow):
    return flow.square().sum(dim=0)


def visible(flow, back, relative=0.01, absolute=0.5, returned=None):
    returned = carry(back, flow) if returned is None else returned
    return length(flow + returned) < relative * (length(flow) + length(returned)) + absolute


def visible_with_numpy(flow, back):
    there, again = flow.numpy(), warp_with_scipy(back, flow)
    return (((there + again) ** 2).sum(0) < 0.01 * ((there**2).sum(0) + (again**2).sum(0)) + 0.5).astype(float)


VISIBLE_RIGHT = {
    "bool": visible,
    "float": lambda f, b: visible(f, b).float(),
    "one channel": lambda f, b: visible(f, b)[None],
    "numpy": visible_with_numpy,
    "library, without what is outside": lambda f, b: motion.visible(f[None], b[None])[0],
}
VISIBLE_WRONG = {
    "stub": (stub, "no answer yet"),
    "inverted": (lambda f, b: ~visible(f, b), "inverted"),
    "not warped": (lambda f, b: visible(f, b, returned=b), "`back` is not warped"),
    "subtracted": (
        lambda f, b: length(f - carry(b, f)) < 0.01 * (length(f) + length(carry(b, f))) + 0.5,
        "must cancel",
    ),
    "the other flow": (lambda f, b: visible(b, f), "the wrong flow is warped"),
    "wrong direction": (lambda f, b: visible(f, b, returned=carry(b, -f)), "in the wrong direction"),
    "fixed bound": (lambda f, b: visible(f, b, relative=0), "does not grow with the motion"),
    "relative only": (lambda f, b: visible(f, b, absolute=0), "the 0.5 is missing"),
    "root": (
        lambda f, b: length(f + carry(b, f)).sqrt() < 0.01 * (length(f) + length(carry(b, f))) + 0.5,
        "do not take the root",
    ),
    "bound of lengths": (
        lambda f, b: length(f + carry(b, f)) < 0.01 * (length(f).sqrt() + length(carry(b, f)).sqrt()) + 0.5,
        "used for the bound",
    ),
    "one way": (lambda f, b: length(f + carry(b, f)) < 0.01 * length(f) + 0.5, "not the motion back"),
    "mean": (
        lambda f, b: length(f + carry(b, f)) / 2 < 0.01 * (length(f) + length(carry(b, f))) / 2 + 0.5,
        "are averaged",
    ),
    "all": (lambda f, b: torch.ones(f.shape[1:]), "everything is visible"),
    "none": (lambda f, b: torch.zeros(f.shape[1:]), "nothing is visible"),
    "two channels": (lambda f, b: (f + carry(b, f)).square() < 0.5, "a mask (H, W) is asked for"),
    "no mask": (lambda f, b: length(f + carry(b, f)), "a mask of 0 and 1"),
    "something else": (lambda f, b: f[0] > 0 * f[0] + 2, "not yet"),
}

# ---- the warp error


def masked(squares, mask):
    return (mask * squares).sum() / (3 * mask.sum())


def warp_error(old, new, flow, mask):
    return masked((carry(old, flow) - new).square(), mask)


def chosen_pixels(old, new, flow, mask):
    return (carry(old, flow) - new)[:, mask[0] == 1].square().mean()


ERROR_RIGHT = {
    "sums": warp_error,
    "chosen": chosen_pixels,
    "zeros outside": lambda o, n, f, m: masked((warp_with(padding_mode="zeros")(o, f) - n) ** 2, m),
    "expanded": lambda o, n, f, m: (m.expand(3, -1, -1) * (carry(o, f) - n) ** 2).sum() / m.expand(3, -1, -1).sum(),
    "numpy": lambda o, n, f, m: ((warp_with_scipy(o, f) - n.numpy()) ** 2)[:, m[0].numpy() > 0].mean(),
    "number": lambda *all_four: warp_error(*all_four).item(),
}
ERROR_WRONG = {
    "stub": (stub, "no answer yet"),
    "all pixels": (lambda o, n, f, m: (m * (carry(o, f) - n) ** 2).mean(), "the mean is over all pixels"),
    "no mask": (lambda o, n, f, m: ((carry(o, f) - n) ** 2).mean(), "the mask is not used"),
    "not warped": (lambda o, n, f, m: masked((o - n) ** 2, m), "the old frame is not warped"),
    "nothing": (lambda o, n, f, m: ((o - n) ** 2).mean(), "neither the flow nor the mask"),
    "channels": (lambda o, n, f, m: (m * (carry(o, f) - n) ** 2).sum() / m.sum(), "three channels are added"),
    "channels twice": (lambda *all_four: warp_error(*all_four) / 3, "the channels twice"),
    "root": (lambda *all_four: warp_error(*all_four).sqrt(), "the root of it"),
    "absolute": (lambda o, n, f, m: masked((carry(o, f) - n).abs(), m), "absolute differences"),
    "inverted": (lambda o, n, f, m: warp_error(o, n, f, 1 - m), "the mask is inverted"),
    "new warped": (lambda o, n, f, m: warp_error(n, o, f, m), "the new frame was warped"),
    "old twice": (lambda o, n, f, m: warp_error(o, o, f, m), "The new frame is missing"),
    "sum": (lambda o, n, f, m: (m * (carry(o, f) - n) ** 2).mean(dim=0).sum(), "this is a sum. Divide"),
    "whole sum": (lambda o, n, f, m: (m * (carry(o, f) - n) ** 2).sum(), "a sum over pixels and channels"),
    "a map": (lambda o, n, f, m: m * (carry(o, f) - n) ** 2, "one number is asked for"),
    "something else": (lambda o, n, f, m: m.mean(), "not yet"),
}

# ---- blending


def blend(forward, backward, c_forward, c_backward, still):
    total = c_forward + c_backward
    mixed = (c_forward * forward + c_backward * backward) / total.clamp(min=1e-6)
    return torch.where(total > 0, mixed, still)


def blend_with_nan_replaced(forward, backward, c_forward, c_backward, still):
    mixed = (c_forward * forward + c_backward * backward) / (c_forward + c_backward)
    return torch.where(mixed.isnan(), still, mixed)


def blend_with_little(forward, backward, c_forward, c_backward, still):
    """The still network with a confidence so small that it counts only where there is no other."""
    return (c_forward * forward + c_backward * backward + 1e-6 * still) / (c_forward + c_backward + 1e-6)


def blend_with_numpy(*five):
    forward, backward, c_forward, c_backward, still = (each.numpy() for each in five)
    total = c_forward + c_backward
    mixed = (c_forward * forward + c_backward * backward) / np.where(total == 0, 1, total)
    return np.where(total == 0, still, mixed)


def unknown(forward, backward, c_forward, c_backward, still):
    return ((c_forward + c_backward) == 0).float()


BLEND_RIGHT = {
    "clamped": blend,
    "NaN replaced": blend_with_nan_replaced,
    "a little": blend_with_little,
    "numpy": blend_with_numpy,
}
BLEND_WRONG = {
    "stub": (stub, "no answer yet"),
    "NaN": (lambda f, b, p, q, s: (p * f + q * b) / (p + q), "0 / 0. Keep"),
    "exchanged": (lambda f, b, p, q, s: blend(f, b, q, p, s), "are exchanged"),
    "not normalized": (
        lambda f, b, p, q, s: torch.where(p + q > 0, p * f + q * b, s),
        "do not add up to 1: divide",
    ),
    "still everywhere": (lambda f, b, p, q, s: blend(f, b, p, q, 0 * s) + s, "added everywhere"),
    "what is left": (lambda f, b, p, q, s: p * f + q * b + (1 - p - q) * s, "what is left of 1. It"),
    "what is left, at least 0": (
        lambda f, b, p, q, s: p * f + q * b + (1 - p - q).clamp(min=0) * s,
        "not less than 0",
    ),
    "sum": (lambda f, b, p, q, s: p * f + q * b, "do not add up to 1, and"),
    "gray": (lambda f, b, p, q, s: blend(f, b, p, q, 0 * s), "the color is 0: gray. Take"),
    "backward where unsure": (lambda f, b, p, q, s: blend(f, b, p, q, b), "this takes backward"),
    "forward where unsure": (lambda f, b, p, q, s: blend(f, b, p, q, f), "this takes forward"),
    "mean where unsure": (lambda f, b, p, q, s: blend(f, b, p, q, (f + b) / 2), "the mean of both directions"),
    "surer one": (
        lambda f, b, p, q, s: torch.where(p + q > 0, torch.where(p > q, f, b), s),
        "the surer one takes it all",
    ),
    "both the same": (lambda f, b, p, q, s: torch.where(p + q > 0, (f + b) / 2, s), "both directions count the same"),
    "mean": (lambda f, b, p, q, s: (f + b) / 2, "not used at all"),
    "mean of three": (lambda f, b, p, q, s: (f + b + s) / 3, "the three are averaged"),
    "still as a third": (lambda f, b, p, q, s: (p * f + q * b + s) / (p + q + 1), "as if its confidence were 1"),
    "still where one is unsure": (
        lambda f, b, p, q, s: torch.where(p * q > 0, blend(f, b, p, q, s), s),
        "wherever one direction is not sure",
    ),
    "confidence": (lambda f, b, p, q, s: p / (p + q + 1e-6), "shape"),
    "something else": (lambda f, b, p, q, s: f - b, "not yet"),
}

# ---- smoothing over time


def padded(ab, before, after):
    return torch.cat([ab[:1].expand(before, -1, -1, -1), ab, ab[-1:].expand(after, -1, -1, -1)])


def windows(ab, window, before=None):
    before = window // 2 if before is None else before
    return padded(ab, before, window - 1 - before).unfold(0, window, 1)


def median_of(ab, window, before=None):
    return windows(ab, window, before).median(dim=-1).values


def median_frame_by_frame(ab, window):
    half, last = window // 2, len(ab) - 1
    frames = [[min(max(near, 0), last) for near in range(t - half, t + half + 1)] for t in range(len(ab))]
    return torch.stack([ab[each].median(dim=0).values for each in frames])


def filtered(size, mode="nearest"):
    return lambda ab, window: ndimage.median_filter(ab.numpy(), size=[window if s else 1 for s in size], mode=mode)


def cut_off(ab, window):
    half = window // 2
    return torch.stack([ab[max(0, t - half) : t + half + 1].median(dim=0).values for t in range(len(ab))])


SMOOTH_RIGHT = {
    "unfolded": median_of,
    "frame by frame": median_frame_by_frame,
    "scipy": filtered((1, 0, 0, 0)),
    "sorted": lambda ab, window: windows(ab, window).sort(dim=-1).values[..., window // 2],
}
SMOOTH_WRONG = {
    "stub": (stub, "no answer yet"),
    "mean": (lambda ab, window: windows(ab, window).mean(dim=-1), "this is the mean"),
    "rows": (filtered((0, 0, 1, 0)), "over rows"),
    "columns": (filtered((0, 0, 0, 1)), "over columns"),
    "channels": (filtered((0, 1, 0, 0)), "Nothing is smoothed"),
    "causal": (lambda ab, window: median_of(ab, window, before=window - 1), "looks only back"),
    "ahead": (lambda ab, window: median_of(ab, window, before=0), "looks only ahead"),
    "one off": (lambda ab, window: median_of(ab, window, before=window // 2 + 1), "is one frame off: as many"),
    "one ahead": (lambda ab, window: median_of(ab, window, before=window // 2 - 1), "toward the future"),
    "on each side": (lambda ab, window: median_of(ab, 2 * window + 1), "so many on each side"),
    "cut off": (cut_off, "cut off at the ends"),
    "ends dropped": (lambda ab, window: ab.unfold(0, window, 1).median(dim=-1).values, "the ends are dropped"),
    "zeros": (filtered((1, 0, 0, 0), "constant"), "there are zeros"),
    "mirrored": (filtered((1, 0, 0, 0), "mirror"), "runs backward"),
    "ring": (filtered((1, 0, 0, 0), "wrap"), "joined to a ring"),
    "unchanged": (lambda ab, window: ab, "Nothing is smoothed"),
    "whole film": (lambda ab, window: ab.median(dim=0).values.expand(ab.shape), "over the whole film"),
    "always 5": (lambda ab, window: median_of(ab, 5), "wrong for 3"),
    "one frame": (lambda ab, window: ab.median(dim=0).values, "shape"),
    "something else": (lambda ab, window: -ab, "not yet"),
}

EXERCISES = {
    "09.warp": (WARP_RIGHT, WARP_WRONG),
    "09.visible": (VISIBLE_RIGHT, VISIBLE_WRONG),
    "09.warp_error": (ERROR_RIGHT, ERROR_WRONG),
    "09.blend": (BLEND_RIGHT, BLEND_WRONG),
    "09.smoothing": (SMOOTH_RIGHT, SMOOTH_WRONG),
}

test_right_answers_pass, test_wrong_answers_get_their_hint, test_hints_differ = table_tests(
    EXERCISES, general=["Nothing is smoothed"]
)
