"""What networks answer: tensors, or tuples with names of several."""

import torch

from course_lib import color


def natural_ab(ab):
    """Colors (B, 2, H, W) from network units to natural units."""
    return color.denormalize(torch.zeros_like(ab[:, :1]), ab)[:, 1:]


def each_tensor(answer, change):
    """An answer, a tensor, a list of tensors or a named tuple of tensors and None, with ``change`` made to each tensor."""
    if isinstance(answer, torch.Tensor):
        return change(answer)
    if isinstance(answer, list):
        return [change(part) for part in answer]
    return type(answer)(*(None if part is None else change(part) for part in answer))
