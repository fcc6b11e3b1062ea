"""Real decodes by small networks with random weights over the codes of a demo clip: fast, and true traces."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch

from course_utils.audio import Clip, demo_clip
from course_utils.codec import Codec, load_codec
from course_utils.show import DecodeScrubber, Run, decode_scrubber
from course_utils.vampnet import Decoded, DecodeSettings, VampNet, VampNetConfig, decode_coarse_to_fine, masks


@cache
def codec() -> Codec:
    return load_codec("course")


def clip(frames: int) -> Clip:
    whole = demo_clip("electronic")
    return Clip(whole.samples[: frames * 512], whole.rate, whole.name)


@cache
def networks() -> tuple[VampNet, VampNet]:
    torch.manual_seed(0)
    entries = torch.stack([codec().codebook(level) for level in range(9)])
    sizes: dict[str, Any] = {"width": 16, "layers": 1, "heads": 2, "dropout": 0.0}
    coarse = VampNet(VampNetConfig(4, 0, **sizes), entries[:4]).eval()
    return coarse, VampNet(VampNetConfig(9, 4, **sizes), entries).eval()


@cache
def decoded(
    frames: int = 40,
    passes: int = 6,
    fine_passes: int = 2,
    temperature: float = 1.0,
    seed: int = 0,
    compat: bool = False,
) -> Decoded:
    """Every ninth frame is a prompt in all codebooks."""
    codes = codec().encode(clip(frames))
    settings = DecodeSettings(passes=passes, temperature=temperature, compat=compat)
    mask = masks.periodic((1, 9, codes.shape[-1]), 9)
    return decode_coarse_to_fine(*networks(), codes, mask, settings, fine_passes=fine_passes, seed=seed)


def scrubber(frames: int = 40, passes: int = 6, **options: Any) -> DecodeScrubber:
    settings = DecodeSettings(passes=passes)
    options = {"clip": clip(frames), "model": "random weights", "title": "Pass by pass"} | options
    return decode_scrubber(decoded(frames, passes), codec(), settings, **options)


def second(frames: int = 40, passes: int = 3) -> Run:
    made = decoded(frames, passes, temperature=0.5, seed=5)
    return Run(made, DecodeSettings(passes=passes, temperature=0.5), "cooler", 5)
