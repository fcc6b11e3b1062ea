"""Run nbval on a notebook in a process of its own, and watch what it takes."""

from __future__ import annotations

import copy
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

import nbformat
import psutil

from course_utils.paths import ROOT

STRICT = "nbval-check-output"


@dataclass(frozen=True)
class Result:
    """How nbval ended: exit status, its report, wall seconds, peak resident bytes of all its processes together."""

    status: int
    report: str
    seconds: float
    peak_bytes: int

    @property
    def passed(self) -> int:
        """Return how many cells passed."""
        found = re.search(r"(\d+) passed", self.report)
        return int(found.group(1)) if found else 0


def run_nbval(path, limit_seconds=300.0):
    """Execute a notebook in the folder where it lies; compare the saved outputs of the cells tagged for it."""
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=120"]
    command += [
        "-p",
        "no:cacheprovider",
        "-c",
        os.devnull,
        "--rootdir",
        str(path.parent),
        "-q",
        "--tb=short",
        str(path),
    ]
    started, peak = time.monotonic(), 0
    with tempfile.TemporaryFile("w+") as told, subprocess.Popen(command, cwd=ROOT, stdout=told, stderr=told) as run:
        while run.poll() is None and time.monotonic() - started < limit_seconds:
            peak = max(peak, kernel_bytes(run.pid))
            time.sleep(0.1)
        if run.poll() is None:
            run.kill()
        seconds = time.monotonic() - started
        run.wait()
        told.seek(0)
        return Result(run.returncode, told.read(), seconds, peak)


def kernel_bytes(pid):
    """Return the resident bytes of a process's children: the kernel, not the test runner."""
    total = 0
    for child in _children(pid):
        try:
            total += child.memory_info().rss
        except psutil.Error:  # it has just ended
            continue
    return total


def _children(pid):
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def strict_cells(notebook):
    """Return the indices of the cells whose saved output must be reproduced."""
    return [i for i, cell in enumerate(notebook.cells) if STRICT in cell.metadata.get("tags", [])]


def printed_number(cell):
    """Return the place of the last number that a cell printed: (output index, match), or None if it printed none."""
    for index, output in enumerate(cell.get("outputs", [])):
        if output.output_type == "stream" and output.name == "stdout":
            numbers = list(re.finditer(r"\d+", output.text))
            if numbers:
                return index, numbers[-1]
    return None


def with_one_number_changed(notebook):
    """Return a copy up to its first strict cell that prints a number, with the last digit of that number changed.

    Raises AssertionError if no strict cell prints a number: then nothing in the lesson is held to its saved value.
    """
    for position in strict_cells(notebook):
        place = printed_number(notebook.cells[position])
        if place is None:
            continue
        changed = copy.deepcopy(notebook)
        changed.cells = changed.cells[: position + 1]
        output = changed.cells[position].outputs[place[0]]
        last = place[1].end() - 1
        output.text = output.text[:last] + str((int(output.text[last]) + 1) % 10) + output.text[last + 1 :]
        return changed
    raise AssertionError(f"no cell tagged {STRICT} prints a number")


def written(notebook, path):
    """Write a notebook and return its path."""
    nbformat.write(notebook, path)
    return path
