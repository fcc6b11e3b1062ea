"""Events in seconds and words, to tokens and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.amt import vocab
from course_utils.amt.events import Event, describe, instrument_name, note_name, to_events, to_triples
from course_utils.amt.vocab import TokensError, as_triples

events = st.builds(
    lambda time, duration, pitch, instrument, control: Event(time / 100, duration / 100, pitch, instrument, control),
    st.integers(0, 50_000),
    st.integers(0, 999),
    st.integers(0, 127),
    st.integers(0, 128),
    st.booleans(),
)
rests = st.integers(0, 9_999).map(lambda time: Event(time / 100, 0.0, None, None))


@given(st.lists(events | rests, max_size=20))
def test_to_tokens_and_back(some: list[Event]) -> None:
    assert to_events(to_triples(some)) == some


@given(st.floats(0, 99), st.floats(0, 9.99))
def test_times_are_within_half_a_tick(time: float, duration: float) -> None:
    (event,) = to_events(to_triples([Event(time, duration, 60, 0)]))
    assert abs(event.time - time) <= 0.005 + 1e-9
    assert abs(event.duration - duration) <= 0.005 + 1e-9


def test_one_by_hand() -> None:
    event = Event(1.25, 0.5, 60, 24)
    assert event.tokens == (125, 10_050, 11_000 + 24 * 128 + 60)
    assert str(event) == "1.25 s, 0.50 s long: C4, Acoustic Guitar (nylon)"
    assert str(event._replace(control=True)).endswith("(control)")
    assert [describe(token) for token in event.tokens] == [
        "time 1.25 s",
        "duration 0.50 s",
        "C4, Acoustic Guitar (nylon)",
    ]
    assert str(to_events(as_triples([100, 10_000, vocab.REST]))[0]) == "1.00 s: rest"


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (Event(-0.5, 1, 60, 0), "-0.5"),
        (Event(0, 10, 60, 0), "10 s"),
        (Event(0, -1, 60, 0), "-1 s"),
        (Event(0, 1, 128, 0), "pitch.*128"),
        (Event(0, 1, 60, 129), "instrument.*129"),
        (Event(0, 1, None, None, control=True), "rest"),
    ],
)
def test_what_has_no_token(event: Event, said: str) -> None:
    with pytest.raises(TokensError, match=said):
        to_triples([event])


def test_several_pieces_are_refused() -> None:
    with pytest.raises(TokensError, match="several pieces"):
        to_events(as_triples([vocab.SEPARATOR] * 3))


def test_every_token_can_be_described() -> None:
    said = [describe(token) for token in range(vocab.VOCAB_SIZE)]
    assert len(set(said)) == vocab.VOCAB_SIZE
    assert said[vocab.REST] == "REST"
    assert said[vocab.CONTROL_OFFSET] == "control: time 0.00 s"
    assert said[-1] == "ANTICIPATE"
    with pytest.raises(TokensError, match="55028"):
        describe(vocab.VOCAB_SIZE)


def test_names() -> None:
    assert instrument_name(0) == "Acoustic Grand Piano"
    assert instrument_name(vocab.DRUMS) == "Drums"
    assert note_name(38, vocab.DRUMS) == "Acoustic Snare"
    assert note_name(12, vocab.DRUMS) == "Drum 12"
    for bad in (-1, 129):
        with pytest.raises(TokensError, match=str(bad)):
            instrument_name(bad)
    with pytest.raises(TokensError, match="128"):
        note_name(128)
