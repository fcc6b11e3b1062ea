"""The exercises of lesson 00: a blind listening task and two small sums."""

from __future__ import annotations

import math

from course_utils.exercises.check import Checker
from course_utils.exercises.exercise import Exercise, Mistake

# The three sounds of the blind task by their letters: how many of the nine levels each is made from.
BLIND = {"a": 4, "b": 9, "c": 1}
LEVEL_RATE = 10 * 44100 / 512  # bits per second of one level: 10 bits a frame


def levels_within(bits_per_second, level_rate=10 * 44100 / 512):
    """How many of the nine levels fit into a line of so many bits per second."""
    return min(9, int(bits_per_second // level_rate))


def _beyond_nine(bits_per_second, level_rate=LEVEL_RATE):
    return int(bits_per_second // level_rate)


def _rounded_up(bits_per_second, level_rate=LEVEL_RATE):
    return min(9, math.ceil(bits_per_second / level_rate))


def _to_the_nearest(bits_per_second, level_rate=LEVEL_RATE):
    return min(9, round(bits_per_second / level_rate))


def _not_whole(bits_per_second, level_rate=LEVEL_RATE):
    return min(9.0, bits_per_second / level_rate)


SONG_SECONDS = 180
_BITS = 9 * LEVEL_RATE * SONG_SECONDS

EXERCISES = (
    Exercise(
        name="one_level",
        title="Which one is made from a single level?",
        difficulty=1,
        minutes=2,
        prompt="Play the three sounds above. One is made from one level, one from four, one from all nine. "
        "Write the letter of the one with a single level.",
        hint="Listen to the ends of the notes and to the highest sounds, such as cymbals. What turns rough first?",
        solution="c",
        why="sound c has one level, sound a has four, sound b has all nine",
        choices=("a", "b", "c"),
        mistakes=(
            Mistake("a", "a has four levels. There is a rougher one"),
            Mistake("b", "b has all nine levels. Listen for the one that is furthest from it"),
        ),
    ),
    Exercise(
        name="song_megabytes",
        title="A song as codes",
        difficulty=2,
        minutes=3,
        prompt="A song lasts three minutes. How many megabytes do its codes take, at nine codes of 10 bits a frame and "
        "44100 / 512 frames a second? A megabyte is a million bytes. Write a number or a sum.",
        hint="Bits a second, times seconds, gives bits. Eight bits are one byte.",
        solution=round(_BITS / 8 / 1e6, 3),
        why="9 x 10 bits x 86.13 frames/s x 180 s / 8 = 174 thousand bytes; a photograph takes more",
        tolerance=0.02,
        mistakes=(
            Mistake(_BITS / 1e6, "you counted megabits: eight bits are one byte"),
            Mistake(_BITS / 8 / 1e3, "that is kilobytes: a megabyte is a million bytes"),
            Mistake(_BITS / 8, "that is bytes: divide by a million"),
            Mistake(_BITS, "that is bits: divide by eight, then by a million"),
            Mistake(_BITS / 8 / 1e6 / 9, "that is one level: each frame has nine codes"),
            Mistake(_BITS / 8 / 1e6 / 60, "that is three seconds: a minute has 60 of them"),
            Mistake(44100 * 16 * SONG_SECONDS / 8 / 1e6, "that is the song as plain samples, not as codes"),
        ),
    ),
    Exercise(
        name="levels_within",
        title="How many levels fit?",
        difficulty=2,
        minutes=4,
        prompt="A line carries so many bits a second. One level needs 10 bits for each of 44100 / 512 frames a second. "
        "Write how many levels fit, at most nine.",
        hint="Divide and round down: `//` does both. `min` keeps the result at nine.",
        solution=levels_within,
        why="whole levels only, and the codec has nine",
        mistakes=(
            Mistake(_beyond_nine, "the codec has nine levels: a faster line does not give it a tenth"),
            Mistake(_rounded_up, "you rounded up: the last level no longer fits into the line"),
            Mistake(_to_the_nearest, "you rounded to the nearest: a level that fits by half does not fit"),
            Mistake(_not_whole, "there is no part of a level: round down to a whole number"),
        ),
        cases=[(7800,), (3000,), (100_000,), (500,)],
        random=lambda rng: (float(rng.uniform(100, 20_000)),),
    ),
)

check = Checker(EXERCISES)
