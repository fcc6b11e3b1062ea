"""A small composer: one seed, one piece of music, the same every time.

`compose` plans the piece (`make_plan`: key, tempo, chords bar by bar, sections), then every part is written by one
function from the plan and its own source of chance, so that changing one part never changes another.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field

import pretty_midi

from course_utils.synth.harmony import Chord, chord, lead_voices, nearest_pitch, scale
from course_utils.synth.styles import (
    CRASH,
    HIGH_TOM,
    KICK,
    LOW_TOM,
    MID_TOM,
    PLUCKED,
    SAW,
    SNARE,
    STYLES,
    TRUMPET,
    Style,
)

STEPS = 16  # sixteenth notes in a bar of four quarters
PARTS = ("drums", "bass", "comp", "pad", "arpeggio", "lead")
PAN = {"bass": 64, "comp": 44, "pad": 70, "arpeggio": 88, "lead": 60, "drums": 64}
VOLUME = {"bass": 100, "comp": 86, "pad": 66, "arpeggio": 78, "lead": 98, "drums": 100}


@dataclass(frozen=True)
class Section:
    """Some bars with the same parts playing: first bar, number of bars, loudness 0-1, names of the parts."""

    start: int
    bars: int
    level: float
    parts: frozenset[str]


@dataclass(frozen=True)
class Plan:
    """Everything the parts must agree on."""

    style: Style
    seconds: float
    bpm: float
    tonic: int  # pitch class 0-11
    mode: str
    chords: list[Chord]  # one a bar
    sections: list[Section]
    scale: tuple[int, ...] = field(default=())

    def time(self, bar: int, step: float) -> float:
        """Return the seconds from the start to a step (sixteenths, fractions allowed) of a bar, with swing."""
        late = self.style.swing if int(step) % 2 else 0.0
        return (bar * STEPS + step + late) * 15 / self.bpm

    def level(self, bar: int) -> float:
        """Return the loudness 0-1 of a bar, rising a little within its section."""
        section = next(s for s in self.sections if s.start <= bar < s.start + s.bars)
        return section.level + 0.08 * (bar - section.start) / section.bars

    def bars(self, part: str) -> list[int]:
        """Return the bars in which a part plays."""
        return [bar for s in self.sections if part in s.parts for bar in range(s.start, s.start + s.bars)]


def compose(seed: int, seconds: float, style: str | None = None) -> pretty_midi.PrettyMIDI:
    """Return a piece of `seconds` seconds: drums, bass, chords, pad, arpeggio and melody, as the style has them.

    style: a name in STYLES, or None to let the seed choose.  The same arguments give the same notes.
    Every note starts and ends within the piece.  Raises ValueError for an unknown style or no duration.
    """
    plan = make_plan(seed, seconds, style)
    midi = pretty_midi.PrettyMIDI(initial_tempo=plan.bpm)
    for part, write in WRITERS.items():
        bars = plan.bars(part)
        if not bars:
            continue
        track = write(plan, bars, random.Random(f"{seed}/{part}"))
        track.name = part
        set_mix(track, part)
        fit_into(track, seconds)
        if track.notes:
            midi.instruments.append(track)
    return midi


def make_plan(seed: int, seconds: float, style: str | None = None) -> Plan:
    """Choose style, tempo, key, chords and sections; arguments and errors as for `compose`."""
    if not seconds > 0:
        raise ValueError(f"a piece needs a duration above 0 s, got {seconds!r}")
    if style is not None and style not in STYLES:
        raise ValueError(f"no style {style!r}; choose one of {', '.join(STYLES)}")
    chance = random.Random(f"{seed}/plan")
    name = style or chance.choice(list(STYLES))
    chosen = STYLES[name]
    bpm = float(chance.randint(*chosen.bpm))
    bars = int(seconds * bpm / 60 / 4) + 1
    tonic = chance.randrange(12)
    sections = plan_sections(chosen, bars, chance)
    chords = plan_chords(chosen, tonic, sections, chance)
    mode = fitting_mode(chords, tonic, chosen.modes)
    return Plan(chosen, seconds, bpm, tonic, mode, chords, sections, scale(tonic, mode))


def plan_sections(style: Style, bars: int, chance: random.Random) -> list[Section]:
    """Cut the piece into sections of 4 or 8 bars: parts come and go, chosen anew for every section."""
    always = {"comp"} if "comp" not in style.weights else set()
    sections: list[Section] = []
    start = 0
    while start < bars:
        length = min(chance.choice((4, 8)), bars - start)
        parts = always | {part for part in PARTS if chance.random() < chance_of(style, part)}
        if start > 0 and chance.random() < 0.25:
            parts -= {chance.choice(("drums", "bass", "lead"))}  # a breakdown
        level = chance.uniform(0.62, 0.95)
        sections.append(Section(start, length, level, frozenset(parts)))
        start += length
    return sections


def chance_of(style: Style, part: str) -> float:
    """Return how likely a part plays in a section: the style's weight, or nothing if the style has no such part."""
    available = {"drums": style.drums, "pad": style.pad, "arpeggio": style.arpeggio}
    if part in available and not available[part]:
        return 0.0
    usual = {"drums": 0.9, "bass": 0.95, "lead": 0.7, "comp": 0.95}
    return style.weights.get(part, usual.get(part, 0.5))


def plan_chords(style: Style, tonic: int, sections: list[Section], chance: random.Random) -> list[Chord]:
    """Return one chord a bar: two progressions alternate over the sections, like verse and chorus."""
    verse = chance.choice(style.progressions)
    # Both in major or both in minor, or the key would change from one to the other.
    chorus = chance.choice([p for p in style.progressions if in_minor(p) == in_minor(verse)])
    chords: list[Chord] = []
    for index, section in enumerate(sections):
        numerals = (chorus if index % 2 else verse).split()
        chords += [chord(numerals[bar % len(numerals)], tonic) for bar in range(section.bars)]
    return chords


def in_minor(progression: str) -> bool:
    """Tell whether the chord on the tonic is a minor one ("i", "i7", "i9")."""
    return any(re.match("i(?![iv])", numeral) for numeral in progression.split())


def fitting_mode(chords: list[Chord], tonic: int, modes: tuple[str, ...]) -> str:
    """Return the mode whose scale leaves out the fewest chord tones; the first of several equally good ones."""
    tones = [tone for one in chords for tone in one.tones]
    return min(modes, key=lambda mode: sum(tone not in scale(tonic, mode) for tone in tones))


def write_drums(plan: Plan, bars: list[int], chance: random.Random) -> pretty_midi.Instrument:
    """The style's groove with softer and louder strokes, left-out hats, a fill before and a crash at each section."""
    track = pretty_midi.Instrument(0, is_drum=True)
    groove = chance.choice(plan.style.drums)
    last_bars = {s.start + s.bars - 1 for s in plan.sections}
    first_bars = {s.start for s in plan.sections}
    for bar in bars:
        fill_from = chance.choice((8, 12)) if bar in last_bars and chance.random() < 0.7 else STEPS
        for pitch, pattern in groove.items():
            for step, stroke in strokes(pattern):
                if step < fill_from and chance.random() < 0.97:
                    add_note(plan, track, chance, bar, step, 1, pitch, stroke)
        for step in range(fill_from, STEPS):
            if chance.random() < 0.75:
                drum = chance.choice((SNARE, HIGH_TOM, MID_TOM, LOW_TOM, SNARE))
                add_note(plan, track, chance, bar, step, 1, drum, 0.55 + 0.4 * step / STEPS)
        if bar in first_bars and plan.bpm > 85:
            add_note(plan, track, chance, bar, 0, 4, CRASH, 0.75)
            add_note(plan, track, chance, bar, 0, 1, KICK, 0.9)
    return track


def write_bass(plan: Plan, bars: list[int], chance: random.Random) -> pretty_midi.Instrument:
    """Roots, fifths and octaves in the rhythm of the style, walking into the next chord by a half step."""
    track = pretty_midi.Instrument(chance.choice(plan.style.bass))
    patterns = [chance.choice(plan.style.bass_patterns) for _ in range(2)]
    for bar in bars:
        here = plan.chords[bar]
        after = plan.chords[(bar + 1) % len(plan.chords)]
        root = nearest_pitch(here.root, 37)
        pitches = {
            "R": root,
            "5": nearest_pitch(here.fifth, root + 4),
            "8": root + 12,
            "a": nearest_pitch(after.root, 37) + chance.choice((-1, 1)),
        }
        pattern = patterns[1] if bar % 4 == 3 else patterns[0]
        for step, mark in enumerate(pattern):
            if mark in pitches:
                held = len(pattern[step + 1 :]) - len(pattern[step + 1 :].lstrip("-")) + 1
                loud = 0.85 if step % 4 == 0 else 0.7
                add_note(plan, track, chance, bar, step, held * 0.92, pitches[mark], loud)
    return track


def write_comp(plan: Plan, bars: list[int], chance: random.Random) -> pretty_midi.Instrument:
    """Voice-led chords in a strummed or struck rhythm; guitars roll from the lowest string to the highest."""
    track = pretty_midi.Instrument(chance.choice(plan.style.comp))
    low, high = (40, 64) if "5" in plan.chords[0].name[-1:] else (52, 76)
    patterns = [chance.choice(plan.style.comp_patterns) for _ in range(2)]
    roll = chance.uniform(0.06, 0.14) if track.program in PLUCKED else 0.01  # sixteenths between two strings
    voices: tuple[int, ...] = ()
    for bar in bars:
        voices = lead_voices(plan.chords[bar].tones, voices, low, high)
        hits = strokes(patterns[1] if bar % 2 else patterns[0])
        for (step, stroke), end in zip(hits, [*(s for s, _ in hits[1:]), STEPS], strict=True):
            length = (end - step) * (0.95 if plan.style.pedal or stroke > 0.6 else 0.6)
            for string, pitch in enumerate(voices if len(voices) > 2 else (*voices, voices[0] + 12)):
                add_note(plan, track, chance, bar, step + roll * string, length, pitch, stroke * 0.85)
    if plan.style.pedal:
        press_pedal(plan, track, bars)
    return track


def write_pad(plan: Plan, bars: list[int], chance: random.Random) -> pretty_midi.Instrument:
    """Long voice-led chords that swell and fade by expression (controller 11)."""
    track = pretty_midi.Instrument(chance.choice(plan.style.pad))
    voices: tuple[int, ...] = ()
    for bar in bars:
        voices = lead_voices(plan.chords[bar].tones, voices, 55, 79)
        for pitch in voices:
            add_note(plan, track, chance, bar, 0, STEPS * 0.99, pitch, 0.6)
        for step in range(STEPS):
            swell = int(92 + 30 * (1 - abs(step - 8) / 8))
            track.control_changes.append(pretty_midi.ControlChange(11, swell, plan.time(bar, step)))
    return track


def write_arpeggio(plan: Plan, bars: list[int], chance: random.Random) -> pretty_midi.Instrument:
    """The chord one note at a time, up, down or up and down, with an accent at the start of each round."""
    track = pretty_midi.Instrument(chance.choice(plan.style.arpeggio))
    shape = chance.choice(("up", "down", "updown"))
    step_size = plan.style.arpeggio_step
    voices: tuple[int, ...] = ()
    for bar in bars:
        voices = lead_voices(plan.chords[bar].tones, voices, 57, 81)
        ladder = [*voices, voices[0] + 12]
        rounds = {"up": ladder, "down": ladder[::-1], "updown": ladder + ladder[-2:0:-1]}[shape]
        for index, step in enumerate(range(0, STEPS, step_size)):
            place = index % len(rounds)
            if chance.random() < 0.93:
                loud = 0.75 if place == 0 else 0.55
                add_note(plan, track, chance, bar, step, step_size * 0.9, rounds[place], loud)
    return track


def write_lead(plan: Plan, bars: list[int], chance: random.Random) -> pretty_midi.Instrument:
    """A melody from two rhythmic motifs in the order A A B A: chord tones on the beats, scale steps between them."""
    track = pretty_midi.Instrument(chance.choice(plan.style.lead))
    centre = chance.randint(69, 76)
    motifs = [make_rhythm(plan.style.melody_density, chance) for _ in range(2)]
    pitch = centre
    for bar in bars:
        rhythm = motifs[1] if bar % 4 == 2 else motifs[0]
        if bar % 4 == 3:
            rhythm = [(0, 6), *[note for note in rhythm if note[0] >= 8][:2]]  # the phrase comes to rest
        for step, length in rhythm:
            strong = step % 4 == 0
            pitch = next_pitch(pitch, centre, plan.chords[bar].tones if strong else plan.scale, chance)
            add_note(plan, track, chance, bar, step, length * 0.95, pitch, 0.85 if strong else 0.7)
            if length >= 6 and track.program in PLUCKED | {TRUMPET, SAW} and chance.random() < 0.3:
                scoop(plan, track, bar, step)
    return track


WRITERS: dict[str, Callable[[Plan, list[int], random.Random], pretty_midi.Instrument]] = {
    "drums": write_drums,
    "bass": write_bass,
    "comp": write_comp,
    "pad": write_pad,
    "arpeggio": write_arpeggio,
    "lead": write_lead,
}


def make_rhythm(density: float, chance: random.Random) -> list[tuple[int, int]]:
    """Return a bar of melody rhythm as (step, length) pairs in sixteenths; each lasts to the next, at most 8."""
    steps = [s for s in range(0, STEPS, 2) if chance.random() < density * (1.4 if s % 4 == 0 else 0.8)]
    steps += [s + 1 for s in steps if chance.random() < density * 0.15]
    ordered = sorted(steps) or [0]
    return [(s, min(e - s, 8)) for s, e in zip(ordered, [*ordered[1:], STEPS], strict=True)]


def next_pitch(before: int, centre: int, allowed: tuple[int, ...], chance: random.Random) -> int:
    """Return the next melody pitch among the allowed pitch classes: small steps, rarely a leap, near the centre."""
    options = [p for p in range(before - 9, before + 10) if p % 12 in allowed and abs(p - centre) <= 12]
    if not options:
        return nearest_pitch(allowed[0], centre)

    def liking(pitch: int) -> float:
        distance = abs(pitch - before)
        if distance == 0:
            return 0.5
        return (1.0 if distance <= 4 else 0.15) / (1 + 0.08 * abs(pitch - centre))

    return chance.choices(options, [liking(p) for p in options])[0]


def scoop(plan: Plan, track: pretty_midi.Instrument, bar: int, step: int) -> None:
    """Slide into a long note from a whole step below by pitch bend."""
    for index, bend in enumerate((-8192, -5000, -2500, -900, 0)):
        track.pitch_bends.append(pretty_midi.PitchBend(min(bend, 8191), plan.time(bar, step) + 0.03 * index))


def press_pedal(plan: Plan, track: pretty_midi.Instrument, bars: list[int]) -> None:
    """Hold the sustain pedal through each bar and change it with the chord."""
    for bar in bars:
        track.control_changes.append(pretty_midi.ControlChange(64, 127, plan.time(bar, 0.5)))
        track.control_changes.append(pretty_midi.ControlChange(64, 0, plan.time(bar, STEPS - 0.1)))


def strokes(pattern: str) -> list[tuple[int, float]]:
    """Return (step, loudness 0-1) of every digit in a pattern string."""
    return [(step, int(mark) / 9) for step, mark in enumerate(pattern) if mark.isdigit()]


def add_note(
    plan: Plan,
    track: pretty_midi.Instrument,
    chance: random.Random,
    bar: int,
    step: float,
    length: float,
    pitch: int,
    loudness: float,
) -> None:
    """Append a note with a player's small unevenness in time (about 5 ms) and force (about 5 %).

    step and length are in sixteenths, loudness 0-1 is scaled by the section's level.
    """
    start = max(0.0, plan.time(bar, step) + chance.gauss(0, 0.005))
    force = loudness * (0.45 + 0.6 * plan.level(bar)) * chance.gauss(1, 0.05)
    velocity = min(127, max(8, round(127 * force)))
    end = start + max(length * 15 / plan.bpm, 0.03)
    track.notes.append(pretty_midi.Note(velocity, pitch, start, end))


def set_mix(track: pretty_midi.Instrument, part: str) -> None:
    """Place the part in the mix by volume (controller 7) and pan (controller 10) at the start."""
    for number, value in ((7, VOLUME[part]), (10, PAN[part])):
        track.control_changes.insert(0, pretty_midi.ControlChange(number, value, 0.0))


def fit_into(track: pretty_midi.Instrument, seconds: float) -> None:
    """Drop what starts after the end of the piece (or less than 20 ms before it) and shorten what rings past it."""
    track.notes = [note for note in track.notes if note.start < seconds - 0.02]
    for note in track.notes:
        note.end = min(note.end, seconds)
    track.notes.sort(key=lambda note: (note.start, note.pitch))
    track.control_changes = [change for change in track.control_changes if change.time < seconds]
    track.pitch_bends = [bend for bend in track.pitch_bends if bend.time < seconds]
