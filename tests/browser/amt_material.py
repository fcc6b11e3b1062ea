"""Excerpts of real pieces as triples, for the tests of the piano roll and of the interleaving stepper."""

from __future__ import annotations

from functools import cache

import numpy as np

from course_utils.amt import token_lists, vocab
from course_utils.amt.midi import read_midi
from course_utils.amt.vocab import Triples
from course_utils.paths import data_folder
from course_utils.show import Interleaving, PianoRoll, interleaving_stepper, piano_roll

LEAD = 48  # strings


@cache
def excerpt(name: str, start: float, seconds: float) -> Triples:
    """Events of a Freedoom piece, from 0 s on."""
    piece = token_lists.sort(read_midi(data_folder() / "midi" / "freedoom" / f"{name}.mid"))
    cut = token_lists.clip(piece, vocab.ticks(start), vocab.ticks(start + seconds), clip_duration=False)
    return token_lists.translate(cut, -vocab.ticks(start))


@cache
def melody_and_rest(seconds: float = 20.0) -> tuple[Triples, Triples]:
    """(events, controls): 20 s of a piece, its melody of strings as controls."""
    piece = excerpt("fd12_freedoom2_D_DDTBL3", 20.0, seconds)
    lead = token_lists.instrument_of(piece) == LEAD
    return piece[~lead], vocab.as_controls(piece[lead])


def roll(**options: object) -> PianoRoll:
    """Four seconds with every kind of row: events, controls, drums and a rest."""
    events, controls = melody_and_rest(4.0)
    mixed = token_lists.sort(np.concatenate([token_lists.pad(events, 650), controls]))
    return piano_roll(mixed, "Four seconds", source="Freedoom", **options)


def stepper(seconds: float = 20.0, **options: object) -> Interleaving:
    """The stepper over one real excerpt."""
    return interleaving_stepper(*melody_and_rest(seconds), source="Freedoom", **options)
