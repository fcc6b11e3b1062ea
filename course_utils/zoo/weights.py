"""Weights from disk: found or fetched, verified, and read without running anything that is in them."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from course_utils.files import atomic_write, sha256_of
from course_utils.zoo.download import DownloadError, Progress, download_file
from course_utils.zoo.registry import MANIFEST, Model, ZooError, expected, find_model, shown
from course_utils.zoo.tensors import TensorFileError, read_pth, read_safetensors

if TYPE_CHECKING:
    from torch import Tensor

RECORD_SUFFIX = ".first-use.json"


class MissingWeightsError(ZooError):
    """The file of weights is not there and could not be fetched."""


class DamagedWeightsError(ZooError):
    """The file of weights is not the one that it should be."""


class _UnreadableError(ZooError):
    """What is wrong with the inside of a file, to be said after its name."""


@dataclass(frozen=True)
class State:
    """What is on this machine of a model."""

    model: Model
    path: Path
    present: bool
    bytes: int  # of the file, 0 when it is not there


def state(name: str) -> State:
    """Tell whether a model's weights are on this machine, without fetching or verifying them. Raises `ZooError`."""
    model = find_model(name)
    present = model.path.is_file()
    return State(model, model.path, present, model.path.stat().st_size if present else 0)


def weights_path(name: str, progress: Progress | None = None) -> Path:
    """Path of a model's weights, fetched first if they are a published model's and not here yet.

    A download shows a bar on stderr, or calls `progress(bytes so far, bytes in all)`. Raises `MissingWeightsError`.
    """
    model = find_model(name)
    if model.path.is_file():
        return model.path
    if model.url is None:
        raise MissingWeightsError(f"{shown(model.path)} is missing: the weights of {model.title}. {_mend(model)}")
    return _fetch(model, progress)


def read_weights(name: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a model's verified weights: tensors by name as stored, and the metadata stored with them.

    Never executes code from the file: safetensors, or torch's restricted unpickler. Raises `MissingWeightsError`,
    `DamagedWeightsError`.
    """
    model = find_model(name)
    path = weights_path(name)
    _verify(model, path)
    try:
        weights = _read(model, path)
    except _UnreadableError as error:
        raise DamagedWeightsError(f"{shown(path)} {error}. {_mend(model)}") from error
    _record_first_use(model, path)
    return weights


def _verify(model: Model, path: Path) -> None:
    """Compare with the hash that is pinned, or else with the one recorded when the file was first used."""
    pinned = expected(model)
    if pinned.sha256 is None and model.url is None:
        raise DamagedWeightsError(
            f"data/{MANIFEST} does not list models/{model.name}/{model.file}, so it cannot be verified. Mend it with: "
            f"git checkout -- data/{MANIFEST}; after training, `make models` writes the entry"
        )
    wanted, since = (pinned.sha256, "") if pinned.sha256 else (_recorded(path), " when it was first used here")
    if wanted is None:
        return
    seen = sha256_of(path)
    if seen != wanted:
        raise DamagedWeightsError(
            f"{shown(path)} is not the file it was{since}: SHA-256 {wanted} expected, {seen} seen "
            f"({path.stat().st_size} bytes). {_mend(model)}"
        )


def _read(model: Model, path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and metadata of a file with the model's structure. Raises `_UnreadableError`."""
    try:
        tensors, metadata = (read_safetensors if model.file.endswith(".safetensors") else read_pth)(path)
    except TensorFileError as error:
        raise _UnreadableError(str(error)) from error
    count = sum(tensor.numel() for tensor in tensors.values())
    if model.parameters is not None and count != model.parameters:
        raise _UnreadableError(f"holds {count} numbers where {model.parameters} were expected")
    return tensors, metadata


def _fetch(model: Model, progress: Progress | None) -> Path:
    assert model.url is not None
    try:
        with _Bar(model) as bar:
            check = functools.partial(_read, model)
            download_file(model.url, model.path, model.sha256, model.bytes, progress or bar.show, check)
    except DownloadError as error:
        raise MissingWeightsError(
            f"{model.file} of {model.title} ({model.size}, {model.licence}) is not on this machine, and fetching it "
            f"failed: {error}.\n"
            f"Try again with a connection (a broken download is resumed), or fetch {model.url} on another machine "
            f"and place it by hand as {model.path}\nMeanwhile, {model.instead or 'use a model of the course'}."
        ) from error
    return model.path


class _Bar:
    """A progress bar on stderr."""

    def __init__(self, model: Model) -> None:
        from tqdm import tqdm

        self._bar = tqdm(desc=model.title, unit="B", unit_scale=True, disable=None)  # None: not where nobody looks

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def show(self, done: int, total: int | None) -> None:
        self._bar.total = total
        self._bar.update(done - self._bar.n)


def _record_path(path: Path) -> Path:
    return path.with_name(path.name + RECORD_SUFFIX)


def _recorded(path: Path) -> str | None:
    """Hash noted when the file was first used here, or None."""
    try:
        record = json.loads(_record_path(path).read_text(encoding="utf-8"))
        return str(record["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _record_first_use(model: Model, path: Path) -> None:
    """Note the hash of a file that nobody has pinned, now that its structure has proved right."""
    if expected(model).sha256 is not None or _recorded(path) is not None:
        return
    record = {"file": path.name, "sha256": sha256_of(path), "bytes": path.stat().st_size, "source": model.url}
    try:
        with atomic_write(_record_path(path)) as temporary:
            temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    except OSError:
        return  # a read-only cache: the file stays usable, and unpinned


def _mend(model: Model) -> str:
    """The command that brings the right file back."""
    if model.url is None:
        return f"Bring it back with: git checkout -- {shown(model.path)}   (or train it anew with: make models)"
    return f"Delete {model.path} and {_record_path(model.path).name} beside it, and it is fetched again"
