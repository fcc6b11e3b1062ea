"""The schedule: curves that fall from 1 to 0, and counts that fix every token exactly once."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_utils.vampnet import fixed_counts, masked_after, masked_counts, schedule

CURVES = {"cosine": schedule.cosine, "linear": schedule.linear, "random": schedule.random(seed=3)}
curves = st.sampled_from(sorted(CURVES))
tokens, passes = st.integers(0, 4000), st.integers(1, 100)


@pytest.mark.parametrize("name", CURVES)
def test_a_curve_falls_from_one_to_zero(name: str) -> None:
    share = CURVES[name](torch.linspace(0, 1, 401))
    assert share.dtype == torch.float32
    assert share[0].item() == pytest.approx(1)
    assert share[-1].item() == pytest.approx(0, abs=1e-6)
    assert (share.diff() <= 0).all()


def test_values_of_the_curves() -> None:
    r = torch.tensor([1 / 3, 0.5, 2 / 3])
    torch.testing.assert_close(schedule.cosine(r), torch.tensor([math.sqrt(3) / 2, math.sqrt(0.5), 0.5]))
    torch.testing.assert_close(schedule.linear(r), torch.tensor([2 / 3, 0.5, 1 / 3]))
    torch.testing.assert_close(schedule.inverse_cosine(schedule.cosine(r)), r)


def test_random_curves_differ_by_seed_only() -> None:
    r = torch.linspace(0, 1, 50)
    assert torch.equal(schedule.random(seed=1)(r), schedule.random(seed=1)(r))
    assert not torch.equal(schedule.random(seed=1)(r), schedule.random(seed=2)(r))
    torch.testing.assert_close(schedule.random(corners=0)(r), schedule.linear(r))  # nothing between the ends


@given(tokens, passes, curves)
def test_every_token_is_fixed_once(n: int, t: int, curve: str) -> None:
    counts, fixed = masked_counts(n, t, CURVES[curve]), fixed_counts(n, t, CURVES[curve])
    assert len(counts) == len(fixed) == t
    assert sum(fixed) == n
    assert counts[-1] == 0
    assert min(fixed) >= 0


@given(tokens, passes, curves)
def test_a_pass_is_idle_only_when_one_token_waits_for_the_last(n: int, t: int, curve: str) -> None:
    after = masked_counts(n, t, CURVES[curve])
    for number, (before, now) in enumerate(zip([n, *after[:-1]], after, strict=True), start=1):
        assert now < before or before == 0 or (before == now == 1 and number < t)


@given(st.integers(1000, 4000), st.integers(2, 40))
def test_the_counts_follow_the_curve(n: int, t: int) -> None:
    for number, count in enumerate(masked_counts(n, t)[:-1], start=1):
        asked = math.cos(math.pi * number / t / 2) * n
        assert count <= asked + 1
        assert count == n - number or count > asked - 1.01  # early passes fix one token although the curve says none


def test_half_of_an_even_number_is_one_less_in_float32() -> None:
    assert masked_counts(1000, 12)[7] == 499
    assert math.floor(math.cos(math.pi * 8 / 12 / 2) * 1000) == 500


def test_the_cosine_starts_slower_than_the_line() -> None:
    assert masked_counts(1000, 4, schedule.linear) == [750, 500, 250, 0]
    assert masked_counts(1000, 4) == [923, 707, 382, 0]


def test_one_pass_and_one_token() -> None:
    assert masked_counts(500, 1) == [0]
    assert masked_counts(1, 5) == [1, 1, 1, 1, 0]
    assert masked_counts(0, 3) == [0, 0, 0]


def test_a_pass_starts_from_what_is_masked_now() -> None:
    assert masked_after(1, 4, n_masked=1000, now=1000) == 923
    assert masked_after(1, 4, n_masked=1000, now=900) == 899  # ties masked fewer than asked before
    assert masked_after(4, 4, n_masked=1000, now=900) == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: masked_counts(10, 0), "at least 1 pass, not 0"),
        (lambda: masked_counts(-1, 3), "0 or more, not -1"),
        (lambda: fixed_counts(10, -2), "not -2"),
        (lambda: masked_after(5, 4, 10, 10), "pass 5 is not one of the passes 1 to 4"),
        (lambda: masked_after(0, 4, 10, 10), "pass 0"),
        (lambda: schedule.cosine(torch.tensor([0.5, 1.5])), "between 0 and 1; seen: 0.5 to 1.5"),
        (lambda: schedule.linear(torch.tensor([math.nan])), "between 0 and 1"),
        (lambda: schedule.cosine(torch.tensor([1])), r"floating-point tensor from 0 to 1, not torch\.int64"),
        (lambda: schedule.inverse_cosine(torch.tensor([-0.1])), "share of masked tokens must lie"),
        (lambda: schedule.random(corners=-1), "not -1"),
    ],
)
def test_bad_input(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_a_curve_that_gives_no_number_is_told() -> None:
    with pytest.raises(ValueError, match=r"gamma\(0.25\) is nan: it must be the share still masked, 0 to 1"):
        masked_counts(40, 4, lambda r: r * torch.nan)
