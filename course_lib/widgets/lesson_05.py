"""What moves in lesson 05: two embeddings, blended on one photograph."""

from functools import lru_cache

import torch

from course_lib import color
from course_lib.models.answers import natural_ab
from course_lib.models.checkpoints import load_checkpoint
from course_lib.models.fusion import fuse
from course_lib.semantic import VIEWS, embed, lightness, view
from course_lib.widgets.explorer import Explorer, choice, slider, widget
from course_lib.widgets.figures import draw_picture, new_figure

NETWORK = "scenes-fusion"
HEAT, MOST = "cividis", 30.0  # color map, and the distance in ab at its upper end


@lru_cache(maxsize=1)
def network():
    """The network that was told what a trained encoder sees; loaded once."""
    return load_checkpoint(NETWORK)


@lru_cache(maxsize=32)
@torch.no_grad()
def _features(name):
    """What the encoder makes of a view: (1, C, 16, 16). This is the slow part, and no embedding changes it."""
    return network().encoder(lightness(view(name)))


@lru_cache(maxsize=32)
def embedding_of(name):
    """What the network's encoder of embeddings says about a view: (1, E)."""
    return embed(network(), view(name))


def blend(name, other, share):
    """The embedding of one view, mixed with ``share``, 0 to 1, of that of another: (1, E)."""
    return torch.lerp(embedding_of(name), embedding_of(other), share)


@torch.no_grad()
def blended_colors(name, other, share):
    """The colors of a view under a blend of two embeddings: ab, (1, 2, 128, 128), natural units. Only fusion and decoder are computed."""
    net = network()
    return natural_ab(net.decoder(net.fusion(fuse(_features(name), blend(name, other, share)))))


def draw_blend(name, other, share):
    """A view in its own colors, under a blend of embeddings, and where the two differ: ``(figure, alt)``.

    Parameters
    ----------
    name, other : str
        In `VIEWS`: the picture to be colored, and the one whose embedding is blended in.
    share : float, 0 to 1
        Of the other embedding.
    """
    light = color.to_gray(view(name)[None])
    own, ab = blended_colors(name, other, 0.0), blended_colors(name, other, share)
    moved = (ab - own).norm(dim=1)[0]
    figure, axes = new_figure(1, 4, width=10, height=2.8)
    draw_picture(axes[0, 0], color.join(light, own)[0], f"told: {name}")
    draw_picture(axes[0, 1], color.join(light, ab)[0], f"{1 - share:.0%} {name}, {share:.0%} {other}")
    draw_picture(axes[0, 2], view(other), f"the other: {other}")
    heat = draw_heat(axes[0, 3], moved, f"moved by {moved.mean():.1f} on average")
    figure.colorbar(heat, ax=axes[0, 3], extend="max", location="bottom", aspect=15)
    alt = (
        f"The {name} as its own embedding colors it; with {share:.0%} of the embedding of the {other}; the {other}; and a map of how far "
        f"the color of each pixel moved: {moved.mean():.1f} units of a and b on average, {moved.max():.1f} at most."
    )
    return figure, alt


def draw_heat(axis, values, title):
    """A map of distances in ab, (H, W), from 0 to `MOST`: what Matplotlib calls a mappable."""
    shown = axis.imshow(values.numpy(), cmap=HEAT, vmin=0, vmax=MOST)
    axis.axis("off")
    axis.set_title(title)
    return shown


@widget("05.blend")
def blend_embeddings():
    """Choose a picture and another one, and tell the network a blend of what is in the two."""
    controls = {
        "name": choice("picture", list(VIEWS), "temple"),
        "other": choice("blend in", list(VIEWS), "trees"),
        "share": slider("share of the other", 0.5, 0.0, 1.0, 0.05, live=False),
    }
    return Explorer(draw_blend, controls)
