"""The network: which way it looks, what it embeds, where its logits come from; checkpoints that are not whole."""

from __future__ import annotations

import math
import pickle
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor

from course_utils.vampnet.checkpoint import (
    CheckpointError,
    config_of,
    load_checkpoint,
    merge_lora,
    network_from,
    read_checkpoint,
)
from course_utils.vampnet.transformer import GEGLU, RMSNorm, VampNet, VampNetConfig, distance_bucket

SMALL = VampNetConfig(codebooks=3, conditioning=1, width=16, layers=2, heads=2, vocabulary=11, entry_dim=4)
KWARGS = {
    "n_codebooks": 3,
    "n_conditioning_codebooks": 1,
    "embedding_dim": 16,
    "n_layers": 2,
    "n_heads": 2,
    "vocab_size": 11,
    "latent_dim": 4,
    "dropout": 0.1,
}


def books(config: VampNetConfig = SMALL, seed: int = 0) -> Tensor:
    shape = (config.codebooks, config.vocabulary, config.entry_dim)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def small(config: VampNetConfig = SMALL) -> VampNet:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return VampNet(config, books(config)).eval().requires_grad_(False)


def some_codes(frames: int = 9, batch: int = 2, config: VampNetConfig = SMALL) -> Tensor:
    chance = torch.Generator().manual_seed(frames)
    return torch.randint(config.vocabulary + 1, (batch, config.codebooks, frames), generator=chance)


# --- the parts --------------------------------------------------------------------------------------------------------


def test_near_distances_have_a_bucket_each_and_far_ones_share() -> None:
    assert distance_bucket(torch.arange(-9, 1)).tolist() == [8, 8, 7, 6, 5, 4, 3, 2, 1, 0]
    assert distance_bucket(torch.tensor([1, 7, 8, 127, 128, 10_000])).tolist() == [17, 23, 24, 31, 31, 31]


@given(st.integers(1, 10**6), st.integers(1, 10**6))
@settings(max_examples=60, deadline=None)
def test_farther_is_never_a_lower_bucket_and_both_sides_agree(a: int, b: int) -> None:
    near, far = sorted((a, b))
    before = distance_bucket(torch.tensor([-near, -far]))
    after = distance_bucket(torch.tensor([near, far]))
    assert 0 <= before[0] <= before[1] <= 15
    assert torch.equal(after, before + 16)


def test_rms_norm_makes_loudness_one() -> None:
    x = torch.randn(4, 7, 16) * 30
    torch.testing.assert_close(RMSNorm(16)(x).square().mean(-1), torch.ones(4, 7))
    half = torch.full((1, 16), 3000.0, dtype=torch.float16)  # its square is beyond half precision
    torch.testing.assert_close(RMSNorm(16).half()(half), torch.ones_like(half))


def test_a_closed_gate_lets_nothing_through() -> None:
    layer = GEGLU(4, 0.0)
    torch.nn.init.zeros_(layer.inp.weight[8:])  # the gates
    assert torch.equal(layer(torch.randn(2, 3, 4)), torch.zeros(2, 3, 4))


def test_an_open_gate_lets_the_value_through() -> None:
    layer = GEGLU(1, 0.0)  # hidden: values 0 and 1, then their gates
    layer.inp.weight.data = torch.tensor([[0.5], [0.25], [100.0], [-100.0]])
    layer.out.weight.data = torch.tensor([[1.0, 10.0]])
    torch.testing.assert_close(layer(torch.ones(1, 1)), torch.tensor([[0.5 * 100.0]]))


def test_latents_are_the_entries_and_the_mask_vectors() -> None:
    network = small()
    codes = torch.tensor([[[3, 11], [0, 1], [11, 10]]])  # 11 is the mask token
    entries = books()
    first = torch.cat([entries[0, 3], entries[1, 0], network.mask_vectors[2]])
    second = torch.cat([network.mask_vectors[0], entries[1, 1], entries[2, 10]])
    assert torch.equal(network.latents(codes)[0], torch.stack([first, second]))


# --- the whole --------------------------------------------------------------------------------------------------------


def test_one_logit_for_every_code_of_every_predicted_codebook_and_frame() -> None:
    assert small()(some_codes()).shape == (2, 2, 9, 11)


def changed(network: VampNet, place: int) -> Tensor:
    """Which frames' logits move when the codes of one frame change: bool [T]."""
    codes = some_codes(batch=1)
    other = codes.clone()
    other[:, :, place] = (codes[:, :, place] + 1) % SMALL.vocabulary
    return (network(codes) - network(other)).abs().amax(dim=(0, 1, 3)) > 1e-7


def test_it_looks_both_ways_and_the_causal_one_only_back() -> None:
    assert changed(small(), 4).all()
    causal = small(VampNetConfig(**{**vars(SMALL), "causal": True}))
    assert changed(causal, 4).tolist() == [False] * 4 + [True] * 5


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_logits_where_they_are_needed_are_those_of_all(share: float) -> None:
    network, codes = small(), some_codes()
    where = torch.rand((2, 2, 9), generator=torch.Generator().manual_seed(3)) < share
    hidden = network.hidden(network.latents(codes))
    wanted = network.logits(hidden).transpose(0, 1)[where.transpose(0, 1)]
    torch.testing.assert_close(network.logits_at(hidden, where), wanted)


def test_a_bias_made_once_serves_every_call() -> None:
    network, codes = small(), some_codes()
    latents = network.latents(codes)
    assert torch.equal(network.hidden(latents, network.bias(9)), network.hidden(latents))


def test_attention_is_the_textbooks() -> None:
    network = small()
    attention, bias = network.blocks[0].attention, network.bias(5)
    x = torch.randn(1, 5, 16, generator=torch.Generator().manual_seed(1))
    heads = []
    for head in range(2):
        q, k, v = (part[head * 8 : head * 8 + 8] @ x[0].T for part in attention.qkv.weight.chunk(3))  # [8, T] each
        heads.append(v @ (q.T @ k / math.sqrt(8) + bias[0, head]).softmax(-1).T)
    wanted = (attention.out.weight @ torch.cat(heads)).T
    torch.testing.assert_close(attention(x, bias)[0], wanted)


def test_the_codebooks_are_not_among_the_weights() -> None:
    network = small()
    assert not any("codebooks" in name for name in network.state_dict())
    assert "codebooks" not in dict(network.named_parameters())


def test_a_training_step_reaches_every_weight() -> None:
    network = VampNet(SMALL, books()).train()
    network(torch.full((1, 3, 300), SMALL.mask_token)).square().mean().backward()
    missed = [name for name, weight in network.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert missed == []


@pytest.mark.parametrize(
    ("codes", "says"),
    [
        (torch.zeros(1, 14, 9, dtype=torch.int64), r"3 codebooks, frames\], not \[1, 14, 9\]"),
        (torch.zeros(3, 9, dtype=torch.int64), r"not \[3, 9\]"),
        (torch.zeros(1, 3, 0, dtype=torch.int64), r"not \[1, 3, 0\]"),
        (torch.zeros(1, 3, 9), "whole numbers, not torch.float32"),
        (torch.full((1, 3, 9), 12), "from 12 to 12"),
        (torch.full((1, 3, 9), -1), "from -1 to -1"),
    ],
)
def test_codes_that_do_not_fit_are_refused(codes: Tensor, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        small()(codes)


def test_codebooks_of_another_codec_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\[3, 11, 4\].*not \[3, 11, 8\]"):
        VampNet(SMALL, torch.zeros(3, 11, 8))


@pytest.mark.parametrize(
    ("change", "says"),
    [({"heads": 3}, "3 heads"), ({"conditioning": 3}, "3 of 3 codebooks"), ({"layers": 0}, "at least 1")],
)
def test_sizes_that_cannot_be_are_refused(change: dict[str, int], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        VampNetConfig(**{**vars(SMALL), **change})


# --- checkpoints ------------------------------------------------------------------------------------------------------


def theirs() -> dict[str, Tensor]:
    """Random weights under the authors' names, without LoRA."""
    from course_utils.vampnet.checkpoint import _shapes

    chance = torch.Generator().manual_seed(5)
    return {name: torch.randn(shape, generator=chance) for name, shape in _shapes(SMALL).items()}


def test_every_weight_of_ours_comes_from_one_of_theirs() -> None:
    weights = theirs()
    network = network_from(weights, SMALL, books())
    assert torch.equal(
        network.blocks[1].attention.qkv.weight[16:32], weights["transformer.layers.1.self_attn.w_ks.weight"]
    )
    assert sum(w.numel() for w in network.parameters()) == sum(w.numel() for w in weights.values()) - 22  # weight_g
    assert not network.training


def test_missing_weights_are_named() -> None:
    weights = theirs()
    for name in ("transformer.norm.weight", "transformer.layers.1.self_attn.fc.weight"):
        del weights[name]
    with pytest.raises(
        CheckpointError, match=r"2 weights are missing: transformer.norm.weight, .*layers.1.self_attn.fc"
    ):
        network_from(weights, SMALL, books())


def test_weights_of_another_size_are_named() -> None:
    weights = {**theirs(), "transformer.norm.weight": torch.zeros(17)}
    with pytest.raises(CheckpointError, match=r"transformer.norm.weight is \[17\], not \[16\]"):
        network_from(weights, SMALL, books())


def test_what_is_unknown_is_left_aside(tmp_path: Path) -> None:
    stored = {
        "state_dict": {**theirs(), "ctrl_encoder.weight": torch.zeros(3)},
        "metadata": {"logs": {}, "kwargs": {**KWARGS, "some_day": 1, "ctrl_dims": None, "cfg_dropout_prob": 0.2}},
    }
    torch.save(stored, tmp_path / "model.pth")
    network = load_checkpoint(tmp_path / "model.pth", torch.cat([books(), torch.zeros(6, 11, 4)]))
    assert torch.equal(network(some_codes()), network_from(theirs(), SMALL, books())(some_codes()))


def test_safetensors_are_read_too(tmp_path: Path) -> None:
    save_file(theirs(), tmp_path / "model.safetensors")
    network = load_checkpoint(tmp_path / "model.safetensors", books(), kwargs=KWARGS)
    assert torch.equal(network(some_codes()), network_from(theirs(), SMALL, books())(some_codes()))
    with pytest.raises(CheckpointError, match="does not tell its n_codebooks"):
        load_checkpoint(tmp_path / "model.safetensors", books())


class Intruder:
    """An object that leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


def test_a_checkpoint_cannot_run_code(tmp_path: Path) -> None:
    trace = tmp_path / "it ran"
    torch.save({"state_dict": theirs(), "metadata": Intruder(trace)}, tmp_path / "model.pth")
    with pytest.raises(CheckpointError, match="cannot be read as plain weights"):
        read_checkpoint(tmp_path / "model.pth")
    assert not trace.exists()
    pickle.loads(pickle.dumps(Intruder(trace)))
    assert trace.exists()  # it would have


@pytest.mark.parametrize("name", ["model.pth", "model.safetensors"])
@pytest.mark.parametrize("content", [b"", b"not weights at all", b"PK\x03\x04 nor this"])
def test_other_files_are_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=f"{name} cannot be read"):
        read_checkpoint(tmp_path / name)


def test_a_file_that_is_not_there_or_holds_no_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is not there"):
        read_checkpoint(tmp_path / "nothing.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(CheckpointError, match="no dictionary of weights"):
        read_checkpoint(tmp_path / "list.pth")


def test_networks_that_take_more_than_codes_are_refused() -> None:
    with pytest.raises(CheckpointError, match="r_cond_dim = 64"):
        config_of({**KWARGS, "r_cond_dim": 64})
    with pytest.raises(CheckpointError, match="3 heads"):
        config_of({**KWARGS, "n_heads": 3})
    assert config_of(KWARGS) == SMALL


def test_lora_is_added_once_an_eighth() -> None:
    A, B = torch.randn(8, 6), torch.randn(4, 8)
    weights = {"a.weight": torch.randn(4, 6), "a.lora_A": A, "a.lora_B": B, "b.weight": torch.ones(3)}
    merged = merge_lora(weights)
    assert set(merged) == {"a.weight", "b.weight"}
    torch.testing.assert_close(merged["a.weight"], weights["a.weight"] + torch.einsum("or,ri->oi", B, A) / 8)
    assert torch.equal(merge_lora(weights, 0.0)["a.weight"], weights["a.weight"])
    small = merge_lora({**weights, "a.lora_A": A[:4], "a.lora_B": B[:, :4]})["a.weight"]
    torch.testing.assert_close(small, weights["a.weight"] + B[:, :4] @ A[:4] / 4)


def test_half_a_pair_of_lora_factors_is_refused() -> None:
    with pytest.raises(CheckpointError, match="a.lora_B missing"):
        merge_lora({"a.weight": torch.zeros(4, 6), "a.lora_A": torch.zeros(8, 6)})
    with pytest.raises(CheckpointError, match="LoRA for a is"):
        merge_lora({"a.weight": torch.zeros(4, 6), "a.lora_A": torch.zeros(8, 5), "a.lora_B": torch.zeros(4, 8)})
