"""Weights: the registry's word on them, verified reading, and errors that say what mends them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pickle
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from test_zoo_download import Server, server  # noqa: F401  (the fixture)

from course_utils.zoo import (
    MODELS,
    DamagedWeightsError,
    MissingWeightsError,
    ZooError,
    find_model,
    read_weights,
    state,
    weights_path,
)

TENSORS = {"a": torch.arange(6.0).reshape(2, 3).half(), "b": torch.zeros(4)}


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of our own that holds a small "course codec" and its manifest."""
    folder = tmp_path / "data"
    path = folder / "models" / "course-codec" / "weights.safetensors"
    path.parent.mkdir(parents=True)
    save_file(TENSORS, path, metadata={"steps": "7"})
    write_manifest(folder, path)
    monkeypatch.setenv("COURSE_DATA", str(folder))
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    return folder


def write_manifest(folder: Path, path: Path) -> None:
    content = path.read_bytes()
    entry = {"file": path.relative_to(folder).as_posix(), "sha256": hashlib.sha256(content).hexdigest()}
    (folder / "manifest.json").write_text(json.dumps([{**entry, "bytes": len(content)}]))


def official(monkeypatch: pytest.MonkeyPatch, **changes: object) -> None:
    """The official codec's entry, made small."""
    entry = dataclasses.replace(MODELS["official-codec"], parameters=10, **changes)  # type: ignore[arg-type]
    monkeypatch.setitem(MODELS, "official-codec", entry)


def checkpoint(path: Path, tensors: dict[str, torch.Tensor] = TENSORS) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"state_dict": tensors, "metadata": {"kwargs": {"n_codebooks": 9}}}, path)
    return path.read_bytes()


# Registry


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda m: m.name)
def test_every_model_says_what_it_is(model) -> None:  # type: ignore[no-untyped-def]
    assert MODELS[model.name] is model
    assert model.licence
    assert model.source
    assert model.memory > 0
    if model.url is not None:
        assert model.url.startswith("https://")
        assert model.instead  # what to use without a network
        assert model.bytes or model.about_bytes
        assert model.sha256 or model.parameters  # pinned, or at least its structure is checked


def test_the_official_codec_is_what_the_dac_package_downloads() -> None:
    from course_utils.compat.torchaudio import ensure_torchaudio

    ensure_torchaudio()
    from dac.utils import __MODEL_LATEST_TAGS__, __MODEL_URLS__

    tag = __MODEL_LATEST_TAGS__[("44khz", "8kbps")]
    assert MODELS["official-codec"].url == __MODEL_URLS__[("44khz", tag, "8kbps")]
    assert MODELS["official-codec"].size == "about 307 MB"


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(ZooError, match="no model is called 'dac'; there are amt-course, course-codec, official-codec"):
        find_model("dac")


# Models that come with the course


def test_weights_and_metadata_are_read(data: Path) -> None:
    tensors, metadata = read_weights("course-codec")
    assert metadata == {"steps": "7"}
    assert tensors.keys() == TENSORS.keys()
    for key, value in TENSORS.items():
        assert tensors[key].dtype == value.dtype
        assert torch.equal(tensors[key], value)
    assert state("course-codec").present
    assert state("course-codec").bytes == weights_path("course-codec").stat().st_size


def test_sixteen_megabytes_are_verified_and_read_within_a_second(data: Path) -> None:
    path = weights_path("course-codec")
    save_file({"w": torch.randn(8_000_000).half()}, path)
    write_manifest(data, path)
    read_weights("course-codec")  # imports
    start = time.perf_counter()
    read_weights("course-codec")
    assert time.perf_counter() - start < 1


def test_missing_weights(data: Path) -> None:
    path = weights_path("course-codec")
    path.unlink()
    with pytest.raises(MissingWeightsError) as error:
        read_weights("course-codec")
    for part in (str(path), "is missing", "git checkout -- ", "make models"):
        assert part in str(error.value)
    assert not state("course-codec").present


@pytest.mark.parametrize("where", [0, 20, -1])
def test_one_flipped_bit(data: Path, where: int) -> None:
    path = weights_path("course-codec")
    content = bytearray(path.read_bytes())
    right = hashlib.sha256(content).hexdigest()
    content[where] ^= 1
    path.write_bytes(content)
    with pytest.raises(DamagedWeightsError) as error:
        read_weights("course-codec")
    seen = hashlib.sha256(content).hexdigest()
    for part in (str(path), f"{right} expected", f"{seen} seen", f"git checkout -- {path}", "make models"):
        assert part in str(error.value)


def test_weights_that_the_manifest_does_not_list(data: Path) -> None:
    (data / "manifest.json").write_text("[]")
    with pytest.raises(DamagedWeightsError, match=r"manifest\.json does not list models/course-codec"):
        read_weights("course-codec")


@pytest.mark.parametrize("content", ["{", "7", '[{"sha256": 1}]'])
def test_a_damaged_manifest(data: Path, content: str) -> None:
    (data / "manifest.json").write_text(content)
    with pytest.raises(ZooError, match=r"manifest\.json is damaged .* git checkout"):
        read_weights("course-codec")


def test_a_listed_file_that_is_no_safetensors(data: Path) -> None:
    path = weights_path("course-codec")
    path.write_bytes(b"not weights at all")
    write_manifest(data, path)
    with pytest.raises(DamagedWeightsError, match="cannot be read as safetensors"):
        read_weights("course-codec")


# Published models


def test_a_published_model_is_fetched_once(
    data: Path,
    tmp_path: Path,
    server: Server,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    server.body = checkpoint(tmp_path / "made.pth")
    official(monkeypatch, url=server.url)
    for _ in range(2):
        tensors, metadata = read_weights("official-codec")
    assert metadata == {"kwargs": {"n_codebooks": 9}}
    assert torch.equal(tensors["a"], TENSORS["a"])
    assert len(server.asked) == 1
    assert weights_path("official-codec") == tmp_path / "cache" / "models" / "official-codec" / "weights.pth"
    assert capfd.readouterr().out == ""  # progress goes to stderr


def test_without_a_network_the_error_says_everything(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Server() as gone:
        official(monkeypatch, url=gone.url)
    with pytest.raises(MissingWeightsError) as error:
        read_weights("official-codec")
    text = str(error.value)
    for part in (
        "weights.pth of the official 44.1 kHz DAC",
        gone.url,
        "about 307 MB",
        "MIT",
        f"place it by hand as {tmp_path / 'cache' / 'models' / 'official-codec' / 'weights.pth'}",
        'load_codec("course")',
    ):
        assert part in text
    assert not state("official-codec").present


@pytest.mark.parametrize("body", [b"<html>Please log in</html>", b""])
def test_a_login_page_does_not_become_weights(
    data: Path,
    server: Server,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    body: bytes,
) -> None:
    server.body = body
    official(monkeypatch, url=server.url)
    with pytest.raises(MissingWeightsError, match="is not the file expected: cannot be read as plain weights"):
        weights_path("official-codec")
    assert not any(p.is_file() and not p.name.startswith(".lock") for p in (data.parent / "cache").rglob("*"))


def test_weights_of_another_size_are_refused(
    data: Path,
    tmp_path: Path,
    server: Server,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server.body = checkpoint(tmp_path / "made.pth", {"a": torch.zeros(11)})
    official(monkeypatch, url=server.url)
    with pytest.raises(MissingWeightsError, match="holds 11 numbers where 10 were expected"):
        weights_path("official-codec")


def test_a_file_placed_by_hand_is_used_and_then_held_to(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    official(monkeypatch)
    path = find_model("official-codec").path
    checkpoint(path)
    read_weights("official-codec")
    checkpoint(path, {"a": torch.ones(10)})  # sound in itself, but not the file of the first use
    with pytest.raises(DamagedWeightsError, match="is not the file it was when it was first used here"):
        read_weights("official-codec")


class Bomb:
    """Pickled, it asks for a file to be made on loading."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("form", ["pickle", "torch"])
def test_code_in_a_checkpoint_is_never_run(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    official(monkeypatch)
    path = find_model("official-codec").path
    path.parent.mkdir(parents=True)
    content = {"state_dict": TENSORS, "metadata": Bomb(tmp_path / "run")}
    if form == "torch":
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content))
    with pytest.raises(DamagedWeightsError, match="cannot be read as plain weights"):
        read_weights("official-codec")
    assert not (tmp_path / "run").exists()
