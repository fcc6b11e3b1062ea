"""Sampling music the way the AMT's released code goes about it, on our weights: the same function at that code's speed.

For each of the three tokens of an event the whole window goes through the network again, logits are computed at every
place for all 55,028 tokens, masks are laid over them one by one, and all are sorted for the nucleus.
Attention is PyTorch's fused one, as transformers has it today, which is kinder than what the code met when it came out.
Source: Thickstun et al. 2023 (arXiv 2306.08620) and its released code, and transformers' GPT-2, in our words.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.amt import vocab
from course_utils.amt.network import AMT, Attention, Block, Linear

WINDOW = 1017  # tokens


# --- the network ------------------------------------------------------------------------------------------------------


def product(layer: Linear, x: Tensor) -> Tensor:
    """GPT-2's layers keep their matrices as [in, out] and multiply flat lists of vectors."""
    flat = torch.addmm(layer.bias, x.view(-1, x.shape[-1]), layer.weight.T)
    return flat.view(*x.shape[:-1], -1)


def gelu_by_hand(x: Tensor) -> Tensor:
    """The tanh approximation of GELU, step by step."""
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * torch.pow(x, 3.0))))


def attention_of(layer: Attention, x: Tensor) -> Tensor:
    """Attention of all positions [B, T, width] to those before them."""
    B, T, width = x.shape
    query, key, value = (
        part.view(B, T, layer.heads, -1).transpose(1, 2) for part in product(layer.qkv, x).split(width, dim=2)
    )
    mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True, scale=layer.scale)
    return product(layer.out, mixed.transpose(1, 2).reshape(B, T, width))


def block_of(block: Block, x: Tensor) -> Tensor:
    """One layer."""
    x = x + attention_of(block.attention, block.norm_attention(x))
    wide = gelu_by_hand(product(block.feed_forward.inp, block.norm_feed_forward(x)))
    return x + product(block.feed_forward.out, wide)


def logits_of(network: AMT, tokens: Tensor) -> Tensor:
    """Logits [B, T, 55028] at every place for tokens int64 [B, T]."""
    x = network.tokens(tokens) + network.positions(torch.arange(tokens.shape[1], device=tokens.device))
    for block in network.blocks:
        x = block_of(block, x)
    return F.linear(network.norm(x), network.tokens.weight)


# --- the masks --------------------------------------------------------------------------------------------------------


def in_its_slot(logits: Tensor, place: int) -> Tensor:
    """No control, no special token, nothing of the other two slots."""
    logits[vocab.CONTROL_OFFSET : vocab.SPECIAL_OFFSET] = -torch.inf
    logits[vocab.SPECIAL_OFFSET :] = -torch.inf
    ranges = [
        (vocab.TIME_OFFSET, vocab.DUR_OFFSET),
        (vocab.DUR_OFFSET, vocab.NOTE_OFFSET),
        (vocab.NOTE_OFFSET, vocab.REST),
    ]
    for slot, (low, high) in enumerate(ranges):
        if slot != place % vocab.EVENT_SIZE:
            logits[low:high] = -torch.inf
    return logits


def not_earlier(logits: Tensor, now: int) -> Tensor:
    """No time before the present one, in ticks of the window."""
    if now > 0:
        logits[vocab.TIME_OFFSET : vocab.TIME_OFFSET + now] = -torch.inf
    return logits


def no_new_instrument(logits: Tensor, tokens: list[int]) -> Tensor:
    """Of 15 instruments in the whole history, rests among them, no other one."""
    there: dict[int, int] = {}
    for note in tokens[2::3]:
        plain = note - vocab.NOTE_OFFSET - (vocab.CONTROL_OFFSET if note >= vocab.CONTROL_OFFSET else 0)
        there[plain // vocab.MAX_PITCH] = there.get(plain // vocab.MAX_PITCH, 0) + 1
    if len(there) < 15:
        return logits
    for instrument in range(vocab.MAX_INSTR):
        if instrument not in there:
            first = vocab.NOTE_OFFSET + instrument * vocab.MAX_PITCH
            logits[first : first + vocab.MAX_PITCH] = -torch.inf
    return logits


def nucleus(logits: Tensor, top_p: float) -> Tensor:
    """All 55,028 sorted, and -inf where the likelier ones hold more than `top_p` already."""
    if top_p >= 1:
        return logits
    ordered, index = torch.sort(logits, descending=True)
    remove = torch.cumsum(F.softmax(ordered, dim=-1), dim=-1) > top_p
    remove[1:] = remove[:-1].clone()
    remove[0] = False
    logits[index[remove]] = -torch.inf
    return logits


# --- the loop ---------------------------------------------------------------------------------------------------------


@torch.no_grad()
def sample_event(network: AMT, mode: int, tokens: list[int], top_p: float, now: int) -> list[int]:
    """The next triple after a flat token list, with time in ticks from the beginning of the piece."""
    history = tokens[max(len(tokens) - WINDOW, 0) :]
    offset = min((time - vocab.CONTROL_OFFSET * (time >= vocab.CONTROL_OFFSET) for time in history[::3]), default=0)
    history[::3] = [time - offset for time in history[::3]]
    found: list[int] = []
    for slot in range(vocab.EVENT_SIZE):
        given = torch.tensor([mode, *history, *found]).unsqueeze(0).to(network.device)
        logits = logits_of(network, given)[0, -1]
        logits = in_its_slot(logits, given.shape[1] - 1)
        if slot == 0:
            logits = not_earlier(logits, now - offset)
        elif slot == 2:
            logits = no_new_instrument(logits, tokens)
        probability = F.softmax(nucleus(logits, top_p), dim=-1)
        found.append(int(torch.multinomial(probability, 1)))
    return [found[0] + offset, *found[1:]]
