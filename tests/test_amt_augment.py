"""Which events become controls: shares, spans, instruments; nothing is lost and nothing changes place."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.amt import token_lists as lists
from course_utils.amt.augment import (
    KINDS,
    augment,
    choose_instruments,
    extract_instruments,
    extract_random,
    extract_spans,
)
from course_utils.amt.vocab import REST, SEPARATOR, TokensError, Triples, as_controls, as_triples, is_control, onsets

rows = st.tuples(st.integers(0, 9000), st.integers(10_000, 10_999), st.integers(11_000, REST - 1))
events = st.lists(rows, max_size=40).map(lambda some: lists.sort(as_triples(np.array(some, dtype=int))))
seeds = st.integers(0, 2**31)


def steady(seconds: int, instruments: int = 4) -> Triples:
    """An event each 100 ms, the instruments in turn."""
    return as_triples([[10 * n, 10_010, 11_060 + 128 * (n % instruments)] for n in range(10 * seconds)])


@given(events, st.sampled_from(["none", "span", "random", "instrument"]), seeds)
def test_nothing_is_lost(some: Triples, kind: str, seed: int) -> None:
    kept, controls = augment(some, kind, np.random.default_rng(seed))
    assert is_control(controls).all()
    assert not is_control(kept).any()
    assert sorted(lists.combine(kept, controls).tolist()) == sorted(some.tolist())
    assert (np.diff(onsets(kept)) >= 0).all()
    assert (np.diff(onsets(controls)) >= 0).all()


def test_the_mixture() -> None:
    assert Counter(KINDS) == {"none": 1, "span": 1, "random": 4, "instrument": 4}


def test_spans_are_whole_and_five_seconds_long() -> None:
    some = steady(600)
    kept, controls = extract_spans(some, np.random.default_rng(0))
    given_ = np.isin(onsets(some), onsets(controls))
    edges = np.flatnonzero(np.diff(np.concatenate([[0], given_, [0]]))).reshape(-1, 2)
    assert len(edges) > 10
    # Two spans may touch; the last may be cut by the end.
    assert all((stop - start) % 50 == 0 for start, stop in edges[:-1])
    # On average 20 s between spans of 5 s: a fifth of the piece.
    assert 0.1 < given_.mean() < 0.3
    assert len(kept) + len(controls) == len(some)


@pytest.mark.parametrize("tenths", [0, 1, 5, 9, 10])
def test_shares(tenths: int) -> None:
    some = steady(600)
    _, controls = extract_random(some, np.random.default_rng(1), tenths)
    assert abs(len(controls) / len(some) - tenths / 10) < 0.02


def test_instruments() -> None:
    some = steady(10)
    kept, controls = extract_instruments(some, [1, 3])
    assert set(lists.instruments(kept)) == {0, 2}
    assert set(lists.instruments(controls)) == {1, 3}


def test_some_but_not_all_instruments() -> None:
    rng = np.random.default_rng(0)
    chosen = [tuple(sorted(choose_instruments([5, 7, 9], rng))) for _ in range(200)]
    assert set(chosen) == {(5,), (7,), (9,), (5, 7), (5, 9), (7, 9)}
    with pytest.raises(TokensError, match="two at least"):
        choose_instruments([5], rng)


def test_a_single_instrument_is_left_as_it_is() -> None:
    some = steady(10, instruments=1)
    kept, controls = augment(some, "instrument", np.random.default_rng(0))
    assert kept.tolist() == some.tolist()
    assert len(controls) == 0


@pytest.mark.parametrize("generator", [np.random.default_rng, np.random.RandomState])
def test_seeds(generator: type) -> None:
    some = steady(60)
    for kind in set(KINDS) - {"none"}:
        one, same, other = (augment(some, kind, generator(seed))[1].tolist() for seed in (1, 1, 2))
        assert one == same != other


def test_refusals() -> None:
    rng, some = np.random.default_rng(0), steady(2)
    for act, said in (
        (lambda: augment(some, "spans", rng), "'spans'.*span"),
        (lambda: augment(as_controls(some), "none", rng), "controls or separators"),
        (lambda: augment(as_triples([SEPARATOR] * 3), "none", rng), "separators"),
        (lambda: augment(some[::-1], "span", rng), "not in order"),
        (lambda: extract_random(some, rng, 11), "0 to 10 tenths; seen: 11"),
    ):
        with pytest.raises(TokensError, match=said):
            act()
