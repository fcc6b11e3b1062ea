"""The plan of a song: key, tempo, form, and one chord for every half bar.

Sections of eight bars are two phrases of four: an opening that asks (it ends on the dominant, mostly) and a closing
that answers on the tonic. Sections of one letter share chords, melody and patterns: a listener recognises them.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cached_property

from course_utils.synth.harmony import Chord, chord, scale
from course_utils.synth.song_styles import HARMONIES, METERS, SONG_STYLES, Meter, SongStyle

SHORTEST, LONGEST = 62.0, 98.0  # seconds from the first bar to the end of the last
SECTION_BARS, INTRO_BARS, ENDING_BARS = 8, 2, 2
# Forms by their number of sections: A verse, B chorus or middle part, C bridge.
FORMS = {
    2: ("AA", "AB"),
    3: ("AAB", "ABA", "ABB"),
    4: ("AABA", "ABAB", "AABB"),
    5: ("AABAB", "ABABB", "ABACA"),
    6: ("AABABA", "ABABCB", "AABBAB"),
    7: ("AABABCB", "ABABCBB", "AABAABA"),
    8: ("AABAAABA", "ABABCABB", "AABBAABB"),
    9: ("AABABCABB", "AABAAABAA"),
    10: ("AABBAABBAB", "ABACABACAB"),
}
# What a plain chord may become, for colour: the same function with another sound.
COLOURS = {
    "I": ("Iadd9", "Imaj7"), "IV": ("IVmaj7", "ii"), "V": ("V7", "Vsus4"), "vi": ("vi7",), "ii": ("ii7", "IV"),
    "i": ("i7",), "iv": ("iv7",), "bVI": ("bVImaj7",),
}  # fmt: skip


@dataclass(frozen=True)
class Section:
    """Some bars of one letter: "I" intro, "A", "B", "C", "E" ending; the first bar, how many, loudness 0-1."""

    name: str
    start: int
    bars: int
    level: float


@dataclass(frozen=True)
class SongPlan:
    """Everything the parts must agree on; steps are sixteenth notes from the start of the song."""

    seed: int
    style_name: str
    style: SongStyle
    meter: Meter
    bpm: float  # quarter notes a minute
    tonic: int  # pitch class 0-11
    mode: str
    form: str
    sections: tuple[Section, ...]
    halves: tuple[Chord, ...]  # one for every half bar
    drift: tuple[float, ...]  # seconds by which the players together are early or late at each step

    @property
    def bars(self) -> int:
        """Number of bars."""
        return self.sections[-1].start + self.sections[-1].bars

    def chance(self, part: str) -> random.Random:
        """Return a source of chance of its own for a part, so that changing one part never changes another."""
        return random.Random(f"song {self.seed}/{part}")

    def chord_at(self, step: float) -> Chord:
        """Return the chord at a step; after the end, the last one."""
        return self.halves[min(int(step) * 2 // self.meter.steps, len(self.halves) - 1)]

    def next_change(self, step: int) -> int:
        """Return the step at which the chord now sounding ends."""
        half = self.meter.steps // 2
        here = step // half
        while here + 1 < len(self.halves) and self.halves[here + 1] == self.halves[step // half]:
            here += 1
        return (here + 1) * half

    @cached_property
    def grid(self) -> tuple[float, ...]:
        """Seconds from the start to every step, with swing, as if played by a machine; one bar beyond the end."""
        swing = self.style.swing if self.meter.name != "6/8" else 0.0
        shuffle = self.style.shuffle
        late = (0.0, swing / 2 + shuffle, swing, swing / 2 + shuffle)  # of each step of a beat, in sixteenths
        steps = (self.bars + 1) * self.meter.steps
        return tuple((step + late[step % 4]) * 15 / self.bpm for step in range(steps))

    def grid_time(self, step: float) -> float:
        """Return the seconds from the start to a step, between two steps in proportion."""
        whole = min(int(step), len(self.grid) - 2)
        return self.grid[whole] + (step - whole) * (self.grid[whole + 1] - self.grid[whole])

    def time(self, step: float) -> float:
        """Return the seconds from the start to a step as the players take it: a few milliseconds from the grid."""
        return max(0.0, self.grid_time(step) + self.drift[min(int(step), len(self.drift) - 1)])

    @cached_property
    def levels(self) -> tuple[float, ...]:
        """Loudness 0-1 of every bar."""
        return tuple(section.level for section in self.sections for _ in range(section.bars))

    def section_at(self, bar: int) -> Section:
        """Return the section of a bar."""
        return next(section for section in self.sections if section.start <= bar < section.start + section.bars)


def plan_song(seed: int, style: str | None = None) -> SongPlan:
    """Choose style, tempo, key, form and chords; the same arguments give the same plan.

    style: a name in SONG_STYLES, or None to let the seed choose.  Raises ValueError for another name.
    """
    if style is not None and style not in SONG_STYLES:
        raise ValueError(f"no style {style!r}; choose one of {', '.join(SONG_STYLES)}")
    chance = random.Random(f"song {seed}/plan")
    name = style or chance.choice(list(SONG_STYLES))
    chosen = SONG_STYLES[name]
    meter = METERS[chosen.meter]
    # A sixteenth note lasts a whole number of hundredths of a second: events can write the rhythm without rounding.
    bpm = 1500 / round(1500 / chance.randint(*chosen.bpm))
    form = choose_form(meter.steps * 15 / bpm, chance)
    tonic = chance.randrange(12)
    harmony = chance.choice(chosen.harmonies)
    sections = plan_sections(form, chance)
    halves = plan_chords(harmony, meter, tonic, sections, chance)
    loose = chance.choice((0.0, 0.0, 0.001))  # some players are tighter than others
    steps = (sections[-1].start + sections[-1].bars + 1) * meter.steps
    drift = tuple(chance.gauss(0, loose) for _ in range(steps))
    mode = HARMONIES[harmony].mode
    return SongPlan(seed, name, chosen, meter, bpm, tonic, mode, form, sections, halves, drift)


def choose_form(bar_seconds: float, chance: random.Random) -> str:
    """Return a form whose length with intro and ending lies between SHORTEST and LONGEST seconds."""
    around = (INTRO_BARS + ENDING_BARS) * bar_seconds
    fitting = [n for n in FORMS if SHORTEST <= around + n * SECTION_BARS * bar_seconds <= LONGEST]
    if not fitting:
        raise ValueError(f"no form of {SECTION_BARS} bars a section fits bars of {bar_seconds:.2f} s")
    return chance.choice(FORMS[chance.choice(fitting)])


def plan_sections(form: str, chance: random.Random) -> tuple[Section, ...]:
    """Return intro, the sections of the form, and an ending; choruses are louder than verses."""
    verse = chance.uniform(0.62, 0.75)
    levels = {"A": verse, "B": verse + 0.15, "C": verse - 0.05}
    sections = [Section("I", 0, INTRO_BARS, verse - 0.08)]
    for letter in form:
        start = sections[-1].start + sections[-1].bars
        sections.append(Section(letter, start, SECTION_BARS, levels[letter]))
    last = sections[-1]
    return (*sections, Section("E", last.start + last.bars, ENDING_BARS, last.level))


def plan_chords(
    name: str, meter: Meter, tonic: int, sections: tuple[Section, ...], chance: random.Random
) -> tuple[Chord, ...]:
    """Return the chords of all half bars; the intro takes the first opening's bars, the ending rests on the tonic."""
    harmony = HARMONIES[name]
    opening = chance.choice(harmony.openings)
    turns = chance.sample(harmony.turns, 2)
    bars = {
        "A": f"{opening} {chance.choice(harmony.closings)}".split(),
        "B": f"{turns[0]} {chance.choice(harmony.closings)}".split(),
        "C": f"{turns[1]} {chance.choice(harmony.openings)}".split(),
    }
    bars["A"], bars["B"], bars["C"] = (coloured(bars[letter], name, chance) for letter in "ABC")
    home = bars["A"][7] if name != "pop" else "I"
    bars["I"] = bars["A"][:INTRO_BARS]
    bars["E"] = [home.split("_")[-1]] * ENDING_BARS
    halves: list[Chord] = []
    for section in sections:
        for word in bars[section.name]:
            # A bar of three has no half: its last chord leads on, and takes all of it.
            two = word.split("_") if meter.name != "3/4" else [word.split("_")[-1]]
            halves += [chord(two[0], tonic), chord(two[-1], tonic)]
    return tuple(halves)


def coloured(words: list[str], name: str, chance: random.Random) -> list[str]:
    """Replace a plain chord by a related one now and then; never the last of the section, where it comes home."""
    if "jazz" in name or name == "funk":
        return words
    done = [chance.choice(COLOURS[word]) if word in COLOURS and chance.random() < 0.12 else word for word in words[:-1]]
    return [*done, words[-1]]


def song_scale(plan: SongPlan) -> tuple[int, ...]:
    """Return the seven pitch classes of the key."""
    return scale(plan.tonic, plan.mode)
