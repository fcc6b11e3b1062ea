"""The benchmark of decoding: what it measures against is the same function, and its figures are what they say."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from conformance.test_vampnet_generate import CASES, settings, start, value
from conformance.test_vampnet_transformer import NETWORKS, close, flat_logits, network, recorded
from torch import Tensor

from benchmarks import vampnet as bench
from benchmarks.baselines import vampnet as authors
from benchmarks.table import interleaved_seconds
from course_utils.linear import linear
from course_utils.vampnet import DecodeSettings, VampNetConfig, decode, load_vampnet

SMALL = VampNetConfig(codebooks=3, width=32, layers=2, heads=4, vocabulary=40, entry_dim=4)
SMALL_FINE = VampNetConfig(codebooks=5, conditioning=2, width=32, layers=2, heads=4, vocabulary=40, entry_dim=4)


# --- the baseline is the same function --------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "run"), [case for case in CASES if case.values[1]["steps"] <= 12])
def test_the_baseline_is_the_authors_loop(name: str, run: dict[str, Any]) -> None:
    codes, mask = start(name, run)
    found = authors.decode(network(name), codes, mask, settings(run, compat=True))
    assert torch.equal(found, value(name, run, "output"))


@pytest.mark.parametrize("name", NETWORKS)
def test_the_baselines_logits_are_the_authors(name: str) -> None:
    logits = authors.logits_of(network(name), recorded(name, "codes_a"))
    close(logits[:, :, recorded(name, "logit_positions_a")], recorded(name, "logits_a"))


@pytest.mark.parametrize("config", [SMALL, SMALL_FINE])
def test_both_decode_alike_without_chance(config: VampNetConfig) -> None:
    net, codes = bench.random_network(config), bench.some_codes(config, 30)
    mask = torch.rand(codes.shape, generator=torch.Generator().manual_seed(1)) < 0.7  # without a prompt all is tied
    mask[:, : config.conditioning] = False
    cold = DecodeSettings(7, mask_temperature=0, sample_cutoff=-1, typical_mass=0.15, compat=True)
    seen: list[Tensor] = []
    theirs = authors.decode(net, codes, mask, cold, see_logits=seen.append)
    ours = decode(net, codes, mask, cold)
    assert torch.equal(ours.codes, theirs)
    for record, logits in zip(ours.trace, seen, strict=True):
        torch.testing.assert_close(flat_logits(net(record.seen)), logits, rtol=0, atol=1e-4)


def test_with_chance_the_baseline_fixes_as_many_and_keeps_the_prompt() -> None:
    net, codes = bench.random_network(SMALL), bench.some_codes(SMALL, 30)
    mask = torch.rand(codes.shape, generator=torch.Generator().manual_seed(1)) < 0.6
    with torch.random.fork_rng():
        torch.manual_seed(0)
        found = authors.decode(net, codes, mask, DecodeSettings(5, typical_mass=0.15))
        other = authors.decode(net, codes, mask, DecodeSettings(5, typical_mass=0.15))
    assert torch.equal(found[~mask], codes[~mask])
    assert found.max() < SMALL.vocabulary
    assert not torch.equal(found, other)


# --- the figures ------------------------------------------------------------------------------------------------------


def test_the_run_without_a_trace_is_the_same_run() -> None:
    net, codes = bench.random_network(SMALL), bench.some_codes(SMALL, 30)
    options = DecodeSettings(6)
    assert torch.equal(bench.without_trace(net, codes, options, seed=4), decode(net, codes, None, options, 4).codes)


def test_the_work_of_a_run_by_hand() -> None:
    net, codes = bench.random_network(SMALL), bench.some_codes(SMALL, 10)
    decoded = decode(net, codes, None, DecodeSettings(2))
    opened = [int((record.kept | record.remasked).sum()) for record in decoded.trace]
    assert opened[0] == 30
    weights = sum(p.numel() for name, p in net.named_parameters() if name.startswith("blocks") and p.ndim == 2)
    attention = 2 * SMALL.layers * 10 * 10 * 32  # scores and mixing, of all heads together
    one = 10 * weights + attention + 10 * 12 * 32
    assert bench.operations(SMALL, 10, decoded) == 2 * (2 * one + sum(opened) * 32 * 40)


def test_over_the_products_is_one_at_the_peak_itself() -> None:
    times = {"ours": [3.0, 6.0, 3.0], "matmul": [1.0, 2.0, 1.0]}
    work = 3 * 2 * 8**3
    rate, over, share = bench.over_products("x", work, 8, times, "matmul", 1.2)
    assert rate.value == pytest.approx(2 * 8**3 / 1e9)
    assert (over.value, share.value) == (pytest.approx(1), pytest.approx(100))
    assert not over.missed


def test_the_courses_sizes_are_those_of_its_networks() -> None:
    models = load_vampnet("course")
    assert (models.coarse.config, models.fine.config) == (bench.COURSE, bench.FINE)


def test_the_parts_give_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "COURSE", SMALL)
    monkeypatch.setattr(bench, "FINE", SMALL_FINE)
    found = [
        *bench.course_rows("cpu", passes=2, frames=20, repeats=1),
        *bench.stage_rows("cpu", passes=2, frames=20, repeats=1),
        *bench.trace_rows("cpu", passes=2, frames=20, repeats=1),
        *bench.official_rows("cpu", passes=2, config=SMALL, frames=20, repeats=1, size=64),
    ]
    assert all(row.value > 0 for row in found)
    assert {row.against_what for row in found if row.against} == {"target", bench.THEIRS}


def test_a_row_of_the_stages_is_the_median_of_its_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "COURSE", SMALL)
    monkeypatch.setattr(bench, "FINE", SMALL_FINE)
    asked: list[int] = []

    def rounds(actions: dict[str, Any], repeats: int, _: object) -> dict[str, list[float]]:
        asked.append(repeats)
        return dict(zip(actions, ([9.0, 1, 2], [0.25, 9, 0.5], [3.0, 4, 9]), strict=True))

    monkeypatch.setattr(bench, "interleaved_seconds", rounds)
    two, as_many = bench.stage_rows("cpu", frames=20, repeats=5)
    assert asked == [5]
    assert (two.value, as_many.value) == (2.5, 6)


def test_contenders_take_turns_and_the_first_round_does_not_count() -> None:
    calls: list[str] = []
    times = interleaved_seconds({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 2)
    assert calls == ["a", "b"] * 3
    assert [len(seconds) for seconds in times.values()] == [2, 2]


# --- the product behind the speed -------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(7, 12), (2, 7, 12), (0, 12), (1, 12)])
@pytest.mark.parametrize("with_bias", [False, True])
def test_our_product_is_the_usual_one(shape: tuple[int, ...], with_bias: bool) -> None:
    draw = torch.Generator().manual_seed(0)
    x, weight = torch.randn(shape, generator=draw), torch.randn(5, 12, generator=draw)
    bias = torch.randn(5, generator=draw) if with_bias else None
    wanted = torch.nn.functional.linear(x, weight, bias)
    with torch.inference_mode():
        torch.testing.assert_close(linear(x, weight, bias), wanted, rtol=0, atol=1e-5)
        halves = linear(x.bfloat16(), weight.bfloat16(), None if bias is None else bias.bfloat16())
    assert halves.dtype == torch.bfloat16


def test_what_is_learned_still_has_a_gradient() -> None:
    weight = torch.randn(5, 12, requires_grad=True)
    linear(torch.randn(3, 12), weight).sum().backward()
    assert weight.grad is not None
