"""A piece of music that can be seen through, and a small network to learn it."""

from __future__ import annotations

import numpy as np
import torch

from course_utils.amt.network import AMT, AMTConfig
from course_utils.amt.vocab import DRUMS, DUR_OFFSET, NOTE_OFFSET
from course_utils.train.anticipation import MusicRecipe
from course_utils.train.music import Piece
from course_utils.train.music_start import start_network

TINY = AMTConfig(width=208, layers=3, heads=4)  # Muon teaches the third
RECIPE = MusicRecipe(
    steps=4,
    batch=2,
    rows=20,
    long_share=0.5,
    report_every=2,
    melody_share=0.8,
    thinned=0.2,
    later=0.0,
    whole_positions=16,
    measured=2,
    network=TINY,
)
MELODY, CHORDS = 73, 0


def piece(seconds: int = 40, melody: int | None = MELODY) -> Piece:
    """A scale over a chord that is struck every half second, with drums."""
    rows = []
    for beat in range(2 * seconds):
        at = 50 * beat
        rows.append((at, DUR_OFFSET + 48, NOTE_OFFSET + 128 * MELODY + 72 + (0, 2, 4, 5, 7, 9, 11)[beat % 7]))
        rows += [(at, DUR_OFFSET + 45, NOTE_OFFSET + 128 * CHORDS + pitch) for pitch in (48, 52, 55)]
        rows.append((at + 25, DUR_OFFSET + 10, NOTE_OFFSET + 128 * DRUMS + 42))
    return Piece("scale", np.array(rows), melody, None, "train")


def started() -> AMT:
    """A small network that knows what `start_network` gives it."""
    torch.manual_seed(0)
    network = AMT(TINY).eval()
    start_network(network)
    return network
