"""Whole decoding runs without chance against the authors': every token, mask and probability of every pass."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from conformance.reading import golden
from conformance.test_vampnet_transformer import NETWORKS, network, tensor
from course_utils.vampnet.decoding import Decoded, DecodeSettings, Pass, decode
from course_utils.vampnet.masks import flatten_codebooks
from course_utils.vampnet.sampling import sample_from_logits

CASES = [
    pytest.param(name, run, id=f"{name}-{run['tag']}")
    for name in NETWORKS
    for run in golden(f"vampnet/{name}_generate.json")
]
# Where the authors' loop and ours part on purpose; `compat` goes their way.
THEIRS = ("batch_two", "masked_conditioning")


def value(name: str, run: dict[str, Any], key: str) -> Tensor:
    return tensor(golden(f"vampnet/{name}_generate.npz")[f"{run['tag']}_{key}"])


def start(name: str, run: dict[str, Any]) -> tuple[Tensor, Tensor | None]:
    return value(name, run, "start_codes"), value(name, run, "mask") if run["mask_given"] else None


def settings(run: dict[str, Any], compat: bool) -> DecodeSettings:
    # The authors' typical filter is on unless the run says otherwise, and changes nothing.
    return DecodeSettings(
        passes=run["steps"],
        temperature=run["temperature"],
        mask_temperature=run["mask_temperature"],
        typical_mass=0.15 if compat and run.get("typical_filtering", True) else None,
        sample_cutoff=run["sample_cutoff"],
        compat=compat,
    )


def stacked(decoded: Decoded, field: str) -> Tensor:
    """A field of all passes: grids [passes, B, T * C'] in the authors' order, numbers [passes, B]."""
    values = [getattr(record, field) for record in decoded.trace]
    return torch.stack([flatten_codebooks(v) if v.ndim == 3 else v for v in values])


def check(name: str, run: dict[str, Any], decoded: Decoded) -> None:
    assert torch.equal(decoded.codes, value(name, run, "output"))
    assert torch.equal(stacked(decoded, "remasked").long(), value(name, run, "step_mask_flat"))
    assert stacked(decoded, "asked").tolist() == run["num_to_mask"]
    assert stacked(decoded, "done").tolist() == run["masked_after"]
    sampled = stacked(decoded, "kept") | stacked(decoded, "remasked")  # the authors record the settled places as well
    assert torch.equal(stacked(decoded, "tokens")[sampled], value(name, run, "step_sampled")[sampled])
    found, wanted = stacked(decoded, "probability")[sampled], value(name, run, "step_prob")[sampled]
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-4)


@pytest.mark.parametrize(("name", "run"), CASES)
def test_compat_runs_are_the_authors(name: str, run: dict[str, Any]) -> None:
    assert not run["fragile"]
    codes, mask = start(name, run)
    check(name, run, decode(network(name), codes, mask, settings(run, compat=True)))


@pytest.mark.parametrize(("name", "run"), [case for case in CASES if case.values[1]["tag"] not in THEIRS])
def test_runs_are_the_authors_without_compat_too(name: str, run: dict[str, Any]) -> None:
    codes, mask = start(name, run)
    check(name, run, decode(network(name), codes, mask, settings(run, compat=False)))


@pytest.mark.parametrize(("name", "run"), [case for case in CASES if case.values[1]["tag"] in THEIRS])
def test_where_we_part_from_the_authors_it_shows(name: str, run: dict[str, Any]) -> None:
    codes, mask = start(name, run)
    decoded = decode(network(name), codes, mask, settings(run, compat=False))
    assert not torch.equal(decoded.codes, value(name, run, "output"))
    kept = mask == 0
    assert torch.equal(decoded.codes[kept], codes[kept])


@pytest.mark.parametrize(("name", "run"), CASES)
def test_guesses_at_settled_places_too(name: str, run: dict[str, Any]) -> None:
    """The authors guess everywhere and drop what they do not need; from what we saw, the same guesses follow."""
    codes, mask = start(name, run)
    decoded = decode(network(name), codes, mask, settings(run, compat=True))

    def guesses(record: Pass) -> tuple[Tensor, Tensor]:
        return sample_from_logits(network(name)(record.seen), None, run["temperature"])

    found = [guesses(record) for record in decoded.trace]
    tokens = torch.stack([flatten_codebooks(token) for token, _ in found])
    probabilities = torch.stack([flatten_codebooks(probability) for _, probability in found])
    wanted = value(name, run, "step_prob")
    torch.testing.assert_close(probabilities, wanted, rtol=0, atol=1e-4)
    assert torch.equal(tokens, value(name, run, "step_sampled"))
