"""Anticipatory Music Transformers by name: the course's own, the released ones, or a folder on this machine."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from course_utils import zoo
from course_utils.amt.checkpoint import (
    CONFIG,
    WEIGHTS,
    CheckpointError,
    check_vocabulary,
    config_from_gpt2,
    network_of,
    read_config,
    read_folder,
    read_weights,
)
from course_utils.amt.network import AMT, Cache
from course_utils.paths import cache_folder

COURSE_MODEL = "amt-course"  # in the zoo and in data/models
HUB = "https://huggingface.co/stanford-crfm"
HUB_WEIGHTS = "pytorch_model.bin"
RELEASED = {  # the released models and how many bytes the file of weights has, about: four a parameter
    "music-small-100k": 510_000_000,
    "music-small-800k": 510_000_000,
    "music-medium-100k": 1_440_000_000,
    "music-medium-200k": 1_440_000_000,
    "music-medium-800k": 1_440_000_000,
    "music-large-100k": 3_120_000_000,
    "music-large-800k": 3_120_000_000,
}


def load_amt(
    name: str | Path = "course",
    device: str | torch.device = "cpu",
    dtype: torch.dtype | None = None,
    compiled: bool = False,
) -> AMT:
    """A network ready to sample from, in eval mode, by name.

    name: "course" (trained by this project, offline), a released model such as "music-small-800k" (fetched once, then
    offline; Apache-2.0), or the path of a folder with config.json and weights in Hugging Face's layout. dtype:
    float32 on a CPU, bfloat16 on a GPU unless it is named; sampling is float32 in any case. compiled: see
    `compile_steps`.
    Raises ZooError for an unknown name, or weights that cannot be had or are damaged; CheckpointError for a folder
    that holds something else, such as a network for other tokens.
    """
    network = _by_name(name)
    dtype = dtype or (torch.bfloat16 if torch.device(device).type == "cuda" else torch.float32)
    network = network.to(device, dtype)
    return compile_steps(network) if compiled else network


def compile_steps(network: AMT) -> AMT:
    """This network, whose steps of one token torch.compile turns into code of its own at the first of them.

    It is changed in place: copy it before, not after. Results are the same up to rounding. It is meant for GPUs: with
    the course model's sizes a CPU takes a minute or two to compile, and three times as long for every step.
    Raises RuntimeError where a CPU's network cannot be compiled for want of a C++ compiler.
    """
    compiler = os.environ.get("CXX") or {"darwin": "clang++", "win32": "cl"}.get(sys.platform, "g++")
    if network.device.type == "cpu" and shutil.which(compiler) is None:
        raise RuntimeError(
            f"torch.compile needs a C++ compiler, and there is no {compiler}: install it, name another one in the "
            "environment variable CXX, or do without compiling"
        )
    plain, empty, step = network.hidden, network.cache, torch.compile(network.hidden, dynamic=True)

    # Inference mode, in which music is sampled, is not for torch.compile: its tensors may not be changed outside.
    def cache(batch: int = 1) -> Cache:
        with torch.inference_mode(False):
            return empty(batch)

    def hidden(tokens: Tensor, cache: Cache | None = None) -> Tensor:
        if cache is None or cache.length == 0 or tokens.shape[1] > 1:
            return plain(tokens, cache)
        with torch.inference_mode(False), torch.no_grad():
            return step(tokens.clone(), cache)

    network.cache, network.hidden = cache, hidden  # type: ignore[method-assign]
    return network


def _by_name(name: str | Path) -> AMT:
    if name == "course":
        return _course()
    if str(name) in RELEASED:
        return read_folder(fetch(str(name)))
    if Path(name).is_dir():
        return read_folder(name)
    raise zoo.ZooError(
        f"no model is called {str(name)!r}, and it is no folder either: there are course, {', '.join(RELEASED)}"
    )


def _course() -> AMT:
    """The course's model, whose file is verified by the zoo."""
    weights, _ = zoo.read_weights(COURSE_MODEL)
    folder = zoo.weights_path(COURSE_MODEL).parent
    config = config_from_gpt2(read_config(folder))
    check_vocabulary(config, folder)
    return network_of(weights, config)


def fetch(name: str) -> Path:
    """The folder of a released model in the cache, fetched first if it is not there yet.

    What was there already is not asked for again. Raises ZooError with the way out when there is no network.
    """
    folder = cache_folder() / "models" / name
    try:
        _fetch_file(folder / CONFIG, f"{HUB}/{name}/resolve/main/{CONFIG}", _check_config)
        if not (folder / WEIGHTS).is_file():  # safetensors placed there by hand are as good
            _fetch_file(folder / HUB_WEIGHTS, f"{HUB}/{name}/resolve/main/{HUB_WEIGHTS}", _check_weights)
    except zoo.ZooError as error:
        raise zoo.ZooError(
            f"{name} (about {RELEASED[name] / 1e6:,.0f} MB) cannot be had: {error}. Place {CONFIG} and {HUB_WEIGHTS} "
            f"of {HUB}/{name} in {folder}, or use the course's own model, which needs no network: --model course"
        ) from error
    return folder


def _fetch_file(target: Path, url: str, check: Callable[[Path], object]) -> None:
    if not target.is_file():
        zoo.download_file(url, target, check=check)


def _check_config(path: Path) -> None:
    """Refuse what is not the settings of such a network. The file still has its temporary name."""
    import json

    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        check_vocabulary(config_from_gpt2(stored), path.name)
    except (ValueError, AttributeError) as error:
        raise zoo.ZooError(f"what arrived is not a {CONFIG} of this kind ({error})") from error


def _check_weights(path: Path) -> None:
    try:
        read_weights(path)
    except CheckpointError as error:
        raise zoo.ZooError(f"what arrived is no file of weights ({error})") from error
