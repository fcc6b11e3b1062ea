"""A painter and a grid of players for the tests: a small codec stand-in by arithmetic, tiny networks, short clips."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from course_utils.show import GridRow, Painter, Prompted, StrategyGrid, mask_painter, prompted, strategy_grid
from course_utils.vampnet import VampNet, VampNetConfig, VampNetModels
from course_utils.vampnet.beats import Beats
from course_utils.vampnet.strategies import STRATEGIES, strategy

SECONDS = 2.0
BEATS = Beats((0.0, 0.5, 1.0, 1.5), "given")


class ArithmeticCodec:
    """Codes in, a sum of sines out: enough of a codec for a player, in no time. No model."""

    name = "arithmetic"
    sample_rate, hop, frame_rate = 44100, 512, 44100 / 512
    codebook_size, n_codebooks = 64, 9

    def decode(self, codes: torch.Tensor, length: int | None = None) -> torch.Tensor:
        """float32 [B, 1, T * 512]: codebook c chooses the loudness of the c-th harmonic of 110 Hz, frame by frame."""
        loud = (codes.float() / self.codebook_size).repeat_interleave(self.hop, dim=2) * 0.06
        at = torch.arange(codes.shape[2] * self.hop) / self.sample_rate
        tones = torch.sin(2 * torch.pi * 110 * torch.arange(1, codes.shape[1] + 1)[:, None] * at)
        sound = (loud * tones).sum(1, keepdim=True)
        return sound if length is None else sound[..., :length]


CODEC = ArithmeticCodec()


def codes_of(seconds: float = SECONDS, seed: int = 0) -> torch.Tensor:
    """Codes int64 [1, 9, T]."""
    frames = int(seconds * CODEC.frame_rate)
    return torch.randint(0, CODEC.codebook_size, (1, 9, frames), generator=torch.Generator().manual_seed(seed))


def tiny_models() -> VampNetModels:
    """Coarse and fine networks of one layer with random weights."""
    torch.manual_seed(0)
    books = torch.randn(9, CODEC.codebook_size, 8)
    sizes = {"vocabulary": CODEC.codebook_size, "width": 16, "layers": 1, "heads": 2}
    coarse, fine = VampNetConfig(4, **sizes), VampNetConfig(9, conditioning=4, **sizes)
    return VampNetModels("tiny", VampNet(coarse, books[:4]).eval(), VampNet(fine, books).eval())


def results(codes: torch.Tensor, style: str, names: Sequence[str]) -> list[Prompted]:
    """What stands in for a decode: kept tokens as they were, the others from another clip."""
    made = []
    for name in names:
        prompt = strategy(name, style, codes.shape, CODEC.frame_rate, BEATS)
        result = prompt.mask.merge(codes, codes_of(seed=9))
        made.append(prompted(prompt, codes, result, CODEC, seed=3, model="no"))
    return made


def small_painter(**options: Any) -> Painter:
    """A painter on two seconds of arithmetic, with results for vamping, inpainting and beats."""
    codes = codes_of()
    recorded = results(codes, "wild", ("vamp", "inpaint", "beat"))
    return mask_painter(codes, CODEC, beats=BEATS, recorded=recorded, clip="arithmetic", **options)


def small_grid(names: Sequence[str] = STRATEGIES[:4], **options: Any) -> StrategyGrid:
    """Two clips, wild and faithful, each with its original and a player a strategy."""
    rows = []
    for seed, (name, style) in enumerate((("One", "wild"), ("Two", "faithful"))):
        codes = codes_of(seed=seed)
        rows.append(GridRow(name, CODEC.decode(codes)[0, 0].numpy(), results(codes, style, names)))
    return strategy_grid(rows, CODEC.sample_rate, **options)
