"""Which recorded answers to compare with: the project's own, or those of `--conformance-dir DIR`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from conformance.reading import VARIABLE


def pytest_configure(config: pytest.Config) -> None:
    """Before the tests are collected: they make one case of each recorded answer."""
    chosen = config.getoption("--conformance-dir")
    if chosen is None:
        return
    if not Path(chosen).is_dir():
        raise pytest.UsageError(f"--conformance-dir {chosen}: there is no such folder")
    os.environ[VARIABLE] = str(Path(chosen).resolve())
