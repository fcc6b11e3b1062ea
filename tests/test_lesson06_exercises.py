"""The exercises of lesson 06 agree with the library's orders, distances and stopping-time test, on any input."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils import amt
from course_utils.amt.interleave import ORDERS, parting
from course_utils.amt.vocab import CONTROL_OFFSET, as_controls, onsets
from course_utils.exercises import lesson06
from course_utils.exercises.lesson06 import rows_at

times = st.lists(st.integers(0, 2500), max_size=20).map(sorted)
some_times = st.lists(st.integers(0, 2500), min_size=1, max_size=12).map(sorted)
deltas = st.integers(0, 40).map(lambda n: n / 2) | st.just(math.inf)


@given(times, times)
def test_sorting_is_the_library_s(events, controls):
    assert lesson06.sort_order(events, controls) == ORDERS["sort"](events, controls, 0)


@given(times, times, deltas)
def test_anticipate_is_the_library_s(events, controls, delta):
    rows = rows_at(events), as_controls(rows_at(controls, 104))
    for ours, theirs in zip(lesson06.anticipate(*rows, delta), amt.anticipate(*rows, delta), strict=True):
        assert ours.tolist() == theirs.tolist()


@pytest.mark.parametrize("mode", amt.MODES)
@given(some_times, some_times, st.integers(0, 10))
def test_the_distances_are_the_library_s(mode, events, controls, delta):
    found = amt.arrange(rows_at(events), as_controls(rows_at(controls, 104)), mode, delta)
    order = np.where(found.event >= 0, found.event, len(events) + found.control).tolist()
    inside = controls[: len(controls) - len(found.leftover)]
    assert lesson06.control_distances(order, events, inside) == amt.distances(found).tokens.tolist()


@given(times, times, times)
def test_looking_ahead_is_the_library_s(shared, one, other):
    """Rows with an odd tick are controls; their labels say so."""

    def rows(ticks):
        odd = np.array([tick % 2 for tick in ticks], dtype=np.int64).reshape(-1, 1)
        return rows_at(ticks) + CONTROL_OFFSET * odd

    sequences = [[*shared, *ticks] for ticks in (one, other)]
    labels = [[f"{'c' if tick % 2 else 'e'}{tick} {n}" for n, tick in enumerate(ticks)] for ticks in sequences]
    betrayed = parting(rows(sequences[0]), rows(sequences[1])) is not None
    assert lesson06.looked_ahead(*labels) == betrayed


@given(some_times, some_times, st.integers(1, 60))
def test_the_chosen_delta_fits_and_a_larger_one_does_not(events, controls, reach):
    rows = rows_at(events), as_controls(rows_at(controls, 104))
    chosen = lesson06.choose_delta(*rows, reach)
    fits = {d: amt.distances(amt.arrange(*rows, "anticipation", d)).max <= reach for d in range(1, 11)}
    assert chosen == max((delta for delta, fit in fits.items() if fit), default=0)


def test_of_the_blind_melodies_one_is_the_piece_s_own():
    (answer,) = (letter for letter, name in lesson06.BLIND.items() if name == "its own")
    assert lesson06.check.exercises["which_melody"].solution == answer


def test_the_rows_of_the_exercises_are_in_order_of_time():
    for exercise in (lesson06.check.exercises["anticipate"], lesson06.check.exercises["choose_delta"]):
        for case in exercise.cases:
            assert all((np.diff(onsets(rows)) >= 0).all() for rows in case[:2])
