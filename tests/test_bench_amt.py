"""The benchmark of sampling: what it measures against samples the same events, and its figures are what they say."""

from __future__ import annotations

import pytest
import torch
from conformance.reading import golden
from conformance.test_amt_network import TOLERANCE, network, recorded

from benchmarks import amt as bench
from benchmarks.baselines import amt as authors
from course_utils.amt import vocab
from course_utils.amt.network import AMTConfig
from course_utils.amt.rules import allowed
from course_utils.amt.vocab import as_triples

TINY = AMTConfig(width=8, layers=1, heads=1)
RUNS = {run["name"]: run for run in golden("amt/generate.json")}


def test_the_baselines_logits_are_the_recorded_ones() -> None:
    tokens, wanted = recorded("b")
    with torch.no_grad():
        torch.testing.assert_close(authors.logits_of(network(), tokens)[0, -1], wanted, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("name", ["unconditional", "prompt", "fifteen_instruments", "sliding_window"])
def test_the_baseline_samples_the_authors_events(name: str) -> None:
    run = RUNS[name]
    first, tokens = run["steps"][0], run["args"].get("inputs", [])
    assert len(tokens) == first["history_len"]
    found = authors.sample_event(network(), first["z"], list(tokens), 1e-6, first["current_time"])
    assert found == first["new_token"]


def test_every_part_gives_rows_that_say_what_they_are() -> None:
    found = bench.size_rows("tiny", TINY, "cpu", torch.float32, histories=(30, 1000), events=2)
    texts = [str(row) for row in found]
    assert any("30 tokens of history: a token" in text and bench.THEIRS in text for text in texts)
    assert any("with slides: share of their time" in text for text in texts)
    assert any("bandwidth in products" in text for text in texts)
    assert all(row.value > 0 for row in found)


def test_a_whole_turn_of_the_window_is_measured() -> None:
    times = list(bench.event_seconds(bench.random_network(TINY), 330, 8, slide=5))
    assert len(times) == 8


def test_all_times_are_scored_that_are_charged_for() -> None:
    assert allowed(0, floor_ticks=800, rules=bench.ALL_TIMES) == ((0, vocab.MAX_TIME),)


def test_the_bytes_of_a_token_are_those_of_its_layers_and_a_third_of_the_scores() -> None:
    small = bench.random_network(TINY)
    layer = 8 * 24 + 24 + 8 * 8 + 8 + 8 * 32 + 32 + 32 * 8 + 8 + 4 * 8
    assert bench.bytes_per_token(small) == pytest.approx(4 * (layer + 8 * 27_513 / 3))
    assert bench.bytes_per_token(small.bfloat16()) == pytest.approx(2 * (layer + 8 * 27_513 / 3))


def test_the_random_piece_is_one() -> None:
    events = as_triples(bench.some_events(50))
    assert (vocab.durations(events) >= 5).all()
    assert vocab.onsets(events)[-1] == 245
