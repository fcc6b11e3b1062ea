"""One variation of a clip, ready to be shown: its prompt, its sound, and what came of it in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from course_utils.show.pack import Samples

if TYPE_CHECKING:
    from torch import Tensor

    from course_utils.codec import Codec
    from course_utils.vampnet.result import Outcome
    from course_utils.vampnet.strategies import Strategy


@dataclass(frozen=True, eq=False)
class Prompted:
    """What a strategy made of a clip: samples float32 [N], the figures, and the model and seed that made it."""

    strategy: Strategy
    samples: Samples
    outcome: Outcome
    model: str
    seed: int

    @property
    def says(self) -> str:
        """The prompt and its figures in a sentence or two."""
        return f"{self.strategy.says[:1].upper()}{self.strategy.says[1:]}. {figures_in_words(self.outcome)}"


def prompted(
    strategy: Strategy,
    codes: Tensor,
    result: Tensor,
    codec: Codec,
    original: Samples | None = None,
    seed: int = 0,
    model: str = "course",
) -> Prompted:
    """Decode and measure codes int64 [1, C, T] that a strategy made of `codes`.

    original: samples float32 [N] that the sound is compared with, and cut to; without them the codec's own rendering of
    `codes`. Raises MaskError or ValueError for codes, mask and sound that do not belong together.
    """
    from course_utils.vampnet.result import measure

    if original is None:
        original = codec.decode(codes)[0, 0].numpy()
    samples = codec.decode(result, length=len(original))[0, 0].numpy()
    outcome = measure(
        codes,
        result,
        strategy.mask,
        codec.frame_rate,
        codec.codebook_size,
        audio=(np.asarray(original), samples),
        rate=codec.sample_rate,
    )
    return Prompted(strategy, samples, outcome, model, seed)


def figures_in_words(outcome: Outcome) -> str:
    """Kept tokens, agreement in and out of the prompt, and chroma correlation, as text."""
    parts = [f"Kept {outcome.kept:,} tokens ({outcome.kept_fraction:.1%}, {outcome.bits_per_second:,.0f} bit/s)"]
    if outcome.agreement_kept is not None:
        parts.append(f"of these as in the original {share(outcome.agreement_kept)}")
    if outcome.agreement_generated is not None:
        parts.append(f"of the generated {share(outcome.agreement_generated)}")
    if outcome.chroma is not None:
        parts.append(f"chroma correlation {outcome.chroma:.2f}")
    return f"{', '.join(parts)}.".replace(" -", " \u2212")


def share(value: float) -> str:
    """A share as percent, never rounded up to 100 %: "all" is said only of all."""
    return "100%" if value == 1 else f"{min(value, 0.999):.1%}"
