"""How much work a notebook does: one switch, one device, one place for seeds.

``COURSE_BUDGET`` is ``smoke`` (does it run at all), ``quick`` (the default: a laptop, minutes) or ``full`` (a GPU, or a night).
"""

import os
import random

BUDGETS = ("smoke", "quick", "full")


def name():
    """The budget in force: 'smoke', 'quick' or 'full'.

    Raises
    ------
    ValueError
        ``COURSE_BUDGET`` is set to something else.
    """
    chosen = os.environ.get("COURSE_BUDGET", "quick").strip().lower() or "quick"
    if chosen not in BUDGETS:
        raise ValueError(f"COURSE_BUDGET is {chosen!r}. Set it to one of: {', '.join(BUDGETS)}.")
    return chosen


def pick(*, smoke, quick, full):
    """The one of three values that belongs to the budget in force."""
    return {"smoke": smoke, "quick": quick, "full": full}[name()]


def reaches(level):
    """Whether the budget in force is ``level`` or a larger one."""
    return BUDGETS.index(name()) >= BUDGETS.index(level)


def device():
    """Where networks run: the GPU if there is one, otherwise the CPU; ``COURSE_DEVICE`` overrules (for example ``cpu``)."""
    import torch

    chosen = os.environ.get("COURSE_DEVICE")
    if chosen:
        return torch.device(chosen)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def bfloat16_pays(device):
    """Whether this machine computes in bfloat16 faster than in float32, rather than imitating it."""
    import torch

    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    return device.type == "cpu" and bool(torch.cpu.get_capabilities().get("avx512_bf16"))


def seed(number=0):
    """Seed Python, NumPy and torch, so that a run of the same code on the same machine gives the same numbers.

    Returns
    -------
    generator : torch.Generator
        Seeded with ``number`` too, for code that takes a generator of its own.
    """
    import numpy as np
    import torch

    random.seed(number)
    np.random.seed(number % 2**32)  # noqa: NPY002 - for libraries that still use NumPy's global state
    torch.manual_seed(number)
    return torch.Generator().manual_seed(number)
