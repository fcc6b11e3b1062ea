"""The network: GPT-2 to the last digit, looking only back, the same with a cache; folders that are not whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from course_utils.amt.checkpoint import (
    CheckpointError,
    check_vocabulary,
    config_from_gpt2,
    config_to_gpt2,
    from_gpt2,
    read_folder,
    to_gpt2,
    write_folder,
)
from course_utils.amt.network import AMT, AMTConfig, Cache, linear, visible_from

SMALL = AMTConfig(vocabulary=40, context=32, width=16, layers=3, heads=2)


def made(config: AMTConfig = SMALL, seed: int = 0) -> AMT:
    """A network whose weights are all random, biases as well."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = AMT(config).eval().requires_grad_(False)
        for weight in network.parameters():
            weight += 0.2 * torch.randn_like(weight)
    return network


def some_tokens(length: int, batch: int = 2, config: AMTConfig = SMALL) -> Tensor:
    return torch.randint(config.vocabulary, (batch, length), generator=torch.Generator().manual_seed(length))


# --- against transformers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scaled", [True, False])
def test_transformers_reads_the_same_folder_and_gives_the_same_logits(tmp_path: Path, scaled: bool) -> None:
    from transformers import GPT2LMHeadModel

    network = made(AMTConfig(vocabulary=55_028, context=64, width=12, layers=3, heads=2, scale_by_layer=scaled))
    write_folder(tmp_path, network, torch.float32)
    theirs = GPT2LMHeadModel.from_pretrained(tmp_path).eval()
    tokens = some_tokens(40, config=network.config)
    with torch.no_grad():
        torch.testing.assert_close(network(tokens), theirs(tokens).logits, rtol=0, atol=2e-5)
    assert theirs.config.scale_attn_by_inverse_layer_idx is scaled


def test_a_folder_that_transformers_wrote_is_read(tmp_path: Path) -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    with torch.random.fork_rng():
        torch.manual_seed(1)
        theirs = GPT2LMHeadModel(
            GPT2Config(
                vocab_size=55_028, n_positions=32, n_embd=12, n_layer=2, n_head=2, scale_attn_by_inverse_layer_idx=True
            )
        ).eval()
    theirs.save_pretrained(tmp_path)
    network = read_folder(tmp_path)
    tokens = some_tokens(20, config=network.config)
    with torch.no_grad():
        torch.testing.assert_close(network(tokens), theirs(tokens).logits, rtol=0, atol=2e-5)


def test_there_and_back_is_the_same_number_for_number() -> None:
    network = made()
    back = from_gpt2(to_gpt2(network), config_from_gpt2(config_to_gpt2(SMALL)))
    assert back.keys() == network.state_dict().keys()
    assert all(torch.equal(back[name], weight) for name, weight in network.state_dict().items())
    bare = {name.removeprefix("transformer."): weight for name, weight in to_gpt2(network).items()}
    masks = {"h.0.attn.bias": torch.ones(1, 1, 32, 32), "lm_head.weight": bare["wte.weight"]}
    assert from_gpt2(bare | masks, SMALL).keys() == back.keys()


# --- which way it looks -----------------------------------------------------------------------------------------------


@given(st.integers(1, 30), st.integers(0, 29))
@settings(max_examples=25, deadline=None)
def test_no_position_sees_a_later_one(length: int, changed: int) -> None:
    changed %= length
    network, tokens = made(), some_tokens(length)
    other = tokens.clone()
    other[:, changed] = (other[:, changed] + 1) % SMALL.vocabulary
    one, two = network.hidden(tokens), network.hidden(other)
    torch.testing.assert_close(one[:, :changed], two[:, :changed])
    assert not torch.allclose(one[:, changed], two[:, changed], atol=1e-3)


@given(st.lists(st.integers(1, 8), min_size=1, max_size=5))
@settings(max_examples=25, deadline=None)
def test_reading_in_pieces_with_a_cache_is_reading_at_once(pieces: list[int]) -> None:
    network, tokens = made(), some_tokens(sum(pieces[:4]))
    cache = network.cache(2)
    with torch.inference_mode():
        parts = [network.hidden(piece, cache) for piece in tokens.split(pieces[:4], dim=1)]
        torch.testing.assert_close(torch.cat(parts, 1), network.hidden(tokens), rtol=1e-4, atol=1e-5)


def test_a_truncated_cache_has_forgotten() -> None:
    network, tokens = made(), some_tokens(9)
    cache = network.cache(2)
    with torch.inference_mode():
        network.hidden(tokens, cache)
        cache.truncate(4)
        again = network.hidden(tokens[:, 4:6], cache)
        torch.testing.assert_close(again, network.hidden(tokens[:, :6])[:, 4:], rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="holds 6 positions: it cannot be cut to 7"):
        cache.truncate(7)


def test_what_is_visible() -> None:
    assert visible_from(0, 5) is None
    assert visible_from(7, 1) is None
    table = visible_from(2, 3)
    assert table is not None
    assert table.int().tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]


def test_a_range_of_logits_is_cut_out_of_all() -> None:
    network, tokens = made(), some_tokens(6)
    hidden = network.hidden(tokens)
    torch.testing.assert_close(network.logits(hidden, 10, 25), network(tokens)[..., 10:25])


def test_the_inference_product_is_the_usual_one() -> None:
    x, weight, bias = torch.randn(3, 7), torch.randn(5, 7), torch.randn(5)
    with torch.inference_mode():
        torch.testing.assert_close(linear(x, weight, bias), x @ weight.T + bias)


def test_it_can_learn() -> None:
    network = AMT(SMALL)
    network(some_tokens(8)).logsumexp(-1).sum().backward()
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in network.parameters())


def test_half_precision_keeps_its_kind() -> None:
    network = made().bfloat16()
    with torch.inference_mode():
        assert network.hidden(some_tokens(5), network.cache(2)).dtype == torch.bfloat16


def test_half_precision_is_the_same_with_a_cache() -> None:
    network, tokens = made().bfloat16(), some_tokens(24)
    exact = made().hidden(tokens).float()
    with torch.inference_mode():
        plain, cache = network.hidden(tokens).float(), network.cache(len(tokens))
        parts = [network.hidden(part, cache) for part in (tokens[:, :9], *tokens[:, 9:].split(1, 1))]
    cached = torch.cat(parts, dim=1).float()
    rounding = (plain - exact).abs().max()
    assert 0 < rounding < 0.1
    assert (cached - plain).abs().max() <= 2 * rounding, "no farther apart than half precision is from single"


# --- what is refused --------------------------------------------------------------------------------------------------


def test_a_full_context_is_said() -> None:
    network = made()
    cache = Cache(SMALL, 2)
    network.hidden(some_tokens(30), cache)
    with pytest.raises(ValueError, match="33 tokens are more than the context of 32"):
        network.hidden(some_tokens(3), cache)
    with pytest.raises(ValueError, match=r"takes tokens \[batch, positions\], not \[4\]"):
        network.hidden(some_tokens(4)[0])


@pytest.mark.parametrize(
    ("changes", "said"), [({"width": 0}, "at least 1"), ({"heads": 3}, "shared among 3"), ({"dropout": 1.0}, "dropout")]
)
def test_impossible_sizes(changes: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        AMTConfig(**changes)  # type: ignore[arg-type]


def test_another_vocabulary_is_refused(tmp_path: Path) -> None:
    write_folder(tmp_path, made())
    with pytest.raises(CheckpointError, match=r"vocabulary of 40 tokens.*55,028.*text has 50,257"):
        read_folder(tmp_path)
    check_vocabulary(AMTConfig(), "here")


def test_missing_and_wrong_weights_are_named() -> None:
    weights = to_gpt2(made())
    without = {name: weight for name, weight in weights.items() if "h.1.attn.c_proj.bias" not in name}
    with pytest.raises(CheckpointError, match=r"1 weights are missing: h\.1\.attn\.c_proj\.bias"):
        from_gpt2(without, SMALL)
    with pytest.raises(CheckpointError, match=r"positions\.weight is \[3, 16\], not \[32, 16\]"):
        from_gpt2(weights | {"transformer.wpe.weight": torch.zeros(3, 16)}, SMALL)
    with pytest.raises(CheckpointError, match="output head is not the embedding"):
        from_gpt2(weights | {"lm_head.weight": torch.zeros(40, 16)}, SMALL)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model_type": "llama"}, "type 'llama'"),
        ({"activation_function": "relu"}, "activation_function = 'relu'"),
        ({"n_inner": 7}, "n_inner = 7"),
        ({"n_head": 5}, "cannot be shared among 5"),
    ],
)
def test_other_networks_are_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(CheckpointError, match=said):
        config_from_gpt2(config_to_gpt2(SMALL) | changes)


def test_folders_that_are_not_whole(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is not there"):
        read_folder(tmp_path / "nowhere")
    with pytest.raises(CheckpointError, match=r"has no config\.json"):
        read_folder(tmp_path)
    config = config_to_gpt2(AMTConfig(width=4, layers=1, heads=1))
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=r"has no model\.safetensors"):
        read_folder(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"nothing like it")
    with pytest.raises(CheckpointError, match=r"model\.safetensors cannot be read"):
        read_folder(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match="cannot be read as JSON"):
        read_folder(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({name: config[name] for name in config if name != "n_embd"}))
    with pytest.raises(CheckpointError, match="does not tell 'n_embd'"):
        read_folder(tmp_path)
