"""The recorded answers of the authors' code: JSON and arrays, compressed or not, from the project or another folder.

`pytest tests/conformance --conformance-dir=DIR` reads another set of the same structure: DIR/vampnet/schedule.json and
so on. With `=`, because pytest takes a folder that stands alone for a place to look for its settings.
"""

from __future__ import annotations

import gzip
import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

OWN = Path(__file__).resolve().parent / "data"
VARIABLE = "COURSE_CONFORMANCE_DIR"  # set by conftest.py from the option, before a test module is imported


def folder() -> Path:
    """The set in use."""
    return Path(os.environ.get(VARIABLE) or OWN)


def path_of(name: str) -> Path:
    """The file called `name`, such as "vampnet/coarse.safetensors", or its gzipped form NAME.gz.

    Raises FileNotFoundError for a file that the set does not have.
    """
    path = folder() / name
    for candidate in (path, path.with_name(path.name + ".gz")):
        if candidate.is_file():
            return candidate
    raise FileNotFoundError(f"{folder()} has no {name} (nor {name}.gz): is it a set of the same structure?")


@cache
def _read(path: Path) -> Any:
    if path.name.endswith((".json", ".json.gz")):
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding="utf-8") as stream:
            return json.load(stream)
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            return {key: arrays[key] for key in arrays.files}
    raise ValueError(f"{path.name}: only .json, .json.gz and .npz are read here; use path_of for other files")


def golden(name: str) -> Any:
    """Content of "vampnet/NAME.json" (what the JSON holds) or "vampnet/NAME.npz" (dict of numpy arrays).

    Read once and shared: do not change it. Small integers come in narrow types: widen them before use.
    """
    return _read(path_of(name))
