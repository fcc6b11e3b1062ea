"""Sound inside a page with loss, where many tracks must fit: MP3, aligned to the sample, its error measured and told.

An MP3 decoder returns the sound late, and browsers differ in how much of that delay they take off again. So a marker, a
short sweep in silence, goes before the sound: js/lossy.js (and `from_mp3` here) finds it and knows where sample 0 is.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile as sf

from course_utils.show.pack import Samples, to_base85

BITRATES = (160, 128, 112, 96, 80, 64)  # kbit/s that are tried, best first
SWEEP = 512  # samples of the marker, js/lossy.js has the same
SWEEP_AT = 1152  # where it begins
LEAD = 3456  # samples before the sound: three MP3 frames, so that no marker leaks into it
LOUD = 0.5  # amplitude of the marker
SEARCH = 8192  # samples within which a decoder may put the marker


@dataclass(frozen=True)
class LossyTrack:
    """One packed track: MP3 as base 85, its length in samples, kbit/s, and the ratio of sound to error in dB."""

    mp3: str
    length: int
    kbits: int
    snr: float

    def data(self) -> dict[str, Any]:
        """The track as the page reads it."""
        return {"mp3": self.mp3, "length": self.length}


def marker() -> npt.NDArray[np.float64]:
    """The sweep that marks the start, float64 [SWEEP]: from 1/64 to 1/6 of the sample rate, fading in and out."""
    at = np.arange(SWEEP)
    phase = 2 * np.pi * (at / 64 + at**2 * (1 / 6 - 1 / 64) / (2 * SWEEP))
    return LOUD * np.sin(phase) * np.sin(np.pi * (at + 0.5) / SWEEP) ** 2


def to_mp3(samples: Samples, rate: int, kbits: int) -> bytes:
    """Samples [N] in -1..1 as a mono MP3 stream, marker first. ValueError: not finite, empty, or no MP3 encoder."""
    sound = np.asarray(samples, dtype=np.float64)
    if sound.ndim != 1 or not len(sound) or not np.isfinite(sound).all():
        raise ValueError(f"sound of shape {sound.shape}: expected finite samples [N], at least one")
    lead = np.zeros(LEAD)
    lead[SWEEP_AT : SWEEP_AT + SWEEP] = marker()
    # A silent tail of two frames: what the encoder's blocks still owe the last samples.
    whole = np.concatenate([lead, np.clip(sound, -1, 1), np.zeros(2304)])
    if "MP3" not in sf.available_formats():
        raise ValueError("this libsndfile has no MP3 encoder: pip install --upgrade soundfile (0.12 or newer)")
    buffer = io.BytesIO()
    how: dict[str, Any] = {"format": "MP3", "subtype": "MPEG_LAYER_III"}
    try:
        sf.write(buffer, whole, rate, compression_level=(320 - kbits) / 288, bitrate_mode="CONSTANT", **how)
    except TypeError:  # soundfile before 0.13 has no such arguments, and takes the encoder's own choice
        sf.write(buffer, whole, rate, **how)
    return buffer.getvalue()


def from_mp3(stream: bytes, length: int) -> npt.NDArray[np.float32]:
    """The sound of a stream that `to_mp3` made, aligned: float32 [length]. ValueError: no marker in it."""
    decoded = sf.read(io.BytesIO(stream), dtype="float32")[0]
    start = find_start(decoded)
    found = decoded[start : start + length]
    return np.pad(found, (0, length - len(found)))


def find_start(decoded: Samples) -> int:
    """Number of the sample at which the sound begins, after the marker. ValueError: no marker."""
    match = np.correlate(np.asarray(decoded[:SEARCH], dtype=np.float64), marker(), mode="valid")
    at = int(np.argmax(match))
    if match[at] < 0.5 * float(np.sum(marker() ** 2)):
        raise ValueError("the marker before the sound was not found: this is not a stream made by to_mp3")
    return at + LEAD - SWEEP_AT


def pack_lossy(tracks: Sequence[Samples], rate: int, kbits: int) -> list[LossyTrack]:
    """Tracks [N] in -1..1 as MP3 of so many kbit/s, each with its measured error. ValueError as `to_mp3`."""
    packed = []
    for samples in tracks:
        stream = to_mp3(samples, rate, kbits)
        back = from_mp3(stream, len(samples)).astype(np.float64)
        error = float(np.sum((back - np.clip(samples, -1, 1)) ** 2))
        power = float(np.sum(np.asarray(samples, dtype=np.float64) ** 2))
        snr = 10 * float(np.log10((power + 1e-12) / (error + 1e-12)))
        packed.append(LossyTrack(to_base85(stream), len(samples), kbits, snr))
    return packed


def pack_lossy_within(tracks: Sequence[Samples], rate: int, budget: int) -> list[LossyTrack]:
    """Tracks [N] packed with the best bit rate that fits `budget` characters in all. ValueError: none fits."""
    seconds = sum(len(samples) for samples in tracks) / rate
    for kbits in BITRATES:
        # 5 characters for 4 bytes; the marker and the frames' rounding take up to 0.3 s a track.
        if (seconds + 0.3 * len(tracks)) * kbits * 125 * 1.25 <= budget:
            packed = pack_lossy(tracks, rate, kbits)
            if sum(len(track.mp3) for track in packed) <= budget:
                return packed
    raise ValueError(
        f"{len(tracks)} tracks of {seconds:.1f} s in all do not fit {budget:,} characters even at {BITRATES[-1]} "
        "kbit/s: use shorter excerpts or fewer tracks, or allow more"
    )


def lossy_note(packed: Sequence[LossyTrack]) -> str:
    """What was done to the sound on its way into the page, with the measured error."""
    low, high = min(track.snr for track in packed), max(track.snr for track in packed)
    spread = f"{low:.0f} dB" if round(low) == round(high) else f"{low:.0f} to {high:.0f} dB"
    return (
        "Loudness is untouched: nothing is normalised or limited. To keep this page small, every sound in it, the "
        f"original too, is stored as MP3 (mono, {packed[0].kbits} kbit/s) and starts on the same sample; what MP3 "
        f"changes lies {spread} below the sound itself."
    )
