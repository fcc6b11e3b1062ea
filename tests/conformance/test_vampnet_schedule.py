"""Our schedule against the authors': the curve to float tolerance, the masked counts exactly."""

from __future__ import annotations

import pytest
import torch

from conformance.reading import golden
from course_utils.vampnet import masked_after, masked_counts, schedule

RECORDED = golden("vampnet/schedule.json")


def test_gamma_is_the_authors() -> None:
    found = schedule.cosine(torch.tensor(RECORDED["r"]))
    torch.testing.assert_close(found, torch.tensor(RECORDED["gamma"]), rtol=0, atol=1e-6)


def test_inverse_of_gamma_is_the_authors() -> None:
    found = schedule.inverse_cosine(torch.tensor(RECORDED["y"]))
    torch.testing.assert_close(found, torch.tensor(RECORDED["invgamma"]), rtol=0, atol=1e-6)


@pytest.mark.parametrize("case", RECORDED["num_to_mask"], ids=lambda c: f"{c['n_masked']}-tokens-{c['steps']}-passes")
def test_masked_counts_are_the_authors(case: dict) -> None:
    counts = masked_counts(case["n_masked"], case["steps"])
    assert counts == case["num_to_mask"] == case["masked_after"]
    assert [case["n_masked"], *counts[:-1]] == case["masked_before"]


def test_a_batch_of_two_is_late_because_its_tokens_are_summed() -> None:
    case = RECORDED["batch_of_two"]
    each, now, found = case["n_masked_per_item"], case["n_masked_per_item"], []
    for number in range(1, case["steps"] + 1):
        now = masked_after(number, case["steps"], 2 * each, now)
        found.append([now, now])
    assert found == case["num_to_mask"] == case["masked_after"]
    alone = masked_counts(each, case["steps"])
    assert all(ours < theirs[0] for ours, theirs in zip(alone[:-1], found[:-1], strict=True))
