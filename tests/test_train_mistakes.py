"""Mistakes that the network reads in training: only events are wrong, and what is to be foretold stays the music."""

from __future__ import annotations

import numpy as np
import torch
from scale_music import RECIPE, piece

from course_utils.amt import token_lists
from course_utils.amt.sequences import ROWS
from course_utils.amt.vocab import DRUMS, MAX_PITCH, NOTE_OFFSET, REST, is_control, is_separator
from course_utils.train.anticipation import draw_sequence
from course_utils.train.mistakes import FURTHEST, HEAP, NOTHING, transposed, with_heap, with_mistakes, wrong_notes


def sequence(seed: int) -> torch.Tensor:
    return draw_sequence([piece()], np.random.default_rng(seed), RECIPE, ROWS, "instrument")


def rows_of(tokens: torch.Tensor) -> np.ndarray:
    return tokens[1:].reshape(-1, 3).numpy()


def test_wrong_notes_are_pitched_events_on_their_own_instrument_at_their_own_time() -> None:
    shares, runs = [], []
    for seed in range(60):
        rows = rows_of(sequence(seed))
        found = wrong_notes(rows, np.random.default_rng(seed))
        np.testing.assert_array_equal(found[:, :2], rows[:, :2])
        moved = found[:, 2] - rows[:, 2]
        assert np.abs(moved).max() <= FURTHEST
        hit = moved != 0
        assert not (is_control(rows) | is_separator(rows))[hit].any()
        assert DRUMS not in token_lists.instrument_of(rows)[hit]
        assert (rows[hit, 2] < REST).all()
        np.testing.assert_array_equal(token_lists.instrument_of(found), token_lists.instrument_of(rows))
        can = ~is_control(rows) & (rows[:, 2] < NOTE_OFFSET + DRUMS * MAX_PITCH)
        shares.append(hit[can].mean())
        # How many notes one after the other are moved by the same step.
        steps = moved[can]
        changes = np.flatnonzero(np.diff(steps)) + 1
        runs += [len(run) for run in np.split(steps, changes) if run[0]]
    assert 0.08 < np.mean(shares) < 0.25
    assert min(runs) == 1
    assert max(runs) > 30, "some runs are long: the music has gone into another key"


def test_pitches_stay_within_midi() -> None:
    rows = np.array([[0, 10_010, 11_002], [0, 10_010, 11_125], [0, 10_010, NOTE_OFFSET + DRUMS * 128 + 40]])
    assert transposed(rows, np.array([-3, 3, 3])).tolist() == rows.tolist()
    assert transposed(rows, np.array([3, -3, 0]))[:, 2].tolist() == [11_005, 11_122, rows[2, 2]]


def test_a_heap_stands_at_one_tick_and_is_not_to_be_foretold() -> None:
    for seed in range(40):
        rows = rows_of(sequence(seed))
        wanted, read = with_heap(rows, rows, np.random.default_rng(seed))
        nothing = (wanted == NOTHING).all(1)
        assert not (wanted[~nothing] == NOTHING).any()
        assert 1 <= nothing.sum() <= HEAP[1]
        first = int(np.flatnonzero(nothing)[0])
        assert nothing[first : first + nothing.sum()].all(), "in one place"
        assert set(read[nothing, 0]) == {rows[first - 1, 0]}
        assert (read[nothing, 2] < REST).all()
        left = len(rows) - nothing.sum()
        for found in (wanted, read):
            assert len(found) == len(rows)
            np.testing.assert_array_equal(found[~nothing], rows[:left])


def test_where_nothing_is_to_be_foretold_there_is_no_heap() -> None:
    controls = rows_of(sequence(0))
    controls = controls[is_control(controls)]
    wanted, read = with_heap(controls, controls, np.random.default_rng(0))
    assert wanted is controls
    assert read is controls


def test_without_odds_nothing_is_wrong_and_a_seed_means_the_same_mistakes() -> None:
    tokens = sequence(3)
    kept = tokens.clone()
    for found in with_mistakes(tokens, np.random.default_rng(0), 0.0, 0.0):
        assert torch.equal(found, kept)
    one, other = (with_mistakes(tokens, np.random.default_rng(7), 1.0, 1.0) for _ in range(2))
    assert torch.equal(one[0], other[0])
    assert torch.equal(one[1], other[1])
    assert not torch.equal(one[0], one[1])
    assert torch.equal(tokens, kept), "the sequence itself is left as it was"
