"""Networks by name: the course's from data/, a folder, the released ones through the cache; and what is refused."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from course_utils import zoo
from course_utils.amt import load
from course_utils.amt.checkpoint import CheckpointError, to_gpt2, write_folder
from course_utils.amt.load import RELEASED, fetch, load_amt
from course_utils.amt.network import AMT, AMTConfig
from course_utils.amt.vocab import VOCAB_SIZE

TINY = AMTConfig(context=16, width=4, layers=1, heads=1)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("COURSE_DATA", str(folder))
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    return folder


def same(one: AMT, other: AMT) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(url: str, *_: Any, **__: Any) -> None:
        raise zoo.DownloadError(f"no network for {url}")

    monkeypatch.setattr(zoo, "download_file", refuse)


def test_a_folder_is_loaded(tmp_path: Path) -> None:
    network = AMT(TINY)
    write_folder(tmp_path, network, torch.float32)
    loaded = load_amt(tmp_path)
    assert same(loaded, network)
    assert not loaded.training
    assert load_amt(str(tmp_path), dtype=torch.bfloat16).tokens.weight.dtype == torch.bfloat16


def test_the_courses_model_comes_from_data_and_is_verified(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = replace(zoo.find_model("course-codec"), name="amt-course", file="model.safetensors")
    monkeypatch.setitem(zoo.MODELS, "amt-course", model)
    with pytest.raises(zoo.MissingWeightsError, match=r"model\.safetensors is missing"):
        load_amt()
    network, folder = AMT(TINY), data / "models" / "amt-course"
    write_folder(folder, network, torch.float32)
    content = (folder / "model.safetensors").read_bytes()
    entry = {"file": "models/amt-course/model.safetensors", "sha256": hashlib.sha256(content).hexdigest()}
    (data / "manifest.json").write_text(json.dumps([{**entry, "bytes": len(content)}]))
    assert same(load_amt("course"), network)
    (folder / "model.safetensors").write_bytes(content[:-1] + b"?")
    with pytest.raises(zoo.DamagedWeightsError):
        load_amt("course")


def test_a_released_model_in_the_cache_needs_no_network(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offline(monkeypatch)
    network, folder = AMT(TINY), data.parent / "cache" / "models" / "music-small-800k"
    write_folder(folder, network, torch.float32)
    assert same(load_amt("music-small-800k"), network)
    (folder / "model.safetensors").unlink()
    torch.save(to_gpt2(network), folder / "pytorch_model.bin")
    assert same(load_amt("music-small-800k"), network)


def test_without_a_network_the_way_out_is_told(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offline(monkeypatch)
    with pytest.raises(zoo.ZooError, match=r"music-medium-800k \(about 1,440 MB\).*no network.*--model course"):
        load_amt("music-medium-800k")


def test_both_files_are_fetched_and_looked_into(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network, source, asked = AMT(TINY), data / "source", []
    write_folder(source, network, torch.float32)
    torch.save(to_gpt2(network), source / "pytorch_model.bin")

    def deliver(url: str, target: Path, check: Any) -> None:
        asked.append(url)
        content = (source / url.rpartition("/")[2]).read_bytes()
        part = target.with_name(target.name + ".part")
        part.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        check(part)
        part.rename(target)

    monkeypatch.setattr(zoo, "download_file", deliver)
    assert same(load_amt("music-large-100k"), network)
    assert asked == [
        f"https://huggingface.co/stanford-crfm/music-large-100k/resolve/main/{file}"
        for file in ("config.json", "pytorch_model.bin")
    ]
    (source / "config.json").write_text("<html>")
    with pytest.raises(zoo.ZooError, match=r"not a config\.json"):
        fetch("music-large-800k")
    (source / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
    with pytest.raises(zoo.ZooError, match="does not tell"):
        fetch("music-large-800k")
    (source / "pytorch_model.bin").write_bytes(b"no weights")
    write_folder(source, network)
    with pytest.raises(zoo.ZooError, match="no file of weights"):
        fetch("music-large-800k")


def test_the_shipped_folder_is_read_as_the_released_ones_are() -> None:
    folder = zoo.weights_path(load.COURSE_MODEL).parent
    course, by_path = load_amt("course"), load_amt(folder)
    assert by_path.config == course.config
    assert same(by_path, course)


def test_transformers_gives_the_logits_of_the_shipped_folder() -> None:
    transformers = pytest.importorskip("transformers")
    folder = zoo.weights_path(load.COURSE_MODEL).parent
    theirs = transformers.GPT2LMHeadModel.from_pretrained(folder, torch_dtype=torch.float32).eval()
    ours, tokens = load_amt(folder), torch.randint(0, VOCAB_SIZE, (2, 40), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.allclose(ours(tokens), theirs(tokens).logits, atol=2e-4)


def test_names_and_vocabularies_that_are_refused(tmp_path: Path) -> None:
    with pytest.raises(zoo.ZooError, match="no model is called 'gpt5', and it is no folder either: there are course"):
        load_amt("gpt5")
    write_folder(tmp_path, AMT(replace(TINY, vocabulary=50_257)))
    with pytest.raises(CheckpointError, match="vocabulary of 50,257"):
        load_amt(tmp_path)
    assert load.COURSE_MODEL == "amt-course"
    assert set(RELEASED) >= {"music-small-800k", "music-medium-800k", "music-large-800k"}
