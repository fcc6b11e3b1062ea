"""Audio out: 16-bit wav or flac, whole or not at all."""

from __future__ import annotations

import errno
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

import numpy as np
import numpy.typing as npt
import soundfile as sf

from course_utils.files import atomic_write

if TYPE_CHECKING:
    import os

    import torch

    Pathish: TypeAlias = str | os.PathLike[str]
    Signal: TypeAlias = npt.NDArray[Any] | torch.Tensor

FORMATS = {".wav": "WAV", ".flac": "FLAC"}


class SaveError(OSError):
    """The file was not written and nothing was left behind; the message says why and what to do."""

    def __str__(self) -> str:
        return str(self.strerror)  # without the number that OSError puts before it


class ClippedAudio(UserWarning):
    """Samples beyond full scale were limited to it on writing."""


def save_audio(path: Pathish, samples: Signal, rate: int = 44100) -> int:
    """Write one mono signal (numpy [N] or torch [..., N], -1..1) as 16-bit wav or flac; return how many were clipped.

    Loudness is never changed: samples beyond full scale are limited to it, counted, and reported with a
    `ClippedAudio` warning. Raises ValueError for what is not mono audio, `SaveError` when the file cannot be written.
    """
    with audio_writer(path, rate) as writer:
        writer.write(samples)
    if writer.clipped:
        share = f"{writer.clipped} of {writer.written} samples"
        warnings.warn(f"{Path(path).name}: {share} lay beyond full scale and were clipped", ClippedAudio, stacklevel=2)
    return writer.clipped


@contextmanager
def audio_writer(path: Pathish, rate: int = 44100) -> Iterator[AudioWriter]:
    """Write one file block by block: `with audio_writer("x.flac") as out: out.write(block)`.

    The file appears under its name only when the block ends without an error. Raises ValueError, `SaveError`.
    """
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise ValueError(f"cannot write {path.name!r}: the name must end in {' or '.join(FORMATS)}")
    with saving(path) as temporary, temporary.open("wb") as raw:
        writer = AudioWriter(raw, rate, FORMATS[path.suffix.lower()])
        try:
            yield writer
        finally:
            writer.close()


@contextmanager
def saving(path: Path) -> Iterator[Path]:
    """A temporary file that becomes `path` at the end; its faults become a `SaveError` that says what to do."""
    try:
        with atomic_write(path) as temporary:
            yield temporary
    except OSError as error:
        raise save_error(path, error) from error


def save_error(path: Path, error: OSError) -> SaveError:
    """What the system said about writing `path`, with what to do about it."""
    return SaveError(error.errno, _advice(path, error))


class AudioWriter:
    """Mono 16-bit audio into an open binary file; counts the samples written and clipped."""

    def __init__(self, raw: BinaryIO, rate: int, kind: str) -> None:
        self.written = 0
        self.clipped = 0
        self._guard = _Guard(raw)
        self._sound = sf.SoundFile(self._guard, "w", rate, 1, "PCM_16", format=kind)

    def write(self, samples: Signal) -> None:
        """Append float samples (numpy [N] or torch [..., N] of one channel); raises ValueError, OSError."""
        array = _mono(samples)
        self.clipped += int((np.abs(array) > 1).sum())
        self.written += len(array)
        # The inverse of reading: libsndfile divides by 32768, so 16-bit audio survives load and save unchanged.
        self._sound.write(np.clip(np.rint(array * 32768), -32768, 32767).astype(np.int16))
        self._guard.check()

    def close(self) -> None:
        """Finish the header; raises the OSError that a write met."""
        self._sound.close()
        self._guard.check()


class _Guard(io.RawIOBase):
    """A file for libsndfile that keeps the first OSError: raised inside its C callback, it would be lost."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._error: OSError | None = None

    def write(self, data: Any) -> int:
        if self._error is None:
            try:
                self._raw.write(bytes(data))
            except OSError as error:
                self._error = error
        return len(data)  # libsndfile goes on; `check` raises

    def seek(self, offset: int, whence: int = 0) -> int:
        try:
            return self._raw.seek(offset, whence)
        except OSError as error:  # flushing what is buffered can fail too
            self._error = self._error or error
            return 0

    def tell(self) -> int:
        return self._raw.tell()

    def check(self) -> None:
        if self._error is not None:
            raise self._error


def _mono(samples: Signal) -> npt.NDArray[np.float64]:
    """As float64 [N]; refuses several channels and NaN."""
    tensor = samples.detach().cpu().numpy() if hasattr(samples, "detach") else samples
    array = np.asarray(tensor, dtype=np.float64)
    if array.ndim == 0 or array.size != array.shape[-1]:
        raise ValueError(f"one mono signal can be saved, not the shape {array.shape}; index the batch first")
    array = array.reshape(-1)
    bad = ~np.isfinite(array)
    if bad.any():
        raise ValueError(f"{int(bad.sum())} samples are NaN or infinite, the first at index {int(bad.argmax())}")
    return array


def _advice(path: Path, error: OSError) -> str:
    """One line: what failed and what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"{path} was not written: no room is left ({error.strerror}); free some space or choose another folder"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{path} was not written: the folder {path.parent} is read-only; choose another folder"
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return f"{path} was not written: there is no folder {path.parent}; make it first"
    return f"{path} was not written: {error.strerror or error}"
