"""Decoding keeps the prompt, follows the schedule, depends on the seed alone, and tells truly what it did."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from course_utils.vampnet.decoding import (
    Decoded,
    DecodeSettings,
    Step,
    _sample_all,
    decode,
    decode_coarse_to_fine,
    one_pass,
)
from course_utils.vampnet.masks import Mask
from course_utils.vampnet.schedule import linear, masked_counts
from course_utils.vampnet.transformer import VampNet, VampNetConfig

COARSE = VampNetConfig(codebooks=2, width=16, layers=1, heads=2, vocabulary=20, entry_dim=4)
FINE = VampNetConfig(codebooks=5, conditioning=2, width=16, layers=1, heads=2, vocabulary=20, entry_dim=4)


def made(config: VampNetConfig, seed: int) -> VampNet:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = VampNet(config, torch.randn(config.codebooks, config.vocabulary, config.entry_dim))
        torch.nn.init.normal_(network.out.weight, std=0.5)  # so that some tokens are surer than others
    return network.eval().requires_grad_(False)


NETWORK, FINE_NETWORK = made(COARSE, 0), made(FINE, 1)


def clip(frames: int = 8, batch: int = 1, codebooks: int = 2, seed: int = 0) -> Tensor:
    return torch.randint(20, (batch, codebooks, frames), generator=torch.Generator().manual_seed(seed))


def some_mask(codes: Tensor, share: float, seed: int = 0) -> Tensor:
    return torch.rand(codes.shape, generator=torch.Generator().manual_seed(seed)) < share


def same(a: Decoded, b: Decoded) -> bool:
    fields = ("seen", "tokens", "kept", "remasked", "asked", "done")
    return torch.equal(a.codes, b.codes) and all(
        torch.equal(getattr(x, f), getattr(y, f)) for x, y in zip(a.trace, b.trace, strict=True) for f in fields
    )


CASE = {
    "frames": st.integers(1, 12),
    "share": st.floats(0, 1),
    "passes": st.integers(1, 9),
    "seed": st.integers(0, 1000),
    "compat": st.booleans(),
}


@given(**CASE)
@settings(max_examples=40, deadline=None)
def test_the_prompt_comes_through_and_nothing_stays_open(
    frames: int, share: float, passes: int, seed: int, compat: bool
) -> None:
    codes = clip(frames, batch=2, seed=seed)
    mask = some_mask(codes, share, seed)
    decoded = decode(NETWORK, codes, mask, DecodeSettings(passes, compat=compat), seed)
    assert torch.equal(decoded.codes[~mask], codes[~mask])
    assert decoded.codes.min() >= 0
    assert decoded.codes.max() < COARSE.vocabulary
    assert decoded.codes.dtype == torch.int64


@given(**CASE)
@settings(max_examples=40, deadline=None)
def test_the_trace_tells_what_happened(frames: int, share: float, passes: int, seed: int, compat: bool) -> None:
    codes = clip(frames, batch=2, seed=seed)
    mask = some_mask(codes, share, seed)
    decoded = decode(NETWORK, codes, mask, DecodeSettings(passes, compat=compat), seed)
    assert [record.number for record in decoded.trace] == list(range(1, passes + 1))
    is_open, known = mask, codes
    for record in decoded.trace:
        assert torch.equal(record.seen, known.masked_fill(is_open, COARSE.mask_token))
        assert torch.equal(record.kept | record.remasked, is_open)
        assert not (record.kept & record.remasked).any()
        assert torch.equal(record.tokens[~is_open], known[~is_open])
        assert torch.equal(record.done, record.remasked.sum((1, 2)))
        assert (record.confidence[~is_open] == torch.inf).all()
        assert (record.probability[~is_open] == 1).all()
        is_open, known = record.remasked, record.tokens
    assert not is_open.any()
    assert torch.equal(decoded.codes, known)


@given(frames=st.integers(1, 20), passes=st.integers(1, 40), share=st.floats(0, 1), straight=st.booleans())
@settings(max_examples=30, deadline=None)
def test_what_is_asked_is_done(frames: int, passes: int, share: float, straight: bool) -> None:
    codes = clip(frames, batch=2)
    mask = some_mask(codes, share)
    options = DecodeSettings(passes, gamma=linear) if straight else DecodeSettings(passes)
    decoded = decode(NETWORK, codes, mask, options)
    wanted = [masked_counts(int(m.sum()), passes, options.gamma) for m in mask]
    done = torch.stack([record.done for record in decoded.trace], dim=1).tolist()
    assert done == torch.stack([record.asked for record in decoded.trace], dim=1).tolist() == wanted


def test_the_least_confident_are_masked_again() -> None:
    for record in decode(NETWORK, clip(12), None, DecodeSettings(6)).trace[:-1]:
        assert record.confidence[record.remasked].max() <= record.confidence[record.kept].min()


def test_without_noise_confidence_is_the_probability() -> None:
    decoded = decode(NETWORK, clip(12), None, DecodeSettings(4, mask_temperature=0))
    for record in decoded.trace:
        sampled = record.kept | record.remasked
        torch.testing.assert_close(record.confidence[sampled], record.probability[sampled].log())


def test_noise_falls_to_nothing_at_the_last_pass() -> None:
    options = DecodeSettings(4, mask_temperature=8.0)
    assert [options.noise(number) for number in (1, 2, 3, 4)] == [6.0, 4.0, 2.0, 0.0]


def a_pass(chance: Tensor, asked: int) -> Step:
    codes = clip(12)
    seen = codes.masked_fill(some_mask(codes, 0.5), COARSE.mask_token)
    return one_pass(NETWORK, seen, torch.tensor([asked]), chance, DecodeSettings(4), 1, NETWORK.bias(12))


def test_tokens_and_ranking_have_chances_of_their_own() -> None:
    chance = torch.rand((2, 1, 2, 12), generator=torch.Generator().manual_seed(0))
    first = a_pass(chance, 5)
    other_ranking = a_pass(torch.stack([chance[0], chance[1].flip(-1)]), 5)
    assert torch.equal(first.tokens, other_ranking.tokens)
    assert not torch.equal(first.remasked, other_ranking.remasked)
    other_tokens = a_pass(torch.stack([chance[0].flip(-1), chance[1]]), 5)
    assert not torch.equal(first.tokens, other_tokens.tokens)


def test_the_prompt_is_never_opened_even_if_more_is_asked_for_than_was_open() -> None:
    codes = clip(12)
    assert torch.equal(a_pass(torch.full((2, 1, 2, 12), 0.5), 24).remasked, some_mask(codes, 0.5))


# --- seeds and batches ------------------------------------------------------------------------------------------------


def test_a_seed_decides_whatever_ran_before() -> None:
    first = decode(NETWORK, clip(30), seed=3)
    torch.rand(7)  # the global generator must not matter
    assert same(first, decode(NETWORK, clip(30), seed=3))
    assert not torch.equal(first.codes, decode(NETWORK, clip(30), seed=4).codes)


@given(batch=st.integers(2, 4), passes=st.integers(1, 8), seed=st.integers(0, 100))
@settings(max_examples=20, deadline=None, derandomize=True)
def test_a_clip_in_a_batch_is_what_it_is_alone(batch: int, passes: int, seed: int) -> None:
    codes = clip(9, batch, seed=seed)
    mask = some_mask(codes, 0.7, seed)
    together = decode(NETWORK, codes, mask, DecodeSettings(passes), seed).codes
    for b in range(batch):
        alone = decode(NETWORK, codes[b : b + 1], mask[b : b + 1], DecodeSettings(passes), seed + b).codes
        assert torch.equal(together[b : b + 1], alone)


def test_the_authors_schedule_is_late_in_a_batch() -> None:
    codes = clip(20, batch=4)
    ours, theirs = (decode(NETWORK, codes, None, DecodeSettings(8, compat=compat)) for compat in (False, True))
    assert [int(record.done[0]) for record in ours.trace] == masked_counts(40, 8)
    late = [int(record.done[0]) for record in theirs.trace]
    assert late[:6] == [39, 38, 37, 36, 35, 34]
    assert late[-1] == 0


def test_seeds_may_be_given_one_by_one() -> None:
    codes = clip(9, 1).repeat(2, 1, 1)
    result = decode(NETWORK, codes, seed=[5, 5]).codes
    assert torch.equal(result[0], result[1])
    assert not torch.equal(*decode(NETWORK, codes, seed=5).codes.unbind(0))
    counted = DecodeSettings(np.int64(3), temperature=np.float32(1))  # type: ignore[arg-type]
    assert same(decode(NETWORK, codes, None, counted, np.int64(5)), decode(NETWORK, codes, None, DecodeSettings(3), 5))
    with pytest.raises(ValueError, match="3 seeds for 2 clips"):
        decode(NETWORK, codes, seed=[1, 2, 3])


# --- what sampling is given -------------------------------------------------------------------------------------------


def test_typical_filtering_works_and_in_compat_does_not() -> None:
    plain, filtered = DecodeSettings(4), DecodeSettings(4, typical_mass=0.2)
    codes = clip(40)
    assert not torch.equal(decode(NETWORK, codes, None, filtered).codes, decode(NETWORK, codes, None, plain).codes)
    plain, filtered = replace(plain, compat=True), replace(filtered, compat=True)
    assert same(decode(NETWORK, codes, None, filtered), decode(NETWORK, codes, None, plain))


def test_no_sampling_needs_no_seed() -> None:
    codes, mask = clip(12), some_mask(clip(12), 0.6)
    cold = DecodeSettings(5, mask_temperature=0, sample_cutoff=-1)
    assert same(decode(NETWORK, codes, mask, cold, 1), decode(NETWORK, codes, mask, cold, 2))
    freezing = replace(cold, temperature=0, sample_cutoff=1)
    assert torch.equal(decode(NETWORK, codes, mask, freezing, 3).codes, decode(NETWORK, codes, mask, cold).codes)


def test_the_cutoff_says_how_many_passes_sample() -> None:
    assert [DecodeSettings(4, sample_cutoff=0.5).samples(n) for n in (1, 2, 3, 4)] == [True, True, True, False]
    assert [DecodeSettings(4, sample_cutoff=0).samples(n) for n in (1, 2)] == [True, False]
    assert not DecodeSettings(4, sample_cutoff=-1).samples(1)


def test_a_small_nucleus_is_the_likeliest_token() -> None:
    codes, mask = clip(12), some_mask(clip(12), 0.6)
    options = DecodeSettings(1, top_p=1e-6)
    cold = DecodeSettings(1, temperature=0)
    assert torch.equal(decode(NETWORK, codes, mask, options).codes, decode(NETWORK, codes, mask, cold).codes)


def test_half_precision_decodes_too() -> None:
    network = made(COARSE, 0).bfloat16()
    codes, mask = clip(12), some_mask(clip(12), 0.6)
    decoded = decode(network, codes, mask, DecodeSettings(4, top_p=0.9))
    assert torch.equal(decoded.codes[~mask], codes[~mask])
    assert decoded.trace[0].probability.dtype == torch.float32


# --- hooks ------------------------------------------------------------------------------------------------------------


def test_progress_counts_the_passes_of_both_stages() -> None:
    calls: list[tuple[int, int]] = []
    codes = clip(6, codebooks=5)
    decode_coarse_to_fine(
        NETWORK, FINE_NETWORK, codes, None, DecodeSettings(3), 2, progress=lambda *now: calls.append(now)
    )
    assert calls == [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]


class NoWaiting(TorchDispatchMode):
    """Refuse what makes the host wait for a GPU: reading a number off it, or asking which cells are true."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        picked_by_mask = "index" in func.__name__ and any(
            isinstance(i, Tensor) and i.dtype == torch.bool for a in args if isinstance(a, list | tuple) for i in a
        )
        assert not picked_by_mask, func
        assert func.__name__.split(".")[0] not in {"_local_scalar_dense", "nonzero", "masked_select", "item"}, func
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("option", [{}, {"top_p": 0.9}, {"typical_mass": 0.5}, {"sample_cutoff": 0.5}])
def test_the_way_for_a_gpu_never_waits_and_gives_the_same(monkeypatch: pytest.MonkeyPatch, option: dict) -> None:
    codes = clip(12, batch=3)
    mask = some_mask(codes, 0.7)
    on_cpu = decode(NETWORK, codes, mask, DecodeSettings(5, **option))

    def watched(*args: Any) -> Step:
        with NoWaiting():
            return one_pass(*args)

    with pytest.raises(AssertionError):  # the CPU's way does ask: the watch works
        decode(NETWORK, codes, mask, DecodeSettings(5, **option), step=watched)
    monkeypatch.setattr("course_utils.vampnet.decoding._sample_open", _sample_all)
    as_on_gpu = decode(NETWORK, codes, mask, DecodeSettings(5, **option), step=watched)
    assert same(on_cpu, as_on_gpu)
    for a, b in zip(on_cpu.trace, as_on_gpu.trace, strict=True):
        torch.testing.assert_close(a.probability, b.probability)


def test_a_reader_may_write_the_pass() -> None:
    def by_hand(network, seen, asked, chance, options, number, bias) -> Step:  # type: ignore[no-untyped-def]
        is_open = seen == network.config.mask_token
        probability, tokens = network(seen).softmax(-1).max(-1)  # [B, C', T]
        tokens = torch.where(is_open, tokens, seen)
        confidence = torch.where(is_open, probability.log(), torch.inf)
        order = confidence.transpose(1, 2).flatten().argsort(stable=True)
        remasked = torch.zeros(order.numel(), dtype=torch.bool)
        remasked[order[: int(asked)]] = True
        return Step(tokens, probability, confidence, remasked.view(-1, seen.shape[1]).T[None])

    codes, mask = clip(12), some_mask(clip(12), 0.7)
    cold = DecodeSettings(6, mask_temperature=0, sample_cutoff=-1)
    assert torch.equal(
        decode(NETWORK, codes, mask, cold, step=by_hand).codes, decode(NETWORK, codes, mask, cold, step=one_pass).codes
    )


# --- coarse, then fine ------------------------------------------------------------------------------------------------


@given(share=st.floats(0, 1), seed=st.integers(0, 100), compat=st.booleans())
@settings(max_examples=20, deadline=None)
def test_both_stages_keep_the_prompt_and_finish(share: float, seed: int, compat: bool) -> None:
    codes = clip(7, 2, codebooks=5, seed=seed)
    mask = some_mask(codes, share, seed)
    decoded = decode_coarse_to_fine(NETWORK, FINE_NETWORK, codes, mask, DecodeSettings(4, compat=compat), 3, seed)
    assert torch.equal(decoded.codes[~mask], codes[~mask])
    assert decoded.codes.max() < FINE.vocabulary
    assert [(record.first, record.number) for record in decoded.trace] == [
        *((0, n) for n in (1, 2, 3, 4)),
        *((2, n) for n in (1, 2, 3)),
    ]
    coarse_codes = decoded.trace[3].tokens
    assert all(torch.equal(record.seen[:, :2], coarse_codes) for record in decoded.trace[4:])


def test_the_coarse_stage_is_that_of_the_coarse_network_alone() -> None:
    codes = clip(9, codebooks=5)
    both = decode_coarse_to_fine(NETWORK, FINE_NETWORK, codes, None, DecodeSettings(5), seed=2)
    assert torch.equal(both.codes[:, :2], decode(NETWORK, codes[:, :2], None, DecodeSettings(5), seed=2).codes)
    assert len(both.trace) == 7  # the authors' two fine passes


def test_networks_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(ValueError, match="do not belong together"):
        decode_coarse_to_fine(FINE_NETWORK, FINE_NETWORK, clip(codebooks=5))
    with pytest.raises(ValueError, match="at least 1, not 0"):
        decode_coarse_to_fine(NETWORK, FINE_NETWORK, clip(codebooks=5), fine_passes=0)
    with pytest.raises(ValueError, match=r"5 codebooks, frames\], not \[1, 14, 8\]"):
        decode_coarse_to_fine(NETWORK, FINE_NETWORK, clip(codebooks=14))


def test_conditioning_codebooks_are_never_generated_and_must_be_known() -> None:
    codes = clip(6, codebooks=5)
    decoded = decode(FINE_NETWORK, codes, torch.ones_like(codes), DecodeSettings(3))
    assert torch.equal(decoded.codes[:, :2], codes[:, :2])
    codes[0, 1, 3] = FINE.mask_token
    with pytest.raises(ValueError, match="1 tokens of the 2 conditioning codebooks are not known"):
        decode(FINE_NETWORK, codes)


# --- masks and bad input ----------------------------------------------------------------------------------------------


def test_a_mask_comes_in_several_forms() -> None:
    codes = clip(8, 2)
    mask = some_mask(codes[:1], 0.5)
    wanted = decode(NETWORK, codes, mask.expand(2, -1, -1)).codes
    for form in (mask, mask[0], mask.int(), Mask(mask), Mask(mask.repeat(2, 1, 1))):
        assert torch.equal(decode(NETWORK, codes, form).codes, wanted)
    frames = mask[0, 0]
    assert torch.equal(decode(NETWORK, codes, frames).codes, decode(NETWORK, codes, frames.expand(2, 2, 8)).codes)


def test_tokens_that_are_not_known_are_open_too() -> None:
    codes = clip(8)
    mask = some_mask(codes, 0.5)
    known = codes.masked_fill(mask, COARSE.mask_token)
    assert torch.equal(decode(NETWORK, known, torch.zeros_like(mask)).codes, decode(NETWORK, codes, mask).codes)


def test_nothing_to_generate_changes_nothing() -> None:
    codes = clip(8)
    decoded = decode(NETWORK, codes, torch.zeros_like(codes))
    assert torch.equal(decoded.codes, codes)
    assert all(int(record.done) == int(record.asked) == 0 for record in decoded.trace)


def test_the_input_is_left_alone_and_the_result_can_be_trained_on() -> None:
    codes, mask = clip(8), some_mask(clip(8), 0.5)
    copies = codes.clone(), mask.clone()
    decoded = decode(NETWORK, codes, mask)
    assert torch.equal(codes, copies[0])
    assert torch.equal(mask, copies[1])
    network = VampNet(COARSE, NETWORK.codebooks)
    network(decoded.codes).sum().backward()
    network(decoded.trace[0].seen).sum().backward()


@pytest.mark.parametrize(
    ("mask", "says"),
    [
        (torch.ones(1, 2, 9, dtype=torch.bool), r"\[1, 2, 8\], \[2, 8\] or \[8\].*not \[1, 2, 9\]"),
        (torch.ones(3, 2, 8, dtype=torch.bool), r"not \[3, 2, 8\]"),
        (torch.ones(1, 2, 8), "this is torch.float32"),
        (torch.full((1, 2, 8), 2), "true or 1"),
    ],
)
def test_masks_that_do_not_fit_are_refused(mask: Tensor, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        decode(NETWORK, clip(8), mask)


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ({"passes": 0}, "at least 1, not 0"),
        ({"passes": 2.5}, "whole number of passes"),
        ({"temperature": -1.0}, "temperature must be 0 or more, not -1.0"),
        ({"temperature": float("nan")}, "temperature must be 0 or more, not nan"),
        ({"temperature": "1"}, "temperature must be 0 or more, not '1'"),
        ({"mask_temperature": -1.0}, "mask_temperature must be 0 or more"),
        ({"sample_cutoff": float("nan")}, "sample_cutoff is a share of the passes, not nan"),
        ({"top_p": 0.0}, "top_p is a share"),
        ({"typical_mass": 1.5}, "typical_mass is a share"),
        ({"typical_min_tokens": 0}, "typical_min_tokens = 0"),
    ],
)
def test_settings_that_cannot_be_are_refused(option: dict, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        DecodeSettings(**option)


def test_codes_and_networks_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"2 codebooks, frames\], not \[1, 9, 8\]"):
        decode(NETWORK, clip(codebooks=9))
    with pytest.raises(ValueError, match="from 0 to 19, or 20 for the mask; these are from 999 to 999"):
        decode(NETWORK, torch.full((1, 2, 8), 999))
    with pytest.raises(ValueError, match="network.eval"):
        decode(VampNet(COARSE, NETWORK.codebooks), clip())
