"""Weights in Hugging Face's GPT-2 layout, to and from networks of this course, number for number.

A model is a folder with config.json and model.safetensors; transformers' GPT2LMHeadModel reads the same folder.
Source: the layout is that of the released models, huggingface.co/stanford-crfm/music-small-800k and its siblings.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from course_utils.amt import vocab
from course_utils.amt.network import AMT, AMTConfig
from course_utils.files import atomic_write

CONFIG, WEIGHTS = "config.json", "model.safetensors"
OTHER_WEIGHTS = ("pytorch_model.bin",)  # what the released models come in
LAYER = {  # GPT-2's name of a part of a layer, ours, and whether its matrix stands the other way round
    "ln_1.weight": ("norm_attention.weight", False),
    "ln_1.bias": ("norm_attention.bias", False),
    "attn.c_attn.weight": ("attention.qkv.weight", True),
    "attn.c_attn.bias": ("attention.qkv.bias", False),
    "attn.c_proj.weight": ("attention.out.weight", True),
    "attn.c_proj.bias": ("attention.out.bias", False),
    "ln_2.weight": ("norm_feed_forward.weight", False),
    "ln_2.bias": ("norm_feed_forward.bias", False),
    "mlp.c_fc.weight": ("feed_forward.inp.weight", True),
    "mlp.c_fc.bias": ("feed_forward.inp.bias", False),
    "mlp.c_proj.weight": ("feed_forward.out.weight", True),
    "mlp.c_proj.bias": ("feed_forward.out.bias", False),
}
ENDS = {
    "wte.weight": ("tokens.weight", False),
    "wpe.weight": ("positions.weight", False),
    "ln_f.weight": ("norm.weight", False),
    "ln_f.bias": ("norm.bias", False),
}
FIXED = {  # what our network takes for granted, with the values that mean the same
    "activation_function": ("gelu_new", "gelu_pytorch_tanh"),
    "scale_attn_weights": (True,),
    "add_cross_attention": (False,),
    "tie_word_embeddings": (True,),
    "layer_norm_epsilon": (1e-5,),
}


class CheckpointError(ValueError):
    """A folder that holds no network of this kind, or part of one, or one for other tokens."""


def names(config: AMTConfig) -> dict[str, tuple[str, bool]]:
    """For every weight GPT-2's name, without "transformer." in front: our name, and whether to transpose it."""
    layers = {
        f"h.{layer}.{theirs}": (f"blocks.{layer}.{ours}", turned)
        for layer in range(config.layers)
        for theirs, (ours, turned) in LAYER.items()
    }
    return ENDS | layers


def from_gpt2(weights: Mapping[str, Tensor], config: AMTConfig) -> dict[str, Tensor]:
    """Our state dict from GPT-2's weights, with or without "transformer." before their names.

    Stored attention masks and the second copy of the tied table are left aside. Raises `CheckpointError` with the
    names of weights that are missing or have another shape.
    """
    given = {name.removeprefix("transformer."): weight for name, weight in weights.items()}
    missing = [name for name in names(config) if name not in given]
    if missing:
        raise CheckpointError(f"{len(missing)} weights are missing: {', '.join(missing[:6])}")
    head, table = given.get("lm_head.weight"), given["wte.weight"]
    if head is not None and not torch.equal(head, table):
        raise CheckpointError("the output head is not the embedding table: only networks with both tied are supported")
    state = {ours: given[theirs].T if turned else given[theirs] for theirs, (ours, turned) in names(config).items()}
    with torch.device("meta"):
        wanted = {name: tuple(weight.shape) for name, weight in AMT(config).state_dict().items()}
    wrong = [
        f"{name} is {list(state[name].shape)}, not {list(shape)}"
        for name, shape in wanted.items()
        if tuple(state[name].shape) != shape
    ]
    if wrong:
        raise CheckpointError(f"{len(wrong)} weights do not fit the sizes in {CONFIG}: {'; '.join(wrong[:6])}")
    return state


def to_gpt2(network: AMT) -> dict[str, Tensor]:
    """The network's weights by the names that GPT2LMHeadModel gives them; the tied head is not stored twice."""
    state = network.state_dict()
    return {
        f"transformer.{theirs}": (state[ours].T if turned else state[ours]).contiguous()
        for theirs, (ours, turned) in names(network.config).items()
    }


def config_from_gpt2(stored: Mapping[str, Any]) -> AMTConfig:
    """Our sizes from the content of a config.json.

    Raises `CheckpointError` for another kind of network, other tokens, or sizes that are missing or impossible.
    """
    kind = stored.get("model_type", "gpt2")
    if kind != "gpt2":
        raise CheckpointError(f"this is a model of type {kind!r}; an Anticipatory Music Transformer is a 'gpt2'")
    for name, meant in FIXED.items():
        if stored.get(name, meant[0]) not in meant:
            raise CheckpointError(f"{name} = {stored[name]!r} is not supported: it must be {meant[0]!r}")
    try:
        config = AMTConfig(
            vocabulary=stored["vocab_size"],
            context=stored.get("n_positions", 1024),
            width=stored["n_embd"],
            layers=stored["n_layer"],
            heads=stored["n_head"],
            scale_by_layer=stored.get("scale_attn_by_inverse_layer_idx", False),
            dropout=stored.get("resid_pdrop", 0.1),
        )
    except KeyError as error:
        raise CheckpointError(f"{CONFIG} does not tell {error}") from error
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"the sizes in {CONFIG} are impossible: {error}") from error
    inner = stored.get("n_inner")
    if inner not in (None, 4 * config.width):
        raise CheckpointError(f"n_inner = {inner} is not supported: it must be four times the width {config.width}")
    return config


def config_to_gpt2(config: AMTConfig) -> dict[str, Any]:
    """The content of config.json that makes transformers build the same network."""
    return {
        "model_type": "gpt2",
        "architectures": ["GPT2LMHeadModel"],
        "vocab_size": config.vocabulary,
        "n_positions": config.context,
        "n_embd": config.width,
        "n_layer": config.layers,
        "n_head": config.heads,
        "activation_function": "gelu_new",
        "scale_attn_weights": True,
        "scale_attn_by_inverse_layer_idx": config.scale_by_layer,
        "layer_norm_epsilon": 1e-5,
        "tie_word_embeddings": True,
        **dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), config.dropout),
        # The ends of a text, which music does not have: transformers wants a token of the vocabulary.
        **dict.fromkeys(("bos_token_id", "eos_token_id"), min(vocab.SEPARATOR, config.vocabulary - 1)),
    }


def check_vocabulary(config: AMTConfig, where: object) -> None:
    """Raise `CheckpointError` unless the network speaks the AMT's arrival-time tokens."""
    if config.vocabulary == vocab.VOCAB_SIZE:
        return
    raise CheckpointError(
        f"{where} has a vocabulary of {config.vocabulary:,} tokens, the Anticipatory Music Transformer "
        f"{vocab.VOCAB_SIZE:,}: it was trained on something else (text has 50,257, interarrival times 34,025)"
    )


def read_folder(folder: str | Path) -> AMT:
    """The network in a folder of Hugging Face's layout, float32, on the CPU, in eval mode.

    Raises `CheckpointError` for a folder without config.json or model.safetensors, or with other ones.
    """
    folder = Path(folder)
    config = config_from_gpt2(read_config(folder))
    check_vocabulary(config, folder)
    return network_of(_read_weights(folder), config)


def network_of(weights: Mapping[str, Tensor], config: AMTConfig) -> AMT:
    """The network of GPT-2's weights, float32, on the CPU, in eval mode. Raises `CheckpointError` as `from_gpt2`."""
    with torch.device("meta"):
        network = AMT(config)
    state = {name: weight.float().contiguous() for name, weight in from_gpt2(weights, config).items()}
    network.load_state_dict(state, assign=True)
    return network.eval().requires_grad_(False)


def read_config(folder: Path) -> dict[str, Any]:
    """What a folder's config.json holds. Raises `CheckpointError`."""
    if not folder.is_dir():
        raise CheckpointError(f"{folder} is not there: give a folder with {CONFIG} and {WEIGHTS}")
    try:
        stored = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CheckpointError(f"{folder} has no {CONFIG}: give a folder of Hugging Face's layout") from error
    except ValueError as error:
        raise CheckpointError(f"{folder / CONFIG} cannot be read as JSON ({error})") from error
    if not isinstance(stored, dict):
        raise CheckpointError(f"{folder / CONFIG} holds no settings by name")
    return stored


def _read_weights(folder: Path) -> dict[str, Tensor]:
    found = next((folder / name for name in (WEIGHTS, *OTHER_WEIGHTS) if (folder / name).is_file()), None)
    if found is None:
        raise CheckpointError(f"{folder} has no {WEIGHTS} (nor {', '.join(OTHER_WEIGHTS)}): no weights to read")
    return read_weights(found)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Tensors by their stored names from a .safetensors or .bin file, without running anything that is in it.

    Raises `CheckpointError` for a file that is damaged, or holds more than tensors.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise CheckpointError(f"{path} cannot be read as plain weights ({reason}): is the file whole?") from error
    if not isinstance(stored, dict) or not all(isinstance(value, Tensor) for value in stored.values()):
        raise CheckpointError(f"{path} holds no dictionary of weights")
    return dict(stored)


def write_folder(
    folder: str | Path, network: AMT, dtype: torch.dtype = torch.float16, metadata: Mapping[str, str] | None = None
) -> None:
    """Write config.json and model.safetensors, each whole or not at all; transformers reads the folder as GPT-2.

    metadata: texts by name, kept in the file of weights.
    """
    from safetensors.torch import save_file

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: weight.to("cpu", dtype) for name, weight in to_gpt2(network).items()}
    with atomic_write(folder / WEIGHTS) as temporary:
        save_file(weights, temporary, {"format": "pt", **(metadata or {})})
    with atomic_write(folder / CONFIG) as temporary:
        temporary.write_text(json.dumps(config_to_gpt2(network.config), indent=1) + "\n", encoding="utf-8")
