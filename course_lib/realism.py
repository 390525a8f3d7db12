"""What lesson 07 tries out: what a critic sees and says, colors that are plausible or true, and layers that double a resolution."""

import math
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import nn

from course_lib import budget, color
from course_lib.colorizing import colorize
from course_lib.data import TRAIN_PHOTOS, photos, random_crops
from course_lib.data.petals import REGIONS, conditional
from course_lib.models import PatchDiscriminator
from course_lib.training.losses import Adversarial
from course_lib.turing import bundled_crop

GENERATOR = "scenes-pix2pix"
NEAR = 25.0  # distance in ab up to which we call two colors of the toy world the same

# ---- plausible and true


def plausible_and_true(scenes, ab, region, near=NEAR):
    """How much of a region of drawn scenes has a color that it may have, and how much has the one that it had.

    Parameters
    ----------
    scenes : Petals
    ab : tensor, (N, 2, H, W)
        What a network answers, in natural units.
    region : str
        In `course_lib.data.petals.REGIONS`.
    near : float
        The largest distance in ab.

    Returns
    -------
    plausible, true : float
        Shares of the region's pixels. What is true is plausible as well.
    """
    here = scenes.regions == REGIONS.index(region)
    answers, truth = (each.movedim(1, -1)[here] for each in (ab, scenes.lab[:, 1:]))
    possible = torch.cdist(answers, conditional(region)[0]).min(dim=1).values
    return float((possible <= near).float().mean()), float(((answers - truth).norm(dim=1) <= near).float().mean())


# ---- critics


def as_lab(rgb):
    """sRGB, (B, 3, H, W), to what a critic takes: lightness and colors in network units, (B, 3, H, W)."""
    return torch.cat(color.normalize(color.rgb_to_lab(rgb)), dim=1)


def teach(critic, real, generated, steps, rate=1e-3, batch_size=16, seed=0):
    """Let a critic learn to tell real pictures from others.

    Parameters
    ----------
    critic : nn.Module
        Pictures (B, C, H, W) to logits, above 0 where they look real. It is changed.
    real, generated : tensors, (N, C, H, W)
    steps : int
    rate : float
    batch_size : int
        Of the real ones, and as many of the others.
    seed : int

    Returns
    -------
    losses : list of float
        Of each step.
    """
    budget.seed(seed)
    optimizer = torch.optim.Adam(critic.parameters(), lr=rate, betas=(0.5, 0.999))
    losses = []
    for _ in range(steps):
        rows, others = torch.randint(len(real), (batch_size,)), torch.randint(len(generated), (batch_size,))
        loss = Adversarial("BCE").critic(critic(real[rows]), critic(generated[others]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@torch.no_grad()
def share_recognized(critic, real, generated):
    """The share of patches that a critic is right about, where half of them are real: 0.5 is what guessing gives."""
    critic = critic.eval()
    return float(((critic(real) > 0).float().mean() + (critic(generated) < 0).float().mean()) / 2)


def critic_of_patches(side):
    """A narrow critic without training whose logits depend on squares of ``side`` pixels: 1, 16, 34, 70 or 286."""
    layers = {1: 2, 16: 2, 34: 3, 70: 4, 286: 6}
    if side not in layers:
        raise ValueError(f"There is no critic for patches of {side} pixels. There are {', '.join(map(str, layers))}.")
    budget.seed(0)
    return PatchDiscriminator(widths=(16,) * layers[side], norm="none", kernel=1 if side == 1 else 4)


def what_one_logit_sees(critic, lab):
    """How much each pixel of a picture moves the logit in the middle of a critic's map.

    Parameters
    ----------
    critic : nn.Module
    lab : tensor, (1, 3, H, W)
        In network units.

    Returns
    -------
    influence : tensor, (H, W)
        The norm of the gradient of the logit with respect to the pixel, over its largest value; exactly 0 where the logit sees nothing.
    """
    lab = lab.detach().clone().requires_grad_(True)
    logits = critic(lab)[0, 0]
    logits[logits.shape[0] // 2, logits.shape[1] // 2].backward()
    influence = lab.grad[0].norm(dim=0)
    return influence / influence.max()


def extent(influence):
    """The height and the width of what is not 0 in a map, (H, W): pixels."""
    rows, columns = (influence.amax(dim=axis).nonzero().flatten() for axis in (1, 0))
    return int(rows[-1] - rows[0]) + 1, int(columns[-1] - columns[0]) + 1


# ---- pictures with edited colors

SIDE = 128  # pixels of the pictures that are edited
VIEWS = ("flower", "cat", "coffee", "temple", "rocket", "roofs", "lake and trees", "motorcycle")  # in `turing.CROPS`
CHECK = 30.0  # units of a and b by which a full checkerboard goes up and down


@lru_cache
def view(name):
    """A bundled photograph, in color: sRGB, (3, 128, 128). `VIEWS` lists the names."""
    return bundled_crop(name, SIDE)


def _gray(ab):
    return torch.zeros_like(ab)


def _turned(ab, degrees=120.0):
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return torch.stack([cos * ab[0] - sin * ab[1], sin * ab[0] + cos * ab[1]])


def _blurred(ab, reach=12):
    padded = F.pad(ab[None], (reach,) * 4, mode="replicate")
    return F.avg_pool2d(padded, 2 * reach + 1, stride=1)[0]


def _moved(ab):
    """The colors of another place of the picture: they stand where the lightness does not expect them."""
    return ab.roll((ab.shape[1] // 3, ab.shape[2] // 3), dims=(1, 2))


def _checkered(ab):
    rows, columns = torch.meshgrid(torch.arange(ab.shape[1]), torch.arange(ab.shape[2]), indexing="ij")
    return ab + CHECK * ((rows // 2 + columns // 2) % 2 * 2.0 - 1)


EDITS = {
    "gray": _gray,
    "another hue": _turned,
    "blurred colors": _blurred,
    "colors of another place": _moved,
    "checkerboard": _checkered,
}
TRUE, MADE = "true colors", "from pix2pix"


def edit(rgb, kind, strength):
    """A picture with other colors and its own lightness.

    Parameters
    ----------
    rgb : tensor, (3, H, W)
    kind : str
        In `EDITS`, or "from pix2pix", or "true colors", which changes nothing.
    strength : float, 0 to 1
        How far from the true colors to the edited ones.

    Returns
    -------
    rgb : tensor, (3, H, W)
        In sRGB; colors that it cannot show lose chroma.
    """
    if kind == TRUE:
        return rgb
    lab = color.rgb_to_lab(rgb)
    other = color.rgb_to_lab(colorize(rgb, GENERATOR, side=rgb.shape[-1]))[1:] if kind == MADE else EDITS[kind](lab[1:])
    return color.join(lab[:1], torch.lerp(lab[1:], other, strength))


CRITICS = ("knows pix2pix", "knows every edit")


@lru_cache
def crops(count, side=64, seed=0):
    """Squares cut from the bundled photographs that are there to train on: sRGB, (count, 3, side, side)."""
    return random_crops(photos(names=TRAIN_PHOTOS), count, side, seed)


def edited(rgb, kinds=(*EDITS, MADE), seed=0):
    """Pictures, (N, 3, H, W), each with one of the edits in turn, at a random strength from a half to 1."""
    strengths = 0.5 + torch.rand(len(rgb), generator=torch.Generator().manual_seed(seed)) / 2
    return torch.stack(
        [
            edit(each, kinds[place % len(kinds)], strength)
            for place, (each, strength) in enumerate(zip(rgb, strengths.tolist(), strict=True))
        ]
    )


@lru_cache
def trained_critic(kind):
    """A critic that has learned, here and now, to tell real crops from those of pix2pix, or from all edits: a name in `CRITICS`."""
    if kind not in CRITICS:
        raise ValueError(f"There is no critic {kind!r}. There are {', '.join(CRITICS)}.")
    real = crops(budget.pick(smoke=16, quick=384, full=4096))
    others = colorize(real, GENERATOR, side=64) if kind == CRITICS[0] else edited(real)
    budget.seed(0)
    critic = PatchDiscriminator(widths=(16, 32, 64), norm="spectral")
    teach(critic, as_lab(real), as_lab(others), steps=budget.pick(smoke=4, quick=150, full=2000))
    return critic.eval()


@torch.no_grad()
def patch_map(critic, rgb):
    """What a critic says about a picture, (3, H, W): its logits, (h, w)."""
    return critic(as_lab(rgb[None]))[0, 0]


# ---- twice the resolution

DOUBLINGS = ("transposed", "PixelShuffle", "PixelShuffle with ICNR", "resize and convolve")


def icnr(convolution, factor=2):
    """Give all channels that a pixel shuffle lays side by side the same first weights (A. Aitken and others, 2017). Returns the layer."""
    with torch.no_grad():
        own = convolution.weight[:: factor**2].clone()
        convolution.weight.copy_(own.repeat_interleave(factor**2, dim=0))
        convolution.bias.copy_(convolution.bias[:: factor**2].clone().repeat_interleave(factor**2))
    return convolution


def doubling(kind, channels, out):
    """A layer, with its first weights, that doubles the resolution: (B, channels, H, W) to (B, out, 2 H, 2 W)."""
    if kind == "transposed":
        return nn.ConvTranspose2d(channels, out, kernel_size=3, stride=2, padding=1, output_padding=1)
    if kind in ("PixelShuffle", "PixelShuffle with ICNR"):
        convolution = nn.Conv2d(channels, 4 * out, kernel_size=3, padding=1, padding_mode="replicate")
        return nn.Sequential(icnr(convolution) if "ICNR" in kind else convolution, nn.PixelShuffle(2))
    if kind == "resize and convolve":
        convolution = nn.Conv2d(channels, out, kernel_size=3, padding=1, padding_mode="replicate")
        return nn.Sequential(nn.Upsample(scale_factor=2), convolution)
    raise ValueError(f"There is no doubling {kind!r}. There are {', '.join(DOUBLINGS)}.")


@torch.no_grad()
def untrained_colors(kind, rgb, seed=0, chroma=25.0):
    """Colors that three untrained doublings make of a coarse picture's lightness.

    Parameters
    ----------
    kind : str
        In `DOUBLINGS`.
    rgb : tensor, (3, H, W)
        The sides are multiples of 8.
    seed : int
    chroma : float
        The standard deviation that a and b are brought to, so that all kinds are equally colorful.

    Returns
    -------
    rgb : tensor, (3, H, W)
        With the lightness of the picture.
    """
    budget.seed(seed)
    lab = color.rgb_to_lab(rgb)
    x = F.avg_pool2d(as_lab(rgb[None])[:, :1], 8)
    for channels, out in ((1, 16), (16, 16), (16, 2)):
        x = doubling(kind, channels, out)(x)
        x = x.relu() if out > 2 else x
    ab = x[0] - x[0].mean(dim=(1, 2), keepdim=True)
    return color.join(lab[:1], chroma * ab / ab.std(dim=(1, 2), keepdim=True).clamp(min=1e-6))
