"""Mistakes for the network to read in training: wrong notes, and heaps of notes at one tick.

A sampler reads what the network wrote, mistakes and all, and flawless music alone teaches nobody to come back from
them: one wrong note leads to the next, and from a heap of notes there is no way out. What is to be foretold stays the
music. (Bengio et al. 2015, arXiv 1506.03099, let the network read its own guesses instead, which takes a second pass.)
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from course_utils.amt import token_lists
from course_utils.amt.vocab import DRUMS, EVENT_SIZE, MAX_PITCH, NOTE_OFFSET, REST, Triples

LONGEST_RUN = 60  # rows, events and controls: a run of wrong notes lasts so long in the mean, or less
MOST_WRONG = 0.3  # share of the notes
FURTHEST = 6  # semitones
HEAP = (6, 48)  # notes, at least and at most
NOTHING = -100  # stands for a token that is not to be foretold; cross-entropy leaves it out


def with_mistakes(sequence: Tensor, chance: np.random.Generator, astray: float, piled: float) -> tuple[Tensor, Tensor]:
    """A sequence as it is to be foretold, and as the network reads it: both int64 [1 + 3 * rows].

    sequence: the mode, then events and controls. The odds are `astray` for wrong notes in it, and `piled` for a heap.
    Controls are given, and always right.
    """
    wanted = sequence[1:].reshape(-1, EVENT_SIZE).numpy()
    read = wrong_notes(wanted, chance) if chance.random() < astray else wanted
    if chance.random() < piled:
        wanted, read = with_heap(wanted, read, chance)
    mode = sequence[:1]
    return torch.cat([mode, torch.tensor(wanted).flatten()]), torch.cat([mode, torch.tensor(read).flatten()])


def wrong_notes(rows: Triples, chance: np.random.Generator) -> Triples:
    """Rows [N, 3] in which runs of pitched events are moved, each run by some number of semitones up to a tritone."""
    lasts, wrong = LONGEST_RUN ** chance.random(), MOST_WRONG * (1 - chance.random())
    moves = np.zeros(len(rows), dtype=np.int64)
    at = 0
    while at < len(rows):
        at += int(chance.exponential(lasts * (1 - wrong) / wrong))
        end = at + 1 + int(chance.exponential(lasts - 1))
        moves[at:end] = chance.choice([-1, 1]) * chance.integers(1, FURTHEST + 1)
        at = end
    return transposed(rows, moves)


def transposed(rows: Triples, semitones: NDArray[np.int64]) -> Triples:
    """Rows [N, 3] with their pitched events moved by semitones [N]; those stay that would leave MIDI's 128 pitches."""
    pitch = token_lists.pitch_of(rows) + semitones
    can = (rows[:, 2] < NOTE_OFFSET + DRUMS * MAX_PITCH) & (pitch >= 0) & (pitch < MAX_PITCH)
    return rows + np.where(can, semitones, 0)[:, None] * np.array([0, 0, 1])


def with_heap(wanted: Triples, read: Triples, chance: np.random.Generator) -> tuple[Triples, Triples]:
    """Both [N, 3] with a heap of notes behind one of the events, at its tick; the end is cut, so that N rows are left.

    The notes are taken from all over the sequence, and moved by up to a tritone. In `wanted` they are NOTHING.
    """
    events = np.flatnonzero(wanted[:-1, 2] < REST)
    if not len(events):
        return wanted, read
    least, most = HEAP
    count = int(least * (most / least) ** chance.random())
    heap = transposed(wanted[chance.choice(events, count)], chance.integers(-FURTHEST, FURTHEST + 1, count))
    place = int(chance.choice(events))
    heap[:, 0] = wanted[place, 0]

    def behind(rows: Triples, put_in: Triples) -> Triples:
        return np.concatenate([rows[: place + 1], put_in, rows[place + 1 :]])[: len(rows)]

    return behind(wanted, np.full_like(heap, NOTHING)), behind(read, heap)
