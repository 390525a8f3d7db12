"""How pixels move from frame to frame, and what can be carried along.

A flow is float32 ``(..., 2, H, W)`` in pixels: first dx, to the right, then dy, down. It belongs to the pixels of the new picture and says
where each of them lay in the old one, as ``new(y, x) = old(y + dy, x + dx)``: the direction in which pictures can be warped without holes.
"""

from itertools import pairwise

import cv2
import numpy as np
import torch
import torch.nn.functional as F

RELATIVE, ABSOLUTE = 0.01, 0.5  # of the forward-backward check, from the paper that `visible` names
STEEP = 0.01, 0.002  # of the motion boundaries, from the same paper


def estimate_flow(new, old):
    """The flow from one gray picture into another, by dense inverse search.

    T. Kroeger et al., "Fast Optical Flow using Dense Inverse Search" (ECCV 2016), by OpenCV at its medium preset.

    Parameters
    ----------
    new, old : tensors, (H, W) or (1, H, W)
        L in [0, 100].

    Returns
    -------
    flow : tensor, (2, H, W)
    """
    pictures = [_to_bytes(lightness) for lightness in (new, old)]
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return torch.from_numpy(search.calc(*pictures, None)).permute(2, 0, 1).contiguous()


def _to_bytes(lightness):
    return (lightness.reshape(lightness.shape[-2:]) * 2.55).round().clamp(0, 255).byte().numpy()


def estimate_both(first, second):
    """The flows between two gray pictures, that of the second into the first and that of the first into the second, and both masks.

    Returns
    -------
    back, ahead : tensors, (2, H, W)
        The pixels of ``second`` in ``first``, and the pixels of ``first`` in ``second``.
    seen_back, seen_ahead : tensors, (1, H, W)
        Where each can be trusted, by `visible`.
    """
    back, ahead = estimate_flow(second, first), estimate_flow(first, second)
    return back, ahead, visible(back[None], ahead[None])[0], visible(ahead[None], back[None])[0]


def warp(old, flow):
    """What an old picture shows where the pixels of the new one lay: bilinear, and beyond the border that of the border.

    Parameters
    ----------
    old : tensor, (B, C, H, W)
    flow : tensor, (B, 2, H, W)

    Returns
    -------
    tensor, (B, C, H, W)
    """
    height, width = old.shape[-2:]
    x, y = (places(flow) / flow.new_tensor([max(width - 1, 1), max(height - 1, 1)])[:, None, None] * 2 - 1).unbind(1)
    grid = torch.stack([x, y], dim=-1)
    return F.grid_sample(old, grid, mode="bilinear", padding_mode="border", align_corners=True)


def places(flow):
    """Where in the old picture each pixel lay: x and y in pixels, (B, 2, H, W)."""
    height, width = flow.shape[-2:]
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return flow + torch.stack([x, y]).to(flow)


def inside(flow):
    """Which pixels lay inside of the old picture: bool, (B, 1, H, W)."""
    height, width = flow.shape[-2:]
    x, y = places(flow).unbind(1)
    return ((x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5))[:, None]


def compose(later, earlier):
    """The flow over two steps: along the later one, then along the earlier one from where that leads to.

    Parameters
    ----------
    later : tensor, (B, 2, H, W)
        From the newest picture into the one before.
    earlier : tensor, (B, 2, H, W)
        From there into an older one.

    Returns
    -------
    tensor, (B, 2, H, W)
        From the newest picture into the oldest.
    """
    return later + warp(earlier, later)


def visible(flow, back):
    """Where a flow can be trusted: there and back again ends near where it began, and inside of the picture.

    N. Sundaram, T. Brox and K. Keutzer, "Dense Point Trajectories by GPU-accelerated Large Displacement Optical Flow" (ECCV 2010),
    equation 5.

    Parameters
    ----------
    flow : tensor, (B, 2, H, W)
        From the new picture into the old one.
    back : tensor, (B, 2, H, W)
        From the old picture into the new one.

    Returns
    -------
    mask : tensor, (B, 1, H, W)
        1 where the pixel of the new picture can be seen in the old one, 0 where it cannot, or where the flow is wrong.
    """
    returned = warp(back, flow)
    error = (flow + returned).square().sum(dim=1, keepdim=True)
    size = flow.square().sum(dim=1, keepdim=True) + returned.square().sum(dim=1, keepdim=True)
    return ((error < RELATIVE * size + ABSOLUTE) & inside(flow)).float()


def motion_boundaries(flow):
    """Where a flow changes abruptly, at the edges of what moves: there it is blurred, and better not compared.

    Equation 6 of the paper that `visible` names.

    Parameters
    ----------
    flow : tensor, (B, 2, H, W)

    Returns
    -------
    mask : tensor, (B, 1, H, W)
        1 at a boundary, 0 elsewhere.
    """
    relative, absolute = STEEP
    padded = F.pad(flow, (1, 1, 1, 1), mode="replicate")
    across = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2
    down = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2
    change = across.square().sum(dim=1, keepdim=True) + down.square().sum(dim=1, keepdim=True)
    return (change > relative * flow.square().sum(dim=1, keepdim=True) + absolute).float()


def film_flows(lightness):
    """The estimated flows of a film from each frame into the one before, and masks of what to compare.

    Parameters
    ----------
    lightness : tensor, (T, 1, H, W)
        L in [0, 100].

    Returns
    -------
    flows : tensor, (T - 1, 2, H, W)
    masks : tensor, (T - 1, 1, H, W)
        1 where the flow is consistent and no motion boundary.
    """
    pairs = [estimate_both(first, second) for first, second in pairwise(lightness)]
    flows, masks = torch.stack([pair[0] for pair in pairs]), torch.stack([pair[2] for pair in pairs])
    return flows, masks * (1 - motion_boundaries(flows))


def draw_flow(flow, largest=None):
    """A flow as colors: the hue is the direction, the saturation how far, up to ``largest`` pixels: sRGB, (3, H, W)."""
    dx, dy = flow.numpy()
    far = np.hypot(dx, dy)
    hue = np.mod(np.arctan2(dy, dx), 2 * np.pi) / (2 * np.pi)
    strength = np.clip(far / (largest or max(far.max(), 1e-6)), 0, 1)
    wheel = np.clip(np.abs(np.mod(hue * 6 + np.array([0.0, 4.0, 2.0])[:, None, None], 6) - 3) - 1, 0, 1)
    return torch.from_numpy(1 - strength * (1 - wheel)).float()
