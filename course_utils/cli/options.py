"""Options that several commands have."""

from __future__ import annotations

from enum import Enum


class ModelName(str, Enum):
    """The models that can be asked for."""

    course = "course"
    official = "official"


def device_named(asked: str) -> str:
    """The device that --device means: "auto" is a GPU where there is one. Raises ValueError for one not here."""
    import torch

    name = asked
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"--device {asked} cannot be used here ({reason}); try --device cpu") from error
    return name
