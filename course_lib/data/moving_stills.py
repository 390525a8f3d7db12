"""Films made of photographs: one of them passes behind, a piece of another in front. What each frame hides and shows is real, and cheap."""

import math

import torch
import torch.nn.functional as F

FASTEST = 2.5  # pixels per frame
TURN, ZOOM = math.radians(0.8), 0.008  # per frame, at most
EXPOSURE = 0.02  # standard deviation of the gain of a frame


def film_of_stills(behind, before, frames, side, generator, opacity=1.0):
    """A film of a photograph with a piece of another in front of it; both move smoothly, each on its own way.

    Parameters
    ----------
    behind, before : float tensors, (3, H, W)
        sRGB in [0, 1].
    frames, side : int
        How many, and the side of each in pixels.
    generator : torch.Generator
    opacity : float
        Of the piece in front: less than 1 lets the photograph behind shine through, as smoke does.

    Returns
    -------
    tensor, (frames, 3, side, side)
    """
    far = _seen(behind, _journey(frames, FASTEST / 2, generator), side)
    journey = _journey(frames, FASTEST, generator)
    near, shape = _seen(before, journey, side), _seen(_blob(behind.shape[-1], generator), journey, side)
    film = torch.lerp(far, near, opacity * shape)
    gain = 1 + EXPOSURE * torch.randn(frames, 1, 1, 1, generator=generator)
    return (film * gain).clamp(0, 1)


def _journey(frames, fastest, generator):
    """The places of a camera: turn, zoom, and shift in pixels of every frame, as affine maps (frames, 2, 3) in pixels."""
    speed = torch.randn(4, generator=generator) * torch.tensor([TURN / 2, ZOOM / 2, fastest / 2, fastest / 2])
    sway = torch.randn(4, generator=generator) * torch.tensor([TURN, ZOOM, fastest, fastest])
    phase, t = torch.rand(4, generator=generator) * 2 * math.pi, torch.arange(frames)[:, None]
    way = t * speed + 4 * sway * (torch.sin(t / 8 + phase) - torch.sin(phase))
    turn, zoom, x, y = way.unbind(1)
    cosine, sine = torch.cos(turn) * torch.exp(zoom), torch.sin(turn) * torch.exp(zoom)
    return torch.stack([torch.stack([cosine, -sine, x], dim=1), torch.stack([sine, cosine, y], dim=1)], dim=1)


def _seen(picture, journey, side):
    """A picture (C, H, W) from these places: (frames, C, side, side). Beyond its border it is mirrored."""
    scale = side / picture.shape[-1]  # of the part that is seen, so that pixels keep their size
    theta = journey.clone()
    theta[:, :, :2] *= scale
    theta[:, :, 2] *= 2 / picture.shape[-1]
    grid = F.affine_grid(theta, (len(journey), 1, side, side), align_corners=False)
    many = picture.expand(len(journey), *picture.shape)
    return F.grid_sample(many, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def _blob(size, generator):
    """A soft round shape with bays, somewhere near the middle: (1, size, size), 0 to 1."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, size), torch.linspace(-1, 1, size), indexing="ij")
    middle = torch.rand(2, generator=generator) - 0.5
    angle = torch.atan2(y - middle[0], x - middle[1])
    waves = torch.arange(2, 5)[:, None, None]
    phases = (torch.rand(3, generator=generator) * 2 * math.pi)[:, None, None]
    radius = 0.2 + 0.25 * torch.rand(1, generator=generator) * (
        1 + (0.25 * torch.sin(waves * angle + phases)).sum(dim=0)
    )
    distance = torch.hypot(y - middle[0], x - middle[1])
    return ((radius - distance) * size / 2).sigmoid()[None]
