"""The recipe of the AMT course model: sequences that are real, a loss that counts what it says, a start that knows."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.amt import token_lists
from course_utils.amt.network import AMT, AMTConfig
from course_utils.amt.sequences import ROWS
from course_utils.amt.vocab import (
    ANTICIPATE,
    AUTOREGRESS,
    CONTROL_OFFSET,
    DRUMS,
    DUR_OFFSET,
    NOTE_OFFSET,
    REST,
    SEPARATOR,
    VOCAB_SIZE,
    is_control,
    is_rest,
    is_separator,
)
from course_utils.train.anticipation import (
    MusicRecipe,
    MusicTraining,
    SlotLoss,
    draw_copy,
    draw_sequence,
    event_bits,
    known_tokens,
    slot_nats,
    start_network,
)
from course_utils.train.music import Piece

TINY = AMTConfig(width=192, layers=2, heads=4)
RECIPE = MusicRecipe(
    steps=4, batch=2, rows=20, long_share=0.5, report_every=2, whole_positions=16, measured=2, network=TINY
)
MELODY, CHORDS = 73, 0


def piece(seconds: int = 40, melody: int | None = MELODY) -> Piece:
    """A scale over a chord that is struck every half second, with drums."""
    rows = []
    for beat in range(2 * seconds):
        at = 50 * beat
        rows.append((at, DUR_OFFSET + 48, NOTE_OFFSET + 128 * MELODY + 72 + (0, 2, 4, 5, 7, 9, 11)[beat % 7]))
        rows += [(at, DUR_OFFSET + 45, NOTE_OFFSET + 128 * CHORDS + pitch) for pitch in (48, 52, 55)]
        rows.append((at + 25, DUR_OFFSET + 10, NOTE_OFFSET + 128 * DRUMS + 42))
    return Piece("scale", np.array(rows), melody, None, "train")


@pytest.fixture
def network() -> AMT:
    torch.manual_seed(0)
    network = AMT(TINY).eval()
    start_network(network)
    return network


def rows_of(sequence: Tensor) -> np.ndarray:
    return sequence[1:].reshape(-1, 3).numpy()


@pytest.mark.parametrize("kind", ["none", "span", "instrument", "random"])
def test_sequences_are_whole_and_in_range(kind: str) -> None:
    chance = np.random.default_rng(0)
    for _ in range(20):
        sequence = draw_sequence([piece()], chance, RECIPE, ROWS, kind)
        assert sequence.shape == (1024,)
        assert sequence[0] == (AUTOREGRESS if kind == "none" else ANTICIPATE)
        rows = rows_of(sequence)
        assert token_lists.min_time(rows) == 0
        inside = rows[~is_separator(rows)]
        low = np.where(is_control(inside), CONTROL_OFFSET, 0)
        for column, (first, last) in enumerate([(0, DUR_OFFSET), (DUR_OFFSET, NOTE_OFFSET), (NOTE_OFFSET, REST + 1)]):
            assert ((inside[:, column] - low >= first) & (inside[:, column] - low < last)).all()
        assert is_control(rows).any() == (kind != "none") or kind == "span"


def test_the_melody_alone_is_given_as_often_as_the_recipe_says() -> None:
    chance = np.random.default_rng(1)

    def given(recipe: MusicRecipe, tune: int | None) -> set[frozenset[int]]:
        found = set()
        for _ in range(30):
            rows = draw_copy(piece(melody=tune), "instrument", chance, recipe, 100)
            controls = rows[is_control(rows)] - CONTROL_OFFSET
            found.add(frozenset(token_lists.instrument_of(controls).tolist()))
        return found

    assert given(dataclasses.replace(RECIPE, melody_share=1.0), MELODY) == {frozenset({MELODY})}
    assert len(given(dataclasses.replace(RECIPE, melody_share=0.0), MELODY)) > 3
    assert len(given(dataclasses.replace(RECIPE, melody_share=1.0), None)) > 3


def test_a_piece_that_ends_is_followed_by_another_after_a_separator() -> None:
    chance = np.random.default_rng(2)
    rows = rows_of(draw_sequence([piece(seconds=12)], chance, RECIPE, ROWS, "none"))
    cuts = np.flatnonzero(is_separator(rows))
    assert len(cuts) >= 1
    assert (rows[cuts] == SEPARATOR).all()
    after = rows[cuts[0] + 1 :]
    assert after[0, 0] <= 100, "times after a separator count from the piece that follows it"


def test_gaps_hold_rests() -> None:
    sparse = piece().triples[::5].copy()
    sparse[:, 0] *= 8
    tune = Piece("sparse", sparse, None, None, "train")
    rows = rows_of(draw_sequence([tune], np.random.default_rng(0), RECIPE, 60, "none"))
    assert is_rest(rows).any()


def test_the_loss_is_the_cross_entropy_within_the_slot_and_over_all(network: AMT) -> None:
    chance = np.random.default_rng(3)
    tokens = torch.stack([draw_sequence([piece()], chance, RECIPE, 20, "instrument") for _ in range(2)])
    with torch.no_grad():
        logits = network(tokens[:, :-1])
        hidden = network.hidden(tokens[:, :-1])
        nats = slot_nats(network, hidden, tokens)
        wanted, counts = tokens[:, 1:], [0, 0, 0]
        total = [0.0, 0.0, 0.0]
        for b in range(2):
            for i in range(60):
                low, high = [(0, DUR_OFFSET), (DUR_OFFSET, NOTE_OFFSET), (NOTE_OFFSET, REST + 1)][i % 3]
                if low <= wanted[b, i] < high:
                    total[i % 3] += F.cross_entropy(logits[b, i, low:high], wanted[b, i] - low).item()
                    counts[i % 3] += 1
        assert [len(part) for part in nats] == counts
        assert [part.mean().item() for part in nats] == pytest.approx(
            [t / n for t, n in zip(total, counts, strict=True)], rel=1e-4
        )
        every = SlotLoss(network, whole_positions=120)(tokens, torch.rand(2, 60))
        whole = F.cross_entropy(logits.flatten(0, 1), wanted.flatten())
        assert every.item() == pytest.approx(sum(part.mean().item() for part in nats) / 3 + whole.item(), rel=1e-4)


def test_what_is_near_looks_alike() -> None:
    table = known_tokens()
    likeness = F.normalize(table, dim=1)
    assert table.shape == (VOCAB_SIZE, 192)
    assert (likeness[500] @ likeness[:2000].T).argmax() == 500
    assert likeness[500] @ likeness[502] > likeness[500] @ likeness[540] > likeness[500] @ likeness[1500]
    note = NOTE_OFFSET + 128 * CHORDS + 60
    assert likeness[note] @ likeness[note + 12] > likeness[note] @ likeness[note + 6]
    assert likeness[note] @ likeness[note + CONTROL_OFFSET] > 0.7
    assert torch.isfinite(table).all()


def test_a_new_network_names_times_near_the_last_one(network: AMT) -> None:
    rows = piece().triples[:40]
    tokens = torch.from_numpy(np.concatenate([[AUTOREGRESS], rows.reshape(-1)]))[None]
    with torch.no_grad():
        named = network.logits(network.hidden(tokens)[:, 3::3], 0, DUR_OFFSET).argmax(-1)[0].numpy()
    assert np.abs(named[2:] - rows[2:, 0]).mean() < 60, "by chance some thousands of ticks"
    assert event_bits(network, tokens) < 30, "chance is 37.3 bits"


def test_the_start_is_for_one_size() -> None:
    with pytest.raises(ValueError, match="192"):
        start_network(AMT(dataclasses.replace(TINY, width=96)))


def test_training_goes_on_where_it_stopped(tmp_path: Path) -> None:
    def train(folder: Path, stop: int | None = None) -> dict:
        run = MusicTraining(folder, [piece()], [piece()], RECIPE)
        return torch.load(run.go(stop), weights_only=True)

    whole = train(tmp_path / "whole")
    train(tmp_path / "parts", stop=1)
    parts = train(tmp_path / "parts")
    assert whole["step"] == parts["step"] == 4
    for name, tensor in whole["network"].items():
        assert torch.equal(tensor, parts["network"][name]), name
    log = [json.loads(line) for line in (tmp_path / "whole" / "log.jsonl").read_text().splitlines()]
    assert log[-1]["bits"] < log[0]["bits"]
    other = dataclasses.replace(RECIPE, network=dataclasses.replace(TINY, layers=3))
    with pytest.raises(ValueError, match="other sizes"):
        MusicTraining(tmp_path / "whole", [piece()], [piece()], other)


def test_the_last_steps_take_whole_contexts() -> None:
    assert [RECIPE.size(step) for step in range(4)] == [(2, 20), (2, 20), (2, ROWS), (2, ROWS)]
