"""The exercises of lesson 06, four interleavings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from course_utils.amt import arrange, as_controls, distances
from course_utils.amt.vocab import DUR_OFFSET, NOTE_OFFSET, Triples, is_control, onsets
from course_utils.exercises.check import Checker
from course_utils.exercises.exercise import Exercise, Invariant, Mistake

# The solutions are shown in the lesson as they stand here; `np`, `onsets`, `arrange` and `distances` are what it has.

# Which melody stands behind which letter in the listening task.
BLIND = {"a": "a whole tone higher", "b": "its own", "c": "a quarter of a second late"}


def rows_at(times: Sequence[int], instrument: int = 0) -> Triples:
    """Quarter-second notes that begin at `times`, in ticks: int64 [N, 3]."""
    rows = [[time, DUR_OFFSET + 25, NOTE_OFFSET + 128 * instrument + 60 + n % 12] for n, time in enumerate(times)]
    return np.array(rows, dtype=np.int64).reshape(-1, 3)


# --- sort by time -------------------------------------------------------------------------------------------------


def sort_order(events, controls):
    """A list of the rows' places in order of onset: event i is place i, control j is place len(events) + j."""
    times = [*events, *controls]
    return sorted(range(len(times)), key=lambda place: times[place])


def _controls_first(events, controls):
    times = [*events, *controls]
    return sorted(range(len(times)), key=lambda place: (times[place], place < len(events)))


def _latest_first(events, controls):
    times = [*events, *controls]
    return sorted(range(len(times)), key=lambda place: -times[place])


def _times_not_places(events, controls):
    return sorted([*events, *controls])


def _not_sorted(events, controls):
    return list(range(len(events) + len(controls)))


def _where_each_goes(events, controls):
    order = sort_order(events, controls)
    return [order.index(place) for place in range(len(order))]


def _controls_from_zero(events, controls):
    return [place if place < len(events) else place - len(events) for place in sort_order(events, controls)]


def _random_times(rng: np.random.Generator) -> tuple[list[float], list[float]]:
    times = [sorted((rng.integers(0, 20, size=int(n)) / 2).tolist()) for n in rng.integers(4, 9, size=2)]
    times[1][0] = times[0][1]  # one pair begins at the same moment
    return times[0], sorted(times[1])


# --- how far apart ------------------------------------------------------------------------------------------------


def control_distances(order, events, controls):
    """A list: how many tokens after each control its nearest event in time stands; negative if before it."""
    stands = {place: position for position, place in enumerate(order)}
    found = []
    for number, onset in enumerate(controls):
        nearest = min(range(len(events)), key=lambda event: abs(events[event] - onset))
        found.append(3 * (stands[nearest] - stands[len(events) + number]))
    return found


def _in_rows(order, events, controls):
    return [tokens // 3 for tokens in control_distances(order, events, controls)]


def _without_sign(order, events, controls):
    return [abs(tokens) for tokens in control_distances(order, events, controls)]


def _other_way(order, events, controls):
    return [-tokens for tokens in control_distances(order, events, controls)]


def _nearest_in_the_order(order, events, controls):
    found = []
    for number in range(len(controls)):
        at = order.index(len(events) + number)
        steps = [position - at for position, place in enumerate(order) if place < len(events)]
        found.append(3 * min(steps, key=abs))
    return found


def _in_order_of_time(order, events, controls):
    return control_distances(sort_order(events, controls), events, controls)


def _the_later_of_two(order, events, controls):
    stands = {place: position for position, place in enumerate(order)}
    found = []
    for number, onset in enumerate(controls):
        nearest = min(range(len(events) - 1, -1, -1), key=lambda event: abs(events[event] - onset))
        found.append(3 * (stands[nearest] - stands[len(events) + number]))
    return found


def _random_order(rng: np.random.Generator) -> tuple[list[int], list[float], list[float]]:
    events = (np.cumsum(rng.integers(1, 4, size=10)) / 2).tolist()
    controls = np.sort(rng.choice(np.arange(1, 40), size=4, replace=False) / 2 + 0.125).tolist()
    order = list(range(10))
    for number in range(4):
        order.insert(int(rng.integers(0, 4)) if number % 2 else int(rng.integers(4, len(order))), 10 + number)
    return order, events, controls


# --- did the rule look ahead? -------------------------------------------------------------------------------------


def looked_ahead(one, other):
    """Whether a control is in play where two sequences first differ; rows are like "e3.2" and "c3.6"."""
    for row, another in zip(one, other, strict=False):
        if row != another:
            return row.startswith("c") or another.startswith("c")
    return False


def _any_difference(one, other):
    return any(row != another for row, another in zip(one, other, strict=False))


def _anywhere(one, other):
    pairs = [pair for pair in zip(one, other, strict=False) if pair[0] != pair[1]]
    return any(row.startswith("c") for pair in pairs for row in pair)


def _first_only(one, other):
    for row, another in zip(one, other, strict=False):
        if row != another:
            return row.startswith("c")
    return False


def _both(one, other):
    for row, another in zip(one, other, strict=False):
        if row != another:
            return row.startswith("c") and another.startswith("c")
    return False


def _ends_count(one, other):
    return looked_ahead(one, other) or (len(one) != len(other) and not _any_difference(one, other))


def _only_events(one, other):
    return _any_difference(one, other) and not looked_ahead(one, other)


_PARTINGS: list[tuple[list[str], list[str]]] = [
    (["e3.0", "e3.2", "c3.6"], ["e3.0", "c3.6", "e4.0"]),
    (["e3.0", "c3.6", "e3.2"], ["e3.0", "c3.6", "e4.0"]),
    (["e3.0", "c3.6", "e4.0"], ["e3.0", "e3.2", "c3.6"]),
    (["e1.0", "e2.0", "c2.5", "e3.0"], ["e1.0", "e2.2", "e2.4", "c2.5"]),
    (["e1.0", "c2.5", "e2.0"], ["e1.0", "c2.5", "e2.0"]),
    (["e1.0", "c2.5"], ["e1.0", "c2.5", "e2.0"]),
    (["c2.5", "e1.0"], ["c2.7", "e1.0"]),
]


# --- anticipate ---------------------------------------------------------------------------------------------------


def anticipate(events, controls, delta):
    """Events and controls, int64 [N, 3] and [M, 3], as one sequence; delta in seconds. And the controls left over."""
    due = onsets(controls) - 100 * delta  # in ticks: from here on a control may come
    rows, heard, n = [], 0, 0
    for event, onset in zip(events, onsets(events), strict=True):
        while n < len(controls) and due[n] <= heard:
            rows.append(controls[n])
            n += 1
        rows.append(event)
        heard = onset
    return np.array(rows, dtype=np.int64).reshape(-1, 3), controls[n:]


def _placed(events, controls, due, heard_by, at_end=False, one_only=False, strictly=False):
    """Known-wrong variants of `anticipate`: what counts as due, and by which onset it is judged."""
    rows, n, times = [], 0, onsets(events)
    for place, event in enumerate(events):
        heard = heard_by(times, place)
        while n < len(controls) and (due[n] < heard if strictly else due[n] <= heard):
            rows.append(controls[n])
            n += 1
            if one_only:
                break
        rows.append(event)
    while at_end and n < len(controls):
        rows.append(controls[n])
        n += 1
    return np.array(rows, dtype=np.int64).reshape(-1, 3), controls[n:]


def _last(times, place):
    return times[place - 1] if place else 0


def _peeks(events, controls, delta):
    return _placed(events, controls, onsets(controls) - 100 * delta, lambda times, place: times[place])


def _in_seconds(events, controls, delta):
    return _placed(events, controls, onsets(controls) - delta, _last)


def _too_late(events, controls, delta):
    return _placed(events, controls, onsets(controls) + 100 * delta, _last)


def _one_at_a_time(events, controls, delta):
    return _placed(events, controls, onsets(controls) - 100 * delta, _last, one_only=True)


def _strictly(events, controls, delta):
    return _placed(events, controls, onsets(controls) - 100 * delta, _last, strictly=True)


def _at_the_end(events, controls, delta):
    return _placed(events, controls, onsets(controls) - 100 * delta, _last, at_end=True)


def _never_first(events, controls, delta):
    return _placed(
        events, controls, onsets(controls) - 100 * delta, lambda times, place: times[place - 1] if place else -np.inf
    )


def _sorts(events, controls, delta):
    return _placed(events, controls, onsets(controls), lambda times, place: times[place] - 1)


def _loses_the_rest(events, controls, delta):
    return anticipate(events, controls, delta)[0], controls[:0]


def _whole_seconds(events, controls, delta):
    return anticipate(events, controls, int(delta))


def _round_trip(answer, events, controls, delta):
    rows, left = answer(events, controls, delta)
    given = is_control(rows)
    back = np.concatenate([rows[given], left])
    return np.array_equal(rows[~given], events) and np.array_equal(back, controls)


def _in_time(answer, events, controls, delta):
    rows, _ = answer(events, controls, delta)
    heard, heard_before = 0, None
    for given, onset in zip(is_control(rows), onsets(rows), strict=True):
        due = onset - 100 * delta
        if given and (due > heard or (heard_before is not None and due <= heard_before)):
            return False
        if not given:
            heard, heard_before = onset, heard
    return True


def _at_zero(answer, events, controls, delta):
    return _in_time(answer, events, controls, 0.0)


def _at_infinity(answer, events, controls, delta):
    rows, left = answer(events, controls, np.inf)
    return len(left) == 0 and bool(is_control(rows[: len(controls)]).all())


def _random_piece(rng: np.random.Generator) -> tuple[Triples, Triples, float]:
    band = np.sort(rng.integers(0, 1500, size=int(rng.integers(12, 25))))
    sung = np.sort(rng.integers(0, 2500, size=int(rng.integers(4, 12))))
    return rows_at(band.tolist()), as_controls(rows_at(sung.tolist(), 104)), float(rng.integers(1, 11))


# --- which delta? -------------------------------------------------------------------------------------------------


def choose_delta(events, controls, reach):
    """The largest delta of 10, 9, ... 1 s with no control over `reach` tokens from its event; 0 if there is none."""
    for delta in range(10, 0, -1):
        if distances(arrange(events, controls, "anticipation", delta)).max <= reach:
            return delta
    return 0


def _the_smallest(events, controls, reach):
    fit = [d for d in range(1, 11) if distances(arrange(events, controls, "anticipation", d)).max <= reach]
    return min(fit, default=0)


def _by_the_median(events, controls, reach):
    fit = [d for d in range(1, 11) if distances(arrange(events, controls, "anticipation", d)).median <= reach]
    return max(fit, default=0)


def _strictly_within(events, controls, reach):
    fit = [d for d in range(1, 11) if distances(arrange(events, controls, "anticipation", d)).max < reach]
    return max(fit, default=0)


def _in_rows_again(events, controls, reach):
    fit = [d for d in range(1, 11) if distances(arrange(events, controls, "anticipation", d)).max <= 3 * reach]
    return max(fit, default=0)


def _none_is_none(events, controls, reach):
    return choose_delta(events, controls, reach) or 10


_REGULAR = (rows_at(range(0, 2000, 50)), as_controls(rows_at([300, 790, 1410, 1900], 104)))
_UNEVEN = (
    rows_at([*range(0, 1000, 100), *range(1000, 1500, 10)]),
    as_controls(rows_at([300, 500, 790, 1450], 104)),
)


def _random_reach(rng: np.random.Generator) -> tuple[Triples, Triples, int]:
    events, controls, _ = _random_piece(rng)
    return events, controls[onsets(controls) < 1500], int(rng.integers(6, 20)) * 3


EXERCISES = (
    Exercise(
        name="which_melody",
        title="Which melody belongs to this band?",
        difficulty=1,
        minutes=3,
        prompt="Three times the same band. In one the melody is the piece's own. In one it is a whole tone higher, in "
        "one it comes a quarter of a second late. Write the letter of the piece's own.",
        hint="Listen to the long choir notes first: which melody rests on them? Then to the drums: which one falls "
        "between the beats?",
        solution="b",
        choices=("a", "b", "c"),
        why="sound b is the piece's own; in a the pitches rub, in c the beats do",
        mistakes=(
            Mistake("a", "in that one every note of the melody is a whole tone higher than the composer wrote it"),
            Mistake("c", "that one has the right pitches, a quarter of a second late"),
        ),
    ),
    Exercise(
        name="sort_order",
        title="Sort by time",
        difficulty=2,
        minutes=6,
        prompt="Write the third order. Events and controls come as two lists of onsets. Return the *places* of the "
        "rows in order of time: event number i is place i, control number j is place len(events) + j. Where an event "
        "and a control begin at the same moment, the event comes first.",
        hint="Put both lists behind one another: `times = [*events, *controls]`. Then `sorted(range(len(times)), "
        "key=...)`. Python's `sorted` leaves equal ones in the order in which they were.",
        solution=sort_order,
        why="the places, sorted by the onset that stands there",
        mistakes=(
            Mistake(_controls_first, "where both begin at the same moment, the event comes first"),
            Mistake(_latest_first, "that is from the latest to the earliest"),
            Mistake(_times_not_places, "those are the onsets; asked for are the places of the rows"),
            Mistake(_not_sorted, "that is the order in which they came: nothing is sorted"),
            Mistake(
                _where_each_goes, "that says where each row goes; asked for is which row comes first, which second"
            ),
            Mistake(
                _controls_from_zero, "control number j is place len(events) + j, so that no two rows share a place"
            ),
        ),
        cases=[([0, 1, 2, 3, 4, 5], [2.5, 5]), ([1, 3], [0, 3, 9])],
        random=_random_times,
    ),
    Exercise(
        name="control_distances",
        title="How far from what it concerns?",
        difficulty=3,
        minutes=8,
        prompt="A control concerns most the event whose onset is nearest its own; of two that are equally near, the "
        "first. For each control, count how many "
        "*tokens* after it this event stands in the order. Where the event stands before the control, the number is "
        "negative. Three tokens a row.",
        hint="`order.index(place)` tells where a place stands. The nearest event: "
        "`min(range(len(events)), key=lambda event: abs(events[event] - onset))`.",
        solution=control_distances,
        why="3 x (where the nearest event stands - where the control stands)",
        mistakes=(
            Mistake(_in_rows, "those are rows; a row is three tokens"),
            Mistake(_without_sign, "the sign is missing: an event that stands before the control is at a minus"),
            Mistake(_other_way, "the sign is the wrong way round: an event behind the control is at a plus"),
            Mistake(_nearest_in_the_order, "that is the event that stands nearest; asked is the one nearest in time"),
            Mistake(_in_order_of_time, "you sort the rows again: take them as `order` has them"),
            Mistake(_the_later_of_two, "of two events that are equally near, the first counts"),
        ),
        cases=[
            ([6, 7, 0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5], [2.4, 4.7]),
            ([4, 0, 1, 2, 3], [0, 1, 2, 3], [1.5]),
        ],
        random=_random_order,
    ),
    Exercise(
        name="looked_ahead",
        title="Did the rule look ahead?",
        difficulty=3,
        minutes=7,
        prompt='Two futures, and the two sequences that a rule made of them, as lists of rows: "e3.2" is an event at '
        '3.2 s, "c3.6" a control. Return True if, at the first place where they differ, at least one of the two rows '
        "is a control: the rule must have known the future. If both are events, the music differs there, and that is "
        "no fault. Where one sequence just ends earlier, nothing can be said: False.",
        hint='Go through both with `zip(one, other)`. At the first difference, `row.startswith("c")` tells a control.',
        solution=looked_ahead,
        why="up to the first difference both futures are the same history, and a control is not sampled",
        mistakes=(
            Mistake(_any_difference, "two events that differ are no fault: that is the music, and it is sampled"),
            Mistake(_anywhere, "only the first difference counts: behind it the histories are different ones"),
            Mistake(_first_only, "the control may come in either of the two sequences"),
            Mistake(_both, "one control is enough: in one future it comes, in the other it does not"),
            Mistake(_ends_count, "a sequence that only ends earlier says nothing"),
            Mistake(_only_events, "that is the wrong way round: two events are no fault, a control is"),
        ),
        cases=_PARTINGS,
    ),
    Exercise(
        name="anticipate",
        title="Write `anticipate`",
        difficulty=4,
        minutes=15,
        prompt="The real thing, on real rows. A sampler has written some events; the last one begins at tick `heard` "
        "(0 at the start). Before each next event, put in every control that is not in yet and whose onset is no more "
        "than delta seconds after `heard`. Controls that no event follows are left over: return them as the second "
        "result. Both lists are in order of time, `onsets(rows)` gives their onsets in ticks, and a second has 100 "
        "ticks. Delta may be a fraction, 0, or infinite.",
        hint="One loop over the events, inside it a `while` over the controls that are due. What is `heard` when you "
        "stand before an event: its own onset, or that of the event before it?",
        solution=anticipate,
        why="judged by the last event that was heard, so that nothing is used that is not known yet",
        mistakes=(
            Mistake(_peeks, "you go by the onset of the event that comes next, and nobody has sampled it yet"),
            Mistake(_in_seconds, "delta is in seconds, onsets are in ticks of 10 ms"),
            Mistake(_too_late, "that puts controls delta after their onset; they should come delta before it"),
            Mistake(_one_at_a_time, "several controls may be due at once: `while`, not `if`"),
            Mistake(_strictly, "a control that is exactly delta away is due: <=, not <"),
            Mistake(_at_the_end, "behind the last event nobody uses a control: return these as left over"),
            Mistake(_never_first, "time begins at 0: what is due by then stands before the first event"),
            Mistake(_sorts, "that is sort by time: delta is not used"),
            Mistake(_loses_the_rest, "the controls that found no place are lost: return controls[n:]"),
            Mistake(_whole_seconds, "delta need not be a whole number of seconds, nor finite"),
        ),
        invariants=(
            Invariant(_round_trip, "taken apart again, the rows and what is left over do not give both lists back"),
            Invariant(_in_time, "a control stands before it is due, or later than it could"),
            Invariant(_at_zero, "with delta = 0 a control stands before it is due, or later than it could"),
            Invariant(_at_infinity, "with an infinite delta all controls come first, and none is left"),
        ),
        cases=[
            (rows_at([0, 100, 200, 300, 400]), as_controls(rows_at([50, 60, 300, 390, 900], 104)), 1.0),
            (rows_at([0, 100, 200, 300, 400]), as_controls(rows_at([0, 100, 250, 400], 104)), 0.0),
            (rows_at([0, 100, 200, 300, 400]), as_controls(rows_at([136, 137, 238, 900], 104)), 0.37),
            (rows_at([0, 100, 200]), as_controls(rows_at([50, 150, 9000], 104)), np.inf),
        ],
        random=_random_piece,
    ),
    Exercise(
        name="choose_delta",
        title="Choose delta for a model",
        difficulty=3,
        minutes=8,
        prompt="You train a small model that can look `reach` tokens back, and want it to know as much of the melody "
        "beforehand as it can use. Which delta? Try 10, 9, ... 1 s, and return the first with which no control is more "
        "than `reach` tokens away from the event that it concerns. If there is none, return 0. `arrange` and "
        "`distances` do the work.",
        hint='`distances(arrange(events, controls, "anticipation", delta)).max` is the largest distance in tokens.',
        solution=choose_delta,
        why="from the largest delta down, the first that keeps every control within reach",
        mistakes=(
            Mistake(_the_smallest, "that is the smallest delta that fits; the model is to know as much as it can use"),
            Mistake(_by_the_median, "half of the controls may then be out of reach: take the largest distance"),
            Mistake(_strictly_within, "exactly `reach` tokens away is within reach: <=, not <"),
            Mistake(_in_rows_again, "the distances are tokens already, and so is the reach"),
            Mistake(_none_is_none, "if no delta fits, return 0"),
        ),
        cases=[(*_REGULAR, 30), (*_REGULAR, 27), (*_REGULAR, 3), (*_REGULAR, 150), (*_UNEVEN, 30)],
        random=_random_reach,
    ),
)

check = Checker(EXERCISES)
