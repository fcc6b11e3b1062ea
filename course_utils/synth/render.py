"""MIDI to sound, exact to the sample: every event falls on the sample its time asks for, and nothing drifts.

TinySoundFont renders whatever span it is asked for, so the loop here renders up to an event, applies it, and goes on.
Its MIDI player is not used: it works in blocks.  TinySoundFont knows no sustain pedal, so pedals are resolved first.
"""

from __future__ import annotations

import bisect
import warnings
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pretty_midi
import tinysoundfont
from numpy.typing import NDArray

from course_utils.synth.soundfont import DRUM_BANK, Preset, SoundFontError, choose_preset, read_presets

CHANNELS = 16
SUSTAIN = 64
# Volume, pan, expression, and the four that set the pitch-bend range (data entry and registered parameter number).
CONTROLS = (7, 10, 11, 6, 38, 100, 101)
VOICES = 512
SHORTEST = 0.02  # s: a note that ends before that, as many drum tracks write theirs, would not be heard
OFF, CHANGE, ON = 0, 1, 2  # the order of events that share a sample: a repeated note must end before it starts again


class SubstitutionWarning(UserWarning):
    """A program, drum kit or key that the SoundFont lacks is played by a related one."""


class Event(NamedTuple):
    """One thing to do at one sample; sorting puts events in the order in which they are applied."""

    sample: int
    order: int
    place: int  # of the control change or bend within its track: equal times keep the file's order
    channel: int
    kind: str
    key: int
    value: int


class Renderer:
    """A SoundFont loaded once, to render many pieces.

    font: path of an `.sf2` or `.sf3` file; rate: samples per second; gain: decibels added to the font's own level.
    Raises SoundFontError when the font cannot be read.
    """

    def __init__(self, font: str | Path, rate: int = 44100, gain: float = -3.0) -> None:
        self.presets = read_presets(font)
        self.rate = rate
        self._synth = tinysoundfont.Synth(gain=gain, samplerate=rate)
        try:
            self._id = self._synth.sfload(str(font), max_voices=VOICES)
        except Exception as error:  # the binding raises bare exceptions
            raise SoundFontError(f"{font}: TinySoundFont cannot load it ({error})") from error

    def stereo(
        self, midi: pretty_midi.PrettyMIDI, seconds: float | None = None, tail: float = 1.5
    ) -> NDArray[np.float32]:
        """Return the piece as float32 [2, N].

        seconds: exact length of the result; None means up to the last note's end plus `tail` seconds of decay.
        The same piece gives the same samples, always.  Values are not limited to [-1, 1].
        """
        return np.ascontiguousarray(self._mix(midi, seconds, tail).T)

    def mono(
        self, midi: pretty_midi.PrettyMIDI, seconds: float | None = None, tail: float = 1.5
    ) -> NDArray[np.float32]:
        """Return the piece as float32 [N], the mean of both channels; arguments as for `stereo`."""
        return self._mix(midi, seconds, tail).mean(axis=1)

    def _mix(self, midi: pretty_midi.PrettyMIDI, seconds: float | None, tail: float) -> NDArray[np.float32]:
        """Render the piece as float32 [N, 2] in as many passes of 16 tracks as it takes."""
        samples = round((seconds if seconds is not None else midi.get_end_time() + tail) * self.rate)
        replaced = substitutions(midi, self.presets)
        if replaced:
            warnings.warn("; ".join(replaced), SubstitutionWarning, stacklevel=3)
        tracks = [track for track in midi.instruments if track.notes]
        mix: NDArray[np.float32] = np.zeros((samples, 2), np.float32)
        for first in range(0, len(tracks), CHANNELS):
            mix += self._render_pass(tracks[first : first + CHANNELS], samples)
        return mix

    def _render_pass(self, tracks: list[pretty_midi.Instrument], samples: int) -> NDArray[np.float32]:
        """Render at most 16 tracks, one channel each, as float32 [N, 2]."""
        self._silence()
        events: list[Event] = []
        for channel, track in enumerate(tracks):
            preset, _ = choose_preset(track.program, track.is_drum, self.presets)
            self._synth.program_select(channel, self._id, preset.bank, preset.program, preset.bank == DRUM_BANK)
            events += track_events(track, channel, self.rate, preset)
        events.sort()
        out: NDArray[np.float32] = np.zeros((samples, 2), np.float32)
        view = memoryview(out.data).cast("B") if samples else memoryview(b"")
        done = 0
        for event in events:
            upto = min(event.sample, samples)
            if upto > done:
                self._synth.generate_simple(upto - done, buffer=view[done * 8 : upto * 8])
                done = upto
            if done >= samples:
                break
            self._apply(event)
        if done < samples:
            self._synth.generate_simple(samples - done, buffer=view[done * 8 :])
        return out

    def _silence(self) -> None:
        """Forget the last piece: resetting only fades its voices, so the fade is rendered and thrown away."""
        self._synth.soundfonts[self._id].reset()
        self._synth.generate_simple(self.rate // 4)

    def _apply(self, event: Event) -> None:
        if event.kind == "on":
            self._synth.noteon(event.channel, event.key, event.value)
        elif event.kind == "off":
            self._synth.noteoff(event.channel, event.key)
        elif event.kind == "control":
            self._synth.control_change(event.channel, event.key, event.value)
        else:
            self._synth.pitchbend(event.channel, event.value)


def track_events(track: pretty_midi.Instrument, channel: int, rate: int, preset: Preset) -> Iterator[Event]:
    """Yield the events of one track, not in order, with the sustain pedal already turned into later note ends.

    A note outside the preset's keys is played in the nearest octave that sounds, a drum by the nearest key of the kit.
    """
    for index, change in enumerate(track.control_changes):
        if change.number in CONTROLS:
            sample = round(change.time * rate)
            yield Event(sample, CHANGE, index, channel, "control", change.number, change.value)
    for index, bend in enumerate(track.pitch_bends):
        yield Event(round(bend.time * rate), CHANGE, index, channel, "bend", 0, bend.pitch + 8192)
    keys = [preset.nearest_key(note.pitch) for note in track.notes]
    struck: dict[int, list[int]] = defaultdict(list)
    for key, note in sorted(zip(keys, track.notes, strict=True), key=lambda pair: pair[1].start):
        struck[key].append(round(note.start * rate))
    for key, note, end in zip(keys, track.notes, sustained_ends(track), strict=True):
        start = round(note.start * rate)
        yield Event(start, ON, 0, channel, "on", key, note.velocity)
        again = bisect.bisect_right(struck[key], start)
        heard = min([start + round(SHORTEST * rate), *struck[key][again : again + 1]])
        yield Event(max(round(end * rate), heard), OFF, 0, channel, "off", key, 0)


def sustained_ends(track: pretty_midi.Instrument) -> list[float]:
    """Return each note's end in seconds after the sustain pedal (controller 64, down from value 64 on).

    A note that ends while the pedal is down sounds until the pedal comes up or the same key is struck again.
    """
    pedal = sorted((c.time, c.value >= 64) for c in track.control_changes if c.number == SUSTAIN)
    if not pedal or track.is_drum:
        return [note.end for note in track.notes]
    times = [time for time, _ in pedal]
    starts: dict[int, list[float]] = defaultdict(list)
    for note in sorted(track.notes, key=lambda note: note.start):
        starts[note.pitch].append(note.start)
    last = max(note.end for note in track.notes)
    ends = []
    for note in track.notes:
        now = bisect.bisect_right(times, note.end) - 1
        end = note.end
        if now >= 0 and pedal[now][1]:
            lifted = next((time for time, down in pedal[now + 1 :] if not down), max(last, times[-1]))
            again = bisect.bisect_left(starts[note.pitch], note.end)
            restruck = starts[note.pitch][again] if again < len(starts[note.pitch]) else lifted
            end = max(note.end, min(lifted, restruck))
        ends.append(end)
    return ends


def substitutions(midi: pretty_midi.PrettyMIDI, presets: list[Preset]) -> list[str]:
    """Return one sentence for every program, drum kit or key of the piece that the font has no sound of its own for."""
    sentences = []
    for is_drum, program in sorted({(track.is_drum, track.program) for track in midi.instruments if track.notes}):
        preset, sentence = choose_preset(program, is_drum, presets)
        sentences.append(sentence)
        tracks = [t for t in midi.instruments if (t.is_drum, t.program) == (is_drum, program)]
        absent = sorted({note.pitch for track in tracks for note in track.notes} - preset.keys)
        if absent and is_drum == (preset.bank == DRUM_BANK):  # else drums play a melodic program, as was just said
            nearest = sorted({preset.nearest_key(key) for key in absent})
            how = f"by the nearest keys, {_listed(nearest)}" if is_drum else "in the nearest octave"
            sentences.append(f"{preset.name} has no sound for keys {_listed(absent)}: they are played {how}")
    return [sentence for sentence in sentences if sentence]


def _listed(keys: list[int]) -> str:
    return ", ".join(map(str, keys))


def render(
    midi: pretty_midi.PrettyMIDI, font: str | Path, rate: int = 44100, seconds: float | None = None
) -> NDArray[np.float32]:
    """Return the piece played by `font`, float32 [2, N] at `rate` samples per second; see `Renderer.stereo`."""
    return Renderer(font, rate).stereo(midi, seconds)
