"""The Anticipatory Music Transformer's network: tokens in, for each position the odds of the token after it out.

It is GPT-2: every position sees itself and what came before; positions are learned; the norm stands before each layer;
the table that embeds tokens also scores them. One thing is special: attention scores of layer n are divided by n.
Source: Thickstun et al. 2023 (arXiv 2306.08620, section 4 and appendix); Radford et al. 2019 (GPT-2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.linear import Linear, linear


@dataclass(frozen=True)
class AMTConfig:
    """Sizes of a network; `scale_by_layer` divides the attention scores of layer n by n, as the released models do.

    vocabulary, context: in tokens. dropout: in training only. Raises ValueError for sizes that cannot be.
    """

    vocabulary: int = 55_028
    context: int = 1024
    width: int = 256
    layers: int = 6
    heads: int = 8
    scale_by_layer: bool = True
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if min(self.vocabulary, self.context, self.width, self.layers, self.heads) < 1:
            raise ValueError(f"every size must be at least 1: {self}")
        if self.width % self.heads:
            raise ValueError(f"width {self.width} cannot be shared among {self.heads} heads: choose a multiple")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is a share from 0 up to but not including 1, not {self.dropout}")


class Cache:
    """Keys and values of the tokens seen so far, so that each new token is the only one to be computed.

    keys, values: [layers, B, heads, context, width / heads], of which the first `length` positions are filled.
    """

    def __init__(self, config: AMTConfig, batch: int = 1, like: Tensor | None = None) -> None:
        """Room for `batch` token lists of full context; `like` gives dtype and device."""
        like = torch.empty(0) if like is None else like
        shape = (config.layers, batch, config.heads, config.context, config.width // config.heads)
        self.keys, self.values = (torch.zeros(shape, dtype=like.dtype, device=like.device) for _ in range(2))
        self.length = 0

    def extend(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Write the keys and values [B, heads, T, d] of new tokens; those of all so far: [B, heads, length + T, d]."""
        end = self.length + key.shape[2]
        self.keys[layer, :, :, self.length : end] = key
        self.values[layer, :, :, self.length : end] = value
        return self.keys[layer, :, :, :end], self.values[layer, :, :, :end]

    def truncate(self, length: int) -> None:
        """Forget all positions from `length` on. Raises ValueError for more than there are."""
        if not 0 <= length <= self.length:
            raise ValueError(f"the cache holds {self.length} positions: it cannot be cut to {length}")
        self.length = length


class Attention(nn.Module):
    """Every position asks itself and all before it, and is given a mixture of what they hold."""

    def __init__(self, config: AMTConfig, layer: int) -> None:
        super().__init__()
        self.layer, self.heads, self.dropout = layer, config.heads, config.dropout
        self.scale = (config.width // config.heads) ** -0.5 / (layer + 1 if config.scale_by_layer else 1)
        self.qkv = Linear(config.width, 3 * config.width)  # query, key and value of all heads in one product
        self.out = Linear(config.width, config.width)

    def forward(self, x: Tensor, cache: Cache | None, visible: Tensor | None) -> Tensor:
        """Positions [B, T, width] -> [B, T, width]; `visible` as `visible_from` gives it."""
        B, T, width = x.shape
        split = self.qkv(x).view(B, T, 3, self.heads, width // self.heads)
        q, k, v = split.permute(2, 0, 3, 1, 4)  # [B, heads, T, width / heads] each
        if cache is not None:
            k, v = cache.extend(self.layer, k, v)
        mixed = F.scaled_dot_product_attention(
            q,
            k,
            v,
            attn_mask=visible,
            dropout_p=self.dropout if self.training else 0.0,
            is_causal=visible is None and T > 1,
            scale=self.scale,
        )
        return self.out(mixed.transpose(1, 2).reshape(B, T, width))


class FeedForward(nn.Module):
    """Four times as many hidden channels, GELU in its tanh form, and back."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inp = Linear(width, 4 * width)
        self.out = Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(F.gelu(self.inp(x), approximate="tanh"))


class Block(nn.Module):
    """One layer: attention between positions, then the feed-forward part within each; both add to what was there."""

    def __init__(self, config: AMTConfig, layer: int) -> None:
        super().__init__()
        self.norm_attention = nn.LayerNorm(config.width)
        self.attention = Attention(config, layer)
        self.norm_feed_forward = nn.LayerNorm(config.width)
        self.feed_forward = FeedForward(config.width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, cache: Cache | None, visible: Tensor | None) -> Tensor:
        x = x + self.dropout(self.attention(self.norm_attention(x), cache, visible))
        return x + self.dropout(self.feed_forward(self.norm_feed_forward(x)))


def visible_from(past: int, new: int, device: torch.device | str = "cpu") -> Tensor | None:
    """Which of past + new positions each of the `new` ones sees: bool [new, past + new].

    None where attention needs no table: a single new position sees all, and without a past plain causality holds.
    """
    if past == 0 or new == 1:
        return None
    return torch.ones(new, past + new, dtype=torch.bool, device=device).tril(past)


class AMT(nn.Module):
    """Tokens int64 [B, T] -> logits [B, T, vocabulary] of the token that follows each."""

    def __init__(self, config: AMTConfig) -> None:
        super().__init__()
        self.config = config
        self.tokens = nn.Embedding(config.vocabulary, config.width)
        self.positions = nn.Embedding(config.context, config.width)
        self.blocks = nn.ModuleList([Block(config, layer) for layer in range(config.layers)])
        self.norm = nn.LayerNorm(config.width)
        self.dropout = nn.Dropout(config.dropout)
        initialise(self)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.tokens.weight.device

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits [B, T, vocabulary]. Raises ValueError as `hidden`."""
        return self.logits(self.hidden(tokens))

    def hidden(self, tokens: Tensor, cache: Cache | None = None) -> Tensor:
        """Last layer's output [B, T, width] for tokens int64 [B, T]; with a cache they follow those seen before.

        Raises ValueError for tokens of another shape, or more than the context holds.
        """
        past = 0 if cache is None else cache.length
        check_tokens(tokens.shape, past, self.config)
        T = tokens.shape[1]
        x = self.dropout(self.tokens(tokens) + self.positions.weight[past : past + T])
        visible = visible_from(past, T, x.device)
        for block in self.blocks:
            x = block(x, cache, visible)
        if cache is not None:
            cache.length += T
        return self.norm(x)

    def logits(self, hidden: Tensor, low: int = 0, high: int | None = None) -> Tensor:
        """Logits [..., high - low] of the tokens low <= token < high alone, from hidden [..., width]."""
        return linear(hidden, self.tokens.weight[low:high])

    def cache(self, batch: int = 1) -> Cache:
        """An empty cache for `batch` token lists, on this network's device and in its dtype."""
        return Cache(self.config, batch, self.tokens.weight)


def check_tokens(shape: Sequence[int], past: int, config: AMTConfig) -> None:
    """Raise ValueError unless tokens of this shape can follow `past` others."""
    if len(shape) != 2 or 0 in shape:
        raise ValueError(f"this network takes tokens [batch, positions], not {list(shape)}")
    if past + shape[1] > config.context:
        raise ValueError(
            f"{past + shape[1]} tokens are more than the context of {config.context}: drop the oldest events first"
        )


def initialise(network: AMT) -> None:
    """GPT-2's random start: spread 0.02, smaller where a layer's result is added to what was there."""
    for name, weight in network.named_parameters():
        if weight.ndim == 2:
            added = name.endswith(("attention.out.weight", "feed_forward.out.weight"))
            nn.init.normal_(weight, std=0.02 / (2 * network.config.layers) ** 0.5 if added else 0.02)
        elif name.endswith("bias"):
            nn.init.zeros_(weight)
