"""What moves in lesson 09: the frames of a film in all its colorizations, and the number of keys against the error."""

from functools import lru_cache

from course_lib import budget, color, metrics
from course_lib.data.moving import moving_petals
from course_lib.filming import frame_by_frame, photo_film, still_network
from course_lib.models.checkpoints import load_checkpoint
from course_lib.video.keyframes import hidden_shares, spread_keys
from course_lib.video.propagation import color_film
from course_lib.widgets.explorer import Explorer, choice, slider, widget
from course_lib.widgets.figures import draw_picture, new_figure
from course_lib.widgets.figures_09 import PALETTE

NETWORK = "clips-propagation"
MOST_KEYS = 6
FILMS = {  # their names, and functions that give sRGB (T, 3, H, W)
    "a flower before a cup": lambda count: photo_film(count),
    "a meadow": lambda count: moving_petals(count, 64, seed=11, speed=2.0).rgb,
}


def count():
    """Frames of the films that move here."""
    return budget.pick(smoke=8, quick=36, full=48)


@lru_cache
def colorings(film):
    """A film in gray, frame by frame, propagated from its true first frame, and as it was: dict of str to sRGB (T, 3, H, W)."""
    truth = FILMS[film](count())
    lab = color.rgb_to_lab(truth)
    lightness = lab[:, :1]
    propagated = color_film(lightness, {0: lab[0, 1:]}, still_network(), load_checkpoint(NETWORK))
    return {
        "gray": color.without_color(truth),
        "frame by frame": color.join(lightness, frame_by_frame(lightness)),
        "propagated": color.join(lightness, propagated),
        "truth": truth,
    }


def draw_scrub(film, frame):
    """One frame of a film in four ways: ``(figure, alt)``."""
    ways = {name: frames[frame] for name, frames in colorings(film).items()}
    truth = ways["truth"]
    psnr = {name: metrics.psnr(ways[name], truth).item() for name in ("gray", "frame by frame", "propagated")}
    figure, axes = new_figure(1, 4, width=9, height=2.7)
    for axis, (name, picture) in zip(axes[0], ways.items(), strict=True):
        draw_picture(axis, picture, f"{name}, {min(psnr[name], 99):.1f} dB" if name in psnr else name)
    figure.supxlabel(f"frame {frame}: the first frame is the key", fontsize=9)
    told = ", ".join(f"{name} {min(value, 99):.1f}" for name, value in psnr.items())
    return (
        figure,
        f"Frame {frame} of {film} four times: gray, colored frame by frame, propagated, and as it was. PSNR in dB: {told}.",
    )


@widget("09.scrubber")
def scrubber():
    """Go through the frames of a film, in gray, frame by frame, propagated and true."""
    controls = {
        "film": choice("film", list(FILMS)),
        "frame": slider("frame", count() // 2, 0, count() - 1, 1, live=False),
    }
    return Explorer(draw_scrub, controls)


@lru_cache(maxsize=1)
def meadow():
    """A meadow with things that appear: Lab (T, 3, 64, 64), and how much appears and vanishes at each step."""
    lab = moving_petals(count(), 64, seed=11, speed=3.0).lab
    return lab, *hidden_shares(lab[:, :1])


@lru_cache
def psnr_with_keys(number):
    """Frames that are keys, a list, and the PSNR of every frame of the meadow when these are known, (T,), infinite at keys."""
    lab, appeared, vanished = meadow()
    keys = spread_keys(appeared, vanished, number)
    ab = color_film(lab[:, :1], {key: lab[key, 1:] for key in keys}, still_network(), load_checkpoint(NETWORK))
    ab[keys] = lab[keys, 1:]  # what is known is not rounded
    return keys, metrics.psnr(color.join(lab[:, :1], ab), color.lab_to_rgb(lab))


def draw_key_counts(number):
    """How far a meadow is from the truth, frame by frame, with so many true keys: ``(figure, alt)``."""
    keys, psnr = psnr_with_keys(number)
    others = [frame for frame in range(len(psnr)) if frame not in keys]
    mean, worst = psnr[others].mean().item(), psnr[others].min().item()
    figure, axes = new_figure(1, 1, width=7, height=2.8)
    axis = axes[0, 0]
    axis.plot(others, psnr[others], ".-", color=PALETTE[0])
    for key in keys:
        axis.axvline(key, color=PALETTE[2], linewidth=2)
    axis.set_ylim(15, 50)
    axis.set_xlabel("frame; green lines are keys")
    axis.set_ylabel("PSNR, dB")
    axis.set_title(f"{number} key{'s' if number > 1 else ''}: mean {mean:.1f} dB, worst frame {worst:.1f} dB")
    alt = f"The PSNR of each frame of a moving meadow with {number} true keys, at frames {', '.join(map(str, keys))}. "
    return (
        figure,
        f"{alt}It falls with the distance from a key. The mean is {mean:.1f} dB, the worst frame has {worst:.1f} dB.",
    )


@widget("09.keys")
def key_counts():
    """Move the number of true keys."""
    return Explorer(draw_key_counts, {"number": slider("keys", 1, 1, min(MOST_KEYS, count()), 1, live=False)})
