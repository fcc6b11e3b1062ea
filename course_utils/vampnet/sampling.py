"""From logits to tokens, and from tokens to the ones that stay: what happens after the network in every pass.

Chance comes in as uniform numbers from 0 to 1, so a result depends on them alone: not on the device, nor on the other
clips of a batch.
Source: VampNet (arXiv 2307.04686, section 2.3) and its released code; nucleus sampling: Holtzman et al. 2019
(arXiv 1904.09751); typical sampling: Meister et al. 2022 (arXiv 2202.00666).
"""

from __future__ import annotations

import torch
from torch import Tensor


def top_p_filter(logits: Tensor, top_p: float) -> Tensor:
    """Keep the likeliest tokens up to a total probability of `top_p`, with the one that crosses it; others -inf.

    Logits [..., V] -> new logits [..., V]. Raises ValueError unless 0 < top_p <= 1.
    """
    _check_share("top_p", top_p)
    if top_p == 1:
        return logits.clone()
    ordered, index = logits.sort(descending=True, dim=-1)
    probability = ordered.softmax(-1)
    before = torch.roll(probability.cumsum(-1), 1, dims=-1)  # of all likelier tokens
    before[..., 0] = 0
    return _drop(logits, index, before > top_p)


def typical_filter(logits: Tensor, mass: float = 0.2, min_tokens: int = 1) -> Tensor:
    """Keep the tokens whose surprise is nearest to the expected one, until they hold `mass`; others -inf.

    Surprise is -log p, the expected surprise the entropy. At least `min_tokens` stay. Logits [..., V] -> new logits.
    The authors' `typical_filter` returns the same, but its caller drops what it returns: there it has no effect.
    Raises ValueError unless 0 < mass <= 1 and min_tokens >= 1.
    """
    _check_share("typical mass", mass)
    if min_tokens < 1:
        raise ValueError(f"at least one token must stay, not min_tokens = {min_tokens}")
    surprise = -logits.log_softmax(-1)
    entropy = (surprise * (-surprise).exp()).nansum(-1, keepdim=True)
    oddness, index = (surprise - entropy).abs().sort(dim=-1)
    held = logits.gather(-1, index).softmax(-1).cumsum(-1)
    last = (held < mass).sum(-1, keepdim=True).clamp(max=logits.shape[-1] - 1)
    drop = oddness > oddness.gather(-1, last)
    drop[..., :min_tokens] = False
    return _drop(logits, index, drop)


def _drop(logits: Tensor, index: Tensor, drop: Tensor) -> Tensor:
    """Logits with -inf at the tokens index[drop]."""
    return logits.masked_fill(torch.zeros_like(drop).scatter(-1, index, drop), -torch.inf)


def _check_share(name: str, value: float) -> None:
    if not 0 < value <= 1:
        raise ValueError(f"{name} is a share of the probability, above 0 and at most 1, not {value}")


def sample_from_logits(
    logits: Tensor, uniform: Tensor | None = None, temperature: float = 1.0, top_p: float | None = None
) -> tuple[Tensor, Tensor]:
    """A token and its probability for each row of logits [..., V]: int64 [...] and float32 [...].

    uniform: float32 [...] from 0 up to but not including 1 decides; without it, or at temperature 0, the likeliest
    token is taken. The probability is that after top-p and temperature (at 0: as if it were 1).
    Raises ValueError for a negative temperature and as `top_p_filter`.
    """
    if not 0 <= temperature < float("inf"):
        raise ValueError(f"a temperature is 0 or more, not {temperature}")
    logits = logits.float() if top_p is None else top_p_filter(logits.float(), top_p)
    probability = (logits / temperature if temperature > 0 else logits).softmax(-1)
    if uniform is None or temperature == 0:
        token = logits.argmax(-1, keepdim=True)
    else:
        token = _draw(probability, uniform[..., None])
    return token.squeeze(-1), probability.gather(-1, token).squeeze(-1)


def _draw(probability: Tensor, uniform: Tensor) -> Tensor:
    """The token in whose stretch of the cumulated probability [..., V] the number [..., 1] falls: int64 [..., 1]."""
    heap = probability.cumsum(-1)
    total = heap[..., -1:]
    # Strictly below the total, lest rounding picks a token of probability 0 behind the last possible one.
    point = torch.minimum(uniform * total, torch.nextafter(total, torch.zeros_like(total)))
    return torch.searchsorted(heap, point, right=True)


def gumbel(uniform: Tensor) -> Tensor:
    """Gumbel noise from uniform numbers: added to log-probabilities, the largest sum is a sample of them."""
    return -torch.log(-torch.log(uniform.clamp(1e-20, 1 - 2**-24)))


def confidence_of(probability: Tensor, noise_temperature: float = 0.0, uniform: Tensor | None = None) -> Tensor:
    """What tokens are ranked by: log p + noise_temperature * Gumbel noise, of the shape of `probability`.

    The decoder lets the noise fall to 0 from first pass to last: early on it is chance that decides what stays, in
    the end only the network. Raises ValueError for a negative temperature, or noise without uniform numbers.
    """
    if not 0 <= noise_temperature < float("inf"):
        raise ValueError(f"a mask temperature is 0 or more, not {noise_temperature}")
    if noise_temperature == 0:
        return probability.log()
    if uniform is None:
        raise ValueError("noise needs uniform numbers, one for each probability")
    return probability.log() + noise_temperature * gumbel(uniform)


def least_confident(confidence: Tensor, count: Tensor) -> Tensor:
    """Mark in each row of [B, N] the `count` [B, 1] tokens of least confidence: bool [B, N]. Of equals, the first."""
    rank = confidence.argsort(dim=-1, stable=True).argsort(dim=-1)
    return rank < count


def below_cutoff(confidence: Tensor, count: Tensor) -> Tensor:
    """`least_confident` as the authors have it: all strictly below the value at place `count` of the sorted row.

    The same unless values are equal: tokens tied with that value all stay, so fewer are marked than were asked for.
    """
    cutoff = confidence.sort(dim=-1).values.gather(-1, count.clamp(max=confidence.shape[-1] - 1))
    return confidence < cutoff


def mask_by_random_topk(
    count: Tensor,
    probability: Tensor,
    noise_temperature: float = 0.0,
    uniform: Tensor | None = None,
    compat: bool = False,
) -> Tensor:
    """Which tokens to mask again: the `count` int64 [B, 1] of least noisy confidence; [B, N] -> bool [B, N].

    compat: mask fewer in ties, as the authors do (`below_cutoff`). Raises ValueError as `confidence_of`.
    """
    confidence = confidence_of(probability, noise_temperature, uniform)
    return (below_cutoff if compat else least_confident)(confidence, count)
