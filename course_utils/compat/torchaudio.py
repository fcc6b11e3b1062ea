"""A stand-in for torchaudio, so that `import dac` works beside a current torch.

Why: `dac` imports `audiotools`, and `audiotools` imports `torchaudio` for effects that the course never calls.
The last release of torchaudio is older than the torch used here and its Linux wheel is built for CUDA: beside
another torch it is absent, or its shared library cannot be loaded (OSError). A torchaudio that loads is left alone.

Whoever imports `dac` calls `ensure_torchaudio()` first.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import sys
from types import ModuleType

_PARTS = ("functional", "transforms", "sox_effects", "backend", "io")


class _StandIn(ModuleType):
    """An empty module that says what it is when somebody asks it for a torchaudio function."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(
            f"{self.__name__}.{name} was asked for, but torchaudio is not usable here and this is only the course's "
            "stand-in. Install a torchaudio that fits your torch to use it: see https://pytorch.org/audio."
        )


def ensure_torchaudio() -> str:
    """Make `import torchaudio` succeed; return "real", or "stand-in" where the real one is absent or cannot load."""
    loaded = sys.modules.get("torchaudio")
    if isinstance(loaded, _StandIn):
        return "stand-in"
    try:
        importlib.import_module("torchaudio")
    except (ImportError, OSError):
        _forget_partly_loaded()
        _register()
        return "stand-in"
    return "real"


def _forget_partly_loaded() -> None:
    for name in [n for n in sys.modules if n == "torchaudio" or n.startswith("torchaudio.")]:
        del sys.modules[name]


def _register() -> None:
    package = _module("torchaudio", is_package=True)
    for part in _PARTS:
        setattr(package, part, _module(f"torchaudio.{part}", is_package=False))


def _module(name: str, is_package: bool) -> ModuleType:
    module = _StandIn(name)
    # A spec, because `importlib.util.find_spec("torchaudio")` (transformers asks) fails on a module without one.
    module.__spec__ = importlib.machinery.ModuleSpec(name, loader=None, is_package=is_package)
    if is_package:
        module.__path__ = []
    sys.modules[name] = module
    return module
