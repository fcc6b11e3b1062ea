"""k-means: the codebook that represents a cloud of points best, found by two steps repeated.

Source: Lloyd 1982, "Least squares quantization in PCM".
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

Assign = Callable[[Tensor, Tensor], Tensor]


def nearest(points: Tensor, entries: Tensor) -> Tensor:
    """Index of each point's nearest entry by Euclidean distance: points [N, D], entries [K, D] -> int64 [N]."""
    # |p - e|^2 = |p|^2 - 2 p.e + |e|^2, and |p|^2 is the same for every entry
    return (entries.pow(2).sum(1) - 2 * points @ entries.T).argmin(1)


def nearest_by_cosine(points: Tensor, entries: Tensor) -> Tensor:
    """Index of the entry with the smallest angle to each point: points [N, D], entries [K, D] -> int64 [N].

    Source: DAC (arXiv 2306.06546, section 3.2), both sides normalised to length 1.
    """
    return (F.normalize(points) @ F.normalize(entries).T).argmax(1)


def means(points: Tensor, index: Tensor, entries: Tensor) -> Tensor:
    """Move every entry to the mean of the points that chose it; an entry nobody chose stays where it is."""
    total = torch.zeros_like(entries).index_add_(0, index, points)
    count = torch.bincount(index, minlength=len(entries)).to(points)[:, None]
    return torch.where(count > 0, total / count.clamp(min=1), entries)


def kmeans(points: Tensor, k: int, iterations: int = 10, seed: int = 0, assign: Assign = nearest) -> Tensor:
    """Codebook of k entries for points [N, D] -> float [k, D].

    Starts from k different points; an entry that nobody chooses is put on a random point before the next step.
    With fewer than k points, the entries repeat points. Raises ValueError without points, or for k < 1.
    """
    if len(points) == 0 or k < 1:
        raise ValueError(f"k-means needs at least one point and one entry, got {len(points)} points and k = {k}")
    chance = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(points), generator=chance)
    entries = points[order.repeat(-(-k // len(points)))[:k].to(points.device)].clone()
    for _ in range(iterations):
        index = assign(points, entries)
        dead = torch.bincount(index, minlength=k) == 0
        entries = means(points, index, entries)
        fresh = torch.randint(len(points), (int(dead.sum()),), generator=chance).to(points.device)
        entries[dead] = points[fresh]
    return means(points, assign(points, entries), entries)
