"""The sound after every pass, small enough for a page: Opus for the passes, FLAC for the original and the result.

Source: Opus, RFC 6716, in Ogg, RFC 7845.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import soundfile as sf

from course_utils.show.pack import SHORTEST_WORD, WORD, Samples, flac_bytes, to_base85, to_integers
from course_utils.show.scrubber_trace import Stage

if TYPE_CHECKING:
    from course_utils.codec.codec import Codec

OPUS_RATE = 48000  # Hz: the only rate of Opus
RATES = (32, 24, 20, 16)  # kbit/s to choose from, best first
WHOLE_RATE = 96  # kbit/s of original and result where FLAC does not fit
SPARSER = (2, 3, 4, 6)  # when even the lowest does not fit: only every so many passes
_BASE85 = 1.25  # characters a byte
_LEAST, _MOST = 6.0, 256.0  # kbit/s of one channel, between which libsndfile's "compression level" chooses


@dataclass(frozen=True, eq=False)
class Sound:
    """One packed track; `kind` is "opus" or "flac"."""

    kind: str
    text: str

    def data(self) -> dict[str, str]:
        """The track as the page reads it."""
        return {"kind": self.kind, "data": self.text}


@dataclass(frozen=True)
class Plan:
    """How the sounds are stored: kbit/s of the passes, one in `every` passes, and bits of a FLAC sample of the whole
    tracks (original and result); 0 bits: these are Opus too, of `WHOLE_RATE` kbit/s."""

    kbps: int
    every: int
    bits: int


def sound_after(codec: Codec, stages: Sequence[Stage], codes: npt.NDArray[np.integer[Any]]) -> list[Samples]:
    """What is heard if decoding stops after each pass: every guess of that pass, also those then dropped; float32 [N].

    A stage is heard through the codebooks it has reached: the coarse passes through the coarse ones alone. Below its
    own codebooks a stage has the finished codes [C, T].
    """
    import torch

    out: list[Samples] = []
    for stage in stages:
        given = torch.from_numpy(np.array(codes[: stage.first], dtype=np.int64))
        for step in stage.steps:
            grid = torch.cat([given, torch.from_numpy(step.tokens)])
            out.append(codec.decode(grid[None])[0, 0].numpy())
    return out


def opus_bytes(samples: Samples, rate: int, kbps: float) -> bytes:
    """Samples [N] in -1..1 as an Ogg Opus stream of about `kbps` kbit/s; RuntimeError: libsndfile cannot."""
    import soxr

    wide = soxr.resample(np.clip(samples, -1, 1).astype(np.float32), rate, OPUS_RATE)
    level = float(np.clip((_MOST - kbps) / (_MOST - _LEAST), 0, 0.999))
    buffer = io.BytesIO()
    options: dict[str, Any] = {"format": "OGG", "subtype": "OPUS", "compression_level": level}
    try:
        sf.write(buffer, wide, OPUS_RATE, **options)
    except (TypeError, sf.LibsndfileError, ValueError) as error:
        raise RuntimeError(
            f"the passes cannot be stored as Opus with soundfile {sf.__version__} ({error}): "
            "install soundfile 0.13 or later, or ask for no sound (sound=False)"
        ) from error
    return buffer.getvalue()


def from_opus(data: bytes, rate: int, length: int) -> Samples:
    """An Opus stream back as float32 [length] at `rate` Hz."""
    import soxr

    wide, _ = sf.read(io.BytesIO(data), dtype="float32")
    out = soxr.resample(wide, OPUS_RATE, rate)[:length]
    return np.pad(out, (0, length - len(out))).astype(np.float32)


def passes_stored(count: int, every: int) -> list[int]:
    """Which of `count` passes (from 1) are stored when one in `every` is: always the first and the last."""
    return sorted({1, count} | set(range(count, 0, -every))) if count else []


def plan_for(seconds: float, runs: Sequence[int], whole: Sequence[Samples], rate: int, room: int) -> Plan:
    """The best way to store passes and whole tracks in `room` characters, by estimate.

    seconds: of each track. runs: passes of each run, without its last, which is a whole track. ValueError: no room.
    """

    def left(kbps: int, every: int) -> float:  # when the passes are stored
        return room - sum(len(passes_stored(n, every)) for n in runs) * _opus_characters(seconds, kbps)

    flac = {b: sum(len(flac_bytes(to_integers(s, b), rate)) for s in whole) * _BASE85 for b in (WORD, SHORTEST_WORD)}
    per_bit = max(1.0, (flac[WORD] - flac[SHORTEST_WORD]) / (WORD - SHORTEST_WORD))
    for kbps in RATES[:-1]:
        if (spare := left(kbps, 1) - flac[SHORTEST_WORD]) >= 0:
            return Plan(kbps, 1, SHORTEST_WORD + int(min(spare / per_bit, WORD - SHORTEST_WORD)))
    need = len(whole) * _opus_characters(seconds, WHOLE_RATE)
    for every, kbps in itertools.product((1, *SPARSER), RATES[1:]):
        if left(kbps, every) >= need:
            return Plan(kbps, every, 0)
    raise ValueError(
        f"{sum(runs)} passes of {seconds:.1f} s do not fit {room:,} characters: use a shorter clip, fewer passes, "
        "no second run, or sound=False"
    )


def _opus_characters(seconds: float, kbps: int) -> float:
    """An estimate of the characters that a track takes; streams are somewhat larger than they should be."""
    return (seconds * kbps * 125 * 1.12 + 900) * _BASE85


def pack_passes(tracks: Sequence[Samples], rate: int, kbps: int) -> list[Sound]:
    """Tracks [N] as Opus, two at a time."""
    with ThreadPoolExecutor(2) as pool:
        coded = list(pool.map(lambda samples: opus_bytes(samples, rate, kbps), tracks))
    return [Sound("opus", to_base85(data)) for data in coded]


def pack_whole(samples: Samples, rate: int, bits: int) -> Sound:
    """A track [N] as FLAC after rounding to `bits` bits; 0 bits: as Opus."""
    if bits == 0:
        return Sound("opus", to_base85(opus_bytes(samples, rate, WHOLE_RATE)))
    return Sound("flac", to_base85(flac_bytes(to_integers(samples, bits), rate)))
