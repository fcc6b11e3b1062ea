"""VampNet's network: codes with gaps in, for every codebook and frame the odds of each of 1024 codes out.

A transformer that looks both ways. Three things set it apart from the textbook's: a frame is embedded through the
codec's own codebook entries, positions enter only as a bias on the attention that depends on the distance, and the
norm and the feed-forward part are T5's.
Source: Garcia et al. 2023 (VampNet, arXiv 2307.04686, section 2); Raffel et al. 2020 (T5, arXiv 1910.10683) for the
position bias and the norm; Shazeer 2020 (arXiv 2002.05202) for GEGLU.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.linear import Linear, linear

BUCKETS, MAX_DISTANCE = 32, 128  # of the position bias, in frames


@dataclass(frozen=True)
class VampNetConfig:
    """Sizes of a network. Codebooks that condition are read but not predicted: 0 for coarse, 4 for fine.

    `causal` hides all later frames: for comparison only, VampNet is bidirectional. Raises ValueError for sizes that
    cannot be.
    """

    codebooks: int = 4
    conditioning: int = 0
    width: int = 256
    layers: int = 6
    heads: int = 8
    vocabulary: int = 1024
    entry_dim: int = 8  # of one codebook entry
    dropout: float = 0.1
    causal: bool = False

    def __post_init__(self) -> None:
        if min(self.codebooks, self.width, self.layers, self.heads, self.vocabulary, self.entry_dim) < 1:
            raise ValueError(f"every size must be at least 1: {self}")
        if self.width % self.heads:
            raise ValueError(f"width {self.width} cannot be shared among {self.heads} heads: choose a multiple")
        if not 0 <= self.conditioning < self.codebooks:
            raise ValueError(
                f"{self.conditioning} of {self.codebooks} codebooks condition: at least one must be left to predict"
            )

    @property
    def predicted(self) -> int:
        """Number of codebooks C' that the network predicts."""
        return self.codebooks - self.conditioning

    @property
    def mask_token(self) -> int:
        """The code that stands for "not known": the one after the last entry."""
        return self.vocabulary


class RMSNorm(nn.Module):
    """Scale every vector [..., width] to root mean square 1, then each channel by a learned weight."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        wide = x.float()  # squares of half-precision numbers overflow
        return self.weight * (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + 1e-6)).to(x.dtype)


class GEGLU(nn.Module):
    """Feed-forward layer whose hidden channels are each switched by another: value * gelu(gate)."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.inp = Linear(width, 4 * width, bias=False)
        self.out = Linear(2 * width, width, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.inp(x).chunk(2, dim=-1)  # [B, T, 2 * width] each
        return self.out(self.dropout(value * F.gelu(gate, approximate="tanh")))


class Attention(nn.Module):
    """Every frame asks every other, and is given a mixture of what they hold."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = Linear(width, 3 * width, bias=False)  # query, key and value of all heads in one product
        self.out = Linear(width, width, bias=False)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """Frames [B, T, width] and the bias [1, heads, T, T] on the scores -> [B, T, width]."""
        B, T, width = x.shape
        split = self.qkv(x).view(B, T, 3, self.heads, width // self.heads)
        q, k, v = split.permute(2, 0, 3, 1, 4)  # [B, heads, T, width / heads] each
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=bias.to(q.dtype))
        return self.out(mixed.transpose(1, 2).reshape(B, T, width))


class Block(nn.Module):
    """One layer: attention between frames, then GEGLU within each; both are added to what was there."""

    def __init__(self, config: VampNetConfig) -> None:
        super().__init__()
        self.norm_attention = RMSNorm(config.width)
        self.attention = Attention(config.width, config.heads)
        self.norm_feed_forward = RMSNorm(config.width)
        self.feed_forward = GEGLU(config.width, config.dropout)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        x = x + self.dropout(self.attention(self.norm_attention(x), bias))
        return x + self.dropout(self.feed_forward(self.norm_feed_forward(x)))


def distance_bucket(distance: Tensor) -> Tensor:
    """T5's bucket 0 to 31 of each distance in frames (key minus query), int64 in and out, any shape.

    Before and after have 16 buckets each: 8 for the distances 0 to 7 exactly, 8 that widen as the logarithm up to
    128, and all beyond share the last. Source: T5 (arXiv 1910.10683, section 2.1).
    """
    side = BUCKETS // 2
    exact = side // 2
    far = distance.abs()
    stretch = torch.log(far.clamp(min=1).float() / exact) / math.log(MAX_DISTANCE / exact)  # 0 at 8, 1 at 128
    widening = (exact + (stretch * (side - exact)).long()).clamp(max=side - 1)
    return side * (distance > 0).long() + torch.where(far < exact, far, widening)


class VampNet(nn.Module):
    """Codes int64 [B, C, T], with the mask token where they are not known -> logits [B, C', T, 1024].

    codebooks: the codec's entries float [C, 1024, 8]; they are not trained and not part of the state dict.
    Raises ValueError for codebooks of another shape than the configuration's.
    """

    codebooks: Tensor

    def __init__(self, config: VampNetConfig, codebooks: Tensor) -> None:
        super().__init__()
        wanted = (config.codebooks, config.vocabulary, config.entry_dim)
        if tuple(codebooks.shape) != wanted:
            raise ValueError(
                f"this network needs codebooks {list(wanted)} (codebooks, entries, dimensions), "
                f"not {list(codebooks.shape)}: is it the codec that the model was trained on?"
            )
        self.config = config
        self.register_buffer("codebooks", codebooks.detach().float().clone(), persistent=False)
        self.mask_vectors = nn.Parameter(torch.randn(config.codebooks, config.entry_dim))
        self.inp = Linear(config.codebooks * config.entry_dim, config.width)  # a 1x1 convolution: frame by frame
        self.distance_bias = nn.Embedding(BUCKETS, config.heads)
        self.blocks = nn.ModuleList([Block(config) for _ in range(config.layers)])
        self.norm = RMSNorm(config.width)
        self.out = Linear(config.width, config.predicted * config.vocabulary)

    def forward(self, codes: Tensor) -> Tensor:
        """Logits float [B, C', T, 1024] of codes int64 [B, C, T]. Raises ValueError as `check_codes`."""
        check_codes(codes, self.config)
        return self.logits(self.hidden(self.latents(codes)))

    def latents(self, codes: Tensor) -> Tensor:
        """Each frame's codebook entries one after the other, MASK vectors where not known: [B, T, C * 8]."""
        tables = torch.cat([self.codebooks, self.mask_vectors[:, None]], dim=1)  # [C, 1025, 8]
        level = torch.arange(self.config.codebooks, device=codes.device)
        entries = tables[level, codes.transpose(1, 2)]  # [B, T, C, 8]
        return entries.flatten(2)

    def bias(self, frames: int) -> Tensor:
        """What distance alone adds to the attention scores of every layer: float [1, heads, T, T], query by key."""
        distance = torch.arange(1 - frames, frames, device=self.distance_bias.weight.device)  # key - query
        by_distance = self.distance_bias(distance_bucket(distance)).T  # [heads, 2 T - 1]
        if self.config.causal:
            by_distance = by_distance.masked_fill(distance > 0, -torch.inf)
        rows = by_distance.unfold(1, frames, 1).flip(1)  # [heads, T, T]; the first query's row begins at distance 0
        return rows[None].contiguous()  # or every layer would copy it

    def hidden(self, latents: Tensor, bias: Tensor | None = None) -> Tensor:
        """Latents [B, T, C * 8] through all layers: [B, T, width]. `bias(T)` may be made once for many calls."""
        x = self.inp(latents)
        bias = self.bias(latents.shape[1]) if bias is None else bias
        for block in self.blocks:
            x = block(x, bias)
        return self.norm(x)

    def logits(self, hidden: Tensor) -> Tensor:
        """Logits [B, C', T, 1024] of all codebooks and frames."""
        B, T, _ = hidden.shape
        return self.out(hidden).view(B, T, self.config.predicted, -1).transpose(1, 2)

    def logits_at(self, hidden: Tensor, where: Tensor) -> Tensor:
        """Logits [N, 1024] of the N cells where `where`, bool [B, C', T], is true.

        Their order is codebook, clip, frame: that of `where.transpose(0, 1)`.
        """
        weights = self.out.weight.view(self.config.predicted, self.config.vocabulary, -1)
        offsets = self.out.bias.view(self.config.predicted, self.config.vocabulary)
        cells = where.unbind(1)  # [B, T] for each codebook
        return torch.cat([linear(hidden[w], weights[c], offsets[c]) for c, w in enumerate(cells)])


def check_codes(codes: Tensor, config: VampNetConfig) -> None:
    """Raise ValueError unless these are whole numbers [B, C, T] from 0 to the mask token."""
    if codes.ndim != 3 or codes.shape[1] != config.codebooks or codes.numel() == 0:
        raise ValueError(
            f"this network takes codes [batch, {config.codebooks} codebooks, frames], not {list(codes.shape)}"
        )
    if codes.is_floating_point() or codes.dtype == torch.bool:
        raise ValueError(f"codes must be whole numbers, not {codes.dtype}")
    low, high = int(codes.min()), int(codes.max())
    if low < 0 or high > config.mask_token:
        raise ValueError(
            f"codes must be from 0 to {config.vocabulary - 1}, or {config.mask_token} for the mask; "
            f"these are from {low} to {high}"
        )
