"""From pieces to training sequences of exactly 1024 tokens: one for the mode, then 341 events and controls.

Each piece is copied 30 times, each copy with its own controls; copies are padded with rests, interleaved, joined with
a separator before each, and cut into 341 rows at a time. Source: arXiv 2306.08620v2, on training; order and details
are those of the released code, except for what `compat` names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from course_utils.amt import token_lists
from course_utils.amt.augment import COPIES, KINDS, Rng, augment
from course_utils.amt.interleave import anticipate
from course_utils.amt.vocab import (
    ANTICIPATE,
    AUTOREGRESS,
    CONTEXT_SIZE,
    DELTA,
    EVENT_SIZE,
    MAX_TIME,
    MIDI_SEPARATOR,
    SEPARATOR,
    TIME_RESOLUTION,
    Triples,
    as_triples,
    is_rest,
)

ROWS = (CONTEXT_SIZE - 1) // EVENT_SIZE  # events and controls in a sequence: 341
MIN_EVENTS = 100
MIN_SECONDS, MAX_SECONDS = 10, 3600
MAX_INSTRUMENTS = 16
SEPARATOR_ROW = np.full((1, EVENT_SIZE), SEPARATOR, dtype=np.int64)
Sequence1024 = NDArray[np.int64]  # int64 [1024]


@dataclass
class Tally:
    """What became of the pieces: pass one in to have it filled."""

    sequences: int = 0
    rests: int = 0
    inexpressible: int = 0  # sequences dropped because they last 100 s or more
    unfit: dict[str, int] = field(default_factory=dict)  # pieces left out, by reason


def unfit(events: Triples) -> str | None:
    """Why a piece is not used in training: "too short" (under 100 events or 10 s), "too long" (over an hour) or "too
    many instruments" (over 16); None if it is."""
    last = token_lists.max_time(events)
    if len(events) < MIN_EVENTS or last < MIN_SECONDS * TIME_RESOLUTION:
        return "too short"
    if last > MAX_SECONDS * TIME_RESOLUTION:
        return "too long"
    return "too many instruments" if len(token_lists.instruments(events)) > MAX_INSTRUMENTS else None


def training_sequences(
    pieces: Iterable[Triples],
    rng: Rng,
    copies: int = COPIES,
    delta: float = DELTA,
    shuffle: bool = True,
    compat: bool = False,
    tally: Tally | None = None,
) -> Iterator[Sequence1024]:
    """Training sequences, int64 [1024], of pieces of events, int64 [N, 3]; the last incomplete one is dropped.

    Copy k of a piece is made as KINDS[k % 10] says, so any ten in a row have the mixture of the paper. shuffle: the
    copies of all pieces are joined in random order; otherwise each piece's follow one another, as in the released code.
    Pieces that are `unfit` are left out. Times count from the first onset of each piece in the sequence; a sequence
    that lasts 100 s or more is dropped, because it cannot be written.

    compat: as the released code, with a RandomState and no shuffling: times after a separator keep counting from the
    start of their piece, and ANTICIPATE also stands before pieces that have one instrument and therefore no controls.
    """
    tally = tally if tally is not None else Tally()
    fit = list(_fit(pieces, tally))
    jobs = [(piece, KINDS[k % len(KINDS)]) for piece in range(len(fit)) for k in range(copies)]
    if shuffle and not compat:
        order = rng.permutation(len(jobs))
        jobs = [jobs[place] for place in order]
    buffer, mode = np.empty((0, EVENT_SIZE), dtype=np.int64), AUTOREGRESS
    for piece, kind in jobs:
        rows, next_mode = training_copy(fit[piece], kind, rng, delta, compat)
        tally.rests += int(is_rest(rows).sum())
        # The mode is that of the piece in which the sequence begins.
        mode = mode if len(buffer) else next_mode
        buffer = np.concatenate([buffer, rows])
        while len(buffer) >= ROWS:
            sequence = _sequence(mode, buffer[:ROWS], compat)
            buffer = buffer[ROWS:]
            if sequence is None:
                tally.inexpressible += 1
                # The released code keeps the mode of a dropped sequence for the one after it.
                mode = mode if compat else next_mode
                continue
            mode = next_mode
            tally.sequences += 1
            yield sequence


def training_copy(
    events: Triples, kind: str, rng: Rng, delta: float = DELTA, compat: bool = False
) -> tuple[Triples, int]:
    """One copy of a piece, separator first, int64 [N, 3], and its mode token; arguments as for `training_sequences`."""
    chosen, controls = augment(events, kind, rng)
    plain = kind == "none" or (not compat and kind == "instrument" and not len(controls))
    padded = token_lists.pad(chosen, token_lists.max_time(events))
    tokens, leftover = anticipate(padded, controls, delta)
    if len(leftover):
        # Only a delta of less than the last rests' reach leaves any; they end the piece, so that nothing is lost.
        tokens = np.concatenate([tokens, leftover])
    return np.concatenate([SEPARATOR_ROW, tokens]), AUTOREGRESS if plain else ANTICIPATE


def interarrival_sequences(pieces: Sequence[NDArray[np.int64]]) -> Iterator[Sequence1024]:
    """Training sequences of interarrival tokens, int64 [1024], a separator before each piece; the rest is dropped."""
    buffer = np.empty(0, dtype=np.int64)
    for piece in pieces:
        buffer = np.concatenate([buffer, [MIDI_SEPARATOR], piece])
        whole = len(buffer) // CONTEXT_SIZE * CONTEXT_SIZE
        yield from buffer[:whole].reshape(-1, CONTEXT_SIZE)
        buffer = buffer[whole:]


def _fit(pieces: Iterable[Triples], tally: Tally) -> Iterator[Triples]:
    """The pieces that can be used; the others are counted by reason."""
    for piece in pieces:
        events = as_triples(piece)
        reason = unfit(events)
        if reason is None:
            yield events
        else:
            tally.unfit[reason] = tally.unfit.get(reason, 0) + 1


def _sequence(mode: int, rows: Triples, compat: bool) -> Sequence1024 | None:
    """Mode and rows as one sequence, its times counted from zero, or None if it lasts too long."""
    rows = token_lists.translate(rows, -token_lists.min_time(rows)) if compat else token_lists.from_zero(rows)
    if token_lists.max_time(rows) >= MAX_TIME:
        return None
    return np.concatenate([[mode], rows.reshape(-1)])
