"""Operations on token lists against the authors', token by token. `OURS` maps their names and units to ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from conformance.reading import golden
from course_utils.amt import token_lists as lists
from course_utils.amt import vocab
from course_utils.amt.midi import events_to_compound
from course_utils.amt.vocab import Triples, as_triples, durations, seconds, ticks

CASES: list[dict[str, Any]] = golden("amt/ops.json")


def in_ticks(value: float, given_in_seconds: bool) -> int:
    return ticks(value, compat=True) if given_in_seconds else int(value)


def time_of(value: int, wanted_in_seconds: bool) -> float:
    return seconds(value) if wanted_in_seconds else value


def criterion(data: dict[str, int]) -> Callable[[Triples], Any]:
    if "instrument_equals" in data:
        return lambda triples: lists.instrument_of(triples) == data["instrument_equals"]
    return lambda triples: durations(triples) < data["duration_ticks_less_than"]


OURS: dict[str, Callable[..., Any]] = {
    "split": lists.split,
    "clip": lambda tokens, start, end, clip_duration, seconds: lists.clip(
        tokens, in_ticks(start, seconds), in_ticks(end, seconds), clip_duration
    ),
    "mask": lambda tokens, start, end: lists.mask(tokens, 100 * start, 100 * end),
    "delete": lambda tokens, criterion: lists.delete(tokens, globals()["criterion"](criterion)),
    "translate": lambda tokens, dt, seconds: lists.translate(tokens, in_ticks(dt, seconds)),
    "pad": lambda tokens, end_time, density: lists.pad(tokens, end_time, density),
    "unpad": lists.unpad,
    "sort": lists.sort,
    "combine": lambda events, controls: lists.combine(as_triples(events), as_triples(controls)),
    "min_time": lambda tokens, seconds, instr=None: time_of(lists.min_time(tokens, instr), seconds),
    "max_time": lambda tokens, seconds, instr=None: time_of(lists.max_time(tokens, instr), seconds),
    "get_instruments": lambda tokens: {str(k): n for k, n in lists.instruments(tokens, compat=True).items()},
    "events_to_compound": lambda tokens: events_to_compound(as_triples(tokens), compat=True),
}


def plain(answer: Any) -> Any:
    if isinstance(answer, tuple):
        return [plain(part) for part in answer]
    return answer.reshape(-1).tolist() if isinstance(answer, np.ndarray) else answer


def test_every_operation_is_mapped() -> None:
    assert {case["op"] for case in CASES} == set(OURS)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["op"])
def test_operation(case: dict[str, Any]) -> None:
    args = {name: as_triples(value) if name == "tokens" else value for name, value in case["args"].items()}
    if "raises" in case:
        with pytest.raises(vocab.TokensError):
            OURS[case["op"]](**args)
        return
    answer = plain(OURS[case["op"]](**args))
    if isinstance(answer, float):
        assert answer == pytest.approx(case["expected"], abs=1e-9)
    else:
        assert answer == case["expected"]
