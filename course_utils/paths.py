"""Where the course keeps its material: `DATA` in the clone, downloads in the user's cache."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"


def data_folder() -> Path:
    """Return the folder of clips, models and MIDI: `$COURSE_DATA` if set, else `data/` of the clone.

    Raises FileNotFoundError if `$COURSE_DATA` names something that is not a folder.
    """
    override = os.environ.get("COURSE_DATA")
    if not override:
        return ROOT / "data"
    folder = Path(override).expanduser().resolve()
    if not folder.is_dir():
        raise FileNotFoundError(
            f"COURSE_DATA is set to {override!r}, which is not a folder. "
            "Unset it to use the clone's own data/, or point it at a copy of that folder."
        )
    return folder


def cache_folder() -> Path:
    """Return the folder for downloads: `$COURSE_CACHE` if set, else the user's cache; not created here."""
    override = os.environ.get("COURSE_CACHE")
    if override:
        return Path(override).expanduser().resolve()
    from platformdirs import user_cache_path  # imported late: only downloads need it

    return user_cache_path("two-poles", appauthor=False)


def __getattr__(name: str) -> Path:
    # DATA and CACHE are looked up when asked for, so a changed environment variable is honoured.
    if name == "DATA":
        return data_folder()
    if name == "CACHE":
        return cache_folder()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
