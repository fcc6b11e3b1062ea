"""The rules: what may come next in each slot, each rule alone, and no forbidden token ever."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.amt import vocab
from course_utils.amt.rules import (
    ALL,
    DURATION,
    MELODIC,
    NOTE,
    TIME,
    Rules,
    allowed,
    broken_rules,
    instruments_in,
    joined,
    leave_out,
    playable,
    remove,
    size,
    struck_at,
)

NONE = Rules(False, False, False, False, False, False)
spans = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)).map(lambda p: (min(p), max(p))), max_size=6)


def tokens_in(found: tuple[tuple[int, int], ...]) -> set[int]:
    return {token for low, high in found for token in range(low, high)}


def test_each_slot_has_its_own_tokens() -> None:
    assert allowed(TIME, compat=True) == ((0, 10_000), (vocab.REST, vocab.REST + 1))
    assert allowed(DURATION) == ((10_000, 11_000),)
    assert allowed(NOTE) == ((11_000, 27_513),)  # with REST


def test_time_does_not_run_back_nor_leap_over_more_than_a_second() -> None:
    assert allowed(TIME, 437) == ((437, 538),)
    assert allowed(TIME, -3) == ((0, 101),)
    assert allowed(TIME, 9_950) == ((9_950, 10_000),)
    assert allowed(TIME, 437, rules=Rules(time=False)) == ((0, 538),)
    assert allowed(TIME, 437, rules=Rules(gap=False)) == ((437, 10_000),)
    assert allowed(TIME, 437, compat=True)[0] == (437, 10_000)
    assert allowed(DURATION, 437) == allowed(DURATION)
    assert allowed(TIME, 10_000) == ()


def test_rest_stands_for_no_time_and_no_duration_but_in_the_released_code() -> None:
    for slot in (TIME, DURATION):
        assert vocab.REST not in tokens_in(allowed(slot))
        assert vocab.REST in tokens_in(allowed(slot, compat=True))


def test_a_sixteenth_instrument_besides_drums_is_not_let_in() -> None:
    fourteen, fifteen = range(14), range(15)
    assert playable(fourteen) is None
    assert playable(fifteen) == frozenset(fifteen) | {vocab.DRUMS}
    assert size(allowed(NOTE, used=fifteen)) == 16 * 128 + 1
    assert allowed(NOTE, used=fifteen)[-1] == (vocab.NOTE_OFFSET + 128 * 128, vocab.REST + 1)


def test_drums_and_rests_do_not_use_up_the_limit_but_in_the_released_code() -> None:
    used = {*range(14), vocab.DRUMS, 129}
    assert playable(used) is None
    assert playable(used, compat=True) == frozenset(used)


def test_a_note_that_has_begun_does_not_begin_again_at_its_tick_but_in_the_released_code() -> None:
    struck = {11_060, 11_064, vocab.REST}
    found = allowed(NOTE, struck=struck)
    assert tokens_in(allowed(NOTE)) - tokens_in(found) == struck
    assert found == ((11_000, 11_060), (11_061, 11_064), (11_065, 27_512))
    assert allowed(NOTE, struck=struck, compat=True) == allowed(NOTE, compat=True)
    assert allowed(DURATION, struck=struck) == allowed(DURATION)


def test_what_has_begun_at_a_tick_is_found_among_events_and_controls() -> None:
    rows = np.array([[99, 10_010, 11_060], [100, 10_010, 11_062], [100, 10_001, 11_062], [101, 10_010, 11_063]])
    controls = vocab.as_controls(np.array([[100, 10_010, 11_071], [200, 10_010, 11_072]]))
    history = np.concatenate([rows, controls, [[100, 10_000, vocab.REST]]])
    assert struck_at(history, 100) == {11_062, 11_071, vocab.REST}
    assert struck_at(history, 150) == frozenset()
    assert struck_at(history[:0], 0) == frozenset()


@pytest.mark.parametrize("name", ["slots", "specials", "time", "gap", "instruments", "once"])
def test_each_rule_can_be_switched_off_alone(name: str) -> None:
    off = replace(ALL, **{name: False})
    used, struck = range(MELODIC), {11_060}
    strict = [size(allowed(slot, 500, used, struck)) for slot in range(3)]
    loose = [size(allowed(slot, 500, used, struck, off)) for slot in range(3)]
    wider = {"slots": (0, 1, 2), "specials": (0, 1, 2), "time": (0,), "gap": (0,), "instruments": (2,), "once": (2,)}[
        name
    ]
    assert [slot for slot in range(3) if loose[slot] > strict[slot]] == list(wider)


def test_without_rules_all_is_allowed() -> None:
    assert allowed(NOTE, 700, range(40), {11_060}, NONE) == ((0, vocab.VOCAB_SIZE),)


@given(spans, st.integers(0, 50), st.integers(0, 50))
def test_removing_is_what_sets_do(found: list[tuple[int, int]], low: int, high: int) -> None:
    left = remove(tuple(found), low, high)
    assert tokens_in(left) == tokens_in(tuple(found)) - set(range(low, high))
    assert low >= high or all(a < b for a, b in left)


@given(st.sets(st.integers(0, 60)), st.sets(st.integers(0, 60)), st.integers(0, 9))
def test_single_tokens_leave_and_spans_are_joined_over_holes(there: set[int], gone: set[int], hole: int) -> None:
    spans = tuple((a, a + 1) for a in sorted(there))
    left = leave_out(joined(spans, 0), gone)
    assert tokens_in(left) == there - gone
    assert list(left) == sorted(left)
    assert all(a < b for a, b in left)
    over = joined(left, hole)
    assert tokens_in(over) >= tokens_in(left)
    assert all(low - high > hole for (_, high), (low, _) in itertools.pairwise(over))
    assert (not left and not over) or (over[0][0], over[-1][1]) == (left[0][0], left[-1][1])


@given(
    st.integers(0, 2),
    st.integers(0, 9_999),
    st.sets(st.integers(0, 128), max_size=20),
    st.sets(st.integers(vocab.NOTE_OFFSET, vocab.REST), max_size=8),
    st.data(),
)
def test_what_is_allowed_breaks_no_rule(
    slot: int, floor: int, used: set[int], struck: set[int], data: st.DataObject
) -> None:
    sound = [floor, vocab.DUR_OFFSET + 5, vocab.NOTE_OFFSET + 128 * min(used, default=0) + 60]
    struck -= {sound[NOTE]}
    found = allowed(slot, floor, used, struck)
    low, high = data.draw(st.sampled_from(found))
    sound[slot] = data.draw(st.integers(low, high - 1))
    assert broken_rules(sound, floor, used, struck) == ()


@given(st.sets(st.integers(vocab.NOTE_OFFSET, vocab.REST), min_size=1, max_size=8))
def test_what_has_begun_already_is_forbidden_and_named(struck: set[int]) -> None:
    left = tokens_in(allowed(NOTE, struck=struck))
    for note in struck:
        assert note not in left
        assert broken_rules((500, 10_010, note), 500, (), struck) == ("once",)


@pytest.mark.parametrize(
    ("triple", "broken"),
    [
        ((500, 10_010, 11_060), ()),
        ((500, 10_010, vocab.REST), ()),
        ((499, 10_010, 11_060), ("time",)),
        ((600, 10_010, 11_060), ()),
        ((601, 10_010, 11_060), ("gap",)),
        ((500, 500, 11_060), ("slots",)),
        ((vocab.REST, 10_010, 11_060), ("slots",)),
        ((27_513 + 500, 37_523, 38_573), ("specials",)),
        ((vocab.SEPARATOR, 10_010, 11_060), ("specials",)),
        ((500, 10_010, 11_000 + 128 * 15), ("instruments",)),
        ((499, 11_060, 11_060), ("slots", "time")),
    ],
)
def test_broken_rules_are_named(triple: tuple[int, int, int], broken: tuple[str, ...]) -> None:
    assert broken_rules(triple, 500, range(MELODIC)) == broken


def test_instruments_of_events_and_controls_are_counted() -> None:
    rows = np.array([[0, 10_010, 11_000 + 128 * 3 + 60], [9, 10_000, vocab.REST]])
    assert instruments_in(rows) == {3, 129}
    assert instruments_in(vocab.as_controls(rows[:1])) == {3}
    assert instruments_in(vocab.as_triples([])) == set()
