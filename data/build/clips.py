"""The three demo clips and two more that only measure.  44.1 kHz mono 16-bit FLAC.

Every demo clip ends where it began: played round and round, no step is heard.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pretty_midi
import pyloudnorm
import soundfile
from numpy.typing import NDArray
from packages import read_sample
from scipy.ndimage import minimum_filter1d, uniform_filter1d

from course_utils.synth.render import Renderer

RATE = 44100
LOUDNESS = -16.0  # LUFS, ITU-R BS.1770
PEAK = 0.885  # under the 0.89 that data/README.md promises, with room for rounding
Samples: TypeAlias = "NDArray[np.float64]"

# Travis picking: the thumb walks through the bass strings on every beat, two fingers answer in between and pinch some
# beats.  MIDI pitches of each bar's chord on the strings from the sixth (0) to the first (5).
STRINGS = {
    "Am7": (45, 52, 57, 64, 67, 72),
    "Fmaj7": (41, 53, 57, 60, 64, 69),
    "C": (48, 52, 55, 60, 64, 72),
    "G/B": (47, 50, 55, 59, 62, 67),
}
THUMB = ((0, 0), (1, 2), (2, 1), (3, 2))  # (beat, string)
FINGERS = (  # (beat, string), one row for odd and one for even bars
    ((0, 5), (0.5, 4), (1.5, 3), (2, 5), (2.5, 4), (3, 5), (3.5, 3)),
    ((0, 4), (0.5, 3), (1, 5), (1.5, 4), (2.5, 3), (2.75, 4), (3, 5), (3.5, 4)),
)
ROLL = 0.009  # seconds by which the finger follows the thumb when both pluck together
GUITAR_BPM, STEEL_GUITAR = 96, 25


def load(name: str, packages: Path | None) -> Samples:
    """Return a recorded sample as mono float64 [N] at 44.1 kHz."""
    data, rate = soundfile.read(io.BytesIO(read_sample(name, packages)), dtype="float64", always_2d=True)
    if rate != RATE:
        raise ValueError(f"{name} has {rate} samples a second, expected {RATE}")
    return data.mean(axis=1)


def electronic(packages: Path | None) -> Samples:
    """Return 10 s = 5 bars at 120 bpm of two loops together: `garzul` (bass and drums) and `mika` (percussion)."""
    length = 10 * RATE
    parts = []
    for name, gain in (("loop_garzul.flac", 1.0), ("loop_mika.flac", 0.8)):
        loop = load(name, packages)
        loop = gain * loop / np.sqrt(np.mean(loop**2))
        parts.append(np.tile(loop, 2)[: length + RATE])
    return joined(np.add(*parts), length)


def ladder(packages: Path | None) -> Samples:
    """Return 4 s = 2 bars at 120 bpm of a ringing guitar chord (tones) over `mika` (strokes)."""
    length = 4 * RATE
    chord, beat = load("guit_em9.flac", packages), load("loop_mika.flac", packages)
    chord = chord / np.sqrt(np.mean(chord[:length] ** 2))
    beat = 0.7 * beat / np.sqrt(np.mean(beat[:length] ** 2))
    return joined((chord[: length + RATE] + beat[: length + RATE]), length)


def donated(name: str, packages: Path | None) -> Samples:
    """Return the first 10 s of a loop that its artist donated: a finished piece of electronic music, not a toy."""
    return load(name, packages)[: 10 * RATE]


def guitar_midi() -> pretty_midi.PrettyMIDI:
    """Return four bars of Travis picking over Am7 Fmaj7 C G/B, 96 bpm, 10 s; each string rings until plucked again."""
    midi = pretty_midi.PrettyMIDI(initial_tempo=GUITAR_BPM)
    track = pretty_midi.Instrument(STEEL_GUITAR, name="steel guitar")
    beat_seconds = 60 / GUITAR_BPM
    for bar, pitches in enumerate(STRINGS.values()):
        thumb, fingers = set(THUMB), set(FINGERS[bar % 2])
        for beat, string in sorted(thumb | fingers):
            pinched = (beat, string) in fingers and any(beat == other for other, _ in thumb)
            start = (4 * bar + beat) * beat_seconds + (ROLL if pinched else 0.0)
            again = min((b for b, s in thumb | fingers if s == string and b > beat), default=4)
            end = (4 * bar + again) * beat_seconds
            track.notes.append(pretty_midi.Note(pluck_force(bar, beat, string), pitches[string], start, end))
    midi.instruments.append(track)
    return midi


def pluck_force(bar: int, beat: float, string: int) -> int:
    """Return a pluck's MIDI velocity: the one strongest, off-beats softer, the tune above the accompaniment."""
    force = 84 + (10 if beat == 0 else 0) - (9 if beat % 1 else 0) + (6 if string == 5 else 0)
    return force + (3 * bar + 2 * string + int(4 * beat)) % 5 - 2  # no two plucks quite alike, yet always the same


def guitar(font: Path) -> Samples:
    """Return the guitar loop: the second of two rounds, so that the first round's last notes ring into its start."""
    twice = guitar_midi()
    track = twice.instruments[0]
    track.notes += [pretty_midi.Note(n.velocity, n.pitch, n.start + 10, n.end + 10) for n in list(track.notes)]
    return Renderer(font, RATE).mono(twice, seconds=20)[10 * RATE :].astype(np.float64)


def joined(sound: Samples, length: int, milliseconds: float = 4.0) -> Samples:
    """Return the first `length` samples as a seamless loop: what would follow fades out under the beginning."""
    fade = round(milliseconds / 1000 * RATE)
    rise = 0.5 - 0.5 * np.cos(np.pi * np.arange(fade) / fade)
    out = sound[:length].copy()
    out[:fade] = sound[:fade] * rise + sound[length : length + fade] * (1 - rise)
    return out


def finished(sound: Samples) -> Samples:
    """Return the sound without offset at -16 LUFS, its peaks held by a limiter where they exceed PEAK."""
    meter = pyloudnorm.Meter(RATE)
    out = sound - sound.mean()
    for _ in range(8):  # limiting lowers the loudness a little, so the two steps are repeated
        out = out * 10 ** ((LOUDNESS - meter.integrated_loudness(out)) / 20)
        out = limited(out)
    return out


def limited(sound: Samples, milliseconds: float = 3.0) -> Samples:
    """Return the sound with peaks at most PEAK: the gain falls before each peak and recovers after it, smoothly."""
    reach = 2 * round(milliseconds / 1000 * RATE) + 1
    needed = np.minimum(1.0, PEAK / np.maximum(np.abs(sound), 1e-9))
    # The smallest gain within reach, then its mean over the same reach: never above what any sample needs.
    gain = uniform_filter1d(minimum_filter1d(needed, reach, mode="wrap"), reach, mode="wrap")
    return sound * gain


def write(path: Path, sound: Samples) -> None:
    """Write 16-bit FLAC."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.round(sound * 32767).astype(np.int16), RATE, subtype="PCM_16", format="FLAC")


def build(target: Path, packages: Path | None) -> None:
    """Write all clips and guitar.mid into target/clips; the soundfont must be there."""
    folder = target / "clips"
    for letter in "ab":
        loop = donated(f"arovane_beat_{letter}.flac", packages)
        write(folder / f"heldout_arovane_{letter}.flac", finished(loop))
    write(folder / "electronic.flac", finished(electronic(packages)))
    write(folder / "ladder.flac", finished(ladder(packages)))
    write(folder / "guitar.flac", finished(guitar(target / "soundfont" / "FluidR3Mono_GM_small.sf3")))
    guitar_midi().write(str(folder / "guitar.mid"))
