"""Singing melodies over given chords: rhythm motifs that return, a contour, and pitches found as one best path.

A section of eight bars is four units of two bars, like a sentence: a, a again on the new chords, b that rises, c that
comes home. Each unit's pitches are the path of least cost (Viterbi) through all pitches of the voice: chord tones on
beats, other scale tones only when reached and left by step, small intervals, near the contour or near the motif that
returns.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from course_utils.synth.harmony import Chord
from course_utils.synth.song_form import Section, SongPlan, song_scale
from course_utils.synth.song_styles import Meter

UNIT_BARS = 2
RANGE = 8  # semitones from the middle of the voice to its ends
# Cost of a melodic interval by its semitones: steps and thirds sing, tritones and sevenths do not.
INTERVALS = (1.0, 0.1, 0.0, 0.5, 0.6, 0.9, 4.0, 1.3, 2.2, 2.6, 5.0, 6.0, 2.2, 8.0, 8.0, 8.0, 8.0)
OUTSIDE, BLUNT, LOOSE = 60.0, 5.0, 5.0  # not in the scale; no chord tone on a beat; left or reached by leap
RAISED = (4, 9, 11)  # semitones above a chord's root
WHIM = 1.8  # how much chance may make of a pitch
# Rhythms as lengths in sixteenths, negative for a rest, from calm to busy.
HALVES_OF_FOUR = ((8,), (4, 4), (6, 2), (4, 2, 2), (2, 2, 4), (-2, 2, 4), (3, 3, 2), (2, 4, 2), (2, 2, 2, 2))
BARS_OF_THREE = (
    (12,), (8, 4), (4, 8), (4, 4, 4), (6, 2, 4), (8, 2, 2), (4, 2, 2, 4), (4, 4, 2, 2), (-4, 4, 4), (2, 2, 4, 4),
    (4, 2, 2, 2, 2), (2, 2, 2, 2, 4),
)  # fmt: skip
HALVES_OF_SIX = ((6,), (4, 2), (-2, 2, 2), (2, 2, 2), (2, 4), (3, 1, 2))
CADENCES = {
    "4/4": ((8, -8), (12, -4), (4, 8, -4), (8, -4, 2, 2)),
    "3/4": ((12,), (8, -4), (4, 4, -4)),
    "6/8": ((6, -6), (10, -2), (6, -4, 2)),
}


class MelodyNote(NamedTuple):
    """A note of a section's melody: step from the section's start and length, in sixteenths, and MIDI pitch."""

    step: int
    length: int
    pitch: int


Costs = npt.NDArray[np.float64]
Rhythm = list[tuple[int, int]]  # (step, length)


def write_melody(plan: SongPlan, centre: int) -> list[MelodyNote]:
    """Return the whole song's melody around MIDI pitch `centre`, steps from the start of the song.

    Sections of one letter have one melody; when it returns, a phrase of it may be varied a little.
    """
    chance = plan.chance("melody")
    motifs = bar_rhythms(plan, chance)
    known: dict[str, list[MelodyNote]] = {}
    notes: list[MelodyNote] = []
    for section in plan.sections:
        if section.name in "IE":
            continue
        first = section.start * plan.meter.steps
        if section.name not in known:
            rise = {"A": 0, "B": 3, "C": -1}[section.name]
            rhythms = section_rhythms(plan, motifs, chance)
            before = notes[-1].pitch if notes else None
            known[section.name] = write_section(plan, section, rhythms, centre + rise, before, chance)
            melody = known[section.name]
        else:
            melody = varied(known[section.name], plan, section, chance)
        notes += [MelodyNote(first + note.step, note.length, note.pitch) for note in melody]
    return close(notes, plan, centre)


def close(notes: list[MelodyNote], plan: SongPlan, centre: int) -> list[MelodyNote]:
    """Add the last note, the tonic nearest the melody, where the ending begins."""
    last = notes[-1]
    start = plan.sections[-1].start * plan.meter.steps
    options = [pitch for pitch in range(centre - RANGE, centre + RANGE + 1) if pitch % 12 == plan.tonic]
    home = min(options, key=lambda pitch: (abs(pitch - last.pitch), pitch))
    kept = [note for note in notes if note.step + note.length <= start]
    return [*kept, MelodyNote(start, plan.meter.steps, home)]


def bar_rhythms(plan: SongPlan, chance: random.Random) -> list[Rhythm]:
    """Return the song's three bar rhythms: two that alternate, and one for contrast."""
    return [one_bar(plan.meter, plan.style.busy, chance) for _ in range(3)]


def one_bar(meter: Meter, busy: float, chance: random.Random) -> Rhythm:
    """Return a bar of rhythm; `busy` 0-1 prefers cells with many notes."""

    def pick(cells: tuple[tuple[int, ...], ...], usual: float) -> tuple[int, ...]:
        likings = [2.0 ** (-abs(len(cell) - usual)) for cell in cells]
        return chance.choices(cells, likings)[0]

    if meter.name == "4/4":
        cells = pick(HALVES_OF_FOUR, 1 + 3 * busy) + pick(HALVES_OF_FOUR, 1 + 3 * busy)
    elif meter.name == "6/8":
        cells = pick(HALVES_OF_SIX, 1 + 2 * busy) + pick(HALVES_OF_SIX, 1 + 2 * busy)
    else:
        cells = pick(BARS_OF_THREE, 1 + 4 * busy)
    return place(cells)


def place(cells: tuple[int, ...]) -> Rhythm:
    """Turn lengths (negative for rests) into (step, length) pairs."""
    found, step = [], 0
    for cell in cells:
        if cell > 0:
            found.append((step, cell))
        step += abs(cell)
    return found


def section_rhythms(plan: SongPlan, motifs: list[Rhythm], chance: random.Random) -> list[Rhythm]:
    """Return the rhythm of each unit of a section, steps from the unit's start: a, a, b, and c with the cadence."""
    steps = plan.meter.steps
    first, second, contrast = chance.sample(motifs, 3) if chance.random() < 0.3 else motifs
    if chance.random() < 0.5:
        contrast = one_bar(plan.meter, plan.style.busy, chance)
    breath = steps // 4
    half_end = place(chance.choice(CADENCES[plan.meter.name]))
    last = place(chance.choice(CADENCES[plan.meter.name]))
    bars = [(first, second), (first, half_end), (contrast, second), (first, last)]
    if chance.random() < 0.4:  # the answer begins like the question
        bars[2] = (first, second)
    units = []
    for index, (one, two) in enumerate(bars):
        if index % 2 == 0:
            two = breathe(two, steps, breath)
        unit = [*one, *((steps + step, length) for step, length in two)]
        units.append(pushed(unit, steps, plan.style.push, chance))
    return units


def breathe(rhythm: Rhythm, steps: int, breath: int) -> Rhythm:
    """Leave the last `breath` steps of a bar to breathe in."""
    kept = [(step, min(length, steps - breath - step)) for step, length in rhythm if step < steps - breath]
    return kept or [(0, steps - breath)]


def pushed(unit: Rhythm, steps: int, likely: float, chance: random.Random) -> Rhythm:
    """Let the unit's second bar begin an eighth early, by chance: a syncopation over the bar line."""
    found = dict(unit)
    taken = any(steps - 2 <= step < steps for step in found)
    if steps not in found or taken or chance.random() >= likely:
        return unit
    shortened = {step: min(length, steps - 2 - step) if step < steps else length for step, length in found.items()}
    shortened[steps - 2] = shortened.pop(steps) + 2
    return sorted(shortened.items())


def write_section(
    plan: SongPlan, section: Section, rhythms: list[Rhythm], centre: int, last: int | None, chance: random.Random
) -> list[MelodyNote]:
    """Return one section's melody, steps from its start; `last` is the pitch sung before it."""
    steps = plan.meter.steps
    notes: list[MelodyNote] = []
    motif: list[int] = []
    shapes = contours(chance)
    for index, rhythm in enumerate(rhythms):
        first = (section.start + index * UNIT_BARS) * steps
        aims = [centre + shapes[index](step / (UNIT_BARS * steps)) for step, _ in rhythm]
        pull = 0.16
        if index == 1 and motif:  # the motif again, as near as the new chords let it be
            aims[: len(motif)] = [float(pitch) for pitch in motif[: len(aims)]]
            pull = 0.5
        elif index == 3 and motif:
            aims[: len(motif) // 2] = [float(pitch) for pitch in motif[: len(motif) // 2]][: len(aims)]
            pull = 0.3
        home = index == len(rhythms) - 1 and section.name != "C"
        before = notes[-1].pitch if notes else last
        pitches = fit_pitches(plan, first, rhythm, aims, pull, centre, before, home, chance)
        if index == 0:
            motif = pitches
        offset = first - section.start * steps
        notes += [MelodyNote(offset + s, length, p) for (s, length), p in zip(rhythm, pitches, strict=True)]
    return notes


def contours(chance: random.Random) -> list[Callable[[float], float]]:
    """Return four shapes, one a unit: semitones above the middle as a function of the place 0-1 in the unit."""
    height = chance.uniform(2.5, 4.5)
    start = chance.uniform(-3, 1)
    question = chance.choice((
        lambda x: start + height * x,
        lambda x: start + height * (1 - abs(2 * x - 1)),
        lambda x: start + height * (1 - x),
        lambda x: start + height * abs(2 * x - 1),
    ))  # fmt: skip
    rising = lambda x: height * (0.5 + 0.8 * (1 - abs(2 * x - 1)))  # noqa: E731
    return [question, question, rising, lambda x: height * (0.6 - 1.1 * x)]


def fit_pitches(
    plan: SongPlan,
    first: int,
    rhythm: Rhythm,
    aims: list[float],
    pull: float,
    centre: int,
    before: int | None,
    home: bool,
    chance: random.Random,
) -> list[int]:
    """Return one pitch for every note of a unit: the path of least cost.

    first: the unit's step in the song; aims: a pitch that each note is drawn to with force `pull`; before: the pitch
    sung last; home: the last note must be the tonic, or the third or fifth of the chord for the sake of surprise.
    """
    voice = np.arange(centre - RANGE, centre + RANGE + 1)
    key = song_scale(plan)
    costs: list[Costs] = []
    passing: list[npt.NDArray[np.bool_]] = []
    for (step, length), aim in zip(rhythm, aims, strict=True):
        sounding = heard_chord(plan, first + step, length)
        cost, foreign = tone_costs(sounding, key, is_strong(plan.meter, step, length))
        wish = np.array([chance.random() for _ in voice]) * WHIM
        costs.append(cost[voice % 12] + pull * np.abs(voice - aim) + wish)
        passing.append(foreign[voice % 12])
    if home:
        costs[-1] = costs[-1] + np.where(voice % 12 == plan.tonic, 0.0, 3.5)
    return [int(voice[index]) for index in cheapest_path(costs, passing, voice, before)]


def heard_chord(plan: SongPlan, step: int, length: int) -> Chord:
    """Return the chord over which most of a note lies: a note before the bar belongs to the bar."""
    return plan.chord_at(step + length // 2)


def is_strong(meter: Meter, step: int, length: int) -> bool:
    """Whether a note must be a chord tone: on a beat, or at least as long as one, or tied into the next bar."""
    place_in_bar = step % meter.steps
    beat = 6 if meter.name == "6/8" else 4
    return place_in_bar in meter.beats or length >= beat or place_in_bar + length > meter.steps


def local_scale(sounding: Chord, key: tuple[int, ...]) -> tuple[int, ...]:
    """Return the key's scale as a chord bends it: each tone foreign to the key replaces the one that it alters.

    A major third, sixth or seventh is a raised tone and replaces the one below (G sharp for G in A minor's E7); other
    foreign tones are lowered ones.
    """
    foreign = [tone for tone in sounding.tones if tone not in key]
    altered = {(tone - 1 if (tone - sounding.root) % 12 in RAISED else tone + 1) % 12 for tone in foreign}
    return tuple(sorted({*key, *foreign} - (altered - set(sounding.tones))))


@lru_cache(maxsize=4000)
def tone_costs(sounding: Chord, key: tuple[int, ...], strong: bool) -> tuple[Costs, npt.NDArray[np.bool_]]:
    """Return what each of the 12 pitch classes costs as a note on or off the beat, and which are no chord tones."""
    bent = local_scale(sounding, key)
    costs = np.full(12, OUTSIDE)
    costs[list(bent)] = BLUNT if strong else 0.5
    costs[list(sounding.tones)] = 0.6  # sevenths and ninths sound well in chords, less so as the aim of a melody
    costs[list(sounding.tones[:3])] = 0.0
    foreign = np.ones(12, bool)
    foreign[list(sounding.tones)] = False
    return costs, foreign


def cheapest_path(
    costs: list[Costs],
    passing: list[npt.NDArray[np.bool_]],
    voice: npt.NDArray[np.int64],
    before: int | None,
) -> list[int]:
    """Return the indices into `voice` of the cheapest path: Viterbi's algorithm over notes and pitches."""
    distance = np.abs(voice[:, None] - voice[None, :])  # [from, to]
    interval = np.array(INTERVALS)[np.minimum(distance, len(INTERVALS) - 1)]
    leap = np.where(distance > 2, LOOSE, np.where(distance == 0, 1.5, 0.0))
    best = costs[0].copy()
    if before is not None:
        best += np.array(INTERVALS)[np.minimum(np.abs(voice - before), len(INTERVALS) - 1)]
    best += np.where(passing[0], LOOSE, 0.0)
    back = []
    for index in range(1, len(costs)):
        # A note outside the chord is reached by step and left by step.
        step = interval + leap * (passing[index - 1][:, None] | passing[index][None, :])
        whole = best[:, None] + step
        back.append(whole.argmin(0))
        best = whole.min(0) + costs[index]
    best += np.where(passing[-1], LOOSE, 0.0)
    path = [int(best.argmin())]
    for choice in reversed(back):
        path.append(int(choice[path[-1]]))
    return path[::-1]


def varied(melody: list[MelodyNote], plan: SongPlan, section: Section, chance: random.Random) -> list[MelodyNote]:
    """Return the melody of a section that comes back: as it was, or with one or two long notes turned into figures."""
    count = chance.choice((0, 0, 1, 2))
    long = [index for index, note in enumerate(melody[:-1]) if 4 <= note.length <= 8 and note.length % 2 == 0]
    chosen = set(chance.sample(long, min(count, len(long))))
    found: list[MelodyNote] = []
    for index, note in enumerate(melody):
        after = melody[min(index + 1, len(melody) - 1)].pitch
        neighbour = neighbour_between(note, after, plan, section)
        if index in chosen and neighbour is not None:
            half = note.length // 2
            found += [note._replace(length=half), MelodyNote(note.step + half, half, neighbour)]
        else:
            found.append(note)
    return found


def neighbour_between(note: MelodyNote, after: int, plan: SongPlan, section: Section) -> int | None:
    """Return a scale step beside a note that leads on to the next by step, or None where there is none."""
    step = section.start * plan.meter.steps + note.step + note.length // 2
    allowed = local_scale(plan.chord_at(step), song_scale(plan))
    options = [p for p in range(note.pitch - 2, note.pitch + 3) if p != note.pitch and p % 12 in allowed]
    near = [pitch for pitch in options if abs(pitch - after) <= 2]
    return min(near, key=lambda pitch: (abs(pitch - after), pitch)) if near else None
