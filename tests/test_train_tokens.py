"""The store of codes that the token models learn from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from course_utils.codec import Codec
from course_utils.paths import data_folder
from course_utils.train.card import HELD_OUT_PIECES
from course_utils.train.corpus import SMALL_FONT, MissingSourceError, is_held_out
from course_utils.train.tokens import Tokens, build_tokens, encode_all, held_out_music, vary


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, course: Codec) -> Path:
    folder = tmp_path_factory.mktemp("tokens")
    build_tokens(folder, course, "0" * 64, 0.9, None, [data_folder() / SMALL_FONT], held_out_pieces=2)
    return folder


def test_the_store_holds_the_codes_of_its_items(store: Path) -> None:
    tokens = Tokens(store)
    assert tokens.codes.dtype == np.int16
    assert tokens.codes.shape == (9, sum(item.length for item in tokens.items))
    assert tokens.codes.min() >= 0
    assert tokens.codes.max() < 1024
    assert [item.start for item in tokens.items] == list(np.cumsum([0, *(i.length for i in tokens.items)])[:-1])
    assert tokens.codec_sha256 == "0" * 64
    assert "min freedoom" in tokens.story()
    assert "FluidR3" in tokens.story()


def test_training_and_held_out_music_are_disjoint(store: Path) -> None:
    tokens = Tokens(store)
    held_out = [item.name for item in tokens.held_out_items if item.kind == "freedoom"]
    assert held_out
    assert all(is_held_out(name) for name in held_out)
    assert not set(held_out) & set(HELD_OUT_PIECES), "the card's pieces must not choose checkpoints"
    assert not any(is_held_out(item.name.split("@")[0]) for item in tokens.items if item.kind == "freedoom")
    composed = [int(item.name.split("-")[1]) for item in tokens.items if item.kind == "composed"]
    assert composed
    assert min(composed) >= 1000
    assert max(int(i.name.split("-")[1]) for i in tokens.held_out_items if i.kind == "composed") < 1000


def test_a_crop_lies_within_one_piece(store: Path) -> None:
    tokens = Tokens(store)
    tokens.codes = np.concatenate([np.full((9, item.length), n, np.int16) for n, item in enumerate(tokens.items)], 1)
    crops = tokens.batch(np.random.default_rng(0), 64, 200, 4)
    assert crops.shape == (64, 4, 200)
    assert crops.dtype == torch.int64
    assert bool((crops == crops[:, :1, :1]).all())
    assert len(crops[:, 0, 0].unique()) > 1


def test_crops_reach_both_ends_of_a_piece(store: Path) -> None:
    tokens = Tokens(store)
    tokens.items = tokens.items[:1]
    length = tokens.items[0].length
    tokens.codes = np.tile(np.arange(tokens.codes.shape[1], dtype=np.int16), (9, 1))
    starts = tokens.batch(np.random.default_rng(0), 64, length - 2, 1)[:, 0, 0]
    assert starts.unique().tolist() == [0, 1, 2]


def test_chance_decides_the_batch_and_nothing_else(store: Path) -> None:
    tokens = Tokens(store)
    first, again, other = (tokens.batch(np.random.default_rng(seed), 4, 100, 9) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_crops_longer_than_every_piece_are_refused(store: Path) -> None:
    with pytest.raises(ValueError, match="no piece has 9999 frames"):
        Tokens(store).batch(np.random.default_rng(0), 1, 9999, 4)


def test_held_out_crops_are_starts_of_pieces(store: Path) -> None:
    tokens = Tokens(store)
    crops = tokens.held_out_crops(862, 4)
    assert crops.shape == (len(tokens.held_out_items), 4, 862)
    second = tokens.held_out_items[1].start
    assert np.array_equal(crops[1].numpy(), tokens.held_out[:4, second : second + 862])


def test_no_store_is_an_error_with_the_command(tmp_path: Path) -> None:
    with pytest.raises(MissingSourceError, match=r"python -m course_utils\.train tokens"):
        Tokens(tmp_path)


def test_codes_are_those_of_the_music(course: Codec) -> None:
    name, kind, audio = next(held_out_music())
    codes, items = encode_all(
        course, [(name, kind, audio[:44100]), ("silence", "x", np.zeros(44100, np.float32))], False
    )
    assert [item.name for item in items] == [name], "silence is left out"
    assert np.array_equal(codes, course.encode(audio[:44100])[0].numpy())


def test_varied_music_keeps_its_length_and_stays_within_full_scale() -> None:
    audio = np.sin(np.arange(44100) / 20).astype(np.float32)
    varied = [vary(audio.copy(), np.random.default_rng(seed)) for seed in range(60)]
    assert all(len(v) == len(audio) and np.abs(v).max() <= 1 and v.dtype == np.float32 for v in varied)
    levels = 20 * np.log10([np.abs(v).max() + 1e-9 for v in varied])
    assert levels.min() < -12
    assert levels.max() > -1
    assert any((v == 0).sum() > 1000 for v in varied), "some have a gap of silence"


def test_the_description_is_plain_json(store: Path) -> None:
    assert set(json.loads((store / "tokens.json").read_text())) >= {"codec_sha256", "frame_rate", "items"}
