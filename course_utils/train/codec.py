"""The recipe of the course codec: a computed start, a joint phase, an adversarial phase.

    python -m course_utils.train corpus          # 130 minutes of music, a few minutes' work
    python -m course_utils.train codec           # resumes where it stopped; Ctrl-C is safe
    accelerate launch -m course_utils.train codec    # one or several GPUs

Source of the losses: DAC (arXiv 2306.06546, sections 3.3 to 3.5); weights chosen by trial, see the model card.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from course_utils.audio.measure import MEL_WINDOWS, mel_distance, si_sdr
from course_utils.codec.network import CourseCodecConfig, CourseCodecNetwork
from course_utils.files import atomic_write
from course_utils.train.corpus import SMALL_FONT, Corpus, freedoom_pieces, render_excerpt
from course_utils.train.start import start_linear_path, start_quantizer


@dataclass(frozen=True)
class CodecRecipe:
    """Everything that decides the result, besides the corpus; stored in checkpoints and in the model card."""

    seed: int = 0
    start_segments: int = 400  # of 16384 samples, that the start is computed from
    steps: int = 20000
    adversarial_steps: int = 200
    batch: int = 12
    segment: int = 16384  # samples
    rate: float = 2e-3  # peak learning rate; rises over the first steps, then falls as a cosine
    warmup: int = 100
    final_rate: float = 0.01  # of the peak
    mel_windows: int = 3  # of the seven, drawn anew each step
    mel_weight: float = 5.0
    wave_weight: float = 0.8
    wave_floor: float = 0.03  # of the energy: below -15 dB the waveform term stops pressing
    commitment_weight: float = 0.25
    codebook_weight: float = 1.0
    quantizer_dropout: float = 0.5
    adversarial_weight: float = 0.15
    feature_weight: float = 0.3
    adversarial_rate: float = 1e-4
    adversarial_batch: int = 4
    adversarial_report: int = 50
    periods: tuple[int, ...] = (2, 3, 5)
    fft_sizes: tuple[int, ...] = (2048, 1024, 512)
    restart_every: int = 200  # steps between looks at the codebooks' use
    restart_share: float = 0.1  # an entry used less than this share of the even use is put on a current latent
    report_every: int = 1000
    network: CourseCodecConfig = field(default_factory=CourseCodecConfig)

    def learning_rate(self, step: int) -> float:
        """The rate of a step of the joint phase."""
        rise = min(1.0, (step + 1) / self.warmup)
        fall = 0.5 * (1 + math.cos(math.pi * min(step / self.steps, 1.0)))
        return self.rate * rise * (self.final_rate + (1 - self.final_rate) * fall)


class Pass(nn.Module):
    """Audio through the codec with the quantizer in full precision (one `forward`, as distributed training wants)."""

    def __init__(self, network: CourseCodecNetwork):
        super().__init__()
        self.network = network

    def forward(self, audio: Tensor) -> dict[str, Tensor]:
        latent = self.network.encoder(audio)
        with torch.autocast(audio.device.type, enabled=False):
            quantized, codes, latents, commitment, codebook = self.network.quantizer(latent.float())
        decoded = self.network.decoder(quantized).float()
        return dict(audio=decoded, codes=codes, latents=latents, commitment=commitment, codebook=codebook)


def wave_distance(estimate: Tensor, reference: Tensor, floor: float) -> Tensor:
    """log10 of the error's share of each segment's energy, mean over the batch: the waveform's part of the loss.

    Estimate and reference [B, 1, N]. Every tenfold fall of the error counts the same, in loud and quiet segments.
    """
    error = (estimate - reference).pow(2).mean((1, 2))
    energy = reference.pow(2).mean((1, 2)) + 1e-6
    return torch.log10(error / energy + floor).mean()


def codec_loss(out: dict[str, Tensor], audio: Tensor, recipe: CodecRecipe, windows: list[int]) -> dict[str, Tensor]:
    """The joint phase's terms and, under "loss", their weighted sum."""
    terms = {
        "mel": mel_distance(out["audio"], audio, windows=windows),
        "wave": wave_distance(out["audio"], audio, recipe.wave_floor),
        "commitment": out["commitment"],
        "codebook": out["codebook"],
    }
    weights = (recipe.mel_weight, recipe.wave_weight, recipe.commitment_weight, recipe.codebook_weight)
    terms["loss"] = torch.stack([w * t for w, t in zip(weights, terms.values(), strict=True)]).sum()
    return terms


class CodebookWatch:
    """Counts how often each entry is chosen and moves entries that hardly are onto latents of the current batch.

    With several processes nothing is moved: each would move other entries. The computed start leaves few dead ones.
    """

    def __init__(self, recipe: CodecRecipe):
        config = recipe.network
        self.recipe = recipe
        self.counts = torch.zeros(config.n_codebooks, config.codebook_size)

    def add(self, codes: Tensor) -> None:  # [B, 9, T]
        for level in range(len(self.counts)):
            self.counts[level] += torch.bincount(codes[:, level].flatten().cpu(), minlength=self.counts.shape[1])

    @torch.no_grad()
    def restart(self, network: CourseCodecNetwork, latents: Tensor) -> int:
        """Move the dead entries; latents [B, 9 * 8, T]. Returns how many were moved, and counts anew."""
        moved = 0
        per_level = latents.split(network.config.codebook_dim, dim=1)
        even = self.counts.sum(1, keepdim=True) / self.counts.shape[1]
        for level, vq in enumerate(network.quantizer.quantizers):
            dead = (self.counts[level] < self.recipe.restart_share * even[level]).to(latents.device)
            points = per_level[level].transpose(1, 2).flatten(0, 1)
            chosen = torch.randint(len(points), (int(dead.sum()),), device=latents.device)
            vq.codebook.weight[dead] = points[chosen].float()
            moved += int(dead.sum())
        self.counts.zero_()
        return moved


def validation_audio(seconds: float = 4.0, pieces: int = 6) -> Tensor:
    """Held-out music that picks the best checkpoint: excerpts of held-out Freedoom pieces and of composed pieces.

    float32 [2 * pieces, 1, N]. The pieces that the model card measures are not among them (`card.HELD_OUT_PIECES`).
    """
    from course_utils.paths import data_folder
    from course_utils.synth.compose import compose
    from course_utils.synth.render import Renderer
    from course_utils.train.card import HELD_OUT_PIECES
    from course_utils.train.corpus import level

    renderer = Renderer(data_folder() / SMALL_FONT)
    length = int(seconds * 44100) // 512 * 512
    names = [piece for piece in freedoom_pieces(held_out=True) if piece.stem not in HELD_OUT_PIECES]
    clips = [render_excerpt(piece, 20.0, seconds, renderer)[:length] for piece in names[:pieces]]
    clips += [level(renderer.mono(compose(seed, seconds), seconds))[:length] for seed in range(pieces)]
    loud = [clip for clip in clips if np.sqrt(np.mean(clip**2)) > 0.01]
    return torch.from_numpy(np.stack(loud))[:, None]


@torch.no_grad()
def validate(network: CourseCodecNetwork, audio: Tensor) -> dict[str, Any]:
    """Mel distance and SI-SDR (dB), means over clips [B, 1, N], by number of levels."""
    levels = sorted({n for n in (1, 2, 3, 5, 7) if n < network.config.n_codebooks} | {network.config.n_codebooks})
    training, network_device = network.training, next(network.parameters()).device
    network.eval()
    audio = audio.to(network_device)
    codes = network.quantizer(network.encoder(audio))[1]
    figures: dict[str, Any] = {"mel": {}, "si_sdr": {}}
    for n in levels:
        decoded = network.decoder(network.quantizer.from_codes(codes[:, :n])[0])
        figures["mel"][n] = float(mel_distance(decoded, audio))
        figures["si_sdr"][n] = float(si_sdr(decoded, audio).mean())
    network.train(training)
    return figures


def score(figures: dict[str, Any]) -> float:
    """What "best" means, smaller is better: mel distance at full levels, and 40 dB of SI-SDR count like 1."""
    top = max(figures["mel"])
    return figures["mel"][top] - figures["si_sdr"][top] / 40


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint whole or not at all."""
    with atomic_write(path) as temporary:
        torch.save(state, temporary)


class CodecTraining:
    """A training run in a folder: started anew from the corpus, or taken up where last.pt says it stopped.

    Writes last.pt (everything needed to resume), best.pt (network and figures) and log.jsonl. Raises ValueError for a
    checkpoint of a network of other sizes.
    """

    def __init__(self, folder: Path, corpus_folder: Path, recipe: CodecRecipe):
        from accelerate import Accelerator
        from accelerate.utils import set_seed

        self.folder, self.recipe, self.corpus = folder, recipe, Corpus(corpus_folder)
        self.accelerator = Accelerator(mixed_precision="bf16")
        set_seed(recipe.seed + self.accelerator.process_index)
        self.network = CourseCodecNetwork(recipe.network, recipe.quantizer_dropout)
        optimizer = torch.optim.AdamW(self.network.parameters(), lr=recipe.rate, betas=(0.8, 0.99), fused=True)
        self.watch = CodebookWatch(recipe)
        self.step, self.best = 0, math.inf
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / "last.pt").exists():
            self.resume(folder / "last.pt", optimizer)
        else:
            self.start()
        self.model, self.optimizer = self.accelerator.prepare(Pass(self.network), optimizer)
        self.held_out = validation_audio()

    def start(self) -> None:
        """Give the network its computed start."""
        chance = np.random.default_rng(self.recipe.seed)
        music = torch.from_numpy(self.corpus.batch(chance, self.recipe.start_segments, 16384))
        start_linear_path(self.network, music)
        start_quantizer(self.network, music)

    def resume(self, last: Path, optimizer: torch.optim.Optimizer) -> None:
        """Take everything from a checkpoint."""
        state = torch.load(last, map_location="cpu", weights_only=True)
        if state["network_config"] != self.recipe.network.as_dict():
            raise ValueError(f"{last} holds a network of other sizes: name another folder, or remove it")
        self.network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        self.step, self.best = state["step"], state["best"]
        self.watch.counts = state.get("counts", self.watch.counts)  # absent from the first version's checkpoints

    def advance(self) -> dict[str, Tensor]:
        """One step of the joint phase; returns the terms of its loss.

        All chance comes from the step's number, so that a resumed run goes on as an unbroken one would.
        """
        recipe, accelerator = self.recipe, self.accelerator
        chance = np.random.default_rng([recipe.seed, self.step, accelerator.process_index])
        audio = torch.from_numpy(self.corpus.batch(chance, recipe.batch, recipe.segment)).to(accelerator.device)
        windows = [MEL_WINDOWS[i] for i in chance.permutation(len(MEL_WINDOWS))[: recipe.mel_windows]]
        torch.manual_seed(int(chance.integers(2**63)))  # for the quantizer's dropout and the restarts
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.learning_rate(self.step)
        with accelerator.autocast():
            out = self.model(audio)
        terms = codec_loss(out, audio, recipe, windows)
        self.optimizer.zero_grad()
        accelerator.backward(terms["loss"])
        accelerator.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimizer.step()
        self.watch.add(out["codes"].detach())
        self.step += 1
        settling = self.step >= 0.8 * recipe.steps  # the codebooks keep still at the end
        if self.step % recipe.restart_every == 0 and not settling and accelerator.num_processes == 1:
            terms["moved"] = torch.tensor(self.watch.restart(self.network, out["latents"].detach()))
        return terms

    def checkpoint(self) -> str:
        """Measure on held-out music, write the files, and return the figures as a line."""
        figures = validate(self.network, self.held_out)
        config = self.recipe.network.as_dict()
        state = {"network": self.network.state_dict(), "network_config": config, "step": self.step}
        if score(figures) < self.best:
            self.best = score(figures)
            told = {"recipe": json.dumps(asdict(self.recipe)), "figures": json.dumps(figures)}
            save_checkpoint(self.folder / "best.pt", {**state, **told})
        rest = {"optimizer": self.optimizer.state_dict(), "best": self.best, "counts": self.watch.counts}
        save_checkpoint(self.folder / "last.pt", {**state, **rest})
        with (self.folder / "log.jsonl").open("a") as file:
            file.write(json.dumps({"step": self.step, "score": score(figures), **figures}) + "\n")
        text = " ".join(f"{n}:{figures['mel'][n]:.3f}/{figures['si_sdr'][n]:.1f}dB" for n in figures["mel"])
        return f"step {self.step} {text}"


def train_codec(folder: Path, corpus_folder: Path, recipe: CodecRecipe, stop_after: int | None = None) -> Path:
    """Train, or go on training, in `folder` (see `CodecTraining`); returns the path of the best network's checkpoint.

    `stop_after` ends this call after so many steps. Ctrl-C loses what came after the last report.
    """
    from tqdm import tqdm

    run = CodecTraining(folder, corpus_folder, recipe)
    main = run.accelerator.is_main_process
    if run.step == 0 and main:
        run.checkpoint()
    run.model.train()
    end = recipe.steps if stop_after is None else min(recipe.steps, run.step + stop_after)
    with tqdm(total=recipe.steps, initial=run.step, desc="training the codec", disable=not main) as bar:
        while run.step < end:
            terms = run.advance()
            bar.update()
            if run.step % 50 == 0:
                bar.set_postfix({name: f"{float(value):.3f}" for name, value in terms.items()})
            if main and (run.step % recipe.report_every == 0 or run.step == end):
                tqdm.write(run.checkpoint())
    return folder / "best.pt"
