"""The recipe of the token models at a tiny size: its masks, its loss, and that a run survives being stopped."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.train import masked as recipe_module
from course_utils.train.masked import (
    MaskedLoss,
    TokenRecipe,
    draw_mask,
    hide,
    recipe_for,
    start_network,
    targets_at,
    train_tokens,
    validate,
)
from course_utils.train.tokens import Tokens
from course_utils.vampnet.transformer import VampNet, VampNetConfig

TINY = VampNetConfig(codebooks=3, width=32, layers=1, heads=2, vocabulary=32, dropout=0.1)
FINE = dataclasses.replace(TINY, conditioning=1)
RECIPE = TokenRecipe(
    steps=12, batch=4, frames=24, long_share=0.2, long_batch=2, long_frames=60, warmup=2, report_every=5, network=TINY
)


@pytest.fixture(scope="module")
def codebooks() -> Tensor:
    return torch.randn(9, 32, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Tokens:
    """A store with a pattern to be learned: every code says which frame of a bar of eight it stands in."""
    folder = tmp_path_factory.mktemp("tokens")
    place = np.arange(600) % 8
    codes = np.stack([(place * (level + 1)) % 32 for level in range(9)]).astype(np.int16)
    np.savez(folder / "tokens.npz", codes=codes, held_out=codes[:, :200])
    piece = {"name": "bar", "kind": "pattern", "start": 0, "length": 600}
    held_out = {**piece, "length": 200}
    told = {"codec_sha256": "c0dec", "frame_rate": 86.13, "fonts": ["a font"], "items": [piece]}
    (folder / "tokens.json").write_text(json.dumps({**told, "held_out_items": [held_out]}))
    return Tokens(folder)


def test_the_share_of_hidden_codes_is_the_cosine_of_a_uniform_number() -> None:
    codes = torch.zeros(400, 3, 50, dtype=torch.long)
    hidden = draw_mask(codes, TINY, torch.Generator().manual_seed(0))
    share = hidden.float().mean((1, 2))
    r = 2 / math.pi * torch.acos(share)  # must be uniform
    assert abs(float(r.mean()) - 0.5) < 0.05
    assert abs(float(r.std()) - 12**-0.5) < 0.04
    assert abs(float(share.mean()) - 2 / math.pi) < 0.05


def test_conditioning_codebooks_are_never_hidden() -> None:
    codes = torch.randint(0, 32, (5, 3, 20))
    hidden = torch.ones_like(codes[:, 1:], dtype=torch.bool)
    seen = hide(codes, hidden, FINE)
    assert torch.equal(seen[:, :1], codes[:, :1])
    assert bool((seen[:, 1:] == 32).all())
    assert draw_mask(codes, FINE, torch.Generator().manual_seed(0)).shape == (5, 2, 20)


@pytest.mark.parametrize("config", [TINY, FINE])
def test_the_loss_counts_hidden_codes_only(config: VampNetConfig, codebooks: Tensor) -> None:
    network = VampNet(config, codebooks[:3]).eval()
    codes = torch.randint(0, 32, (2, 3, 20))
    hidden = draw_mask(codes, config, torch.Generator().manual_seed(1))
    logits = network(hide(codes, hidden, config)).permute(0, 3, 1, 2)  # [B, V, C', T]
    every = F.cross_entropy(logits, codes[:, config.conditioning :], reduction="none", label_smoothing=0.1)
    loss = MaskedLoss(network, 0.1)(codes, hidden).detach()
    assert loss.item() == pytest.approx(float(every[hidden].detach().mean()), rel=1e-5)
    assert len(targets_at(codes, hidden, config)) == int(hidden.sum())


def test_a_code_that_is_not_hidden_has_no_part_in_the_loss_but_as_a_hint(codebooks: Tensor) -> None:
    network = VampNet(dataclasses.replace(TINY, causal=True), codebooks[:3]).eval()
    codes = torch.randint(0, 32, (1, 3, 20))
    hidden = torch.zeros(1, 3, 20, dtype=torch.bool)
    hidden[0, 0, 5] = True
    later = codes.clone()
    later[0, :, 6:] = (later[0, :, 6:] + 1) % 32  # a causal network cannot see these
    assert MaskedLoss(network, 0.0)(codes, hidden).item() == pytest.approx(
        MaskedLoss(network, 0.0)(later, hidden).item(), rel=1e-5
    )


def test_validation_is_the_cross_entropy_in_bits_by_codebook(codebooks: Tensor) -> None:
    network = VampNet(FINE, codebooks[:3])
    torch.nn.init.zeros_(network.out.weight)
    torch.nn.init.zeros_(network.out.bias)  # every code equally likely: 5 bits of 32
    network.train()
    assert validate(network, torch.randint(0, 32, (3, 3, 40))) == pytest.approx([5.0, 5.0], abs=1e-5)
    assert network.training, "left as it was"


def test_a_new_network_names_codes_that_resemble_what_it_holds(codebooks: Tensor) -> None:
    torch.manual_seed(0)
    network = VampNet(TINY, codebooks[:3]).eval()
    start_network(network)
    codes = torch.randint(0, 32, (4, 3, 1))  # one frame: nothing to look at but itself
    share = network(codes).argmax(-1).eq(codes).float().mean()
    assert share > 0.5, f"by chance 1 in 32, seen {share:.0%}"
    assert network.distance_bias.weight[1].gt(network.distance_bias.weight[9]).all(), "near frames weigh more"
    with pytest.raises(ValueError, match="24 directions"):
        start_network(VampNet(dataclasses.replace(TINY, width=16), codebooks[:3]))


def test_training_learns_the_pattern(tmp_path: Path, tokens: Tokens, codebooks: Tensor) -> None:
    recipe = dataclasses.replace(RECIPE, steps=60, rate=2e-2, ema=0.9, report_every=60)
    train_tokens(tmp_path, tokens, codebooks, recipe)
    bits = json.loads((tmp_path / "log.jsonl").read_text())["bits"]
    assert max(bits) < 2.5, f"guessing without looking takes 3 bits a code, this takes {bits}"


@pytest.mark.parametrize("stop", [1, 5, 10])
def test_a_resumed_run_ends_where_an_unbroken_one_does(
    tmp_path: Path, tokens: Tokens, codebooks: Tensor, stop: int
) -> None:
    whole = torch.load(train_tokens(tmp_path / "whole", tokens, codebooks, RECIPE), weights_only=True)
    train_tokens(tmp_path / "parts", tokens, codebooks, RECIPE, stop_after=stop)
    parts = torch.load(train_tokens(tmp_path / "parts", tokens, codebooks, RECIPE), weights_only=True)
    assert whole["step"] == parts["step"] == 12
    for name, tensor in whole["network"].items():
        assert torch.equal(tensor, parts["network"][name]), name


def test_the_average_is_what_is_written_not_the_last_network(tmp_path: Path, tokens: Tokens, codebooks: Tensor) -> None:
    average = torch.load(train_tokens(tmp_path, tokens, codebooks, RECIPE), weights_only=True)["network"]
    last = torch.load(tmp_path / "last.pt", weights_only=True)
    assert torch.equal(average["inp.weight"], last["average"]["inp.weight"])
    assert not torch.equal(average["inp.weight"], last["network"]["inp.weight"])


def test_a_fork_goes_on_from_the_step_it_left(
    tmp_path: Path, tokens: Tokens, codebooks: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipe_module, "FORK", 5)
    train_tokens(tmp_path / "coarse", tokens, codebooks, RECIPE)
    causal = dataclasses.replace(RECIPE, network=dataclasses.replace(TINY, causal=True))
    fork = tmp_path / "coarse" / "fork.pt"
    state = torch.load(train_tokens(tmp_path / "causal", tokens, codebooks, causal, start_from=fork), weights_only=True)
    assert state["forked"] == 5
    assert state["step"] == 12
    assert state["network_config"]["causal"]


def test_another_size_is_refused(tmp_path: Path, tokens: Tokens, codebooks: Tensor) -> None:
    train_tokens(tmp_path, tokens, codebooks, RECIPE, stop_after=1)
    wider = dataclasses.replace(RECIPE, network=dataclasses.replace(TINY, width=48))
    with pytest.raises(ValueError, match="other sizes"):
        train_tokens(tmp_path, tokens, codebooks, wider)


def test_the_rate_rises_stays_and_falls() -> None:
    recipe = dataclasses.replace(RECIPE, steps=100, warmup=10, cooldown=0.3, rate=1.0)
    rates = [recipe.learning_rate(step) for step in range(100)]
    assert rates[0] == 0.1
    assert rates[9:70] == [1.0] * 61
    assert all(a > b for a, b in itertools.pairwise(rates[70:]))
    assert 0 < rates[-1] < 0.05


def test_the_last_steps_take_long_crops() -> None:
    assert RECIPE.crop(0) == (4, 24)
    assert RECIPE.crop(9) == (4, 24)
    assert RECIPE.crop(11) == (2, 60)


def test_the_recipes_are_of_one_size() -> None:
    coarse, fine, causal = (recipe_for(stage).network for stage in ("coarse", "fine", "causal"))
    assert (coarse.codebooks, coarse.conditioning) == (4, 0)
    assert (fine.codebooks, fine.conditioning) == (9, 4)
    assert dataclasses.replace(causal, causal=False) == coarse
    with pytest.raises(ValueError, match="coarse, fine, causal"):
        recipe_for("middle")


def test_a_stopped_writing_leaves_the_old_checkpoint(
    tmp_path: Path, tokens: Tokens, codebooks: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_tokens(tmp_path / "run", tokens, codebooks, RECIPE, stop_after=2)
    shutil.copytree(tmp_path / "run", tmp_path / "before")

    def broken(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", broken)
    with pytest.raises(KeyboardInterrupt):
        train_tokens(tmp_path / "run", tokens, codebooks, RECIPE, stop_after=2)
    for name in ("last.pt", "ema.pt"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "before" / name).read_bytes()
