"""The authors' checkpoints, read without running anything in them, and turned into networks of this course.

A file is {"state_dict": tensors by name, "metadata": {"kwargs": sizes, ...}}. It may hold LoRA factors beside a
weight: a small correction B @ A to be added once.
Source: the layout is that of VampNet's released code and weights (arXiv 2307.04686); LoRA: Hu et al. 2021
(arXiv 2106.09685, section 4.1).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from course_utils.vampnet.transformer import BUCKETS, VampNet, VampNetConfig
from course_utils.zoo.tensors import TensorFileError, read_pth, read_safetensors

SIZES = {  # the authors' argument, ours
    "n_codebooks": "codebooks",
    "n_conditioning_codebooks": "conditioning",
    "embedding_dim": "width",
    "n_layers": "layers",
    "n_heads": "heads",
    "vocab_size": "vocabulary",
    "latent_dim": "entry_dim",
    "dropout": "dropout",
}


class CheckpointError(ValueError):
    """A file that is no checkpoint of VampNet, or lacks part of it."""


def load_checkpoint(
    path: str | Path,
    codebooks: Tensor,
    kwargs: Mapping[str, Any] | None = None,
    lora: Mapping[str, Tensor] | None = None,
    lora_scale: float | None = None,
) -> VampNet:
    """The network of a checkpoint in the authors' format (.pth or .safetensors), ready for use.

    codebooks: the codec's entries float [at least C, 1024, 8], of which the first C are used. kwargs: the sizes,
    where the file does not tell them. lora: factors to lay over those of the file. lora_scale: as
    `merge_lora`; 0 leaves LoRA out, for files whose weights already contain it. Raises `CheckpointError`.
    """
    weights, stored = read_checkpoint(path)
    config = config_of(stored if kwargs is None else kwargs)
    return network_from({**weights, **(lora or {})}, config, codebooks[: config.codebooks], lora_scale)


def read_checkpoint(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors by their stored names, and the constructor arguments stored with them ({} if there are none).

    A flat file of tensors, such as LoRA factors alone, is read as well. Only tensors and plain values are accepted:
    a file that wants to run code is refused with `CheckpointError`, as is any other.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"{path} is not there: give the path of a .pth or .safetensors file")
    try:
        if path.suffix == ".safetensors":
            weights, texts = read_safetensors(path)
            kwargs = json.loads(texts.get("kwargs", "{}"))
        else:
            weights, metadata = read_pth(path, flat=True)
            kwargs = metadata.get("kwargs", {})
    except TensorFileError as error:
        raise CheckpointError(f"{path.name} {error}") from error
    except json.JSONDecodeError as error:
        raise CheckpointError(f"{path.name} has no sizes that can be read ({error})") from error
    return weights, dict(kwargs) if isinstance(kwargs, Mapping) else {}


def config_of(kwargs: Mapping[str, Any]) -> VampNetConfig:
    """Our configuration for the authors' constructor arguments; those that we do not know are left aside.

    Raises `CheckpointError` when one that is needed is missing or impossible, and for networks conditioned on more
    than codes.
    """
    missing = [name for name in SIZES if name not in kwargs and name != "dropout"]
    if missing:
        raise CheckpointError(f"the checkpoint does not tell its {', '.join(missing)}: pass kwargs with them")
    for name in ("r_cond_dim", "ctrl_dims", "cond_dim"):
        if kwargs.get(name):
            raise CheckpointError(f"{name} = {kwargs[name]!r}: networks that take more than codes are not supported")
    try:
        return VampNetConfig(**{ours: kwargs[theirs] for theirs, ours in SIZES.items() if theirs in kwargs})
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"the checkpoint's sizes are impossible: {error}") from error


def network_from(
    weights: Mapping[str, Tensor], config: VampNetConfig, codebooks: Tensor, lora_scale: float | None = None
) -> VampNet:
    """Network with the authors' weights, LoRA merged, in evaluation mode; tensors it has no use for are left aside.

    Raises `CheckpointError` with the names of weights that are missing or have another shape.
    """
    network = VampNet(config, codebooks)
    needed = _shapes(config)
    missing = [name for name in needed if name not in weights]
    if missing:
        raise CheckpointError(f"{len(missing)} weights are missing: {', '.join(missing)}")
    wrong = [
        f"{name} is {list(weights[name].shape)}, not {list(shape)}"
        for name, shape in needed.items()
        if tuple(weights[name].shape) != shape
    ]
    if wrong:
        raise CheckpointError(f"{len(wrong)} weights do not fit the sizes stored with them: {'; '.join(wrong)}")
    network.load_state_dict(renamed(merge_lora(weights, lora_scale), config))
    return network.eval()


def merge_lora(weights: Mapping[str, Tensor], scale: float | None = None) -> dict[str, Tensor]:
    """Add scale * B @ A to every weight [out, in] that has factors A [rank, in] and B [out, rank]; drop the factors.

    scale: by default alpha / rank with the authors' alpha of 1; their files have rank 8.
    Raises `CheckpointError` for factors without a partner or a weight, or of another shape.
    """
    merged = {name: tensor.float() for name, tensor in weights.items() if not name.endswith(("lora_A", "lora_B"))}
    layers = {name.rpartition(".")[0] for name in weights if name.endswith(("lora_A", "lora_B"))}
    for layer in sorted(layers):
        parts = [f"{layer}.{part}" for part in ("weight", "lora_A", "lora_B")]
        absent = [name for name in parts if name not in weights]
        if absent:
            raise CheckpointError(f"LoRA for {layer} is incomplete: {', '.join(absent)} missing")
        weight, A, B = (weights[name].float() for name in parts)
        if (B.shape[0], A.shape[1]) != tuple(weight.shape) or A.shape[0] != B.shape[1]:
            raise CheckpointError(f"LoRA for {layer} is {list(B.shape)} x {list(A.shape)} beside {list(weight.shape)}")
        merged[parts[0]] = weight + (1 / A.shape[0] if scale is None else scale) * (B @ A)
    return merged


def _attention(layer: int) -> str:
    return f"transformer.layers.{layer}.self_attn"


def _shapes(config: VampNetConfig) -> dict[str, tuple[int, ...]]:
    """Name and shape of every weight of the authors' network but the LoRA factors."""
    width, outputs = config.width, config.predicted * config.vocabulary
    shapes: dict[str, tuple[int, ...]] = {
        "embedding.special.MASK": (config.codebooks, config.entry_dim),
        "embedding.out_proj.weight": (width, config.codebooks * config.entry_dim, 1),
        "embedding.out_proj.bias": (width,),
        f"{_attention(0)}.relative_attention_bias.weight": (BUCKETS, config.heads),
        "transformer.norm.weight": (width,),
        "classifier.layers.0.weight_g": (outputs, 1, 1),
        "classifier.layers.0.weight_v": (outputs, width, 1),
        "classifier.layers.0.bias": (outputs,),
    }
    for layer in range(config.layers):
        start = f"transformer.layers.{layer}"
        shapes |= {f"{_attention(layer)}.{name}.weight": (width, width) for name in ("w_qs", "w_ks", "w_vs", "fc")}
        shapes |= {f"{start}.{norm}.weight": (width,) for norm in ("norm_1", "norm_3")}
        shapes[f"{start}.feed_forward.w_1.weight"] = (4 * width, width)
        shapes[f"{start}.feed_forward.w_2.weight"] = (width, 2 * width)
    return shapes


def renamed(weights: Mapping[str, Tensor], config: VampNetConfig) -> dict[str, Tensor]:
    """The state dict of `VampNet` from the authors' merged weights."""
    direction = weights["classifier.layers.0.weight_v"]  # weight normalisation: a length g for each direction v
    length = direction.flatten(1).norm(dim=1)[:, None, None]
    classifier = weights["classifier.layers.0.weight_g"] * direction / length
    state = {
        "mask_vectors": weights["embedding.special.MASK"],
        "inp.weight": weights["embedding.out_proj.weight"].squeeze(2),
        "inp.bias": weights["embedding.out_proj.bias"],
        "distance_bias.weight": weights[f"{_attention(0)}.relative_attention_bias.weight"],
        "norm.weight": weights["transformer.norm.weight"],
        "out.weight": _by_codebook(classifier.squeeze(2), config),
        "out.bias": _by_codebook(weights["classifier.layers.0.bias"], config),
    }
    for layer in range(config.layers):
        theirs, ours = f"transformer.layers.{layer}", f"blocks.{layer}"
        qkv = [weights[f"{_attention(layer)}.{name}.weight"] for name in ("w_qs", "w_ks", "w_vs")]
        state[f"{ours}.attention.qkv.weight"] = torch.cat(qkv)
        state[f"{ours}.attention.out.weight"] = weights[f"{_attention(layer)}.fc.weight"]
        state[f"{ours}.norm_attention.weight"] = weights[f"{theirs}.norm_1.weight"]
        state[f"{ours}.norm_feed_forward.weight"] = weights[f"{theirs}.norm_3.weight"]
        state[f"{ours}.feed_forward.inp.weight"] = weights[f"{theirs}.feed_forward.w_1.weight"]
        state[f"{ours}.feed_forward.out.weight"] = weights[f"{theirs}.feed_forward.w_2.weight"]
    return state


def _by_codebook(rows: Tensor, config: VampNetConfig) -> Tensor:
    """Output rows from the authors' order, code by code, to ours, codebook by codebook."""
    return rows.unflatten(0, (config.vocabulary, config.predicted)).transpose(0, 1).flatten(0, 1)
