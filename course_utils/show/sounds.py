"""A row of sounds to compare on one playhead, and the blind A/B/X test: is there a difference to hear?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from course_utils.show import twins
from course_utils.show.pack import WORD, Samples, Track, pack_within, to_integers
from course_utils.show.pack_lossy import LossyTrack, lossy_note, pack_lossy_within
from course_utils.show.player import AUDIO_BUDGET, Player

MOST_SOUNDS = 32  # channels that Web Audio can hold in one buffer


class Clips(Player):
    """Sounds that start together and are switched while they play; make it with `clips_player`."""

    module = "clips"

    def __init__(
        self,
        sounds: Sequence[tuple[str, Samples]],
        rate: int,
        title: str,
        source: str,
        notes: Sequence[str],
        abx: tuple[int, int] | None,
        trials: int,
        spectrogram: bool,
        budget: int,
        packing: str = "flac",
    ) -> None:
        _check_packing(packing)
        _check_sounds(sounds, notes, abx, trials)
        self.labels = [label for label, _ in sounds]
        self.sounds = [np.asarray(samples, dtype=np.float32) for _, samples in sounds]
        self.rate, self.title, self.source = rate, title, source
        self.notes, self.abx, self.trials, self.spectrogram = (
            list(notes) or [""] * len(sounds),
            abx,
            trials,
            spectrogram,
        )
        self.tracks: Sequence[Track | LossyTrack] = (
            pack_within([], list(self.sounds), rate, budget)
            if packing == "flac"
            else pack_lossy_within(self.sounds, rate, budget)
        )
        self.height = 470 if spectrogram else 340

    @property
    def word_length(self) -> int:
        """Bits a sample is stored with; of sound that is stored as MP3, those it had before."""
        return min((track.bits for track in self.tracks if isinstance(track, Track)), default=WORD)

    @property
    def alt(self) -> str:
        """The sounds in words: names, lengths, loudness."""
        parts = [
            f"{label}, {len(s) / self.rate:.1f} s, {_decibels(s):.1f} dBFS"
            for label, s in zip(self.labels, self.sounds, strict=True)
        ]
        made = f" Made by {self.source}." if self.source else ""
        test = f" Blind test between {self.labels[self.abx[0]]} and {self.labels[self.abx[1]]}." if self.abx else ""
        several = f"{len(parts)} sounds to compare" if len(parts) > 1 else "one sound"
        return f"{self.title}: {several}. {'; '.join(parts)}.{made}{test}".replace(" -", " \u2212")

    @property
    def note(self) -> str:
        """What is done to the sound on its way into the page."""
        lossy = [track for track in self.tracks if isinstance(track, LossyTrack)]
        if lossy:
            return lossy_note(lossy)
        text = "Loudness is untouched: no sound is normalised, limited or resampled. All are stored without loss (FLAC)"
        return text + (f", after rounding to {self.word_length} bits." if self.word_length < WORD else ".")

    def data(self) -> dict[str, Any]:
        """What js/clips.js reads."""
        return {
            "title": self.title,
            "subtitle": self.source,
            "seconds": max(len(s) for s in self.sounds) / self.rate,
            "rate": self.rate,
            "labels": self.labels,
            "notes": self.notes,
            "abx": {"pair": list(self.abx), "trials": self.trials} if self.abx else None,
            "spectrogram": self.spectrogram,
            "lossy": isinstance(self.tracks[0], LossyTrack),
            "note": self.note,
            "alt": self.alt,
            "tracks": [track.data() for track in self.tracks],
        }

    def picture(self) -> bytes:
        """A waveform a sound, and its spectrogram where the player shows one."""
        sounds = list(zip(self.labels, self.sounds, strict=True))
        return twins.clips_picture(self.title, self.source, sounds, self.rate, self.spectrogram)

    def integers(self) -> list[Any]:
        """The samples that the page plays, as int16 [N]; of sound that is stored as MP3, those that went into it."""
        return [to_integers(s, self.word_length) for s in self.sounds]


def _check_packing(packing: str) -> None:
    if packing not in ("flac", "mp3"):
        raise ValueError(f"packing is {packing!r}: choose 'flac' (without loss) or 'mp3' (a fifth of the size)")


def _decibels(samples: Samples) -> float:
    return float(10 * np.log10(np.mean(np.square(samples, dtype=np.float64)) + 1e-12))


def _check_sounds(
    sounds: Sequence[tuple[str, Samples]], notes: Sequence[str], abx: tuple[int, int] | None, trials: int
) -> None:
    if not 1 <= len(sounds) <= MOST_SOUNDS:
        raise ValueError(f"{len(sounds)} sounds: a player holds 1 to {MOST_SOUNDS}")
    for label, samples in sounds:
        if np.ndim(samples) != 1 or len(samples) == 0:
            raise ValueError(f"{label!r} has shape {np.shape(samples)}: expected mono samples [N], N at least 1")
    if notes and len(notes) != len(sounds):
        raise ValueError(f"{len(notes)} notes for {len(sounds)} sounds: give one each, or none")
    if abx is not None and (abx[0] == abx[1] or not all(0 <= i < len(sounds) for i in abx)):
        raise ValueError(f"abx is {abx}: expected two different positions among 0..{len(sounds) - 1}")
    if trials < 1:
        raise ValueError(f"trials is {trials}: a test needs at least 1 (5 is the fewest that can reach p < 0.05)")


def clips_player(
    sounds: Sequence[tuple[str, Samples]],
    rate: int = 44100,
    title: str = "Listen and compare",
    *,
    source: str = "",
    notes: Sequence[str] = (),
    abx: tuple[int, int] | None = None,
    trials: int = 10,
    spectrogram: bool = True,
    budget: int = AUDIO_BUDGET,
    packing: str = "flac",
) -> Clips:
    """A row of sounds [(label, samples [N])] on one playhead; `abx` names two positions for a blind test of `trials`.

    `source` says which model made them, `notes` puts a short figure beside each. packing: "flac" stores the sound
    without loss, "mp3" in about a fifth of the room, and the page says how much that changes. ValueError: no or too
    many sounds, a sound that is not mono, samples that are not finite, positions out of range, more sound than fits
    `budget`, or another packing.
    """
    return Clips(sounds, rate, title, source, notes, abx, trials, spectrogram, budget, packing)
