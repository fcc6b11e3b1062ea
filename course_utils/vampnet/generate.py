"""From a prompt to a finished clip: coarse, then fine, over any length.

A clip of more than `chunk` frames is worked through from left to right in windows of `chunk` frames, the last of them
flush with the end. Each finishes a part of its own, the next goes on there:

    window 1   [ own part . . . . . . . . . | look-ahead ]
    window 2                  [ finished    | own part . . . . . | look-ahead ]
    window 3                                     [ finished . . .| own part . . . . . . ]

- What earlier windows finished or the prompt keeps is known to a window, for at least `context` frames before its part:
  it goes on from there as a continuation does.
- The last `context` frames of a window look ahead: prompts there are seen, so that a part may lead up to them, but what
  is generated there is dropped, for nothing after it was known. The next window generates it anew.
- Every window has its own schedule (it counts the open tokens that it sees) and its own chance, so no clip of a batch
  depends on another. Windows in whose own part nothing is open, in any clip, are left out.

The released code works the coarse model through at most 10 s, and the fine one in pieces of 3 s that do not see
each other (vampnet/interface.py, `coarse_to_fine`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from course_utils.vampnet.decoding import (
    AUTHORS_FINE_PASSES,
    Decoded,
    DecodeSettings,
    Pass,
    Progress,
    as_mask,
    decode_coarse_to_fine,
    seeds_of,
)
from course_utils.vampnet.masks import Mask
from course_utils.vampnet.models import VampNetModels

CHUNK = 862  # frames: 10 s, the length that the models were trained on
CONTEXT = 172  # frames: 2 s; farther than 128 frames the network does not tell distances apart


@dataclass(frozen=True)
class Window:
    """Frames [low, high) that are decoded together, of which [start, stop) are its own part."""

    low: int
    start: int
    stop: int
    high: int


def windows(frames: int, chunk: int | None = CHUNK, context: int = CONTEXT) -> list[Window]:
    """The windows of a clip of so many frames; their own parts follow one another without gap or overlap.

    chunk: frames of a window, None for one window. context: frames at either side that a part sees at least, where the
    clip has them. Raises ValueError for a chunk that the context leaves nothing of.
    """
    if frames < 1:
        raise ValueError(f"a clip has at least 1 frame, not {frames}")
    if context < 0:
        raise ValueError(f"the context must be 0 frames or more, not {context}")
    if chunk is None or frames <= chunk:
        return [Window(0, 0, frames, frames)]
    if chunk <= 2 * context:
        raise ValueError(
            f"a chunk of {chunk} frames has no room beside a context of {context} on both sides: "
            f"take at least {2 * context + 1} frames"
        )
    made, start = [], 0
    while start < frames:
        low = min(max(start - context, 0), frames - chunk)
        high = low + chunk
        stop = frames if high == frames else high - context
        made.append(Window(low, start, stop, high))
        start = stop
    return made


def generate(
    models: VampNetModels,
    codes: Tensor,
    mask: Mask | Tensor | None = None,
    settings: DecodeSettings | None = None,
    fine: DecodeSettings | None = None,
    seed: int | Sequence[int] = 0,
    progress: Progress | None = None,
    chunk: int | None = CHUNK,
    context: int = CONTEXT,
    trace: bool = True,
) -> Decoded:
    """Fill the masked places of codes int64 [B, C, T] with the coarse, then the fine network; keep all others exactly.

    mask: a `Mask`, or [B, C, T], [C, T] or [T], true (1) where to generate; without one everything is. settings: of the
    coarse stage. fine: of the fine one; without them those of the coarse stage in 2 passes, as released. seed: one
    number, clip b then uses seed + b, or one for each clip. progress: called after each pass with the passes done
    and those of all windows. chunk, context: as `windows`. trace: False forgets the passes, which for minutes of music
    take more memory than the music.
    Each `Pass` tells its `offset`, the frame where its window begins. Raises ModelError for codes of another codec,
    ValueError as `decode` and `windows`.
    """
    settings = settings or DecodeSettings()
    fine = fine or replace(settings, passes=AUTHORS_FINE_PASSES)
    models.check_codes(codes)
    opened = as_mask(mask, codes) | (codes == models.mask_token)  # [B, C, T]
    seeds = seeds_of(seed, len(codes))
    every = list(enumerate(windows(codes.shape[2], chunk, context)))
    busy = [(n, w) for n, w in every if len(every) == 1 or bool(opened[..., w.start : w.stop].any())]
    codes, passes = codes.long().clone(), settings.passes + fine.passes
    records: list[Pass] = []
    for turn, (number, window) in enumerate(busy):
        part = slice(window.low, window.high)
        unfinished = opened[..., part].clone()
        unfinished[..., : window.start - window.low] = False
        decoded = decode_coarse_to_fine(
            models.coarse,
            models.fine,
            codes[..., part],
            unfinished,
            settings,
            seed=[window_seed(s, number) for s in seeds],
            progress=progress and _counting(progress, turn * passes, len(busy) * passes),
            fine_settings=fine,
        )
        own = slice(window.start - window.low, window.stop - window.low)
        codes[..., window.start : window.stop] = decoded.codes[..., own]
        if trace:
            records += [replace(record, offset=window.low) for record in decoded.trace]
    return Decoded(codes, tuple(records))


def _counting(progress: Progress, before: int, total: int) -> Progress:
    """Progress of one window as progress of all."""
    return lambda done, _: progress(before + done, total)


def window_seed(seed: int, number: int) -> int:
    """The seed of window `number`, from 0: that of the clip for the first, for later ones numbers drawn from it."""
    if number == 0:
        return seed
    source = torch.Generator().manual_seed(seed)
    return int(torch.randint(2**62, (number,), generator=source)[-1])
