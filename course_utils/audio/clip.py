"""Audio in: any file libsndfile reads, as mono float32 at the rate asked for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
import soundfile as sf
import soxr

from course_utils.paths import data_folder

if TYPE_CHECKING:
    import os

    Pathish: TypeAlias = str | os.PathLike[str]

Samples: TypeAlias = npt.NDArray[np.float32]  # [N], mono, nominally -1..1

SAMPLE_RATE = 44100  # Hz, the rate of the codec
DEMO_CLIPS = {
    "electronic": "clips/electronic.flac",
    "guitar": "clips/guitar.flac",
    "ladder": "clips/ladder.flac",
}

READ_FRAMES = 1 << 16  # source frames held at once
WARM_UP_SECONDS = 0.25  # read before a seek target so that the resampler's filter has settled


class AudioError(ValueError):
    """The audio cannot be used; the message says what was seen and what to do."""


@dataclass(frozen=True, eq=False)
class Clip:
    """A mono recording in memory: samples float32 [N], rate in Hz, and a name to show."""

    samples: Samples
    rate: int = SAMPLE_RATE
    name: str = "clip"

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.rate


def load_audio(path: Pathish, rate: int = SAMPLE_RATE, start: float = 0.0, duration: float | None = None) -> Clip:
    """Read seconds `start` to `start + duration` of a file as a mono `Clip` at `rate` Hz, seeking to the start.

    Channels are averaged; a part that runs past the end of the file is cut there. Raises `AudioError`.
    """
    parts = list(blocks(path, rate, start=start, duration=duration))
    return Clip(np.concatenate(parts), rate, Path(path).stem)


def demo_clip(name: str) -> Clip:
    """Load a clip of the course: "electronic" (10 s), "guitar" (10 s) or "ladder" (4 s). Raises `AudioError`."""
    if name not in DEMO_CLIPS:
        raise AudioError(f"no demo clip is called {name!r}; choose one of {', '.join(DEMO_CLIPS)}")
    clip = load_audio(data_folder() / DEMO_CLIPS[name])
    return Clip(clip.samples, clip.rate, name)


def blocks(
    path: Pathish, rate: int = SAMPLE_RATE, seconds: float = 10.0, start: float = 0.0, duration: float | None = None
) -> Iterator[Samples]:
    """Stream a file as float32 blocks [round(seconds * rate)] (the last one may be shorter) in bounded memory.

    Joined, the blocks equal the whole file resampled in one go. Raises `AudioError` at once when the file or the part
    asked for is unusable, and at the block where a fault of the samples is found.
    """
    if int(rate) != rate or rate <= 0:
        raise AudioError(f"a sample rate is a positive whole number of Hz, not {rate!r}; the codec uses {SAMPLE_RATE}")
    size = round(seconds * rate)
    if size < 1:
        raise AudioError(f"blocks of {seconds} s hold no sample at {rate} Hz; ask for longer blocks")
    file = _open(Path(path))
    try:
        first, count = _wanted(file, rate, start, duration)
    except AudioError:
        file.close()
        raise
    return _cut(file, rate, first, count, size)


def audio_seconds(path: Pathish) -> float:
    """Length of an audio file in seconds, from its header. Raises `AudioError`."""
    with _open(Path(path)) as file:
        return file.frames / file.samplerate


def _open(path: Path) -> sf.SoundFile:
    """Open for reading, with one clear `AudioError` for each way a path can fail to be audio."""
    if path.is_dir():
        raise AudioError(f"{path} is a folder; name one audio file in it")
    if not path.exists():
        raise AudioError(f"there is no file {path}; check the spelling and the folder ({Path.cwd()})")
    if not path.is_file():
        raise AudioError(f"{path} is not a regular file; save the audio to a file first")
    try:
        with path.open("rb") as raw:
            head = raw.read(16)
    except OSError as error:
        raise AudioError(f"{path} cannot be read ({error.strerror}); check its permissions") from error
    if not head:
        raise AudioError(f"{path} is empty (0 bytes); record, export or download it again")
    try:
        file = sf.SoundFile(path)
    except sf.LibsndfileError as error:
        raise AudioError(
            f"{path} is not audio that can be read: it starts with {head!r} ({_reason(error)}); "
            "wav, flac, ogg and mp3 files work"
        ) from error
    if file.frames == 0:
        file.close()
        raise AudioError(f"{path} is 0 s long: a header without samples; record or export it again")
    return file


def _wanted(file: sf.SoundFile, rate: int, start: float, duration: float | None) -> tuple[int, int]:
    """First output sample and number of output samples of the part asked for."""
    total = file.frames / file.samplerate
    if not math.isfinite(start) or start < 0:
        raise AudioError(f"start must be 0 s or later, not {start} s")
    if duration is not None and not duration > 0:
        raise AudioError(f"duration must be above 0 s, not {duration} s")
    length = max(1, round(file.frames * rate / file.samplerate))
    first = round(start * rate)
    if first >= length:
        raise AudioError(f"start {start:g} s is past the end: {Path(file.name).name} is {total:.3f} s long")
    if duration is None or duration > total:
        return first, length - first
    return first, max(1, min(length - first, round(duration * rate)))


def _resampled(file: sf.SoundFile, rate: int, first: int) -> Iterator[tuple[int, Samples]]:
    """Yield (index of the first output sample, output samples), starting at or before output sample `first`."""
    source = file.samplerate
    # Input and output grids coincide every `step` input frames: start on one of those, so that a part of the file is
    # resampled with the same filter phases as the whole.
    step = source // math.gcd(source, rate)
    warm_up = 0 if source == rate else WARM_UP_SECONDS
    seek = max(0, int(first / rate * source - warm_up * source)) // step * step
    try:
        file.seek(seek)
    except sf.LibsndfileError as error:
        raise _damaged(file, seek, error) from error
    index = seek * rate // source
    resampler = soxr.ResampleStream(source, rate, 1, dtype="float32", quality="HQ")
    position = seek
    while True:
        frames = _read(file, position)
        position += len(frames)
        last = position >= file.frames or len(frames) == 0
        out = frames if source == rate else resampler.resample_chunk(frames, last=last)
        yield index, out
        index += len(out)
        if last:
            return


def _read(file: sf.SoundFile, position: int) -> Samples:
    """Next source frames as mono float32 [at most READ_FRAMES]; refuses NaN and infinite samples."""
    try:
        frames = file.read(min(READ_FRAMES, file.frames - position), dtype="float32", always_2d=True)
    except sf.LibsndfileError as error:
        raise _damaged(file, position, error) from error
    bad = ~np.isfinite(frames).all(axis=1)
    if bad.any():
        here = position + int(bad.argmax())
        count = int((~np.isfinite(frames)).sum()) + _count_bad(file)
        raise AudioError(
            f"{file.name} holds {count} samples that are NaN or infinite, the first at {here / file.samplerate:.4f} s "
            f"(frame {here}); export it again without the effect that made them"
        )
    return np.ascontiguousarray(frames.mean(axis=1, dtype=np.float32))


def _damaged(file: sf.SoundFile, position: int, error: sf.LibsndfileError) -> AudioError:
    at, reason = position / file.samplerate, _reason(error)
    return AudioError(f"{file.name} is damaged: nothing can be read at {at:.2f} s ({reason}); get it again")


def _reason(error: sf.LibsndfileError) -> str:
    """What libsndfile says, without its decoration."""
    return str(error.error_string).removeprefix("Error :").strip(" .")


def _count_bad(file: sf.SoundFile) -> int:
    """How many samples from here to the end of the file are NaN or infinite."""
    rest = file.blocks(READ_FRAMES, dtype="float32", always_2d=True)
    return sum(int((~np.isfinite(block)).sum()) for block in rest)


def _cut(file: sf.SoundFile, rate: int, first: int, count: int, size: int) -> Iterator[Samples]:
    """Re-cut the resampled stream into blocks of `size` samples covering output samples first..first + count."""
    held: list[Samples] = []
    holding = 0
    left = count
    with file:
        for index, samples in _resampled(file, rate, first):
            samples = samples[max(0, first - index) :][: left - holding]
            held.append(samples)
            holding += len(samples)
            while holding >= size or (holding and holding == left):
                joined = np.concatenate(held)
                yield joined[:size]
                left -= len(joined[:size])
                held, holding = [joined[size:]], len(joined[size:])
            if left == 0:
                return
        if holding:
            yield np.concatenate(held)
        elif left == count:
            raise AudioError(f"{file.name} ends before its header says: the part asked for is not in it; get it again")
