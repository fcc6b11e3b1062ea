"""Files of tensors, read without running anything that is in them."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


class TensorFileError(ValueError):
    """What is wrong with the inside of a file, to be said after its name."""


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors by name, and the file's metadata. Raises `TensorFileError`."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return {key: file.get_tensor(key) for key in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118
    except SafetensorError as error:
        raise TensorFileError(f"cannot be read as safetensors ({error})") from error


def read_pth(path: Path, flat: bool = False) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors by name, and metadata, of {"state_dict": tensors, "metadata": {...}}, as the audiotools library writes.

    flat: tensors that are not in a state_dict will do as well. Only tensors and plain values are accepted. Raises
    `TensorFileError`, also for a file that wants to run code.
    """
    import torch

    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise TensorFileError(f"cannot be read as plain weights ({reason})") from error
    wrapped = isinstance(stored, dict) and "state_dict" in stored
    tensors = stored["state_dict"] if wrapped else stored if flat else None
    if not isinstance(tensors, dict) or not all(isinstance(tensor, torch.Tensor) for tensor in tensors.values()):
        raise TensorFileError("holds no dictionary of weights")
    metadata = stored.get("metadata") if wrapped else None
    return dict(tensors), metadata if isinstance(metadata, dict) else {}
