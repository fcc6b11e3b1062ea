"""Which events become controls, against the authors' functions with the same draws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from conformance.reading import golden
from course_utils.amt import token_lists as lists
from course_utils.amt.augment import choose_instruments, extract_instruments, extract_random, extract_spans
from course_utils.amt.vocab import as_triples

SOURCES: list[dict[str, Any]] = golden("amt/extract.json")


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source["source"])
def test_extraction(source: dict[str, Any]) -> None:
    events, rng = as_triples(source["events"]), np.random.RandomState(source["numpy_seed"])
    for call in source["calls_in_order"]:
        if call["fn"] == "extract_spans":
            found = extract_spans(events, rng, call["rate"])
        elif call["fn"] == "extract_random":
            found = extract_random(events, rng, call["rate"])
        else:
            assert call["fn"] == "extract_instruments"
            assert list(lists.instruments(events)) == call["instruments_in_order"]
            subset = choose_instruments(call["instruments_in_order"], rng)
            assert subset == call["subset"]
            found = extract_instruments(events, subset)
        assert [part.reshape(-1).tolist() for part in found] == [call["events"], call["controls"]], call["fn"]
