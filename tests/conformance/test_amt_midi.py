"""MIDI files to events and back against the authors' readers and writers, message by message."""

from __future__ import annotations

from typing import Any

import mido
import numpy as np
import pytest

from conformance.reading import golden, path_of
from course_utils.amt import token_lists as lists
from course_utils.amt import vocab
from course_utils.amt.midi import (
    compound_to_events,
    events_to_compound,
    interarrival_to_midi,
    midi_to_interarrival,
    read_compound,
    read_midi,
    read_midi_report,
    to_midi,
)
from course_utils.amt.vocab import TokensError, as_triples

PIECES: dict[str, dict[str, Any]] = golden("amt/tokenize.json")
each_piece = pytest.mark.parametrize("name", PIECES)


def file(name: str) -> str:
    return str(path_of(f"amt/midi/{name}.mid"))


def flat(array: np.ndarray) -> list[int]:
    return array.reshape(-1).tolist()


def written(midi: mido.MidiFile) -> dict[str, Any]:
    """A MIDI file in the form of the records."""
    messages = []
    for number, track in enumerate(midi.tracks):
        tick = 0
        for message in track:
            tick += message.time
            if message.type == "program_change":
                messages.append([number, tick, message.type, message.channel, message.program])
            elif message.type == "note_on":
                messages.append([number, tick, message.type, message.channel, message.note, message.velocity])
            elif message.type == "note_off":
                messages.append([number, tick, message.type, message.channel, message.note])
    return {
        "type": midi.type,
        "ticks_per_beat": midi.ticks_per_beat,
        "n_tracks": len(midi.tracks),
        "messages": messages,
    }


def test_vocabulary() -> None:
    recorded = golden("amt/vocab.json")
    sizes = ("CONTEXT_SIZE", "EVENT_SIZE", "DELTA", "TIME_RESOLUTION", "MAX_PITCH", "MAX_INSTR", "MAX_NOTE")
    wanted = recorded["arrival"] | recorded["interarrival"]
    wanted |= {name: recorded["config"][name] for name in (*sizes, "MAX_TIME", "MAX_DUR")}
    del wanted["EVENT_OFFSET"]  # 0, and of no use
    assert {name: getattr(vocab, name) for name in wanted} == wanted


@each_piece
@pytest.mark.parametrize("compat", [True, False])
def test_reading(name: str, compat: bool) -> None:
    wanted = PIECES[name]
    assert flat(read_compound(file(name), compat)) == wanted["compound"]
    events, report = read_midi_report(file(name), compat)
    assert flat(events) == wanted["events"]
    assert report.shortened == wanted["duration_truncations"]
    assert report.unclosed == wanted["compound"][1::5].count(-1)
    assert {str(k): n for k, n in report.instruments.items()} == wanted["instruments"]


@each_piece
def test_measures(name: str) -> None:
    wanted = PIECES[name]
    events = as_triples(wanted["events"])
    assert lists.max_time(events) == wanted["max_time"]
    assert lists.min_time(events) == wanted["min_time"]
    assert int(np.diff(events[:, 0]).max()) == wanted["sparsity"]
    assert list(map(str, lists.instruments(events))) == list(wanted["instruments"])


@each_piece
def test_events_from_notes(name: str) -> None:
    assert flat(compound_to_events(np.array(PIECES[name]["compound"]))) == PIECES[name]["events"]


@each_piece
def test_notes_from_events(name: str) -> None:
    wanted = PIECES[name]
    events = as_triples(wanted["events"])
    assert flat(events_to_compound(events, compat=True)) == wanted["events_to_compound"]
    # Ours is the same where no onset can be taken for a control's.
    same = wanted["max_time"] < vocab.CONTROL_OFFSET
    assert (flat(events_to_compound(events)) == wanted["events_to_compound"]) == same
    notes = np.array(wanted["roundtrip_notes"])
    found = events_to_compound(events, compat=True)
    np.testing.assert_allclose(found / [100, 100, 1, 1, 1], notes, atol=1e-9)


@each_piece
def test_midi_from_events(name: str, tmp_path: Any) -> None:
    wanted = PIECES[name]
    events = as_triples(wanted["events"])
    if "events_to_midi_raises" in wanted:
        with pytest.raises(TokensError, match="16 channels"):
            to_midi(events, compat=True)
        return
    midi = to_midi(events, compat=True)
    assert written(midi) == wanted["events_to_midi"]
    midi.save(tmp_path / "again.mid")
    assert flat(read_compound(tmp_path / "again.mid")) == wanted["reread_compound"]
    assert flat(read_midi(tmp_path / "again.mid")) == wanted["reread_events"]


@each_piece
def test_interarrival(name: str) -> None:
    wanted = PIECES[name]
    tokens = midi_to_interarrival(file(name))
    assert tokens.tolist() == wanted["interarrival"]
    assert int((tokens == vocab.MAX_DUR - 1).sum()) >= wanted["interarrival_truncations"]
    if "raises" in wanted["interarrival_to_midi"]:
        with pytest.raises(TokensError):
            interarrival_to_midi(tokens, compat=True)
    else:
        assert written(interarrival_to_midi(tokens, compat=True)) == wanted["interarrival_to_midi"]["expected"]
