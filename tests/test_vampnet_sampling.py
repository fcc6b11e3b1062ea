"""Filters keep what they should, draws follow the probabilities, and the ranking takes exactly as many as asked."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from course_utils.vampnet.sampling import (
    below_cutoff,
    confidence_of,
    gumbel,
    least_confident,
    mask_by_random_topk,
    sample_from_logits,
    top_p_filter,
    typical_filter,
)

SHARE = st.floats(0.01, 1.0)
SEED = st.integers(0, 10_000)


def random_logits(seed: int, rows: int = 5, size: int = 12) -> Tensor:
    return 3 * torch.randn(rows, size, generator=torch.Generator().manual_seed(seed))


def uniform(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


# --- filters ----------------------------------------------------------------------------------------------------------


def test_top_p_by_hand() -> None:
    logits = torch.tensor([0.5, 0.1, 0.3, 0.1]).log()
    assert top_p_filter(logits, 0.4).isfinite().tolist() == [True, False, False, False]
    assert top_p_filter(logits, 0.6).isfinite().tolist() == [True, False, True, False]  # the one that crosses stays
    assert torch.equal(top_p_filter(logits, 1.0), logits)


@given(seed=SEED, top_p=SHARE)
@settings(max_examples=50, deadline=None)
def test_top_p_keeps_the_smallest_set_that_holds_the_share(seed: int, top_p: float) -> None:
    logits = random_logits(seed)
    kept = top_p_filter(logits, top_p).isfinite()
    probability = logits.double().softmax(-1)
    held = (probability * kept).sum(-1)
    assert (held >= top_p - 1e-5).all()
    last = torch.where(kept, probability, 2.0).amin(-1)
    assert (held - last <= top_p + 1e-5).all()  # without its least likely token it would hold less
    dropped = torch.where(kept, -1.0, probability).amax(-1)
    assert (dropped <= last).all()


def test_typical_prefers_the_expected_surprise_to_the_likeliest_token() -> None:
    # one token of probability 0.4 and 24 of 0.025: the entropy is near the surprise of the many
    logits = torch.tensor([0.4] + 24 * [0.025]).log()
    kept = typical_filter(logits, 0.5).isfinite()
    assert not kept[0]
    assert kept[1:].all()


@given(seed=SEED, mass=SHARE, least=st.integers(1, 12))
@settings(max_examples=50, deadline=None)
def test_typical_keeps_its_mass_and_its_minimum(seed: int, mass: float, least: int) -> None:
    logits = random_logits(seed)
    filtered = typical_filter(logits, mass, least)
    kept = filtered.isfinite()
    assert ((logits.softmax(-1) * kept).sum(-1) >= mass - 1e-5).all()
    assert (kept.sum(-1) >= least).all()
    assert torch.equal(filtered[kept], logits[kept])


@given(seed=SEED)
@settings(max_examples=20, deadline=None)
def test_filters_leave_their_input_alone(seed: int) -> None:
    logits = random_logits(seed)
    copy = logits.clone()
    top_p_filter(logits, 0.5)
    typical_filter(logits, 0.5)
    sample_from_logits(logits, uniform(5), 0.7, 0.5)
    assert torch.equal(logits, copy)


@pytest.mark.parametrize("share", [0.0, -0.1, 1.1, math.nan])
def test_shares_that_cannot_be_are_refused(share: float) -> None:
    with pytest.raises(ValueError, match=r"top_p is a share.*not"):
        top_p_filter(torch.zeros(3), share)
    with pytest.raises(ValueError, match=r"typical mass is a share.*not"):
        typical_filter(torch.zeros(3), share)
    with pytest.raises(ValueError, match="min_tokens = 0"):
        typical_filter(torch.zeros(3), 0.5, 0)


# --- the choice of a token --------------------------------------------------------------------------------------------


def test_draws_follow_the_probabilities() -> None:
    logits = torch.tensor([0.1, 0.0, 0.6, 0.3]).log().expand(40_000, 4)
    token, probability = sample_from_logits(logits, uniform(40_000))
    share = torch.bincount(token, minlength=4) / 40_000
    torch.testing.assert_close(share, torch.tensor([0.1, 0.0, 0.6, 0.3]), rtol=0, atol=0.01)
    torch.testing.assert_close(probability, torch.tensor([0.1, 0.0, 0.6, 0.3])[token])


def test_temperature_sharpens_and_flattens() -> None:
    logits = torch.tensor([0.2, 0.8]).log().expand(20_000, 2)
    for temperature in (0.5, 1.0, 2.0):
        wanted = float((logits[0] / temperature).softmax(-1)[0])
        token, _ = sample_from_logits(logits, uniform(20_000), temperature)
        assert float((token == 0).float().mean()) == pytest.approx(wanted, abs=0.015)


@given(seed=SEED, number=st.sampled_from([0.0, 1e-30, 0.5, 1 - 2**-24, 1.0]), top_p=st.sampled_from([None, 0.2, 0.9]))
@settings(max_examples=50, deadline=None)
def test_a_token_that_was_filtered_out_is_never_drawn(seed: int, number: float, top_p: float | None) -> None:
    logits = random_logits(seed)
    logits[:, [0, 5, 11]] = -torch.inf  # also the first and the last
    token, probability = sample_from_logits(logits, torch.full((5,), number), 1.3, top_p)
    assert (probability > 0).all()
    assert not torch.isin(token, torch.tensor([0, 5, 11])).any()


@given(seed=SEED, temperature=st.sampled_from([0.0, 0.3, 1.0, 4.0]))
@settings(max_examples=30, deadline=None)
def test_without_chance_or_warmth_the_likeliest_token_is_taken(seed: int, temperature: float) -> None:
    logits = random_logits(seed)
    assert torch.equal(sample_from_logits(logits, None, temperature)[0], logits.argmax(-1))
    assert torch.equal(sample_from_logits(logits, uniform(5), 0.0)[0], logits.argmax(-1))


def test_no_rows_give_no_tokens() -> None:
    token, probability = sample_from_logits(torch.zeros(0, 8), torch.zeros(0), top_p=0.9)
    assert token.shape == probability.shape == (0,)


@pytest.mark.parametrize("temperature", [-0.1, math.inf, math.nan])
def test_temperatures_that_cannot_be_are_refused(temperature: float) -> None:
    with pytest.raises(ValueError, match=r"a temperature is 0 or more, not"):
        sample_from_logits(torch.zeros(1, 3), None, temperature)
    with pytest.raises(ValueError, match=r"a mask temperature is 0 or more, not"):
        confidence_of(torch.ones(3), temperature, uniform(3))


# --- the ranking ------------------------------------------------------------------------------------------------------


def test_gumbel_noise_is_finite_and_samples_by_the_largest_sum() -> None:
    assert gumbel(torch.tensor([0.0, 0.5, 1 - 2**-24])).isfinite().all()
    noise = gumbel(uniform(40_000, 3))
    assert float(noise.mean()) == pytest.approx(0.5772, abs=0.02)  # Euler's constant
    share = torch.bincount((torch.tensor([0.2, 0.5, 0.3]).log() + noise).argmax(-1)) / 40_000
    torch.testing.assert_close(share, torch.tensor([0.2, 0.5, 0.3]), rtol=0, atol=0.01)


def test_without_noise_the_ranking_is_that_of_the_probabilities() -> None:
    probability = torch.tensor([[0.9, 0.1, 0.5, 0.3]])
    assert mask_by_random_topk(torch.tensor([[2]]), probability).tolist() == [[False, True, False, True]]


def test_noise_may_overrule_the_probabilities_and_needs_chance() -> None:
    probability = torch.linspace(0.1, 0.9, 200)[None]
    count = torch.tensor([[100]])
    plain = mask_by_random_topk(count, probability)
    assert (plain != mask_by_random_topk(count, probability, 10.5, uniform(1, 200))).sum() > 50
    assert (plain != mask_by_random_topk(count, probability, 0.001, uniform(1, 200))).sum() < 10
    with pytest.raises(ValueError, match="one for each probability"):
        confidence_of(probability, 1.0)


@given(values=st.lists(st.sampled_from([0.1, 0.2, 0.2, 0.5, 0.9]), min_size=1, max_size=20), data=st.data())
@settings(max_examples=60, deadline=None)
def test_exactly_as_many_as_asked_and_never_more_sure_than_one_that_stays(values: list[float], data) -> None:  # type: ignore[no-untyped-def]
    confidence = torch.tensor([values])
    count = torch.tensor([[data.draw(st.integers(0, len(values)))]])
    marked = least_confident(confidence, count)
    assert int(marked.sum()) == int(count)
    if 0 < int(count) < len(values):
        assert confidence[marked].max() <= confidence[~marked].min()
    fewer = below_cutoff(confidence, count)
    assert int(fewer.sum()) <= int(count)
    assert not (fewer & ~marked).any()


def test_in_ties_the_authors_mask_fewer() -> None:
    probability = torch.tensor([[0.5, 0.2, 0.2, 0.2, 0.1]])
    count = torch.tensor([[2]])
    assert mask_by_random_topk(count, probability).sum() == 2
    assert mask_by_random_topk(count, probability, compat=True).tolist() == [[False, False, False, False, True]]


def test_rows_have_counts_of_their_own() -> None:
    marked = least_confident(torch.tensor([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]), torch.tensor([[1], [2]]))
    assert marked.tolist() == [[True, False, False], [False, True, True]]
