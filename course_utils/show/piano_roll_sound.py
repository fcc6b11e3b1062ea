"""The sound of a piano roll: each part rendered by itself and packed as MP3 of varying bit rate, to the sample."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pretty_midi
import soundfile as sf

from course_utils.amt import vocab
from course_utils.amt.midi import to_pretty_midi
from course_utils.amt.vocab import Triples
from course_utils.paths import data_folder
from course_utils.show.pack import Samples, to_base85
from course_utils.show.pack_lossy import LEAD, SWEEP, SWEEP_AT, LossyTrack, from_mp3, marker
from course_utils.synth.play import loaded
from course_utils.synth.render import SubstitutionWarning, substitutions

FONT = "soundfont/FluidR3Mono_GM_small.sf3"
QUALITIES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99)  # of the encoder, best first


def part_midi(triples: Triples, start: float, seconds: float) -> pretty_midi.PrettyMIDI:
    """Events or controls [N, 3] as a piece that begins at `start` and ends after `seconds`; rests are silent."""
    rows = vocab.as_events(triples[~vocab.is_rest(triples)]).copy()
    rows[:, 0] -= vocab.ticks(start)
    left = vocab.ticks(seconds) - vocab.onsets(rows)
    rows[:, 1] = vocab.DUR_OFFSET + np.clip(vocab.durations(rows), 1, np.maximum(left, 1))
    return to_pretty_midi(rows)


def render_parts(parts: Sequence[Triples], start: float, seconds: float, rate: int) -> tuple[list[Samples], list[str]]:
    """The sound of each part, float32 [N], and one sentence for each instrument that another one had to play.

    Where the sum of all parts would go beyond full scale, all are made quieter by the same factor, and it is said.
    """
    renderer = loaded(data_folder() / FONT, rate)
    sounds: list[Samples] = []
    said: list[str] = []
    for part in parts:
        midi = part_midi(part, start, seconds)
        said += [line for line in substitutions(midi, renderer.presets) if line not in said]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SubstitutionWarning)  # told in the page instead
            sounds.append(renderer.mono(midi, seconds))
    peak = float(np.abs(np.sum(sounds, axis=0)).max())
    if peak > 1:
        sounds = [samples * np.float32(0.99 / peak) for samples in sounds]
        said.append(
            f"All parts are {20 * np.log10(peak / 0.99):.1f} dB quieter, so that their sum stays below full scale"
        )
    return sounds, said


def pack_parts(sounds: Sequence[Samples], rate: int, budget: int) -> list[LossyTrack]:
    """Sounds [N] packed as MP3 with the best quality that fits `budget` characters in all. ValueError: none fits."""
    best: list[bytes] = []
    size = 0
    first, last = 0, len(QUALITIES) - 1
    while first <= last:  # halve the qualities that are left
        middle = (first + last) // 2
        streams = [_to_mp3(samples, rate, QUALITIES[middle]) for samples in sounds]
        size = sum(5 * (len(stream) // 4 + 1) for stream in streams)
        if size <= budget:
            best, last = streams, middle - 1
        else:
            first = middle + 1
    if best:
        return [_measured(stream, samples, rate) for stream, samples in zip(best, sounds, strict=True)]
    seconds = len(sounds[0]) / rate
    raise ValueError(
        f"{len(sounds)} parts of {seconds:.0f} s take {size:,} characters, more than the {budget:,} allowed: give "
        f"`seconds` of about {seconds * budget / size * 0.95:.0f}, or allow more"
    )


def _to_mp3(samples: Samples, rate: int, quality: float) -> bytes:
    lead = np.zeros(LEAD)
    lead[SWEEP_AT : SWEEP_AT + SWEEP] = marker()
    whole = np.concatenate([lead, np.clip(samples, -1, 1), np.zeros(2304)])
    buffer = io.BytesIO()
    how: dict[str, Any] = {"format": "MP3", "subtype": "MPEG_LAYER_III"}
    try:
        # A part that rests costs next to nothing with a varying bit rate.
        sf.write(buffer, whole, rate, compression_level=quality, bitrate_mode="VARIABLE", **how)
    except TypeError:  # soundfile before 0.13 has no such arguments, and takes the encoder's own choice
        sf.write(buffer, whole, rate, **how)
    return buffer.getvalue()


def _measured(stream: bytes, samples: Samples, rate: int) -> LossyTrack:
    error = float(np.sum((from_mp3(stream, len(samples)).astype(np.float64) - samples) ** 2))
    power = float(np.sum(np.asarray(samples, dtype=np.float64) ** 2))
    snr = 10 * float(np.log10((power + 1e-12) / (error + 1e-12)))
    return LossyTrack(to_base85(stream), len(samples), round(8 * len(stream) * rate / len(samples) / 1000), snr)


def sound_note(tracks: Sequence[LossyTrack], sounds: Sequence[Samples]) -> str:
    """What was done to the sound on its way into the page, with the measured error of the sum."""
    total = float(np.sum(np.sum(sounds, axis=0, dtype=np.float64) ** 2))
    # The errors of the parts are independent of one another: their powers add up.
    error = 0.0
    for samples, track in zip(sounds, tracks, strict=True):
        error += float(np.sum(np.asarray(samples, dtype=np.float64) ** 2)) / 10 ** (track.snr / 10)
    below = 10 * np.log10((total + 1e-12) / (error + 1e-12))
    rates = sorted(track.kbits for track in tracks)
    spread = f"{rates[0]}" if rates[0] == rates[-1] else f"{rates[0]} to {rates[-1]}"
    return (
        f"To keep this page small, each part is stored as MP3 (mono, {spread} kbit/s), all starting on the same "
        f"sample; what MP3 changes lies {below:.0f} dB below the sound itself."
    )
