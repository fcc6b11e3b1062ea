"""What the sweeps share: a clip and its codes, one decode of it with its cost, and how far the result is away."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from course_utils.audio import chroma_similarity, mel_distance, onset_f_measure
from course_utils.codec import Codec, load_codec
from course_utils.recorded.frechet import Reference, embed, reference_of
from course_utils.recorded.material import REFERENCE, music
from course_utils.vampnet import DecodeSettings, Mask, VampNet, decode, masks
from course_utils.vampnet.load import load_vampnet
from course_utils.vampnet.models import VampNetModels

FILES = (  # everything but the music that decides what a decode of the course models gives, and how it is measured
    "data/models/course-codec/weights.safetensors",
    "data/models/vampnet-coarse/weights.safetensors",
    "data/models/vampnet-fine/weights.safetensors",
    "course_utils/audio/measure.py",
    "course_utils/codec/codec.py",
    "course_utils/codec/mdct.py",
    "course_utils/codec/network.py",
    "course_utils/linear.py",
    "course_utils/recorded/frechet.py",
    "course_utils/recorded/material.py",
    "course_utils/recorded/sounding.py",
    "course_utils/vampnet/decoding.py",
    "course_utils/vampnet/masks.py",
    "course_utils/vampnet/sampling.py",
    "course_utils/vampnet/schedule.py",
    "course_utils/vampnet/transformer.py",
)
TASKS = {
    "vamp": "every 9th frame is kept, in all nine codebooks, and the music between is generated",
    "continue": "the first second is kept and the three that follow are generated",
}
PERIOD = 9  # frames of a vamp, unless it is what is swept
CONTEXT_SECONDS, REFERENCE_SECONDS = 1.0, 10.0
MEASURES = ("mel", "chroma", "onset", "level", "agreement", "surprise", "coarse_seconds", "seconds")


class Studio:
    """The course models, loaded when first needed, and what a sweep does with them."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds  # of every clip

    @cached_property
    def codec(self) -> Codec:
        """The course codec."""
        return load_codec("course")

    @cached_property
    def models(self) -> VampNetModels:
        """Coarse and fine."""
        return load_vampnet(codec=self.codec)

    def codes(self, name: str) -> Tensor:
        """A clip's own codes, int64 [1, 9, T]."""
        return self.codec.encode(music(name, self.seconds))

    def sound(self, codes: Tensor) -> npt.NDArray[np.float32]:
        """Codes [1, 9, T] as sound, float32 [N]."""
        return self.codec.decode(codes)[0, 0].numpy()

    def mask(self, task: str, codes: Tensor, period: int = PERIOD) -> Mask:
        """The prompt of a task, for all nine codebooks."""
        if task == "vamp":
            return masks.periodic(codes.shape, period)
        return masks.continuation(codes.shape, round(CONTEXT_SECONDS * self.codec.frame_rate))

    def decode(
        self, codes: Tensor, mask: Mask, settings: DecodeSettings, fine: DecodeSettings, seed: int
    ) -> tuple[Tensor, dict[str, float]]:
        """Coarse, then fine: codes [1, 9, T], and the CPU time of the coarse stage and of both."""
        split, began = self.models.n_coarse, time.process_time()
        coarse = decode(self.models.coarse, codes[:, :split], mask.generate[:, :split], settings, seed).codes
        between = time.process_time()
        both = torch.cat([coarse, codes[:, split:]], dim=1)
        finished = decode(self.models.fine, both, mask.generate, fine, seed).codes
        return finished, {"coarse_seconds": between - began, "seconds": time.process_time() - began}

    def distances(self, codes: Tensor, original: Tensor, mask: Mask) -> dict[str, float]:
        """How far generated codes are from the original ones, as sounds and as tokens; `MEASURES` but the times.

        mel: log-mel distance; chroma: correlation of pitch classes; onset: F-measure; all against what the codec makes
        of the original's codes, so that 0, 1 and 1 are reached. level: louder by so many dB; far below 0 the music
        fades where likely codes, those of silence, win. agreement: share of the generated coarse tokens that
        are the original's. surprise: `surprise` of the coarse tokens.
        """
        estimate, reference = self.sound(codes), self.sound(original)
        split = self.models.n_coarse
        return {
            "mel": mel_distance(estimate, reference),
            "chroma": chroma_similarity(estimate, reference),
            "onset": onset_f_measure(estimate, reference),
            "level": 20 * math.log10(_loudness(estimate) / _loudness(reference)),
            "agreement": float((codes == original)[:, :split][mask.generate[:, :split]].float().mean()),
            "surprise": self.surprise(codes, mask),
        }

    def surprise(self, codes: Tensor, mask: Mask) -> float:
        """`surprise` of the coarse tokens that a mask lets be generated, in bits a token."""
        split = self.models.n_coarse
        return surprise(self.models.coarse, codes[:, :split], mask.generate[:, :split])

    def reference(self) -> npt.NDArray[np.float64]:
        """Windows [n, 24] of the reference music, through the codec."""
        pieces = (self.codec.encode(music(name, REFERENCE_SECONDS)) for name in REFERENCE)
        return np.concatenate([embed(self.sound(codes)) for codes in pieces])


def _loudness(samples: npt.NDArray[np.float32]) -> float:
    """Root mean square; at least -120 dB, so that silence has a level."""
    return max(float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))), 1e-6)


@torch.inference_mode()
def surprise(network: VampNet, codes: Tensor, opened: Tensor, seed: int = 0) -> float:
    """How unlikely the network finds those of its own tokens that were generated, in bits a token.

    Half of all tokens, the same ones each time, are hidden from it; counted are those hidden tokens where `opened`,
    bool [1, C, T]. Low is not good: the dullest music is the least surprising. Near the figure of real music is good.
    """
    hidden = torch.rand(codes.shape, generator=torch.Generator().manual_seed(seed)) < 0.5
    seen = codes.masked_fill(hidden, network.config.mask_token)
    counted = hidden & opened
    logits = network.logits_at(network.hidden(network.latents(seen)), counted)
    true = codes.transpose(0, 1)[counted.transpose(0, 1)]
    return float(torch.nn.functional.cross_entropy(logits.float(), true)) / math.log(2)


def spread(values: Sequence[Sequence[float]]) -> list[float]:
    """[mean, standard error] of figures [clips][seeds]: the clips are the sample, a clip's seeds are averaged."""
    means = np.array([np.mean(clip) for clip in values])
    error = float(means.std(ddof=1) / math.sqrt(len(means))) if len(means) > 1 else 0.0
    return [float(means.mean()), error]


def reference_from(arrays: dict[str, npt.NDArray[Any]]) -> Reference:
    """The statistics of the reference windows that a job has kept."""
    return reference_of(arrays["reference"].astype(np.float64))
