"""Where the beats of a clip are: found by librosa, taken from onset strength where that fails, or given by the reader.

The authors' beat tracker is another network under another licence; librosa's is a dependency of the course already.
Source: Ellis 2007, "Beat tracking by dynamic programming" (librosa's tracker); VampNet (arXiv 2307.04686) for what the
beats are wanted for.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Samples: TypeAlias = npt.NDArray[np.float32]  # [N], mono

TRACKER, ONSETS, GIVEN = "librosa beat tracker", "onset strength", "given"
HOP, WINDOW = 512, 2048  # samples: librosa's onset strength
CLEAR = 1.5  # dB: how far the mean rise of all bands stands out at an onset; steady noise stays below
REACH = 9  # hops to either side that an onset must stand out from, about 0.1 s at 44.1 kHz
OTHERS = "vamp, dense, inpaint, continue and compress need no beats"


class BeatsError(ValueError):
    """The beats cannot be found or used; the message says why, and what else there is."""


@dataclass(frozen=True)
class Beats:
    """Beats of a clip: times in seconds, rising; how they came about; tempo in beats a minute, None where unknown."""

    times: tuple[float, ...]
    how: str
    tempo: float | None = None

    def __len__(self) -> int:
        return len(self.times)

    def __str__(self) -> str:
        speed = f", {self.tempo:.0f} beats a minute" if self.tempo else ""
        return f"{len(self)} beats ({self.how}{speed})"


def find_beats(samples: Samples, rate: int, taps: str | Iterable[float] | None = None) -> Beats:
    """Beats of mono samples [N] at `rate` Hz, or those that are given.

    taps: times in seconds, as numbers or as text, "0.5 1.0 1.5"; or a tempo, "120 bpm" or "120 bpm from 0.25". Without
    them librosa's beat tracker is asked, and where it finds fewer than 2 the onsets are taken. Raises BeatsError for a
    clip without beats, and for taps that are no times within it.
    """
    samples = _mono(samples, rate)
    if taps is not None:
        return given_beats(taps, len(samples) / rate)
    strength = onset_strength(samples, rate)
    clear = _peaks(strength)
    if len(clear) < 2:  # the tracker alone finds beats in anything but silence, in a drone as well
        raise BeatsError(
            f'no beats were found: {_heard(samples, clear)}. Tap or type them (beats "0.5 1.0 1.5" or "120 bpm"), '
            f"or use another mask: {OTHERS}"
        )
    tempo, places = _tracked(strength, rate)
    times = _seconds(places, rate, len(samples))
    if len(times) >= 2:
        return Beats(times, TRACKER, tempo)
    return Beats(_seconds(clear, rate, len(samples)), ONSETS, None)


def find_onsets(samples: Samples, rate: int) -> tuple[float, ...]:
    """Times in seconds at which something begins to sound in mono samples [N] at `rate` Hz: for onset masks.

    Raises BeatsError for a clip in which nothing begins.
    """
    samples = _mono(samples, rate)
    clear = _peaks(onset_strength(samples, rate))
    if not clear:
        raise BeatsError(f"no onsets were found: {_heard(samples, clear)}. Use another mask: {OTHERS}")
    return _seconds(clear, rate, len(samples))


def onset_strength(samples: Samples, rate: int) -> npt.NDArray[np.float32]:
    """How much louder all mel bands get from one frame to the next, mean in dB: float32 [1 + N // 512]."""
    from librosa.onset import onset_strength as of_librosa

    samples = np.pad(samples, (0, max(0, WINDOW - len(samples))))  # at least one window
    return np.asarray(of_librosa(y=samples, sr=rate, hop_length=HOP, n_fft=WINDOW), np.float32)


def given_beats(taps: str | Iterable[float], seconds: float) -> Beats:
    """Beats tapped or typed for a clip of so many seconds; sorted, and each once. `taps` and errors as `find_beats`."""
    if isinstance(taps, str):
        by_tempo = _from_tempo(taps, seconds)
        if by_tempo is not None:
            return by_tempo
        taps = _numbers(taps)
    times = sorted({float(time) for time in taps})
    if not times:
        raise BeatsError('no beats were given: write times in seconds, "0.5 1.0 1.5", or a tempo, "120 bpm"')
    outside = [time for time in times if not 0 <= time < seconds]  # NaN too
    if outside:
        shown = ", ".join(f"{time:g}" for time in outside[:5])
        raise BeatsError(f"beats at {shown} s are not in the clip, which lasts from 0 to {seconds:.2f} s")
    between = median(b - a for a, b in pairwise(times)) if len(times) > 1 else 0.0
    return Beats(tuple(times), GIVEN, 60 / between if between else None)


def _from_tempo(text: str, seconds: float) -> Beats | None:
    """Beats of "120 bpm" or "120 bpm from 0.25"; None for other text."""
    number = r"(\d+(?:\.\d*)?|\.\d+)"
    match = re.fullmatch(rf"\s*{number}\s*bpm(?:\s*(?:from|@)\s*{number}\s*s?)?\s*", text, re.IGNORECASE)
    if match is None:
        return None
    tempo, first = float(match[1]), float(match[2] or 0)
    if not 20 <= tempo <= 400:
        raise BeatsError(f"{tempo:g} bpm is no tempo: write 20 to 400 beats a minute, or times in seconds")
    count = math.ceil((seconds - first) * tempo / 60 - 1e-9)
    if count < 1:
        raise BeatsError(f"the first beat at {first:g} s is not in the clip, which lasts from 0 to {seconds:.2f} s")
    return Beats(tuple(first + beat * 60 / tempo for beat in range(count)), GIVEN, tempo)


def _numbers(text: str) -> list[float]:
    words = [word for word in re.split(r"[\s,;]+", text) if word]
    try:
        return [float(word) for word in words]
    except ValueError:
        raise BeatsError(
            f'{text!r} is not understood: write times in seconds, "0.5 1.0 1.5", or a tempo, "120 bpm from 0.25"'
        ) from None


def _tracked(strength: npt.NDArray[np.float32], rate: int) -> tuple[float | None, list[int]]:
    """Tempo and beats, in hops, by librosa's tracker."""
    from librosa.beat import beat_track

    tempo, places = beat_track(onset_envelope=strength, sr=rate, hop_length=HOP, units="frames", trim=False)
    found = float(np.ravel(tempo)[0])  # a number or an array of one, by the version of librosa
    return found if found > 0 else None, [int(place) for place in places]


def _peaks(strength: npt.NDArray[np.float32]) -> list[int]:
    """Clear onsets, in hops."""
    from librosa.util import peak_pick

    picked = peak_pick(strength, pre_max=3, post_max=3, pre_avg=REACH, post_avg=REACH, delta=CLEAR, wait=4)
    return [int(place) for place in picked]


def _seconds(places: Sequence[int], rate: int, samples: int) -> tuple[float, ...]:
    """Times of hops, moved ahead by half a window: the strength is greatest when the window is half filled."""
    times = (max(place * HOP - WINDOW // 2, 0) / rate for place in places)
    return tuple(sorted({time for time in times if time < samples / rate}))


def _heard(samples: Samples, clear: Sequence[int]) -> str:
    """What there was instead of beats."""
    if not samples.any():
        return f"the clip is silent, {len(samples)} samples of 0"
    count = "not one clear onset" if not clear else "a single clear onset"
    return f"the clip has {count}, as a drone, a swell or steady noise has"


def _mono(samples: Any, rate: int) -> Samples:
    array = np.asarray(samples, dtype=np.float32)
    if array.ndim != 1 or array.size == 0:
        raise BeatsError(f"beats are looked for in mono samples [N], at least 1, not in the shape {array.shape}")
    if not np.isfinite(array).all():
        raise BeatsError(f"{int((~np.isfinite(array)).sum())} samples are NaN or infinite: load the clip again")
    if not rate > 0:
        raise BeatsError(f"the sample rate must be above 0 Hz, not {rate}")
    return array
