"""What came of a prompt: is it all there, how much of the rest is new, and does it still sound like the original?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy.typing as npt
import torch
from torch import Tensor

from course_utils.audio import SAMPLE_RATE, chroma_similarity
from course_utils.vampnet.masks import Mask

Signal: TypeAlias = npt.NDArray[Any] | Tensor


@dataclass(frozen=True)
class Agreement:
    """Share of tokens that are as in the original, 0 to 1, where kept and where generated; None where there is none."""

    kept: float | None
    generated: float | None


@dataclass(frozen=True)
class Outcome:
    """One variation, measured against its original."""

    kept: int  # tokens of the prompt, in the whole batch
    kept_fraction: float  # of all tokens, 0 to 1
    kept_exact: bool  # every one of them came through as it was
    agreement_kept: float | None  # shares as in `Agreement`: 1 if the prompt is exact
    agreement_generated: float | None
    by_codebook: tuple[Agreement, ...]  # the same for c0, c1, ...
    bits_per_second: float  # of the prompt
    chroma: float | None  # correlation of the pitch classes, -1 to 1; None without audio, and for silence


def measure(
    before: Tensor,
    after: Tensor,
    mask: Mask,
    frame_rate: float,
    codebook_size: int = 1024,
    audio: tuple[Signal, Signal] | None = None,
    rate: int = SAMPLE_RATE,
) -> Outcome:
    """Compare codes int64 [B, C, T] after a variation with those before, under the mask it was made with.

    frame_rate in frames/s, codebook_size in entries: for the bits per second. audio: the original and the result as
    one mono signal each, [N] or [..., N], of equal length at `rate` Hz, for the chroma correlation. Raises MaskError
    for codes of another shape than the mask's, ValueError for audio of different lengths.
    """
    mask.apply(before)  # refuses what does not fit
    mask.apply(after)
    same, kept = (before == after.to(before.device)).cpu(), ~mask.generate
    return Outcome(
        kept=mask.n_kept,
        kept_fraction=mask.kept_fraction,
        kept_exact=bool(same[kept].all()),
        agreement_kept=_share(same, kept),
        agreement_generated=_share(same, ~kept),
        by_codebook=tuple(
            Agreement(_share(same[:, c], kept[:, c]), _share(same[:, c], ~kept[:, c])) for c in range(mask.shape[1])
        ),
        bits_per_second=mask.bits_per_second(frame_rate, codebook_size),
        chroma=None if audio is None else chroma_between(*audio, rate),
    )


def chroma_between(original: Signal, result: Signal, rate: int = SAMPLE_RATE) -> float | None:
    """`chroma_similarity` of the result with the original; None if either is silent: it has no pitch class."""
    pair = [torch.as_tensor(signal).detach().cpu().float().reshape(-1) for signal in (original, result)]
    if any(not bool(signal.any()) for signal in pair):
        return None
    return chroma_similarity(pair[1], pair[0], rate)


def _share(same: Tensor, where: Tensor) -> float | None:
    """Mean of `same`, bool, over the places `where`, bool; None without places."""
    return float(same[where].double().mean()) if bool(where.any()) else None
