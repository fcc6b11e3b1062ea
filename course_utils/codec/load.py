"""Codecs by name, from verified weights."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import torch

from course_utils import zoo
from course_utils.codec.codec import Codec
from course_utils.codec.network import CourseCodecConfig, CourseCodecNetwork
from course_utils.compat.torchaudio import ensure_torchaudio

OFFICIAL_CONTEXT = 16  # frames that dac.DAC's encoder or decoder can see to either side, rounded up (tested)


def load_codec(name: str = "course", device: str | torch.device = "cpu") -> Codec:
    """The codec by name: "course" (trained by this project, offline) or "official" (DAC's public 44.1 kHz model).

    Raises ValueError for another name, and the zoo's errors for weights that are missing or damaged.
    """
    if name == "course":
        return course_codec(*zoo.read_weights("course-codec")).to(device)
    if name == "official":
        return official_codec(zoo.read_weights("official-codec")[0]).to(device)
    raise ValueError(f"no codec is called {name!r}: there are 'course' and 'official'")


def course_codec(weights: dict[str, torch.Tensor] | None = None, metadata: dict[str, str] | None = None) -> Codec:
    """The course codec with these weights, or at random without them. Metadata: {"config": JSON of the sizes}."""
    config = CourseCodecConfig(**json.loads((metadata or {}).get("config", "{}")))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # the dac package uses torch's older weight_norm
        network = CourseCodecNetwork(config)
    if weights is not None:
        network.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    # each ConvNeXt block sees 3 frames to either side, the transform 1
    context = 3 * max(config.encoder_blocks, config.decoder_blocks) + 1
    return Codec(network, "course", config.sample_rate, config.hop, context)


def official_codec(weights: dict[str, torch.Tensor] | None = None) -> Codec:
    """`dac.DAC` at its public size (76.65 M parameters) with these weights, or at random without them."""
    ensure_torchaudio()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        import dac

        network = dac.DAC()  # its defaults are the 44.1 kHz model's sizes
    if weights is not None:
        network.load_state_dict(weights)
    return Codec(network, "official", network.sample_rate, int(network.hop_length), OFFICIAL_CONTEXT)


def save_course_codec(path: Path, network: CourseCodecNetwork, **metadata: str) -> None:
    """Write the course codec's weights in half precision as safetensors, whole or not at all."""
    from safetensors.torch import save_file

    from course_utils.files import atomic_write

    weights = {name: tensor.half().contiguous() for name, tensor in network.state_dict().items()}
    with atomic_write(path) as temporary:
        save_file(weights, temporary, {"config": json.dumps(network.config.as_dict()), **metadata})
