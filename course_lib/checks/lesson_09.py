"""The exercises of lesson 09: warping, what is visible, the warp error, blending two directions, and smoothing over time."""

import torch
import torch.nn.functional as F

from course_lib.checks.checker import (
    Wrong,
    call,
    call_for_tensor,
    checker,
    close,
    one_number,
    random_numbers,
    reject_known,
)
from course_lib.video.flow import places
from course_lib.video.flow import warp as warp_batch

EDGE = 1e-3  # so near to a bound, rounding may go either way


def _warp(picture, flow):
    return warp_batch(picture.double()[None], flow.double()[None])[0]


def _inside(flow):
    """Where a flow leads to a place between pixels of the picture: nothing is asked of the others."""
    x, y = places(flow[None])[0]
    return (x >= 0) & (x <= flow.shape[2] - 1) & (y >= 0) & (y <= flow.shape[1] - 1)


# ---- warping

SIZE = 17, 25


def _whole(low, high, seed):
    return (low + (high + 1 - low) * random_numbers(*SIZE, seed=seed)).floor()


def _cases():
    """A picture, and flows: the same everywhere, by whole pixels, and by quarters of a pixel."""
    quarters = torch.stack([(2 * (random_numbers(*SIZE, seed=seed) > 0.5) - 1) for seed in (3, 4)])
    quarters = quarters * torch.where(random_numbers(2, *SIZE, seed=5) > 0.5, 0.25, 0.75)
    same = torch.tensor([3.0, -2.0])[:, None, None].expand(2, *SIZE).contiguous()
    whole = torch.stack([_whole(-4, 4, 1), _whole(-3, 3, 2)])
    return random_numbers(3, *SIZE, seed=6), (same, whole, quarters)


def _moved(across=1.0, down=1.0):
    """How a flow is replaced: dx and dy times a factor each."""
    return lambda flow: flow * torch.tensor([across, down])[:, None, None]


def _at(scale, shift):
    """Places read in other units, from both sides of a picture: ``scale`` and ``shift`` are functions of the number of pixels."""

    def change(flow):
        here = places(torch.zeros_like(flow)[None])[0]
        sides = torch.tensor([SIZE[1], SIZE[0]])[:, None, None]
        return (here + flow) * scale(sides) + shift(sides) - here

    return change


def _turned(flow):
    """Rows read as columns, each as a share of its own side: the grid has y first."""
    height, width = SIZE
    here = places(torch.zeros_like(flow)[None])[0]
    x, y = here + flow
    return torch.stack([y * (width - 1) / (height - 1), x * (height - 1) / (width - 1)]) - here


WARP_MISTAKES = (  # the hint, and the flow that the mistake amounts to
    ("nothing moves: the flow is not used.", _moved(0, 0)),
    (
        "the sign is wrong. The flow says where each pixel lay before: look there, at x + dx and y + dy.",
        _moved(-1, -1),
    ),
    ("dx and dy are exchanged: flow[0] goes to the right, flow[1] down.", lambda flow: flow.flip(0)),
    ("grid_sample wants x first and y second in the last axis of its grid, and this has y first.", _turned),
    ("dy goes up here. Rows count from the top: dy goes down.", _moved(1, -1)),
    ("dx goes to the left here. It goes to the right.", _moved(-1, 1)),
    ("only dx moves anything: use flow[1] for the rows.", _moved(1, 0)),
    ("only dy moves anything: use flow[0] for the columns.", _moved(0, 1)),
    (
        "the flow is in pixels, and was added to a grid from -1 to 1: one pixel is 2 / (W - 1) of that, or 2 / (H - 1).",
        lambda flow: flow * (torch.tensor([SIZE[1], SIZE[0]]) - 1)[:, None, None] / 2,
    ),
    ("everything moves half as far as it should: from -1 to 1 it is 2, so a pixel is 2 / (W - 1).", _moved(0.5, 0.5)),
    (
        "everything moves a little too little: with align_corners=True, a pixel is 2 / (W - 1) of the grid, not 2 / W.",
        lambda flow: flow * (1 - 1 / torch.tensor([SIZE[1], SIZE[0]]))[:, None, None],
    ),
    (
        "there is a shift by up to half a pixel: a grid of -1 to 1 from the first to the last pixel needs align_corners=True.",
        _at(lambda side: side / (side - 1), lambda side: torch.tensor(-0.5)),
    ),
    (
        "there is a shift by up to half a pixel: a grid for align_corners=False was read with align_corners=True.",
        _at(lambda side: (side - 1) / side, lambda side: 0.5 * (side - 1) / side),
    ),
    ("this takes the nearest pixel. Interpolate, or small motions do nothing at all: mode='bilinear'.", torch.round),
    ("this cuts the fractions off. Interpolate between the four pixels around a place.", torch.floor),
    ("this cuts the fractions off, toward 0. Interpolate between the four pixels around a place.", torch.trunc),
)


@checker("09.warp")
def _check_warp(answer):
    picture, flows = _cases()
    results = [call_for_tensor(answer, picture, flow, shape=picture.shape) for flow in flows]
    if all(_agrees(*pair, picture) for pair in zip(results, flows, strict=True)):
        return "right. Every pixel looks up where it lay before, so the new picture has no holes."
    for hint, change in WARP_MISTAKES:
        if all(_agrees(result, change(flow), picture, flow) for result, flow in zip(results, flows, strict=True)):
            raise Wrong(hint)
    if all(_agrees(results[case], flows[case], picture) for case in (0, 1)):
        raise Wrong("right for whole pixels. Between them, weigh the four pixels around a place by their distances.")
    if _agrees(results[0], flows[0], picture):
        raise Wrong(
            "right where all moves alike. Each pixel has a flow of its own: look up the place that it leads to."
        )
    if _agrees(results[0], -flows[0], picture, flows[0]):
        raise Wrong(
            "this pushes pixels to new places, and leaves holes. Fetch them: each looks up where it lay before."
        )
    raise Wrong("not yet. The pixel in row y and column x shows what was in row y + dy and column x + dx.")


def _agrees(result, flow, picture, true_flow=None):
    """Whether a result is the picture moved by a flow, wherever this and the true flow stay inside of the picture."""
    inside = _inside(flow) & _inside(flow if true_flow is None else true_flow)
    return close(result[:, inside], _warp(picture, flow)[:, inside], 2e-3)


# ---- what is visible


def _there_and_back():
    """Flows that agree more or less: the upper third moves far, the next one a little, the last not at all."""
    height, width = 48, 48
    steps = torch.tensor([[9.0, 1.0, 0.0], [0.0, 1.0, 0.0]]).repeat_interleave(height // 3, dim=1)
    flow = steps[:, :, None].expand(-1, -1, width).contiguous()
    return flow, -flow + 2.2 * random_numbers(2, height, width, seed=7) - 1.1


def _size(flow):
    return flow.double().square().sum(dim=0)


def _excess(flow, back, relative=0.01, absolute=0.5, returned=None):
    """How far the error of a way there and back is over its bound: (H, W)."""
    returned = _warp(back, flow) if returned is None else returned.double()
    return _size(flow + returned) - relative * (_size(flow) + _size(returned)) - absolute


def _visible_mistakes(flow, back):
    returned = _warp(back, flow)
    here = _excess(flow, back, returned=back)
    error, bound = _size(flow + returned), 0.01 * (_size(flow) + _size(returned)) + 0.5
    return (
        ("the mask is inverted: 1 where there and back again ends near the start.", -_excess(flow, back)),
        ("`back` is not warped: read it where the flow leads to, not at the same pixel.", here),
        ("the flows are subtracted. There and back again, they must cancel: add them.", _size(flow - returned) - bound),
        ("the wrong flow is warped: read `back` along `flow`.", _excess(back, flow)),
        (
            "`back` is read in the wrong direction: along `flow`, without a minus.",
            _excess(flow, back, returned=_warp(back, -flow)),
        ),
        (
            "the bound does not grow with the motion. Large flows are less exact: 0.01 of their squares is added.",
            error - 0.5,
        ),
        ("the 0.5 is missing: where nothing moves, no error at all would be allowed.", error - bound + 0.5),
        ("the lengths are compared, not their squares: do not take the root.", error.sqrt() - bound),
        ("the lengths are used for the bound. Take their squares.", error - _bound_of_lengths(flow, returned)),
        ("the bound has the motion there, but not the motion back.", error - 0.01 * _size(flow) - 0.5),
        (
            "the squares of dx and dy are averaged. Add them: it is the length of a vector.",
            error / 2 - (bound + 0.5) / 2,
        ),
        ("everything is visible here.", torch.full_like(error, -1.0)),
        ("nothing is visible here.", torch.ones_like(error)),
    )


def _bound_of_lengths(flow, returned):
    return 0.01 * (_size(flow).sqrt() + _size(returned).sqrt()) + 0.5


@checker("09.visible")
def _check_visible(answer):
    flow, back = _there_and_back()
    result = call_for_tensor(answer, flow, back)
    result = result[0] if tuple(result.shape) == (1, *flow.shape[1:]) else result
    if result.shape != flow.shape[1:]:
        raise Wrong(f"a mask (H, W) is asked for, and this has the shape {tuple(result.shape)} for flows (2, 48, 48).")
    if not set(result.unique().tolist()) <= {0.0, 1.0}:
        raise Wrong("a mask of 0 and 1 is asked for. Compare the error with the bound.")
    if _is_mask_of(result, _excess(flow, back), flow):
        return "right. Where one of the two flows is wrong or something is hidden, they do not cancel."
    for hint, excess in _visible_mistakes(flow, back):
        if _is_mask_of(result, excess, flow):
            raise Wrong(hint)
    raise Wrong("not yet. The square of |flow + warped back| must be below 0.01 of both squares together, plus 0.5.")


def _is_mask_of(result, excess, flow):
    """Whether a mask is 1 where an excess is below 0; where the flow leads out of the picture, anything will do."""
    sure = _inside(flow) & (excess.abs() > EDGE)
    return bool((result.bool() == (excess < 0))[sure].all())


# ---- the warp error


@checker("09.warp_error")
def _check_warp_error(answer):
    size = 14, 18
    old, new = random_numbers(3, *size, seed=8), random_numbers(3, *size, seed=9)
    flow = torch.stack([torch.full(size, 2.0), torch.full(size, -1.0)])
    mask = (random_numbers(*size, seed=10) > 0.4) & _inside(flow)
    mask = mask[None].float()
    result = one_number(call_for_tensor(answer, old, new, flow, mask))
    m = mask.double()
    squares, still = (_warp(old, flow) - new.double()).square(), (old.double() - new.double()).square()
    right = (m * squares.mean(dim=0)).sum() / m.sum()
    if close(result, right, 1e-5):
        return "right. It asks for steadiness alone: a gray film has the error of its lightness, whatever its colors should be."
    mistakes = (
        ("the mean is over all pixels. Divide by the number of visible ones.", (m * squares).mean()),
        ("the mask is not used: pixels that nobody could have known count as well.", squares.mean()),
        ("the old frame is not warped: this measures motion, not flicker.", (m * still).sum() / m.sum() / 3),
        ("neither the flow nor the mask is used.", still.mean()),
        (
            "the three channels are added. The mask has one channel and counts each pixel once: take the mean of the channels.",
            3 * right,
        ),
        ("the sum is divided by the channels twice. Each pixel of the mask counts once.", right / 3),
        ("this is the root of it. Leave the mean of the squares.", right.sqrt()),
        ("these are absolute differences. Square them.", (m * squares.sqrt()).sum() / m.sum() / 3),
        ("the mask is inverted: it is 1 where a pixel counts.", ((1 - m) * squares).sum() / (1 - m).sum() / 3),
        ("the new frame was warped. The flow belongs to its pixels, and leads into the old one.", _other_way(old, new, flow, m)),
        ("old and warped old are compared. The new frame is missing.", (m * (_warp(old, flow) - old).square()).sum() / m.sum() / 3),
        ("this is a sum. Divide by the number of visible pixels.", (m * squares).sum() / 3),
        ("this is a sum over pixels and channels. Take the mean.", (m * squares).sum()),
    )  # fmt: skip
    reject_known(result, mistakes, 1e-5)
    raise Wrong("not yet. Warp the old frame, subtract, square, and take the mean over the visible pixels.")


def _other_way(old, new, flow, mask):
    return (mask * (_warp(new, flow) - old.double()).square()).sum() / mask.sum() / 3


# ---- blending


@checker("09.blend")
def _check_blend(answer):
    size = 10, 14
    colors = [(80 * random_numbers(2, *size, seed=seed) - 40) for seed in (11, 12, 13)]
    sure = [0.1 + 0.8 * random_numbers(1, *size, seed=seed) for seed in (14, 15)]
    sure = [each * (random_numbers(1, *size, seed=seed) > 0.4) for each, seed in zip(sure, (16, 17), strict=True)]
    forward, backward, still = (each.double() for each in colors)
    ahead, back = (each.double() for each in sure)
    result = _without_holes(call(answer, colors[0], colors[1], *sure, colors[2]), still.shape)
    unsure, share = ahead + back == 0, ahead / (ahead + back).clamp(min=1e-9)

    def blend(share=share, unknown=still, unsure=unsure):
        return torch.where(unsure, unknown, share * forward + (1 - share) * backward)

    if close(result, blend(), 0.05):
        return "right. Whoever knows more says more, and where nobody knows, the still network guesses."
    added, mean, left = ahead * forward + back * backward, (forward + backward) / 2, 1 - ahead - back
    mistakes = (
        ("the confidences are exchanged: c_forward belongs to forward.", blend(1 - share)),
        ("the weights do not add up to 1: divide by the sum of the confidences.", torch.where(unsure, still, added)),
        (
            "the still network's colors are added everywhere. They count only where neither direction knows anything.",
            torch.where(unsure, still, blend() + still),
        ),
        ("the still network gets what is left of 1. It is asked only where both confidences are 0.", added + left * still),
        (
            "the still network gets what is left of 1, but not less than 0. It is asked only where both confidences are 0.",
            added + left.clamp(min=0) * still,
        ),
        ("the weights do not add up to 1, and where neither is sure, the color is 0: gray.", added),
        ("where neither direction is sure, the color is 0: gray. Take the still network's.", blend(unknown=0 * still)),
        ("where neither is sure, this takes backward. Take the still network's.", blend(unknown=backward)),
        ("where neither is sure, this takes forward. Take the still network's.", blend(unknown=forward)),
        ("where neither is sure, this takes the mean of both directions. Take the still network's.", blend(unknown=mean)),
        ("the surer one takes it all. Let both count by their confidences.", blend((ahead > back).double())),
        ("both directions count the same. Weigh them by their confidences.", torch.where(unsure, still, mean)),
        ("the confidences are not used at all.", mean),
        (
            "the still network counts everywhere, as if its confidence were 1. It is asked only where both others are 0.",
            (added + still) / (ahead + back + 1),
        ),
        ("the three are averaged. The still network is only for where neither direction is sure.", (2 * mean + still) / 3),
        (
            "the still network is used wherever one direction is not sure. One that is sure is enough.",
            blend(unsure=ahead * back == 0),
        ),
    )  # fmt: skip
    reject_known(result, mistakes, 0.05)
    raise Wrong("not yet. Where only forward is sure, its color must come out; where both are 0, that of `still`.")


def _without_holes(result, shape):
    """The result as float64; `Wrong`, with a hint of its own, where it divided 0 by 0."""
    if isinstance(result, torch.Tensor) and result.shape == shape and not result.isfinite().all():
        raise Wrong("there are NaN where both confidences are 0: 0 / 0. Keep the sum away from 0, and use torch.where.")
    return call_for_tensor(lambda: result, shape=shape)


# ---- smoothing over time


def _over_time(ab, window, middle, mode="replicate", before=None):
    """``middle`` of the frames around each, (T, 2, H, W); ``before`` of them before it, half of the window by default."""
    before = window // 2 if before is None else before
    rows = ab.double().flatten(1).T[:, None]
    padded = F.pad(rows, (before, window - 1 - before), mode=mode)[:, 0]
    return middle(padded.unfold(1, window, 1)).T.reshape(ab.shape)


def _median(windows):
    return windows.median(dim=-1).values


def _mean(windows):
    return windows.mean(dim=-1)


def _along(ab, window, axis):
    """The median over the frames of a film whose axis stands where time should."""
    return _over_time(ab.transpose(0, axis).contiguous(), window, _median).transpose(0, axis)


def _shortened(ab, window):
    """Windows that are cut off at both ends."""
    half, film = window // 2, ab.double()
    return torch.stack([film[max(0, t - half) : t + half + 1].median(dim=0).values for t in range(len(film))])


@checker("09.smoothing")
def _check_smoothing(answer):
    ab, window = 100 * random_numbers(11, 2, 6, 7, seed=18) - 50, 5
    result = call_for_tensor(answer, ab, window)
    if tuple(result.shape) == (len(ab) - window + 1, *ab.shape[1:]):
        raise Wrong("the film is shorter than before: the ends are dropped. Repeat the first and the last frame.")
    result = call_for_tensor(answer, ab, window, shape=ab.shape)

    def median(frames=window, **options):
        return _over_time(ab, frames, _median, **options)

    if close(result, median(), 1e-3):
        return _smoothing_again(answer, ab)
    half, whole = window // 2, _median(ab.double().movedim(0, -1))
    mistakes = (
        ("this is the mean. A single wrong frame pulls it along, the median does not care.", _over_time(ab, window, _mean)),
        ("this smooths over rows. Time is the first axis of (T, 2, H, W).", _along(ab, window, 2)),
        ("this smooths over columns. Time is the first axis of (T, 2, H, W).", _along(ab, window, 3)),
        ("the window looks only back: it is late by half of its length. Put each frame in its middle.", median(before=window - 1)),
        ("the window looks only ahead. Put each frame in its middle.", median(before=0)),
        ("the window is one frame off: as many frames before as after.", median(before=half + 1)),
        ("the window is one frame off, toward the future: as many frames before as after.", median(before=half - 1)),
        ("`window` counts all frames, this takes so many on each side.", median(2 * window + 1)),
        ("the window is cut off at the ends. Repeat the first and the last frame.", _shortened(ab, window)),
        ("beyond the ends there are zeros: gray. Repeat the first and the last frame.", median(mode="constant")),
        ("beyond the ends the film runs backward. Repeat the first and the last frame.", median(mode="reflect")),
        ("the film is joined to a ring: its end smooths its beginning.", median(mode="circular")),
        ("the film is as it was. Nothing is smoothed, or only over a and b. Time is the first axis.", ab.double()),
        ("all frames are the same now: the median is over the whole film, not over a window.", whole.expand(ab.shape)),
    )  # fmt: skip
    reject_known(result, mistakes, 1e-3)
    raise Wrong(
        "not yet. With a window of 3, each number is the middle one of itself, the one before and the one after."
    )


def _smoothing_again(answer, ab):
    """Another window, for answers that have 5 in them."""
    if not close(call_for_tensor(answer, ab, 3), _over_time(ab, 3, _median), 1e-3):
        raise Wrong("right for a window of 5, and wrong for 3. Does the window come from the argument?")
    return "right. It knows nothing of motion: what moves through a pixel within the window is gone."
