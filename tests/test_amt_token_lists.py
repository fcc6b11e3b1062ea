"""Operations on token lists keep what they should and refuse what they cannot do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.amt import token_lists as lists
from course_utils.amt.vocab import REST, SEPARATOR, TokensError, Triples, as_controls, as_triples, is_rest, onsets

rows = st.tuples(st.integers(0, 3000), st.integers(10_000, 10_999), st.integers(11_000, REST - 1))
unsorted_events = st.lists(rows, max_size=30).map(lambda some: as_triples(np.array(some, dtype=int)))
events = unsorted_events.map(lists.sort)
BETWEEN = np.full((1, 3), SEPARATOR)


def same(one: Triples, other: Triples) -> bool:
    return one.tolist() == other.tolist()


@given(events, events)
def test_split_undoes_joining(some: Triples, others: Triples) -> None:
    joined = np.concatenate([some, as_controls(others)])
    mixed = joined[np.random.default_rng(len(joined)).permutation(len(joined))]
    found, controls = lists.split(mixed)
    assert sorted(found.tolist()) == sorted(some.tolist())
    assert sorted(controls.tolist()) == sorted(as_controls(others).tolist())


@given(events, st.integers(1, 300), st.integers(0, 4000))
def test_padding_leaves_no_silence_and_comes_off_again(some: Triples, density: int, end: int) -> None:
    padded = lists.pad(some, end, density)
    assert same(lists.unpad(padded), some)
    times = [0, *onsets(padded).tolist(), end or lists.max_time(some)]
    assert max(np.diff(times)) <= density
    # No rest stands where nothing was missing.
    assert is_rest(padded).sum() <= max(times) / density


@given(events, st.integers(-500, 500))
def test_translation_can_be_undone(some: Triples, shift: int) -> None:
    if len(some) and lists.min_time(some) + shift < 0:
        with pytest.raises(TokensError, match="before the start"):
            lists.translate(some, shift)
        return
    moved = lists.translate(some, shift)
    assert same(lists.translate(moved, -shift), some)
    assert (onsets(moved) - onsets(some) == shift).all()


@given(events, st.integers(0, 3000), st.integers(0, 3000))
def test_clip_keeps_what_begins_inside_and_ends_it_in_time(some: Triples, start: int, length: int) -> None:
    clipped = lists.clip(some, start, start + length)
    assert ((onsets(clipped) >= start) & (onsets(clipped) <= start + length)).all()
    ends = onsets(clipped) + clipped[:, 1] - 10_000
    assert (ends <= start + length).all()
    whole = lists.clip(some, start, start + length, clip_duration=False)
    assert same(whole, some[(onsets(some) >= start) & (onsets(some) <= start + length)])
    assert same(
        lists.mask(some, start - 0.5, start + length + 0.5), lists.delete(some, lambda t: np.isin(t, whole[:, 0])[:, 0])
    )


@given(unsorted_events)
def test_sorting(some: Triples) -> None:
    found = lists.sort(some)
    assert (np.diff(onsets(found)) >= 0).all()
    assert sorted(found.tolist()) == sorted(some.tolist())
    assert same(lists.sort(found), found)


@given(events, events)
def test_combining(some: Triples, others: Triples) -> None:
    found = lists.combine(some, as_controls(others))
    assert sorted(found.tolist()) == sorted([*some.tolist(), *others.tolist()])
    assert (np.diff(onsets(found)) >= 0).all()


@given(events, events)
def test_each_piece_from_zero(some: Triples, others: Triples) -> None:
    found = lists.from_zero(np.concatenate([some, BETWEEN, others, BETWEEN]))
    first, second = found[: len(some)], found[len(some) + 1 : -1]
    for piece, original in ((first, some), (second, others)):
        assert lists.min_time(piece) == 0
        assert (np.diff(onsets(piece)) == np.diff(onsets(original))).all()


def test_nothing_is_changed_in_place() -> None:
    some = as_triples([100, 10_500, 11_060, 300, 10_500, 11_061])
    before = some.copy()
    for operation in (
        lambda: lists.clip(some, 0, 200),
        lambda: lists.translate(some, 5),
        lambda: lists.from_zero(some),
        lambda: lists.pad(some),
        lambda: lists.combine(some, some),
    ):
        operation()
        assert same(some, before)


def test_rests_by_hand() -> None:
    padded = lists.pad(as_triples([0, 10_010, 11_060, 250, 10_010, 11_060]), 420)
    assert padded[:, 0].tolist() == [0, 100, 200, 250, 350]
    assert is_rest(padded).tolist() == [False, True, True, False, True]
    # A second without a beginning needs no rest, a tick more does.
    counts = [len(lists.pad(as_triples([0, 10_010, 11_060, gap, 10_010, 11_060]))) - 2 for gap in (100, 101, 200, 201)]
    assert counts == [0, 1, 1, 2]


def test_instruments_leave_rests_out() -> None:
    padded = lists.pad(as_triples([0, 10_010, 11_060, 250, 10_010, 11_060 + 128 * 128]))
    assert lists.instruments(padded) == {0: 1, 128: 1}
    assert lists.instruments(padded, compat=True) == {0: 1, 129: 2, 128: 1}


def test_empty_lists() -> None:
    nothing = as_triples([])
    for found in (lists.sort(nothing), lists.unpad(nothing), lists.clip(nothing, 0, 5), lists.from_zero(nothing)):
        assert found.shape == (0, 3)
    assert lists.pad(nothing, 250)[:, 0].tolist() == [100, 200]
    assert (lists.min_time(nothing), lists.max_time(nothing), lists.instruments(nothing)) == (0, 0, {})


@pytest.mark.parametrize("rows", [as_controls(as_triples([0, 10_010, 11_060])), BETWEEN])
def test_only_events_can_be_padded(rows: Triples) -> None:
    with pytest.raises(TokensError, match="split the controls"):
        lists.pad(rows)


def test_other_refusals() -> None:
    with pytest.raises(TokensError, match="several pieces"):
        lists.sort(BETWEEN)
    with pytest.raises(TokensError, match="density.*0"):
        lists.pad(as_triples([]), density_ticks=0)
