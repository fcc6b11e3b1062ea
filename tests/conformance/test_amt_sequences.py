"""Whole training sequences against the authors', with numpy's older generator and their order of draws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from conformance.reading import golden, path_of
from course_utils.amt.midi import compound_to_events, midi_to_interarrival
from course_utils.amt.sequences import Tally, interarrival_sequences, training_sequences, unfit
from course_utils.amt.vocab import Triples

PIECES: dict[str, dict[str, Any]] = golden("amt/tokenize.json")
TRAINING: dict[str, Any] = golden("amt/training.json")
RUNS = {
    "augment1": (TRAINING["files_in_order"], 1),
    "augment10": (TRAINING["files_in_order"], 10),
    "augment30": (TRAINING["files_in_order"], 30),
    "only_song_b_augment10": (["song_b"], 10),
    "only_song_c_augment10": (["song_c"], 10),
}
REASONS = {"too_short": "too short", "too_long": "too long", "too_many_instruments": "too many instruments"}


def events(name: str) -> Triples:
    return compound_to_events(np.array(PIECES[name]["compound"]))


def test_every_run_is_compared() -> None:
    assert set(RUNS) | {"interarrival"} == set(TRAINING["runs"])


@pytest.mark.parametrize("run", RUNS)
def test_sequences(run: str) -> None:
    names, copies = RUNS[run]
    tally, wanted = Tally(), TRAINING["runs"][run]
    found = list(
        training_sequences([events(n) for n in names], np.random.RandomState(0), copies, compat=True, tally=tally)
    )
    np.testing.assert_array_equal(np.stack(found), golden("amt/training.npz")[run])
    assert (tally.sequences, tally.rests) == (wanted["sequences"], wanted["rest_tokens"])
    assert tally.inexpressible == wanted["inexpressible"]
    assert {key: tally.unfit.get(reason, 0) for key, reason in REASONS.items()} == {key: wanted[key] for key in REASONS}


def test_interarrival_sequences() -> None:
    names = [name for name in TRAINING["files_in_order"] if unfit(events(name)) is None]
    pieces = [midi_to_interarrival(path_of(f"amt/midi/{name}.mid")) for name in names]
    np.testing.assert_array_equal(
        np.stack(list(interarrival_sequences(pieces))), golden("amt/training.npz")["interarrival"]
    )


def test_filter() -> None:
    codes = {None: 0, "too short": 1, "too long": 2, "too many instruments": 3}
    assert {name: codes[unfit(events(name))] for name in PIECES} == TRAINING["filter_status"]
