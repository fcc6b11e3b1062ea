"""The exercises of lesson 05 agree with the library's MIDI reader, vocabulary, rests and merging, on any input."""

import mido
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from course_utils import facts
from course_utils.amt import Event, read_midi, to_triples, token_lists, vocab
from course_utils.amt.vocab import MAX_TIME, VOCAB_SIZE
from course_utils.exercises import lesson05

ticks = st.integers(0, MAX_TIME - 1)
waits = st.lists(st.integers(0, 400), min_size=1, max_size=12)


@given(st.integers(0, 3000), st.lists(st.tuples(st.integers(1, 3000), st.integers(100_000, 2_000_000)), max_size=4))
def test_the_seconds_of_a_tick_are_the_reader_s(tick, changes):
    tempos = [(0, 500_000), *{start: (start, tempo) for start, tempo in sorted(changes)}.values()]
    track, last = mido.MidiTrack(), 0
    messages = [(start, 0, mido.MetaMessage("set_tempo", tempo=tempo)) for start, tempo in tempos]
    messages += [(tick, 1, mido.Message("note_on", note=60)), (tick + 9, 1, mido.Message("note_off", note=60))]
    for at, _, message in sorted(messages, key=lambda entry: entry[:2]):
        track.append(message.copy(time=at - last))
        last = at
    theirs = read_midi(mido.MidiFile(tracks=[track], ticks_per_beat=240))[0, 0]
    ours = 100 * lesson05.seconds_at(tick, tempos, 240)
    assert abs(ours - theirs) <= 0.5 + 1e-6


@given(ticks, st.integers(0, 1500), st.integers(0, 127), st.integers(0, 128))
def test_the_tokens_are_the_library_s(time, duration, pitch, instrument):
    ours = lesson05.event_tokens(time / 100, duration / 100, pitch, instrument)
    event = Event(time / 100, min(duration, 999) / 100, pitch, instrument)
    assert list(ours) == to_triples([event])[0].tolist()


def test_the_finer_vocabulary_is_counted_as_the_real_one():
    def size(tick_ms):
        events = 100_000 // tick_ms + 10_000 // tick_ms + facts.AMT_NOTES.value
        return 2 * events + 1 + 3

    assert size(10) == VOCAB_SIZE
    assert lesson05.check.exercises["finer_vocabulary"].solution == size(5)


@given(waits, waits)
def test_merged_waits_are_those_of_the_merged_events(first, second):
    def events(steps, pitch):
        return to_triples(Event(time / 100, 0.1, pitch, 0) for time in np.cumsum(steps).tolist())

    merged = token_lists.sort(np.concatenate([events(first, 60), events(second, 62)]))
    expected = np.diff(vocab.onsets(merged), prepend=0)
    np.testing.assert_array_equal(lesson05.merge_waits(np.array(first), np.array(second)), expected)


@given(waits, st.integers(1, 600))
def test_rests_stand_where_the_library_puts_them(steps, tail):
    onsets = np.cumsum(steps).tolist()
    end = onsets[-1] + tail
    padded = token_lists.pad(to_triples(Event(time / 100, 0.1, 60, 0) for time in onsets), end)
    rests = padded[vocab.is_rest(padded)]
    assert lesson05.rest_times(onsets, end) == vocab.onsets(rests).tolist()


@given(st.floats(1.1, 50), st.floats(1.1, 50), st.floats(1.1, 50), st.floats(1, 60))
def test_bits_add_up(time, duration, note, rate):
    assume(time * duration * note > 1.5)
    ours = lesson05.bits_per_second(time, duration, note, rate)
    assert ours == pytest.approx(rate * sum(np.log2([time, duration, note])))


def test_the_paper_s_best_row():
    parts = [fact.value for fact in (facts.AMT_PPL_TIME, facts.AMT_PPL_DURATION, facts.AMT_PPL_NOTE)]
    ours = lesson05.bits_per_second(*parts, facts.AMT_EVENTS_PER_SECOND.value)
    assert ours == pytest.approx(facts.AMT_BITS_MEDIUM_800K.value, abs=0.3)
