"""VampNet's decoding the way its released code goes about it, on our weights: the same function at that code's speed.

Query, key and value apart, attention by einsum with the whole table of scores, the position bias anew in every pass,
logits at every place and in the layout of frames and codebooks in one row, the typical filter computed and its result
not used, a multinomial draw for every place, a full sort to find one value, and a look at the counts in every pass.
What only slows the released code down by accident (weight norm at inference, messages for the log) is left out.
Source: Garcia et al. 2023 (VampNet, arXiv 2307.04686) and its released code, in our words.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.vampnet import DecodeSettings, VampNet
from course_utils.vampnet.transformer import Attention, Block, distance_bucket

LEAST_TYPICAL = 64  # tokens that the typical filter leaves, by default
SeeLogits = Callable[[Tensor], None]


# --- the network ------------------------------------------------------------------------------------------------------


def latents_of(network: VampNet, codes: Tensor) -> Tensor:
    """Each codebook looked up in a table of its own with its MASK vector behind it: [B, C, T] -> [B, C * 8, T]."""
    found = []
    for level in range(network.config.codebooks):
        table = torch.cat([network.codebooks[level].to(network.mask_vectors), network.mask_vectors[level, None]])
        found.append(F.embedding(codes[:, level], table).transpose(1, 2))
    return torch.cat(found, dim=1)


def bias_of(network: VampNet, frames: int) -> Tensor:
    """What distance adds to the scores: [heads, 1, T, T]."""
    place = torch.arange(frames)
    bucket = distance_bucket(place[None, :] - place[:, None]).to(network.distance_bias.weight.device)
    return network.distance_bias(bucket).permute(2, 0, 1)[:, None]


def root_mean_square_norm(x: Tensor, weight: Tensor) -> Tensor:
    """Vectors [..., width] of root mean square 1, by a weight each."""
    return weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6))


def attention_of(layer: Attention, x: Tensor, bias: Tensor, visible: Tensor) -> Tensor:
    """Attention of all frames [B, T, width] to all: heads first, scores [heads, B, T, T] as one table."""
    B, T, width = x.shape
    query, key, value = (
        F.linear(x, weight).view(B, T, layer.heads, -1).permute(2, 0, 1, 3) for weight in layer.qkv.weight.chunk(3)
    )
    scores = torch.einsum("hbqd,hbkd->hbqk", query, key) / math.sqrt(width // layer.heads)
    scores += bias
    scores = scores.masked_fill(visible[None] == 0, -1e9)  # all frames are visible
    mixed = torch.einsum("hbqk,hbkd->hbqd", scores.softmax(-1), value)
    return F.linear(mixed.permute(1, 2, 0, 3).reshape(B, T, width), layer.out.weight)


def gelu_by_hand(x: Tensor) -> Tensor:
    """The tanh approximation of GELU, step by step."""
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * torch.pow(x, 3.0))))


def block_of(block: Block, x: Tensor, bias: Tensor, visible: Tensor) -> Tensor:
    """One layer."""
    x = x + attention_of(block.attention, root_mean_square_norm(x, block.norm_attention.weight), bias, visible)
    wide = F.linear(root_mean_square_norm(x, block.norm_feed_forward.weight), block.feed_forward.inp.weight)
    value, gate = wide.chunk(2, dim=-1)
    return x + F.linear(value * gelu_by_hand(gate), block.feed_forward.out.weight)


def logits_of(network: VampNet, codes: Tensor) -> Tensor:
    """Logits at every place, [B, 1024, T * C'], of codes [B, C, T] with the mask token where not known."""
    x = F.conv1d(latents_of(network, codes), network.inp.weight[..., None], network.inp.bias).transpose(1, 2)
    visible = torch.ones_like(x[:, :, 0], dtype=torch.bool)[:, None]  # [B, 1, T]
    bias = bias_of(network, x.shape[1])
    for block in network.blocks:
        x = block_of(block, x, bias, visible)
    x = root_mean_square_norm(x, network.norm.weight).transpose(1, 2)
    logits = F.conv1d(x, network.out.weight[..., None], network.out.bias)  # [B, C' * 1024, T]
    B, _, T = logits.shape
    return logits.view(B, network.config.predicted, -1, T).permute(0, 2, 3, 1).flatten(2)


# --- the choice of tokens ---------------------------------------------------------------------------------------------


def typical_filter(logits: Tensor, mass: float, least: int = LEAST_TYPICAL) -> Tensor:
    """Logits [B, N, V] with the untypical tokens at -inf: [B, N, V]."""
    flat = logits.flatten(0, 1)
    log_probability = flat.log_softmax(-1)
    entropy = -(log_probability * log_probability.exp()).nansum(-1, keepdim=True)
    oddness, index = torch.sort((-log_probability - entropy).abs())
    held = flat.gather(-1, index).softmax(-1).cumsum(-1)
    last = (held < mass).sum(-1, keepdim=True).clamp(max=flat.shape[-1] - 1)
    drop = oddness > oddness.gather(-1, last)
    drop[..., :least] = False
    return flat.masked_fill(drop.scatter(-1, index, drop), -torch.inf).view_as(logits)


def sample(logits: Tensor, settings: DecodeSettings, by_chance: bool) -> tuple[Tensor, Tensor]:
    """A token and its probability for every place of logits [B, N, V]: [B, N] each."""
    if settings.typical_mass is not None:
        typical_filter(logits, settings.typical_mass)  # what it returns is not used: so it is in the released code
    probability = (logits / settings.temperature if settings.temperature > 0 else logits).softmax(-1)
    if by_chance and settings.temperature > 0:
        token = probability.flatten(0, 1).multinomial(1).view(logits.shape[:-1])
    else:
        token = logits.argmax(-1)
    return token, probability.take_along_dim(token[..., None], dim=-1)[..., 0]


def mask_again(count: Tensor, probability: Tensor, noise_temperature: float) -> Tensor:
    """The `count` [B, 1] places of [B, N] with the least noisy confidence, fewer in ties."""
    noise = -torch.log(-torch.log(torch.zeros_like(probability).uniform_(1e-20, 1)))
    confidence = probability.log() + noise_temperature * noise if noise_temperature else probability.log()
    ordered, _ = confidence.sort(dim=-1)
    return confidence < ordered.take_along_dim(count, dim=-1)


# --- the loop ---------------------------------------------------------------------------------------------------------


@torch.inference_mode()
def decode(
    network: VampNet,
    codes: Tensor,
    mask: Tensor | None = None,
    settings: DecodeSettings | None = None,
    see_logits: SeeLogits | None = None,
) -> Tensor:
    """Fill the masked places of codes int64 [B, C, T]: what `course_utils.vampnet.decode` does in compat.

    mask: [B, C, T], true where to generate; without one all but the conditioning codebooks. Chance comes from the
    global generator. see_logits: called with the logits [B, 1024, T * C'] of each pass.
    """
    settings = settings or DecodeSettings(typical_mass=0.15, compat=True)
    first, mask_token = network.config.conditioning, network.config.mask_token
    if mask is None:
        mask = torch.ones_like(codes)
        mask[:, :first] = 0
    seen = codes.masked_fill(mask.bool(), mask_token)
    at_start = (seen == mask_token).sum()  # of the whole batch
    for number in range(settings.passes):
        done = torch.full((len(codes),), (number + 1) / settings.passes, device=codes.device)
        logits = logits_of(network, seen)
        if see_logits is not None:
            see_logits(logits)
        by_chance = number / settings.passes <= settings.sample_cutoff
        token, probability = sample(logits.permute(0, 2, 1), settings, by_chance)
        known = seen[:, first:].transpose(1, 2).flatten(1)  # frame by frame, as the logits
        is_open = known == mask_token
        token = torch.where(is_open, token, known)
        probability = torch.where(is_open, probability, torch.inf)
        count = (settings.gamma(done) * at_start).floor().long()[:, None]
        if number < settings.passes - 1:
            most = is_open.sum(1, keepdim=True) - 1
            count = torch.maximum(torch.ones_like(count), torch.minimum(most, count))
        else:
            count = torch.zeros_like(count)
        again = mask_again(count, probability, settings.mask_temperature * (1 - done[0].item()))
        known = torch.where(again, mask_token, token)
        seen = torch.cat([codes[:, :first], known.unflatten(1, (-1, network.config.predicted)).transpose(1, 2)], dim=1)
    return seen
