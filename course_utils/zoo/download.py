"""Fetch one file over HTTP: resumed where it broke off, verified, and under its name only when whole."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import http.client
import json
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from course_utils import __version__
from course_utils.files import sha256_of
from course_utils.zoo.registry import ZooError

BLOCK = 1 << 18
ATTEMPTS = 3  # a connection that breaks is taken up again this often before the user is asked
TIMEOUT_SECONDS = 30

Progress = Callable[[int, int | None], None]  # (bytes so far, bytes in all or None)


class DownloadError(ZooError):
    """The file did not arrive whole; nothing was put under its name."""


class _BrokenError(Exception):
    """The connection ended early; worth another attempt."""


@dataclass(frozen=True)
class _Job:
    url: str
    part: Path  # the bytes so far
    note: Path  # beside them: which version of which address they belong to


def download_file(
    url: str,
    target: Path,
    sha256: str | None = None,
    size: int | None = None,
    progress: Progress | None = None,
    check: Callable[[Path], object] | None = None,
    attempts: int = ATTEMPTS,
) -> str:
    """Fetch `url` to `target` and return the SHA-256 of what arrived, as 64 hex digits.

    Bytes are kept in `<target>.part` and asked for from there on by the next call, if the server still has the same
    version. `size` (bytes) and `sha256` are required of the file when given; `check` may look into it and raise a
    `ZooError`. Raises `DownloadError`.
    """
    if not url.startswith(("https://", "http://")):
        raise DownloadError(f"{url} is not a web address; it must start with https://")
    job = _Job(url, target.with_name(target.name + ".part"), target.with_name(target.name + ".part.json"))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(job):
            _fetch(job, size, progress, attempts)
            seen = _verify(job, sha256, size, check)
            os.replace(job.part, target)
            job.note.unlink(missing_ok=True)
    except OSError as error:
        raise DownloadError(_advice(job, error)) from error
    return seen


def _fetch(job: _Job, size: int | None, progress: Progress | None, attempts: int) -> None:
    """Bring the part to its full length, in as many connections as it takes."""
    for attempt in range(1, attempts + 1):
        try:
            return _connect(job, size, progress)
        except urllib.error.HTTPError as error:
            if error.code < 500 or attempt == attempts:
                raise DownloadError(f"{job.url} answered {error.code} {error.reason}") from error
        except (_BrokenError, urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
            if attempt == attempts:
                kept = job.part.stat().st_size if job.part.exists() else 0
                again = f"; {kept / 1e6:.1f} MB are kept, and the next try goes on from there" if kept else ""
                raise DownloadError(f"{job.url}: {_reason(error)}{again}") from error


def _connect(job: _Job, size: int | None, progress: Progress | None) -> None:
    """One connection: ask for what is missing, append it."""
    have, version = _so_far(job)
    request = urllib.request.Request(job.url, headers={"User-Agent": f"two-poles/{__version__}"})
    if have:
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", version)  # another version on the server: then the whole of it, please
    try:
        answer = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        error.close()
        if error.headers.get("Content-Range") == f"bytes */{have}":
            return  # nothing is missing: the last call ended between the last byte and the name
        job.part.unlink()
        raise _BrokenError("the server has fewer bytes than were fetched before") from error
    with answer:
        if answer.status != 206:
            have = 0
        total = _total(answer, have)
        if size is not None and total is not None and total != size:
            raise DownloadError(f"{job.url} offers {total} bytes, {size} were expected; it is not the same file")
        _write_note(job, answer)
        _check_room(job, total, have)
        _copy(answer, job.part, have, total, progress)


def _so_far(job: _Job) -> tuple[int, str]:
    """Bytes of the part that may be continued, and the version they belong to; (0, "") to begin anew."""
    try:
        note = json.loads(job.note.read_text(encoding="utf-8"))
        have = job.part.stat().st_size
    except (OSError, ValueError):
        return 0, ""
    if not isinstance(note, dict) or note.get("url") != job.url or not note.get("version"):
        return 0, ""
    return have, note["version"]


def _write_note(job: _Job, answer: Any) -> None:
    """Record what the part belongs to; a weak ETag does not promise the same bytes and is not used."""
    tag = answer.headers.get("ETag") or ""
    version = tag if tag and not tag.startswith("W/") else answer.headers.get("Last-Modified") or ""
    job.note.write_text(json.dumps({"url": job.url, "version": version}), encoding="utf-8")


def _total(answer: Any, have: int) -> int | None:
    """Length of the whole file as this answer tells it."""
    if answer.status == 206:
        span, _, total = (answer.headers.get("Content-Range") or "").removeprefix("bytes ").partition("/")
        if not span.startswith(f"{have}-"):
            raise DownloadError(f"asked for the bytes from {have} on, the server sent {span or 'something else'}")
        return int(total) if total.isdigit() else None
    length = answer.headers.get("Content-Length")
    return int(length) if length is not None else None


def _check_room(job: _Job, total: int | None, have: int) -> None:
    free = shutil.disk_usage(job.part.parent).free
    if total is not None and total - have > free:
        raise OSError(errno.ENOSPC, f"{(total - have) / 1e6:.0f} MB are needed, {free / 1e6:.0f} MB are free")


def _copy(answer: IO[bytes], part: Path, have: int, total: int | None, progress: Progress | None) -> None:
    with part.open("ab" if have else "wb") as out:
        for block in _blocks(answer):
            out.write(block)
            have += len(block)
            if progress:
                progress(have, total)
    if total is not None and have < total:
        raise _BrokenError(f"the connection ended after {have} of {total} bytes")


def _blocks(answer: IO[bytes]) -> Iterator[bytes]:
    """What arrives, until the end; keeps a fault of the network apart from a fault of the disk."""
    try:
        while block := answer.read(BLOCK):
            yield block
    except (OSError, http.client.HTTPException) as error:
        raise _BrokenError(f"the connection broke ({_reason(error)})") from error


def _verify(job: _Job, sha256: str | None, size: int | None, check: Callable[[Path], object] | None) -> str:
    """Hash of the part; a part that is not the file wanted is removed."""
    length = job.part.stat().st_size
    seen = sha256_of(job.part)
    try:
        if (size is not None and length != size) or (sha256 is not None and seen != sha256):
            wanted = f"SHA-256 {sha256}" if sha256 else f"{size} bytes"
            raise DownloadError(f"{wanted} wanted, SHA-256 {seen} ({length} bytes) seen")
        if check is not None:
            check(job.part)
    except ZooError as error:
        job.part.unlink()
        job.note.unlink(missing_ok=True)
        raise DownloadError(
            f"what {job.url} sent is not the file expected: {error}. It was removed; "
            "if that repeats, the file was changed or a proxy answered in its place"
        ) from error
    with job.part.open("rb") as whole:
        os.fsync(whole.fileno())
    return seen


@contextlib.contextmanager
def _alone(job: _Job) -> Iterator[None]:
    """Keep two processes from writing one part (where the system can lock files)."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    key = hashlib.sha256(job.part.name.encode()).hexdigest()[:8]
    lock = job.part.with_name(f".lock-{key}")
    with lock.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DownloadError(f"another process is fetching {job.url} already; wait until it is done") from error
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


def _reason(error: BaseException) -> str:
    """The cause without the wrapping of urllib."""
    inner = getattr(error, "reason", None) or error
    return str(getattr(inner, "strerror", None) or inner or type(inner).__name__)


def _advice(job: _Job, error: OSError) -> str:
    folder = job.part.parent
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"no room in {folder} ({error.strerror}); free some, or set COURSE_CACHE to a folder on another disk"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{folder} cannot be written ({error.strerror}); set COURSE_CACHE to a folder of your own"
    return f"{folder}: {error.strerror or error}"
