"""The `course` command: quick to answer, clear when something is wrong."""

import json
import os
import subprocess
import sys
import time

import pytest

from course_utils.cli import main as cli
from course_utils.paths import ROOT


def course(*arguments, **environment):
    """Run `course` in a fresh process and return it finished."""
    command = [sys.executable, "-m", "course_utils", *arguments]
    env = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=env, timeout=120)


def best_of(repeats, *arguments):
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - started)
    return min(times)


def test_help_names_every_command_and_answers_within_half_a_second():
    told = course("--help")
    assert told.returncode == 0
    for name, (_, line) in cli.COMMANDS.items():
        assert name in told.stdout
        assert line.split()[0] in told.stdout
    assert best_of(8, "-m", "course_utils", "--help") < 0.5


def test_the_package_is_imported_within_a_fifth_of_a_second():
    assert best_of(5, "-c", "import course_utils") - best_of(3, "-c", "pass") < 0.2


@pytest.mark.parametrize("start", ["import course_utils", "from course_utils.cli.main import app"])
def test_neither_torch_nor_numpy_is_imported_before_it_is_needed(start):
    program = f"import sys; {start}; print(sorted({{'torch', 'numpy', 'librosa', 'IPython'}} & set(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert told.stdout.strip() == "[]"


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_has_help(name):
    told = course(name, "--help")
    assert told.returncode == 0, told.stderr
    assert f"course {name}" in told.stdout
    assert "--json" in told.stdout


def test_version():
    from course_utils import __version__

    assert course("--version").stdout == f"course {__version__}\n"


@pytest.mark.parametrize("arguments", [("nosuch",), ("lab", "--port", "99999"), ("check", "--nosuch"), ()])
def test_a_command_that_is_not_understood_exits_with_2(arguments):
    told = course(*arguments)
    assert told.returncode == 2
    assert "Usage: course" in told.stderr + told.stdout
    assert "Traceback" not in told.stderr


def test_an_expected_failure_is_one_sentence_and_status_1():
    told = course("lab", "77_nowhere", "--no-browser")
    assert told.returncode == 1
    assert told.stderr.startswith("Error: There is no lesson '77_nowhere'")
    assert "Traceback" not in told.stderr


def test_with_json_the_failure_is_json_too():
    told = course("lab", "77_nowhere", "--json")
    assert told.returncode == 1
    answer = json.loads(told.stdout)
    assert answer["ok"] is False
    assert "77_nowhere" in answer["error"]


def test_course_debug_shows_the_traceback():
    told = course("lab", "77_nowhere", "--no-browser", COURSE_DEBUG="1")
    assert told.returncode == 1
    assert "Traceback" in told.stderr


def raised(program):
    """Return the exception that a program raises."""
    try:
        exec(program, {})
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def test_only_failures_that_were_foreseen_are_shortened():
    class OwnError(Exception):
        __module__ = "course_utils.audio"

    assert cli.is_expected(OwnError("a clip of 0 s"))
    assert cli.is_expected(PermissionError(13, "Permission denied", "/out"))
    assert cli.is_expected(raised("from course_utils.project import name_of; name_of('>=1')"))
    assert not cli.is_expected(raised("int('x')")), "a ValueError from elsewhere is a fault of ours: show where"
    assert not cli.is_expected(raised("1 / 0"))


def test_output_that_nobody_reads_is_no_traceback():
    command = f"{sys.executable} -m course_utils --help | head -c 1"
    told = subprocess.run(command, shell=True, capture_output=True, text=True, check=True, cwd=ROOT)
    assert "Traceback" not in told.stderr
