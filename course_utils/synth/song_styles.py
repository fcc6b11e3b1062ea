"""Fourteen kinds of song as data: meter, tempo, harmony, instruments and the patterns of one bar.

Patterns are strings with one character for each sixteenth note of the bar (16 in 4/4, 12 in 3/4 and 6/8).
Chords and drums: a digit 1-9 is a stroke of that loudness.  Bass: R root, 5 fifth, 8 root an octave up, 3 third,
a the approach to the next root, `-` holds.  Broken chords: 0-5 names the voice, from the lowest.  A dot is silence.
A progression has one word a bar; `ii7_V7` are two chords in one bar.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from course_utils.synth.styles import (
    ACOUSTIC_BASS,
    CLAP,
    CLEAN,
    CLOSED_HAT,
    DISTORTION,
    FINGER_BASS,
    FLUTE,
    KICK,
    LOW_CONGA,
    NYLON,
    OPEN_HAT,
    ORGAN,
    OVERDRIVE,
    PAD,
    PEDAL_HAT,
    PIANO,
    RHODES,
    RIDE,
    RIM,
    SAW,
    SHAKER,
    SNARE,
    SQUARE,
    STEEL,
    STRINGS,
    SYNTH_BASS,
    TAMBOURINE,
    TRUMPET,
)

# General MIDI programs beyond the small SoundFont, for variety; numbers count from 0.
HARPSICHORD, VIBES, MARIMBA, ACCORDION, HARMONICA, JAZZ_GUITAR, VIOLIN, CELLO = 6, 11, 12, 21, 22, 26, 40, 42
HARP, CHOIR, OOHS, HORN, BRASS, ALTO_SAX, TENOR_SAX, OBOE, CLARINET, RECORDER, BANJO = (
    46, 52, 53, 60, 61, 65, 66, 68, 71, 74, 105,
)  # fmt: skip
VOICED = frozenset({0, 4, 16, 24, 25, 27, 29, 30, 32, 33, 38, 48, 56, 73, 80, 81, 89})  # in the small SoundFont


class Meter(NamedTuple):
    """A bar in sixteenth notes: how many, where the beats fall, and which beats are strong."""

    name: str
    steps: int
    beats: tuple[int, ...]
    strong: tuple[int, ...]


METERS = {
    "4/4": Meter("4/4", 16, (0, 4, 8, 12), (0, 8)),
    "3/4": Meter("3/4", 12, (0, 4, 8), (0,)),
    "6/8": Meter("6/8", 12, (0, 6), (0, 6)),
}


class Harmony(NamedTuple):
    """Phrases of four bars in one mode: `openings` lead away from the tonic, `closings` end on it."""

    mode: str
    openings: tuple[str, ...]
    turns: tuple[str, ...]  # openings of a chorus or middle part, mostly off the tonic
    closings: tuple[str, ...]


HARMONIES: dict[str, Harmony] = {
    "pop": Harmony(
        "major",
        ("I V vi IV", "I vi IV V", "I iii IV V", "I IV vi V", "I IV I V", "I ii IV V", "I V ii V", "I vi ii V",
         "I iii vi V", "Iadd9 IVmaj7 vi7 V"),
        ("IV V iii vi", "vi IV I V", "vi V IV V", "ii V I vi", "IV I ii V", "IV V I vi", "vi iii IV V", "IV iv I V"),
        ("IV V I I", "vi ii V I", "IV I V I", "ii IV V I", "iii vi IV_V I", "vi IV V I", "ii V I I", "IV iv I I"),
    ),
    "folk": Harmony(
        "major",
        ("I I IV V", "I IV I V", "I V I V", "I vi IV V", "I IV V V", "I I V V", "I iii IV V", "I V vi V"),
        ("IV I IV V", "IV IV I V", "vi vi IV V", "V I IV V", "IV I ii V", "vi iii IV V"),
        ("I IV V I", "IV I V I", "vi IV V I", "ii V I I", "IV V I I", "I vi ii_V I"),
    ),
    "rock": Harmony(
        "mixolydian",
        ("I bVII IV I", "I IV bVII IV", "I I bVII IV", "I V IV IV", "I bVII I IV", "I IV I V"),
        ("IV IV I I", "bVII IV I I", "vi IV I V", "V IV I V", "IV bVII I V"),
        ("IV bVII I I", "V IV I I", "bVII IV I I", "IV V I I"),
    ),
    "minor rock": Harmony(
        "minor",
        ("i bVI bIII bVII", "i bVII bVI bVII", "i iv bVII v", "i bIII bVII iv", "i i bVI bVII", "i v bVI iv"),
        ("bVI bVII i i", "bIII bVII i iv", "iv i bVI V", "bVI bIII bVII V", "iv bVII bIII V"),
        ("bVI bVII i i", "iv V i i", "bVI V i i", "iv bVII i i"),
    ),
    "minor": Harmony(
        "minor",
        ("i iv V i", "i bVI iv V", "i bVII bVI V", "i iv i V", "i bIII iv V", "i i iv V7", "i bVI bIII V"),
        ("bIII bVII i V", "iv bVII bIII bVI", "bVI bIII iv V", "iv i iv V", "bIII bVI iv V7", "iv bVII bIII V"),
        ("iv i V i", "iv V7 i i", "bVI iv V7 i", "bVI iim7b5_V7 i i", "i iv_V i i", "iim7b5 V7 i i"),
    ),
    "jazz": Harmony(
        "major",
        ("Imaj7 vi7 ii7 V7", "Imaj7 VI7 ii7 V7", "ii7 V7 Imaj7 vi7", "Imaj7 iii7_VI7 ii7 V7", "I6 I6 ii7 V7",
         "Imaj7 IV7 iii7_VI7 ii7_V7", "Imaj7 viim7b5_III7 vi7 ii7_V7"),
        ("iii7 VI7 II7 V7", "ii7 V7 iii7 VI7", "IVmaj7 iv7 iii7 VI7", "v7_I7 IVmaj7 ii7 V7", "III7 VI7 II7 V7",
         "IVmaj7 iv6 Imaj7 ii7_V7"),
        ("ii7 V7 I6 I6", "iii7_VI7 ii7_V7 Imaj7 Imaj7", "ii7 V7 Imaj7 Imaj7", "IVmaj7 iv6 Imaj7_VI7 ii7_V7",
         "ii7_V7 iii7_VI7 ii7_V7 I6"),
    ),
    "minor jazz": Harmony(
        "minor",
        ("i6 i6 iim7b5 V7", "i7 iv7 iim7b5 V7", "i7 bVImaj7 iim7b5 V7", "iv7 bVII7 bIIImaj7 bVImaj7"),
        ("iv7 bVII7 bIIImaj7 V7", "iv7 i7 iim7b5 V7", "bIIImaj7 bVImaj7 iim7b5 V7", "iv7 iv7 bIIImaj7 V7"),
        ("iim7b5 V7 i6 i6", "bVI7 V7 i6 i6", "iim7b5_V7 i6 V7 i6", "iv7 V7 i7 i7"),
    ),
    "funk": Harmony(
        "dorian",
        ("i7 i7 IV7 IV7", "i9 i9 i9 IV9", "i7 IV7 i7 IV7", "i7 bVII i7 IV7", "i9 IV9 i9 bVII"),
        ("iv7 iv7 i7 v7", "bIIImaj7 IV7 i7 v7", "bVII IV7 bVII v7", "v7 iv7 i7 i7"),
        ("i7 bVII IV7 i7", "bIIImaj7 v7 i7 i7", "IV7 v7 i7 i7", "bVII v7 i7 i7"),
    ),
    "classical": Harmony(
        "major",
        ("I V7 I V", "I IV I V", "I ii V7 I", "I vi ii V", "I I V7 V7", "I IV ii V7"),
        ("V I V7 I", "vi ii V I", "IV I V7 I", "II7 V II7 V", "vi III7 vi V", "V7 I ii V"),
        ("ii V7 I I", "IV I_V7 I I", "IV ii V7 I", "I ii_V7 I I", "vi ii V7 I", "I IV V7 I"),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class SongStyle:
    """What sets one kind of song apart; every tuple is a choice that the composer makes by chance."""

    meter: str
    bpm: tuple[int, int]  # quarter notes a minute
    harmonies: tuple[str, ...]
    leads: tuple[int, ...]
    comps: tuple[int, ...]
    comp_patterns: tuple[str, ...]
    basses: tuple[int, ...]
    bass_patterns: tuple[str, ...]  # or "walk"
    drums: tuple[dict[int, str], ...] = ()
    figures: tuple[int, ...] = ()  # programs of broken chords
    figure_patterns: tuple[str, ...] = ()
    pads: tuple[int, ...] = ()
    busy: float = 0.5  # how many short notes the melody has, 0-1
    push: float = 0.0  # chance that a melody note comes an eighth before its bar
    swing: float = 0.0  # how late the second eighth of a beat comes, in sixteenths (0.67 is a triplet)
    shuffle: float = 0.0  # how late every second sixteenth comes, in sixteenths
    power: bool = False  # chords without their third
    drumless: float = 0.0  # chance of a song without drums


SONG_STYLES: dict[str, SongStyle] = {
    "pop": SongStyle(
        "4/4", (92, 124), ("pop",), (FLUTE, SAW, TRUMPET, OOHS, VIOLIN, ALTO_SAX, SQUARE),
        (PIANO, STEEL, CLEAN, RHODES),
        ("7...5...6...5...", "7..5..5.7..5..5.", "7...6.5...6.5.4.", "7.5.6.5.7.5.6.5.", "6...6...6...6..."),
        (FINGER_BASS, SYNTH_BASS),
        ("R-R-R-R-R-R-R-R-", "R-----R-R-----5-", "R---R---5---8---", "R-----R---5-R-a-"),
        (
            {KICK: "8.......8.6.....", SNARE: "....8.......8...", CLOSED_HAT: "6.4.6.4.6.4.6.4."},
            {KICK: "8.....7.8.....5.", SNARE: "....8.......8..2", CLOSED_HAT: "6.5.6.5.6.5.6...",
             OPEN_HAT: "..............5."},
            {KICK: "8...8...8...8...", CLAP: "....7.......7...", TAMBOURINE: "4.3.5.3.4.3.5.3."},
        ),
        (CLEAN, STEEL, SQUARE, HARP), ("0.1.2.3.2.1.2.3.", "0.2.1.3.0.2.1.3.", "0..1..2.3..2..1."),
        (STRINGS, PAD, CHOIR), 0.55, 0.25,
    ),
    "ballad": SongStyle(
        "4/4", (62, 80), ("pop", "minor"), (OOHS, FLUTE, TRUMPET, CELLO, OBOE, TENOR_SAX, NYLON),
        (PIANO, NYLON, RHODES),
        ("6...4...5...4...", "6...5...6...5.4.", "6.4.5.4.6.4.5.4."),
        (FINGER_BASS, ACOUSTIC_BASS),
        ("R-------5-------", "R-----R-R-------", "R-----5-8-----a-"),
        (
            {KICK: "6.........5.....", RIM: "....5.......5...", CLOSED_HAT: "4.3.4.3.4.3.4.3."},
            {KICK: "6......4..6.....", SNARE: "....6.......6...", RIDE: "4...4.3.4...4.3."},
        ),
        (PIANO, STEEL, NYLON, HARP), ("0.1.2.3.4.3.2.1.", "0123432101234321", "0.2.3.2.4.2.3.2."),
        (STRINGS, PAD, CHOIR), 0.6, 0.15, drumless=0.3,
    ),
    "folk": SongStyle(
        "4/4", (96, 132), ("folk", "pop"), (FLUTE, RECORDER, VIOLIN, HARMONICA, ACCORDION, OOHS, PIANO),
        (STEEL, NYLON, BANJO),
        ("7...5.5...5.5.5.", "7...5...6...5.5.", "7...5.5.7...5.5."),
        (ACOUSTIC_BASS, FINGER_BASS), ("R-------5-------", "R---5---R---5---", "R-------5-----a-"),
        (
            {KICK: "6.......6.......", RIM: "....5.......5...", TAMBOURINE: "..3...3...3...3."},
            {KICK: "7.......7.......", SNARE: "....5.3.....5.3.", SHAKER: "4.3.4.3.4.3.4.3."},
        ),
        (STEEL, NYLON, BANJO, HARP), ("0.2.1.3.0.2.1.3.", "0.3.2.1.0.3.2.1.", "0.2.3.1.4.2.3.1."),
        (STRINGS, ACCORDION), 0.6, 0.05, drumless=0.35,
    ),
    "waltz": SongStyle(
        "3/4", (126, 176), ("folk", "minor"), (ACCORDION, VIOLIN, FLUTE, CLARINET, TRUMPET, OOHS),
        (PIANO, NYLON, STEEL, STRINGS),
        ("....6...6...", "....6...5.5.", "7...6...6..."),
        (ACOUSTIC_BASS, FINGER_BASS), ("R-----------", "R-------5---", "R-----------"),
        (
            {KICK: "7...........", RIM: "....5...5...", CLOSED_HAT: "4...4...4.3."},
            {KICK: "6...........", SNARE: "....4...4...", RIDE: "5...4...4..."},
        ),
        (HARP, NYLON, PIANO), ("0.1.2.3.2.1.", "0.2.3.4.3.2."), (STRINGS, CHOIR), 0.4, 0.0, drumless=0.2,
    ),
    "jazz waltz": SongStyle(
        "3/4", (132, 170), ("jazz", "minor jazz"), (TRUMPET, ALTO_SAX, CLARINET, FLUTE, VIBES),
        (PIANO, RHODES, JAZZ_GUITAR), ("6.....5...5.", "6...5.....4.", "....6.....5."),
        (ACOUSTIC_BASS,), ("walk", "R-------5---"),
        (
            {RIDE: "6...5.4.5...", PEDAL_HAT: "....5.......", KICK: "5.........4."},
            {RIDE: "6...5.4.5.4.", PEDAL_HAT: "....5...4...", SNARE: "......3....."},
        ),
        pads=(STRINGS,), busy=0.5, swing=0.6,
    ),
    "swing": SongStyle(
        "4/4", (112, 168), ("jazz", "minor jazz"), (TRUMPET, ALTO_SAX, TENOR_SAX, CLARINET, VIBES, FLUTE),
        (PIANO, JAZZ_GUITAR, ORGAN), ("6.....5.........", "..6.....5.....4.", "6...5...6...5...", "......6.....6..."),
        (ACOUSTIC_BASS,), ("walk",),
        (
            {RIDE: "6...5.4.6...5.4.", PEDAL_HAT: "....5.......5...", KICK: "3...3...3...3..."},
            {RIDE: "6...5.4.6...5.4.", PEDAL_HAT: "....5.......5...", SNARE: "......3.......2."},
        ),
        pads=(STRINGS, BRASS), busy=0.6, push=0.2, swing=0.6,
    ),
    "bossa": SongStyle(
        "4/4", (112, 136), ("jazz", "minor jazz"), (FLUTE, TENOR_SAX, NYLON, TRUMPET, OOHS, PIANO),
        (NYLON, RHODES, PIANO), ("6..5..6...5..5..", "6...5..6....5.5.", "..5...6..5...5.."),
        (ACOUSTIC_BASS,), ("R-----5-5-----R-", "R-----5-R-----a-"),
        (
            {KICK: "6.....5.6.....5.", RIM: "6..5..5...6..5..", CLOSED_HAT: "5.4.5.4.5.4.5.4."},
            {KICK: "6.....5.6.....5.", RIM: "6.....6...6..6..", SHAKER: "5.4.5.4.5.4.5.4.",
             LOW_CONGA: "......4.......45"},
        ),
        pads=(STRINGS,), busy=0.5, push=0.35,
    ),
    "rock": SongStyle(
        "4/4", (104, 148), ("rock", "minor rock"), (OVERDRIVE, SAW, ORGAN, TRUMPET, OOHS, HARMONICA),
        (DISTORTION, OVERDRIVE, CLEAN),
        ("7.7.7.7.7.7.7.7.", "7..7..7.7..7..7.", "8.......7.7.7...", "7...7.7.7...7.7."),
        (FINGER_BASS,), ("R-R-R-R-R-R-R-R-", "R---R-R-R---R-a-", "R-R-8-R-R-R-5-a-"),
        (
            {KICK: "9.....8.9.......", SNARE: "....9.......9...", CLOSED_HAT: "7.5.7.5.7.5.7.5."},
            {KICK: "9...7...9.7.....", SNARE: "....9.......9...", RIDE: "7...6...7...6..."},
            {KICK: "9.......9.9.....", SNARE: "....9.......9...", OPEN_HAT: "6...6...6...6..."},
        ),
        pads=(ORGAN, STRINGS), busy=0.5, push=0.2, power=True,
    ),
    "funk": SongStyle(
        "4/4", (92, 112), ("funk",), (TRUMPET, ALTO_SAX, SAW, ORGAN, BRASS),
        (CLEAN, RHODES, ORGAN), ("7..3..6...7..5..", "..6...7...6...6.", "7.....5...7..5..", "....7...6..3..7."),
        (FINGER_BASS, SYNTH_BASS), ("R..R..8.R..5..a.", "R.8.....R..R.58.", "R...R.8...R.5.a.", "R..8..R.R..5..a."),
        (
            {KICK: "9.....7...8..5..", SNARE: "....9..3....9..3", CLOSED_HAT: "6.4.6.4.6.4.6.4."},
            {KICK: "9..7..8...7.....", SNARE: "....9.2.....9.2.", CLOSED_HAT: "6.4.6.4.6.4.6...",
             OPEN_HAT: "..............6."},
        ),
        pads=(STRINGS,), busy=0.6, push=0.2, shuffle=0.12,
    ),
    "slow rock": SongStyle(
        "6/8", (84, 116), ("pop", "minor", "folk"), (OOHS, TENOR_SAX, TRUMPET, ORGAN, VIOLIN, FLUTE),
        (PIANO, CLEAN, ORGAN, RHODES), ("6.4.4.5.4.4.", "7.....6.....", "6...4.5...4."),
        (FINGER_BASS, ACOUSTIC_BASS), ("R-----5---a-", "R-----R---5-", "R-----------"),
        (
            {KICK: "7.......5...", SNARE: "......7.....", CLOSED_HAT: "5.3.3.5.3.3."},
            {KICK: "7...5.......", RIM: "......6.....", RIDE: "5.3.3.5.3.3."},
        ),
        (STEEL, PIANO, CLEAN), ("0.1.2.3.2.1.", "0.2.3.4.3.2."), (STRINGS, CHOIR), 0.5, drumless=0.1,
    ),
    "jig": SongStyle(
        "6/8", (132, 160), ("folk", "minor rock", "rock"), (RECORDER, FLUTE, VIOLIN, ACCORDION, BANJO),
        (STEEL, NYLON, PIANO), ("7...5.6...5.", "7.....6.....", "7...5.7...5."),
        (ACOUSTIC_BASS, FINGER_BASS), ("R-----5-----", "R-----R-----", "R-----5---a-"),
        (
            {KICK: "7.....6.....", TAMBOURINE: "4...3.4...3."},
            {KICK: "7.....5.....", RIM: "....4.....4.", SHAKER: "3.2.3.3.2.3."},
        ),
        (), (), (STRINGS,), 0.8, drumless=0.2,
    ),
    "latin": SongStyle(
        "4/4", (96, 124), ("minor",), (TRUMPET, NYLON, FLUTE, VIOLIN, CLARINET, ACCORDION),
        (NYLON, PIANO, STEEL), ("7..7..7.7..7..7.", "7.....5...6.5...", "6.5.6.5.6.5.6.5."),
        (ACOUSTIC_BASS, FINGER_BASS), ("R-----5-----8-5-", "R-----R---5---a-", "R-----5-8-----a-"),
        (
            {KICK: "7.....5.7.....5.", RIM: "7..6..6.....6...", SHAKER: "4.3.4.3.4.3.4.3."},
            {KICK: "7.......7.......", LOW_CONGA: "..4...45..4...45", CLOSED_HAT: "5.3.5.3.5.3.5.3."},
        ),
        (NYLON, PIANO, MARIMBA), ("0.2.3.2.4.2.3.2.", "0..2..3.0..2..3."), (STRINGS,), 0.55, 0.2, drumless=0.1,
    ),
    "classical": SongStyle(
        "4/4", (92, 126), ("classical", "minor"), (VIOLIN, FLUTE, OBOE, CLARINET, TRUMPET),
        (PIANO, HARPSICHORD, STRINGS), ("6.......5.......", "6...4...5...4...", "....5.......5..."),
        (CELLO, ACOUSTIC_BASS), ("R-------5-------", "R-------3-------", "R---5---R---a---"),
        (), (PIANO, HARPSICHORD, HARP), ("0.2.1.2.0.2.1.2.", "0212021202120212", "0.1.2.3.2.1.2.1."),
        (STRINGS, HORN), 0.65, drumless=1.0,
    ),
    "minuet": SongStyle(
        "3/4", (104, 132), ("classical", "minor"), (FLUTE, VIOLIN, OBOE, RECORDER, TRUMPET),
        (HARPSICHORD, PIANO, STRINGS), ("6...4...4...", "6...........", "....5...5..."),
        (CELLO, ACOUSTIC_BASS), ("R-------a---", "R---3---5---", "R-------5---"),
        (), (PIANO, HARPSICHORD, HARP), ("0.2.1.2.1.2.", "0.1.2.3.2.1."), (STRINGS, HORN), 0.6, drumless=1.0,
    ),
}  # fmt: skip
