"""What every benchmark returns, and how it is printed."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Row:
    """One measured figure beside the figure it is held against: a target, or another contender in the same run."""

    what: str
    value: float
    unit: str
    against: float | None = None
    against_what: str = "target"
    must_hold: bool = True

    @property
    def ratio(self) -> float | None:
        """Return value / against, or None without something to compare with."""
        return self.value / self.against if self.against else None

    @property
    def missed(self) -> bool:
        """Return whether a target was missed; contenders are never missed."""
        return self.must_hold and self.against_what == "target" and self.ratio is not None and self.ratio > 1

    def as_json(self) -> dict[str, object]:
        """Return the row with its ratio, for machines."""
        return {**asdict(self), "ratio": self.ratio, "missed": self.missed}

    def __str__(self) -> str:
        line = f"  {self.what:<52} {self.value:9.3f} {self.unit:<5}"
        if self.ratio is None:
            return line
        compared = f"{line} = {self.ratio:7.3f} x {self.against_what} ({self.against:g} {self.unit})"
        return f"{compared}  MISSED" if self.missed else compared


def median_seconds(action: Callable[[], object], repeats: int = 5) -> float:
    """Return the median wall time of an action in seconds, after one run that does not count."""
    action()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def interleaved_seconds(
    actions: Mapping[str, Callable[[], object]], repeats: int = 3, finish: Callable[[], object] = lambda: None
) -> dict[str, list[float]]:
    """Return each action's wall times in seconds, one a round: what else the machine does meets all of them alike.

    finish: waits for work that an action has only begun, as on a GPU. Round 0, which warms up, does not count.
    """
    times: dict[str, list[float]] = {name: [] for name in actions}
    for turn in range(repeats + 1):
        for name, action in actions.items():
            started = time.perf_counter()
            action()
            finish()
            if turn:
                times[name].append(time.perf_counter() - started)
    return times


def best_seconds(action: Callable[[], object], repeats: int = 7) -> float:
    """Return the shortest wall time of an action in seconds: other programs only ever make a start-up longer."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return min(times)


def machine() -> str:
    """Return one line that says where the figures were measured."""
    import psutil

    memory = psutil.virtual_memory().total / 1e9
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"{os.cpu_count()} cores, {memory:.0f} GB, Python {platform.python_version()}, {platform.system()}{load}"
