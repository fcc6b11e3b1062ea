"""MIDI files to events and back, and every way in which a file can be no good."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pretty_midi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.amt import token_lists as lists
from course_utils.amt.midi import (
    MidiError,
    compound_to_events,
    events_to_compound,
    from_pretty_midi,
    midi_to_interarrival,
    read_compound,
    read_midi,
    read_midi_report,
    to_midi,
    to_pretty_midi,
    write_midi,
)
from course_utils.amt.vocab import DRUMS, REST, SEPARATOR, TokensError, Triples, as_controls, as_triples, onsets

NOTE = 11_000


@st.composite
def pieces(draw: st.DrawFn, longest: int = 60_000) -> Triples:
    """Events in order of time, up to 129 instruments, no key struck again while it sounds."""
    free: dict[tuple[int, int], int] = {}
    found = []
    steps = st.tuples(st.integers(0, longest // 20), st.integers(0, 999), st.integers(0, 127), st.integers(0, DRUMS))
    time = 0
    for wait, duration, pitch, instrument in draw(st.lists(steps, min_size=1, max_size=40)):
        time = max(time + wait, free.get((pitch, instrument), 0))
        free[pitch, instrument] = time + duration
        found.append([time, 10_000 + duration, NOTE + 128 * instrument + pitch])
    return as_triples(found)


def saved(midi: mido.MidiFile, folder: Path) -> Path:
    path = folder / "piece.mid"
    midi.save(path)
    return path


def track(*messages: mido.Message | mido.MetaMessage) -> mido.MidiFile:
    midi = mido.MidiFile(ticks_per_beat=50)  # one tick of the file is 10 ms
    midi.tracks.append(mido.MidiTrack(messages))
    return midi


def on(pitch: int, wait: int = 0, channel: int = 0, velocity: int = 80) -> mido.Message:
    return mido.Message("note_on", note=pitch, time=wait, channel=channel, velocity=velocity)


def off(pitch: int, wait: int = 0, channel: int = 0) -> mido.Message:
    return mido.Message("note_off", note=pitch, time=wait, channel=channel)


def in_order(tokens: Triples) -> list[list[int]]:
    """What begins on one tick has no order in a file of several tracks."""
    return sorted(tokens.tolist())


# Round trips


@settings(max_examples=50)
@given(pieces())
def test_written_and_read_again(events: Triples) -> None:
    found = read_midi(to_midi(events))
    assert in_order(found) == in_order(events)
    assert (np.diff(onsets(found)) >= 0).all()


@settings(max_examples=50)
@given(pieces())
def test_through_pretty_midi(events: Triples) -> None:
    assert in_order(from_pretty_midi(to_pretty_midi(events))) == in_order(events)


@given(pieces())
def test_through_notes(events: Triples) -> None:
    assert compound_to_events(events_to_compound(events)).tolist() == events.tolist()
    assert compound_to_events(events_to_compound(lists.pad(events))).tolist() == events.tolist()
    assert compound_to_events(events_to_compound(as_controls(events))).tolist() == events.tolist()


seconds = st.floats(0, 200)


@settings(max_examples=50)
@given(st.lists(st.tuples(seconds, st.floats(0, 9.98)), min_size=1, max_size=10))
def test_quantisation_is_half_a_tick(times: list[tuple[float, float]]) -> None:
    midi = pretty_midi.PrettyMIDI()
    midi.instruments.append(pretty_midi.Instrument(0))
    midi.instruments[0].notes = [pretty_midi.Note(80, 60, start, start + length) for start, length in sorted(times)]
    found = events_to_compound(from_pretty_midi(midi)) / [100, 100, 1, 1, 1]
    for (start, length), row in zip(sorted(times), found, strict=True):
        assert abs(row[0] - start) <= 0.005 + 1e-9
        assert abs(row[1] - length) <= 0.005 + 1e-9


def test_as_a_file(tmp_path: Path) -> None:
    events = as_triples([[0, 10_050, NOTE + 60], [25, 10_100, NOTE + 128 * DRUMS + 38], [25, 10_000, NOTE + 64]])
    path = write_midi(tmp_path / "new" / "piece.mid", lists.pad(events, 500))
    assert in_order(read_midi(path)) == in_order(events)
    again = pretty_midi.PrettyMIDI(str(path))
    assert sorted((i.program, i.is_drum) for i in again.instruments) == [(0, False), (0, True)]


# What the rules say


def test_ends_come_before_beginnings_on_a_tick() -> None:
    events = as_triples([[0, 10_050, NOTE + 60], [50, 10_050, NOTE + 60]])
    ours, theirs = (
        [m.type for m in to_midi(events, compat).tracks[0] if m.type.startswith("note")] for compat in (False, True)
    )
    assert ours == ["note_on", "note_off", "note_on", "note_off"]
    assert theirs == ["note_on", "note_on", "note_off", "note_off"]


def test_more_instruments_than_channels(tmp_path: Path) -> None:
    events = as_triples([[10 * n, 10_050, NOTE + 128 * n + 60] for n in range(40)])
    path = write_midi(tmp_path / "forty.mid", events)
    found, report = read_midi_report(path)
    assert found.tolist() == events.tolist()
    assert list(report.instruments) == list(range(40))
    # Who knows no ports hears the last program of each channel.
    assert len(lists.instruments(read_midi(path, compat=True))) < 40
    with pytest.raises(TokensError, match="40 instruments"):
        to_midi(events, compat=True)
    assert len(to_pretty_midi(events).instruments) == 40


def test_drums_take_no_channel_from_others() -> None:
    events = as_triples([[n, 10_050, NOTE + 128 * i + 60] for n, i in enumerate((DRUMS, *range(15)))])
    assert in_order(read_midi(to_midi(events), compat=True)) == in_order(events)  # one port does
    with pytest.raises(TokensError, match="16 instruments"):
        to_midi(events, compat=True)


def test_only_drums() -> None:
    events, report = read_midi_report(track(on(38, channel=9), off(38, 10, 9), on(42, 5, 9), off(42, 10, 9)))
    assert report.instruments == {DRUMS: 2}
    assert in_order(read_midi(to_midi(events))) == in_order(events)


def test_two_hours() -> None:
    hour = 360_000
    midi = track(on(60), off(60, 100), on(62, 2 * hour - 100), off(62, 100))
    events, report = read_midi_report(midi)
    assert onsets(events).tolist() == [0, 2 * hour]
    assert report.seconds == 7201
    assert report.past_window == 1
    assert "1 note of the file begins after 100 s" in report.lines()
    assert in_order(read_midi(to_midi(events))) == in_order(events)


def test_times_past_275_seconds_are_no_controls() -> None:
    events = as_triples([[30_000, 10_050, NOTE + 60]])
    assert events_to_compound(events)[0, 0] == 30_000
    assert events_to_compound(events, compat=True)[0, 0] == 30_000 - 27_513


def test_lengths_nothing_can_express() -> None:
    midi = track(on(60), off(60), on(61), off(61, 1500), on(62), on(63), off(63, 999), off(70))
    events, report = read_midi_report(midi)
    assert (events[:, 1] - 10_000).tolist() == [0, 999, 25, 999]
    assert (report.notes, report.shortened, report.unclosed, report.stray_ends) == (4, 1, 1, 1)
    assert report.lines() == [
        "1 note of the file lasted 10 s or longer and now lasts 9.99 s",
        "1 note of the file was never ended and now lasts 0.25 s",
    ]


def test_tempo_and_silent_beginnings() -> None:
    slow = mido.MetaMessage("set_tempo", tempo=1_000_000, time=100)
    midi = track(slow, on(60), off(60, 50), on(61, 50, velocity=0), on(62), off(62, 1))
    assert read_compound(midi)[:, :3].tolist() == [[100, 100, 60], [300, 2, 62]]


def test_pieces_follow_one_another() -> None:
    one = as_triples([[0, 10_100, NOTE + 60], [50, 10_300, NOTE + 60]])
    found = events_to_compound(np.concatenate([one, [[SEPARATOR] * 3], one, [[SEPARATOR] * 3], one]))
    assert found[:, 0].tolist() == [0, 50, 350, 400, 700, 750]


def test_nothing_to_write() -> None:
    assert events_to_compound(as_triples([])).shape == (0, 5)
    assert to_midi(as_triples([])).tracks == []
    assert to_midi(as_triples([100, 10_000, REST])).tracks == []


# Bad input


def whole(folder: Path) -> bytes:
    events = as_triples([[10 * n, 10_050, NOTE + 128 * (n % 3) + 60 + n % 12] for n in range(60)])
    return saved(to_midi(events), folder).read_bytes()


def broken(folder: Path, data: bytes) -> Path:
    path = folder / "broken.mid"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "the file is empty"),
        (b"ID3\x04 this is a song", "begins with b'ID3"),
        (b"RIFF\x00\x00\x00\x00WAVE", "not a MIDI file"),
        (b"MThd", "breaks off after 4 bytes"),
        (b"MThd\x00\x00\x00\x06\x00\x01\x00\x01\x00\x32", "breaks off"),
        (b"MThd\x00\x00\x00\x06\x00\x01\x00\x01\x00\x32MTrk\x00\x00\x00\x04\x00\x90\xff\xff", "damaged"),
    ],
)
def test_no_midi_file(tmp_path: Path, data: bytes, said: str) -> None:
    for read in (read_midi, midi_to_interarrival):
        with pytest.raises(MidiError, match=said):
            read(broken(tmp_path, data))


@pytest.mark.parametrize("before", [b"", b"LIST\x05\x00\x00\x00INFO\x00\x00", b"odd \x01\x00\x00\x00\x00\x00"])
def test_a_midi_file_within_a_riff_file(tmp_path: Path, before: bytes) -> None:
    data = whole(tmp_path)
    parts = before + b"data" + len(data).to_bytes(4, "little") + data
    wrapped = b"RIFF" + (4 + len(parts)).to_bytes(4, "little") + b"RMID" + parts
    np.testing.assert_array_equal(read_midi(broken(tmp_path, wrapped)), read_midi(broken(tmp_path, data)))
    for damaged in (wrapped[:-20], wrapped[:30], wrapped[:12], wrapped[:12] + b"LIST\xff\xff\xff\xff"):
        with pytest.raises(MidiError):
            read_midi(broken(tmp_path, damaged))


def test_tracks_are_named_by_their_instruments() -> None:
    events = as_triples([[0, 10_050, NOTE + 60], [0, 10_050, NOTE + 128 * 73 + 60], [0, 10_050, NOTE + 128 * 128 + 36]])
    assert [found.name for found in to_midi(events).tracks] == ["Acoustic Grand Piano", "Flute", "Drums"]
    assert [found.name for found in to_midi(events, compat=True).tracks] == [""] * 3


def test_cut_short_anywhere(tmp_path: Path) -> None:
    data = whole(tmp_path)
    for length in range(0, len(data) - 1, 7):
        with pytest.raises(MidiError):
            read_midi(broken(tmp_path, data[:length]))


def test_damaged_anywhere_is_music_or_an_error(tmp_path: Path) -> None:
    data, rng = whole(tmp_path), np.random.default_rng(0)
    errors = 0
    for _ in range(200):
        bad = bytearray(data)
        for place in rng.integers(0, len(data), 3):
            bad[place] = rng.integers(256)
        try:
            assert len(read_midi(broken(tmp_path, bytes(bad))))
        except MidiError:
            errors += 1
    assert 0 < errors < 200


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(MidiError, match=r"none\.mid: cannot be read \(No such file"):
        read_midi(tmp_path / "none.mid")
    with pytest.raises(MidiError, match="cannot be read"):
        read_midi(tmp_path)


def test_no_notes() -> None:
    for midi in (mido.MidiFile(), track(mido.MetaMessage("set_tempo", tempo=400_000)), track(off(60))):
        with pytest.raises(MidiError, match="holds no notes"):
            read_midi(midi)
        assert read_compound(midi).shape == (0, 5)


def test_songs_of_their_own_and_film_frames(tmp_path: Path) -> None:
    with pytest.raises(MidiError, match="MIDI type 2"):
        read_midi(mido.MidiFile(type=2))
    data = bytearray(whole(tmp_path))
    data[12:14] = b"\xe7\x28"  # 25 frames a second, 40 ticks a frame
    with pytest.raises(MidiError, match="film frames"):
        read_midi(broken(tmp_path, bytes(data)))


def test_a_damaged_tempo() -> None:
    day = 24 * 360_000
    with pytest.raises(MidiError, match="48 hours"):
        read_midi(track(on(60), off(60, 10), on(60, 2 * day), off(60, 10)))


@pytest.mark.parametrize(
    ("column", "value", "said"), [(2, 128, "pitch.*128"), (3, 129, "instrument.*129"), (2, -1, "pitch.*-1")]
)
def test_notes_outside_the_vocabulary(column: int, value: int, said: str) -> None:
    note = np.array([[0, 10, 60, 0, 80]])
    note[0, column] = value
    with pytest.raises(TokensError, match=said):
        compound_to_events(note)


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "piece.mid"
    path.write_bytes(b"old")

    def full(self: Any, file: Any = None, **_: Any) -> None:
        Path(file).write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(mido.MidiFile, "save", full)
    with pytest.raises(OSError, match="No space"):
        write_midi(path, as_triples([[0, 10_050, NOTE + 60]]))
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["piece.mid"]


def test_readers_agree_on_the_reason(tmp_path: Path) -> None:
    path = broken(tmp_path, b"nothing")
    readers: list[Callable[[Path], object]] = [read_midi, read_midi_report, read_compound, midi_to_interarrival]
    said = set()
    for read in readers:
        with pytest.raises(MidiError) as caught:
            read(path)
        said.add(str(caught.value))
    assert len(said) == 1
