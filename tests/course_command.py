"""The `course` command, run in the process of the tests."""

from __future__ import annotations

import contextlib
import io
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from course_utils.cli.main import main


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    returncode: int
    stdout: str
    stderr: str


def course(*arguments: object) -> Done:
    """Run the command in this process: a new one would import torch each time."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = exit_status(*arguments)
    return Done(status, out.getvalue(), err.getvalue())


def exit_status(*arguments: object) -> int:
    """Run the command in this process and leave its output where it goes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["course", *map(str, arguments)])
        try:
            main()
        except SystemExit as stop:
            return int(stop.code or 0)
    return 0


def check_refused(done: Done, status: int, message: str, out: Path) -> None:
    """It ended with this status, said this on stderr, in a box or not, and left no file in the folder `out`."""
    assert done.returncode == status
    assert message in " ".join(done.stderr.replace("\u2502", " ").split())
    assert "Traceback" not in done.stderr
    assert not any(out.glob("*"))


def cancelled(arguments: Iterable[object], begun: Callable[[], bool], seconds: float) -> None:
    """Start the command in a process of its own and press Ctrl-C once it has `begun`.

    Fails if it does not begin and end within so many seconds, ends well, or shows a traceback.
    """
    command = [sys.executable, "-m", "course_utils", *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    # A test run in the background may have been told to ignore Ctrl-C, and its children would inherit that.
    with subprocess.Popen(command, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), **pipes) as running:
        deadline = time.monotonic() + seconds
        while not begun() and running.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        err = ""
        while running.poll() is None and time.monotonic() < deadline:
            running.send_signal(signal.SIGINT)  # again if the first fell where Python drops it: in a finaliser
            with contextlib.suppress(subprocess.TimeoutExpired):
                _, err = running.communicate(timeout=3)
    assert running.returncode != 0
    assert "Traceback" not in err
