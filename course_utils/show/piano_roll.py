"""The piano roll: a piece as the model's events, seen and heard by instrument. No kernel, no network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from course_utils.amt import token_lists, vocab
from course_utils.amt.events import instrument_name
from course_utils.amt.vocab import Triples
from course_utils.show import piano_roll_sound as sound
from course_utils.show.piano_roll_picture import roll_picture
from course_utils.show.player import AUDIO_BUDGET, Player

CONTROL = " (control)"  # behind the name of a part that is given
MOST_PARTS = 6  # parts with a sound and a colour of their own
MOST_EVENTS = 6000
# Seven colours that stay apart with any colour vision (after Okabe and Ito), on light and on dark paper.
COLOURS = {
    "light": ["#0b66a8", "#b4510b", "#007a5a", "#b0468f", "#8a7300", "#3b9fd6", "#5d6873"],
    "dark": ["#62b3ea", "#f0a35c", "#35cfa2", "#e58cc4", "#e3cf57", "#a7d8f5", "#a9b4bf"],
}
DRUM_COLOUR = 6
FAMILIES = (
    "Piano", "Chromatic percussion", "Organ", "Guitar", "Bass", "Strings", "Ensemble", "Brass", "Reed", "Pipe",
    "Synth lead", "Synth pad", "Synth effects", "World", "Percussive", "Sound effects",
)  # fmt: skip


@dataclass(frozen=True)
class Part:
    """Events that are heard, muted and coloured together: their instruments, and whether they are controls."""

    name: str
    instruments: tuple[int, ...]
    control: bool
    colour: int


def drum_name(pitch: int) -> str:
    """The General MIDI name of a drum, or its number where it has none."""
    import pretty_midi

    return str(pretty_midi.note_number_to_drum_name(pitch)) or f"drum {pitch}"


def instruments_of(triples: Triples) -> np.ndarray:
    """The instrument of each row, int64 [N]; -1 for a rest."""
    return np.where(vocab.is_rest(triples), -1, token_lists.instrument_of(triples))


def group_parts(triples: Triples, most: int = MOST_PARTS) -> list[Part]:
    """The parts of a piece, controls first, then by number of events: one an instrument, or families if too many.

    Where even the families are more than `most`, those with the fewest events become one part.
    """
    heard = triples[~vocab.is_rest(triples)]
    pairs = zip(vocab.is_control(heard).tolist(), instruments_of(heard).tolist(), strict=True)
    counts = Counter((bool(control), int(number)) for control, number in pairs)
    groups = [((control, instrument_name(number)), [number]) for control, number in sorted(counts)]
    if len(groups) > most:
        groups = _merged(counts, lambda number: "Drums" if number == vocab.DRUMS else FAMILIES[number // 8])

    def size(group: tuple[tuple[bool, str], list[int]]) -> int:
        return sum(counts[group[0][0], number] for number in group[1])

    groups.sort(key=lambda group: (not group[0][0], -size(group)))
    while len(groups) > most:  # the two smallest that may be put together: never controls with events
        events = [group for group in groups if not group[0][0]] or groups
        pool = events if len(events) > 1 else groups
        control = pool[-1][0][0]
        last, before = groups.pop(groups.index(pool[-1])), groups.pop(groups.index(pool[-2]))
        groups.append(((control, "Other instruments"), before[1] + last[1]))
    return _coloured(groups)


def _merged(counts: Counter[tuple[bool, int]], family: Any) -> list[tuple[tuple[bool, str], list[int]]]:
    found: dict[tuple[bool, str], list[int]] = {}
    for control, number in sorted(counts):
        found.setdefault((control, family(number)), []).append(number)
    named = []
    for (control, name), numbers in found.items():
        named.append(((control, instrument_name(numbers[0]) if len(numbers) == 1 else name), numbers))
    return named


def _coloured(groups: Sequence[tuple[tuple[bool, str], list[int]]]) -> list[Part]:
    free = iter(range(DRUM_COLOUR))
    parts = []
    for (control, name), numbers in groups:
        colour = DRUM_COLOUR if numbers == [vocab.DRUMS] and not control else next(free, DRUM_COLOUR)
        parts.append(Part(name + CONTROL if control else name, tuple(numbers), control, colour))
    return parts


def coloured_like(parts: Sequence[Part], others: Sequence[Part]) -> list[Part]:
    """The parts with the colours that parts of the same name, controls or not, have elsewhere; the rest take others."""
    known = {_plain(part): part.colour for part in reversed(others)}
    kept = {_plain(part): known[_plain(part)] for part in parts if _plain(part) in known}
    free = iter(colour for colour in range(DRUM_COLOUR) if colour not in kept.values())
    found = []
    for part in parts:
        if _plain(part) not in kept:
            kept[_plain(part)] = DRUM_COLOUR if part.colour == DRUM_COLOUR else next(free, DRUM_COLOUR)
        found.append(replace(part, colour=kept[_plain(part)]))
    return found


def _plain(part: Part) -> str:
    return part.name.removesuffix(CONTROL)


class PianoRoll(Player):
    """A piece to see, hear and read token by token; make it with `piano_roll`."""

    module = "pianoroll"
    height = 860

    def __init__(
        self,
        triples: Triples,
        title: str,
        source: str,
        start: float,
        seconds: float,
        rate: int,
        budget: int,
        like: PianoRoll | None = None,
    ) -> None:
        self.triples, self.title, self.source = triples, title, source
        self.start, self.seconds, self.rate = start, seconds, rate
        self.parts = group_parts(triples)
        if like is not None:
            self.parts = coloured_like(self.parts, like.parts)
        self.part_of = [self._part(row) for row in range(len(triples))]
        rows = np.array(self.part_of)
        voices = [triples[rows == part] for part in range(len(self.parts))]
        self.sounds, self.said = sound.render_parts(voices, start, seconds, rate)
        self.tracks = sound.pack_parts(self.sounds, rate, budget)

    def _part(self, row: int) -> int:
        number = int(instruments_of(self.triples[row : row + 1])[0])
        control = bool(vocab.is_control(self.triples[row : row + 1])[0])
        return next(
            (i for i, part in enumerate(self.parts) if part.control == control and number in part.instruments), -1
        )

    # --- words --------------------------------------------------------------------------------------------------

    @property
    def onsets(self) -> np.ndarray:
        """When each row begins, seconds, float64 [N]."""
        return np.asarray(vocab.onsets(self.triples) / vocab.TIME_RESOLUTION)

    @property
    def durations(self) -> np.ndarray:
        """How long each row lasts, seconds, float64 [N]."""
        return np.asarray(vocab.durations(self.triples) / vocab.TIME_RESOLUTION)

    @property
    def count(self) -> str:
        """Events, controls and rests in numbers."""
        rests = int(vocab.is_rest(self.triples).sum())
        controls = int(vocab.is_control(self.triples).sum())
        kinds = ((len(self.triples) - rests - controls, "event"), (controls, "control"), (rests, "rest"))
        told = [f"{number:,} {name}{'' if number == 1 else 's'}" for number, name in kinds if number]
        return f"{', '.join(told)} \u00b7 {3 * len(self.triples):,} tokens"

    @property
    def alt(self) -> str:
        """The piece in words: its length, and for every part how many events from which pitch to which."""
        end = self.start + self.seconds
        parts = [self._in_words(i, part) for i, part in enumerate(self.parts)]
        made = f" ({self.source})" if self.source else ""
        text = f"{self.title}{made}: piano roll of {self.start:.1f} to {end:.1f} s, {self.count}. {'. '.join(parts)}."
        if any(part.control for part in self.parts):
            text += " Controls are drawn as outlines, events filled."
        return text

    def _in_words(self, number: int, part: Part) -> str:
        rows = np.flatnonzero(np.array(self.part_of) == number)
        pitches = vocab.notes(self.triples[rows]) % vocab.MAX_PITCH
        kind = "control" if part.control else "event"
        text = f"{part.name}: {len(rows)} {kind}{'' if len(rows) == 1 else 's'}"
        if part.instruments == (vocab.DRUMS,):
            names = [drum_name(pitch) for pitch, _ in Counter(pitches.tolist()).most_common(3)]
            return f"{text}, most often {', '.join(names)}"
        low, high = pitch_name(int(pitches.min())), pitch_name(int(pitches.max()))
        span = f"from {low} to {high}" if low != high else f"on {low}"
        return f"{text} {span}, median duration {np.median(self.durations[rows]):.2f} s"

    @property
    def note(self) -> str:
        """How the sound was made, and what was done to it on its way into the page."""
        text = "Sound: the course's General MIDI soundfont plays each part by itself, every note equally loud; "
        text += "what you hear is their sum. "
        if self.said:
            text += f"{'. '.join(line[0].upper() + line[1:] for line in self.said)}. "
        return text + sound.sound_note(self.tracks, self.sounds)

    # --- what a player gives ------------------------------------------------------------------------------------

    def data(self) -> dict[str, Any]:
        """What js/pianoroll.js reads."""
        used = sorted(set(instruments_of(self.triples).tolist()) - {-1})
        notes = vocab.notes(self.triples)
        drums = sorted(set((notes[notes // vocab.MAX_PITCH == vocab.DRUMS] % vocab.MAX_PITCH).tolist()))
        rests = vocab.is_rest(self.triples)
        drums = [] if vocab.DRUMS not in used else drums
        counts = Counter(self.part_of)
        return {
            "title": self.title,
            "subtitle": self.source,
            "seconds": self.seconds,
            "first": self.start,
            "rate": self.rate,
            "count": self.count,
            "rests": int(rests.sum()),
            "tokens": self.triples.reshape(-1).tolist(),
            "part_of": self.part_of,
            "parts": [
                {
                    "name": part.name,
                    "title": ", ".join(instrument_name(number) for number in part.instruments),
                    "control": part.control,
                    "colour": part.colour,
                    "says": str(counts[i]),
                }
                for i, part in enumerate(self.parts)
            ],
            "names": {
                "instruments": {str(number): instrument_name(number) for number in used},
                "drums": {str(pitch): drum_name(pitch) for pitch in drums},
            },
            "colours": COLOURS,
            "note": self.note,
            "alt": self.alt,
            "tracks": [track.data() for track in self.tracks],
        }

    def picture(self) -> bytes:
        """The roll, drums on their own lane, with a legend."""
        return roll_picture(self)


NAMES = ("C", "C\u266f", "D", "E\u266d", "E", "F", "F\u266f", "G", "A\u266d", "A", "B\u266d", "B")


def pitch_name(pitch: int) -> str:
    """A MIDI pitch as a note's name: 60 is C4."""
    return f"{NAMES[pitch % 12]}{pitch // 12 - 1}"


def piano_roll(
    triples: Triples,
    title: str = "The piece as events",
    *,
    source: str = "",
    start: float | None = None,
    seconds: float | None = None,
    rate: int = 44100,
    budget: int = AUDIO_BUDGET,
    like: PianoRoll | None = None,
) -> PianoRoll:
    """The piano roll of events and controls, int64 [N, 3] in the AMT vocabulary, in the order in which they stand.

    start: seconds at which the roll begins, without it 0, or the first onset's second where that is later than 5 s;
    seconds: its length, without it up to the end of the last note and one second more. Rows outside are left out.
    source: which piece, or which model made it. budget: characters of packed sound; rate in Hz. like: a roll whose
    colours the instruments keep that play in both.
    Raises ValueError for tokens that are not triples, no events, too many (6000), or sound that does not fit.
    """
    rows = vocab.as_triples(triples)
    rows = rows[~vocab.is_separator(rows)]
    if len(rows) and (rows[:, 2].min() < vocab.NOTE_OFFSET or rows[:, 2].max() >= vocab.SPECIAL_OFFSET):
        raise ValueError(
            f"the third tokens run from {rows[:, 2].min()} to {rows[:, 2].max()}: a note lies in "
            f"{vocab.NOTE_OFFSET}..{vocab.SPECIAL_OFFSET - 1}; were the first, mode token and the triples kept apart?"
        )
    onsets = vocab.onsets(rows) / vocab.TIME_RESOLUTION
    ends = onsets + vocab.durations(rows) / vocab.TIME_RESOLUTION
    if start is None:
        start = float(np.floor(onsets.min())) if len(rows) and onsets.min() > 5 else 0.0
    inside = (onsets >= start) & (onsets < (np.inf if seconds is None else start + seconds))
    if not (inside & ~vocab.is_rest(rows)).any():
        raise ValueError(
            f"no event begins between {start:g} s and the end: there is nothing to show; give other events"
        )
    if inside.sum() > MOST_EVENTS:
        raise ValueError(
            f"{inside.sum()} events are too many for one roll, {MOST_EVENTS} at most: give start and seconds"
        )
    length = float(np.ceil((ends[inside].max() - start + 1) * 10) / 10) if seconds is None else float(seconds)
    return PianoRoll(rows[inside], title, source, float(start), length, rate, budget, like)
