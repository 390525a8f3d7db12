"""Checks of lesson 00: the three things that every later exercise rests on."""

import torch

from course_lib import color
from course_lib.checks.checker import Wrong, call, call_for_tensor, checker, close


def sample(height=4, width=6):
    """A small random picture, (3, H, W); no two channels, rows or columns are alike."""
    return torch.rand(3, height, width, generator=torch.Generator().manual_seed(0))


@checker("00.size")
def _size(answer):
    result = call(answer, sample())
    try:
        result = tuple(int(value) for value in result)
    except (TypeError, ValueError):
        raise Wrong(f"two numbers are asked for, as in `return height, width`, and this gives {result!r}.") from None
    if result == (6, 4):
        raise Wrong("these are width and height. Pictures here are (3, H, W): the height comes first.")
    if 3 in result:
        raise Wrong("the 3 is the number of channels. Height and width are the two axes after it.")
    if result != (4, 6):
        raise Wrong(f"a picture of shape (3, 4, 6) has height 4 and width 6, and this gives {result}.")
    return "right: channels, height, width, in this order, everywhere in the course."


@checker("00.from_bgr")
def _from_bgr(answer):
    picture = sample()
    result = call_for_tensor(answer, picture.flip(0), shape=picture.shape)
    if close(result, picture, 1e-6):
        return "right: red first. A picture read as BGR has blue skin, and networks learn it without complaint."
    if close(result, picture.flip(0), 1e-6):
        raise Wrong("nothing has changed: blue still comes first.")
    if close(result, picture.flip(0).flip(1), 1e-6):
        raise Wrong("this turns the picture upside down. The channels are axis 0, the rows are axis 1.")
    if close(result, picture.flip(0).flip(2), 1e-6):
        raise Wrong("this mirrors the picture. The channels are axis 0, the columns are axis 2.")
    raise Wrong("red, green and blue are not where they should be. Which channel goes where, and which stays?")


@checker("00.lightness")
def _lightness(answer):
    picture = sample()
    lab = color.rgb_to_lab(picture)
    result = call_for_tensor(answer, picture)
    if result.shape == (1, 4, 6):
        result = result[0]
    if result.shape != (4, 6):
        raise Wrong(
            f"one number for each pixel is asked for, (4, 6), and this gives {tuple(result.shape)}. Take one channel."
        )
    if close(result, lab[0] / 100, 1e-4):
        return "right: L divided by 100 runs from 0, black, to 1, white."
    if close(result, lab[0], 1e-2):
        raise Wrong("L runs from 0 to 100 and you left it so. Divide by 100 to get a share of white.")
    if close(result, lab[0] / 255, 1e-4):
        raise Wrong("L runs from 0 to 100, not to 255.")
    if any(close(result, lab[k] / scale, 1e-3) for k in (1, 2) for scale in (1, 100, 110)):
        raise Wrong("this is a or b, a color. The order is L, a, b: lightness is channel 0.")
    if close(result, color.rgb_to_lab(picture.flip(0))[0] / 100, 1e-4):
        raise Wrong("red and blue were exchanged on the way. rgb_to_lab takes red first.")
    if close(result, picture.mean(0), 1e-4):
        raise Wrong("this is the mean of red, green and blue. The eye does not weigh them alike: use color.rgb_to_lab.")
    raise Wrong("these are not the values of L / 100. Start from color.rgb_to_lab(picture).")
