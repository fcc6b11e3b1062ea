"""Two Poles: controllable music generation from the codes up.

`import course_utils` is cheap: the names below are looked up in their modules when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from course_utils.audio import Clip, demo_clip, load_audio, save_audio
    from course_utils.codec import load_codec

__version__ = "0.1.0"

# name -> module that defines it
_LAZY = {
    "Clip": "course_utils.audio",
    "demo_clip": "course_utils.audio",
    "load_audio": "course_utils.audio",
    "save_audio": "course_utils.audio",
    "load_codec": "course_utils.codec",
}

__all__ = ["Clip", "__version__", "demo_clip", "load_audio", "load_codec", "save_audio"]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}. It offers: {', '.join(sorted(_LAZY))}.")
    value = getattr(importlib.import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
