"""Our network against the authors', stage by stage: latents, embedding, position bias, layers, logits."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor

from conformance.reading import golden, path_of
from course_utils.vampnet.checkpoint import load_checkpoint
from course_utils.vampnet.transformer import VampNet, distance_bucket

TOLERANCE = 1e-4  # of the recorded floats; the logits have a standard deviation of about 2.7
NETWORKS = ("coarse", "c2f")
CASES = [(name, case) for name in NETWORKS for case in "abc"]


def tensor(array: Any) -> Tensor:
    """A recorded array: integers widened to int64."""
    found = torch.from_numpy(array)
    return found if found.is_floating_point() else found.long()


def recorded(name: str, key: str) -> Tensor:
    return tensor(golden(f"vampnet/{name}_forward.npz")[key])


@cache
def network(name: str) -> VampNet:
    """The recorded network `coarse` or `c2f`. Tests must leave it as it is."""
    codebooks = tensor(golden("vampnet/codebooks.npz")["codebooks_times_64"]) / 64
    kwargs = golden("vampnet/kwargs.json")[name]
    return load_checkpoint(path_of(f"vampnet/{name}.safetensors"), codebooks, kwargs).requires_grad_(False)


def flat_logits(logits: Tensor) -> Tensor:
    """[B, C', T, V] in the authors' order [B, V, T * C']: frame by frame."""
    return logits.permute(0, 3, 2, 1).flatten(2)


def close(found: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(found, wanted, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize(("name", "case"), CASES)
def test_logits(name: str, case: str) -> None:
    logits = flat_logits(network(name)(recorded(name, f"codes_{case}")))
    close(logits[:, :, recorded(name, f"logit_positions_{case}")], recorded(name, f"logits_{case}"))
    close(logits.logsumexp(1), recorded(name, f"logsumexp_{case}"))
    assert torch.equal(logits.argmax(1), recorded(name, f"argmax_{case}"))


@pytest.mark.parametrize(("name", "case"), [(name, case) for name, case in CASES if case != "c"])
def test_latents_and_embedding(name: str, case: str) -> None:
    latents = network(name).latents(recorded(name, f"codes_{case}"))
    close(latents.transpose(1, 2), recorded(name, f"latents_{case}"))
    close(network(name).inp(latents).transpose(1, 2), recorded(name, f"embedding_{case}"))


@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer(name: str) -> None:
    net = network(name)
    x = net.inp(net.latents(recorded(name, "codes_a")))
    for block, wanted in zip(net.blocks, recorded(name, "activations_a"), strict=True):
        x = block(x, net.bias(x.shape[1]))
        close(x, wanted)


@pytest.mark.parametrize("name", NETWORKS)
def test_latents_that_are_no_entries(name: str) -> None:
    net = network(name)
    logits = flat_logits(net.logits(net.hidden(recorded(name, "free_latents").transpose(1, 2))))
    close(logits[:, :, :8], recorded(name, "free_logits_first_8_positions"))


def test_buckets() -> None:
    assert torch.equal(distance_bucket(recorded("coarse", "bucket_relative_position")), recorded("coarse", "bucket"))


@pytest.mark.parametrize("name", NETWORKS)
def test_position_bias(name: str) -> None:
    heads = network(name).config.heads
    small, large = network(name).bias(12)[0], network(name).bias(300)[0]  # [heads, query, key]
    close(small, recorded(name, "bias_q12_k12").view(heads, 12, 12))
    close(large[:, 0], recorded(name, "bias_q300_k300_row0").view(heads, 300))
    close(large[:, 299], recorded(name, "bias_q300_k300_row299").view(heads, 300))
