"""From a training run's checkpoint to the weights that the course ships."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from course_utils.amt.checkpoint import write_folder
from course_utils.amt.network import AMT, AMTConfig
from course_utils.codec.load import save_course_codec
from course_utils.codec.network import CourseCodecConfig, CourseCodecNetwork
from course_utils.paths import data_folder
from course_utils.train.corpus import Corpus
from course_utils.train.tokens import Tokens
from course_utils.vampnet.load import save_course_network
from course_utils.vampnet.transformer import VampNet, VampNetConfig


def export_codec(run: Path, corpus: Corpus, hardware: str, notes: str = "") -> Path:
    """Write data/models/course-codec/weights.safetensors from a run's best.pt, and enter it in the manifest.

    The story of the training (recipe, steps, music, hardware, notes) travels in the file's metadata. Raises
    FileNotFoundError when the run has no best.pt.
    """
    if not (run / "best.pt").exists():
        raise FileNotFoundError(f"no best.pt in {run}: train first, with `python -m course_utils.train codec`")
    state = torch.load(run / "best.pt", map_location="cpu", weights_only=True)
    network = CourseCodecNetwork(CourseCodecConfig(**state["network_config"]))
    network.load_state_dict(state["network"])
    steps = f"{state['step']} joint, {state.get('adversarial_step', 0)} adversarial"
    story = _story(state, steps, corpus.story(), hardware, notes)
    path = data_folder() / "models" / "course-codec" / "weights.safetensors"
    save_course_codec(path, network, training=json.dumps(story))
    enter_in_manifest()
    return path


def export_network(run: Path, stage: str, tokens: Tokens, hardware: str, notes: str = "") -> Path:
    """Write data/models/vampnet-<stage>/weights.safetensors from a run's ema.pt, and enter it in the manifest.

    stage: "coarse", "fine" or "causal". What travels in the metadata is as in `export_codec`, and the codec's hash.
    Raises FileNotFoundError when the run has no ema.pt.
    """
    state = _averaged(run, f"vampnet {stage}")
    config = VampNetConfig(**state["network_config"])
    network = VampNet(config, torch.zeros(config.codebooks, config.vocabulary, config.entry_dim))
    network.load_state_dict(state["network"])
    story = _story(state, state["step"], tokens.story(), hardware, notes)
    path = data_folder() / "models" / f"vampnet-{stage}" / "weights.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    save_course_network(path, network, training=json.dumps(story), codec_sha256=state["codec_sha256"])
    enter_in_manifest()
    return path


def export_music(run: Path, hardware: str, notes: str = "") -> Path:
    """Write data/models/amt-course, in the layout that transformers reads too, from a run's ema.pt; as the others.

    Raises FileNotFoundError when the run has no ema.pt.
    """
    state = _averaged(run, "amt")
    network = AMT(AMTConfig(**state["network_config"]))
    network.load_state_dict(state["network"])
    folder = data_folder() / "models" / "amt-course"
    story = _story(state, state["step"], state.get("data", "not told"), hardware, notes)
    write_folder(folder, network, metadata={"training": json.dumps(story)})
    enter_in_manifest()
    return folder


def _averaged(run: Path, command: str) -> dict[str, Any]:
    if not (run / "ema.pt").exists():
        raise FileNotFoundError(f"no ema.pt in {run}: train first, with `python -m course_utils.train {command}`")
    return torch.load(run / "ema.pt", map_location="cpu", weights_only=True)


def _story(state: dict[str, Any], steps: int | str, data: str, hardware: str, notes: str) -> dict[str, Any]:
    """How a checkpoint came about, for the file's metadata and the card."""
    recipe = json.loads(state["recipe"])
    return {
        "steps": steps,
        **({"forked": f"off the coarse model's run at step {state['forked']}"} if state.get("forked") else {}),
        "data": data,
        "hardware": hardware,
        **({"notes": notes} if notes else {}),
        "seed": recipe["seed"],
        "recipe": {key: value for key, value in recipe.items() if key != "network"},
    }


def enter_in_manifest() -> None:
    """Bring data/manifest.json up to date with the files in data/."""
    subprocess.run([sys.executable, str(data_folder() / "build" / "manifest.py")], check=True)


def training_story(path: Path) -> dict[str, Any]:
    """The story of the training that a weights file carries."""
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        return json.loads((file.metadata() or {}).get("training", "{}"))
