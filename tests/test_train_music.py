"""The corpus of events: split by piece, cached, and varied without losing what belongs together."""

from __future__ import annotations

import numpy as np
import pretty_midi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.amt.midi import compound_to_events
from course_utils.amt.token_lists import instrument_of, instruments, pitch_of
from course_utils.amt.vocab import DRUMS, durations, onsets
from course_utils.synth.harmony import chord
from course_utils.train import music
from course_utils.train.corpus import FIRST_TRAINING_SEED, freedoom_pieces, is_held_out
from course_utils.train.music import (
    Piece,
    augmented,
    drawn_speed,
    faster,
    held_out_pieces,
    is_held_out_music,
    melody_on_chord,
    song_piece,
    statistics,
    story,
    training_pieces,
    transposed,
    triples_of,
)


@pytest.fixture
def few(monkeypatch, tmp_path):
    """The corpus with four of Freedoom's pieces, two a side; its cache is new."""
    files = [p for p in freedoom_pieces(False) + freedoom_pieces(True) if p.stat().st_size < 40_000]
    sides = {side: [p for p in files if is_held_out_music(p.name) == side][:2] for side in (True, False)}
    chosen = sides[True] + sides[False]
    monkeypatch.setattr(music, "freedoom_pieces", lambda held: [p for p in chosen if is_held_out(p.name) == held])
    return tmp_path


def events(rows) -> np.ndarray:
    """Events from rows of onset and duration in ticks, pitch, instrument."""
    return compound_to_events(np.array([(*row, 72) for row in rows], dtype=np.int64).reshape(-1, 5))


# --- the split ------------------------------------------------------------------------------------------------------


def test_what_the_other_models_held_out_is_held_out_here():
    held = [p.name for p in freedoom_pieces(True)]
    assert len(held) == 21
    assert all(is_held_out_music(name) for name in held)
    more = [p.name for p in freedoom_pieces(False) if is_held_out_music(p.name)]
    assert len(more) == 7


def test_releases_of_one_level_are_on_one_side():
    assert is_held_out_music("fd12_freedm_D_AMPIE.mid") == is_held_out_music("fd13_freedoom2_D_AMPIE.mid")


def test_both_sides_have_their_own_pieces(few):
    train, held = training_pieces(3, few), held_out_pieces(2, few)
    assert [p.split for p in train] == ["train"] * 5
    assert [p.split for p in held] == ["held out"] * 4
    assert not {p.name for p in train} & {p.name for p in held}
    seeds = [int(p.name.split("-")[1]) for p in train if p.name.startswith("song")]
    assert min(seeds) >= FIRST_TRAINING_SEED


def test_held_out_songs_never_reach_the_training_seeds():
    with pytest.raises(ValueError, match="1001 songs need more"):
        held_out_pieces(1001)


# --- the cache ------------------------------------------------------------------------------------------------------


def test_from_the_cache_come_the_same_pieces(few, monkeypatch):
    made = training_pieces(2, few)
    monkeypatch.setattr(music, "song_piece", lambda seed: pytest.fail("made again"))
    again = training_pieces(2, few)
    assert [(p.name, p.melody, p.chords, p.split) for p in made] == [
        (p.name, p.melody, p.chords, p.split) for p in again
    ]
    assert all(
        np.array_equal(a.triples, b.triples) and b.triples.dtype == np.int64 for a, b in zip(made, again, strict=True)
    )
    song = song_piece(FIRST_TRAINING_SEED)
    assert np.array_equal(again[2].triples, song.triples)
    assert again[2].chords == song.chords


def test_another_composer_another_cache(few, monkeypatch):
    training_pieces(1, few)
    monkeypatch.setattr(music, "_composer_text", lambda: b"changed")
    training_pieces(1, few)
    assert len(list(few.glob("train-1-*.npz"))) == 2


# --- songs as pieces ------------------------------------------------------------------------------------------------


def test_a_song_is_a_melody_with_its_accompaniment():
    for seed in range(8):
        piece = song_piece(seed)
        counts = instruments(piece.triples)
        assert 3 <= len(counts) <= 16
        assert 60 <= counts[piece.melody] <= 400
        assert (np.diff(onsets(piece.triples)) >= 0).all()
        assert onsets(piece.triples).max() < 10_000  # fits the vocabulary's 100 s
        assert durations(piece.triples).min() >= 1
        assert melody_on_chord(piece) > 0.7


def test_the_melody_fits_its_own_chords_better_than_another_songs():
    pieces = [song_piece(seed) for seed in range(8)]
    own = np.mean([melody_on_chord(p) for p in pieces])
    mixed = [
        melody_on_chord(Piece("", a.triples, a.melody, b.chords, ""))
        for a, b in zip(pieces, pieces[1:] + pieces[:1], strict=True)
    ]
    assert own - np.mean(mixed) > 0.3


def test_notes_become_events_in_order():
    midi = pretty_midi.PrettyMIDI()
    piano, drums = pretty_midi.Instrument(3), pretty_midi.Instrument(0, is_drum=True)
    piano.notes = [
        pretty_midi.Note(80, 64, 0.5, 0.501),
        pretty_midi.Note(80, 60, 0.5, 1.0),
        pretty_midi.Note(80, 62, 0.104, 0.2),
    ]
    drums.notes = [pretty_midi.Note(80, 36, 0.5, 20.0)]
    midi.instruments = [piano, drums]
    expected = events([(10, 10, 62, 3), (50, 50, 60, 3), (50, 1, 64, 3), (50, 999, 36, DRUMS)])
    assert np.array_equal(triples_of(midi), expected)
    assert triples_of(pretty_midi.PrettyMIDI()).shape == (0, 3)


# --- variation ------------------------------------------------------------------------------------------------------

ROWS = st.lists(
    st.tuples(st.integers(0, 9000), st.integers(0, 999), st.integers(6, 120), st.sampled_from([0, 40, DRUMS])),
    min_size=1,
    max_size=30,
).map(sorted)


@settings(deadline=None)
@given(ROWS, st.integers(0, 1000))
def test_variation_keeps_order_intervals_and_drums(rows, seed):
    piece = Piece("", events(rows), None, None, "train")
    varied = augmented(piece, np.random.default_rng(seed))
    assert np.array_equal(instrument_of(varied), instrument_of(piece.triples))
    assert (np.diff(onsets(varied)) >= 0).all()
    drums = instrument_of(varied) == DRUMS
    moved = pitch_of(varied) - pitch_of(piece.triples)
    assert not moved[drums].any()
    assert len(set(moved[~drums].tolist())) <= 1
    assert all(-5 <= step <= 6 for step in moved)
    assert ((durations(varied) >= 0) & (durations(varied) <= 999)).all()
    assert (durations(varied)[durations(piece.triples) > 0] > 0).all()
    ratio = onsets(varied)[-1] / max(onsets(piece.triples)[-1], 1)
    if onsets(piece.triples)[-1] > 1000:
        assert 1 / 1.16 < ratio < 1 / 0.84


def test_every_key_and_many_tempi_come_up():
    piece = Piece("", events([(1000, 100, 60, 0)]), None, None, "train")
    rng = np.random.default_rng(0)
    varied = [augmented(piece, rng) for _ in range(300)]
    assert {int(pitch_of(v)[0]) for v in varied} == set(range(55, 67))
    times = [int(onsets(v)[0]) for v in varied]
    assert min(times) < 900
    assert max(times) > 1100


def test_half_of_the_speeds_make_a_sixteenth_a_whole_number_of_ticks():
    rng, sixteenth = np.random.default_rng(0), 21.13
    ticks = sixteenth / np.array([drawn_speed(sixteenth, rng) for _ in range(400)])
    whole = np.abs(ticks - np.rint(ticks)) < 1e-9
    assert 0.4 < whole.mean() < 0.6
    assert len(set(np.rint(ticks[whole]))) > 4
    assert ((ticks > sixteenth / 1.15) & (ticks < sixteenth / 0.85)).all()
    assert {drawn_speed(None, rng) for _ in range(3)}.isdisjoint({1.0})


def test_only_what_stays_in_range_is_drawn():
    piece = Piece("", events([(0, 10, 127, 0), (5, 10, 2, 0)]), None, None, "train")
    rng = np.random.default_rng(0)
    assert {int(pitch_of(augmented(piece, rng))[0]) for _ in range(40)} == {127, 126, 125}


def test_impossible_variations_are_refused():
    piece = events([(0, 10, 126, 0)])
    with pytest.raises(ValueError, match="from -126 to 1 is possible"):
        transposed(piece, 2)
    with pytest.raises(ValueError, match="above 0"):
        faster(piece, 0)


def test_speed_moves_ends_with_onsets():
    # Two notes that touch go on touching at any speed.
    piece = events([(100, 33, 60, 0), (133, 40, 60, 0)])
    for speed in np.linspace(0.85, 1.15, 31):
        quick = faster(piece, float(speed))
        assert onsets(quick)[0] + durations(quick)[0] == onsets(quick)[1]
    assert np.array_equal(faster(piece, 1.0), piece)
    assert onsets(faster(piece, 2.0)).tolist() == [50, 66]


def test_statistics_of_a_piece_made_by_hand():
    c_major = ((0.0, 1.0, chord("I", 0)),)
    rows = [(0, 50, 60, 73), (50, 50, 62, 73), (0, 10, 36, DRUMS), (50, 50, 48, 32)]
    piece = Piece("", events(sorted(rows)), 73, c_major, "train")
    told = statistics([piece])
    assert told["melody_on_chord"] == 0.5
    assert told["events_per_second"] == 4.0
    assert told["drum_share"] == 0.25
    assert told["instruments_per_piece"] == 3
    assert told["key_entropy"] == 0.0


def test_the_story_tells_both_kinds():
    rows = [(0, 50, 60, 73), (359_990, 10, 62, 73)]
    composed = Piece("", events(rows), 73, None, "train")
    found = Piece("", events(rows), None, None, "train")
    assert story([found, found, composed]) == "3 pieces, 6 events: 2 of Freedoom (2.0 h), 1 composed (1.0 h)"
    assert story([composed]) == "1 pieces, 2 events: 1 composed (1.0 h)"
