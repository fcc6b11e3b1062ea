"""The token ranges meet without gaps, and tokens say what they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils import facts
from course_utils.amt import vocab
from course_utils.amt.vocab import TokensError, as_controls, as_events, as_triples, seconds, ticks


def test_sizes_are_those_of_the_facts() -> None:
    assert facts.AMT_EVENT_VOCABULARY.value == vocab.REST == 27_512
    assert facts.AMT_VOCABULARY.value == vocab.VOCAB_SIZE == 55_028
    assert (vocab.CONTEXT_SIZE - 1) % vocab.EVENT_SIZE == 0


def test_ranges_follow_one_another() -> None:
    assert vocab.TIME_OFFSET == 0
    assert vocab.DUR_OFFSET == vocab.TIME_OFFSET + vocab.MAX_TIME
    assert vocab.NOTE_OFFSET == vocab.DUR_OFFSET + vocab.MAX_DUR
    assert vocab.REST + 1 == vocab.CONTROL_OFFSET == vocab.ATIME_OFFSET
    assert (vocab.ADUR_OFFSET, vocab.ANOTE_OFFSET) == (37_513, 38_513)
    assert vocab.SPECIAL_OFFSET == vocab.ANOTE_OFFSET + vocab.MAX_NOTE == vocab.SEPARATOR
    assert sorted({vocab.SEPARATOR, vocab.AUTOREGRESS, vocab.ANTICIPATE}) == [55_025, 55_026, 55_027]
    assert vocab.MIDI_VOCAB_SIZE == 34_025


@given(st.integers(0, 10**7))
def test_ticks_to_seconds_and_back(n: int) -> None:
    assert ticks(seconds(n)) == n


def test_the_released_code_cuts_off() -> None:
    assert (ticks(0.29), ticks(0.29, compat=True)) == (29, 28)
    assert (ticks(1.15), ticks(1.15, compat=True)) == (115, 114)


EVENTS = as_triples([3, 10_050, 11_060, 30_000, 10_000, vocab.REST])  # the second begins after 275 s


def test_a_late_event_is_not_a_control() -> None:
    assert vocab.is_control(EVENTS).tolist() == [False, False]
    assert vocab.onsets(EVENTS).tolist() == [3, 30_000]
    assert vocab.is_rest(EVENTS).tolist() == [False, True]


def test_controls_and_back() -> None:
    controls = as_controls(EVENTS[:1])
    assert controls.tolist() == [[27_516, 37_563, 38_573]]
    assert as_controls(controls).tolist() == controls.tolist()
    assert as_events(controls).tolist() == as_events(EVENTS[:1]).tolist() == EVENTS[:1].tolist()
    measures = (vocab.onsets, vocab.durations, vocab.notes)
    assert all(measure(controls) == measure(EVENTS[:1]) for measure in measures)


def test_separators_are_no_controls() -> None:
    row = np.full((1, 3), vocab.SEPARATOR)
    assert as_controls(row).tolist() == as_events(row).tolist() == row.tolist()


@pytest.mark.parametrize("tokens", [[], np.empty((0, 3), dtype=int), np.zeros(0)])
def test_empty_lists(tokens: object) -> None:
    assert as_triples(tokens).shape == (0, 3)


@pytest.mark.parametrize(
    ("tokens", "said"),
    [([1, 2], r"\[2\]"), ([[1, 2], [3, 4], [5, 6]], r"\[3, 2\]"), ([1.0, 2.0, 3.0], "float64")],
)
def test_what_is_no_list_of_triples(tokens: object, said: str) -> None:
    with pytest.raises(TokensError, match=said):
        as_triples(tokens)
