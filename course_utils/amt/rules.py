"""The rules of sampling: which tokens may come next. Each can be switched off, to hear what it is good for.

A set of tokens is written as spans: (low, high) stands for the tokens low <= token < high.
Source: Thickstun et al. 2023 (arXiv 2306.08620, section 3 and appendix on sampling) and its released code.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from course_utils.amt import vocab
from course_utils.amt.vocab import Triples

TIME, DURATION, NOTE = 0, 1, 2  # the three slots of an event
SLOT_NAMES = ("time", "duration", "note")
MELODIC = 15  # instruments besides drums: a MIDI file has 16 channels, and one of them is the drums'
LAST_INSTRUMENT_COMPAT = 15  # the released code takes no new one when this many are there, of whatever kind
REST_INSTRUMENT = vocab.MAX_NOTE // vocab.MAX_PITCH  # what the released code takes a rest for: 129

LONGEST_GAP = vocab.TIME_RESOLUTION  # ticks from one event or rest to the next

Span = tuple[int, int]
EVERYTHING: tuple[Span, ...] = ((0, vocab.VOCAB_SIZE),)
SLOT_RANGES: tuple[Span, ...] = (
    (vocab.TIME_OFFSET, vocab.DUR_OFFSET),
    (vocab.DUR_OFFSET, vocab.NOTE_OFFSET),
    (vocab.NOTE_OFFSET, vocab.REST),
)
LEARNED_RANGES = (*SLOT_RANGES[:2], (vocab.NOTE_OFFSET, vocab.REST + 1))  # with the rest, which may stand for a note


@dataclass(frozen=True)
class Rules:
    """Which rules hold.

    slots: time, duration, note in turn. specials: never a control, nor a special token. time: never before what was
    there already. gap: nor more than a second after it, for a longer silence is written with rests; this rule is ours,
    neither the paper nor the released code has it. instruments: never a 16th besides drums. once: an instrument strikes
    a pitch once at one tick, and there is one rest; ours as well, for a small model can get stuck in a moment and
    repeat a note there hundreds of times.
    """

    slots: bool = True
    specials: bool = True
    time: bool = True
    gap: bool = True
    instruments: bool = True
    once: bool = True


ALL = Rules()


def allowed(
    slot: int,
    floor_ticks: int = 0,
    used: Iterable[int] = (),
    struck: Iterable[int] = (),
    rules: Rules = ALL,
    compat: bool = False,
) -> tuple[Span, ...]:
    """The tokens that may come next, as spans in rising order; none if the rules leave nothing.

    slot: 0 time, 1 duration, 2 note. floor_ticks: the earliest time in ticks, counted as the window counts. used:
    instruments of the piece so far. struck: note tokens of the piece at the time that was drawn. compat: as the
    released code, which lets REST stand for a time or a duration, lets time leap as far as it likes, counts REST and
    drums as instruments, stops at 15 of them, and lets a note begin again at its own tick.
    """
    spans = EVERYTHING
    if rules.specials:
        spans = remove(spans, vocab.CONTROL_OFFSET, vocab.VOCAB_SIZE)
    if rules.slots:
        spans = _only_slot(spans, slot, compat)
    if rules.time and slot == TIME:
        last = vocab.VOCAB_SIZE if compat else vocab.MAX_TIME
        spans = remove(spans, 0, min(max(floor_ticks, 0), last))
    if rules.gap and slot == TIME and not compat:
        # All that was learned from has an event or a rest each second: what is left for later times is untrained.
        spans = remove(spans, max(floor_ticks, 0) + LONGEST_GAP + 1, vocab.MAX_TIME)
    if rules.instruments and slot == NOTE:
        spans = _only_instruments(spans, playable(used, compat))
    if rules.once and slot == NOTE and not compat:
        spans = leave_out(spans, struck)
    return spans


def remove(spans: tuple[Span, ...], low: int, high: int) -> tuple[Span, ...]:
    """The spans without the tokens low <= token < high."""
    left = ((a, min(b, low)) for a, b in spans)
    right = ((max(a, high), b) for a, b in spans)
    return tuple(sorted({(a, b) for a, b in (*left, *right) if a < b})) if low < high else spans


def leave_out(spans: tuple[Span, ...], tokens: Iterable[int]) -> tuple[Span, ...]:
    """The spans, in rising order, without single tokens."""
    gone, left = sorted(set(tokens)), []
    for low, high in spans:
        for token in gone:
            if low <= token < high:
                left.append((low, token))
                low = token + 1
        left.append((low, high))
    return tuple((low, high) for low, high in left if low < high)


def joined(spans: tuple[Span, ...], hole: int) -> tuple[Span, ...]:
    """The spans, in rising order, over holes of up to `hole` tokens: fewer of them, which hold more."""
    found: list[Span] = []
    for low, high in spans:
        if found and low - found[-1][1] <= hole:
            found[-1] = (found[-1][0], high)
        else:
            found.append((low, high))
    return tuple(found)


def _only_slot(spans: tuple[Span, ...], slot: int, compat: bool) -> tuple[Span, ...]:
    """Without what belongs into the other two slots, for events and controls alike."""
    for other, (low, high) in enumerate(SLOT_RANGES):
        if other == slot:
            continue
        spans = remove(spans, low, high)
        spans = remove(spans, vocab.CONTROL_OFFSET + low, vocab.CONTROL_OFFSET + high)
    # A rest is a note that is not played: it belongs into the third slot.
    return spans if slot == NOTE or compat else remove(spans, vocab.REST, vocab.REST + 1)


def playable(used: Iterable[int], compat: bool = False) -> frozenset[int] | None:
    """The instruments that may play next, given those of the piece so far; None when all may.

    15 and drums fill the channels of a MIDI file. Rests are no instrument, and drums may always join.
    """
    there = frozenset(used)
    if compat:
        return None if len(there) < LAST_INSTRUMENT_COMPAT else there
    melodic = there - {vocab.DRUMS, REST_INSTRUMENT}
    return None if len(melodic) < MELODIC else melodic | {vocab.DRUMS}


def _only_instruments(spans: tuple[Span, ...], instruments: frozenset[int] | None) -> tuple[Span, ...]:
    if instruments is None:
        return spans
    start = vocab.NOTE_OFFSET  # remove from the end of one playable instrument to the beginning of the next
    for instrument in sorted(instruments - {REST_INSTRUMENT}):
        first = vocab.NOTE_OFFSET + instrument * vocab.MAX_PITCH
        spans, start = remove(spans, start, first), first + vocab.MAX_PITCH
    return remove(spans, start, vocab.REST)


def size(spans: Iterable[Span]) -> int:
    """How many tokens the spans hold."""
    return sum(high - low for low, high in spans)


def instruments_in(triples: Triples) -> set[int]:
    """Instrument numbers in events and controls alike; a rest counts as 129."""
    notes = np.unique(vocab.notes(triples))
    return {int(note) // vocab.MAX_PITCH for note in notes if 0 <= note <= vocab.MAX_NOTE}


def struck_at(triples: Triples, ticks: int) -> frozenset[int]:
    """The note tokens of the events and controls [N, 3] that begin at this tick, as those of events."""
    notes = vocab.notes(triples[vocab.onsets(triples) == ticks])
    return frozenset((vocab.NOTE_OFFSET + notes).tolist())


def broken_rules(
    triple: Iterable[int], floor_ticks: int, used: Iterable[int], struck: Iterable[int] = ()
) -> tuple[str, ...]:
    """Names of the rules that one sampled triple breaks, in the order of `Rules`; () for a sound event.

    floor_ticks: the earliest time in ticks, in the triple's own count. used, struck: as in `allowed`.
    """
    time, duration, note = (int(token) for token in triple)
    found = []
    kinds = [_kind(token) for token in (time, duration, note)]
    if any(kind is not None and kind != slot for slot, kind in enumerate(kinds)):
        found.append("slots")
    if max(time, duration, note) >= vocab.CONTROL_OFFSET:
        found.append("specials")
    if time < floor_ticks:
        found.append("time")
    if max(floor_ticks, 0) + LONGEST_GAP < time < vocab.DUR_OFFSET:
        found.append("gap")
    can = playable(used)
    if vocab.NOTE_OFFSET <= note < vocab.REST and can is not None:
        instrument = (note - vocab.NOTE_OFFSET) // vocab.MAX_PITCH
        if instrument not in can:
            found.append("instruments")
    if note in frozenset(struck):
        found.append("once")
    return tuple(found)


def _kind(token: int) -> int | None:
    """The slot into which a token belongs, that of a control like its event's; None for special tokens."""
    if token >= vocab.SPECIAL_OFFSET:
        return None
    plain = token - vocab.CONTROL_OFFSET if token >= vocab.CONTROL_OFFSET else token
    return next((slot for slot, (low, high) in enumerate(SLOT_RANGES) if low <= plain < high), NOTE)
