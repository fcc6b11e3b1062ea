"""The 55,028 tokens of the Anticipatory Music Transformer, and the interarrival tokens it is compared with.

One event is three tokens: when it begins, how long it lasts, which note of which instrument. Each of the three has its
own range of numbers, so a token says by itself what it means:

        0 to  9,999   time, in ticks of 10 ms: up to 100 s
   10,000 to 10,999   duration, in ticks: up to 10 s
   11,000 to 27,511   note: 128 x instrument + pitch, with instrument 128 for drums
           27,512     REST: nothing begins here
   27,513 to 55,024   the same ranges again, for controls
   55,025 to 55,027   SEPARATOR, AUTOREGRESS, ANTICIPATE

Source: arXiv 2306.08620v2 on the arrival-time encoding; the order of the ranges and the special tokens are those of
the released code.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from course_utils import facts

Triples = NDArray[np.int64]  # int64 [N, 3]: the tokens of time, duration and note of N events or controls

# Sizes
TIME_RESOLUTION = round(1000 / facts.AMT_TICK_MS.value)  # ticks in a second
MAX_TIME = int(facts.AMT_TIMES.value)  # ticks; the first time that has no token
MAX_DUR = int(facts.AMT_DURATIONS.value)  # ticks; the first duration that has no token
MAX_PITCH = int(facts.AMT_PITCHES.value)
MAX_INSTR = int(facts.AMT_INSTRUMENTS.value)
MAX_NOTE = int(facts.AMT_NOTES.value)
DRUMS = MAX_INSTR - 1  # the instrument number of drums
EVENT_SIZE = 3  # tokens in an event
CONTEXT_SIZE = 1024  # tokens in a training sequence: one for the mode, then 341 triples
DELTA = float(facts.AMT_DELTA.value)  # seconds by which a control is anticipated

# Events
TIME_OFFSET = 0
DUR_OFFSET = TIME_OFFSET + MAX_TIME
NOTE_OFFSET = DUR_OFFSET + MAX_DUR
REST = NOTE_OFFSET + MAX_NOTE

# Controls: each token of an event, this much higher
CONTROL_OFFSET = REST + 1
ATIME_OFFSET = CONTROL_OFFSET + TIME_OFFSET
ADUR_OFFSET = CONTROL_OFFSET + DUR_OFFSET
ANOTE_OFFSET = CONTROL_OFFSET + NOTE_OFFSET

# Special tokens
SPECIAL_OFFSET = CONTROL_OFFSET + REST
SEPARATOR = SPECIAL_OFFSET  # three of them stand between two pieces
AUTOREGRESS = SPECIAL_OFFSET + 1  # first token of a sequence without controls
ANTICIPATE = SPECIAL_OFFSET + 2  # first token of a sequence with controls
VOCAB_SIZE = SPECIAL_OFFSET + 3

# The interarrival encoding, for comparison: time since the last message, note begins, note ends
MIDI_TIME_OFFSET = 0
MIDI_START_OFFSET = MIDI_TIME_OFFSET + MAX_DUR
MIDI_END_OFFSET = MIDI_START_OFFSET + MAX_NOTE
MIDI_SEPARATOR = MIDI_END_OFFSET + MAX_NOTE
MIDI_VOCAB_SIZE = MIDI_SEPARATOR + 1


class TokensError(ValueError):
    """Tokens that are not what the operation needs."""


def ticks(seconds: float, compat: bool = False) -> int:
    """A time in seconds as the nearest tick of 10 ms; `compat` cuts off instead, as the released code does.

    0.29 s is tick 29; 29 hundredths are a hair less in binary, and cutting off gives 28.
    """
    return int(TIME_RESOLUTION * seconds) if compat else round(TIME_RESOLUTION * seconds)


def seconds(ticks: float) -> float:
    """A time in ticks of 10 ms as seconds."""
    return ticks / TIME_RESOLUTION


def as_triples(tokens: object) -> Triples:
    """Any list of tokens, flat [3N] or [N, 3], as int64 [N, 3].

    Raises TokensError where the tokens do not come in threes or are not whole numbers.
    """
    array = np.asarray(tokens)
    if array.size == 0:
        return np.empty((0, EVENT_SIZE), dtype=np.int64)
    if not np.issubdtype(array.dtype, np.integer):
        raise TokensError(f"tokens are whole numbers; seen: an array of {array.dtype}")
    if array.size % EVENT_SIZE or (array.ndim > 1 and array.shape[-1] != EVENT_SIZE):
        raise TokensError(f"events are three tokens each; seen: an array of shape {list(array.shape)}")
    return array.reshape(-1, EVENT_SIZE).astype(np.int64, copy=False)


def is_control(triples: Triples) -> NDArray[np.bool_]:
    """Which rows are controls, bool [N]: told by the note, which no shift in time changes."""
    return (triples[:, 2] >= CONTROL_OFFSET) & (triples[:, 2] < SPECIAL_OFFSET)


def is_rest(triples: Triples) -> NDArray[np.bool_]:
    """Which rows are rests, bool [N]."""
    return triples[:, 2] == REST


def is_separator(triples: Triples) -> NDArray[np.bool_]:
    """Which rows stand between two pieces, bool [N]."""
    return triples[:, 2] == SEPARATOR


def onsets(triples: Triples) -> NDArray[np.int64]:
    """When each event or control begins, in ticks, int64 [N]. Meaningless for separators."""
    return triples[:, 0] - CONTROL_OFFSET * is_control(triples)


def durations(triples: Triples) -> NDArray[np.int64]:
    """How long each event or control lasts, in ticks, int64 [N]. Meaningless for separators."""
    return triples[:, 1] - DUR_OFFSET - CONTROL_OFFSET * is_control(triples)


def notes(triples: Triples) -> NDArray[np.int64]:
    """Note numbers 128 x instrument + pitch of events and controls alike, int64 [N]; a rest has MAX_NOTE."""
    return triples[:, 2] - NOTE_OFFSET - CONTROL_OFFSET * is_control(triples)


def as_controls(events: Triples) -> Triples:
    """Events as controls, int64 [N, 3]: each token CONTROL_OFFSET higher; controls stay as they are."""
    return events + CONTROL_OFFSET * (~is_control(events) & ~is_separator(events))[:, None]


def as_events(controls: Triples) -> Triples:
    """Controls as events, int64 [N, 3]: each token CONTROL_OFFSET lower; events stay as they are."""
    return controls - CONTROL_OFFSET * is_control(controls)[:, None]
