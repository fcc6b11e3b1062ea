"""Songs with a singing melody: one seed, one song of 60 to 100 seconds, the same every time.

`compose_song` plans the song (`song_form`), writes a melody over its chords (`song_melody`), and lets every other part
follow the same chords: bass, chords, broken chords, pad, a second voice under the melody, drums. Every part has a
General MIDI program of its own, so that the program alone tells the parts apart. These are the pairs from which a
model learns what belongs under a melody.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import pretty_midi

from course_utils.synth.compose import strokes
from course_utils.synth.harmony import Chord, lead_voices, nearest_pitch
from course_utils.synth.song_form import ENDING_BARS, Section, SongPlan, plan_song, song_scale
from course_utils.synth.song_melody import MelodyNote, local_scale, write_melody
from course_utils.synth.song_styles import CELLO, TENOR_SAX, VOICED
from course_utils.synth.styles import (
    CLOSED_HAT,
    CRASH,
    HIGH_TOM,
    KICK,
    LOW_TOM,
    MID_TOM,
    PLUCKED,
    RIDE,
    SNARE,
)

MELODY = "melody"  # name of the lead's track
# Loudness and place of each part in the mix (controllers 7 and 10).
MIX = {
    MELODY: (104, 62), "second voice": (76, 84), "bass": (98, 64), "chords": (82, 44), "second chords": (74, 92),
    "broken chords": (74, 88), "pad": (62, 70), "drums": (94, 64),
}  # fmt: skip
LOW_LEADS = {CELLO, TENOR_SAX}
OPTIONAL = ("second chords", "broken chords", "second voice", "pad")
DENSEST = 20.0  # notes a second, all parts together
SHORTEST_NOTE = 0.03  # seconds
DUETS = 0.75  # share of the second voices that sing with the melody from beginning to end, not in choruses only


@dataclass(frozen=True)
class Song:
    """A composed song, with what one must know to measure an accompaniment."""

    midi: pretty_midi.PrettyMIDI
    style: str
    meter: str
    bpm: float  # quarter notes a minute
    form: str  # letters of the sections between intro and ending
    chords: tuple[tuple[float, float, Chord], ...]  # start and end in seconds, without gaps
    melody: int  # index of the lead's track in midi.instruments
    tonic: int  # pitch class 0-11
    mode: str
    sections: tuple[tuple[str, float, float], ...]  # letter, start and end in seconds; "I" intro, "E" ending


def compose_song(seed: int, style: str | None = None) -> Song:
    """Return the song of a seed: every note, the chords, and which track sings.

    style: a name in SONG_STYLES, or None to let the seed choose.  Raises ValueError for another name.
    """
    plan = plan_song(seed, style)
    band = choose_band(plan)
    centre = (62 if band[MELODY] in LOW_LEADS else 70) + plan.chance("voice").randint(-2, 3)
    melody = write_melody(plan, centre)
    midi = pretty_midi.PrettyMIDI(initial_tempo=plan.bpm)
    for part, program in band.items():
        track = pretty_midi.Instrument(program if part != "drums" else 0, part == "drums", part)
        WRITERS[part](plan, track, melody)
        tidy(track)
        for number, value in zip((7, 10), MIX[part], strict=True):
            track.control_changes.append(pretty_midi.ControlChange(number, value, 0.0))
        if track.notes:
            midi.instruments.append(track)
    thin_out(midi)
    sections = tuple((s.name, bar_time(plan, s.start), bar_time(plan, s.start + s.bars)) for s in plan.sections)
    index = next(i for i, track in enumerate(midi.instruments) if track.name == MELODY)
    return Song(
        midi=midi,
        style=plan.style_name,
        meter=plan.meter.name,
        bpm=plan.bpm,
        form=plan.form,
        chords=chord_track(plan),
        melody=index,
        tonic=plan.tonic,
        mode=plan.mode,
        sections=sections,
    )


def thin_out(midi: pretty_midi.PrettyMIDI) -> None:
    """Send optional players home, the busiest first, until the song has no more than DENSEST notes a second."""
    seconds = midi.get_end_time()
    while sum(len(track.notes) for track in midi.instruments) > DENSEST * seconds:
        optional = [track for track in midi.instruments if track.name in OPTIONAL]
        if not optional:
            break
        midi.instruments.remove(max(optional, key=lambda track: len(track.notes)))


def bar_time(plan: SongPlan, bar: int) -> float:
    """Return the seconds at which a bar begins."""
    return plan.grid_time(bar * plan.meter.steps)


def chord_track(plan: SongPlan) -> tuple[tuple[float, float, Chord], ...]:
    """Return (start s, end s, chord) of every chord; one that stays is told once a bar."""
    found = []
    half = plan.meter.steps // 2
    for index in range(0, len(plan.halves), 2):
        two = plan.halves[index : index + 2]
        times = [plan.grid_time((index + i) * half) for i in range(3)]
        spans = [(times[0], times[2], two[0])] if two[0] == two[1] else list(zip(times, times[1:], two, strict=False))
        found += spans
    return tuple(found)


def choose_band(plan: SongPlan) -> dict[str, int]:
    """Return the program of every part that plays in the song, no program twice; drums are part of the dict as 0."""
    chance = plan.chance("band")
    style = plan.style
    taken: set[int] = set()
    drums = bool(style.drums) and chance.random() >= style.drumless
    likely = 0.5 if drums else 1.0  # without drums, more of the others
    offered = {
        MELODY: (style.leads, 1.0),
        "chords": (style.comps, 1.0),
        "bass": (style.basses, 1.0),
        "broken chords": (style.figures, likely),
        "second chords": (style.comps, 0.35 if drums else 0.2),
        "pad": (style.pads, likely),
        "second voice": (style.leads, 0.85),
    }
    band: dict[str, int] = {}
    for part, (programs, chance_of_it) in offered.items():
        free = [program for program in programs if program not in taken]
        if free and chance.random() < chance_of_it:
            band[part] = chance.choices(free, [3 if program in VOICED else 2 for program in free])[0]
            taken.add(band[part])
    return {**band, "drums": 0} if drums else band


def plays(part: str, section: Section) -> bool:
    """Whether a part plays in a section: verses leave room for what choruses add."""
    if part == "second voice":
        return section.name == "B"
    if part in ("pad", "second chords"):
        return section.name in "BCE"
    return True


def write_lead(plan: SongPlan, track: pretty_midi.Instrument, melody: list[MelodyNote]) -> None:
    """The melody itself, each note a little shorter than written."""
    chance = plan.chance("lead")
    for note in melody:
        strong = note.step % plan.meter.steps in plan.meter.strong
        add(plan, track, chance, note.step, note.length * 0.93, note.pitch, 0.95 if strong else 0.82)


def write_second_voice(plan: SongPlan, track: pretty_midi.Instrument, melody: list[MelodyNote]) -> None:
    """A voice a third or a sixth under the melody, with it note by note; on long notes and beats a chord tone."""
    chance = plan.chance("second voice")
    throughout = plan.chance("duet").random() < DUETS
    for note in melody:
        section = plan.section_at(note.step // plan.meter.steps)
        if not throughout and not plays("second voice", section):
            continue
        tones = local_scale(plan.chord_at(note.step + note.length // 2), song_scale(plan))
        if note.length >= 4 or note.step % plan.meter.steps in plan.meter.beats:
            tones = plan.chord_at(note.step + note.length // 2).tones
        below = next(pitch for pitch in range(note.pitch - 3, note.pitch - 13, -1) if pitch % 12 in tones)
        add(plan, track, chance, note.step, note.length * 0.9, below, 0.7)


def write_bass(plan: SongPlan, track: pretty_midi.Instrument, melody: list[MelodyNote]) -> None:
    """Roots where chords change, fifths and octaves between, half steps into the next root; or a walking line."""
    chance = plan.chance("bass")
    patterns = {name: chance.choice(plan.style.bass_patterns) for name in "ABC"}
    for section in plan.sections:
        pattern = patterns.get(section.name, patterns["A"])
        for bar in range(section.start, section.start + section.bars):
            if section.name == "E" and bar > section.start:
                break
            if section.name == "E":
                hold_bass(plan, track, chance, bar)
            elif pattern == "walk":
                walk(plan, track, chance, bar)
            else:
                follow_pattern(plan, track, chance, bar, pattern)


def follow_pattern(
    plan: SongPlan, track: pretty_midi.Instrument, chance: random.Random, bar: int, pattern: str
) -> None:
    """One bar of bass after a pattern; the first stroke on a new chord is its root."""
    first = bar * plan.meter.steps
    last_chord: Chord | None = None
    for step, mark in enumerate(pattern):
        if mark in "-.":
            continue
        here = plan.chord_at(first + step)
        after = plan.chord_at(plan.next_change(first + step))
        root = nearest_pitch(here.root, 38)
        pitch = {
            "R": root,
            "5": nearest_pitch(here.fifth, root + 4),
            "8": root + 12,
            "3": nearest_pitch(here.tones[1], root + 4),
            "a": approach(root, nearest_pitch(after.root, 38)),
        }[mark if here == last_chord or mark == "a" else "R"]
        held = len(pattern[step + 1 :]) - len(pattern[step + 1 :].lstrip("-")) + 1
        add(plan, track, chance, first + step, held * 0.9, pitch, 0.85 if step in plan.meter.strong else 0.7)
        last_chord = here


def approach(here: int, target: int) -> int:
    """Return the half step below a root to come, or above when the bass comes from there."""
    return target - 1 if here <= target else target + 1


def walk(plan: SongPlan, track: pretty_midi.Instrument, chance: random.Random, bar: int) -> None:
    """One bar of quarter notes: the root where a chord begins, then chord tones, and a half step into the next root."""
    first = bar * plan.meter.steps
    quarters = range(0, plan.meter.steps, 4)
    pitch = nearest_pitch(plan.chord_at(first).root, 40)
    before: Chord | None = None
    for step in quarters:
        here = plan.chord_at(first + step)
        change = plan.next_change(first + step)
        if here != before:
            pitch = nearest_pitch(here.root, 40)
        elif change == first + step + 4:
            pitch = approach(pitch, nearest_pitch(plan.chord_at(change).root, 40))
        else:
            options = [p for p in range(pitch - 5, pitch + 6) if p % 12 in here.tones and p != pitch and 28 <= p <= 52]
            pitch = chance.choice(options) if options else pitch
        add(plan, track, chance, first + step, 3.6, pitch, 0.8)
        before = here


def hold_bass(plan: SongPlan, track: pretty_midi.Instrument, chance: random.Random, bar: int) -> None:
    """The last root, held."""
    first = bar * plan.meter.steps
    root = nearest_pitch(plan.chord_at(first).root, 38)
    add(plan, track, chance, first, plan.meter.steps * (ENDING_BARS - 0.5), root, 0.8)


@lru_cache(maxsize=20_000)
def voiced(tones: tuple[int, ...], before: tuple[int, ...], low: int, high: int) -> tuple[int, ...]:
    """`lead_voices`, remembered: songs use the same few moves over and over."""
    return lead_voices(tones, before, low, high)


def chord_voices(plan: SongPlan, low: int, high: int) -> list[tuple[int, ...]]:
    """Return the voice-led notes of every half bar between two MIDI pitches, at most four voices."""
    found: list[tuple[int, ...]] = []
    for here in plan.halves:
        if plan.style.power:
            root = nearest_pitch(here.root, low + 6)
            found.append((root, nearest_pitch(here.fifth, root + 6), root + 12)[: 3 if plan.bpm < 120 else 2])
            continue
        found.append(voiced(upper_tones(here), found[-1] if found else (), low, high))
    return found


@lru_cache(maxsize=1000)
def upper_tones(here: Chord) -> tuple[int, ...]:
    """Return the tones to voice: a seventh chord needs no fifth, a ninth chord no root either, the bass has it."""
    third, fifth, *added = here.tones[1:]
    tones = [third, *added] if len(added) > 1 else [here.root, third, *added]
    if not added or (fifth - here.root) % 12 == 6:
        tones.insert(-1, fifth)
    return tuple(sorted(set(tones), key=lambda tone: (tone - here.root) % 12))


def write_chords(plan: SongPlan, track: pretty_midi.Instrument, melody: list[MelodyNote]) -> None:
    """Voice-led chords in the style's rhythm; guitars roll them from the lowest string."""
    comp(plan, track, plan.chance("chords"), (40, 64) if plan.style.power else (52, 72))


def write_second_chords(plan: SongPlan, track: pretty_midi.Instrument, melody: list[MelodyNote]) -> None:
    """A second player of chords, higher and sparser, in the sections that are to sound fuller."""
    comp(plan, track, plan.chance("second chords"), (45, 69) if plan.style.power else (57, 77))


def comp(plan: SongPlan, track: pretty_midi.Instrument, chance: random.Random, span: tuple[int, int]) -> None:
    """Strike the chords between two MIDI pitches; each letter of the form has its pattern."""
    patterns = {name: chance.choice(plan.style.comp_patterns) for name in "ABC"}
    voices = chord_voices(plan, *span)
    steps = plan.meter.steps
    roll = chance.choice((0.04, 0.08)) if track.program in PLUCKED else 0.0  # sixteenths between two strings
    for section in plan.sections:
        if not plays(track.name, section):
            continue
        hits = strokes(patterns.get(section.name, patterns["A"]))
        for bar in range(section.start, section.start + section.bars):
            if section.name == "E" and bar > section.start:
                break
            if section.name == "E":
                hits = [(0, 0.7)]  # one last chord, held
            with_changes = change_strokes(plan, bar, hits)
            ends = [*(step for step, _ in with_changes[1:]), steps * (1.6 if section.name == "E" else 1)]
            for (step, stroke), end in zip(with_changes, ends, strict=True):
                notes = voices[(bar * steps + step) * 2 // steps]
                length = (end - step) * (0.92 if stroke > 0.6 else 0.7)
                for string, pitch in enumerate(notes):
                    add(plan, track, chance, bar * steps + step + roll * string, length, pitch, stroke * 0.8)


def change_strokes(plan: SongPlan, bar: int, hits: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """Return a bar's strokes with one more where a chord changes in mid bar and the pattern would pass over it."""
    half = plan.meter.steps // 2
    first = bar * plan.meter.steps
    if not hits or plan.chord_at(first) == plan.chord_at(first + half) or any(half <= s < half + 4 for s, _ in hits):
        return hits
    return sorted([*hits, (half, hits[0][1])])


def write_figures(plan: SongPlan, track: pretty_midi.Instrument, melody: list[MelodyNote]) -> None:
    """The chord one note at a time, in a figure that keeps its shape while the chords change."""
    chance = plan.chance("broken chords")
    patterns = {name: chance.choice(plan.style.figure_patterns) for name in "ABC"}
    steps = plan.meter.steps
    voices = chord_voices(plan, 48, 69)
    for section in plan.sections:
        pattern = patterns.get(section.name, patterns["A"])
        for bar in range(section.start, section.start + section.bars):
            if section.name == "E" and bar > section.start:
                break
            strikes = [(step, int(mark)) for step, mark in enumerate(pattern) if mark.isdigit()]
            for index, (step, voice) in enumerate(strikes):
                end = strikes[index + 1][0] if index + 1 < len(strikes) else steps
                notes = voices[(bar * steps + step) * 2 // steps]
                octave, degree = divmod(voice, len(notes))
                pitch = notes[degree] + 12 * octave
                add(plan, track, chance, bar * steps + step, (end - step) * 0.95, pitch, 0.68 if step == 0 else 0.55)


def write_pad(plan: SongPlan, track: pretty_midi.Instrument, melody: list[MelodyNote]) -> None:
    """Long voice-led chords, struck anew where the chord changes."""
    chance = plan.chance("pad")
    voices = chord_voices(plan, 55, 76)
    half = plan.meter.steps // 2
    for section in plan.sections:
        if not plays("pad", section):
            continue
        start, end = section.start * plan.meter.steps, (section.start + section.bars) * plan.meter.steps
        step = start
        while step < end:
            change = min(plan.next_change(step), end, step + 2 * plan.meter.steps)
            for pitch in voices[step // half]:
                add(plan, track, chance, step, (change - step) * 0.97, pitch, 0.5)
            step = change


def write_drums(plan: SongPlan, track: pretty_midi.Instrument, melody: list[MelodyNote]) -> None:
    """One groove for the song, with its hats on the ride in choruses; a fill before and a crash at each section."""
    chance = plan.chance("drums")
    groove = chance.choice(plan.style.drums)
    steps = plan.meter.steps
    for section in plan.sections:
        if section.name == "E":
            for pitch in (KICK, CRASH):
                add(plan, track, chance, section.start * steps, 2, pitch, 0.75)
            continue
        for bar in range(section.start, section.start + section.bars):
            closing = bar == section.start + section.bars - 1
            fill_from = steps - chance.choice((steps // 4, steps // 2)) if closing and chance.random() < 0.8 else steps
            for pitch, pattern in groove.items():
                riding = section.name == "B" and pitch == CLOSED_HAT and RIDE not in groove
                for step, stroke in strokes(pattern):
                    if step < fill_from:
                        add(plan, track, chance, bar * steps + step, 1, RIDE if riding else pitch, stroke)
            fill(plan, track, chance, bar, fill_from)
        if section.name != "I":
            add(plan, track, chance, section.start * steps, 4, CRASH, 0.7)


def fill(plan: SongPlan, track: pretty_midi.Instrument, chance: random.Random, bar: int, start: int) -> None:
    """Eighths and sixteenths down the toms from step `start` to the end of the bar."""
    steps = plan.meter.steps
    drums = (SNARE, HIGH_TOM, MID_TOM, LOW_TOM)
    for step in range(start, steps):
        if step % 2 == 0 or chance.random() < 0.35:
            drum = drums[(step - start) * len(drums) // (steps - start)]
            add(plan, track, chance, bar * steps + step, 1, drum, 0.55 + 0.3 * (step - start) / steps)


WRITERS = {
    MELODY: write_lead,
    "second voice": write_second_voice,
    "bass": write_bass,
    "chords": write_chords,
    "second chords": write_second_chords,
    "broken chords": write_figures,
    "pad": write_pad,
    "drums": write_drums,
}


def add(
    plan: SongPlan,
    track: pretty_midi.Instrument,
    chance: random.Random,
    step: float,
    length: float,
    pitch: int,
    loudness: float,
) -> None:
    """Append a note: step and length in sixteenths, the step from the song's start; loudness 0-1."""
    start = plan.time(step)
    end = start + max(plan.grid_time(step + length) - plan.grid_time(step), SHORTEST_NOTE)
    force = loudness * (0.4 + 0.7 * plan.levels[int(step) // plan.meter.steps]) * chance.uniform(0.92, 1.08)
    track.notes.append(pretty_midi.Note(min(127, max(8, round(127 * force))), pitch, start, end))


def tidy(track: pretty_midi.Instrument) -> None:
    """Sort a track's notes, and end each before its pitch is struck again; of two at one time the longer stays."""
    by_pitch: dict[int, list[pretty_midi.Note]] = defaultdict(list)
    for note in sorted(track.notes, key=lambda note: (note.start, -note.end)):
        line = by_pitch[note.pitch]
        if line and note.start - line[-1].start < SHORTEST_NOTE:
            continue
        if line:
            line[-1].end = min(line[-1].end, note.start)
        line.append(note)
    track.notes = sorted(chain_of(by_pitch.values()), key=lambda note: (note.start, note.pitch))


def chain_of(lines: Iterable[list[pretty_midi.Note]]) -> list[pretty_midi.Note]:
    """Return the notes of several lines in one list."""
    return [note for line in lines for note in line]
