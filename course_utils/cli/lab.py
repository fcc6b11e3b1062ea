"""Open the lessons in JupyterLab."""

from __future__ import annotations

import importlib.util
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import typer

from course_utils.paths import NOTEBOOKS, ROOT

FIRST_PORT, PORTS_TRIED = 8888, 50
START_LIMIT_SECONDS = 90.0


class LabError(RuntimeError):
    """JupyterLab could not be started."""


def lab(
    lesson: str = typer.Argument("00", help="The lesson to open: its number (01) or its file's name."),
    no_browser: bool = typer.Option(False, "--no-browser", help="Print the address instead of opening a browser."),
    port: int | None = typer.Option(None, "--port", min=1, max=65535, help="The port; without it the first free one."),
    as_json: bool = typer.Option(False, "--json", help="Print one line of JSON with the address once it answers."),
) -> None:
    """Open the lessons in JupyterLab, which runs until Ctrl-C.

    The lessons of this clone are marked as trusted, so that their saved players work before anything is run.
    """
    if importlib.util.find_spec("jupyterlab") is None:
        raise LabError(
            f"JupyterLab is not installed for {sys.executable}. Run `make lab`, or `pip install jupyterlab`."
        )
    notebook = find_lesson(lesson)
    chosen = free_port() if port is None else check_port(port)
    token = secrets.token_hex(24)
    trusted = trust_lessons()
    signal.signal(signal.SIGTERM, _as_interrupt)  # ended from outside: take the server along
    server = start_server(notebook, chosen, token, browser=not (no_browser or as_json))
    address = f"http://127.0.0.1:{chosen}/lab/tree/{notebook.relative_to(ROOT).as_posix()}?token={token}"
    try:
        wait_until_it_answers(server, chosen, token)
        _announce(as_json, address, notebook, server.pid, trusted)
        status = server.wait()
    except KeyboardInterrupt:
        status = 0
    finally:
        stop(server)
    if status not in (0, -signal.SIGTERM, -signal.SIGINT):
        raise LabError(f"JupyterLab ended with exit status {status}; its own messages above say why.")


def _as_interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _announce(as_json: bool, address: str, notebook: Path, pid: int, trusted: int) -> None:
    if as_json:
        print(json.dumps({"ok": True, "url": address, "lesson": notebook.name, "pid": pid}), flush=True)
        return
    print(f"\n{trusted} lessons trusted. JupyterLab is ready:\n\n    {address}\n\nCtrl-C ends it.\n", flush=True)


def find_lesson(wanted: str, folder: Path = NOTEBOOKS) -> Path:
    """Return the notebook whose name starts with a lesson number or name.

    Raises LabError if the folder has no such lesson.
    """
    lessons = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    stem = Path(wanted).stem
    matches = [path for path in lessons if path.stem == stem] or [p for p in lessons if p.stem.startswith(stem)]
    if not matches:
        there = ", ".join(path.stem for path in lessons) or "none (run `make notebooks`)"
        raise LabError(f"There is no lesson {wanted!r} in {folder}. Lessons there: {there}.")
    return matches[0]


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def check_port(port: int) -> int:
    """Return the port if nothing else listens on it.

    Raises LabError otherwise.
    """
    if not _is_free(port):
        raise LabError(f"Port {port} is in use (or not yours to use). Leave --port out to take the first free one.")
    return port


def free_port() -> int:
    """Return the first free port from 8888 on.

    Raises LabError if fifty in a row are taken.
    """
    for port in range(FIRST_PORT, FIRST_PORT + PORTS_TRIED):
        if _is_free(port):
            return port
    raise LabError(f"Ports {FIRST_PORT} to {FIRST_PORT + PORTS_TRIED - 1} are all in use. Name a free one with --port.")


def trust_lessons(folder: Path = NOTEBOOKS) -> int:
    """Sign the stored lessons in the user's own Jupyter signature store and return how many were signed.

    JupyterLab runs no script of an unsigned notebook's saved output, which would leave the players mute.
    """
    import nbformat
    from nbformat.sign import NotebookNotary

    notary = NotebookNotary()
    signed = 0
    for path in sorted(folder.glob("[0-9][0-9]_*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        if not notary.check_signature(notebook):
            notary.sign(notebook)
        signed += 1
    return signed


def start_server(notebook: Path, port: int, token: str, browser: bool) -> subprocess.Popen[bytes]:
    """Start JupyterLab on the loopback address with the clone as its root and a lesson as its first page."""
    page = f"/lab/tree/{notebook.relative_to(ROOT).as_posix()}"
    command = [sys.executable, "-m", "jupyterlab", "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}"]
    command += ["--ServerApp.port_retries=0", f"--ServerApp.root_dir={ROOT}", f"--LabApp.default_url={page}"]
    command += [
        "--ServerApp.log_level=WARN",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    if not browser:
        command.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # containers; it listens on the loopback address only
        command.append("--allow-root")
    # The token travels in the environment: arguments can be read by every user of the machine.
    return subprocess.Popen(command, env={**os.environ, "JUPYTER_TOKEN": token}, cwd=ROOT)


def wait_until_it_answers(server: subprocess.Popen[Any], port: int, token: str) -> float:
    """Return the seconds until the server answers over HTTP.

    Raises LabError if it ends first, or has not answered after 90 s.
    """
    request = urllib.request.Request(f"http://127.0.0.1:{port}/api/status", headers={"Authorization": f"token {token}"})
    # No proxy: the server is on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    started = time.monotonic()
    while time.monotonic() - started < START_LIMIT_SECONDS:
        if server.poll() is not None:
            raise LabError(f"JupyterLab ended at once (exit status {server.returncode}); its own messages say why.")
        try:
            with opener.open(request, timeout=5):
                return time.monotonic() - started
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise LabError(f"JupyterLab has not answered on port {port} for {START_LIMIT_SECONDS:.0f} s.")


def stop(server: subprocess.Popen[Any]) -> None:
    """End the server and its kernels, gently at first."""
    if server.poll() is not None:
        return
    server.terminate()
    try:
        server.wait(timeout=10)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        server.kill()
        server.wait()
