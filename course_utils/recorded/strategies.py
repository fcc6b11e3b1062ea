"""The recording "strategies": both demo clips with every strategy, in the presets of the article, at 36 passes.

    numbers["players"]            a list, one for each clip and strategy: "clip", "style", "strategy", "says",
                                  "settings" and "figures", as `course_utils.vampnet.result.Outcome` names them
    codes(f"{clip}-{strategy}")   the codes that were made, int64 [1, 9, T]; f"{clip}-original": the clip's own
    arrays[f"{clip}-{strategy}-mask"]   which of them were generated, bool [9, T]

All ten seconds of both clips; chroma is compared with the clip itself, not with what the codec makes of it.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import numpy as np

from course_utils.audio import demo_clip
from course_utils.recorded.material import music_files
from course_utils.recorded.sounding import FILES, Studio
from course_utils.recorded.store import Arrays
from course_utils.vampnet import DecodeSettings
from course_utils.vampnet.beats import find_beats
from course_utils.vampnet.generate import generate
from course_utils.vampnet.result import measure
from course_utils.vampnet.strategies import STRATEGIES, Strategy, strategy

STYLES = {"electronic": "wild", "guitar": "faithful"}
SECONDS = 10.0
SEED, PASSES = 0, 36
# What they depend on besides `FILES`. The presets, numbers of `facts`, are in the settings of each player.
CODE = ("beats", "generate", "models", "result", "strategies")


class StrategiesRecorder:
    """A job is one clip with one strategy."""

    name = "strategies"
    says = "both demo clips with every strategy: the electronic loop wild, the guitar faithful"

    def __init__(self) -> None:
        self.studio = Studio(SECONDS)
        self.settings: dict[str, Any] = {"seed": SEED, "passes": PASSES}

    def files(self) -> list[str]:
        """Everything that decides the result."""
        code = [f"course_utils/vampnet/{module}.py" for module in CODE]
        return [*FILES, *music_files(STYLES), *code, "course_utils/recorded/strategies.py"]

    def jobs(self) -> list[str]:
        """Each clip with each strategy."""
        return [f"{clip}.{name}" for clip in STYLES for name in STRATEGIES]

    def measure(self, job: str) -> tuple[dict[str, Any], Arrays]:
        """Decode one clip with one strategy."""
        clip, name = job.split(".")
        studio, original = self.studio, self.studio.codes(clip)
        samples = demo_clip(clip).samples
        beats = find_beats(samples, studio.codec.sample_rate) if name == "beat" else None
        chosen = strategy(name, STYLES[clip], original.shape, studio.codec.frame_rate, beats, passes=PASSES)
        made = generate(studio.models, original, chosen.mask, chosen.settings, chosen.fine, SEED, trace=False).codes
        sound = studio.codec.decode(made, length=len(samples))
        outcome = measure(original, made, chosen.mask, studio.codec.frame_rate, audio=(samples, sound))
        figures = {
            "clip": clip,
            "style": chosen.style,
            "strategy": name,
            "says": chosen.says,
            "settings": plain_settings(chosen),
            "figures": {key: _number(value) for key, value in asdict(outcome).items()},
        }
        return figures, {
            "original": original[0].numpy().astype(np.int16),
            "codes": made[0].numpy().astype(np.int16),
            "mask": chosen.mask.generate[0].numpy(),
        }

    def summary(self, parts: dict[str, tuple[dict[str, Any], Arrays]]) -> tuple[dict[str, Any], Arrays]:
        """All players, in order."""
        kept: Arrays = {}
        for figures, arrays in parts.values():
            name = f"{figures['clip']}-{figures['strategy']}"
            kept |= {f"{figures['clip']}-original": arrays["original"], name: arrays["codes"]}
            kept[f"{name}-mask"] = arrays["mask"]
        return {"players": [figures for figures, _ in parts.values()]}, kept


def plain_settings(chosen: Strategy) -> dict[str, Any]:
    """The settings of both stages as plain numbers."""
    return {stage: _plain(s) for stage, s in (("coarse", chosen.settings), ("fine", chosen.fine))}


def _plain(settings: DecodeSettings) -> dict[str, Any]:
    return {key: value for key, value in vars(settings).items() if key != "gamma"}


def _number(value: Any) -> Any:
    """A figure as JSON has it: NaN, where there was nothing to measure, as None."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
