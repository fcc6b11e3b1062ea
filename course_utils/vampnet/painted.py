"""A mask as one line of text, to carry from the mask painter into a cell, and back.

The line names codebooks and frames, then for each codebook, or for several alike, runs of frames: `3k` keeps three,
`5g` generates five, `(1k8g)x95` is 95 times the two in turn (a comma separates it from what follows), and `=0f3` is the
frames as bits, four to a hexadecimal digit, 1 = generate, where that is shorter. Example: `9x862 c0-8:(1k8g)x95,1k6g`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby

import torch
from torch import Tensor

from course_utils.vampnet.masks import Mask, MaskError

_SIZE = re.compile(r"([1-9]\d?)x([1-9]\d{0,5})")
_ROW = re.compile(r"c(\d{1,2})(?:-(\d{1,2}))?:(\S+)")
_ITEM = re.compile(r"\(([1-9]\d*)([kg])([1-9]\d*)([kg])\)x([1-9]\d*)(?:,(?=\S)|$)|([1-9]\d*)([kg])")

READABLE = 40  # characters of runs that are never written as bits


def painted(text: str, shape: Sequence[int] | None = None) -> Mask:
    """The mask that a line of the mask painter describes, bool [1, C, T], or the same for every clip of `shape`.

    shape: (batch, codebooks, frames), such as codes.shape. Raises MaskError for a line that cannot be read, that leaves
    a codebook or frame out, or that was painted for another shape.
    """
    size, *rows = text.split() or [""]
    found = _SIZE.fullmatch(size)
    if not found:
        raise MaskError(f"a painted mask begins with codebooks x frames, such as 9x862, not {_short(size)}: copy the "
                        "whole line from the painter")  # fmt: skip
    codebooks, frames = int(found[1]), int(found[2])
    if shape is not None and tuple(shape[1:]) != (codebooks, frames):
        raise MaskError(f"the mask was painted on {codebooks} codebooks x {frames} frames, the codes are "
                        f"{list(shape)}: paint on these codes, or take those")  # fmt: skip
    values = _rows(rows, codebooks, frames)
    return Mask(values.expand(1 if shape is None else shape[0], -1, -1), "painted")


def mask_text(mask: Mask, clip: int = 0) -> str:
    """The mask of one clip of the batch as a line that `painted` reads. Raises MaskError without that clip."""
    batch, codebooks, frames = mask.shape
    if not 0 <= clip < batch:
        raise MaskError(f"the batch has clips 0 to {batch - 1}, so there is no clip {clip}")
    parts, first = [f"{codebooks}x{frames}"], 0
    for row, alike in groupby(_row_text(row) for row in mask.generate[clip].tolist()):
        last = first + len(list(alike)) - 1
        parts.append(f"c{first}:{row}" if first == last else f"c{first}-{last}:{row}")
        first = last + 1
    return " ".join(parts)


def _rows(rows: Sequence[str], codebooks: int, frames: int) -> Tensor:
    """bool [codebooks, frames] from the parts of the line, which must name every codebook once, in order."""
    values, following = torch.zeros(codebooks, frames, dtype=torch.bool), 0
    for row in rows:
        found = _ROW.fullmatch(row)
        if not found:
            raise MaskError(f"expected codebooks and runs, such as c0-3:2k5g, not {_short(row)}")
        first, last = int(found[1]), int(found[2] or found[1])
        if first != following or not first <= last < codebooks:
            raise MaskError(f"codebooks {first} to {last} are described where c{following} of {codebooks} should be")
        values[first : last + 1] = _bits(found[3][1:], frames) if found[3][0] == "=" else _runs(found[3], frames)
        following = last + 1
    if following < codebooks:
        raise MaskError(f"codebooks {following} to {codebooks - 1} are missing: copy the whole line from the painter")
    return values


def _runs(text: str, frames: int) -> Tensor:
    values: list[bool] = []
    at = 0
    while at < len(text):
        found = _ITEM.match(text, at)
        if not found:
            raise MaskError(f"cannot read {_short(text[at:])}: runs are a number and k (keep) or g (generate)")
        at = found.end()
        if found[6]:
            part, times = [(int(found[6]), found[7])], 1
        else:
            part, times = [(int(found[1]), found[2]), (int(found[3]), found[4])], int(found[5])
        if len(values) + times * sum(length for length, _ in part) > frames:
            raise MaskError(f"the runs {_short(text)} are longer than the {frames} frames of the mask")
        values += [kind == "g" for length, kind in part for _ in range(length)] * times
    if len(values) != frames:
        raise MaskError(f"the runs {_short(text)} fill {len(values)} of {frames} frames: copy the whole line")
    return torch.tensor(values)


def _bits(text: str, frames: int) -> Tensor:
    if len(text) != -(-frames // 4) or not re.fullmatch(r"[0-9a-f]+", text):
        raise MaskError(f"={_short(text)} is {len(text)} characters: {frames} frames take {-(-frames // 4)} "
                        "hexadecimal digits")  # fmt: skip
    bits = "".join(f"{int(digit, 16):04b}" for digit in text)
    if "1" in bits[frames:]:
        raise MaskError(f"={_short(text)} generates frames beyond the last of {frames}")
    return torch.tensor([bit == "1" for bit in bits[:frames]])


def _row_text(row: list[bool]) -> str:
    runs = [f"{len(list(part))}{'g' if value else 'k'}" for value, part in groupby(row)]
    text, at = "", 0
    while at < len(runs):
        times = 1
        while runs[at + 2 * times : at + 2 * times + 2] == runs[at : at + 2] and len(runs) >= at + 2 * times + 2:
            times += 1
        if times > 1:
            text += f"({runs[at]}{runs[at + 1]})x{times}"
            at += 2 * times
            text += "," if at < len(runs) else ""
        else:
            text += runs[at]
            at += 1
    if len(text) <= READABLE:
        return text
    padded = "".join("01"[value] for value in row) + "000"
    bits = "=" + "".join(f"{int(padded[at : at + 4], 2):x}" for at in range(0, len(row), 4))
    return bits if len(bits) < len(text) else text


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")
