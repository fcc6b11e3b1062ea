"""What each of several processes does in test_train_together.py: three steps of the smallest AMT, and what it saw."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scale_music import RECIPE, piece
from torch import Tensor

from course_utils.train.anticipation import MusicTraining

THREE_STEPS = replace(RECIPE, steps=3, warmup=1, report_every=3, exercises=0)


class Watched(MusicTraining):
    """A run that keeps the batches that it drew."""

    drawn: list[Tensor]

    def draw(self, chance: np.random.Generator) -> tuple[Tensor, Tensor]:
        """As it is, int64 [B, T] and float32 [B, T - 1]."""
        batch = super().draw(chance)
        self.drawn.append(batch[0])
        return batch


def main(out: Path) -> None:
    """Train in out/run; write what this process saw to out/<its number>.pt."""
    run = Watched(out / "run", [piece()], [piece()], THREE_STEPS)
    run.drawn = []
    before = {name: parameter.detach().clone() for name, parameter in run.network.named_parameters()}
    run.go()
    accelerator = run.accelerator
    told = {"processes": accelerator.num_processes, "step": run.step, "drawn": run.drawn, "before": before}
    torch.save({**told, "after": run.network.state_dict()}, out / f"{accelerator.process_index}.pt")
    accelerator.end_training()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
