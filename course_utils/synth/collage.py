"""Tempo-locked collages of recorded one-shots and loops: drums, bass, tones, pads and loops on a sixteenth grid.

The samples are those of the Sonic Pi collection (CC0): their file names tell what they are.  A collage is planned by
one seed: tempo, key, which samples, which patterns; pitch is changed by resampling, as a tape machine would.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray
from scipy import signal

Samples: TypeAlias = "NDArray[np.float32]"

STEPS = 16
# Parts of file names.  The demo clips are made of the first three and `arovane_` is kept for more of them, so no
# training may see these; the rights in the Amen break are not its uploader's to give.
HELD_OUT = ("garzul", "mika", "em9", "arovane_", "amen")
# What a file is, by how its name starts; the longest matching start wins, and a name that matches nothing is "perc".
KINDS = {
    "bd_": "kick", "drum_bass": "kick", "drum_heavy_kick": "kick", "elec_hollow_kick": "kick", "elec_soft_kick": "kick",
    "sn_": "snare", "drum_snare": "snare", "elec_snare": "snare", "elec_lo_snare": "snare", "elec_hi_snare": "snare",
    "elec_mid_snare": "snare", "elec_filt_snare": "snare", "perc_snap": "snare", "clap_": "snare",
    "drum_cymbal": "hat", "elec_cymbal": "hat", "elec_tick": "hat", "elec_plip": "hat", "hat_": "hat", "ride_": "hat",
    "tabla_": "perc", "drum_tom": "perc", "drum_cowbell": "perc", "elec_": "perc", "perc_": "perc",
    "elec_ping": "tone", "elec_bell": "tone", "elec_chime": "tone", "elec_beep": "tone", "elec_twang": "tone",
    "elec_triangle": "tone", "perc_bell": "tone", "guit_harmonics": "tone", "elec_blip": "tone",
    "tbd_highkey": "tone", "tbd_voctone": "tone", "tbd_perc_hat": "hat",
    "bass_": "bass", "glitch_bass": "bass",
    "ambi_": "pad", "guit_": "pad", "loop_drone": "pad", "tbd_pad": "pad", "tbd_fxbed": "pad",
    "loop_": "loop",
    "drum_roll": "effect", "drum_splash": "effect", "misc_": "effect", "vinyl_": "effect", "mehackit_": "effect",
    "glitch_": "effect", "perc_door": "effect", "perc_impact": "effect", "perc_sw": "effect",
}  # fmt: skip
ROOTS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}  # a name with _g in it sounds a G
MINOR_PENTATONIC = (0, 3, 5, 7, 10)
GROOVES = {
    "kick": ("9...9...9...9...", "9.....8.9.......", "9..7..8...7.....", "9.......8.7.....", "9.....6..8....5."),
    "snare": ("....9.......9...", "....9.......9..4", "....9..3.4..9...", "........9.......", "....8..8....8..8"),
    "hat": ("6.6.6.6.6.6.6.6.", "6464646464646464", "..7...7...7...7.", "6.46.4646.46.464", "6..6..6..6..6.6."),
}


class Layer(NamedTuple):
    """One strand of a collage: the sound as it will be mixed, and its level in decibels."""

    sound: Samples
    level: float


class SampleBox:
    """A folder of recorded samples, sorted into kinds; each file is decoded once and kept.

    folder: holds `.flac` or `.wav` files; exclude: files whose name contains any of these are left out.
    Raises FileNotFoundError if the folder holds no usable file.
    """

    def __init__(self, folder: str | Path, exclude: Sequence[str] = HELD_OUT, rate: int = 44100) -> None:
        files = sorted(p for p in Path(folder).glob("*") if p.suffix in {".flac", ".wav"})
        self.files = [p for p in files if not any(part in p.stem for part in exclude)]
        if not self.files:
            raise FileNotFoundError(
                f"{folder} holds no .flac or .wav sample (besides excluded ones). The Debian package sonic-pi-samples "
                "puts them in /usr/share/sonic-pi/samples."
            )
        self.rate = rate
        self._decoded: dict[Path, Samples] = {}

    def names(self, kind: str) -> list[Path]:
        """Return the files of one kind: kick, snare, hat, perc, tone, bass, pad, loop or effect."""
        return [path for path in self.files if kind_of(path.stem) == kind]

    def sound(self, path: Path) -> Samples:
        """Return one file as mono float32 [N] at this box's rate, its leading silence removed, peak 0.9."""
        if path not in self._decoded:
            samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
            mono = samples.mean(axis=1)
            if rate != self.rate:
                mono = soxr.resample(mono, rate, self.rate)
            loud = np.flatnonzero(np.abs(mono) > 0.003 * np.abs(mono).max(initial=1e-9))
            mono = mono[loud[0] :] if len(loud) and kind_of(path.stem) != "loop" else mono
            self._decoded[path] = (0.9 * mono / np.abs(mono).max(initial=1e-9)).astype(np.float32)
        return self._decoded[path]

    def collage(self, seed: int, seconds: float) -> Samples:
        """Return a collage as float32 [N], N = seconds * rate rounded, |sample| <= 0.95; the same for the same seed.

        Raises ValueError if there is no duration.
        """
        if not seconds > 0:
            raise ValueError(f"a collage needs a duration above 0 s, got {seconds!r}")
        chance = random.Random(f"collage/{seed}")
        bpm = float(chance.randint(76, 148))
        length = round(seconds * self.rate)
        mix: Samples = np.zeros(length, np.float32)
        for layer in self._layers(chance, bpm, length):
            sound = equalise(layer.sound, chance, self.rate)
            mix += sound * (10 ** (layer.level / 20) / max(active_level(sound), 1e-4))
        return master(mix, chance.uniform(-25, -17))

    def _layers(self, chance: random.Random, bpm: float, length: int) -> list[Layer]:
        """Choose the strands: a drum kit nearly always, then some of perc, bass, tones, pad, loops and effects."""
        step = self.rate * 15 / bpm
        key = chance.randrange(12)
        layers: list[Layer] = []

        def add(kind: str, likelihood: float, low: float, high: float) -> None:
            if self.names(kind) and chance.random() < likelihood:
                writer = {"bass": self._tuned, "tone": self._tuned, "pad": self._pad, "loop": self._loop}
                part = writer.get(kind, self._pattern)(kind, chance, step, length, key)
                layers.append(Layer(sections(part, chance, step), chance.uniform(low, high)))

        with_loop = chance.random() < 0.5
        for kind in ("kick", "snare", "hat"):
            add(kind, 0.5 if with_loop else 0.92, -8, 0)
        add("perc", 0.6, -10, -2)
        add("perc", 0.4, -12, -4)
        add("loop", 1.0 if with_loop else 0.0, -6, 2)
        add("loop", 0.3 if with_loop else 0.0, -10, -3)
        add("bass", 0.65, -5, 2)
        add("tone", 0.55, -10, -2)
        add("pad", 0.55, -12, -3)
        add("effect", 0.12, -14, -6)
        if not layers:
            add("perc", 1.0, -6, 0)
        return layers

    def _pattern(self, kind: str, chance: random.Random, step: float, length: int, key: int) -> Samples:
        """One or two one-shots in a repeated pattern; every fourth bar a variation."""
        out: Samples = np.zeros(length, np.float32)
        paths = chance.sample(self.names(kind), k=min(2 if kind == "perc" else 1, len(self.names(kind))))
        sounds = [pitched(self.sound(p), chance.uniform(-4, 4), self.rate) for p in paths]
        groove = [groove_of(kind, chance) for _ in range(2)]
        for bar in range(int(length / step / STEPS) + 1):
            pattern = groove[1] if bar % 4 == 3 else groove[0]
            for place, mark in enumerate(pattern):
                if mark.isdigit() and chance.random() < 0.96:
                    gain = int(mark) / 9 * chance.uniform(0.85, 1.1)
                    lay(out, chance.choice(sounds), (bar * STEPS + place) * step, gain)
        return out

    def _tuned(self, kind: str, chance: random.Random, step: float, length: int, key: int) -> Samples:
        """One sample played as an instrument: a riff of two bars on a pentatonic scale, each note cutting the last."""
        out: Samples = np.zeros(length, np.float32)
        path = chance.choice(self.names(kind))
        sound, root = self.sound(path), root_of(path.stem)
        hits = sorted(chance.sample(range(0, 2 * STEPS, 2 if kind == "bass" else 1), k=chance.randint(4, 10)))
        tones = [chance.choice(MINOR_PENTATONIC) + chance.choice((0, 0, 12 if kind == "tone" else -12)) for _ in hits]
        ends = [*hits[1:], 2 * STEPS]
        notes = [pitched(sound, centred(key + tone - root), self.rate) for tone in tones]
        for first in range(0, int(length / step) + 1, 2 * STEPS):
            for hit, end, note in zip(hits, ends, notes, strict=True):
                held = note if kind == "tone" else faded(note[: round((end - hit) * step)], self.rate)
                lay(out, held, (first + hit) * step, chance.uniform(0.7, 1.0))
        return out

    def _pad(self, kind: str, chance: random.Random, step: float, length: int, key: int) -> Samples:
        """One long sound every two or four bars, at one of a few pitches, fading in and out."""
        out: Samples = np.zeros(length, np.float32)
        path = chance.choice(self.names(kind))
        every = chance.choice((2, 4)) * STEPS
        turns = [pitched(self.sound(path), centred(key + t - root_of(path.stem)), self.rate) for t in (0, 7, 3)]
        for first in range(0, int(length / step) + 1, every):
            lay(out, faded(chance.choice(turns)[: round(every * step)], self.rate, 0.05), first * step, 0.9)
        return out

    def _loop(self, kind: str, chance: random.Random, step: float, length: int, key: int) -> Samples:
        """One loop, resampled to a whole number of beats and repeated; half of the time its slices are shuffled."""
        out: Samples = np.zeros(length, np.float32)
        sound = self.sound(chance.choice(self.names(kind)))
        beats = min((1, 2, 3, 4, 6, 8, 12, 16, 24, 32), key=lambda n: abs(np.log(len(sound) / (n * 4 * step))))
        target = round(beats * 4 * step)
        sound = soxr.resample(sound, len(sound), target).astype(np.float32)[:target]
        cuts = [round(n * 2 * step) for n in range(beats * 2 + 1)]  # slices of an eighth note
        order = list(range(beats * 2))
        if chance.random() < 0.5:
            order = [chance.choice((place, place, place % 4, chance.randrange(beats * 2))) for place in order]
        for first in range(0, int(length / step) + 1, beats * 4):
            for place, source in enumerate(order):
                piece = sound[cuts[source] : cuts[source + 1]]
                jump = order != sorted(order)
                lay(out, faded(piece, self.rate, 0.003) if jump else piece, first * step + cuts[place], 1.0)
        return out


def collage(seed: int, seconds: float, folder: str | Path, exclude: Sequence[str] = HELD_OUT) -> Samples:
    """Return a collage of the samples in a folder as float32 [N] at 44.1 kHz; see `SampleBox.collage`."""
    return SampleBox(folder, exclude).collage(seed, seconds)


def kind_of(name: str) -> str:
    """Return what a sample is by its file name: the kind of the longest start of a name in KINDS, else "perc"."""
    matching = [start for start in KINDS if name.startswith(start)]
    return KINDS[max(matching, key=len)] if matching else "perc"


def root_of(name: str) -> int:
    """Return the pitch class that a sample's name states (`guit_e_slide` is 4); 0 when it has none."""
    words = [word.rstrip("0123456789") for word in name.split("_")[1:]]
    return next((ROOTS[word] for word in words if word in ROOTS), 0)


def centred(semitones: int) -> int:
    """Return the transposition in -6..5 that is equal up to octaves, so that a sample keeps its character."""
    return (semitones + 6) % 12 - 6


def groove_of(kind: str, chance: random.Random) -> str:
    """Return a pattern of 16 steps: a known groove for the drums, evenly spread strokes for everything else."""
    if kind in GROOVES:
        return chance.choice(GROOVES[kind])
    if kind == "effect":
        return chance.choice(("7...............", "........6......."))
    count, turn = chance.choice((2, 3, 5, 5, 6, 7, 9)), chance.randrange(STEPS)
    # Bresenham's line spreads `count` strokes over 16 steps as evenly as can be: a Euclidean rhythm.
    even = [(step * count) % STEPS < count for step in range(STEPS)]
    return "".join(str(chance.randint(4, 8)) if even[(s + turn) % STEPS] else "." for s in range(STEPS))


def pitched(sound: Samples, semitones: float, rate: int) -> Samples:
    """Return the sound transposed by resampling: higher is also shorter."""
    if abs(semitones) < 0.01:
        return sound
    return soxr.resample(sound, rate * 2 ** (semitones / 12), rate).astype(np.float32)


def faded(sound: Samples, rate: int, seconds: float = 0.008) -> Samples:
    """Return a copy whose last (and, for long fades, first) `seconds` ramp to zero, so that cutting does not click."""
    count = min(round(seconds * rate), len(sound) // 2)
    out = sound.copy()
    if count:
        ramp = np.linspace(1, 0, count, dtype=np.float32)
        out[-count:] *= ramp
        if seconds > 0.02:
            out[:count] *= ramp[::-1]
    return out


def lay(out: Samples, sound: Samples, position: float, gain: float) -> None:
    """Add the sound to `out` from a sample position on, in place; what falls outside is dropped."""
    start = round(position)
    room = len(out) - start
    if room > 0:
        out[start : start + len(sound)] += gain * sound[:room]


def sections(part: Samples, chance: random.Random, step: float) -> Samples:
    """Let a part rest in about one of five spans of four bars; the first span is never empty."""
    span = round(4 * STEPS * step)
    out = part.copy()
    for first in range(span, len(part), span):
        if chance.random() < 0.2:
            out[first : first + span] = 0
            out[max(0, first - 200) : first] *= np.linspace(1, 0, min(first, 200), dtype=np.float32)
    return out


def equalise(sound: Samples, chance: random.Random, rate: int) -> Samples:
    """Colour a strand: one peak or dip of up to 6 dB anywhere from 100 Hz to 8 kHz (second-order peaking filter)."""
    centre, gain, width = 100 * 80 ** chance.random(), chance.uniform(-6, 6), chance.uniform(0.5, 1.5)
    # Source: R. Bristow-Johnson, Audio EQ Cookbook, peaking EQ.
    omega, amplitude = 2 * np.pi * centre / rate, 10 ** (gain / 40)
    alpha = np.sin(omega) / (2 * width)
    b = [1 + alpha * amplitude, -2 * np.cos(omega), 1 - alpha * amplitude]
    a = [1 + alpha / amplitude, -2 * np.cos(omega), 1 - alpha / amplitude]
    return signal.lfilter(b, a, sound).astype(np.float32)


def active_level(sound: Samples) -> float:
    """Return the root mean square of the louder half of a strand's 50 ms blocks: rests do not count."""
    blocks = sound[: len(sound) // 2205 * 2205].reshape(-1, 2205) if len(sound) >= 2205 else sound[None]
    power = np.sort((blocks.astype(np.float64) ** 2).mean(axis=1))
    return float(np.sqrt(power[len(power) // 2 :].mean()))


def master(mix: Samples, level: float) -> Samples:
    """Return the mix at a root mean square of `level` dB, without offset, peaks rounded off below 0.95."""
    centred_mix = mix.astype(np.float64) - mix.mean(dtype=np.float64)
    rms = np.sqrt((centred_mix**2).mean())
    scaled = centred_mix * (10 ** (level / 20) / max(rms, 1e-9))
    knee = 0.6  # linear below, then a curve that never reaches 0.95
    over = np.maximum(np.abs(scaled) - knee, 0)
    rounded = np.sign(scaled) * (np.minimum(np.abs(scaled), knee) + 0.35 * np.tanh(over / 0.35))
    return rounded.astype(np.float32)
