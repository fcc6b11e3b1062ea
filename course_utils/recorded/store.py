"""A recording on disk: data/recorded/<name>/ with recording.json and, for codes and other arrays, arrays.npz."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from course_utils.files import atomic_write
from course_utils.paths import data_folder
from course_utils.recorded.fingerprint import changed

Arrays = dict[str, npt.NDArray[Any]]


class RecordingError(RuntimeError):
    """A recording cannot be read; the message says which, and how to make it."""


class StaleRecordingError(RecordingError):
    """A recording was made by models or code that are no longer these."""


@dataclass(frozen=True)
class Recording:
    """Figures and arrays that were measured, and by what.

    numbers: plain values by name. arrays: numpy, by name. made_by: hash of every file that decided the result.
    settings: what was chosen, the seed among it. minutes: what measuring took, in CPU time of one core.
    """

    name: str
    says: str
    settings: dict[str, Any]
    made_by: dict[str, str]
    minutes: float
    numbers: dict[str, Any]
    arrays: Arrays = field(default_factory=dict, repr=False)

    def codes(self, name: str) -> torch.Tensor:
        """The recorded codes of that name, int64 [1, 9, T]. Raises KeyError naming those there are."""
        if name not in self.arrays:
            raise KeyError(f"no codes are called {name!r}; there are {', '.join(self.arrays)}")
        return torch.from_numpy(self.arrays[name].astype(np.int64))[None]

    @property
    def story(self) -> str:
        """Which models made it and by which choices, in a line."""
        weights = [(name, digest) for name, digest in self.made_by.items() if name.startswith("data/models/")]
        models = [f"{name.split('/')[2]} {digest[:8]}" for name, digest in weights]
        chosen = ", ".join(f"{key} {value}" for key, value in self.settings.items())
        return f"recording {self.name!r}, made by {', '.join(models) or 'code alone'}; {chosen}"


def how_to_make(name: str) -> str:
    """The command, and the cell, that make a recording."""
    return (
        f"Make it anew with `python -m course_utils.recorded {name}`, or in a notebook: "
        f'from course_utils.recorded import make_recording; make_recording("{name}")'
    )


def folder_of(name: str) -> Path:
    """Where a recording lies."""
    return data_folder() / "recorded" / name


def read_recording(name: str) -> Recording:
    """A recording by name, if the models and the code that made it are still the same.

    Raises `RecordingError` when it is not there or damaged, `StaleRecordingError` with the names of what has changed.
    """
    recording = read_as_it_is(name)
    others = changed(recording.made_by)
    if others:
        raise StaleRecordingError(
            f"the recording {name!r} was made by others than these: {', '.join(others)}. {how_to_make(name)}"
        )
    return recording


def read_as_it_is(name: str) -> Recording:
    """A recording by name, whatever has changed since. Raises `RecordingError` when it is not there or damaged."""
    folder = folder_of(name)
    if not (folder / "recording.json").is_file():
        raise RecordingError(f"there is no recording {name!r} in {folder.parent}. {how_to_make(name)}")
    try:
        stored = json.loads((folder / "recording.json").read_text(encoding="utf-8"))
        arrays: Arrays = {}
        if (folder / "arrays.npz").is_file():
            with np.load(folder / "arrays.npz", allow_pickle=False) as file:
                arrays = {key: file[key] for key in file.files}
        return Recording(**stored, arrays=arrays)
    except (ValueError, TypeError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise RecordingError(f"the recording {name!r} in {folder} is damaged ({error}). {how_to_make(name)}") from error


def write_recording(recording: Recording) -> Path:
    """Write a recording into data/recorded/<name>/ and return that folder."""
    folder = folder_of(recording.name)
    stored = {key: value for key, value in vars(recording).items() if key != "arrays"}
    write_arrays(folder / "arrays.npz", recording.arrays)
    with atomic_write(folder / "recording.json") as temporary:
        temporary.write_text(json.dumps(stored, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return folder


def write_arrays(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write arrays as a compressed .npz file, whole or not at all; none at all removes the file."""
    if not arrays:
        path.unlink(missing_ok=True)
        return
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **dict[str, Any](arrays))
