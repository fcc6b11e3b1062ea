"""The recordings there are, and how one is made: job by job, so that an interrupted one goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from course_utils.files import atomic_write, rounded
from course_utils.paths import cache_folder
from course_utils.recorded.fingerprint import fingerprint
from course_utils.recorded.store import Arrays, Recording, RecordingError, write_arrays, write_recording
from course_utils.recorded.strategies import StrategiesRecorder
from course_utils.recorded.sweeps import density_sweep, passes_sweep, schedules_sweep, temperatures_sweep

Progress = Callable[[int, int], None]  # jobs done, jobs in all
Part = tuple[dict[str, Any], Arrays]  # figures and arrays of one job


class Recorder(Protocol):
    """Something that takes minutes to measure, in jobs that do not depend on one another."""

    @property
    def name(self) -> str:
        """The recording's name."""

    @property
    def says(self) -> str:
        """What it measures, in a sentence."""

    @property
    def settings(self) -> dict[str, Any]:
        """What was chosen, the seeds among it."""

    def files(self) -> Iterable[str]:
        """Everything that decides the result: names as in `fingerprint`."""

    def jobs(self) -> list[str]:
        """The names of the jobs."""

    def measure(self, job: str) -> Part:
        """One job's figures and arrays."""

    def summary(self, parts: dict[str, Part]) -> Part:
        """The recording's figures and arrays from those of all jobs."""


RECORDINGS: dict[str, Callable[[], Recorder]] = {
    "passes": passes_sweep,
    "temperatures": temperatures_sweep,
    "density": density_sweep,
    "schedules": schedules_sweep,
    "strategies": StrategiesRecorder,
}


def make_recording(name: str, progress: Progress | None = None) -> Recording:
    """Measure a recording anew and write it to data/recorded; takes minutes, and shows a bar or calls `progress`.

    Finished jobs are kept in the cache until the whole is done. Raises `RecordingError` for a name that is not there.
    """
    if name not in RECORDINGS:
        raise RecordingError(f"no recording is called {name!r}; there are {', '.join(RECORDINGS)}")
    return record(RECORDINGS[name](), progress)


def record(recorder: Recorder, progress: Progress | None = None) -> Recording:
    """Do a recorder's jobs, those still missing, and write the recording."""
    from tqdm import tqdm

    made_by, jobs = fingerprint(recorder.files()), recorder.jobs()
    started = json.dumps([made_by, recorder.settings, jobs, platform.machine()], sort_keys=True)
    waiting = cache_folder() / "recorded" / f"{recorder.name}-{hashlib.sha256(started.encode()).hexdigest()[:16]}"
    with tqdm(total=len(jobs), desc=f"recording {recorder.name}", disable=progress is not None) as bar:
        for number, job in enumerate(jobs, start=1):
            if not (waiting / f"{job}.json").is_file():
                began = time.process_time()
                figures, arrays = recorder.measure(job)
                _keep(waiting, job, figures, arrays, time.process_time() - began)
            bar.update()
            if progress is not None:
                progress(number, len(jobs))
    parts = {job: _kept(waiting, job) for job in jobs}
    seconds = sum(float(figures.pop("cpu_seconds")) for figures, _ in parts.values())
    numbers, arrays = recorder.summary(parts)
    settings = {**recorder.settings, "torch": torch.__version__}
    recording = Recording(
        recorder.name, recorder.says, settings, made_by, round(seconds / 60, 2), rounded(numbers), arrays
    )
    write_recording(recording)
    shutil.rmtree(waiting)
    return recording


def _keep(waiting: Path, job: str, figures: dict[str, Any], arrays: Arrays, seconds: float) -> None:
    write_arrays(waiting / f"{job}.npz", arrays)
    with atomic_write(waiting / f"{job}.json") as temporary:  # last: its presence says that the job is done
        temporary.write_text(json.dumps({**figures, "cpu_seconds": seconds}), encoding="utf-8")


def _kept(waiting: Path, job: str) -> Part:
    arrays: Arrays = {}
    if (waiting / f"{job}.npz").is_file():
        with np.load(waiting / f"{job}.npz", allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    return json.loads((waiting / f"{job}.json").read_text(encoding="utf-8")), arrays
