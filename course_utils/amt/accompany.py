"""Three things to do with a piece: accompany its melody, fill a gap in it, continue it.

A piece is a list of parts. One of them is the melody, chosen by name, by number, or by looking for the part that sings:
highest, one note at a time, most of the time.
Source: the tasks, 20 s with 5 s of prompt, are those of the human evaluation in Thickstun et al. 2023
(arXiv 2306.08620, section 5); the choice of the melody is ours, after the skyline rule of Uitdenbogerd and Zobel 1999.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import mido
import numpy as np
from numpy.typing import NDArray

from course_utils.amt import token_lists, vocab
from course_utils.amt.events import instrument_name
from course_utils.amt.generate import Generated, GenerateError, generate
from course_utils.amt.midi import open_midi, read_midi
from course_utils.amt.network import AMT
from course_utils.amt.vocab import Triples

SINGING_NAMES = ("melody", "vocal", "voice", "lead", "sing", "solo")
FEWEST_NOTES = 4  # of a part that can be a melody
WEAK = 0.5  # a part that sings in fewer seconds, or with fewer notes one at a time, is a doubtful melody
OVERLAP_TICKS = 5
UNPITCHED = {vocab.DRUMS, 113, *range(115, 128)}  # drums, agogo, woodblock and the like, sound effects


class MelodyError(GenerateError):
    """The melody that was asked for is not there, or none can be found."""


@dataclass(frozen=True, eq=False)
class Part:
    """What one instrument plays, in one track of a file."""

    number: int  # from 0, in the order of the file
    name: str  # of the track; the instrument's where the file gives none
    instrument: int  # 0 to 127, or 128 for drums
    events: Triples  # int64 [N, 3], in order of time

    @property
    def label(self) -> str:
        """Number, name and instrument in words."""
        played = instrument_name(self.instrument)
        return f"{self.number} {self.name}" + ("" if played == self.name else f" ({played})")


Piece: TypeAlias = Triples | Sequence[Part] | str | os.PathLike[str] | mido.MidiFile


@dataclass(frozen=True, eq=False)
class Melody:
    """The part taken for the melody, and why."""

    part: Part
    why: str
    doubt: str = ""  # what speaks against it, where it was looked for; "" if nothing does


# --- parts ------------------------------------------------------------------------------------------------------------


def parts_of(piece: Triples | str | os.PathLike[str] | mido.MidiFile) -> list[Part]:
    """The parts of a piece: of a MIDI file one for each track and instrument, of events one for each instrument.

    Rests and controls are left out. Raises MidiError for a file that cannot be read, GenerateError for a piece
    without notes.
    """
    if not isinstance(piece, str | os.PathLike | mido.MidiFile):
        found = _by_instrument(vocab.as_triples(piece))
    else:
        midi = open_midi(piece)
        silent = [_without_notes(track) for track in midi.tracks]
        found = [
            (readable(track.name), instrument, events)
            for number, track in enumerate(midi.tracks)
            for _, instrument, events in _by_instrument(_track_alone(midi, silent, number))
        ]
    if not found and isinstance(piece, str | os.PathLike | mido.MidiFile):
        read_midi(piece)  # says that this file holds no notes
    if not found:
        raise GenerateError("the piece has no notes: there is nothing to go by")
    return [
        Part(number, name or instrument_name(instrument), instrument, events)
        for number, (name, instrument, events) in enumerate(found)
    ]


def readable(name: str) -> str:
    """A track's name as it was meant: MIDI does not say how its letters are written, and mido takes them for Latin-1.

    It is UTF-8 if it can be; Shift JIS if it can be and most bytes are no ASCII. Control characters are left out.
    """
    raw = name.encode("latin-1", "replace")
    foreign = sum(byte > 127 for byte in raw)
    for encoding in ("utf-8", "cp932"):
        if foreign and (encoding == "utf-8" or foreign > len(raw) / 2):
            with contextlib.suppress(UnicodeDecodeError):
                name = raw.decode(encoding)
                break
    return "".join(letter for letter in name if letter.isprintable()).strip()


def _by_instrument(tokens: Triples) -> list[tuple[str, int, Triples]]:
    events, _ = token_lists.split(token_lists.unpad(tokens))
    events = token_lists.sort(events)
    numbers = token_lists.instrument_of(events)
    return [("", number, events[numbers == number]) for number in token_lists.instruments(events)]


def _track_alone(midi: mido.MidiFile, silent: list[mido.MidiTrack], number: int) -> Triples:
    """The events of one track, with tempo and programs as all tracks set them."""
    if not any(message.type == "note_on" and message.velocity for message in midi.tracks[number]):
        return vocab.as_triples([])
    alone = mido.MidiFile(type=midi.type, ticks_per_beat=midi.ticks_per_beat)
    alone.filename = midi.filename
    alone.tracks = [*silent[:number], midi.tracks[number], *silent[number + 1 :]]
    return read_midi(alone)


def _without_notes(track: mido.MidiTrack) -> mido.MidiTrack:
    """Only what sets the tempo, an instrument, or the port of a track, at the same times."""
    kept, wait = mido.MidiTrack(), 0
    for message in track:
        wait += message.time
        if message.type in ("set_tempo", "program_change", "midi_port"):
            kept.append(message.copy(time=wait))
            wait = 0
    return kept


def joined(parts: Sequence[Part]) -> Triples:
    """All parts as one list of events in order of time."""
    return token_lists.sort(np.concatenate([vocab.as_triples([]), *(part.events for part in parts)]))


# --- the melody -------------------------------------------------------------------------------------------------------


def choose_melody(parts: Sequence[Part], melody: str | int = "auto") -> Melody:
    """The melody among the parts: "auto", a part's number, or (part of) a track's or an instrument's name.

    Of several parts of that name the one with the most notes; `why` names the others. Where "auto" finds none that
    sings well, `doubt` says what is wrong with the best.
    Raises MelodyError when there is none, naming the parts there are.
    """
    if is_auto(melody):
        return _sings_most(parts)
    found = _named(parts, str(melody).strip().lower())
    if not found:
        raise MelodyError(f"there is no part {melody!r}; there are: {_labels(parts)}")
    best = max(found, key=lambda part: len(part.events))
    others = [part for part in found if part is not best]
    why = f"{best.label}: asked for as {str(melody).strip()!r}"
    if others:
        why += f"; the busiest of {len(found)} with that name, beside {_labels(others)}: a number names one alone"
    return Melody(best, why)


def is_auto(melody: str | int) -> bool:
    """Whether the melody is to be looked for."""
    return str(melody).strip().lower() == "auto"


def _named(parts: Sequence[Part], wanted: str) -> list[Part]:
    """The parts of this number, else of this very name, else with this in their name."""
    if wanted.isdecimal():
        return [part for part in parts if part.number == int(wanted)]
    names = [(part, (part.name.lower(), instrument_name(part.instrument).lower())) for part in parts]
    return [part for part, own in names if wanted in own] or [
        part for part, own in names if wanted and any(wanted in name for name in own)
    ]


def _labels(parts: Sequence[Part]) -> str:
    return "; ".join(part.label for part in parts)


def _sings_most(parts: Sequence[Part]) -> Melody:
    if not parts:
        raise MelodyError("no note begins here: choose another stretch of the piece")
    pitched = [part for part in parts if part.instrument not in UNPITCHED]
    pitched = pitched or [part for part in parts if part.instrument != vocab.DRUMS]
    if not pitched:
        raise MelodyError("only drums play here, and a melody needs pitches: ask for the melody 'drums' to keep them")
    able = [part for part in pitched if len(part.events) >= FEWEST_NOTES] or pitched
    marks = {part.number: singing(part, pitched) for part in able}
    best = max(able, key=lambda part: marks[part.number].total)
    return Melody(best, f"{best.label}: {marks[best.number]}", _doubt(best, marks[best.number]))


def _doubt(part: Part, mark: Singing) -> str:
    """What speaks against a part as the melody, as the end of a sentence about it; "" if nothing does."""
    against = []
    if mark.highest < WEAK:
        against.append(f"is the highest in only {mark.highest:.0%} of its notes")
    if mark.present < WEAK:
        against.append(f"begins a note in only {mark.present:.0%} of the seconds")
    if mark.single < WEAK:
        share = f"only {mark.single:.0%}" if mark.single >= 0.005 else "none"
        against.append(f"plays {share} of its notes one at a time")
    if len(part.events) < FEWEST_NOTES:
        against.append(f"has only {len(part.events)} {'note' if len(part.events) == 1 else 'notes'}")
    return " and ".join(against)


@dataclass(frozen=True)
class Singing:
    """How much a part is like a melody; shares from 0 to 1."""

    highest: float  # of its notes: nothing higher begins or sounds then
    single: float  # of its notes: it plays no other at that moment
    present: float  # of the seconds of the piece: it begins a note
    named: bool  # its track says that it sings

    @property
    def total(self) -> float:
        """The product of the shares, twice that for a telling name."""
        return self.highest * self.single * self.present * (2 if self.named else 1)

    def __str__(self) -> str:
        said = ", and its name says so" if self.named else ""
        return (
            f"the highest in {self.highest:.0%} of its notes, {self.single:.0%} of them one at a time, "
            f"one begins in {self.present:.0%} of the seconds{said}"
        )


def singing(part: Part, pitched: Sequence[Part]) -> Singing:
    """How much a part is like a melody, among the pitched parts of a piece (itself included)."""
    everything = joined(pitched)
    at, pitch = vocab.onsets(part.events), token_lists.pitch_of(part.events)
    top, _ = _sounding(everything, at)
    _, voices = _sounding(part.events, at)
    length = max(vocab.onsets(everything).max() // vocab.TIME_RESOLUTION + 1, 1)
    present = len(np.unique(at // vocab.TIME_RESOLUTION)) / length
    own = part.name if part.name != instrument_name(part.instrument) else ""  # "Lead 1 (square)" says nothing
    named = any(word in own.lower() for word in SINGING_NAMES)
    return Singing(float((pitch >= top).mean()), float((voices == 1).mean()), float(present), named)


def _sounding(events: Triples, at: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The highest pitch that begins or sounds at each tick, and how many notes do, both int64 [N].

    A note that ends within 50 ms does not count: lines overlap a little.
    """
    events = token_lists.sort(events)
    begin, pitch = vocab.onsets(events), token_lists.pitch_of(events)
    end = np.maximum(begin + vocab.durations(events) - OVERLAP_TICKS, begin + 1)
    top, voices = np.empty_like(at), np.empty_like(at)
    for first in range(0, len(at), 64):  # a few at a time, beside the notes that can sound then: pieces can be long
        some = slice(first, first + 64)
        near = slice(*np.searchsorted(begin, [at[some].min() - vocab.MAX_DUR, at[some].max() + 1]).tolist())
        sounds = (begin[near] <= at[some, None]) & (at[some, None] < end[near])  # [64, notes]
        top[some], voices[some] = np.where(sounds, pitch[near], -1).max(1, initial=-1), sounds.sum(1)
    return top, voices


# --- the three tasks --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Made:
    """A piece of music made from another; all times count from the beginning of the excerpt."""

    task: str  # "accompaniment", "infilling" or "continuation"
    events: Triples  # everything to be heard, in order of time
    given: Triples  # what was given and is heard: prompt, melody, the rest around a gap
    new: Triples  # what was sampled
    original: Triples  # the excerpt, all its parts
    span: tuple[float, float]  # s, from where to where was sampled
    melody: Melody | None
    generated: Generated


def accompany(
    model: AMT,
    piece: Piece,
    melody: str | int = "auto",
    *,
    start: float = 0.0,
    duration: float = 20.0,
    prompt: float = 5.0,
    **options: Any,
) -> Made:
    """Sample a new accompaniment to the melody of an excerpt, after `prompt` seconds of the piece's own.

    piece: its parts, its events, or a MIDI file. start, duration, prompt: seconds. melody: as `choose_melody`.
    options: those of `generate`. Raises MidiError for a file that cannot be read, MelodyError as `choose_melody`, and
    GenerateError for an excerpt without notes, or in which the melody is silent.
    """
    parts = _parts(piece)
    _check_prompt(prompt, duration)
    original = cut(joined(parts), start, duration)
    # What sings best is sought among the parts that play in the excerpt; a part asked for by name, among all.
    chosen = choose_melody(within(parts, start, duration) if is_auto(melody) else parts, melody)
    try:
        sung = cut(_numbered(parts, chosen.part.number).events, start, duration)
    except GenerateError as error:
        raise MelodyError(f"the melody ({chosen.part.label}) is silent there: {error}") from error
    others = joined([part for part in parts if part.number != chosen.part.number])
    inputs = _before(cut(others, start, duration, empty=True), prompt)
    made = generate(model, prompt, duration, inputs, vocab.as_controls(sung), **options)
    given = token_lists.combine(inputs, vocab.as_controls(sung))
    events = token_lists.combine(made.events, vocab.as_controls(sung))
    return Made("accompaniment", events, given, made.new, original, (prompt, duration), chosen, made)


def infill(
    model: AMT,
    piece: Piece,
    gap: tuple[float, float],
    *,
    start: float = 0.0,
    duration: float = 20.0,
    **options: Any,
) -> Made:
    """Empty the gap, from and to in seconds of the excerpt, and sample what could stand there.

    What comes after the gap is known beforehand. Other arguments and errors as `accompany`.
    """
    original = cut(joined(_parts(piece)), start, duration)
    begin, end = gap
    if not 0 <= begin < end <= duration:
        raise GenerateError(
            f"the gap must lie within the {duration:g} s of the excerpt and end after it begins, not from {begin:g} to "
            f"{end:g} s"
        )
    at = vocab.onsets(original)
    inputs = original[(at < vocab.ticks(begin)) | (at >= vocab.ticks(end))]
    made = generate(model, begin, end, inputs, **options)
    return Made("infilling", made.events, inputs, made.new, original, (begin, end), None, made)


def continue_piece(
    model: AMT,
    piece: Piece,
    *,
    start: float = 0.0,
    duration: float = 20.0,
    prompt: float = 5.0,
    **options: Any,
) -> Made:
    """Sample on from the first `prompt` seconds of an excerpt to its end. Arguments and errors as `accompany`."""
    _check_prompt(prompt, duration)
    original = cut(joined(_parts(piece)), start, duration)
    inputs = _before(original, prompt)
    if prompt > 0 and not len(inputs):
        first = vocab.seconds(int(vocab.onsets(original).min()))
        raise GenerateError(
            f"no note begins in the {prompt:g} s of the prompt: there is nothing to continue; the first is at "
            f"{first:g} s, so choose a later start or a longer prompt"
        )
    made = generate(model, prompt, duration, inputs, **options)
    return Made("continuation", made.events, inputs, made.new, original, (prompt, duration), None, made)


@dataclass(frozen=True, eq=False)
class Tried:
    """What came of sampling with one seed after another."""

    made: Made
    seed: int  # of it
    lost: tuple[tuple[int, float], ...]  # seeds with which the model lost its way, and where, in s
    tokens: int  # sampled in all tries


def densest(events: Triples) -> int:
    """The largest number of notes that begin at one tick."""
    return int(np.unique(vocab.onsets(token_lists.unpad(events)), return_counts=True)[1].max(initial=0))


def with_seeds(sample: Callable[..., Made], seed: int, tries: int, crowd: int) -> Tried:
    """Sample with `seed`, and with the next ones while the model loses its way, in `tries` tries at most.

    It has lost its way where more than `crowd` sampled notes begin at one tick: it reads the heap that it has made, and
    piles up more. sample: takes seed and most_at_once, as the three tasks do. Of tries that all went astray, the one
    that came furthest is kept. A single try is not cut short.
    """
    if tries <= 1:
        made = sample(seed=seed, most_at_once=None)
        return Tried(made, seed, (), len(made.generated.trace))
    lost: list[tuple[int, float]] = []
    furthest, tokens = None, 0
    for number in range(seed, seed + tries):
        made = sample(seed=number, most_at_once=crowd)
        tokens += len(made.generated.trace)
        if made.generated.stopped != "crowded":
            return Tried(made, number, tuple(lost), tokens)
        lost.append((number, made.generated.reached))
        if furthest is None or made.generated.reached > furthest[0].generated.reached:
            furthest = made, number
    assert furthest is not None
    return Tried(*furthest, tuple(lost), tokens)


def _parts(piece: Piece) -> Sequence[Part]:
    if isinstance(piece, str | os.PathLike | mido.MidiFile | np.ndarray) or not len(piece):
        return parts_of(piece)
    return piece


def _numbered(parts: Sequence[Part], number: int) -> Part:
    return next(part for part in parts if part.number == number)


def _check_prompt(prompt: float, duration: float) -> None:
    if not 0 <= prompt < duration:
        raise GenerateError(
            f"the prompt must be 0 s or more and shorter than the {duration:g} s of the excerpt, not {prompt:g} s"
        )


def cut(events: Triples, start: float, duration: float, empty: bool = False) -> Triples:
    """The events that begin within `duration` seconds from `start` on, with times counted from there.

    Notes that would sound on behind it end with it. Raises GenerateError for an impossible stretch, and, unless
    `empty` is allowed, for one in which no note begins.
    """
    if not (0 <= start < float("inf") and 0 < duration < float("inf")):
        raise GenerateError(
            f"an excerpt has a start from 0 on and a duration above 0, in seconds; not a start of {start:g} and a "
            f"duration of {duration:g}"
        )
    first, last = vocab.ticks(start), vocab.ticks(start + duration)
    found = token_lists.clip(events, first, last - 1, clip_duration=False)
    if not len(found) and not empty:
        at = vocab.onsets(events)
        there = f"notes begin from {vocab.seconds(at.min()):g} to {vocab.seconds(at.max()):g} s" if len(at) else "none"
        raise GenerateError(
            f"no note begins between {start:g} and {start + duration:g} s ({there}): "
            "choose another start or a longer duration"
        )
    # At least a tick is left of each, because the last of them begins before the end.
    return token_lists.translate(token_lists.clip(found, first, last), -first)


def within(parts: Sequence[Part], start: float, duration: float) -> list[Part]:
    """The parts that begin a note in an excerpt, each with what it plays there, times counted from its beginning."""
    cuts = [replace(part, events=cut(part.events, start, duration, empty=True)) for part in parts]
    return [part for part in cuts if len(part.events)]


def _before(events: Triples, prompt: float) -> Triples:
    return events[vocab.onsets(events) < vocab.ticks(prompt)]
