"""The runner of the benchmarks: ratios, missed targets, and a status that says so."""

import json
import subprocess
import sys

import pytest

from benchmarks import __main__ as runner
from benchmarks.table import Row, median_seconds
from course_utils.paths import ROOT


def test_a_row_has_its_ratio_and_knows_a_missed_target():
    held, missed = Row("import", 0.1, "s", 0.2), Row("import", 0.3, "s", 0.2)
    assert held.ratio == pytest.approx(0.5)
    assert not held.missed
    assert missed.missed
    assert "MISSED" in str(missed)
    assert "MISSED" not in str(held)
    assert "0.500 x target (0.2 s)" in str(held)


def test_a_contender_is_compared_but_never_missed():
    row = Row("encode 10 s", 2.0, "s", 1.0, against_what="official-size DAC")
    assert row.ratio == 2
    assert not row.missed
    assert "x official-size DAC" in str(row)


def test_a_figure_without_a_comparison_has_no_ratio():
    row = Row("from `course lab` to its page", 3.0, "s")
    assert row.ratio is None
    assert not row.missed
    assert row.as_json()["ratio"] is None


def test_the_median_leaves_the_first_run_out():
    calls = []
    assert median_seconds(lambda: calls.append(None), repeats=3) >= 0
    assert len(calls) == 4


@pytest.fixture
def measured(monkeypatch):
    """Return a function that makes a benchmark `toy` return some rows, or raise, and runs the runner."""

    def run(outcome, *arguments):
        class Toy:
            @staticmethod
            def rows():
                if isinstance(outcome, Exception):
                    raise outcome
                return outcome

        monkeypatch.setattr(runner, "names", lambda: ["toy"])
        monkeypatch.setattr(runner.importlib, "import_module", lambda name: Toy)
        monkeypatch.setattr(sys, "argv", ["bench", *arguments])
        return runner.main()

    return run


def test_status_follows_from_the_targets(measured, capsys):
    assert measured([Row("x", 1, "s", 2)]) == 0
    assert measured([Row("x", 1, "s", 2), Row("y", 3, "s", 2)]) == 1
    assert measured(RuntimeError("no lesson")) == 1
    assert "toy broke: RuntimeError: no lesson" in capsys.readouterr().err


def test_json_is_one_object(measured, capsys):
    measured([Row("x", 1, "s", 2)], "--json")
    assert json.loads(capsys.readouterr().out)["benchmarks"]["toy"][0]["ratio"] == 0.5


def test_an_unknown_name_says_which_there_are():
    told = subprocess.run(
        [sys.executable, "-m", "benchmarks", "nosuch"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert told.returncode == 2
    assert "no benchmark nosuch; there are" in told.stderr
    assert "startup" in told.stderr
