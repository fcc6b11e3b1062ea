"""The training music: nothing held out gets in, and one seed makes one corpus."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.files import sha256_of
from course_utils.paths import data_folder
from course_utils.synth.collage import HELD_OUT
from course_utils.train.card import HELD_OUT_PIECES
from course_utils.train.corpus import (
    FIRST_TRAINING_SEED,
    LEVEL,
    RATE,
    SMALL_FONT,
    Corpus,
    MissingSourceError,
    build,
    excerpt,
    freedoom_pieces,
    is_held_out,
    level,
    low_pass,
)

# --- the split


def title(piece: Path) -> str:
    return piece.stem.split("_D_")[-1]


def test_every_piece_lies_on_exactly_one_side() -> None:
    training, held_out = freedoom_pieces(held_out=False), freedoom_pieces(held_out=True)
    assert not set(training) & set(held_out)
    assert sorted(training + held_out) == sorted((data_folder() / "midi" / "freedoom").glob("*.mid"))
    assert 0.05 < len(held_out) / len(training + held_out) < 0.2


def test_one_title_never_lies_on_both_sides() -> None:
    training = {title(piece) for piece in freedoom_pieces(held_out=False)}
    held_out = {title(piece) for piece in freedoom_pieces(held_out=True)}
    assert not training & held_out


@settings(max_examples=30, deadline=None)
@given(name=st.from_regex(r"[A-Z0-9]{4,8}", fullmatch=True))
def test_the_side_depends_on_the_title_alone(name: str) -> None:
    sides = {is_held_out(f"{release}_D_{name}.mid") for release in ("fd12_freedoom1", "fd13_freedoom2", "other")}
    assert len(sides) == 1


def test_no_tune_is_in_both_sides_under_two_titles() -> None:
    training = {sha256_of(piece) for piece in freedoom_pieces(held_out=False)}
    assert not training & {sha256_of(piece) for piece in freedoom_pieces(held_out=True)}


def test_the_cards_pieces_are_held_out() -> None:
    assert set(HELD_OUT_PIECES) <= {piece.stem for piece in freedoom_pieces(held_out=True)}


def test_the_demo_clips_samples_are_held_out_of_the_collages() -> None:
    assert {"garzul", "mika", "em9"} <= set(HELD_OUT)


# --- excerpts and filters


def test_an_excerpt_starts_at_zero_under_the_controllers_then_in_force() -> None:
    import pretty_midi

    midi = pretty_midi.PrettyMIDI()
    track = pretty_midi.Instrument(30)
    track.notes = [pretty_midi.Note(90, 60, t, t + 0.5) for t in (0.0, 2.0, 2.9, 3.0)]
    track.control_changes = [pretty_midi.ControlChange(7, 100, 0.5), pretty_midi.ControlChange(7, 30, 2.5)]
    midi.instruments.append(track)
    cut = excerpt(midi, 2.0, 1.0).instruments[0]
    assert [round(note.start, 6) for note in cut.notes] == [0.0, 0.9]
    assert [(change.value, change.time) for change in cut.control_changes] == [(100, 0.0), (30, 0.5)]
    assert len(track.notes) == 4  # the piece itself is left alone


def test_low_pass_takes_the_highs_and_leaves_the_lows() -> None:
    time = np.arange(RATE) / RATE
    low, high = (np.sin(2 * np.pi * hertz * time).astype(np.float32) for hertz in (500, 12000))
    inner = slice(2000, -2000)
    assert np.abs(low_pass(low, 5000) - low)[inner].max() < 0.01
    assert np.abs(low_pass(high, 5000))[inner].max() < 1e-3
    assert low_pass(low, 5000).dtype == np.float32


@settings(max_examples=20, deadline=None)
@given(gain=st.floats(1e-2, 10.0))
def test_every_item_has_the_corpus_loudness(gain: float) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 5000).astype(np.float32)
    assert np.sqrt(np.mean(level(gain * noise) ** 2)) == pytest.approx(LEVEL, rel=0.01)


def test_silence_stays_silence() -> None:
    assert not level(np.zeros(100, np.float32)).any()


# --- the corpus on disk


def test_it_holds_what_was_asked_for(tiny_corpus: Path) -> None:
    corpus = Corpus(tiny_corpus)
    assert 0.7 * 54 < corpus.length / RATE <= 54 * 1.02
    assert {item.kind for item in corpus.items} == {"freedoom", "composed"}
    assert [item.start for item in corpus.items] == list(np.cumsum([0, *[item.length for item in corpus.items[:-1]]]))
    assert sum(item.length for item in corpus.items) == corpus.length
    for item in corpus.items:
        sound = corpus.samples[item.start : item.start + item.length].astype(np.float64) / 32767
        assert np.sqrt(np.mean(sound**2)) > 0.03, item
    assert "1 min of music" in corpus.story()
    assert "FluidR3Mono_GM_small.sf3" in corpus.story()


def test_nothing_held_out_is_in_it(tiny_corpus: Path) -> None:
    training = {piece.stem for piece in freedoom_pieces(held_out=False)}
    for item in Corpus(tiny_corpus).items:
        if item.kind == "freedoom":
            assert item.name.split("@")[0] in training
        else:
            assert int(item.name.removeprefix("composed-")) >= FIRST_TRAINING_SEED


def test_it_is_the_same_when_made_again(tiny_corpus: Path, tmp_path: Path) -> None:
    build(tmp_path, 0.9, None, [data_folder() / SMALL_FONT])
    for file in ("corpus.npy", "corpus.json"):
        assert sha256_of(tmp_path / file) == sha256_of(tiny_corpus / file), file
    assert sorted(path.name for path in tmp_path.iterdir()) == ["corpus.json", "corpus.npy"]


def test_a_batch_is_drawn_from_the_seed_alone(tiny_corpus: Path) -> None:
    corpus = Corpus(tiny_corpus)
    first, again = (corpus.batch(np.random.default_rng(3), 5, 4096) for _ in range(2))
    assert first.shape == (5, 1, 4096)
    assert first.dtype == np.float32
    assert np.array_equal(first, again)
    assert not np.array_equal(first, corpus.batch(np.random.default_rng(4), 5, 4096))


def test_segments_come_at_many_levels_within_the_range_said(tiny_corpus: Path) -> None:
    corpus = Corpus(tiny_corpus)
    corpus.samples = np.full(corpus.length, 16384, np.int16)  # half of full scale everywhere
    batch = corpus.batch(np.random.default_rng(0), 1000, 16)[:, 0]
    silent = (batch == 0).any(1)
    assert 0.06 < silent.mean() < 0.15  # SILENT of the segments, less those whose silence lies outside
    gains = 20 * np.log10(batch[~silent, 0] / 0.5)
    assert (batch[~silent] == batch[~silent, :1]).all()  # one level a segment
    assert 2 < gains.max() <= 3 + 1e-4
    assert -45 <= gains.min() < -40
    assert 0.06 < (gains < -12).mean() < 0.14


def test_a_segment_longer_than_the_corpus_is_refused(tiny_corpus: Path) -> None:
    with pytest.raises(ValueError, match="too few for segments of"):
        Corpus(tiny_corpus).batch(np.random.default_rng(0), 1, 10**9)


def test_a_missing_corpus_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(MissingSourceError, match=r"python -m course_utils\.train corpus"):
        Corpus(tmp_path)


def test_missing_samples_say_where_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(MissingSourceError, match="sonic-pi-samples"):
        build(tmp_path, 1.0, tmp_path / "none", [data_folder() / SMALL_FONT])
    assert not (tmp_path / "corpus.json").exists()


def test_a_broken_build_leaves_the_old_corpus(tiny_corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "corpus.json").write_text(json.dumps({"old": True}))
    with pytest.raises(MissingSourceError):
        build(tmp_path, 1.0, tmp_path / "none", [data_folder() / SMALL_FONT])
    assert [path.name for path in tmp_path.iterdir()] == ["corpus.json"]
