"""How long each lesson takes to execute, how much memory its kernel takes at most, and how large it is when saved."""

from __future__ import annotations

from benchmarks.table import Row
from course_utils.upkeep.notebooks import execute, sources

SECONDS, GIGABYTES, MEGABYTES = 60, 1.5, 4


def rows() -> list[Row]:
    """Return three rows a lesson beside the lesson contract's limits."""
    found = []
    for source in sources():
        _, run = execute(source)
        found += [
            Row(f"{run.lesson}: execution", run.seconds, "s", SECONDS),
            Row(f"{run.lesson}: peak memory", run.peak_bytes / 1e9, "GB", GIGABYTES),
            Row(f"{run.lesson}: saved notebook", run.notebook_bytes / 1e6, "MB", MEGABYTES),
        ]
    return found
