"""The course's VampNet models from data/: they load offline, belong to the course codec, and nothing else passes."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from course_utils import zoo
from course_utils.codec import Codec
from course_utils.files import sha256_of
from course_utils.vampnet import DecodeSettings, VampNet, VampNetConfig, generate, load_causal, load_vampnet, masks
from course_utils.vampnet.load import course_network, network_of, save_course_network


@pytest.fixture(scope="module")
def state() -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    return zoo.read_weights("vampnet-coarse")


def test_the_course_models_fit_each_other_and_the_codec(course: Codec) -> None:
    models = load_vampnet("course", codec=course)
    models.check_codec(course)
    assert (models.n_coarse, models.n_codebooks) == (4, 9)
    assert models.codec_sha256 == sha256_of(zoo.weights_path("course-codec"))
    assert not models.coarse.training
    assert not models.fine.training
    codes = torch.full((1, 4, 20), 1024)
    assert models.coarse(codes).shape == (1, 4, 20, 1024)


def test_the_causal_model_is_of_equal_size_and_blind_to_the_future(course: Codec) -> None:
    coarse, causal = load_vampnet(codec=course).coarse, load_causal(codec=course)
    assert sum(p.numel() for p in coarse.parameters()) == sum(p.numel() for p in causal.parameters())
    codes = torch.randint(0, 1024, (1, 4, 30), generator=torch.Generator().manual_seed(0))
    other = codes.clone()
    other[:, :, 20:] = 1024
    with torch.inference_mode():
        assert torch.allclose(causal(codes)[:, :, :20], causal(other)[:, :, :20], atol=1e-4)
        assert not torch.allclose(coarse(codes)[:, :, :20], coarse(other)[:, :, :20], atol=1e-2)


@pytest.mark.parametrize("name", ["vampnet-coarse", "vampnet-fine", "vampnet-causal"])
def test_every_file_is_small_and_of_the_promised_size(name: str, course: Codec) -> None:
    assert zoo.weights_path(name).stat().st_size < 16e6
    parameters = sum(p.numel() for p in course_network(name, course).parameters())
    assert 4.9e6 < parameters < 8e6


def test_the_story_of_the_training_travels_in_the_file(state: tuple[dict[str, torch.Tensor], dict[str, str]]) -> None:
    story = json.loads(state[1]["training"])
    assert {"steps", "data", "hardware", "seed", "recipe"} <= set(story)


def test_another_codec_is_refused(state: tuple[dict[str, torch.Tensor], dict[str, str]], course: Codec) -> None:
    weights, metadata = state
    with pytest.raises(zoo.ZooError, match=r"trained on the codes of the codec abc.*make models"):
        network_of(weights, {**metadata, "codec_sha256": "abc"}, course, "vampnet-coarse")


def test_missing_tensors_are_named(state: tuple[dict[str, torch.Tensor], dict[str, str]], course: Codec) -> None:
    weights, metadata = state
    fewer = {name: tensor for name, tensor in weights.items() if name != "mask_vectors"}
    with pytest.raises(RuntimeError, match="mask_vectors"):
        network_of(fewer, metadata, course, "vampnet-coarse")


def test_half_precision_decodes_and_keeps_the_prompt(course: Codec) -> None:
    models = load_vampnet(codec=course, dtype=torch.bfloat16)
    assert models.coarse.out.weight.dtype == torch.bfloat16
    models.check_codec(course)
    codes = torch.randint(0, 1024, (1, 9, 40), generator=torch.Generator().manual_seed(0))
    mask = masks.periodic(codes.shape, 4)
    made = generate(models, codes, mask, DecodeSettings(3))
    assert torch.equal(made.codes[~mask.generate], codes[~mask.generate])
    assert made.trace[0].probability.dtype == torch.float32
    assert int(made.codes.max()) < 1024


def test_the_official_models_are_not_here_yet() -> None:
    with pytest.raises(zoo.ZooError, match=r"cannot be loaded yet.*course"):
        load_vampnet("official")
    with pytest.raises(ValueError, match="'course' and 'official'"):
        load_vampnet("theirs")


def test_written_weights_come_back(tmp_path: Path, course: Codec) -> None:
    config = VampNetConfig(width=16, layers=1, heads=2)
    network = VampNet(config, torch.stack([course.codebook(i).detach() for i in range(4)]))
    sha256 = sha256_of(zoo.weights_path("course-codec"))
    save_course_network(tmp_path / "w.safetensors", network, codec_sha256=sha256)
    from safetensors import safe_open

    with safe_open(tmp_path / "w.safetensors", framework="pt") as file:
        metadata = file.metadata()
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    assert json.loads(metadata["config"]) == asdict(config)
    again = network_of(weights, metadata, course, "it")
    for ours, theirs in zip(network.parameters(), again.parameters(), strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-3, atol=1e-6)
