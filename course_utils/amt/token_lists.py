"""What one does with a list of events: clip, translate, pad with rests, split, sort, combine, mask, delete.

Everything here takes and returns triples, int64 [N, 3]; nothing is changed in place. Times are in ticks of 10 ms:
write `ticks(2.5)` for two and a half seconds. Rows that stand between two pieces are three SEPARATORs.

Source: the operations are those of the released code; where it goes astray `compat=True` follows it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from course_utils.amt.vocab import (
    DUR_OFFSET,
    MAX_INSTR,
    MAX_PITCH,
    REST,
    SEPARATOR,
    TIME_OFFSET,
    TIME_RESOLUTION,
    TokensError,
    Triples,
    as_events,
    as_triples,
    durations,
    is_control,
    is_rest,
    is_separator,
    notes,
    onsets,
)


def split(tokens: Triples) -> tuple[Triples, Triples]:
    """Events and controls of an interleaved list apart, each in its order; separators go with the events."""
    tokens = as_triples(tokens)
    control = is_control(tokens)
    return tokens[~control], tokens[control]


def clip(tokens: Triples, start_ticks: int, end_ticks: int, clip_duration: bool = True) -> Triples:
    """Events and controls that begin from `start_ticks` to `end_ticks`, both included; separators are dropped.

    clip_duration: a note that would sound past the end stops there.
    """
    tokens = as_triples(tokens)
    tokens = tokens[~is_separator(tokens)]
    begins = onsets(tokens)
    kept = (start_ticks <= begins) & (begins <= end_ticks)
    tokens, begins = tokens[kept].copy(), begins[kept]
    if clip_duration:
        too_long = begins + durations(tokens) - end_ticks
        tokens[:, 1] -= np.maximum(too_long, 0)
    return tokens


def mask(tokens: Triples, start_ticks: float, end_ticks: float) -> Triples:
    """All that does not begin strictly between `start_ticks` and `end_ticks`: a hole to be filled in again."""
    tokens = as_triples(tokens)
    begins = onsets(tokens)
    return tokens[~((start_ticks < begins) & (begins < end_ticks))]


def delete(tokens: Triples, criterion: Callable[[Triples], NDArray[np.bool_]]) -> Triples:
    """All rows for which `criterion`, given the triples, does not say True (bool [N])."""
    tokens = as_triples(tokens)
    return tokens[~np.asarray(criterion(tokens), dtype=bool)]


def translate(tokens: Triples, shift_ticks: int) -> Triples:
    """The same list, `shift_ticks` later (earlier if negative), up to the first separator.

    What follows a separator is another piece and keeps its own time. Raises TokensError if an onset would lie before 0.
    """
    tokens = as_triples(tokens)
    moved = tokens.copy()
    first = _first_piece(tokens)
    if first and shift_ticks < 0 and (earliest := int(onsets(tokens[:first]).min())) + shift_ticks < 0:
        raise TokensError(
            f"moving by {shift_ticks} ticks would put an event at {earliest + shift_ticks} ticks, before the start: "
            f"the first is at {earliest}. Move by {-earliest} at most, or clip first"
        )
    moved[:first, 0] += shift_ticks
    return moved


def from_zero(tokens: Triples) -> Triples:
    """The same list with every piece in it, separators between, moved so that its first onset is tick 0."""
    tokens = as_triples(tokens).copy()
    begins, between = onsets(tokens), is_separator(tokens)
    edges = [-1, *np.flatnonzero(between).tolist(), len(tokens)]
    for before, after in itertools.pairwise(edges):
        if after - before > 1:
            tokens[before + 1 : after, 0] -= begins[before + 1 : after].min()
    return tokens


def pad(events: Triples, end_ticks: int | None = None, density_ticks: int = TIME_RESOLUTION) -> Triples:
    """Events in order of time with a REST wherever nothing would begin for longer than `density_ticks`.

    The rests count on from the event before, so a silence of 2.5 s gets two. They also run on to `end_ticks` (None or
    0: to the last onset). Rests are what keeps time moving in a silence, so that controls due in it find their place.
    Raises TokensError for controls: pad before interleaving, because a rest is an event like others.
    """
    events = as_triples(events)
    if is_control(events).any() or is_separator(events).any():
        raise TokensError("pad takes events only; split the controls off, pad, then interleave")
    if density_ticks < 1:
        raise TokensError(f"the density is a number of ticks from 1 on; seen: {density_ticks}")
    end = end_ticks or max_time(events)
    times = np.concatenate([[0], events[:, 0] - TIME_OFFSET, [end]])
    # Between two onsets that are g apart stand ceil(g / density) - 1 rests, none if the gap is no gap.
    rests = np.maximum(-(-np.diff(times) // density_ticks) - 1, 0)
    before = np.repeat(times[:-1], rests)
    count = np.arange(len(before)) - np.repeat(np.cumsum(rests) - rests, rests) + 1
    rest_rows = np.empty((len(before), 3), dtype=np.int64)
    rest_rows[:, 0] = TIME_OFFSET + before + count * density_ticks
    rest_rows[:, 1:] = DUR_OFFSET, REST
    return np.insert(events, np.repeat(np.arange(len(rests)), rests), rest_rows, axis=0)


def unpad(tokens: Triples) -> Triples:
    """The list without its rests."""
    tokens = as_triples(tokens)
    return tokens[~is_rest(tokens)]


def sort(tokens: Triples) -> Triples:
    """In order of onset; what begins on the same tick keeps its order. Raises TokensError for several pieces."""
    tokens = as_triples(tokens)
    if is_separator(tokens).any():
        raise TokensError("a list with separators holds several pieces, and sorting would mix them; sort each alone")
    return tokens[np.argsort(onsets(tokens), kind="stable")]


def combine(events: Triples, controls: Triples) -> Triples:
    """Events and controls as one list of events in order of onset; on the same tick the events come first."""
    return sort(np.concatenate([as_triples(events), as_events(as_triples(controls))]))


def min_time(tokens: Triples, instrument: int | None = None) -> int:
    """Earliest onset before the first separator, in ticks, 0 if there is none; of one instrument, or rests included."""
    tokens = as_triples(tokens)
    begins = onsets(_of_instrument(tokens[: _first_piece(tokens)], instrument))
    return int(begins.min()) if len(begins) else 0


def max_time(tokens: Triples, instrument: int | None = None) -> int:
    """Latest onset of all pieces, in ticks, 0 if there is none; of one instrument, or rests included."""
    tokens = as_triples(tokens)
    begins = onsets(_of_instrument(tokens[~is_separator(tokens)], instrument))
    return max(int(begins.max()), 0) if len(begins) else 0


def instruments(tokens: Triples, compat: bool = False) -> dict[int, int]:
    """How many notes each instrument has, events and controls together, in the order of their first notes.

    Instruments are 0 to 127 (General MIDI) and 128 (drums). Rests are no instrument; `compat` counts them as number
    129, as the released code does.
    """
    tokens = as_triples(tokens)
    tokens = tokens[~is_separator(tokens)]
    found = instrument_of(tokens)
    if not compat:
        found = found[found < MAX_INSTR]
    numbers, first, counts = np.unique(found, return_index=True, return_counts=True)
    order = np.argsort(first)
    return dict(zip(numbers[order].tolist(), counts[order].tolist(), strict=True))


def instrument_of(tokens: Triples) -> NDArray[np.int64]:
    """Instrument of each row, int64 [N]: 0 to 127, 128 for drums, 129 for a rest. Meaningless for separators."""
    return notes(tokens) // MAX_PITCH


def pitch_of(tokens: Triples) -> NDArray[np.int64]:
    """Pitch of each row, int64 [N], 0 to 127 (60 is middle C). Meaningless for rests and separators."""
    return notes(tokens) % MAX_PITCH


def _first_piece(tokens: Triples) -> int:
    """Number of rows before the first separator."""
    between = np.flatnonzero(tokens[:, 2] == SEPARATOR)
    return int(between[0]) if len(between) else len(tokens)


def _of_instrument(tokens: Triples, instrument: int | None) -> Triples:
    return tokens if instrument is None else tokens[instrument_of(tokens) == instrument]
