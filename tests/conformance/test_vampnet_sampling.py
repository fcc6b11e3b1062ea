"""Filters, choice of tokens and ranking against the authors' functions; tokens, kept sets and masks exactly."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from conformance.reading import golden
from conformance.test_vampnet_transformer import tensor
from course_utils.vampnet.sampling import mask_by_random_topk, sample_from_logits, typical_filter

CASES = golden("vampnet/sampling.json")


def kind(name: str) -> list[Any]:
    return [pytest.param(case, id=case["key"]) for case in CASES if case["kind"] == name]


def value(key: str) -> Tensor:
    return tensor(golden("vampnet/sampling.npz")[key])


def logits_of(case: dict[str, Any]) -> Tensor:
    return value(f"logits_{case['logits']}")


def test_there_is_no_other_kind_of_case() -> None:
    assert {case["kind"] for case in CASES} == {
        "sample_from_logits",
        "typical_filter_returned",
        "mask_by_random_topk",
    }
    assert not any(case["sample"] for case in CASES if case["kind"] == "sample_from_logits")


@pytest.mark.parametrize("case", kind("sample_from_logits"))
def test_sample_from_logits(case: dict[str, Any]) -> None:
    token, probability = sample_from_logits(logits_of(case), None, case["temperature"], case["top_p"])
    assert torch.equal(token, value(f"{case['key']}_token"))
    torch.testing.assert_close(probability, value(f"{case['key']}_prob"), rtol=0, atol=1e-6)


@pytest.mark.parametrize("case", kind("typical_filter_returned"))
def test_typical_filter(case: dict[str, Any]) -> None:
    kept = typical_filter(logits_of(case), case["typical_mass"], case["typical_min_tokens"]).isfinite()
    assert torch.equal(kept.long(), value(f"{case['key']}_kept"))


@pytest.mark.parametrize("case", kind("mask_by_random_topk"))
def test_mask_by_random_topk_with_its_ties(case: dict[str, Any]) -> None:
    probability = value(f"{case['key']}_probs")
    count = torch.as_tensor(case["num_to_mask"]).reshape(-1, 1).expand(len(probability), 1)
    found = mask_by_random_topk(count, probability, case["temperature"], compat=True)
    assert torch.equal(found.long(), value(f"{case['key']}_mask"))


def test_some_recorded_masks_are_short_for_ties_and_ours_are_not() -> None:
    short = 0
    for case in (case for case in CASES if case["kind"] == "mask_by_random_topk"):
        probability = value(f"{case['key']}_probs")
        count = torch.as_tensor(case["num_to_mask"]).reshape(-1, 1).expand(len(probability), 1)
        assert torch.equal(mask_by_random_topk(count, probability).sum(1, keepdim=True), count)
        short += int((value(f"{case['key']}_mask").sum(1, keepdim=True) < count).sum())
    assert short > 0
