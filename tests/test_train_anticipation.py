"""The recipe of the AMT course model: sequences that are real, a loss that counts what it says, a start that knows."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scale_music import CHORDS, MELODY, RECIPE, TINY, piece, started
from torch import Tensor

from course_utils.amt import token_lists
from course_utils.amt.sequences import ROWS
from course_utils.amt.vocab import (
    ANTICIPATE,
    AUTOREGRESS,
    CONTROL_OFFSET,
    DRUMS,
    DUR_OFFSET,
    MAX_TIME,
    NOTE_OFFSET,
    REST,
    SEPARATOR,
    is_control,
    is_rest,
    is_separator,
    onsets,
)
from course_utils.synth.harmony import Chord
from course_utils.train import anticipation
from course_utils.train.anticipation import (
    MusicRecipe,
    MusicTraining,
    SlotLoss,
    doubled,
    draw_copy,
    draw_sequence,
    exercise,
    followers,
    lead_sheet,
    shares_of,
    slot_nats,
    thinned,
)
from course_utils.train.mistakes import NOTHING
from course_utils.train.music import Piece

FLAWLESS = dataclasses.replace(RECIPE, astray=0.0, piled=0.0)


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
        return found - {frozenset()}  # short stretches may begin behind their last control

    assert given(dataclasses.replace(RECIPE, melody_share=1.0), MELODY) == {frozenset({MELODY})}
    assert len(given(dataclasses.replace(RECIPE, melody_share=0.0), MELODY)) > 3
    assert len(given(dataclasses.replace(RECIPE, melody_share=1.0), None)) > 3


def test_a_doubling_follows_the_melody_on_an_instrument_of_its_own() -> None:
    chance = np.random.default_rng(5)
    music = piece().triples
    moves = set()
    for _ in range(40):
        rows = doubled(music, MELODY, chance)
        (new,) = set(token_lists.instruments(rows)) - set(token_lists.instruments(music))
        assert (np.diff(rows[:, 0]) >= 0).all()
        sung, found = (rows[token_lists.instrument_of(rows) == part] for part in (MELODY, new))
        np.testing.assert_array_equal(found[:, :2], sung[:, :2])
        moves |= set((token_lists.pitch_of(found) - token_lists.pitch_of(sung)).tolist())
        assert len(rows) == len(music) + len(sung)
    assert moves == {-12, 0, 12}
    assert len(doubled(music, 5, chance)) == len(music), "an instrument that is silent here cannot be doubled"


def test_a_thinned_band_keeps_the_melody_and_some_of_the_others() -> None:
    chance, music = np.random.default_rng(7), piece().triples
    found = {frozenset(token_lists.instruments(thinned(music, MELODY, chance))) for _ in range(30)}
    assert found == {frozenset({MELODY, *others}) for others in ([CHORDS], [DRUMS], [CHORDS, DRUMS])}
    rows = thinned(music, MELODY, chance)
    kept = np.isin(token_lists.instrument_of(music), list(token_lists.instruments(rows)))
    np.testing.assert_array_equal(rows, music[kept])
    alone = music[token_lists.instrument_of(music) == MELODY]
    np.testing.assert_array_equal(thinned(alone, MELODY, chance), alone)


def test_doublings_are_as_many_as_the_recipe_says() -> None:
    chance = np.random.default_rng(6)

    def parts(share: float) -> list[int]:
        recipe = dataclasses.replace(RECIPE, melody_share=1.0, doubled=share, thinned=0.0)
        drawn = [draw_copy(piece(), "instrument", chance, recipe, 100) for _ in range(40)]
        return [len(token_lists.instruments(rows[~is_control(rows) & ~is_separator(rows)])) for rows in drawn]

    assert set(parts(0.0)) == {2}
    assert set(parts(1.0)) == {3}
    assert 8 <= parts(0.5).count(3) <= 32


def test_the_first_steps_have_nothing_but_melodies_and_their_doublings(tmp_path: Path) -> None:
    recipe = dataclasses.replace(FLAWLESS, exercises=2, exercise_share=1.0, long_share=0.0, cooldown=0.5)
    run = MusicTraining(tmp_path, [piece(), piece(melody=None)], [piece()], recipe)
    instruments = []
    for run.step in range(3):
        tokens, *_ = run.draw(np.random.default_rng(20 + run.step))
        rows = np.concatenate([rows_of(sequence) for sequence in tokens])
        events = rows[~is_control(rows) & ~is_separator(rows) & ~is_rest(rows)]
        instruments.append(set(token_lists.instruments(events)))
        given = {int(n) for n in token_lists.instrument_of(rows[is_control(rows)] - CONTROL_OFFSET)}
        assert run.step == 2 or given == {MELODY}
    assert not (instruments[0] | instruments[1]) & {MELODY, CHORDS, DRUMS}
    assert instruments[2] & {CHORDS, DRUMS}, "the rate falls from step 2 on"
    with pytest.raises(ValueError, match="scale: nobody has told which part is the melody"):
        exercise(piece(melody=None))


def test_an_exercise_keeps_the_parts_that_follow_the_melody() -> None:
    music = piece()
    sung = music.triples[token_lists.instrument_of(music.triples) == MELODY]
    second = sung[::2] - np.array([0, 0, 3]) - np.array([0, 0, 128 * (MELODY - 56)])
    late = second[1:] + np.array([10, 0, 128])
    seldom = second[::4] + np.array([0, 0, 256])
    rows = token_lists.sort(np.concatenate([music.triples, second, late, seldom]))
    assert followers(rows, MELODY) == [56], (
        "chords strike between the melody's notes or drums do; 57 is late, 58 seldom"
    )
    kept = exercise(dataclasses.replace(music, triples=rows)).triples
    assert set(token_lists.instruments(kept)) == {MELODY, 56}


def test_a_lead_sheet_keeps_the_melody_and_what_begins_with_each_chord() -> None:
    triad = Chord("C", (0, 4, 7))
    chords = tuple((float(start), start + 2.0, triad) for start in range(0, 40, 2))
    music = dataclasses.replace(piece(), chords=chords)
    strummed = music.triples.copy()
    strummed[token_lists.instrument_of(strummed) == CHORDS, 0] += 12  # the last string of a guitar
    for triples in (music.triples, strummed):
        rows = lead_sheet(dataclasses.replace(music, triples=triples)).triples
        played = token_lists.instrument_of(rows)
        np.testing.assert_array_equal(rows[played == MELODY], music.triples[::5])
        assert (played == CHORDS).sum() == 3 * len(chords)
        assert (onsets(rows[played == CHORDS]) % 200 <= 12).all()
        assert DRUMS not in played
    strummed[:, 0] += 13
    assert set(token_lists.instruments(lead_sheet(dataclasses.replace(music, triples=strummed)).triples)) == {MELODY}
    for unknown in (piece(), dataclasses.replace(music, melody=None)):
        with pytest.raises(
            ValueError, match="scale: nobody has told which part is the melody, or which are the chords"
        ):
            lead_sheet(unknown)


def test_lead_sheets_are_as_many_as_the_recipe_says_to_the_end(tmp_path: Path) -> None:
    chords = tuple((float(start), start + 2.0, Chord("C", (0, 4, 7))) for start in range(0, 40, 2))
    music = dataclasses.replace(piece(), chords=chords)

    def without_drums(share: float) -> int:
        recipe = dataclasses.replace(FLAWLESS, exercises=0, lead_sheets=share, thinned=0.0, batch=40, long_share=0.0)
        run = MusicTraining(tmp_path, [music], [music], recipe)
        run.step = recipe.steps - 1
        tokens, *_ = run.draw(np.random.default_rng(0))
        return sum(
            DRUMS not in token_lists.instruments(rows[~is_separator(rows)] % CONTROL_OFFSET)
            for rows in map(rows_of, tokens)
        )

    assert without_drums(0.0) <= 6
    assert 12 <= without_drums(0.5) <= 30
    assert without_drums(1.0) == 40


def test_a_melody_with_nothing_beside_it_always_has_a_doubling() -> None:
    chance, recipe = np.random.default_rng(9), dataclasses.replace(RECIPE, melody_share=1.0, doubled=0.0)
    rows = draw_copy(
        exercise(Piece("alone", piece().triples[::5], MELODY, None, "train")), "instrument", chance, recipe, 60
    )
    events = rows[~is_control(rows) & ~is_separator(rows) & ~is_rest(rows)]
    assert len(token_lists.instruments(events)) == 1


def test_a_piece_that_ends_is_followed_by_another_after_a_separator() -> None:
    chance = np.random.default_rng(2)
    rows = rows_of(draw_sequence([piece(seconds=12)], chance, RECIPE, ROWS, "none"))
    cuts = np.flatnonzero(is_separator(rows))
    assert len(cuts) >= 1
    assert (rows[cuts] == SEPARATOR).all()
    after = rows[cuts[0] + 1 :]
    assert after[0, 0] <= 100, "times after a separator count from the piece that follows it"


def test_time_begins_later_in_the_share_that_was_asked_for() -> None:
    def first_rows(later: float, seed: int) -> np.ndarray:
        recipe = dataclasses.replace(RECIPE, later=later)
        rows = rows_of(draw_sequence([piece(seconds=90)], np.random.default_rng(seed), recipe, 60, "none"))
        cuts = np.flatnonzero(is_separator(rows))
        return rows[: cuts[0]] if len(cuts) else rows

    moves = []
    for seed in range(40):
        usual, late = first_rows(0.0, seed), first_rows(1.0, seed)
        np.testing.assert_array_equal(usual[:, 1:], late[:, 1:])
        assert len(set((late[:, 0] - usual[:, 0]).tolist())) <= 1, "all rows of a piece move alike"
        assert not len(usual) or usual[:, 0].min() == 0
        assert (late[:, 0] < MAX_TIME).all()
        moves += (late[:1, 0] - usual[:1, 0]).tolist()
    assert len(moves) >= 15, "the others begin with a piece, at 0"
    assert min(moves) >= 0
    assert np.median(moves) < 2_500 < max(moves), "most often not by much"
    begins = [rows[0, 0] for rows in (first_rows(0.5, seed) for seed in range(80)) if len(rows)]
    assert 0.2 * len(begins) < sum(found > 0 for found in begins) < 0.8 * len(begins)


def test_shares_counted_once_change_nothing_that_is_drawn() -> None:
    pieces = [piece(seconds=12), piece(seconds=36, melody=None)]
    shares = shares_of(pieces)
    assert shares.tolist() == [0.25, 0.75]
    one, other = np.random.default_rng(8), np.random.default_rng(8)
    for _ in range(10):
        apart, at_once = draw_sequence(pieces, one, RECIPE), draw_sequence(pieces, other, RECIPE, shares=shares)
        assert torch.equal(apart, at_once)
    assert one.random() == other.random()
    moved = dataclasses.replace(pieces[1], triples=pieces[1].triples + np.array([0, 0, 1]))  # drums never are elsewhere
    for share, drum in ((0.0, 43), (1.0, 42)):
        drawn = draw_sequence([pieces[1], moved], one, RECIPE, ROWS, "none", np.array([share, 1 - share]))
        rows = rows_of(drawn)
        drums = rows[token_lists.instrument_of(rows) == DRUMS]
        assert set(token_lists.pitch_of(drums).tolist()) == {drum}


def test_pieces_too_slow_for_any_sequence_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anticipation, "DRAWS", 5)
    slow = piece().triples.copy()
    slow[:, 0] *= 50
    with pytest.raises(ValueError, match="5 times in a row, 341 rows of these 1 pieces lasted 100 s or more"):
        draw_sequence([Piece("slow", slow, None, None, "train")], np.random.default_rng(0), RECIPE)


def test_gaps_hold_rests() -> None:
    sparse = piece().triples[::5].copy()
    sparse[:, 0] *= 8
    tune = Piece("sparse", sparse, None, None, "train")
    rows = rows_of(draw_sequence([tune], np.random.default_rng(0), RECIPE, 60, "none"))
    assert is_rest(rows).any()


def test_the_loss_is_the_cross_entropy_within_the_slot_and_over_all() -> None:
    network, chance = started(), np.random.default_rng(3)
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
        every = SlotLoss(network, whole_positions=120)(tokens, tokens, torch.rand(2, 60))
        whole = F.cross_entropy(logits.flatten(0, 1), wanted.flatten())
        assert every.item() == pytest.approx(sum(part.mean().item() for part in nats) / 3 + whole.item(), rel=1e-4)


def test_the_loss_is_of_what_is_wanted_after_what_is_read_and_not_of_nothing() -> None:
    network, chance = started(), np.random.default_rng(4)
    loss = SlotLoss(network, whole_positions=60)
    wanted = torch.stack([draw_sequence([piece()], chance, RECIPE, 20, "instrument") for _ in range(2)])
    read = wanted.clone()
    read[:, 31:34] = wanted[:, 1:4]  # a row that is read as another
    darts = torch.rand(2, 60)
    with torch.no_grad():
        nats = slot_nats(network, network.hidden(read[:, :-1]), wanted)
        logits = network.logits(network.hidden(read[:, :-1]).flatten(0, 1)).float()
        chosen = darts.flatten().argsort()[:60]
        for nothing in (False, True):
            if nothing:
                wanted[:, 31:34] = -100
                nats = slot_nats(network, network.hidden(read[:, :-1]), wanted)
            whole = F.cross_entropy(logits[chosen], wanted[:, 1:].flatten()[chosen])
            expected = sum(part.mean().item() for part in nats) / 3 + whole.item()
            assert loss(wanted, read, darts).item() == pytest.approx(expected, rel=1e-4)


def test_the_network_reads_mistakes_as_often_as_the_recipe_says(tmp_path: Path) -> None:
    def shares(**odds: float) -> tuple[float, float]:
        recipe = dataclasses.replace(FLAWLESS, **{"batch": 40, "long_share": 0.0} | odds)
        wanted, read, _ = MusicTraining(tmp_path, [piece()], [piece()], recipe).draw(np.random.default_rng(2))
        differ = (wanted != read).any(1)
        return differ.float().mean().item(), (wanted == NOTHING).any(1).float().mean().item()

    assert shares() == (0.0, 0.0)
    assert shares(piled=1.0) == (1.0, 1.0)
    astray, piled = shares(astray=0.5)
    assert (0.1 < astray < 0.6, piled) == (True, 0.0)


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
    other = dataclasses.replace(RECIPE, network=dataclasses.replace(TINY, layers=2))
    with pytest.raises(ValueError, match="other sizes"):
        MusicTraining(tmp_path / "whole", [piece()], [piece()], other)
    with pytest.raises(ValueError, match="holds 2 optimizers and this recipe has 1"):
        MusicTraining(tmp_path / "whole", [piece()], [piece()], dataclasses.replace(RECIPE, matrix_rate=0.0))


def test_an_old_pytorch_without_muon_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.optim, "Muon")
    with pytest.raises(RuntimeError, match=r"of PyTorch 2\.9 or later"):
        MusicTraining(tmp_path, [piece()], [piece()], RECIPE)


def test_the_last_steps_take_whole_contexts() -> None:
    assert [RECIPE.size(step) for step in range(4)] == [(2, 20), (2, 20), (2, ROWS), (2, ROWS)]
