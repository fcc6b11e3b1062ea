"""Linear layers that use the faster of PyTorch's two ways to multiply on a CPU."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ONEDNN = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x [..., in] times weight [out, in] plus bias [out]: [..., out], as `F.linear`.

    Where nothing is to be learned, oneDNN does float32 products on a CPU. PyTorch leaves them to MKL, which reaches
    half of that on AMD's processors (`make bench` measures both).
    """
    plain = torch.is_inference_mode_enabled() and x.is_cpu and x.dtype == torch.float32 and x.numel() > 0
    if plain and ONEDNN:
        return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return F.linear(x, weight, bias)


class Linear(nn.Linear):
    """A linear layer that multiplies by `linear`."""

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight, self.bias)
