"""Sound inside a page without loss: FLAC of integers, written in characters that HTML need not escape.

Neighbouring levels of a codec differ by less than either of them, so a track may be stored as the difference to the one
before it; js/tracks.js adds them up again, integer by integer. Where even that is too large, a track may be *rounded*
first to fewer bits, never below 12, and the page says so with the size of the rounding error: what is stored is always
given back exactly.
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import soundfile as sf

Samples: TypeAlias = npt.NDArray[np.floating[Any]]  # [N], mono, nominally -1..1
Integers: TypeAlias = npt.NDArray[np.int16]  # [N]

WORD = 16  # bits of an unrounded track
SHORTEST_WORD = 12
_TO_PAGE = bytes.maketrans(b"&<>`", b",.:[")  # Python's base-85 alphabet, less what HTML escapes


@dataclass(frozen=True)
class Track:
    """One packed track: FLAC as base 85, the track it is added to (or None), and the bits of its samples."""

    flac: str
    plus: int | None
    bits: int

    def data(self) -> dict[str, Any]:
        """The track as the page reads it."""
        return {"flac": self.flac, "plus": self.plus}


def to_integers(samples: Samples, bits: int = WORD) -> Integers:
    """Samples [N] in -1..1 as int16 [N] rounded to `bits` bits, clipped at full scale. ValueError: not finite."""
    if not np.isfinite(samples).all():
        bad = int(np.flatnonzero(~np.isfinite(samples))[0])
        raise ValueError(f"sample {bad} is {samples[bad]}: only finite samples can be played")
    step = 1 << (WORD - bits)
    coarse = np.rint(np.asarray(samples, dtype=np.float64) * (32768 / step))
    return (np.clip(coarse, -(1 << (bits - 1)), (1 << (bits - 1)) - 1) * step).astype(np.int16)


def to_base85(data: bytes) -> str:
    """Bytes as text of 85 printable characters, none of which HTML or JSON has to escape (js/bytes.js reads it)."""
    return base64.b85encode(data).translate(_TO_PAGE).decode("ascii")


def flac_bytes(integers: Integers, rate: int) -> bytes:
    """int16 [N] as a 16-bit mono FLAC stream, packed as tightly as libsndfile can."""
    buffer = io.BytesIO()
    how: dict[str, Any] = {"format": "FLAC", "subtype": "PCM_16"}
    try:
        sf.write(buffer, integers, rate, compression_level=1.0, **how)
    except TypeError:  # soundfile before 0.13 has no such argument
        sf.write(buffer, integers, rate, **how)
    return buffer.getvalue()


def pack(tracks: list[Integers], bits: list[int], rate: int) -> list[Track]:
    """Integer tracks [N] as packed ones; each alone or as the difference to the one before, whichever is smaller."""
    packed: list[Track] = []
    for i, track in enumerate(tracks):
        best, plus = flac_bytes(track, rate), None
        if i > 0 and len(tracks[i - 1]) == len(track):
            # int16 arithmetic wraps around, here and in the page: the sum is exact whatever the difference.
            less = flac_bytes(track - tracks[i - 1], rate)
            if len(less) < len(best):
                best, plus = less, i - 1
        packed.append(Track(to_base85(best), plus, bits[i]))
    return packed


def pack_within(originals: list[Samples], others: list[Samples], rate: int, budget: int) -> list[Track]:
    """Pack tracks into at most `budget` characters: `originals` always with 16 bits, `others` with as many as fit.

    ValueError if even 12 bits do not fit: then the sound is too long.
    """
    fixed = [to_integers(s) for s in originals]
    bits = WORD
    while True:
        packed = pack(fixed + [to_integers(s, bits) for s in others], [WORD] * len(fixed) + [bits] * len(others), rate)
        size = sum(len(t.flac) for t in packed)
        if size <= budget:
            return packed
        # A bit less in every sample saves about that bit after packing too: go there at once.
        spare = sum(len(s) for s in others) / 8 * 1.25
        drop = max(1, int((size - budget) / spare)) if spare else WORD
        if bits == SHORTEST_WORD or not others:
            longest = max(len(s) for s in originals + others) / rate
            raise ValueError(
                f"{len(packed)} tracks of {longest:.1f} s take {size:,} characters, more than the {budget:,} allowed: "
                "use a shorter excerpt or fewer tracks, or allow more"
            )
        bits = max(SHORTEST_WORD, bits - drop)
