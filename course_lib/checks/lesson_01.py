"""The exercises of lesson 01: luma, lightness, coarse color, the color detective, more contrast with the same colors."""

import torch
import torch.nn.functional as F
from skimage.color import rgb2lab

from course_lib import color
from course_lib.appearance import equalize
from course_lib.checks.checker import Wrong, call, call_for_tensor, checker, close

LUMA = (0.299, 0.587, 0.114)
LUMINANCE = (0.212671, 0.715160, 0.072169)


def _picture(height=5, width=7, seed=1):
    """A picture of random colors, some of them nearly black."""
    rgb = torch.rand(3, height, width, generator=torch.Generator().manual_seed(seed))
    return rgb * torch.linspace(0.02, 1, width)


def _weigh(weights, rgb):
    return sum(weight * channel for weight, channel in zip(weights, rgb, strict=True))


def _reject_known(result, mistakes, tolerance):
    """Raise the hint of the first mistake, (hint, what it gives), that the result agrees with."""
    for hint, mistaken in mistakes:
        if close(result, mistaken, tolerance):
            raise Wrong(hint)


def _map_of(answer, rgb):
    """What an answer makes of a picture: (H, W). Channels taken from the last axis are told apart from other shapes."""
    result = call_for_tensor(answer, rgb)
    height, width = rgb.shape[1:]
    if result.shape in ((3, height), (height, 3)):
        raise Wrong("the wrong axis: channels come first in (3, H, W), so red is rgb[0], and not rgb[..., 0].")
    if result.shape == (3, width):
        raise Wrong("the wrong axis: the channels are the first axis, and you seem to have worked along the height.")
    if result.shape != (height, width):
        raise Wrong(
            f"one number per pixel is asked for, (H, W) = {(height, width)}, and this is {tuple(result.shape)}."
        )
    return result


@checker("01.luma")
def _luma(answer):
    rgb = _picture()
    result, right = _map_of(answer, rgb), _weigh(LUMA, rgb)
    if close(result, right, 1e-4):
        return "right. Three weights, one for each channel: what televisions did for decades."
    mistakes = (
        ("red and blue are exchanged: channels come in the order R, G, B.", _weigh(LUMA[::-1], rgb)),
        ("this is the plain mean. Give each channel its own weight.", rgb.mean(0)),
        ("this is L, and luma is asked for: a weighted sum of the values in the file.", color.to_gray(rgb)[0]),
        ("this is 0 to 255 or 0 to 100; luma stays in [0, 1] like its input.", right * 100),
        ("this is 0 to 255 or 0 to 100; luma stays in [0, 1] like its input.", right * 255),
        ("divide by nothing: the three weights already sum to 1.", right / 3),
        (
            "these are the weights of light (step 2). Luma has weights of its own: 0.299, 0.587, 0.114.",
            _weigh(LUMINANCE, rgb),
        ),
    )
    _reject_known(result, mistakes, 1e-4)
    raise Wrong("not yet. A picture of pure green, for example, must give 0.587 everywhere.")


@checker("01.lightness")
def _lightness(answer):
    rgb = _picture()
    result, right = _map_of(answer, rgb), torch.from_numpy(rgb2lab(rgb.numpy(), channel_axis=0))[0]
    if close(result, right, 0.02):
        return "right: within 0.02 of scikit-image on bright and on dark colors."
    _reject_known(result, _mistaken_lightness(rgb, right), 0.02)
    dark = result[:, 0].double() - right[:, 0]
    if close(result[:, 2:], right[:, 2:], 0.02) and dark.abs().max() > 0.02:
        raise Wrong(
            "bright colors are right and dark ones are not. Near black both curves are straight lines: mind the two feet."
        )
    raise Wrong("not yet. Print your result after each step; white must give light 1, Y 1 and L 100.")


def _mistaken_lightness(rgb, right):
    light = color.srgb_to_linear(rgb)
    channels = color.rgb_to_lab(rgb)
    return (
        ("L is unscaled: it should run from 0 to 100, and yours runs from 0 to 1.", right / 100),
        ("these are network units, L / 50 - 1. L itself runs from 0 to 100.", right / 50 - 1),
        ("this is L for 8-bit files, 0 to 255. L in natural units runs from 0 to 100.", right * 2.55),
        ("red and blue are exchanged: channels come in the order R, G, B.", color.to_gray(rgb.flip(0))[0]),
        (
            "step 1 is missing: turn the values of the file into light before you weigh them.",
            _bent(_weigh(LUMINANCE, rgb)),
        ),
        (
            "step 4 is missing: this is the luminance Y times 100, and the cube root comes after it.",
            100 * _weigh(LUMINANCE, light),
        ),
        (
            "these weights belong to the values in the file. Light is weighed with the row of Y in step 2.",
            _bent(_weigh(LUMA, light)),
        ),
        ("all three channels count the same here. Weigh light with the row of Y in step 2.", _bent(light.mean(0))),
        (
            "a plain power of 2.2 comes close, and is not the sRGB curve: use the two pieces of step 1.",
            _bent(_weigh(LUMINANCE, rgb**2.2)),
        ),
        ("this is luma times 100. Luma skips the walk through light.", 100 * _weigh(LUMA, rgb)),
        ("this is a, the second channel of Lab. L is the first.", channels[1]),
        ("this is b, the third channel of Lab. L is the first.", channels[2]),
    )


def _bent(luminance):
    """The curve of step 4: L of a luminance (H, W)."""
    return color.to_gray(color.linear_to_srgb(luminance).clamp(0, 1).expand(3, -1, -1))[0]


@checker("01.subsample_ab")
def _subsample_ab(answer):
    for size, factor in (((6, 9), 3), ((8, 4), 2)):
        lab = color.rgb_to_lab(_picture(*size))
        result = call_for_tensor(answer, lab, factor)
        if result.shape != lab.shape:
            raise Wrong(_why_shape(tuple(result.shape), tuple(lab.shape), factor))
        right = torch.cat([lab[:1], _blocks(lab[1:], factor)])
        if not close(result, right, 1e-3):
            _reject_known(result, _mistaken_blocks(lab, right, factor), 1e-3)
            raise Wrong(_why_blocks(result, lab))
    return "right: one color per square, and every L as it was."


def _why_shape(shape, full, factor):
    if shape[0] == 2:
        return "only a and b came back. Put L in front of them again: torch.cat([L, ab])."
    if shape[1:] == (full[1] // factor, full[2] // factor):
        return "the result is small. Spread each mean over its square again, for example with repeat_interleave along both axes."
    return f"the shape should stay {full}, and it is {shape}. Height and width are the last two axes."


def _blocks(x, down, across=None):
    """The mean of every ``down`` x ``across`` pixels, spread over them again."""
    across = across or down
    channels, height, width = x.shape
    squares = x.reshape(channels, height // down, down, width // across, across)
    return squares.mean(dim=(2, 4), keepdim=True).expand_as(squares).reshape(x.shape)


def _mistaken_blocks(lab, right, factor):
    lightness, ab = lab[:1], right[1:]
    corner = lab[1:, ::factor, ::factor].repeat_interleave(factor, 1).repeat_interleave(factor, 2)
    return (
        ("a and b are exchanged: a is channel 1 and b is channel 2.", torch.cat([lightness, ab.flip(0)])),
        (
            "L became coarse, and a and b did not. It should be the other way round.",
            torch.cat([_blocks(lightness, factor), lab[1:]]),
        ),
        ("L became coarse too. Leave lab[:1] as it is.", _blocks(lab, factor)),
        ("only a is coarse. b is channel 2: take lab[1:].", torch.cat([lab[:1], ab[:1], lab[2:]])),
        ("only b is coarse. a is channel 1: take lab[1:].", torch.cat([lab[:2], ab[1:]])),
        (
            "this takes one pixel of each square; the mean of all its pixels is asked for.",
            torch.cat([lightness, corner]),
        ),
        (
            "the wrong axis: the squares are only as wide as a pixel. Average along the width too.",
            torch.cat([lightness, _blocks(lab[1:], factor, 1)]),
        ),
        (
            "the wrong axis: the squares are only as high as a pixel. Average along the height too.",
            torch.cat([lightness, _blocks(lab[1:], 1, factor)]),
        ),
        ("L is unscaled: it came in as 0 to 100 and should go out so.", torch.cat([lightness / 100, ab])),
        ("these are network units. Lab comes in and goes out in natural units.", torch.cat(color.normalize(right))),
        ("nothing changed. Average a and b over each square.", lab),
    )


def _why_blocks(result, lab):
    if not close(result[:1], lab[:1], 1e-3):
        return "L has changed, and it should stay exactly as it was."
    return "a and b are not the means of the squares. The first square holds the pixels lab[1:, :factor, :factor]."


TRUTH = {"A": "red and blue exchanged", "B": "a and b exchanged", "C": "ab not scaled back", "D": "sign of b wrong"}

# What each bug would look like, for whoever named it where it did not happen.
SIGNS = {
    "red and blue exchanged": "exchanging red and blue makes everything red blue, and changes L with it. Is L still right there?",
    "a and b exchanged": "exchanging a and b turns yellow into pink and pink into yellow; L stays. Which picture has pink wood?",
    "ab not scaled back": "ab that was left between -1 and 1 is almost gray. Which picture has almost no color?",
    "sign of b wrong": "a wrong sign of b turns yellow into blue and keeps red, so warm wood gets violet. L stays.",
    "red used as L": "red used as L would make the red saucer much lighter. Compare color.to_gray with that of the right picture.",
}


@checker("01.detective")
def _detective(answer):
    if callable(answer):
        answer = call(answer)
    if not isinstance(answer, dict):
        raise Wrong("a dictionary is asked for, from letter to bug: {'A': '...', 'B': '...', 'C': '...', 'D': '...'}.")
    found = {
        str(letter).upper(): _guess(bug) for letter, bug in answer.items() if bug is not None and bug is not Ellipsis
    }
    if not found:
        raise Wrong("no answer yet. Name the bug of A, B, C and D.")
    for letter, bug in found.items():
        if letter not in TRUTH:
            raise Wrong(f"there is no picture {letter}. The letters are A, B, C and D.")
        if bug not in SIGNS:
            raise Wrong(f"{letter}: {bug!r} is none of the five bugs. Copy one of: {', '.join(SIGNS)}.")
        if bug != TRUTH[letter]:
            raise Wrong(f"{letter}: not this one. Remember: {SIGNS[bug]}")
    missing = [letter for letter in TRUTH if letter not in found]
    if missing:
        raise Wrong(f"right so far. Still without a name: {', '.join(missing)}.")
    return "right, all four. Now you can name these bugs when they happen to you."


def _guess(bug):
    """A bug as it was meant: spaces and capitals do not matter."""
    said = " ".join(str(bug).split()).lower()
    return next((name for name in SIGNS if name.lower() == said), str(bug))


@checker("01.equalize_l")
def _equalize_l(answer):
    lab = _dull_lab()
    rgb = color.lab_to_rgb(lab)
    result = call_for_tensor(answer, rgb)
    if result.shape != rgb.shape:
        shapes = f"{tuple(rgb.shape)} is asked for, and this is {tuple(result.shape)}"
        raise Wrong(f"a picture of shape {shapes}. Is it L alone, or channels last?")
    if result.min() < -1e-3 or result.max() > 1 + 1e-3:
        raise Wrong("the values leave [0, 1]. Is it still Lab? Turn it into sRGB with color.join or color.lab_to_rgb.")
    result = result.float().clamp(0, 1)
    after = color.rgb_to_lab(result)
    if _is_equalized(color.rgb_to_lab(result.flip(0)), lab):
        raise Wrong("red and blue are exchanged on the way out: pictures are R, G, B.")
    _judge_lightness(after, lab, result, rgb)
    _judge_ab(after[1:], lab[1:])
    return "right: L is spread evenly from black to white, and a and b stay where they were."


def _dull_lab():
    """A soft picture of middle lightness and little chroma, so that its colors exist at nearly every other lightness."""
    coarse = torch.rand(1, 3, 6, 8, generator=torch.Generator().manual_seed(5))
    soft = F.interpolate(coarse, size=(36, 48), mode="bicubic")[0]
    low, high = soft.amin(dim=(1, 2), keepdim=True), soft.amax(dim=(1, 2), keepdim=True)
    unit = (soft - low) / (high - low)
    return unit * torch.tensor([25.0, 14.0, 10.0])[:, None, None] + torch.tensor([45.0, -2.0, 3.0])[:, None, None]


def _judge_lightness(after, lab, result, rgb):
    """L must be spread evenly and keep its order."""
    if after[0].max() < 5:
        raise Wrong("the picture is black: L is unscaled. equalize gives [0, 1] back, and L runs from 0 to 100.")
    if close(result, torch.stack([equalize(channel) for channel in rgb]), 0.02):
        raise Wrong("R, G and B were equalized one by one, which moves the colors. Equalize L and keep a and b.")
    if close(after, lab, 0.5):
        raise Wrong("nothing changed. Equalize lab[0] and put it back.")
    if not close(after[0], 100 * _ranks(lab[0]), 5):
        raise Wrong(_why_lightness(after[0], lab[0], rgb))


def _why_lightness(after, before, rgb):
    if close(after, 100 * _ranks(color.to_gray(rgb.flip(0))[0]), 5):
        return "red and blue are exchanged on the way in: pictures are R, G, B."
    by_rows = torch.stack([_ranks(row) for row in before])
    by_columns = torch.stack([_ranks(column) for column in before.T]).T
    if min((after - 100 * ranks).abs().mean() for ranks in (by_rows, by_columns)) < 3:
        return "the wrong axis: each row or column was equalized for itself. Take all pixels of L at once."
    if after.max() - after.min() < 60:
        return (
            "L does not reach from black to white. equalize takes values in [0, 1]: divide L by 100 before, "
            "and multiply after."
        )
    return (
        "L is not spread evenly over 0 to 100. After equalizing, a tenth of the pixels should lie below L = 10, "
        "a half below 50."
    )


def _ranks(x):
    """The place of every value in the order of all, from 0 to 1: what a perfect equalization gives."""
    order = x.flatten().argsort().argsort().float()
    return ((order + 1) / x.numel()).reshape(x.shape)


def _is_equalized(after, lab):
    """Whether L is spread evenly and a and b have stayed."""
    return close(after[0], 100 * _ranks(lab[0]), 5) and bool((after[1:] - lab[1:]).abs().mean() < 1)


def _judge_ab(after, ab):
    """a and b must stay, apart from the darkest and lightest pixels, where fewer colors exist."""
    if (after - ab).abs().mean() < 1:
        return
    if after.abs().max() < 1:
        raise Wrong("the picture is gray: a and b are lost. Join the new L with the old a and b.")
    if (after - ab.flip(0)).abs().mean() < 1:
        raise Wrong("a and b are exchanged. lab[1:] holds them in the right order.")
    raise Wrong("L is right, but a and b have changed. Equalize only lab[0].")
