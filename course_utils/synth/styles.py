"""Seven styles as data: tempo, chords, instruments and the patterns of one bar in sixteenth notes.

A pattern is a string of 16 steps: a digit 1-9 is a stroke of that loudness, a dot is silence.
Bass patterns name what to play: R root, 5 fifth, 8 root an octave up, a the approach to the next root; `-` holds.
"""

from __future__ import annotations

from dataclasses import dataclass, field

# General MIDI drum notes (bank 128)
KICK, RIM, SNARE, CLAP, CLOSED_HAT, PEDAL_HAT, OPEN_HAT = 36, 37, 38, 39, 42, 44, 46
LOW_TOM, MID_TOM, HIGH_TOM, CRASH, RIDE, TAMBOURINE = 45, 47, 50, 49, 51, 54
SHAKER, HIGH_BONGO, LOW_BONGO, LOW_CONGA, COWBELL = 70, 60, 61, 64, 56

PIANO, RHODES, ORGAN, NYLON, STEEL, CLEAN, OVERDRIVE, DISTORTION = 0, 4, 16, 24, 25, 27, 29, 30
ACOUSTIC_BASS, FINGER_BASS, SYNTH_BASS, STRINGS, TRUMPET, FLUTE, SQUARE, SAW, PAD = 32, 33, 38, 48, 56, 73, 80, 81, 89
PLUCKED = {NYLON, STEEL, CLEAN, OVERDRIVE, DISTORTION}


@dataclass(frozen=True)
class Style:
    """What sets one kind of music apart; every tuple is a choice the composer makes by chance."""

    bpm: tuple[int, int]
    modes: tuple[str, ...]
    progressions: tuple[str, ...]  # two to eight chords, one a bar
    comp: tuple[int, ...]  # programs of the chords
    comp_patterns: tuple[str, ...]
    bass: tuple[int, ...]
    bass_patterns: tuple[str, ...]
    lead: tuple[int, ...]
    melody_density: float  # chance that an eighth note carries a melody note
    drums: tuple[dict[int, str], ...] = ()
    pad: tuple[int, ...] = ()
    arpeggio: tuple[int, ...] = ()
    arpeggio_step: int = 2  # sixteenths between its notes
    swing: float = 0.0  # how late every second sixteenth comes, as a share of a sixteenth
    pedal: bool = False  # the chords are held by the sustain pedal
    weights: dict[str, float] = field(default_factory=dict)  # chance of an optional part; 0.6 unless told


STYLES: dict[str, Style] = {
    "pop": Style(
        bpm=(92, 124),
        modes=("major",),
        progressions=("I V vi IV", "vi IV I V", "I vi IV V", "IV V iii vi", "I iii IV V", "Iadd9 V vi7 IVmaj7"),
        comp=(PIANO, STEEL, CLEAN, RHODES),
        comp_patterns=("7...5...6...5...", "7..5..5.7..5..5.", "7...6.5...6.5.4.", "7.......6......."),
        bass=(FINGER_BASS,),
        bass_patterns=("R-R-R-R-R-R-R-R-", "R-----R-R-----5-", "R---R---5---8---", "R-----R---5-R-a-"),
        lead=(FLUTE, SAW, TRUMPET, PIANO, CLEAN),
        melody_density=0.55,
        drums=(
            {KICK: "8.......8.6.....", SNARE: "....8.......8...", CLOSED_HAT: "6.4.6.4.6.4.6.4."},
            {KICK: "8.....7.8.....5.", SNARE: "....8.......8..2", CLOSED_HAT: "6.5.6.5.6.5.6...",
             OPEN_HAT: "..............5."},
            {KICK: "8...8...8...8...", CLAP: "....7.......7...", TAMBOURINE: "4.3.5.3.4.3.5.3."},
        ),
        pad=(STRINGS, PAD),
        arpeggio=(CLEAN, STEEL, SQUARE),
    ),
    "ballad": Style(
        bpm=(60, 80),
        modes=("major", "minor"),
        progressions=(
            "I V vi iii IV I IV V", "Imaj7 vi7 IVmaj7 Vsus4", "i bVI bIII bVII", "i iv bVII bIII", "vi IV I V",
        ),
        comp=(PIANO, NYLON, RHODES),
        comp_patterns=("6...4...5...4...", "6.......5.......", "6..............."),
        bass=(FINGER_BASS, ACOUSTIC_BASS),
        bass_patterns=("R-------5-------", "R-----R-R-------", "R-----------5-8-"),
        lead=(FLUTE, TRUMPET, STRINGS, NYLON),
        melody_density=0.4,
        drums=(
            {KICK: "6.........5.....", RIM: "....5.......5...", CLOSED_HAT: "4.3.4.3.4.3.4.3."},
            {KICK: "6......4..6.....", SNARE: "....6.......6...", RIDE: "4...4.3.4...4.3."},
        ),
        pad=(STRINGS, PAD),
        arpeggio=(PIANO, NYLON, STEEL),
        pedal=True,
        weights={"drums": 0.6, "arpeggio": 0.8, "pad": 0.8},
    ),
    "funk": Style(
        bpm=(94, 116),
        modes=("dorian", "mixolydian"),
        progressions=("i7 i7 IV7 IV7", "i9 i9 i9 IV9", "i7 bVII IV7 i7", "i7 i7 iv7 V7"),
        comp=(CLEAN, RHODES, ORGAN),
        comp_patterns=("7..3.36..37.3.5.", "..6..37...6..36.", "7.....5...7..5..", "....7.3.6..3..7."),
        bass=(FINGER_BASS, SYNTH_BASS),
        bass_patterns=("R..R..8.R..5..a.", "R.8.....R..R.58.", "R...R.8...R.5.a.", "R..8.R..8.R...5a"),
        lead=(TRUMPET, ORGAN, SAW, CLEAN),
        melody_density=0.45,
        drums=(
            {KICK: "9.....7...8..5..", SNARE: "....9..3.3..9..3", CLOSED_HAT: "6464646464646464"},
            {KICK: "9..7..8...7.....", SNARE: "....9.2..3..9.2.", CLOSED_HAT: "6.4.6.4.6.4.6...",
             OPEN_HAT: "..............6."},
        ),
        swing=0.12,
        weights={"drums": 1.0, "pad": 0.0, "arpeggio": 0.0},
    ),
    "electronic": Style(
        bpm=(118, 134),
        modes=("minor", "dorian"),
        progressions=("i bVI bIII bVII", "i i bVI bVII", "i7 iv7 bVImaj7 bVII", "i bVII bVI bVII", "i9 i9 iv7 iv7"),
        comp=(SAW, RHODES, PAD, ORGAN),
        comp_patterns=("7..7..7..7..7.7.", "..7...7...7...7.", "7.......7..7....", "7..............."),
        bass=(SYNTH_BASS,),
        bass_patterns=("..R...R...R...R.", "R.RR.RR.R.RR.R8.", "R..R..R..R..R.8.", "..R8..R8..R8..R8"),
        lead=(SAW, SQUARE, FLUTE),
        melody_density=0.45,
        drums=(
            {KICK: "9...9...9...9...", CLAP: "....8.......8...", OPEN_HAT: "..6...6...6...6.",
             CLOSED_HAT: "4.4.4.4.4.4.4.4."},
            {KICK: "9...9...9...9..5", SNARE: "....7.......7...", CLOSED_HAT: "5353535353535353",
             SHAKER: "4.5.4.5.4.5.4.5."},
            {KICK: "9.....8...9.....", SNARE: "....9.......9...", CLOSED_HAT: "6.556.6.55.6.666"},
        ),
        pad=(PAD, STRINGS),
        arpeggio=(SQUARE, SAW, RHODES),
        arpeggio_step=1,
        weights={"drums": 1.0, "arpeggio": 0.8},
    ),
    "bossa": Style(
        bpm=(112, 140),
        modes=("major",),
        progressions=(
            "Imaj7 Imaj7 ii7 V7", "Imaj9 vi7 ii9 V7", "iii7 vi7 ii7 V7", "Imaj7 IVmaj7 iii7 vi7 ii7 V7 I6 V7",
        ),
        comp=(NYLON, RHODES, PIANO),
        comp_patterns=("6..5..6...5..5..", "6...5..6....5.5.", "..5...6..5...5.."),
        bass=(ACOUSTIC_BASS, NYLON),
        bass_patterns=("R-----5-5-----R-", "R-----5-R-----a-"),
        lead=(FLUTE, TRUMPET, NYLON),
        melody_density=0.5,
        drums=(
            {KICK: "6.....5.6.....5.", RIM: "6..5..5...6..5..", CLOSED_HAT: "5.4.5.4.5.4.5.4."},
            {KICK: "6.....5.6.....5.", RIM: "6.....6...6..6..", SHAKER: "5454545454545454",
             LOW_CONGA: "......4.......45"},
        ),
        pad=(STRINGS,),
        weights={"drums": 0.9, "pad": 0.3},
    ),
    "rock": Style(
        bpm=(104, 152),
        modes=("minor", "mixolydian", "major"),
        progressions=(
            "i5 bVI5 bIII5 bVII5", "I5 bVII5 IV5 I5", "i5 i5 bVII5 IV5", "I5 IV5 V5 IV5", "i5 bIII5 IV5 bVI5",
        ),
        comp=(DISTORTION, OVERDRIVE),
        comp_patterns=("7.7.7.7.7.7.7.7.", "7..7..7.7..7..7.", "8.......7.7.7...", "7.3.7.3.77..7.3."),
        bass=(FINGER_BASS,),
        bass_patterns=("R-R-R-R-R-R-R-R-", "R---R-R-R---R-a-", "R-R-8-R-R-R-5-a-"),
        lead=(OVERDRIVE, DISTORTION, ORGAN, SAW),
        melody_density=0.45,
        drums=(
            {KICK: "9.....8.9.......", SNARE: "....9.......9...", CLOSED_HAT: "7.5.7.5.7.5.7.5."},
            {KICK: "9...7...9.7.....", SNARE: "....9.......9...", RIDE: "7...6...7...6..."},
            {KICK: "9.9...9.9.9...9.", SNARE: "....9.......9.3.", OPEN_HAT: "6...6...6...6..."},
        ),
        pad=(ORGAN, STRINGS),
        weights={"drums": 1.0, "pad": 0.3},
    ),
    "ambient": Style(
        bpm=(54, 76),
        modes=("major", "dorian", "minor"),
        progressions=("Imaj9 IVmaj9", "i9 bVImaj7", "Iadd9 vi7 IVmaj7 IVmaj7", "i9 iv9 i9 bVIImaj7"),
        comp=(RHODES, PIANO, PAD),
        comp_patterns=("5...............", "5.........4....."),
        bass=(SYNTH_BASS, ACOUSTIC_BASS),
        bass_patterns=("R---------------", "R-----------8---"),
        lead=(FLUTE, SQUARE, STRINGS, RHODES),
        melody_density=0.25,
        drums=({KICK: "5.........4.....", SHAKER: "3.2.3.2.3.2.3.2.", RIM: "............3..."},),
        pad=(PAD, STRINGS),
        arpeggio=(RHODES, NYLON, SQUARE),
        pedal=True,
        weights={"drums": 0.35, "pad": 1.0, "bass": 0.7, "arpeggio": 0.8},
    ),
}  # fmt: skip
