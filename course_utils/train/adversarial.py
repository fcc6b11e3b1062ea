"""The adversarial phase: discriminators learn to tell the decoder's sound from music, the decoder learns to pass.

Only the decoder learns; encoder and codebooks stay, so the codes of every recording stay what they were.
Source: DAC (arXiv 2306.06546, section 3.4); the discriminators are the dac package's own, multi-period on the waveform
and multi-band on complex spectrograms.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from course_utils.audio.measure import MEL_WINDOWS
from course_utils.codec.network import CourseCodecConfig, CourseCodecNetwork
from course_utils.compat.torchaudio import ensure_torchaudio
from course_utils.train.codec import CodecRecipe, Pass, codec_loss, save_checkpoint, score, validate, validation_audio
from course_utils.train.corpus import Corpus

Maps = list[list[Tensor]]  # of each discriminator: the outputs of its layers, the last one its verdict


def discriminator_loss(real: Maps, fake: Maps) -> Tensor:
    """Least squares: verdicts on music towards 1, on decoded sound towards 0."""
    verdicts = [(1 - r[-1]).pow(2).mean() + f[-1].pow(2).mean() for r, f in zip(real, fake, strict=True)]
    return torch.stack(verdicts).mean()


def generator_loss(fake: Maps) -> Tensor:
    """Least squares: the decoder wants verdicts of 1."""
    return torch.stack([(1 - f[-1]).pow(2).mean() for f in fake]).mean()


def feature_loss(real: Maps, fake: Maps) -> Tensor:
    """Mean absolute difference of the discriminators' inner layers on music and on decoded sound."""
    pairs = [(r.detach(), f) for rs, fs in zip(real, fake, strict=True) for r, f in zip(rs[:-1], fs[:-1], strict=True)]
    return torch.stack([(r - f).abs().mean() / (r.abs().mean() + 1e-3) for r, f in pairs]).mean()


def make_discriminators(recipe: CodecRecipe) -> nn.Module:
    """The dac package's discriminators, as many periods and window sizes as the recipe names."""
    ensure_torchaudio()
    from dac.model.discriminator import Discriminator

    return Discriminator(periods=list(recipe.periods), fft_sizes=list(recipe.fft_sizes), sample_rate=44100)


class AdversarialTraining:
    """The adversarial phase of a run in a folder, going on from best.pt, or from adversarial.pt if it was interrupted.

    Raises FileNotFoundError without a joint phase's best.pt.
    """

    def __init__(self, folder: Path, corpus_folder: Path, recipe: CodecRecipe):
        from accelerate import Accelerator

        if not (folder / "best.pt").exists():
            raise FileNotFoundError(f"no best.pt in {folder}: the adversarial phase goes on from a joint phase")
        self.folder, self.recipe, self.corpus = folder, recipe, Corpus(corpus_folder)
        self.accelerator = Accelerator(mixed_precision="bf16")
        self.story = torch.load(folder / "best.pt", map_location="cpu", weights_only=True)
        config = CourseCodecConfig(**self.story["network_config"])
        self.network = CourseCodecNetwork(config, recipe.quantizer_dropout)
        self.network.load_state_dict(self.story["network"])
        self.network.encoder.requires_grad_(False)
        self.network.quantizer.requires_grad_(False)
        torch.manual_seed(recipe.seed)
        judge = make_discriminators(recipe)
        rates: dict[str, Any] = {"lr": recipe.adversarial_rate, "betas": (0.8, 0.99)}
        learn_decoder = torch.optim.AdamW(self.network.decoder.parameters(), **rates)
        learn_judge = torch.optim.AdamW(judge.parameters(), **rates)
        self.held_out = validation_audio()
        self.step, self.best = 0, score(validate(self.network, self.held_out))
        self.parts = {"network": self.network, "judge": judge, "decoder_rule": learn_decoder, "judge_rule": learn_judge}
        self.resume(folder / "adversarial.pt")
        prepared = self.accelerator.prepare(Pass(self.network), judge, learn_decoder, learn_judge)
        self.model, self.judge, self.learn_decoder, self.learn_judge = prepared

    def resume(self, path: Path) -> None:
        """Take everything from a checkpoint of this phase, if there is one that went on from the same joint phase."""
        if not path.exists():
            return
        state = torch.load(path, map_location="cpu", weights_only=True)
        if state["joint_step"] == self.story["step"]:
            self.step, self.best = state["step"], state["best"]
            for name, part in self.parts.items():
                part.load_state_dict(state[name])

    def advance(self) -> None:
        """One step of the judge, then one of the decoder, on the same music."""
        recipe, accelerator = self.recipe, self.accelerator
        chance = np.random.default_rng([recipe.seed, 7, self.step, accelerator.process_index])
        segments = self.corpus.batch(chance, recipe.adversarial_batch, recipe.segment)
        audio = torch.from_numpy(segments).to(accelerator.device)
        windows = [MEL_WINDOWS[i] for i in chance.permutation(len(MEL_WINDOWS))[: recipe.mel_windows]]
        torch.manual_seed(int(chance.integers(2**63)))  # for the quantizer's dropout
        with accelerator.autocast():
            out = self.model(audio)
            caught = discriminator_loss(self.judge(audio), self.judge(out["audio"].detach()))
        self.descend(self.learn_judge, self.judge, caught, 10.0)
        with accelerator.autocast():
            real, fake = self.judge(audio), self.judge(out["audio"])
            passed = recipe.adversarial_weight * generator_loss(fake) + recipe.feature_weight * feature_loss(real, fake)
        joint = codec_loss(out, audio, recipe, windows)["loss"]
        self.descend(self.learn_decoder, self.network.decoder, joint + passed, 5.0)
        self.step += 1

    def descend(self, rule: torch.optim.Optimizer, part: nn.Module, loss: Tensor, most: float) -> None:
        """One step of an optimiser down a loss, the gradient's length limited to `most`."""
        rule.zero_grad()
        self.accelerator.backward(loss)
        self.accelerator.clip_grad_norm_(part.parameters(), most)
        rule.step()

    def checkpoint(self) -> str:
        """Measure, keep the network in best.pt if its figures are the best so far, and return them as a line."""
        figures = validate(self.network, self.held_out)
        mark = score(figures)
        if mark < self.best:
            self.best = mark
            told = {"adversarial_step": self.step, "figures": json.dumps(figures)}
            save_checkpoint(self.folder / "best.pt", {**self.story, "network": self.network.state_dict(), **told})
        states = {name: part.state_dict() for name, part in self.parts.items()}
        rest = {"step": self.step, "joint_step": self.story["step"], "best": self.best}
        save_checkpoint(self.folder / "adversarial.pt", {**states, **rest})
        text = " ".join(f"{n}:{figures['mel'][n]:.3f}/{figures['si_sdr'][n]:.1f}dB" for n in figures["mel"])
        return f"adversarial step {self.step} {text}"


def train_adversarial(folder: Path, corpus_folder: Path, recipe: CodecRecipe) -> Path:
    """Run the adversarial phase (see `AdversarialTraining`) to its last step; returns best.pt.

    best.pt is replaced only by a network with better held-out figures (`score`): if the phase does not help, the joint
    phase's network stays.
    """
    from tqdm import tqdm

    run = AdversarialTraining(folder, corpus_folder, recipe)
    main = run.accelerator.is_main_process
    run.model.train()
    with tqdm(total=recipe.adversarial_steps, initial=run.step, desc="adversarial phase", disable=not main) as bar:
        while run.step < recipe.adversarial_steps:
            run.advance()
            bar.update()
            if main and (run.step % recipe.adversarial_report == 0 or run.step == recipe.adversarial_steps):
                tqdm.write(run.checkpoint())
    return folder / "best.pt"
