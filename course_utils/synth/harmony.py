"""Chords from roman numerals, and how to move from one to the next with little motion (voice leading)."""

from __future__ import annotations

import itertools
import re
from typing import NamedTuple

SCALES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
}
# Semitones of each numeral above the tonic; "b" before it lowers it by one.
DEGREES = {"i": 0, "ii": 2, "iii": 4, "iv": 5, "v": 7, "vi": 9, "vii": 11}
# What follows the numeral -> the tones above the third: fifth, seventh, ninth.
SUFFIXES = {
    "": (7,),
    "7": (7, 10),
    "maj7": (7, 11),
    "9": (7, 10, 14),
    "maj9": (7, 11, 14),
    "6": (7, 9),
    "add9": (7, 14),
    "m7b5": (6, 10),
}
NUMERAL = re.compile(r"(b?)(vii|vi|iv|v|iii|ii|i)(sus4|m7b5|maj7|maj9|add9|7|9|6|5)?", re.IGNORECASE)


class Chord(NamedTuple):
    """A chord as pitch classes (0-11, C = 0), the root first."""

    name: str
    tones: tuple[int, ...]

    @property
    def root(self) -> int:
        """Pitch class of the root."""
        return self.tones[0]

    @property
    def fifth(self) -> int:
        """Pitch class of the fifth (perfect or lowered)."""
        return next((tone for tone in self.tones if (tone - self.root) % 12 in (6, 7)), self.root)


def chord(numeral: str, tonic: int) -> Chord:
    """Return the chord of a roman numeral in the key of `tonic` (pitch class 0-11).

    Upper case is a major third, lower case a minor one: "I", "vi", "bVII", "ii7", "Imaj7", "Vsus4", "i5" (no third).
    Raises ValueError for anything else.
    """
    match = NUMERAL.fullmatch(numeral)
    if match is None:
        raise ValueError(f"{numeral!r} is not a chord this module knows; write for example 'IV', 'vi7' or 'bVII'")
    flat, degree, suffix = match.group(1), match.group(2), match.group(3) or ""
    third = 4 if degree.isupper() else 3
    intervals = {"sus4": (0, 5, 7), "5": (0, 7)}.get(suffix) or (0, third, *SUFFIXES[suffix])
    root = tonic + DEGREES[degree.lower()] - len(flat)
    return Chord(numeral, tuple((root + interval) % 12 for interval in intervals))


def scale(tonic: int, mode: str) -> tuple[int, ...]:
    """Return the seven pitch classes of a key; mode is a name in SCALES."""
    return tuple((tonic + step) % 12 for step in SCALES[mode])


def voicings(tones: tuple[int, ...], low: int, high: int) -> list[tuple[int, ...]]:
    """Return every close-position voicing of the pitch classes with all notes in low..high (MIDI pitches)."""
    found = []
    for start, order in itertools.product(range(low, high + 1), range(len(tones))):
        if start % 12 != tones[order]:
            continue
        notes = [start]
        for tone in tones[order + 1 :] + tones[:order]:
            notes.append(notes[-1] + ((tone - notes[-1]) % 12 or 12))
        if notes[-1] <= high:
            found.append(tuple(notes))
    return found


def lead_voices(tones: tuple[int, ...], before: tuple[int, ...], low: int, high: int) -> tuple[int, ...]:
    """Return the voicing in low..high (MIDI pitches) whose notes move least from the chord `before`.

    An empty `before` asks for the voicing nearest the middle of the range.
    Raises ValueError if the range is too narrow for the chord.
    """
    options = voicings(tones, low, high)
    if not options:
        raise ValueError(f"no close voicing of {len(tones)} tones fits between pitches {low} and {high}")
    if not before:
        return min(options, key=lambda notes: abs(sum(notes) / len(notes) - (low + high) / 2))
    return min(options, key=lambda notes: (motion(before, notes), notes))


def motion(before: tuple[int, ...], after: tuple[int, ...]) -> int:
    """Return how many semitones the voices of `after` are from the nearest voices of `before`, both ways."""
    there = sum(min(abs(a - b) for b in before) for a in after)
    back = sum(min(abs(a - b) for a in after) for b in before)
    return there + back


def nearest_pitch(tone: int, around: int) -> int:
    """Return the MIDI pitch of pitch class `tone` closest to `around` (the lower one of two equally close)."""
    return around - 6 + (tone - (around - 6)) % 12
