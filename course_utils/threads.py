"""How many threads torch may use: two threads that wait for each other at every step can be slower than one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

FEW_WEIGHTS = 20_000_000  # with fewer, the step of one token takes a few ms, and its products some 0.1 ms each


@contextmanager
def one_for_small(layers: nn.Module) -> Iterator[None]:
    """Within, torch computes in one thread if these layers are on a CPU and have few weights; then as before.

    It is meant for networks that read one token at a time. To divide a product of 0.1 ms among threads saves little,
    and where idle threads sleep, as `make lab` has it, to wake them costs more than the product.
    """
    first = next(layers.parameters(), None)
    small = first is not None and first.is_cpu and sum(weight.numel() for weight in layers.parameters()) < FEW_WEIGHTS
    before = torch.get_num_threads()
    if small:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        if small:
            torch.set_num_threads(before)
