"""Whether an answer is the expected one: numbers, arrays, tensors, words, and tuples or lists of them."""

from __future__ import annotations

from typing import Any

import numpy as np


def difference(given: Any, expected: Any, tolerance: float) -> str:
    """Return how `given` differs from `expected` in words that follow "it", or "" if it does not.

    Numbers agree within `tolerance`, relative to the largest expected value. Kinds must agree where a later cell would
    stumble: a list is no array, a numpy array no tensor, a float no whole number.
    """
    if isinstance(expected, tuple | list):
        return _parts(given, expected, tolerance)
    if isinstance(expected, str | bool | dict) or expected is None:
        return "" if type(given) is type(expected) and given == expected else f"gives {short(given)}"
    wrong_kind = _kind(given, expected)
    if wrong_kind:
        return wrong_kind
    a, b = as_array(given), as_array(expected)
    if a.shape != b.shape:
        return f"gives shape {list(a.shape)} where {list(b.shape)} is expected"
    if not np.issubdtype(a.dtype, np.number) and a.dtype != bool:
        return f"gives {short(given)}, which is not a number"
    if np.issubdtype(b.dtype, np.integer) and b.ndim and not np.issubdtype(a.dtype, np.integer):
        return f"gives {a.dtype} where whole numbers are expected"
    if np.allclose(a, b, rtol=0, atol=tolerance * max(_largest(b), 1e-9), equal_nan=True):
        return ""
    return f"gives {short(given)} where {short(expected)} is expected" if b.size <= 4 else _furthest(a, b)


def as_array(value: Any) -> np.ndarray:
    """A number, array or tensor as a numpy array; anything else as an array of objects."""
    try:
        return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
    except (ValueError, TypeError):
        return np.asarray(None)


def short(value: Any) -> str:
    """A value in a few characters: an array by its shape, a number to six digits."""
    if isinstance(value, bool | str) or value is None:
        return repr(value)
    if isinstance(value, tuple | list) and len(value) <= 4:
        return f"({', '.join(short(v) for v in value)})"
    array = as_array(value)
    if array.ndim == 0 and np.issubdtype(array.dtype, np.number):
        return f"{array.item():.6g}"
    if array.ndim and array.size <= 4 and np.issubdtype(array.dtype, np.number):
        return np.array2string(array, precision=4, separator=", ").replace("\n", "")
    if array.ndim and array.dtype != object:
        return f"{_name(value)} {list(array.shape)}"
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _parts(given: Any, expected: tuple[Any, ...] | list[Any], tolerance: float) -> str:
    if not isinstance(given, tuple | list):
        return f"gives {_described(given)} where a {_name(expected)} of {len(expected)} is expected"
    if len(given) != len(expected):
        return f"gives {len(given)} values where {len(expected)} are expected"
    for number, (one, other) in enumerate(zip(given, expected, strict=True), start=1):
        found = difference(one, other, tolerance)
        if found:
            return f"{found} (value {number} of {len(expected)})"
    return ""


def _described(value: Any) -> str:
    array = as_array(value)
    sized = array.ndim > 0 and array.dtype != object and not isinstance(value, str | bytes)
    return f"a {_name(value)} of shape {list(array.shape)}" if sized else f"a {_name(value)}, {short(value)},"


def _kind(given: Any, expected: Any) -> str:
    wanted, got = _name(expected), _name(given)
    one_number = as_array(expected).ndim == 0 and as_array(given).size == 1 and not isinstance(given, str)
    if got == wanted or one_number:
        return ""
    return f"gives a {got} where a {wanted} is expected"


def _name(value: Any) -> str:
    if hasattr(value, "detach"):
        return "torch tensor"
    if isinstance(value, np.ndarray):
        return "numpy array"
    return "number" if isinstance(value, int | float | complex | np.number) else type(value).__name__


def _largest(array: np.ndarray) -> float:
    finite = np.abs(array[np.isfinite(array)].astype(float))
    return float(finite.max()) if finite.size else 0.0


def _furthest(a: np.ndarray, b: np.ndarray) -> str:
    where = np.unravel_index(int(np.nanargmax(np.abs(a.astype(float) - b.astype(float)))), b.shape)
    place = ", ".join(str(int(i)) for i in where)
    return f"gives {a[where]:.6g} at [{place}] where {b[where]:.6g} is expected"
