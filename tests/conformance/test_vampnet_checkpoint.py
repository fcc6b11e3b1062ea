"""Checkpoints in the authors' format give the authors' latents and logits, with LoRA factors laid over as well."""

from __future__ import annotations

import torch

from conformance.reading import golden, path_of
from conformance.test_vampnet_transformer import close, flat_logits, tensor
from course_utils.vampnet.checkpoint import config_of, load_checkpoint, read_checkpoint
from course_utils.vampnet.transformer import VampNet

UPSTREAM, LORA = "vampnet/tiny_upstream", "vampnet/tiny_lora"


def load(**options: object) -> VampNet:
    codebooks = tensor(golden(f"{UPSTREAM}_io.npz")["codebooks"])
    return load_checkpoint(path_of(f"{UPSTREAM}.pth"), codebooks, **options).requires_grad_(False)


def test_the_stored_arguments_are_the_recorded_ones() -> None:
    weights, kwargs = read_checkpoint(path_of(f"{UPSTREAM}.pth"))
    assert kwargs == golden("vampnet/kwargs.json")["tiny_upstream"]
    assert config_of(kwargs).codebooks == 4
    assert "embedding.special.MASK" in weights


def test_a_checkpoint_gives_the_authors_logits() -> None:
    io, network = golden(f"{UPSTREAM}_io.npz"), load()
    codes = tensor(io["codes"])
    close(network.latents(codes).transpose(1, 2), tensor(io["latents"]))
    close(flat_logits(network(codes)), tensor(io["logits"]))


def test_factors_laid_over_it_give_the_authors_logits() -> None:
    factors, _ = read_checkpoint(path_of(f"{LORA}.pth"))
    logits = flat_logits(load(lora=factors)(tensor(golden(f"{UPSTREAM}_io.npz")["codes"])))
    close(logits, tensor(golden(f"{LORA}_io.npz")["logits"]))
    plain = flat_logits(load()(tensor(golden(f"{UPSTREAM}_io.npz")["codes"])))
    assert (logits - plain).abs().max() > 0.01  # the factors matter


def test_the_scale_of_the_factors_matters() -> None:
    codes = tensor(golden(f"{UPSTREAM}_io.npz")["codes"])
    factors, _ = read_checkpoint(path_of(f"{LORA}.pth"))
    wanted = tensor(golden(f"{LORA}_io.npz")["logits"])
    assert not torch.allclose(flat_logits(load(lora=factors, lora_scale=0.0)(codes)), wanted, rtol=0, atol=1e-2)
