"""From logits to one token: temperature, nucleus, and a uniform number that decides.

Chance comes in as numbers from 0 to 1, so that a seed means the same tokens on any device, up to rounding.
Source: nucleus sampling: Holtzman et al. 2019 (arXiv 1904.09751, section 3.1).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

SHORT_LIST = 1024  # likeliest tokens that are looked at first: as a rule the nucleus is smaller


class Drawn(NamedTuple):
    """A token drawn from logits [V]; each a tensor of one number, so that a GPU need not be waited for."""

    index: Tensor  # int64: which of the V
    nucleus: Tensor  # int64: from how many it was drawn
    probability: Tensor  # float32: its share among all V, at this temperature, before the nucleus is cut out
    entropy: Tensor  # float32, bits: how undecided the V were, likewise


def check_sampling(top_p: float, temperature: float) -> None:
    """Raise ValueError unless 0 < top_p <= 1 and temperature is 0 or more."""
    if not 0 < top_p <= 1:
        meant = f"; {top_p:g} % is {top_p / 100:g}" if 2 <= top_p <= 100 else ""
        raise ValueError(f"p is a share of the probability, above 0 and at most 1, not {top_p}{meant}")
    if not 0 <= temperature < float("inf"):
        raise ValueError(f"a temperature is 0 or more, not {temperature}")


def nucleus(probability: Tensor, top_p: float) -> tuple[Tensor, Tensor, Tensor]:
    """The likeliest tokens of [V] up to a total of `top_p`, with the one that crosses it.

    Returns the order of tokens by falling probability (int64 [n], n may be less than V; equal ones by number), their
    cumulated probability (float32 [n]) and how many of them are in the nucleus (int64 []).
    """
    if probability.is_cpu and probability.numel() > 2 * SHORT_LIST and top_p < 1:
        short = probability.topk(SHORT_LIST).indices.sort().values  # by number, so that equal ones come out by it
        likely, order = probability[short].sort(descending=True, stable=True)
        heap = likely.cumsum(-1)
        if heap[-1] > top_p:  # the nucleus ends among these: no need to sort them all, which takes 10 times as long
            return short[order], heap, _count(heap, top_p)
    likely, order = probability.sort(descending=True, stable=True)
    heap = likely.cumsum(-1)
    return order, heap, _count(heap, top_p)


def _count(heap: Tensor, top_p: float) -> Tensor:
    """How many of the cumulated probabilities [n] the nucleus takes: those before which at most top_p was reached."""
    if top_p == 1:
        return torch.full((), heap.numel(), device=heap.device)
    return 1 + (heap[:-1] <= top_p).sum()


def draw(logits: Tensor, uniform: Tensor | float, top_p: float = 1.0, temperature: float = 1.0) -> Drawn:
    """Draw one of V tokens by a number from 0 up to but not including 1; logits [V], -inf where not allowed.

    Temperature divides the logits first, then the nucleus is cut out. At temperature 0 the likeliest is taken, and
    probability and entropy are those at 1. Raises ValueError as `check_sampling`.
    """
    check_sampling(top_p, temperature)
    logits = logits.float()
    log_probability = (logits / temperature if temperature > 0 else logits).log_softmax(-1)
    probability = log_probability.exp()
    entropy = torch.special.entr(probability).sum() / math.log(2)
    if temperature == 0:
        index, taken = probability.argmax(), torch.ones((), dtype=torch.int64, device=logits.device)
    else:
        order, heap, taken = nucleus(probability, top_p)
        index = order[_pick(heap, taken, uniform)]
    return Drawn(index, taken, probability[index], entropy)


def _pick(heap: Tensor, taken: Tensor, uniform: Tensor | float) -> Tensor:
    """The place in the cumulated probabilities [n] where a share `uniform` of the first `taken` ones is reached."""
    total = heap[taken - 1]
    # Strictly below the total, lest rounding picks the token behind the last one.
    point = torch.minimum(uniform * total, torch.nextafter(total, torch.zeros_like(total)))
    return torch.searchsorted(heap, point, right=True).minimum(taken - 1)
