"""A decode's trace as text for a page: one 32-bit word for every guess that was made.

Only open cells are guessed, so only these are written: token (10 bits), probability (8), rank of the confidence in its
pass (13), kept or not (1). What the page shows beyond that (which pass fixed a cell, which cells were a prompt)
follows. js/scrubberdata.js reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from course_utils.show.pack import to_base85

if TYPE_CHECKING:
    from torch import Tensor

    from course_utils.vampnet.decoding import Decoded, Pass

TOKENS, RANKS = 1 << 10, 1 << 13  # what fits the words
OCTAVE = 16  # steps of a stored probability to a factor of 2
BINS = 96  # of the stored histogram of the confidence

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Step:
    """One pass over one clip, all [C', T]; `rank` counts from 0, the least confident of this pass, and is -1 elsewhere.

    opened: guessed in this pass. kept: guessed and kept. asked, done: open cells after the pass.
    """

    opened: Bools
    kept: Bools
    tokens: Ints
    probability: Floats
    confidence: Floats
    rank: Ints
    asked: int
    done: int


@dataclass(frozen=True, eq=False)
class Stage:
    """The passes of one network over codebooks `first` to `first + rows - 1`."""

    first: int
    steps: tuple[Step, ...]

    @property
    def rows(self) -> int:
        """Number of codebooks."""
        return int(self.steps[0].opened.shape[0])

    @property
    def start(self) -> Bools:
        """What is open when the stage begins: [C', T]. All else is a prompt."""
        return self.steps[0].opened

    def open_after(self, number: int) -> Bools:
        """What is open after so many passes: [C', T]."""
        return self.start if number == 0 else self.steps[number - 1].opened & ~self.steps[number - 1].kept


def stages_of(decoded: Decoded, item: int = 0) -> tuple[Stage, ...]:
    """The trace of clip number `item`, network by network.

    ValueError: no trace, a clip that is not there, passes that are not of one length, tokens or cells too many.
    """
    if not decoded.trace:
        raise ValueError("this decode has no trace: decode with at least one pass")
    clips, _, frames = decoded.codes.shape
    if not 0 <= item < clips:
        raise ValueError(f"clip number {item} is not among the {clips} that were decoded (0 to {clips - 1})")
    stages = []
    for first, records in groupby(decoded.trace, key=lambda record: record.first):
        group = list(records)
        if [r.number for r in group] != list(range(1, len(group) + 1)) or group[0].passes != len(group):
            raise ValueError(
                f"the passes from c{first} on are numbered {[r.number for r in group]}: expected one run from 1 to "
                f"{group[0].passes} over the whole clip (a clip decoded in chunks cannot be scrubbed: shorten it)"
            )
        if any(r.tokens.shape[-1] != frames for r in group):
            raise ValueError(f"a pass has {group[0].tokens.shape[-1]} frames, the codes {frames}: not of one decode")
        stages.append(Stage(first, tuple(_step(record, item) for record in group)))
    return tuple(stages)


def _step(record: Pass, item: int) -> Step:
    kept, remasked = _array(record.kept[item]), _array(record.remasked[item])
    opened = kept | remasked
    tokens = _array(record.tokens[item]).astype(np.int64)
    count = int(opened.sum())
    if count > RANKS:
        raise ValueError(f"{count:,} open cells in one pass, at most {RANKS:,} can be shown: take a shorter clip")
    if count and not 0 <= tokens[opened].min() <= tokens[opened].max() < TOKENS:
        raise ValueError(f"tokens run to {tokens[opened].max()}, the player holds 0 to {TOKENS - 1}")
    confidence = _array(record.confidence[item]).astype(np.float32)
    return Step(
        opened,
        kept,
        tokens,
        _array(record.probability[item]).astype(np.float32),
        confidence,
        _ranks(confidence, opened),
        int(record.asked[item]),
        int(record.done[item]),
    )


def _array(tensor: Tensor) -> npt.NDArray[Any]:
    return np.asarray(tensor.detach().cpu().numpy())


def _ranks(confidence: Floats, opened: Bools) -> Ints:
    """Place of each open cell among the open ones by confidence, least first; of equals the earlier frame comes first.

    The decoder's own order (`flatten_codebooks`): frame by frame, in a frame codebook by codebook.
    """
    flat = np.where(opened, confidence.astype(np.float64), np.inf).T.ravel()
    rank = np.empty(len(flat), dtype=np.int64)
    rank[np.argsort(flat, kind="stable")] = np.arange(len(flat))
    out: Ints = np.where(opened, rank.reshape(opened.shape[1], opened.shape[0]).T, -1)
    return out


# --- packing ------------------------------------------------------------------------------------------------------


def probability_byte(probability: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """Probabilities as bytes: 0 is 1, every further step a sixteenth of a halving (so within 2.2 % of the value)."""
    p = np.maximum(np.asarray(probability, dtype=np.float64), 1e-12)
    return np.clip(np.rint(-OCTAVE * np.log2(p)), 0, 255).astype(np.uint8)


def words(step: Step) -> npt.NDArray[np.uint32]:
    """The guesses of a pass, row by row, one word each: uint32 [open cells]."""
    at = step.opened
    word = step.tokens[at] | (probability_byte(step.probability[at]).astype(np.int64) << 10)
    word |= (step.rank[at] << 18) | (step.kept[at].astype(np.int64) << 31)
    return word.astype(np.uint32)


def histogram(step: Step) -> dict[str, Any]:
    """How the confidence of a pass is spread: lowest and highest value, and the count of each of `BINS` equal bins."""
    values = step.confidence[step.opened].astype(np.float64)
    values = values[np.isfinite(values)]
    if not len(values):
        return {"low": 0.0, "high": 0.0, "counts": [0] * BINS}
    low, high = float(values.min()), float(values.max())
    counts, _ = np.histogram(values, bins=BINS, range=(low, high if high > low else low + 1))
    return {"low": round(low, 4), "high": round(high, 4), "counts": counts.tolist()}


def pack_stage(stage: Stage) -> dict[str, Any]:
    """A stage as js/scrubberdata.js reads it."""
    guesses = np.concatenate([words(step) for step in stage.steps])
    return {
        "first": stage.first,
        "rows": stage.rows,
        "passes": len(stage.steps),
        "open": to_base85(np.packbits(stage.start.ravel(), bitorder="little").tobytes()),
        "words": to_base85(guesses.astype("<u4").tobytes()),
        "asked": [step.asked for step in stage.steps],
        "done": [step.done for step in stage.steps],
        "confidence": [histogram(step) for step in stage.steps],
    }


def pack_codes(codes: npt.NDArray[np.integer[Any]]) -> str:
    """Codes [C, T] as text, two bytes each."""
    return to_base85(np.asarray(codes).astype("<u2").tobytes())


# --- what a position shows ----------------------------------------------------------------------------------------

WAITING, DROPPED, KEPT, NEW, PROMPT = range(5)  # js/scrubberdata.js has the same


def places(stages: Sequence[Stage]) -> list[tuple[int, int]]:
    """Every position of the slider as (stage, passes done in it): (0, 0), (0, 1), ... and on through later stages."""
    return [(0, 0)] + [(s, n) for s, stage in enumerate(stages) for n in range(1, len(stage.steps) + 1)]


def state_of(stage: Stage, number: int) -> tuple[npt.NDArray[np.uint8], Floats]:
    """What each cell is after `number` passes of its stage, uint8 [C', T], and the probability of its token.

    The probability is that of the pass which fixed the token, of the last guess where it was dropped, else 0.
    """
    state = np.where(stage.start, WAITING, PROMPT).astype(np.uint8)
    chance = np.zeros(stage.start.shape, dtype=np.float32)
    for n, step in enumerate(stage.steps[:number], start=1):
        chance[step.opened] = step.probability[step.opened]
        state[step.opened] = DROPPED
        state[step.kept] = NEW if n == number else KEPT
    return state, chance
