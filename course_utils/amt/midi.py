"""MIDI files and events, in both directions.

The form in between is the note list of the released code ("compound"): int64 [N, 5], a row for each note in the order
in which the notes begin, with onset in ticks of 10 ms, duration in ticks (-1: the file never ends the note), pitch,
instrument (128 for drums) and velocity. Events keep neither velocity nor the tempo: time is in seconds from here on.

Source: arXiv 2306.08620v2 on its data; rules and rounding are those of the released code. Where it fails we go on:
more than 15 instruments get a second MIDI port, and a time past 275 s is not mistaken for a control.
"""

from __future__ import annotations

import io
import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import mido
import numpy as np
import pretty_midi
from numpy.typing import NDArray

from course_utils.amt import token_lists
from course_utils.amt.events import instrument_name
from course_utils.amt.vocab import (
    CONTROL_OFFSET,
    DRUMS,
    DUR_OFFSET,
    MAX_DUR,
    MAX_INSTR,
    MAX_PITCH,
    MAX_TIME,
    MIDI_END_OFFSET,
    MIDI_SEPARATOR,
    MIDI_START_OFFSET,
    NOTE_OFFSET,
    TIME_OFFSET,
    TIME_RESOLUTION,
    TokensError,
    Triples,
    as_events,
    as_triples,
    durations,
    is_separator,
    onsets,
    seconds,
    ticks,
)
from course_utils.files import atomic_write

Compound = NDArray[np.int64]  # int64 [N, 5]: onset, duration, pitch, instrument, velocity
MidiSource: TypeAlias = str | os.PathLike[str] | mido.MidiFile
Message = tuple[int, int, int, str, int, int]  # tick, order within the tick, place in the list, kind, pitch, velocity

DRUM_CHANNEL = 9
CHANNELS = 16
UNKNOWN_DURATION = TIME_RESOLUTION // 4  # ticks for a note that the file never ends
VELOCITY = 72  # of all notes that are written: events do not keep it
INTERARRIVAL_VELOCITY = 96  # the same for the interarrival tokens
DEFAULT_TEMPO = 500_000  # microseconds a beat: 120 beats a minute
TICKS_PER_BEAT = TIME_RESOLUTION // 2  # so that at 120 beats a minute a tick of the file is 10 ms
LONGEST_SECONDS = 24 * 3600


class MidiError(ValueError):
    """A file that is no MIDI file, is damaged, or holds no music that can be read."""


@dataclass(frozen=True)
class MidiReport:
    """What reading a MIDI file kept, changed and left out. Times in seconds."""

    notes: int
    seconds: float  # end of the last note
    instruments: dict[int, int]  # number of notes by instrument, in the order of their first notes
    shortened: int  # notes of 10 s and more, cut to 9.99 s
    unclosed: int  # notes that the file never ends, set to 0.25 s
    stray_ends: int  # ends of notes that never began, ignored
    past_window: int  # notes that begin at 100 s or later: only a part of the piece fits the model's times

    def lines(self) -> list[str]:
        """What a reader should know, a sentence each; empty if nothing was changed."""
        said = [
            (self.shortened, "lasted 10 s or longer and now lasts 9.99 s", "lasted 10 s or longer and now last 9.99 s"),
            (self.unclosed, "was never ended and now lasts 0.25 s", "were never ended and now last 0.25 s"),
            (self.past_window, "begins after 100 s", "begin after 100 s"),
        ]
        return [
            f"{n} {'note' if n == 1 else 'notes'} of the file {one if n == 1 else many}" for n, one, many in said if n
        ]


def read_midi(path: MidiSource, compat: bool = False) -> Triples:
    """The events of a MIDI file in the order in which they begin, int64 [N, 3].

    Onsets are not limited to 100 s; clip and translate what is to go into a model. Durations of 10 s and more become
    9.99 s, notes that are never ended last 0.25 s. Raises MidiError for anything but a whole MIDI file with notes.
    """
    return read_midi_report(path, compat)[0]


def read_midi_report(path: MidiSource, compat: bool = False) -> tuple[Triples, MidiReport]:
    """As `read_midi`, with a report of what was kept and changed."""
    compound, stray = _read_compound(path, compat)
    if not len(compound):
        raise MidiError(f"{_name(path)} holds no notes: is it a tempo track or a template? Choose a file with music")
    events = compound_to_events(compound)
    report = MidiReport(
        notes=len(events),
        seconds=seconds(int((onsets(events) + durations(events)).max())),
        instruments=token_lists.instruments(events),
        shortened=int((compound[:, 1] >= MAX_DUR).sum()),
        unclosed=int((compound[:, 1] < 0).sum()),
        stray_ends=stray,
        past_window=int((compound[:, 0] >= MAX_TIME).sum()),
    )
    return events, report


def read_compound(path: MidiSource, compat: bool = False) -> Compound:
    """The notes of a MIDI file, int64 [N, 5], in file order of their beginnings; [0, 5] if it has none.

    compat: one set of 16 channels for the whole file, as in the released code; otherwise each MIDI port has its own.
    Raises MidiError for anything but a whole MIDI file.
    """
    return _read_compound(path, compat)[0]


def compound_to_events(compound: Compound) -> Triples:
    """Notes as events, int64 [N, 3], in the same order; velocities are dropped and durations limited to 9.99 s."""
    compound = np.asarray(compound, dtype=np.int64).reshape(-1, 5)
    onset, duration, pitch, instrument = compound[:, :4].T
    for name, column, limit in (("pitch", pitch, MAX_PITCH), ("instrument", instrument, MAX_INSTR)):
        if len(column) and not 0 <= column.min() <= column.max() < limit:
            raise TokensError(f"a {name} is from 0 to {limit - 1}; seen: {column.min()} to {column.max()}")
    duration = np.where(duration < 0, UNKNOWN_DURATION, np.minimum(duration, MAX_DUR - 1))
    return np.stack([TIME_OFFSET + onset, DUR_OFFSET + duration, NOTE_OFFSET + MAX_PITCH * instrument + pitch], axis=1)


def events_to_compound(tokens: Triples, compat: bool = False) -> Compound:
    """Events and controls as notes, int64 [N, 5], in the same order, all with one velocity; rests are left out.

    A piece after a separator follows on the end of the one before. compat: as the released code, which takes each time
    of 27,513 ticks and more for a control's and each duration alike, and refuses an empty list.
    """
    tokens = as_triples(tokens)
    if compat:
        if not len(tokens):
            raise TokensError("the released code cannot convert an empty list")
        tokens = np.where((tokens >= CONTROL_OFFSET) & ~is_separator(tokens)[:, None], tokens - CONTROL_OFFSET, tokens)
    tokens = token_lists.unpad(as_events(tokens))
    between = is_separator(tokens)
    onset, duration = onsets(tokens) - TIME_OFFSET, durations(tokens)
    piece, start = np.cumsum(between), 0
    for number in range(1, int(piece[-1]) + 1 if len(piece) else 0):
        before = (piece == number - 1) & ~between
        # `onset` of the piece before is already moved; the next one starts where its last note ends.
        start = int((onset + duration)[before].max()) if before.any() else start
        onset = np.where(piece == number, onset + start, onset)
    instrument, pitch = token_lists.instrument_of(tokens), token_lists.pitch_of(tokens)
    return np.stack([onset, duration, pitch, instrument, np.full_like(onset, VELOCITY)], axis=1)[~between]


def to_midi(tokens: Triples, compat: bool = False) -> mido.MidiFile:
    """Events and controls as a MIDI file of one track an instrument, 50 ticks a beat at 120 beats a minute.

    The first 15 instruments beside drums share the 16 channels; each further 15 get the next MIDI port, which our
    reader and most sequencers keep apart. compat: one port, drums taking a number as well, and TokensError beyond it,
    as in the released code. Two notes of one pitch that overlap on one instrument cannot be told apart in MIDI: the
    one that began first is ended first.
    """
    return compound_to_midi(events_to_compound(tokens, compat), compat)


def compound_to_midi(compound: Compound, compat: bool = False) -> mido.MidiFile:
    """Notes as a MIDI file; arguments and errors as for `to_midi`."""
    by_instrument: dict[int, list[Message]] = {}
    rows = np.asarray(compound, dtype=np.int64).reshape(-1, 5)
    for place in np.argsort(rows[:, 0], kind="stable").tolist():
        onset, duration, pitch, instrument, velocity = rows[place].tolist()
        # A note must end before the same key begins again; one of no length begins before it ends.
        end_order = 2 if compat or duration == 0 else 0
        by_instrument.setdefault(instrument, []).extend(
            [(onset, 1, place, "note_on", pitch, velocity), (onset + duration, end_order, place, "note_off", pitch, 64)]
        )
    return _file(by_instrument, compat)


def from_pretty_midi(midi: pretty_midi.PrettyMIDI) -> Triples:
    """The events of a piece in pretty_midi's form in order of onset, int64 [N, 3]; on the same tick in order of tracks.

    Durations of 10 s and more become 9.99 s. Notes only: a sustain pedal does not lengthen them.
    """
    rows = []
    for track in midi.instruments:
        instrument = DRUMS if track.is_drum else track.program
        for note in track.notes:
            rows.append((ticks(note.start), ticks(note.end - note.start), note.pitch, instrument, note.velocity))
    return token_lists.sort(compound_to_events(np.array(rows, dtype=np.int64).reshape(-1, 5)))


def to_pretty_midi(tokens: Triples) -> pretty_midi.PrettyMIDI:
    """Events and controls for the synthesiser, one instrument each in order of first notes, any number of them."""
    midi = pretty_midi.PrettyMIDI()
    tracks: dict[int, pretty_midi.Instrument] = {}
    for onset, duration, pitch, number, velocity in events_to_compound(tokens).tolist():
        if number not in tracks:
            drums = number == DRUMS
            tracks[number] = pretty_midi.Instrument(0 if drums else number, drums, instrument_name(number))
        start, end = seconds(onset), seconds(onset + duration)
        tracks[number].notes.append(pretty_midi.Note(velocity, pitch, start, end))
    midi.instruments.extend(tracks.values())
    return midi


def write_midi(path: str | os.PathLike[str], tokens: Triples) -> Path:
    """Write events and controls as a MIDI file, whole or not at all, and return its path. Raises OSError."""
    midi = to_midi(tokens)
    with atomic_write(path) as temporary:
        midi.save(os.fspath(temporary))
    return Path(path)


def midi_to_interarrival(path: MidiSource) -> NDArray[np.int64]:
    """The interarrival tokens of a MIDI file, int64 [N]: the wait since the last message, note begins, note ends.

    Waits of 10 s and more become 9.99 s; each is rounded alone, so times drift. Raises MidiError.
    """
    tokens: list[int] = []
    waited = 0.0
    for note in _notes(open_midi(path), compat=True):
        waited += note.wait
        step = min(round(TIME_RESOLUTION * waited), MAX_DUR - 1)
        waited = 0.0
        offset = MIDI_START_OFFSET if note.velocity else MIDI_END_OFFSET
        tokens += [step] * (step > 0) + [offset + MAX_PITCH * note.instrument + note.pitch]
    return np.array(tokens, dtype=np.int64)


def interarrival_to_midi(tokens: NDArray[np.int64], compat: bool = False) -> mido.MidiFile:
    """Interarrival tokens as a MIDI file, as `to_midi` writes it; separators are skipped.

    An end for an instrument that has not begun is ignored. Raises TokensError for a token outside the vocabulary.
    """
    by_instrument: dict[int, list[Message]] = {}
    time = 0
    for place, token in enumerate(np.asarray(tokens, dtype=np.int64).tolist()):
        if not 0 <= token <= MIDI_SEPARATOR:
            raise TokensError(f"interarrival tokens are 0 to {MIDI_SEPARATOR}; seen: {token}")
        if token < MIDI_START_OFFSET:
            time += token
        elif token < MIDI_END_OFFSET:
            instrument, pitch = divmod(token - MIDI_START_OFFSET, MAX_PITCH)
            by_instrument.setdefault(instrument, []).append((time, 0, place, "note_on", pitch, INTERARRIVAL_VELOCITY))
        elif token < MIDI_SEPARATOR:
            instrument, pitch = divmod(token - MIDI_END_OFFSET, MAX_PITCH)
            if instrument in by_instrument:
                by_instrument[instrument].append((time, 0, place, "note_off", pitch, 64))
    return _file(by_instrument, compat)


# Reading


@dataclass(frozen=True)
class _Note:
    """A note's beginning (velocity > 0) or end (0) in a file."""

    wait: float  # seconds since the last such message
    time: float  # seconds
    channel: tuple[int, int]  # port, channel
    instrument: int
    pitch: int
    velocity: int


def _name(path: MidiSource) -> str:
    return (path.filename or "the MIDI data") if isinstance(path, mido.MidiFile) else os.fspath(path)


def open_midi(path: MidiSource) -> mido.MidiFile:
    """The file in mido's form, to be read several times. Raises MidiError for whatever cannot be read."""
    if isinstance(path, mido.MidiFile):
        midi = path
    else:
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise MidiError(f"{path}: cannot be read ({error.strerror or error})") from error
        midi = _parse(data, os.fspath(path))
    if midi.type == 2:
        raise MidiError(f"{_name(path)}: its tracks are independent songs (MIDI type 2); save it as type 0 or 1")
    if midi.ticks_per_beat <= 0:
        raise MidiError(f"{_name(path)}: counts time in film frames, not beats; export it with beats (PPQ)")
    return midi


def _parse(data: bytes, name: str) -> mido.MidiFile:
    if not data:
        raise MidiError(f"{name}: not a MIDI file; the file is empty (0 bytes): get it again or export it anew")
    if data[:4] == b"RIFF" and data[8:12] == b"RMID":
        data = _unwrapped(data)
    if data[:4] != b"MThd":
        raise MidiError(
            f"{name}: not a MIDI file; it begins with {data[:4]!r}, not with b'MThd': choose one with notes, as a "
            "notation program exports it (.mid), not sound or text"
        )
    try:
        midi = mido.MidiFile(file=io.BytesIO(data))
        midi.filename = name
        return midi
    except EOFError as error:
        raise MidiError(
            f"{name}: a MIDI file that breaks off after {len(data)} bytes; get it again or export it anew"
        ) from error
    except Exception as error:  # mido raises whatever the damage leads to: OSError, ValueError, KeyError, IndexError
        raise MidiError(f"{name}: a damaged MIDI file ({type(error).__name__}: {error}); export it anew") from error


def _unwrapped(data: bytes) -> bytes:
    """The MIDI file within a RIFF one (.rmi), whose parts are a name, a length and so many bytes; all if none is."""
    place = 12
    while place + 8 <= len(data):
        name, begin = data[place : place + 4], place + 8
        length = int.from_bytes(data[place + 4 : begin], "little")
        if name == b"data":
            return data[begin : begin + length]
        place = begin + length + length % 2
    return data


def _notes(midi: mido.MidiFile, compat: bool) -> Iterator[_Note]:
    """Beginnings and ends of notes in order of time, tracks merged, with their time in seconds."""
    merged: list[tuple[int, int, mido.Message]] = []  # file tick, port, message
    for track in midi.tracks:
        tick, port = 0, 0
        for message in track:
            tick += message.time
            if message.type == "midi_port" and not compat:
                port = message.port
            elif message.type in ("note_on", "note_off", "program_change", "set_tempo"):
                merged.append((tick, port, message))
    merged.sort(key=lambda entry: entry[0])
    programs: dict[tuple[int, int], int] = defaultdict(int)
    tempo, time, last_tick, wait = DEFAULT_TEMPO, 0.0, 0, 0.0
    for tick, port, message in merged:
        step = (tick - last_tick) * (tempo * 1e-6 / midi.ticks_per_beat)
        time, wait, last_tick = time + step, wait + step, tick
        if message.type == "set_tempo":
            tempo = message.tempo
            continue
        channel = (port, message.channel)
        if message.type == "program_change":
            programs[channel] = message.program
            continue
        instrument = DRUMS if message.channel == DRUM_CHANNEL else programs[channel]
        velocity = message.velocity if message.type == "note_on" else 0
        yield _Note(wait, time, channel, instrument, message.note, velocity)
        wait = 0.0


def _read_compound(path: MidiSource, compat: bool) -> tuple[Compound, int]:
    """Notes of a file and the number of ends that belong to none."""
    notes: list[list[int]] = []
    open_notes: dict[tuple[int, int, tuple[int, int]], list[tuple[int, float]]] = defaultdict(list)
    stray = 0
    for note in _notes(open_midi(path), compat):
        begun = open_notes[note.instrument, note.pitch, note.channel]
        if note.velocity:
            begun.append((len(notes), note.time))
            notes.append([round(TIME_RESOLUTION * note.time), -1, note.pitch, note.instrument, note.velocity])
        elif begun:
            row, onset = begun.pop(0)  # of several, the one that began first
            notes[row][1] = round(TIME_RESOLUTION * (note.time - onset))
        else:
            stray += 1
    if notes and notes[-1][0] > LONGEST_SECONDS * TIME_RESOLUTION:
        raise MidiError(f"{_name(path)}: lasts {notes[-1][0] / TIME_RESOLUTION / 3600:.0f} hours; its tempo is damaged")
    return np.array(notes, dtype=np.int64).reshape(-1, 5), stray


# Writing


def _channels(numbers: list[int], compat: bool) -> list[tuple[int, int]]:
    """Port and channel for each instrument, in order."""
    free = [channel for channel in range(CHANNELS) if channel != DRUM_CHANNEL]
    taken, places = 0, []
    for number in numbers:
        if number == DRUMS:
            places.append((0, DRUM_CHANNEL))
            taken += compat  # the released code lets drums use up a number too
            continue
        if compat and taken >= len(free):
            raise TokensError(f"{len(numbers)} instruments do not fit the 16 channels of one port")
        places.append((taken // len(free), free[taken % len(free)]))
        taken += 1
    return places


def _file(by_instrument: dict[int, list[Message]], compat: bool) -> mido.MidiFile:
    midi = mido.MidiFile(ticks_per_beat=TICKS_PER_BEAT)
    places = _channels(list(by_instrument), compat)
    for (instrument, messages), (port, channel) in zip(by_instrument.items(), places, strict=True):
        track = _track(instrument, port, channel, messages)
        if not compat:
            track.insert(0, mido.MetaMessage("track_name", name=instrument_name(instrument), time=0))
        midi.tracks.append(track)
    return midi


def _track(instrument: int, port: int, channel: int, messages: list[Message]) -> mido.MidiTrack:
    """One instrument's track: its port if it is not the first, its program, its notes."""
    track = mido.MidiTrack()
    if port:
        track.append(mido.MetaMessage("midi_port", port=port, time=0))
    program = 0 if instrument == DRUMS else instrument
    track.append(mido.Message("program_change", channel=channel, program=program, time=0))
    last = 0
    for time, _, _, kind, pitch, velocity in sorted(messages):
        track.append(mido.Message(kind, channel=channel, note=pitch, velocity=velocity, time=time - last))
        last = time
    return track
