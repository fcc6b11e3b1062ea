"""Events as a reader meets them: seconds, pitch and instrument, and the words for single tokens."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pretty_midi

from course_utils.amt import token_lists
from course_utils.amt.vocab import (
    ANTICIPATE,
    AUTOREGRESS,
    CONTROL_OFFSET,
    DRUMS,
    DUR_OFFSET,
    EVENT_SIZE,
    MAX_DUR,
    MAX_INSTR,
    MAX_PITCH,
    NOTE_OFFSET,
    REST,
    SEPARATOR,
    SPECIAL_OFFSET,
    TIME_OFFSET,
    VOCAB_SIZE,
    TokensError,
    Triples,
    as_triples,
    durations,
    is_control,
    is_separator,
    onsets,
    seconds,
    ticks,
)

SPECIAL = {SEPARATOR: "SEPARATOR", AUTOREGRESS: "AUTOREGRESS", ANTICIPATE: "ANTICIPATE"}
# General MIDI's percussion keys, 35 to 81
FIRST_DRUM, LAST_DRUM = 35, 81


class Event(NamedTuple):
    """One note, or a rest (pitch and instrument None).

    time, duration: seconds; pitch: 0 to 127, 60 is middle C; instrument: 0 to 127 of General MIDI, 128 for drums;
    control: given to the model, not sampled by it.
    """

    time: float
    duration: float
    pitch: int | None
    instrument: int | None
    control: bool = False

    @property
    def tokens(self) -> tuple[int, int, int]:
        """The three tokens of the event: time, duration, note. Raises TokensError where there are none."""
        time, duration, note = to_triples([self])[0].tolist()
        return time, duration, note

    def __str__(self) -> str:
        """As a line of text: "1.25 s, 0.50 s long: C4, Acoustic Grand Piano"."""
        if self.pitch is None or self.instrument is None:
            return f"{self.time:.2f} s: rest"
        given = " (control)" if self.control else ""
        note = note_name(self.pitch, self.instrument)
        return f"{self.time:.2f} s, {self.duration:.2f} s long: {note}, {instrument_name(self.instrument)}{given}"


def to_events(tokens: Triples) -> list[Event]:
    """Tokens, int64 [N, 3] or flat [3N], as events. Raises TokensError for separators, where time starts anew."""
    tokens = as_triples(tokens)
    if is_separator(tokens).any():
        raise TokensError("a list with separators holds several pieces; take one of them")
    columns = (
        onsets(tokens),
        durations(tokens),
        token_lists.pitch_of(tokens),
        token_lists.instrument_of(tokens),
        is_control(tokens),
    )
    events = []
    for onset, duration, pitch, instrument, control in zip(*(column.tolist() for column in columns), strict=True):
        rest = instrument >= MAX_INSTR
        played = (None, None) if rest else (pitch, instrument)
        events.append(Event(seconds(onset), seconds(duration), played[0], played[1], control))
    return events


def to_triples(events: Iterable[Event]) -> Triples:
    """Events as tokens, int64 [N, 3], times and durations to the nearest 10 ms.

    Raises TokensError for what has no token: a time before 0, a duration of 10 s or more, a pitch or an instrument
    outside its range. Times past 100 s are kept: translate them before they go into a model.
    """
    rows = [_row(event) for event in events]
    return np.array(rows, dtype=np.int64).reshape(-1, EVENT_SIZE)


def _row(event: Event) -> list[int]:
    onset, duration = ticks(event.time), ticks(event.duration)
    if onset < 0:
        raise TokensError(f"an event cannot begin before 0 s; seen: {event.time} s")
    if not 0 <= duration < MAX_DUR:
        raise TokensError(f"a duration is 0 to {seconds(MAX_DUR - 1)} s; seen: {event.duration} s")
    if event.pitch is None or event.instrument is None:
        if event.control:
            raise TokensError("a rest cannot be a control: there is no token for it")
        return [TIME_OFFSET + onset, DUR_OFFSET + duration, REST]
    for what, value, limit in (("pitch", event.pitch, MAX_PITCH), ("instrument", event.instrument, MAX_INSTR)):
        if not 0 <= value < limit:
            raise TokensError(f"a {what} is 0 to {limit - 1}; seen: {value}")
    raised = CONTROL_OFFSET if event.control else 0
    note = MAX_PITCH * event.instrument + event.pitch
    return [raised + TIME_OFFSET + onset, raised + DUR_OFFSET + duration, raised + NOTE_OFFSET + note]


def instrument_name(number: int) -> str:
    """Name of an instrument in General MIDI, 0 to 127, or "Drums" for 128. Raises TokensError for another number."""
    if not 0 <= number < MAX_INSTR:
        raise TokensError(f"instruments are 0 to {MAX_INSTR - 1}; seen: {number}")
    return "Drums" if number == DRUMS else str(pretty_midi.program_to_instrument_name(number))


def note_name(pitch: int, instrument: int = 0) -> str:
    """Name of a pitch, "C4" for 60; for drums the name of the drum, or "Drum 12" where General MIDI has none."""
    if not 0 <= pitch < MAX_PITCH:
        raise TokensError(f"a pitch is 0 to {MAX_PITCH - 1}; seen: {pitch}")
    if instrument != DRUMS:
        return str(pretty_midi.note_number_to_name(pitch))
    known = FIRST_DRUM <= pitch <= LAST_DRUM
    return str(pretty_midi.note_number_to_drum_name(pitch)) if known else f"Drum {pitch}"


def describe(token: int) -> str:
    """What one of the 55,028 tokens means: "time 1.25 s", "control: duration 0.50 s", "C4, Acoustic Grand Piano".

    Raises TokensError for a number that is no token.
    """
    if not 0 <= token < VOCAB_SIZE:
        raise TokensError(f"tokens are 0 to {VOCAB_SIZE - 1}; seen: {token}")
    if token >= SPECIAL_OFFSET:
        return SPECIAL[token]
    if token == REST:
        return "REST"
    if token >= CONTROL_OFFSET:
        return f"control: {describe(token - CONTROL_OFFSET)}"
    if token < DUR_OFFSET:
        return f"time {seconds(token - TIME_OFFSET):.2f} s"
    if token < NOTE_OFFSET:
        return f"duration {seconds(token - DUR_OFFSET):.2f} s"
    instrument, pitch = divmod(token - NOTE_OFFSET, MAX_PITCH)
    return f"{note_name(pitch, instrument)}, {instrument_name(instrument)}"
