"""The recordings "passes", "temperatures", "density" and "schedules": one thing changed, all else left, several clips.

    numbers["tasks"][task]["rows"]   for each point of the sweep what was changed, and "time", "mel", "chroma", "onset",
                                     "level", "agreement", "surprise", "frechet", "seconds", "coarse_seconds";
                                     and "change": how far mel, chroma, ... and frechet are above those of the first row
    numbers["tasks"][task]["real"]   "frechet" and "surprise" of the clips themselves
    codes(f"{clip}-{task}-{label}")  of the first seed for the clips that are kept; label: "36" passes, "0.8-10.5"
                                     for temperature and mask temperature, "9" for the period of the prompt,
                                     "cosine" for the schedule.
                                     f"{clip}-original": the clip's own

Every figure is [mean, standard error] over the clips (`sounding.distances` says what is measured). "time" is the CPU
time of the coarse stage in units of the first row's. "frechet" is `frechet.frechet_distance` of the windows of all
clips, its error by jackknife over the clips. A "change" is taken clip by clip, so what makes one clip harder than
another, at every point alike, is not in its error.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from course_utils.recorded.frechet import Reference, embed, frechet_distance, jackknife
from course_utils.recorded.material import CLIPS, REFERENCE, music_files
from course_utils.recorded.sounding import FILES, MEASURES, PERIOD, TASKS, Studio, reference_from, spread
from course_utils.recorded.store import Arrays
from course_utils.vampnet import DecodeSettings, schedule
from course_utils.vampnet.schedule import Gamma

Part = tuple[dict[str, Any], Arrays]
Windows = npt.NDArray[np.float64]  # [n, 24]: a clip's, as `embed` describes them

PASSES = (1, 4, 8, 12, 36, 64, 72)
TEMPERATURES = (0.6, 0.8, 1.0, 1.2)
MASK_TEMPERATURES = (0.0, 10.5, 40.0)
PERIODS = (2, 3, 5, 9, 16, 32)
# Of what is not swept.
TEMPERATURE, MASK_TEMPERATURE = 1.0, 10.5
FINE = DecodeSettings(passes=4, temperature=1.0)
SECONDS = 4.0  # of each clip


def hasty(r: Tensor) -> Tensor:
    """The cosine's opposite: settles most tokens in the first passes. Share still masked, as `schedule.cosine` has it.

    r: float tensor of any shape, 0 to 1 -> same shape and dtype. Raises ValueError for r outside 0 to 1.
    """
    return 1 - schedule.cosine(1 - r)


# The curves of lesson 03; the first is VampNet's, the others are compared with it.
SCHEDULES: dict[str, Gamma] = {
    "cosine": schedule.cosine,
    "linear": schedule.linear,
    "random": schedule.random(seed=0),
    "hasty": hasty,
}


@dataclass(frozen=True)
class Point:
    """One place in a sweep: its label, what is special about it, settings of the coarse stage, period of a vamp."""

    label: str
    changed: dict[str, float | str]
    settings: DecodeSettings
    period: int = PERIOD


@dataclass
class Sweep:
    """Decodes every clip at every point; a job is one clip with one prompt and one seed."""

    name: str
    says: str
    points: list[Point]
    tasks: tuple[str, ...] = tuple(TASKS)
    seeds: tuple[int, ...] = (0,)
    clips: tuple[str, ...] = CLIPS
    kept: tuple[str, ...] = ("electronic", "guitar")
    fine: DecodeSettings = FINE

    def __post_init__(self) -> None:
        self.studio = Studio(SECONDS)

    @property
    def settings(self) -> dict[str, Any]:
        """What was chosen; "swept" for what the points change."""
        chosen = {
            "seeds": list(self.seeds),
            "seconds": SECONDS,
            "passes": self.points[0].settings.passes,
            "temperature": TEMPERATURE,
            "mask_temperature": MASK_TEMPERATURE,
            "fine_passes": self.fine.passes,
            "fine_temperature": self.fine.temperature,
        }
        return chosen | dict.fromkeys(self.points[0].changed, "swept")

    def files(self) -> list[str]:
        """Everything that decides the result."""
        return [*FILES, *music_files((*self.clips, *REFERENCE)), "course_utils/recorded/sweeps.py"]

    def jobs(self) -> list[str]:
        """The reference music, then each prompt with each seed and clip."""
        runs = itertools.product(self.tasks, self.seeds, self.clips)
        return ["reference", *(_job(*run) for run in runs)]

    def measure(self, job: str) -> Part:
        """One clip at every point of the sweep; or the reference music."""
        studio = self.studio
        if job == "reference":
            return {}, {"reference": studio.reference().astype(np.float32)}
        task, seed, clip = job.split(".")
        original = studio.codes(clip)
        real = studio.surprise(original, studio.mask(task, original))
        rows: list[dict[str, float]] = []
        arrays: Arrays = {"codes-original": _small(original), "windows-original": embed(studio.sound(original))}
        for point in self.points:
            mask = studio.mask(task, original, point.period)
            codes, times = studio.decode(original, mask, point.settings, self.fine, int(seed))
            rows.append({**studio.distances(codes, original, mask), **times})
            arrays[f"codes-{point.label}"] = _small(codes)
            arrays[f"windows-{point.label}"] = embed(studio.sound(codes))
        return {"rows": rows, "real": real}, arrays

    def summary(self, parts: dict[str, Part]) -> Part:
        """Means and errors over the clips, and the codes of those that are kept."""
        kept: Arrays = {}
        for clip in self.kept:
            for task in self.tasks:
                arrays = parts[_job(task, self.seeds[0], clip)][1]
                kept[f"{clip}-original"] = arrays["codes-original"]
                kept |= {f"{clip}-{task}-{point.label}": arrays[f"codes-{point.label}"] for point in self.points}
        return {"clips": list(self.clips), "tasks": {task: self._table(parts, task) for task in self.tasks}}, kept

    def _table(self, parts: dict[str, Part], task: str) -> dict[str, Any]:
        """The figures of one prompt."""
        reference = reference_from(parts["reference"][1])
        jobs = [[parts[_job(task, seed, clip)] for seed in self.seeds] for clip in self.clips]

        def figure(index: int, measure: str) -> list[float]:
            return spread([[figures["rows"][index][measure] for figures, _ in clip] for clip in jobs])

        def windows(label: str) -> list[Windows]:
            return [np.concatenate([arrays[f"windows-{label}"] for _, arrays in clip]) for clip in jobs]

        def change(index: int, measure: str) -> list[float]:
            return spread([[_above_first(figures["rows"], index, measure) for figures, _ in clip] for clip in jobs])

        rows: list[dict[str, Any]] = []
        first = windows(self.points[0].label)
        for index, point in enumerate(self.points):
            time = spread([[_times(figures["rows"], index) for figures, _ in clip] for clip in jobs])
            measured = {measure: figure(index, measure) for measure in MEASURES}
            now = windows(point.label)
            distance = {"frechet": list(jackknife(now, reference))}
            changes = {measure: change(index, measure) for measure in MEASURES}
            changes["frechet"] = list(frechet_change(first, now, reference))
            rows.append({**point.changed, "time": time, **measured, **distance, "change": changes})
        surprise = spread([[figures["real"] for figures, _ in clip] for clip in jobs])
        real = {"frechet": list(jackknife(windows("original"), reference)), "surprise": surprise}
        return {"says": TASKS[task], "rows": rows, "real": real}


def passes_sweep() -> Sweep:
    """1 to 72 passes of the coarse network."""
    points = [Point(str(n), {"passes": n}, DecodeSettings(n, TEMPERATURE, MASK_TEMPERATURE)) for n in PASSES]
    return Sweep("passes", "what more passes of the coarse network give, and what they cost", points, seeds=(0, 1))


def temperatures_sweep() -> Sweep:
    """The temperature of the tokens against that of the ranking, at 36 passes."""
    points = [
        Point(f"{t:g}-{m:g}", {"temperature": t, "mask_temperature": m}, DecodeSettings(36, t, m))
        for t in TEMPERATURES
        for m in MASK_TEMPERATURES
    ]
    says = "what the temperature of the tokens and that of the ranking do"
    return Sweep("temperatures", says, points, kept=("electronic",))


def density_sweep() -> Sweep:
    """Vamps that keep every 2nd to every 32nd frame, in 12 passes."""
    settings = DecodeSettings(12, TEMPERATURE, MASK_TEMPERATURE)
    points = [Point(str(period), {"period": period}, settings, period) for period in PERIODS]
    return Sweep("density", "what a denser prompt gives", points, tasks=("vamp",))


def schedules_sweep() -> Sweep:
    """Vamps in 12 passes with every curve of `SCHEDULES`."""
    points = [
        Point(name, {"schedule": name}, DecodeSettings(12, TEMPERATURE, MASK_TEMPERATURE, gamma=gamma))
        for name, gamma in SCHEDULES.items()
    ]
    says = "whether it matters how many tokens each pass settles"
    return Sweep("schedules", says, points, tasks=("vamp",), seeds=(0, 1), kept=("electronic",))


def frechet_change(before: Sequence[Windows], after: Sequence[Windows], reference: Reference) -> tuple[float, float]:
    """How far the Fréchet distance of `after` is above that of `before`, and its standard error.

    before, after: windows [n, 24] of the same clips in the same order. The error is by leaving out one clip at a time,
    from both; NaN for a single clip. Raises ValueError for lists of different length.
    """
    if len(before) != len(after):
        raise ValueError(f"clips are compared one by one, these are {len(before)} and {len(after)}")

    def above(left_out: int | None = None) -> float:
        sides = ([w for i, w in enumerate(side) if i != left_out] for side in (before, after))
        old, new = (frechet_distance(np.concatenate(side), reference) for side in sides)
        return new - old

    count = len(before)
    if count < 2:
        return above(), math.nan
    left = np.array([above(i) for i in range(count)])
    return above(), math.sqrt((count - 1) * float(left.var()))


def _job(task: str, seed: int, clip: str) -> str:
    return f"{task}.{seed}.{clip}"


def _small(codes: Any) -> Any:
    """Codes [1, 9, T] as int16 [9, T], to be stored."""
    return codes[0].numpy().astype(np.int16)


def _above_first(rows: list[dict[str, float]], index: int, measure: str) -> float:
    """A figure less that of the first point."""
    return rows[index][measure] - rows[0][measure]


def _times(rows: list[dict[str, float]], index: int) -> float:
    """Time of the coarse stage in units of the first point's."""
    return rows[index]["coarse_seconds"] / rows[0]["coarse_seconds"]
