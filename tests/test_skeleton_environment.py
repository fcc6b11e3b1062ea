"""Making .venv: once, whole, and anew where a creation was interrupted."""

import os
import subprocess
import sys
import time

import pytest

from course_utils.paths import ROOT
from course_utils.upkeep import environment

SCRIPT = ROOT / "course_utils" / "upkeep" / "environment.py"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Return a small project whose installation steps are recorded and do next to nothing."""
    (tmp_path / "requirements.lock").write_text("torch==1.0\n")
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    monkeypatch.setattr(environment, "python_of", _interpreter_made_by_hand)
    monkeypatch.setattr(environment, "create", _create_by_hand)
    return tmp_path


def _interpreter_made_by_hand(folder):
    return folder / "bin" / "python"


CREATED = []


def _create_by_hand(folder, python):
    CREATED.append(folder)
    (folder / "bin").mkdir(parents=True, exist_ok=True)
    (folder / "pyvenv.cfg").touch()
    environment.mark_of(folder).touch()
    link = folder / "bin" / "python"
    link.unlink(missing_ok=True)
    link.symlink_to(sys.executable)


def steps_that(monkeypatch, *statuses):
    """Replace the installation steps by programs that end with the given statuses; return the list of runs."""
    runs = []
    given = list(statuses)

    def steps(python, root):
        runs.append(python)
        return [("a step", [sys.executable, "-c", f"raise SystemExit({given.pop(0) if given else 0})"])]

    monkeypatch.setattr(environment, "steps", steps)
    return runs


def test_made_once_then_left_alone_until_the_lock_changes(project, monkeypatch, capsys):
    CREATED.clear()
    runs, folder = steps_that(monkeypatch), project / ".venv"
    environment.ensure(folder, project)
    assert environment.is_current(folder, project)
    environment.ensure(folder, project)
    assert (len(CREATED), len(runs)) == (1, 1)
    (project / "requirements.lock").write_text("torch==1.1\n")
    assert not environment.is_current(folder, project)
    environment.ensure(folder, project)
    assert (len(CREATED), len(runs)) == (1, 2), "a changed lock is installed in place"
    assert environment.is_current(folder, project)


def interrupt(monkeypatch, folder, root):
    """Begin to bring an environment up to date, and end it in its first step as Ctrl-C does."""

    def run_step(command):
        raise KeyboardInterrupt

    with monkeypatch.context() as inner:
        inner.setattr(environment, "run_step", run_step)
        with pytest.raises(KeyboardInterrupt):
            environment.ensure(folder, root)


def test_an_interrupted_creation_is_not_regarded_as_good(project, monkeypatch):
    CREATED.clear()
    folder = project / ".venv"
    steps_that(monkeypatch)
    interrupt(monkeypatch, folder, project)
    assert not environment.is_current(folder, project)
    environment.ensure(folder, project)
    assert len(CREATED) == 2, "what an interruption left is made anew, not repaired"
    assert environment.is_current(folder, project)


def test_an_interrupted_update_is_not_regarded_as_good(project, monkeypatch):
    CREATED.clear()
    folder = project / ".venv"
    steps_that(monkeypatch)
    environment.ensure(folder, project)
    (project / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    interrupt(monkeypatch, folder, project)
    (project / "pyproject.toml").write_text("[project]\n")
    assert not environment.is_current(folder, project), "also when the lock is put back to what it was"
    environment.ensure(folder, project)
    assert len(CREATED) == 2


def test_an_installation_that_fails_keeps_what_is_there_and_goes_on_from_it(project, monkeypatch, capsys):
    CREATED.clear()
    folder = project / ".venv"
    steps_that(monkeypatch, 0, 1)
    environment.ensure(folder, project)
    (project / "requirements.lock").write_text("torch==1.1\n")
    with pytest.raises(SystemExit):
        environment.ensure(folder, project)
    assert "run the same command" in capsys.readouterr().err
    assert not environment.is_current(folder, project)
    environment.ensure(folder, project)
    assert len(CREATED) == 1, "without a network a changed lock must not cost the environment"
    assert environment.is_current(folder, project)


def test_pips_words_are_shown_when_it_fails(capsys):
    program = "print('Ignoring x: markers'); print('ERROR: No matching distribution'); raise SystemExit(3)"
    assert environment.run_step([sys.executable, "-c", program, "--no-deps"]) == 3
    told = capsys.readouterr().err
    assert "No matching distribution" in told
    assert "Ignoring" not in told


def test_a_torch_that_is_there_is_not_installed_again():
    import torch

    here = torch.__version__.split("+")[0]
    assert environment.is_installed(sys.executable, f"torch=={here}")
    assert not environment.is_installed(sys.executable, "torch==1.0.0")
    assert not environment.is_installed(sys.executable, "surely-not-there==1.0")
    assert not environment.is_installed(sys.executable, str(ROOT))


def test_an_environment_that_was_moved_or_lost_its_python_is_not_current(project, monkeypatch):
    steps_that(monkeypatch)
    folder = project / ".venv"
    environment.ensure(folder, project)
    environment.python_of(folder).unlink()
    assert not environment.is_current(folder, project)
    _create_by_hand(folder, "")
    environment.mark_of(folder).unlink()
    assert environment.is_current(folder, project)
    environment.stamp_of(folder).write_text("{not json")
    assert not environment.is_current(folder, project)


def test_torch_comes_first_with_its_dependencies_then_the_lock_without(monkeypatch):
    monkeypatch.delenv("TORCH_INDEX", raising=False)
    commands = [command for _, command in environment.steps("python")]
    assert commands[0][-1] == "torch==2.13.0"
    assert "--no-deps" not in commands[0]
    assert all("--no-deps" in command for command in commands[1:])
    monkeypatch.setenv("TORCH_INDEX", "https://example.org/cpu")
    assert "https://example.org/cpu" in environment.steps("python")[0][1]


def fake_python(folder, name, version):
    path = folder / name
    path.write_text(f"#!/bin/sh\necho {version}\n")
    path.chmod(0o755)
    return path


@pytest.mark.skipif(sys.platform == "win32", reason="shell scripts")
@pytest.mark.parametrize(
    ("version", "good"), [("3 9", False), ("3 10", True), ("3 13", True), ("3 14", False), ("2 7", False)]
)
def test_only_supported_pythons_are_taken(tmp_path, monkeypatch, capsys, version, good):
    python = fake_python(tmp_path, "python", version)
    monkeypatch.setenv("COURSE_PYTHON", str(python))
    if good:
        assert environment.find_python() == str(python)
        return
    with pytest.raises(SystemExit):
        environment.find_python()
    assert f"is Python {version.replace(' ', '.')}; the course needs Python 3.10 to 3.13" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="shell scripts")
def test_without_a_suitable_python_the_error_says_what_was_found_and_what_to_do(tmp_path, monkeypatch, capsys):
    old = fake_python(tmp_path, "python3", "3 8")
    monkeypatch.delenv("COURSE_PYTHON", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(environment.sys, "executable", str(old))
    with pytest.raises(SystemExit):
        environment.find_python()
    told = capsys.readouterr().err
    assert "python3 is 3.8" in told
    assert "apt install python3" in told
    assert "COURSE_PYTHON=" in told


def test_the_script_needs_nothing_but_the_standard_library(tmp_path):
    program = f"import runpy; runpy.run_path({str(SCRIPT)!r}, run_name='looked_at')"
    subprocess.run([sys.executable, "-S", "-I", "-c", program], check=True, cwd=tmp_path)


@pytest.mark.skipif(not environment.is_current(ROOT / ".venv"), reason="these tests run in another environment")
def test_a_second_make_starts_at_once():
    clean = {k: v for k, v in os.environ.items() if k not in ("COURSE_VENV", "MAKEFLAGS", "MAKELEVEL")}
    times = []
    for _ in range(3):
        started = time.perf_counter()
        done = subprocess.run(["make", "env"], cwd=ROOT, env=clean, capture_output=True, text=True, check=True)
        times.append(time.perf_counter() - started)
    assert "[environment]" not in done.stdout
    assert min(times) < 2.0
