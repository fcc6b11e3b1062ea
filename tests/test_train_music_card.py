"""The card of the AMT course model: bits by hand, guesses by counting, wrong melodies, agreement, judgement, page."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils import zoo
from course_utils.amt import token_lists
from course_utils.amt.accompany import MelodyError
from course_utils.amt.network import AMT, AMTConfig
from course_utils.amt.rules import LEARNED_RANGES
from course_utils.amt.sequences import ROWS
from course_utils.amt.vocab import (
    ANTICIPATE,
    AUTOREGRESS,
    DRUMS,
    DUR_OFFSET,
    MAX_PITCH,
    NOTE_OFFSET,
    Triples,
    as_controls,
    durations,
    is_control,
    is_rest,
    onsets,
)
from course_utils.files import rounded, sha256_of
from course_utils.synth.harmony import SCALES, Chord, scale
from course_utils.train import accompaniments
from course_utils.train.accompaniments import (
    GIVEN,
    MEASURES,
    TAKES,
    agreement,
    chance_agreement,
    chord_profile,
    compared,
    disguised,
    excerpt,
    fulfilled,
    generated_table,
    judge_bits,
    judge_made,
    key_signature,
    melody_table,
    requests,
    strangers,
    wrong_melodies,
)
from course_utils.train.anticipation import MusicRecipe
from course_utils.train.music import HELD_OUT_SONGS, Piece, held_out_pieces, song_piece
from course_utils.train.music_card import (
    as_page,
    beyond,
    full_sequences,
    judge,
    measured_pieces,
    mixture_story,
    music_figures,
    sequences_story,
)
from course_utils.train.music_measures import (
    CONTROLS,
    GUESSES,
    SIZES,
    Sums,
    control_table,
    controlled,
    count_slot,
    difference,
    event_bits,
    figures,
    fit_guesses,
    guess_tally,
    judge_guesses,
    rows_of,
    sequence,
    stretch,
    symbols,
)

MELODY, CHORDS = 73, 0
TINY = AMTConfig(width=8, layers=1, heads=2)
C_MAJOR, G_MAJOR = Chord("I", (0, 4, 7)), Chord("V", (7, 11, 2))


def network(seed: int = 0) -> AMT:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return AMT(TINY).eval()


def event(at: int, length: int, pitch: int, instrument: int = CHORDS) -> tuple[int, int, int]:
    return (at, DUR_OFFSET + length, NOTE_OFFSET + MAX_PITCH * instrument + pitch)


def song(name: str = "song", up: int = 0, seconds: int = 30, split: str = "held out") -> Piece:
    """A tune over two chords that take turns, 2 s each, with drums; begins with 3 s of chords alone."""
    rows = []
    for beat in range(2 * seconds):
        at, root = 50 * beat, (48, 55)[beat // 4 % 2] + up
        if at >= 300:
            rows.append(event(at, 45, 72 + up + (0, 2, 4, 5, 7, 9, 11)[beat * (1 + up) % 7], MELODY))
        rows += [event(at, 40, root + step) for step in (0, 4, 7)]
        rows.append(event(at + 25, 10, 42, DRUMS))
    spans = [
        (2.0 * i, 2.0 * i + 2, Chord(c.name, tuple((t + up) % 12 for t in c.tones)))
        for i, c in enumerate([C_MAJOR, G_MAJOR] * (seconds // 4 + 1))
    ]
    return Piece(name, np.array(rows), MELODY, tuple(spans), split)


def nameless(name: str = "level", split: str = "held out") -> Piece:
    """The same music, of which nobody has told melody or chords."""
    return dataclasses.replace(song(name, split=split), melody=None, chords=None)


# --- bits -------------------------------------------------------------------------------------------------------------


def test_bits_are_those_of_every_event_within_its_slot() -> None:
    net, music = network(), song().triples[:40]
    sung = token_lists.instrument_of(music) == MELODY
    tokens = sequence(music[~sung], as_controls(music[sung]))
    with torch.no_grad():
        logits = net(tokens[None])[0]
    wanted = []
    for i, row in enumerate(rows_of(tokens)):
        if is_control(row[None])[0]:
            continue
        odds = [
            logits[3 * i + slot, low:high].log_softmax(0)[row[slot] - low]
            for slot, (low, high) in enumerate(LEARNED_RANGES)
        ]
        wanted.append([-float(o) / math.log(2) for o in odds])
    found = event_bits(net, tokens)
    assert found.shape == (len(wanted), 3) == ((~sung).sum(), 3)
    assert found == pytest.approx(np.array(wanted), rel=1e-3)


def test_a_network_that_knows_nothing_has_the_bits_of_chance() -> None:
    net = network()
    torch.nn.init.zeros_(net.tokens.weight)
    tokens = sequence(stretch(song()), song().triples[:0])
    assert event_bits(net, tokens) == pytest.approx(np.tile(np.log2(SIZES), (len(rows_of(tokens)), 1)), rel=1e-5)


def test_sequences_are_arranged_as_in_training() -> None:
    music = stretch(song())
    sung = token_lists.instrument_of(music) == MELODY
    given = sequence(music[~sung], as_controls(music[sung]))
    assert given[0] == ANTICIPATE
    assert sequence(music, music[:0])[0] == AUTOREGRESS
    assert sequence(music, music[:0], ANTICIPATE)[0] == ANTICIPATE
    rows = rows_of(given)
    place = int(np.flatnonzero(is_control(rows))[0])
    assert onsets(rows[place : place + 1])[0] <= 500, "a control comes 5 s before it is due"
    sparse = np.array([event(0, 10, 60), event(400, 10, 62)])
    assert is_rest(rows_of(sequence(sparse, sparse[:0]))).sum() == 3
    long = np.array([event(90 * i, 10, 60) for i in range(200)])
    assert onsets(rows_of(sequence(long, long[:0]))).max() < 10_000
    many = np.array([event(i, 10, 60) for i in range(500)])
    assert len(rows_of(sequence(many, many[:0]))) == ROWS


@pytest.mark.parametrize("piece", [song(seconds=200), nameless()], ids=["song", "nameless"])
@pytest.mark.parametrize("kind", CONTROLS)
def test_controls_are_what_the_kind_says(piece: Piece, kind: str) -> None:
    rows = rows_of(controlled(piece, kind, np.random.default_rng(0)))
    assert onsets(rows).min() == 0
    given = set(token_lists.instrument_of(rows[is_control(rows)]).tolist())
    left = set(token_lists.instrument_of(rows[~is_control(rows)]).tolist())
    if kind == "none":
        assert not given
    if kind == "melody":
        assert given == {MELODY}
        assert MELODY not in left
    if kind == "instrument":
        assert min(len(given), len(left)) > 0
        assert not given & left


# --- guesses ----------------------------------------------------------------------------------------------------------


def test_guesses_by_hand() -> None:
    guess = count_slot([np.array([0, 1, 0, 1, 1])], 4, strength=2.0)
    unigram = np.array([2.1, 3.1, 0.1, 0.1]) / 5.4
    assert guess.unigram == pytest.approx(unigram)
    found = np.array([1, 0, 1, 1, 3])
    assert guess.bits("chance", found) == pytest.approx([2.0] * 5)
    assert guess.bits("unigram", found) == pytest.approx(-np.log2(unigram[found]))
    assert guess.repeats == 0.25  # 1 after 1, of four
    # repeat: a quarter for the one before; bigram: 0 was followed by 1 twice, 1 by 0 and by 1 once each
    again = [unigram[1], 0.75 * unigram[0], 0.75 * unigram[1], 0.25 + 0.75 * unigram[1], 0.75 * unigram[3]]
    assert guess.bits("repeat", found) == pytest.approx(-np.log2(again))
    after = [unigram[1], (1 + 2 * unigram[0]) / 4, (2 + 2 * unigram[1]) / 4, (1 + 2 * unigram[1]) / 4, unigram[3] / 2]
    assert guess.bits("bigram", found) == pytest.approx(-np.log2(after))


@pytest.mark.parametrize("name", GUESSES)
def test_guesses_are_distributions(name: str) -> None:
    chance = np.random.default_rng(0)
    guess = count_slot([chance.integers(0, 6, 50), chance.integers(0, 6, 30)], 8, strength=3.0)
    for before in range(8):
        total = sum(2 ** -guess.bits(name, np.array([before, after]))[1] for after in range(8))
        assert total == pytest.approx(1)


def test_guesses_count_times_from_the_event_before() -> None:
    rows = np.array([event(100, 5, 60), event(100, 7, 61), event(130, 5, 60)])
    assert symbols(rows)[:, 0].tolist() == [0, 0, 30]
    assert symbols(rows)[:, 1].tolist() == [5, 7, 5]
    assert symbols(rows)[:, 2].tolist() == [60, 61, 60]


def test_what_is_counted_helps_on_music_of_the_kind() -> None:
    guesses = fit_guesses([song(str(i), split="train") for i in range(11)])
    drawn = [sequence(stretch(song()), song().triples[:0])]
    bits = {name: guess_tally(guesses, name, drawn).bits.sum() for name in GUESSES}
    assert bits["bigram"] < bits["unigram"] < bits["chance"]


# --- figures ----------------------------------------------------------------------------------------------------------


def test_figures_by_hand() -> None:
    sums = Sums(np.array([[10.0, 20, 30], [30, 20, 10]]), np.array([10.0, 10]), np.array([2.0, 3]))
    found = figures(sums)
    assert found["bits"] == pytest.approx({"event": 6.0, "time": 2.0, "duration": 2.0, "note": 2.0})
    parts = [found["perplexity"][slot] for slot in ("time", "duration", "note")]
    assert math.prod(parts) == pytest.approx(found["perplexity"]["event"]) == pytest.approx(64)
    assert found["events_per_second"] == pytest.approx(4)
    assert found["bits_per_second"] == pytest.approx(24)
    # a resample of two pieces is (a, a), (a, b) twice or (b, b): 1, 2, 2, 3 bits
    assert found["bits_error"]["time"] == pytest.approx(math.sqrt(0.5), abs=0.03)
    assert found["bits_error"]["event"] == pytest.approx(0, abs=1e-9)


def test_a_difference_is_outside_its_interval_only_if_the_pieces_agree() -> None:
    count = np.full(6, 100.0)
    better = difference((np.array([600.0, 580, 620, 590, 610, 600]), count), (np.full(6, 500.0), count))
    assert better["mean"] == pytest.approx(1.0)
    assert 0.8 < better["low"] < 1.0 < better["high"] < 1.2
    by_one = difference((np.array([1100.0, 500, 500, 500, 500, 500]), count), (np.full(6, 500.0), count))
    assert by_one["mean"] == pytest.approx(1.0)
    assert by_one["low"] <= 0


def test_groups_apart_and_together() -> None:
    pieces = [nameless("a"), song("b"), song("c", 2)]
    table = control_table(network(), pieces, fit_guesses([song("t", split="train")] * 11))
    assert {group: rows["none"]["pieces"] for group, rows in table["controls"].items()} == {
        "Freedoom": 1, "songs": 2, "all": 3
    }  # fmt: skip
    assert list(table["by_piece"]) == ["a", "b", "c"]
    alone = table["controls"]["Freedoom"]["none"]["bits"]["event"]
    assert alone == pytest.approx(table["by_piece"]["a"])
    row = table["guesses"]["songs"]["unigram"]
    model = table["controls"]["songs"]["none"]["bits"]["event"]
    assert row["gain"]["mean"] == pytest.approx(row["bits"]["event"] - model)


# --- melodies ---------------------------------------------------------------------------------------------------------


@given(st.integers(2, 40), st.integers(0, 100))
def test_everyone_sings_a_strangers_song(count: int, seed: int) -> None:
    found = strangers(count, seed)
    assert sorted(found) == list(range(count))
    assert all(place != other for place, other in enumerate(found))


def test_nobody_is_a_stranger_alone() -> None:
    with pytest.raises(ValueError, match="not enough"):
        strangers(1)


notes = st.lists(st.tuples(st.integers(0, 300), st.integers(1, 400), st.integers(50, 80)), min_size=2, max_size=30)


def melody_of(found: list[tuple[int, int, int]], instrument: int) -> Triples:
    at = np.cumsum([gap for gap, _, _ in found])
    return np.array([event(int(a), length, pitch, instrument) for a, (_, length, pitch) in zip(at, found, strict=True)])


@given(notes, notes, st.integers(0, 11))
@settings(max_examples=25, deadline=None)
def test_a_wrong_melody_differs_in_nothing_but_its_notes(
    other: list[tuple[int, int, int]], right: list[tuple[int, int, int]], up: int
) -> None:
    theirs, ours = melody_of(other, 5), melody_of(right, MELODY)
    found = disguised(theirs, ours, up)
    assert len(found) == len(ours)
    assert set(token_lists.instrument_of(found)) == {MELODY}
    assert onsets(found)[0] == onsets(ours)[0]
    if np.ptp(onsets(theirs)) and np.ptp(onsets(ours)) and len(theirs) >= len(ours):
        assert onsets(found)[-1] == onsets(ours)[-1]
    assert (np.diff(onsets(found)) >= 0).all()
    assert ((durations(found) >= 1) & (durations(found) < 1000)).all()
    moved = token_lists.pitch_of(found) - np.resize(token_lists.pitch_of(theirs), len(found))
    assert set(moved % 12) == {up % 12}
    assert abs(token_lists.pitch_of(found).mean() - token_lists.pitch_of(ours).mean()) <= 12


def test_notes_beyond_the_range_come_back_by_octaves() -> None:
    low, wide = melody_of([(0, 9, 20), (9, 9, 20)], MELODY), melody_of([(0, 9, 10), (9, 9, 100)], 5)
    for right in (low, melody_of([(0, 9, 120), (9, 9, 120)], MELODY)):
        found = disguised(wide, right)
        assert set(token_lists.instrument_of(found)) == {MELODY}
        assert (token_lists.pitch_of(found) % 12).tolist() == [10, 4]


def test_excerpts_begin_with_the_melody() -> None:
    found = excerpt(song())
    assert onsets(found.melody)[0] == 0
    assert set(token_lists.instrument_of(found.melody)) == {MELODY}
    assert MELODY not in token_lists.instrument_of(found.accompaniment)
    assert onsets(found.accompaniment).max() < 2000
    assert found.chords[0] == (0.0, 1.0, G_MAJOR)  # 3 s in, the second half of it
    assert found.chords[-1][1] == 20.0
    assert found.key == 0


def test_where_nobody_has_told_the_melody_it_is_what_sings() -> None:
    told, guessed = excerpt(song(up=2)), excerpt(dataclasses.replace(song(up=2), melody=None, chords=None))
    np.testing.assert_array_equal(told.melody, guessed.melody)
    np.testing.assert_array_equal(told.accompaniment, guessed.accompaniment)
    assert (guessed.chords, guessed.key) == ((), 2)
    only_drums = np.array([event(50 * i, 10, 42, DRUMS) for i in range(9)])
    with pytest.raises(MelodyError):
        excerpt(dataclasses.replace(nameless(), triples=only_drums))


@pytest.mark.parametrize("mode", SCALES)
def test_keys_are_told_by_their_tones(mode: str) -> None:
    for tonic in range(12):
        profile = np.zeros(12)
        profile[list(scale(tonic, mode))] = 1
        relative = {"major": 0, "minor": 3, "dorian": -2, "mixolydian": 5}[mode]
        assert key_signature(profile) == (tonic + relative) % 12


def test_a_wrong_melody_can_be_moved_into_the_key() -> None:
    excerpts = [excerpt(song("a")), excerpt(song("b", up=1))]
    tones = set(np.flatnonzero(np.roll(accompaniments.MAJOR, key_signature(chord_profile(excerpts[0].chords)))))
    in_key, as_it_is = wrong_melodies(excerpts, in_key=True)[0], wrong_melodies(excerpts)[0]
    assert set((token_lists.pitch_of(in_key) % 12).tolist()) <= tones
    assert not set((token_lists.pitch_of(as_it_is) % 12).tolist()) <= tones


def test_the_same_events_are_weighed_in_all_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def watch(net: AMT, tokens: torch.Tensor) -> np.ndarray:
        rows = rows_of(tokens)
        seen.append((int(tokens[0]), rows[~is_control(rows)], int(is_control(rows).sum())))
        return np.ones((len(rows) - seen[-1][2], 3)) * (1 + seen[-1][2] / 100)

    monkeypatch.setattr(accompaniments, "event_bits", watch)
    songs = [song("a"), song("b", 1)]
    table = melody_table(network(), [excerpt(piece) for piece in songs])
    assert [mode for mode, _, _ in seen] == [ANTICIPATE, AUTOREGRESS, *[ANTICIPATE] * 3] * 2
    for group in (seen[:5], seen[5:]):
        right, none, announced, wrong, _ = (given for _, _, given in group)
        assert right == wrong > 0 == none == announced
        shortest = min(len(rows) for _, rows, _ in group)
        assert all((rows[:shortest] == group[0][1][:shortest]).all() for _, rows, _ in group)
    assert table["events"] == sum(min(len(rows) for _, rows, _ in group) for group in (seen[:5], seen[5:]))
    assert table["given"]["none"]["bits"]["event"] == pytest.approx(3.0)
    assert table["differences"]["none - right"]["mean"] < 0
    assert table["differences"]["wrong - right"]["mean"] == pytest.approx(0)


def test_agreement_by_hand() -> None:
    chords = ((0.0, 6.0, C_MAJOR), (6.0, 20.0, G_MAJOR))
    music = np.array(
        [
            event(400, 200, 60),  # C from 4 to 6 s: one second counts, on the chord
            event(550, 100, 64),  # E from 5.5 to 6.5 s: half on C, half in the key alone
            event(700, 100, 61),  # C sharp: neither
            event(750, 50, 42, DRUMS),
            event(1950, 100, 67),  # G, half a second before the end
        ]
    )
    found = agreement(music, chords)
    assert found == pytest.approx([1 + 0.5 + 0.5, 1 + 1 + 0.5, 1 + 1 + 1 + 0.5, 1.5 + 1 + 0.5])
    assert agreement(music[:0], chords).tolist() == [0, 0, 0, 0]
    assert chance_agreement(chords)[:2] == pytest.approx([0.25, 7 / 12])
    without = agreement(music, (), key=0)
    assert without == pytest.approx([0, *found[1:]])
    assert agreement(music, (), key=2)[1] == pytest.approx(1 + 1 + 0.5), "D major has E, C sharp and G, but no C"
    with pytest.raises(ValueError, match="tell it"):
        agreement(music, ())


def test_each_piece_counts_alike_and_silence_agrees_with_nothing() -> None:
    rows = np.array([[[1.0, 2.0, 4.0, 3.0]], [[400.0, 100.0, 400.0, 9.0]], [[0.0, 0.0, 0.0, 0.0]]])
    halves = np.array([[[0.5, 0.5, 1.0, 0.0]] * 2] * 3)
    heard = {"original": rows, "right": rows, "none": halves, "wrong": halves, "chance": halves}
    alike, pooled = compared(heard, MEASURES), compared(heard, MEASURES, pooled=True)
    assert alike["given"]["right"]["chord"] == pytest.approx(1.25 / 3)
    assert alike["given"]["right"]["key"] == pytest.approx(0.75 / 3)
    assert pooled["given"]["right"]["chord"] == pytest.approx(401 / 404)
    assert pooled["given"]["right"]["key"] == pytest.approx(102 / 404)
    assert alike["differences"]["chord"]["right - none"]["mean"] == pytest.approx(1.25 / 3 - 0.5)
    assert pooled["differences"]["chord"]["right - none"]["mean"] == pytest.approx(401 / 404 - 0.5)
    assert alike["given"]["none"]["chord_error"] == pytest.approx(0)
    assert set(compared(heard, ("key",))["differences"]) == {"key"}


def test_made_accompaniments_are_compared_with_the_original() -> None:
    told: list[str] = []
    excerpts = [excerpt(piece) for piece in (song("a"), song("b", 1), song("c", 2))]
    table = generated_table(network(), excerpts, told.append)
    assert table["pieces"] == 3
    assert len(told) == len(set(told)) == 3 * len(GIVEN)
    assert table["given"]["original"]["chord"] == pytest.approx(1.0)
    assert table["given"]["original"]["key"] == pytest.approx(1.0)
    assert table["given"]["original"]["notes_per_second"] == pytest.approx(8.0)
    assert set(table["given"]) == {"original", *GIVEN, "chance"}
    gap = table["given"]["original"]["chord"] - table["given"]["right"]["chord"]
    assert table["differences"]["chord"]["original - right"]["mean"] == pytest.approx(gap)
    assert table["pooled"]["given"]["original"]["chord"] == pytest.approx(1.0)
    assert set(table["pooled"]["given"]["right"]) == {"chord", "chord_error", "key", "key_error"}


def test_the_three_melodies_are_given_to_the_same_beginning_with_the_same_seed() -> None:
    excerpts = [excerpt(song(str(number), number)) for number in range(3)]
    asked = requests(excerpts)
    right, none, wrong = (asked[name] for name in GIVEN)
    assert len(right) == len(none) == len(wrong) == 3 * TAKES
    assert [r.seed for r in right] == [r.seed for r in none] == [r.seed for r in wrong]
    assert len({request.seed for request in right}) == 3 * TAKES
    for place, e in ((place, excerpts[place // TAKES]) for place in range(3 * TAKES)):
        assert np.array_equal(right[place].melody, e.melody)
        assert not len(none[place].melody)
        assert len(wrong[place].melody) == len(e.melody)
        assert not np.array_equal(wrong[place].melody, e.melody)
        for given_to in (right, none, wrong):
            prompt = given_to[place].prompt
            assert np.array_equal(prompt, e.accompaniment[: len(prompt)])
            assert onsets(prompt).max() < 500 <= onsets(e.accompaniment)[len(prompt)]


def test_several_processes_make_what_one_makes() -> None:
    excerpts = [excerpt(song(str(number), number)) for number in range(2)]
    asked = requests(excerpts)["right"]
    one, two = (list(fulfilled(network(), asked, processes)) for processes in (1, 2))
    assert all(len(made) for made in one)
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


# --- judgement and page -----------------------------------------------------------------------------------------------


def test_the_floor_is_judged_point_by_point() -> None:
    good = {"low": 0.1}
    bits = {"none - right": good, "wrong - none": good}
    made = {measure: {"right - none": good, "none - wrong": good} for measure in ("chord", "key")}
    assert list(judge_bits(bits, "songs").values()) == [True] * 2
    assert list(judge_made(made, "songs").values()) == [True] * 4
    assert len(judge_made({"key": made["key"]}, "Freedoom")) == 2
    for pair in bits:
        assert list(judge_bits({**bits, pair: {"low": -0.1}}, "songs").values()).count(False) == 1
    for measure in made:
        for pair in made[measure]:
            worse = {**made, measure: {**made[measure], pair: {"low": 0.0}}}
            assert list(judge_made(worse, "songs").values()).count(False) == 1
    rows = {name: {"gain": {"low": 0.1}} for name in GUESSES}
    table = {"Freedoom": rows, "songs": rows, "all": rows}
    assert len(judge_guesses(table)) == 2 * len(GUESSES)
    assert all(judge_guesses(table).values())
    worse = {**rows, "bigram": {"gain": {"low": -0.1}}}
    assert list(judge_guesses({**table, "songs": worse}).values()).count(False) == 1


def some_figures() -> dict[str, Any]:
    held_out = [nameless("a"), song("b"), song("c", 2), nameless("d")]
    return music_figures(network(), held_out, [song(str(i), split="train") for i in range(11)], lambda _: None)


def test_the_page_says_what_was_measured() -> None:
    found = some_figures()
    card = {
        "model": "amt-course",
        "weights_sha256": "abc",
        "weights_bytes": 10_000_000,
        "parameters": 5,
        "sizes": vars(TINY),
        "training": {"steps": 3, "hardware": "two cores"},
        "mixture": "nothing given",
        "music": "three pieces",
        **found,
    }
    page = as_page(card)
    assert page == as_page(json.loads(json.dumps(rounded(card), allow_nan=False)))
    for point, met in found["floor"].items():
        assert f"- {'met' if met else 'NOT met'}: {point}" in page
    for point, shown in found["beyond"].items():
        assert f"- {'shown' if shown else 'NOT shown'}: {point}" in page
    for music, points in (("Freedoom", 4), ("songs, pooled", 4)):
        assert sum(f", on {music}, outside" in point for point in found["beyond"]) == points
    assert sum(", on songs, outside" in point and "melody" in point for point in found["floor"]) == 6
    for group in ("songs", "Freedoom"):
        row = found["melody"][group]["given"]["wrong"]
        assert f"| {group} (2) | wrong | {row['bits']['event']:.2f} ± {row['bits_error']['event']:.2f} |" in page
    made = {group: table["given"]["right"] for group, table in found["generated"].items()}
    assert f"| songs (2) | right | {made['songs']['chord']:.1%}" in page
    assert "chord" not in made["Freedoom"]
    assert f"| Freedoom (2) | right |  | {made['Freedoom']['key']:.1%}" in page
    pooled = found["generated"]["songs"]["pooled"]["differences"]["key"]["right - none"]["mean"]
    assert "Freedoom, key: original - right" in page[page.index("Pooled, each second") :]
    assert f"right - none {100 * pooled:.1f} (" in page[page.index("Pooled, each second") :]
    assert found["floor"] == judge(found)
    assert found["beyond"] == beyond(found)


def test_the_cards_songs_are_none_that_a_training_run_watches(tmp_path: Path) -> None:
    measured = measured_pieces(2, tmp_path)
    watched = held_out_pieces(cache=tmp_path)
    names = {piece.name for piece in watched if piece.chords is None}
    assert {piece.name for piece in measured if piece.chords is None} == names
    songs = [piece for piece in measured if piece.chords is not None]
    assert len(songs) == 2
    assert not {piece.name for piece in songs} & {piece.name for piece in watched}
    assert all(piece.split == "held out" for piece in measured)


def test_sequences_of_a_full_context_are_counted_with_rests_and_separators() -> None:
    dense = Piece("dense", np.array([event(50 * i, 10, 60) for i in range(340)]), None, None, "train")
    sparse = Piece("sparse", np.array([event(200 * i, 10, 60) for i in range(171)]), None, None, "train")
    assert full_sequences([dense]) == full_sequences([sparse]) == 1  # 340 + 1 rows; 171 + 170 rests + 1
    assert full_sequences([dense, sparse]) == 2
    assert full_sequences([dataclasses.replace(dense, triples=dense.triples[:-1])]) == 0
    told = "one copy of each piece fills 3 training sequences of a full context (341 rows)"
    assert sequences_story([dense] * 3) == told


def test_the_mixture_is_told_by_the_recipes_own_numbers() -> None:
    paper = "10% nothing; 10% spans of 5 s; 40% instruments; 40% random notes."
    assert mixture_story({}).endswith(f"in the paper's mixture: {paper}")
    recipe = dataclasses.asdict(
        MusicRecipe(
            melody_share=0.7,
            doubled=0.3,
            thinned=0.2,
            exercises=1_234,
            exercise_share=0.05,
            lead_sheets=0.15,
            later=0.25,
            astray=0.35,
            piled=0.05,
        )
    )
    told = mixture_story(recipe)
    for share in ("70% have the melody", "in 30% of those another", "in 20% of those some", "so have 5%"):
        assert share in told
    assert "the first 1,234 steps" in told
    assert "; 15% of the sequences, to the end, are melodies and what begins with each chord; " in told
    assert "; in 25% of the sequences time begins later than at 0; in 35% the network reads wrong notes" in told
    assert told.endswith("; in 5% it reads a heap of notes at one tick, and is to go on behind it.")
    for field in ("thinned", "exercises", "exercise_share", "lead_sheets", "later", "astray", "piled"):
        del recipe[field]
    assert mixture_story(recipe) == told[: told.index("; in 20%")] + "."
    assert "of those" not in mixture_story({"melody_share": 0.0, "doubled": 0.5})
    card = shipped()
    assert card["mixture"] == mixture_story(card["training"]["recipe"])
    assert f"\n- {told}\n" in as_page({**card, "mixture": told})


def test_music_of_the_wrong_side_is_refused() -> None:
    held_out, training = [song("b"), song("c")], [song("t", split="train")]
    with pytest.raises(ValueError, match="held out.*: t$"):
        music_figures(network(), [*held_out, *training], training, lambda _: None)
    with pytest.raises(ValueError, match="train.*: b, c"):
        music_figures(network(), held_out, held_out, lambda _: None)
    with pytest.raises(ValueError, match="there are 1"):
        music_figures(network(), held_out[:1], training, lambda _: None)


def shipped() -> dict[str, Any]:
    path = zoo.find_model("amt-course").path.with_name("card.json")
    if not path.exists():
        pytest.fail("data/models/amt-course has no card.json: run `python -m course_utils.train amt-card`")
    return json.loads(path.read_text("utf-8"))


def test_the_shipped_card_is_of_the_shipped_weights() -> None:
    stored, path = shipped(), zoo.weights_path("amt-course")
    assert stored["weights_sha256"] == sha256_of(path)
    assert stored["weights_bytes"] == path.stat().st_size
    assert (path.parent / "card.md").read_text("utf-8") == as_page(stored)
    assert stored["floor"] == judge(stored)
    assert stored["beyond"] == beyond(stored)


def test_a_figure_of_the_shipped_card_is_what_its_weights_give() -> None:
    from course_utils.amt.load import load_amt

    stored, net = shipped()["by_piece"], load_amt("course")
    for piece in (song_piece(HELD_OUT_SONGS), song_piece(HELD_OUT_SONGS + 1)):
        bits = event_bits(net, controlled(piece, "none", np.random.default_rng(0)))
        assert stored[piece.name] == pytest.approx(bits.sum() / len(bits), abs=0.01)
