"""`course lab`: JupyterLab on a lesson, on a free port, gone when it is ended."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import nbformat
import pytest

from course_utils.cli import lab
from course_utils.paths import ROOT


@pytest.fixture
def lessons(tmp_path):
    for name in ("00_start_here", "01_rvq_codes", "01_rvq_codes_more"):
        nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1")]), tmp_path / f"{name}.ipynb")
    return tmp_path


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("00", "00_start_here"),
        ("01", "01_rvq_codes"),
        ("01_rvq_codes.ipynb", "01_rvq_codes"),
        ("01_rvq_codes_m", "01_rvq_codes_more"),
    ],
)
def test_a_lesson_is_found_by_number_or_name(lessons, wanted, found):
    assert lab.find_lesson(wanted, lessons).stem == found


def test_an_unknown_lesson_says_which_there_are(lessons):
    with pytest.raises(lab.LabError, match="no lesson '07'.*00_start_here, 01_rvq_codes"):
        lab.find_lesson("07", lessons)


def test_a_port_in_use_is_said_and_the_search_goes_past_it():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(lab.LabError, match=f"Port {port} is in use"):
            lab.check_port(port)
    assert lab.check_port(lab.free_port()) >= lab.FIRST_PORT


def test_lessons_are_signed_so_that_their_players_may_run(lessons, tmp_path, monkeypatch):
    from nbformat.sign import NotebookNotary

    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    notebook = nbformat.read(lessons / "00_start_here.ipynb", as_version=4)
    assert not NotebookNotary().check_signature(notebook)
    assert lab.trust_lessons(lessons) == 3
    assert NotebookNotary().check_signature(notebook)
    notebook.cells[0].source = "something else"
    assert not NotebookNotary().check_signature(notebook), "what is not ours stays untrusted"


def get(url):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor())
    with opener.open(url, timeout=30) as answer:
        return answer.read()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.skipif(not list((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")), reason="no lesson is stored yet")
def test_the_server_answers_on_the_lesson_and_ends_with_the_command(tmp_path):
    command = [sys.executable, "-m", "course_utils", "lab", "--json"]
    env = {**os.environ, "JUPYTER_DATA_DIR": str(tmp_path / "data"), "JUPYTER_CONFIG_DIR": str(tmp_path / "config")}
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        try:
            told = json.loads(run.stdout.readline())
            assert told["ok"] is True
            assert b"jupyter-config-data" in get(told["url"])
            content = json.loads(get(told["url"].replace("/lab/tree/", "/api/contents/")))
            assert content["name"] == told["lesson"]
            assert content["type"] == "notebook"
            with pytest.raises(urllib.error.HTTPError):
                get(told["url"].split("?")[0].replace("/lab/tree/", "/api/contents/"))  # without the token
        finally:
            run.send_signal(signal.SIGTERM)
            run.wait(timeout=30)
    assert run.returncode == 0
    assert_gone(told["pid"])


def assert_gone(pid):
    for _ in range(50):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    raise AssertionError(f"the server, process {pid}, outlived the command")
