"""The four arrangements: what each keeps, how far things are apart, and which can be sampled."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.amt import token_lists as lists
from course_utils.amt.interleave import (
    MODES,
    Rule,
    anticipate,
    arrange,
    de_interleave,
    distances,
    futures,
    mirrored,
    parting,
    rule_of,
    stopping_time_violations,
)
from course_utils.amt.vocab import (
    REST,
    SEPARATOR,
    TokensError,
    Triples,
    as_controls,
    as_triples,
    is_control,
    notes,
    onsets,
)

rows = st.tuples(st.integers(0, 2500), st.integers(10_000, 10_999), st.integers(11_000, REST - 1))
events = st.lists(rows, max_size=25).map(lambda some: lists.sort(as_triples(np.array(some, dtype=int))))
few = st.lists(rows, max_size=8).map(lambda some: lists.sort(as_triples(np.array(some, dtype=int))))
controls = events.map(as_controls)
deltas = st.integers(0, 3000).map(lambda n: n / 100) | st.just(math.inf)
modes = st.sampled_from(MODES)


def piece(times: list[int], instrument: int = 0) -> Triples:
    return as_triples([[time, 10_020, 11_060 + 128 * instrument] for time in times])


MUSIC, MELODY = piece(list(range(0, 2000, 50))), as_controls(piece([0, 130, 480, 777, 1420, 1900], instrument=80))


# What arrangements keep


@given(events, controls, modes, deltas)
def test_and_back(some: Triples, given_: Triples, mode: str, delta: float) -> None:
    found = de_interleave(arrange(some, given_, mode, delta))
    assert [part.tolist() for part in found] == [some.tolist(), given_.tolist()]


@given(events, controls, deltas)
def test_splitting_an_anticipated_list(some: Triples, given_: Triples, delta: float) -> None:
    tokens, leftover = anticipate(some, given_, delta)
    found, placed = lists.split(tokens)
    assert found.tolist() == some.tolist()
    assert np.concatenate([placed, leftover]).tolist() == given_.tolist()


@given(events, controls, modes, deltas)
def test_provenance(some: Triples, given_: Triples, mode: str, delta: float) -> None:
    arrangement = arrange(some, given_, mode, delta)
    is_event = arrangement.event >= 0
    assert ((arrangement.control >= 0) == ~is_event).all()
    assert arrangement.tokens[is_event].tolist() == some[arrangement.event[is_event]].tolist()
    assert onsets(arrangement.tokens[~is_event]).tolist() == onsets(given_[arrangement.control[~is_event]]).tolist()
    assert is_control(arrangement.tokens).any() == (mode != "autoregressive" and (~is_event).any())


# Order


@given(events, controls, deltas)
def test_a_control_comes_after_the_first_event_within_delta(some: Triples, given_: Triples, delta: float) -> None:
    arrangement = arrange(some, given_, "anticipation", delta)
    times = onsets(arrangement.tokens)
    for place in np.flatnonzero(arrangement.control >= 0):
        heard = times[:place][arrangement.event[:place] >= 0]
        due = round(times[place] - delta * 100, 6)  # 2.51 s are a hair more than 251 ticks in binary
        assert due <= (heard[-1] if len(heard) else 0)  # close enough
        assert all(time < due for time in heard[:-1])  # and not before
        assert (arrangement.event[place:] >= 0).any()  # an event follows


@given(events, controls)
def test_time_order(some: Triples, given_: Triples) -> None:
    for mode in ("autoregressive", "sort"):
        assert (np.diff(onsets(arrange(some, given_, mode).tokens)) >= 0).all()


@given(events, controls)
def test_all_controls_first(some: Triples, given_: Triples) -> None:
    wanted = np.concatenate([given_, some]).tolist()
    assert arrange(some, given_, "seq2seq").tokens.tolist() == wanted
    if len(some):
        assert anticipate(some, given_, math.inf)[0].tolist() == wanted
        assert anticipate(some, given_, 1e9)[0].tolist() == wanted


def test_by_hand() -> None:
    tokens, leftover = anticipate(piece([0, 100, 200, 300]), as_controls(piece([50, 260, 400, 900])), delta=1.0)
    assert [("c" if c else "e", t) for c, t in zip(is_control(tokens), onsets(tokens), strict=True)] == [
        ("c", 50),
        ("e", 0),
        ("e", 100),
        ("e", 200),
        ("c", 260),
        ("e", 300),
    ]
    assert onsets(leftover).tolist() == [400, 900]


def test_delta_zero_waits_for_the_control() -> None:
    tokens, _ = anticipate(piece([0, 100, 200, 300]), as_controls(piece([0, 100, 150])), delta=0)
    assert onsets(tokens).tolist() == [0, 0, 100, 100, 200, 150, 300]
    assert is_control(tokens).tolist() == [True, False, False, True, False, True, False]


def test_without_one_or_the_other() -> None:
    nothing = as_triples([])
    assert anticipate(MUSIC, nothing)[0].tolist() == MUSIC.tolist()
    tokens, leftover = anticipate(nothing, MELODY)
    assert (len(tokens), leftover.tolist()) == (0, MELODY.tolist())
    for mode in MODES:
        assert len(distances(arrange(MUSIC, nothing, mode)).tokens) == 0
        assert math.isnan(distances(arrange(nothing, MELODY, mode)).median)


# Distances


def test_distances_by_hand() -> None:
    some, given_ = piece([0, 100, 200, 300]), as_controls(piece([110, 290]))
    assert distances(arrange(some, given_, "seq2seq")).tokens.tolist() == [3 * 3, 3 * 4]
    assert distances(arrange(some, given_, "sort")).tokens.tolist() == [-3, 3]
    assert distances(arrange(some, given_, "anticipation", 1.0)).tokens.tolist() == [-3, 3]


def test_rests_are_not_concerned_but_take_up_tokens() -> None:
    some, given_ = lists.pad(piece([0, 450])), as_controls(piece([399]))
    (found,) = distances(arrange(some, given_, "seq2seq")).tokens
    assert found == 3 * 6  # 0, four rests, 450


def test_seq2seq_is_far_and_anticipation_near() -> None:
    far = distances(arrange(MUSIC, MELODY, "seq2seq"))
    near = distances(arrange(MUSIC, MELODY, "anticipation", 5.0))
    closest = distances(arrange(MUSIC, MELODY, "sort"))
    assert far.max > near.max > closest.max
    assert far.median > near.median > closest.median
    assert near.known_before == 1.0


# Stopping times


@settings(max_examples=25)
@given(few, few.map(as_controls), deltas)
def test_what_can_be_sampled(some: Triples, given_: Triples, delta: float) -> None:
    for mode in ("autoregressive", "seq2seq", "anticipation"):
        assert stopping_time_violations(rule_of(mode, delta), some, given_) == []


@settings(max_examples=25)
@given(few, few.map(as_controls))
def test_what_cannot(some: Triples, given_: Triples) -> None:
    """Sorting goes wrong wherever an event may still come before the control, or after it."""
    latest = lists.max_time(some) + 500  # the last event, and how late it may be
    doubtful = bool(len(some)) and bool((onsets(given_) < latest).any())
    assert bool(stopping_time_violations(rule_of("sort"), some, given_, shifts_ticks=(500,))) == doubtful


def peeking(some: Triples, given_: Triples) -> Triples:
    """Looks like anticipation, but goes by the event that comes next: the usual mistake."""
    order, waiting = [], list(range(len(given_)))
    for place, onset in enumerate(onsets(some).tolist()):
        while waiting and onsets(given_)[waiting[0]] - 500 <= onset:
            order.append(len(some) + waiting.pop(0))
        order.append(place)
    return np.concatenate([some, given_])[order]


def by_count(some: Triples, given_: Triples) -> Triples:
    """A control after every third event, whatever the time: pointless, but it can be sampled."""
    order: list[int] = []
    for place in range(len(some)):
        order.append(place)
        if place % 3 == 2 and place // 3 < len(given_):
            order.append(len(some) + place // 3)
    return np.concatenate([some, given_])[order]


def test_rules_are_judged_by_what_they_do() -> None:
    assert stopping_time_violations(peeking, MUSIC, MELODY)
    assert stopping_time_violations(by_count, MUSIC, MELODY) == []
    backwards = lambda some, given_: arrange(some, given_, "sort").tokens[::-1]  # noqa: E731
    assert stopping_time_violations(backwards, MUSIC, MELODY)


def peeks_at_notes(some: Triples, given_: Triples) -> Triples:
    """One control before each event of an even note."""
    order, waiting = [], list(range(len(given_)))
    for place, note in enumerate(notes(some).tolist()):
        if waiting and note % 2 == 0:
            order.append(len(some) + waiting.pop(0))
        order.append(place)
    return np.concatenate([some, given_])[order]


def peeks_at_the_number(some: Triples, given_: Triples) -> Triples:
    """The controls spread evenly among the events."""
    step = max(len(some) // max(len(given_), 1), 1)
    order = list(range(len(some)))
    for number in reversed(range(min(len(given_), len(some) // step))):
        order.insert(number * step, len(some) + number)
    return np.concatenate([some, given_])[order]


@pytest.mark.parametrize("rule", [peeks_at_notes, peeks_at_the_number])
def test_it_is_not_only_times_that_a_rule_may_look_at(rule: Rule) -> None:
    assert stopping_time_violations(rule, MUSIC, MELODY)


@given(events, st.integers(0, 40))
def test_futures_share_their_past(some: Triples, cut: int) -> None:
    cut = min(cut, len(some))
    if cut == len(some):
        return
    for future in futures(some, cut, (1, 200)):
        assert future[:cut].tolist() == some[:cut].tolist()
        assert (np.diff(onsets(future)) >= 0).all()
        assert not is_control(future).any()
        assert future.min(initial=0) >= 0
    again = mirrored(mirrored(some))
    assert again.tolist() == some.tolist()


def test_a_violation_shows_where() -> None:
    first = stopping_time_violations(rule_of("sort"), MUSIC, MELODY)[0]
    assert is_control(np.stack([first.one, first.other])).any()
    as_it_was = arrange(MUSIC, MELODY, "sort").tokens
    assert first.history.tolist() == as_it_was[: len(first.history)].tolist()
    assert first.one.tolist() == as_it_was[len(first.history)].tolist()


def test_futures_that_differ_in_music_only() -> None:
    assert parting(piece([0, 100]), piece([0, 200])) is None
    assert parting(piece([0, 100]), piece([0])) is None
    both = np.concatenate([piece([0]), as_controls(piece([100]))])
    assert parting(both, piece([0, 50])) is not None


# Refusals


@pytest.mark.parametrize("delta", [-1, -0.01, math.nan])
def test_delta_below_zero(delta: float) -> None:
    for act in (lambda: anticipate(MUSIC, MELODY, delta), lambda: arrange(MUSIC, MELODY, "sort", delta)):
        with pytest.raises(TokensError, match="delta is a time in seconds, 0 or more"):
            act()


@pytest.mark.parametrize(
    ("some", "given_", "said"),
    [
        (MELODY, MELODY, "events hold controls"),
        (as_triples([SEPARATOR] * 3), MELODY, "separators"),
        (MUSIC, MUSIC, "controls hold events"),
        (MUSIC[::-1], MELODY, "events are not in order"),
        (MUSIC, MELODY[::-1], "controls are not in order"),
    ],
)
def test_wrong_lists(some: Triples, given_: Triples, said: str) -> None:
    for act in (lambda: anticipate(some, given_), lambda: arrange(some, given_, "sort")):
        with pytest.raises(TokensError, match=said):
            act()


def test_unknown_mode() -> None:
    with pytest.raises(TokensError, match="'sorted'.*autoregressive"):
        arrange(MUSIC, MELODY, "sorted")
