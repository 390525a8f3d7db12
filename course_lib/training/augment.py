"""Changes to the input that leave the right answer as it is."""

import torch


def jitter_lightness(l, seed=0, contrast=0.4, brightness=0.3):  # noqa: E741 - l is the symbol of the field
    """Change contrast and brightness of each picture at random: exposure must not tell a network which photograph it sees.

    Parameters
    ----------
    l : tensor, (B, 1, H, W)
        Lightness in network units.
    seed : int
    contrast, brightness : float
        The gain lies within ``1 - contrast`` and ``1 + contrast``, the offset within ``-brightness`` and ``brightness``.

    Returns
    -------
    l : tensor, (B, 1, H, W)
        Cut to [-1, 1].
    """
    return expose(l, *random_exposures(len(l), seed, contrast, brightness))


def random_exposures(count, seed, contrast, brightness):
    """Gain and offset for ``count`` pictures, (count, 1, 1, 1) each. Parameters as in `jitter_lightness`."""
    generator = torch.Generator().manual_seed(seed)
    gain, offset = (2 * torch.rand(2, count, 1, 1, 1, generator=generator) - 1).unbind()
    return 1 + contrast * gain, brightness * offset


def expose(l, gain, offset):  # noqa: E741
    """Lightness (B, 1, H, W) times gain plus offset, (B, 1, 1, 1) each, cut to [-1, 1]."""
    return (l * gain.to(l) + offset.to(l)).clamp(-1, 1)
