"""Players: sound and pictures in one self-contained output that works with a kernel, without one, and as a picture."""

from __future__ import annotations

import base64
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from course_utils.show import page, twins
from course_utils.show.pack import WORD, Samples, Track, pack_within, to_integers

if TYPE_CHECKING:
    from course_utils.audio import Clip

AUDIO_BUDGET = 1_400_000  # characters of packed sound in one player


class Player(ABC):
    """What every player gives: a fragment for a notebook, a whole page, a still picture, and a description in words.

    A subclass names its JavaScript module (`module`, in js/, with a function of the same name), fills `data()`, and
    says how it looks when nothing moves (`png`, `alt`). The height is the frame's before the script has measured it.
    """

    module: str
    height: int = 760
    title: str

    @property
    @abstractmethod
    def alt(self) -> str:
        """The player in words, made from its data."""

    @abstractmethod
    def data(self) -> dict[str, Any]:
        """What the page needs, as plain JSON types."""

    @abstractmethod
    def picture(self) -> bytes:
        """The still picture, as PNG."""

    def png(self) -> bytes:
        """The still twin of the player as PNG bytes (drawn once)."""
        return self._png

    @cached_property
    def _png(self) -> bytes:
        return self.picture()

    def page(self) -> str:
        """A whole HTML document, for a file of its own."""
        return page.document(self.module, self.data(), title=self.title, alt=self.alt, standalone=True)

    def html(self) -> str:
        """A fragment for a notebook's output."""
        text = base64.b64encode(self.png()).decode("ascii")
        middle = len(text) // 2  # enough of the picture's own data to find it again beside the player
        inner = page.document(
            self.module,
            self.data() | {"twin": text[middle : middle + 64]},
            title=self.title,
            alt=self.alt,
            standalone=False,
        )
        return page.frame(inner, title=self.title, alt=self.alt, height=self.height)

    def save(self, path: str | Path) -> Path:
        """Write the page to a file and return its path."""
        target = Path(path)
        target.write_text(self.page(), encoding="utf-8")
        return target

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
        """Every form in one bundle: text/html, image/png (with its alt text as metadata), text/plain."""
        forms = {"text/html": self.html(), "image/png": self.png(), "text/plain": self.alt}
        return forms, {"image/png": {"alt": self.alt}}

    def _ipython_display_(self) -> None:
        """Show the player, then its still twin as an output of its own.

        A viewer that prefers HTML but runs no scripts (GitHub) would show nothing of a single bundle. With two outputs
        it shows the picture; where the script runs, it puts the picture away (js/frame.js, hideTwin).
        """
        from IPython.display import display

        display({"text/html": self.html(), "text/plain": self.alt}, raw=True)
        display({"image/png": base64.b64encode(self.png()).decode("ascii"), "text/plain": "(the same as a picture)"},
                metadata={"image/png": {"alt": self.alt}}, raw=True)  # fmt: skip


@dataclass(frozen=True, eq=False)
class LevelAudio:
    """What n codebooks give: samples float32 [N], SI-SDR in dB, mel distance, and bits per second."""

    samples: Samples
    si_sdr: float
    mel_distance: float
    bits_per_second: float


def level_audio(samples: Samples, original: Samples, bits_per_second: float) -> LevelAudio:
    """A level with its two error figures measured against the original, samples and original float32 [N]."""
    from course_utils.audio import mel_distance, si_sdr

    return LevelAudio(
        samples, float(si_sdr(samples, original)), float(mel_distance(samples, original)), float(bits_per_second)
    )


class Ladder(Player):
    """The nine-level ladder; make it with `ladder`."""

    module = "ladder"
    height = 860

    def __init__(
        self,
        original: Clip,
        codec_name: str,
        levels: Sequence[LevelAudio],
        codes: npt.NDArray[np.integer[Any]],
        title: str,
        source: str,
        hop: int,
        codebook_size: int,
        start: int,
        budget: int,
    ) -> None:
        self.original, self.codec_name, self.levels, self.codes = original, codec_name, list(levels), np.asarray(codes)
        self.title, self.source, self.hop, self.codebook_size, self.start = title, source, hop, codebook_size, start
        _check_ladder(self)
        self.tracks: list[Track] = pack_within([original.samples], [v.samples for v in levels], original.rate, budget)

    @property
    def word_length(self) -> int:
        """Bits a sample of the levels is stored with (the original always has 16)."""
        return self.tracks[-1].bits

    @property
    def alt(self) -> str:
        """The ladder in words: clip, codec, figures of the lowest and the highest level, how the figures move."""
        first, last = self.levels[0], self.levels[-1]
        seconds = len(self.original.samples) / self.original.rate
        used = [len(np.unique(row)) for row in self.codes]
        return (
            f"{self.title}: {seconds:.1f} s of {self.original.name} through {self.source}, heard from 1 to "
            f"{len(self.levels)} codebooks. SI-SDR goes from {first.si_sdr:.1f} dB at level 1 "
            f"({first.bits_per_second / 1000:.2f} kbit/s) to {last.si_sdr:.1f} dB at level {len(self.levels)} "
            f"({last.bits_per_second / 1000:.2f} kbit/s), mel distance from {first.mel_distance:.3f} to "
            f"{last.mel_distance:.3f}. {_exceptions(self.levels)}"
            f"Code grid: {self.codes.shape[0]} codebooks by {self.codes.shape[1]} frames, "
            f"{min(used)} to {max(used)} different entries in a row."
        )

    @property
    def note(self) -> str:
        """What is done to the sound on its way into the page: nothing that is not said here."""
        text = "Loudness is untouched: no track is normalised, limited or resampled. "
        text += "All tracks are stored without loss (FLAC)"
        if self.word_length < WORD:
            text += f"; the levels after rounding to {self.word_length} bits, {self._rounding()}"
        clipped = sum(int(np.sum(np.abs(v.samples) > 1)) for v in self.levels)
        if clipped:
            text += f"; {clipped} samples of the levels lay beyond full scale and are clipped"
        return text + "."

    def _rounding(self) -> str:
        step = 2.0 ** (1 - self.word_length)
        noise = step / np.sqrt(12)
        error = float(np.std(self.levels[-1].samples - self.original.samples)) + 1e-12
        text = f"a noise at {20 * np.log10(noise):.0f} dBFS"
        return f"{text}, {20 * np.log10(error / noise):.0f} dB below the smallest error of the codec itself".replace(
            "-", "\u2212"
        )

    def data(self) -> dict[str, Any]:
        """What js/ladder.js reads."""
        clip = self.original
        return {
            "title": self.title,
            "subtitle": f"{clip.name} \u00b7 {self.source} \u00b7 {self.codes.shape[0]} codebooks of "
            f"{self.codebook_size} entries \u00b7 {clip.rate / self.hop:.2f} frames a second",
            "seconds": len(clip.samples) / clip.rate,
            "rate": clip.rate,
            "hop": self.hop,
            "entries": self.codebook_size,
            "original_bits_per_second": clip.rate * WORD,
            "start": self.start,
            "levels": [
                {
                    "si_sdr": round(v.si_sdr, 3),
                    "mel_distance": round(v.mel_distance, 4),
                    "bits_per_second": v.bits_per_second,
                }
                for v in self.levels
            ],
            "codes": self.codes.tolist(),
            "note": self.note,
            "alt": self.alt,
            "tracks": [track.data() for track in self.tracks],
        }

    def picture(self) -> bytes:
        """Spectrograms and waveforms level by level, the code grid and the error figures."""
        return twins.ladder_picture(
            self.title,
            f"Clip: {self.original.name}. Model: {self.source}.",
            self.original.samples,
            self.original.rate,
            [(v.samples, v.si_sdr, v.mel_distance, v.bits_per_second) for v in self.levels],
            self.codes,
        )

    def integers(self) -> list[npt.NDArray[np.int16]]:
        """The samples that the page plays, original first, as int16 [N]."""
        return [to_integers(self.original.samples)] + [to_integers(v.samples, self.word_length) for v in self.levels]


def _exceptions(levels: Sequence[LevelAudio]) -> str:
    worse = [
        str(n + 2)
        for n, (a, b) in enumerate(pairwise(levels))
        if b.si_sdr < a.si_sdr or b.mel_distance > a.mel_distance
    ]
    if not worse:
        return "Each level improves both. "
    return f"Not every level improves both: see level{'s' if len(worse) > 1 else ''} {', '.join(worse)}. "


def _check_ladder(ladder: Ladder) -> None:
    length, count = len(ladder.original.samples), len(ladder.levels)
    if not 1 <= count <= 9:
        raise ValueError(f"{count} levels: a ladder has 1 to 9 (the keys 1..9 choose them)")
    if ladder.codes.ndim != 2 or ladder.codes.shape[0] != count:
        raise ValueError(f"codes have shape {ladder.codes.shape}: expected [{count}, T], one row a level")
    if ladder.codes.min() < 0 or ladder.codes.max() >= ladder.codebook_size:
        raise ValueError(
            f"codes run from {ladder.codes.min()} to {ladder.codes.max()}: expected 0..{ladder.codebook_size - 1}"
        )
    for n, level in enumerate(ladder.levels, start=1):
        if level.samples.shape != (length,):
            raise ValueError(
                f"level {n} has shape {level.samples.shape}, the original ({length},): give both the same length"
            )
    if not 0 <= ladder.start <= count:
        raise ValueError(f"start is {ladder.start}: expected 0 (original) to {count}")


def ladder(
    original: Clip,
    codec_name: str,
    levels: Sequence[LevelAudio],
    codes: npt.NDArray[np.integer[Any]],
    title: str = "The nine-level ladder",
    *,
    seed: int | None = None,
    hop: int = 512,
    codebook_size: int = 1024,
    start: int = 1,
    budget: int = AUDIO_BUDGET,
) -> Ladder:
    """The ladder player: a clip, the original and its levels, codes int [levels, T]; `start` is the level shown first.

    `codec_name` and `seed` are shown, because every recorded figure says which model made it. ValueError: shapes that
    do not belong together, codes outside the codebook, samples that are not finite, or sound that does not fit `budget`
    (in characters).
    """
    source = codec_name if seed is None else f"{codec_name}, seed {seed}"
    return Ladder(original, codec_name, levels, codes, title, source, hop, codebook_size, start, budget)
