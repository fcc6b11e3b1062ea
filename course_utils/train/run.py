"""A training run in a folder: step by step, with an averaged network, and checkpoints from which it goes on.

What is trained, on what, and how it is measured, a subclass says; all that a run needs to be stopped at any time and
taken up again, on one device or several (Accelerate), is here.
"""

from __future__ import annotations

import copy
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from course_utils.files import atomic_write


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast to learn and for how long; stored in checkpoints and in the model card.

    The learning rate rises over `warmup` steps, stays, and falls in a straight line to 0 over the last `cooldown`
    share of `steps`: so a run can be made longer before it has begun to fall. matrix_rate: that of the matrices which
    Muon teaches (`Run.matrices`), in place of AdamW; 0: none.
    """

    seed: int = 0
    steps: int = 1000
    rate: float = 1.5e-3
    matrix_rate: float = 0.0
    warmup: int = 100
    cooldown: float = 0.3
    weight_decay: float = 0.02
    ema: float = 0.998
    report_every: int = 250

    def learning_rate(self, step: int) -> float:
        """The rate of a step."""
        rise = min(1.0, (step + 1) / self.warmup)
        fall = min(1.0, (self.steps - step) / max(self.cooldown * self.steps, 1))
        return self.rate * rise * fall


class Run(ABC):
    """A training run in a folder: started anew, or taken up where last.pt says it stopped.

    Writes last.pt (everything needed to resume), ema.pt (the averaged network, its figures and story), log.jsonl, and
    after `fork_at` steps fork.pt. `start_from` is such a file of another run, to fork from: its network, average,
    optimizer and step are taken over. loss: a module around the network, called with what `draw` returns; one
    `forward`, as distributed training wants. config: the network's sizes. told: what ema.pt says besides.
    Raises ValueError for a checkpoint of a network of other sizes, or of a recipe with other optimizers; RuntimeError
    where a recipe needs Muon and PyTorch is too old to have it.
    """

    recipe: Pace

    def __init__(
        self,
        folder: Path,
        recipe: Pace,
        network: nn.Module,
        loss: nn.Module,
        config: dict[str, Any],
        told: Mapping[str, str],
        start_from: Path | None = None,
        fork_at: int | None = None,
    ):
        from accelerate import Accelerator

        self.folder, self.recipe, self.network, self.config, self.told = folder, recipe, network, config, told
        self.fork_at = fork_at
        self.accelerator = Accelerator(mixed_precision="bf16")
        self.average = copy.deepcopy(network).eval().requires_grad_(False)
        optimizers = self.teachers(network)
        self.step, self.forked = 0, 0
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / "last.pt").exists():
            self.resume(folder / "last.pt", optimizers)
        elif start_from is not None:
            self.resume(start_from, optimizers)
            self.forked = self.step
        self.model, *self.optimizers = self.accelerator.prepare(loss, *optimizers)
        self.average.to(self.accelerator.device)

    @abstractmethod
    def draw(self, chance: np.random.Generator) -> tuple[Tensor, ...]:
        """The next step's batch, all of whose chance comes from `chance`."""

    @abstractmethod
    def measure(self) -> list[float]:
        """The averaged network's figures in bits on held-out music."""

    def matrices(self, network: nn.Module) -> list[nn.Parameter]:
        """Those [out, in] that Muon is to teach: none, unless a subclass names some."""
        return []

    def teachers(self, network: nn.Module) -> list[torch.optim.Optimizer]:
        """The optimizers of all parameters: AdamW, and Muon where there are matrices for it (Jordan et al. 2024)."""
        recipe = self.recipe
        matrices = self.matrices(network) if recipe.matrix_rate else []
        apart = {id(matrix) for matrix in matrices}
        others = [parameter for parameter in network.parameters() if id(parameter) not in apart]
        adam = torch.optim.AdamW(
            others, lr=recipe.rate, betas=(0.9, 0.98), weight_decay=recipe.weight_decay, fused=True
        )
        if not matrices:
            return [adam]
        if not hasattr(torch.optim, "Muon"):
            raise RuntimeError(
                f"this recipe needs torch.optim.Muon, of PyTorch 2.9 or later; this is {torch.__version__}"
            )
        return [adam, torch.optim.Muon(matrices, lr=recipe.matrix_rate, weight_decay=recipe.weight_decay)]

    def fits(self, config: dict[str, Any]) -> bool:
        """Whether a checkpoint's network is of this run's sizes."""
        return config == self.config

    def resume(self, last: Path, optimizers: Sequence[torch.optim.Optimizer]) -> None:
        """Take everything from a checkpoint."""
        state = torch.load(last, map_location="cpu", weights_only=True)
        if not self.fits(state["network_config"]):
            raise ValueError(f"{last} holds a network of other sizes: name another folder, or remove it")
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        stored = state.get("optimizers", ())
        if len(stored) != len(optimizers):
            raise ValueError(
                f"{last} holds {len(stored)} optimizers and this recipe has {len(optimizers)}: it was written by "
                "another version of the recipe. Name another folder, or remove it"
            )
        for optimizer, was in zip(optimizers, stored, strict=True):
            optimizer.load_state_dict(was)
        self.step, self.forked = state["step"], state["forked"]

    def advance(self) -> float:
        """One step; returns its loss. All chance comes from the step's number: resumed runs go on as unbroken ones."""
        recipe, accelerator = self.recipe, self.accelerator
        chance = np.random.default_rng([recipe.seed, self.step, accelerator.process_index])
        batch = self.draw(chance)
        torch.manual_seed(int(chance.integers(2**63)))  # for dropout
        share = recipe.learning_rate(self.step) / recipe.rate
        for optimizer, rate in zip(self.optimizers, (recipe.rate, recipe.matrix_rate), strict=False):
            for group in optimizer.param_groups:
                group["lr"] = share * rate
        with accelerator.autocast():
            loss = self.model(*(tensor.to(accelerator.device) for tensor in batch))
        self.network.zero_grad()
        accelerator.backward(loss)
        accelerator.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
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
        bits = self.measure()
        state = {"network_config": self.config, "step": self.step, "forked": self.forked}
        told = {"recipe": json.dumps(asdict(self.recipe)), **self.told}
        _save(self.folder / "ema.pt", {**state, **told, "network": self.average.state_dict(), "bits": bits})
        rest = {"average": self.average.state_dict(), "optimizers": [o.state_dict() for o in self.optimizers]}
        _save(self.folder / "last.pt", {**state, "network": self.network.state_dict(), **rest})
        if self.step == self.fork_at:
            _save(self.folder / "fork.pt", {**state, "network": self.network.state_dict(), **rest})
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": self.step, "bits": bits}) + "\n")
        return f"step {self.step}, bits on held-out music: " + " ".join(f"{b:.3f}" for b in bits)

    def go(self, stop_after: int | None = None) -> Path:
        """Train to the end, or for so many steps; returns the path of the averaged network.

        Ctrl-C loses what came after the last report.
        """
        from tqdm import tqdm

        main, recipe = self.accelerator.is_main_process, self.recipe
        self.model.train()
        end = recipe.steps if stop_after is None else min(recipe.steps, self.step + stop_after)
        smooth = math.nan
        with tqdm(total=recipe.steps, initial=self.step, desc="training", disable=not main, mininterval=5) as bar:
            while self.step < end:
                loss = self.advance()
                smooth = loss if math.isnan(smooth) else 0.98 * smooth + 0.02 * loss
                bar.update()
                bar.set_postfix(loss=f"{smooth:.3f}")
                if main and (self.step % recipe.report_every == 0 or self.step == end):
                    tqdm.write(self.checkpoint())
        return self.folder / "ema.pt"


def _save(path: Path, state: Mapping[str, Any]) -> None:
    with atomic_write(path) as temporary:
        torch.save(dict(state), temporary)
