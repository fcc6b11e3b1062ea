"""A few seconds of many pieces as codes, made in a moment: what lesson 02 measures on and trains a tiny model with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from course_utils.paths import data_folder
from course_utils.train.corpus import RATE, SMALL_FONT, freedoom_pieces, render_excerpt

if TYPE_CHECKING:
    from course_utils.codec import Codec

START = 10.0  # s into each piece: by then most of its instruments play


def excerpt_codes(codec: Codec, held_out: bool, seconds: float = 2.0, every: int = 1) -> Tensor:
    """Codes int64 [pieces, 9, T] of so many seconds of Freedoom pieces on one side of the split, rendered now.

    every: 1 for all pieces, 3 for every third; reading a MIDI file takes longer than playing a few seconds of it.
    A piece that is silent there is left out: it teaches nothing. Raises ValueError for 0 seconds or fewer and for an
    `every` below 1, MissingSourceError without the MIDI files.
    """
    if seconds <= 0:
        raise ValueError(f"an excerpt lasts more than 0 s, not {seconds}")
    if every < 1:
        raise ValueError(f"every is 1 for all pieces or a larger whole number, not {every}")
    from course_utils.synth.render import Renderer

    renderer = Renderer(data_folder() / SMALL_FONT, RATE)
    audio = [render_excerpt(piece, START, seconds, renderer) for piece in freedoom_pieces(held_out)[::every]]
    heard = [samples for samples in audio if np.sqrt(np.mean(samples**2)) > 1e-3]
    return torch.cat([codec.encode(samples) for samples in heard])
