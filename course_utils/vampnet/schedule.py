"""How many tokens stay masked after each pass: the curve gamma, and whole numbers read off it.

Decoding starts with N masked tokens. After pass t of T the decoder keeps its most confident predictions and masks the
other floor(gamma(t/T) * N) again. A curve that falls slowly first, as the cosine does, fixes few tokens while little is
known and many once the rest follows from them.
Source: VampNet (arXiv 2307.04686v2), on sampling, after MaskGIT (arXiv 2202.04200, section 3.2); the rounding is that
of VampNet's released code.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

# Share of tokens still masked, float32 (1 to 0), at a share r of the passes, float32 (0 to 1); any shape, kept.
Gamma = Callable[[Tensor], Tensor]

SMALLEST = 1e-10  # the authors' floor under gamma: log gamma stays finite


def cosine(r: Tensor) -> Tensor:
    """Share of tokens still masked after a share r of the passes: cos(pi r / 2).

    r: float tensor of any shape, 0 to 1 -> same shape and dtype, 1 to 1e-10. Raises ValueError for r outside 0 to 1.
    Source: VampNet, on its mask schedule; the lower limit is the released code's (vampnet/mask.py, `_gamma`).
    """
    return (_shares(r, "r") * torch.pi / 2).cos().clamp(SMALLEST, 1.0)


def inverse_cosine(share: Tensor) -> Tensor:
    """The share r of the passes at which `cosine` has come down to a share of tokens: 2 acos(share) / pi.

    share: float tensor of any shape, 0 to 1 -> same shape and dtype, 1 to 0. Raises ValueError outside 0 to 1.
    Source: released code of VampNet, vampnet/mask.py, `_invgamma`.
    """
    return 2 * _shares(share, "the share of masked tokens").acos() / torch.pi


def linear(r: Tensor) -> Tensor:
    """The same number of tokens in every pass: 1 - r. For comparison; VampNet uses `cosine`.

    r: float tensor of any shape, 0 to 1 -> same shape and dtype. Raises ValueError for r outside 0 to 1.
    Source: MaskGIT (arXiv 2202.04200), which compares it with the cosine.
    """
    return 1 - _shares(r, "r")


def random(seed: int = 0, corners: int = 16) -> Gamma:
    """A curve without a plan: falls from 1 to 0 through `corners` random heights. For comparison.

    Returns a function of r like `cosine`, the same one for the same seed. Raises ValueError for fewer than 0 corners.
    """
    if corners < 0:
        raise ValueError(f"a curve has no or more corners, not {corners}")
    drawn = torch.rand(corners, generator=torch.Generator().manual_seed(seed))
    heights = torch.cat([torch.ones(1), drawn.sort(descending=True).values, torch.zeros(1)])  # [corners + 2]

    def gamma(r: Tensor) -> Tensor:
        place = _shares(r, "r") * (len(heights) - 1)
        low = place.floor().long().clamp(max=len(heights) - 2)
        at = heights.to(r)
        return torch.lerp(at[low], at[low + 1], place - low)

    return gamma


def masked_after(number: int, passes: int, n_masked: int, now: int, gamma: Gamma = cosine) -> int:
    """Number of tokens to mask again after pass `number` (1 to `passes`).

    n_masked: tokens masked when decoding began; now: tokens masked before this pass. The answer is
    floor(gamma(number / passes) * n_masked), but at most `now` - 1, so that every pass fixes something; then at least
    1, so that the next has something to do; and 0 after the last pass. Raises ValueError for numbers that do not fit.
    Source: released code of VampNet, vampnet/modules/transformer.py, `generate`. It computes in float32, and so does
    this: at r = 2/3 the cosine is a hair below 0.5, and half of an even N is rounded down to N/2 - 1.
    """
    _check(n_masked, passes)
    if not 1 <= number <= passes:
        raise ValueError(f"pass {number} is not one of the passes 1 to {passes}")
    if number == passes or now == 0:
        return 0
    share = gamma(torch.tensor([number / passes], dtype=torch.float32))
    if not bool(share.isfinite()):
        raise ValueError(f"gamma({number / passes:.3g}) is {float(share)}: it must be the share still masked, 0 to 1")
    wanted = math.floor((share * n_masked).item())
    return max(1, min(now - 1, wanted))


def masked_counts(n_masked: int, passes: int, gamma: Gamma = cosine) -> list[int]:
    """Tokens still masked after each pass: `passes` whole numbers, the last of them 0.

    n_masked: tokens masked at the start. Falls until 1 is left, which waits for the last pass: more passes than tokens
    are possible, but idle. Raises ValueError for fewer than 1 pass or a negative number of tokens.
    Source: as `masked_after`.
    """
    _check(n_masked, passes)
    counts = []
    now = n_masked
    for number in range(1, passes + 1):
        now = masked_after(number, passes, n_masked, now, gamma)
        counts.append(now)
    return counts


def fixed_counts(n_masked: int, passes: int, gamma: Gamma = cosine) -> list[int]:
    """Tokens that each pass fixes for good: `passes` numbers whose sum is `n_masked`. Raises as `masked_counts`."""
    after = masked_counts(n_masked, passes, gamma)
    before = [n_masked, *after[:-1]]
    return [b - a for b, a in zip(before, after, strict=True)]


def _check(n_masked: int, passes: int) -> None:
    if passes < 1:
        raise ValueError(f"decoding takes at least 1 pass, not {passes}")
    if n_masked < 0:
        raise ValueError(f"the number of masked tokens must be 0 or more, not {n_masked}")


def _shares(values: Tensor, what: str) -> Tensor:
    """The values themselves, if they are floats from 0 to 1."""
    if not values.is_floating_point():
        raise ValueError(f"{what} must be a floating-point tensor from 0 to 1, not {values.dtype}")
    if values.numel() and not bool(((values >= 0) & (values <= 1)).all()):
        raise ValueError(f"{what} must lie between 0 and 1; seen: {values.min().item():g} to {values.max().item():g}")
    return values
