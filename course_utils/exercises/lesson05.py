"""The exercises of lesson 05, music as events."""

from __future__ import annotations

import math

import numpy as np

from course_utils.exercises.check import Checker
from course_utils.exercises.exercise import Exercise, Mistake

# The solutions are shown in the lesson as they stand here; `math` and `np` are what the lesson has.

# --- from MIDI's ticks to seconds ---------------------------------------------------------------------------------


def seconds_at(tick, tempos, ticks_per_beat):
    """When a MIDI tick is due, in seconds; tempos: (tick, microseconds a beat), in order, the first at tick 0."""
    seconds = 0.0
    ends = [start for start, _ in tempos[1:]] + [tick]
    for (start, tempo), end in zip(tempos, ends, strict=True):
        ticks = max(min(end, tick) - start, 0)
        seconds += ticks / ticks_per_beat * tempo / 1_000_000
    return seconds


def _first_tempo(tick, tempos, ticks_per_beat):
    return tick / ticks_per_beat * tempos[0][1] / 1e6


def _last_tempo(tick, tempos, ticks_per_beat):
    reached = [tempo for start, tempo in tempos if start <= tick]
    return tick / ticks_per_beat * reached[-1] / 1e6


def _tempos_to_come(tick, tempos, ticks_per_beat):
    seconds = 0.0
    ends = [start for start, _ in tempos[1:]] + [tick]
    for (start, tempo), end in zip(tempos, ends, strict=True):
        seconds += (end - start) / ticks_per_beat * tempo / 1e6
    return seconds


def _microseconds(tick, tempos, ticks_per_beat):
    return seconds_at(tick, tempos, ticks_per_beat) * 1e6


def _beats(tick, tempos, ticks_per_beat):
    return tick / ticks_per_beat


def _beat_of_480(tick, tempos, ticks_per_beat):
    return seconds_at(tick, tempos, 480)


def _random_tempos(rng: np.random.Generator) -> tuple[int, list[tuple[int, int]], int]:
    starts = [0, *sorted(rng.choice(np.arange(1, 3000), size=3, replace=False).tolist())]
    tempos = [(start, int(rng.integers(200_000, 1_500_000))) for start in starts]
    return int(rng.integers(500, 4000)), tempos, int(rng.choice([96, 120, 240]))


# --- three tokens -------------------------------------------------------------------------------------------------


def event_tokens(time, duration, pitch, instrument):
    """A tuple of the three tokens of a note: time and duration in seconds, pitch 0 to 127, instrument 0 to 128."""
    length = min(round(100 * duration), 999)
    return round(100 * time), 10_000 + length, 11_000 + 128 * instrument + pitch


def _without_offsets(time, duration, pitch, instrument):
    return round(100 * time), min(round(100 * duration), 999), 128 * instrument + pitch


def _limit_before_rounding(time, duration, pitch, instrument):
    length = 999 if duration >= 10 else round(100 * duration)
    return round(100 * time), 10_000 + length, 11_000 + 128 * instrument + pitch


def _no_limit(time, duration, pitch, instrument):
    return round(100 * time), 10_000 + round(100 * duration), 11_000 + 128 * instrument + pitch


def _limit_1000(time, duration, pitch, instrument):
    return round(100 * time), 10_000 + min(round(100 * duration), 1000), 11_000 + 128 * instrument + pitch


def _cut_off(time, duration, pitch, instrument):
    return int(100 * time), 10_000 + min(int(100 * duration), 999), 11_000 + 128 * instrument + pitch


def _pitch_first(time, duration, pitch, instrument):
    return round(100 * time), 10_000 + min(round(100 * duration), 999), 11_000 + 129 * pitch + instrument


def _times_129(time, duration, pitch, instrument):
    return round(100 * time), 10_000 + min(round(100 * duration), 999), 11_000 + 129 * instrument + pitch


def _milliseconds(time, duration, pitch, instrument):
    return round(1000 * time), 10_000 + min(round(1000 * duration), 999), 11_000 + 128 * instrument + pitch


def _end_for_duration(time, duration, pitch, instrument):
    return round(100 * time), 10_000 + min(round(100 * (time + duration)), 999), 11_000 + 128 * instrument + pitch


def _random_note(rng: np.random.Generator) -> tuple[float, float, int, int]:
    # Never half-way between two ticks, where rounding is a matter of taste.
    time, duration = (int(rng.integers(1, limit)) + float(rng.uniform(-0.4, 0.4)) for limit in (6000, 900))
    return round(time / 100, 5), round(duration / 100, 5), int(rng.integers(0, 128)), int(rng.integers(0, 129))


# --- merging two lists of waits -----------------------------------------------------------------------------------


def merge_waits(first, second):
    """The waits of two parts played together: int64 [M] and int64 [N] -> int64 [M + N], all in ticks."""
    times = np.concatenate([np.cumsum(first), np.cumsum(second)])
    return np.diff(np.sort(times), prepend=0)


def _one_after_the_other(first, second):
    return np.concatenate([first, second])


def _sorted_waits(first, second):
    return np.sort(np.concatenate([first, second]))


def _merged_times(first, second):
    return np.sort(np.concatenate([np.cumsum(first), np.cumsum(second)]))


def _first_wait_lost(first, second):
    return np.diff(_merged_times(first, second))


def _unsorted(first, second):
    return np.diff(np.concatenate([np.cumsum(first), np.cumsum(second)]), prepend=0)


def _each_moment_once(first, second):
    return np.diff(np.unique(_merged_times(first, second)), prepend=0)


def _random_waits(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    first = rng.integers(0, 60, size=int(rng.integers(3, 9)))
    second = rng.integers(0, 90, size=int(rng.integers(3, 9)))
    second[0] = first[0] + first[1]  # the two parts meet at one moment
    return first.astype(np.int64), second.astype(np.int64)


# --- rests --------------------------------------------------------------------------------------------------------


def rest_times(onsets, end):
    """A list of the ticks at which RESTs must stand, so that from 0 to `end` no step is over 100; onsets in order."""
    rests, last = [], 0
    for tick in [*onsets, end]:
        while tick - last > 100:
            last += 100
            rests.append(last)
        last = tick
    return rests


def _also_at_one_second(onsets, end):
    rests, last = [], 0
    for tick in [*onsets, end]:
        while tick - last >= 100:
            last += 100
            rests.append(last)
        last = tick
    return rests


def _one_a_gap(onsets, end):
    steps = zip([0, *onsets], [*onsets, end], strict=True)
    return [last + 100 for last, tick in steps if tick - last > 100]


def _not_to_the_end(onsets, end):
    return rest_times(onsets, onsets[-1])


def _from_the_first_note(onsets, end):
    return [tick for tick in rest_times(onsets, end) if tick > onsets[0]]


def _every_second(onsets, end):
    return list(range(100, end, 100))


def _waits_of_rests(onsets, end):
    return [100 for _ in rest_times(onsets, end)]


def _random_onsets(rng: np.random.Generator) -> tuple[list[int], int]:
    steps = rng.choice([20, 50, 100, 130, 200, 340], size=8)
    onsets = (int(rng.integers(150, 250)) + np.cumsum(steps)).tolist()
    return onsets, onsets[-1] + int(rng.integers(101, 400))


# --- bits per second ----------------------------------------------------------------------------------------------


def bits_per_second(ppl_time, ppl_duration, ppl_note, events_per_second):
    """What a second of music costs, in bits, from the perplexities of the three tokens of an event."""
    return math.log2(ppl_time * ppl_duration * ppl_note) * events_per_second


def _sum_of_perplexities(ppl_time, ppl_duration, ppl_note, events_per_second):
    return math.log2(ppl_time + ppl_duration + ppl_note) * events_per_second


def _nats(ppl_time, ppl_duration, ppl_note, events_per_second):
    return math.log(ppl_time * ppl_duration * ppl_note) * events_per_second


def _no_logarithm(ppl_time, ppl_duration, ppl_note, events_per_second):
    return ppl_time * ppl_duration * ppl_note * events_per_second


def _bits_of_an_event(ppl_time, ppl_duration, ppl_note, events_per_second):
    return math.log2(ppl_time * ppl_duration * ppl_note)


def _bits_of_a_token(ppl_time, ppl_duration, ppl_note, events_per_second):
    return bits_per_second(ppl_time, ppl_duration, ppl_note, events_per_second) / 3


def _three_times(ppl_time, ppl_duration, ppl_note, events_per_second):
    return 3 * bits_per_second(ppl_time, ppl_duration, ppl_note, events_per_second)


def _random_perplexities(rng: np.random.Generator) -> tuple[float, float, float, float]:
    time, duration, note = (round(float(rng.uniform(1.2, 9)), 2) for _ in range(3))
    return time, duration, note, round(float(rng.uniform(5, 40)), 1)


EXERCISES = (
    Exercise(
        name="seconds_at",
        title="When is a tick?",
        difficulty=3,
        minutes=8,
        prompt="Write the conversion for any number of tempos. A tempo holds from its tick to the next one's; the last "
        "one holds to the end. A tempo that begins after `tick` must not count.",
        hint="Go through the tempos in order. How many ticks of the way lie under each? "
        "`ticks / ticks_per_beat` are beats, and a beat lasts `tempo / 1_000_000` seconds.",
        solution=seconds_at,
        why="each stretch of ticks is converted with the tempo that holds there, and the seconds are added up",
        mistakes=(
            Mistake(_first_tempo, "you used the first tempo for the whole way: each holds only until the next begins"),
            Mistake(
                _last_tempo, "you used the tempo that holds at the end for the whole way, also for what lies before"
            ),
            Mistake(_tempos_to_come, "tempos that begin after the tick count too: cut each stretch at `tick`"),
            Mistake(_microseconds, "those are microseconds: divide by 1,000,000"),
            Mistake(_beats, "those are beats: multiply by what a beat lasts"),
            Mistake(_beat_of_480, "480 ticks a beat is this file's number: take `ticks_per_beat`"),
        ),
        cases=[
            (480, [(0, 500_000)], 480),
            (1440, [(0, 500_000), (960, 1_000_000)], 480),
            (700, [(0, 500_000), (960, 1_000_000)], 480),
        ],
        random=_random_tempos,
    ),
    Exercise(
        name="event_tokens",
        title="Three tokens for a note",
        difficulty=2,
        minutes=6,
        prompt="Time and duration come in seconds; round them to the nearest tick of 10 ms. Time tokens begin at 0, "
        "durations at 10,000, notes at 11,000. The note is 128 x instrument + pitch. What rounds to 1,000 ticks "
        "or more gets the longest duration there is, 999.",
        hint="There are 1,000 durations, tick 0 to tick 999. `min` limits, `round` rounds.",
        solution=event_tokens,
        why="ticks of 10 ms, each kind of token in its own range",
        tolerance=1e-6,
        mistakes=(
            Mistake(_without_offsets, "the three ranges overlap: durations begin at 10,000 and notes at 11,000"),
            Mistake(_no_limit, "a duration of 10 s or longer runs into the notes: limit it to 999 ticks"),
            Mistake(_limit_before_rounding, "9.997 s rounds to 1,000 ticks, and 11,000 is a note: round, then limit"),
            Mistake(_limit_1000, "there are 1,000 durations, from 0 to 999: 11,000 is already a note"),
            Mistake(_cut_off, "int() cuts off, so 0.29 s becomes 28 ticks; round to the nearest"),
            Mistake(_pitch_first, "the instrument counts in steps of 128, the pitch in steps of 1"),
            Mistake(_times_129, "an instrument has 128 pitches, so the next one begins 128 later, not 129"),
            Mistake(_milliseconds, "a tick is 10 ms: a second has 100 of them"),
            Mistake(_end_for_duration, "the second token is how long the note lasts, not when it ends"),
        ),
        cases=[(0.0, 0.5, 60, 0), (1.25, 0.29, 38, 128), (3.0, 12.0, 127, 127), (0.0, 9.997, 60, 0)],
        random=_random_note,
    ),
    Exercise(
        name="finer_vocabulary",
        title="Ticks of 5 ms",
        difficulty=2,
        minutes=4,
        prompt="Say that a tick were 5 ms, still with times up to 100 s and durations up to 10 s. How many tokens "
        "would the training vocabulary have, with REST, the controls' copies and the three special tokens?",
        hint="Twice as many times, twice as many durations, as many notes as before. Then count as above.",
        solution=77_028,
        why="20,000 + 2,000 + 16,512 = 38,512; that twice, one REST and three special tokens",
        tolerance=1e-6,
        mistakes=(
            Mistake(38_512, "those are the events alone: add REST, the controls and the special tokens"),
            Mistake(38_513, "those are the events and REST: add the controls and the special tokens"),
            Mistake(77_024, "REST and the three special tokens are missing"),
            Mistake(77_027, "REST is missing"),
            Mistake(77_025, "the three special tokens are missing"),
            Mistake(77_029, "there is no REST among the controls: one REST in all"),
            Mistake(110_056, "you doubled everything: the notes do not depend on the tick"),
            Mistake(75_028, "you doubled the times, but durations are counted in ticks too"),
            Mistake(55_028, "that is with ticks of 10 ms"),
        ),
    ),
    Exercise(
        name="merge_waits",
        title="Merge two lists of waits",
        difficulty=3,
        minutes=8,
        prompt="Each part is a list of waits: how many ticks after the note before (the first: after tick 0) each note "
        "begins. Both parts start at the same moment. Write the list of waits of the two together. Notes that begin at "
        "the same moment stay two notes, the second with a wait of 0.",
        hint="`np.cumsum` turns waits into times. What do you do with two lists of times? `np.diff(..., prepend=0)` "
        "turns times into waits again.",
        solution=merge_waits,
        why="to times, sorted together, and back to waits: whoever adds a part changes the waits of the other",
        mistakes=(
            Mistake(_one_after_the_other, "that plays the second part after the first, not with it"),
            Mistake(
                _sorted_waits, "waits cannot be sorted: each counts from the note before it. Make them times first"
            ),
            Mistake(_merged_times, "those are the times; waits are asked for"),
            Mistake(_first_wait_lost, "the first wait is lost: it counts from tick 0, see `prepend`"),
            Mistake(_unsorted, "a wait is negative: sort the times of both parts together"),
            Mistake(_each_moment_once, "two notes that begin together are still two: `np.unique` drops one"),
        ),
        cases=[
            (np.array([0, 50, 50, 50]), np.array([25, 50])),
            (np.array([10, 20]), np.array([30, 5])),
        ],
        random=_random_waits,
    ),
    Exercise(
        name="rest_times",
        title="Where the rests go",
        difficulty=3,
        minutes=8,
        prompt="Write at which ticks a REST must stand, so that from tick 0 to `end` nothing is farther than 100 ticks "
        "from what comes before it. Rests count on from the event before: after a note at tick 30 they stand at 130, "
        "230, ... A step of exactly 100 ticks needs none.",
        hint="Keep the last tick at which something stands. While the next onset (or the end) is more than 100 ticks "
        "away, put a rest 100 ticks after the last.",
        solution=rest_times,
        why="time never jumps by more than a second",
        mistakes=(
            Mistake(_also_at_one_second, "a step of exactly 100 ticks needs no rest"),
            Mistake(_one_a_gap, "a gap of more than two seconds needs more than one rest"),
            Mistake(_not_to_the_end, "the silence after the last note needs rests too, up to `end`"),
            Mistake(_from_the_first_note, "the silence before the first note needs rests too: time begins at tick 0"),
            Mistake(_every_second, "rests stand in silence only, and count on from the event before"),
            Mistake(_waits_of_rests, "those are waits; the ticks themselves are asked for"),
        ),
        cases=[([30, 330], 400), ([0, 100, 450], 500), ([250], 300)],
        random=_random_onsets,
    ),
    Exercise(
        name="bits_per_second",
        title="From perplexity to bits per second",
        difficulty=2,
        minutes=5,
        prompt="Write what a second of music costs in bits, from the perplexities of time, duration and note and the "
        "number of events in a second.",
        hint="The bits of three tokens add up. What do their perplexities do? A perplexity of 8 is 3 bits.",
        solution=bits_per_second,
        why="log2 of the product, times the events of a second",
        mistakes=(
            Mistake(_sum_of_perplexities, "bits add up, perplexities multiply"),
            Mistake(_nats, "that is in nats: bits take the logarithm to base 2"),
            Mistake(_no_logarithm, "a perplexity is no number of bits yet: take log2 of it"),
            Mistake(_bits_of_an_event, "that is an event; a second has `events_per_second` of them"),
            Mistake(_bits_of_a_token, "that is a mean token; the three of an event are all paid for"),
            Mistake(_three_times, "the product already holds all three tokens: do not count them again"),
        ),
        cases=[(1.49, 3.29, 2.12, 20.6)],
        random=_random_perplexities,
    ),
)

check = Checker(EXERCISES)
