"""How a long signal is cut into chunks that can be worked on one by one without a trace at the joins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple


class Span(NamedTuple):
    """Frames [low, high) to work on, of which [low + inner_start, low + inner_stop) are kept."""

    low: int
    high: int
    inner_start: int
    inner_stop: int


def spans(frames: int, chunk: int, context: int) -> Iterator[Span]:
    """Cut `frames` frames into chunks that see `context` frames more to either side, as far as there are any."""
    for start in range(0, frames, chunk):
        stop = min(start + chunk, frames)
        low, high = max(start - context, 0), min(stop + context, frames)
        yield Span(low, high, start - low, stop - low)
