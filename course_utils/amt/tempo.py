"""Beats and bars of a piece: events are in seconds and keep neither, but MIDI made from them should lie on the grid."""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from dataclasses import dataclass

import mido

from course_utils.amt.midi import DEFAULT_TEMPO
from course_utils.amt.vocab import TIME_RESOLUTION

FINE = 9_600  # ticks a beat, about: so that one is far shorter than our 10 ms, also at a slow tempo
MOST_TICKS = 2**27  # a wait in a MIDI file has 28 bits
GRID = ("set_tempo", "time_signature", "key_signature")  # what stands above the notes of all tracks


@dataclass(frozen=True)
class Beats:
    """The tempo of a piece as it changes: ticks of the file, the seconds at which they are due, microseconds a beat."""

    ticks: list[int]
    seconds: list[float]
    tempos: list[int]
    ticks_per_beat: int

    def tick_at(self, seconds: float) -> float:
        """The tick that is due at this second."""
        place = max(bisect.bisect_right(self.seconds, seconds) - 1, 0)
        tick_seconds = self.tempos[place] * 1e-6 / self.ticks_per_beat
        return self.ticks[place] + (seconds - self.seconds[place]) / tick_seconds


def beats_of(midi: mido.MidiFile) -> Beats:
    """The tempo of a MIDI file; 120 beats a minute until it says otherwise. A tempo of 0 is passed over."""
    ticks, seconds, tempos = [0], [0.0], [DEFAULT_TEMPO]
    for tick, message in grid_of(midi):
        if message.type == "set_tempo" and message.tempo > 0:
            seconds.append(seconds[-1] + (tick - ticks[-1]) * tempos[-1] * 1e-6 / midi.ticks_per_beat)
            ticks.append(tick)
            tempos.append(message.tempo)
    return Beats(ticks, seconds, tempos, midi.ticks_per_beat)


def grid_of(midi: mido.MidiFile) -> list[tuple[int, mido.MetaMessage]]:
    """Tempo, metre and key of a MIDI file, with the tick of each, in order."""
    return sorted(((tick, message) for track in midi.tracks for tick, message in _timed(track)), key=lambda x: x[0])


def _timed(track: mido.MidiTrack) -> Iterator[tuple[int, mido.MetaMessage]]:
    tick = 0
    for message in track:
        tick += message.time
        if message.type in GRID:
            yield tick, message


def on_the_beats_of(midi: mido.MidiFile, source: mido.MidiFile, start: float = 0.0) -> mido.MidiFile:
    """A file that `to_midi` made, with tempo, metre and key of the source from second `start` on.

    The notes stay where they are in seconds, to within a millisecond: read again, they are the same events. Bars are
    counted from `start`. Where the source's tempo is so fast that its ticks do not fit a file, `midi` comes back.
    """
    beats = beats_of(source)
    finer = max(FINE // source.ticks_per_beat, 1)
    first = beats.tick_at(start)

    def placed(seconds: float) -> int:
        return round(finer * (beats.tick_at(start + seconds) - first))

    end = max((sum(message.time for message in track) for track in midi.tracks), default=0) / TIME_RESOLUTION
    if placed(end) > MOST_TICKS:
        return midi
    above: dict[str, mido.MetaMessage] = {}
    later: list[tuple[int, mido.MetaMessage]] = []
    for tick, message in grid_of(source):
        if tick <= first:
            above[message.type] = message  # the last one before the excerpt holds in it
        elif tick < beats.tick_at(start + end):
            later.append((round(finer * (tick - first)), message))
    conductor = _track([*((0, message) for message in above.values()), *later])
    made = mido.MidiFile(type=1, ticks_per_beat=source.ticks_per_beat * finer, charset="utf-8")
    made.tracks.append(conductor)
    for track in midi.tracks:
        tick, moved = 0, []
        for message in track:
            tick += message.time
            moved.append((placed(tick / TIME_RESOLUTION), message))
        made.tracks.append(_track(moved))
    return made


def _track(timed: list[tuple[int, mido.Message | mido.MetaMessage]]) -> mido.MidiTrack:
    """Messages at their ticks, in order, as a track, whose messages wait for one another."""
    track, last = mido.MidiTrack(), 0
    for tick, message in timed:
        track.append(message.copy(time=tick - last))
        last = tick
    return track
