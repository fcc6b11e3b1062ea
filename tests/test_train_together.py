"""Music training in two processes: each has batches of its own, both have one network, and what is held stays held."""

from __future__ import annotations

import math
import os
import subprocess
import sys

import pytest
import torch
from two_processes import THREE_STEPS

from course_utils.amt.network import AMT
from course_utils.paths import ROOT
from course_utils.train import music_start


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    """What both processes saw. `accelerate launch --cpu` starts only one without MPI, so torch's launcher does it."""
    out = tmp_path_factory.mktemp("together")
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    done = subprocess.run(
        [*launch, str(ROOT / "tests" / "two_processes.py"), str(out)],
        cwd=ROOT,
        env={**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert (out / "run" / "ema.pt").exists()
    return [torch.load(out / f"{process}.pt", weights_only=True) for process in range(2)]


def held(monkeypatch: pytest.MonkeyPatch) -> dict[str, torch.Tensor]:
    """Which numbers of which parameters `hold_look_up` keeps from learning, bool, by name."""
    network = AMT(THREE_STEPS.network)
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    found = {name: torch.zeros_like(parameter, dtype=torch.bool) for name, parameter in network.named_parameters()}

    def note(parameter: torch.nn.Parameter, *where: slice) -> None:
        found[names[id(parameter)]][where] = True

    monkeypatch.setattr(music_start, "hold", note)
    music_start.hold_look_up(network)
    return {name: mask for name, mask in found.items() if mask.any()}


@pytest.mark.slow
def test_processes_draw_batches_of_their_own_and_share_the_network(seen: list[dict]) -> None:
    one, other = seen
    for process in seen:
        assert (process["processes"], process["step"], len(process["drawn"])) == (2, THREE_STEPS.steps, 3)
    assert all(not torch.equal(a, b) for a, b in zip(one["drawn"], other["drawn"], strict=True))
    assert all(torch.equal(tensor, other["after"][name]) for name, tensor in one["after"].items())


@pytest.mark.slow
def test_what_is_held_only_decays(seen: list[dict], monkeypatch: pytest.MonkeyPatch) -> None:
    recipe, saw = THREE_STEPS, seen[0]
    decay = math.prod(1 - recipe.learning_rate(step) * recipe.weight_decay for step in range(recipe.steps))
    masks = held(monkeypatch)
    assert {"tokens.weight", "blocks.0.attention.out.weight", "blocks.1.attention.qkv.weight"} <= set(masks)
    for name, mask in masks.items():
        before, after = saw["before"][name], saw["after"][name]
        torch.testing.assert_close(
            after[mask], decay * before[mask], rtol=1e-5, atol=1e-8, msg=lambda told, name=name: f"{name}: {told}"
        )
        if not mask.all():
            assert (after[~mask] != decay * before[~mask]).any(), f"{name} learns nothing at all"
