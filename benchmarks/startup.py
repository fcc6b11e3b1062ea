"""How long a reader waits: for the package, for help, and from `make lab` to a lesson that answers over HTTP."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request

from benchmarks.table import Row, best_seconds
from course_utils.cli.lab import free_port
from course_utils.paths import ROOT

HELP_LIMIT, IMPORT_LIMIT = 0.5, 0.2


def run(*arguments: str) -> None:
    """Run Python with arguments in the clone, quietly.

    Raises CalledProcessError if it fails.
    """
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, cwd=ROOT)


def import_seconds() -> float:
    """Return the seconds that `import course_utils` adds to the start of Python itself."""
    empty = best_seconds(lambda: run("-c", "pass"))
    return max(0.0, best_seconds(lambda: run("-c", "import course_utils")) - empty)


def lab_command(port: int) -> list[str]:
    """Return what a reader types, `make lab`; without make (or a finished .venv, which it would fill) `course lab`."""
    if shutil.which("make") and (ROOT / ".venv" / "course-stamp.json").exists():
        return ["make", "--silent", "lab", f"ARGS=--json --port {port}"]
    return [sys.executable, "-m", "course_utils", "lab", "--json", "--port", str(port)]


def lab_seconds(command: list[str]) -> tuple[float, float]:
    """Return the seconds until the lesson's page answers, and until the lesson's own content does.

    Raises RuntimeError if JupyterLab does not start.
    """
    started = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT, start_new_session=True
    ) as server:
        try:
            assert server.stdout is not None
            lines = (line for line in server.stdout if line.startswith("{"))  # make may report on .venv first
            told = json.loads(next(lines, '{"ok": false, "error": "it said nothing"}'))
            if not told["ok"]:
                raise RuntimeError(f"course lab did not start: {told['error']}")
            _get(told["url"])
            page = time.perf_counter() - started
            _get(told["url"].replace("/lab/tree/", "/api/contents/"))
            return page, time.perf_counter() - started
        finally:
            end(server)


def end(server: subprocess.Popen[str]) -> None:
    """End the server with whatever started it: make does not outlive its `course lab`, nor the other way round."""
    if hasattr(os, "killpg"):
        os.killpg(server.pid, signal.SIGTERM)
    else:
        server.terminate()


def _get(url: str) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor())
    with opener.open(url, timeout=60) as answer:
        answer.read()


def rows() -> list[Row]:
    """Return the waits in seconds beside their targets."""
    command = lab_command(free_port())
    typed = "make lab" if command[0] == "make" else "course lab"
    page, lesson = lab_seconds(command)
    return [
        Row("import course_utils", import_seconds(), "s", IMPORT_LIMIT),
        Row("course --help", best_seconds(lambda: run("-m", "course_utils", "--help")), "s", HELP_LIMIT),
        Row(f"from `{typed}` to its page", page, "s"),
        Row(f"from `{typed}` to the lesson's content", lesson, "s"),
    ]
