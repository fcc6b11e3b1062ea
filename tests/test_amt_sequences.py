"""Training sequences: always 1024 tokens, what they begin with, and that no event is lost or learnt from the future."""

from __future__ import annotations

import time
from collections import Counter

import numpy as np
import pytest

from course_utils.amt import token_lists as lists
from course_utils.amt.sequences import ROWS, Tally, interarrival_sequences, training_copy, training_sequences, unfit
from course_utils.amt.vocab import (
    ANTICIPATE,
    AUTOREGRESS,
    MAX_TIME,
    REST,
    SEPARATOR,
    Triples,
    as_events,
    as_triples,
    is_control,
    is_separator,
    onsets,
)


def piece(seed: int, notes: int = 400, instruments: int = 5, start: int = 0, gap: int = 12) -> Triples:
    rng = np.random.default_rng(seed)
    times = start + np.cumsum(rng.integers(0, 2 * gap, notes))
    lengths = 10_000 + rng.integers(1, 200, notes)
    return np.stack([times, lengths, 11_000 + 128 * (np.arange(notes) % instruments) + rng.integers(40, 80, notes)], 1)


PIECES = [piece(seed, 300 + 100 * seed) for seed in range(5)]


def made(pieces: list[Triples], seed: int = 0, **options: object) -> list[np.ndarray]:
    return list(training_sequences(pieces, np.random.default_rng(seed), **options))  # type: ignore[arg-type]


SEQUENCES = made(PIECES)


def segments(sequence: np.ndarray) -> list[Triples]:
    """What stands between the separators of a sequence."""
    rows = as_triples(sequence[1:])
    cuts = np.flatnonzero(is_separator(rows))
    return [part[~is_separator(part)] for part in np.split(rows, cuts)]


def test_length_and_slots() -> None:
    assert len(SEQUENCES) > 150
    for sequence in SEQUENCES:
        assert (sequence.shape, sequence.dtype) == ((1024,), np.int64)
        assert sequence[0] in (AUTOREGRESS, ANTICIPATE)
        rows = as_events(as_triples(sequence[1:]))
        rows = rows[~is_separator(rows)]
        assert ((rows[:, 0] >= 0) & (rows[:, 0] < MAX_TIME)).all()
        assert ((rows[:, 1] >= 10_000) & (rows[:, 1] < 11_000)).all()
        assert ((rows[:, 2] >= 11_000) & (rows[:, 2] <= REST)).all()


def test_every_piece_in_a_sequence_begins_at_zero() -> None:
    several = 0
    for sequence in SEQUENCES:
        parts = [part for part in segments(sequence) if len(part)]
        several += len(parts) > 1
        assert all(lists.min_time(part) == 0 for part in parts)
    assert several > 20


def test_the_released_code_does_not_start_anew() -> None:
    late = [piece(seed, start=90) for seed in range(3)]
    theirs = list(training_sequences(late, np.random.RandomState(0), compat=True))
    ours = made(late, shuffle=False)
    assert any(lists.min_time(part) > 0 for s in theirs for part in segments(s)[1:] if len(part))
    assert all(lists.min_time(part) == 0 for s in ours for part in segments(s)[1:] if len(part))


def test_events_are_in_order_and_never_silent_for_long() -> None:
    for sequence in SEQUENCES:
        for part in segments(sequence):
            events, controls = lists.split(part)
            assert (np.diff(onsets(events)) >= 0).all()
            assert (np.diff(onsets(controls)) >= 0).all()
            assert (np.diff(onsets(events)) <= 100).all()


def test_controls_come_no_earlier_than_delta() -> None:
    for sequence in SEQUENCES:
        for part in segments(sequence)[1:]:  # the first may begin in the middle
            control = is_control(part)
            for place in np.flatnonzero(control):
                heard = onsets(part[:place][~control[:place]])
                # the piece may have been moved by its first onset, which is within the first second
                assert onsets(part)[place] - (heard[-1] if len(heard) else 0) <= 600


def test_the_mode_says_whether_controls_may_come() -> None:
    modes = Counter(int(sequence[0]) for sequence in SEQUENCES)
    assert 0.04 < modes[AUTOREGRESS] / len(SEQUENCES) < 0.2
    for sequence in SEQUENCES:
        if sequence[0] == AUTOREGRESS:
            assert not is_control(segments(sequence)[0]).any()


def test_a_single_instrument_is_not_flagged() -> None:
    alone = [piece(1, instruments=1)]
    rng = np.random.default_rng(0)
    assert training_copy(alone[0], "instrument", rng)[1] == AUTOREGRESS
    assert training_copy(alone[0], "instrument", rng, compat=True)[1] == ANTICIPATE
    assert training_copy(alone[0], "random", rng)[1] == ANTICIPATE
    assert training_copy(alone[0], "none", rng, compat=True)[1] == AUTOREGRESS


@pytest.mark.parametrize("delta", [0.0, 0.5, 5.0, 10.0])
@pytest.mark.parametrize("kind", ["none", "span", "random", "instrument"])
def test_a_copy_holds_the_whole_piece(kind: str, delta: float) -> None:
    for source in PIECES:
        rows, _ = training_copy(source, kind, np.random.default_rng(3), delta)
        assert is_separator(rows).tolist() == [True] + [False] * (len(rows) - 1)
        events, controls = lists.split(rows[1:])
        assert sorted(lists.unpad(lists.combine(events, controls)).tolist()) == sorted(source.tolist())


def test_no_row_is_lost_in_cutting() -> None:
    tally = Tally()
    found = made(PIECES, copies=10, shuffle=False, tally=tally)
    rng = np.random.default_rng(0)
    kinds = ["none", "span", *["random"] * 4, *["instrument"] * 4]
    copies = [training_copy(source, kind, rng)[0] for source in PIECES for kind in kinds]
    assert (tally.inexpressible, tally.sequences, tally.unfit) == (0, len(found), {})
    assert len(found) == sum(map(len, copies)) // ROWS
    notes = np.concatenate([as_triples(sequence[1:])[:, 2] for sequence in found])
    assert notes.tolist() == np.concatenate(copies)[: len(notes), 2].tolist()


def test_long_sequences_are_dropped_and_counted() -> None:
    tally = Tally()
    sparse = [piece(0, 600, gap=95)]  # rests and all, 341 rows last longer than 100 s
    made(sparse, copies=10, tally=tally)
    assert tally.inexpressible > 0


def test_seeds_and_order() -> None:
    one, same, other = ([s.tolist() for s in made(PIECES[:2], seed)] for seed in (1, 1, 2))
    assert one == same != other
    assert one != [s.tolist() for s in made(PIECES[:2], 1, shuffle=False)]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (PIECES[0], None),
        (PIECES[0][:99], "too short"),
        (as_triples([]), "too short"),
        (piece(0, 200, gap=1), "too short"),
        (as_triples([[n * 4000, 10_010, 11_060] for n in range(120)]), "too long"),
        (piece(0, 200, instruments=17), "too many instruments"),
        (piece(0, 200, instruments=16), None),
    ],
)
def test_what_is_not_used(source: Triples, reason: str | None) -> None:
    assert unfit(source) == reason
    tally = Tally()
    found = made([source], copies=1, tally=tally)
    assert tally.unfit == ({} if reason is None else {reason: 1})
    assert reason is None or found == []


def test_interarrival_sequences() -> None:
    found = list(interarrival_sequences([np.arange(1500), np.arange(600)]))
    assert [len(sequence) for sequence in found] == [1024, 1024]
    joined = np.concatenate(found)
    assert joined[0] == joined[1501] == 34_024
    assert joined[1:1501].tolist() == list(range(1500))


def test_a_thousand_a_minute() -> None:
    start = time.perf_counter()
    found = made(PIECES, copies=10)
    assert len(found) / (time.perf_counter() - start) > 1000 / 60


def test_separators_stand_in_threes() -> None:
    for sequence in SEQUENCES:
        rows = as_triples(sequence[1:])
        assert ((rows == SEPARATOR).all(axis=1) == (rows == SEPARATOR).any(axis=1)).all()
