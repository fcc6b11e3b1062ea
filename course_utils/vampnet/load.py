"""VampNet's models by name, from verified weights, with the codec's entries that they were trained on."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from course_utils import zoo
from course_utils.codec import Codec, load_codec
from course_utils.files import atomic_write, sha256_of
from course_utils.vampnet.models import VampNetModels
from course_utils.vampnet.transformer import VampNet, VampNetConfig

CODEC = "course-codec"


def load_vampnet(
    name: str = "course",
    device: str | torch.device = "cpu",
    codec: Codec | None = None,
    dtype: torch.dtype | None = None,
) -> VampNetModels:
    """The coarse and the fine network by name: "course" (trained by this project, offline), ready to decode.

    codec: the course codec, if it is loaded already. dtype: float32 on a CPU, bfloat16 on a GPU unless it is named;
    sampling and ranking are float32 in any case. Raises ValueError for another name, ZooError for "official", which
    is not here yet, and the zoo's errors for weights that are missing, damaged, or trained on another codec's codes.
    """
    if name == "official":
        raise zoo.ZooError(
            "the authors' VampNet weights cannot be loaded yet: they need their own codec, which is not part of the "
            'course so far. Use load_vampnet("course"), or --model course'
        )
    if name != "course":
        raise ValueError(f"no VampNet is called {name!r}: there are 'course' and 'official'")
    codec = codec or load_codec("course")
    coarse, fine = course_network("vampnet-coarse", codec), course_network("vampnet-fine", codec)
    sha256 = sha256_of(zoo.weights_path(CODEC))
    dtype = dtype or (torch.bfloat16 if torch.device(device).type == "cuda" else torch.float32)
    return VampNetModels(name, coarse.to(device, dtype), fine.to(device, dtype), sha256)


def load_causal(device: str | torch.device = "cpu", codec: Codec | None = None) -> VampNet:
    """A coarse network of equal size that sees no later frame: for comparison only. Errors as `load_vampnet`."""
    return course_network("vampnet-causal", codec or load_codec("course")).to(device)


def course_network(name: str, codec: Codec) -> VampNet:
    """One of the course's networks by the name of its folder in data/models, in eval mode, float32.

    Raises the zoo's errors for weights that are missing or damaged, and ZooError for another codec's.
    """
    weights, metadata = zoo.read_weights(name)
    return network_of(weights, metadata, codec, name)


def network_of(weights: dict[str, Tensor], metadata: dict[str, str], codec: Codec, name: str) -> VampNet:
    """The network of these weights; metadata: {"config": JSON of the sizes, "codec_sha256": whose codes it learned}.

    Raises ZooError when the course codec in data/ is another one.
    """
    theirs, ours = metadata.get("codec_sha256"), sha256_of(zoo.weights_path(CODEC))
    if theirs != ours:
        raise zoo.ZooError(
            f"{name} was trained on the codes of the codec {str(theirs)[:12]}, the one in data/ is {ours[:12]}: their "
            "codes mean different sounds. Restore both with git checkout -- data/models, or train with `make models`"
        )
    config = VampNetConfig(**json.loads(metadata["config"]))
    codebooks = torch.stack([codec.codebook(level).detach() for level in range(config.codebooks)])
    network = VampNet(config, codebooks)
    network.load_state_dict({key: tensor.float() for key, tensor in weights.items()})
    return network.eval()


def save_course_network(path: Path, network: VampNet, **metadata: str) -> None:
    """Write a network's weights in half precision as safetensors, whole or not at all."""
    from safetensors.torch import save_file

    weights = {name: tensor.half().contiguous() for name, tensor in network.state_dict().items()}
    with atomic_write(path) as temporary:
        save_file(weights, temporary, {"config": json.dumps(asdict(network.config)), **metadata})
