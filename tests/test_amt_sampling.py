"""One token from logits: nucleus, temperature, and how a uniform number decides."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.amt.sampling import SHORT_LIST, check_sampling, draw, nucleus

LOGITS = torch.tensor([0.5, 0.3, 0.15, 0.05]).log()


def some_logits(seed: int, size: int, spread: float) -> torch.Tensor:
    return spread * torch.randn(size, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("top_p", "kept"), [(0.4, 1), (0.6, 2), (0.85, 3), (0.99, 4), (1.0, 4), (1e-6, 1)])
def test_the_token_that_crosses_is_kept(top_p: float, kept: int) -> None:
    assert int(draw(LOGITS, 0.0, top_p).nucleus) == kept


def test_the_number_picks_by_falling_probability() -> None:
    picked = [int(draw(LOGITS.flip(0), u).index) for u in (0.0, 0.49, 0.51, 0.79, 0.81, 0.94, 0.96, 1.0)]
    assert picked == [3, 3, 2, 2, 1, 1, 0, 0]


@given(st.integers(0, 10_000), st.floats(0, 1), st.floats(0.01, 1), st.sampled_from([3, 600, 2000]))
@settings(deadline=None)
def test_only_the_nucleus_is_drawn_from(seed: int, uniform: float, top_p: float, size: int) -> None:
    logits = some_logits(seed, size, 3.0)
    drawn = draw(logits, uniform, top_p)
    rank = int((logits > logits[drawn.index]).sum())
    assert rank < int(drawn.nucleus)
    assert float(drawn.probability) == pytest.approx(float(logits.softmax(-1)[drawn.index]))


@given(st.integers(0, 10_000), st.floats(0.01, 0.999), st.floats(0.1, 8))
@settings(deadline=None)
def test_a_short_list_gives_the_nucleus_of_a_full_sort(seed: int, top_p: float, spread: float) -> None:
    logits = (16 * some_logits(seed, 2 * SHORT_LIST + 1, spread)).round() / 16  # many are equal
    probability = logits.softmax(-1)
    order, _, taken = nucleus(probability, top_p)
    likely, full = probability.sort(descending=True, stable=True)
    count = 1 + int((likely.cumsum(0)[:-1] <= top_p).sum())
    assert int(taken) == count
    certain = probability[full[:count]] > likely[SHORT_LIST - 1]  # at the very end of the list others may be equal
    assert order[:count][certain].tolist() == full[:count][certain].tolist()


def test_what_is_forbidden_is_never_drawn() -> None:
    logits = torch.full((1000,), -torch.inf)
    logits[[7, 900]] = 0.0
    assert {int(draw(logits, u / 50, 1.0).index) for u in range(51)} == {7, 900}


def test_frequencies_are_the_probabilities() -> None:
    uniform = (torch.arange(2000) + 0.5) / 2000
    counts = torch.bincount(torch.tensor([int(draw(LOGITS, float(u)).index) for u in uniform]), minlength=4)
    torch.testing.assert_close(counts / 2000, LOGITS.exp(), rtol=0, atol=2e-3)


def test_temperature() -> None:
    assert int(draw(LOGITS, 0.99, temperature=0).index) == 0
    assert float(draw(LOGITS, 0.99, temperature=0).probability) == pytest.approx(0.5)
    assert float(draw(LOGITS, 0.0, temperature=0.5).probability) == pytest.approx(0.25 / 0.365)
    hot, cold = draw(LOGITS, 0.0, temperature=9.0), draw(LOGITS, 0.0, temperature=0.1)
    assert float(hot.entropy) > 1.9 > 0.1 > float(cold.entropy)


def test_entropy_is_in_bits() -> None:
    assert float(draw(torch.zeros(8), 0.5).entropy) == pytest.approx(3.0)
    assert float(draw(torch.tensor([0.0, -torch.inf]), 0.5).entropy) == 0.0


@pytest.mark.parametrize("p", [0, -0.1, 1.01, float("nan")])
def test_p_outside_its_range(p: float) -> None:
    with pytest.raises(ValueError, match="above 0 and at most 1, not"):
        check_sampling(p, 1.0)


def test_negative_temperature() -> None:
    with pytest.raises(ValueError, match="0 or more, not -1"):
        draw(LOGITS, 0.5, temperature=-1)
