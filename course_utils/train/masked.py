"""The recipe of the VampNet course models: predict the masked codes, from every kind of gap.

    python -m course_utils.train tokens            # 300 minutes of music as codes
    python -m course_utils.train vampnet coarse    # resumes where it stopped; Ctrl-C is safe
    accelerate launch -m course_utils.train vampnet fine    # one or several GPUs

Source: VampNet (arXiv 2307.04686, sections 2.2 and 3.1): the share of masked codes is the cosine of a uniform number,
the loss counts masked codes only, label smoothing 0.1. Length, width, rate and steps are ours, for small machines.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.train.run import Pace, Run
from course_utils.train.tokens import Tokens
from course_utils.vampnet.schedule import cosine
from course_utils.vampnet.transformer import MAX_DISTANCE, VampNet, VampNetConfig, distance_bucket

COARSE, CODEBOOKS = 4, 9


@dataclass(frozen=True, kw_only=True)
class TokenRecipe(Pace):
    """Everything that decides the result, besides the codes; stored in checkpoints and in the model card.

    The last `long_share` of the steps take longer crops, as long as those that are decoded. The network starts as
    `start_network` says.
    """

    steps: int = 6000
    batch: int = 8
    frames: int = 256  # of a crop
    long_share: float = 0.05
    long_batch: int = 2
    long_frames: int = 862
    label_smoothing: float = 0.1
    network: VampNetConfig = field(default_factory=lambda: VampNetConfig(heads=4, dropout=0.0))

    def crop(self, step: int) -> tuple[int, int]:
        """(clips, frames) of a step's batch."""
        if step >= (1 - self.long_share) * self.steps:
            return self.long_batch, self.long_frames
        return self.batch, self.frames


FORK = 3500  # the step of the coarse model's run at which the causal one takes leave of it


def recipe_for(stage: str) -> TokenRecipe:
    """The recipe of "coarse" (c0..c3), "fine" (c4..c8 given c0..c3) or "causal" (as coarse, but blind to the future).

    Raises ValueError for another name.
    """
    recipe = TokenRecipe()
    networks = {
        "coarse": recipe.network,
        "fine": replace(recipe.network, codebooks=CODEBOOKS, conditioning=COARSE),
        "causal": replace(recipe.network, causal=True),
    }
    if stage not in networks:
        raise ValueError(f"no model is called {stage!r}: there are {', '.join(networks)}")
    steps = 3000 if stage == "fine" else recipe.steps
    return replace(recipe, steps=steps, network=networks[stage])


def draw_mask(codes: Tensor, config: VampNetConfig, chance: torch.Generator) -> Tensor:
    """Which codes to hide, bool [B, C', T]: each with probability cos(pi r / 2), one uniform r for each clip.

    codes: int64 [B, C, T]. The conditioning codebooks are never hidden and not part of the mask.
    Source: VampNet (section 2.2).
    """
    B, _, T = codes.shape
    share = cosine(torch.rand(B, 1, 1, generator=chance))
    return torch.rand(B, config.predicted, T, generator=chance) < share


def hide(codes: Tensor, hidden: Tensor, config: VampNetConfig) -> Tensor:
    """The codes as the network sees them: the mask token where `hidden`, bool [B, C', T]; int64 [B, C, T]."""
    given, predicted = codes.split([config.conditioning, config.predicted], dim=1)
    return torch.cat([given, predicted.masked_fill(hidden, config.mask_token)], dim=1)


@torch.no_grad()
def start_network(network: VampNet, reach: tuple[float, ...] = (1.5, 0.5, 0.15, 0.02)) -> None:
    """Give a new network what can be known beforehand: the geometry of the codebooks, and that near frames tell most.

    - Every codebook gets eight directions of its own in the width. Its entries enter along them, each dimension scaled
      to spread 1, and the output looks for the entries along the same ones: a frame starts by naming codes whose
      entries resemble what it holds.
    - Attention starts by handing on what other frames hold, the less the farther they are: `reach` is the fall of the
      score for each frame of distance, by head.

    From random numbers the network takes thousands of steps to find out which of 1024 codes lie close to one another.
    Raises ValueError for a width that has no eight directions for every codebook.
    """
    config, (B, heads) = network.config, network.distance_bias.weight.shape
    width, dims = config.width, config.codebooks * config.entry_dim
    if width < dims:
        raise ValueError(f"a width of {width} has no {dims} directions for the entries: make the network wider")
    axes = torch.linalg.qr(torch.randn(width, dims))[0].view(width, config.codebooks, config.entry_dim)
    mean, spread = network.codebooks.mean(1), network.codebooks.std(1)  # [C, 8]
    network.inp.weight.copy_((axes / spread).flatten(1) * math.sqrt(width / dims))
    network.inp.bias.copy_(-(network.inp.weight @ mean.flatten()))
    network.mask_vectors.copy_(mean + spread * torch.randn_like(spread))
    entries = (network.codebooks - mean[:, None]) / spread[:, None]  # [C, 1024, 8]
    named = torch.einsum("cke,wce->ckw", entries, axes)[config.conditioning :]
    network.out.weight.copy_(0.25 * named.flatten(0, 1))
    network.out.bias.zero_()
    distance = torch.arange(-MAX_DISTANCE, MAX_DISTANCE + 1)
    bucket = distance_bucket(distance)
    for number in range(B):
        near = distance[bucket == number].abs().float()
        falls = torch.tensor([reach[head % len(reach)] for head in range(heads)])
        network.distance_bias.weight[number] = -falls * (near.mean() if len(near) else MAX_DISTANCE)
    for block in network.blocks:
        turn = torch.linalg.qr(torch.randn(width, width))[0]
        block.attention.qkv.weight[2 * width :] = turn  # type: ignore[union-attr, index]
        block.attention.out.weight.copy_(0.5 * turn.T)  # type: ignore[union-attr]


class MaskedLoss(nn.Module):
    """Cross-entropy of the hidden codes, in nats, mean over them (one `forward`, as distributed training wants)."""

    def __init__(self, network: VampNet, label_smoothing: float):
        super().__init__()
        self.network, self.label_smoothing = network, label_smoothing

    def forward(self, codes: Tensor, hidden: Tensor) -> Tensor:
        """Codes int64 [B, C, T] and which of them are hidden, bool [B, C', T] -> loss, a number."""
        config = self.network.config
        seen = self.network.latents(hide(codes, hidden, config))
        logits = self.network.logits_at(self.network.hidden(seen), hidden)
        return F.cross_entropy(logits.float(), targets_at(codes, hidden, config), label_smoothing=self.label_smoothing)


def targets_at(codes: Tensor, hidden: Tensor, config: VampNetConfig) -> Tensor:
    """The hidden codes int64 [N] in the order of `VampNet.logits_at`: codebook, clip, frame."""
    return codes[:, config.conditioning :].transpose(0, 1)[hidden.transpose(0, 1)]


@torch.no_grad()
def validate(network: VampNet, codes: Tensor, ratio: float = 0.6, seed: int = 0) -> list[float]:
    """Cross-entropy in bits of each predicted codebook at one share of hidden codes: codes int64 [B, C, T]."""
    config, device = network.config, network.mask_vectors.device
    training = network.training
    network.eval()
    chance = torch.Generator().manual_seed(seed)
    hidden = torch.rand(len(codes), config.predicted, codes.shape[2], generator=chance) < ratio
    bits = torch.zeros(config.predicted)
    for clip, where in zip(codes.split(1), hidden.split(1), strict=True):
        clip, where = clip.to(device), where.to(device)
        logits = network.logits_at(network.hidden(network.latents(hide(clip, where, config))), where)
        nats = F.cross_entropy(logits.float(), targets_at(clip, where, config), reduction="none").cpu()
        level = torch.arange(config.predicted).repeat_interleave(where.sum((0, 2)).cpu())
        bits.index_add_(0, level, nats / math.log(2))
    network.train(training)
    return (bits / hidden.sum((0, 2))).tolist()


class TokenTraining(Run):
    """A `Run` of a VampNet on codes; after FORK steps it leaves fork.pt, from which the causal one goes on.

    codebooks: the codec's entries float [9, 1024, 8].
    """

    def __init__(
        self, folder: Path, tokens: Tokens, codebooks: Tensor, recipe: TokenRecipe, start_from: Path | None = None
    ):
        self.crops, self.tokens = recipe, tokens
        torch.manual_seed(recipe.seed)
        network = VampNet(recipe.network, codebooks[: recipe.network.codebooks])
        start_network(network)
        loss = MaskedLoss(network, recipe.label_smoothing)
        told = {"codec_sha256": tokens.codec_sha256}
        super().__init__(folder, recipe, network, loss, asdict(recipe.network), told, start_from, FORK)
        self.held_out = tokens.held_out_crops(recipe.long_frames, recipe.network.codebooks)

    def fits(self, config: dict[str, Any]) -> bool:
        """Sizes alone: a causal network may go on from one that is not."""
        return {**config, "causal": self.config["causal"], "dropout": self.config["dropout"]} == self.config

    def draw(self, chance: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Crops int64 [B, C, T] and which of their codes to hide, bool [B, C', T]."""
        config = self.crops.network
        codes = self.tokens.batch(chance, *self.crops.crop(self.step), config.codebooks)
        return codes, draw_mask(codes, config, torch.Generator().manual_seed(int(chance.integers(2**63))))

    def measure(self) -> list[float]:
        """Bits of each predicted codebook, as `validate`."""
        return validate(self.average, self.held_out)


def train_tokens(
    folder: Path,
    tokens: Tokens,
    codebooks: Tensor,
    recipe: TokenRecipe,
    stop_after: int | None = None,
    start_from: Path | None = None,
) -> Path:
    """Train, or go on training, in `folder` (see `TokenTraining`, `Run.go`); the path of the averaged network."""
    return TokenTraining(folder, tokens, codebooks, recipe, start_from).go(stop_after)
