"""The recipe of the VampNet course models: predict the masked codes, from every kind of gap.

    python -m course_utils.train tokens            # 300 minutes of music as codes
    python -m course_utils.train vampnet coarse    # resumes where it stopped; Ctrl-C is safe
    accelerate launch -m course_utils.train vampnet fine    # one or several GPUs

Source: VampNet (arXiv 2307.04686, sections 2.2 and 3.1): the share of masked codes is the cosine of a uniform number,
the loss counts masked codes only, label smoothing 0.1. Length, width, rate and steps are ours, for small machines.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.files import atomic_write
from course_utils.train.tokens import Tokens
from course_utils.vampnet.schedule import cosine
from course_utils.vampnet.transformer import MAX_DISTANCE, VampNet, VampNetConfig, distance_bucket

COARSE, CODEBOOKS = 4, 9


@dataclass(frozen=True)
class TokenRecipe:
    """Everything that decides the result, besides the codes; stored in checkpoints and in the model card.

    The learning rate rises over `warmup` steps, stays, and falls in a straight line to 0 over the last `cooldown`
    share of `steps`: so a run can be made longer before it has begun to fall. The last `long_share` of the steps take
    longer crops, as long as those that are decoded. The network starts as `start_network` says.
    """

    seed: int = 0
    steps: int = 6000
    batch: int = 8
    frames: int = 256  # of a crop
    long_share: float = 0.05
    long_batch: int = 2
    long_frames: int = 862
    rate: float = 1.5e-3
    warmup: int = 100
    cooldown: float = 0.3
    weight_decay: float = 0.02
    label_smoothing: float = 0.1
    ema: float = 0.998
    report_every: int = 250
    network: VampNetConfig = field(default_factory=lambda: VampNetConfig(heads=4, dropout=0.0))

    def learning_rate(self, step: int) -> float:
        """The rate of a step."""
        rise = min(1.0, (step + 1) / self.warmup)
        fall = min(1.0, (self.steps - step) / max(self.cooldown * self.steps, 1))
        return self.rate * rise * fall

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
    steps = 4000 if stage == "fine" else recipe.steps
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


class TokenTraining:
    """A training run in a folder: started anew, or taken up where last.pt says it stopped.

    Writes last.pt (everything needed to resume), ema.pt (the averaged network, its figures and story), log.jsonl, and
    after FORK steps fork.pt. `start_from` is such a file of another run, to fork from: its network, average, optimizer
    and step are taken over.
    Raises ValueError for a checkpoint of a network of other sizes.
    """

    def __init__(
        self, folder: Path, tokens: Tokens, codebooks: Tensor, recipe: TokenRecipe, start_from: Path | None = None
    ):
        from accelerate import Accelerator

        self.folder, self.recipe, self.tokens = folder, recipe, tokens
        self.accelerator = Accelerator(mixed_precision="bf16")
        torch.manual_seed(recipe.seed)
        self.network = VampNet(recipe.network, codebooks[: recipe.network.codebooks])
        start_network(self.network)
        self.average = copy.deepcopy(self.network).eval().requires_grad_(False)
        optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=recipe.rate, betas=(0.9, 0.98), weight_decay=recipe.weight_decay, fused=True
        )
        self.step, self.forked = 0, 0
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / "last.pt").exists():
            self.resume(folder / "last.pt", optimizer)
        elif start_from is not None:
            self.resume(start_from, optimizer)
            self.forked = self.step
        self.model, self.optimizer = self.accelerator.prepare(
            MaskedLoss(self.network, recipe.label_smoothing), optimizer
        )
        self.average.to(self.accelerator.device)
        self.held_out = tokens.held_out_crops(recipe.long_frames, recipe.network.codebooks)

    def resume(self, last: Path, optimizer: torch.optim.Optimizer) -> None:
        """Take everything from a checkpoint."""
        state = torch.load(last, map_location="cpu", weights_only=True)
        sizes = {
            **state["network_config"],
            "causal": self.recipe.network.causal,
            "dropout": self.recipe.network.dropout,
        }
        if sizes != asdict(self.recipe.network):
            raise ValueError(f"{last} holds a network of other sizes: name another folder, or remove it")
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        self.step, self.forked = state["step"], state["forked"]

    def advance(self) -> float:
        """One step; returns its loss. All chance comes from the step's number: resumed runs go on as unbroken ones."""
        recipe, accelerator = self.recipe, self.accelerator
        chance = np.random.default_rng([recipe.seed, self.step, accelerator.process_index])
        size, frames = recipe.crop(self.step)
        codes = self.tokens.batch(chance, size, frames, recipe.network.codebooks)
        drawn = torch.Generator().manual_seed(int(chance.integers(2**63)))
        hidden = draw_mask(codes, recipe.network, drawn)
        torch.manual_seed(int(chance.integers(2**63)))  # for dropout
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.learning_rate(self.step)
        with accelerator.autocast():
            loss = self.model(codes.to(accelerator.device), hidden.to(accelerator.device))
        self.optimizer.zero_grad()
        accelerator.backward(loss)
        accelerator.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        self.average_in()
        return float(loss.detach())

    @torch.no_grad()
    def average_in(self) -> None:
        """Move the averaged network a little towards the current one; more so in the first steps."""
        keep = min(self.recipe.ema, (1 + self.step) / (10 + self.step))
        for old, new in zip(self.average.parameters(), self.network.parameters(), strict=True):
            old.lerp_(new.detach(), 1 - keep)

    def checkpoint(self) -> str:
        """Measure the averaged network on held-out music, write the files, and return the figures as a line."""
        bits = validate(self.average, self.held_out)
        config = asdict(self.recipe.network)
        state = {"network_config": config, "step": self.step, "forked": self.forked}
        told = {"recipe": json.dumps(asdict(self.recipe)), "codec_sha256": self.tokens.codec_sha256}
        _save(self.folder / "ema.pt", {**state, **told, "network": self.average.state_dict(), "bits": bits})
        rest = {"average": self.average.state_dict(), "optimizer": self.optimizer.state_dict()}
        _save(self.folder / "last.pt", {**state, "network": self.network.state_dict(), **rest})
        if self.step == FORK:
            _save(self.folder / "fork.pt", {**state, "network": self.network.state_dict(), **rest})
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": self.step, "bits": bits}) + "\n")
        return f"step {self.step}: bits a held-out code, by codebook: " + " ".join(f"{b:.3f}" for b in bits)


def _save(path: Path, state: Mapping[str, Any]) -> None:
    with atomic_write(path) as temporary:
        torch.save(dict(state), temporary)


def train_tokens(
    folder: Path,
    tokens: Tokens,
    codebooks: Tensor,
    recipe: TokenRecipe,
    stop_after: int | None = None,
    start_from: Path | None = None,
) -> Path:
    """Train, or go on training, in `folder` (see `TokenTraining`); returns the path of the averaged network.

    codebooks: the codec's entries float [9, 1024, 8]. `stop_after` ends this call after so many steps. Ctrl-C loses
    what came after the last report.
    """
    from tqdm import tqdm

    run = TokenTraining(folder, tokens, codebooks, recipe, start_from)
    main = run.accelerator.is_main_process
    run.model.train()
    end = recipe.steps if stop_after is None else min(recipe.steps, run.step + stop_after)
    smooth = math.nan
    with tqdm(total=recipe.steps, initial=run.step, desc="training", disable=not main, mininterval=5) as bar:
        while run.step < end:
            loss = run.advance()
            smooth = loss if math.isnan(smooth) else 0.98 * smooth + 0.02 * loss
            bar.update()
            bar.set_postfix(loss=f"{smooth:.3f}")
            if main and (run.step % recipe.report_every == 0 or run.step == end):
                tqdm.write(run.checkpoint())
    return folder / "ema.pt"
