"""MIDI on the beats of another file: the same events, under its tempo, metre and key."""

from __future__ import annotations

import mido
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.amt import read_midi, to_midi
from course_utils.amt.tempo import beats_of, grid_of, on_the_beats_of
from course_utils.amt.vocab import Triples, as_triples
from course_utils.paths import data_folder

rows = st.tuples(st.integers(0, 6000), st.integers(1, 900), st.integers(0, 127), st.sampled_from([0, 33, 73, 128]))


def events_of(some: list[tuple[int, int, int, int]]) -> Triples:
    """Notes of which no two of an instrument have a pitch in common: they cannot overlap."""
    notes = {(i, p): (t, d) for t, d, p, i in some}
    return as_triples([[t, 10_000 + d, 11_000 + 128 * i + p] for (i, p), (t, d) in notes.items()])


def source(tempos: list[tuple[int, int]], ticks_per_beat: int = 480, *others: mido.MetaMessage) -> mido.MidiFile:
    """A file of tempos (tick, microseconds a beat), and of other messages at the beginning."""
    track, last = mido.MidiTrack(others), 0
    for tick, tempo in tempos:
        track.append(mido.MetaMessage("set_tempo", tempo=tempo, time=tick - last))
        last = tick
    midi = mido.MidiFile(ticks_per_beat=ticks_per_beat)
    midi.tracks.append(track)
    return midi


def in_order(events: Triples) -> list[list[int]]:
    return sorted(events.tolist())


@given(
    st.lists(rows, min_size=1, max_size=20).map(events_of),
    st.lists(st.tuples(st.integers(0, 20_000), st.integers(60_000, 4_000_000)), max_size=8),
    st.sampled_from([24, 96, 480, 15_360]),
    st.floats(0, 40),
)
@settings(deadline=None, max_examples=60)
def test_the_events_stay_the_same(
    events: Triples, tempos: list[tuple[int, int]], ticks_per_beat: int, start: float
) -> None:
    made = on_the_beats_of(to_midi(events), source(sorted(tempos), ticks_per_beat), start)
    assert in_order(read_midi(made)) == in_order(events)


def test_beats_and_seconds() -> None:
    beats = beats_of(source([(0, 500_000), (960, 1_000_000)]))
    assert [beats.tick_at(s) for s in (0, 0.5, 1, 2, 3)] == [0, 480, 960, 1440, 1920]
    assert beats_of(mido.MidiFile(ticks_per_beat=100)).tick_at(1.5) == 300, "120 beats a minute where none is said"
    assert beats_of(source([(0, 0), (480, 1_000_000)])).tick_at(1.5) == 960, "a tempo of 0 is none"


def test_the_grid_is_carried_over_from_where_the_excerpt_starts() -> None:
    metre = mido.MetaMessage("time_signature", numerator=6, denominator=8)
    key = mido.MetaMessage("key_signature", key="Bb")
    given_ = source([(0, 500_000), (960, 250_000), (96_000, 1_000_000)], 480, metre, key)  # 1 s, then 0.25 s a beat
    events = as_triples([[0, 10_050, 11_060], [200, 10_050, 11_062]])
    made = on_the_beats_of(to_midi(events), given_, start=2.0)
    told = {message.type: (tick, message) for tick, message in grid_of(made)}
    assert told["set_tempo"] == (0, mido.MetaMessage("set_tempo", tempo=250_000))
    assert told["time_signature"][1].numerator == 6
    assert told["key_signature"][1].key == "Bb"
    assert len(told) == len(grid_of(made)) == 3, "what comes after the excerpt is left out"
    second = [message for message in made.tracks[1] if message.type == "note_on"][1]
    ticks_before = sum(m.time for m in made.tracks[1][: made.tracks[1].index(second) + 1])
    assert ticks_before == 8 * made.ticks_per_beat, "2 s are eight beats"


def test_a_change_within_the_excerpt_comes_where_it_was() -> None:
    made = on_the_beats_of(to_midi(as_triples([[0, 10_500, 11_060]])), source([(0, 500_000), (960, 250_000)]), 0.5)
    at = [tick / made.ticks_per_beat for tick, _ in grid_of(made)]
    assert at == [0, 1], "the second tempo came after two beats, and one of them lies before the excerpt"


def test_an_impossible_tempo_leaves_the_file_alone() -> None:
    midi = to_midi(as_triples([[9_000, 10_500, 11_060]]))
    assert on_the_beats_of(midi, source([(0, 1)])) is midi


@pytest.mark.parametrize("name", ["songs/ballad.mid", "freedoom/fd12_freedoom1_D_INTRO.mid"])
def test_real_pieces(name: str) -> None:
    midi = mido.MidiFile(data_folder() / "midi" / name)
    events = read_midi(midi)
    made = on_the_beats_of(to_midi(events), midi)
    assert in_order(read_midi(made)) == in_order(read_midi(to_midi(events)))
    assert [message for _, message in grid_of(made)][:1] == [message for _, message in grid_of(midi)][:1]
    assert np.isclose(made.length, to_midi(events).length, atol=0.002)
