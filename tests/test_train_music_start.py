"""The start of the AMT course model: what it knows before any training, and what is kept of it."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scale_music import CHORDS, MELODY, RECIPE, TINY, piece, started

from course_utils.amt import token_lists
from course_utils.amt.interleave import anticipate
from course_utils.amt.network import AMT
from course_utils.amt.vocab import (
    ANTICIPATE,
    AUTOREGRESS,
    CONTROL_OFFSET,
    DUR_OFFSET,
    NOTE_OFFSET,
    VOCAB_SIZE,
    Triples,
    as_controls,
    is_control,
)
from course_utils.train.anticipation import MusicTraining, event_bits
from course_utils.train.music_start import (
    CONTROL,
    CONTROL_HEIGHT,
    GATHERING,
    HEADS,
    KIND,
    KIND_HEIGHT,
    MEETING,
    MET,
    MET_KIND_HEIGHT,
    OWN_TIME,
    POSITION,
    TIME_LENGTH,
    WAVE_LENGTH,
    WIDTH,
    known_tokens,
    start_network,
)


def test_what_is_near_looks_alike() -> None:
    table = known_tokens()
    likeness = F.normalize(table, dim=1)
    assert table.shape == (VOCAB_SIZE, 208)
    assert (likeness[500] @ likeness[:2000].T).argmax() == 500
    assert likeness[500] @ likeness[502] > likeness[500] @ likeness[540] > likeness[500] @ likeness[1500]
    note = NOTE_OFFSET + 128 * CHORDS + 60
    assert likeness[note] @ likeness[note + 12] > likeness[note] @ likeness[note + 6]
    assert likeness[note] @ likeness[note + CONTROL_OFFSET] > 0.7
    assert torch.isfinite(table).all()


def test_a_new_network_names_times_near_the_last_one() -> None:
    network = started()
    rows = piece().triples[:40]
    tokens = torch.from_numpy(np.concatenate([[AUTOREGRESS], rows.reshape(-1)]))[None]
    with torch.no_grad():
        named = network.logits(network.hidden(tokens)[:, 3::3], 0, DUR_OFFSET).argmax(-1)[0].numpy()
    assert np.abs(named[2:] - rows[2:, 0]).mean() < 60, "by chance some thousands of ticks"
    assert event_bits(network, tokens) < 30, "chance is 37.3 bits"


def accompanied(count: int = 80) -> tuple[Triples, Triples, torch.Tensor]:
    """Music with a melody, its rows with the melody as controls, and the tokens of both with their mode: [1, T]."""
    music = piece().triples[:count]
    sung = token_lists.instrument_of(music) == MELODY
    rows, _ = anticipate(music[~sung], as_controls(music[sung]))
    return music, rows, torch.from_numpy(np.concatenate([[ANTICIPATE], rows.reshape(-1)]))[None]


def test_a_new_network_finds_the_control_that_begins_with_an_event() -> None:
    network = started()
    music, rows, tokens = accompanied()
    sung = token_lists.instrument_of(music) == MELODY
    with torch.no_grad():
        x = network.tokens(tokens) + network.positions.weight[: tokens.shape[1]]
        for block in list(network.blocks)[:2]:
            x = block(x, None, None)
    played = ~is_control(rows) & (token_lists.instrument_of(rows) == CHORDS)
    tune = dict(zip(music[sung, 0].tolist(), (token_lists.pitch_of(music[sung]) % 12).tolist(), strict=True))
    wanted = [tune[at] for at in rows[played, 0].tolist()]
    duration_tokens = 2 + 3 * np.flatnonzero(played)  # what stands there decides the note
    found = x[0, duration_tokens][:, MET][:, :12].argmax(1).tolist()
    assert np.mean(np.equal(found, wanted)) > 0.9, "by chance a twelfth"


@pytest.mark.parametrize("head", GATHERING)
def test_a_new_network_gathers_the_controls_around_an_event(head: int) -> None:
    network = started()
    _, rows, tokens = accompanied(200)
    later, within, _ = GATHERING[head]
    with torch.no_grad():
        x = network.tokens(tokens) + network.positions.weight[: tokens.shape[1]]
        attention = network.blocks[1].attention
        asked = attention.qkv(network.blocks[1].norm_attention(network.blocks[0](x, None, None)))
        query, key, _ = asked[0].view(-1, 3, HEADS, WIDTH // HEADS)[:, :, head].unbind(1)
        scores = attention.scale * query @ key.T
    seconds = rows[:, 0] % CONTROL_OFFSET / 100
    found, on_controls = [], []
    for place in np.flatnonzero(~is_control(rows)):
        if not 2 < seconds[place] < seconds.max() - 6:
            continue
        at = 3 * place + 2  # the event's duration: what stands there decides the note
        weights = scores[at, : at + 1].softmax(0)
        notes = weights[3 : 3 * place + 1 : 3].numpy() * is_control(rows[:place])
        on_controls.append(notes.sum())
        found.append((notes * (seconds[:place] - seconds[place])).sum() / notes.sum())
    assert len(found) > 20
    assert np.mean(on_controls) > 0.7
    assert np.mean(found) == pytest.approx(later, abs=within), "all controls that are seen: 0 to 5 s later"


def test_fields_are_as_high_as_the_start_counts_on() -> None:
    network = started()
    _, rows, tokens = accompanied()
    kind = torch.arange(1, tokens.shape[1]) % 3  # 1 time, 2 duration, 0 note
    control = torch.from_numpy(is_control(rows)).repeat_interleave(3)
    with torch.no_grad():
        x = network.tokens(tokens) + network.positions.weight[: tokens.shape[1]]
        first = network.blocks[0].norm_attention(x)[0, 1:]
        second = network.blocks[1].norm_attention(network.blocks[0](x, None, None))[0, 1:]
    found = {
        WAVE_LENGTH: first[:, POSITION].norm(dim=1).mean() / math.sqrt(10),  # ten waves
        KIND_HEIGHT: first[kind == 1, KIND.start].mean(),
        CONTROL_HEIGHT: first[control, CONTROL].mean(),
        TIME_LENGTH: second[:, OWN_TIME].norm(dim=1).mean(),
        MET_KIND_HEIGHT: second[kind == 2, KIND.start + 1].mean(),
    }
    for counted_on, height in found.items():
        assert float(height) == pytest.approx(counted_on, rel=0.15)


def test_the_start_is_for_one_size() -> None:
    with pytest.raises(ValueError, match="208"):
        start_network(AMT(dataclasses.replace(TINY, width=96)))


def test_the_look_up_is_held_and_the_rest_learns(tmp_path: Path) -> None:
    recipe = dataclasses.replace(RECIPE, warmup=1, weight_decay=0.0)
    run = MusicTraining(tmp_path, [piece()], [piece()], recipe)
    before = {name: tensor.clone() for name, tensor in run.network.state_dict().items()}
    run.go()
    after = run.network.state_dict()

    def moved(name: str, *where: slice) -> float:
        return float((after[name][where] - before[name][where]).abs().max())

    assert {MEETING, *GATHERING} == {1, 2, 3}
    asking = slice(WIDTH // HEADS, WIDTH)  # the queries of the heads that look up and gather
    held = {
        "blocks.1.attention.qkv.weight": (asking,),
        "blocks.1.attention.out.weight": (MET,),
        "tokens.weight": (slice(None), KIND),
        "positions.weight": (slice(None), POSITION),
    }
    for name, where in held.items():
        assert moved(name, *where) == 0, name
        assert moved(name) > 1e-3, name
    first = [name for name in before if name.startswith("blocks.0.")]
    assert len(first) == 12
    assert all(moved(name) == 0 for name in first), "the first layer is held whole"
    told = slice(2 * WIDTH + WIDTH // HEADS * MEETING, 2 * WIDTH + WIDTH // HEADS * (MEETING + 1))
    assert moved("blocks.1.attention.qkv.weight", told) > 1e-3, "what it tells is learned"
