"""Whole generations without chance against the authors': the same events, with the cache and without it."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.reading import golden
from conformance.test_amt_network import network
from course_utils.amt import vocab
from course_utils.amt.generate import Generated, generate, generate_ar
from course_utils.amt.vocab import as_triples

RUNS = golden("amt/generate.json")
FUNCTIONS = {"generate": generate, "generate_ar": generate_ar}


def again(run: dict[str, Any], **options: Any) -> Generated:
    args = run["args"]
    if "delta" in args:
        options["delta"] = args["delta"] / vocab.TIME_RESOLUTION
    return FUNCTIONS[run["function"]](
        network(),
        args["start_time"],
        args["end_time"],
        as_triples(args.get("inputs", [])),
        as_triples(args.get("controls", [])),
        top_p=args["top_p"],
        compat=True,
        **options,
    )


def same_steps(made: Generated, run: dict[str, Any]) -> None:
    """Every sampled triple and what its window was; some recordings go on with steps of another run."""
    for step, wanted in zip(made.steps, run["steps"], strict=False):
        assert list(step.triple) == wanted["new_token"]
        assert step.offset == wanted["offset"]
        assert 3 * step.rows_seen == wanted["history_len"] - wanted["lookback"]
    ends = [step["new_token"][0] >= 100 * run["args"]["end_time"] for step in run["steps"]]
    assert len(made.steps) == ends.index(True) + 1


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run["name"])
def test_the_events_are_the_authors(run: dict[str, Any]) -> None:
    made = again(run)
    same_steps(made, run)
    assert made.events.reshape(-1).tolist() == run["expected_events"]


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run["name"])
def test_without_a_cache_as_well(run: dict[str, Any]) -> None:
    made = again(run, cache=False)
    assert made.events.reshape(-1).tolist() == run["expected_events"]


def test_most_readings_are_saved_until_the_window_slides() -> None:
    by_name = {run["name"]: run for run in RUNS}
    short = again(by_name["accompaniment"])
    assert len(short.steps) > 50
    assert short.readings < 8
    sliding = again(by_name["sliding_window"])
    assert sliding.readings >= len(sliding.steps) - 1
