"""Half the bits where they are enough."""

import torch
from fastai.callback.core import Callback


class BFloat16(Callback):
    """Run the network in bfloat16 and keep the loss in float32, on GPUs and CPUs.

    fastai's own ``MixedPrecision`` switches CUDA alone. bfloat16 has the range of float32, so gradients need no scaling.
    """

    order = 10

    def before_batch(self):
        self.autocast = torch.autocast(self.dls.device.type, dtype=torch.bfloat16)
        self.autocast.__enter__()

    def after_pred(self):
        self.autocast.__exit__(None, None, None)
        self.learn.pred = self.pred.float()


def bfloat16_pays(device):
    """Whether this machine computes in bfloat16 faster than in float32, rather than imitating it."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    return device.type == "cpu" and bool(torch.cpu.get_capabilities().get("avx512_bf16"))
