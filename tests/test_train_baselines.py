"""Guesses without a network: each a distribution, counted by hand on stores small enough to count."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.train import baselines as module
from course_utils.train.baselines import (
    NAMES,
    Baselines,
    count_codes,
    count_pairs,
    fit_baselines,
    nearest_known,
)
from course_utils.train.tokens import Tokens

V = 4


def store(folder: Path, pieces: list[np.ndarray]) -> Tokens:
    """A store of these pieces, [C, T] each."""
    starts = np.cumsum([0, *(piece.shape[1] for piece in pieces)])
    items = [
        {"name": str(i), "kind": "composed", "start": int(starts[i]), "length": piece.shape[1]}
        for i, piece in enumerate(pieces)
    ]
    codes = np.concatenate(pieces, axis=1).astype(np.int16)
    np.savez(folder / "tokens.npz", codes=codes, held_out=codes)
    summary = {"codec_sha256": "", "frame_rate": 86.0, "fonts": [], "items": items, "held_out_items": items}
    (folder / "tokens.json").write_text(json.dumps(summary))
    return Tokens(folder)


@pytest.fixture
def fitted() -> Baselines:
    """Fitted by hand, for one codebook of four codes."""
    return Baselines(
        unigram=np.array([[0.5, 0.25, 0.125, 0.125]]),
        follow=np.array([[[0, 8, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1], [0, 0, 0, 2]]], dtype=np.int32),
        strength=np.array([2.0]),
        still=np.array([[0.8, 0.4, *([0.1] * (module.FARTHEST - 2))]]),
    )


def test_the_nearest_known_frame() -> None:
    gap = np.array([1, 1, 0, 1, 1, 1, 0, 1], dtype=bool)
    source, distance = nearest_known(gap)
    assert source.tolist() == [2, 2, 2, 2, 2, 6, 6, 6]  # frame 4 lies between both: the earlier
    assert distance.tolist() == [2, 1, 0, 1, 2, 1, 0, 1]
    source, distance = nearest_known(np.ones(5, dtype=bool))
    assert source.tolist() == [-1] * 5
    assert distance.tolist() == [5] * 5


@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_the_nearest_known_frame_by_search(gap: list[bool]) -> None:
    source, distance = nearest_known(np.array(gap))
    known = [t for t, hidden in enumerate(gap) if not hidden]
    for t in range(len(gap)):
        if known:
            best = min(known, key=lambda k: (abs(k - t), k))
            assert (source[t], distance[t]) == (best, abs(best - t))
        else:
            assert (source[t], distance[t]) == (-1, len(gap))


def test_counts() -> None:
    row = np.array([0, 1, 1, 2, 0, 1], dtype=np.int16)  # two pieces: 0 1 1 | 2 0 1
    assert count_pairs(row, [0, 3], V).tolist() == [[0, 2, 0, 0], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    share = count_codes(row[None], V)
    assert share[0].tolist() == pytest.approx([2.5 / 8, 3.5 / 8, 1.5 / 8, 0.5 / 8])


def test_probabilities_by_hand(fitted: Baselines) -> None:
    codes = torch.tensor([[0, 1, 3, 3, 2]])
    hidden = torch.tensor([[False, True, True, True, False]])
    p = {name: np.exp(-rows[0]) for name, rows in fitted.nats(codes, hidden).items()}
    assert p["chance"] == pytest.approx([0.25] * 3)
    assert p["unigram"] == pytest.approx([0.25, 0.125, 0.125])
    # after a known 0: (8 + 2 * 1/4) / (8 + 2); the frames before the others are hidden
    assert p["bigram"] == pytest.approx([0.85, 0.125, 0.125])
    # copies 0, 0 (both sides 2 frames away: the earlier), 2, none of them right
    assert p["copy"] == pytest.approx([0.2 * 0.25, 0.6 * 0.125, 0.2 * 0.125])
    right = fitted.nats(torch.tensor([[3, 3, 0, 0, 0]]), torch.tensor([[False, True, False, False, False]]))
    assert np.exp(-right["copy"][0]) == pytest.approx([0.8 + 0.2 * 0.125])
    assert np.exp(-right["bigram"][0]) == pytest.approx([(2 + 2 * 0.125) / 4])


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_every_guess_is_a_distribution(data: st.DataObject) -> None:
    chance = np.random.default_rng(data.draw(st.integers(0, 1000)))
    unigram = chance.dirichlet(np.ones(V), size=2)
    follow = chance.integers(0, 5, (2, V, V)).astype(np.int32)
    fitted = Baselines(unigram, follow, np.array([3.0, 30.0]), chance.random((2, module.FARTHEST)))
    T = data.draw(st.integers(1, 12))
    codes = torch.from_numpy(chance.integers(0, V, (2, T)))
    hidden = torch.from_numpy(chance.random((2, T)) < 0.6)
    hidden[1, T - 1] = True
    sums = dict.fromkeys(NAMES, 0.0)
    for code in range(V):  # all that the last frame of c1 could be
        codes[1, T - 1] = code
        for name, rows in fitted.nats(codes, hidden).items():
            sums[name] += float(np.exp(-rows[1][-1]))
    assert sums == pytest.approx(dict.fromkeys(NAMES, 1.0))


def test_what_is_guessed_right_by_hand(fitted: Baselines) -> None:
    codes = torch.tensor([[0, 1, 3, 3, 2, 0, 0]])
    hidden = torch.tensor([[False, True, True, True, False, True, True]])
    hits = {name: rows[0].tolist() for name, rows in fitted.right(codes, hidden).items()}
    assert hits["chance"] == [0.25] * 5
    assert hits["unigram"] == [0, 0, 0, 1, 1]  # always 0, the most frequent
    # 1 after a known 0; 0 where the code before is hidden; after a known 2 all were seen alike: the most frequent, 0
    assert hits["bigram"] == [1, 0, 0, 1, 1]
    # 0 from beside and from afar; 2 from beside: 0.8 + 0.2 / 8; two away 2 has 0.4 + 0.6 / 8, and 0 has 0.6 / 2
    assert hits["copy"] == [0, 0, 0, 0, 0]
    held = fitted.right(torch.tensor([[2, 2, 2, 2, 0]]), torch.tensor([[False, True, True, True, True]]))
    # 3 frames away: 2 has 0.1 + 0.9 / 8, less than the 0.9 / 2 of 0
    assert held["copy"][0].tolist() == [1, 1, 0, 1]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 12), st.sampled_from([0.3, 0.6, 1.0]))
def test_the_likeliest_guess_is_that_of_the_fewest_nats(seed: int, T: int, share: float) -> None:
    chance = np.random.default_rng(seed)
    follow = chance.integers(0, 5, (2, V, V)).astype(np.int32)
    fitted = Baselines(
        chance.dirichlet(np.ones(V), size=2), follow, np.array([3.0, 30.0]), chance.random((2, module.FARTHEST))
    )
    codes = torch.from_numpy(chance.integers(0, V, (2, T)))
    hidden = torch.from_numpy(chance.random((2, T)) < share)
    hidden[1, T - 1] = True
    nats: dict[str, list[float]] = {name: [] for name in NAMES}
    right: dict[str, list[float]] = {name: [] for name in NAMES}
    for code in range(V):  # all that the last frame of c1 could be
        codes[1, T - 1] = code
        for found, rows in ((nats, fitted.nats(codes, hidden)), (right, fitted.right(codes, hidden))):
            for name in NAMES:
                found[name].append(float(rows[name][1][-1]))
    assert right["chance"] == [1 / V] * V
    for name in NAMES[1:]:
        assert right[name] == [float(code == np.argmin(nats[name])) for code in range(V)]


def test_what_is_hidden_is_not_looked_at(fitted: Baselines) -> None:
    codes, hidden = torch.tensor([[0, 1, 3, 3, 2]]), torch.tensor([[False, True, True, False, False]])
    before = fitted.nats(codes, hidden)
    codes[0, 1] = 2  # another hidden code; that of frame 2 must be guessed as before
    after = fitted.nats(codes, hidden)
    for name in NAMES:
        assert after[name][0][1] == before[name][0][1]


def test_a_baseline_is_fitted_to_what_there_is(tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    pieces = []
    for _ in range(20):  # c0: what follows is the code plus one, in nine of ten cases; c1: held for long
        steps = chance.choice([1, 2], size=600, p=[0.9, 0.1])
        held = np.repeat(chance.integers(0, V, 60), 10)
        pieces.append(np.stack([steps.cumsum() % V, held]))
    fitted = fit_baselines(store(tmp_path, pieces), codebooks=2, vocabulary=V)
    assert fitted.unigram == pytest.approx(np.full((2, V), 1 / V), abs=0.03)
    codes = torch.from_numpy(pieces[0].astype(np.int64))
    hidden = torch.zeros_like(codes, dtype=torch.bool)
    hidden[:, 1::3] = True  # both neighbours are known
    mean = {name: [float(row.mean()) for row in rows] for name, rows in fitted.nats(codes, hidden).items()}
    entropy = -(0.9 * np.log(0.9) + 0.1 * np.log(0.1))
    assert mean["bigram"][0] == pytest.approx(entropy, abs=0.06)
    assert mean["unigram"][0] == pytest.approx(np.log(V), abs=0.02)
    assert mean["copy"][0] == pytest.approx(np.log(V), abs=0.05)  # copying never helps here, and does no harm
    # a code is there still one frame away in 9 of 10 cases, and in a quarter of the others
    assert fitted.still[1, 0] == pytest.approx(0.9, abs=0.03)
    assert fitted.still[1, 4] == pytest.approx(0.5, abs=0.05)
    assert fitted.still[1, 30] == pytest.approx(0.0, abs=0.05)
    assert mean["copy"][1] < 0.5 * mean["unigram"][1]


def test_shapes_that_do_not_fit_are_refused(fitted: Baselines) -> None:
    with pytest.raises(ValueError, match=r"codes and hidden are \[1, frames\], not \[2, 5\]"):
        fitted.nats(torch.zeros(2, 5, dtype=torch.int64), torch.zeros(2, 5, dtype=torch.bool))
    with pytest.raises(ValueError, match="one clip at a time"):
        fitted.right(torch.zeros(1, 5, dtype=torch.int64), torch.zeros(1, 4, dtype=torch.bool))
