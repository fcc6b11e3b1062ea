"""Our `anticipate` against the authors', token by token."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.reading import golden
from course_utils.amt import token_lists as lists
from course_utils.amt.interleave import anticipate, arrange, de_interleave
from course_utils.amt.vocab import as_triples

CASES: list[dict[str, Any]] = golden("amt/interleave.json")
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['source']}-{case['delta_seconds']}s")


@each_case
def test_anticipate(case: dict[str, Any]) -> None:
    events, controls = as_triples(case["events"]), as_triples(case["controls"])
    tokens, leftover = anticipate(events, controls, case["delta_seconds"])
    assert tokens.reshape(-1).tolist() == case["tokens"]
    assert leftover.reshape(-1).tolist() == case["leftover_controls"]


@each_case
def test_arrangement_and_back(case: dict[str, Any]) -> None:
    events, controls = as_triples(case["events"]), as_triples(case["controls"])
    arrangement = arrange(events, controls, "anticipation", case["delta_seconds"])
    assert arrangement.tokens.reshape(-1).tolist() == case["tokens"]
    assert [part.tolist() for part in de_interleave(arrangement)] == [events.tolist(), controls.tolist()]
    assert lists.split(arrangement.tokens)[0].tolist() == events.tolist()
